/* SPDX-License-Identifier: MIT */
/* What peers that follow the format, but mean no good, can make us do: bounded, and never signing
 * for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke_net.h"

/* What a filter has seen of one side. */
typedef struct tap {
    unsigned hellos, dones;
    size_t hello_len, done_len;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE], done[P2P_PKE_MAX_HANDSHAKE];
    unsigned from;
    int no_controls;
} tap;

static int watch(net *n, unsigned from, const uint8_t *data, size_t len)
{
    tap *t = n->arg;
    uint32_t nonce = net_nonce(data, len);
    if (from != t->from)
        return 1;
    if (nonce == P2P__PKE_NONCE_INIT_HELLO) {
        t->hellos++;
        t->hello_len = len;
        memcpy(t->hello, data, len);
    }
    if (nonce == P2P__PKE_NONCE_INIT_DONE) {
        t->dones++;
        t->done_len = len;
        memcpy(t->done, data, len);
    }
    return !(t->no_controls && nonce >= P2P__PKE_NONCE_CONTROL && nonce < P2P__PKE_NONCE_DATA);
}

static void watched(net *n, tap *t, unsigned from, void (*change)(p2p_pke_config *))
{
    net_init_with(n, 1, change, change);
    memset(t, 0, sizeof *t);
    t->from = from;
    n->arg = t;
    n->filter = watch;
}

static int accept_none(const uint8_t *key, size_t len)
{
    (void)key;
    (void)len;
    return 0;
}

/* Our signature of a handshake is worth something to whom it is relayed: a key that we refuse gets
 * none. */
static void test_nothing_is_signed_for_a_refused_key(void **state)
{
    (void)state;
    for (unsigned old = 0; old < 2; old++) {
        net n;
        tap t;
        watched(&n, &t, 0, old ? test_no_extensions : NULL);
        n.side[0].node.accepts = accept_none;
        assert_int_equal(net_text(&n, 0, "x"), 0);
        net_run(&n, 20 * P2P_SECOND);
        assert_int_equal(n.side[0].failed, 1);
        assert_int_equal(n.side[0].reason, P2P_ERR_REFUSED);
        assert_int_equal(t.dones, 0);
        assert_int_equal(n.side[1].ready, 0);
        net_free(&n);
    }
}

/* One InitDone that opens and is signed wrongly costs a check, those after it cost none; and they
 * stay as they were. */
static void test_wrong_init_dones_are_checked_once(void **state)
{
    net n;
    forge_hello f;
    p2p__noise noise;
    p2p__aead_key k_ir = {0};
    p2p_pke_result r;
    uint8_t hello[1400], resp[1400], answer[1400], done[128], copy[128];
    uint8_t keys[2][32], sig[64] = {1};
    (void)state;
    net_init(&n);
    p2p__aead *aead = &n.side[0].node.ep->aead;
    p2p_pke_channel *c = n.side[1].channel;
    forge_hello_init(&f, &n.side[0].node, n.time.wall);
    size_t len = forge_write_hello(&f, &n.side[0].node, hello, &noise);
    assert_int_equal(p2p_pke_channel_receive(c, n.time, hello, len, resp, &r), 0);
    assert_int_equal(p2p__noise_read_answer(&noise, aead, resp + 4, resp + 36, r.answer_len - 36),
                     0);
    p2p__noise_split(&noise, keys[0], keys[1]);
    p2p__aead_set_key(aead, &k_ir, keys[0]);
    p2p__store32be(done, P2P__PKE_NONCE_INIT_DONE);
    p2p_iov plain = {done + 4, p2p__pke_write_init_done(done + 4, sig, sizeof sig)};
    len = plain.len + P2P_PKE_OVERHEAD;
    assert_int_equal(p2p__aead_seal(aead, &k_ir, 2, done, 4, &plain, 1, done + 4), 0);
    p2p__aead_wipe_key(aead, &k_ir);

    uint64_t before = test_stats(&n.side[1].node).signature_checks;
    for (unsigned i = 0; i < 100; i++) {
        memcpy(copy, done, len);
        assert_int_equal(p2p_pke_channel_receive(c, n.time, copy, len, answer, &r),
                         P2P_ERR_BAD_SIGNATURE);
        assert_memory_equal(copy, done, len);
    }
    assert_int_equal(test_stats(&n.side[1].node).signature_checks - before, 1);
    net_free(&n);
}

