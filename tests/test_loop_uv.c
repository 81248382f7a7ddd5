/* SPDX-License-Identifier: MIT */
/* The libuv loop: on the caller's uv_loop_t, inside of a foreign poll, and its descriptors. */
#include "support/check.h"
#include "support/counted.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

typedef struct world {
    counted memory;
    uv_loop_t uv;
    p2p_loop *loop;
    p2p_timer timer;
    p2p_timer late;
    p2p_task task;
    p2p_watch *watch;
    p2p_watch *other;
    int fds[2];
    size_t calls;
    size_t other_calls;
    unsigned ready;
} world;

static void begin(world *w)
{
    memset(w, 0, sizeof *w);
    w->loop = counted_loop(&w->memory);
    assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, w->fds));
}

static void end(world *w)
{
    close(w->fds[0]);
    close(w->fds[1]);
    counted_end(w->loop, &w->memory);
}

static void begin_on_callers(world *w)
{
    memset(w, 0, sizeof *w);
    assert_ok(uv_loop_init(&w->uv));
    p2p_allocator allocator = counted_allocator(&w->memory);
    p2p_loop_config config;
    p2p_loop_config_init(&config);
    config.allocator = &allocator;
    config.uv_loop = &w->uv;
    assert_ok(p2p_loop_new(&w->loop, &config));
    assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, w->fds));
}

