/* SPDX-License-Identifier: MIT */
/* Public and private keys in DER, fingerprints, and the private-key form of go-p2p. */
#include "test_x509_support.h"

#include "test_x509_vectors.h"

static const char *const public_keys[] = {
    "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
    "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29",
};

static void test_keys_have_the_known_spki(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t der[P2P_ED25519_SPKI_SIZE];
        test_spki(i, der);
        assert_hex(der, 12, "302a300506032b6570032100");
        assert_hex(der + 12, 32, public_keys[i]);
    }
}

static void test_keys_have_the_known_peer_ids(void **state)
{
    static const char *const ids[2][2] = {
        {"LJkJe1cDe5x23Eur33HIrBm_oMk3jETvovlQA_da77-",
         "ubKvpUaLkkOttGH2mxmO0lu78cu2FIymeWjVe6noV7F"},
        {"FdURUXfCzIuMY9jz4tWCvaWfo9Lfo4q6tc-FF3lp0I-",
         "7ewrW67jeaY_-GkOVQx8FJ75H9BxWztmDhaoMHd3Z6J"},
    };
    (void)state;
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t der[P2P_ED25519_SPKI_SIZE], id[P2P_PEER_ID_SIZE];
        char text[P2P_PEER_ID_TEXT_LEN + 1];
        p2p_spki key;
        test_spki(i, der);
        assert_int_equal(p2p_spki_parse(der, sizeof der, &key), 0);
        assert_int_equal(p2p_fingerprint_pke(&key, id), 0);
        p2p_peer_id_text(id, text);
        assert_string_equal(text, ids[i][0]);
        assert_int_equal(p2p_fingerprint_quic(&key, id), 0);
        p2p_peer_id_text(id, text);
        assert_string_equal(text, ids[i][1]);
    }
}

static void spki_shows_its_parts(void **state)
{
    (void)state;
    uint8_t der[P2P_ED25519_SPKI_SIZE];
    char oid[P2P_OID_TEXT_SIZE];
    p2p_spki key;
    test_spki(0, der);
    assert_int_equal(p2p_spki_parse(der, sizeof der, &key), 0);
    assert_ptr_equal(key.der, der);
    assert_int_equal(key.der_len, sizeof der);
    assert_ptr_equal(key.key, der + 12);
    assert_int_equal(key.key_len, 32);
    assert_null(key.algorithm.params);
    assert_int_equal(p2p_oid_text(key.algorithm.oid, key.algorithm.oid_len, oid, sizeof oid), 0);
    assert_string_equal(oid, "1.3.101.112");
}

