/* SPDX-License-Identifier: MIT */
#include "cli/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_SIZE ((size_t)16 * 1024)

#if !defined(__linux__)
extern char **environ; /* not in every <unistd.h> */
#endif

struct cli_job {
    cli_answer *answer;
    cli_job *next;
    cli_job *prev;
    p2p_request request;
    pid_t pid;
    int in;  /* where the command reads; -1 when closed */
    int out; /* where it writes; -1 when closed */
    p2p_watch *in_watch;
    p2p_watch *out_watch;
    cli_text input;
    size_t written; /* of input */
    cli_text output;
    p2p_timer timer;
    bool exited;
    int status;   /* of waitpid, once it has exited */
    uint8_t code; /* refused by us with this code, whatever the status */
};

/* --- ending a job --- */

static void close_in(cli_job *job)
{
    p2p_watch_free(job->in_watch);
    job->in_watch = NULL;
    if (job->in >= 0)
        close(job->in);
    job->in = -1;
}

static void close_out(cli_job *job)
{
    p2p_watch_free(job->out_watch);
    job->out_watch = NULL;
    if (job->out >= 0)
        close(job->out);
    job->out = -1;
}

static void release(cli_job *job)
{
    p2p_timer_stop(&job->timer);
    close_in(job);
    close_out(job);
    cli_text_free(&job->input);
    cli_text_free(&job->output);
    free(job);
}

/* Takes a job out of the list, and frees it. */
static void remove_job(cli_job *job)
{
    cli_answer *answer = job->answer;
    if (job->prev)
        job->prev->next = job->next;
    else
        answer->jobs = job->next;
    if (job->next)
        job->next->prev = job->prev;
    answer->n_jobs--;
    release(job);
}

static void kill_job(cli_job *job)
{
    /* Once the leader is reaped its number may be another's. */
    if (!job->exited)
        (void)kill(-job->pid, SIGKILL);
}

static uint8_t refusal_of(const cli_job *job)
{
    if (job->code)
        return job->code;
    if (WIFEXITED(job->status))
        return (uint8_t)WEXITSTATUS(job->status);
    return WIFSIGNALED(job->status) ? (uint8_t)(128 + WTERMSIG(job->status)) : P2P_CODE_DROPPED;
}

/* An asker that has gone needs no answer, so errors of that kind are none here. */
static void reply(const cli_job *job)
{
    uint8_t code = refusal_of(job);
    if (!code) {
        int err = p2p_reply(job->request, job->output.data ? job->output.data : "",
                            job->output.len);
        code = err == P2P_ERR_TOO_BIG ? CLI_CODE_TOO_LONG
               : err == P2P_ERR_AGAIN ? P2P_CODE_BUSY
                                      : 0;
    }
    if (code)
        (void)!p2p_refuse(job->request, code);
}

/* Answers once the command has ended and all it wrote is read. */
static void finish_if_done(cli_job *job)
{
    if (!job->exited || job->out >= 0)
        return;
    cli_answer *answer = job->answer;
    reply(job);
    remove_job(job);
    answer->on_served(answer->arg);
}

/* Ends a command that broke a limit: what it writes is of no interest any more. */
static void abort_job(cli_job *job, unsigned code)
{
    job->code = (uint8_t)code;
    kill_job(job);
    close_in(job);
    close_out(job);
    finish_if_done(job);
}

/* --- events of a job --- */

static void on_timeout(void *arg)
{
    abort_job(arg, CLI_CODE_TIMEOUT);
}

static void on_in(void *arg, unsigned ready)
{
    cli_job *job = arg;
    (void)ready;
    ssize_t n = write(job->in, job->input.data + job->written, job->input.len - job->written);
    if (n > 0)
        job->written += (size_t)n;
    bool again = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    /* A command may end, or close its input, without having read all. */
    if (job->written == job->input.len || (n < 0 && !again))
        close_in(job);
}

static void on_out(void *arg, unsigned ready)
{
    cli_job *job = arg;
    char data[READ_SIZE];
    (void)ready;
    ssize_t n = read(job->out, data, sizeof data);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0) {
        close_out(job);
        finish_if_done(job);
        return;
    }
    cli_text_add(&job->output, data, (size_t)n);
    if (job->output.failed || job->output.len > job->answer->app->config->answer_size)
        abort_job(job, CLI_CODE_TOO_LONG);
}

static void on_child(void *arg)
{
    cli_answer *answer = arg;
    cli_job *next;
    for (cli_job *job = answer->jobs; job; job = next) {
        next = job->next;
        if (job->exited || waitpid(job->pid, &job->status, WNOHANG) != job->pid)
            continue;
        job->exited = true;
        finish_if_done(job);
        if (answer->app->ending)
            return; /* the last answer may have closed all others */
    }
}

/* --- beginning a job --- */

/* The environment, with P2P_SRC. The array is allocated, its strings are not. */
static char **make_environment(char *source)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **copy = calloc(n + 2, sizeof *copy);
    if (!copy)
        return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "P2P_SRC=", 8) != 0)
            copy[kept++] = environ[i];
    copy[kept] = source;
    return copy;
}

