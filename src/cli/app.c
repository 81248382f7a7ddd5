/* SPDX-License-Identifier: MIT */
#include "cli/app.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- reports --- */

static void report(const cli_command *command, bool json, cli_exit exit, int err,
                   const char *format, va_list args) P2P_PRINTF(5, 0);

static void report(const cli_command *command, bool json, cli_exit exit, int err,
                   const char *format, va_list args)
{
    char message[1024];
    cli_text text = {0};
    const char *name = command ? command->name : NULL;
    int len = vsnprintf(message, sizeof message, format, args);
    if (len < 0)
        message[0] = '\0';
    if (json) {
        cli_json_begin(&text, "error");
        if (name)
            cli_json_text(&text, "command", name);
        cli_json_text(&text, "message", message);
        if (err)
            cli_json_text(&text, "error", p2p_err_name(err));
        cli_json_number(&text, "exit", (uint64_t)exit);
        cli_json_end(&text);
    } else {
        cli_text_printf(&text, "p2p: %s%s", name ? name : "", name ? ": " : "");
        cli_text_safe(&text, message, strlen(message), true);
        cli_text_puts(&text, "\n");
    }
    cli_write_error(&text);
    cli_text_free(&text);
}

void cli_report(const cli_command *command, const cli_config *config, cli_exit exit, int err,
                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(command, config && config->json, exit, err, format, args);
    va_end(args);
}

void cli_fail(cli_app *app, cli_exit exit, int err, const char *format, ...)
{
    va_list args;
    if (!app->exit)
        app->exit = exit;
    va_start(args, format);
    report(app->command, app->config->json, exit, err, format, args);
    va_end(args);
}

