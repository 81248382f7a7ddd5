/* SPDX-License-Identifier: MIT */
/* Private keys that no reader has seen, but were put together by hand. */
#include "test_x509_support.h"

static p2p_pkcs8 parsed(uint8_t der[P2P_ED25519_PKCS8_SIZE])
{
    uint8_t seed[P2P_ED25519_SEED_SIZE];
    p2p_pkcs8 key;
    test_seed(1, seed);
    p2p_ed25519_pkcs8(seed, der);
    assert_int_equal(p2p_pkcs8_parse(der, P2P_ED25519_PKCS8_SIZE, &key), 0);
    return key;
}

static void seed_of_another_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < 40; len++) {
        uint8_t der[P2P_ED25519_PKCS8_SIZE];
        uint8_t seed[P2P_ED25519_SEED_SIZE];
        p2p_pkcs8 key = parsed(der);
        p2p_signer *signer = NULL;
        const p2p_key_algorithm *ed25519 = p2p_key_algorithm_find(NULL, &key.algorithm);
        uint8_t *copy = calloc(1, len + 1);
        assert_non_null(copy);
        memcpy(copy, key.key, len < key.key_len ? len : key.key_len);
        int expected = len == key.key_len ? 0 : P2P_ERR_MALFORMED;
        key.key = copy;
        key.key_len = len;
        assert_int_equal(p2p_ed25519_seed(&key, seed), expected);
        assert_int_equal(ed25519->signer_new(&signer, &key, NULL), expected);
        p2p_signer_free(signer);
        free(copy);
    }
}

static void seed_of_another_form(void **state)
{
    (void)state;
    uint8_t der[P2P_ED25519_PKCS8_SIZE];
    uint8_t seed[P2P_ED25519_SEED_SIZE] = {7};
    p2p_pkcs8 key = parsed(der);
    uint8_t copy[P2P_ED25519_SEED_SIZE + 2];
    assert_int_equal(key.key_len, sizeof copy);
    memcpy(copy, key.key, sizeof copy);
    copy[1]++;
    key.key = copy;
    assert_int_equal(p2p_ed25519_seed(&key, seed), P2P_ERR_MALFORMED);
    assert_int_equal(seed[0], 7);
}

static void public_key_of_another_length(void **state)
{
    (void)state;
    uint8_t der[P2P_ED25519_PKCS8_SIZE], public_key[P2P_ED25519_PUBLIC_SIZE], seed[32];
    p2p_pkcs8 key = parsed(der);
    const p2p_key_algorithm *ed25519 = p2p_key_algorithm_find(NULL, &key.algorithm);
    test_seed(1, seed);
    assert_int_equal(p2p_ed25519_public(seed, public_key), 0);
    for (size_t len = 0; len <= sizeof public_key; len++) {
        p2p_signer *signer = NULL;
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, public_key, len);
        key.public_key = copy;
        key.public_key_len = len;
        assert_int_equal(ed25519->signer_new(&signer, &key, NULL),
                         len == sizeof public_key ? 0 : P2P_ERR_MALFORMED);
        p2p_signer_free(signer);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_of_another_length),
        cmocka_unit_test(seed_of_another_form),
        cmocka_unit_test(public_key_of_another_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
