/* SPDX-License-Identifier: MIT */
#include "swarm/swarm.h"

#include <string.h>

#define DEFAULT_TIMEOUT (30 * P2P_SECOND)

/* --- making and closing --- */

static void finish_close(p2p_swarm *swarm)
{
    p2p_close_fn fn = swarm->close_fn;
    void *arg = swarm->close_arg;
    p2p_loop *loop = swarm->loop;
    if (fn)
        fn(arg);
    swarm->ops->free(swarm);
    p2p__loop_unuse(loop);
}

/* The one task of a swarm carries the end of its close, or the writable event. */
static void on_task(void *arg)
{
    p2p_swarm *swarm = arg;
    if (swarm->state == P2P_SWARM_CLOSED) {
        finish_close(swarm);
        return;
    }
    int again = swarm->again_pending;
    swarm->again_pending = 0;
    if (again && swarm->state == P2P_SWARM_OPEN && swarm->writable_fn)
        swarm->writable_fn(swarm->writable_arg);
}

/* The author's base may be shorter than ours: what it does not have is not touched. */
void p2p_swarm_init_sized(p2p_swarm *swarm, size_t size, const p2p_swarm_ops *ops, p2p_loop *loop,
                          p2p_swarm *inner)
{
    memset(swarm, 0, size < sizeof *swarm ? size : sizeof *swarm);
    swarm->ops = ops;
    swarm->loop = loop;
    swarm->inner = inner;
    if (inner)
        inner->owned = 1;
    p2p_task_init(&swarm->task, on_task, swarm);
    p2p__loop_use(loop);
}

void p2p_swarm_abandon(p2p_swarm *swarm)
{
    p2p_task_cancel(&swarm->task);
    p2p__loop_unuse(swarm->loop);
    if (swarm->inner)
        swarm->inner->owned = 0;
}

static void begin_close(p2p_swarm *swarm, p2p_close_fn fn, void *arg)
{
    swarm->state = P2P_SWARM_CLOSING;
    swarm->close_fn = fn;
    swarm->close_arg = arg;
    if (swarm->ops->close)
        swarm->ops->close(swarm);
    else
        p2p_swarm_closed(swarm);
}

void p2p_close(p2p_swarm *swarm, p2p_close_fn fn, void *arg)
{
    if (!swarm || swarm->state != P2P_SWARM_OPEN)
        return;
    if (swarm->owned)
        p2p_loop_log(swarm->loop, P2P_LOG_ERROR,
                     "%s: not closed, for it belongs to the swarm above, which closes it",
                     swarm->ops->kind);
    else
        begin_close(swarm, fn, arg);
}

static void on_inner_closed(void *arg)
{
    p2p_swarm *swarm = arg;
    swarm->inner = NULL;
    p2p_loop_defer(swarm->loop, &swarm->task);
}

void p2p_swarm_closed(p2p_swarm *swarm)
{
    if (swarm->state == P2P_SWARM_CLOSED)
        return;
    swarm->state = P2P_SWARM_CLOSED;
    /* It may be queued for a writable event, before others that must not find the swarm gone. */
    p2p_task_cancel(&swarm->task);
    if (swarm->inner) {
        begin_close(swarm->inner, on_inner_closed, swarm);
    } else {
        p2p_loop_defer(swarm->loop, &swarm->task);
    }
}

void p2p__swarm_log(const p2p_swarm *swarm, const char *what, const p2p_addr *addr)
{
    char text[P2P_ADDR_TEXT_SIZE];
    if (swarm->loop->level < P2P_LOG_INFO)
        return;
    if (p2p_addr_text(addr, text, sizeof text))
        text[0] = '\0';
    p2p_loop_log(swarm->loop, P2P_LOG_INFO, "%s: %s %s", swarm->ops->kind, what, text);
}

/* --- telling --- */

size_t p2p_iov_len(const p2p_iov *iov, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (iov[i].len > SIZE_MAX - len)
            return SIZE_MAX;
        len += iov[i].len;
    }
    return len;
}

void p2p_iov_copy(uint8_t *out, const p2p_iov *iov, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!iov[i].len)
            continue;
        memcpy(out, iov[i].data, iov[i].len);
        out += iov[i].len;
    }
}

static int check_iov(const p2p_iov *iov, size_t n)
{
    if (n && !iov)
        return P2P_ERR_INVALID;
    for (size_t i = 0; i < n; i++)
        if (iov[i].len && !iov[i].data)
            return P2P_ERR_INVALID;
    return 0;
}