static void end_on_callers(world *w)
{
    close(w->fds[0]);
    close(w->fds[1]);
    assert_ok(p2p_loop_free(w->loop));
    assert_true(w->memory.live > 0); /* the handles close in the next turn */
    assert_int_equal(uv_run(&w->uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(w->memory.live, 0);
    assert_ok(uv_loop_close(&w->uv));
}

static void count_call(void *arg)
{
    world *w = arg;
    w->calls++;
}

static void free_other(void *arg, unsigned ready)
{
    world *w = arg;
    (void)ready;
    w->calls++;
    p2p_watch_free(w->watch);
    p2p_watch_free(w->other);
}

/* --- on the caller's loop --- */

static void test_callers_loop(void **state)
{
    (void)state;
    world w;
    begin_on_callers(&w);
    assert_int_equal(p2p_loop_run(w.loop), P2P_ERR_UNSUPPORTED);
    assert_int_equal(uv_run(&w.uv, UV_RUN_DEFAULT), 0); /* nothing to do: it keeps nobody up */
    p2p_timer_init(&w.timer, w.loop, count_call, &w);
    p2p_timer_start_in(&w.timer, 2 * P2P_MILLISECOND);
    p2p_task_init(&w.task, count_call, &w);
    p2p_loop_defer(w.loop, &w.task);
    assert_int_equal(uv_run(&w.uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(w.calls, 2);
    p2p_timer_start(&w.timer, P2P_NEVER);
    assert_int_equal(uv_run(&w.uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(p2p_loop_free(w.loop), P2P_ERR_BUSY);
    p2p_timer_stop(&w.timer);
    end_on_callers(&w);
}

static void on_callers_timer(uv_timer_t *timer)
{
    world *w = timer->data;
    p2p_timer_start_in(&w->timer, 0);
    p2p_loop_defer(w->loop, &w->task);
    uv_close((uv_handle_t *)timer, NULL);
}

/* The caller's own callbacks may use the loop. */
static void test_callers_callbacks(void **state)
{
    (void)state;
    world w;
    uv_timer_t timer;
    begin_on_callers(&w);
    p2p_timer_init(&w.timer, w.loop, count_call, &w);
    p2p_task_init(&w.task, count_call, &w);
    assert_ok(uv_timer_init(&w.uv, &timer));
    timer.data = &w;
    assert_ok(uv_timer_start(&timer, on_callers_timer, 1, 0));
    assert_int_equal(uv_run(&w.uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(w.calls, 2);
    end_on_callers(&w);
}

static void on_callers_release(uv_timer_t *timer)
{
    world *w = timer->data;
    w->calls++;
    p2p_loop_release(w->loop);
    uv_close((uv_handle_t *)timer, NULL);
}

static void test_callers_hold(void **state)
{
    (void)state;
    world w;
    uv_timer_t timer;
    begin_on_callers(&w);
    p2p_loop_hold(w.loop);
    assert_ok(uv_timer_init(&w.uv, &timer));
    timer.data = &w;
    assert_ok(uv_timer_start(&timer, on_callers_release, 1, 0));
    uv_unref((uv_handle_t *)&timer);
    assert_int_equal(uv_run(&w.uv, UV_RUN_DEFAULT), 0); /* up to the release, not longer */
    assert_int_equal(w.calls, 1);
    end_on_callers(&w);
}

static void on_callers_prepare(uv_prepare_t *prepare)
{
    world *w = prepare->data;
    uv_prepare_stop(prepare);
    p2p_loop_defer(w->loop, &w->task);
    p2p_timer_start_in(&w->timer, P2P_MILLISECOND);
}

static void on_safety(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("%s", "libuv waited although there was something to do");
}

/* The caller's prepare callback comes after ours, right before the wait: what it queues counts. */
static void test_callers_prepare(void **state)
{
    (void)state;
    world w;
    uv_prepare_t prepare;
    uv_timer_t safety;
    memset(&w, 0, sizeof w);
    assert_ok(uv_loop_init(&w.uv));
    assert_ok(uv_prepare_init(&w.uv, &prepare));
    prepare.data = &w;
    assert_ok(uv_prepare_start(&prepare, on_callers_prepare));
    assert_ok(uv_timer_init(&w.uv, &safety));
    assert_ok(uv_timer_start(&safety, on_safety, 5000, 0));
    uv_unref((uv_handle_t *)&safety);
    p2p_loop_config config;
    p2p_loop_config_init(&config);
    config.uv_loop = &w.uv;
    assert_ok(p2p_loop_new(&w.loop, &config));
    p2p_timer_init(&w.timer, w.loop, count_call, &w);
    p2p_task_init(&w.task, count_call, &w);
    assert_int_equal(uv_run(&w.uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(w.calls, 2);
    uv_close((uv_handle_t *)&safety, NULL);
    uv_close((uv_handle_t *)&prepare, NULL);
    assert_ok(p2p_loop_free(w.loop));
    assert_int_equal(uv_run(&w.uv, UV_RUN_DEFAULT), 0);
    assert_ok(uv_loop_close(&w.uv));
}

static void start_timer(void *arg, unsigned ready)
{
    world *w = arg;
    char byte;
    assert_int_equal(ready, P2P_READABLE);
    assert_int_equal(read(w->fds[0], &byte, 1), 1);
    p2p_timer_start_in(&w->timer, 10 * P2P_MILLISECOND);
}

/* Who waits by uv_backend_fd and uv_backend_timeout is told of our deadlines as well. */
static void test_callers_backend(void **state)
{
    (void)state;
    world w;
    begin_on_callers(&w);
    p2p_timer_init(&w.timer, w.loop, count_call, &w);
    p2p_task_init(&w.task, count_call, &w);
    assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], start_timer, &w));
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
    uv_run(&w.uv, UV_RUN_NOWAIT);
    assert_int_equal(uv_backend_timeout(&w.uv), -1);
    p2p_loop_defer(w.loop, &w.task);
    assert_int_equal(uv_backend_timeout(&w.uv), 0);
    uv_run(&w.uv, UV_RUN_NOWAIT);
    assert_int_equal(w.calls, 1);
    assert_int_equal(uv_backend_timeout(&w.uv), -1);
    assert_int_equal(write(w.fds[1], "x", 1), 1);
    uv_run(&w.uv, UV_RUN_NOWAIT);
    assert_in_range(uv_backend_timeout(&w.uv), 0, 11);
    p2p_timer_stop(&w.timer);
    p2p_watch_free(w.watch);
    end_on_callers(&w);
}

static void on_callers_idle(uv_idle_t *idle)
{
    world *w = idle->data;
    w->calls++;
    assert_int_equal(p2p_loop_step(w->loop), P2P_ERR_UNSUPPORTED);
    uv_close((uv_handle_t *)idle, NULL);
}

/* One turn of the caller's loop is the caller's to take. */
static void test_callers_step(void **state)
{
    (void)state;
    world w;
    uv_idle_t idle;
    begin_on_callers(&w);
    assert_ok(uv_idle_init(&w.uv, &idle));
    idle.data = &w;
    assert_ok(uv_idle_start(&idle, on_callers_idle));
    assert_int_equal(p2p_loop_step(w.loop), P2P_ERR_UNSUPPORTED);
    assert_int_equal(w.calls, 0);
    assert_int_equal(uv_run(&w.uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(w.calls, 1);
    end_on_callers(&w);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* What many programs do at their end, though our handles are not theirs to close. */
static void close_all(bool turn)
{
    world w;
    begin_on_callers(&w);
    p2p_timer_init(&w.timer, w.loop, count_call, &w);
    p2p_task_init(&w.task, count_call, &w);
    assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], free_other, &w));
    assert_ok(p2p_watch_new(&w.other, w.loop, w.fds[1], free_other, &w));
    assert_ok(p2p_watch_set(w.watch, P2P_WRITABLE));
    p2p_timer_start_in(&w.timer, P2P_MILLISECOND);
    p2p_watch_free(w.other);
    uv_walk(&w.uv, close_handle, NULL);
    if (turn)
        assert_int_equal(uv_run(&w.uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(p2p_watch_set(w.watch, P2P_READABLE), P2P_ERR_INVALID);
    p2p_watch_free(w.watch);
    p2p_loop_defer(w.loop, &w.task);
    p2p_timer_start_in(&w.timer, 0);
    assert_int_equal(p2p_loop_free(w.loop), P2P_ERR_BUSY);
    p2p_task_cancel(&w.task);
    p2p_timer_stop(&w.timer);
    p2p_loop_wakeup(w.loop);
    assert_int_equal(w.calls, 0);
    end_on_callers(&w);
}

static void test_callers_close_all(void **state)
{
    (void)state;
    close_all(false);
    close_all(true);
}

static void free_watch_later(void *arg, unsigned ready)
{
    world *w = arg;
    (void)ready;
    p2p_watch_free(w->watch);
}

/* A watch that is just freed does not keep the loop, whoever's libuv it is. */
static void test_free_after_watch(void **state)
{
    (void)state;
    world w;
    begin(&w);
    assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], free_watch_later, &w));
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
    assert_int_equal(p2p_loop_free(w.loop), P2P_ERR_BUSY);
    p2p_watch_free(w.watch);
    end(&w);

    begin_on_callers(&w);
    assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], free_watch_later, &w));
    assert_ok(p2p_watch_new(&w.other, w.loop, w.fds[1], free_watch_later, &w));
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
    p2p_watch_free(w.watch);
    p2p_watch_free(w.other);
    end_on_callers(&w);
}

static void be_busy(void *arg)
{
    world *w = arg;
    uint64_t until = p2p_loop_clock(w->loop) + 20 * P2P_MILLISECOND;
    while (p2p_loop_clock(w->loop) < until)
        continue;
}

/* What a turn took does not come on top of the wait for the next timer. */
static void test_wait_after_busy_turn(void **state)
{
    (void)state;
    world w;
    begin_on_callers(&w);
    p2p_task_init(&w.task, be_busy, &w);
    p2p_timer_init(&w.timer, w.loop, count_call, &w);
    p2p_loop_defer(w.loop, &w.task);
    p2p_timer_start_in(&w.timer, 3000 * P2P_MILLISECOND);
    uint64_t deadline = p2p_loop_deadline(w.loop);
    assert_true(deadline <= p2p_loop_clock(w.loop)); /* for the task */
    deadline = p2p_loop_now(w.loop) + 3000 * P2P_MILLISECOND;
    assert_int_equal(uv_run(&w.uv, UV_RUN_NOWAIT), 1);
    uint64_t now = p2p_loop_clock(w.loop);
    uv_update_time(&w.uv);
    uint64_t wait = (uint64_t)uv_backend_timeout(&w.uv) * P2P_MILLISECOND;
    assert_true(now + wait <= deadline + 2 * P2P_MILLISECOND);
    p2p_timer_stop(&w.timer);
    end_on_callers(&w);
}

/* --- timers in real time --- */

typedef struct due {
    p2p_timer timer;
    world *w;
    uint64_t deadline;
} due;

static void on_due(void *arg)
{
    due *d = arg;
    assert_true(p2p_loop_now(d->w->loop) >= d->deadline);
    assert_true(p2p_loop_clock(d->w->loop) >= d->deadline);
    d->w->calls++;
}

static void test_never_early(void **state)
{
    (void)state;
    world w;
    due dues[100];
    begin(&w);
    for (size_t i = 0; i < COUNT_OF(dues); i++) {
        dues[i].w = &w;
        dues[i].deadline = p2p_loop_now(w.loop) + i * 137 * P2P_MICROSECOND;
        p2p_timer_init(&dues[i].timer, w.loop, on_due, &dues[i]);
        p2p_timer_start(&dues[i].timer, dues[i].deadline);
    }
    assert_ok(p2p_loop_run(w.loop));
    assert_int_equal(w.calls, COUNT_OF(dues));
    end(&w);
}

/* --- a foreign poll --- */

/* Waits as the header says, at most two seconds, and takes one step. Returns what poll said. */
static int foreign_turn(world *w)
{
    struct pollfd pfd = {p2p_loop_fd(w->loop), POLLIN, 0};
    assert_true(pfd.fd >= 0);
    uint64_t deadline = p2p_loop_deadline(w->loop);
    uint64_t now = p2p_loop_clock(w->loop);
    int wait = 2000;
    if (deadline <= now)
        wait = 0;
    else if (deadline - now < 2 * P2P_SECOND)
        wait = (int)((deadline - now) / P2P_MILLISECOND) + 1;
    int ready = poll(&pfd, 1, wait);
    assert_true(ready >= 0);
    assert_ok(p2p_loop_step(w->loop));
    return ready;
}

static void test_foreign_timers(void **state)
{
    (void)state;
    world w;
    begin(&w);
    assert_true(p2p_loop_deadline(w.loop) <= p2p_loop_clock(w.loop) ||
                p2p_loop_deadline(w.loop) == P2P_NEVER);
    p2p_timer_init(&w.timer, w.loop, count_call, &w);
    for (size_t i = 1; i <= 5; i++) {
        p2p_timer_start_in(&w.timer, 3 * P2P_MILLISECOND);
        while (w.calls < i)
            foreign_turn(&w);
    }
    assert_true(p2p_loop_deadline(w.loop) == P2P_NEVER);
    p2p_task_init(&w.task, count_call, &w);
    p2p_loop_defer(w.loop, &w.task);
    assert_true(p2p_loop_deadline(w.loop) <= p2p_loop_clock(w.loop));
    foreign_turn(&w);
    assert_int_equal(w.calls, 6);
    end(&w);
}

/* A wake-up, which may come from another thread, shows at the descriptor, from the very start. */
static void test_foreign_wakeup(void **state)
{
    (void)state;
    world w;
    begin(&w);
    while (p2p_loop_deadline(w.loop) != P2P_NEVER)
        assert_ok(p2p_loop_step(w.loop));
    for (int i = 0; i < 3; i++) {
        struct pollfd pfd = {p2p_loop_fd(w.loop), POLLIN, 0};
        assert_int_equal(poll(&pfd, 1, 0), 0);
        p2p_loop_wakeup(w.loop);
        assert_int_equal(poll(&pfd, 1, 0), 1);
        assert_ok(p2p_loop_step(w.loop));
    }
    end(&w);
}

static void read_one(void *arg, unsigned ready)
{
    world *w = arg;
    char byte;
    assert_int_equal(ready, P2P_READABLE);
    assert_int_equal(read(w->fds[0], &byte, 1), 1);
    w->calls++;
}

/* A watch that is set between the turns counts at once. */
static void test_foreign_watch(void **state)
{
    (void)state;
    world w;
    begin(&w);
    foreign_turn(&w);
    assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], read_one, &w));
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
    assert_true(p2p_loop_deadline(w.loop) <= p2p_loop_clock(w.loop));
    foreign_turn(&w);
    assert_true(p2p_loop_deadline(w.loop) == P2P_NEVER);
    assert_int_equal(write(w.fds[1], "abc", 3), 3);
    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(foreign_turn(&w), 1); /* ready until it is read empty */
        assert_int_equal(w.calls, i);
    }
    struct pollfd pfd = {p2p_loop_fd(w.loop), POLLIN, 0};
    assert_int_equal(poll(&pfd, 1, 0), 0);
    p2p_watch_free(w.watch);
    end(&w);
}

