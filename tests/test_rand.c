/* SPDX-License-Identifier: MIT */
/* The seeded generator: the published first values, bounds, and that nobody is favoured. */
#include "support/check.h"

#include "core/rand.h"

/* Values printed with the descriptions of the generators. */
static void test_known_values(void **state)
{
    (void)state;
    static const uint64_t splitmix[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821)};
    uint64_t seed = 1234567;
    for (size_t i = 0; i < COUNT_OF(splitmix); i++)
        assert_true(p2p__splitmix64(&seed) == splitmix[i]);

    static const uint64_t xoshiro[] = {UINT64_C(41943041),
                                       UINT64_C(58720359),
                                       UINT64_C(3588806011781223),
                                       UINT64_C(3591011842654386),
                                       UINT64_C(9228616714210784205),
                                       UINT64_C(9973669472204895162),
                                       UINT64_C(14011001112246962877),
                                       UINT64_C(12406186145184390807),
                                       UINT64_C(15849039046786891736),
                                       UINT64_C(10450023813501588000)};
    p2p__rand r = {{1, 2, 3, 4}};
    for (size_t i = 0; i < COUNT_OF(xoshiro); i++)
        assert_true(p2p__rand_next(&r) == xoshiro[i]);
}

/* A seed's stream never changes, or recorded simulations would not replay. */
static void test_seeds(void **state)
{
    (void)state;
    p2p__rand a, b, c;
    p2p__rand_seed(&a, 42);
    p2p__rand_seed(&b, 42);
    p2p__rand_seed(&c, 43);
    assert_true(a.s[0] == UINT64_C(13679457532755275413));
    size_t same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = p2p__rand_next(&a);
        assert_true(x == p2p__rand_next(&b));
        same += x == p2p__rand_next(&c);
    }
    assert_int_equal(same, 0);
    p2p__rand_seed(&a, 0);
    assert_true((a.s[0] | a.s[1] | a.s[2] | a.s[3]) != 0);
}

static void test_bounds(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {2,
                                      3,
                                      7,
                                      1000,
                                      UINT32_MAX - 1,
                                      UINT32_MAX,
                                      UINT64_C(1) << 32,
                                      (UINT64_C(1) << 32) + 1,
                                      UINT64_C(3) << 61,
                                      UINT64_MAX - 1,
                                      UINT64_MAX};
    p2p__rand r;
    p2p__rand_seed(&r, 1);
    for (size_t b = 0; b < COUNT_OF(bounds); b++) {
        uint64_t most = 0;
        for (int i = 0; i < 2000; i++) {
            uint64_t x = p2p__rand_below(&r, bounds[b]);
            assert_true(x < bounds[b]);
            if (x > most)
                most = x;
        }
        assert_true(most >= bounds[b] - bounds[b] / 50 - 1);
    }
    /* What has one outcome draws nothing. */
    p2p__rand before = r;
    assert_int_equal(p2p__rand_below(&r, 0), 0);
    assert_int_equal(p2p__rand_below(&r, 1), 0);
    assert_memory_equal(&before, &r, sizeof r);
}

/* Chi square of `bound` equally likely outcomes. */
static double chi_square(p2p__rand *r, size_t bound, size_t draws)
{
    size_t counts[256] = {0};
    double expected = (double)draws / (double)bound;
    double sum = 0;
    for (size_t i = 0; i < draws; i++)
        counts[p2p__rand_below(r, bound)]++;
    for (size_t i = 0; i < bound; i++) {
        double off = (double)counts[i] - expected;
        sum += off * off / expected;
    }
    return sum;
}

static void test_uniform(void **state)
{
    (void)state;
    p2p__rand r;
    p2p__rand_seed(&r, 7);
    /* For k degrees of freedom, k + 5 sqrt(2k) is never seen by chance. */
    assert_true(chi_square(&r, 2, 100000) < 1 + 5 * 1.5);
    assert_true(chi_square(&r, 6, 100000) < 5 + 5 * 3.2);
    assert_true(chi_square(&r, 100, 200000) < 99 + 5 * 14.1);
    assert_true(chi_square(&r, 256, 200000) < 255 + 5 * 22.6);
}

/* Bounds of three quarters of the range: taking the remainder would favour the lower third. */
static void test_no_modulo_bias(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {UINT64_C(3) << 30, UINT64_C(3) << 62};
    p2p__rand r;
    p2p__rand_seed(&r, 8);
    for (size_t b = 0; b < COUNT_OF(bounds); b++) {
        int low = 0;
        for (int i = 0; i < 30000; i++)
            low += p2p__rand_below(&r, bounds[b]) < bounds[b] / 3;
        assert_in_range(low, 9600, 10400); /* 10000 without bias, 15000 with */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),   cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_bounds),         cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_no_modulo_bias),
    };
    return cmocka_run_group_tests_name("rand", tests, NULL, NULL);
}
