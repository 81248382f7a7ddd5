/* SPDX-License-Identifier: MIT */
/* What both makes of loop promise; each test runs on both. */
#include "support/check.h"
#include "support/counted.h"

#include <p2p/sim.h>

#include "loop/loop.h"

typedef p2p_loop *make_fn(counted *memory);

static p2p_loop *make_sim(counted *memory)
{
    return counted_sim(memory, 0);
}

static make_fn *const makes[2] = {make_sim, counted_loop};

/* A loop, and a log of what ran on it. */
typedef struct world {
    counted memory;
    p2p_loop *loop;
    p2p_timer timer;
    p2p_task tasks[6];
    char log[64];
    size_t len;
    int result;
    uint64_t now;
} world;

static void begin(world *w, void **state)
{
    make_fn *const *make = *state;
    memset(w, 0, sizeof *w);
    w->loop = (*make)(&w->memory);
}

static void end(world *w)
{
    counted_end(w->loop, &w->memory);
}

static void note(world *w, char what)
{
    assert_true(w->len + 1 < sizeof w->log);
    w->log[w->len++] = what;
    w->log[w->len] = 0;
}

#define NOTES(letter, fn)     \
    static void fn(void *arg) \
    {                         \
        note(arg, letter);    \
    }
NOTES('d', note_deferred)
NOTES('f', note_flush)
NOTES('p', note_posted)
NOTES('t', note_timer)

static void test_order_of_a_turn(void **state)
{
    world w;
    begin(&w, state);
    p2p_task_init(&w.tasks[0], note_flush, &w);
    p2p_task_init(&w.tasks[1], note_deferred, &w);
    p2p_task_init(&w.tasks[2], note_posted, &w);
    p2p_timer_init(&w.timer, w.loop, note_timer, &w);
    p2p_loop_flush(w.loop, &w.tasks[0]);
    p2p_loop_defer(w.loop, &w.tasks[1]);
    p2p_loop_post(w.loop, &w.tasks[2]);
    p2p_timer_start(&w.timer, p2p_loop_now(w.loop));
    assert_ok(p2p_loop_step(w.loop));
    assert_string_equal(w.log, "tpdf");
    end(&w);
}

/* Tasks that queue themselves and others. */
static void defer_again(void *arg)
{
    world *w = arg;
    note(w, 'D');
    if (w->len > 1)
        return;
    p2p_loop_defer(w->loop, &w->tasks[0]);
    p2p_loop_defer(w->loop, &w->tasks[1]);
    p2p_loop_flush(w->loop, &w->tasks[2]);
}

static void flush_again(void *arg)
{
    world *w = arg;
    note(w, 'F');
    if (w->result++)
        return;
    p2p_loop_flush(w->loop, &w->tasks[2]);
    p2p_loop_defer(w->loop, &w->tasks[3]);
}

/* What a task defers runs in the next round; a flush that a deferred task asks for in this one. */
static void test_rounds(void **state)
{
    world w;
    begin(&w, state);
    p2p_task_init(&w.tasks[0], defer_again, &w);
    p2p_task_init(&w.tasks[1], note_deferred, &w);
    p2p_task_init(&w.tasks[2], flush_again, &w);
    p2p_task_init(&w.tasks[3], note_posted, &w);
    p2p_loop_defer(w.loop, &w.tasks[0]);
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "DFDdpF");
    end(&w);
}

static void test_queued_once(void **state)
{
    world w;
    begin(&w, state);
    for (size_t i = 0; i < 3; i++)
        p2p_task_init(&w.tasks[i], i ? note_flush : note_deferred, &w);
    assert_false(p2p_task_queued(&w.tasks[0]));
    p2p_loop_defer(w.loop, &w.tasks[0]);
    p2p_loop_defer(w.loop, &w.tasks[0]);
    p2p_loop_flush(w.loop, &w.tasks[0]); /* queued already: it stays where it is */
    p2p_loop_flush(w.loop, &w.tasks[1]);
    p2p_loop_flush(w.loop, &w.tasks[1]);
    p2p_loop_flush(w.loop, &w.tasks[2]);
    assert_true(p2p_task_queued(&w.tasks[0]));
    p2p_task_cancel(&w.tasks[2]);
    p2p_task_cancel(&w.tasks[2]);
    assert_false(p2p_task_queued(&w.tasks[2]));
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "df");
    assert_false(p2p_task_queued(&w.tasks[0]));
    end(&w);
}

