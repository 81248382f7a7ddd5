/* SPDX-License-Identifier: MIT */
/* Signers, verifiers, and registries of them. */
#include "test_x509_support.h"

#include "test_x509_vectors.h"

static const uint8_t message[] = "attack at dawn";
#define MESSAGE_LEN 14u

/* RFC 8032, 7.1, tests 1 to 3. */
static void ed25519_known_answers(void **state)
{
    static const struct {
        const char *seed, *public_key, *msg, *sig;
    } known[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
         "c"
         "f9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
         "0"
         "f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
         "84"
         "dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint8_t seed[32], msg[8], der[64], sig[P2P_SIGNATURE_MAX];
        size_t der_len, sig_len, msg_len = from_hex(known[i].msg, msg, sizeof msg);
        p2p_signer *signer;
        p2p_spki key;
        from_hex(known[i].seed, seed, sizeof seed);
        assert_int_equal(p2p_ed25519_signer_new(&signer, seed, NULL), 0);
        assert_int_equal(p2p_signer_public_key(signer, der, sizeof der, &der_len), 0);
        assert_int_equal(p2p_spki_parse(der, der_len, &key), 0);
        assert_hex(key.key, key.key_len, known[i].public_key);
        assert_int_equal(p2p_sign(signer, msg, msg_len, sig, sizeof sig, &sig_len), 0);
        assert_hex(sig, sig_len, known[i].sig);
        assert_int_equal(p2p_verify(NULL, &key, msg, msg_len, sig, sig_len), 0);
        p2p_signer_free(signer);
    }
}

static void any_change_breaks_a_signature(void **state)
{
    (void)state;
    uint8_t seed[32], der[P2P_ED25519_SPKI_SIZE], sig[64], msg[MESSAGE_LEN];
    size_t n;
    p2p_signer *signer;
    p2p_spki key;
    test_seed(0, seed);
    memcpy(msg, message, sizeof msg);
    assert_int_equal(p2p_ed25519_signer_new(&signer, seed, NULL), 0);
    assert_int_equal(p2p_signer_public_key(signer, der, sizeof der, &n), 0);
    assert_int_equal(p2p_spki_parse(der, n, &key), 0);
    assert_int_equal(p2p_sign(signer, msg, sizeof msg, sig, sizeof sig, &n), 0);
    p2p_signer_free(signer);
    for (size_t i = 0; i < 8 * sizeof sig; i++) {
        sig[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_equal(p2p_verify(NULL, &key, msg, sizeof msg, sig, n), P2P_ERR_BAD_SIGNATURE);
        sig[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t i = 0; i < sizeof msg; i++) {
        msg[i] ^= 1;
        assert_int_equal(p2p_verify(NULL, &key, msg, sizeof msg, sig, n), P2P_ERR_BAD_SIGNATURE);
        msg[i] ^= 1;
    }
    assert_int_equal(p2p_verify(NULL, &key, msg, sizeof msg, sig, n - 1), P2P_ERR_BAD_SIGNATURE);
    assert_int_equal(p2p_verify(NULL, &key, msg, sizeof msg, NULL, 0), P2P_ERR_BAD_SIGNATURE);
    assert_int_equal(p2p_verify(NULL, &key, msg, sizeof msg, sig, n), 0);
}

/* What libsodium refuses and Go takes (wire.md 1.5): S above the order never; a key of small order,
 * with which one signature fits every message. */
static void weak_ed25519_keys_are_refused(void **state)
{
    (void)state;
    uint8_t der[P2P_ED25519_SPKI_SIZE], public_key[32] = {1}, sig[64] = {1};
    p2p_spki key;
    /* The neutral element as A and R, and S = 0: 0 B = R + h A holds. */
    p2p_ed25519_spki(public_key, der);
    assert_int_equal(p2p_spki_parse(der, sizeof der, &key), 0);
    assert_int_equal(p2p_verify(NULL, &key, message, MESSAGE_LEN, sig, sizeof sig),
                     P2P_ERR_BAD_SIGNATURE);
}

static void noncanonical_s_is_refused(void **state)
{
    /* The order of the base point, little endian. */
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                      0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                      0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0x10};
    (void)state;
    uint8_t seed[32], der[P2P_ED25519_SPKI_SIZE], sig[64];
    size_t n;
    p2p_signer *signer;
    p2p_spki key;
    test_seed(0, seed);
    assert_int_equal(p2p_ed25519_signer_new(&signer, seed, NULL), 0);
    assert_int_equal(p2p_signer_public_key(signer, der, sizeof der, &n), 0);
    assert_int_equal(p2p_spki_parse(der, n, &key), 0);
    assert_int_equal(p2p_sign(signer, message, MESSAGE_LEN, sig, sizeof sig, &n), 0);
    p2p_signer_free(signer);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)sig[32 + i] + order[i];
        sig[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(p2p_verify(NULL, &key, message, MESSAGE_LEN, sig, n), P2P_ERR_BAD_SIGNATURE);
}

static void other_algorithms_by_registry(void **state)
{
    static const struct {
        const uint8_t *spki;
        size_t spki_len;
        const uint8_t *sig;
        size_t sig_len;
        const char *name;
    } cases[] = {
        {p256_spki, sizeof p256_spki, p256_sig, sizeof p256_sig, "ECDSA-P256-SHA256"},
        {rsa_spki, sizeof rsa_spki, rsa_sig, sizeof rsa_sig, "RSA-PSS-SHA256"},
        {pss_spki, sizeof pss_spki, pss_sig, sizeof pss_sig, "RSA-PSS-SHA256"},
    };
    const p2p_key_registry *extended = p2p_key_registry_extended();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        p2p_spki key;
        uint8_t sig[512];
        size_t n = cases[i].sig_len;
        memcpy(sig, cases[i].sig, n);
        assert_int_equal(p2p_spki_parse(cases[i].spki, cases[i].spki_len, &key), 0);
        assert_string_equal(p2p_key_algorithm_find(extended, &key.algorithm)->name, cases[i].name);
        assert_int_equal(p2p_spki_check(extended, &key), 0);
        assert_int_equal(p2p_verify(extended, &key, message, MESSAGE_LEN, sig, n), 0);
        assert_int_equal(p2p_verify(extended, &key, message, MESSAGE_LEN - 1, sig, n),
                         P2P_ERR_BAD_SIGNATURE);
        assert_int_equal(p2p_verify(extended, &key, message, MESSAGE_LEN, sig, n - 1),
                         P2P_ERR_BAD_SIGNATURE);
        sig[n / 2] ^= 1;
        assert_int_equal(p2p_verify(extended, &key, message, MESSAGE_LEN, sig, n),
                         P2P_ERR_BAD_SIGNATURE);
        /* The default registry is for Ed25519 only. */
        assert_null(p2p_key_algorithm_find(NULL, &key.algorithm));
        assert_int_equal(p2p_spki_check(NULL, &key), P2P_ERR_UNSUPPORTED);
    }
}

