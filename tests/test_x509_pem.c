/* SPDX-License-Identifier: MIT */
#include "test_x509_support.h"

static const char begin[] = "-----BEGIN PUBLIC KEY-----\n";
static const char end[] = "-----END PUBLIC KEY-----\n";

/* Reads a text of three pieces. */
static int read3(const char *a, const char *b, const char *c, uint8_t *out, size_t *len)
{
    char text[1024];
    strcpy(text, a);
    strcat(text, b);
    strcat(text, c);
    size_t n = strlen(text);
    char *exact = malloc(n ? n : 1);
    memcpy(exact, text, n);
    int err = p2p_pem_read(P2P_PEM_PUBLIC_KEY, exact, n, out, 256, len);
    free(exact);
    return err;
}

static void known_text(void **state)
{
    (void)state;
    uint8_t der[P2P_ED25519_SPKI_SIZE], back[P2P_ED25519_SPKI_SIZE];
    char text[256];
    size_t len;
    test_spki(0, der);
    assert_int_equal(p2p_pem_write(P2P_PEM_PUBLIC_KEY, der, sizeof der, text, sizeof text, &len),
                     0);
    assert_string_equal(text, "-----BEGIN PUBLIC KEY-----\n"
                              "MCowBQYDK2VwAyEAO2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=\n"
                              "-----END PUBLIC KEY-----\n");
    assert_int_equal(len, strlen(text));
    assert_int_equal(p2p_pem_read(P2P_PEM_PUBLIC_KEY, text, len, back, sizeof back, &len), 0);
    assert_int_equal(len, sizeof der);
    assert_memory_equal(back, der, sizeof der);
}

static void every_length_goes_both_ways(void **state)
{
    (void)state;
    static uint8_t data[P2P_CERT_MAX_DER + 1], back[P2P_CERT_MAX_DER];
    static char text[P2P_PEM_MAX];
    size_t len, back_len;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 151 + 7);
    for (size_t n = 1; n <= P2P_CERT_MAX_DER; n = n < 200 ? n + 1 : n * 2 + 96) {
        assert_int_equal(p2p_pem_write("X", data, n, text, sizeof text, &len), 0);
        assert_int_equal(strlen(text), len);
        assert_int_equal(p2p_pem_read("X", text, len, back, n, &back_len), 0);
        assert_int_equal(back_len, n);
        assert_memory_equal(back, data, n);
        assert_int_equal(p2p_pem_read("X", text, len, back, n - 1, &back_len), P2P_ERR_NO_SPACE);
        assert_int_equal(back_len, n);
        size_t needed;
        assert_int_equal(p2p_pem_write("X", data, n, text, len, &needed), P2P_ERR_NO_SPACE);
        assert_int_equal(needed, len);
    }
    assert_int_equal(p2p_pem_write("X", data, P2P_CERT_MAX_DER, text, sizeof text, &len), 0);
    assert_int_equal(p2p_pem_write("X", data, P2P_CERT_MAX_DER + 1, text, sizeof text, &len),
                     P2P_ERR_LIMIT);
    assert_int_equal(p2p_pem_write("X", data, 0, text, sizeof text, &len), P2P_ERR_INVALID);
}

static void too_long_is_refused(void **state)
{
    (void)state;
    static char text[P2P_PEM_MAX + 1];
    static uint8_t out[P2P_PEM_MAX];
    size_t len, at = 0;
    memset(text, 'A', sizeof text);
    assert_int_equal(p2p_pem_read("X", text, sizeof text, out, sizeof out, &len), P2P_ERR_LIMIT);
    assert_int_equal(p2p_pem_read("X", text, sizeof text - 1, out, sizeof out, &len),
                     P2P_ERR_MALFORMED);
    /* Short enough as text, too long as data. */
    memcpy(text, "-----BEGIN X-----\n", 18);
    for (at = 18; at + 100 < P2P_PEM_MAX; at += 65)
        text[at + 64] = '\n';
    memcpy(text + at, "-----END X-----\n", 16);
    assert_int_equal(p2p_pem_read("X", text, at + 16, out, sizeof out, &len), P2P_ERR_LIMIT);
}

static void line_ends(void **state)
{
    (void)state;
    uint8_t out[256];
    size_t len;
    assert_int_equal(read3(begin, "AQID\n", end, out, &len), 0);
    assert_int_equal(len, 3);
    assert_int_equal(read3(begin, "AQID\n", "-----END PUBLIC KEY-----", out, &len), 0);
    assert_int_equal(read3("-----BEGIN PUBLIC KEY-----\r\n", "AQID\r\n",
                           "-----END PUBLIC KEY-----\r\n", out, &len),
                     0);
    assert_int_equal(len, 3);
}

