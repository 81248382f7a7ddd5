/* SPDX-License-Identifier: MIT */
#ifndef P2P_TEST_X509_SUPPORT_H
#define P2P_TEST_X509_SUPPORT_H

/* What the tests of keys share. To be included by a test program, after cmocka's own includes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/x509.h>

/* Bytes of a text of hexadecimal digits; returns how many. */
static inline size_t from_hex(const char *hex, uint8_t *out, size_t cap)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = strlen(hex) / 2;
    assert_true(n <= cap);
    for (size_t i = 0; i < n; i++) {
        const char *high = strchr(digits, hex[2 * i]), *low = strchr(digits, hex[2 * i + 1]);
        assert_true(high && low);
        out[i] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return n;
}

/* The bytes are those of the text. */
static inline void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    uint8_t expected[512];
    assert_int_equal(from_hex(hex, expected, sizeof expected), len);
    assert_memory_equal(bytes, expected, len);
}

/* Test key i (wire.md 1.6): the seed is 24 zero bytes and the number, big endian. */
static inline void test_seed(uint8_t i, uint8_t seed[P2P_ED25519_SEED_SIZE])
{
    memset(seed, 0, P2P_ED25519_SEED_SIZE);
    seed[P2P_ED25519_SEED_SIZE - 1] = i;
}

static inline void test_spki(uint8_t i, uint8_t der[P2P_ED25519_SPKI_SIZE])
{
    uint8_t seed[P2P_ED25519_SEED_SIZE], public_key[P2P_ED25519_PUBLIC_SIZE];
    test_seed(i, seed);
    assert_int_equal(p2p_ed25519_public(seed, public_key), 0);
    p2p_ed25519_spki(public_key, der);
}

#endif
