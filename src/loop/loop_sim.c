/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <uv.h>

#include <p2p/sim.h>

#include "loop/loop.h"

/* 2024-01-01T00:00:00Z, where the simulated time of day starts. */
#define SIM_EPOCH (UINT64_C(1704067200) * P2P_SECOND)

#define DEFAULT_MAX_TURNS UINT64_C(10000000)

/* Tells the streams of one seed apart. */
#define SECRET_STREAM UINT64_C(0x5ec2e7)

typedef struct sim_make {
    p2p_loop base;
    uint64_t wall_offset; /* time of day minus virtual clock; wraps around below the offset */
    uint64_t max_turns;   /* without the clock moving */
    p2p__rand secret;
    bool stopped;
    /* Only for other threads' posts while the loop is held and has nothing to do. */
    uv_mutex_t mutex;
    uv_cond_t cond;
    bool woken;
} sim_make;

static const p2p__loop_ops sim_ops;

static sim_make *make_of(const p2p_loop *loop)
{
    return (sim_make *)(uintptr_t)loop;
}

static uint64_t sim_clock(const p2p_loop *loop)
{
    return loop->now;
}

static uint64_t sim_wall(const p2p_loop *loop)
{
    return loop->now + make_of(loop)->wall_offset;
}

static int sim_secret(p2p_loop *loop, void *out, size_t len)
{
    uint8_t *bytes = out;
    while (len) {
        uint64_t word = p2p__rand_next(&make_of(loop)->secret);
        for (int i = 0; i < 8 && len; i++, len--)
            *bytes++ = (uint8_t)(word >> (8 * i)); /* the same on every machine */
    }
    return 0;
}

static void sim_wakeup(p2p_loop *loop)
{
    sim_make *make = make_of(loop);
    uv_mutex_lock(&make->mutex);
    make->woken = true;
    uv_cond_signal(&make->cond);
    uv_mutex_unlock(&make->mutex);
}

static void wait_for_post(sim_make *make)
{
    uv_mutex_lock(&make->mutex);
    while (!make->woken)
        uv_cond_wait(&make->cond, &make->mutex);
    make->woken = false;
    uv_mutex_unlock(&make->mutex);
}

static void sim_set_alive(p2p_loop *loop, bool alive)
{
    (void)loop;
    (void)alive;
}

/* Turns until done, the time limit, or nothing left. */
static int run_to(p2p_loop *loop, int (*done)(void *arg), void *arg, uint64_t limit)
{
    sim_make *make = make_of(loop);
    uint64_t turns = 0;
    make->stopped = false;
    for (;;) {
        if (done && done(arg))
            return P2P_SIM_DONE;
        if (make->stopped)
            return P2P_SIM_STOPPED;
        bool due = loop->timers && loop->timers->deadline <= loop->now;
        if (!due && !p2p__loop_pending(loop)) {
            uint64_t next = loop->timers ? loop->timers->deadline : P2P_NEVER;
            if (next == P2P_NEVER && limit == P2P_NEVER)
                return P2P_SIM_IDLE;
            if (next > limit) {
                if (limit > loop->now)
                    loop->now = limit;
                return next == P2P_NEVER ? P2P_SIM_IDLE : P2P_SIM_TIME;
            }
            loop->now = next;
            turns = 0;
        } else if (turns++ == make->max_turns) {
            p2p_loop_log(loop, P2P_LOG_ERROR,
                         "simulation: %llu turns without the clock moving, seed %llu",
                         (unsigned long long)make->max_turns, (unsigned long long)loop->seed);
            return P2P_SIM_STEPS;
        }
        p2p__loop_turn(loop);
    }
}

static int run_guarded(p2p_loop *loop, int (*done)(void *arg), void *arg, uint64_t limit)
{
    if (!loop)
        return P2P_ERR_INVALID;
    if (loop->ops != &sim_ops)
        return P2P_ERR_UNSUPPORTED;
    if (loop->running)
        return P2P_ERR_BUSY;
    loop->running = true;
    int end = run_to(loop, done, arg, limit);
    loop->running = false;
    return end;
}

int p2p_sim_run_idle(p2p_loop *loop)
{
    return run_guarded(loop, NULL, NULL, P2P_NEVER);
}