static void bad_text_is_refused(void **state)
{
#define LINE "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
    static const char *const bad[][3] = {
        {"", "", ""},
        {"\n", "", ""},
        {begin, "", ""},
        {begin, "", end},                                   /* nothing in it */
        {begin, "\n", end},                                 /* an empty line */
        {begin, "AQID\n\n", end},                           /* likewise */
        {begin, "AQID\n", "-----END PUBLIC KEX-----\n"},    /* another label at the end */
        {begin, "AQID\n", "-----END PRIVATE KEY-----\n"},   /* likewise */
        {begin, "AQID\n", "----END PUBLIC KEY-----\n"},     /* too few dashes */
        {begin, "AQID\n", "-----END PUBLIC KEY----\n"},     /* likewise */
        {begin, "AQID\n", "-----END PUBLIC KEY-----\n\n"},  /* something after it */
        {begin, "AQID\n", "-----END PUBLIC KEY-----\nX"},   /* likewise */
        {begin, "AQID\n", "-----END PUBLIC KEY----- \n"},   /* likewise */
        {"X\n-----BEGIN PUBLIC KEY-----\n", "AQID\n", end}, /* something before it */
        {" -----BEGIN PUBLIC KEY-----\n", "AQID\n", end},   /* likewise */
        {"-----BEGIN PUBLIC KEY----\n", "AQID\n", end},     /* too few dashes */
        {"-----begin PUBLIC KEY-----\n", "AQID\n", end},    /* lower case */
        {begin, "AQI\n", end},                              /* no padding */
        {begin, "AQ=\n", end},                              /* too little */
        {begin, "AQID=\n", end},                            /* too much */
        {begin, "AQI=AQID\n", end},                         /* in the middle */
        {begin, "AR==\n", end},                             /* unused bits */
        {begin, "AQJ=\n", end},                             /* likewise */
        {begin, "AQ-D\n", end},                             /* the alphabet of URLs */
        {begin, "AQ D\n", end},                             /* a space */
        {begin, "AQID \n", end},                            /* likewise */
        {begin, "AQID\r\r\n", end},                         /* two carriage returns */
        {begin, "AQ\rID\n", end},                           /* one inside */
        {begin, "AQID\nAQID\n", end},                       /* a short line that is not the last */
        {begin, LINE "QUFB\n", end},                        /* a long line */
        {begin, "Proc-Type: 4,ENCRYPTED\n\nAQID\n", end},   /* headers */
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t out[256];
        size_t len = 77;
        if (read3(bad[i][0], bad[i][1], bad[i][2], out, &len) != P2P_ERR_MALFORMED)
            fail_msg("taken: %s%s%s", bad[i][0], bad[i][1], bad[i][2]);
        assert_int_equal(len, 77);
    }
    uint8_t out[256];
    size_t len;
    assert_int_equal(read3(begin, LINE "\n" LINE "\nAQID\n", end, out, &len), 0);
    assert_int_equal(len, 99);
}

/* Of all characters in a line, those of the alphabet are taken, and the others are not. */
static void every_character(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[] = "-----BEGIN X-----\nA?ID\n-----END X-----\n";
        uint8_t out[8];
        size_t len;
        *strchr(text, '?') = (char)c;
        int good = c && c < 128 && strchr(alphabet, c);
        assert_int_equal(p2p_pem_read("X", text, sizeof text - 1, out, sizeof out, &len),
                         good ? 0 : P2P_ERR_MALFORMED);
    }
}

static void labels(void **state)
{
    static const char *const bad[] = {
        "",  " X",  "X ",   "X  Y",
        "x", "X-Y", "X\nY", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKL"};
    (void)state;
    uint8_t out[256];
    char text[256];
    size_t len;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(p2p_pem_write(bad[i], out, 1, text, sizeof text, &len), P2P_ERR_INVALID);
        assert_int_equal(p2p_pem_read(bad[i], "x", 1, out, sizeof out, &len), P2P_ERR_INVALID);
    }
    /* A public key is not taken for a private one. */
    assert_int_equal(
        read3("-----BEGIN PRIVATE KEY-----\n", "AQID\n", "-----END PRIVATE KEY-----\n", out, &len),
        P2P_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_text),
        cmocka_unit_test(every_length_goes_both_ways),
        cmocka_unit_test(too_long_is_refused),
        cmocka_unit_test(line_ends),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(every_character),
        cmocka_unit_test(labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
