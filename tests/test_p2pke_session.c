/* SPDX-License-Identifier: MIT */
/* The session by itself: the table of wire.md 2.6 in its fixed form, and what it must survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke_forge.h"

/* A handshake with a copy of each message, numbered by nonce. */
typedef struct pair {
    test_node a, b;
    p2p_pke_session *i, *r;
    uint8_t message[4][P2P_PKE_MAX_HANDSHAKE];
    size_t len[4];
    uint8_t answer[P2P_PKE_MAX_HANDSHAKE];
    p2p_pke_result result;
} pair;

/* Gives a copy to a session; its answer is in p->answer. */
static int give(pair *p, p2p_pke_session *s, const uint8_t *data, size_t len, uint64_t after)
{
    uint8_t copy[2048];
    memcpy(copy, data, len);
    return p2p_pke_session_receive(s, test_time(after), copy, len, p->answer, &p->result);
}

static void pair_start(pair *p)
{
    memset(p, 0, sizeof *p);
    test_node_init(&p->a, 0, NULL);
    test_node_init(&p->b, 1, NULL);
    assert_int_equal(p2p_pke_session_initiate(&p->i, p->a.ep, test_time(0)), 0);
    assert_int_equal(p2p_pke_session_message(p->i, p->message[0], 1280, &p->len[0]), 0);
}

/* Goes on until message `last` was made; its receiver does not have it yet. */
static void pair_advance(pair *p, unsigned last)
{
    if (last >= 1) {
        assert_int_equal(
            p2p_pke_session_respond(&p->r, p->b.ep, test_time(0), p->message[0], p->len[0]), 0);
        assert_int_equal(p2p_pke_session_message(p->r, p->message[1], 1280, &p->len[1]), 0);
    }
    for (unsigned n = 2; n <= last; n++) {
        assert_int_equal(give(p, n % 2 ? p->r : p->i, p->message[n - 1], p->len[n - 1], 0), 0);
        memcpy(p->message[n], p->answer, p->result.answer_len);
        p->len[n] = p->result.answer_len;
    }
}

static void pair_complete(pair *p)
{
    pair_start(p);
    pair_advance(p, 3);
    assert_int_equal(give(p, p->i, p->message[3], p->len[3], 0), 0);
    assert_true(p2p_pke_session_ready(p->i) && p2p_pke_session_ready(p->r));
}

static void pair_free(pair *p)
{
    p2p_pke_session_free(p->i);
    p2p_pke_session_free(p->r);
    test_node_free(&p->a);
    test_node_free(&p->b);
}

static size_t seal(p2p_pke_session *s, const char *text, uint8_t out[2048])
{
    p2p_iov iov = {text, strlen(text)};
    size_t len = 0;
    assert_int_equal(p2p_pke_session_seal(s, test_time(0), &iov, 1, out, 2048, &len), 0);
    return len;
}

/* Gives all messages of the handshake that there are, and bare headers, to a session; says which of
 * them it answers, as bits, and checks that nothing changes and that answers are repetitions. */
static unsigned answered(pair *p, p2p_pke_session *s, unsigned have)
{
    unsigned bits = 0;
    uint8_t stage = s->stage;
    for (unsigned n = 0; n < 4; n++) {
        uint8_t bare[4] = {0, 0, 0, (uint8_t)n};
        (void)give(p, s, bare, sizeof bare, 0);
        assert_int_equal(p->result.answer_len, 0);
        if (n > have)
            continue;
        (void)give(p, s, p->message[n], p->len[n], 0);
        assert_int_equal(s->stage, stage);
        if (p->result.answer_len) {
            bits |= 1u << n;
            assert_true(p->result.answer_len <= p->len[n]);
            assert_int_equal(p->result.answer_len, p->len[n + 1]);
            assert_memory_equal(p->answer, p->message[n + 1], p->len[n + 1]);
        }
    }
    return bits;
}

