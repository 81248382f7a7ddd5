/* SPDX-License-Identifier: MIT */
/* The known answers of wire.md 12, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke.h"

static const char init_hello[] =
    "000000007b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f130801120c400000006553f1"
    "25075bcd151a2c302a300506032b65700321003b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a1"
    "8b59da292240aa9bd65d0b4bcab87abb4db235faa1349b5d7046c605025224cdafc7a0020dcba751772bf3c8acda04"
    "46b8a3a8671df3626ed51109c1d415a0d42ea556b5ef000080";
static const char resp_hello[] =
    "000000010faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f202de7a0137929203086cd19"
    "d2079b0ea5dcc2df2c0c09e55b59e47b94a0c68d532abfe14af595c53fa902c96c6c0771b736e7f569cc5fab48569e"
    "7ae6b8540d04e0aca1db7e11dbc0fca8ee4955363720bafdbedebc2d441897d33094249dabbfe81763c981e901c135"
    "4293bddd1a3c86e81c4edd533af138101de3a26eba022e";
static const char init_done[] =
    "00000002d60d8253167de2e9428f2f2a61713be6e77b2f1300a196d7df0d86ba5514bfc98616acd02837722c6bad0d"
    "4ba248e76d63c72a5efc2175bed68b22f537d7f536d85763b048304003cd6e12ea4f2dbcd67e89";
static const char resp_done[] = "0000000363142c321ef5448461164df1b9fb71dd";
static const char hello_16[] = "00000010c84e8fc75734207450b7ff2f846cd7fe259cb2b1b1";
static const char world_16[] = "00000010fc7ac1946bbb1d40d2adcee1b5bcceb2e9c939f4aa";
static const char empty_17[] = "000000118464da668934a2a76c523a2e0c0c0caa";
static const char h1[] =
    "9730d677ed833370bef7469a38fd85df1037fc4ac7c240459bdd59c12b34f61523ae2e9489"
    "1ed7c367cbab3d8d73a12ee912459a012dda0462e5302b50b2f318";
static const char h2[] =
    "e90f778e51b5466fea3a9b5b4dd68324fb2a2e513a6a8b36e07e15f3d756d15538d7ace49a"
    "c688960dd9296dffb8a7e29261c89cf7c2e3a878a152ce0b047de5";
static const char k_ir[] = "d86f7f2efcf042306a3653f7a3cb3e97c35d0eb0e8e6f32f823f416c1ec8ef92";
static const char k_ri[] = "8ca1116c409790058e2ea0e99003f5032c88f5b13d3888b2d5b1b759192a2641";

static void assert_hex(const uint8_t *data, size_t len, const char *hex)
{
    uint8_t expected[256];
    size_t n = test_hex(hex, expected);
    assert_int_equal(len, n);
    assert_memory_equal(data, expected, n);
}

typedef struct pair {
    test_node a, b;
    p2p_pke_session *initiator, *responder;
    uint8_t datagram[P2P_PKE_MAX_HANDSHAKE], answer[P2P_PKE_MAX_HANDSHAKE];
    size_t len;
    p2p_pke_result result;
} pair;

static void pair_init(pair *p)
{
    memset(p, 0, sizeof *p);
    test_node_init(&p->a, 0, test_no_extensions);
    test_node_init(&p->b, 1, test_no_extensions);
    p->a.ephemeral = 0x11;
    p->b.ephemeral = 0x22;
    assert_int_equal(p2p_pke_session_initiate(&p->initiator, p->a.ep, test_time(0)), 0);
}

static void pair_free(pair *p)
{
    p2p_pke_session_free(p->initiator);
    p2p_pke_session_free(p->responder);
    test_node_free(&p->a);
    test_node_free(&p->b);
}

static void give(pair *p, p2p_pke_session *to)
{
    memcpy(p->datagram, p->answer, p->len);
    assert_int_equal(
        p2p_pke_session_receive(to, test_time(0), p->datagram, p->len, p->answer, &p->result), 0);
    p->len = p->result.answer_len;
}

static void handshake(pair *p)
{
    uint8_t key[32], binding[2][64];
    assert_int_equal(p2p_pke_session_message(p->initiator, p->answer, sizeof p->answer, &p->len),
                     0);
    assert_hex(p->answer, p->len, init_hello);
    assert_hex(p->initiator->handshake->noise.h, 64, h1);

    assert_int_equal(
        p2p_pke_session_respond(&p->responder, p->b.ep, test_time(0), p->answer, p->len), 0);
    assert_int_equal(p2p_pke_session_message(p->responder, p->answer, sizeof p->answer, &p->len),
                     0);
    assert_hex(p->answer, p->len, resp_hello);
    memcpy(key, p->responder->receive.bytes, sizeof key);
    assert_hex(key, sizeof key, k_ir);
    assert_hex(p->responder->send.bytes, sizeof key, k_ri);

    give(p, p->initiator);
    assert_hex(p->answer, p->len, init_done);
    assert_false(p2p_pke_session_ready(p->initiator));
    give(p, p->responder);
    assert_hex(p->answer, p->len, resp_done);
    assert_true(p2p_pke_session_ready(p->responder));
    give(p, p->initiator);
    assert_int_equal(p->len, 0);
    assert_true(p2p_pke_session_ready(p->initiator));

    assert_int_equal(p2p_pke_session_binding(p->initiator, binding[0]), 0);
    assert_int_equal(p2p_pke_session_binding(p->responder, binding[1]), 0);
    assert_hex(binding[0], 64, h2);
    assert_hex(binding[1], 64, h2);
}

static void tell(pair *p, p2p_pke_session *from, p2p_pke_session *to, const char *text,
                 const char *hex)
{
    p2p_iov iov = {text, strlen(text)};
    assert_int_equal(
        p2p_pke_session_seal(from, test_time(0), &iov, 1, p->answer, sizeof p->answer, &p->len), 0);
    assert_hex(p->answer, p->len, hex);
    give(p, to);
    assert_true(p->result.delivered);
    assert_int_equal(p->result.len, strlen(text));
    assert_memory_equal(p->result.data, text, strlen(text));
}

static void test_transcript(void **state)
{
    pair p;
    (void)state;
    pair_init(&p);
    handshake(&p);
    tell(&p, p.initiator, p.responder, "hello", hello_16);
    tell(&p, p.responder, p.initiator, "world", world_16);
    tell(&p, p.initiator, p.responder, "", empty_17);
    pair_free(&p);
}

/* The channels make the same bytes. */
static void test_transcript_of_channels(void **state)
{
    test_node a, b;
    p2p_pke_channel *ca, *cb;
    uint8_t x[2048], y[2048];
    size_t len;
    p2p_pke_result r;
    p2p_iov hello = {"hello", 5};
    (void)state;
    test_node_init(&a, 0, test_no_extensions);
    test_node_init(&b, 1, test_no_extensions);
    a.ephemeral = 0x11;
    b.ephemeral = 0x22;
    assert_int_equal(p2p_pke_channel_new(&ca, a.ep, NULL, "b", 1), 0);
    assert_int_equal(p2p_pke_channel_new(&cb, b.ep, NULL, "a", 1), 0);

    assert_int_equal(p2p_pke_channel_send(ca, test_time(0), &hello, 1, x, sizeof x, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(p2p_pke_channel_poll(ca, test_time(0), x, sizeof x, &len), 0);
    assert_hex(x, len, init_hello);
    assert_int_equal(p2p_pke_channel_receive(cb, test_time(0), x, len, y, &r), 0);
    assert_hex(y, r.answer_len, resp_hello);
    assert_int_equal(p2p_pke_channel_receive(ca, test_time(0), y, r.answer_len, x, &r), 0);
    assert_hex(x, r.answer_len, init_done);
    assert_int_equal(p2p_pke_channel_receive(cb, test_time(0), x, r.answer_len, y, &r), 0);
    assert_hex(y, r.answer_len, resp_done);
    assert_int_equal(p2p_pke_channel_receive(ca, test_time(0), y, r.answer_len, x, &r), 0);
    assert_int_equal(r.answer_len, 0);

    /* First the sign of life that ends the handshake, then what was queued. */
    assert_int_equal(p2p_pke_channel_poll(ca, test_time(0), x, sizeof x, &len), 0);
    assert_int_equal(len, P2P_PKE_OVERHEAD);
    assert_int_equal(p2p__load32be(x), P2P__PKE_NONCE_CONTROL);
    assert_int_equal(p2p_pke_channel_poll(ca, test_time(0), x, sizeof x, &len), 0);
    assert_hex(x, len, hello_16);

    p2p_pke_channel_free(ca);
    p2p_pke_channel_free(cb);
    test_node_free(&a);
    test_node_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transcript),
        cmocka_unit_test(test_transcript_of_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
