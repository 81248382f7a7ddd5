/* SPDX-License-Identifier: MIT */
/* The two shared cipher handles: the right key each time, no memory per message, no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gcrypt.h>

#include "core/rand.h"
#include "protocol/p2pke/aead.h"

static unsigned long allocations;

static void *counted_alloc(size_t size)
{
    allocations++;
    return malloc(size);
}

static void *counted_realloc(void *ptr, size_t size)
{
    allocations++;
    return realloc(ptr, size);
}

static int never_secure(const void *ptr)
{
    (void)ptr;
    return 0;
}

static void fill(p2p__rand *rand, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)p2p__rand_next(rand);
}

/* RFC 8439, 2.8.2: the same cipher; its nonce there has other bytes, so this is our own shape of
 * it, checked by the vectors of the handshake. Here: what is sealed opens, and only so. */
static void test_round_trip(void **state)
{
    p2p__aead aead;
    p2p__aead_key key;
    p2p__rand rand;
    uint8_t plain[300], sealed[316], copy[316], bytes[32], ad[4] = {1, 2, 3, 4};
    (void)state;
    p2p__rand_seed(&rand, 1);
    assert_int_equal(p2p__aead_init(&aead), 0);
    fill(&rand, bytes, 32);
    p2p__aead_set_key(&aead, &key, bytes);
    for (size_t len = 0; len <= sizeof plain; len++) {
        fill(&rand, plain, len);
        p2p_iov iov = {plain, len};
        assert_int_equal(p2p__aead_seal(&aead, &key, len, ad, 4, &iov, 1, sealed), 0);
        memcpy(copy, sealed, len + 16);
        assert_int_equal(p2p__aead_open(&aead, &key, len, ad, 4, copy, len + 16), 0);
        assert_memory_equal(copy, plain, len);

        /* A failure gives the bytes back as they were. */
        memcpy(copy, sealed, len + 16);
        copy[len / 2] ^= 4;
        uint8_t before[316];
        memcpy(before, copy, len + 16);
        assert_int_equal(p2p__aead_open(&aead, &key, len, ad, 4, copy, len + 16),
                         P2P_ERR_BAD_SIGNATURE);
        assert_memory_equal(copy, before, len + 16);
        copy[len / 2] ^= 4;
        assert_int_equal(p2p__aead_open(&aead, &key, len + 1, ad, 4, copy, len + 16),
                         P2P_ERR_BAD_SIGNATURE);
        assert_int_equal(p2p__aead_open(&aead, &key, len, ad, 3, copy, len + 16),
                         P2P_ERR_BAD_SIGNATURE);
        assert_int_equal(p2p__aead_open(&aead, &key, len, ad, 4, copy, len + 16), 0);
    }
    for (size_t len = 0; len < 16; len++)
        assert_int_equal(p2p__aead_open(&aead, &key, 0, ad, 4, copy, len), P2P_ERR_BAD_SIGNATURE);
    p2p__aead_wipe_key(&aead, &key);
    p2p__aead_free(&aead);
}

/* Pieces make the same as the whole. */
static void test_pieces(void **state)
{
    p2p__aead aead;
    p2p__aead_key key;
    p2p__rand rand;
    uint8_t plain[1000], whole[1016], parts[1016], bytes[32], ad[4] = {0};
    (void)state;
    p2p__rand_seed(&rand, 2);
    assert_int_equal(p2p__aead_init(&aead), 0);
    fill(&rand, bytes, 32);
    fill(&rand, plain, sizeof plain);
    p2p__aead_set_key(&aead, &key, bytes);
    p2p_iov all = {plain, sizeof plain};
    assert_int_equal(p2p__aead_seal(&aead, &key, 9, ad, 4, &all, 1, whole), 0);
    for (unsigned round = 0; round < 300; round++) {
        p2p_iov iov[12];
        size_t at = 0, n = 0;
        while (n < 11) {
            size_t len = (size_t)p2p__rand_below(&rand, (sizeof plain - at) / 3 + 1);
            iov[n].data = len ? plain + at : NULL;
            iov[n++].len = len;
            at += len;
        }
        iov[n].data = plain + at;
        iov[n++].len = sizeof plain - at;
        assert_int_equal(p2p__aead_seal(&aead, &key, 9, ad, 4, iov, n, parts), 0);
        assert_memory_equal(parts, whole, sizeof whole);
    }
    p2p__aead_wipe_key(&aead, &key);
    p2p__aead_free(&aead);
}

