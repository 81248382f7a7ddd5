/* SPDX-License-Identifier: MIT */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

#include <p2p/loop.h>

/*
 * Signals as events of the loop, through a pipe. SIGINT and SIGTERM ask the program to end; a
 * second one, half a second later, ends it at once. SIGCHLD says that a command has ended.
 * There is one such object at a time, for signals belong to the process.
 */
typedef struct cli_signals {
    p2p_watch *watch;
    void (*on_end)(void *arg, int signal);
    void (*on_child)(void *arg); /* may be NULL */
    void *arg;
    void *child_arg;
} cli_signals;

/* Returns 0, or an error of p2p_watch_new() or P2P_ERR_IO. */
int cli_signals_open(cli_signals *signals, p2p_loop *loop, void (*on_end)(void *arg, int signal),
                     void *arg);

/* Stops watching, when the program is about to end. May be called again. */
void cli_signals_close(cli_signals *signals);

/* The signal that asked the program to end, or 0. May be called at any time. */
int cli_signal_seen(void);

#endif
