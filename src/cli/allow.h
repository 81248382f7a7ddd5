/* SPDX-License-Identifier: MIT */
#ifndef CLI_ALLOW_H
#define CLI_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p2p/addr.h>

#include "cli/args.h"

/* The peers that --allow names. */
typedef struct cli_allow {
    uint8_t (*ids)[P2P_PEER_ID_SIZE]; /* sorted; NULL: everybody is allowed */
    size_t n;
} cli_allow;

/* Reads n peer ids. Returns false with an error that names the one that is none; free the list
 * either way. */
bool cli_allow_read(cli_allow *allow, const char *const *texts, size_t n,
                    char error[CLI_ARGS_ERROR_SIZE]);
void cli_allow_free(cli_allow *allow);

/* A p2p_pke_allow_fn: whether the peer of an address is in the list, which is arg. */
int cli_allow_peer(void *arg, const p2p_addr *peer);

#endif
