/* SPDX-License-Identifier: MIT */
#ifndef CLI_APP_H
#define CLI_APP_H

#include <stdbool.h>

#include <p2p/p2p.h>

#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/stack.h"

/*
 * What every command that talks to peers has: a loop with its log on standard error, signals,
 * output, and one way to end. Memory is that of the command's function; it must stay in place.
 */
typedef struct cli_app {
    const cli_command *command;
    const cli_config *config;
    p2p_loop *loop;
    p2p_realm *realm; /* where memory swarms meet, if there are any */
    cli_key key;      /* of this node, if it has a layer with keys */
    cli_output out;
    cli_signals signals;
    cli_exit exit;
    bool ending;
    bool signal_is_end;    /* a signal is how the command normally ends, not a failure */
    bool key_is_temporary; /* made for this time only */
    bool reports_peers;    /* the command says itself why there is no session with a peer */
    bool opening;          /* errors of the log are kept as the reason of a failure, not printed */
    char reason[512];      /* the last of them, or empty */
    void (*on_end)(void *arg);
    void *arg;
} cli_app;

/*
 * Makes the loop and all the rest. on_end is called once, when the command is to end: it stops
 * timers and watches, and closes swarms, so that the loop has nothing left. Returns false if
 * that fails, after it was reported; app->exit says how to end then.
 */
bool cli_app_open(cli_app *app, const cli_command *command, const cli_config *config,
                  void (*on_end)(void *arg), void *arg);

/* Runs until cli_app_end() was called and nothing is left; frees everything. Returns how to end. */
cli_exit cli_app_run(cli_app *app);

/* Begins to end. The first call with another exit than CLI_EXIT_OK decides how. */
void cli_app_end(cli_app *app, cli_exit exit);

/* Whether the options that are about keys fit the layers; if not, why. */
bool cli_key_is_usable(const cli_spec *spec, const cli_config *config,
                       char error[CLI_STACK_ERROR_SIZE]);

/* Gets this node's key, if it has none yet. Returns false if that fails, after it was reported. */
bool cli_app_key(cli_app *app);

/* Warns if others have access to the file of a key. */
void cli_warn_key(const cli_config *config, const cli_key *key, const char *path);

/*
 * Opens a stack, or reports why not, which sets app->exit. what is the text that is bound, for the
 * report.
 */
bool cli_app_stack(cli_app *app, p2p_swarm **out, const cli_spec *spec, cli_stack_config *config,
                   const char *what);

/*
 * Closes a stack, which may be NULL, and takes it away from *swarm. With --stats the counters
 * of all its swarms are printed first.
 */
void cli_app_close_stack(cli_app *app, p2p_swarm **swarm, p2p_close_fn fn, void *arg);

/*
 * Reports an error on standard error: "p2p: tell: ...", or an object with --json. err is a
 * code of the library, or 0; its name goes into the object. cli_fail also sets app->exit,
 * unless that is set already.
 */
void cli_report(const cli_command *command, const cli_config *config, cli_exit exit, int err,
                const char *format, ...) P2P_PRINTF(5, 6);
void cli_fail(cli_app *app, cli_exit exit, int err, const char *format, ...) P2P_PRINTF(4, 5);

/* Reports that the command line is wrong, and where to read more. Returns CLI_EXIT_USAGE. */
cli_exit cli_usage(const cli_command *command, const cli_config *config, const char *format, ...)
    P2P_PRINTF(3, 4);

/* Warns of something: a line of the log. */
void cli_warn(const cli_config *config, const char *format, ...) P2P_PRINTF(2, 3);

/* Says something on standard error that is no error; with --json not at all. */
void cli_note(const cli_app *app, const char *format, ...) P2P_PRINTF(2, 3);

#endif
