/* SPDX-License-Identifier: MIT */
#ifndef P2P_SIM_H
#define P2P_SIM_H

#include <p2p/loop.h>
#include <p2p/mem.h>

P2P_BEGIN_DECLS

/*
 * The simulated loop: the same p2p_loop, with virtual time. Time stands still while callbacks run
 * and then jumps to the next timer, so an hour of protocol takes as long as its work. Everything
 * random comes from the seed: the same program with the same seed does the same, event by event,
 * with every compiler. Run a network of memory swarms
 * (<p2p/mem.h>) with a link model on it.
 *
 * The virtual clock starts at 0, the time of day at 2024-01-01T00:00:00Z. There are no descriptors:
 * p2p_watch_new() gives P2P_ERR_UNSUPPORTED.
 */

/* Makes a simulated loop. config may be NULL (seed 0 is a seed like any other here). Free it with
 * p2p_loop_free(). */
P2P_API P2P_MUST_USE int p2p_sim_new(p2p_loop **out, const p2p_loop_config *config);

/* How a run ended. */
typedef enum p2p_sim_end {
    P2P_SIM_IDLE = 1,    /* nothing is left that could happen */
    P2P_SIM_TIME = 2,    /* the time limit was reached; the clock stands exactly there */
    P2P_SIM_DONE = 3,    /* the predicate became true */
    P2P_SIM_STOPPED = 4, /* p2p_loop_stop() was called */
    P2P_SIM_STEPS = 5    /* the limit of turns was reached: perhaps a livelock */
} p2p_sim_end;

/*
 * Run: until nothing is left; until a time of the virtual clock; until done(arg) is not 0 (asked
 * before the first and after each turn) but at most until a time. A run of more than
 * p2p_sim_set_max_turns() turns without the clock moving ends with P2P_SIM_STEPS (default ten
 * million); p2p_loop_run() on this loop gives P2P_ERR_LIMIT then. After P2P_SIM_IDLE the clock
 * stands at the time given, or without one (P2P_NEVER) at what happened last. Each returns a
 * p2p_sim_end, P2P_ERR_INVALID for no loop or no predicate, P2P_ERR_UNSUPPORTED if the loop is not
 * a simulated one, or P2P_ERR_BUSY from inside a callback or the predicate.
 */
P2P_API P2P_MUST_USE int p2p_sim_run_idle(p2p_loop *loop);
P2P_API P2P_MUST_USE int p2p_sim_run_until(p2p_loop *loop, uint64_t time);
P2P_API P2P_MUST_USE int p2p_sim_run_until_done(p2p_loop *loop, int (*done)(void *arg), void *arg,
                                                uint64_t time);
P2P_API void p2p_sim_set_max_turns(p2p_loop *loop, uint64_t turns);

/* Sets the time of day (nanoseconds since 1970), which then goes on with the virtual clock: a clock
 * jump. */
P2P_API void p2p_sim_set_wall(p2p_loop *loop, uint64_t wall);

/* The seed the loop was made with, for the message that tells how to replay a failure; 0 for
 * NULL. */
P2P_API uint64_t p2p_sim_seed(const p2p_loop *loop);

P2P_END_DECLS

#endif
