/* SPDX-License-Identifier: MIT */
/* Layouts and the subset of protobuf: what is read, what is refused, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke.h"

/* An InitHello around a protobuf; e is 32 x 09. */
static size_t wrap(const uint8_t *pb, size_t len, uint8_t *out)
{
    memset(out, 0, 4);
    memset(out + 4, 9, 32);
    memcpy(out + 36, pb, len);
    p2p__store16be(out + 36 + len, (uint16_t)len);
    return 38 + len;
}

static int read_hex(const char *hex, p2p__pke_init_hello *out)
{
    static uint8_t pb[2048], datagram[2200];
    size_t len = test_hex(hex, pb);
    len = wrap(pb, len, datagram);
    return p2p__pke_read_init_hello(datagram, len, out);
}

static void test_fields(void **state)
{
    p2p__pke_init_hello h;
    (void)state;
    assert_int_equal(read_hex("0801 12020102 1a03040506 220107 7801", &h), 0);
    assert_int_equal(h.claim.version, 1);
    assert_int_equal(h.claim.time_len, 2);
    assert_int_equal(h.claim.key_len, 3);
    assert_memory_equal(h.claim.key, "\x04\x05\x06", 3);
    assert_int_equal(h.claim.sig_len, 1);
    assert_int_equal(h.claim.extensions, 1);
    assert_int_equal(h.ephemeral[31], 9);

    /* Any order; of two the last; nothing at all. */
    assert_int_equal(read_hex("220107 1a0104 1a0105 0801 0802", &h), 0);
    assert_int_equal(h.claim.version, 2);
    assert_int_equal(h.claim.key_len, 1);
    assert_int_equal(h.claim.key[0], 5);
    assert_int_equal(read_hex("", &h), 0);
    assert_null(h.claim.key);
    assert_null(h.claim.time);
}

static void test_unknown_fields_are_skipped(void **state)
{
    p2p__pke_init_hello h;
    (void)state;
    assert_int_equal(read_hex("2864 3100000000000000ff 3a03aabbcc 4501020304 0801", &h), 0);
    assert_int_equal(h.claim.version, 1);
    /* A known number of another type is unknown: a fixed version, a varint key. */
    assert_int_equal(read_hex("0d01000000 1801", &h), 0);
    assert_int_equal(h.claim.version, 0);
    assert_null(h.claim.key);
    /* The highest number there is. */
    assert_int_equal(read_hex("f8ffffff0f01 0801", &h), 0);
    assert_int_equal(h.claim.version, 1);
}

static void test_varints(void **state)
{
    p2p__pke_init_hello h;
    (void)state;
    /* Not the shortest form; 32 bits are kept; the longest. */
    assert_int_equal(read_hex("08 8100", &h), 0);
    assert_int_equal(h.claim.version, 1);
    assert_int_equal(read_hex("8800 01", &h), 0);
    assert_int_equal(h.claim.version, 1);
    assert_int_equal(read_hex("08 8180808010", &h), 0);
    assert_int_equal(h.claim.version, 1);
    assert_int_equal(read_hex("78 ffffffffffffffffff01", &h), 0);
    assert_true(h.claim.extensions == UINT64_MAX);
    assert_int_equal(read_hex("78 ffffffffffffffffff02", &h), P2P_ERR_MALFORMED);
    assert_int_equal(read_hex("78 80808080808080808080 01", &h), P2P_ERR_MALFORMED);
    assert_int_equal(read_hex("78 80", &h), P2P_ERR_MALFORMED);
}

static void test_malformed_protobuf(void **state)
{
    static const char *const bad[] = {
        "08",                     /* no value */
        "0001",                   /* field 0 */
        "8080808010 01",          /* a number above 2^29 - 1 */
        "1a05010203",             /* longer than what is left */
        "1affffffffffffffffff01", /* much longer */
        "0b0c",                   /* a group */
        "0c",                     /* its end */
        "0e",
        "0f",            /* types that do not exist */
        "09 0102030405", /* a short fixed64 */
        "0d 010203",     /* a short fixed32 */
    };
    p2p__pke_init_hello h;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(read_hex(bad[i], &h), P2P_ERR_MALFORMED);
}

