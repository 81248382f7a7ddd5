/* SPDX-License-Identifier: MIT */
/*
 * The messages of the handshake:
 *
 *   0 InitHello   -> e, {version, time, key, sig(time)}           in clear; h1 is h after it
 *   1 RespHello   <- e, ee, {key, sig(h1)}                        h2 is h after it; split
 *   2 InitDone    -> {sig(h2)}                                    under the keys
 *   3 RespDone    <- {}
 *
 * A handler works on copies and commits at its end, so a datagram that is refused changes nothing.
 */
#include "protocol/p2pke/session.h"

#include <sodium.h>
#include <string.h>

#include "core/alloc.h"
#include "core/bytes.h"

#define MAX_INIT_DONE (P2P__PKE_HEADER_SIZE + P2P__PKE_MAX_INIT_DONE_PB + P2P__PKE_TAG_SIZE)
#define MAX_RESP_HELLO \
    (P2P__PKE_HEADER_SIZE + P2P__PKE_DH_SIZE + P2P__PKE_MAX_RESP_HELLO_PB + P2P__PKE_TAG_SIZE)

_Static_assert(MAX_RESP_HELLO <= P2P_PKE_MAX_HANDSHAKE, "RespHello fits its buffer");
_Static_assert(MAX_INIT_DONE <= P2P_PKE_MAX_HANDSHAKE, "InitDone fits its buffer");

static p2p_pke_session *session_new(p2p_pke_endpoint *ep, uint64_t now, size_t messages)
{
    p2p_pke_session *s = p2p__zalloc(&ep->allocator, sizeof *s);
    if (!s)
        return NULL;
    s->handshake = p2p__zalloc(&ep->allocator, sizeof *s->handshake + messages);
    if (!s->handshake) {
        p2p__free(&ep->allocator, s);
        return NULL;
    }
    s->ep = ep;
    s->created = now;
    s->next = P2P__PKE_NONCE_DATA;
    s->next_control = P2P__PKE_NONCE_CONTROL;
    p2p__replay_init(&s->replay, P2P__PKE_NONCE_DATA);
    return s;
}

/* Remembers the peer's key, unless that key is known already. */
static int keep_key(p2p_pke_session *s, const uint8_t *key, size_t len)
{
    if (s->key)
        return 0;
    uint8_t *copy = p2p__alloc(&s->ep->allocator, len);
    if (!copy)
        return P2P_ERR_NO_MEMORY;
    memcpy(copy, key, len);
    s->key = copy;
    s->key_len = len;
    return 0;
}

static uint64_t extensions(const p2p_pke_endpoint *ep)
{
    return ep->config.no_extensions ? 0 : P2P__PKE_EXT_ALL;
}

static int draw_ephemeral(p2p_pke_endpoint *ep, p2p__noise *noise)
{
    uint8_t e_private[P2P__PKE_DH_SIZE];
    int err = p2p__pke_random(ep, e_private, sizeof e_private);
    if (!err)
        err = p2p__noise_init(noise, e_private);
    p2p__wipe(e_private, sizeof e_private);
    return err;
}

/* --- InitHello --- */

/* Writes the InitHello of a new session. */
static int write_init_hello(p2p_pke_session *s, const uint8_t time[P2P__PKE_TIME_SIZE])
{
    p2p_pke_endpoint *ep = s->ep;
    p2p__pke_handshake *hs = s->handshake;
    p2p__pke_claim claim = {0};
    uint8_t sig[P2P__PKE_MAX_SIG];

    claim.version = P2P__PKE_VERSION;
    claim.time = time;
    claim.time_len = P2P__PKE_TIME_SIZE;
    claim.key = ep->key;
    claim.key_len = ep->key_len;
    claim.sig = sig;
    claim.extensions = extensions(ep);
    int err = p2p__pke_sign(ep, P2P__PKE_PURPOSE_TIMESTAMP, time, P2P__PKE_TIME_SIZE, sig,
                            &claim.sig_len);
    if (err)
        return err;
    err = draw_ephemeral(ep, &hs->noise);
    if (err)
        return err;

    uint8_t *payload = hs->messages + P2P__PKE_HEADER_SIZE + P2P__PKE_DH_SIZE;
    p2p__store32be(hs->messages, P2P__PKE_NONCE_INIT_HELLO);
    memcpy(hs->messages + P2P__PKE_HEADER_SIZE, hs->noise.e, P2P__PKE_DH_SIZE);
    size_t payload_len = p2p__pke_write_init_hello(payload, &claim);
    p2p__noise_write_hello(&hs->noise, payload, payload_len);
    hs->hello_len = P2P__PKE_HEADER_SIZE + P2P__PKE_DH_SIZE + payload_len;
    memcpy(hs->time, time, sizeof hs->time);
    p2p__pke_hello_id(hs->messages, hs->hello_len, s->id);
    return 0;
}