/* Everything that a public key of Ed25519 is not, and what the parser of go-p2p lets pass. */
static void malformed_spki_is_refused(void **state)
{
#define KEY "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    static const char *const bad[] = {
        "",
        "30",
        "3000",
        "302a300506032b6570032100",
        "302a300506032b6570032100" KEY "00",    /* a byte behind it */
        "302c300506032b6570032100" KEY "0500",  /* an element behind the BIT STRING */
        "302c300706032b65700500032100" KEY,     /* NULL parameters */
        "302c300706032b65700600032100" KEY,     /* other parameters */
        "302a300506032b6570032101" KEY,         /* an unused bit */
        "302a300506032b6570032103" KEY,         /* three of them */
        "302a300506032b6570032108" KEY,         /* eight */
        "30812a300506032b6570032100" KEY,       /* lengths in too many bytes */
        "302b30810506032b6570032100" KEY,       /* likewise */
        "302b300506032b657003812100" KEY,       /* likewise */
        "3082002a300506032b6570032100" KEY,     /* likewise */
        "3080300506032b6570032100" KEY "0000",  /* the indefinite length */
        "3084ffffffff300506032b6570032100" KEY, /* a length beyond all */
        "30ff300506032b6570032100" KEY,         /* a reserved length */
        "3029300506032b657003"
        "2000"
        "3b6a27bcceb6a42d62a3a8d02a6f0d7365"
        "3215771de243a63ac048a18b59da",      /* 31 bytes of key */
        "302b300506032b6570032200" KEY "00", /* 33 */
        "302a300506032b6570232100" KEY,      /* a BIT STRING in pieces */
        "302a300506032b6570042100" KEY,      /* an OCTET STRING */
        "312a300506032b6570032100" KEY,      /* a SET */
        "102a300506032b6570032100" KEY,      /* a SEQUENCE that is primitive */
        "3f2a300506032b6570032100" KEY,      /* a tag of several bytes */
        "302a300506032b6580032100" KEY,      /* an identifier that does not end */
        "302a300506038065700"
        "32100" KEY, /* one with a byte that adds nothing */
        "30273002"
        "0600"
        "032100" KEY, /* an empty identifier */
        "30253000"
        "032100" KEY,                           /* none */
        "3007300506032b6570",                   /* no key */
        "3009300506032b65700300",               /* not even a number of unused bits */
        "302e020100300506032b657004220420" KEY, /* a private key */
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t der[128];
        p2p_spki key, before;
        memset(&before, 0x5a, sizeof before);
        key = before;
        size_t n = from_hex(bad[i], der, sizeof der);
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, der, n);
        if (p2p_spki_parse(exact, n, &key) != P2P_ERR_MALFORMED)
            fail_msg("taken: %s", bad[i]);
        assert_memory_equal(&key, &before, sizeof key);
        free(exact);
    }
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof p256_spki; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        p2p_spki key;
        memcpy(exact, p256_spki, n);
        assert_int_equal(p2p_spki_parse(exact, n, &key), P2P_ERR_MALFORMED);
        free(exact);
    }
}

static void parameters_follow_der(void **state)
{
    /* SEQUENCE { OID 1.2.3, parameters }, BIT STRING of one byte */
    static const struct {
        const char *hex;
        int err;
    } cases[] = {
        {"300c300406022a03"
         "03"
         "020001"
         "ff",
         P2P_ERR_MALFORMED},
        {"300a300406022a0303020001", 0},
        {"300c300606022a03050003020001", 0},
        {"300d300706022a0305010003020001", P2P_ERR_MALFORMED}, /* NULL with content */
        {"300d300706022a030101ff03020001", 0},                 /* TRUE */
        {"300d300706022a0301010103020001", P2P_ERR_MALFORMED}, /* TRUE otherwise */
        {"300e300806022a0302020080"
         "03020001",
         0}, /* 128 */
        {"300e300806022a0302020001"
         "03020001",
         P2P_ERR_MALFORMED}, /* 1 in two bytes */
        {"300e300806022a030202ff80"
         "03020001",
         P2P_ERR_MALFORMED}, /* -128 likewise */
        {"300e300806022a03030207"
         "8003020001",
         0}, /* one bit */
        {"300e300806022a03030207"
         "8103020001",
         P2P_ERR_MALFORMED}, /* with others set */
        {"300e300806022a0324020400"
         "03020001",
         P2P_ERR_MALFORMED}, /* string in pieces */
        {"300e300806022a0305000500"
         "03020001",
         P2P_ERR_MALFORMED}, /* two parameters */
        {"3012300c06022a033106020101020102"
         "03020001",
         0}, /* a SET */
        {"3012300c06022a033106020102020101"
         "03020001",
         P2P_ERR_MALFORMED}, /* out of order */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t der[64];
        p2p_spki key;
        size_t n = from_hex(cases[i].hex, der, sizeof der);
        if (p2p_spki_parse(der, n, &key) != cases[i].err)
            fail_msg("%s", cases[i].hex);
    }
}

