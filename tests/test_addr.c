/* SPDX-License-Identifier: MIT */
/* Making addresses, taking them apart, changing them, and their limits. */
#include "core/addr_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/err.h>

#define ID_0 "-------------------------------------------"
#define ID_Z "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzw"

static const uint8_t id_a[P2P_PEER_ID_SIZE] = {1, 2, 3};
static const uint8_t id_b[P2P_PEER_ID_SIZE] = {0xff, 0, 0xff};

static p2p_addr parse(const char *text)
{
    p2p_addr addr;
    if (p2p_addr_parse(text, &addr))
        fail_msg("refused: %s", text);
    return addr;
}

static void assert_text(const p2p_addr *addr, const char *expected)
{
    char text[P2P_ADDR_TEXT_SIZE];
    assert_int_equal(p2p_addr_text(addr, text, sizeof text), 0);
    assert_string_equal(text, expected);
}

static void test_empty(void **state)
{
    p2p_addr empty = {{0}}, out = parse("7");
    p2p_ip ip;
    uint16_t port;
    uint64_t node;
    uint8_t id[P2P_PEER_ID_SIZE];
    char text[P2P_ADDR_TEXT_SIZE];
    (void)state;

    assert_int_equal(p2p_addr_kind_of(&empty), P2P_ADDR_NONE);
    assert_int_equal(p2p_addr_text(&empty, text, sizeof text), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_addr_wrap_peer(&out, id_a, &empty), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_addr_wrap_scheme(&out, "udp", &empty), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_addr_unwrap(&empty, &out), P2P_ERR_NOT_FOUND);
    assert_text(&out, "7");
    assert_int_equal(p2p_addr_ip(&empty, &ip), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_addr_port(&empty, &port), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_addr_mem(&empty, &node), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_addr_peer_id(&empty, id), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_addr_scheme(&empty, text, sizeof text), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_addr_name(&empty, text, sizeof text), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_addr_set_port(&empty, 1), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_addr_set_ip(&empty, &(p2p_ip){.family = 4}), P2P_ERR_NOT_FOUND);
    assert_true(p2p_addr_equal(&empty, &(p2p_addr){{0}}));
    assert_false(p2p_addr_equal(&empty, &out));
}

static void test_ip_makers(void **state)
{
    p2p_addr addr, before;
    p2p_ip ip = {.family = 4, .bytes = {192, 0, 2, 1}, .scope = 9}, back;
    uint16_t port = 0;
    (void)state;

    assert_int_equal(p2p_addr_from_ip(&addr, &ip, 258), 0);
    assert_text(&addr, "192.0.2.1:258");
    assert_int_equal(p2p_addr_kind_of(&addr), P2P_ADDR_IP);
    memset(&back, 0xff, sizeof back);
    assert_int_equal(p2p_addr_ip(&addr, &back), 0);
    assert_int_equal(back.family, 4);
    assert_memory_equal(back.bytes, ((uint8_t[16]){192, 0, 2, 1}), 16);
    assert_int_equal(back.scope, 0);
    assert_int_equal(p2p_addr_port(&addr, &port), 0);
    assert_int_equal(port, 258);

    ip = (p2p_ip){.family = 6, .bytes = {0xfe, 0x80, [15] = 1}, .scope = 0x01020304};
    assert_int_equal(p2p_addr_from_ip(&addr, &ip, 65535), 0);
    assert_text(&addr, "[fe80::1%16909060]:65535");
    assert_int_equal(p2p_addr_ip(&addr, &back), 0);
    assert_int_equal(back.family, 6);
    assert_memory_equal(back.bytes, ip.bytes, 16);
    assert_int_equal(back.scope, 0x01020304);

    before = addr;
    for (unsigned family = 0; family < 256; family++) {
        ip.family = (uint8_t)family;
        if (family == 4 || family == 6)
            continue;
        assert_int_equal(p2p_addr_from_ip(&addr, &ip, 1), P2P_ERR_INVALID);
        assert_int_equal(p2p_addr_set_ip(&addr, &ip), P2P_ERR_INVALID);
        assert_memory_equal(&addr, &before, sizeof addr);
    }
}

