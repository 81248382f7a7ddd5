/* SPDX-License-Identifier: MIT */
#ifndef P2P_LOOP_H
#define P2P_LOOP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <p2p/alloc.h>
#include <p2p/err.h>
#include <p2p/export.h>
#include <p2p/log.h>

P2P_BEGIN_DECLS

/*
 * The loop: the one place through which anything that is not deterministic reaches the library:
 * clock, timers, sockets, random bytes, memory, log. There are two makes with the same interface:
 *   - the libuv loop (p2p_loop_new), on a uv_loop_t of its own or on yours;
 *   - the simulated loop (p2p_sim_new in <p2p/sim.h>): virtual time, as fast as the CPU allows.
 *
 * Rules
 *   L1. A loop, and everything made on it, is used by one thread at a time. Only p2p_loop_post()
 *       and p2p_loop_wakeup() may be called from other threads.
 *   L2. The library starts no thread, installs no signal handler and keeps no global state.
 *   L3. Callbacks come from p2p_loop_run() or p2p_loop_step(), never from inside the call that
 *       caused them.
 *   L4. A turn of the loop is: timers that are due (in order of deadline, then of start), posted
 *       tasks, deferred tasks, flush tasks (the batched sends), waiting, then descriptors that are
 *       ready, and once more deferred and flush tasks. What a task defers runs in the next round,
 *       so no task can starve the descriptors.
 *   L5. Times are nanoseconds. The monotonic clock has no meaning outside its loop and never goes
 *       back.
 *   L27. After fork() a loop, and everything made on it, must not be used in the child, not even to
 *       free it. Make loops in the process that uses them.
 *
 * Where a loop, timer, task or watch is asked for, NULL gives P2P_ERR_INVALID from a function that
 * returns a code, 0 or NULL from one that returns something else, and does nothing in one that
 * returns nothing. Exceptions are named.
 */
typedef struct p2p_loop p2p_loop;

/* No deadline at all. */
#define P2P_NEVER UINT64_MAX

#define P2P_MICROSECOND UINT64_C(1000)
#define P2P_MILLISECOND UINT64_C(1000000)
#define P2P_SECOND      UINT64_C(1000000000)

/* How to make a loop. Call p2p_loop_config_init() first; zero then means the default everywhere. */
typedef struct p2p_loop_config {
    size_t size;                    /* set by p2p_loop_config_init */
    const p2p_allocator *allocator; /* NULL: p2p_default_allocator() */
    p2p_log_fn log;                 /* NULL: nothing is logged */
    void *log_arg;
    p2p_log_level log_level; /* what to log; zero with a log function means P2P_LOG_WARN */
    void *uv_loop; /* libuv make only: your uv_loop_t, which must outlive the loop (and must not
                      close the loop's handles: see p2p_loop_free); NULL: its own */
    uint64_t
        seed; /* of the jitter stream (libuv make: 0 is random); in a simulation of everything */
} p2p_loop_config;

static inline void p2p_loop_config_init(p2p_loop_config *config)
{
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
}

/*
 * Makes a loop over libuv. config may be NULL.
 * Returns 0, P2P_ERR_NO_MEMORY, P2P_ERR_INVALID, or P2P_ERR_IO when the system gives no more
 * descriptors.
 */
P2P_API P2P_MUST_USE int p2p_loop_new(p2p_loop **out, const p2p_loop_config *config);

/*
 * Frees a loop. Everything made on it must be closed, and its close callbacks have run; timers are
 * stopped, tasks have run, holds are released. Returns 0, or P2P_ERR_BUSY when something is left or
 * the loop is running, in a callback or in a simulation's predicate (nothing happens then). On your
 * own uv_loop_t, its handles close during your next turns; they are the library's, so a uv_walk()
 * of yours must not close them. NULL is allowed.
 */
P2P_API P2P_MUST_USE int p2p_loop_free(p2p_loop *loop);

/*
 * Runs turns until p2p_loop_stop() is called (also from a callback) or nothing is left that could
 * ever happen: no timer, socket, task, nor p2p_loop_hold(). Returns 0, P2P_ERR_BUSY when called
 * from inside a callback, P2P_ERR_UNSUPPORTED on a loop that lives on your uv_loop_t (run that
 * instead), or P2P_ERR_LIMIT when a simulation took p2p_sim_set_max_turns() turns without its clock
 * moving.
 */