/* The rows of the table. Only whole messages are answered, with what they got the first time. */
static void test_table(void **state)
{
    pair p;
    (void)state;
    pair_start(&p);
    assert_int_equal(answered(&p, p.i, 0), 0); /* I 0 */
    pair_advance(&p, 1);
    assert_int_equal(answered(&p, p.r, 1), 1u << 0); /* R 1 */
    pair_free(&p);

    pair_start(&p);
    pair_advance(&p, 2);
    assert_int_equal(answered(&p, p.i, 2), 1u << 1); /* I 2 */
    pair_free(&p);

    pair_start(&p);
    pair_advance(&p, 3);
    assert_int_equal(answered(&p, p.r, 3), 1u << 2); /* R 3 */
    assert_int_equal(give(&p, p.i, p.message[3], p.len[3], 0), 0);
    assert_int_equal(answered(&p, p.i, 3), 0); /* I 4 */
    uint8_t data[2048];
    size_t len = seal(p.i, "x", data);
    assert_int_equal(give(&p, p.r, data, len, 0), 0);
    assert_int_equal(answered(&p, p.r, 3), 0); /* R 8 */
    pair_free(&p);
}

/* Each message ten times, and still one handshake. */
static void test_repetition_converges(void **state)
{
    pair p;
    uint8_t first[P2P_PKE_MAX_HANDSHAKE], a[64], b[64];
    (void)state;
    pair_start(&p);
    pair_advance(&p, 1);
    for (unsigned n = 0; n < 4; n++) {
        p2p_pke_session *to = n % 2 ? p.i : p.r;
        size_t answer_len = 0;
        for (unsigned k = 0; k < 10; k++) {
            (void)give(&p, to, p.message[n], p.len[n], 0);
            if (k == 0) {
                answer_len = p.result.answer_len;
                memcpy(first, p.answer, answer_len);
            }
            assert_int_equal(p.result.answer_len, answer_len);
            assert_memory_equal(p.answer, first, answer_len);
        }
        if (n < 3) {
            memcpy(p.message[n + 1], first, answer_len);
            p.len[n + 1] = answer_len;
        }
    }
    assert_true(p2p_pke_session_ready(p.i) && p2p_pke_session_ready(p.r));
    assert_int_equal(p2p_pke_session_binding(p.i, a), 0);
    assert_int_equal(p2p_pke_session_binding(p.r, b), 0);
    assert_memory_equal(a, b, 64);
    assert_int_equal(test_stats(&p.a).sessions_ready, 1);
    assert_int_equal(test_stats(&p.b).sessions_ready, 1);
    pair_free(&p);
}

/* Remote crash: readInitHello, an ephemeral of low order. */
static void test_low_order_init_hello_is_refused(void **state)
{
    test_node a, b;
    p2p_pke_session *r = NULL;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE], e[32];
    (void)state;
    test_node_init(&a, 0, NULL);
    test_node_init(&b, 1, NULL);
    for (unsigned which = 0; which < 3; which++) {
        forge_hello f;
        forge_low_order(which, e);
        forge_hello_init(&f, &a, TEST_WALL);
        f.e = e;
        size_t len = forge_write_hello(&f, &a, hello, NULL);
        assert_int_equal(p2p_pke_session_respond(&r, b.ep, test_time(0), hello, len),
                         P2P_ERR_MALFORMED);
    }
    assert_null(r);
    test_node_free(&a);
    test_node_free(&b);
}

