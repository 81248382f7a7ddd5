/* SPDX-License-Identifier: MIT */
#include "test_x509_support.h"

static const struct {
    const char *text;
    const char *hex;
} known[] = {
    {"1.3.101.112", "2b6570"},
    {"1.2.840.113549.1.1.1", "2a864886f70d010101"},
    {"0.0", "00"},
    {"0.39", "27"},
    {"1.0", "28"},
    {"1.39", "4f"},
    {"2.0", "50"},
    {"2.47", "7f"},
    {"2.48", "8100"},
    {"2.999.3", "883703"},
    {"1.2.127.128.16383.16384", "2a7f8100ff7f818000"},
    {"1.2.18446744073709551615", "2a81ffffffffffffffff7f"},
};

static void both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint8_t oid[P2P_OID_MAX];
        char text[P2P_OID_TEXT_SIZE];
        size_t len;
        assert_int_equal(p2p_oid_parse(known[i].text, oid, sizeof oid, &len), 0);
        assert_hex(oid, len, known[i].hex);
        assert_int_equal(p2p_oid_text(oid, len, text, sizeof text), 0);
        assert_string_equal(text, known[i].text);
        assert_int_equal(p2p_oid_text(oid, len, text, strlen(text) + 1), 0);
        assert_int_equal(p2p_oid_text(oid, len, text, strlen(text)), P2P_ERR_NO_SPACE);
        assert_int_equal(p2p_oid_parse(known[i].text, oid, len, &len), 0);
        assert_int_equal(p2p_oid_parse(known[i].text, oid, len - 1, &len), P2P_ERR_NO_SPACE);
    }
}

static void bad_text_is_refused(void **state)
{
    static const char *const bad[] = {"",     "1",    "1.",    ".1",   "1..2",   "1.2.", "3.1",
                                      "1.40", "0.40", "01.2",  "1.02", "1.2.03", "1.2 ", " 1.2",
                                      "1.-2", "+1.2", "1.2.a", "1,2",  "1.2.00"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t oid[P2P_OID_MAX];
        size_t len;
        if (p2p_oid_parse(bad[i], oid, sizeof oid, &len) != P2P_ERR_MALFORMED)
            fail_msg("taken: %s", bad[i]);
    }
    uint8_t oid[P2P_OID_MAX];
    size_t len;
    assert_int_equal(p2p_oid_parse("1.2.18446744073709551616", oid, sizeof oid, &len),
                     P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_oid_parse("2.18446744073709551615", oid, sizeof oid, &len),
                     P2P_ERR_UNSUPPORTED);
}

static void bad_bytes_are_refused(void **state)
{
    (void)state;
    char text[P2P_OID_TEXT_SIZE];
    uint8_t oid[P2P_OID_MAX + 1];
    memset(oid, 0x7f, sizeof oid);
    /* The longest, which also has one of the longest texts. */
    assert_int_equal(p2p_oid_text(oid, P2P_OID_MAX, text, sizeof text), 0);
    assert_int_equal(p2p_oid_text(oid, P2P_OID_MAX + 1, text, sizeof text), P2P_ERR_MALFORMED);
    assert_int_equal(p2p_oid_text(oid, 0, text, sizeof text), P2P_ERR_MALFORMED);
    assert_int_equal(p2p_oid_text((const uint8_t *)"\x2a\x80\x01", 3, text, sizeof text),
                     P2P_ERR_MALFORMED);
    assert_int_equal(p2p_oid_text((const uint8_t *)"\x2a\x81", 2, text, sizeof text),
                     P2P_ERR_MALFORMED);
    /* 2^64, and more */
    size_t n = from_hex("2a8280808080808080808000", oid, sizeof oid);
    assert_int_equal(p2p_oid_text(oid, n, text, sizeof text), P2P_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(bad_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