/* --- descriptors --- */

static void keep_ready(void *arg, unsigned ready)
{
    world *w = arg;
    w->ready = ready;
    w->calls++;
}

static void steps(world *w, int n)
{
    w->calls = 0;
    w->ready = 0;
    for (int i = 0; i < n; i++)
        assert_ok(p2p_loop_step(w->loop));
}

static void test_watch(void **state)
{
    (void)state;
    world w;
    begin(&w);
    assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], keep_ready, &w));
    steps(&w, 3);
    assert_int_equal(w.calls, 0); /* it asks for nothing yet */
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
    steps(&w, 3);
    assert_int_equal(w.calls, 0);
    assert_ok(p2p_watch_set(w.watch, P2P_WRITABLE));
    steps(&w, 3);
    assert_int_equal(w.calls, 3);
    assert_int_equal(w.ready, P2P_WRITABLE);
    assert_int_equal(write(w.fds[1], "a", 1), 1);
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
    steps(&w, 2);
    assert_int_equal(w.calls, 2);
    assert_int_equal(w.ready, P2P_READABLE);
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE | P2P_WRITABLE));
    steps(&w, 2);
    assert_int_equal(w.ready, P2P_READABLE | P2P_WRITABLE);
    assert_ok(p2p_watch_set(w.watch, 0));
    steps(&w, 2);
    assert_int_equal(w.calls, 0);
    /* The other side is gone: that can be read. */
    close(w.fds[1]);
    w.fds[1] = -1;
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
    steps(&w, 2);
    assert_int_equal(w.ready, P2P_READABLE);
    p2p_watch_free(w.watch);
    steps(&w, 2);
    assert_int_equal(w.calls, 0);
    p2p_watch_free(NULL);
    end(&w);
}