cli_exit cli_usage(const cli_command *command, const cli_config *config, const char *format, ...)
{
    char message[CLI_STACK_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (len < 0)
        message[0] = '\0';
    bool json = config && config->json;
    cli_report(command, config, CLI_EXIT_USAGE, 0, "%s%s%s%s", message,
               json ? "" : "\ntry: p2p help", json || !command ? "" : " ",
               json || !command ? "" : command->name);
    return CLI_EXIT_USAGE;
}

void cli_note(const cli_app *app, const char *format, ...)
{
    char message[512];
    cli_text text = {0};
    va_list args;
    if (app->config->json)
        return;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (len < 0)
        return;
    cli_text_printf(&text, "p2p: %s: ", app->command->name);
    cli_text_safe(&text, message, strlen(message), true);
    cli_text_puts(&text, "\n");
    cli_write_error(&text);
    cli_text_free(&text);
}

static const char *level_name(p2p_log_level level)
{
    switch (level) {
    case P2P_LOG_ERROR:
        return "error";
    case P2P_LOG_WARN:
        return "warning";
    case P2P_LOG_INFO:
        return "info";
    case P2P_LOG_DEBUG:
        return "debug";
    case P2P_LOG_NONE:
    default:
        return "none";
    }
}

static void print_log(const cli_config *config, p2p_log_level level, const char *line)
{
    cli_text text = {0};
    if (config->json) {
        cli_json_begin(&text, "log");
        cli_json_text(&text, "level", level_name(level));
        cli_json_text(&text, "message", line);
        cli_json_end(&text);
    } else {
        cli_text_printf(&text, "p2p: %s: ", level_name(level));
        cli_text_safe(&text, line, strlen(line), false);
        cli_text_puts(&text, "\n");
    }
    cli_write_error(&text);
    cli_text_free(&text);
}

void cli_warn(const cli_config *config, const char *format, ...)
{
    char message[CLI_PATH_SIZE + 256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (len >= 0)
        print_log(config, P2P_LOG_WARN, message);
}

static void on_log(void *arg, p2p_log_level level, const char *line)
{
    static const char no_session[] = "pke: no session with ";
    cli_app *app = arg;
    if (level == P2P_LOG_ERROR && app->opening) {
        (void)snprintf(app->reason, sizeof app->reason, "%s", line);
        return;
    }
    /* A command that reports it says more, and once is enough. */
    if (app->reports_peers && !app->config->verbose &&
        strncmp(line, no_session, sizeof no_session - 1) == 0)
        return;
    print_log(app->config, level, line);
}

/* --- beginning and ending --- */

static void on_signal(void *arg, int number)
{
    cli_app *app = arg;
    cli_app_end(app, app->signal_is_end ? CLI_EXIT_OK : (cli_exit)(CLI_EXIT_SIGNAL + number));
}

/* A reader that has enough, as head has, is no failure. */
static void on_output_error(void *arg)
{
    cli_app *app = arg;
    if (app->out.error != EPIPE)
        cli_fail(app, CLI_EXIT_FAILURE, 0, "cannot write to standard output: %s",
                 strerror(app->out.error));
    cli_app_end(app, CLI_EXIT_OK);
}

bool cli_app_open(cli_app *app, const cli_command *command, const cli_config *config,
                  void (*on_end)(void *arg), void *arg)
{
    p2p_loop_config loop;
    memset(app, 0, sizeof *app);
    app->command = command;
    app->config = config;
    app->on_end = on_end;
    app->arg = arg;
    p2p_loop_config_init(&loop);
    loop.log = on_log;
    loop.log_arg = app;
    loop.log_level = config->verbose == 0   ? P2P_LOG_WARN
                     : config->verbose == 1 ? P2P_LOG_INFO
                                            : P2P_LOG_DEBUG;
    int err = p2p_loop_new(&app->loop, &loop);
    if (err) {
        cli_fail(app, CLI_EXIT_FAILURE, err, "cannot begin: %s", p2p_err_text(err));
        return false;
    }
    /* A reader that has gone shows as an error of write. */
    (void)signal(SIGPIPE, SIG_IGN);
    cli_output_init(&app->out, app->loop, on_output_error, app);
    err = cli_signals_open(&app->signals, app->loop, on_signal, app);
    if (err)
        cli_fail(app, CLI_EXIT_FAILURE, err, "cannot watch signals: %s", p2p_err_text(err));
    return true;
}

void cli_app_end(cli_app *app, cli_exit exit)
{
    if (!app->exit)
        app->exit = exit;
    if (app->ending)
        return;
    app->ending = true;
    app->on_end(app->arg);
    cli_signals_close(&app->signals);
}

cli_exit cli_app_run(cli_app *app)
{
    int err = 0;
    if (app->exit)
        cli_app_end(app, app->exit);
    if (app->loop)
        err = p2p_loop_run(app->loop);
    cli_output_flush(&app->out);
    cli_output_free(&app->out);
    if (!err)
        err = p2p_realm_free(app->realm);
    if (!err)
        err = p2p_loop_free(app->loop);
    cli_key_free(&app->key);
    if (err)
        cli_fail(app, CLI_EXIT_FAILURE, err, "cannot end: %s", p2p_err_text(err));
    return app->exit;
}

/* --- stacks --- */

static const char *advice(int err)
{
    switch (err) {
    case P2P_ERR_IN_USE:
        return "; another program has that port: choose another one, or 0 for any free one";
    case P2P_ERR_PERMISSION:
        return "; ports below 1024 are often reserved: choose another one";
    case P2P_ERR_UNREACHABLE:
        return "; it must be an address of this machine, such as 127.0.0.1, [::1] or [::]";
    default:
        return "";
    }
}

bool cli_app_stack(cli_app *app, p2p_swarm **out, const cli_spec *spec, cli_stack_config *config,
                   const char *what)
{
    if (cli_spec_has_keys(spec) && !cli_app_key(app))
        return false;
    config->signer = app->key.signer;
    config->realm = &app->realm;
    app->reason[0] = '\0';
    app->opening = true;
    int err = cli_stack_open(out, app->loop, spec, config);
    app->opening = false;
    if (err)
        cli_fail(app, CLI_EXIT_FAILURE, err, "cannot open %s://%s: %s%s", spec->scheme, what,
                 app->reason[0] ? app->reason : p2p_err_text(err), advice(err));
    return !err;
}

static void print_stats(cli_app *app, const p2p_swarm *swarm)
{
    p2p_stats stats;
    cli_text text = {0};
    p2p_swarm_stats(swarm, &stats);
    if (app->config->json) {
        cli_json_begin(&app->out.text, "stats");
        cli_json_text(&app->out.text, "swarm", p2p_swarm_kind(swarm));
#define MEMBER(name, help) cli_json_number(&app->out.text, #name, stats.name);
        P2P_STATS_LIST(MEMBER)
#undef MEMBER
        cli_json_end(&app->out.text);
        cli_output_ready(&app->out);
        return;
    }
#define LINE(name, help)                                                 \
    cli_text_printf(&text, "%s.%s %llu\n", p2p_swarm_kind(swarm), #name, \
                    (unsigned long long)stats.name);
    P2P_STATS_LIST(LINE)
#undef LINE
    cli_write_error(&text);
    cli_text_free(&text);
}

void cli_app_close_stack(cli_app *app, p2p_swarm **swarm, p2p_close_fn fn, void *arg)
{
    p2p_swarm *outer = *swarm;
    if (!outer)
        return;
    *swarm = NULL;
    if (app->config->stats)
        for (const p2p_swarm *at = outer; at; at = p2p_swarm_inner(at))
            print_stats(app, at);
    p2p_close(outer, fn, arg);
}
