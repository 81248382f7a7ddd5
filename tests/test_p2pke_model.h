/* SPDX-License-Identifier: MIT */
#ifndef TEST_P2PKE_MODEL_H
#define TEST_P2PKE_MODEL_H

/*
 * A model of the reference's Session and Channel, faults included, as wire.md 2.6 and 2.7 describe
 * them. It is there to show that the rules of 2.8 hold against it.
 */
#include "test_p2pke_forge.h"

#include "format/tai64n.h"

#define REF_REKEY    (120 * P2P_SECOND)
#define REF_LIFETIME (180 * P2P_SECOND)
#define REF_FRESH    (15 * P2P_SECOND)
#define REF_RETRY    (250 * P2P_MILLISECOND)

typedef struct ref_session {
    test_node *node;
    int initiator;
    unsigned hs; /* 0, 2, 4, 8 of an initiator; 1, 3, 8 of a responder */
    int broken;
    p2p__noise noise;
    uint8_t h2[64];
    p2p__aead_key send, receive;
    uint8_t hello[256], reply[256]; /* InitHello and InitDone, or RespHello and RespDone */
    size_t hello_len, reply_len;
    uint8_t id[32], time[12], key[64];
    size_t key_len;
    uint64_t created, next;
    p2p__replay replay;
} ref_session;

typedef struct ref_output {
    size_t len;
    uint8_t data[256];
    int delivered;
    uint8_t *app;
    size_t app_len;
    int ready;
} ref_output;

static inline ref_session *ref_new(test_node *node, uint64_t now)
{
    ref_session *s = calloc(1, sizeof *s);
    assert(s);
    s->node = node;
    s->created = now;
    s->next = 16;
    p2p__replay_init(&s->replay, 0);
    return s;
}

static inline void ref_free(ref_session *s)
{
    if (!s)
        return;
    p2p__replay_free(&s->replay, p2p_default_allocator());
    p2p__aead_wipe_key(&s->node->ep->aead, &s->send);
    p2p__aead_wipe_key(&s->node->ep->aead, &s->receive);
    free(s);
}

static inline void ref_keys(ref_session *s, const p2p__noise *noise)
{
    uint8_t k_ir[32], k_ri[32];
    p2p__noise_split(noise, k_ir, k_ri);
    memcpy(s->h2, noise->h, 64);
    p2p__aead_set_key(&s->node->ep->aead, &s->send, s->initiator ? k_ir : k_ri);
    p2p__aead_set_key(&s->node->ep->aead, &s->receive, s->initiator ? k_ri : k_ir);
}

static inline size_t ref_seal(ref_session *s, uint32_t nonce, const void *data, size_t len,
                              uint8_t *out)
{
    p2p_iov iov = {data, len};
    p2p__store32be(out, nonce);
    int err = p2p__aead_seal(&s->node->ep->aead, &s->send, nonce, out, 4, &iov, 1, out + 4);
    assert(!err);
    (void)err;
    return len + 20;
}

static inline ref_session *ref_initiate(test_node *node, uint64_t now, uint64_t wall)
{
    ref_session *s = ref_new(node, now);
    forge_hello f;
    forge_hello_init(&f, node, wall);
    (void)test_random(node, f.e_private, 32);
    s->initiator = 1;
    s->hello_len = forge_write_hello(&f, node, s->hello, &s->noise);
    memcpy(s->time, f.time, 12);
    p2p__pke_hello_id(s->hello, s->hello_len, s->id);
    return s;
}