/* Liveness: readRespHello, one forged RespHello kills the initiator's session. */
static void test_forged_resp_hello_does_not_kill(void **state)
{
    pair p;
    uint8_t plain[1024], forged[2048], e[32];
    (void)state;
    pair_start(&p);
    pair_advance(&p, 1);
    size_t plain_len = forge_resp_plain(&p.b, p.message[0], p.len[0], plain);
    size_t len;

    /* Not authentic: each byte changed. */
    for (size_t i = 4; i < p.len[1]; i++) {
        memcpy(forged, p.message[1], p.len[1]);
        forged[i] ^= 0x80;
        assert_int_not_equal(give(&p, p.i, forged, p.len[1], 0), 0);
        assert_int_equal(p.result.answer_len, 0);
    }
    /* Cut. */
    for (size_t n = 4; n < p.len[1]; n++)
        assert_int_not_equal(give(&p, p.i, p.message[1], n, 0), 0);
    /* Low order. */
    for (unsigned which = 0; which < 3; which++) {
        forge_low_order(which, e);
        memcpy(forged, p.message[1], p.len[1]);
        memcpy(forged + 4, e, 32);
        assert_int_equal(give(&p, p.i, forged, p.len[1], 0), P2P_ERR_MALFORMED);
    }
    /* Well encrypted: a bad signature, a cut protobuf, no protobuf, a bad key. */
    plain[plain_len - 1] ^= 1;
    len = forge_resp_hello(&p.b, p.message[0], p.len[0], plain, plain_len, forged, NULL);
    assert_int_equal(give(&p, p.i, forged, len, 0), P2P_ERR_BAD_SIGNATURE);
    len = forge_resp_hello(&p.b, p.message[0], p.len[0], plain, plain_len - 1, forged, NULL);
    assert_int_equal(give(&p, p.i, forged, len, 0), P2P_ERR_MALFORMED);
    len = forge_resp_hello(&p.b, p.message[0], p.len[0], plain, 0, forged, NULL);
    assert_int_equal(give(&p, p.i, forged, len, 0), P2P_ERR_MALFORMED);
    plain[3] ^= 1;
    len = forge_resp_hello(&p.b, p.message[0], p.len[0], plain, plain_len, forged, NULL);
    assert_int_equal(give(&p, p.i, forged, len, 0), P2P_ERR_MALFORMED);

    /* And the true one still does. */
    pair_advance(&p, 0);
    assert_int_equal(give(&p, p.i, p.message[1], p.len[1], 0), 0);
    assert_int_equal(p.result.answer_len, 86);
    pair_free(&p);
}

/* A responder that forgot its half makes another answer: the initiator takes the newer one. */
static void test_second_answer_replaces_the_first(void **state)
{
    pair p;
    p2p_pke_session *again;
    uint8_t resp[1280], done[1280];
    size_t resp_len;
    (void)state;
    pair_start(&p);
    pair_advance(&p, 2);
    assert_int_equal(p2p_pke_session_respond(&again, p.b.ep, test_time(0), p.message[0], p.len[0]),
                     0);
    assert_int_equal(p2p_pke_session_message(again, resp, sizeof resp, &resp_len), 0);
    assert_memory_not_equal(resp, p.message[1], resp_len);
    assert_int_equal(give(&p, p.i, resp, resp_len, 0), P2P_ERR_IN_USE);
    assert_int_equal(give(&p, p.i, resp, resp_len, P2P__PKE_ANSWER_GAP), 0);
    size_t done_len = p.result.answer_len;
    memcpy(done, p.answer, done_len);
    assert_int_equal(give(&p, p.r, done, done_len, 0), P2P_ERR_BAD_SIGNATURE);
    assert_int_equal(give(&p, again, done, done_len, 0), 0);
    memcpy(done, p.answer, p.result.answer_len);
    assert_int_equal(give(&p, p.i, done, p.result.answer_len, 0), 0);
    assert_true(p2p_pke_session_ready(p.i));
    p2p_pke_session_free(again);
    pair_free(&p);
}

/* InitDone with the right keys but a wrong signature, or the signature of somebody else. */
static void test_forged_init_done_is_refused(void **state)
{
    uint8_t sig[P2P__PKE_MAX_SIG], done[256];
    (void)state;
    for (unsigned k = 0; k < 5; k++) {
        pair p;
        pair_start(&p);
        pair_advance(&p, 2);
        size_t sig_len = forge_sign(k == 1 ? &p.b : &p.a,
                                    k == 2 ? P2P__PKE_PURPOSE_TIMESTAMP : P2P__PKE_PURPOSE_BINDING,
                                    p.i->binding, 64, sig);
        if (k == 0)
            sig[0] ^= 1;
        if (k == 3)
            sig_len = 0;
        uint8_t plain[128];
        p2p_iov iov = {plain, p2p__pke_write_init_done(plain, sig, sig_len)};
        assert_int_equal(p2p__pke_session_seal_as(p.i, 2, &iov, 1, done), 0);
        if (k == 4) /* does not open, so anybody can have made it: the true one is still taken */
            done[5] ^= 1;
        assert_int_equal(give(&p, p.r, done, iov.len + 20, 0), P2P_ERR_BAD_SIGNATURE);
        assert_false(p2p_pke_session_ready(p.r));
        assert_int_equal(give(&p, p.r, p.message[2], p.len[2], 0),
                         k == 4 ? 0 : P2P_ERR_BAD_SIGNATURE);
        assert_int_equal(p2p_pke_session_ready(p.r), k == 4);
        pair_free(&p);
    }
}