int p2p__pke_session_initiate(p2p_pke_session **out, p2p_pke_endpoint *ep, uint64_t now,
                              const uint8_t time[P2P__PKE_TIME_SIZE])
{
    p2p_pke_session *s = session_new(ep, now, P2P__PKE_MAX_INIT_HELLO + MAX_INIT_DONE);
    if (!s)
        return P2P_ERR_NO_MEMORY;
    s->initiator = 1;
    s->stage = P2P__PKE_HELLO_SENT;
    int err = write_init_hello(s, time);
    if (err) {
        p2p_pke_session_free(s);
        return err;
    }
    ep->stats.handshakes_started++;
    *out = s;
    return 0;
}

/* --- RespHello --- */

/* Writes the RespHello of a new session, and takes the keys. */
static int write_resp_hello(p2p_pke_session *s, const p2p__pke_incoming *in)
{
    p2p_pke_endpoint *ep = s->ep;
    p2p__pke_handshake *hs = s->handshake;
    p2p__noise *noise = &hs->noise;
    p2p__pke_claim claim = {0};
    uint8_t sig[P2P__PKE_MAX_SIG], k_ir[P2P__PKE_KEY_SIZE], k_ri[P2P__PKE_KEY_SIZE];

    int err = draw_ephemeral(ep, noise);
    if (err)
        return err;
    p2p__noise_read_hello(noise, in->parts.ephemeral, in->parts.payload, in->parts.payload_len);
    err = p2p__pke_sign(ep, P2P__PKE_PURPOSE_BINDING, noise->h, sizeof noise->h, sig,
                        &claim.sig_len);
    if (err)
        return err;
    claim.key = ep->key;
    claim.key_len = ep->key_len;
    claim.sig = sig;
    claim.extensions = s->peer_extended ? extensions(ep) : 0;

    uint8_t *payload = hs->messages + P2P__PKE_HEADER_SIZE + P2P__PKE_DH_SIZE;
    p2p__store32be(hs->messages, P2P__PKE_NONCE_RESP_HELLO);
    memcpy(hs->messages + P2P__PKE_HEADER_SIZE, noise->e, P2P__PKE_DH_SIZE);
    size_t payload_len = p2p__pke_write_resp_hello(payload, &claim) + P2P__PKE_TAG_SIZE;
    err = p2p__noise_write_answer(noise, &ep->aead, payload, payload_len);
    if (err)
        return err;
    hs->hello_len = P2P__PKE_HEADER_SIZE + P2P__PKE_DH_SIZE + payload_len;
    memcpy(s->binding, noise->h, sizeof s->binding);
    p2p__noise_split(noise, k_ir, k_ri);
    p2p__aead_set_key(&ep->aead, &s->receive, k_ir);
    p2p__aead_set_key(&ep->aead, &s->send, k_ri);
    p2p__wipe(k_ir, sizeof k_ir);
    p2p__wipe(k_ri, sizeof k_ri);
    return 0;
}

int p2p__pke_session_respond(p2p_pke_session **out, p2p_pke_endpoint *ep, uint64_t now,
                             const p2p__pke_incoming *in)
{
    p2p_pke_session *s = session_new(ep, now, MAX_RESP_HELLO);
    if (!s)
        return P2P_ERR_NO_MEMORY;
    /* When many are open they must make haste: who never ends them fills fewer places. */
    s->handshake->end = now + (ep->half_open >= ep->config.cookies_above ? P2P__PKE_HALF_OPEN_SHORT
                                                                         : P2P_PKE_ATTEMPT);
    ep->half_open++;
    s->stage = P2P__PKE_HELLO_ANSWERED;
    s->peer_extended = in->parts.claim.extensions != 0;
    memcpy(s->id, in->id, sizeof s->id);
    memcpy(s->handshake->time, in->parts.claim.time, P2P__PKE_TIME_SIZE);
    int err = keep_key(s, in->key.der, in->key.der_len);
    if (!err)
        err = write_resp_hello(s, in);
    /* The answer stands; what made it goes. */
    p2p__noise_wipe(&s->handshake->noise);
    if (err) {
        p2p_pke_session_free(s);
        return err;
    }
    ep->stats.handshakes_answered++;
    *out = s;
    return 0;
}

/* What comes of a RespHello, until it is committed. */
typedef struct resp_hello {
    p2p__noise noise;
    p2p__aead_key send, receive;
    p2p__pke_claim claim;
    size_t done_len;
    uint8_t done[MAX_INIT_DONE];
    uint8_t payload[P2P_PKE_MAX_HANDSHAKE];
} resp_hello;