static inline ref_session *ref_respond(test_node *node, uint64_t now, const uint8_t *hello,
                                       size_t len, const p2p__pke_init_hello *parts)
{
    ref_session *s = ref_new(node, now);
    p2p__noise noise;
    uint8_t e_private[32], sig[P2P__PKE_MAX_SIG];
    p2p__pke_claim claim = {0};
    (void)test_random(node, e_private, 32);
    s->hs = 1;
    p2p__pke_hello_id(hello, len, s->id);
    memcpy(s->time, parts->claim.time, 12);
    memcpy(s->key, parts->claim.key, parts->claim.key_len);
    s->key_len = parts->claim.key_len;
    int err = p2p__noise_init(&noise, e_private);
    p2p__noise_read_hello(&noise, parts->ephemeral, parts->payload, parts->payload_len);
    claim.sig = sig;
    claim.sig_len = forge_sign(node, P2P__PKE_PURPOSE_BINDING, noise.h, 64, sig);
    claim.key = p2p_pke_endpoint_key(node->ep, &claim.key_len);
    p2p__store32be(s->hello, 1);
    memcpy(s->hello + 4, noise.e, 32);
    size_t plain = p2p__pke_write_resp_hello(s->hello + 36, &claim);
    err |= p2p__noise_write_answer(&noise, &node->ep->aead, s->hello + 36, plain + 16);
    assert(!err); /* the reference crashes here on a low-order point */
    (void)err;
    s->hello_len = 36 + plain + 16;
    ref_keys(s, &noise);
    return s;
}

static inline void ref_say(ref_output *out, const uint8_t *data, size_t len)
{
    memcpy(out->data, data, len);
    out->len = len;
}

/* An initiator reads RespHello. Bad content breaks the session for good. */
static inline int ref_on_resp_hello(ref_session *s, uint8_t *data, size_t len, ref_output *out)
{
    p2p__noise noise = s->noise;
    p2p__pke_claim claim;
    p2p_spki key;
    uint8_t sig[P2P__PKE_MAX_SIG], plain[128];
    if (s->broken || len < 52)
        return -1;
    int err = p2p__noise_read_answer(&noise, &s->node->ep->aead, data + 4, data + 36, len - 36);
    if (err == P2P_ERR_BAD_SIGNATURE)
        return -1;
    if (err || p2p__pke_read_resp_hello(data + 36, len - 52, &claim) ||
        p2p_spki_parse(claim.key, claim.key_len, &key) ||
        p2p__pke_verify(s->node->ep, &key, P2P__PKE_PURPOSE_BINDING, s->noise.h, 64, claim.sig,
                        claim.sig_len)) {
        s->broken = 1;
        return -1;
    }
    memcpy(s->key, claim.key, claim.key_len);
    s->key_len = claim.key_len;
    ref_keys(s, &noise);
    size_t sig_len = forge_sign(s->node, P2P__PKE_PURPOSE_BINDING, s->h2, 64, sig);
    s->reply_len = ref_seal(s, 2, plain, p2p__pke_write_init_done(plain, sig, sig_len), s->reply);
    s->hs = 2;
    ref_say(out, s->reply, s->reply_len);
    return 0;
}

static inline int ref_open(ref_session *s, uint8_t *data, size_t len)
{
    if (len < 20)
        return -1;
    return p2p__aead_open(&s->node->ep->aead, &s->receive, p2p__load32be(data), data, 4, data + 4,
                          len - 4);
}

static inline int ref_on_init_done(ref_session *s, uint8_t *data, size_t len, ref_output *out)
{
    const uint8_t *sig;
    size_t sig_len;
    p2p_spki key;
    if (ref_open(s, data, len) || p2p__pke_read_init_done(data + 4, len - 20, &sig, &sig_len) ||
        p2p_spki_parse(s->key, s->key_len, &key) ||
        p2p__pke_verify(s->node->ep, &key, P2P__PKE_PURPOSE_BINDING, s->h2, 64, sig, sig_len))
        return -1;
    s->hs = 3;
    s->reply_len = ref_seal(s, 3, NULL, 0, s->reply);
    ref_say(out, s->reply, s->reply_len);
    out->ready = 1;
    return 0;
}

