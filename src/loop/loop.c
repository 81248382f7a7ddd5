/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/config.h"
#include "loop/timers.h"

static void tasks_init(p2p__tasks *tasks)
{
    tasks->ring.next = tasks->ring.prev = &tasks->ring;
}

static bool tasks_empty(const p2p__tasks *tasks)
{
    return tasks->ring.next == &tasks->ring;
}

static void tasks_append(p2p__tasks *tasks, p2p_task *task)
{
    task->prev = tasks->ring.prev;
    task->next = &tasks->ring;
    task->prev->next = task;
    tasks->ring.prev = task;
}

static void task_unlink(p2p_task *task)
{
    task->prev->next = task->next;
    task->next->prev = task->prev;
    task->next = task->prev = NULL;
}

/*
 * Where a task is queued shows in its prev: NULL for nowhere, itself for posted, else its place in
 * a ring. Posts come from any thread, so this is the one member that several threads may touch.
 */
static p2p_task *task_mark(const p2p_task *task)
{
    return __atomic_load_n(&task->prev, __ATOMIC_RELAXED);
}

/*
 * Marks a task as posted. Returns whether it was not queued before. If it was, the write is still
 * done: the run that comes then sees what this thread did before it posted.
 */
static bool task_mark_posted(p2p_task *task)
{
    p2p_task *was = task_mark(task);
    while (!__atomic_compare_exchange_n(&task->prev, &was, was ? was : task, true, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
        continue;
    return !was;
}

static void task_unmark(p2p_task *task)
{
    (void)__atomic_exchange_n(&task->prev, NULL, __ATOMIC_ACQ_REL);
}

/* Runs what is queued now; tasks that these queue go to the same queue and wait. */
static void tasks_run(p2p__tasks *tasks)
{
    if (tasks_empty(tasks))
        return;
    p2p__tasks now;
    now.ring = tasks->ring;
    now.ring.next->prev = &now.ring;
    now.ring.prev->next = &now.ring;
    tasks_init(tasks);
    while (!tasks_empty(&now)) {
        p2p_task *task = now.ring.next;
        task_unlink(task);
        task->fn(task->arg);
    }
}

int p2p__loop_config(p2p_loop_config *out, const p2p_loop_config *config)
{
    int err = p2p__config_copy(out, sizeof *out, config);
    if (err)
        return err;
    if (!out->allocator)
        out->allocator = p2p_default_allocator();
    if (!out->allocator->alloc || !out->allocator->resize || !out->allocator->free)
        return P2P_ERR_INVALID;
    if (out->log && out->log_level == P2P_LOG_NONE)
        out->log_level = P2P_LOG_WARN;
    return 0;
}

void p2p__loop_init(p2p_loop *loop, const p2p__loop_ops *ops, const p2p_loop_config *config,
                    uint64_t seed)
{
    memset(loop, 0, sizeof *loop);
    loop->ops = ops;
    loop->allocator = *config->allocator;
    loop->log = config->log;
    loop->log_arg = config->log_arg;
    loop->level = config->log ? config->log_level : P2P_LOG_NONE;
    loop->seed = seed;
    p2p__rand_seed(&loop->jitter, seed);
    tasks_init(&loop->deferred);
    tasks_init(&loop->flushes);
    atomic_init(&loop->posted, NULL);
    loop->now = ops->clock(loop);
}

void p2p__loop_refresh(p2p_loop *loop)
{
    uint64_t now = loop->ops->clock(loop);
    if (now > loop->now)
        loop->now = now;
}

bool p2p__loop_pending(const p2p_loop *loop)
{
    return !tasks_empty(&loop->deferred) || !tasks_empty(&loop->flushes) ||
           atomic_load_explicit(&loop->posted, memory_order_relaxed) != NULL;
}

void p2p__loop_update_alive(p2p_loop *loop)
{
    bool due = loop->timers && loop->timers->deadline != P2P_NEVER;
    bool alive = due || loop->holds || p2p__loop_pending(loop);
    if (alive != loop->alive) {
        loop->alive = alive;
        loop->ops->set_alive(loop, alive);
    }
}

static void become_alive(p2p_loop *loop)
{
    if (!loop->alive)
        p2p__loop_update_alive(loop);
    if (!loop->inside)
        loop->ops->notice(loop);
}

/* Timers started meanwhile have a later sequence and wait for the next turn, even if due. */
static void run_timers(p2p_loop *loop)
{
    uint64_t end = loop->sequence;
    while (loop->timers && loop->timers->deadline <= loop->now && loop->timers->sequence < end &&
           loop->timers->deadline != P2P_NEVER) {
        p2p_timer *timer = loop->timers;
        p2p__timers_remove(&loop->timers, timer);
        timer->fn(timer->arg);
    }
}

static void run_posted(p2p_loop *loop)
{
    if (!atomic_load_explicit(&loop->posted, memory_order_relaxed))
        return;
    p2p_task *task = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    while (task) {
        p2p_task *next = task->next;
        task->next = loop->taken;
        loop->taken = task;
        task = next;
    }
    while (loop->taken) {
        task = loop->taken;
        loop->taken = task->next;
        task->next = NULL;
        task_unmark(task); /* from here on it may be posted anew */
        task->fn(task->arg);
    }
}

void p2p__loop_round(p2p_loop *loop)
{
    loop->inside = true;
    tasks_run(&loop->deferred);
    tasks_run(&loop->flushes);
    loop->inside = false;
}

void p2p__loop_turn(p2p_loop *loop)
{
    p2p__loop_refresh(loop);
    loop->inside = true;
    run_timers(loop);
    run_posted(loop);
    p2p__loop_round(loop);
}

int p2p_loop_free(p2p_loop *loop)
{
    if (!loop)
        return 0;
    if (loop->users || loop->holds || loop->timers || loop->inside || loop->running ||
        p2p__loop_pending(loop))
        return P2P_ERR_BUSY;
    loop->ops->free(loop);
    return 0;
}

/* Runs or steps, and remembers that it does. */
static int guarded(p2p_loop *loop, int (*op)(p2p_loop *loop))
{
    if (loop->inside || loop->running)
        return P2P_ERR_BUSY;
    loop->running = true;
    int result = op(loop);
    loop->running = false;
    return result;
}

int p2p_loop_run(p2p_loop *loop)
{
    return loop ? guarded(loop, loop->ops->run) : P2P_ERR_INVALID;
}

void p2p_loop_stop(p2p_loop *loop)
{
    if (loop)
        loop->ops->stop(loop);
}

int p2p_loop_step(p2p_loop *loop)
{
    return loop ? guarded(loop, loop->ops->step) : P2P_ERR_INVALID;
}

int p2p_loop_fd(const p2p_loop *loop)
{
    return loop ? loop->ops->fd(loop) : P2P_ERR_INVALID;
}

uint64_t p2p_loop_deadline(const p2p_loop *loop)
{
    if (!loop)
        return P2P_NEVER;
    if (loop->must_step || p2p__loop_pending(loop))
        return loop->now;
    return loop->timers ? loop->timers->deadline : P2P_NEVER;
}

uint64_t p2p_loop_now(const p2p_loop *loop)
{
    if (!loop)
        return 0;
    if (loop->inside)
        return loop->now;
    uint64_t now = loop->ops->clock(loop);
    return now > loop->now ? now : loop->now;
}

uint64_t p2p_loop_clock(const p2p_loop *loop)
{
    return loop ? loop->ops->clock(loop) : 0;
}

uint64_t p2p_loop_wall(const p2p_loop *loop)
{
    return loop ? loop->ops->wall(loop) : 0;
}

int p2p_loop_secret(p2p_loop *loop, void *out, size_t len)
{
    if (!loop || (!out && len))
        return P2P_ERR_INVALID;
    return len ? loop->ops->secret(loop, out, len) : 0;
}

uint64_t p2p_loop_jitter(p2p_loop *loop)
{
    return loop ? p2p__rand_next(&loop->jitter) : 0;
}

const p2p_allocator *p2p_loop_allocator(const p2p_loop *loop)
{
    return loop ? &loop->allocator : NULL;
}

void p2p_loop_log(const p2p_loop *loop, p2p_log_level level, const char *format, ...)
{
    if (!loop || !format || level == P2P_LOG_NONE || level > loop->level)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len >= 0)
        loop->log(loop->log_arg, level, text);
}

void p2p_loop_hold(p2p_loop *loop)
{
    if (!loop)
        return;
    loop->holds++;
    become_alive(loop);
}

void p2p_loop_release(p2p_loop *loop)
{
    if (!loop)
        return;
    if (loop->holds)
        loop->holds--;
    p2p__loop_update_alive(loop);
}

void p2p_timer_init(p2p_timer *timer, p2p_loop *loop, p2p_timer_fn fn, void *arg)
{
    if (!timer)
        return;
    memset(timer, 0, sizeof *timer);
    timer->loop = fn ? loop : NULL; /* without a loop it never starts */
    timer->fn = fn;
    timer->arg = arg;
}

void p2p_timer_start(p2p_timer *timer, uint64_t deadline)
{
    p2p_loop *loop = timer ? timer->loop : NULL;
    if (!loop)
        return;
    if (timer->prev)
        p2p__timers_remove(&loop->timers, timer);
    /* A time gone by counts as now, so that it does not overtake timers that are already due. */
    timer->deadline = deadline < loop->now ? loop->now : deadline;
    timer->sequence = loop->sequence++;
    p2p__timers_insert(&loop->timers, timer);
    become_alive(loop);
}

void p2p_timer_start_in(p2p_timer *timer, uint64_t delay)
{
    if (!timer || !timer->loop)
        return;
    uint64_t now = p2p__loop_now(timer->loop);
    p2p_timer_start(timer, delay < P2P_NEVER - now ? now + delay : P2P_NEVER);
}

void p2p_timer_stop(p2p_timer *timer)
{
    if (!timer || !timer->prev)
        return;
    p2p__timers_remove(&timer->loop->timers, timer);
    if (!timer->loop->timers && !timer->loop->inside)
        p2p__loop_update_alive(timer->loop);
}

int p2p_timer_active(const p2p_timer *timer)
{
    return timer && timer->prev;
}

void p2p_task_init(p2p_task *task, p2p_task_fn fn, void *arg)
{
    if (!task)
        return;
    memset(task, 0, sizeof *task);
    task->fn = fn;
    task->arg = arg;
}

/* Whether a task can be queued at all. */
static bool is_task(const p2p_loop *loop, const p2p_task *task)
{
    return loop && task && task->fn;
}

void p2p_loop_defer(p2p_loop *loop, p2p_task *task)
{
    if (!is_task(loop, task) || task_mark(task))
        return;
    tasks_append(&loop->deferred, task);
    become_alive(loop);
}

void p2p_loop_flush(p2p_loop *loop, p2p_task *task)
{
    if (!is_task(loop, task) || task_mark(task))
        return;
    tasks_append(&loop->flushes, task);
    become_alive(loop);
}

void p2p_task_cancel(p2p_task *task)
{
    p2p_task *mark = task ? task_mark(task) : NULL;
    if (mark && mark != task)
        task_unlink(task);
}

int p2p_task_queued(const p2p_task *task)
{
    return task && task_mark(task);
}

void p2p_loop_post(p2p_loop *loop, p2p_task *task)
{
    if (!is_task(loop, task) || !task_mark_posted(task))
        return;
    p2p_task *last = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    do
        task->next = last;
    while (!atomic_compare_exchange_weak_explicit(&loop->posted, &last, task, memory_order_release,
                                                  memory_order_relaxed));
    /* Whoever found the queue empty wakes the loop; the others ride along. */
    if (!last)
        loop->ops->wakeup(loop);
}

/* Takes a task out of a list, if it is there. */
static bool list_remove(p2p_task **link, p2p_task *task)
{
    while (*link && *link != task)
        link = &(*link)->next;
    if (!*link)
        return false;
    *link = task->next;
    task->next = NULL;
    task_unmark(task);
    return true;
}

/* Others may post other tasks meanwhile: the queue is taken as a whole, and put back under them. */
void p2p__loop_unpost(p2p_loop *loop, p2p_task *task)
{
    if (task_mark(task) != task || list_remove(&loop->taken, task))
        return;
    p2p_task *list = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    list_remove(&list, task);
    while (list) {
        p2p_task *newer = NULL;
        if (atomic_compare_exchange_strong_explicit(&loop->posted, &newer, list,
                                                    memory_order_release, memory_order_relaxed))
            return;
        newer = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
        p2p_task **end = &newer;
        while (*end)
            end = &(*end)->next;
        *end = list;
        list = newer;
    }
}

void p2p_loop_wakeup(p2p_loop *loop)
{
    if (loop)
        loop->ops->wakeup(loop);
}

int p2p_watch_new(p2p_watch **out, p2p_loop *loop, int fd, p2p_watch_fn fn, void *arg)
{
    if (!out || !loop || fd < 0 || !fn)
        return P2P_ERR_INVALID;
    return loop->ops->watch_new(out, loop, fd, fn, arg);
}

int p2p_watch_set(p2p_watch *watch, unsigned wanted)
{
    return watch ? watch->loop->ops->watch_set(watch, wanted) : P2P_ERR_INVALID;
}

void p2p_watch_free(p2p_watch *watch)
{
    if (watch)
        watch->loop->ops->watch_free(watch);
}
