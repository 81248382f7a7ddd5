/* SPDX-License-Identifier: MIT */
#ifndef LIMIT_MEM_H
#define LIMIT_MEM_H

/*
 * The limits of messages inside of one process: the least that can be called delivering a message,
 * without addresses, queues, limits, counters or traces.
 */
#include <stddef.h>

/* Each gives nanoseconds per message. */

/* A call through a table of operations that copies the message. */
double limit_mem_calls(size_t len, size_t n);

/*
 * A ring between two threads: the writer copies in, the reader copies out, positions are published
 * every 32 messages, and whoever must wait spins. With addresses each message has in front of it
 * who sent it, to whom, and how long it is. Less than 0 if there is no second thread.
 */
double limit_mem_ring(size_t len, int addresses, size_t n);

#endif
