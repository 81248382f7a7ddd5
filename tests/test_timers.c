/* SPDX-License-Identifier: MIT */
/* Timers against a reference that looks for the next one the slow way. */
#include "support/check.h"
#include "support/counted.h"

#include <p2p/sim.h>

#include "core/rand.h"

enum { TIMERS = 1500, OPERATIONS = 100000 };

/* A timer, and what the reference knows of it. */
typedef struct model {
    p2p_timer timer;
    struct world *world;
    bool active;
    uint64_t deadline;
    uint64_t started; /* counts starts */
    unsigned fired;
} model;

typedef struct world {
    counted memory;
    p2p_loop *loop;
    p2p__rand rand;
    uint64_t starts;
    size_t operations;
    size_t fired;
    size_t stopped;
    model timers[TIMERS];
} world;

static world w;

static model *next_to_fire(void)
{
    model *first = NULL;
    for (size_t i = 0; i < TIMERS; i++) {
        model *m = &w.timers[i];
        if (!m->active || m->deadline == P2P_NEVER)
            continue;
        if (!first || m->deadline < first->deadline ||
            (m->deadline == first->deadline && m->started < first->started))
            first = m;
    }
    return first;
}

static void start(model *m, uint64_t deadline)
{
    uint64_t now = p2p_loop_now(w.loop);
    p2p_timer_start(&m->timer, deadline);
    m->active = true;
    m->deadline = deadline < now ? now : deadline;
    m->started = w.starts++;
}

static void stop(model *m)
{
    p2p_timer_stop(&m->timer);
    w.stopped += m->active;
    m->active = false;
}

/* Often one that others have, sometimes gone by or never. */
static uint64_t any_deadline(void)
{
    uint64_t now = p2p_loop_now(w.loop);
    switch (p2p__rand_below(&w.rand, 8)) {
    case 0:
        return now;
    case 1:
        return now / 2;
    case 2:
        return p2p__rand_below(&w.rand, 10) ? now + 1000 : P2P_NEVER;
    case 3:
        return (now / 10000 + 1 + p2p__rand_below(&w.rand, 3)) * 10000;
    default:
        return now + p2p__rand_below(&w.rand, 1000000);
    }
}

static void change_some(void)
{
    for (uint64_t n = p2p__rand_below(&w.rand, 4); n && w.operations < OPERATIONS; n--) {
        model *m = &w.timers[p2p__rand_below(&w.rand, TIMERS)];
        w.operations++;
        if (p2p__rand_below(&w.rand, 3))
            start(m, any_deadline());
        else
            stop(m);
        assert_int_equal(p2p_timer_active(&m->timer), m->active);
    }
}

static void on_timer(void *arg)
{
    model *m = arg;
    assert_ptr_equal(m, next_to_fire());
    assert_true(p2p_loop_now(w.loop) == m->deadline);
    assert_false(p2p_timer_active(&m->timer));
    m->active = false;
    w.fired++;
    change_some();
    if (w.operations < OPERATIONS && p2p__rand_below(&w.rand, 2)) {
        w.operations++;
        start(m, any_deadline());
    }
}

static void test_against_reference(void **state)
{
    (void)state;
    w.loop = counted_sim(&w.memory, 0);
    p2p__rand_seed(&w.rand, 1);
    for (size_t i = 0; i < TIMERS; i++) {
        p2p_timer_init(&w.timers[i].timer, w.loop, on_timer, &w.timers[i]);
        start(&w.timers[i], any_deadline());
    }
    while (w.operations < OPERATIONS) {
        int ended = p2p_sim_run_until(w.loop, p2p_loop_now(w.loop) + 100000);
        assert_in_range(ended, P2P_SIM_IDLE, P2P_SIM_TIME);
        for (int i = 0; i < 100; i++)
            change_some(); /* from outside of callbacks */
    }
    assert_int_equal(p2p_sim_run_idle(w.loop), P2P_SIM_IDLE);
    assert_null(next_to_fire());
    assert_true(w.fired > 20000);
    assert_true(w.stopped > 5000);
    for (size_t i = 0; i < TIMERS; i++)
        stop(&w.timers[i]);
    counted_end(w.loop, &w.memory);
}

/* Writes down the order in which timers fire. */
typedef struct order {
    counted memory;
    p2p_loop *loop;
    p2p_timer timers[8];
    p2p_task task;
    char log[64];
    size_t len;
} order;

static void note(order *o, char what)
{
    assert_true(o->len + 1 < sizeof o->log);
    o->log[o->len++] = what;
    o->log[o->len] = 0;
}

#define NOTES(letter, fn)     \
    static void fn(void *arg) \
    {                         \
        note(arg, letter);    \
    }
NOTES('a', note_a)
NOTES('b', note_b)
NOTES('c', note_c)
NOTES('d', note_d)
NOTES('-', note_turn)

static void order_begin(order *o)
{
    static const p2p_timer_fn fns[4] = {note_a, note_b, note_c, note_d};
    memset(o, 0, sizeof *o);
    o->loop = counted_sim(&o->memory, 0);
    for (size_t i = 0; i < 4; i++)
        p2p_timer_init(&o->timers[i], o->loop, fns[i], o);
    p2p_task_init(&o->task, note_turn, o);
}

static void order_end(order *o, const char *wanted)
{
    assert_string_equal(o->log, wanted);
    for (size_t i = 0; i < COUNT_OF(o->timers); i++)
        if (o->timers[i].loop)
            p2p_timer_stop(&o->timers[i]);
    counted_end(o->loop, &o->memory);
}