/* Many keys in turn, one that is made at the place of another, one that is wiped. */
static void test_keys_do_not_mix(void **state)
{
    p2p__aead aead;
    p2p__aead_key key[5];
    p2p__rand rand;
    uint8_t bytes[5][32], sealed[5][20], again[20], ad[4] = {0};
    p2p_iov iov = {"same", 4};
    (void)state;
    p2p__rand_seed(&rand, 3);
    assert_int_equal(p2p__aead_init(&aead), 0);
    for (unsigned i = 0; i < 5; i++) {
        fill(&rand, bytes[i], 32);
        p2p__aead_set_key(&aead, &key[i], bytes[i]);
        assert_int_equal(p2p__aead_seal(&aead, &key[i], 7, ad, 4, &iov, 1, sealed[i]), 0);
    }
    for (unsigned round = 0; round < 500; round++) {
        unsigned i = (unsigned)p2p__rand_below(&rand, 5);
        if (p2p__rand_below(&rand, 4) == 0) {
            p2p__aead_wipe_key(&aead, &key[i]);
            assert_int_equal(key[i].serial, 0);
            p2p__aead_set_key(&aead, &key[i], bytes[i]);
        }
        assert_int_equal(p2p__aead_seal(&aead, &key[i], 7, ad, 4, &iov, 1, again), 0);
        assert_memory_equal(again, sealed[i], 20);
        unsigned j = (unsigned)p2p__rand_below(&rand, 5);
        int err = p2p__aead_open(&aead, &key[j], 7, ad, 4, again, 20);
        assert_int_equal(err, i == j ? 0 : P2P_ERR_BAD_SIGNATURE);
    }
    for (unsigned i = 0; i < 5; i++)
        p2p__aead_wipe_key(&aead, &key[i]);
    /* No key is left in a handle. */
    assert_int_equal(aead.seal.serial, 0);
    assert_int_equal(aead.open.serial, 0);
    p2p__aead_free(&aead);
}

static void test_no_memory_per_message(void **state)
{
    p2p__aead aead;
    p2p__aead_key key[2];
    uint8_t bytes[32] = {1}, data[1216] = {0}, ad[4] = {0};
    p2p_iov iov = {data, 1200};
    (void)state;
    /* libgcrypt takes its memory through these from now on. */
    gcry_set_allocation_handler(counted_alloc, counted_alloc, never_secure, counted_realloc, free);
    assert_int_equal(p2p__aead_init(&aead), 0);
    assert_true(allocations > 0);
    p2p__aead_set_key(&aead, &key[0], bytes);
    bytes[0] = 2;
    p2p__aead_set_key(&aead, &key[1], bytes);
    unsigned long before = allocations;
    for (unsigned i = 0; i < 1000; i++) {
        const p2p__aead_key *k = &key[i / 3 % 2];
        assert_int_equal(p2p__aead_seal(&aead, k, i, ad, 4, &iov, 1, data), 0);
        data[0] ^= i % 5 == 0;
        int err = p2p__aead_open(&aead, k, i, ad, 4, data, sizeof data);
        assert_int_equal(err, i % 5 ? 0 : P2P_ERR_BAD_SIGNATURE);
    }
    assert_int_equal(allocations, before);
    p2p__aead_wipe_key(&aead, &key[0]);
    p2p__aead_wipe_key(&aead, &key[1]);
    p2p__aead_free(&aead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_keys_do_not_mix),
        cmocka_unit_test(test_no_memory_per_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
