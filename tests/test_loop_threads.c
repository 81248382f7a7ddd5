/* SPDX-License-Identifier: MIT */
/* What other threads may do with a loop: post tasks and wake it up. */
#include "support/check.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include <p2p/sim.h>

enum { THREADS = 4, EACH = 5000, TRIPS = 3000 };

typedef int new_fn(p2p_loop **out, const p2p_loop_config *config);
static new_fn *const makes[2] = {p2p_sim_new, p2p_loop_new};

static p2p_loop *new_loop(void **state)
{
    new_fn *const *make = *state;
    p2p_loop *loop = NULL;
    assert_ok((*make)(&loop, NULL));
    return loop;
}

/* A thread that posts its tasks one after the other. */
typedef struct poster {
    pthread_t thread;
    struct posters *all;
    size_t ran; /* of the loop's thread */
} poster;

typedef struct posters {
    p2p_loop *loop;
    poster list[THREADS];
    size_t ran;
} posters;

typedef struct numbered {
    p2p_task task;
    poster *from;
    size_t number;
} numbered;

static numbered tasks[THREADS][EACH];

static void on_posted(void *arg)
{
    numbered *n = arg;
    posters *all = n->from->all;
    assert_int_equal(n->number, n->from->ran); /* in the order of posting */
    n->from->ran++;
    if (++all->ran == THREADS * EACH)
        p2p_loop_stop(all->loop);
}

static void *post_all(void *arg)
{
    poster *p = arg;
    size_t index = (size_t)(p - p->all->list);
    for (size_t i = 0; i < EACH; i++)
        p2p_loop_post(p->all->loop, &tasks[index][i].task);
    return NULL;
}

static void test_post_from_threads(void **state)
{
    static posters all;
    memset(&all, 0, sizeof all);
    all.loop = new_loop(state);
    p2p_loop_hold(all.loop);
    for (size_t t = 0; t < THREADS; t++) {
        all.list[t].all = &all;
        for (size_t i = 0; i < EACH; i++) {
            numbered *n = &tasks[t][i];
            p2p_task_init(&n->task, on_posted, n);
            n->from = &all.list[t];
            n->number = i;
        }
    }
    for (size_t t = 0; t < THREADS; t++)
        assert_ok(pthread_create(&all.list[t].thread, NULL, post_all, &all.list[t]));
    while (all.ran < THREADS * EACH)
        assert_ok(p2p_loop_run(all.loop));
    for (size_t t = 0; t < THREADS; t++)
        assert_ok(pthread_join(all.list[t].thread, NULL));
    p2p_loop_release(all.loop);
    assert_ok(p2p_loop_free(all.loop));
}

/* Threads that post one and the same task over and over, each time after some news. */
typedef struct crowd {
    p2p_loop *loop;
    p2p_task task;
    atomic_size_t news;
    size_t seen;
    size_t runs;
} crowd;

static void on_news(void *arg)
{
    crowd *c = arg;
    c->seen = atomic_load_explicit(&c->news, memory_order_relaxed);
    c->runs++;
    if (c->seen == THREADS * EACH)
        p2p_loop_stop(c->loop);
}

static void *tell_news(void *arg)
{
    crowd *c = arg;
    for (size_t i = 0; i < EACH; i++) {
        atomic_fetch_add_explicit(&c->news, 1, memory_order_relaxed);
        p2p_loop_post(c->loop, &c->task);
    }
    return NULL;
}

/* Posts of a task that is posted already count as one, and a run comes after each of them. */
static void test_post_one_task(void **state)
{
    crowd c = {.loop = new_loop(state)};
    pthread_t threads[THREADS];
    p2p_task_init(&c.task, on_news, &c);
    p2p_loop_hold(c.loop);
    for (size_t t = 0; t < THREADS; t++)
        assert_ok(pthread_create(&threads[t], NULL, tell_news, &c));
    while (c.seen < THREADS * EACH)
        assert_ok(p2p_loop_run(c.loop));
    for (size_t t = 0; t < THREADS; t++)
        assert_ok(pthread_join(threads[t], NULL));
    p2p_loop_release(c.loop);
    while (p2p_loop_free(c.loop) == P2P_ERR_BUSY)
        assert_ok(p2p_loop_step(c.loop)); /* the last post is still under way */
    assert_in_range(c.runs, 1, THREADS * EACH);
}

