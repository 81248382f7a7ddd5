/* SPDX-License-Identifier: MIT */
/* Keys of another algorithm, which are long: the limits, and who may be answered with more than he
 * sent. The algorithm is no algorithm: a "signature" is a hash that anybody can make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "test_p2pke_net.h"

/* SEQUENCE { OID 1.3.9999.1 } */
static const uint8_t identifier[] = {0x30, 0x06, 0x06, 0x04, 0x2b, 0xce, 0x0f, 0x01};

static size_t key_len, sig_len; /* of the toy keys that are made */

static void toy_hash(const uint8_t *msg, size_t len, uint8_t *out, size_t out_len)
{
    memset(out, 0x5a, out_len);
    (void)crypto_generichash(out, 32, msg, len, NULL, 0);
}

static int toy_check(const p2p_spki *key)
{
    (void)key;
    return 0;
}

static int toy_verify(const p2p_spki *key, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                      size_t len)
{
    uint8_t expected[32];
    (void)key;
    toy_hash(msg, msg_len, expected, 32);
    return len >= 32 && !memcmp(sig, expected, 32) ? 0 : P2P_ERR_BAD_SIGNATURE;
}

static const p2p_key_algorithm toy = {
    .size = sizeof toy,
    .name = "toy",
    .identifier = identifier,
    .identifier_len = sizeof identifier,
    .check = toy_check,
    .verify = toy_verify,
};

static const p2p_key_algorithm *const toys[] = {&toy};

static int toy_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    static const uint8_t key[1024] = {1};
    (void)signer;
    return p2p_spki_write(identifier, sizeof identifier, key, key_len, out, cap, len);
}

static int toy_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                    size_t cap, size_t *len)
{
    (void)signer;
    if (cap < sig_len)
        return P2P_ERR_NO_SPACE;
    toy_hash(msg, msg_len, out, sig_len);
    *len = sig_len;
    return 0;
}

static void toy_free(p2p_signer *signer)
{
    (void)signer;
}

static const p2p_signer_ops toy_ops = {sizeof toy_ops, toy_public_key, toy_sign, toy_free};
static p2p_signer toy_signer = {&toy_ops};

static p2p_key_registry registry;

static void start(net *n, void (*change_a)(p2p_pke_config *), void (*change_b)(p2p_pke_config *))
{
    net_init_with(n, 1, change_a, change_b);
    n->long_answers = 1;
}

static void know_toys(p2p_pke_config *config)
{
    registry.algorithms = toys;
    registry.count = 1;
    registry.next = p2p_key_registry_default();
    config->registry = &registry;
}

static void be_a_toy(p2p_pke_config *config)
{
    know_toys(config);
    config->signer = &toy_signer;
}

static void old_and_know_toys(p2p_pke_config *config)
{
    know_toys(config);
    config->no_extensions = 1;
}

/* Reflection: who answers with more than came asks for a cookie first. */
static void test_long_answers_need_a_cookie(void **state)
{
    net n;
    (void)state;
    key_len = 300;
    sig_len = 256;
    start(&n, know_toys, be_a_toy);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 15 * P2P_MILLISECOND);
    assert_int_equal(n.packets[0]->len, P2P__PKE_COOKIE_REPLY_SIZE);
    net_run(&n, P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 1);
    assert_int_equal(test_stats(&n.side[1].node).cookies_good, 1);
    net_free(&n);

    /* Who cannot is not answered. */
    start(&n, old_and_know_toys, be_a_toy);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 10 * P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 0);
    assert_int_equal(n.side[1].sent, 0);
    net_free(&n);

    /* The other way round the question is the longer one. */
    start(&n, be_a_toy, know_toys);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 1);
    assert_int_equal(test_stats(&n.side[1].node).cookies_sent, 0);
    net_free(&n);
}

static void test_longest_keys(void **state)
{
    net n;
    (void)state;
    sig_len = P2P__PKE_MAX_SIG;
    key_len = P2P__PKE_MAX_KEY - 17; /* what is around it in DER */
    start(&n, be_a_toy, be_a_toy);
    size_t len;
    (void)p2p_pke_endpoint_key(n.side[0].node.ep, &len);
    assert_int_equal(len, P2P__PKE_MAX_KEY);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 1);
    net_free(&n);

    /* One byte more is too much, of the key and of the signature. */
    test_node node;
    p2p_pke_config config;
    p2p_pke_endpoint *ep;
    test_node_init(&node, 0, NULL);
    test_config(&node, &config);
    be_a_toy(&config);
    key_len++;
    assert_int_equal(p2p_pke_endpoint_new(&ep, &config), P2P_ERR_INVALID);
    key_len--;
    sig_len++;
    assert_int_equal(p2p_pke_endpoint_new(&ep, &config), 0);
    p2p_pke_session *s;
    assert_int_equal(p2p_pke_session_initiate(&s, ep, test_time(0)), P2P_ERR_INVALID);
    p2p_pke_endpoint_free(ep);
    test_node_free(&node);
}

static void test_unknown_algorithm(void **state)
{
    net n;
    (void)state;
    key_len = 32;
    sig_len = 64;
    start(&n, be_a_toy, NULL);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 15 * P2P_MILLISECOND);
    assert_int_equal(n.side[1].last_error, P2P_ERR_UNSUPPORTED);
    assert_int_equal(test_stats(&n.side[1].node).rx_drop_unsupported, 1);
    net_free(&n);

    start(&n, NULL, be_a_toy);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 5 * P2P_SECOND);
    assert_int_equal(n.side[0].failed, 1);
    assert_int_equal(n.side[0].reason, P2P_ERR_UNSUPPORTED);
    net_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_answers_need_a_cookie),
        cmocka_unit_test(test_longest_keys),
        cmocka_unit_test(test_unknown_algorithm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
