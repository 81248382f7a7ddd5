/* SPDX-License-Identifier: MIT */
#ifndef P2P__LOOP_LOOP_H
#define P2P__LOOP_LOOP_H

/*
 * What both makes of loop share: the struct, its queues, and one turn. A make (loop_uv.c,
 * loop_sim.c) puts this struct first in its own and brings a table of operations.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include <p2p/loop.h>

#include "core/alloc.h"
#include "core/rand.h"

typedef struct p2p__loop_ops {
    uint64_t (*clock)(const p2p_loop *loop);
    uint64_t (*wall)(const p2p_loop *loop);
    int (*secret)(p2p_loop *loop, void *out, size_t len);
    /* From any thread: makes a waiting loop take a turn, which sees what was written before. */
    void (*wakeup)(p2p_loop *loop);
    /* Whether run() has a reason to go on changed (timers, tasks and holds, not descriptors). */
    void (*set_alive)(p2p_loop *loop, bool alive);
    /* A task or timer was queued from outside our callbacks: the make may have looked already. */
    void (*notice)(p2p_loop *loop);
    /* These two are called with loop->running set, never from inside each other. */
    int (*run)(p2p_loop *loop);
    int (*step)(p2p_loop *loop);
    void (*stop)(p2p_loop *loop);
    int (*fd)(const p2p_loop *loop);
    int (*watch_new)(p2p_watch **out, p2p_loop *loop, int fd, p2p_watch_fn fn, void *arg);
    int (*watch_set)(p2p_watch *watch, unsigned wanted);
    void (*watch_free)(p2p_watch *watch);
    void (*free)(p2p_loop *loop);
} p2p__loop_ops;

/* A queue of tasks: a ring with the queue itself in it, so that unlinking needs no queue. */
typedef struct p2p__tasks {
    p2p_task ring;
} p2p__tasks;

struct p2p_loop {
    const p2p__loop_ops *ops;
    uint64_t now;        /* the monotonic clock as read in this turn */
    p2p_timer *timers;   /* root of the heap */
    uint64_t sequence;   /* given to the next timer that is started */
    p2p__tasks deferred; /* p2p_loop_defer */
    p2p__tasks flushes;  /* p2p_loop_flush */
    p2p__rand jitter;    /* the predictable random stream */
    bool inside;         /* a callback is running */
    bool running;        /* inside run or step, in a callback or between two */
    bool alive;          /* what set_alive() was last told */
    bool must_step;      /* descriptors changed since the backend looked at them */
    p2p_log_level level;
    p2p_log_fn log;
    void *log_arg;
    p2p_allocator allocator;
    size_t users; /* swarms, realms, watches: what must be gone before the loop goes */
    size_t holds; /* p2p_loop_hold */
    uint64_t seed;
    _Atomic(p2p_task *) posted; /* last posted first, linked by next */
    p2p_task *taken;            /* of those, what this turn has still to run; first posted first */
};

/* A watch, whatever the make: its loop comes first so that the public functions find the make. */
struct p2p_watch {
    p2p_loop *loop;
    p2p_watch_fn fn;
    void *arg;
};

/* Fills the shared part. config is complete (p2p__loop_config) and seed is the final one. */
void p2p__loop_init(p2p_loop *loop, const p2p__loop_ops *ops, const p2p_loop_config *config,
                    uint64_t seed);

/* Copies a caller's config of any size over the defaults. Returns 0 or P2P_ERR_INVALID. */
int p2p__loop_config(p2p_loop_config *out, const p2p_loop_config *config);

/* Reads the clock anew into loop->now; it never goes back. */
void p2p__loop_refresh(p2p_loop *loop);

/* The work of a turn up to the wait: timers that are due, posted tasks, then a round of tasks. */
void p2p__loop_turn(p2p_loop *loop);

/* A round of deferred tasks and flushes; what they queue waits for the next round. */
void p2p__loop_round(p2p_loop *loop);

/* Whether there is work for which the loop must not wait. */
bool p2p__loop_pending(const p2p_loop *loop);

/* Tells the make when there is, or is no longer, a reason to go on. */
void p2p__loop_update_alive(p2p_loop *loop);

/* Takes a posted task back; nothing if it is not posted here. Only on the loop's thread or while
 * the loop does not run, and only while no other thread can post this task. */
void p2p__loop_unpost(p2p_loop *loop, p2p_task *task);

/* p2p_loop_now() without the call. */
static inline uint64_t p2p__loop_now(const p2p_loop *loop)
{
    return loop->inside ? loop->now : p2p_loop_now(loop);
}

/* What is made on a loop counts as its user until it is gone. */
static inline void p2p__loop_use(p2p_loop *loop)
{
    loop->users++;
}

static inline void p2p__loop_unuse(p2p_loop *loop)
{
    loop->users--;
}

#endif