/* A descriptor with an error is told of again and again, and only what was asked for. */
static void test_watch_error(void **state)
{
    (void)state;
    world w;
    begin(&w);
    int ends[2];
    assert_ok(pipe(ends));
    close(ends[0]); /* nobody will read */
    assert_ok(p2p_watch_new(&w.watch, w.loop, ends[1], keep_ready, &w));
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
    steps(&w, 4);
    assert_in_range(w.calls, 3, 4);
    assert_int_equal(w.ready, P2P_READABLE);
    assert_ok(p2p_watch_set(w.watch, P2P_WRITABLE));
    steps(&w, 4);
    assert_in_range(w.calls, 3, 4);
    assert_int_equal(w.ready, P2P_WRITABLE);
    assert_ok(p2p_watch_set(w.watch, 0));
    steps(&w, 4);
    assert_int_equal(w.calls, 0);
    p2p_watch_free(w.watch);
    close(ends[1]);
    end(&w);
}

/* Both are ready; the first to be called frees both. */
static void test_watch_free_in_callback(void **state)
{
    (void)state;
    world w;
    begin(&w);
    assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], free_other, &w));
    assert_ok(p2p_watch_new(&w.other, w.loop, w.fds[1], free_other, &w));
    assert_ok(p2p_watch_set(w.watch, P2P_WRITABLE));
    assert_ok(p2p_watch_set(w.other, P2P_WRITABLE));
    assert_ok(p2p_loop_run(w.loop)); /* nothing is left then */
    assert_int_equal(w.calls, 1);
    end(&w);
}

