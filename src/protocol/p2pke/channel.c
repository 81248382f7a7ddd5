/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/channel.h"

#include <string.h>

#include "core/alloc.h"
#include "format/tai64n.h"

int p2p_pke_channel_new(p2p_pke_channel **out, p2p_pke_endpoint *ep, void *peer, const void *source,
                        size_t source_len)
{
    p2p_pke_channel *c = p2p__zalloc(&ep->allocator, sizeof *c);
    if (!c)
        return P2P_ERR_NO_MEMORY;
    c->ep = ep;
    c->sender.peer = peer;
    c->sender.source = source;
    c->sender.source_len = source_len;
    c->silence_at = P2P_NEVER;
    c->keepalive_at = P2P_NEVER;
    *out = c;
    return 0;
}

void p2p_pke_channel_free(p2p_pke_channel *c)
{
    if (!c)
        return;
    p2p_pke_endpoint *ep = c->ep;
    p2p__pke_queue_clear(&c->queue, ep);
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++)
        p2p_pke_session_free(c->in[i].session);
    p2p_pke_session_free(c->out.session);
    p2p_pke_session_free(c->previous);
    p2p_pke_session_free(c->current);
    p2p__free(&ep->allocator, c->key);
    p2p__free(&ep->allocator, c);
}

/* The latest time that was told. Half of all times no clock ever shows, P2P_NEVER among them: those
 * are no times, so that what is added to one does not wrap. */
static uint64_t latest(const p2p_pke_channel *c, p2p_pke_time time)
{
    return time.now > c->now && time.now <= P2P_NEVER / 2 ? time.now : c->now;
}

uint64_t p2p__pke_channel_now(p2p_pke_channel *c, p2p_pke_time time)
{
    c->now = latest(c, time);
    return c->now;
}

void p2p__pke_channel_heard(p2p_pke_channel *c, uint64_t now)
{
    c->last_received = now;
    c->silence_at = P2P_NEVER;
}

void p2p__pke_channel_spoke(p2p_pke_channel *c, uint64_t now)
{
    c->last_data = now;
    c->last_sent = now;
    c->keepalive_at = P2P_NEVER;
    if (c->silence_at == P2P_NEVER)
        c->silence_at = now + P2P_PKE_SILENCE;
}

void p2p__pke_channel_ask(p2p_pke_channel *c, uint64_t since)
{
    if (c->last_received <= since && c->silence_at > c->now)
        c->silence_at = c->now;
}

/* --- sessions --- */

static int can_send(const p2p_pke_session *s, uint64_t now)
{
    return s && !p2p__pke_session_over(s, now) && p2p__pke_session_sendable(s, now);
}

int p2p__pke_channel_held(const p2p_pke_channel *c, uint64_t now)
{
    const p2p_pke_session *s = c->current;
    return s && !p2p__pke_session_over(s, now) && s->next < P2P__PKE_NONCE_LIMIT &&
           p2p__pke_session_held(s, now);
}

/*
 * Whether the reference may not have the current session. Either it began it, and nothing that it
 * said under it has come yet: it forgets a handshake of its own for one of ours that crossed it. Or
 * it may have forgotten it by now. What to send then waits for the first message, or for a new
 * handshake. The session before is none to fall back on, the reference forgets that too.
 */
static int is_doubtful(const p2p_pke_channel *c, uint64_t now)
{
    const p2p_pke_session *s = c->current;
    return s && !s->peer_extended && !p2p__pke_session_over(s, now) &&
           ((!s->initiator && !s->confirmed) || now - c->ready_at >= P2P__PKE_OLD_END);
}

p2p_pke_session *p2p__pke_channel_usable(const p2p_pke_channel *c, uint64_t now)
{
    if (is_doubtful(c, now))
        return NULL;
    if (can_send(c->current, now))
        return c->current;
    /* The newest may have been begun long ago, and be over before the one before. */
    return can_send(c->previous, now) ? c->previous : NULL;
}

void p2p__pke_channel_note_time(p2p_pke_channel *c, const uint8_t time[P2P__PKE_TIME_SIZE])
{
    if (c->has_floor && p2p__tai64n_compare(time, c->floor) <= 0)
        return;
    memcpy(c->floor, time, sizeof c->floor);
    c->has_floor = 1;
}

/* Remembers the timestamp of a handshake of the peer that was completed: it may not go back. Ours
 * says nothing about the peer's clock, which may be behind. */
static void note_remote_time(p2p_pke_channel *c, const uint8_t time[P2P__PKE_TIME_SIZE])
{
    if (c->has_remote_time && p2p__tai64n_compare(time, c->remote_time) <= 0)
        return;
    memcpy(c->remote_time, time, sizeof c->remote_time);
    c->has_remote_time = 1;
}

static int is_stranger(const p2p_pke_channel *c, const p2p_pke_session *s)
{
    return s && s->key && (s->key_len != c->key_len || memcmp(s->key, c->key, c->key_len) != 0);
}