/* The table of 2.6. */
static inline int ref_receive(ref_session *s, uint64_t now, uint8_t *data, size_t len,
                              ref_output *out)
{
    memset(out, 0, sizeof *out);
    if (now - s->created > REF_LIFETIME || len < 4)
        return -1;
    uint32_t nonce = p2p__load32be(data);
    if (nonce >= 4) {
        if (s->hs < 2 || nonce >= 0xfffffffe || ref_open(s, data, len))
            return -1;
        if (!p2p__replay_check(&s->replay, nonce))
            return 0;
        p2p__replay_commit(&s->replay, p2p_default_allocator(), nonce);
        s->hs = 8;
        out->delivered = len > 20;
        out->app = data + 4;
        out->app_len = len - 20;
        return 0;
    }
    if (s->initiator) {
        if (nonce == 0 || nonce == 2)
            return -1;
        if (s->hs == 0 && nonce == 1)
            return ref_on_resp_hello(s, data, len, out);
        if (s->hs == 0)
            ref_say(out, s->hello, s->hello_len);
        else if (s->hs == 2 && nonce == 1)
            ref_say(out, s->reply, s->reply_len);
        else if (s->hs == 2) {
            if (ref_open(s, data, len))
                return -1;
            s->hs = 4;
            out->ready = 1;
        }
        return 0;
    }
    if (nonce == 1 || nonce == 3)
        return -1;
    if (s->hs == 1 && nonce == 0)
        ref_say(out, s->hello, s->hello_len);
    else if (s->hs == 1)
        return ref_on_init_done(s, data, len, out);
    else if (s->hs == 3)
        ref_say(out, s->reply, s->reply_len);
    return 0;
}

/* --- the channel of 2.7 --- */

#define REF_MAX_WAITING 64u

typedef struct ref_channel {
    test_node *node;
    ref_session *slot[3];
    int has_key, has_time;
    uint8_t key[64], time[12];
    size_t key_len;
    uint64_t last_received, rekey_at, retry_at;
    unsigned waiting; /* blocked sends: one byte each */
    uint8_t waiting_text[REF_MAX_WAITING][256];
    size_t waiting_len[REF_MAX_WAITING];
    void (*send)(void *arg, const uint8_t *data, size_t len);
    void (*deliver)(void *arg, const uint8_t *data, size_t len);
    void *arg;
} ref_channel;

static inline void ref_channel_init(ref_channel *c, test_node *node)
{
    memset(c, 0, sizeof *c);
    c->node = node;
    c->rekey_at = c->retry_at = P2P_NEVER;
}

static inline void ref_channel_free(ref_channel *c)
{
    for (unsigned i = 0; i < 3; i++)
        ref_free(c->slot[i]);
}

static inline void ref_set(ref_channel *c, unsigned i, ref_session *s)
{
    if (c->slot[i] != s)
        ref_free(c->slot[i]);
    c->slot[i] = s;
}

static inline void ref_expire(ref_channel *c, uint64_t now)
{
    if (c->slot[0] && now - c->slot[0]->created > REF_LIFETIME)
        ref_set(c, 0, NULL);
    if (c->slot[1] &&
        (now - c->slot[1]->created > REF_LIFETIME || now - c->last_received > REF_FRESH)) {
        ref_set(c, 0, c->slot[1]);
        c->slot[1] = NULL;
    }
    if (c->slot[2] && now - c->slot[2]->created > REF_LIFETIME)
        ref_set(c, 2, NULL);
}

static inline void ref_enter(ref_channel *c, ref_session *s, uint64_t now)
{
    ref_set(c, 2, s);
    if (s->initiator)
        c->rekey_at = now + REF_REKEY;
}

static inline void ref_transmit(ref_channel *c, ref_session *s, const void *data, size_t len)
{
    uint8_t out[512];
    c->send(c->arg, out, ref_seal(s, (uint32_t)s->next++, data, len, out));
}

static inline void ref_start(ref_channel *c, uint64_t now, uint64_t wall)
{
    ref_enter(c, ref_initiate(c->node, now, wall), now);
    c->retry_at = now;
}

static inline void ref_tell(ref_channel *c, uint64_t now, uint64_t wall, const void *data,
                            size_t len)
{
    ref_expire(c, now);
    if (c->slot[1]) {
        ref_transmit(c, c->slot[1], data, len);
        return;
    }
    if (!c->slot[2])
        ref_start(c, now, wall);
    if (c->waiting == REF_MAX_WAITING)
        return;
    memcpy(c->waiting_text[c->waiting], data, len);
    c->waiting_len[c->waiting++] = len;
}

