/* SPDX-License-Identifier: MIT */
/* The handshake that a channel starts: sending again with back-off, its end, and ties. */
#include "protocol/p2pke/channel.h"

#include <string.h>

#include "core/bytes.h"
#include "format/tai64n.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* How long a handshake that lost a tie lets the other go first. */
#define YIELD P2P_SECOND

/* How long an initiator at least waits for RespDone once it has its keys. */
#define DONE_WAIT (5 * P2P_SECOND)

/* Between InitDones at most: the peer has answered, so it is there. */
#define RETRY_MAX_DONE P2P_SECOND

/* What to wait after the nth message: doubling, and up to an eighth more, by the session's id, so
 * that peers that lost each other at the same moment do not stay in step. */
static uint64_t delay(const p2p__pke_attempt *a)
{
    int done = a->session && a->session->stage == P2P__PKE_DONE_SENT;
    uint64_t base = P2P_PKE_RETRY_FIRST, max = done ? RETRY_MAX_DONE : P2P_PKE_RETRY_MAX;
    for (uint32_t i = 1; i < a->sends && base < max; i++)
        base *= 2;
    unsigned spread = a->session ? a->session->id[a->sends % P2P__PKE_ID_SIZE] : 0;
    return base + base / 8 * spread / 256;
}

/* Writes the time of day. */
static void write_time(uint64_t wall, uint8_t out[P2P__PKE_TIME_SIZE])
{
    /* 64 bits of nanoseconds are less than the 2^61 seconds that would make it fail. */
    (void)p2p__tai64n_encode((int64_t)(wall / NS_PER_SECOND), (uint32_t)(wall % NS_PER_SECOND),
                             out);
}

/* Makes a time later than another, unless it is. */
static void make_later(uint8_t time[P2P__PKE_TIME_SIZE], const uint8_t than[P2P__PKE_TIME_SIZE])
{
    if (p2p__tai64n_compare(time, than) > 0)
        return;
    uint64_t seconds = p2p__load64be(than);
    uint32_t nanoseconds = p2p__load32be(than + 8) + 1;
    if (nanoseconds == NS_PER_SECOND) {
        nanoseconds = 0;
        seconds++;
    }
    p2p__store64be(time, seconds);
    p2p__store32be(time + 8, nanoseconds);
    /* At the end of time there is no later. */
    if (p2p__tai64n_check(time, P2P__PKE_TIME_SIZE))
        memcpy(time, than, P2P__PKE_TIME_SIZE);
}

/*
 * The time of day, but later than any InitHello that was exchanged, for the peer takes none that is
 * earlier (wire.md 2.8, 6). A peer whose clock is far ahead does not make us sign for such a time:
 * what we sign now could be used when it comes.
 */
static void make_time(const p2p_pke_channel *c, uint64_t wall, uint8_t out[P2P__PKE_TIME_SIZE])
{
    uint8_t latest[P2P__PKE_TIME_SIZE];
    write_time(wall, out);
    if (c->has_floor)
        make_later(out, c->floor);
    if (!c->has_remote_time)
        return;
    write_time(wall < UINT64_MAX - P2P__PKE_MAX_AHEAD ? wall + P2P__PKE_MAX_AHEAD : wall, latest);
    if (p2p__tai64n_compare(c->remote_time, latest) < 0)
        memcpy(latest, c->remote_time, sizeof latest);
    make_later(out, latest);
}

/* Makes the InitHello. A signer that takes long is asked again for the same. */
static int make_session(p2p_pke_channel *c, uint64_t wall)
{
    p2p__pke_attempt *a = &c->out;
    if (!a->time_set) {
        make_time(c, wall, a->time);
        a->time_set = 1;
    }
    int err = p2p__pke_session_initiate(&a->session, c->ep, c->now, a->time);
    if (err)
        return err;
    p2p__pke_channel_note_time(c, a->time);
    a->time_set = 0;
    return 0;
}

static void activate(p2p__pke_attempt *a, uint64_t now, int awaited)
{
    a->active = 1;
    a->awaited = awaited != 0;
    a->yielded = 0;
    a->started = now;
    a->next = now;
    a->end = now + P2P_PKE_ATTEMPT;
    a->sends = 0;
    a->reason = P2P_ERR_TIMEOUT;
}

/* Whether an InitHello is too old to begin with: the session would be over soon, or the peer has
 * completed one that is later. */
static int is_outdated(const p2p_pke_channel *c, uint64_t now)
{
    const p2p_pke_session *s = c->out.session;
    return now - s->created > P2P_PKE_LIFETIME - P2P_PKE_ATTEMPT ||
           (c->has_remote_time && p2p__tai64n_compare(s->handshake->time, c->remote_time) < 0);
}

int p2p__pke_attempt_start(p2p_pke_channel *c, p2p_pke_time time, int awaited)
{
    p2p__pke_attempt *a = &c->out;
    uint64_t now = c->now;
    if (a->active) {
        a->awaited |= awaited != 0;
        return 0;
    }
    /* One that was given up is taken up again with the same InitHello: a reference that has half of
     * it answers no other (wire.md 2.8, 2). */
    if (a->session && is_outdated(c, now))
        p2p__pke_attempt_drop(c);
    if (!a->session) {
        int err = make_session(c, time.wall);
        if (err && err != P2P_ERR_AGAIN) {
            a->time_set = 0;
            return err;
        }
    }
    activate(a, now, awaited);
    return 0;
}