/* Counts what became of a send. */
static int sent(p2p_swarm *swarm, int err, size_t len)
{
    if (!err) {
        swarm->stats.tx_msgs++;
        swarm->stats.tx_bytes += len;
    } else if (err == P2P_ERR_AGAIN || err == P2P_ERR_LIMIT) {
        swarm->stats.tx_again++;
        swarm->want_writable |= err == P2P_ERR_AGAIN;
    } else {
        swarm->stats.tx_refused++;
    }
    return err;
}

static size_t mtu_of(const p2p_swarm *swarm, const p2p_addr *dst)
{
    while (!swarm->ops->mtu && swarm->inner)
        swarm = swarm->inner;
    return swarm->ops->mtu ? swarm->ops->mtu(swarm, dst) : 0;
}

/* What p2p_tell() and p2p_tellv() have in common; iov is valid or not, and has len bytes. */
static inline int tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n,
                       size_t len, bool valid)
{
    int err;
    if (swarm->state != P2P_SWARM_OPEN)
        err = P2P_ERR_CLOSED;
    else if (!dst || !valid)
        err = P2P_ERR_INVALID;
    else if (len > mtu_of(swarm, dst))
        err = P2P_ERR_TOO_BIG;
    else
        err = swarm->ops->tell(swarm, dst, iov, n, len);
    return sent(swarm, err, len);
}

int p2p_tellv(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n)
{
    if (!swarm)
        return P2P_ERR_INVALID;
    bool valid = !check_iov(iov, n);
    return tell(swarm, dst, iov, n, valid ? p2p_iov_len(iov, n) : 0, valid);
}

int p2p_tell(p2p_swarm *swarm, const p2p_addr *dst, const void *data, size_t len)
{
    if (!swarm)
        return P2P_ERR_INVALID;
    p2p_iov iov = {data, len};
    return tell(swarm, dst, &iov, 1, len, data || !len);
}

/* Tables of authors who did not know the two members end before them. */
static bool can_reserve(const p2p_swarm_ops *ops)
{
    return ops->size >= offsetof(p2p_swarm_ops, commit) + sizeof ops->commit && ops->reserve;
}

int p2p_tell_reserve(p2p_swarm *swarm, const p2p_addr *dst, size_t len, uint8_t **room)
{
    if (!swarm)
        return P2P_ERR_INVALID;
    int err;
    if (swarm->state != P2P_SWARM_OPEN)
        err = P2P_ERR_CLOSED;
    else if (!can_reserve(swarm->ops))
        return P2P_ERR_UNSUPPORTED;
    else if (!dst || !room)
        err = P2P_ERR_INVALID;
    else if (len > mtu_of(swarm, dst))
        err = P2P_ERR_TOO_BIG;
    else
        err = swarm->ops->reserve(swarm, dst, len, room);
    return err ? sent(swarm, err, 0) : 0;
}

int p2p_tell_commit(p2p_swarm *swarm, size_t len)
{
    if (!swarm || !can_reserve(swarm->ops))
        return P2P_ERR_INVALID;
    int err = swarm->state == P2P_SWARM_OPEN ? swarm->ops->commit(swarm, len) : P2P_ERR_CLOSED;
    return sent(swarm, err, len);
}

void p2p_on_tell(p2p_swarm *swarm, p2p_tell_fn fn, void *arg)
{
    if (!swarm)
        return;
    swarm->tell_fn = fn;
    swarm->tell_arg = arg;
}

int p2p_swarm_deliver(p2p_swarm *swarm, const p2p_msg *msg)
{
    return p2p__swarm_deliver(swarm, msg);
}

void p2p_on_writable(p2p_swarm *swarm, p2p_writable_fn fn, void *arg)
{
    if (!swarm)
        return;
    swarm->writable_fn = fn;
    swarm->writable_arg = arg;
}

void p2p_swarm_writable(p2p_swarm *swarm)
{
    if (!swarm->want_writable || swarm->state != P2P_SWARM_OPEN)
        return;
    swarm->want_writable = 0;
    swarm->again_pending = 1;
    p2p_loop_defer(swarm->loop, &swarm->task);
}

/* --- asking --- */

uint64_t p2p__swarm_deadline(const p2p_swarm *swarm, uint64_t timeout)
{
    uint64_t now = p2p__loop_now(swarm->loop);
    if (!timeout)
        timeout = DEFAULT_TIMEOUT;
    return timeout < P2P_NEVER - now ? now + timeout : P2P_NEVER;
}

int p2p_can_ask(const p2p_swarm *swarm)
{
    return swarm && swarm->ops->ask;
}