/* The peer's key is known from now on: handshakes under another key are over. */
static void take_key(p2p_pke_channel *c, p2p_pke_session *s)
{
    if (c->key) {
        p2p__free(&c->ep->allocator, s->key);
    } else {
        c->key = s->key;
        c->key_len = s->key_len;
    }
    s->key = NULL;
    s->key_len = 0;
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++) {
        if (is_stranger(c, c->in[i].session)) {
            p2p_pke_session_free(c->in[i].session);
            c->in[i].session = NULL;
        }
    }
    if (is_stranger(c, c->out.session))
        p2p__pke_attempt_drop(c);
}

void p2p__pke_channel_promote(p2p_pke_channel *c, uint64_t now, p2p_pke_session **slot)
{
    p2p_pke_session *s = *slot;
    *slot = NULL;
    if (!s->initiator)
        note_remote_time(c, s->handshake->time);
    take_key(c, s);
    p2p__pke_session_settle(s);
    p2p_pke_session_free(c->previous);
    c->previous = c->current;
    c->current = s;
    c->ready_at = now;
    p2p__pke_channel_heard(c, now);
    c->event_ready = 1;
    c->answer_control = 0;
    c->confirms = 0;
    if (s->initiator) {
        memset(&c->out, 0, sizeof c->out);
        c->confirms = P2P__PKE_CONFIRMS;
        c->confirm_at = now;
        return;
    }
    p2p__pke_attempt_rest(c);
}

/* --- sending --- */

int p2p_pke_channel_open(p2p_pke_channel *c, p2p_pke_time time)
{
    uint64_t now = p2p__pke_channel_now(c, time);
    if (p2p__pke_channel_usable(c, now) || p2p__pke_channel_held(c, now)) {
        c->event_ready = 1;
        return 0;
    }
    return p2p__pke_attempt_start(c, time, 1);
}

/* Puts a message into the queue, and sees to it that there will be a session. */
static int enqueue(p2p_pke_channel *c, p2p_pke_time time, const p2p_iov *iov, size_t n,
                   size_t total)
{
    if (!p2p__pke_queue_has_room(&c->queue, c->ep, total))
        return P2P_ERR_AGAIN;
    if (!p2p__pke_channel_usable(c, c->now) && !p2p__pke_channel_held(c, c->now)) {
        int err = p2p__pke_attempt_start(c, time, 1);
        if (err)
            return err;
    }
    return p2p__pke_queue_push(&c->queue, c->ep, iov, n);
}

int p2p_pke_channel_send(p2p_pke_channel *c, p2p_pke_time time, const p2p_iov *iov, size_t n,
                         uint8_t *out, size_t cap, size_t *len)
{
    uint64_t now = p2p__pke_channel_now(c, time);
    size_t total = 0;
    *len = 0;
    for (size_t i = 0; i < n; i++) {
        if (iov[i].len > P2P_PKE_MAX_MESSAGE - total)
            return P2P_ERR_TOO_BIG;
        total += iov[i].len;
    }
    if (cap < total + P2P_PKE_OVERHEAD)
        return P2P_ERR_NO_SPACE;
    p2p_pke_session *s = p2p__pke_channel_usable(c, now);
    /* What is queued goes first. */
    if (!s || c->queue.count)
        return enqueue(c, time, iov, n, total);
    p2p_pke_time at = {now, time.wall};
    int err = p2p_pke_session_seal(s, at, iov, n, out, cap, len);
    if (!err)
        p2p__pke_channel_spoke(c, now);
    return err;
}

/* --- what the owner wants to know --- */

/* Copies as much as the caller's struct has, which may be shorter or longer than ours. */
static void copy_out(void *out, size_t size, const void *ours, size_t our_size)
{
    memset(out, 0, size);
    memcpy(out, ours, size < our_size ? size : our_size);
}

p2p_pke_event_kind p2p_pke_channel_event_sized(p2p_pke_channel *c, p2p_pke_event *out, size_t size)
{
    p2p_pke_event event = {P2P_PKE_NOTHING, 0, 0};
    if (c->event_failed) {
        event.kind = P2P_PKE_FAILED;
        event.reason = c->event_reason;
        event.dropped = c->event_dropped;
        c->event_failed = 0;
        c->event_reason = 0;
        c->event_dropped = 0;
    } else if (c->event_ready) {
        event.kind = P2P_PKE_READY;
        c->event_ready = 0;
    }
    copy_out(out, size, &event, sizeof event);
    return event.kind;
}

const uint8_t *p2p_pke_channel_key(const p2p_pke_channel *c, size_t *len)
{
    *len = c->key_len;
    return c->key;
}

void p2p_pke_channel_info_sized(const p2p_pke_channel *c, p2p_pke_time time, p2p_pke_info *out,
                                size_t size)
{
    uint64_t now = latest(c, time);
    p2p_pke_info info = {0};
    info.ready = !c->queue.count && p2p__pke_channel_usable(c, now) != NULL;
    info.handshaking = c->out.active;
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++)
        info.half_open += c->in[i].session != NULL;
    info.queued = c->queue.count;
    info.queued_bytes = c->queue.bytes;
    info.last_received = c->last_received;
    info.last_data = c->last_data;
    info.session_start = c->current ? c->current->created : 0;
    copy_out(out, size, &info, sizeof info);
}