/* Starts the shell with these ends of the pipes. Returns 0 or an errno. */
static int spawn(cli_job *job, const char *command, int in, int out, char *const *environment)
{
    /* The interface has no const, but nothing is written. */
    char *const argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    int err = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (!err)
        err = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (!err)
        err = posix_spawnattr_setpgroup(&attributes, 0);
    if (!err)
        err = posix_spawnattr_setsigmask(&attributes, &none);
    if (!err)
        err = posix_spawnattr_setsigdefault(&attributes, &defaults);
    if (!err)
        err = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF);
    if (!err)
        err = posix_spawn(&job->pid, "/bin/sh", &actions, &attributes, argv, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return err;
}

static void prepare_pipe(const int ends[2], int ours)
{
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ours, F_SETFL, O_NONBLOCK);
}

/* Starts the command with its pipes. Returns 0 or an errno. */
static int begin(cli_job *job, const char *command, char *source)
{
    int in[2], out[2];
    if (pipe(in) != 0)
        return errno;
    if (pipe(out) != 0) {
        int err = errno;
        close(in[0]);
        close(in[1]);
        return err;
    }
    prepare_pipe(in, in[1]);
    prepare_pipe(out, out[0]);
    job->in = in[1];
    job->out = out[0];
    char **environment = make_environment(source);
    int err = environment ? spawn(job, command, in[0], out[1], environment) : ENOMEM;
    free(environment);
    close(in[0]);
    close(out[1]);
    return err;
}

/* Watches the pipes. False for want of memory or descriptors. */
static bool watch(cli_job *job, p2p_loop *loop)
{
    if (!job->input.len)
        close_in(job);
    else if (p2p_watch_new(&job->in_watch, loop, job->in, on_in, job) != 0 ||
             p2p_watch_set(job->in_watch, P2P_WRITABLE) != 0)
        return false;
    return p2p_watch_new(&job->out_watch, loop, job->out, on_out, job) == 0 &&
           p2p_watch_set(job->out_watch, P2P_READABLE) == 0;
}

static cli_job *new_job(cli_answer *answer, const p2p_msg *msg, p2p_request request)
{
    cli_job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->answer = answer;
    job->request = request;
    job->in = job->out = -1;
    p2p_timer_init(&job->timer, answer->app->loop, on_timeout, job);
    cli_text_add(&job->input, msg->data, msg->len);
    job->next = answer->jobs;
    if (job->next)
        job->next->prev = job;
    answer->jobs = job;
    answer->n_jobs++;
    return job;
}

static void on_ask(void *arg, const p2p_msg *msg, p2p_request request)
{
    cli_answer *answer = arg;
    const cli_config *config = answer->app->config;
    char source[sizeof "P2P_SRC=" + CLI_STACK_TEXT_SIZE] = "P2P_SRC=";
    if (answer->n_jobs >= config->answer_jobs || p2p_request_hold(request) != 0) {
        (void)!p2p_refuse(request, P2P_CODE_BUSY);
        return;
    }
    cli_job *job = new_job(answer, msg, request);
    (void)cli_stack_text(answer->spec, msg->src, source + strlen(source));
    int err = !job || job->input.failed ? ENOMEM : begin(job, config->answer, source);
    if (!err) {
        p2p_timer_start_in(&job->timer, config->answer_timeout);
        if (!watch(job, answer->app->loop))
            abort_job(job, CLI_CODE_NOT_BEGUN);
        return;
    }
    cli_fail(answer->app, CLI_EXIT_FAILURE, 0, "cannot run the command of --answer: %s",
             strerror(err));
    if (job)
        remove_job(job);
    (void)!p2p_refuse(request, CLI_CODE_NOT_BEGUN);
}

/* --- the whole --- */

void cli_answer_unsupported(cli_app *app, const cli_spec *spec)
{
    cli_fail(app, CLI_EXIT_UNSUPPORTED, P2P_ERR_UNSUPPORTED,
             "%s:// has messages only (p2p tell), no requests yet; requests work in memory: "
             "p2p ask mem:// --answer COMMAND REQUEST",
             spec->scheme);
}

bool cli_answer_open(cli_answer *answer, cli_app *app, p2p_swarm *swarm, const cli_spec *spec,
                     void (*on_served)(void *arg), void *arg)
{
    memset(answer, 0, sizeof *answer);
    if (!p2p_can_ask(swarm)) {
        cli_answer_unsupported(app, spec);
        return false;
    }
    answer->app = app;
    answer->spec = spec;
    answer->on_served = on_served;
    answer->arg = arg;
    app->signals.on_child = on_child;
    app->signals.child_arg = answer;
    p2p_on_ask(swarm, on_ask, answer);
    return true;
}

void cli_answer_close(cli_answer *answer)
{
    if (!answer->app)
        return;
    answer->app->signals.on_child = NULL;
    for (cli_job *job = answer->jobs; job; job = job->next)
        kill_job(job);
    cli_job *next;
    for (cli_job *job = answer->jobs; job; job = next) {
        next = job->next;
        while (!job->exited && waitpid(job->pid, &job->status, 0) < 0 && errno == EINTR)
            continue;
        release(job);
    }
    answer->jobs = NULL;
    answer->n_jobs = 0;
}

const char *cli_code_text(unsigned code)
{
    switch (code) {
    case CLI_CODE_TIMEOUT:
        return " (as a command that took too long)";
    case CLI_CODE_NOT_BEGUN:
    case 127:
        return " (as a command that could not be run)";
    case CLI_CODE_TOO_LONG:
        return " (as a response that is too long)";
    case P2P_CODE_BUSY:
        return " (it serves too many requests: try again)";
    case P2P_CODE_DROPPED:
        return " (it did not answer)";
    default:
        return "";
    }
}