int p2p_askv(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, uint64_t timeout,
             p2p_ask_id *id, p2p_answer_fn fn, void *arg)
{
    if (!swarm)
        return P2P_ERR_INVALID;
    size_t len = 0;
    p2p_ask_id own = 0;
    int err;
    if (swarm->state != P2P_SWARM_OPEN)
        err = P2P_ERR_CLOSED;
    else if (!swarm->ops->ask)
        err = P2P_ERR_UNSUPPORTED;
    else if (!dst || !fn || check_iov(iov, n))
        err = P2P_ERR_INVALID;
    else if ((len = p2p_iov_len(iov, n)) > swarm->ops->ask->mtu(swarm, dst))
        err = P2P_ERR_TOO_BIG;
    else
        err = swarm->ops->ask->ask(swarm, dst, iov, n, len, p2p__swarm_deadline(swarm, timeout),
                                   &own, fn, arg);
    if (!err) {
        swarm->stats.ask_started++;
        if (id)
            *id = own;
    }
    return sent(swarm, err, len);
}

int p2p_ask(p2p_swarm *swarm, const p2p_addr *dst, const void *data, size_t len, uint64_t timeout,
            p2p_ask_id *id, p2p_answer_fn fn, void *arg)
{
    p2p_iov iov = {data, len};
    return p2p_askv(swarm, dst, &iov, 1, timeout, id, fn, arg);
}

int p2p_ask_cancel(p2p_swarm *swarm, p2p_ask_id id)
{
    if (!swarm)
        return P2P_ERR_INVALID;
    if (swarm->state != P2P_SWARM_OPEN)
        return P2P_ERR_CLOSED;
    if (!swarm->ops->ask)
        return P2P_ERR_UNSUPPORTED;
    int err = id ? swarm->ops->ask->cancel(swarm, id) : P2P_ERR_NOT_FOUND;
    if (!err)
        swarm->stats.ask_cancelled++;
    return err;
}

void p2p_swarm_answer(p2p_swarm *swarm, const p2p_answer *answer, p2p_answer_fn fn, void *arg)
{
    if (answer->status) {
        swarm->stats.ask_failed++;
    } else {
        swarm->stats.ask_answered++;
        swarm->stats.rx_msgs++;
        swarm->stats.rx_bytes += answer->len;
    }
    fn(arg, answer);
}

/* --- serving --- */

void p2p_on_ask(p2p_swarm *swarm, p2p_ask_fn fn, void *arg)
{
    if (!swarm)
        return;
    swarm->ask_fn = fn;
    swarm->ask_arg = arg;
}

int p2p_swarm_deliver_ask(p2p_swarm *swarm, const p2p_msg *msg, uint64_t id, int *handled)
{
    *handled = 0;
    if (swarm->state != P2P_SWARM_OPEN) {
        swarm->stats.rx_drop_late++;
        return 0;
    }
    if (!swarm->ask_fn) {
        swarm->stats.rx_drop_unhandled++;
        return 1;
    }
    *handled = 1;
    swarm->stats.rx_msgs++;
    swarm->stats.rx_bytes += msg->len;
    p2p_request request = {swarm, id};
    swarm->ask_fn(swarm->ask_arg, msg, request);
    return swarm->state == P2P_SWARM_OPEN;
}

/* Whether a request can still be used: 0 or the error that says why not. */
static int check_request(p2p_request request)
{
    if (!request.swarm || !request.swarm->ops->ask)
        return P2P_ERR_INVALID;
    if (request.swarm->state != P2P_SWARM_OPEN)
        return P2P_ERR_CLOSED;
    return request.id ? 0 : P2P_ERR_NOT_FOUND;
}

int p2p_request_hold(p2p_request request)
{
    int err = check_request(request);
    return err ? err : request.swarm->ops->ask->hold(request.swarm, request.id);
}

int p2p_replyv(p2p_request request, const p2p_iov *iov, size_t n)
{
    p2p_swarm *swarm = request.swarm;
    if (!swarm)
        return P2P_ERR_INVALID;
    size_t len = 0;
    int err = check_request(request);
    if (!err && check_iov(iov, n))
        err = P2P_ERR_INVALID;
    if (!err) {
        len = p2p_iov_len(iov, n);
        err = swarm->ops->ask->reply(swarm, request.id, iov, n, len);
    }
    if (!err)
        swarm->stats.ask_served++;
    return sent(swarm, err, len);
}

int p2p_reply(p2p_request request, const void *data, size_t len)
{
    p2p_iov iov = {data, len};
    return p2p_replyv(request, &iov, 1);
}

int p2p_refuse(p2p_request request, uint8_t code)
{
    if (!request.swarm)
        return P2P_ERR_INVALID;
    int err = check_request(request);
    if (!err && !code)
        err = P2P_ERR_INVALID;
    if (!err)
        err = request.swarm->ops->ask->refuse(request.swarm, request.id, code);
    if (!err)
        request.swarm->stats.ask_served++;
    return sent(request.swarm, err, 0);
}

/* --- keys --- */

int p2p_is_secure(const p2p_swarm *swarm)
{
    return swarm && swarm->ops->keys;
}