P2P_API P2P_MUST_USE int p2p_loop_run(p2p_loop *loop);

/*
 * Ends the run under way after its turn. Without one it does nothing: a stop is not kept for the
 * next run. On your uv_loop_t it is uv_stop(), which stops that loop as a whole.
 */
P2P_API void p2p_loop_stop(p2p_loop *loop);

/*
 * For programs with a loop of their own: one turn without waiting. Wait until p2p_loop_fd() is
 * readable or p2p_loop_deadline() has come, then call p2p_loop_step(). See examples/foreign_poll.c.
 *   - p2p_loop_step returns 0, P2P_ERR_BUSY (called from inside a callback) or
 *     P2P_ERR_UNSUPPORTED (the loop lives on your uv_loop_t, whose turns are yours to take).
 *   - p2p_loop_fd returns a descriptor to poll for reading, or P2P_ERR_UNSUPPORTED (simulation,
 *     or no such thing here).
 *   - p2p_loop_deadline returns when the next step is due, on the clock of p2p_loop_clock(): a
 *     time in the past or now means at once, P2P_NEVER means only the descriptor counts. It is
 *     P2P_NEVER for NULL.
 */
P2P_API P2P_MUST_USE int p2p_loop_step(p2p_loop *loop);
P2P_API P2P_MUST_USE int p2p_loop_fd(const p2p_loop *loop);
P2P_API uint64_t p2p_loop_deadline(const p2p_loop *loop);

/*
 * Time. p2p_loop_now is the monotonic clock as it was read in this turn: cheap, and the same for
 * one callback's whole length. p2p_loop_clock reads it anew. p2p_loop_wall is the time of day:
 * nanoseconds since 1970-01-01T00:00:00Z.
 */
P2P_API uint64_t p2p_loop_now(const p2p_loop *loop);
P2P_API uint64_t p2p_loop_clock(const p2p_loop *loop);
P2P_API uint64_t p2p_loop_wall(const p2p_loop *loop);

/*
 * Random bytes. Two streams, so that a replay stays a replay: p2p_loop_secret is for keys and
 * nonces (the operating system's generator; in a simulation a seeded one: never use simulated keys
 * for anything else) and returns 0, P2P_ERR_INVALID or P2P_ERR_IO; p2p_loop_jitter is for delays
 * and tie-breaks (seeded, fast, predictable) and gives 64 bits.
 */
P2P_API P2P_MUST_USE int p2p_loop_secret(p2p_loop *loop, void *out, size_t len);
P2P_API uint64_t p2p_loop_jitter(p2p_loop *loop);

/* The allocator of a loop: what is made on the loop lives in it. */
P2P_API const p2p_allocator *p2p_loop_allocator(const p2p_loop *loop);

/* Writes a line to the loop's log if level passes; the text is formatted only then, and cut at 511
 * bytes. */
P2P_API void p2p_loop_log(const p2p_loop *loop, p2p_log_level level, const char *format, ...)
    P2P_PRINTF(3, 4);

/* While held, p2p_loop_run() goes on even with nothing to do, for other threads may still post.
 * Counted. */
P2P_API void p2p_loop_hold(p2p_loop *loop);
P2P_API void p2p_loop_release(p2p_loop *loop);

/* --- timers --- */

/*
 * A timer lives in memory of yours, so starting one cannot fail. Its members are private. It must
 * stay in place while active; stop it before its memory goes. Starting is O(1), stopping and
 * firing O(log n) amortised; a million pending timers are normal. Timers fire at their deadline or
 * later, never earlier: on libuv at most one millisecond later plus what the loop is busy with; in
 * a simulation exactly then. Timers of one deadline fire in the order they were started.
 */
typedef void (*p2p_timer_fn)(void *arg);

typedef struct p2p_timer {
    p2p_loop *loop;
    p2p_timer_fn fn;
    void *arg;
    uint64_t deadline;
    uint64_t sequence;
    struct p2p_timer *child;
    struct p2p_timer *next;
    struct p2p_timer *prev; /* NULL while inactive */
} p2p_timer;

/* Gives a timer its loop and callback; it is inactive. Not for an active one. Without a loop or a
 * callback it never starts. */
P2P_API void p2p_timer_init(p2p_timer *timer, p2p_loop *loop, p2p_timer_fn fn, void *arg);

