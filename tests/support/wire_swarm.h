/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_WIRE_SWARM_H
#define P2P_TESTS_WIRE_SWARM_H

/*
 * A medium without rules: nodes have whatever address they like, IP addresses in particular, on any
 * loop, and anybody can send anything in anybody's name. Each datagram takes the same time.
 */
#include <p2p/swarm.h>

typedef struct wire wire;

/* Sees what a node sends, with the datagram from the other side that is being delivered to it right
 * now, if this is done in answer to it (question is NULL otherwise). Returns 0 to lose it. */
typedef int (*wire_fn)(void *arg, const p2p_msg *sent, const p2p_msg *question);

wire *wire_new(p2p_loop *loop, uint64_t latency);

/* The nodes are closed before. */
void wire_free(wire *w);

void wire_on_send(wire *w, wire_fn fn, void *arg);

/* Makes a node. Returns 0 or an error. */
int wire_node(p2p_swarm **out, wire *w, const p2p_addr *addr);

/* Sends a datagram that claims to be from src. */
void wire_inject(wire *w, const p2p_addr *src, const p2p_addr *dst, const void *data, size_t len);

#endif
