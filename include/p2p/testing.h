/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTING_H
#define P2P_TESTING_H

#include <stdio.h>

#include <p2p/mem.h>
#include <p2p/swarm.h>

P2P_BEGIN_DECLS

/*
 * The conformance suite: whoever writes a swarm can check it against the contract of docs/swarm.md.
 * It belongs to the component p2pswarm-testing. No test framework is needed: p2p_conformance_run()
 * prints and counts. docs/testing.md shows how to use it.
 *
 * The suite makes networks of a few nodes with your maker, on a loop that your maker provides, so
 * it works for simulated and for real swarms. Each check starts from a fresh network. Time limits
 * are of the loop's clock.
 */

/* What a swarm claims. A check that needs more is skipped, and says so. */
#define P2P_CLAIM_ASK    1u /* it has asks */
#define P2P_CLAIM_SECURE 2u /* it has keys */
#define P2P_CLAIM_LOSSLESS \
    4u /* on an undisturbed network every message arrives, once, while queues have room */
#define P2P_CLAIM_ORDERED 8u /* in the order of sending, between two nodes */
#define P2P_CLAIM_AGAIN \
    16u /* its send queue can fill up within max_burst tells (see below) in one turn */
#define P2P_CLAIM_LOSS 32u /* the network can be made to lose messages: set_loss is given */

typedef struct p2p_testbed p2p_testbed;

/* How to make networks of the swarm under test. */
struct p2p_testbed {
    size_t size;      /* sizeof(p2p_testbed) */
    const char *name; /* shown in the report, such as "mem" */
    unsigned claims;  /* P2P_CLAIM_* */
    void *arg;

    /*
     * Makes a loop (p2p_loop_new or p2p_sim_new) and n swarms on it that can reach each other.
     * allocator is to be given to the loop. Returns 0 or an error, with nothing left behind; the
     * suite closes all swarms before destroy().
     */
    int (*create)(const p2p_testbed *bed, const p2p_allocator *allocator, size_t n, p2p_loop **loop,
                  p2p_swarm **swarms);

    /*
     * Frees what create() made besides the swarms (realms, for example) and then the loop. Not
     * called if the swarms did not close: what is left then leaks, and the check has failed.
     */
    void (*destroy)(const p2p_testbed *bed, p2p_loop *loop);

    /* Makes an address, of the right kind, at which there is nobody. Returns 0 or an error. */
    int (*nobody)(const p2p_testbed *bed, p2p_loop *loop, p2p_addr *out);

    /*
     * Makes the network lose messages with this probability from now on. NULL without
     * P2P_CLAIM_LOSS. Returns 0 or an error.
     */
    int (*set_loss)(const p2p_testbed *bed, p2p_loop *loop, double loss);

    /* Tells that surely fill the send queue, if P2P_CLAIM_AGAIN; 0: 1,000,000. */
    size_t max_burst;

    /*
     * Nanoseconds: how long to wait for what must happen (0: 5 seconds, 15 without
     * P2P_CLAIM_LOSSLESS), and how long to watch that something does not happen (0: 50
     * milliseconds). A message must not be under way for longer than settle.
     */
    uint64_t patience;
    uint64_t settle;
};

/* The result of one check. */
typedef enum p2p_check_result {
    P2P_CHECK_PASSED = 0,
    P2P_CHECK_FAILED = 1,
    P2P_CHECK_SKIPPED = 2 /* the swarm does not claim what it needs, or claims what it excludes */
} p2p_check_result;

/*
 * Checks by number, from 0 to p2p_check_count() - 1: a short name, and the sentences of the
 * contract that it checks, such as "S9 S10". NULL for a number that is out of range.
 */
P2P_API size_t p2p_check_count(void);
P2P_API const char *p2p_check_name(size_t check);
P2P_API const char *p2p_check_rules(size_t check);

/*
 * Runs one check with the given allocator (NULL: the default) and writes to why, if it is not NULL,
 * what went wrong or why it was skipped, cut at cap (empty if it passed). It takes at most a minute
 * of the loop's clock and then `patience` to close. An allocator that fails must make no check
 * crash or hang; with a failing one the result has no meaning. A check or a testbed that is not
 * valid has failed.
 */
P2P_API p2p_check_result p2p_check_run(const p2p_testbed *bed, size_t check,
                                       const p2p_allocator *allocator, char *why, size_t cap);

/* The outcome of all checks. */
typedef struct p2p_conformance {
    unsigned passed, failed, skipped;
} p2p_conformance;

/*
 * Runs every check and writes one line each to `report` (may be NULL), then what the swarm claims
 * and how it did. out may be NULL. Returns the number of failed checks.
 */
P2P_API int p2p_conformance_run(const p2p_testbed *bed, FILE *report, p2p_conformance *out);

/* --- transforms for p2p_realm_on_transform() --- */

/*
 * Drops the first message between each pair of nodes: in either direction (ordered 0) or in each
 * direction (ordered 1). Without memory to remember a pair its messages pass. p2p_drop_first_new
 * returns 0, P2P_ERR_INVALID or P2P_ERR_NO_MEMORY; allocator NULL is the default one. Free it after
 * the realm has another transform, or none. p2p_drop_first_transform returns P2P_DROP or P2P_PASS;
 * its transform must not be NULL, which is not checked.
 */
typedef struct p2p_drop_first p2p_drop_first;
P2P_API P2P_MUST_USE int p2p_drop_first_new(p2p_drop_first **out, int ordered,
                                            const p2p_allocator *allocator);
P2P_API void p2p_drop_first_free(p2p_drop_first *transform);
P2P_API int p2p_drop_first_transform(void *transform, uint64_t from, uint64_t to, uint8_t *data,
                                     size_t len);

P2P_END_DECLS

#endif