/* Starts the timer for a time of p2p_loop_now(); one that is active is moved. A time gone by fires
 * in the next turn. */
P2P_API void p2p_timer_start(p2p_timer *timer, uint64_t deadline);

/* Starts it `delay` from now; a delay too long for the clock is P2P_NEVER, which never fires but is
 * active. */
P2P_API void p2p_timer_start_in(p2p_timer *timer, uint64_t delay);

/* Stops the timer; its callback will not run. Nothing happens if it is not active. */
P2P_API void p2p_timer_stop(p2p_timer *timer);

/* Whether the timer is started and has not fired. */
P2P_API int p2p_timer_active(const p2p_timer *timer);

/* --- tasks --- */

/*
 * A piece of work to do soon, in memory of yours, so that queueing cannot fail. Its members are
 * private. It is queued at most once at a time, by defer, flush or post; to queue it again does
 * nothing. It is no longer queued when its callback runs. While queued it must stay in place.
 */
typedef void (*p2p_task_fn)(void *arg);

typedef struct p2p_task {
    p2p_task_fn fn;
    void *arg;
    struct p2p_task *next;
    struct p2p_task *prev;
} p2p_task;

/* Gives a task its callback; it is not queued. Not for a queued one. Without a callback it is never
 * queued. */
P2P_API void p2p_task_init(p2p_task *task, p2p_task_fn fn, void *arg);

/*
 * p2p_loop_defer queues a task for this turn's deferred tasks, p2p_loop_flush for the tasks that
 * come last before the loop waits, where sends gathered in the turn leave in one batch. First come,
 * first served; queued already: nothing.
 */
P2P_API void p2p_loop_defer(p2p_loop *loop, p2p_task *task);
P2P_API void p2p_loop_flush(p2p_loop *loop, p2p_task *task);

/* Takes a task out of the queue of defer or flush, if it is there. A posted task stays: nothing
 * takes it back. */
P2P_API void p2p_task_cancel(p2p_task *task);

/* Whether the task is queued, in whichever way, and its callback has not begun. */
P2P_API int p2p_task_queued(const p2p_task *task);

/*
 * From any thread: runs the task on the loop's thread in one of its next turns, and wakes the loop
 * if it waits. Posts of a task that is posted already, also from several threads, count as one; the
 * callback that comes sees what each of them did before. The task must stay in place until it
 * runs, and the loop must not be freed meanwhile. A task that other threads post must not be given
 * to p2p_loop_defer() or p2p_loop_flush() at the same time; on the loop's own thread that does
 * nothing. A post from another thread keeps no run going: see p2p_loop_hold().
 */
P2P_API void p2p_loop_post(p2p_loop *loop, p2p_task *task);

/* From any thread: makes a waiting loop take a turn. */
P2P_API void p2p_loop_wakeup(p2p_loop *loop);

/* --- descriptors --- */

#define P2P_READABLE 1u
#define P2P_WRITABLE 2u

/* Watches one descriptor. The callback gets what is ready of what was asked for, and is called
 * again while it is. */
typedef struct p2p_watch p2p_watch;
typedef void (*p2p_watch_fn)(void *arg, unsigned ready);

/*
 * Makes a watch, which asks for nothing yet. The descriptor stays yours; close it after the watch.
 * It is made non-blocking and stays so. Returns 0, P2P_ERR_NO_MEMORY, P2P_ERR_INVALID (not a
 * descriptor that can be watched), P2P_ERR_IN_USE (watched already), P2P_ERR_UNSUPPORTED (simulated
 * loop).
 */
P2P_API P2P_MUST_USE int p2p_watch_new(p2p_watch **out, p2p_loop *loop, int fd, p2p_watch_fn fn,
                                       void *arg);

/*
 * Asks for P2P_READABLE, P2P_WRITABLE, both or nothing (0). Returns 0, P2P_ERR_INVALID (no watch,
 * or its descriptor can no longer be watched), P2P_ERR_NO_MEMORY, P2P_ERR_IN_USE (something else
 * on your uv_loop_t watches the descriptor), P2P_ERR_IO.
 */
P2P_API P2P_MUST_USE int p2p_watch_set(p2p_watch *watch, unsigned wanted);

/* Ends the watch; its callback will not run again, and its descriptor may be closed at once. NULL
 * is allowed. */
P2P_API void p2p_watch_free(p2p_watch *watch);

P2P_END_DECLS

#endif
