/* SPDX-License-Identifier: MIT */
#include "swarm/asks.h"

static void on_close(void *arg);

void p2p__asks_init(p2p__asks *asks, p2p_swarm *swarm, uint32_t max_pending, uint32_t max_served)
{
    const p2p_allocator *allocator = p2p_loop_allocator(swarm->loop);
    asks->swarm = swarm;
    p2p__slots_init(&asks->pending, allocator, sizeof(p2p__ask), max_pending);
    p2p__slots_init(&asks->served, allocator, sizeof(p2p__served), max_served);
    p2p_task_init(&asks->close_task, on_close, asks);
}

void p2p__asks_free(p2p__asks *asks)
{
    p2p__slots_free(&asks->pending);
    p2p__slots_free(&asks->served);
}

/* Ends an ask: it is gone before its callback runs, so that the callback may do anything. */
static void end_ask(p2p__ask *ask, const p2p_answer *answer)
{
    p2p_swarm *swarm = ask->asks->swarm;
    p2p_answer_fn fn = ask->fn;
    void *arg = ask->arg;
    p2p_timer_stop(&ask->timer);
    p2p__slots_give(&ask->asks->pending, ask);
    p2p_swarm_answer(swarm, answer, fn, arg);
}

static void fail_ask(p2p__ask *ask, int status)
{
    uint8_t nothing[1] = {0};
    p2p_answer answer = {status, 0, nothing, 0};
    end_ask(ask, &answer);
}

static void on_timeout(void *arg)
{
    fail_ask(arg, P2P_ERR_TIMEOUT);
}

p2p__ask *p2p__asks_begin(p2p__asks *asks, uint64_t deadline, p2p_answer_fn fn, void *arg, int *err)
{
    p2p__ask *ask = p2p__slots_take(&asks->pending, err);
    if (!ask)
        return NULL;
    ask->asks = asks;
    ask->fn = fn;
    ask->arg = arg;
    p2p_timer_init(&ask->timer, asks->swarm->loop, on_timeout, ask);
    p2p_timer_start(&ask->timer, deadline);
    return ask;
}

int p2p__asks_cancel(p2p__asks *asks, p2p_ask_id id)
{
    p2p__ask *ask = p2p__slots_find(&asks->pending, id);
    if (!ask)
        return P2P_ERR_NOT_FOUND;
    p2p_timer_stop(&ask->timer);
    p2p__slots_give(&asks->pending, ask);
    return 0;
}

void p2p__asks_finish(p2p__asks *asks, p2p_ask_id id, const p2p_answer *answer)
{
    p2p__ask *ask = p2p__slots_find(&asks->pending, id);
    if (ask)
        end_ask(ask, answer);
    else
        asks->swarm->stats.rx_drop_late++;
}

static void on_expired(void *arg)
{
    p2p__served *served = arg;
    served->asks->swarm->stats.ask_expired++;
    p2p__asks_served(served->asks, served);
}

p2p__served *p2p__asks_serve(p2p__asks *asks, uint64_t deadline, int *err)
{
    p2p__served *served = p2p__slots_take(&asks->served, err);
    if (!served)
        return NULL;
    served->asks = asks;
    served->held = false;
    p2p_timer_init(&served->timer, asks->swarm->loop, on_expired, served);
    p2p_timer_start(&served->timer, deadline);
    return served;
}

p2p__served *p2p__asks_request(const p2p__asks *asks, uint64_t id)
{
    return p2p__slots_find(&asks->served, id);
}

void p2p__asks_served(p2p__asks *asks, p2p__served *served)
{
    p2p_timer_stop(&served->timer);
    p2p__slots_give(&asks->served, served);
}

static void on_close(void *arg)
{
    p2p__asks *asks = arg;
    p2p_swarm *swarm = asks->swarm;
    for (uint32_t i = 0; i < asks->pending.count; i++) {
        p2p__ask *ask = p2p__slots_at(&asks->pending, i);
        if (ask)
            fail_ask(ask, P2P_ERR_CLOSED);
    }
    p2p_swarm_closed(swarm);
}

void p2p__asks_close(p2p__asks *asks)
{
    for (uint32_t i = 0; i < asks->served.count; i++) {
        p2p__served *served = p2p__slots_at(&asks->served, i);
        if (served)
            p2p__asks_served(asks, served);
    }
    for (uint32_t i = 0; i < asks->pending.count; i++) {
        p2p__ask *ask = p2p__slots_at(&asks->pending, i);
        if (ask)
            p2p_timer_stop(&ask->timer);
    }
    p2p_loop_defer(asks->swarm->loop, &asks->close_task);
}
