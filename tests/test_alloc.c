/* SPDX-License-Identifier: MIT */
/* Memory from allocators, and configs of other sizes than ours. */
#include "support/check.h"
#include "support/counted.h"

#include <p2p/err.h>

#include "core/alloc.h"
#include "core/config.h"

static void test_alloc(void **state)
{
    (void)state;
    counted memory;
    p2p_allocator a = counted_allocator(&memory);
    void *none = p2p__alloc(&a, 0); /* not NULL, for that is a failure */
    assert_non_null(none);
    none = p2p__resize(&a, none, 0);
    assert_non_null(none);
    p2p__free(&a, none);
    p2p__free(&a, NULL);
    static const uint8_t zeros[300];
    uint8_t *piece = p2p__zalloc(&a, sizeof zeros);
    assert_memory_equal(piece, zeros, sizeof zeros);
    memset(piece, 1, sizeof zeros);
    p2p__wipe(piece, sizeof zeros - 1);
    assert_memory_equal(piece, zeros, sizeof zeros - 1);
    assert_int_equal(piece[sizeof zeros - 1], 1);
    p2p__free(&a, piece);
    piece = p2p__zalloc_array(&a, 30, 10);
    assert_memory_equal(piece, zeros, 300);
    assert_int_equal(memory.bytes, 300);
    p2p__free(&a, piece);
    assert_int_equal(memory.live, 0);
    memory.failing = 1;
    assert_null(p2p__zalloc(&a, 1));
    assert_null(p2p__zalloc_array(&a, 1, 1));
}

/* A product that overflows is not asked for. */
static void test_overflow(void **state)
{
    (void)state;
    counted memory;
    p2p_allocator a = counted_allocator(&memory);
    static const size_t pairs[][2] = {
        {SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX / 2 + 1, 2}, {SIZE_MAX / 16 + 1, 16}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        assert_null(p2p__zalloc_array(&a, pairs[i][0], pairs[i][1]));
    assert_int_equal(memory.calls, 0);
    void *none = p2p__zalloc_array(&a, SIZE_MAX, 0);
    assert_non_null(none);
    p2p__free(&a, none);
}

static void test_default(void **state)
{
    (void)state;
    const p2p_allocator *a = p2p_default_allocator();
    assert_ptr_equal(a, p2p_default_allocator());
    uint8_t *piece = p2p__resize(a, NULL, 10);
    assert_non_null(piece);
    memset(piece, 7, 10);
    piece = p2p__resize(a, piece, 10000);
    assert_non_null(piece);
    assert_int_equal(piece[9], 7);
    p2p__free(a, piece);
}

/* A config, as it is, was, and will be. */
typedef struct config {
    size_t size;
    uint64_t a, b;
} config;

typedef struct later_config {
    config now;
    uint64_t c;
} later_config;

static void test_config(void **state)
{
    (void)state;
    config out, in = {sizeof in, 1, 2};
    assert_ok(p2p__config_copy(&out, sizeof out, NULL));
    assert_int_equal(out.a + out.b, 0);
    assert_ok(p2p__config_copy(&out, sizeof out, &in));
    assert_int_equal(out.a, 1);
    assert_int_equal(out.b, 2);
    in.size = offsetof(config, b); /* b came later than this caller */
    assert_ok(p2p__config_copy(&out, sizeof out, &in));
    assert_int_equal(out.a, 1);
    assert_int_equal(out.b, 0);
    static const size_t bad[] = {0, 1, sizeof(size_t) - 1, 65537, SIZE_MAX};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        in.size = bad[i];
        assert_int_equal(p2p__config_copy(&out, sizeof out, &in), P2P_ERR_INVALID);
    }
    later_config later = {{sizeof later, 1, 2}, 0};
    assert_ok(p2p__config_copy(&out, sizeof out, &later));
    assert_int_equal(out.b, 2);
    later.c = UINT64_C(1) << 63;
    assert_int_equal(p2p__config_copy(&out, sizeof out, &later), P2P_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