/* Gives side 0 as many answers to its InitHello, each another one. Returns how many it took. */
static unsigned give_answers(net *n, const tap *t, unsigned count)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < count; i++) {
        uint8_t resp[1400], copy[1400], answer[1400];
        p2p_pke_session *s;
        p2p_pke_result r;
        size_t len;
        assert_int_equal(
            p2p_pke_session_respond(&s, n->side[1].node.ep, n->time, t->hello, t->hello_len), 0);
        assert_int_equal(p2p_pke_session_message(s, resp, sizeof resp, &len), 0);
        memcpy(copy, resp, len);
        int err = p2p_pke_channel_receive(n->side[0].channel, n->time, copy, len, answer, &r);
        taken += !err;
        assert_memory_equal(copy, resp, len);
        p2p_pke_session_free(s);
    }
    return taken;
}

static void test_answers_are_taken_slowly(void **state)
{
    net n;
    tap t;
    (void)state;
    watched(&n, &t, 0, NULL);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_clear(&n);
    uint64_t before = test_stats(&n.side[0].node).signature_checks;
    assert_int_equal(give_answers(&n, &t, 50), 1);
    n.time.now += 250 * P2P_MILLISECOND;
    assert_int_equal(give_answers(&n, &t, 50), 1);
    assert_int_equal(test_stats(&n.side[0].node).signature_checks - before, 2);
    /* After the end there is no other. */
    n.filter = net_lose_all;
    net_run(&n, 30 * P2P_SECOND);
    assert_int_equal(n.side[0].failed, 1);
    assert_int_equal(give_answers(&n, &t, 50), 0);
    assert_int_equal(test_stats(&n.side[0].node).signature_checks - before, 2);
    net_free(&n);
}

/* The last nonce in every session at once: no handshake for each. */
static void test_spent_nonces_start_no_storm(void **state)
{
    net n;
    tap t;
    (void)state;
    watched(&n, &t, 0, NULL);
    n.latency = P2P_MILLISECOND;
    assert_int_equal(net_text(&n, 0, "a"), 0);
    net_run(&n, P2P_SECOND);
    t.hellos = 0;
    for (unsigned i = 0; i < 1000; i++) {
        p2p_pke_session *s = n.side[1].channel->current;
        if (s && s->next < 0xfffffff0u) {
            s->next = 0xfffffffdu;
            (void)net_text(&n, 1, "x");
        }
        net_run(&n, P2P_MILLISECOND);
    }
    assert_in_range(t.hellos, 1, 2);
    net_free(&n);
}

/* A peer from the future: we follow it for a day, no longer, and still get through. */
static void test_no_signatures_for_a_far_future(void **state)
{
    static const uint64_t ahead[] = {3600, 86400 * 365, UINT64_C(9000000000)};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        net n;
        tap t;
        p2p__pke_init_hello in;
        watched(&n, &t, 1, NULL);
        n.side[0].wall_offset = ahead[i] * P2P_SECOND;
        assert_int_equal(net_text(&n, 0, "a"), 0);
        net_run(&n, 400 * P2P_SECOND);
        assert_int_equal(net_text(&n, 1, "b"), 0);
        net_run(&n, P2P_SECOND);
        assert_int_equal(n.side[0].delivered, 1);
        assert_true(t.hellos > 0);
        assert_int_equal(p2p__pke_read_init_hello(t.hello, t.hello_len, &in), 0);
        uint64_t seconds = p2p__load64be(in.claim.time) - (UINT64_C(1) << 62) - 37;
        uint64_t now = n.time.wall / P2P_SECOND;
        assert_in_range(seconds, now - 500, now + 86400);
        net_free(&n);
    }
}

