/* SPDX-License-Identifier: MIT */
/*
 * Two channels and somebody between them who does what the input says: delivers, drops, repeats,
 * changes and forges datagrams, some of them with the right keys, while time passes. After each
 * step it must hold that what was refused has changed nothing, that no answer is longer than its
 * question, that what is delivered was sent and comes once, and that no work is left that is due.
 * The first byte of the input says what the channels are: their algorithms and extensions.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/test_p2pke_forge.h"
#include "support/gcrypt_signer.h"

#define MAX_PACKETS  32u
#define MAX_MESSAGES 256u
#define MAX_STEPS    300u

#define CHECK(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

typedef struct packet {
    unsigned to;
    size_t len;
    uint8_t data[2048];
} packet;

typedef struct world {
    const uint8_t *input;
    size_t left;
    p2p_pke_time time;
    test_node node[2];
    p2p_pke_channel *channel[2];
    packet packets[MAX_PACKETS];
    size_t count;
    unsigned sent[2];
    uint8_t arrived[2][MAX_MESSAGES];
    forge_snapshot before, after;
} world;

static uint8_t next(world *w)
{
    if (!w->left)
        return 0;
    w->left--;
    return *w->input++;
}

static void post(world *w, unsigned to, const uint8_t *data, size_t len)
{
    if (w->count == MAX_PACKETS || len > sizeof w->packets[0].data)
        return;
    packet *p = &w->packets[w->count++];
    p->to = to;
    p->len = len;
    memcpy(p->data, data, len);
}

static void flush(world *w, unsigned side)
{
    uint8_t out[2048];
    size_t len;
    p2p_pke_event event;
    p2p_pke_info info;
    unsigned rounds = 0;
    do {
        CHECK(!p2p_pke_channel_poll(w->channel[side], w->time, out, sizeof out, &len));
        if (len)
            post(w, !side, out, len);
        CHECK(++rounds < 200);
    } while (len);
    CHECK(p2p_pke_channel_deadline(w->channel[side]) > w->time.now);
    while (p2p_pke_channel_event(w->channel[side], &event))
        CHECK(event.kind == P2P_PKE_READY || event.reason < 0);
    p2p_pke_channel_info(w->channel[side], w->time, &info);
    CHECK(info.half_open <= P2P__PKE_HALF_OPEN && info.queued <= 64);
}

/* Messages are told apart by their length and first byte. */
static void say(world *w, unsigned from)
{
    uint8_t text[300], out[512];
    size_t len;
    if (w->sent[from] == MAX_MESSAGES)
        return;
    unsigned number = w->sent[from];
    memset(text, (int)(number ^ from), sizeof text);
    p2p_iov iov = {text, number};
    int err = p2p_pke_channel_send(w->channel[from], w->time, &iov, 1, out, sizeof out, &len);
    CHECK(!err || err == P2P_ERR_AGAIN);
    if (!err)
        w->sent[from]++;
    if (!err && len)
        post(w, !from, out, len);
    flush(w, from);
}

static void check_delivered(world *w, unsigned to, const p2p_pke_result *r)
{
    CHECK(r->len < w->sent[!to]);
    for (size_t i = 0; i < r->len; i++)
        CHECK(r->data[i] == (uint8_t)(r->len ^ !to));
    CHECK(!w->arrived[to][r->len]);
    w->arrived[to][r->len] = 1;
}

/* Whether somebody may get an answer that is longer: he has shown that he gets it, by a cookie or
 * by his answer to our InitHello. */
static int has_shown(const p2p_pke_channel *c, const uint8_t *data, int err)
{
    if (!err && p2p__load32be(data) == P2P__PKE_NONCE_RESP_HELLO)
        return 1;
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++)
        if (c->in[i].session && c->in[i].proven)
            return 1;
    return 0;
}

static void receive(world *w, unsigned to, const uint8_t *data, size_t len, int honest)
{
    uint8_t answer[P2P_PKE_MAX_HANDSHAKE];
    p2p_pke_result r;
    uint8_t *copy = malloc(len ? len : 1);
    CHECK(copy);
    memcpy(copy, data, len);
    forge_take(&w->before, w->channel[to]);
    int err = p2p_pke_channel_receive(w->channel[to], w->time, copy, len, answer, &r);
    forge_take(&w->after, w->channel[to]);
    /* Who answers with a wrong key may shorten an attempt of ours; else nothing changes. */
    int doubted = len >= 4 && p2p__load32be(data) == 1 &&
                  (err == P2P_ERR_REFUSED || err == P2P_ERR_UNSUPPORTED);
    CHECK(!err || doubted || forge_same(&w->before, &w->after));
    CHECK(!err || !r.delivered);
    CHECK(r.answer_len <= len || has_shown(w->channel[to], data, err));
    if (r.answer_len)
        post(w, !to, answer, r.answer_len);
    if (r.delivered && honest)
        check_delivered(w, to, &r);
    free(copy);
    flush(w, to);
}

