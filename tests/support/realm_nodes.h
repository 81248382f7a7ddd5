/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_REALM_NODES_H
#define P2P_TESTS_REALM_NODES_H

/* A realm on a loop with counted memory, and nodes that write down what happens to them. */
#include <p2p/sim.h>

#include "support/counted.h"

enum { KEEP = 64 };

typedef struct field {
    counted memory;
    p2p_loop *loop;
    p2p_realm *realm;
} field;

/* On the simulated loop with that seed. link may be NULL. */
void field_begin(field *f, uint64_t seed, const p2p_link *link);
void field_begin_with(field *f, uint64_t seed, const p2p_realm_config *config);

/* Runs until nothing is left. */
void field_run(field *f);

/* Runs for that long. */
void field_run_for(field *f, uint64_t time);

/* Frees it; all nodes are closed. */
void field_end(field *f);

typedef struct node {
    p2p_swarm *swarm;
    p2p_addr addr;
    uint64_t number;

    size_t tells;
    size_t bytes;
    uint64_t from; /* of the last tell or request */
    uint64_t at;
    size_t len;
    uint8_t data[KEEP]; /* its beginning */

    size_t requests;
    p2p_request request; /* the last one */
    int hold;            /* what to do with requests: keep them, answer with themselves if 0 */
    size_t writable;
    int closed;
} node;

/* Makes a node. config may be NULL. It answers requests with themselves. */
void node_open(node *n, p2p_realm *realm, const p2p_mem_config *config);
void node_open_at(node *n, p2p_realm *realm, uint64_t number);

/* Starts to close it; `closed` counts the callback. */
void node_close(node *n);

/* Tells `len` bytes, of which the first 8 are `value`; returns what p2p_tell returns. */
int node_tell(const node *from, const node *to, uint64_t value, size_t len);

/* The value of the last message. */
uint64_t node_value(const node *n);

p2p_stats node_stats(const node *n);

/* A realm with two nodes, and the end of both. */
void field_begin_pair(field *f, uint64_t seed, const p2p_link *link, node *a, node *b);
void field_end_pair(field *f, node *a, node *b);

/* How an ask ended. */
typedef struct reply {
    p2p_loop *loop;
    size_t calls;
    int status;
    unsigned code;
    size_t len;
    uint8_t data[KEEP];
    uint64_t at;
    p2p_ask_id id;
} reply;

/* Asks with a text. */
int node_ask(const node *from, const node *to, const char *text, uint64_t timeout, reply *r);

/* Checks that an ask has ended, once, with that text. */
void check_reply(const reply *r, const char *text);

#endif