/* Elements in elements in elements: as deep as allowed, and one more. */
static void nesting_has_a_limit(void **state)
{
    (void)state;
    for (unsigned depth = 7; depth <= 9; depth++) {
        uint8_t der[64] = {0x30, 0, 0x30, 0, 0x06, 0x02, 0x2a, 0x03};
        size_t n = 8;
        for (unsigned i = 0; i <= depth; i++) {
            der[n++] = 0x30;
            der[n++] = (uint8_t)(2 * (depth - i));
        }
        der[3] = (uint8_t)(n - 4);
        memcpy(der + n, "\x03\x02\x00\x01", 4);
        n += 4;
        der[1] = (uint8_t)(n - 2);
        p2p_spki key;
        /* depth + 1 elements in each other, the content of the innermost being one level deeper */
        assert_int_equal(p2p_spki_parse(der, n, &key), depth <= 7 ? 0 : P2P_ERR_MALFORMED);
    }
}

static void unknown_algorithms_are_keys_too(void **state)
{
    (void)state;
    static const uint8_t algorithm[] = {0x30, 0x06, 0x06, 0x02, 0x2a, 0x03, 0x05, 0x00};
    static const uint8_t other_parameters[] = {0x30, 0x07, 0x06, 0x02, 0x2a,
                                               0x03, 0x04, 0x01, 0x09};
    uint8_t a[64], b[64], ida[P2P_PEER_ID_SIZE], idb[P2P_PEER_ID_SIZE];
    size_t a_len, b_len;
    p2p_spki ka, kb;
    const uint8_t bits[] = "some key";
    assert_int_equal(p2p_spki_write(algorithm, sizeof algorithm, bits, 8, a, sizeof a, &a_len), 0);
    assert_int_equal(
        p2p_spki_write(other_parameters, sizeof other_parameters, bits, 8, b, sizeof b, &b_len), 0);
    assert_int_equal(p2p_spki_parse(a, a_len, &ka), 0);
    assert_int_equal(p2p_spki_parse(b, b_len, &kb), 0);
    assert_int_equal(ka.algorithm.params_len, 2);
    assert_true(p2p_spki_equal(&ka, &ka));
    assert_false(p2p_spki_equal(&ka, &kb));
    assert_int_equal(p2p_fingerprint_quic(&ka, ida), 0);
    assert_int_equal(p2p_fingerprint_quic(&kb, idb), 0);
    assert_memory_not_equal(ida, idb, sizeof ida);
    assert_int_equal(p2p_spki_check(NULL, &ka), P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_verify(NULL, &ka, bits, 8, bits, 8), P2P_ERR_UNSUPPORTED);
}

static void long_keys_meet_the_limit(void **state)
{
    (void)state;
    static const uint8_t algorithm[] = {0x30, 0x04, 0x06, 0x02, 0x2a, 0x03};
    static uint8_t bits[P2P_KEY_MAX_DER], der[P2P_KEY_MAX_DER + 64];
    size_t len, fits = P2P_KEY_MAX_DER - 16 - sizeof algorithm;
    p2p_spki key;
    assert_int_equal(p2p_spki_write(algorithm, sizeof algorithm, bits, fits, der, sizeof der, &len),
                     0);
    assert_int_equal(p2p_spki_parse(der, len, &key), 0);
    assert_int_equal(
        p2p_spki_write(algorithm, sizeof algorithm, bits, fits + 1, der, sizeof der, &len),
        P2P_ERR_INVALID);
    assert_int_equal(p2p_spki_parse(der, P2P_KEY_MAX_DER + 1, &key), P2P_ERR_LIMIT);
    assert_int_equal(p2p_spki_parse(der, P2P_KEY_MAX_DER, &key), P2P_ERR_MALFORMED);
    p2p_pkcs8 secret;
    assert_int_equal(p2p_pkcs8_parse(der, P2P_KEY_MAX_DER + 1, &secret), P2P_ERR_LIMIT);
}

