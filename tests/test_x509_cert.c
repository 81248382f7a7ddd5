/* SPDX-License-Identifier: MIT */
#include "test_x509_support.h"

#include "test_x509_vectors.h"

static p2p_signer *new_signer(uint8_t i)
{
    uint8_t seed[P2P_ED25519_SEED_SIZE];
    p2p_signer *signer;
    test_seed(i, seed);
    assert_int_equal(p2p_ed25519_signer_new(&signer, seed, NULL), 0);
    return signer;
}

static void make(uint8_t *out, size_t cap, size_t *len, int64_t from, int64_t to)
{
    p2p_signer *signer = new_signer(1);
    p2p_cert_config config;
    p2p_cert_config_init(&config);
    memset(config.serial, 0xff, sizeof config.serial);
    config.not_before = from;
    config.not_after = to;
    assert_int_equal(p2p_cert_make(signer, &config, out, cap, len), 0);
    p2p_signer_free(signer);
}

static void made_is_read(void **state)
{
    (void)state;
    uint8_t der[512], spki[P2P_ED25519_SPKI_SIZE];
    size_t len;
    p2p_cert cert;
    make(der, sizeof der, &len, 1700000000, 1702592000);
    assert_int_equal(p2p_cert_parse(der, len, &cert), 0);
    assert_int_equal(cert.not_before, 1700000000);
    assert_int_equal(cert.not_after, 1702592000);
    assert_hex(cert.serial, cert.serial_len, "7fffffffffffffffffffffffffffffff");
    assert_hex(cert.issuer, cert.issuer_len, "3000");
    assert_hex(cert.subject, cert.subject_len, "3000");
    test_spki(1, spki);
    assert_int_equal(cert.key.der_len, sizeof spki);
    assert_memory_equal(cert.key.der, spki, sizeof spki);
    assert_int_equal(cert.signature_len, P2P_ED25519_SIGNATURE_SIZE);
    assert_int_equal(p2p_cert_verify_self(&cert, NULL), 0);
}

/* Ours has the bytes of go-p2p's, but for the serial, the subject's key id and the signature. */
static void made_is_as_go_makes_it(void **state)
{
    (void)state;
    uint8_t der[512];
    size_t len;
    p2p_cert ours, theirs;
    make(der, sizeof der, &len, 1700000000, 1702592000);
    assert_int_equal(p2p_cert_parse(der, len, &ours), 0);
    assert_int_equal(p2p_cert_parse(go_cert, sizeof go_cert, &theirs), 0);
    assert_int_equal(p2p_cert_verify_self(&theirs, NULL), 0);
    assert_true(p2p_spki_equal(&ours.key, &theirs.key));
    const uint8_t *ours_end = ours.tbs + ours.tbs_len, *theirs_end = theirs.tbs + theirs.tbs_len;
    const uint8_t *a = ours.serial + ours.serial_len, *b = theirs.serial + theirs.serial_len;
    assert_int_equal(ours_end - a, theirs_end - b);
    assert_memory_equal(a, b, (size_t)(ours_end - a) - 20);
}

static void certificates_of_other_keys(void **state)
{
    (void)state;
    p2p_cert cert;
    assert_int_equal(p2p_cert_parse(p256_cert, sizeof p256_cert, &cert), 0);
    assert_int_equal(cert.key.der_len, sizeof p256_spki);
    assert_memory_equal(cert.key.der, p256_spki, sizeof p256_spki);
    assert_int_equal(p2p_cert_verify_self(&cert, p2p_key_registry_extended()), 0);
    assert_int_equal(p2p_cert_verify_self(&cert, NULL), P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_cert_parse(rsa_cert, sizeof rsa_cert, &cert), 0);
    assert_int_equal(p2p_cert_verify_self(&cert, p2p_key_registry_extended()), 0);
}

