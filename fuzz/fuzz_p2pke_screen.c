/* SPDX-License-Identifier: MIT */
/*
 * Strangers before an endpoint: p2p_pke_screen() and the channels that come of it. The input is a
 * script: who calls from where, with a key of which algorithm, honestly, with a forged handshake,
 * an old one, another's or a changed one, with a cookie or not. After each datagram must hold what
 * screening promises: no memory, at most one check of a signature and that as the last thing, no
 * answer but a cookie, and that the channel made for a datagram that was let through takes it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../tests/test_p2pke_forge.h"
#include "format/blake2x.h"
#include "support/counted.h"
#include "support/gcrypt_signer.h"

#define CALLERS   3u /* one of each algorithm */
#define SOURCES   6u
#define MAX_STEPS 100u
#define MAX_SIZE  2048u

#define CHECK(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

/* Where somebody calls from, and what is there on both sides. */
typedef struct place {
    p2p_pke_session *caller;
    p2p_pke_channel *channel; /* of ours to him; NULL: he is a stranger */
    size_t len;
    uint8_t datagram[MAX_SIZE]; /* his last one */
    size_t answer_len;
    uint8_t answer[P2P_PKE_MAX_HANDSHAKE]; /* our last one */
    size_t cookie_count;
    uint8_t cookies[MAX_STEPS][P2P__PKE_COOKIE_SIZE]; /* all that we gave him */
} place;

typedef struct world {
    const uint8_t *input;
    size_t left;
    p2p_pke_time time;
    test_node node;
    test_node callers[CALLERS];
    place places[SOURCES];
    int proven; /* the last datagram has come with a good cookie */
} world;

static counted memory;
static p2p_allocator allocator;

/* Addresses of unlike lengths, one of which is the beginning of another. */
static const char *const sources[SOURCES] = {"",    "a", "ab",
                                             "abc", "b", "a long name of an address"};

static uint8_t next(world *w)
{
    if (!w->left)
        return 0;
    w->left--;
    return *w->input++;
}

static int accept_none(const uint8_t *key, size_t len)
{
    (void)key;
    (void)len;
    return 0;
}

