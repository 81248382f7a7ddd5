/* SPDX-License-Identifier: MIT */
#include "format/blake2x.h"

#include <p2p/err.h>

#include "core/bytes.h"
#include "format/blake2b.h"

/* The members of the parameter block that BLAKE2X uses (BLAKE2X, 2): where they are. */
#define AT_DIGEST_LEN   0
#define AT_FANOUT       2
#define AT_DEPTH        3
#define AT_LEAF_LEN     4
#define AT_NODE_OFFSET  8
#define AT_XOF_LEN      12
#define AT_INNER_LENGTH 17

/* BLAKE2Xb with an output of exactly one block: a root hash, and one hash of that. */
static void expand(const uint8_t root[P2P__BLAKE2B_OUT_SIZE], uint8_t out[P2P__PRESIG_SIZE])
{
    uint8_t param[P2P__BLAKE2B_PARAM_SIZE] = {0};
    p2p__blake2b b;
    param[AT_DIGEST_LEN] = P2P__PRESIG_SIZE;
    p2p__store32le(param + AT_LEAF_LEN, P2P__BLAKE2B_OUT_SIZE);
    p2p__store32le(param + AT_NODE_OFFSET, 0);
    p2p__store32le(param + AT_XOF_LEN, P2P__PRESIG_SIZE);
    param[AT_INNER_LENGTH] = P2P__BLAKE2B_OUT_SIZE;
    p2p__blake2b_init(&b, param);
    p2p__blake2b_update(&b, root, P2P__BLAKE2B_OUT_SIZE);
    p2p__blake2b_final(&b, out);
}

int p2p__presig(const void *purpose, size_t purpose_len, const void *msg, size_t msg_len,
                uint8_t out[P2P__PRESIG_SIZE])
{
    uint8_t param[P2P__BLAKE2B_PARAM_SIZE] = {0}, root[P2P__BLAKE2B_OUT_SIZE];
    uint8_t len = (uint8_t)purpose_len;
    p2p__blake2b b;
    if (purpose_len > P2P__PRESIG_MAX_PURPOSE)
        return P2P_ERR_INVALID;
    param[AT_DIGEST_LEN] = P2P__BLAKE2B_OUT_SIZE;
    param[AT_FANOUT] = 1;
    param[AT_DEPTH] = 1;
    p2p__store32le(param + AT_XOF_LEN, P2P__PRESIG_SIZE);
    p2p__blake2b_init(&b, param);
    p2p__blake2b_update(&b, &len, 1);
    p2p__blake2b_update(&b, purpose, purpose_len);
    p2p__blake2b_update(&b, msg, msg_len);
    p2p__blake2b_final(&b, root);
    expand(root, out);
    return 0;
}