static void test_mapped_is_ip4(void **state)
{
    p2p_ip mapped = {.family = 6, .bytes = {[10] = 0xff, 0xff, 1, 2, 3, 4}, .scope = 5};
    p2p_ip plain = {.family = 4, .bytes = {1, 2, 3, 4}}, back;
    p2p_addr a, b;
    (void)state;

    assert_int_equal(p2p_addr_from_ip(&a, &mapped, 5), 0);
    assert_int_equal(p2p_addr_from_ip(&b, &plain, 5), 0);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(p2p_addr_equal(&a, &b));
    assert_true(p2p_addr_hash(&a, 3) == p2p_addr_hash(&b, 3));
    assert_int_equal(p2p_addr_ip(&a, &back), 0);
    assert_int_equal(back.family, 4);

    a = parse("[::1]:5");
    assert_int_equal(p2p_addr_set_ip(&a, &mapped), 0);
    assert_true(p2p_addr_equal(&a, &b));
    a = parse("[::ffff:1.2.3.4]:5");
    assert_true(p2p_addr_equal(&a, &b));
}

/* What the UDP swarm uses for each datagram gives the same addresses as the public makers. */
static void test_fast_helpers(void **state)
{
    const uint8_t ip4[4] = {1, 2, 3, 4};
    uint8_t ip6[16] = {0x20, 1, [15] = 9};
    p2p_addr fast, made = parse("1.2.3.4:517");
    (void)state;

    memset(&fast, 0xa5, sizeof fast);
    p2p__addr_set_ip4(&fast, ip4, 517);
    assert_memory_equal(&fast, &made, sizeof fast);
    assert_true(p2p__addr_is_ip4(&fast) && !p2p__addr_is_ip6(&fast));
    assert_memory_equal(p2p__addr_ip4_bytes(&fast), ip4, 4);
    assert_int_equal(p2p__addr_ip4_port(&fast), 517);

    made = parse("[2001::9%3]:517");
    memset(&fast, 0xa5, sizeof fast);
    p2p__addr_set_ip6(&fast, ip6, 517, 3);
    assert_memory_equal(&fast, &made, sizeof fast);
    assert_true(p2p__addr_is_ip6(&fast) && !p2p__addr_is_ip4(&fast));
    assert_memory_equal(p2p__addr_ip6_bytes(&fast), ip6, 16);
    assert_int_equal(p2p__addr_ip6_port(&fast), 517);
    assert_int_equal(p2p__addr_ip6_scope(&fast), 3);

    memcpy(ip6, (uint8_t[16]){[10] = 0xff, 0xff, 1, 2, 3, 4}, sizeof ip6);
    made = parse("1.2.3.4:517");
    memset(&fast, 0xa5, sizeof fast);
    p2p__addr_set_ip6(&fast, ip6, 517, 3);
    assert_memory_equal(&fast, &made, sizeof fast);

    made = parse("udp://1.2.3.4:517");
    assert_false(p2p__addr_is_ip4(&made) || p2p__addr_is_ip6(&made));
    made = parse("72340172838076673");
    assert_false(p2p__addr_is_ip4(&made) || p2p__addr_is_ip6(&made));
}