static void test_ties(void **state)
{
    (void)state;
    order o;
    order_begin(&o);
    p2p_timer_start(&o.timers[2], 100);
    p2p_timer_start(&o.timers[0], 100);
    p2p_timer_start(&o.timers[3], 100);
    p2p_timer_start(&o.timers[1], 100);
    p2p_timer_start(&o.timers[2], 100); /* moved to the same time: now it is the last */
    assert_int_equal(p2p_sim_run_idle(o.loop), P2P_SIM_IDLE);
    order_end(&o, "adbc");
}

/* The fifth timer starts and stops others. */
static void start_due(void *arg)
{
    order *o = arg;
    note(o, 'e');
    p2p_timer_start(&o->timers[3], 0);                     /* gone by */
    p2p_timer_start(&o->timers[2], p2p_loop_now(o->loop)); /* now */
    p2p_loop_defer(o->loop, &o->task);
}

/* Timers that are started when due wait for the next turn, also if their time is long gone. */
static void test_started_in_callback(void **state)
{
    (void)state;
    order o;
    order_begin(&o);
    p2p_timer_init(&o.timers[4], o.loop, start_due, &o);
    p2p_timer_start(&o.timers[4], 100);
    p2p_timer_start(&o.timers[0], 100);
    p2p_timer_start(&o.timers[1], 101);
    assert_int_equal(p2p_sim_run_idle(o.loop), P2P_SIM_IDLE);
    order_end(&o, "ea-dcb");
}

static void stop_others(void *arg)
{
    order *o = arg;
    note(o, 'e');
    p2p_timer_stop(&o->timers[0]);
    p2p_timer_start(&o->timers[1], 300);
}

/* A timer that is stopped or moved by another one of the same time does not fire then. */
static void test_stopped_when_due(void **state)
{
    (void)state;
    order o;
    order_begin(&o);
    p2p_timer_init(&o.timers[4], o.loop, stop_others, &o);
    p2p_timer_start(&o.timers[4], 100);
    for (size_t i = 0; i < 4; i++)
        p2p_timer_start(&o.timers[i], 100);
    assert_int_equal(p2p_sim_run_until(o.loop, 299), P2P_SIM_TIME);
    assert_string_equal(o.log, "ecd");
    assert_int_equal(p2p_sim_run_until(o.loop, 300), P2P_SIM_IDLE);
    p2p_timer_stop(&o.timers[0]); /* not active: nothing happens */
    order_end(&o, "ecdb");
}

static void test_never(void **state)
{
    (void)state;
    order o;
    order_begin(&o);
    p2p_timer_start(&o.timers[0], P2P_NEVER);
    p2p_timer_start_in(&o.timers[1], P2P_NEVER);
    assert_int_equal(p2p_sim_run_until(o.loop, 1000), P2P_SIM_IDLE);
    p2p_timer_start_in(&o.timers[2], P2P_NEVER - 500); /* too long for the clock */
    p2p_timer_start_in(&o.timers[3], P2P_NEVER - 1001);
    assert_true(p2p_loop_deadline(o.loop) == P2P_NEVER - 1);
    for (size_t i = 0; i < 4; i++)
        assert_true(p2p_timer_active(&o.timers[i]));
    assert_int_equal(p2p_sim_run_idle(o.loop), P2P_SIM_IDLE);
    assert_string_equal(o.log, "d"); /* 1000 + that is one before never */
    assert_true(p2p_loop_now(o.loop) == P2P_NEVER - 1);
    assert_true(p2p_loop_deadline(o.loop) == P2P_NEVER);
    assert_int_equal(p2p_loop_free(o.loop), P2P_ERR_BUSY);
    order_end(&o, "d");
}

/* A million timers; a third is stopped, a third is moved. */
enum { MILLION = 1000000 };

typedef struct crowd {
    p2p_timer timer;
    uint64_t deadline;
} crowd;

static uint64_t crowd_last;
static size_t crowd_fired;
static p2p_loop *crowd_loop;

static void on_crowd(void *arg)
{
    const crowd *one = arg;
    uint64_t now = p2p_loop_now(crowd_loop);
    assert_true(now == one->deadline && now >= crowd_last);
    crowd_last = now;
    crowd_fired++;
}

static void test_million(void **state)
{
    (void)state;
    counted memory;
    p2p__rand rand;
    crowd *all = calloc(MILLION, sizeof *all);
    assert_non_null(all);
    crowd_loop = counted_sim(&memory, 0);
    size_t calls = memory.calls;
    p2p__rand_seed(&rand, 3);
    for (size_t i = 0; i < MILLION; i++) {
        all[i].deadline = p2p__rand_below(&rand, P2P_SECOND);
        p2p_timer_init(&all[i].timer, crowd_loop, on_crowd, &all[i]);
        p2p_timer_start(&all[i].timer, all[i].deadline);
    }
    for (size_t i = 0; i < MILLION; i += 3)
        p2p_timer_stop(&all[i].timer);
    for (size_t i = 1; i < MILLION; i += 3) {
        all[i].deadline = p2p__rand_below(&rand, P2P_SECOND);
        p2p_timer_start(&all[i].timer, all[i].deadline);
    }
    assert_int_equal(p2p_sim_run_idle(crowd_loop), P2P_SIM_IDLE);
    assert_int_equal(crowd_fired, MILLION - (MILLION + 2) / 3);
    assert_int_equal(memory.calls, calls); /* they live in memory of ours */
    counted_end(crowd_loop, &memory);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_started_in_callback),
        cmocka_unit_test(test_stopped_when_due),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_million),
    };
    return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
