/* SPDX-License-Identifier: MIT */
#ifndef TEST_P2PKE_H
#define TEST_P2PKE_H

/* What the tests of P2PKE and its fuzz target share: nodes with keys and randomness of their
 * own. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/p2pke.h>

#include "core/bytes.h"
#include "core/rand.h"
#include "protocol/p2pke/channel.h"

/* The time of the vectors: 1700000000.123456789. */
#define TEST_WALL UINT64_C(1700000000123456789)
#define TEST_NOW  (1000 * P2P_SECOND)

/* A signer that hands on to another, or fails as it is told. */
typedef struct test_signer {
    p2p_signer base;
    p2p_signer *inner;
    int error;
} test_signer;

/* An endpoint with test key i (wire.md 1.6), and what its callbacks do. */
typedef struct test_node {
    test_signer signer;
    p2p_pke_endpoint *ep;
    p2p__rand rand;
    uint8_t ephemeral;       /* not 0: random bytes are all this, as in the vectors */
    int random_error;        /* not 0: random fails so */
    p2p_pke_verdict verdict; /* of admit */
    unsigned admits;         /* how often it was asked */
    int (*accepts)(const uint8_t *key, size_t len); /* NULL: all */
    unsigned accepted;                              /* how often it was asked */
    void *last_peer;
} test_node;

static inline int test_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                            size_t cap, size_t *len)
{
    test_signer *self = (test_signer *)signer;
    return self->error ? self->error : p2p_sign(self->inner, msg, msg_len, out, cap, len);
}

static inline int test_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    return p2p_signer_public_key(((const test_signer *)signer)->inner, out, cap, len);
}

static inline void test_signer_free(p2p_signer *signer)
{
    p2p_signer_free(((test_signer *)signer)->inner);
}

static inline int test_random(void *arg, void *out, size_t len)
{
    test_node *node = arg;
    uint8_t *bytes = out;
    if (node->random_error)
        return node->random_error;
    for (size_t i = 0; i < len; i++)
        bytes[i] = node->ephemeral ? node->ephemeral : (uint8_t)p2p__rand_next(&node->rand);
    return 0;
}

static inline p2p_pke_verdict test_admit(void *arg, const p2p_pke_request *request)
{
    test_node *node = arg;
    node->admits++;
    node->last_peer = request->peer;
    if (node->verdict == P2P_PKE_PROVE && request->proven)
        return P2P_PKE_ADMIT;
    return node->verdict;
}

static inline int test_accept(void *arg, void *peer, const void *source, size_t source_len,
                              const uint8_t *key, size_t len)
{
    test_node *node = arg;
    (void)peer;
    (void)source;
    (void)source_len;
    node->accepted++;
    return !node->accepts || node->accepts(key, len);
}

static inline void test_seed(uint64_t i, uint8_t seed[32])
{
    memset(seed, 0, 32);
    p2p__store64be(seed + 24, i);
}

static inline void test_config(test_node *node, p2p_pke_config *config)
{
    p2p_pke_config_init(config);
    config->signer = &node->signer.base;
    config->random = test_random;
    config->admit = test_admit;
    config->accept = test_accept;
    config->arg = node;
}

/* Makes a node. Changes to the config come from `change`, which may be NULL. */
static inline void test_node_init(test_node *node, uint64_t key,
                                  void (*change)(p2p_pke_config *config))
{
    static const p2p_signer_ops ops = {sizeof ops, test_public_key, test_sign, test_signer_free};
    p2p_pke_config config;
    uint8_t seed[32];
    memset(node, 0, sizeof *node);
    node->verdict = P2P_PKE_ADMIT;
    p2p__rand_seed(&node->rand, key + 1);
    test_seed(key, seed);
    int err = p2p_ed25519_signer_new(&node->signer.inner, seed, NULL);
    assert(!err);
    node->signer.base.ops = &ops;
    test_config(node, &config);
    if (change)
        change(&config);
    err = p2p_pke_endpoint_new(&node->ep, &config);
    assert(!err);
    (void)err;
}

static inline void test_node_free(test_node *node)
{
    assert(p2p_pke_endpoint_half_open(node->ep) == 0);
    p2p_pke_endpoint_free(node->ep);
    p2p_signer_free(&node->signer.base);
}

static inline void test_no_extensions(p2p_pke_config *config)
{
    config->no_extensions = 1;
}

static inline p2p_pke_time test_time(uint64_t after)
{
    p2p_pke_time time = {TEST_NOW + after, TEST_WALL + after};
    return time;
}

/* Hex digits, blanks left out. Returns how many bytes. */
static inline size_t test_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; *hex; hex++) {
        if (*hex == ' ' || *hex == '\n')
            continue;
        char pair[3] = {hex[0], hex[1], 0};
        out[n++] = (uint8_t)strtoul(pair, NULL, 16);
        hex++;
    }
    return n;
}

static inline p2p_pke_stats test_stats(const test_node *node)
{
    p2p_pke_stats stats;
    p2p_pke_endpoint_stats(node->ep, &stats);
    return stats;
}

#endif