/* Two loops on two threads that post one task to each other, there and back. */
typedef struct side {
    p2p_loop *loop;
    struct side *other;
    p2p_task task;
    size_t trips;
} side;

static void on_trip(void *arg)
{
    side *s = arg;
    if (++s->trips <= TRIPS)
        p2p_loop_post(s->other->loop, &s->other->task);
    if (s->trips >= TRIPS)
        p2p_loop_stop(s->loop);
}

static void *run_side(void *arg)
{
    side *s = arg;
    while (s->trips < TRIPS)
        if (p2p_loop_run(s->loop) != 0)
            break;
    return NULL;
}

static void test_ping_pong(void **state)
{
    side sides[2] = {{.trips = 0}};
    for (size_t i = 0; i < 2; i++) {
        sides[i].loop = new_loop(state);
        sides[i].other = &sides[1 - i];
        p2p_task_init(&sides[i].task, on_trip, &sides[i]);
        p2p_loop_hold(sides[i].loop);
    }
    p2p_loop_post(sides[0].loop, &sides[0].task);
    pthread_t thread;
    assert_ok(pthread_create(&thread, NULL, run_side, &sides[1]));
    run_side(&sides[0]);
    assert_ok(pthread_join(thread, NULL));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sides[i].trips, TRIPS);
        p2p_loop_release(sides[i].loop);
        while (p2p_loop_free(sides[i].loop) == P2P_ERR_BUSY)
            assert_ok(p2p_loop_step(sides[i].loop)); /* the last trip is still under way */
    }
}

/* Wakes the loop each time that its turn has been seen. */
typedef struct waker {
    p2p_loop *loop;
    atomic_size_t asked;
    atomic_size_t seen;
} waker;

static void *wake_up(void *arg)
{
    waker *w = arg;
    for (size_t i = 1; i <= 200; i++) {
        atomic_store(&w->asked, i);
        p2p_loop_wakeup(w->loop);
        while (atomic_load(&w->seen) < i)
            sched_yield();
    }
    return NULL;
}

static void test_wakeup(void **state)
{
    (void)state;
    waker w = {.loop = NULL};
    assert_ok(p2p_loop_new(&w.loop, NULL));
    while (p2p_loop_deadline(w.loop) != P2P_NEVER)
        assert_ok(p2p_loop_step(w.loop));
    pthread_t thread;
    assert_ok(pthread_create(&thread, NULL, wake_up, &w));
    struct pollfd pfd = {p2p_loop_fd(w.loop), POLLIN, 0};
    while (atomic_load(&w.seen) < 200) {
        assert_int_equal(poll(&pfd, 1, 20000), 1);
        size_t asked = atomic_load(&w.asked);
        assert_ok(p2p_loop_step(w.loop));
        atomic_store(&w.seen, asked);
    }
    assert_ok(pthread_join(thread, NULL));
    assert_ok(p2p_loop_step(w.loop));
    assert_ok(p2p_loop_free(w.loop));
}

/* A loop that waits in run() for nothing but a post. */
static void *post_one(void *arg)
{
    side *s = arg;
    p2p_loop_wakeup(s->loop); /* does nothing but a turn */
    p2p_loop_post(s->loop, &s->task);
    return NULL;
}

static void stop_run(void *arg)
{
    side *s = arg;
    s->trips++;
    p2p_loop_stop(s->loop);
}

static void test_wait_for_post(void **state)
{
    side s = {.loop = new_loop(state)};
    p2p_task_init(&s.task, stop_run, &s);
    p2p_loop_hold(s.loop);
    for (size_t i = 1; i <= 50; i++) {
        pthread_t thread;
        assert_ok(pthread_create(&thread, NULL, post_one, &s));
        assert_ok(p2p_loop_run(s.loop));
        assert_int_equal(s.trips, i);
        assert_ok(pthread_join(thread, NULL));
    }
    p2p_loop_release(s.loop);
    assert_ok(p2p_loop_free(s.loop));
}

#define ON_BOTH(test)                                                       \
    {#test " (simulated)", test, NULL, NULL, (void *)(uintptr_t)&makes[0]}, \
    {                                                                       \
#test " (libuv)", test, NULL, NULL, (void *)(uintptr_t)&makes[1]    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_post_from_threads), ON_BOTH(test_post_one_task),   ON_BOTH(test_ping_pong),
        ON_BOTH(test_wait_for_post),     cmocka_unit_test(test_wakeup),
    };
    return cmocka_run_group_tests_name("loop_threads", tests, NULL, NULL);
}
