/* SPDX-License-Identifier: MIT */
/* What a channel does when time passes, and when that is. */
#include "protocol/p2pke/channel.h"

/* A window that nothing has come into for so long is folded up: stragglers are lost then. */
#define COMPACT_AFTER P2P_PKE_KEEPALIVE

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The first moment at which a session is over. */
static uint64_t over_at(const p2p_pke_session *s)
{
    return s->created + P2P_PKE_LIFETIME + 1;
}

static void expire(p2p_pke_session **slot, uint64_t now)
{
    if (*slot && p2p__pke_session_over(*slot, now)) {
        p2p_pke_session_free(*slot);
        *slot = NULL;
    }
}

static void expire_all(p2p_pke_channel *c, uint64_t now)
{
    expire(&c->current, now);
    expire(&c->previous, now);
    /* A handshake that is held up makes a session late, which then is over before the one before
     * it: that is the newest now, to be replaced and to be listened to. */
    if (!c->current) {
        c->current = c->previous;
        c->previous = NULL;
    }
    if (!c->out.active)
        expire(&c->out.session, now);
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++) {
        p2p_pke_session *s = c->in[i].session;
        if (s && now >= s->handshake->end) {
            p2p_pke_session_free(s);
            c->in[i].session = NULL;
        }
    }
}

/* When the current session is to be replaced. One that nobody uses just ends. */
static uint64_t rekey_at(const p2p_pke_channel *c)
{
    const p2p_pke_session *s = c->current;
    if (!s || !s->used)
        return P2P_NEVER;
    if (!s->peer_extended && c->last_sent >= c->ready_at + P2P__PKE_OLD_REFRESH / 2)
        return c->ready_at + P2P__PKE_OLD_REFRESH;
    if (s->next >= P2P_PKE_REKEY_MESSAGES || s->replay.last >= P2P_PKE_REKEY_MESSAGES)
        return s->created;
    return s->created + (s->initiator ? P2P_PKE_REKEY : P2P_PKE_REKEY_LATE);
}

/* When a handshake starts that nobody waits for: the session is in use until that one is ready. */
static uint64_t background_at(const p2p_pke_channel *c)
{
    if (c->out.active || !c->current)
        return P2P_NEVER;
    uint64_t at = earlier(rekey_at(c), c->silence_at);
    return at == P2P_NEVER ? at : later(at, c->background_at);
}

static void start_in_background(p2p_pke_channel *c, p2p_pke_time time, uint64_t now)
{
    if (now < background_at(c))
        return;
    if (now >= rekey_at(c))
        c->ep->stats.rekeys++;
    else
        c->ep->stats.probes++;
    /* A peer that uses up its nonces at once gets no handshake for each of its messages. */
    c->background_at = now + (c->current->peer_extended ? P2P_PKE_ATTEMPT : P2P__PKE_OLD_REFRESH);
    if (p2p__pke_attempt_start(c, time, 0))
        c->background_at = now + P2P_PKE_ATTEMPT;
}

/* What is queued must have a handshake under way, unless a session is about to serve it. */
static int queue_is_stuck(const p2p_pke_channel *c, uint64_t now)
{
    return c->queue.count && !c->out.active && !p2p__pke_channel_usable(c, now) &&
           !p2p__pke_channel_held(c, now);
}

static int has_ring(const p2p_pke_session *s)
{
    return s && s->replay.ring;
}

static void compact(p2p_pke_channel *c, uint64_t now)
{
    if (now < c->last_received + COMPACT_AFTER)
        return;
    if (has_ring(c->current))
        p2p__replay_compact(&c->current->replay, &c->ep->allocator);
    if (has_ring(c->previous))
        p2p__replay_compact(&c->previous->replay, &c->ep->allocator);
}

/* Writes a sign of life, if there is a session for it and it has one left. */
static void write_control(p2p_pke_channel *c, uint64_t now, uint8_t *out, size_t *len)
{
    p2p_pke_session *s = p2p__pke_channel_usable(c, now);
    if (!s || p2p__pke_session_control(s, out))
        return;
    c->ep->stats.signs_of_life++;
    c->keepalive_at = P2P_NEVER;
    *len = P2P_PKE_OVERHEAD;
}