static void test_mem_and_names(void **state)
{
    const uint64_t nodes[] = {0, 1, UINT64_C(0x0102030405060708), UINT64_MAX};
    static const char *const bad[] = {"", "1", "-a", "a b", "a:b", "a@b", "a/b", "a+b", "\xc3\xa9"};
    char name[66], out[66];
    p2p_addr addr;
    uint64_t node;
    (void)state;

    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        p2p_addr_from_mem(&addr, nodes[i]);
        assert_int_equal(p2p_addr_kind_of(&addr), P2P_ADDR_MEM);
        assert_int_equal(p2p_addr_mem(&addr, &node), 0);
        assert_true(node == nodes[i]);
    }

    memset(name, 'n', sizeof name);
    for (size_t len = 1; len <= 65; len++) {
        name[len] = '\0';
        int expected = len <= P2P__ADDR_NAME_MAX ? 0 : P2P_ERR_INVALID;
        assert_int_equal(p2p_addr_from_name(&addr, name), expected);
        if (expected == 0) {
            assert_text(&addr, name);
            assert_int_equal(p2p_addr_name(&addr, out, len), P2P_ERR_NO_SPACE);
            assert_int_equal(p2p_addr_name(&addr, out, len + 1), 0);
            assert_string_equal(out, name);
        }
        name[len] = 'n';
    }
    assert_int_equal(p2p_addr_kind_of(&addr), P2P_ADDR_NAME);

    addr = parse("7");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(p2p_addr_from_name(&addr, bad[i]), P2P_ERR_INVALID);
    assert_int_equal(p2p_addr_from_name(&addr, NULL), P2P_ERR_INVALID);
    assert_text(&addr, "7");
}

static void test_schemes(void **state)
{
    static const char *const bad[] = {"", "1", "+a", "a_b", "a b", "a:", "a@", "a/", "\xc3\xa9"};
    char scheme[34], out[34];
    p2p_addr inner = parse("7"), addr;
    (void)state;

    memset(scheme, 's', sizeof scheme);
    for (size_t len = 1; len <= 33; len++) {
        scheme[len] = '\0';
        int expected = len <= P2P__ADDR_SCHEME_MAX ? 0 : P2P_ERR_INVALID;
        assert_int_equal(p2p_addr_wrap_scheme(&addr, scheme, &inner), expected);
        if (expected == 0) {
            assert_int_equal(p2p_addr_kind_of(&addr), P2P_ADDR_SCHEME);
            assert_int_equal(p2p_addr_scheme(&addr, out, len), P2P_ERR_NO_SPACE);
            assert_int_equal(p2p_addr_scheme(&addr, out, len + 1), 0);
            assert_string_equal(out, scheme);
        }
        scheme[len] = 's';
    }
    addr = inner;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(p2p_addr_wrap_scheme(&addr, bad[i], &inner), P2P_ERR_INVALID);
    assert_int_equal(p2p_addr_wrap_scheme(&addr, NULL, &inner), P2P_ERR_INVALID);
    assert_text(&addr, "7");
}

static void test_wrap_and_unwrap(void **state)
{
    p2p_addr addr = parse("[fe80::1%7]:9"), inner;
    uint8_t id[P2P_PEER_ID_SIZE];
    char scheme[32];
    (void)state;

    /* out and inner may be the same object. */
    assert_int_equal(p2p_addr_wrap_peer(&addr, id_a, &addr), 0);
    inner = addr;
    assert_int_equal(p2p_addr_kind_of(&addr), P2P_ADDR_PEER);
    assert_int_equal(p2p_addr_wrap_scheme(&addr, "in", &addr), 0);
    assert_int_equal(p2p_addr_wrap_peer(&addr, id_b, &addr), 0);
    assert_int_equal(p2p_addr_wrap_scheme(&addr, "out", &addr), 0);

    /* Of several, the outermost. */
    assert_int_equal(p2p_addr_peer_id(&addr, id), 0);
    assert_memory_equal(id, id_b, sizeof id);
    assert_int_equal(p2p_addr_scheme(&addr, scheme, sizeof scheme), 0);
    assert_string_equal(scheme, "out");

    assert_int_equal(p2p_addr_unwrap(&addr, &addr), 0);
    assert_int_equal(p2p_addr_unwrap(&addr, &addr), 0);
    assert_int_equal(p2p_addr_scheme(&addr, scheme, sizeof scheme), 0);
    assert_string_equal(scheme, "in");
    assert_int_equal(p2p_addr_unwrap(&addr, &addr), 0);
    assert_memory_equal(&addr, &inner, sizeof addr);
    assert_int_equal(p2p_addr_unwrap(&addr, &addr), 0);
    assert_text(&addr, "[fe80::1%7]:9");
    assert_int_equal(p2p_addr_unwrap(&addr, &inner), P2P_ERR_NOT_FOUND);
}

