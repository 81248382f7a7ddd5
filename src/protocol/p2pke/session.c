/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/session.h"

#include <string.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "format/tai64n.h"

#define NS_PER_SECOND UINT64_C(1000000000)

void p2p__pke_session_settle(p2p_pke_session *s)
{
    if (!s->handshake)
        return;
    p2p__wipe(s->handshake, sizeof *s->handshake);
    p2p__free(&s->ep->allocator, s->handshake);
    s->handshake = NULL;
}

void p2p_pke_session_free(p2p_pke_session *s)
{
    if (!s)
        return;
    p2p_pke_endpoint *ep = s->ep;
    if (s->stage == P2P__PKE_HELLO_ANSWERED)
        ep->half_open--;
    p2p__pke_session_settle(s);
    p2p__aead_wipe_key(&ep->aead, &s->send);
    p2p__aead_wipe_key(&ep->aead, &s->receive);
    p2p__replay_free(&s->replay, &ep->allocator);
    p2p__free(&ep->allocator, s->key);
    p2p__wipe(s, sizeof *s);
    p2p__free(&ep->allocator, s);
}

int p2p__pke_session_over(const p2p_pke_session *s, uint64_t now)
{
    return now > s->created && now - s->created > P2P_PKE_LIFETIME;
}

int p2p__pke_session_sendable(const p2p_pke_session *s, uint64_t now)
{
    if (s->stage != P2P__PKE_READY || s->next >= P2P__PKE_NONCE_LIMIT)
        return 0;
    return s->initiator || s->confirmed || !p2p__pke_session_held(s, now);
}

int p2p__pke_session_held(const p2p_pke_session *s, uint64_t now)
{
    /* An initiator with extensions takes a message for RespDone (see on_message()). */
    return s->stage == P2P__PKE_READY && !s->initiator && !s->confirmed && !s->peer_extended &&
           (now <= s->done_at || now - s->done_at < P2P_PKE_HOLD);
}

/* --- sealing and opening --- */

int p2p__pke_session_seal_as(p2p_pke_session *s, uint32_t nonce, const p2p_iov *iov, size_t n,
                             uint8_t *out)
{
    p2p__store32be(out, nonce);
    return p2p__aead_seal(&s->ep->aead, &s->send, nonce, out, P2P__PKE_HEADER_SIZE, iov, n,
                          out + P2P__PKE_HEADER_SIZE);
}

int p2p__pke_session_open(p2p_pke_session *s, uint8_t *data, size_t len)
{
    return p2p__aead_open(&s->ep->aead, &s->receive, p2p__load32be(data), data,
                          P2P__PKE_HEADER_SIZE, data + P2P__PKE_HEADER_SIZE,
                          len - P2P__PKE_HEADER_SIZE);
}

int p2p__pke_session_control(p2p_pke_session *s, uint8_t *out)
{
    if (s->next_control >= P2P__PKE_NONCE_DATA)
        return P2P_ERR_LIMIT;
    return p2p__pke_session_seal_as(s, s->next_control++, NULL, 0, out);
}

static size_t total_len(const p2p_iov *iov, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n && total <= P2P_PKE_MAX_MESSAGE; i++)
        total = iov[i].len > P2P_PKE_MAX_MESSAGE ? iov[i].len : total + iov[i].len;
    return total;
}

int p2p_pke_session_seal(p2p_pke_session *s, p2p_pke_time time, const p2p_iov *iov, size_t n,
                         uint8_t *out, size_t cap, size_t *len)
{
    size_t total = total_len(iov, n);
    if (total > P2P_PKE_MAX_MESSAGE)
        return P2P_ERR_TOO_BIG;
    if (cap < total + P2P_PKE_OVERHEAD)
        return P2P_ERR_NO_SPACE;
    if (s->stage != P2P__PKE_READY)
        return P2P_ERR_BUSY;
    if (p2p__pke_session_over(s, time.now))
        return P2P_ERR_TIMEOUT;
    if (s->next >= P2P__PKE_NONCE_LIMIT)
        return P2P_ERR_LIMIT;
    int err = p2p__pke_session_seal_as(s, (uint32_t)s->next, iov, n, out);
    if (err)
        return err;
    s->next++;
    s->used = 1;
    *len = total + P2P_PKE_OVERHEAD;
    return 0;
}

