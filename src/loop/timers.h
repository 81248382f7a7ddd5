/* SPDX-License-Identifier: MIT */
#ifndef P2P__LOOP_TIMERS_H
#define P2P__LOOP_TIMERS_H

/*
 * The pending timers of a loop: a pairing heap (Fredman, Sedgewick, Sleator, Tarjan, Algorithmica 1
 * (1986)) whose links are in the timers themselves, so that starting one allocates nothing. Ordered
 * by deadline, then by start. Insert is O(1), remove O(log n) amortised.
 */
#include <p2p/loop.h>

/* Links a timer that is in no heap into the heap at *root. */
void p2p__timers_insert(p2p_timer **root, p2p_timer *timer);

/* Takes a timer out of its heap; its prev is NULL afterwards. */
void p2p__timers_remove(p2p_timer **root, p2p_timer *timer);

#endif