static void times_of_every_kind(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } times[] = {
        {-631152000, "500101000000Z"},
        {-631151999, "500101000001Z"},
        {-1, "691231235959Z"},
        {0, "700101000000Z"},
        {951782399, "000228235959Z"},
        {951782400, "000229000000Z"},
        {951868800, "000301000000Z"},
        {1709164800, "240229000000Z"},
        {2524607999, "491231235959Z"},
        {2524608000, "20500101000000Z"},
        {4107542399, "21000228235959Z"},
        {4107542400, "21000301000000Z"},
        {253402300799, "99991231235959Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        uint8_t der[512];
        size_t len, n = strlen(times[i].text);
        p2p_cert cert;
        make(der, sizeof der, &len, times[i].seconds, 253402300799);
        assert_int_equal(p2p_cert_parse(der, len, &cert), 0);
        assert_int_equal(cert.not_before, times[i].seconds);
        /* SEQUENCE, and its first time */
        const uint8_t *validity = cert.issuer + cert.issuer_len;
        assert_int_equal(validity[2], n == 13 ? 0x17 : 0x18);
        assert_int_equal(validity[3], n);
        assert_memory_equal(validity + 4, times[i].text, n);
    }
    /* Every 10th day and some seconds, from the first to about 2250. */
    for (int64_t t = -631152000; t < 9000000000; t += 10 * 86400 + 12345) {
        uint8_t der[512];
        size_t len;
        p2p_cert cert;
        if (t % 7)
            continue;
        make(der, sizeof der, &len, t, t);
        assert_int_equal(p2p_cert_parse(der, len, &cert), 0);
        assert_int_equal(cert.not_before, t);
        assert_int_equal(cert.not_after, t);
    }
}

static void bad_configs_are_refused(void **state)
{
    (void)state;
    p2p_signer *signer = new_signer(1);
    p2p_cert_config config;
    uint8_t der[512];
    size_t len;
    p2p_cert_config_init(&config);
    assert_int_equal(p2p_cert_make(signer, &config, der, sizeof der, &len), 0);
    for (size_t cap = 0; cap < len; cap += 13)
        assert_int_equal(p2p_cert_make(signer, &config, der, cap, &len), P2P_ERR_NO_SPACE);
    assert_int_equal(p2p_cert_make(signer, &config, der, len, &len), 0);
    config.not_before = 1;
    assert_int_equal(p2p_cert_make(signer, &config, der, sizeof der, &len), P2P_ERR_INVALID);
    config.not_before = -631152001;
    assert_int_equal(p2p_cert_make(signer, &config, der, sizeof der, &len), P2P_ERR_INVALID);
    config.not_before = 0;
    config.not_after = 253402300800;
    assert_int_equal(p2p_cert_make(signer, &config, der, sizeof der, &len), P2P_ERR_INVALID);
    config.not_after = 0;
    config.size = 0;
    assert_int_equal(p2p_cert_make(signer, &config, der, sizeof der, &len), P2P_ERR_INVALID);
    p2p_signer_free(signer);
}

/* A signer that lies about its key, or signs rubbish. */
typedef struct liar {
    p2p_signer base;
    const uint8_t *spki;
    size_t spki_len;
    int sign_err;
} liar;

static int liar_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    const liar *l = (const liar *)signer;
    *len = l->spki_len;
    if (cap < l->spki_len)
        return P2P_ERR_NO_SPACE;
    memcpy(out, l->spki, l->spki_len);
    return 0;
}

static int liar_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                     size_t cap, size_t *len)
{
    (void)msg;
    (void)msg_len;
    (void)cap;
    memset(out, 9, 64);
    *len = 64;
    return ((liar *)signer)->sign_err;
}

static void bad_signers_are_noticed(void **state)
{
    static const p2p_signer_ops ops = {sizeof ops, liar_public_key, liar_sign, NULL};
    (void)state;
    uint8_t spki[P2P_ED25519_SPKI_SIZE], der[512];
    size_t len;
    p2p_cert_config config;
    p2p_cert_config_init(&config);
    test_spki(1, spki);
    liar l = {{&ops}, spki, sizeof spki, 0};
    assert_int_equal(p2p_cert_make(&l.base, &config, der, sizeof der, &len), P2P_ERR_INVALID);
    l.sign_err = P2P_ERR_PERMISSION;
    assert_int_equal(p2p_cert_make(&l.base, &config, der, sizeof der, &len), P2P_ERR_PERMISSION);
    l.spki_len = 43;
    assert_int_equal(p2p_cert_make(&l.base, &config, der, sizeof der, &len), P2P_ERR_INVALID);
    l.spki = p256_spki;
    l.spki_len = sizeof p256_spki;
    assert_int_equal(p2p_cert_make(&l.base, &config, der, sizeof der, &len), P2P_ERR_UNSUPPORTED);
}