/* Data and signs of life: whatever is beyond the handshake. */
static int on_message(p2p_pke_session *s, uint32_t nonce, uint8_t *data, size_t len,
                      p2p_pke_result *result, p2p__pke_news *news)
{
    int control = nonce < P2P__PKE_NONCE_DATA;
    /* An initiator in wait for RespDone takes data in its place: it shows the same, that the
     * responder has the keys and the InitDone (the reference would never become ready). A
     * responder relies on that if we announced extensions. */
    if (s->stage != P2P__PKE_READY && s->stage != P2P__PKE_DONE_SENT)
        return P2P_ERR_BAD_SIGNATURE;
    if (len < P2P_PKE_OVERHEAD || len > P2P_PKE_MAX_MESSAGE + P2P_PKE_OVERHEAD)
        return P2P_ERR_BAD_SIGNATURE;
    if (control ? s->controls_seen >> nonce & 1 : !p2p__replay_check(&s->replay, nonce))
        return P2P_ERR_IN_USE;
    int err = p2p__pke_session_open(s, data, len);
    if (err)
        return err;

    if (s->stage == P2P__PKE_DONE_SENT) {
        s->stage = P2P__PKE_READY;
        s->ep->stats.sessions_ready++;
        news->ready = 1;
    }
    s->confirmed = 1;
    if (control) {
        s->controls_seen = (uint16_t)(s->controls_seen | 1u << nonce);
        news->control = 1;
        return 0;
    }
    p2p__replay_commit(&s->replay, &s->ep->allocator, nonce);
    s->used = 1;
    news->data = 1;
    result->delivered = 1;
    result->data = data + P2P__PKE_HEADER_SIZE;
    result->len = len - P2P_PKE_OVERHEAD;
    return 0;
}

int p2p__pke_session_input(p2p_pke_session *s, uint64_t now, uint8_t *data, size_t len,
                           const p2p__pke_gate *gate, uint8_t *answer, p2p_pke_result *result,
                           p2p__pke_news *news)
{
    if (len < P2P__PKE_HEADER_SIZE)
        return P2P_ERR_MALFORMED;
    if (p2p__pke_session_over(s, now))
        return P2P_ERR_TIMEOUT;
    uint32_t nonce = p2p__load32be(data);
    switch (nonce) {
    case P2P__PKE_NONCE_INIT_HELLO:
        return P2P_ERR_BAD_SIGNATURE; /* the channel knows what to do with it */
    case P2P__PKE_NONCE_RESP_HELLO:
        return p2p__pke_on_resp_hello(s, now, data, len, gate, answer, result, news);
    case P2P__PKE_NONCE_INIT_DONE:
        return p2p__pke_on_init_done(s, now, data, len, answer, result, news);
    case P2P__PKE_NONCE_RESP_DONE:
        return p2p__pke_on_resp_done(s, data, len, news);
    default:
        if (nonce >= P2P__PKE_NONCE_LIMIT)
            return P2P_ERR_MALFORMED;
        return on_message(s, nonce, data, len, result, news);
    }
}

/* --- the session by itself --- */

int p2p_pke_session_initiate(p2p_pke_session **out, p2p_pke_endpoint *ep, p2p_pke_time time)
{
    uint8_t label[P2P__PKE_TIME_SIZE];
    int err = p2p__tai64n_encode((int64_t)(time.wall / NS_PER_SECOND),
                                 (uint32_t)(time.wall % NS_PER_SECOND), label);
    return err ? err : p2p__pke_session_initiate(out, ep, time.now, label);
}

int p2p_pke_session_respond(p2p_pke_session **out, p2p_pke_endpoint *ep, p2p_pke_time time,
                            const uint8_t *hello, size_t len)
{
    p2p__pke_incoming in;
    int err = p2p__pke_hello_read(hello, len, &in);
    if (!err)
        err = p2p__pke_hello_verify(ep, &in);
    if (!err)
        err = p2p__pke_session_respond(out, ep, time.now, &in);
    return p2p__pke_count(ep, err);
}