static void test_replace_at_any_depth(void **state)
{
    static const char *const outer[] = {"", "a://", "a://" ID_0 "@"};
    const p2p_ip ip4 = {.family = 4, .bytes = {9, 8, 7, 6}};
    const p2p_ip ip6 = {.family = 6, .bytes = {[15] = 2}, .scope = 4};
    (void)state;

    for (size_t i = 0; i < sizeof outer / sizeof outer[0]; i++) {
        char text[P2P_ADDR_TEXT_SIZE];
        strcpy(text, outer[i]);
        char *leaf = text + strlen(text);
        strcpy(leaf, "1.2.3.4:5");
        p2p_addr addr = parse(text);

        assert_int_equal(p2p_addr_set_port(&addr, 65535), 0);
        strcpy(leaf, "1.2.3.4:65535");
        assert_text(&addr, text);
        assert_int_equal(p2p_addr_set_ip(&addr, &ip6), 0);
        strcpy(leaf, "[::2%4]:65535");
        assert_text(&addr, text);
        assert_int_equal(p2p_addr_set_port(&addr, 0), 0);
        strcpy(leaf, "[::2%4]:0");
        assert_text(&addr, text);
        assert_int_equal(p2p_addr_set_ip(&addr, &ip4), 0);
        strcpy(leaf, "9.8.7.6:0");
        assert_text(&addr, text);
        p2p_addr same = parse(text);
        assert_memory_equal(&addr, &same, sizeof addr);
    }

    p2p_addr other = parse("a://7");
    assert_int_equal(p2p_addr_set_ip(&other, &ip4), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_addr_set_port(&other, 1), P2P_ERR_NOT_FOUND);
    other = parse("a://name");
    assert_int_equal(p2p_addr_set_ip(&other, &ip6), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_addr_set_port(&other, 1), P2P_ERR_NOT_FOUND);
    assert_text(&other, "a://name");
}

/* An address of `used` bytes around leaf, by a scheme of the length that is missing. */
static int pad_to(p2p_addr *addr, const char *leaf, size_t used)
{
    char scheme[P2P__ADDR_SCHEME_MAX + 1];
    *addr = parse(leaf);
    for (int i = 0; i < 2; i++)
        assert_int_equal(p2p_addr_wrap_peer(addr, id_a, addr), 0);
    size_t room = used - p2p__addr_cbytes(addr)[0];
    while (room > P2P__ADDR_SCHEME_MAX) {
        assert_int_equal(p2p_addr_wrap_scheme(addr, "scheme", addr), 0);
        room -= 8;
    }
    size_t len = room - 2;
    memset(scheme, 's', len);
    scheme[len] = '\0';
    return p2p_addr_wrap_scheme(addr, scheme, addr);
}

static void test_size_limit(void **state)
{
    static const char *const leaves[] = {"1.2.3.4:5", "[::1]:5", "7", "name"};
    const p2p_ip ip6 = {.family = 6, .bytes = {1}};
    p2p_addr addr, before;
    (void)state;

    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++) {
        assert_int_equal(pad_to(&addr, leaves[i], P2P_ADDR_SIZE), 0);
        assert_int_equal(p2p__addr_cbytes(&addr)[0], P2P_ADDR_SIZE);
        assert_true(p2p__addr_valid(&addr));
        before = addr;
        assert_int_equal(p2p_addr_wrap_scheme(&addr, "s", &addr), P2P_ERR_NO_SPACE);
        assert_int_equal(p2p_addr_wrap_peer(&addr, id_a, &addr), P2P_ERR_NO_SPACE);
        assert_memory_equal(&addr, &before, sizeof addr);
        assert_int_equal(pad_to(&addr, leaves[i], P2P_ADDR_SIZE + 1), P2P_ERR_NO_SPACE);
    }

    /* IPv6 in place of IPv4 takes 16 bytes more. */
    assert_int_equal(pad_to(&addr, "1.2.3.4:5", P2P_ADDR_SIZE - 16), 0);
    assert_int_equal(p2p_addr_set_ip(&addr, &ip6), 0);
    assert_int_equal(p2p__addr_cbytes(&addr)[0], P2P_ADDR_SIZE);
    assert_true(p2p__addr_valid(&addr));
    assert_int_equal(pad_to(&addr, "1.2.3.4:5", P2P_ADDR_SIZE - 15), 0);
    before = addr;
    assert_int_equal(p2p_addr_set_ip(&addr, &ip6), P2P_ERR_NO_SPACE);
    assert_memory_equal(&addr, &before, sizeof addr);
}

