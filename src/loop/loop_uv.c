/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include <uv.h>

#include "loop/loop.h"

/*
 * The loop over libuv, on a uv_loop_t of its own or on the caller's. A turn runs in the prepare
 * phase, right before libuv waits; what the descriptors' callbacks queued runs in the check phase,
 * right after. The handles keep libuv running only while there is something to do.
 */
typedef struct uv_watch uv_watch;

/* A set of descriptors: one bit for each number, for numbers are small and dense. */
typedef struct fd_set_bits {
    uint64_t *words;
    size_t count;   /* of words */
    size_t members; /* bits that are set; without any, there are no words */
} fd_set_bits;

typedef struct uv_make {
    p2p_loop base;
    uv_loop_t own;
    uv_loop_t *uv; /* &own, or the caller's */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle; /* active while libuv must not wait */
    uv_timer_t timer;
    uv_async_t async;
    atomic_uint bell;   /* see on_async */
    uv_idle_t farewell; /* see say_farewell */
    uv_watch *orphans;  /* freed watches whose handle was closed by others */
    fd_set_bits fds;    /* the descriptors of watches that are not freed */
    uint64_t armed;     /* the deadline that timer stands for; P2P_NEVER while stopped */
    unsigned closing;   /* handles whose close callback is still to come */
    bool freed_on_last; /* the struct goes with the last close callback */
} uv_make;

struct uv_watch {
    p2p_watch base;
    uv_poll_t poll;
    int fd;
    int events;     /* what libuv was asked for */
    uv_watch *next; /* of the orphans */
};

#define HANDLES 5

static uv_make *make_of(const p2p_loop *loop)
{
    return (uv_make *)(uintptr_t)loop;
}

static uint64_t uv_make_clock(const p2p_loop *loop)
{
    (void)loop;
    return uv_hrtime();
}

static uint64_t uv_make_wall(const p2p_loop *loop)
{
    (void)loop;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * P2P_SECOND + (uint64_t)ts.tv_nsec;
}

/* The system is asked each time: bytes kept in a buffer would be given out twice after a fork. */
static int uv_make_secret(p2p_loop *loop, void *out, size_t len)
{
    int err = uv_random(NULL, NULL, out, len, 0, NULL);
    if (!err)
        return 0;
    p2p_loop_log(loop, P2P_LOG_ERROR, "no secret random bytes: %s", uv_strerror(err));
    return P2P_ERR_IO;
}

static void ring(uv_make *make)
{
    atomic_fetch_add_explicit(&make->bell, 1, memory_order_acq_rel);
}

static void uv_make_wakeup(p2p_loop *loop)
{
    uv_make *make = make_of(loop);
    ring(make);
    uv_async_send(&make->async);
}