void p2p__pke_attempt_drop(p2p_pke_channel *c)
{
    p2p_pke_session_free(c->out.session);
    memset(&c->out, 0, sizeof c->out);
}

void p2p__pke_attempt_rest(p2p_pke_channel *c)
{
    p2p__pke_attempt *a = &c->out;
    if (!a->session || (!a->sends && a->active)) {
        p2p__pke_attempt_drop(c);
        return;
    }
    /* The peer may have answered it, or be about to. The reference then knows of no other session:
     * it forgets its own, even one that it has answered, for an InitHello of a lower id. */
    a->awaited = 0;
    a->active = a->session->stage == P2P__PKE_DONE_SENT && a->active;
}

/* Nothing was heard of the peer since it began: what we have of it is worth nothing. */
static void forget_peer(p2p_pke_channel *c)
{
    p2p_pke_session_free(c->current);
    p2p_pke_session_free(c->previous);
    c->current = NULL;
    c->previous = NULL;
    c->silence_at = P2P_NEVER;
    c->keepalive_at = P2P_NEVER;
    c->confirms = 0;
    c->answer_control = 0;
}

void p2p__pke_attempt_tell(p2p_pke_channel *c, int reason)
{
    c->event_failed = 1;
    c->event_reason = reason;
    c->event_dropped += c->queue.count;
    c->ep->stats.tx_drop_failed += c->queue.count;
    p2p__pke_queue_clear(&c->queue, c->ep);
}

/* The end without success. The session stays, should a late answer come. */
static void fail(p2p_pke_channel *c, uint64_t now)
{
    p2p__pke_attempt *a = &c->out;
    a->active = 0;
    c->ep->stats.handshakes_failed++;
    if (a->session && p2p__pke_session_over(a->session, now)) {
        p2p_pke_session_free(a->session);
        a->session = NULL;
    }
    int waiting = a->awaited || c->queue.count;
    a->awaited = 0;
    if (c->current && c->last_received >= a->started) {
        c->background_at = now + P2P_PKE_ATTEMPT;
    } else if (c->current) {
        forget_peer(c);
        waiting = 1;
    }
    if (waiting && !p2p__pke_channel_usable(c, now) && !p2p__pke_channel_held(c, now))
        p2p__pke_attempt_tell(c, a->reason);
}

/* Writes the message that is due. */
static size_t write_message(p2p__pke_attempt *a, uint8_t *out)
{
    size_t len = 0;
    /* A responder that does not answer InitDone may have lost its half: InitHello brings it
     * back. */
    int again = a->sends >= P2P__PKE_DONE_SENDS && a->sends % 2;
    if (a->session->stage == P2P__PKE_HELLO_SENT || again)
        return p2p__pke_session_hello(a->session, out);
    if (p2p_pke_session_message(a->session, out, P2P_PKE_MAX_HANDSHAKE, &len))
        return 0;
    return len;
}

void p2p__pke_attempt_poll(p2p_pke_channel *c, p2p_pke_time time, uint8_t *out, size_t *len)
{
    p2p__pke_attempt *a = &c->out;
    uint64_t now = c->now;
    if (!a->active)
        return;
    if (now >= a->end) {
        fail(c, now);
        return;
    }
    if (now < a->next)
        return;
    if (!a->session) {
        int err = make_session(c, time.wall);
        if (err && err != P2P_ERR_AGAIN) {
            a->reason = err;
            fail(c, now);
            return;
        }
        if (err) {
            a->sends++;
            a->next = now + delay(a);
            return;
        }
        a->sends = 0;
    }
    *len = write_message(a, out);
    if (a->sends++)
        c->ep->stats.retransmissions++;
    a->next = now + delay(a);
}

void p2p__pke_attempt_progress(p2p_pke_channel *c, uint64_t now)
{
    p2p__pke_attempt *a = &c->out;
    if (!a->active)
        activate(a, now, 0);
    /* InitDone was the answer already. */
    a->sends = 1;
    a->next = now + delay(a);
    a->reason = P2P_ERR_TIMEOUT;
    if (a->end < now + DONE_WAIT)
        a->end = now + DONE_WAIT;
}

void p2p__pke_attempt_doubt(p2p_pke_channel *c, uint64_t now, int reason)
{
    p2p__pke_attempt *a = &c->out;
    if (!a->active)
        return;
    a->reason = reason;
    if (a->end > now + P2P_PKE_BAD_ANSWER)
        a->end = now + P2P_PKE_BAD_ANSWER;
}

int p2p__pke_attempt_wins(const p2p_pke_channel *c, const uint8_t id[P2P__PKE_ID_SIZE])
{
    const p2p__pke_attempt *a = &c->out;
    /* The reference's rule is that the lower id wins (wire.md 2.7, 4). But if ours was sent so
     * often without an answer, the peer does not hear it, or does not want it. */
    return a->active && a->session && a->sends < P2P__PKE_TIE_SENDS &&
           memcmp(a->session->id, id, P2P__PKE_ID_SIZE) < 0;
}

void p2p__pke_attempt_yield(p2p_pke_channel *c, uint64_t now)
{
    p2p__pke_attempt *a = &c->out;
    /* Once only, for a low id can be had by trying: ours goes on if nothing comes of theirs. */
    if (!a->active || a->yielded)
        return;
    a->yielded = 1;
    if (a->next < now + YIELD)
        a->next = now + YIELD;
}