static void test_unspecified(void **state)
{
    (void)state;
    assert_true(p2p_ip_is_unspecified(&(p2p_ip){.family = 4}));
    assert_true(p2p_ip_is_unspecified(&(p2p_ip){.family = 6}));
    assert_true(p2p_ip_is_unspecified(&(p2p_ip){.family = 6, .bytes = {[10] = 0xff, 0xff}}));
    assert_false(p2p_ip_is_unspecified(&(p2p_ip){.family = 0}));
    assert_false(p2p_ip_is_unspecified(&(p2p_ip){.family = 5}));
    for (size_t i = 0; i < 16; i++) {
        p2p_ip ip = {.family = 6};
        ip.bytes[i] = 1;
        assert_false(p2p_ip_is_unspecified(&ip));
        ip.family = 4;
        assert_int_equal(p2p_ip_is_unspecified(&ip), i >= 4);
    }
}

/* A length that is too short or too long leaves no leaf, whatever the layer is. */
static void test_wrong_length(void **state)
{
    static const char *const texts[] = {"1.2.3.4:5", "[::1%4]:5",  "7",
                                        "name",      "out://name", "out://" ID_Z "@7"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        p2p_addr addr = parse(texts[i]), out;
        unsigned used = p2p__addr_cbytes(&addr)[0];
        for (unsigned value = 0; value < 256; value++) {
            p2p_ip ip;
            uint16_t port;
            uint64_t node;
            char text[P2P_ADDR_TEXT_SIZE];
            p2p__addr_bytes(&addr)[0] = (uint8_t)value;
            if (value == used)
                continue;
            assert_int_equal(p2p_addr_text(&addr, text, sizeof text), P2P_ERR_BAD_ADDR);
            assert_int_equal(p2p_addr_wrap_peer(&out, id_a, &addr), P2P_ERR_BAD_ADDR);
            if (value > used && value <= P2P_ADDR_SIZE)
                continue; /* The leaf is there, and something behind it. */
            assert_int_equal(p2p_addr_ip(&addr, &ip), P2P_ERR_NOT_FOUND);
            assert_int_equal(p2p_addr_port(&addr, &port), P2P_ERR_NOT_FOUND);
            assert_int_equal(p2p_addr_mem(&addr, &node), P2P_ERR_NOT_FOUND);
            assert_int_equal(p2p_addr_name(&addr, text, sizeof text), P2P_ERR_NOT_FOUND);
            assert_int_equal(p2p_addr_set_port(&addr, 1), P2P_ERR_NOT_FOUND);
        }
    }
}

