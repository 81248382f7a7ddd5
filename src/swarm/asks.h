/* SPDX-License-Identifier: MIT */
#ifndef P2P__SWARM_ASKS_H
#define P2P__SWARM_ASKS_H

/*
 * Both ends of asks, for every swarm that has them: the asks this node waits for, and the requests
 * it is serving. Here they get their numbers, time limits and their one ending; the swarm moves the
 * messages.
 */
#include "swarm/slots.h"
#include "swarm/swarm.h"

/* An ask that waits for its answer. */
typedef struct p2p__ask {
    p2p__slot slot;
    p2p_timer timer;
    struct p2p__asks *asks;
    p2p_answer_fn fn;
    void *arg;
} p2p__ask;

/* A request being served. */
typedef struct p2p__served {
    p2p__slot slot;
    p2p_timer timer;
    struct p2p__asks *asks;
    uint64_t peer;   /* for the swarm: where the response goes ... */
    uint64_t ask_id; /* ... and what it answers */
    uint32_t epoch;  /* of the asker, if the swarm tells those with one address apart */
    bool held;
} p2p__served;

typedef struct p2p__asks {
    p2p__slots pending;
    p2p__slots served;
    p2p_swarm *swarm;
    p2p_task close_task;
} p2p__asks;

void p2p__asks_init(p2p__asks *asks, p2p_swarm *swarm, uint32_t max_pending, uint32_t max_served);
void p2p__asks_free(p2p__asks *asks);

/* Begins an ask, which times out at the deadline; returns NULL with *err. */
p2p__ask *p2p__asks_begin(p2p__asks *asks, uint64_t deadline, p2p_answer_fn fn, void *arg,
                          int *err);

/* Forgets an ask without calling back. Returns 0 or P2P_ERR_NOT_FOUND. */
int p2p__asks_cancel(p2p__asks *asks, p2p_ask_id id);

/*
 * Ends the ask named id with an answer; one that is unknown is a late answer, and counted. From
 * the loop only.
 */
void p2p__asks_finish(p2p__asks *asks, p2p_ask_id id, const p2p_answer *answer);

/* Begins to serve a request, which expires at the deadline; returns NULL with *err. */
p2p__served *p2p__asks_serve(p2p__asks *asks, uint64_t deadline, int *err);

/* The request being served with that number, or NULL. */
p2p__served *p2p__asks_request(const p2p__asks *asks, uint64_t id);

/* Ends the service of a request, however it was answered. */
void p2p__asks_served(p2p__asks *asks, p2p__served *served);

/*
 * For ops->close: in the next round of the loop ends all pending asks with P2P_ERR_CLOSED and then
 * calls p2p_swarm_closed(). Requests being served are forgotten: refuse them before.
 */
void p2p__asks_close(p2p__asks *asks);

#endif
