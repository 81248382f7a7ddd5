/* SPDX-License-Identifier: MIT */
#include <p2p/err.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/version.h>

static const struct {
    int code;
    const char *name;
    const char *text;
} list[] = {
#define ROW(name, code, text) {code, "P2P_ERR_" #name, text},
    P2P_ERR_LIST(ROW)
#undef ROW
};

enum { COUNT = sizeof list / sizeof list[0] };

static void test_every_code_has_its_name_and_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_string_equal(p2p_err_name(list[i].code), list[i].name);
        assert_string_equal(p2p_err_text(list[i].code), list[i].text);
        assert_true(strlen(list[i].text) > 0);
    }
    assert_string_equal(p2p_err_name(P2P_OK), "P2P_OK");
    assert_string_equal(p2p_err_text(P2P_OK), "success");
}

/* The codes are part of the ABI: negative, one after the other, none twice. */
static void test_codes_are_dense(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(list[i].code, -(int)(i + 1));
    assert_int_equal(P2P_ERR_AGAIN, -1);
    assert_int_equal(P2P_ERR_BAD_ADDR, -6);
    assert_int_equal(P2P_ERR_NO_HANDLER, -21);
}

static void test_other_numbers(void **state)
{
    const int others[] = {1, 42, INT_MAX, INT_MIN, -(int)COUNT - 1};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_string_equal(p2p_err_name(others[i]), "P2P_ERR_UNKNOWN");
        assert_string_equal(p2p_err_text(others[i]), "unknown error");
    }
}

static void test_version(void **state)
{
    char expected[32];
    (void)state;
    snprintf(expected, sizeof expected, "%d.%d.%d", P2P_VERSION_MAJOR, P2P_VERSION_MINOR,
             P2P_VERSION_PATCH);
    assert_string_equal(P2P_VERSION, expected);
    assert_string_equal(p2p_version(), expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_name_and_text),
        cmocka_unit_test(test_codes_are_dense),
        cmocka_unit_test(test_other_numbers),
        cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
