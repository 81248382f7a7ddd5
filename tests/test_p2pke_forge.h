/* SPDX-License-Identifier: MIT */
#ifndef TEST_P2PKE_FORGE_H
#define TEST_P2PKE_FORGE_H

/* Messages that no honest peer sends, made with the parts of one. */
#include "test_p2pke.h"

/* The public keys of low order that X25519 must refuse: 0, 1, and p - 1. */
static inline void forge_low_order(unsigned which, uint8_t out[32])
{
    memset(out, 0, 32);
    if (which == 1)
        out[0] = 1;
    if (which == 2) {
        memset(out, 0xff, 32);
        out[0] = 0xec;
        out[31] = 0x7f;
    }
}

/* Signs with a node's key for a purpose of p2pke. Returns the length. */
static inline size_t forge_sign(test_node *node, const char *purpose, const uint8_t *msg,
                                size_t len, uint8_t sig[P2P__PKE_MAX_SIG])
{
    size_t sig_len = 0;
    int err = p2p__pke_sign(node->ep, purpose, msg, len, sig, &sig_len);
    assert(!err);
    (void)err;
    return sig_len;
}

/* What an InitHello is made of; NULL and 0 leave a field out. */
typedef struct forge_hello {
    uint64_t version;
    uint8_t time[12];
    const uint8_t *key;
    size_t key_len;
    uint64_t extensions;
    uint8_t e_private[32];
    const uint8_t *e;   /* instead of that of e_private */
    const uint8_t *gap; /* bytes between e and the protobuf */
    size_t gap_len;
    int bad_signature;
} forge_hello;

/* Fills in what an honest node would say at that time. */
static inline void forge_hello_init(forge_hello *f, test_node *node, uint64_t wall)
{
    memset(f, 0, sizeof *f);
    f->version = 1;
    p2p__store64be(f->time, (UINT64_C(1) << 62) + 37 + wall / P2P_SECOND);
    p2p__store32be(f->time + 8, (uint32_t)(wall % P2P_SECOND));
    f->key = p2p_pke_endpoint_key(node->ep, &f->key_len);
    memset(f->e_private, 0x77, sizeof f->e_private);
}

/* Writes the InitHello, signed by node; `noise` (may be NULL) is the state after it. */
static inline size_t forge_write_hello(const forge_hello *f, test_node *node, uint8_t *out,
                                       p2p__noise *noise)
{
    p2p__noise state;
    uint8_t sig[P2P__PKE_MAX_SIG];
    p2p__pke_claim claim = {0};
    int err = p2p__noise_init(&state, f->e_private);
    assert(!err);
    (void)err;
    claim.version = f->version;
    claim.time = f->time;
    claim.time_len = sizeof f->time;
    claim.key = f->key;
    claim.key_len = f->key_len;
    claim.sig = sig;
    claim.sig_len = forge_sign(node, P2P__PKE_PURPOSE_TIMESTAMP, f->time, sizeof f->time, sig);
    claim.extensions = f->extensions;
    if (f->bad_signature)
        sig[5] ^= 1;
    p2p__store32be(out, 0);
    memcpy(out + 4, f->e ? f->e : state.e, 32);
    if (f->gap_len)
        memcpy(out + 36, f->gap, f->gap_len);
    size_t payload = f->gap_len + p2p__pke_write_init_hello(out + 36 + f->gap_len, &claim);
    p2p__noise_write_hello(&state, out + 36, payload);
    if (noise)
        *noise = state;
    return 36 + payload;
}

/* Answers an InitHello: encrypts any plaintext, of len bytes, as its RespHello. */
static inline size_t forge_resp_hello(test_node *node, const uint8_t *hello, size_t hello_len,
                                      const uint8_t *plain, size_t len, uint8_t *out,
                                      p2p__noise *noise)
{
    static const uint8_t e_private[32] = {0x55, 0x44};
    p2p__pke_init_hello parts;
    p2p__noise state;
    int err = p2p__pke_read_init_hello(hello, hello_len, &parts);
    assert(!err);
    err = p2p__noise_init(&state, e_private);
    assert(!err);
    p2p__noise_read_hello(&state, parts.ephemeral, parts.payload, parts.payload_len);
    p2p__store32be(out, 1);
    memcpy(out + 4, state.e, 32);
    memcpy(out + 36, plain, len);
    err = p2p__noise_write_answer(&state, &node->ep->aead, out + 36, len + 16);
    assert(!err);
    (void)err;
    if (noise)
        *noise = state;
    return 36 + len + 16;
}

/* The plaintext of an honest RespHello of node to that InitHello. */
static inline size_t forge_resp_plain(test_node *node, const uint8_t *hello, size_t hello_len,
                                      uint8_t *out)
{
    static const uint8_t e_private[32] = {0x55, 0x44};
    p2p__pke_init_hello parts;
    p2p__noise state;
    uint8_t sig[P2P__PKE_MAX_SIG];
    p2p__pke_claim claim = {0};
    int err = p2p__pke_read_init_hello(hello, hello_len, &parts);
    assert(!err);
    err = p2p__noise_init(&state, e_private);
    assert(!err);
    (void)err;
    p2p__noise_read_hello(&state, parts.ephemeral, parts.payload, parts.payload_len);
    claim.key = p2p_pke_endpoint_key(node->ep, &claim.key_len);
    claim.sig = sig;
    claim.sig_len = forge_sign(node, P2P__PKE_PURPOSE_BINDING, state.h, 64, sig);
    return p2p__pke_write_resp_hello(out, &claim);
}

/*
 * What a refused datagram must leave as it is: everything but counters and the clock. Two snapshots
 * of one channel are equal if it did.
 */
typedef struct forge_snapshot {
    size_t len;
    uint8_t bytes[16384];
} forge_snapshot;

static inline void forge_add(forge_snapshot *s, const void *data, size_t len)
{
    assert(s->len + len <= sizeof s->bytes);
    if (len)
        memcpy(s->bytes + s->len, data, len);
    s->len += len;
}

static inline void forge_add_session(forge_snapshot *s, const p2p_pke_session *session)
{
    forge_add(s, &session, sizeof session);
    if (!session)
        return;
    forge_add(s, session, sizeof *session);
    if (session->replay.ring)
        forge_add(s, session->replay.ring, P2P__REPLAY_BLOCKS * 8);
    const p2p__pke_handshake *hs = session->handshake;
    if (hs) {
        /* That an InitDone was wrongly signed is remembered: only its initiator can write one. */
        p2p__pke_handshake copy = *hs;
        copy.done_refused = 0;
        forge_add(s, &copy, sizeof copy);
        forge_add(s, hs->messages, hs->hello_len + hs->done_len);
    }
}

static inline void forge_take(forge_snapshot *s, const p2p_pke_channel *c)
{
    p2p_pke_channel copy = *c;
    copy.now = 0;
    s->len = 0;
    forge_add(s, &copy, sizeof copy);
    forge_add_session(s, c->current);
    forge_add_session(s, c->previous);
    forge_add_session(s, c->out.session);
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++)
        forge_add_session(s, c->in[i].session);
    forge_add(s, &c->ep->half_open, sizeof c->ep->half_open);
}

static inline int forge_same(const forge_snapshot *a, const forge_snapshot *b)
{
    return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

#endif
