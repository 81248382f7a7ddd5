/* SPDX-License-Identifier: MIT */
#include "testing/fixture.h"

#include <stdarg.h>
#include <string.h>

#include "core/alloc.h"
#include "testing/fixture_hooks.h"
#include <p2p/sim.h>

#define DEFAULT_PATIENCE  (5 * P2P_SECOND)
#define LOSSY_PATIENCE    (15 * P2P_SECOND)
#define DEFAULT_SETTLE    (50 * P2P_MILLISECOND)
#define DEFAULT_MAX_BURST 1000000u

/* No check takes longer than this, whatever its swarm does. */
#define CHECK_LIMIT (60 * P2P_SECOND)

/* How often a condition is looked at that no callback announces. */
#define POLL P2P_MILLISECOND

/* Turns of a simulated loop without time going by: more is a livelock. */
#define MAX_TURNS UINT64_C(1000000)

void p2p__fx_fail(p2p__fx *fx, const char *format, ...)
{
    if (fx->failed)
        return;
    fx->failed = true;
    va_list args;
    va_start(args, format);
    if (fx->why && fx->why_cap > 0)
        (void)vsnprintf(fx->why, fx->why_cap, format, args);
    va_end(args);
}

void p2p__fx_skip(p2p__fx *fx, const char *why)
{
    if (fx->failed)
        return;
    fx->skipped = true;
    if (fx->why && fx->why_cap > 0)
        (void)snprintf(fx->why, fx->why_cap, "%s", why);
}

/* --- memory --- */

static void *counted_alloc(void *arg, size_t size)
{
    p2p__fx_memory *memory = arg;
    void *ptr = memory->inner.alloc(memory->inner.arg, size);
    if (ptr)
        memory->live++;
    else
        memory->failed++;
    return ptr;
}

static void *counted_resize(void *arg, void *ptr, size_t size)
{
    p2p__fx_memory *memory = arg;
    void *moved = memory->inner.resize(memory->inner.arg, ptr, size);
    if (!moved)
        memory->failed++;
    else if (!ptr)
        memory->live++;
    return moved;
}

static void counted_free(void *arg, void *ptr)
{
    p2p__fx_memory *memory = arg;
    if (ptr)
        memory->live--;
    memory->inner.free(memory->inner.arg, ptr);
}

/* --- running --- */

static bool over(p2p__fx *fx)
{
    return (fx->failed && !fx->going_down) || (fx->done && fx->done(fx, fx->done_arg));
}

static int sim_over(void *arg)
{
    return over(arg);
}

void p2p__fx_look(p2p__fx *fx)
{
    if (fx->running && over(fx))
        p2p_loop_stop(fx->loop);
}

static void on_guard(void *arg)
{
    p2p__fx *fx = arg;
    p2p_loop_stop(fx->loop);
}

static void on_poll(void *arg)
{
    p2p__fx *fx = arg;
    p2p__fx_look(fx);
    p2p_timer_start_in(&fx->poll, POLL);
}

/* Runs a loop that waits for real time: a timer ends it, another looks whether it is done. */
static void run_real(p2p__fx *fx, uint64_t until)
{
    p2p_timer_start(&fx->guard, until);
    if (fx->done)
        p2p_timer_start_in(&fx->poll, POLL);
    int r = p2p_loop_run(fx->loop);
    p2p_timer_stop(&fx->guard);
    p2p_timer_stop(&fx->poll);
    if (r < 0)
        p2p__fx_fail(fx, "the loop does not run: %s", p2p_err_name(r));
}

static bool run_until(p2p__fx *fx, p2p__fx_done done, void *arg, uint64_t until)
{
    fx->done = done;
    fx->done_arg = arg;
    if (!over(fx)) {
        fx->running = true;
        int r = p2p_sim_run_until_done(fx->loop, sim_over, fx, until);
        fx->simulated = r != P2P_ERR_UNSUPPORTED;
        if (!fx->simulated)
            run_real(fx, until);
        else if (r == P2P_SIM_STEPS)
            p2p__fx_fail(fx, "livelock: the loop turns without time going by");
        fx->running = false;
    }
    fx->done = NULL;
    return (!fx->failed || fx->going_down) && (!done || done(fx, arg));
}

bool p2p__fx_wait_for(p2p__fx *fx, p2p__fx_done done, void *arg, uint64_t time)
{
    uint64_t until = p2p_loop_clock(fx->loop) + time;
    return run_until(fx, done, arg, until < fx->limit ? until : fx->limit);
}