static void rsa_needs_the_salt_it_says(void **state)
{
    (void)state;
    p2p_spki key;
    assert_int_equal(p2p_spki_parse(rsa_spki, sizeof rsa_spki, &key), 0);
    assert_int_equal(p2p_verify(p2p_key_registry_extended(), &key, message, MESSAGE_LEN,
                                rsa_salt20_sig, sizeof rsa_salt20_sig),
                     P2P_ERR_BAD_SIGNATURE);
}

/* A representative of the modulus and more is another writing of the same signature. */
static void rsa_signature_is_below_the_modulus(void **state)
{
    (void)state;
    p2p_spki key;
    uint8_t sig[sizeof rsa_sig + 1], ones[sizeof rsa_sig];
    assert_int_equal(p2p_spki_parse(rsa_spki, sizeof rsa_spki, &key), 0);
    sig[0] = 0;
    memcpy(sig + 1, rsa_sig, sizeof rsa_sig);
    assert_int_equal(
        p2p_verify(p2p_key_registry_extended(), &key, message, MESSAGE_LEN, sig, sizeof sig),
        P2P_ERR_BAD_SIGNATURE);
    memset(ones, 0xff, sizeof ones);
    assert_int_equal(
        p2p_verify(p2p_key_registry_extended(), &key, message, MESSAGE_LEN, ones, sizeof ones),
        P2P_ERR_BAD_SIGNATURE);
}

static int check_copy(const uint8_t *spki, size_t len, size_t at, uint8_t flip)
{
    uint8_t der[512];
    p2p_spki key;
    memcpy(der, spki, len);
    der[at] ^= flip;
    int err = p2p_spki_parse(der, len, &key);
    return err ? err : p2p_spki_check(p2p_key_registry_extended(), &key);
}