static void cancel_others(void *arg)
{
    world *w = arg;
    note(w, 'c');
    assert_true(p2p_task_queued(&w->tasks[2]));
    p2p_task_cancel(&w->tasks[2]);
    p2p_task_cancel(&w->tasks[3]);
    p2p_task_cancel(&w->tasks[5]);
}

/* A task can take others of its own round out, from anywhere in the queue. */
static void test_cancel_in_round(void **state)
{
    world w;
    begin(&w, state);
    p2p_task_init(&w.tasks[0], cancel_others, &w);
    for (size_t i = 1; i < 6; i++)
        p2p_task_init(&w.tasks[i], note_deferred, &w);
    for (size_t i = 0; i < 5; i++)
        p2p_loop_defer(w.loop, &w.tasks[i]);
    p2p_loop_flush(w.loop, &w.tasks[5]);
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "cdd");
    end(&w);
}

static void post_again(void *arg)
{
    world *w = arg;
    note(w, 'P');
    if (w->len < 3)
        p2p_loop_post(w->loop, &w->tasks[0]);
}

/* First come, first served; a posted task is a reason to run, and may post itself. */
static void test_post(void **state)
{
    world w;
    begin(&w, state);
    p2p_task_init(&w.tasks[0], post_again, &w);
    p2p_task_init(&w.tasks[1], note_posted, &w);
    p2p_task_init(&w.tasks[2], note_deferred, &w);
    p2p_loop_post(w.loop, &w.tasks[1]);
    assert_int_equal(p2p_loop_free(w.loop), P2P_ERR_BUSY);
    assert_true(p2p_loop_deadline(w.loop) <= p2p_loop_clock(w.loop));
    p2p_loop_post(w.loop, &w.tasks[2]);
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "pd");
    w.len = 0;
    p2p_loop_post(w.loop, &w.tasks[0]);
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "PPP");
    end(&w);
}

static void note_not_queued(void *arg)
{
    world *w = arg;
    assert_false(p2p_task_queued(&w->tasks[0])); /* it may be queued anew from here on */
    note(w, 't');
}

/* A posted task is a queued task: to queue it once more does nothing, in whichever way. */
static void test_post_twice(void **state)
{
    world w;
    begin(&w, state);
    p2p_task_init(&w.tasks[0], note_not_queued, &w);
    p2p_task_init(&w.tasks[1], note_posted, &w);
    p2p_task_init(&w.tasks[2], note_deferred, &w);
    for (size_t round = 0; round < 2; round++) {
        w.len = 0;
        p2p_loop_post(w.loop, &w.tasks[1]);
        p2p_loop_post(w.loop, &w.tasks[0]);
        p2p_loop_post(w.loop, &w.tasks[0]);
        p2p_loop_defer(w.loop, &w.tasks[0]);
        p2p_loop_flush(w.loop, &w.tasks[0]);
        p2p_task_cancel(&w.tasks[0]);
        p2p_loop_post(w.loop, &w.tasks[2]);
        p2p_loop_post(w.loop, &w.tasks[1]);
        for (size_t i = 0; i < 3; i++)
            assert_true(p2p_task_queued(&w.tasks[i]));
        assert_ok(p2p_loop_run(w.loop));
        assert_string_equal(w.log, "ptd");
        for (size_t i = 0; i < 3; i++)
            assert_false(p2p_task_queued(&w.tasks[i]));
    }
    /* And the other way round: deferred first. */
    w.len = 0;
    p2p_loop_defer(w.loop, &w.tasks[2]);
    p2p_loop_post(w.loop, &w.tasks[2]);
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "d");
    end(&w);
}

