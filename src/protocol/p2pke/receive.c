/* SPDX-License-Identifier: MIT */
/* What a channel does with a datagram. */
#include "protocol/p2pke/channel.h"

#include <string.h>

#include "core/bytes.h"

/* Asked about the key of whoever answers our handshake. */
static int may_answer(void *arg, const uint8_t *key, size_t key_len)
{
    const p2p_pke_channel *c = arg;
    /* The owner sees each key, also one that is not the peer's. */
    return p2p__pke_accepts(c->ep, c->sender.peer, c->sender.source, c->sender.source_len, key,
                            key_len) &&
           (!c->key || (c->key_len == key_len && !memcmp(c->key, key, key_len)));
}

/* The address asks for a cookie: here it is, with the same InitHello. */
static int on_cookie_reply(p2p_pke_channel *c, const uint8_t *data, size_t len)
{
    p2p__pke_attempt *a = &c->out;
    if (len != P2P__PKE_COOKIE_REPLY_SIZE)
        return P2P_ERR_MALFORMED;
    /* Only who has seen our InitHello knows its id. */
    const uint8_t *echo = data + P2P__PKE_EXTENSION_SIZE;
    if (!a->active || !a->session || a->session->stage != P2P__PKE_HELLO_SENT ||
        memcmp(echo, a->session->id, P2P__PKE_COOKIE_ECHO_SIZE) != 0)
        return P2P_ERR_BAD_SIGNATURE;
    /* One cookie at a time, so that a flood of them moves nothing. */
    if (a->session->handshake->cookie_uses)
        return P2P_ERR_IN_USE;
    p2p__pke_session_set_cookie(a->session, echo + P2P__PKE_COOKIE_ECHO_SIZE, P2P__PKE_COOKIE_USES);
    a->next = c->now;
    return 0;
}

/* Where a session of the channel is. The newest come first. */
static p2p_pke_session **slot_at(p2p_pke_channel *c, unsigned i)
{
    switch (i) {
    case 0:
        return &c->current;
    case 1:
        return &c->previous;
    case 2:
        return &c->out.session;
    default:
        return &c->in[i - 3].session;
    }
}

#define SLOTS (3 + P2P__PKE_HALF_OPEN)

/* What follows from what a session has taken. */
static void take_news(p2p_pke_channel *c, uint64_t now, p2p_pke_session **slot,
                      const p2p__pke_news *news)
{
    if (news->progress)
        p2p__pke_attempt_progress(c, now);
    if (news->ready) {
        p2p__pke_channel_promote(c, now, slot);
        slot = &c->current;
    }
    if (!news->data && !news->control)
        return;
    p2p__pke_channel_heard(c, now);
    const p2p_pke_session *s = *slot;
    if (slot == &c->current && s->initiator)
        c->confirms = 0;
    /* The initiator's first sign of life is answered if nothing else has told it that it came. */
    if (slot == &c->current && news->control && !s->initiator && s->next == P2P__PKE_NONCE_DATA &&
        s->next_control == P2P__PKE_NONCE_CONTROL)
        c->answer_control = 1;
    if (news->data) {
        c->last_data = now;
        if (c->keepalive_at == P2P_NEVER)
            c->keepalive_at = now + P2P_PKE_KEEPALIVE;
    }
}

/* Not authentic for one session, it may be for another. */
static int goes_on(int err)
{
    return err == P2P_ERR_BAD_SIGNATURE || err == P2P_ERR_IN_USE || err == P2P_ERR_TIMEOUT;
}

/* The answer to our handshake came from a key that we do not take, or the signer gives up: sending
 * again will hardly help. */
static int is_final(int err)
{
    return !goes_on(err) && err != P2P_ERR_MALFORMED && err != P2P_ERR_AGAIN &&
           err != P2P_ERR_NO_MEMORY;
}

static int on_session_message(p2p_pke_channel *c, uint64_t now, uint8_t *data, size_t len,
                              uint8_t *answer, p2p_pke_result *result)
{
    p2p__pke_gate gate = {may_answer, c, !c->out.active};
    int best = P2P_ERR_BAD_SIGNATURE;
    for (unsigned i = 0; i < SLOTS; i++) {
        p2p_pke_session **slot = slot_at(c, i);
        p2p__pke_news news = {0};
        if (!*slot)
            continue;
        int err = p2p__pke_session_input(*slot, now, data, len, &gate, answer, result, &news);
        if (!err) {
            take_news(c, now, slot, &news);
            return 0;
        }
        if (err == P2P_ERR_IN_USE)
            best = err;
        if (!goes_on(err)) {
            best = err;
            break;
        }
    }
    if (p2p__load32be(data) == P2P__PKE_NONCE_RESP_HELLO && is_final(best))
        p2p__pke_attempt_doubt(c, now, best);
    return best;
}

static int on_datagram(p2p_pke_channel *c, uint64_t now, uint8_t *data, size_t len, uint8_t *answer,
                       p2p_pke_result *result)
{
    if (len < P2P__PKE_HEADER_SIZE)
        return P2P_ERR_MALFORMED;
    uint32_t nonce = p2p__load32be(data);
    if (nonce == P2P__PKE_NONCE_INIT_HELLO)
        return p2p__pke_channel_on_hello(c, now, data, len, answer, result);
    if (nonce != P2P__PKE_NONCE_EXTENSION)
        return nonce == P2P__PKE_NONCE_LIMIT
                   ? P2P_ERR_MALFORMED
                   : on_session_message(c, now, data, len, answer, result);
    if (len > P2P__PKE_HEADER_SIZE && data[P2P__PKE_HEADER_SIZE] == P2P__PKE_COOKIE_REPLY)
        return on_cookie_reply(c, data, len);
    return p2p__pke_channel_on_hello(c, now, data, len, answer, result);
}

int p2p_pke_channel_receive(p2p_pke_channel *c, p2p_pke_time time, uint8_t *data, size_t len,
                            uint8_t answer[P2P_PKE_MAX_HANDSHAKE], p2p_pke_result *result)
{
    uint64_t now = p2p__pke_channel_now(c, time);
    memset(result, 0, sizeof *result);
    int err = on_datagram(c, now, data, len, answer, result);
    c->ep->has_screened = 0; /* it was for this datagram, or nobody came for it */
    return p2p__pke_count(c->ep, err);
}
