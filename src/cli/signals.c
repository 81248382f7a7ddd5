/* SPDX-License-Identifier: MIT */
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Signals that come closer together are one: programs such as timeout(1) send each twice. */
#define APART_MS 500

/* A handler can reach nothing but these. */
static volatile sig_atomic_t seen;
static volatile sig_atomic_t seen_at; /* milliseconds, cut */
static int pipe_ends[2] = {-1, -1};

static sig_atomic_t now_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (sig_atomic_t)((now.tv_sec % 1000000) * 1000 + now.tv_nsec / 1000000);
}

static void on_signal(int number)
{
    int before = errno;
    const char byte = (char)number;
    if (number != SIGCHLD && seen && now_ms() - seen_at > APART_MS) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    if (number != SIGCHLD && !seen) {
        seen_at = now_ms();
        seen = number;
    }
    /* A full pipe has something to read already. */
    ssize_t written = write(pipe_ends[1], &byte, 1);
    (void)written;
    errno = before;
}

int cli_signal_seen(void)
{
    return (int)seen;
}

static void on_readable(void *arg, unsigned ready)
{
    cli_signals *signals = arg;
    char bytes[64];
    bool child = false;
    (void)ready;
    ssize_t n = read(pipe_ends[0], bytes, sizeof bytes);
    for (ssize_t i = 0; i < n; i++)
        child |= bytes[i] == SIGCHLD;
    if (child && signals->on_child)
        signals->on_child(signals->child_arg);
    if (seen)
        signals->on_end(signals->arg, (int)seen);
}

/* Not restarting: a write that waits for a slow reader must end as well. */
static void handle(int number, int flags)
{
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    (void)sigemptyset(&action.sa_mask);
    /* What was ignored when the program began, as for a background job of a script, stays so. */
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN && number == SIGINT)
        return;
    (void)sigaction(number, &action, NULL);
}

static bool open_pipe(void)
{
    if (pipe(pipe_ends) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(pipe_ends[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(pipe_ends[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

int cli_signals_open(cli_signals *signals, p2p_loop *loop, void (*on_end)(void *arg, int signal),
                     void *arg)
{
    memset(signals, 0, sizeof *signals);
    signals->on_end = on_end;
    signals->arg = arg;
    if (!open_pipe())
        return P2P_ERR_IO;
    int err = p2p_watch_new(&signals->watch, loop, pipe_ends[0], on_readable, signals);
    if (!err)
        err = p2p_watch_set(signals->watch, P2P_READABLE);
    if (err)
        return err;
    handle(SIGINT, 0);
    handle(SIGTERM, 0);
    handle(SIGCHLD, SA_NOCLDSTOP);
    return 0;
}

void cli_signals_close(cli_signals *signals)
{
    if (!signals->watch)
        return;
    (void)signal(SIGCHLD, SIG_DFL);
    p2p_watch_free(signals->watch);
    signals->watch = NULL;
    /* The handlers stay, for what is left to do is short; they find no descriptor. */
    int ends[2] = {pipe_ends[0], pipe_ends[1]};
    pipe_ends[0] = pipe_ends[1] = -1;
    close(ends[0]);
    close(ends[1]);
}