/* Bytes that would give an address a second representation, or a text that is another's. */
static void test_not_canonical(void **state)
{
    static const struct {
        uint8_t bytes[64];
        size_t len;
    } cases[] = {
        {{24, P2P__ADDR_IP6, [12] = 0xff, 0xff, 1, 2, 3, 4}, 24},
        {{8, P2P__ADDR_IP4, 1, 2, 3, 4, 0, 5, 1}, 9},
        {{15, P2P__ADDR_IP4, 1, 2, 3, 4, 0, 5, P2P__ADDR_IP4, 1, 2, 3, 4, 0, 5}, 15},
        {{3, P2P__ADDR_NAME, 0}, 3},
        {{4, P2P__ADDR_NAME, 1, '1'}, 4},
        {{6, P2P__ADDR_NAME, 3, 'a', '@', 'b'}, 6},
        {{6, P2P__ADDR_NAME, 3, 'a', 0, 'b'}, 6},
        {{11, P2P__ADDR_SCHEME, 1, '1', P2P__ADDR_IP4, 1, 2, 3, 4, 0, 5}, 11},
        {{12, P2P__ADDR_SCHEME, 2, 'a', ':', P2P__ADDR_IP4, 1, 2, 3, 4, 0, 5}, 12},
        {{10, P2P__ADDR_SCHEME, 0, P2P__ADDR_IP4, 1, 2, 3, 4, 0, 5}, 10},
        {{4, P2P__ADDR_SCHEME, 1, 'a'}, 4},
        {{34, P2P__ADDR_PEER}, 34},
        {{8, 0, 1, 2, 3, 4, 0, 5}, 8},
        {{8, P2P__ADDR_SCHEME + 1, 1, 'a', 3, 4, 0, 5}, 8},
        {{1}, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[P2P_ADDR_TEXT_SIZE];
        p2p_addr addr = {{0}};
        memcpy(p2p__addr_bytes(&addr), cases[i].bytes, cases[i].len);
        assert_int_equal(p2p_addr_text(&addr, text, sizeof text), P2P_ERR_BAD_ADDR);
    }
}

/* Every reader on a struct that holds one wrong byte, at each place, and on noise. The sanitizers
 * watch for reads outside; text() must refuse whatever is not canonical. */
static void read_everything(const p2p_addr *addr)
{
    p2p_addr out, copy = *addr;
    p2p_ip ip;
    uint16_t port;
    uint64_t node;
    uint8_t id[P2P_PEER_ID_SIZE];
    char text[P2P_ADDR_TEXT_SIZE];

    int valid = p2p__addr_valid(addr);
    assert_int_equal(p2p_addr_text(addr, text, sizeof text), valid ? 0 : P2P_ERR_BAD_ADDR);
    if (valid) {
        assert_int_equal(p2p_addr_parse(text, &out), 0);
        assert_memory_equal(&out, addr, sizeof out);
    }
    assert_in_range(p2p_addr_kind_of(addr), P2P_ADDR_NONE, P2P_ADDR_SCHEME);
    assert_true(p2p_addr_equal(addr, &copy));
    assert_int_equal(p2p_addr_compare(addr, &copy), 0);
    assert_true(p2p_addr_hash(addr, 1) == p2p_addr_hash(&copy, 1));
    int err = p2p_addr_ip(addr, &ip);
    assert_int_equal(p2p_addr_port(addr, &port), err);
    err |= p2p_addr_mem(addr, &node) | p2p_addr_peer_id(addr, id);
    err |= p2p_addr_name(addr, text, P2P__ADDR_NAME_MAX + 1);
    err |= p2p_addr_scheme(addr, text, P2P__ADDR_SCHEME_MAX + 1);
    err |= p2p_addr_unwrap(addr, &out) | p2p_addr_wrap_peer(&out, id_a, addr);
    err |= p2p_addr_wrap_scheme(&out, "udp", addr);
    err |= p2p_addr_set_port(&copy, 1) | p2p_addr_set_ip(&copy, &(p2p_ip){.family = 6});
    assert_true(err <= 0);
}

static void test_corrupted(void **state)
{
    static const char *const texts[] = {
        "1.2.3.4:5", "[::1%4]:5",           "7",
        "name",      "out://" ID_0 "@name", ("out://" ID_0 "@in://" ID_Z "@[::1]:5"),
    };
    uint64_t noise = 1;
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t at = 0; at < P2P_ADDR_SIZE; at++) {
            for (unsigned value = 0; value < 256; value++) {
                p2p_addr addr = parse(texts[i]);
                p2p__addr_bytes(&addr)[at] = (uint8_t)value;
                read_everything(&addr);
            }
        }
    }
    for (int round = 0; round < 20000; round++) {
        p2p_addr addr;
        for (size_t at = 0; at < P2P_ADDR_SIZE; at++) {
            noise = noise * UINT64_C(6364136223846793005) + 1442695040888963407u;
            /* Small values make layers; large ones, noise. */
            p2p__addr_bytes(&addr)[at] = (uint8_t)(noise >> 33 & (round % 2 ? 0xff : 0x07));
        }
        if (round % 3)
            p2p__addr_bytes(&addr)[0] = (uint8_t)(noise >> 50);
        read_everything(&addr);
    }
}

