/* SPDX-License-Identifier: MIT */
#ifndef P2P_SWARM_OPS_H
#define P2P_SWARM_OPS_H

/*
 * For those who write a swarm of their own; who only uses swarms does not need this header.
 * docs/writing-a-swarm.md walks through examples/xor_swarm.c, a complete one.
 *
 * A swarm is a struct whose first member is a p2p_swarm, and a static const table of operations.
 * The public functions (p2p_tell and the others) check arguments, state and MTU, count, and then
 * call the table: an operation is called only on an open swarm, with arguments that are not NULL
 * and a message no larger than the MTU.
 */
#include <p2p/swarm.h>

P2P_BEGIN_DECLS

typedef struct p2p_ask_ops p2p_ask_ops;
typedef struct p2p_key_ops p2p_key_ops;

/* The operations of a swarm. A member that may be NULL says what happens then. */
typedef struct p2p_swarm_ops {
    /* sizeof(p2p_swarm_ops) as the author knew it: members may be added at the end. */
    size_t size;

    /* What p2p_swarm_kind() returns. */
    const char *kind;

    /*
     * Sends a message: the n pieces of iov, len bytes together. Takes it whole or returns an error
     * of p2p_tell() at once; must not call back. After P2P_ERR_AGAIN, call p2p_swarm_writable()
     * when there is room again.
     */
    int (*tell)(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len);

    /* Longest tell to dst, or to anybody if dst is NULL. NULL: that of the inner swarm. */
    size_t (*mtu)(const p2p_swarm *swarm, const p2p_addr *dst);

    /* As p2p_local_addrs(). NULL: those of the inner swarm. */
    int (*local_addrs)(const p2p_swarm *swarm, p2p_addr *out, size_t cap, size_t *n);

    /* As p2p_parse_addr(). NULL: that of the inner swarm. */
    int (*parse_addr)(const p2p_swarm *swarm, const char *text, p2p_addr *out);

    /*
     * Begins to close: ends everything pending with P2P_ERR_CLOSED, stops timers, frees what need
     * not wait. When nothing can call back any more, now or later, calls p2p_swarm_closed(). The
     * inner swarm is closed by the library after that. NULL: nothing to do.
     */
    void (*close)(p2p_swarm *swarm);

    /* Frees the struct itself, after the close callback. Must not be NULL. */
    void (*free)(p2p_swarm *swarm);

    /* What the swarm can do besides. NULL: it cannot; the public functions say P2P_ERR_UNSUPPORTED.
     */
    const p2p_ask_ops *ask;
    const p2p_key_ops *keys;

    /*
     * As p2p_tell_reserve() and p2p_tell_commit(), both or neither; commit returns
     * P2P_ERR_INVALID for a len other than the one reserved last. NULL: P2P_ERR_UNSUPPORTED.
     */
    int (*reserve)(p2p_swarm *swarm, const p2p_addr *dst, size_t len, uint8_t **room);
    int (*commit)(p2p_swarm *swarm, size_t len);

    /* As p2p_swarm_unsent(), but without the swarms below, which the library adds. NULL: 0. */
    size_t (*unsent)(const p2p_swarm *swarm);
} p2p_swarm_ops;

/* Asks. None of the members may be NULL. */
struct p2p_ask_ops {
    size_t size;

    /*
     * Sends a request. On success sets *id (never 0) and later calls answer->fn exactly once
     * through the loop, unless cancelled. deadline is a time of p2p_loop_now().
     */
    int (*ask)(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len,
               uint64_t deadline, p2p_ask_id *id, p2p_answer_fn fn, void *arg);

    /* As p2p_ask_cancel(). */
    int (*cancel)(p2p_swarm *swarm, p2p_ask_id id);

    /* As p2p_request_hold(), p2p_replyv() and p2p_refuse() for the request named id. */
    int (*hold)(p2p_swarm *swarm, uint64_t id);
    int (*reply)(p2p_swarm *swarm, uint64_t id, const p2p_iov *iov, size_t n, size_t len);
    int (*refuse)(p2p_swarm *swarm, uint64_t id, uint8_t code);

    /* Longest request and response. */
    size_t (*mtu)(const p2p_swarm *swarm, const p2p_addr *dst);
};

/* Keys. None of the members may be NULL. */
struct p2p_key_ops {
    size_t size;
    int (*public_key)(const p2p_swarm *swarm, uint8_t *out, size_t cap, size_t *len);
    int (*peer_key)(const p2p_swarm *swarm, const p2p_addr *addr, uint8_t *out, size_t cap,
                    size_t *len);
    int (*lookup_key)(p2p_swarm *swarm, const p2p_addr *addr, uint64_t deadline, p2p_key_fn fn,
                      void *arg);
};

