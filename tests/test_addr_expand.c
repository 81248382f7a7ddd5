/* SPDX-License-Identifier: MIT */
/* Expansion of 0.0.0.0 and ::, against whatever interfaces the machine has. */
#include <p2p/addr.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include <p2p/err.h>

#define ID "--31-kF40VR71FcA2-oD2l-G3WBJ4GNM50ZP5lkS6Ww"

enum { CAP = 4096 };

static p2p_addr results[CAP];

static p2p_addr parse(const char *text)
{
    p2p_addr addr;
    if (p2p_addr_parse(text, &addr))
        fail_msg("refused: %s", text);
    return addr;
}

static size_t expand(const char *text)
{
    p2p_addr addr = parse(text);
    size_t n = CAP + 1;
    assert_int_equal(p2p_addr_expand(&addr, results, CAP, &n), 0);
    assert_in_range(n, 0, CAP);
    return n;
}

static int contains(size_t n, const char *text)
{
    p2p_addr wanted = parse(text);
    for (size_t i = 0; i < n; i++) {
        if (p2p_addr_equal(&results[i], &wanted))
            return 1;
    }
    return 0;
}

/* Whether some interface that is up has 127.0.0.1 (family 4) or ::1 (family 6). */
static int machine_has_loopback(int family)
{
    uv_interface_address_t *list;
    int count, found = 0;
    assert_int_equal(uv_interface_addresses(&list, &count), 0);
    for (int i = 0; i < count; i++) {
        char ip[64];
        if (list[i].address.address4.sin_family == AF_INET)
            uv_ip4_name(&list[i].address.address4, ip, sizeof ip);
        else
            uv_ip6_name(&list[i].address.address6, ip, sizeof ip);
        found |= strcmp(ip, family == 4 ? "127.0.0.1" : "::1") == 0;
    }
    uv_free_interface_addresses(list, count);
    return found;
}

/* Whether a loopback interface has the address and no other has. */
static int is_loopback(const p2p_addr *addr)
{
    uv_interface_address_t *list;
    int count, on_loopback = 0, elsewhere = 0;
    p2p_ip ip;
    assert_int_equal(p2p_addr_ip(addr, &ip), 0);
    assert_int_equal(uv_interface_addresses(&list, &count), 0);
    for (int i = 0; i < count; i++) {
        int ip4 = list[i].address.address4.sin_family == AF_INET;
        const void *bytes = ip4 ? (const void *)&list[i].address.address4.sin_addr
                                : (const void *)&list[i].address.address6.sin6_addr;
        if (ip4 != (ip.family == 4) || memcmp(bytes, ip.bytes, ip4 ? 4 : 16) != 0)
            continue;
        if (list[i].is_internal)
            on_loopback = 1;
        else
            elsewhere = 1;
    }
    uv_free_interface_addresses(list, count);
    return on_loopback && !elsewhere;
}

static void check_results(size_t n, uint16_t port, int ip6)
{
    int seen_loopback = 0;
    for (size_t i = 0; i < n; i++) {
        p2p_ip ip;
        uint16_t got;
        char text[P2P_ADDR_TEXT_SIZE];
        assert_int_equal(p2p_addr_text(&results[i], text, sizeof text), 0);
        assert_int_equal(p2p_addr_ip(&results[i], &ip), 0);
        assert_int_equal(p2p_addr_port(&results[i], &got), 0);
        assert_int_equal(got, port);
        assert_true(ip.family == 4 || ip6);
        assert_false(p2p_ip_is_unspecified(&ip));
        assert_true(!seen_loopback || is_loopback(&results[i]));
        seen_loopback |= is_loopback(&results[i]);
        for (size_t j = 0; j < i; j++)
            assert_false(p2p_addr_equal(&results[i], &results[j]));
    }
}