static void test_null(void **state)
{
    p2p_addr addr = parse("1.2.3.4:5");
    p2p_ip ip = {.family = 4};
    uint8_t id[P2P_PEER_ID_SIZE] = {0};
    char text[P2P_PEER_ID_TEXT_LEN + 1];
    const p2p_addr before = addr;
    size_t n = 7;
    (void)state;

    p2p_peer_id_text(id, text);
    const int refused[] = {
        p2p_addr_text(NULL, text, sizeof text),
        p2p_addr_text(&addr, NULL, sizeof text),
        p2p_addr_parse("1", NULL),
        p2p_addr_from_ip(NULL, &ip, 1),
        p2p_addr_from_ip(&addr, NULL, 1),
        p2p_addr_from_name(NULL, "a"),
        p2p_addr_wrap_peer(NULL, id, &addr),
        p2p_addr_wrap_peer(&addr, NULL, &addr),
        p2p_addr_wrap_peer(&addr, id, NULL),
        p2p_addr_wrap_scheme(NULL, "a", &addr),
        p2p_addr_wrap_scheme(&addr, "a", NULL),
        p2p_addr_unwrap(NULL, &addr),
        p2p_addr_unwrap(&addr, NULL),
        p2p_addr_ip(NULL, &ip),
        p2p_addr_ip(&addr, NULL),
        p2p_addr_port(NULL, &(uint16_t){0}),
        p2p_addr_port(&addr, NULL),
        p2p_addr_mem(NULL, &(uint64_t){0}),
        p2p_addr_mem(&addr, NULL),
        p2p_addr_peer_id(NULL, id),
        p2p_addr_peer_id(&addr, NULL),
        p2p_addr_scheme(NULL, text, sizeof text),
        p2p_addr_scheme(&addr, NULL, sizeof text),
        p2p_addr_name(NULL, text, sizeof text),
        p2p_addr_name(&addr, NULL, sizeof text),
        p2p_addr_set_ip(NULL, &ip),
        p2p_addr_set_ip(&addr, NULL),
        p2p_addr_set_port(NULL, 1),
        p2p_addr_expand(NULL, &addr, 1, &n),
        p2p_addr_expand(&addr, NULL, 1, &n),
        p2p_addr_expand(&addr, &addr, 1, NULL),
        p2p_peer_id_parse(text, P2P_PEER_ID_TEXT_LEN, NULL),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(refused[i], P2P_ERR_INVALID);
    assert_true(p2p_addr_equal(&addr, &before));
    assert_int_equal(p2p_addr_parse(NULL, &addr), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_peer_id_parse(NULL, P2P_PEER_ID_TEXT_LEN, id), P2P_ERR_MALFORMED);
    assert_int_equal(p2p_addr_expand(&addr, NULL, 0, &n), P2P_ERR_NO_SPACE);
    assert_int_equal(n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),           cmocka_unit_test(test_ip_makers),
        cmocka_unit_test(test_mapped_is_ip4),   cmocka_unit_test(test_fast_helpers),
        cmocka_unit_test(test_mem_and_names),   cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_wrap_and_unwrap), cmocka_unit_test(test_replace_at_any_depth),
        cmocka_unit_test(test_size_limit),      cmocka_unit_test(test_unspecified),
        cmocka_unit_test(test_wrong_length),    cmocka_unit_test(test_not_canonical),
        cmocka_unit_test(test_corrupted),       cmocka_unit_test(test_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