/* Liveness: data that arrives before RespDone completes the handshake. */
static void test_data_before_resp_done(void **state)
{
    pair p;
    uint8_t data[2048];
    (void)state;
    pair_start(&p);
    pair_advance(&p, 3);
    size_t len = seal(p.r, "early", data);
    assert_int_equal(give(&p, p.i, data, len, 0), 0);
    assert_true(p.result.delivered);
    assert_true(p2p_pke_session_ready(p.i));
    assert_int_equal(give(&p, p.i, p.message[3], p.len[3], 0), 0);
    pair_free(&p);
}

/* A responder takes no data before InitDone, for it does not know who sends it. */
static void test_data_before_init_done_is_refused(void **state)
{
    pair p;
    uint8_t data[64];
    (void)state;
    pair_start(&p);
    pair_advance(&p, 2);
    p2p_iov iov = {"x", 1};
    assert_int_equal(p2p__pke_session_seal_as(p.i, 16, &iov, 1, data), 0);
    assert_int_equal(give(&p, p.r, data, 21, 0), P2P_ERR_BAD_SIGNATURE);
    assert_int_equal(p2p_pke_session_seal(p.r, test_time(0), &iov, 1, data, 64, &p.len[0]),
                     P2P_ERR_BUSY);
    assert_int_equal(p2p_pke_session_seal(p.i, test_time(0), &iov, 1, data, 64, &p.len[0]),
                     P2P_ERR_BUSY);
    pair_free(&p);
}

/* Liveness: zero-length messages are delivered; signs of life are not. */
static void test_empty_messages_arrive(void **state)
{
    pair p;
    uint8_t data[2048];
    (void)state;
    pair_complete(&p);
    assert_int_equal(give(&p, p.r, data, seal(p.i, "", data), 0), 0);
    assert_true(p.result.delivered);
    assert_int_equal(p.result.len, 0);
    assert_non_null(p.result.data);
    for (unsigned n = 4; n < 16; n++) {
        assert_int_equal(p2p__pke_session_control(p.i, data), 0);
        assert_int_equal(p2p__load32be(data), n);
        assert_int_equal(give(&p, p.r, data, 20, 0), 0);
        assert_false(p.result.delivered);
        assert_int_equal(give(&p, p.r, data, 20, 0), P2P_ERR_IN_USE);
    }
    assert_int_equal(p2p__pke_session_control(p.i, data), P2P_ERR_LIMIT);
    pair_free(&p);
}

static void test_each_message_once(void **state)
{
    pair p;
    uint8_t data[2048];
    (void)state;
    pair_complete(&p);
    size_t len = seal(p.i, "once", data);
    assert_int_equal(give(&p, p.r, data, len, 0), 0);
    assert_int_equal(give(&p, p.r, data, len, 0), P2P_ERR_IN_USE);
    assert_false(p.result.delivered);
    /* A forged copy with a fresh nonce is not authentic, and leaves no trace in the window. */
    data[3] = 40;
    assert_int_equal(give(&p, p.r, data, len, 0), P2P_ERR_BAD_SIGNATURE);
    p.i->next = 40;
    len = seal(p.i, "fresh", data);
    assert_int_equal(give(&p, p.r, data, len, 0), 0);
    assert_int_equal(test_stats(&p.b).rx_drop_replayed, 1);
    assert_int_equal(test_stats(&p.b).rx_drop_unauthentic, 1);
    pair_free(&p);
}