static void writers_check_their_parts_and_room(void **state)
{
    (void)state;
    uint8_t der[128], again[128], guard[128];
    size_t len = 0;
    test_spki(0, der);
    p2p_spki key;
    assert_int_equal(p2p_spki_parse(der, P2P_ED25519_SPKI_SIZE, &key), 0);
    const p2p_algorithm_id *id = &key.algorithm;
    assert_int_equal(p2p_spki_write(id->der, id->der_len, key.key, 31, again, sizeof again, &len),
                     P2P_ERR_INVALID);
    assert_int_equal(p2p_spki_write(der, 3, key.key, 32, again, sizeof again, &len),
                     P2P_ERR_INVALID);
    assert_int_equal(p2p_pkcs8_write(id->der, id->der_len, key.key, 32, again, sizeof again, &len),
                     P2P_ERR_INVALID);
    for (size_t cap = 0; cap < P2P_ED25519_SPKI_SIZE; cap++) {
        memset(guard, 0xee, sizeof guard);
        assert_int_equal(p2p_spki_write(id->der, id->der_len, key.key, 32, guard, cap, &len),
                         P2P_ERR_NO_SPACE);
        assert_int_equal(len, P2P_ED25519_SPKI_SIZE);
        for (size_t i = 0; i < sizeof guard; i++)
            assert_int_equal(guard[i], i < cap ? 0 : 0xee);
    }
    assert_int_equal(
        p2p_spki_write(id->der, id->der_len, key.key, 32, again, P2P_ED25519_SPKI_SIZE, &len), 0);
    assert_memory_equal(again, der, P2P_ED25519_SPKI_SIZE);
}

/* --- private keys --- */

static void pkcs8_of_a_seed(void **state)
{
    (void)state;
    uint8_t seed[P2P_ED25519_SEED_SIZE], der[P2P_ED25519_PKCS8_SIZE], back[P2P_ED25519_SEED_SIZE];
    uint8_t again[P2P_ED25519_PKCS8_SIZE];
    size_t len;
    p2p_pkcs8 key;
    test_seed(1, seed);
    p2p_ed25519_pkcs8(seed, der);
    assert_hex(der, 16, "302e020100300506032b657004220420");
    assert_int_equal(p2p_pkcs8_parse(der, sizeof der, &key), 0);
    assert_null(key.public_key);
    assert_int_equal(p2p_ed25519_seed(&key, back), 0);
    assert_memory_equal(seed, back, sizeof seed);
    assert_int_equal(p2p_pkcs8_write(key.algorithm.der, key.algorithm.der_len, key.key, key.key_len,
                                     again, sizeof again, &len),
                     0);
    assert_int_equal(len, sizeof der);
    assert_memory_equal(again, der, sizeof der);
}

