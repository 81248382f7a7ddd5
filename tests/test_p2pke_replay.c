/* SPDX-License-Identifier: MIT */
/* The replay window against a plain model of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/rand.h"
#include "protocol/p2pke/replay.h"

#define RANGE 60000u

static int accept(p2p__replay *r, uint64_t counter)
{
    if (!p2p__replay_check(r, counter))
        return 0;
    p2p__replay_commit(r, p2p_default_allocator(), counter);
    assert_false(p2p__replay_check(r, counter));
    return 1;
}

/* wire.md 2.6: a counter is taken if it is new and at most 8128 behind. */
typedef struct model {
    uint64_t last;
    uint8_t seen[RANGE];
} model;

static int model_accept(model *m, uint64_t counter)
{
    if (counter < m->last && m->last - counter > 8128)
        return 0;
    if (counter < 16 || m->seen[counter])
        return 0;
    m->seen[counter] = 1;
    if (counter > m->last)
        m->last = counter;
    return 1;
}

static void test_exact_window(void **state)
{
    (void)state;
    for (uint64_t start = 16; start < 16 + 130; start++) {
        p2p__replay r;
        p2p__replay_init(&r, 16);
        assert_true(accept(&r, start + 8130));
        assert_false(p2p__replay_check(&r, start + 1)); /* 8129 behind */
        assert_true(accept(&r, start + 2));             /* 8128 behind */
        assert_true(accept(&r, start + 8129));
        p2p__replay_free(&r, p2p_default_allocator());
    }
}

static void test_below_the_first(void **state)
{
    p2p__replay r;
    (void)state;
    p2p__replay_init(&r, 16);
    for (uint64_t c = 0; c < 16; c++)
        assert_false(p2p__replay_check(&r, c));
    assert_true(accept(&r, 20));
    for (uint64_t c = 0; c < 16; c++)
        assert_false(p2p__replay_check(&r, c));
    p2p__replay_free(&r, p2p_default_allocator());
}

/* In order, or nearly so, nothing is allocated. */
static void test_order_needs_no_ring(void **state)
{
    p2p__replay r;
    (void)state;
    p2p__replay_init(&r, 16);
    for (uint64_t c = 16; c < 20000; c++)
        assert_true(accept(&r, c));
    for (uint64_t c = 20000; c < 40000; c += 64)
        for (uint64_t i = 64; i-- > 0;)
            assert_true(accept(&r, c + i));
    assert_null(r.ring);
    /* One that is missing does, once it is 64 behind, but not before. */
    uint64_t next = r.last + 2;
    for (uint64_t i = 0; i < 63; i++)
        assert_true(accept(&r, next + i));
    assert_null(r.ring);
    assert_true(accept(&r, next + 63));
    assert_non_null(r.ring);
    assert_true(accept(&r, next - 1));
    p2p__replay_free(&r, p2p_default_allocator());
}

static void test_random_against_the_model(void **state)
{
    static model m;
    p2p__rand rand;
    (void)state;
    p2p__rand_seed(&rand, 5);
    for (unsigned round = 0; round < 60; round++) {
        static const uint64_t spread[] = {4, 70, 300, 9000};
        p2p__replay r;
        p2p__replay_init(&r, 16);
        memset(&m, 0, sizeof m);
        uint64_t center = 16;
        for (unsigned i = 0; i < 6000; i++) {
            uint64_t back = p2p__rand_below(&rand, spread[round % 4]);
            center += p2p__rand_below(&rand, round % 3 ? 3 : 20);
            if (p2p__rand_below(&rand, 1000) == 0)
                center += p2p__rand_below(&rand, 9000);
            if (center >= RANGE)
                break;
            uint64_t c = center > back ? center - back : 0;
            assert_int_equal(accept(&r, c), model_accept(&m, c));
        }
        p2p__replay_free(&r, p2p_default_allocator());
    }
}

static void test_compact(void **state)
{
    p2p__replay r;
    (void)state;
    p2p__replay_init(&r, 16);
    p2p__replay_compact(&r, p2p_default_allocator());
    assert_true(accept(&r, 16));
    assert_true(accept(&r, 1000));
    assert_non_null(r.ring);
    p2p__replay_compact(&r, p2p_default_allocator());
    assert_null(r.ring);
    for (uint64_t c = 0; c <= 1000; c++)
        assert_false(p2p__replay_check(&r, c));
    assert_true(accept(&r, 1002));
    assert_true(accept(&r, 1001));
    assert_false(accept(&r, 1001));
    assert_null(r.ring);
    p2p__replay_free(&r, p2p_default_allocator());
}

static void *no_alloc(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return NULL;
}

static void no_free(void *arg, void *ptr)
{
    (void)arg;
    assert_null(ptr);
}

/* Without memory late counters are lost; none is taken twice. */
static void test_no_memory(void **state)
{
    static const p2p_allocator none = {no_alloc, NULL, no_free, NULL};
    static uint8_t seen[RANGE];
    p2p__replay r;
    p2p__rand rand;
    (void)state;
    p2p__rand_seed(&rand, 6);
    p2p__replay_init(&r, 16);
    uint64_t center = 16, taken = 0;
    for (unsigned i = 0; i < 9000; i++) {
        uint64_t back = p2p__rand_below(&rand, 200);
        center += p2p__rand_below(&rand, 4);
        uint64_t c = center > back ? center - back : 0;
        if (!p2p__replay_check(&r, c))
            continue;
        p2p__replay_commit(&r, &none, c);
        assert_false(seen[c]);
        seen[c] = 1;
        taken++;
    }
    assert_true(taken > 3000);
    assert_null(r.ring);
}

/* The counters go up to 2^32 - 3. */
static void test_high_counters(void **state)
{
    p2p__replay r;
    (void)state;
    p2p__replay_init(&r, 16);
    assert_true(accept(&r, 0xfffffffd));
    assert_false(accept(&r, 0xfffffffd));
    assert_true(accept(&r, 0xfffffffd - 8128));
    assert_false(accept(&r, 0xfffffffd - 8129));
    assert_false(accept(&r, 16));
    p2p__replay_free(&r, p2p_default_allocator());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_window),
        cmocka_unit_test(test_below_the_first),
        cmocka_unit_test(test_order_needs_no_ring),
        cmocka_unit_test(test_random_against_the_model),
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_high_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