/* wire.md 2.6: exactly 8128 behind passes, 8129 fails. */
static void test_window(void **state)
{
    pair p;
    uint8_t old[2][2048], data[2048];
    (void)state;
    pair_complete(&p);
    size_t len = seal(p.i, "0", old[0]);
    assert_int_equal(seal(p.i, "1", old[1]), len);
    p.i->next = 17 + 8128;
    assert_int_equal(give(&p, p.r, data, seal(p.i, "x", data), 0), 0);
    assert_int_equal(give(&p, p.r, old[0], len, 0), P2P_ERR_IN_USE);
    assert_int_equal(give(&p, p.r, old[1], len, 0), 0);
    pair_free(&p);
}

/* The last nonce is 0xfffffffd; then sending ends, but receiving does not. */
static void test_last_nonce(void **state)
{
    pair p;
    uint8_t data[2048];
    p2p_iov iov = {"x", 1};
    size_t len;
    (void)state;
    pair_complete(&p);
    p.i->next = 0xfffffffd;
    assert_int_equal(give(&p, p.r, data, seal(p.i, "last", data), 0), 0);
    assert_int_equal(p2p_pke_session_seal(p.i, test_time(0), &iov, 1, data, 64, &len),
                     P2P_ERR_LIMIT);
    assert_int_equal(give(&p, p.i, data, seal(p.r, "still", data), 0), 0);
    assert_true(p.result.delivered);
    /* 0xfffffffe is not taken even if it is authentic. */
    assert_int_equal(p2p__pke_session_seal_as(p.i, 0xfffffffe, &iov, 1, data), 0);
    assert_int_equal(give(&p, p.r, data, 21, 0), P2P_ERR_MALFORMED);
    pair_free(&p);
}

static void test_limits_of_messages(void **state)
{
    static uint8_t big[P2P_PKE_MAX_MESSAGE + 1], out[P2P_PKE_MAX_MESSAGE + P2P_PKE_OVERHEAD];
    pair p;
    p2p_iov iov[2] = {{big, 1}, {big, P2P_PKE_MAX_MESSAGE}};
    size_t len;
    (void)state;
    pair_complete(&p);
    assert_int_equal(p2p_pke_session_seal(p.i, test_time(0), iov, 2, out, sizeof out, &len),
                     P2P_ERR_TOO_BIG);
    iov[0].len = SIZE_MAX;
    assert_int_equal(p2p_pke_session_seal(p.i, test_time(0), iov, 2, out, sizeof out, &len),
                     P2P_ERR_TOO_BIG);
    iov[0].len = 0;
    assert_int_equal(p2p_pke_session_seal(p.i, test_time(0), iov, 2, out, sizeof out - 1, &len),
                     P2P_ERR_NO_SPACE);
    assert_int_equal(p2p_pke_session_seal(p.i, test_time(0), iov, 2, out, sizeof out, &len), 0);
    assert_int_equal(len, 65535);
    assert_int_equal(p2p_pke_session_receive(p.r, test_time(0), out, len, p.answer, &p.result), 0);
    assert_int_equal(p.result.len, P2P_PKE_MAX_MESSAGE);
    pair_free(&p);
}

/* Strictly after 180 s there is nothing left of a session. */
static void test_lifetime(void **state)
{
    pair p;
    uint8_t data[2048], out[64];
    p2p_iov iov = {"x", 1};
    size_t len;
    (void)state;
    pair_complete(&p);
    len = seal(p.i, "x", data);
    assert_int_equal(give(&p, p.r, data, len, P2P_PKE_LIFETIME), 0);
    len = seal(p.i, "y", data);
    assert_int_equal(give(&p, p.r, data, len, P2P_PKE_LIFETIME + 1), P2P_ERR_TIMEOUT);
    assert_int_equal(p2p_pke_session_seal(p.i, test_time(P2P_PKE_LIFETIME), &iov, 1, out, 64, &len),
                     0);
    assert_int_equal(
        p2p_pke_session_seal(p.i, test_time(P2P_PKE_LIFETIME + 1), &iov, 1, out, 64, &len),
        P2P_ERR_TIMEOUT);
    pair_free(&p);
}