static void test_ip4(void **state)
{
    (void)state;
    size_t n = expand("0.0.0.0:4000");
    check_results(n, 4000, 0);
    if (machine_has_loopback(4))
        assert_true(contains(n, "127.0.0.1:4000"));
}

static void test_both_families(void **state)
{
    (void)state;
    size_t only_ip4 = expand("0.0.0.0:4000");
    size_t n = expand("[::]:4000");
    assert_true(n >= only_ip4);
    check_results(n, 4000, 1);
    if (machine_has_loopback(4))
        assert_true(contains(n, "127.0.0.1:4000"));
    if (machine_has_loopback(6))
        assert_true(contains(n, "[::1]:4000"));
}

static void test_layers_stay(void **state)
{
    (void)state;
    size_t plain = expand("0.0.0.0:7");
    size_t n = expand("udp://" ID "@0.0.0.0:7");
    assert_int_equal(n, plain);
    check_results(n, 7, 0);
    for (size_t i = 0; i < n; i++) {
        char text[P2P_ADDR_TEXT_SIZE];
        assert_int_equal(p2p_addr_text(&results[i], text, sizeof text), 0);
        assert_memory_equal(text, "udp://" ID "@", strlen("udp://" ID "@"));
    }
    if (machine_has_loopback(4))
        assert_true(contains(n, "udp://" ID "@127.0.0.1:7"));
}

static void test_others_are_returned(void **state)
{
    static const char *const texts[] = {
        "1.2.3.4:5", "[::1]:5", "[fe80::1%3]:0", "7", "name", "udp://" ID "@1.2.3.4:5", "a://7"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(expand(texts[i]), 1);
        assert_true(contains(1, texts[i]));

        p2p_addr addr = parse(texts[i]), out = parse("9");
        size_t n = 0;
        assert_int_equal(p2p_addr_expand(&addr, &out, 0, &n), P2P_ERR_NO_SPACE);
        assert_int_equal(n, 1);
        assert_true(p2p_addr_equal(&out, &(p2p_addr){{0}}) == 0 && contains(1, texts[i]));
    }
}

static void test_capacity(void **state)
{
    p2p_addr any = parse("[::]:9"), out[CAP];
    (void)state;
    size_t total = expand("[::]:9");
    for (size_t cap = 0; cap <= total + 1; cap++) {
        size_t n = 0;
        memset(out, 0, sizeof out);
        int err = p2p_addr_expand(&any, out, cap, &n);
        assert_int_equal(err, cap < total ? P2P_ERR_NO_SPACE : 0);
        assert_int_equal(n, total);
        assert_memory_equal(out, results, (cap < total ? cap : total) * sizeof out[0]);
        assert_true(p2p_addr_equal(&out[cap], &(p2p_addr){{0}}));
    }
}

static void test_input_may_be_an_output(void **state)
{
    p2p_addr out[CAP];
    size_t n = 0;
    (void)state;
    size_t total = expand("0.0.0.0:9");
    out[0] = parse("0.0.0.0:9");
    assert_int_equal(p2p_addr_expand(&out[0], out, CAP, &n), 0);
    assert_int_equal(n, total);
    assert_memory_equal(out, results, n * sizeof out[0]);
}

static void test_bad_addresses(void **state)
{
    p2p_addr addr = {{0}}, out;
    size_t n = 9;
    (void)state;
    assert_int_equal(p2p_addr_expand(&addr, &out, 1, &n), P2P_ERR_BAD_ADDR);
    assert_int_equal(n, 0);
    memset(&addr, 0xff, sizeof addr);
    assert_int_equal(p2p_addr_expand(&addr, &out, 1, &n), P2P_ERR_BAD_ADDR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip4),           cmocka_unit_test(test_both_families),
        cmocka_unit_test(test_layers_stay),   cmocka_unit_test(test_others_are_returned),
        cmocka_unit_test(test_capacity),      cmocka_unit_test(test_input_may_be_an_output),
        cmocka_unit_test(test_bad_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