size_t p2p__pke_session_hello(p2p_pke_session *s, uint8_t *out)
{
    p2p__pke_handshake *hs = s->handshake;
    size_t prefix = 0;
    if (hs->cookie_uses) {
        hs->cookie_uses--;
        p2p__store32be(out, P2P__PKE_NONCE_EXTENSION);
        out[P2P__PKE_HEADER_SIZE] = P2P__PKE_COOKIE_HELLO;
        memcpy(out + P2P__PKE_EXTENSION_SIZE, hs->cookie, sizeof hs->cookie);
        prefix = P2P__PKE_COOKIE_PREFIX_SIZE;
    }
    memcpy(out + prefix, hs->messages, hs->hello_len);
    return prefix + hs->hello_len;
}

void p2p__pke_session_set_cookie(p2p_pke_session *s, const uint8_t cookie[P2P__PKE_COOKIE_SIZE],
                                 unsigned uses)
{
    memcpy(s->handshake->cookie, cookie, P2P__PKE_COOKIE_SIZE);
    s->handshake->cookie_uses = uses;
}

static int copy_out(const uint8_t *message, size_t message_len, uint8_t *out, size_t cap,
                    size_t *len)
{
    if (cap < message_len)
        return P2P_ERR_NO_SPACE;
    if (message_len)
        memcpy(out, message, message_len);
    *len = message_len;
    return 0;
}

int p2p_pke_session_message(const p2p_pke_session *s, uint8_t *out, size_t cap, size_t *len)
{
    const p2p__pke_handshake *hs = s->handshake;
    if (s->stage == P2P__PKE_READY)
        return copy_out(NULL, 0, out, cap, len);
    if (s->stage == P2P__PKE_DONE_SENT)
        return copy_out(hs->messages + hs->hello_len, hs->done_len, out, cap, len);
    return copy_out(hs->messages, hs->hello_len, out, cap, len);
}

/* The InitHello of this very session again gets the same answer. */
static int on_repeated_hello(p2p_pke_session *s, const uint8_t *data, size_t len, uint8_t *answer,
                             p2p_pke_result *result)
{
    uint8_t id[P2P__PKE_ID_SIZE];
    if (len > P2P__PKE_MAX_INIT_HELLO_IN)
        return P2P_ERR_MALFORMED;
    p2p__pke_hello_id(data, len, id);
    if (s->initiator || memcmp(id, s->id, sizeof id) != 0)
        return P2P_ERR_BAD_SIGNATURE;
    s->ep->stats.rx_repeated++;
    return p2p_pke_session_message(s, answer, P2P_PKE_MAX_HANDSHAKE, &result->answer_len);
}

int p2p_pke_session_receive(p2p_pke_session *s, p2p_pke_time time, uint8_t *data, size_t len,
                            uint8_t answer[P2P_PKE_MAX_HANDSHAKE], p2p_pke_result *result)
{
    static const p2p__pke_gate open_gate = {NULL, NULL, 0};
    p2p__pke_news news = {0};
    int err;
    memset(result, 0, sizeof *result);
    if (len >= P2P__PKE_HEADER_SIZE && p2p__load32be(data) == P2P__PKE_NONCE_INIT_HELLO)
        err = on_repeated_hello(s, data, len, answer, result);
    else
        err = p2p__pke_session_input(s, time.now, data, len, &open_gate, answer, result, &news);
    if (news.ready)
        p2p__pke_session_settle(s);
    return p2p__pke_count(s->ep, err);
}

int p2p_pke_session_ready(const p2p_pke_session *s)
{
    return s->stage == P2P__PKE_READY;
}

const uint8_t *p2p_pke_session_key(const p2p_pke_session *s, size_t *len)
{
    *len = s->key_len;
    return s->key;
}

int p2p_pke_session_binding(const p2p_pke_session *s, uint8_t out[64])
{
    if (s->stage == P2P__PKE_HELLO_SENT)
        return P2P_ERR_BUSY;
    memcpy(out, s->binding, sizeof s->binding);
    return 0;
}
