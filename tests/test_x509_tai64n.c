/* SPDX-License-Identifier: MIT */
#include "test_x509_support.h"

#include "format/tai64n.h"

static void example_of_the_reference(void **state)
{
    (void)state;
    uint8_t label[P2P__TAI64N_SIZE];
    assert_int_equal(p2p__tai64n_encode(1700000000, 123456789, label), 0);
    assert_hex(label, sizeof label, "400000006553f125075bcd15");
    assert_int_equal(p2p__tai64n_check(label, sizeof label), 0);
}

/* TAI - UTC at some time, from the label. */
static int64_t offset_at(int64_t seconds)
{
    uint8_t label[P2P__TAI64N_SIZE];
    uint64_t value = 0;
    assert_int_equal(p2p__tai64n_encode(seconds, 0, label), 0);
    for (int i = 0; i < 8; i++)
        value = value << 8 | label[i];
    return (int64_t)(value - (UINT64_C(1) << 62)) - seconds;
}

static void leap_seconds(void **state)
{
    static const struct {
        int64_t seconds;
        int64_t offset;
    } known[] = {
        {-(INT64_C(1) << 61), 10},
        {-1, 10},
        {0, 10},
        {63072000, 10},
        {78796799, 10},
        {78796800, 11},
        {94694400, 12},
        {315532799, 18},
        {315532800, 19},
        {662687999, 25},
        {662688000, 26},
        {915148799, 31},
        {915148800, 32},
        {1136073600, 33},
        {1230768000, 34},
        {1341100800, 35},
        {1435708799, 35},
        {1435708800, 36},
        {1483228799, 36},
        {1483228800, 37},
        {4102444800, 37},
        {INT64_C(1) << 61, 37},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(offset_at(known[i].seconds), known[i].offset);
}

static void only_labels_are_taken(void **state)
{
    static const struct {
        const char *hex;
        int err;
    } cases[] = {
        {"400000006553f125075bcd15", 0},
        {"000000000000000000000000", 0},
        {"7fffffffffffffff3b9ac9ff", 0},
        {"7fffffffffffffff3b9aca00", P2P_ERR_MALFORMED}, /* 10^9 nanoseconds */
        {"7fffffffffffffffffffffff", P2P_ERR_MALFORMED},
        {"800000000000000000000000", P2P_ERR_MALFORMED}, /* reserved */
        {"400000006553f125075bcd", P2P_ERR_MALFORMED},
        {"400000006553f125075bcd1500", P2P_ERR_MALFORMED},
        {"400000006553f125", P2P_ERR_MALFORMED}, /* TAI64 without the N */
        {"", P2P_ERR_MALFORMED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t label[16];
        size_t n = from_hex(cases[i].hex, label, sizeof label);
        assert_int_equal(p2p__tai64n_check(label, n), cases[i].err);
    }
    uint8_t label[P2P__TAI64N_SIZE];
    assert_int_equal(p2p__tai64n_encode(0, 999999999, label), 0);
    assert_int_equal(p2p__tai64n_encode(0, 1000000000, label), P2P_ERR_INVALID);
    assert_int_equal(p2p__tai64n_encode((INT64_C(1) << 61) + 1, 0, label), P2P_ERR_INVALID);
    assert_int_equal(p2p__tai64n_encode(INT64_MIN, 0, label), P2P_ERR_INVALID);
}

static void order_is_that_of_time(void **state)
{
    static const struct {
        int64_t seconds;
        uint32_t nanoseconds;
    } times[] = {
        {-5000000000, 0}, {-1, 0},         {-1, 999999999}, {0, 0},
        {0, 1},           {0, 256},        {1, 0},          {1483228799, 0},
        {1483228800, 0},  {1700000000, 5}, {5000000000, 0},
    };
    const size_t n = sizeof times / sizeof *times;
    (void)state;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            uint8_t a[P2P__TAI64N_SIZE], b[P2P__TAI64N_SIZE];
            assert_int_equal(p2p__tai64n_encode(times[i].seconds, times[i].nanoseconds, a), 0);
            assert_int_equal(p2p__tai64n_encode(times[k].seconds, times[k].nanoseconds, b), 0);
            int order = p2p__tai64n_compare(a, b);
            assert_true(i < k ? order < 0 : i > k ? order > 0 : order == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_the_reference),
        cmocka_unit_test(leap_seconds),
        cmocka_unit_test(only_labels_are_taken),
        cmocka_unit_test(order_is_that_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