static int check_keys(const p2p_swarm *swarm)
{
    if (!swarm)
        return P2P_ERR_INVALID;
    if (swarm->state != P2P_SWARM_OPEN)
        return P2P_ERR_CLOSED;
    return swarm->ops->keys ? 0 : P2P_ERR_UNSUPPORTED;
}

int p2p_public_key(const p2p_swarm *swarm, uint8_t *out, size_t cap, size_t *len)
{
    int err = check_keys(swarm);
    if (err)
        return err;
    if ((cap && !out) || !len)
        return P2P_ERR_INVALID;
    return swarm->ops->keys->public_key(swarm, out, cap, len);
}

int p2p_peer_key(const p2p_swarm *swarm, const p2p_addr *addr, uint8_t *out, size_t cap,
                 size_t *len)
{
    int err = check_keys(swarm);
    if (err)
        return err;
    if (!addr || (cap && !out) || !len)
        return P2P_ERR_INVALID;
    return swarm->ops->keys->peer_key(swarm, addr, out, cap, len);
}

int p2p_lookup_key(p2p_swarm *swarm, const p2p_addr *addr, uint64_t timeout, p2p_key_fn fn,
                   void *arg)
{
    int err = check_keys(swarm);
    if (err)
        return err;
    if (!addr || !fn)
        return P2P_ERR_INVALID;
    return swarm->ops->keys->lookup_key(swarm, addr, p2p__swarm_deadline(swarm, timeout), fn, arg);
}

/* --- the rest --- */

int p2p_local_addrs(const p2p_swarm *swarm, p2p_addr *out, size_t cap, size_t *n)
{
    if (!swarm || (cap && !out) || !n)
        return P2P_ERR_INVALID;
    if (swarm->state != P2P_SWARM_OPEN)
        return P2P_ERR_CLOSED;
    while (!swarm->ops->local_addrs && swarm->inner)
        swarm = swarm->inner;
    if (!swarm->ops->local_addrs) {
        *n = 0;
        return 0;
    }
    return swarm->ops->local_addrs(swarm, out, cap, n);
}

int p2p_local_addr(const p2p_swarm *swarm, p2p_addr *out)
{
    size_t n = 0;
    if (!out)
        return P2P_ERR_INVALID;
    int err = p2p_local_addrs(swarm, out, 1, &n);
    if (err && err != P2P_ERR_NO_SPACE)
        return err;
    return n ? 0 : P2P_ERR_NOT_FOUND;
}

int p2p_parse_addr(const p2p_swarm *swarm, const char *text, p2p_addr *out)
{
    if (!swarm || !text || !out)
        return P2P_ERR_INVALID;
    if (swarm->state != P2P_SWARM_OPEN)
        return P2P_ERR_CLOSED;
    while (!swarm->ops->parse_addr && swarm->inner)
        swarm = swarm->inner;
    return swarm->ops->parse_addr ? swarm->ops->parse_addr(swarm, text, out)
                                  : p2p_addr_parse(text, out);
}

size_t p2p_mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    return swarm && swarm->state == P2P_SWARM_OPEN ? mtu_of(swarm, dst) : 0;
}

size_t p2p_ask_mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    if (!swarm || swarm->state != P2P_SWARM_OPEN || !swarm->ops->ask)
        return 0;
    return swarm->ops->ask->mtu(swarm, dst);
}

/* Tables of authors who did not know the member end before it. */
static size_t own_unsent(const p2p_swarm *swarm)
{
    const p2p_swarm_ops *ops = swarm->ops;
    bool has = ops->size >= offsetof(p2p_swarm_ops, unsent) + sizeof ops->unsent && ops->unsent;
    return has ? ops->unsent(swarm) : 0;
}

size_t p2p_swarm_unsent(const p2p_swarm *swarm)
{
    size_t unsent = 0;
    for (; swarm && swarm->state == P2P_SWARM_OPEN; swarm = swarm->inner)
        unsent += own_unsent(swarm);
    return unsent;
}

const char *p2p_swarm_kind(const p2p_swarm *swarm)
{
    return swarm ? swarm->ops->kind : "none";
}

p2p_loop *p2p_swarm_loop(const p2p_swarm *swarm)
{
    return swarm ? swarm->loop : NULL;
}

p2p_swarm *p2p_swarm_inner(const p2p_swarm *swarm)
{
    return swarm ? swarm->inner : NULL;
}

void p2p_swarm_stats_sized(const p2p_swarm *swarm, p2p_stats *out, size_t size)
{
    size_t known = sizeof swarm->stats;
    if (!out)
        return;
    memset(out, 0, size);
    if (swarm)
        memcpy(out, &swarm->stats, size < known ? size : known);
}
