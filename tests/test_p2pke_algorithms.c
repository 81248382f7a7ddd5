/* SPDX-License-Identifier: MIT */
/* Handshakes with peers whose keys are of the algorithms that the library verifies and does not
 * sign with: ECDSA on P-256, and RSA with PSS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/gcrypt_signer.h"
#include "test_p2pke_net.h"

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

static void (*const kinds[])(p2p_pke_config *config) = {know_all, have_p256, have_rsa};

#define KINDS (sizeof kinds / sizeof *kinds)

/* The key of the other side is known, and is its own. */
static int knows(const net_side *a, const net_side *b)
{
    size_t known_len, own_len;
    const uint8_t *known = p2p_pke_channel_key(a->channel, &known_len);
    const uint8_t *own = p2p_pke_endpoint_key(b->node.ep, &own_len);
    return known && known_len == own_len && !memcmp(known, own, own_len);
}

static void start(net *n, size_t a, size_t b)
{
    net_init_with(n, 1, kinds[a], kinds[b]);
    n->long_answers = 1;
}

/* Every algorithm against every other, in both directions. */
static void test_handshakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS * KINDS; i++) {
        net n;
        start(&n, i / KINDS, i % KINDS);
        assert_int_equal(net_text(&n, 0, "hello"), 0);
        net_run(&n, P2P_SECOND);
        assert_int_equal(net_text(&n, 1, "welcome"), 0);
        net_run(&n, P2P_SECOND);
        for (unsigned side = 0; side < 2; side++) {
            assert_int_equal(n.side[side].delivered, 1);
            assert_int_equal(n.side[side].ready, 1);
            assert_true(knows(&n.side[side], &n.side[!side]));
            /* The initiator's two signatures, one of them again after a cookie; the responder's. */
            p2p_pke_stats stats = test_stats(&n.side[side].node);
            assert_int_equal(stats.signature_checks, side ? 2 + stats.cookies_sent : 1);
            assert_int_equal(stats.rx_drop_unauthentic, 0);
        }
        assert_memory_equal(n.side[1].last, "hello", 5);
        net_free(&n);
    }
}

/* A signer that spoils its signatures, but for the first ones. */
typedef struct spoiler {
    p2p_signer base;
    p2p_signer *inner;
    int left; /* good ones */
} spoiler;

static int spoil_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    return p2p_signer_public_key(((const spoiler *)signer)->inner, out, cap, len);
}

static int spoil_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                      size_t cap, size_t *len)
{
    spoiler *self = (spoiler *)signer;
    int err = p2p_sign(self->inner, msg, msg_len, out, cap, len);
    if (!err && self->left-- <= 0)
        out[*len - 1] ^= 1;
    return err;
}

static void spoil_free(p2p_signer *signer)
{
    (void)signer;
}

static const p2p_signer_ops spoiler_ops = {sizeof spoiler_ops, spoil_key, spoil_sign, spoil_free};
static spoiler bad = {{&spoiler_ops}, NULL, 0};

static void have_bad(p2p_pke_config *config)
{
    know_all(config);
    config->signer = &bad.base;
}

/* A wrong signature is as unauthentic as one of Ed25519: nothing comes of it. */
static void test_bad_signatures(void **state)
{
    p2p_signer *const signers[] = {gcrypt_p256_signer(), gcrypt_rsa_signer()};
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        net n;
        int answers = i % 3 == 2;
        unsigned honest = !answers;
        bad.inner = signers[i / 3];
        bad.left = i % 3 == 1;
        net_init_with(&n, 1, answers ? know_all : have_bad, answers ? have_bad : know_all);
        n.long_answers = 1;
        assert_int_equal(net_text(&n, 0, "x"), 0);
        net_run(&n, 200 * P2P_MILLISECOND);
        assert_int_equal(n.side[honest].ready, 0);
        assert_int_equal(n.side[1].delivered, 0);
        assert_true(test_stats(&n.side[honest].node).rx_drop_unauthentic > 0);
        assert_false(knows(&n.side[honest], &n.side[!honest]));
        net_free(&n);
    }
}

/* Who knows Ed25519 only, says so. */
static void test_unknown(void **state)
{
    (void)state;
    for (size_t i = 1; i < KINDS; i++) {
        net n;
        net_init_with(&n, 1, kinds[i], NULL);
        assert_int_equal(net_text(&n, 0, "x"), 0);
        net_run(&n, 15 * P2P_MILLISECOND);
        assert_int_equal(n.side[1].last_error, P2P_ERR_UNSUPPORTED);
        assert_int_equal(n.side[1].sent, 0);
        net_free(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_bad_signatures),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