/* Who has seen an InitDone and sends it again and again. */
static void test_replayed_init_done_does_not_hold_for_ever(void **state)
{
    net n;
    tap t;
    (void)state;
    watched(&n, &t, 0, test_no_extensions);
    t.no_controls = 1;
    assert_int_equal(p2p_pke_channel_open(n.side[0].channel, n.time), 0);
    net_flush(&n, 0);
    net_run(&n, 200 * P2P_MILLISECOND);
    assert_int_equal(n.side[1].ready, 1);
    assert_int_equal(net_text(&n, 1, "must arrive"), 0);
    for (unsigned i = 0; i < 10; i++) {
        net_put(&n, 1, t.done, t.done_len, n.time.now);
        net_run(&n, 400 * P2P_MILLISECOND);
    }
    assert_int_equal(n.side[0].delivered, 1);
    net_free(&n);
}

/* What was screened for one address is not taken from another, nor later. */
static void test_screening_is_for_its_source(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        test_node a, b;
        forge_hello f;
        p2p_pke_channel *c;
        p2p_pke_result r;
        uint8_t hello[1400], answer[1400], other[8] = {0, 0, 0, 9};
        test_node_init(&a, 0, NULL);
        test_node_init(&b, 1, NULL);
        forge_hello_init(&f, &a, TEST_WALL);
        size_t len = forge_write_hello(&f, &a, hello, NULL);
        assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, hello, len, answer, &r), 0);
        assert_int_equal(p2p_pke_channel_new(&c, b.ep, &b, i == 1 ? "b" : "a", 1), 0);
        if (i == 2)
            assert_int_not_equal(
                p2p_pke_channel_receive(c, test_time(0), other, sizeof other, answer, &r), 0);
        assert_int_equal(p2p_pke_channel_receive(c, test_time(0), hello, len, answer, &r), 0);
        assert_int_equal(b.admits, i ? 2 : 1);
        p2p_pke_channel_free(c);
        test_node_free(&a);
        test_node_free(&b);
    }
}

/* What was screened saves a channel the signature check, but not the question whether its owner
 * accepts this key here. */
static void test_screening_is_no_consent(void **state)
{
    test_node a, b;
    forge_hello f;
    p2p_pke_channel *c;
    p2p_pke_result r;
    uint8_t hello[1400], answer[1400];
    (void)state;
    test_node_init(&a, 0, NULL);
    test_node_init(&b, 1, NULL);
    forge_hello_init(&f, &a, TEST_WALL);
    size_t len = forge_write_hello(&f, &a, hello, NULL);
    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, hello, len, answer, &r), 0);
    assert_int_equal(p2p_pke_channel_new(&c, b.ep, &b, "a", 1), 0);
    b.accepts = accept_none;
    assert_int_equal(p2p_pke_channel_receive(c, test_time(0), hello, len, answer, &r),
                     P2P_ERR_REFUSED);
    assert_int_equal(r.answer_len, 0);
    assert_int_equal(p2p_pke_endpoint_half_open(b.ep), 0);
    p2p_pke_channel_free(c);
    test_node_free(&a);
    test_node_free(&b);
}

/* A few forged InitHellos in each second, against one that knows no cookies. */
static void test_slow_spoofing_does_not_lock_out(void **state)
{
    unsigned in = 0;
    (void)state;
    for (unsigned trial = 0; trial < 10; trial++) {
        test_node other;
        net n;
        uint8_t hello[1400];
        test_node_init(&other, 7, NULL);
        net_init_with(&n, 3 + trial, test_no_extensions, NULL);
        for (uint32_t i = 0; i < 72 && !n.side[1].delivered; i++) {
            forge_hello f;
            forge_hello_init(&f, &other, n.time.wall);
            p2p__store32be(f.e_private, i * 7919 + trial);
            size_t len = forge_write_hello(&f, &other, hello, NULL);
            net_put(&n, 1, hello, len, n.time.now);
            if (i == 8)
                assert_int_equal(net_text(&n, 0, "honest"), 0);
            net_run(&n, 250 * P2P_MILLISECOND);
        }
        in += n.side[1].delivered > 0;
        net_free(&n);
        test_node_free(&other);
    }
    assert_int_equal(in, 10);
}

