/* SPDX-License-Identifier: MIT */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>

#include "cli/app.h"

/* What tell, ask and ping have in common: a node of their own, and the address of another. */
typedef struct cli_client {
    cli_app app;
    cli_spec spec;
    cli_spec bind; /* addr is NULL without --bind */
    p2p_addr dst;
    p2p_swarm *swarm;
    void (*on_connected)(void *arg);
    void *arg;
    p2p_task task; /* calls it, if no handshake is needed */
} cli_client;

/* Reads ADDR and --bind. Returns false if they are wrong, after that was reported as of usage. */
bool cli_client_read(cli_client *client, const cli_command *command, const cli_config *config);

/* Whether ADDR is of a kind that other processes can have. Reports it if not. */
bool cli_client_leaves_process(const cli_client *client, const cli_command *command,
                               const cli_config *config);

/* Makes the node. Returns false if that fails, after it was reported; app.exit is set then. */
bool cli_client_open(cli_client *client);

/*
 * Makes sure that the peer is who the address says, if the layers can tell, and calls fn then; with
 * other layers, in the next turn. If there is no session within so many nanoseconds, or it breaks
 * later, that is reported and the command ends; fn may not come then.
 */
void cli_client_connect(cli_client *client, uint64_t patience, void (*fn)(void *arg), void *arg);

/* To be called when the command ends, before the stack is closed. */
void cli_client_disconnect(cli_client *client);

#endif