/* Decrypts it and checks who sent it. */
static int read_resp_hello(p2p_pke_session *s, const uint8_t *data, size_t len,
                           const p2p__pke_gate *gate, resp_hello *r)
{
    const p2p__pke_handshake *hs = s->handshake;
    const uint8_t *e = data + P2P__PKE_HEADER_SIZE;
    uint8_t *payload = r->payload;
    size_t payload_len = len - P2P__PKE_HEADER_SIZE - P2P__PKE_DH_SIZE;
    p2p__pke_claim *claim = &r->claim;
    p2p_spki key;

    /* What is refused stays as it was, so it is opened elsewhere. */
    memcpy(payload, e + P2P__PKE_DH_SIZE, payload_len);
    r->noise = hs->noise;
    int err = p2p__noise_read_answer(&r->noise, &s->ep->aead, e, payload, payload_len);
    if (err)
        return err;
    if (p2p__pke_read_resp_hello(payload, payload_len - P2P__PKE_TAG_SIZE, claim) ||
        p2p_spki_parse(claim->key, claim->key_len, &key))
        return P2P_ERR_MALFORMED;
    if (gate->check && !gate->check(gate->arg, claim->key, claim->key_len))
        return P2P_ERR_REFUSED;
    if (s->key && (s->key_len != claim->key_len || memcmp(s->key, claim->key, s->key_len) != 0))
        return P2P_ERR_REFUSED;
    /* The signature is over h1, the state before this message. */
    return p2p__pke_verify(s->ep, &key, P2P__PKE_PURPOSE_BINDING, hs->noise.h, sizeof hs->noise.h,
                           claim->sig, claim->sig_len);
}

/* Makes the InitDone that answers it. */
static int make_init_done(p2p_pke_session *s, resp_hello *r)
{
    p2p_pke_endpoint *ep = s->ep;
    uint8_t sig[P2P__PKE_MAX_SIG], k_ir[P2P__PKE_KEY_SIZE], k_ri[P2P__PKE_KEY_SIZE];
    size_t sig_len;

    int err = p2p__pke_sign(ep, P2P__PKE_PURPOSE_BINDING, r->noise.h, sizeof r->noise.h, sig,
                            &sig_len);
    if (err)
        return err;
    p2p__noise_split(&r->noise, k_ir, k_ri);
    p2p__aead_set_key(&ep->aead, &r->send, k_ir);
    p2p__aead_set_key(&ep->aead, &r->receive, k_ri);
    p2p__wipe(k_ir, sizeof k_ir);
    p2p__wipe(k_ri, sizeof k_ri);

    uint8_t *body = r->done + P2P__PKE_HEADER_SIZE;
    p2p__store32be(r->done, P2P__PKE_NONCE_INIT_DONE);
    p2p_iov plain = {body, p2p__pke_write_init_done(body, sig, sig_len)};
    r->done_len = P2P__PKE_HEADER_SIZE + plain.len + P2P__PKE_TAG_SIZE;
    return p2p__aead_seal(&ep->aead, &r->send, P2P__PKE_NONCE_INIT_DONE, r->done,
                          P2P__PKE_HEADER_SIZE, &plain, 1, body);
}

static void commit_resp_hello(p2p_pke_session *s, uint64_t now, const resp_hello *r,
                              const uint8_t id[32])
{
    p2p__pke_handshake *hs = s->handshake;
    p2p__aead_wipe_key(&s->ep->aead, &s->send);
    p2p__aead_wipe_key(&s->ep->aead, &s->receive);
    s->send = r->send;
    s->receive = r->receive;
    memcpy(s->binding, r->noise.h, sizeof s->binding);
    memcpy(hs->answer_id, id, sizeof hs->answer_id);
    memcpy(hs->messages + hs->hello_len, r->done, r->done_len);
    hs->done_len = r->done_len;
    hs->answered_at = now;
    s->peer_extended = r->claim.extensions != 0;
    s->stage = P2P__PKE_DONE_SENT;
}

static void wipe_keys(p2p_pke_session *s, p2p__aead_key *send, p2p__aead_key *receive)
{
    p2p__aead_wipe_key(&s->ep->aead, send);
    p2p__aead_wipe_key(&s->ep->aead, receive);
}