int p2p_sim_run_until(p2p_loop *loop, uint64_t time)
{
    return run_guarded(loop, NULL, NULL, time);
}

int p2p_sim_run_until_done(p2p_loop *loop, int (*done)(void *arg), void *arg, uint64_t time)
{
    return done ? run_guarded(loop, done, arg, time) : P2P_ERR_INVALID;
}

static int sim_run(p2p_loop *loop)
{
    for (;;) {
        int end = run_to(loop, NULL, NULL, P2P_NEVER);
        if (end == P2P_SIM_STEPS)
            return P2P_ERR_LIMIT;
        if (end != P2P_SIM_IDLE || !loop->holds)
            return 0;
        wait_for_post(make_of(loop));
    }
}

static int sim_step(p2p_loop *loop)
{
    if (!p2p__loop_pending(loop) && loop->timers && loop->timers->deadline != P2P_NEVER &&
        loop->timers->deadline > loop->now)
        loop->now = loop->timers->deadline;
    p2p__loop_turn(loop);
    return 0;
}

static void sim_stop(p2p_loop *loop)
{
    make_of(loop)->stopped = true;
}

static int sim_fd(const p2p_loop *loop)
{
    (void)loop;
    return P2P_ERR_UNSUPPORTED;
}

static int sim_watch_new(p2p_watch **out, p2p_loop *loop, int fd, p2p_watch_fn fn, void *arg)
{
    (void)out;
    (void)loop;
    (void)fd;
    (void)fn;
    (void)arg;
    return P2P_ERR_UNSUPPORTED;
}

/* There are no watches, so these two are never reached. */
static int sim_watch_set(p2p_watch *watch, unsigned wanted)
{
    (void)watch;
    (void)wanted;
    return P2P_ERR_UNSUPPORTED;
}

static void sim_watch_free(p2p_watch *watch)
{
    (void)watch;
}

static void sim_free(p2p_loop *loop)
{
    sim_make *make = make_of(loop);
    p2p_allocator allocator = loop->allocator;
    uv_cond_destroy(&make->cond);
    uv_mutex_destroy(&make->mutex);
    p2p__free(&allocator, make);
}

static void sim_notice(p2p_loop *loop)
{
    (void)loop;
}

static const p2p__loop_ops sim_ops = {
    .notice = sim_notice,
    .clock = sim_clock,
    .wall = sim_wall,
    .secret = sim_secret,
    .wakeup = sim_wakeup,
    .set_alive = sim_set_alive,
    .run = sim_run,
    .step = sim_step,
    .stop = sim_stop,
    .fd = sim_fd,
    .watch_new = sim_watch_new,
    .watch_set = sim_watch_set,
    .watch_free = sim_watch_free,
    .free = sim_free,
};

int p2p_sim_new(p2p_loop **out, const p2p_loop_config *config)
{
    p2p_loop_config full;
    int err = out ? p2p__loop_config(&full, config) : P2P_ERR_INVALID;
    if (err)
        return err;
    sim_make *make = p2p__zalloc(full.allocator, sizeof *make);
    if (!make)
        return P2P_ERR_NO_MEMORY;
    if (uv_mutex_init(&make->mutex))
        goto free_make;
    if (uv_cond_init(&make->cond))
        goto destroy_mutex;
    p2p__loop_init(&make->base, &sim_ops, &full, full.seed);
    p2p__rand_seed(&make->secret, full.seed ^ SECRET_STREAM);
    make->wall_offset = SIM_EPOCH;
    make->max_turns = DEFAULT_MAX_TURNS;
    *out = &make->base;
    return 0;

destroy_mutex:
    uv_mutex_destroy(&make->mutex);
free_make:
    p2p__free(full.allocator, make);
    return P2P_ERR_IO;
}

void p2p_sim_set_max_turns(p2p_loop *loop, uint64_t turns)
{
    if (loop && loop->ops == &sim_ops)
        make_of(loop)->max_turns = turns;
}

void p2p_sim_set_wall(p2p_loop *loop, uint64_t wall)
{
    if (loop && loop->ops == &sim_ops)
        make_of(loop)->wall_offset = wall - loop->now;
}

uint64_t p2p_sim_seed(const p2p_loop *loop)
{
    return loop ? loop->seed : 0;
}