/* Authentication: the version is checked. */
static void test_version_is_checked(void **state)
{
    test_node a, b;
    p2p_pke_session *r;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    (void)state;
    test_node_init(&a, 0, NULL);
    test_node_init(&b, 1, NULL);
    for (uint64_t version = 0; version < 4; version++) {
        forge_hello f;
        forge_hello_init(&f, &a, TEST_WALL);
        f.version = version;
        size_t len = forge_write_hello(&f, &a, hello, NULL);
        int err = p2p_pke_session_respond(&r, b.ep, test_time(0), hello, len);
        assert_int_equal(err, version == 1 ? 0 : P2P_ERR_UNSUPPORTED);
        if (!err)
            p2p_pke_session_free(r);
    }
    test_node_free(&a);
    test_node_free(&b);
}

/* Bytes between e and the protobuf are ignored, but hashed: both sides must agree on them. */
static void test_gap_is_hashed(void **state)
{
    test_node a, b;
    p2p_pke_session *r;
    forge_hello f;
    p2p__noise noise;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE], resp[P2P_PKE_MAX_HANDSHAKE];
    size_t resp_len;
    static const uint8_t gap[7] = "gap gap";
    (void)state;
    test_node_init(&a, 0, NULL);
    test_node_init(&b, 1, NULL);
    for (unsigned k = 0; k < 2; k++) {
        forge_hello_init(&f, &a, TEST_WALL);
        f.gap = gap;
        f.gap_len = sizeof gap;
        size_t len = forge_write_hello(&f, &a, hello, &noise);
        assert_int_equal(p2p_pke_session_respond(&r, b.ep, test_time(0), hello, len), 0);
        assert_int_equal(p2p_pke_session_message(r, resp, sizeof resp, &resp_len), 0);
        noise.h[0] ^= (uint8_t)k;
        int err = p2p__noise_read_answer(&noise, &a.ep->aead, resp + 4, resp + 36, resp_len - 36);
        assert_int_equal(err, k ? P2P_ERR_BAD_SIGNATURE : 0);
        p2p_pke_session_free(r);
    }
    test_node_free(&a);
    test_node_free(&b);
}

/* A signer that takes its time, and one that fails. */
static void test_signer_errors(void **state)
{
    static const int errors[] = {P2P_ERR_AGAIN, P2P_ERR_PERMISSION};
    pair p;
    p2p_pke_session *s = NULL;
    (void)state;
    pair_start(&p);
    for (unsigned k = 0; k < 2; k++) {
        p.a.signer.error = p.b.signer.error = errors[k];
        assert_int_equal(p2p_pke_session_initiate(&s, p.a.ep, test_time(0)), errors[k]);
        assert_int_equal(p2p_pke_session_respond(&s, p.b.ep, test_time(0), p.message[0], p.len[0]),
                         errors[k]);
        assert_null(s);
        p.b.signer.error = 0;
        if (!p.r)
            pair_advance(&p, 1);
        assert_int_equal(give(&p, p.i, p.message[1], p.len[1], 0), errors[k]);
        assert_int_equal(p.i->stage, P2P__PKE_HELLO_SENT);
    }
    p.a.signer.error = 0;
    assert_int_equal(give(&p, p.i, p.message[1], p.len[1], 0), 0);
    p.a.random_error = P2P_ERR_IO;
    assert_int_equal(p2p_pke_session_initiate(&s, p.a.ep, test_time(0)), P2P_ERR_IO);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_repetition_converges),
        cmocka_unit_test(test_low_order_init_hello_is_refused),
        cmocka_unit_test(test_forged_resp_hello_does_not_kill),
        cmocka_unit_test(test_second_answer_replaces_the_first),
        cmocka_unit_test(test_forged_init_done_is_refused),
        cmocka_unit_test(test_data_before_resp_done),
        cmocka_unit_test(test_data_before_init_done_is_refused),
        cmocka_unit_test(test_empty_messages_arrive),
        cmocka_unit_test(test_each_message_once),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_last_nonce),
        cmocka_unit_test(test_limits_of_messages),
        cmocka_unit_test(test_lifetime),
        cmocka_unit_test(test_version_is_checked),
        cmocka_unit_test(test_gap_is_hashed),
        cmocka_unit_test(test_signer_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
