/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_QUEUE_H
#define P2P__P2PKE_QUEUE_H

/* Messages that wait for a session: first come, first served, bounded in number and in bytes. */
#include "protocol/p2pke/endpoint.h"

typedef struct p2p__pke_queued {
    struct p2p__pke_queued *next;
    size_t len;
    uint8_t data[];
} p2p__pke_queued;

typedef struct p2p__pke_queue {
    p2p__pke_queued *first, *last;
    size_t count, bytes;
} p2p__pke_queue;

/* Whether a message of that length finds room. */
int p2p__pke_queue_has_room(const p2p__pke_queue *q, const p2p_pke_endpoint *ep, size_t len);

/* Copies a message of n pieces into the queue. Returns 0, P2P_ERR_AGAIN (full),
 * P2P_ERR_NO_MEMORY. */
int p2p__pke_queue_push(p2p__pke_queue *q, const p2p_pke_endpoint *ep, const p2p_iov *iov,
                        size_t n);

/* Takes the first message out of the queue and frees it; there is one. */
void p2p__pke_queue_pop(p2p__pke_queue *q, const p2p_pke_endpoint *ep);

/* Frees all messages. */
void p2p__pke_queue_clear(p2p__pke_queue *q, const p2p_pke_endpoint *ep);

#endif
