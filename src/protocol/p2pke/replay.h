/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_REPLAY_H
#define P2P__P2PKE_REPLAY_H

/*
 * The replay window of a session: RFC 6479 with 128 blocks of 64 bits, so counters up to 8128
 * behind the highest are told apart. The ring of 1 KiB exists only while there is something to
 * remember: as long as all that is missing lies within 64 counters, one word does.
 */
#include <stdint.h>

#include <p2p/alloc.h>

#define P2P__REPLAY_BLOCKS 128u
#define P2P__REPLAY_WINDOW ((P2P__REPLAY_BLOCKS - 1) * 64)

typedef struct p2p__replay {
    uint64_t last; /* the highest counter that was accepted */
    uint64_t base; /* without a ring: all counters below it count as seen */
    uint64_t word; /* without a ring: bit i says that base + i was seen */
    uint64_t *ring;
} p2p__replay;

/* Starts a window; counters below first are never accepted. */
void p2p__replay_init(p2p__replay *r, uint64_t first);
void p2p__replay_free(p2p__replay *r, const p2p_allocator *allocator);

/* Whether the counter is new and not too old. */
int p2p__replay_check(const p2p__replay *r, uint64_t counter);

/*
 * Remembers a counter that p2p__replay_check() has let through. If there is no memory for the ring,
 * counters that are missing count as seen: a late message is lost then, none is accepted twice.
 */
void p2p__replay_commit(p2p__replay *r, const p2p_allocator *allocator, uint64_t counter);

/* Counts all counters up to the highest as seen, and gives the ring back. */
void p2p__replay_compact(p2p__replay *r, const p2p_allocator *allocator);

#endif