static void know_all(p2p_pke_config *config)
{
    config->registry = p2p_key_registry_extended();
    config->allocator = &allocator;
    config->max_half_open = 6;
    config->cookies_above = 2;
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

static void (*const kinds[CALLERS])(p2p_pke_config *) = {know_all, have_p256, have_rsa};

/* --- what comes to us --- */

static void check_code(int err)
{
    CHECK(err == 0 || err == P2P_ERR_MALFORMED || err == P2P_ERR_UNSUPPORTED ||
          err == P2P_ERR_REFUSED || err == P2P_ERR_LIMIT || err == P2P_ERR_AGAIN ||
          err == P2P_ERR_BAD_SIGNATURE);
}

static void note_cookie(place *p, int err)
{
    if (err != P2P_ERR_AGAIN)
        return;
    CHECK(p->cookie_count < MAX_STEPS && p->answer_len == P2P__PKE_COOKIE_REPLY_SIZE);
    memcpy(p->cookies[p->cookie_count++], p->answer + p->answer_len - P2P__PKE_COOKIE_SIZE,
           P2P__PKE_COOKIE_SIZE);
}

/* Whether a CookieHello has a cookie that we gave to that place. */
static int is_given(const place *p, const uint8_t *data)
{
    for (size_t i = 0; i < p->cookie_count; i++)
        if (!memcmp(p->cookies[i], data + P2P__PKE_EXTENSION_SIZE, P2P__PKE_COOKIE_SIZE))
            return 1;
    return 0;
}

/* How much was spent on a datagram that was refused with this code. */
static void check_cost(world *w, const test_node *before, p2p_pke_stats old, int err)
{
    p2p_pke_stats stats = test_stats(&w->node);
    uint64_t checks = stats.signature_checks - old.signature_checks;
    unsigned accepted = w->node.accepted - before->accepted;
    unsigned admits = w->node.admits - before->admits;
    CHECK(checks <= 1 && admits <= accepted && accepted <= 1);
    CHECK(!checks || (accepted && admits && w->node.verdict != P2P_PKE_REFUSE));
    if (err == 0 || err == P2P_ERR_BAD_SIGNATURE)
        CHECK(checks);
    if (err == P2P_ERR_REFUSED || err == P2P_ERR_LIMIT || err == P2P_ERR_AGAIN)
        CHECK(accepted && !checks);
    CHECK((stats.cookies_sent > old.cookies_sent) == (err == P2P_ERR_AGAIN));
    CHECK(stats.handshakes_answered == old.handshakes_answered);
}

/* What was let through is signed, and only who can is asked to prove his address. */
static void check_hello(const uint8_t *data, size_t len, int err, int proven)
{
    p2p__pke_incoming in;
    uint8_t presig[P2P__PRESIG_SIZE];
    if (err && err != P2P_ERR_AGAIN)
        return;
    CHECK(!p2p__pke_hello_read(data, len, &in));
    CHECK(!err || (in.can_prove && !proven));
    const p2p__pke_claim *claim = &in.parts.claim;
    CHECK(!p2p__presig(P2P__PKE_PURPOSE_TIMESTAMP, strlen(P2P__PKE_PURPOSE_TIMESTAMP), claim->time,
                       claim->time_len, presig));
    CHECK(err || !p2p_verify(p2p_key_registry_extended(), &in.key, presig, sizeof presig,
                             claim->sig, claim->sig_len));
}

static int screen(world *w, size_t from, const uint8_t *data, size_t len)
{
    place *p = &w->places[from];
    const char *source = sources[from];
    p2p_pke_result r;
    test_node before = w->node;
    p2p_pke_stats old = test_stats(&w->node);
    size_t calls = memory.calls, half_open = p2p_pke_endpoint_half_open(w->node.ep);
    int err = p2p_pke_screen(w->node.ep, w->time, source, strlen(source), data, len, p->answer, &r);
    check_code(err);
    check_cost(w, &before, old, err);
    w->proven = test_stats(&w->node).cookies_good != old.cookies_good;
    CHECK(!w->proven || is_given(p, data));
    check_hello(data, len, err, w->proven);
    CHECK(memory.calls == calls && p2p_pke_endpoint_half_open(w->node.ep) == half_open);
    CHECK(!r.delivered && r.answer_len <= len);
    CHECK(r.answer_len == (err == P2P_ERR_AGAIN ? P2P__PKE_COOKIE_REPLY_SIZE : 0));
    p->answer_len = r.answer_len;
    note_cookie(p, err);
    return err;
}

/* Whether an InitHello, in a CookieHello or not, has an ephemeral key that shares no secret. */
static int is_low_order(const uint8_t *data)
{
    static const uint8_t scalar[32] = {1};
    uint8_t shared[32];
    const uint8_t *hello = data[0] ? data + P2P__PKE_COOKIE_PREFIX_SIZE : data;
    return crypto_scalarmult_curve25519(shared, scalar, hello + P2P__PKE_HEADER_SIZE) != 0;
}

/* Makes a channel for who was let through, and gives it what he said. */
static void let_in(world *w, size_t from, uint8_t *data, size_t len)
{
    place *p = &w->places[from];
    p2p_pke_result r;
    uint64_t checks = test_stats(&w->node).signature_checks;
    unsigned admits = w->node.admits;
    size_t half_open = p2p_pke_endpoint_half_open(w->node.ep);
    CHECK(
        !p2p_pke_channel_new(&p->channel, w->node.ep, NULL, sources[from], strlen(sources[from])));
    int err = p2p_pke_channel_receive(p->channel, w->time, data, len, p->answer, &r);
    CHECK(test_stats(&w->node).signature_checks == checks && w->node.admits == admits);
    CHECK(!r.delivered && (r.answer_len <= len || w->proven));
    p->answer_len = r.answer_len;
    if (!err) {
        CHECK(r.answer_len && p2p_pke_endpoint_half_open(w->node.ep) == half_open + 1);
        return;
    }
    /* The answer is the longer one: he proves his address first, or cannot. Or there is none. */
    if (is_low_order(data))
        CHECK(err == P2P_ERR_MALFORMED && !r.answer_len);
    else
        CHECK(!w->proven && (err == P2P_ERR_AGAIN || err == P2P_ERR_REFUSED));
    CHECK(p2p_pke_endpoint_half_open(w->node.ep) == half_open);
    note_cookie(p, err);
    p2p_pke_channel_free(p->channel);
    p->channel = NULL;
}

/* Only who has proven his key is known. */
static void check_key(const world *w, const p2p_pke_channel *channel)
{
    size_t len, own_len, found = 0;
    const uint8_t *key = p2p_pke_channel_key(channel, &len);
    for (size_t i = 0; key && i < CALLERS; i++) {
        const uint8_t *own = p2p_pke_endpoint_key(w->callers[i].ep, &own_len);
        found += len == own_len && !memcmp(key, own, len);
    }
    CHECK(!key || found == 1);
}

static void flush(world *w, place *p)
{
    size_t len;
    p2p_pke_event event;
    uint8_t out[MAX_SIZE];
    unsigned rounds = 0;
    if (!p->channel)
        return;
    do {
        CHECK(!p2p_pke_channel_poll(p->channel, w->time, out, sizeof out, &len));
        CHECK(++rounds < 200);
    } while (len);
    while (p2p_pke_channel_event(p->channel, &event))
        CHECK(event.kind == P2P_PKE_READY || event.reason < 0);
    check_key(w, p->channel);
}

static void arrive(world *w, size_t from, const uint8_t *data, size_t len)
{
    place *p = &w->places[from];
    p2p_pke_result r;
    int welcome = next(w) % 8 != 0;
    uint8_t *copy = calloc(1, len ? len : 1);
    CHECK(copy);
    if (len)
        memcpy(copy, data, len);
    if (p->channel) {
        int err = p2p_pke_channel_receive(p->channel, w->time, copy, len, p->answer, &r);
        CHECK(!err || !r.delivered);
        p->answer_len = r.answer_len;
        note_cookie(p, err);
    } else {
        int err = screen(w, from, copy, len);
        CHECK(!len || !memcmp(copy, data, len));
        if (!err && welcome)
            let_in(w, from, copy, len);
    }
    free(copy);
    flush(w, p);
}

/* --- what callers do --- */

static void send(world *w, size_t from, const uint8_t *data, size_t len)
{
    place *p = &w->places[from];
    CHECK(len <= sizeof p->datagram);
    if (len)
        memmove(p->datagram, data, len);
    p->len = len;
    arrive(w, from, p->datagram, len);
}

static void call(world *w, size_t from)
{
    place *p = &w->places[from];
    uint8_t out[P2P_PKE_MAX_HANDSHAKE];
    size_t len;
    p2p_pke_session_free(p->caller);
    CHECK(!p2p_pke_session_initiate(&p->caller, w->callers[next(w) % CALLERS].ep, w->time));
    CHECK(!p2p_pke_session_message(p->caller, out, sizeof out, &len) && len);
    send(w, from, out, len);
}

/* An InitHello with another key, time, version, signature, and a gap in it. */
static void forge(world *w, size_t from)
{
    uint8_t out[MAX_SIZE], gap[128], key[P2P__PKE_MAX_KEY], low[32];
    forge_hello f;
    size_t at, key_len;
    test_node *as = &w->callers[next(w) % CALLERS];
    uint8_t how = next(w);
    forge_hello_init(&f, as, w->time.wall);
    if ((how & 3) == 3) {
        forge_low_order(next(w) % 3, low);
        f.e = low;
    }
    if (how & 4) {
        const test_node *other = &w->callers[next(w) % CALLERS];
        f.key = p2p_pke_endpoint_key(other->ep, &key_len);
        memcpy(key, f.key, key_len);
        at = next(w);
        key[at % key_len] ^= next(w);
        f.key = key;
        f.key_len = key_len;
    }
    if (how & 8)
        f.version = next(w);
    if (how & 16)
        f.time[next(w) % sizeof f.time] ^= next(w);
    f.bad_signature = how >> 5 & 1;
    f.extensions = how >> 6 & 1;
    if (how & 128)
        f.gap_len = next(w) % sizeof gap;
    for (size_t i = 0; i < f.gap_len; i++)
        gap[i] = next(w);
    f.gap = gap;
    size_t len = forge_write_hello(&f, as, out, NULL);
    send(w, from, out, len);
}

/* Any of the last datagrams, as it was or not. */
static void repeat(world *w, size_t from)
{
    place copy = w->places[next(w) % SOURCES];
    uint8_t how = next(w);
    if (!copy.len)
        return;
    size_t at = next(w);
    if (how & 1)
        copy.datagram[at % copy.len] ^= next(w);
    if (how & 2)
        copy.len = copy.len * next(w) / 256;
    if (how & 4)
        copy.datagram[copy.len / 2] ^= next(w);
    send(w, from, copy.datagram, copy.len);
}

/* The last datagram, if it has none yet, with the last cookie that came here or elsewhere. */
static void show_cookie(world *w, size_t from)
{
    place *p = &w->places[from];
    const place *cookie_of = &w->places[next(w) % SOURCES];
    uint8_t out[MAX_SIZE];
    size_t len = p->len;
    if (!len || len > P2P_PKE_MAX_HANDSHAKE || p->datagram[0] == 0xff || !cookie_of->cookie_count)
        return;
    p2p__store32be(out, P2P__PKE_NONCE_EXTENSION);
    out[P2P__PKE_HEADER_SIZE] = P2P__PKE_COOKIE_HELLO;
    memcpy(out + P2P__PKE_EXTENSION_SIZE, cookie_of->cookies[cookie_of->cookie_count - 1],
           P2P__PKE_COOKIE_SIZE);
    out[P2P__PKE_EXTENSION_SIZE] ^= next(w) & 1;
    memcpy(out + P2P__PKE_COOKIE_PREFIX_SIZE, p->datagram, len);
    send(w, from, out, P2P__PKE_COOKIE_PREFIX_SIZE + len);
}

static void inject(world *w, size_t from)
{
    uint8_t data[256];
    size_t len = next(w);
    for (size_t i = 0; i < len; i++)
        data[i] = next(w);
    send(w, from, data, len);
}

/* The caller hears our answer, and goes on. Whose handshake is complete, knows our key. */
static void hear(world *w, size_t from)
{
    place *p = &w->places[from];
    uint8_t heard[P2P_PKE_MAX_HANDSHAKE], out[P2P_PKE_MAX_HANDSHAKE];
    p2p_pke_result r;
    size_t len, own_len;
    if (!p->caller || !p->answer_len)
        return;
    memcpy(heard, p->answer, p->answer_len);
    size_t heard_len = p->answer_len;
    p->answer_len = 0;
    int err = p2p_pke_session_receive(p->caller, w->time, heard, heard_len, out, &r);
    CHECK(!err || !r.answer_len);
    if (p2p_pke_session_ready(p->caller)) {
        const uint8_t *key = p2p_pke_session_key(p->caller, &len);
        const uint8_t *own = p2p_pke_endpoint_key(w->node.ep, &own_len);
        CHECK(key && len == own_len && !memcmp(key, own, len));
    }
    if (r.answer_len)
        send(w, from, out, r.answer_len);
}

static void forget(world *w, size_t from)
{
    p2p_pke_channel_free(w->places[from].channel);
    w->places[from].channel = NULL;
}

static void advance(world *w)
{
    uint64_t by = (uint64_t)next(w) * 500 * P2P_MILLISECOND;
    w->time.now += by;
    w->time.wall += by;
    for (size_t i = 0; i < SOURCES; i++)
        flush(w, &w->places[i]);
}

static void step(world *w)
{
    uint8_t op = next(w);
    size_t from = (op >> 4) % SOURCES;
    switch (op & 15) {
    case 0:
    case 1:
        call(w, from);
        break;
    case 2:
    case 3:
        forge(w, from);
        break;
    case 4:
    case 5:
        repeat(w, from);
        break;
    case 6:
    case 7:
        show_cookie(w, from);
        break;
    case 8:
        inject(w, from);
        break;
    case 9:
        w->node.verdict = (p2p_pke_verdict)(next(w) % 3);
        break;
    case 10:
        w->node.accepts = next(w) & 1 ? accept_none : NULL;
        break;
    case 11:
        forget(w, from);
        break;
    case 12:
        advance(w);
        break;
    default:
        hear(w, from);
        break;
    }
}

static void start(world *w, uint8_t shape)
{
    memset(&memory, 0, sizeof memory);
    allocator = counted_allocator(&memory);
    for (size_t i = 0; i < CALLERS; i++)
        test_node_init(&w->callers[i], i + 1, kinds[i]);
    test_node_init(&w->node, 0, kinds[shape % CALLERS]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.input = data;
    w.left = len;
    w.time = test_time(0);
    start(&w, next(&w));
    for (unsigned steps = 0; w.left && steps < MAX_STEPS; steps++)
        step(&w);
    for (size_t i = 0; i < SOURCES; i++) {
        p2p_pke_session_free(w.places[i].caller);
        p2p_pke_channel_free(w.places[i].channel);
    }
    for (size_t i = 0; i < CALLERS; i++)
        test_node_free(&w.callers[i]);
    test_node_free(&w.node);
    CHECK(!memory.live);
    return 0;
}