int p2p__pke_on_resp_hello(p2p_pke_session *s, uint64_t now, const uint8_t *data, size_t len,
                           const p2p__pke_gate *gate, uint8_t *answer, p2p_pke_result *result,
                           p2p__pke_news *news)
{
    p2p__pke_handshake *hs = s->handshake;
    uint8_t id[32];
    if (!s->initiator || s->stage == P2P__PKE_READY)
        return P2P_ERR_BAD_SIGNATURE;
    if (len < P2P__PKE_HEADER_SIZE + P2P__PKE_DH_SIZE + P2P__PKE_TAG_SIZE ||
        len > P2P_PKE_MAX_HANDSHAKE)
        return P2P_ERR_MALFORMED;

    /* Only the whole message again, not its header alone, gets the InitDone again. Another valid
     * one may come instead: the responder has forgotten the first, and made a new one. */
    p2p__pke_hello_id(data, len, id);
    int repeated = s->stage == P2P__PKE_DONE_SENT && !memcmp(id, hs->answer_id, sizeof id);
    int err = 0;
    /* It may not make as many as it likes, for each costs us a signature. */
    if (!repeated && s->stage == P2P__PKE_DONE_SENT &&
        (gate->ended || now < hs->answered_at + P2P__PKE_ANSWER_GAP))
        return P2P_ERR_IN_USE;
    if (!repeated) {
        resp_hello r = {0};
        err = read_resp_hello(s, data, len, gate, &r);
        if (!err)
            err = make_init_done(s, &r);
        if (!err)
            err = keep_key(s, r.claim.key, r.claim.key_len);
        if (!err)
            commit_resp_hello(s, now, &r, id);
        else
            wipe_keys(s, &r.send, &r.receive);
        p2p__wipe(&r, sizeof r);
    }
    if (err)
        return err;
    s->ep->stats.rx_repeated += (uint64_t)repeated;
    news->progress = !repeated;
    memcpy(answer, hs->messages + hs->hello_len, hs->done_len);
    result->answer_len = hs->done_len;
    return 0;
}

/* --- InitDone and RespDone --- */

static void become_ready(p2p_pke_session *s, p2p__pke_news *news)
{
    if (!s->initiator)
        s->ep->half_open--;
    s->stage = P2P__PKE_READY;
    s->ep->stats.sessions_ready++;
    news->ready = 1;
}

static int verify_init_done(p2p_pke_session *s, const uint8_t *plain, size_t len)
{
    const uint8_t *sig;
    size_t sig_len;
    p2p_spki key;
    if (p2p__pke_read_init_done(plain, len, &sig, &sig_len))
        return P2P_ERR_MALFORMED;
    int err = p2p_spki_parse(s->key, s->key_len, &key);
    if (err)
        return err;
    return p2p__pke_verify(s->ep, &key, P2P__PKE_PURPOSE_BINDING, s->binding, sizeof s->binding,
                           sig, sig_len);
}

int p2p__pke_on_init_done(p2p_pke_session *s, uint64_t now, const uint8_t *data, size_t len,
                          uint8_t *answer, p2p_pke_result *result, p2p__pke_news *news)
{
    /* Once the initiator has shown that it has the RespDone, it needs no other. */
    if (s->initiator || s->confirmed || len > P2P_PKE_MAX_HANDSHAKE)
        return P2P_ERR_BAD_SIGNATURE;
    int first = s->stage != P2P__PKE_READY;
    /* Only its initiator can write one that opens. One that signs wrongly gets no second check. */
    if (first && s->handshake->done_refused)
        return P2P_ERR_BAD_SIGNATURE;
    /* What is refused stays as it was, so it is opened elsewhere. */
    uint8_t copy[P2P_PKE_MAX_HANDSHAKE];
    memcpy(copy, data, len);
    int err = p2p__pke_session_open(s, copy, len);
    if (err)
        return err;
    if (first) {
        err = verify_init_done(s, copy + P2P__PKE_HEADER_SIZE, len - P2P_PKE_OVERHEAD);
        if (err) {
            s->handshake->done_refused = 1;
            return err;
        }
    } else {
        s->ep->stats.rx_repeated++;
    }
    /* The same bytes each time, for nonce and content are the same. */
    err = p2p__pke_session_seal_as(s, P2P__PKE_NONCE_RESP_DONE, NULL, 0, answer);
    if (err)
        return err;
    if (first)
        become_ready(s, news);
    /* Anybody can repeat an InitDone: that holds our messages back for a while, not for ever. */
    if (first || now < s->created + P2P__PKE_MAX_HOLD)
        s->done_at = now;
    result->answer_len = P2P__PKE_RESP_DONE_SIZE;
    return 0;
}

int p2p__pke_on_resp_done(p2p_pke_session *s, uint8_t *data, size_t len, p2p__pke_news *news)
{
    if (!s->initiator || len != P2P__PKE_RESP_DONE_SIZE)
        return P2P_ERR_BAD_SIGNATURE;
    if (s->stage == P2P__PKE_HELLO_SENT)
        return P2P_ERR_BAD_SIGNATURE;
    int err = p2p__pke_session_open(s, data, len);
    if (err)
        return err;
    if (s->stage == P2P__PKE_READY)
        s->ep->stats.rx_repeated++;
    else
        become_ready(s, news);
    return 0;
}