/* The signs of life that are due. */
static void poll_controls(p2p_pke_channel *c, uint64_t now, uint8_t *out, size_t *len)
{
    if (c->confirms && now >= c->confirm_at) {
        /* The reference treats the handshake as unfinished until something comes (wire.md 2.8,
         * 1). */
        c->confirms--;
        c->confirm_at = now + (P2P_PKE_RETRY_FIRST << (P2P__PKE_CONFIRMS - 1u - c->confirms));
        write_control(c, now, out, len);
    }
    if (!*len && c->answer_control) {
        c->answer_control = 0;
        write_control(c, now, out, len);
    }
    if (!*len && now >= c->keepalive_at) {
        c->keepalive_at = P2P_NEVER;
        write_control(c, now, out, len);
    }
}

static int poll_queue(p2p_pke_channel *c, p2p_pke_time time, uint8_t *out, size_t cap, size_t *len)
{
    p2p_pke_session *s = p2p__pke_channel_usable(c, time.now);
    const p2p__pke_queued *item = c->queue.first;
    if (!s || !item)
        return 0;
    if (cap < item->len + P2P_PKE_OVERHEAD) {
        *len = item->len + P2P_PKE_OVERHEAD;
        return P2P_ERR_NO_SPACE;
    }
    p2p_iov iov = {item->data, item->len};
    int err = p2p_pke_session_seal(s, time, &iov, 1, out, cap, len);
    if (err)
        return err;
    p2p__pke_queue_pop(&c->queue, c->ep);
    p2p__pke_channel_spoke(c, time.now);
    return 0;
}

int p2p_pke_channel_poll(p2p_pke_channel *c, p2p_pke_time time, uint8_t *out, size_t cap,
                         size_t *len)
{
    uint64_t now = p2p__pke_channel_now(c, time);
    p2p_pke_time at = {now, time.wall};
    *len = 0;
    if (cap < P2P_PKE_MAX_HANDSHAKE) {
        *len = P2P_PKE_MAX_HANDSHAKE;
        return P2P_ERR_NO_SPACE;
    }
    expire_all(c, now);
    compact(c, now);
    start_in_background(c, at, now);
    if (queue_is_stuck(c, now)) {
        int err = p2p__pke_attempt_start(c, at, 1);
        if (err)
            p2p__pke_attempt_tell(c, err);
    }
    p2p__pke_attempt_poll(c, at, out, len);
    if (!*len)
        poll_controls(c, now, out, len);
    if (!*len)
        return poll_queue(c, at, out, cap, len);
    return 0;
}

/* When sessions are over. */
static uint64_t expiry(const p2p_pke_channel *c)
{
    uint64_t at = P2P_NEVER;
    if (c->current)
        at = earlier(at, over_at(c->current));
    if (c->previous)
        at = earlier(at, over_at(c->previous));
    if (c->out.session && !c->out.active)
        at = earlier(at, over_at(c->out.session));
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++)
        if (c->in[i].session)
            at = earlier(at, c->in[i].session->handshake->end);
    return at;
}

/* When the queue moves. */
static uint64_t queue_at(const p2p_pke_channel *c)
{
    if (!c->queue.count)
        return P2P_NEVER;
    if (p2p__pke_channel_usable(c, c->now) || queue_is_stuck(c, c->now))
        return c->now;
    return p2p__pke_channel_held(c, c->now) ? c->current->done_at + P2P_PKE_HOLD : P2P_NEVER;
}

uint64_t p2p_pke_channel_deadline(const p2p_pke_channel *c)
{
    uint64_t at = earlier(expiry(c), queue_at(c));
    at = earlier(at, background_at(c));
    at = earlier(at, c->keepalive_at);
    if (c->out.active)
        at = earlier(at, earlier(c->out.next, c->out.end));
    if (c->confirms)
        at = earlier(at, c->confirm_at);
    if (c->answer_control)
        at = earlier(at, c->now);
    if (has_ring(c->current) || has_ring(c->previous))
        at = earlier(at, c->last_received + COMPACT_AFTER);
    return at;
}