/* The frame is read from its end. */
static void test_trailer(void **state)
{
    uint8_t data[64] = {0};
    p2p__pke_init_hello h;
    (void)state;
    for (size_t len = 0; len < 38; len++)
        assert_int_equal(p2p__pke_read_init_hello(data, len, &h), P2P_ERR_MALFORMED);
    assert_int_equal(p2p__pke_read_init_hello(data, 38, &h), 0);
    assert_int_equal(h.payload_len, 2);
    /* A gap before the protobuf. */
    memcpy(data + 36, "gap\x08\x01\x00\x02", 7);
    assert_int_equal(p2p__pke_read_init_hello(data, 43, &h), 0);
    assert_int_equal(h.payload_len, 7);
    assert_int_equal(h.claim.version, 1);
    /* A length of more than there is. */
    data[42] = 6;
    assert_int_equal(p2p__pke_read_init_hello(data, 43, &h), P2P_ERR_MALFORMED);
    data[42] = 2;
    data[3] = 1;
    assert_int_equal(p2p__pke_read_init_hello(data, 43, &h), P2P_ERR_MALFORMED);
}

/* Limits, at N and N + 1. */
static void test_limits(void **state)
{
    static uint8_t big[2048], out[4096];
    p2p__pke_claim claim = {0}, back;
    p2p__pke_init_hello h;
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        memset(&claim, 0, sizeof claim);
        claim.key = big;
        claim.key_len = P2P__PKE_MAX_KEY + more;
        size_t len = p2p__pke_write_resp_hello(out, &claim);
        assert_int_equal(p2p__pke_read_resp_hello(out, len, &back), more ? P2P_ERR_MALFORMED : 0);
        claim.key_len = 1;
        claim.sig = big;
        claim.sig_len = P2P__PKE_MAX_SIG + more;
        len = p2p__pke_write_resp_hello(out, &claim);
        assert_int_equal(p2p__pke_read_resp_hello(out, len, &back), more ? P2P_ERR_MALFORMED : 0);
        const uint8_t *sig;
        size_t sig_len;
        len = p2p__pke_write_init_done(out, big, P2P__PKE_MAX_SIG + more);
        assert_int_equal(p2p__pke_read_init_done(out, len, &sig, &sig_len),
                         more ? P2P_ERR_MALFORMED : 0);
    }
    memset(out, 0, sizeof out);
    assert_int_equal(p2p__pke_read_init_hello(out, P2P_PKE_MAX_HANDSHAKE, &h), 0);
    assert_int_equal(p2p__pke_read_init_hello(out, P2P_PKE_MAX_HANDSHAKE + 1, &h),
                     P2P_ERR_MALFORMED);
}

/* What is written is what was meant, and as short as the protocol's figures say. */
static void test_round_trip(void **state)
{
    static const uint8_t bytes[64] = {1, 2, 3};
    uint8_t out[P2P_PKE_MAX_HANDSHAKE + 64], *payload = out + 36;
    p2p__pke_claim claim = {0};
    p2p__pke_init_hello h;
    (void)state;
    claim.version = 1;
    claim.time = claim.key = claim.sig = bytes;
    claim.time_len = 12;
    claim.key_len = 44;
    claim.sig_len = 64;
    memset(out, 0, 36);
    assert_int_equal(p2p__pke_write_init_hello(payload, &claim), 166 - 36);
    claim.extensions = 1;
    size_t len = p2p__pke_write_init_hello(payload, &claim);
    assert_int_equal(len, 168 - 36);
    assert_int_equal(p2p__pke_read_init_hello(out, len + 36, &h), 0);
    assert_int_equal(h.claim.version, 1);
    assert_int_equal(h.claim.time_len, 12);
    assert_int_equal(h.claim.key_len, 44);
    assert_int_equal(h.claim.sig_len, 64);
    assert_int_equal(h.claim.extensions, 1);
    claim.key_len = P2P__PKE_MAX_KEY;
    claim.sig_len = P2P__PKE_MAX_SIG;
    static const uint8_t long_bytes[P2P__PKE_MAX_KEY] = {7};
    claim.key = claim.sig = long_bytes;
    assert_int_equal(36 + p2p__pke_write_init_hello(payload, &claim), P2P__PKE_MAX_INIT_HELLO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_unknown_fields_are_skipped),
        cmocka_unit_test(test_varints),    cmocka_unit_test(test_malformed_protobuf),
        cmocka_unit_test(test_trailer),    cmocka_unit_test(test_limits),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