static void bad_points_and_moduli_are_refused(void **state)
{
    (void)state;
    size_t n = sizeof p256_spki;
    assert_int_equal(check_copy(p256_spki, n, n - 1, 0), 0);
    assert_int_equal(check_copy(p256_spki, n, n - 1, 1), P2P_ERR_MALFORMED);  /* off the curve */
    assert_int_equal(check_copy(p256_spki, n, n - 65, 2), P2P_ERR_MALFORMED); /* hybrid form */
    uint8_t compressed[128];
    size_t len;
    p2p_spki key;
    assert_int_equal(p2p_spki_parse(p256_spki, n, &key), 0);
    uint8_t point[33] = {2};
    assert_int_equal(p2p_spki_write(key.algorithm.der, key.algorithm.der_len, point, 33, compressed,
                                    sizeof compressed, &len),
                     0);
    assert_int_equal(check_copy(compressed, len, 0, 0), P2P_ERR_UNSUPPORTED);
    n = sizeof rsa_spki;
    assert_int_equal(check_copy(rsa_spki, n, n - 1, 0), 0);
    assert_int_equal(check_copy(rsa_spki, n, n - 1, 1), P2P_ERR_MALFORMED); /* an even exponent */
    assert_int_equal(check_copy(rsa_spki, n, n - 6, 1), P2P_ERR_MALFORMED); /* an even modulus */
    /* 2048 bits are the least */
    assert_int_equal(check_copy(rsa_spki, n, 33, rsa_spki[33] & 0x80u), P2P_ERR_MALFORMED);
}

/* Ecdsa-Sig-Value has one writing too. */
static void ecdsa_signatures_are_strict(void **state)
{
    (void)state;
    p2p_spki key;
    uint8_t sig[128];
    size_t n = sizeof p256_sig;
    const p2p_key_registry *r = p2p_key_registry_extended();
    assert_int_equal(p2p_spki_parse(p256_spki, sizeof p256_spki, &key), 0);
    memcpy(sig, p256_sig, n);
    sig[n] = 0;
    assert_int_equal(p2p_verify(r, &key, message, MESSAGE_LEN, sig, n + 1), P2P_ERR_BAD_SIGNATURE);
    sig[0] = 0x31;
    assert_int_equal(p2p_verify(r, &key, message, MESSAGE_LEN, sig, n), P2P_ERR_BAD_SIGNATURE);
    static const uint8_t zero[] = {0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00};
    assert_int_equal(p2p_verify(r, &key, message, MESSAGE_LEN, zero, sizeof zero),
                     P2P_ERR_BAD_SIGNATURE);
}

/* --- an algorithm and a signer of one's own --- */

/* SEQUENCE { OID 1.2.3 }; a signature is the key byte exclusive-ored over the message. */
static const uint8_t toy_identifier[] = {0x30, 0x04, 0x06, 0x02, 0x2a, 0x03};

static int toy_check(const p2p_spki *key)
{
    return key->key_len == 1 ? 0 : P2P_ERR_MALFORMED;
}

static int toy_verify(const p2p_spki *key, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                      size_t sig_len)
{
    if (toy_check(key))
        return P2P_ERR_MALFORMED;
    if (sig_len != msg_len)
        return P2P_ERR_BAD_SIGNATURE;
    for (size_t i = 0; i < msg_len; i++)
        if ((msg[i] ^ key->key[0]) != sig[i])
            return P2P_ERR_BAD_SIGNATURE;
    return 0;
}

static const p2p_key_algorithm toy = {
    .size = sizeof(p2p_key_algorithm),
    .name = "toy",
    .identifier = toy_identifier,
    .identifier_len = sizeof toy_identifier,
    .check = toy_check,
    .verify = toy_verify,
};

/* A signer whose key is in an agent that takes its time: the first call only asks. */
typedef struct agent {
    p2p_signer base;
    int asked;
    int freed;
} agent;

static int agent_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    (void)signer;
    return p2p_spki_write(toy_identifier, sizeof toy_identifier, (const uint8_t *)"\x55", 1, out,
                          cap, len);
}

static int agent_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                      size_t cap, size_t *len)
{
    agent *a = (agent *)signer;
    if (!a->asked++)
        return P2P_ERR_AGAIN;
    *len = msg_len;
    if (cap < msg_len)
        return P2P_ERR_NO_SPACE;
    for (size_t i = 0; i < msg_len; i++)
        out[i] = msg[i] ^ 0x55;
    return 0;
}

static void agent_free(p2p_signer *signer)
{
    ((agent *)signer)->freed = 1;
}