/* Reads a copy of exactly its size; *out is left alone on failure. */
static int parse_copy(const uint8_t *der, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);
    p2p_cert cert, before;
    memset(&before, 0x5a, sizeof before);
    cert = before;
    memcpy(exact, der, len);
    int err = p2p_cert_parse(exact, len, &cert);
    if (err)
        assert_memory_equal(&cert, &before, sizeof cert);
    else
        err = p2p_cert_verify_self(&cert, NULL);
    free(exact);
    return err;
}

static void every_prefix_and_every_flip_is_refused(void **state)
{
    (void)state;
    uint8_t der[512];
    size_t n = sizeof go_cert;
    assert_int_equal(parse_copy(go_cert, n), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(parse_copy(go_cert, i), P2P_ERR_MALFORMED);
    memcpy(der, go_cert, n);
    der[n] = 0;
    assert_int_equal(parse_copy(der, n + 1), P2P_ERR_MALFORMED);
    for (size_t i = 0; i < 8 * n; i++) {
        der[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_not_equal(parse_copy(der, n), 0);
        der[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    static uint8_t big[P2P_CERT_MAX_DER + 1];
    assert_int_equal(parse_copy(big, sizeof big), P2P_ERR_LIMIT);
}

/* Puts the head of a SEQUENCE, and returns its length. */
static size_t put_head(uint8_t *out, size_t len)
{
    size_t at = 0;
    out[at++] = 0x30;
    if (len >= 256) {
        out[at++] = 0x82;
        out[at++] = (uint8_t)(len >> 8);
    } else if (len >= 128) {
        out[at++] = 0x81;
    }
    out[at++] = (uint8_t)len;
    return at;
}

/*
 * Reads a certificate with the piece between two places exchanged for another one. That is possible
 * because the reader does not look at the signature.
 */
static int with_piece(const char *hex, size_t from, size_t to)
{
    p2p_cert cert;
    uint8_t piece[256], tbs[1024], der[1024];
    size_t n = from_hex(hex, piece, sizeof piece);
    assert_int_equal(p2p_cert_parse(go_cert, sizeof go_cert, &cert), 0);
    size_t head = (size_t)(cert.tbs - go_cert) + 3, tail = sizeof go_cert - to;
    size_t tbs_end = (size_t)(cert.tbs - go_cert) + cert.tbs_len;
    assert_true(from >= head && from <= to && to <= tbs_end);
    size_t at = put_head(tbs, (from - head) + n + (tbs_end - to));
    memcpy(tbs + at, go_cert + head, from - head);
    at += from - head;
    memcpy(tbs + at, piece, n);
    at += n;
    memcpy(tbs + at, go_cert + to, tail);
    at += tail;
    size_t len = put_head(der, at);
    memcpy(der + len, tbs, at);
    len += at;
    return p2p_cert_parse(der, len, &cert);
}

static void changed_heads_are_refused(void **state)
{
    (void)state;
    p2p_cert cert;
    assert_int_equal(p2p_cert_parse(go_cert, sizeof go_cert, &cert), 0);
    size_t version = (size_t)(cert.tbs - go_cert) + 3;
    size_t serial = version + 5, algorithm = (size_t)(cert.serial - go_cert) + cert.serial_len;
    size_t issuer = (size_t)(cert.issuer - go_cert), validity = issuer + 2;
    assert_int_equal(with_piece("a003020102", version, serial), 0);
    assert_int_equal(with_piece("", version, serial), P2P_ERR_UNSUPPORTED);
    assert_int_equal(with_piece("a003020101", version, serial), P2P_ERR_UNSUPPORTED);
    assert_int_equal(with_piece("a003020103", version, serial), P2P_ERR_UNSUPPORTED);
    assert_int_equal(with_piece("a003020100", version, serial), P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("a00402020002", version, serial), P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("a0050201020500", version, serial), P2P_ERR_MALFORMED);

    assert_int_equal(with_piece("020101", serial, algorithm), 0);
    assert_int_equal(with_piece("020100", serial, algorithm), P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("0201ff", serial, algorithm), P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("02020001", serial, algorithm), P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("0200", serial, algorithm), P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("02147f00000000000000000000000000000000000000", serial, algorithm),
                     0);
    assert_int_equal(with_piece("02150100000000000000000000000000000000000000"
                                "00",
                                serial, algorithm),
                     P2P_ERR_MALFORMED);

    assert_int_equal(with_piece("300506032b6570", algorithm, issuer), 0);
    assert_int_equal(with_piece("300506032b6571", algorithm, issuer), P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("300706032b65700500", algorithm, issuer), P2P_ERR_MALFORMED);

    assert_int_equal(with_piece("300d310b300906035504030c024142", issuer, validity), 0);
    assert_int_equal(with_piece("30023100", issuer, validity), P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("3100", issuer, validity), P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("300931073005060355040"
                                "3",
                                issuer, validity),
                     P2P_ERR_MALFORMED);
    assert_int_equal(with_piece("300f310d300b06035504030c0241420500", issuer, validity),
                     P2P_ERR_MALFORMED);
}

static void bad_times_are_refused(void **state)
{
    static const struct {
        const char *text;
        int err;
    } times[] = {
        {"231114221320Z", 0},
        {"20500101000000Z", 0},
        {"20491231235959Z", P2P_ERR_MALFORMED}, /* has to be UTCTime */
        {"19500101000000Z", P2P_ERR_MALFORMED},
        {"2311142213Z", P2P_ERR_MALFORMED}, /* seconds are not optional */
        {"231114221320+0000", P2P_ERR_MALFORMED},
        {"231114221320z", P2P_ERR_MALFORMED},
        {"23111422132 Z", P2P_ERR_MALFORMED},
        {"-31114221320Z", P2P_ERR_MALFORMED},
        {"231314221320Z", P2P_ERR_MALFORMED},
        {"230014221320Z", P2P_ERR_MALFORMED},
        {"231100221320Z", P2P_ERR_MALFORMED},
        {"231131221320Z", P2P_ERR_MALFORMED},
        {"230229000000Z", P2P_ERR_MALFORMED},
        {"240229000000Z", 0},
        {"21000229000000Z", P2P_ERR_MALFORMED},
        {"231114241320Z", P2P_ERR_MALFORMED},
        {"231114226020Z", P2P_ERR_MALFORMED},
        {"231114221360Z", P2P_ERR_MALFORMED},
        {"20500101000000.0Z", P2P_ERR_MALFORMED},
        {"", P2P_ERR_MALFORMED},
    };
    (void)state;
    p2p_cert cert;
    assert_int_equal(p2p_cert_parse(go_cert, sizeof go_cert, &cert), 0);
    size_t validity = (size_t)(cert.issuer - go_cert) + 2;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        static const char digits[] = "0123456789abcdef";
        char hex[128];
        size_t at = 0, n = strlen(times[i].text);
        const uint8_t head[] = {0x30, (uint8_t)(n + 2 + 17), n > 13 ? 0x18 : 0x17, (uint8_t)n};
        for (size_t k = 0; k < sizeof head + n; k++) {
            uint8_t byte = k < sizeof head ? head[k] : (uint8_t)times[i].text[k - sizeof head];
            hex[at++] = digits[byte >> 4];
            hex[at++] = digits[byte & 15];
        }
        strcpy(hex + at, "180f39393939313233313233353935395a");
        if (with_piece(hex, validity, validity + 32) != times[i].err)
            fail_msg("%s", times[i].text);
    }
}

static void extensions_are_checked(void **state)
{
    /* [3] { extensions }; BC is basicConstraints */
    static const struct {
        const char *hex;
        int err;
    } cases[] = {
        {"", 0},                         /* none at all */
        {"a3023000", P2P_ERR_MALFORMED}, /* an empty list */
        {"a300", P2P_ERR_MALFORMED},
        {"a30b3009300706032a03040400", 0},                         /* anything in it */
        {"a30e300c300a06032a03040101ff0400", P2P_ERR_UNSUPPORTED}, /* critical */
        {"a30e300c300a06032a03040101000400", P2P_ERR_MALFORMED},   /* FALSE, written */
        {"a30e300c300a06032a03040101010400", P2P_ERR_MALFORMED},   /* TRUE, not as 255 */
        {"a314301230070603"
         "2a03040400300706032a03040400",
         P2P_ERR_MALFORMED}, /* twice */
        {"a314301230070603"
         "2a03040400300706032a03050400",
         0},                                                   /* two */
        {"a30d300b300906032a030404000500", P2P_ERR_MALFORMED}, /* something behind it */
        {"a30d3009300706032a030404000500", P2P_ERR_MALFORMED}, /* behind the list */
        {"a30e300c300a0603551d13040330010"
         "1",
         P2P_ERR_MALFORMED},                               /* BC cut short */
        {"a30b300930070603551d130400", P2P_ERR_MALFORMED}, /* BC with nothing */
        {"a30d300b30090603551d1304023000", 0},             /* BC by default */
        {"a10302010"
         "0",
         P2P_ERR_MALFORMED}, /* unique ids */
    };
    (void)state;
    p2p_cert cert;
    assert_int_equal(p2p_cert_parse(go_cert, sizeof go_cert, &cert), 0);
    size_t from = (size_t)(cert.key.der - go_cert) + cert.key.der_len;
    size_t to = (size_t)(cert.tbs - go_cert) + cert.tbs_len;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (with_piece(cases[i].hex, from, to) != cases[i].err)
            fail_msg("%s", cases[i].hex);
}

/* 32 are taken, 33 are not. */
static void extensions_are_counted(void **state)
{
    (void)state;
    p2p_cert cert;
    for (size_t count = 32; count <= 33; count++) {
        uint8_t der[1024];
        size_t spki = P2P_ED25519_SPKI_SIZE, list = count * 9;
        static const char fixed[] = "a003020102"
                                    "020101"
                                    "300506032b6570"
                                    "3000"
                                    "301e170d3233313131343232313332305a"
                                    "170d3233313231343232313332305a"
                                    "3000";
        uint8_t head[64];
        size_t n = from_hex(fixed, head, sizeof head), tbs = n + spki + 8 + list, at = 0;
        size_t all = 4 + tbs + 7 + 67;
        const uint8_t start[] = {0x30, 0x82, (uint8_t)(all >> 8), (uint8_t)all,
                                 0x30, 0x82, (uint8_t)(tbs >> 8), (uint8_t)tbs};
        memcpy(der, start, 8);
        memcpy(der + 8, head, n);
        at = 8 + n;
        test_spki(1, der + at);
        at += spki;
        const uint8_t lists[] = {0xa3, 0x82, (uint8_t)((list + 4) >> 8), (uint8_t)(list + 4),
                                 0x30, 0x82, (uint8_t)(list >> 8),       (uint8_t)list};
        memcpy(der + at, lists, 8);
        at += 8;
        for (size_t i = 0; i < count; i++, at += 9) {
            const uint8_t one[] = {0x30, 7, 6, 3, 0x2a, 3, (uint8_t)i, 4, 0};
            memcpy(der + at, one, 9);
        }
        at += from_hex("300506032b6570034100", der + at, 10);
        memset(der + at, 1, 64);
        at += 64;
        assert_int_equal(p2p_cert_parse(der, at, &cert), count == 32 ? 0 : P2P_ERR_LIMIT);
    }
}

static void another_signature_algorithm_is_told(void **state)
{
    (void)state;
    p2p_cert cert;
    assert_int_equal(p2p_cert_parse(p256_cert, sizeof p256_cert, &cert), 0);
    uint8_t spki[P2P_ED25519_SPKI_SIZE];
    test_spki(0, spki);
    assert_int_equal(p2p_spki_parse(spki, sizeof spki, &cert.key), 0);
    assert_int_equal(p2p_cert_verify_self(&cert, p2p_key_registry_extended()), P2P_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_is_read),
        cmocka_unit_test(made_is_as_go_makes_it),
        cmocka_unit_test(certificates_of_other_keys),
        cmocka_unit_test(times_of_every_kind),
        cmocka_unit_test(bad_configs_are_refused),
        cmocka_unit_test(bad_signers_are_noticed),
        cmocka_unit_test(every_prefix_and_every_flip_is_refused),
        cmocka_unit_test(changed_heads_are_refused),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(extensions_are_checked),
        cmocka_unit_test(extensions_are_counted),
        cmocka_unit_test(another_signature_algorithm_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