static void small_table(p2p_pke_config *config)
{
    config->max_half_open = 16;
    config->cookies_above = 16;
}

/* Strangers who never end their handshakes leave room for those who were here before, and go soon
 * when there are many. */
static void test_known_peers_have_places(void **state)
{
    net n;
    tap t;
    p2p_pke_channel *c[16];
    uint8_t hello[1400], answer[1400];
    p2p_pke_result r;
    (void)state;
    watched(&n, &t, 0, small_table);
    assert_int_equal(net_text(&n, 0, "a"), 0);
    net_run(&n, P2P_SECOND);
    n.side[1].node.ep->half_open += 14; /* as if strangers with cookies had them */
    uint64_t before = test_stats(&n.side[1].node).rx_drop_limit;
    assert_int_equal(p2p_pke_channel_new(&c[0], n.side[1].node.ep, NULL, "s", 1), 0);
    forge_hello f;
    forge_hello_init(&f, &n.side[0].node, n.time.wall);
    size_t len = forge_write_hello(&f, &n.side[0].node, hello, NULL);
    assert_int_equal(p2p_pke_channel_receive(c[0], n.time, hello, len, answer, &r), P2P_ERR_LIMIT);
    assert_int_equal(test_stats(&n.side[1].node).rx_drop_limit - before, 1);
    p2p_pke_channel_free(c[0]);
    n.side[1].node.ep->half_open -= 14;
    net_free(&n);
}

static void many(p2p_pke_config *config)
{
    config->max_half_open = 64;
    config->cookies_above = 8;
}

static void test_many_half_open_end_sooner(void **state)
{
    test_node a, b;
    p2p_pke_channel *c[12];
    p2p_pke_result r;
    uint8_t hello[1400], answer[1400];
    size_t len;
    (void)state;
    test_node_init(&a, 0, test_no_extensions);
    test_node_init(&b, 1, many);
    for (unsigned i = 0; i < 12; i++) {
        forge_hello f;
        forge_hello_init(&f, &a, TEST_WALL);
        f.e_private[0] = (uint8_t)i;
        len = forge_write_hello(&f, &a, hello, NULL);
        assert_int_equal(p2p_pke_channel_new(&c[i], b.ep, NULL, "s", 1), 0);
        assert_int_equal(p2p_pke_channel_receive(c[i], test_time(0), hello, len, answer, &r), 0);
    }
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(p2p_pke_channel_deadline(c[i]), TEST_NOW + (i < 8 ? 15 : 4) * P2P_SECOND);
        assert_int_equal(
            p2p_pke_channel_poll(c[i], test_time(4 * P2P_SECOND), answer, sizeof answer, &len), 0);
    }
    assert_int_equal(p2p_pke_endpoint_half_open(b.ep), 8);
    for (unsigned i = 0; i < 12; i++)
        p2p_pke_channel_free(c[i]);
    test_node_free(&a);
    test_node_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_signed_for_a_refused_key),
        cmocka_unit_test(test_wrong_init_dones_are_checked_once),
        cmocka_unit_test(test_answers_are_taken_slowly),
        cmocka_unit_test(test_spent_nonces_start_no_storm),
        cmocka_unit_test(test_no_signatures_for_a_far_future),
        cmocka_unit_test(test_replayed_init_done_does_not_hold_for_ever),
        cmocka_unit_test(test_screening_is_for_its_source),
        cmocka_unit_test(test_screening_is_no_consent),
        cmocka_unit_test(test_slow_spoofing_does_not_lock_out),
        cmocka_unit_test(test_known_peers_have_places),
        cmocka_unit_test(test_many_half_open_end_sooner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
