/* SPDX-License-Identifier: MIT */
#include "cli/allow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, P2P_PEER_ID_SIZE);
}

bool cli_allow_read(cli_allow *allow, const char *const *texts, size_t n,
                    char error[CLI_ARGS_ERROR_SIZE])
{
    memset(allow, 0, sizeof *allow);
    if (!n)
        return true;
    allow->ids = calloc(n, sizeof *allow->ids);
    if (!allow->ids) {
        (void)snprintf(error, CLI_ARGS_ERROR_SIZE, "no memory");
        return false;
    }
    for (; allow->n < n; allow->n++) {
        const char *text = texts[allow->n];
        if (p2p_peer_id_parse(text, strlen(text), allow->ids[allow->n]) == 0)
            continue;
        (void)snprintf(
            error, CLI_ARGS_ERROR_SIZE,
            "--allow: \"%.64s\" is no peer id, which has %d characters; p2p id prints it", text,
            P2P_PEER_ID_TEXT_LEN);
        return false;
    }
    qsort(allow->ids, n, sizeof *allow->ids, compare);
    return true;
}

void cli_allow_free(cli_allow *allow)
{
    free(allow->ids);
    memset(allow, 0, sizeof *allow);
}

int cli_allow_peer(void *arg, const p2p_addr *peer)
{
    const cli_allow *allow = arg;
    uint8_t id[P2P_PEER_ID_SIZE];
    if (!allow->ids)
        return 1;
    return p2p_addr_peer_id(peer, id) == 0 &&
           bsearch(id, allow->ids, allow->n, sizeof *allow->ids, compare) != NULL;
}