static void post_and_free(void *arg, unsigned ready)
{
    world *w = arg;
    (void)ready;
    assert_int_equal(p2p_loop_free(w->loop), P2P_ERR_BUSY);
    p2p_loop_post(w->loop, &w->task);
    p2p_watch_free(w->watch);
}

/* A task posted in the last callback of the last watch still runs. */
static void test_post_in_last_watch(void **state)
{
    (void)state;
    world w;
    begin(&w);
    p2p_task_init(&w.task, count_call, &w);
    assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], post_and_free, &w));
    assert_ok(p2p_watch_set(w.watch, P2P_WRITABLE));
    assert_ok(p2p_loop_run(w.loop));
    assert_int_equal(w.calls, 1);
    end(&w);
}

/* Many watches: each descriptor once, whatever its number, and again once it is freed. */
static void test_many_watches(void **state)
{
    (void)state;
    enum { MANY = 400 };
    world w;
    int fds[MANY];
    p2p_watch *watches[MANY], *twice = NULL;
    begin(&w);
    for (size_t i = 0; i < MANY; i++)
        assert_true((fds[i] = fcntl(w.fds[0], F_DUPFD_CLOEXEC, 0)) >= 0);
    for (size_t i = 0; i < MANY; i++)
        assert_ok(p2p_watch_new(&watches[i], w.loop, fds[MANY - 1 - i], keep_ready, &w));
    for (size_t i = 0; i < MANY; i += 2)
        p2p_watch_free(watches[i]);
    for (size_t i = 0; i < MANY; i++) {
        int err = p2p_watch_new(&twice, w.loop, fds[MANY - 1 - i], keep_ready, &w);
        assert_int_equal(err, i % 2 ? P2P_ERR_IN_USE : 0);
        p2p_watch_free(i % 2 ? watches[i] : twice);
    }
    for (size_t i = 0; i < MANY; i++)
        close(fds[i]);
    end(&w);
}

