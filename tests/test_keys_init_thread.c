/* SPDX-License-Identifier: MIT */
/* The libraries below are made ready from several threads at once; for ThreadSanitizer to judge. */
#include "test_x509_support.h"

#include <pthread.h>

#include "format/crypto.h"

static void *start_and_hash(void *arg)
{
    uint8_t *out = arg;
    for (int i = 0; i < 50; i++)
        if (p2p__crypto_init() || p2p__sha3_256((const uint8_t *)"abc", 3, out) ||
            p2p__shake256((const uint8_t *)"abc", 3, out + 32, 32))
            return NULL;
    return out;
}

static void threads_agree(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint8_t out[4][64];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, start_and_hash, out[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, out[i]);
        /* FIPS 202: SHA3-256 and SHAKE256 of "abc" */
        assert_hex(out[i], 64,
                   "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"
                   "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