static void algorithms_and_signers_can_be_added(void **state)
{
    static const p2p_signer_ops ops = {sizeof ops, agent_public_key, agent_sign, agent_free};
    const p2p_key_algorithm *const mine[] = {&toy};
    const p2p_key_registry registry = {mine, 1, p2p_key_registry_default()};
    agent a = {{&ops}, 0, 0};
    (void)state;
    uint8_t der[64], sig[64];
    size_t der_len, sig_len;
    p2p_spki key;
    assert_int_equal(p2p_signer_public_key(&a.base, der, sizeof der, &der_len), 0);
    assert_int_equal(p2p_spki_parse(der, der_len, &key), 0);
    assert_int_equal(p2p_sign(&a.base, message, MESSAGE_LEN, sig, sizeof sig, &sig_len),
                     P2P_ERR_AGAIN);
    assert_int_equal(p2p_sign(&a.base, message, MESSAGE_LEN, sig, sizeof sig, &sig_len), 0);
    assert_int_equal(p2p_verify(&registry, &key, message, MESSAGE_LEN, sig, sig_len), 0);
    assert_int_equal(p2p_verify(NULL, &key, message, MESSAGE_LEN, sig, sig_len),
                     P2P_ERR_UNSUPPORTED);
    p2p_signer_free(&a.base);
    assert_true(a.freed);
    p2p_signer_free(NULL);
    /* What is behind it in the chain is still there. */
    test_spki(0, der);
    assert_int_equal(p2p_spki_parse(der, P2P_ED25519_SPKI_SIZE, &key), 0);
    assert_int_equal(p2p_spki_check(&registry, &key), 0);
}

/* A chain that bites its tail ends all the same. */
static void chains_have_a_limit(void **state)
{
    (void)state;
    p2p_key_registry ring = {NULL, 0, &ring};
    p2p_spki key;
    assert_int_equal(p2p_spki_parse(p256_spki, sizeof p256_spki, &key), 0);
    assert_int_equal(p2p_spki_check(&ring, &key), P2P_ERR_UNSUPPORTED);
    /* The 16th registry is seen, the 17th is not. */
    p2p_key_registry chain[16];
    for (size_t i = 0; i < 16; i++)
        chain[i] = (p2p_key_registry){NULL, 0,
                                      i + 1 < 16 ? &chain[i + 1] : p2p_key_registry_extended()};
    assert_int_equal(p2p_spki_check(&chain[1], &key), 0);
    assert_int_equal(p2p_spki_check(&chain[0], &key), P2P_ERR_UNSUPPORTED);
}

/* --- memory --- */

/* Allocations fail when none are left; blocks are checked for secrets when they are freed. */
typedef struct meter {
    int left;
    int live;
    int leaked;
    size_t size;
} meter;

static void *meter_alloc(void *arg, size_t size)
{
    meter *m = arg;
    if (m->left-- <= 0)
        return NULL;
    m->live++;
    m->size = size;
    return malloc(size);
}

static void *meter_resize(void *arg, void *ptr, size_t size)
{
    (void)arg;
    return realloc(ptr, size);
}

static void meter_free(void *arg, void *ptr)
{
    meter *m = arg;
    const uint8_t *bytes = ptr;
    for (size_t i = 0; i < m->size; i++)
        m->leaked |= bytes[i] != 0;
    m->live--;
    free(ptr);
}

static void signers_wipe_and_free(void **state)
{
    (void)state;
    uint8_t seed[32], pkcs8[P2P_ED25519_PKCS8_SIZE], out[64];
    meter m = {0, 0, 0, 0};
    const p2p_allocator allocator = {meter_alloc, meter_resize, meter_free, &m};
    p2p_signer *signer = NULL;
    size_t n;
    test_seed(7, seed);
    p2p_ed25519_pkcs8(seed, pkcs8);
    assert_int_equal(p2p_signer_new(&signer, NULL, pkcs8, sizeof pkcs8, &allocator),
                     P2P_ERR_NO_MEMORY);
    assert_null(signer);
    m.left = 1;
    assert_int_equal(p2p_signer_new(&signer, NULL, pkcs8, sizeof pkcs8, &allocator), 0);
    assert_int_equal(p2p_signer_public_key(signer, out, 43, &n), P2P_ERR_NO_SPACE);
    assert_int_equal(n, P2P_ED25519_SPKI_SIZE);
    assert_int_equal(p2p_sign(signer, message, MESSAGE_LEN, out, 63, &n), P2P_ERR_NO_SPACE);
    assert_int_equal(n, P2P_ED25519_SIGNATURE_SIZE);
    p2p_signer_free(signer);
    assert_int_equal(m.live, 0);
    assert_false(m.leaked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ed25519_known_answers),
        cmocka_unit_test(any_change_breaks_a_signature),
        cmocka_unit_test(weak_ed25519_keys_are_refused),
        cmocka_unit_test(noncanonical_s_is_refused),
        cmocka_unit_test(other_algorithms_by_registry),
        cmocka_unit_test(rsa_needs_the_salt_it_says),
        cmocka_unit_test(rsa_signature_is_below_the_modulus),
        cmocka_unit_test(bad_points_and_moduli_are_refused),
        cmocka_unit_test(ecdsa_signatures_are_strict),
        cmocka_unit_test(algorithms_and_signers_can_be_added),
        cmocka_unit_test(chains_have_a_limit),
        cmocka_unit_test(signers_wipe_and_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
