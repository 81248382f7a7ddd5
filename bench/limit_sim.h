/* SPDX-License-Identifier: MIT */
#ifndef LIMIT_SIM_H
#define LIMIT_SIM_H

/*
 * The limit of a simulated network: an event queue, and for each event the memory that a message
 * cannot do without. An event takes the message that arrives first, touches the node it is for
 * (reads a function, counts), and sends the message on to a random node. No addresses, limits,
 * loss, timers or traces.
 */
#include <stddef.h>

typedef enum limit_queue {
    LIMIT_BINARY_HEAP, /* of (time, message) in one array */
    LIMIT_RADIX_HEAP   /* the library's own, without its prefetching */
} limit_queue;

typedef struct limit_sim limit_sim;

/* A network of so many nodes of so many bytes each, with one message each under way. NULL if there
 * is no memory. */
limit_sim *limit_sim_open(limit_queue queue, size_t nodes, size_t node_bytes);
void limit_sim_close(limit_sim *l);

/* Nanoseconds per delivered message. */
double limit_sim_run(limit_sim *l, size_t n);

#endif