bool p2p__fx_wait(p2p__fx *fx, p2p__fx_done done, void *arg)
{
    return p2p__fx_wait_for(fx, done, arg, fx->options.patience);
}

void p2p__fx_pause(p2p__fx *fx, uint64_t time)
{
    (void)p2p__fx_wait_for(fx, NULL, NULL, time);
}

void p2p__fx_settle(p2p__fx *fx)
{
    p2p__fx_pause(fx, fx->options.settle);
}

bool p2p__fx_is_simulated(const p2p__fx *fx)
{
    return fx->simulated;
}

/* --- up and down --- */

static void prepare(p2p__fx *fx, const p2p_testbed *bed, const p2p_allocator *allocator)
{
    fx->bed = bed;
    fx->options = *bed;
    if (fx->options.patience == 0)
        fx->options.patience = p2p__fx_lossless(fx) ? DEFAULT_PATIENCE : LOSSY_PATIENCE;
    if (fx->options.settle == 0)
        fx->options.settle = DEFAULT_SETTLE;
    if (fx->options.max_burst == 0)
        fx->options.max_burst = DEFAULT_MAX_BURST;
    fx->own = *allocator;
    fx->memory.inner = *allocator;
    fx->counted.alloc = counted_alloc;
    fx->counted.resize = counted_resize;
    fx->counted.free = counted_free;
    fx->counted.arg = &fx->memory;
    fx->random = 1;
}

void p2p__fx_up(p2p__fx *fx, const p2p_testbed *bed, size_t nodes, const p2p_allocator *allocator)
{
    p2p_swarm *swarms[P2P__FX_NODES] = {NULL};
    prepare(fx, bed, allocator);
    int r = bed->create(bed, &fx->counted, nodes, &fx->loop, swarms);
    if (r) {
        fx->loop = NULL;
        p2p__fx_fail(fx, "create() gave %s", p2p_err_name(r));
        return;
    }
    p2p_sim_set_max_turns(fx->loop, MAX_TURNS);
    fx->limit = p2p_loop_clock(fx->loop) + CHECK_LIMIT;
    p2p_timer_init(&fx->guard, fx->loop, on_guard, fx);
    p2p_timer_init(&fx->poll, fx->loop, on_poll, fx);
    fx->nodes = nodes;
    for (size_t i = 0; i < nodes; i++) {
        p2p__fx_node *node = &fx->node[i];
        node->fx = fx;
        node->swarm = swarms[i];
        p2p__fx_hook(node);
    }
    for (size_t i = 0; i < nodes; i++) {
        r = CALL(fx, p2p_local_addr(fx->node[i].swarm, &fx->node[i].addr));
        if (r < 0)
            p2p__fx_fail(fx, "p2p_local_addr() gave %s", p2p_err_name(r));
    }
}

static bool all_closed(p2p__fx *fx, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < fx->nodes; i++) {
        if (fx->node[i].swarm)
            return false;
    }
    return true;
}

static bool wait_all_closed(p2p__fx *fx)
{
    fx->limit = UINT64_MAX;
    fx->going_down = true;
    if (!p2p__fx_wait(fx, all_closed, NULL)) {
        p2p__fx_fail(fx, "no close callback came");
        return false;
    }
    p2p__fx_pause(fx, fx->options.settle / 4); /* what comes now comes too late */
    return true;
}

static void free_own(p2p__fx *fx)
{
    while (fx->asks) {
        p2p__fx_ask *next = fx->asks->next;
        p2p__free(&fx->own, fx->asks);
        fx->asks = next;
    }
    while (fx->lookups) {
        p2p__fx_lookup *next = fx->lookups->next;
        p2p__free(&fx->own, fx->lookups);
        fx->lookups = next;
    }
    p2p__free(&fx->own, fx->records);
    p2p__free(&fx->own, fx->payload);
}

void p2p__fx_down(p2p__fx *fx)
{
    if (fx->loop) {
        for (size_t i = 0; i < fx->nodes; i++) {
            if (fx->node[i].swarm && !fx->node[i].closing)
                p2p__fx_close(&fx->node[i]);
        }
        if (wait_all_closed(fx)) {
            fx->bed->destroy(fx->bed, fx->loop);
            fx->loop = NULL;
        }
    }
    if (!fx->loop && fx->memory.live > 0)
        p2p__fx_fail(fx, "%zu blocks of memory were not freed", fx->memory.live);
    free_own(fx);
}