/* A descriptor may be closed and its number used again as soon as its watch is freed. */
static void test_watch_number_again(void **state)
{
    (void)state;
    world w;
    begin(&w);
    for (int i = 0; i < 20; i++) {
        int ends[2];
        assert_ok(pipe2(ends, O_NONBLOCK));
        assert_ok(p2p_watch_new(&w.watch, w.loop, ends[0], keep_ready, &w));
        assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
        assert_int_equal(write(ends[1], "a", 1), 1);
        steps(&w, i % 3);
        assert_int_equal(w.calls, i % 3);
        p2p_watch_free(w.watch);
        close(ends[0]);
        close(ends[1]);
    }
    /* The same descriptor again, at once. */
    for (int i = 0; i < 5; i++) {
        assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], keep_ready, &w));
        assert_ok(p2p_watch_set(w.watch, P2P_WRITABLE));
        steps(&w, 2);
        assert_int_equal(w.calls, 2);
        p2p_watch_free(w.watch);
    }
    end(&w);
}

static void test_watch_errors(void **state)
{
    (void)state;
    world w;
    begin(&w);
    p2p_watch *watch = NULL;
    assert_int_equal(p2p_watch_new(&watch, w.loop, -1, keep_ready, &w), P2P_ERR_INVALID);
    assert_int_equal(p2p_watch_new(&watch, w.loop, w.fds[0], NULL, &w), P2P_ERR_INVALID);
    assert_int_equal(p2p_watch_new(&watch, w.loop, 9999, keep_ready, &w), P2P_ERR_INVALID);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(p2p_watch_new(&watch, w.loop, fileno(file), keep_ready, &w), P2P_ERR_INVALID);
    fclose(file);
    assert_int_equal(p2p_watch_new(&watch, w.loop, INT_MAX, keep_ready, &w), P2P_ERR_INVALID);
    assert_ok(fcntl(w.fds[0], F_SETFL, 0));
    assert_ok(p2p_watch_new(&w.watch, w.loop, w.fds[0], keep_ready, &w));
    assert_true(fcntl(w.fds[0], F_GETFL) & O_NONBLOCK); /* it stays so */
    assert_int_equal(p2p_watch_new(&watch, w.loop, w.fds[0], keep_ready, &w), P2P_ERR_IN_USE);
    assert_ok(p2p_watch_set(w.watch, P2P_READABLE));
    assert_int_equal(p2p_watch_new(&watch, w.loop, w.fds[0], keep_ready, &w), P2P_ERR_IN_USE);
    assert_ok(p2p_watch_set(w.watch, 0));
    assert_int_equal(p2p_watch_new(&watch, w.loop, w.fds[0], keep_ready, &w), P2P_ERR_IN_USE);
    w.memory.failing = 1;
    assert_int_equal(p2p_watch_new(&watch, w.loop, w.fds[1], keep_ready, &w), P2P_ERR_NO_MEMORY);
    w.memory.failing = 0;
    assert_null(watch);
    p2p_watch_free(w.watch);
    end(&w);
}