/* Datagrams that need the keys of one side: content from the input. */
static void forge(world *w, unsigned as)
{
    uint8_t out[2048], plain[256], answer[P2P_PKE_MAX_HANDSHAKE];
    size_t n = next(w) % 128, len = 0;
    p2p_pke_channel *c = w->channel[!as];
    p2p_pke_result r;
    for (size_t i = 0; i < n; i++)
        plain[i] = next(w);
    switch (next(w) % 4) {
    case 0: /* RespHello to their InitHello */
        if (c->out.session) {
            const p2p__pke_handshake *hs = c->out.session->handshake;
            len = forge_resp_plain(&w->node[as], hs->messages, hs->hello_len, out);
            for (size_t i = 0; i + 1 < n; i += 2)
                out[plain[i] % len] ^= plain[i + 1];
            memcpy(answer, out, len);
            len = forge_resp_hello(&w->node[as], hs->messages, hs->hello_len, answer, len, out,
                                   NULL);
        }
        break;
    case 1: { /* an InitHello with a gap, another time, another key */
        forge_hello f;
        forge_hello_init(&f, &w->node[as], w->time.wall);
        f.gap = plain;
        f.gap_len = n;
        f.version = next(w) % 8 ? 1 : next(w);
        f.extensions = next(w);
        f.time[7] ^= next(w) & 3;
        f.e_private[1] = next(w);
        f.bad_signature = next(w) % 4 == 0;
        len = forge_write_hello(&f, &w->node[as], out, NULL);
        break;
    }
    default: { /* InitDone or RespDone under a session of theirs */
        p2p_pke_session *s = w->channel[as]->out.session;
        if (!s || s->stage != P2P__PKE_DONE_SENT)
            s = w->channel[as]->current;
        p2p_iov iov = {plain, n};
        uint32_t nonce = 2 + (next(w) & 1);
        if (s && s->stage >= P2P__PKE_DONE_SENT &&
            !p2p__pke_session_seal_as(s, nonce, &iov, 1, out))
            len = n + 20;
        break;
    }
    }
    memset(&r, 0, sizeof r);
    if (len)
        receive(w, !as, out, len, 0);
}

static void inject(world *w, unsigned to)
{
    uint8_t data[256];
    size_t len = next(w);
    for (size_t i = 0; i < len; i++)
        data[i] = next(w);
    if (len >= 4 && data[0] < 128)
        memset(data, 0, 3);
    receive(w, to, data, len, 0);
}

/* Takes packet i and gives it to somebody, changed or not. */
static void deliver(world *w, uint8_t how)
{
    if (!w->count)
        return;
    size_t i = next(w) % w->count;
    packet p = w->packets[i];
    if (!(how & 1))
        w->packets[i] = w->packets[--w->count];
    if (how & 2)
        p.data[next(w) % p.len] ^= next(w);
    if (how & 4)
        p.len = p.len * next(w) / 256;
    receive(w, how & 8 ? !p.to : p.to, p.data, p.len, 1);
}

static void advance(world *w, uint64_t by)
{
    w->time.now += by;
    w->time.wall += by;
    flush(w, 0);
    flush(w, 1);
}

static void step(world *w)
{
    uint8_t op = next(w);
    unsigned side = op & 1;
    switch (op >> 1 & 15) {
    case 0:
    case 1:
        say(w, side);
        break;
    case 2:
        advance(w, (uint64_t)next(w) * 20 * P2P_MILLISECOND);
        break;
    case 3:
        advance(w, (uint64_t)next(w) * P2P_SECOND);
        break;
    case 4:
        inject(w, side);
        break;
    case 5:
        forge(w, side);
        break;
    case 6:
        w->node[side].verdict = (p2p_pke_verdict)(next(w) % 3);
        break;
    case 7:
        w->time.wall += next(w) & 1 ? UINT64_C(1) << 40 : 0 - (UINT64_C(1) << 40);
        break;
    case 8:
        CHECK(!p2p_pke_channel_open(w->channel[side], w->time));
        flush(w, side);
        break;
    case 9:
        if (w->channel[side]->current && w->channel[side]->current->next < 1000)
            w->channel[side]->current->next += next(w);
        break;
    case 10:
        deliver(w, next(w));
        break;
    default:
        deliver(w, 0);
        break;
    }
}

static void know_all(p2p_pke_config *config)
{
    config->registry = p2p_key_registry_extended();
}

static void have_p256(p2p_pke_config *config)
{
    know_all(config);
    config->signer = gcrypt_p256_signer();
}

static void have_rsa(p2p_pke_config *config)
{
    know_all(config);
    config->signer = gcrypt_rsa_signer();
}

/* Bit i: no extensions; two bits from 2 + 2 i on: the key; bit 6 + i: it knows Ed25519 only. */
static void start(world *w, unsigned i, uint8_t shape)
{
    static void (*const keys[])(p2p_pke_config *) = {know_all, have_p256, have_rsa, NULL};
    test_node *node = &w->node[i];
    test_node_init(node, i, keys[shape >> (2 + 2 * i) & 3]);
    node->ep->config.no_extensions = shape >> i & 1;
    if (shape >> (6 + i) & 1)
        node->ep->config.registry = NULL;
    CHECK(!p2p_pke_channel_new(&w->channel[i], node->ep, NULL, "x", 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.input = data;
    w.left = len;
    w.time = test_time(0);
    uint8_t shape = next(&w);
    for (unsigned i = 0; i < 2; i++)
        start(&w, i, shape);
    for (unsigned steps = 0; w.left && steps < MAX_STEPS; steps++)
        step(&w);
    for (unsigned i = 0; i < 2; i++) {
        p2p_pke_channel_free(w.channel[i]);
        test_node_free(&w.node[i]);
    }
    return 0;
}