static inline void ref_promote(ref_channel *c, uint64_t now)
{
    ref_session *s = c->slot[2];
    if (c->has_key && (c->key_len != s->key_len || memcmp(c->key, s->key, s->key_len) != 0)) {
        ref_set(c, 2, NULL);
        return;
    }
    memcpy(c->key, s->key, s->key_len);
    c->key_len = s->key_len;
    memcpy(c->time, s->time, 12); /* also when it is our own clock */
    c->has_key = c->has_time = 1;
    c->last_received = now;
    ref_set(c, 0, c->slot[1]);
    c->slot[1] = s;
    c->slot[2] = NULL;
    if (s->initiator)
        c->rekey_at = now + REF_REKEY;
}

static inline void ref_wake(ref_channel *c)
{
    if (!c->slot[1])
        return;
    for (unsigned i = 0; i < c->waiting; i++)
        ref_transmit(c, c->slot[1], c->waiting_text[i], c->waiting_len[i]);
    c->waiting = 0;
}

/* Steps 2 to 4 of receiving. */
static inline void ref_on_new_hello(ref_channel *c, uint64_t now, const uint8_t *data, size_t len)
{
    p2p__pke_init_hello parts;
    p2p_spki key;
    uint8_t id[32];
    if (len < 4 || p2p__load32be(data) != 0)
        return;
    p2p__pke_hello_id(data, len, id);
    for (unsigned i = 0; i < 3; i++)
        if (c->slot[i] && !memcmp(c->slot[i]->id, id, 32))
            return;
    if (p2p__pke_read_init_hello(data, len, &parts) ||
        p2p__tai64n_check(parts.claim.time, parts.claim.time_len))
        return;
    if (c->has_time && p2p__tai64n_compare(parts.claim.time, c->time) < 0)
        return;
    if (p2p_spki_parse(parts.claim.key, parts.claim.key_len, &key) ||
        p2p__pke_verify(c->node->ep, &key, P2P__PKE_PURPOSE_TIMESTAMP, parts.claim.time, 12,
                        parts.claim.sig, parts.claim.sig_len))
        return;
    if (c->has_key &&
        (c->key_len != parts.claim.key_len || memcmp(c->key, parts.claim.key, c->key_len) != 0))
        return;
    if (!c->slot[2] || memcmp(c->slot[2]->id, id, 32) >= 0)
        ref_enter(c, ref_respond(c->node, now, data, len, &parts), now);
    const ref_session *winner = c->slot[2];
    if (winner->initiator && winner->hs == 2)
        c->send(c->arg, winner->reply, winner->reply_len);
    else
        c->send(c->arg, winner->hello, winner->hello_len);
}

static inline void ref_channel_receive(ref_channel *c, uint64_t now, uint8_t *data, size_t len)
{
    for (unsigned i = 0; i < 3; i++) {
        ref_output out;
        if (!c->slot[i] || ref_receive(c->slot[i], now, data, len, &out))
            continue;
        if (out.delivered) {
            c->deliver(c->arg, out.app, out.app_len);
            return;
        }
        if (out.ready && i == 2)
            ref_promote(c, now);
        if (out.len)
            c->send(c->arg, out.data, out.len);
        if (out.ready)
            ref_wake(c);
        if (out.len)
            return;
    }
    ref_on_new_hello(c, now, data, len);
}

static inline uint64_t ref_deadline(const ref_channel *c)
{
    return c->rekey_at < c->retry_at ? c->rekey_at : c->retry_at;
}

static inline void ref_timers(ref_channel *c, uint64_t now, uint64_t wall)
{
    if (now >= c->rekey_at) {
        c->rekey_at = P2P_NEVER;
        ref_expire(c, now);
        if (!c->slot[2])
            ref_start(c, now, wall);
    }
    if (now < c->retry_at)
        return;
    c->retry_at = P2P_NEVER;
    for (unsigned i = 0; i < 3; i++) {
        const ref_session *s = c->slot[i];
        if (!s || s->hs >= 3)
            continue;
        if (s->initiator && s->hs == 2)
            c->send(c->arg, s->reply, s->reply_len);
        else
            c->send(c->arg, s->hello, s->hello_len);
        c->retry_at = now + REF_RETRY;
    }
}

#endif