/* States of a swarm, in order. */
typedef enum p2p_swarm_state {
    P2P_SWARM_OPEN = 0,
    P2P_SWARM_CLOSING = 1, /* p2p_close() was called */
    P2P_SWARM_CLOSED = 2   /* the swarm has finished; the close callback is about to come */
} p2p_swarm_state;

/*
 * The base of every swarm: the first member of its struct. Members are read by swarms and written
 * by the library only, but for the counters, which the swarm updates for what only it can see
 * (tx_drop_*, rx_drop_malformed, ...).
 */
struct p2p_swarm {
    const p2p_swarm_ops *ops;
    p2p_tell_fn tell_fn;
    void *tell_arg;
    uint8_t state;          /* a p2p_swarm_state */
    uint8_t want_writable;  /* somebody got P2P_ERR_AGAIN and waits for the writable event */
    uint8_t again_pending;  /* the writable event is on its way */
    uint8_t owned;          /* it is the inner swarm of another, which closes it */
    p2p_stats stats;        /* what a tell touches comes first, to share one cache line with it */
    uint64_t more_stats[4]; /* room for counters to come */
    p2p_loop *loop;
    p2p_swarm *inner;
    p2p_ask_fn ask_fn;
    void *ask_arg;
    p2p_writable_fn writable_fn;
    void *writable_arg;
    p2p_close_fn close_fn;
    void *close_arg;
    p2p_task task; /* carries the writable event and the end of close through the loop */
};

/*
 * Sets up the base. inner may be NULL; otherwise it is owned from now on: it is closed when this
 * swarm is and not before, and its handlers belong to this swarm. The swarm counts as a user of its
 * loop until it is freed. size is sizeof(p2p_swarm) as the author knows it, so that the base can
 * grow at its end.
 */
P2P_API void p2p_swarm_init_sized(p2p_swarm *swarm, size_t size, const p2p_swarm_ops *ops,
                                  p2p_loop *loop, p2p_swarm *inner);

static inline void p2p_swarm_init(p2p_swarm *swarm, const p2p_swarm_ops *ops, p2p_loop *loop,
                                  p2p_swarm *inner)
{
    p2p_swarm_init_sized(swarm, sizeof *swarm, ops, loop, inner);
}

/*
 * Undoes p2p_swarm_init() for a maker that fails half-way: as if the swarm had never been; the
 * inner swarm is the caller's again. A maker that has set handlers of the inner swarm takes them
 * back. Not for a swarm that anybody has seen.
 */
P2P_API void p2p_swarm_abandon(p2p_swarm *swarm);

/*
 * Gives a message to the receiver, or drops and counts it (no handler, closing). Call it from the
 * loop only. Returns 1 if the swarm is still open afterwards, 0 if the receiver closed it: then
 * touch nothing but what ops->free frees.
 */
P2P_API int p2p_swarm_deliver(p2p_swarm *swarm, const p2p_msg *msg);

/*
 * Gives a request to the handler; afterwards the swarm refuses it with P2P_CODE_DROPPED unless it
 * was answered or held. Returns as p2p_swarm_deliver(). *handled becomes 0 if there is no handler,
 * then the swarm answers that.
 */
P2P_API int p2p_swarm_deliver_ask(p2p_swarm *swarm, const p2p_msg *msg, uint64_t id, int *handled);

/* Ends an ask: counts how it ended and calls fn. For p2p_ask_ops; call it from the loop only. */
P2P_API void p2p_swarm_answer(p2p_swarm *swarm, const p2p_answer *answer, p2p_answer_fn fn,
                              void *arg);

/* There is room again after P2P_ERR_AGAIN: tells who waits, through the loop. Cheap if nobody does.
 */
P2P_API void p2p_swarm_writable(p2p_swarm *swarm);

/* See close above. Exactly once per swarm; may be called from inside ops->close. */
P2P_API void p2p_swarm_closed(p2p_swarm *swarm);

/* Helpers for iov: total length (SIZE_MAX on overflow), and gathering into a buffer that is large
 * enough. */
P2P_API size_t p2p_iov_len(const p2p_iov *iov, size_t n);
P2P_API void p2p_iov_copy(uint8_t *out, const p2p_iov *iov, size_t n);

P2P_END_DECLS

#endif