static void malformed_pkcs8_is_refused(void **state)
{
#define SEED "0000000000000000000000000000000000000000000000000000000000000001"
    static const struct {
        const char *hex;
        int err;
    } cases[] = {
        {"302e020100300506032b657004220420" SEED, 0},
        {"", P2P_ERR_MALFORMED},
        {"302e020100300506032b657004220420" SEED "00", P2P_ERR_MALFORMED},
        {"3030020100300506032b657004220420" SEED "0500", P2P_ERR_MALFORMED}, /* another element */
        {"302e020102300506032b657004220420" SEED, P2P_ERR_MALFORMED},        /* version 3 */
        {"302e0201ff300506032b657004220420" SEED, P2P_ERR_MALFORMED},        /* version 0 - 1 */
        {"302f02020000300506032b657004220420" SEED, P2P_ERR_MALFORMED},
        {"302e020101300506032b657004220420" SEED, P2P_ERR_MALFORMED},     /* no public key to it */
        {"3030020100300706032b6570050004220420" SEED, P2P_ERR_MALFORMED}, /* parameters */
        {"302c020100300506032b65700420" SEED, P2P_ERR_MALFORMED},         /* the seed alone */
        {"302f020100300506032b65700423042100" SEED, P2P_ERR_MALFORMED},   /* 33 bytes */
        {"3030020100300506032b657004240420" SEED "0500", P2P_ERR_MALFORMED},
        {"302f020100300506032b6570042304"
         "8120" SEED,
         P2P_ERR_MALFORMED},
        {"302a300506032b6570032100" SEED, P2P_ERR_MALFORMED}, /* the form of go-p2p */
        {"3030020100300506032b657004220420" SEED "a000", P2P_ERR_UNSUPPORTED}, /* attributes */
        {"3051020101300506032b657004220420" SEED "812100"
         "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29",
         0},
        {"3051020101300506032b657004220420" SEED "812101"
         "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29",
         P2P_ERR_MALFORMED},
        {"3051020100300506032b657004220420" SEED "812100"
         "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29",
         P2P_ERR_MALFORMED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t der[128];
        p2p_pkcs8 key, before;
        memset(&before, 0x5a, sizeof before);
        key = before;
        size_t n = from_hex(cases[i].hex, der, sizeof der);
        if (p2p_pkcs8_parse(der, n, &key) != cases[i].err)
            fail_msg("%s", cases[i].hex);
        if (cases[i].err)
            assert_memory_equal(&key, &before, sizeof key);
    }
}

static void public_key_in_pkcs8_must_belong_to_it(void **state)
{
    (void)state;
    uint8_t der[128];
    p2p_signer *signer;
    size_t n = from_hex("3051020101300506032b657004220420" SEED "812100"
                        "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29",
                        der, sizeof der);
    assert_int_equal(p2p_signer_new(&signer, NULL, der, n, NULL), 0);
    p2p_signer_free(signer);
    der[n - 1] ^= 1;
    assert_int_equal(p2p_signer_new(&signer, NULL, der, n, NULL), P2P_ERR_MALFORMED);
}

static void other_private_keys_are_read(void **state)
{
    (void)state;
    p2p_pkcs8 key;
    uint8_t seed[P2P_ED25519_SEED_SIZE];
    p2p_signer *signer;
    assert_int_equal(p2p_pkcs8_parse(p256_pkcs8, sizeof p256_pkcs8, &key), 0);
    assert_int_equal(p2p_ed25519_seed(&key, seed), P2P_ERR_UNSUPPORTED);
    assert_int_equal(
        p2p_signer_new(&signer, p2p_key_registry_extended(), p256_pkcs8, sizeof p256_pkcs8, NULL),
        P2P_ERR_UNSUPPORTED);
}

/* wire.md 1.3: the same bytes are a private key of go-p2p and a public key. */
static void gop2p_keys_by_name_only(void **state)
{
    (void)state;
    uint8_t seed[P2P_ED25519_SEED_SIZE], der[P2P_ED25519_SPKI_SIZE], back[P2P_ED25519_SEED_SIZE];
    p2p_pkcs8 secret;
    p2p_spki key;
    p2p_signer *signer;
    test_seed(1, seed);
    p2p_gop2p_key_export(seed, der);
    assert_hex(der, sizeof der, "302a300506032b6570032100" SEED);
    assert_int_equal(p2p_gop2p_key_import(der, sizeof der, back), 0);
    assert_memory_equal(back, seed, sizeof seed);
    assert_int_equal(p2p_pkcs8_parse(der, sizeof der, &secret), P2P_ERR_MALFORMED);
    assert_int_equal(p2p_signer_new(&signer, NULL, der, sizeof der, NULL), P2P_ERR_MALFORMED);
    assert_int_equal(p2p_spki_parse(der, sizeof der, &key), 0);
    assert_int_equal(p2p_gop2p_key_import(der, sizeof der - 1, back), P2P_ERR_MALFORMED);
    der[8] ^= 1;
    assert_int_equal(p2p_gop2p_key_import(der, sizeof der, back), P2P_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_have_the_known_spki),
        cmocka_unit_test(test_keys_have_the_known_peer_ids),
        cmocka_unit_test(spki_shows_its_parts),
        cmocka_unit_test(malformed_spki_is_refused),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(parameters_follow_der),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(unknown_algorithms_are_keys_too),
        cmocka_unit_test(long_keys_meet_the_limit),
        cmocka_unit_test(writers_check_their_parts_and_room),
        cmocka_unit_test(pkcs8_of_a_seed),
        cmocka_unit_test(malformed_pkcs8_is_refused),
        cmocka_unit_test(public_key_in_pkcs8_must_belong_to_it),
        cmocka_unit_test(other_private_keys_are_read),
        cmocka_unit_test(gop2p_keys_by_name_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