static void uv_make_set_alive(p2p_loop *loop, bool alive)
{
    uv_make *make = make_of(loop);
    if (alive)
        uv_ref((uv_handle_t *)&make->prepare);
    else
        uv_unref((uv_handle_t *)&make->prepare);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void on_timer(uv_timer_t *timer)
{
    uv_make *make = timer->data;
    make->armed = P2P_NEVER;
}

/*
 * The async handle only has to end the wait: the next prepare phase takes the posted tasks.
 *
 * libuv drops a send while an earlier one is pending, and looks at that without ordering. The bell
 * brings the order, as both sides write to it: either the sender's ring comes first, and the loop
 * sees what was posted before it; or ours does, and the sender sees that nothing is pending.
 */
static void on_async(uv_async_t *async)
{
    ring(async->data);
}

static void uv_make_notice(p2p_loop *loop)
{
    uv_make *make = make_of(loop);
    if (!uv_is_closing((uv_handle_t *)&make->idle)) /* nobody should, but see say_farewell */
        uv_idle_start(&make->idle, on_idle);
}

/* Makes libuv wait until the next deadline and no longer. */
static void arm(uv_make *make)
{
    p2p_loop *loop = &make->base;
    if (p2p__loop_pending(loop)) {
        uv_make_notice(loop);
        return;
    }
    uv_idle_stop(&make->idle);
    uint64_t deadline = loop->timers ? loop->timers->deadline : P2P_NEVER;
    if (deadline == make->armed)
        return;
    make->armed = deadline;
    if (deadline == P2P_NEVER) {
        uv_timer_stop(&make->timer);
        return;
    }
    uv_update_time(make->uv); /* the turn may have taken a while */
    uint64_t now = uv_hrtime();
    uint64_t wait = deadline > now ? deadline - now : 0;
    uint64_t wait_ms = wait / P2P_MILLISECOND + (wait % P2P_MILLISECOND != 0);
    uv_timer_start(&make->timer, on_timer, wait_ms, 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
    uv_make *make = prepare->data;
    p2p__loop_turn(&make->base);
    arm(make);
    make->base.must_step = false;
    p2p__loop_update_alive(&make->base);
}

static void on_check(uv_check_t *check)
{
    uv_make *make = check->data;
    if (p2p__loop_pending(&make->base)) {
        p2p__loop_refresh(&make->base);
        p2p__loop_round(&make->base);
    }
    arm(make); /* for who asks uv_backend_timeout() before the next turn */
    p2p__loop_update_alive(&make->base);
}

static int uv_make_run(p2p_loop *loop)
{
    uv_make *make = make_of(loop);
    if (make->uv != &make->own)
        return P2P_ERR_UNSUPPORTED;
    p2p__loop_update_alive(loop);
    uv_run(make->uv, UV_RUN_DEFAULT);
    return 0;
}

static int uv_make_step(p2p_loop *loop)
{
    uv_make *make = make_of(loop);
    if (make->uv != &make->own)
        return P2P_ERR_UNSUPPORTED;
    p2p__loop_update_alive(loop);
    /* libuv does nothing at all in a loop that nothing keeps alive; posted tasks must still run. */
    uv_ref((uv_handle_t *)&make->async);
    uv_run(make->uv, UV_RUN_NOWAIT);
    uv_unref((uv_handle_t *)&make->async);
    return 0;
}

/* libuv would keep a stop that comes too early for its next run. */
static void uv_make_stop(p2p_loop *loop)
{
    uv_make *make = make_of(loop);
    if (loop->running || make->uv != &make->own)
        uv_stop(make->uv);
}

static int uv_make_fd(const p2p_loop *loop)
{
    int fd = uv_backend_fd(make_of(loop)->uv);
    return fd < 0 ? P2P_ERR_UNSUPPORTED : fd;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    uv_watch *watch = poll->data;
    p2p_loop *loop = watch->base.loop;
    if (status < 0) {
        /* libuv has stopped the poll. An error shows when the descriptor is used: let its owner
         * try. */
        events = watch->events;
        uv_poll_start(poll, events, on_poll);
        loop->must_step = true;
    }
    unsigned ready = (events & UV_READABLE ? P2P_READABLE : 0) |
                     (events & UV_WRITABLE ? P2P_WRITABLE : 0);
    p2p__loop_refresh(loop);
    loop->inside = true;
    watch->base.fn(watch->base.arg, ready);
    loop->inside = false;
}

static int watch_error(p2p_loop *loop, int err)
{
    switch (err) {
    case UV_EEXIST:
        return P2P_ERR_IN_USE;
    case UV_ENOMEM:
        return P2P_ERR_NO_MEMORY;
    case UV_EBADF:
    case UV_EINVAL:
    case UV_EPERM:
    case UV_ENOTSOCK:
        return P2P_ERR_INVALID;
    default:
        p2p_loop_log(loop, P2P_LOG_ERROR, "watching a descriptor: %s", uv_strerror(err));
        return P2P_ERR_IO;
    }
}

static uint64_t fd_bit(int fd)
{
    return UINT64_C(1) << (fd % 64);
}

/* Makes room for the bit of a descriptor. */
static int fds_reserve(uv_make *make, int fd)
{
    fd_set_bits *fds = &make->fds;
    size_t needed = (size_t)fd / 64 + 1;
    if (needed <= fds->count)
        return 0;
    size_t count = fds->count * 2 > needed ? fds->count * 2 : needed;
    uint64_t *words = p2p__resize(&make->base.allocator, fds->words, count * sizeof *words);
    if (!words)
        return P2P_ERR_NO_MEMORY;
    memset(words + fds->count, 0, (count - fds->count) * sizeof *words);
    fds->words = words;
    fds->count = count;
    return 0;
}

static void fds_add(uv_make *make, int fd)
{
    make->fds.words[fd / 64] |= fd_bit(fd);
    make->fds.members++;
}

static void fds_trim(uv_make *make)
{
    if (make->fds.members)
        return;
    p2p__free(&make->base.allocator, make->fds.words);
    make->fds.words = NULL;
    make->fds.count = 0;
}

static void fds_remove(uv_make *make, int fd)
{
    make->fds.words[fd / 64] &= ~fd_bit(fd);
    make->fds.members--;
    fds_trim(make);
}

/* Whether a descriptor may have a new watch. libuv notices only watches that ask for something. */
static int check_fd(uv_make *make, int fd)
{
    if (fcntl(fd, F_GETFD) < 0)
        return P2P_ERR_INVALID;
    int err = fds_reserve(make, fd);
    if (err)
        return err;
    return make->fds.words[fd / 64] & fd_bit(fd) ? P2P_ERR_IN_USE : 0;
}

static int uv_make_watch_new(p2p_watch **out, p2p_loop *loop, int fd, p2p_watch_fn fn, void *arg)
{
    uv_make *make = make_of(loop);
    int err = check_fd(make, fd);
    if (err)
        return err;
    uv_watch *watch = p2p__zalloc(&loop->allocator, sizeof *watch);
    err = watch ? uv_poll_init(make->uv, &watch->poll, fd) : UV_ENOMEM;
    if (err) {
        p2p__free(&loop->allocator, watch);
        fds_trim(make);
        return watch_error(loop, err);
    }
    watch->base.loop = loop;
    watch->base.fn = fn;
    watch->base.arg = arg;
    watch->fd = fd;
    watch->poll.data = watch;
    fds_add(make, fd);
    p2p__loop_use(loop);
    *out = &watch->base;
    return 0;
}

static int uv_make_watch_set(p2p_watch *base, unsigned wanted)
{
    uv_watch *watch = (uv_watch *)base;
    if (uv_is_closing((uv_handle_t *)&watch->poll))
        return P2P_ERR_INVALID;
    watch->events = (wanted & P2P_READABLE ? UV_READABLE : 0) |
                    (wanted & P2P_WRITABLE ? UV_WRITABLE : 0);
    base->loop->must_step = true;
    int err = watch->events ? uv_poll_start(&watch->poll, watch->events, on_poll)
                            : uv_poll_stop(&watch->poll);
    return err ? watch_error(base->loop, err) : 0;
}

static void free_make(uv_make *make)
{
    p2p_allocator allocator = make->base.allocator;
    while (make->orphans) {
        uv_watch *watch = make->orphans;
        make->orphans = watch->next;
        p2p__free(&allocator, watch);
    }
    p2p__free(&allocator, make);
}

/* A handle is closed; the last one of a loop that was freed takes the struct with it. */
static void count_closed(uv_make *make)
{
    if (--make->closing == 0 && make->freed_on_last)
        free_make(make);
}

static void on_watch_closed(uv_handle_t *handle)
{
    uv_watch *watch = handle->data;
    uv_make *make = make_of(watch->base.loop);
    p2p__free(&make->base.allocator, watch);
    count_closed(make);
}

/* uv_close takes the descriptor out of the poll set at once; only the memory goes later. */
static void uv_make_watch_free(p2p_watch *base)
{
    uv_watch *watch = (uv_watch *)base;
    uv_make *make = make_of(base->loop);
    base->loop->must_step = true;
    fds_remove(make, watch->fd);
    p2p__loop_unuse(base->loop);
    if (uv_is_closing((uv_handle_t *)&watch->poll)) {
        watch->next = make->orphans;
        make->orphans = watch;
        return;
    }
    make->closing++;
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static void on_handle_closed(uv_handle_t *handle)
{
    count_closed(handle->data);
}

/*
 * Handles that the caller closed, which is against the rules, may be closing still, with callbacks
 * that are not ours. libuv finishes the last closed first, so only a handle that is closed after
 * the next round of closing outlasts them.
 */
static void on_farewell(uv_handle_t *handle)
{
    uv_make *make = handle->data;
    uv_idle_init(make->uv, &make->farewell);
    uv_close((uv_handle_t *)&make->farewell, on_handle_closed);
}

static void say_farewell(uv_make *make)
{
    make->closing++;
    uv_idle_init(make->uv, &make->farewell);
    make->farewell.data = make;
    uv_close((uv_handle_t *)&make->farewell, on_farewell);
}

static void close_handles(uv_make *make)
{
    bool closed_by_others = make->orphans != NULL;
    uv_handle_t *handles[HANDLES] = {(uv_handle_t *)&make->prepare, (uv_handle_t *)&make->check,
                                     (uv_handle_t *)&make->idle, (uv_handle_t *)&make->timer,
                                     (uv_handle_t *)&make->async};
    for (int i = 0; i < HANDLES; i++) {
        if (handles[i]->type == UV_UNKNOWN_HANDLE)
            continue;
        if (uv_is_closing(handles[i])) {
            closed_by_others = true;
            continue;
        }
        make->closing++;
        uv_close(handles[i], on_handle_closed);
    }
    if (closed_by_others)
        say_farewell(make);
}

static void uv_make_free(p2p_loop *loop)
{
    uv_make *make = make_of(loop);
    make->freed_on_last = make->uv != &make->own;
    close_handles(make);
    if (make->freed_on_last)
        return;
    uv_run(make->uv, UV_RUN_DEFAULT);
    uv_loop_close(make->uv);
    free_make(make);
}

static const p2p__loop_ops uv_ops = {
    .notice = uv_make_notice,
    .clock = uv_make_clock,
    .wall = uv_make_wall,
    .secret = uv_make_secret,
    .wakeup = uv_make_wakeup,
    .set_alive = uv_make_set_alive,
    .run = uv_make_run,
    .step = uv_make_step,
    .stop = uv_make_stop,
    .fd = uv_make_fd,
    .watch_new = uv_make_watch_new,
    .watch_set = uv_make_watch_set,
    .watch_free = uv_make_watch_free,
    .free = uv_make_free,
};

/* Sets up the handles, all but prepare and check idle, none of them a reason to run. */
static int init_handles(uv_make *make)
{
    int err = uv_async_init(make->uv, &make->async, on_async);
    if (err) /* the only one that needs something from the system */
        return err;
    uv_prepare_init(make->uv, &make->prepare);
    uv_check_init(make->uv, &make->check);
    uv_idle_init(make->uv, &make->idle);
    uv_timer_init(make->uv, &make->timer);
    make->prepare.data = make->check.data = make->idle.data = make;
    make->timer.data = make->async.data = make;
    uv_prepare_start(&make->prepare, on_prepare);
    uv_check_start(&make->check, on_check);
    uv_unref((uv_handle_t *)&make->prepare);
    uv_unref((uv_handle_t *)&make->check);
    uv_unref((uv_handle_t *)&make->idle);
    uv_unref((uv_handle_t *)&make->timer);
    uv_unref((uv_handle_t *)&make->async);
    return 0;
}

int p2p_loop_new(p2p_loop **out, const p2p_loop_config *config)
{
    p2p_loop_config full;
    int err = out ? p2p__loop_config(&full, config) : P2P_ERR_INVALID;
    if (err)
        return err;
    uint64_t seed = full.seed;
    if (!seed && uv_random(NULL, NULL, &seed, sizeof seed, 0, NULL))
        return P2P_ERR_IO;
    uv_make *make = p2p__zalloc(full.allocator, sizeof *make);
    if (!make)
        return P2P_ERR_NO_MEMORY;
    p2p__loop_init(&make->base, &uv_ops, &full, seed);
    make->base.must_step = true; /* libuv tells the kernel what to watch in its first turn */
    make->armed = P2P_NEVER;
    make->uv = full.uv_loop ? full.uv_loop : &make->own;
    if (!full.uv_loop && uv_loop_init(&make->own)) {
        p2p__free(full.allocator, make);
        return P2P_ERR_IO;
    }
    if (init_handles(make)) {
        if (!full.uv_loop)
            uv_loop_close(&make->own);
        p2p__free(full.allocator, make);
        return P2P_ERR_IO;
    }
    *out = &make->base;
    return 0;
}