static void unpost_others(void *arg)
{
    world *w = arg;
    note(w, 'u');
    p2p__loop_unpost(w->loop, &w->tasks[2]); /* of this round */
    p2p_loop_post(w->loop, &w->tasks[4]);
    p2p__loop_unpost(w->loop, &w->tasks[4]); /* of the next */
}

/* Taken back, a posted task does not run, and can be queued again. */
static void test_unpost(void **state)
{
    world w;
    begin(&w, state);
    for (size_t i = 0; i < 5; i++)
        p2p_task_init(&w.tasks[i], i == 1 ? unpost_others : note_posted, &w);
    for (size_t i = 0; i < 4; i++)
        p2p_loop_post(w.loop, &w.tasks[i]);
    p2p__loop_unpost(w.loop, &w.tasks[0]);
    p2p__loop_unpost(w.loop, &w.tasks[4]); /* is not posted */
    assert_false(p2p_task_queued(&w.tasks[0]));
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "up");
    for (size_t i = 0; i < 5; i++)
        assert_false(p2p_task_queued(&w.tasks[i]));
    p2p_loop_post(w.loop, &w.tasks[2]);
    p2p_loop_defer(w.loop, &w.tasks[4]);
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "uppp");
    end(&w);
}

static void test_null_loop(void **state)
{
    (void)state;
    uint8_t bytes[4];
    p2p_task task;
    p2p_timer timer;
    p2p_task_init(&task, note_posted, NULL);
    assert_int_equal(p2p_loop_run(NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_loop_step(NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_loop_fd(NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_loop_secret(NULL, bytes, 4), P2P_ERR_INVALID);
    p2p_loop_stop(NULL);
    p2p_loop_hold(NULL);
    p2p_loop_release(NULL);
    p2p_loop_wakeup(NULL);
    p2p_loop_log(NULL, P2P_LOG_ERROR, "nobody hears it");
    p2p_loop_defer(NULL, &task);
    p2p_loop_flush(NULL, &task);
    p2p_loop_post(NULL, &task);
    assert_false(p2p_task_queued(&task));
    p2p_timer_init(&timer, NULL, note_timer, NULL);
    p2p_timer_start(&timer, 0);
    p2p_timer_start_in(&timer, 0);
    p2p_timer_stop(&timer);
    assert_false(p2p_timer_active(&timer));
    assert_true(p2p_loop_deadline(NULL) == P2P_NEVER);
    assert_int_equal(p2p_loop_now(NULL), 0);
    assert_int_equal(p2p_loop_clock(NULL), 0);
    assert_int_equal(p2p_loop_wall(NULL), 0);
    assert_int_equal(p2p_loop_jitter(NULL), 0);
    assert_null(p2p_loop_allocator(NULL));
}

static void test_null_arguments(void **state)
{
    world w;
    p2p_watch *watch;
    begin(&w, state);
    assert_int_equal(p2p_loop_secret(w.loop, NULL, 1), P2P_ERR_INVALID);
    assert_ok(p2p_loop_secret(w.loop, NULL, 0));
    p2p_loop_log(w.loop, P2P_LOG_ERROR, NULL);
    p2p_timer_init(NULL, w.loop, note_timer, NULL);
    p2p_timer_start(NULL, 0);
    p2p_timer_start_in(NULL, 0);
    p2p_timer_stop(NULL);
    assert_false(p2p_timer_active(NULL));
    p2p_timer_init(&w.timer, w.loop, NULL, NULL); /* nothing to call: it never starts */
    p2p_timer_start(&w.timer, 0);
    p2p_timer_start_in(&w.timer, 0);
    assert_false(p2p_timer_active(&w.timer));
    p2p_task_init(NULL, note_posted, NULL);
    p2p_task_init(&w.tasks[0], NULL, NULL);
    p2p_task *none[2] = {NULL, &w.tasks[0]};
    for (size_t i = 0; i < 2; i++) {
        p2p_loop_defer(w.loop, none[i]);
        p2p_loop_flush(w.loop, none[i]);
        p2p_loop_post(w.loop, none[i]);
        assert_false(p2p_task_queued(none[i]));
        p2p_task_cancel(none[i]);
    }
    assert_int_equal(p2p_watch_set(NULL, P2P_READABLE), P2P_ERR_INVALID);
    assert_int_equal(p2p_watch_new(NULL, w.loop, 0, NULL, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_watch_new(&watch, NULL, 0, NULL, NULL), P2P_ERR_INVALID);
    p2p_watch_free(NULL);
    assert_ok(p2p_loop_run(w.loop));
    end(&w);
}

static void try_inside(void *arg)
{
    world *w = arg;
    assert_int_equal(p2p_loop_run(w->loop), P2P_ERR_BUSY);
    assert_int_equal(p2p_loop_step(w->loop), P2P_ERR_BUSY);
    assert_int_equal(p2p_loop_free(w->loop), P2P_ERR_BUSY);
    note(w, 'i');
}

static void test_inside(void **state)
{
    world w;
    begin(&w, state);
    p2p_task_init(&w.tasks[0], try_inside, &w);
    p2p_task_init(&w.tasks[1], try_inside, &w);
    p2p_task_init(&w.tasks[2], try_inside, &w);
    p2p_timer_init(&w.timer, w.loop, try_inside, &w);
    p2p_loop_defer(w.loop, &w.tasks[0]);
    p2p_loop_flush(w.loop, &w.tasks[1]);
    p2p_loop_post(w.loop, &w.tasks[2]);
    p2p_timer_start(&w.timer, 0);
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "iiii");
    end(&w);
}

static void test_free_is_busy(void **state)
{
    world w;
    begin(&w, state);
    p2p_task_init(&w.tasks[0], note_deferred, &w);
    p2p_timer_init(&w.timer, w.loop, note_timer, &w);
    p2p_loop_defer(w.loop, &w.tasks[0]);
    assert_int_equal(p2p_loop_free(w.loop), P2P_ERR_BUSY);
    p2p_task_cancel(&w.tasks[0]);
    p2p_loop_flush(w.loop, &w.tasks[0]);
    assert_int_equal(p2p_loop_free(w.loop), P2P_ERR_BUSY);
    p2p_task_cancel(&w.tasks[0]);
    p2p_timer_start(&w.timer, P2P_NEVER);
    assert_int_equal(p2p_loop_free(w.loop), P2P_ERR_BUSY);
    p2p_timer_stop(&w.timer);
    p2p_loop_hold(w.loop);
    assert_int_equal(p2p_loop_free(w.loop), P2P_ERR_BUSY);
    p2p_loop_release(w.loop);
    end(&w);
    assert_ok(p2p_loop_free(NULL));
}

static void release_twice(void *arg)
{
    world *w = arg;
    note(w, 'r');
    p2p_loop_release(w->loop);
    if (w->len < 2)
        p2p_timer_start_in(&w->timer, 1000);
}

/* run() goes on while held, and ends with nothing to do. */
static void test_hold(void **state)
{
    world w;
    begin(&w, state);
    assert_ok(p2p_loop_run(w.loop));
    p2p_timer_init(&w.timer, w.loop, release_twice, &w);
    p2p_loop_hold(w.loop);
    p2p_loop_hold(w.loop);
    p2p_timer_start_in(&w.timer, 1000);
    assert_ok(p2p_loop_run(w.loop));
    assert_string_equal(w.log, "rr");
    /* A timer that never fires is no reason to go on. */
    p2p_timer_start(&w.timer, P2P_NEVER);
    assert_ok(p2p_loop_run(w.loop));
    p2p_timer_stop(&w.timer);
    end(&w);
}

static void stop_loop(void *arg)
{
    world *w = arg;
    note(w, 's');
    p2p_timer_start_in(&w->timer, 0);
    p2p_loop_stop(w->loop);
}

static void test_stop(void **state)
{
    world w;
    begin(&w, state);
    p2p_timer_init(&w.timer, w.loop, stop_loop, &w);
    p2p_timer_start_in(&w.timer, 0);
    for (size_t i = 1; i < 4; i++) {
        assert_ok(p2p_loop_run(w.loop));
        assert_int_equal(w.len, i);
    }
    /* Held and with nothing to do, it stops as well. */
    p2p_loop_hold(w.loop);
    assert_ok(p2p_loop_run(w.loop));
    assert_int_equal(w.len, 4);
    p2p_loop_release(w.loop);
    /* With nothing running there is nothing to stop. */
    p2p_loop_stop(w.loop);
    assert_ok(p2p_loop_run(w.loop));
    assert_int_equal(w.len, 5);
    p2p_loop_stop(w.loop);
    assert_ok(p2p_loop_step(w.loop));
    assert_int_equal(w.len, 6);
    p2p_timer_stop(&w.timer);
    p2p_loop_stop(w.loop);
    end(&w);
}

static void watch_clock(void *arg)
{
    world *w = arg;
    uint64_t now = p2p_loop_now(w->loop);
    uint64_t last = p2p_loop_clock(w->loop);
    for (int i = 0; i < 1000; i++) {
        uint64_t clock = p2p_loop_clock(w->loop);
        assert_true(clock >= last && clock >= now);
        last = clock;
        assert_true(p2p_loop_now(w->loop) == now);
    }
    assert_true(now >= w->now);
    w->now = now;
    note(w, 'n');
    if (w->len < 20)
        p2p_timer_start_in(&w->timer, 100);
}

static void test_clock(void **state)
{
    world w;
    begin(&w, state);
    p2p_timer_init(&w.timer, w.loop, watch_clock, &w);
    p2p_timer_start_in(&w.timer, 0);
    assert_ok(p2p_loop_run(w.loop));
    assert_int_equal(w.len, 20);
    assert_true(p2p_loop_now(w.loop) >= w.now);
    assert_true(p2p_loop_wall(w.loop) > UINT64_C(1600000000) * P2P_SECOND);
    end(&w);
}

static void test_random(void **state)
{
    (void)state;
    p2p_loop_config config;
    p2p_loop *sim, *uv;
    p2p_loop_config_init(&config);
    config.seed = 99;
    assert_ok(p2p_sim_new(&sim, &config));
    assert_ok(p2p_loop_new(&uv, &config));
    for (int i = 0; i < 100; i++)
        assert_true(p2p_loop_jitter(sim) == p2p_loop_jitter(uv));
    p2p_loop *others[2] = {sim, uv};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[2][64] = {{0}};
        assert_ok(p2p_loop_secret(others[i], bytes[0], 0));
        assert_int_equal(bytes[0][0], 0);
        assert_ok(p2p_loop_secret(others[i], bytes[0], 33));
        assert_int_equal(bytes[0][33], 0);
        assert_ok(p2p_loop_secret(others[i], bytes[1], 64));
        assert_memory_not_equal(bytes[0], bytes[1], 33);
        assert_ok(p2p_loop_free(others[i]));
    }
    /* Without a seed the stream of the libuv make is another one each time. */
    p2p_loop *a, *b;
    assert_ok(p2p_loop_new(&a, NULL));
    assert_ok(p2p_loop_new(&b, NULL));
    assert_true(p2p_loop_jitter(a) != p2p_loop_jitter(b));
    assert_ok(p2p_loop_free(a));
    assert_ok(p2p_loop_free(b));
}

typedef int new_fn(p2p_loop **out, const p2p_loop_config *config);

static void test_config(void **state)
{
    make_fn *const *make = *state;
    new_fn *new_loop = *make == make_sim ? p2p_sim_new : p2p_loop_new;
    p2p_loop *loop = NULL;
    p2p_loop_config config = {0};
    assert_int_equal(new_loop(NULL, NULL), P2P_ERR_INVALID);
    assert_int_equal(new_loop(&loop, &config), P2P_ERR_INVALID); /* its size is not set */
    p2p_loop_config_init(&config);
    p2p_allocator half = *p2p_default_allocator();
    half.resize = NULL;
    config.allocator = &half;
    assert_int_equal(new_loop(&loop, &config), P2P_ERR_INVALID);

    /* A config of later headers: what is not known here must be zero. */
    struct {
        p2p_loop_config config;
        uint64_t later;
    } longer = {.later = 0};
    p2p_loop_config_init(&longer.config);
    longer.config.size = sizeof longer;
    assert_ok(new_loop(&loop, &longer.config));
    assert_ok(p2p_loop_free(loop));
    longer.later = 1;
    assert_int_equal(new_loop(&loop, &longer.config), P2P_ERR_INVALID);

    /* One of earlier headers, which ended after the allocator. */
    counted memory;
    p2p_allocator allocator = counted_allocator(&memory);
    p2p_loop_config_init(&config);
    config.size = offsetof(p2p_loop_config, log);
    config.allocator = &allocator;
    config.log_level = P2P_LOG_DEBUG;
    assert_ok(new_loop(&loop, &config));
    assert_true(memory.live > 0);
    assert_memory_equal(p2p_loop_allocator(loop), &allocator, sizeof allocator);
    counted_end(loop, &memory);

    for (size_t i = 1;; i++) {
        allocator = counted_allocator(&memory);
        memory.fail_at = i;
        int err = new_loop(&loop, &config);
        if (!err)
            break;
        assert_int_equal(err, P2P_ERR_NO_MEMORY);
        assert_int_equal(memory.live, 0);
    }
    counted_end(loop, &memory);
}

typedef struct lines {
    char last[600];
    p2p_log_level level;
    size_t count;
} lines;

static void keep_line(void *arg, p2p_log_level level, const char *text)
{
    lines *l = arg;
    snprintf(l->last, sizeof l->last, "%s", text);
    l->level = level;
    l->count++;
}

static void test_log(void **state)
{
    (void)state;
    lines l = {.count = 0};
    p2p_loop_config config;
    p2p_loop *loop;
    p2p_loop_config_init(&config);
    config.log = keep_line;
    config.log_arg = &l;
    assert_ok(p2p_sim_new(&loop, &config));
    p2p_loop_log(loop, P2P_LOG_INFO, "too much");
    p2p_loop_log(loop, P2P_LOG_NONE, "nothing");
    assert_int_equal(l.count, 0); /* the level is WARN if none is set */
    p2p_loop_log(loop, P2P_LOG_WARN, "%s %d", "seven", 7);
    assert_string_equal(l.last, "seven 7");
    assert_int_equal(l.level, P2P_LOG_WARN);
    p2p_loop_log(loop, P2P_LOG_ERROR, "%0600d", 1);
    assert_int_equal(strlen(l.last), 511);
    assert_ok(p2p_loop_free(loop));

    config.log_level = P2P_LOG_DEBUG;
    assert_ok(p2p_sim_new(&loop, &config));
    p2p_loop_log(loop, P2P_LOG_DEBUG, "fine");
    assert_string_equal(l.last, "fine");
    assert_ok(p2p_loop_free(loop));

    config.log = NULL;
    assert_ok(p2p_sim_new(&loop, &config));
    p2p_loop_log(loop, P2P_LOG_ERROR, "nobody hears it");
    assert_ok(p2p_loop_free(loop));
}

#define ON_BOTH(test)                                                       \
    {#test " (simulated)", test, NULL, NULL, (void *)(uintptr_t)&makes[0]}, \
    {                                                                       \
#test " (libuv)", test, NULL, NULL, (void *)(uintptr_t)&makes[1]    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_order_of_a_turn),
        ON_BOTH(test_rounds),
        ON_BOTH(test_queued_once),
        ON_BOTH(test_cancel_in_round),
        ON_BOTH(test_post),
        ON_BOTH(test_inside),
        ON_BOTH(test_free_is_busy),
        ON_BOTH(test_hold),
        ON_BOTH(test_stop),
        ON_BOTH(test_clock),
        ON_BOTH(test_config),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_log),
        ON_BOTH(test_post_twice),
        ON_BOTH(test_unpost),
        ON_BOTH(test_null_arguments),
        cmocka_unit_test(test_null_loop),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
