/* SPDX-License-Identifier: MIT */
/* Signers that say that they wrote more than they were given room for: nothing of it is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke_net.h"

typedef struct liar {
    p2p_signer base;
    p2p_signer *real;
    size_t key_len; /* not 0: what it says */
    size_t sig_len;
} liar;

static int liar_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    const liar *l = (const liar *)signer;
    int err = p2p_signer_public_key(l->real, out, cap, len);
    *len = l->key_len ? l->key_len : *len;
    return err;
}

static int liar_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                     size_t cap, size_t *len)
{
    const liar *l = (const liar *)signer;
    int err = p2p_sign(l->real, msg, msg_len, out, cap, len);
    *len = l->sig_len ? l->sig_len : *len;
    return err;
}

static void liar_free(p2p_signer *signer)
{
    (void)signer;
}

static const p2p_signer_ops ops = {sizeof ops, liar_key, liar_sign, liar_free};

static liar make_liar(void)
{
    liar l = {{&ops}, NULL, 0, 0};
    uint8_t seed[32];
    test_seed(1, seed);
    assert_int_equal(p2p_ed25519_signer_new(&l.real, seed, NULL), 0);
    return l;
}

static int ones(void *arg, void *out, size_t len)
{
    (void)arg;
    memset(out, 1, len);
    return 0;
}

static p2p_pke_config config_of(liar *l)
{
    p2p_pke_config config;
    p2p_pke_config_init(&config);
    config.signer = &l->base;
    config.random = ones;
    return config;
}

static void test_long_signature(void **state)
{
    (void)state;
    static const size_t lens[] = {P2P__PKE_MAX_SIG + 1, 1024, 65536, SIZE_MAX};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        liar l = make_liar();
        p2p_pke_config config = config_of(&l);
        p2p_pke_endpoint *ep = NULL;
        p2p_pke_session *s = NULL;
        assert_int_equal(p2p_pke_endpoint_new(&ep, &config), 0);
        l.sig_len = lens[i];
        assert_int_equal(p2p_pke_session_initiate(&s, ep, test_time(0)), P2P_ERR_INVALID);
        assert_null(s);
        l.sig_len = 0;
        assert_int_equal(p2p_pke_session_initiate(&s, ep, test_time(0)), 0);
        p2p_pke_session_free(s);
        p2p_pke_endpoint_free(ep);
        p2p_signer_free(l.real);
    }
}

static void test_long_key(void **state)
{
    (void)state;
    static const size_t lens[] = {P2P__PKE_MAX_KEY + 1, 1024, 65536, SIZE_MAX};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        liar l = make_liar();
        p2p_pke_config config = config_of(&l);
        p2p_pke_endpoint *ep = NULL;
        l.key_len = lens[i];
        assert_int_equal(p2p_pke_endpoint_new(&ep, &config), P2P_ERR_INVALID);
        assert_null(ep);
        p2p_signer_free(l.real);
    }
}

/* The same where anybody uses a signer. */
static void test_use(void **state)
{
    (void)state;
    liar l = make_liar();
    uint8_t out[P2P_ED25519_SIGNATURE_SIZE];
    size_t len = 7;
    l.key_len = sizeof out + 1;
    l.sig_len = sizeof out + 1;
    assert_int_equal(p2p_signer_public_key(&l.base, out, sizeof out, &len), P2P_ERR_INVALID);
    assert_int_equal(p2p_sign(&l.base, out, 4, out, sizeof out, &len), P2P_ERR_INVALID);
    assert_int_equal(len, 7);
    l.sig_len = 0;
    assert_int_equal(p2p_sign(&l.base, out, 4, out, sizeof out, &len), 0);
    assert_int_equal(len, sizeof out);
    assert_int_equal(p2p_sign(&l.base, out, 4, out, sizeof out - 1, &len), P2P_ERR_NO_SPACE);
    assert_int_equal(len, sizeof out);
    p2p_signer_free(l.real);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_signature),
        cmocka_unit_test(test_long_key),
        cmocka_unit_test(test_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