/* Without descriptors there is no loop, and no memory is left of the attempt. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct rlimit before, none;
    assert_ok(getrlimit(RLIMIT_NOFILE, &before));
    counted memory;
    p2p_allocator allocator = counted_allocator(&memory);
    p2p_loop_config config;
    p2p_loop_config_init(&config);
    config.allocator = &allocator;
    p2p_loop *loop = NULL;
    for (int i = 0; i < 3; i++) {
        int first_free = dup(0);
        assert_true(first_free >= 0);
        close(first_free);
        none = before;
        none.rlim_cur = (rlim_t)(first_free + i % 2);
        assert_ok(setrlimit(RLIMIT_NOFILE, &none));
        int err = p2p_loop_new(&loop, &config);
        assert_ok(setrlimit(RLIMIT_NOFILE, &before));
        assert_int_equal(err, P2P_ERR_IO);
        assert_int_equal(memory.live, 0);
    }
    assert_ok(p2p_loop_new(&loop, &config));
    counted_end(loop, &memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callers_loop),         cmocka_unit_test(test_callers_callbacks),
        cmocka_unit_test(test_callers_hold),         cmocka_unit_test(test_free_after_watch),
        cmocka_unit_test(test_wait_after_busy_turn), cmocka_unit_test(test_never_early),
        cmocka_unit_test(test_foreign_timers),       cmocka_unit_test(test_foreign_wakeup),
        cmocka_unit_test(test_foreign_watch),        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_watch_error),          cmocka_unit_test(test_watch_free_in_callback),
        cmocka_unit_test(test_watch_number_again),   cmocka_unit_test(test_watch_errors),
        cmocka_unit_test(test_no_descriptors),       cmocka_unit_test(test_callers_prepare),
        cmocka_unit_test(test_callers_backend),      cmocka_unit_test(test_callers_step),
        cmocka_unit_test(test_callers_close_all),    cmocka_unit_test(test_post_in_last_watch),
        cmocka_unit_test(test_many_watches),
    };
    return cmocka_run_group_tests_name("loop_uv", tests, NULL, NULL);
}
