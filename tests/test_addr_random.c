/* SPDX-License-Identifier: MIT */
/*
 * Random stacks of layers, made twice: with the makers, and as a text written here without them.
 * The two must agree, in both directions, and equality, order and hash must agree with the texts.
 */
#include <p2p/addr.h>

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/err.h>

enum { ROUNDS = 100000, TEXT_MAX = 1024 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char name_chars[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
static const char scheme_chars[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+.";

static uint64_t random_state;

static uint64_t next_random(void)
{
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static size_t below(size_t limit)
{
    return (size_t)(next_random() % limit);
}

static void random_word(char *out, const char *chars, size_t max)
{
    /* Short words are frequent, so that equal ones happen too. */
    size_t len = below(2) ? 1 : 1 + below(max);
    out[0] = letters[below(sizeof letters - 1)];
    for (size_t i = 1; i < len; i++)
        out[i] = chars[below(strlen(chars))];
    out[len] = '\0';
}

static uint16_t random_port(void)
{
    return (uint16_t)(next_random() >> below(64));
}

static void random_ip4(p2p_addr *addr, char *text)
{
    p2p_ip ip = {.family = 4};
    uint16_t port = random_port();
    for (size_t i = 0; i < 4; i++)
        ip.bytes[i] = (uint8_t)(next_random() >> below(64));
    assert_int_equal(p2p_addr_from_ip(addr, &ip, port), 0);
    sprintf(text, "%d.%d.%d.%d:%d", ip.bytes[0], ip.bytes[1], ip.bytes[2], ip.bytes[3], port);
}

/* The C library writes RFC 5952, except that it uses dotted quads for some; those are left out. */
static void random_ip6(p2p_addr *addr, char *text)
{
    char ip_text[INET6_ADDRSTRLEN];
    p2p_ip ip;
    uint16_t port = random_port();
    do {
        ip = (p2p_ip){.family = 6};
        unsigned groups = (unsigned)next_random();
        for (size_t i = 0; i < 16; i += 2) {
            if (!(groups >> i & 1))
                continue;
            uint16_t group = random_port();
            ip.bytes[i] = (uint8_t)(group >> 8);
            ip.bytes[i + 1] = (uint8_t)group;
        }
        assert_non_null(inet_ntop(AF_INET6, ip.bytes, ip_text, sizeof ip_text));
    } while (strchr(ip_text, '.'));
    ip.scope = below(2) ? 0 : (uint32_t)(next_random() >> (32 + below(32)));
    assert_int_equal(p2p_addr_from_ip(addr, &ip, port), 0);
    if (ip.scope)
        sprintf(text, "[%s%%%u]:%d", ip_text, ip.scope, port);
    else
        sprintf(text, "[%s]:%d", ip_text, port);
}

static void random_leaf(p2p_addr *addr, char *text)
{
    uint64_t node = next_random() >> below(64);
    switch (below(4)) {
    case 0:
        random_ip4(addr, text);
        break;
    case 1:
        random_ip6(addr, text);
        break;
    case 2:
        p2p_addr_from_mem(addr, node);
        sprintf(text, "%llu", (unsigned long long)node);
        break;
    default:
        random_word(text, name_chars, 63);
        assert_int_equal(p2p_addr_from_name(addr, text), 0);
        break;
    }
}

/* Puts a layer around *addr and its text. Returns the maker's error. */
static int random_wrap(p2p_addr *addr, char *text)
{
    char before[TEXT_MAX], word[64];
    int err;

    if (below(2)) {
        uint8_t id[P2P_PEER_ID_SIZE];
        for (size_t i = 0; i < sizeof id; i++)
            id[i] = (uint8_t)next_random();
        p2p_peer_id_text(id, word);
        strcat(word, "@");
        err = p2p_addr_wrap_peer(addr, id, addr);
    } else {
        random_word(word, scheme_chars, 31);
        err = p2p_addr_wrap_scheme(addr, word, addr);
        strcat(word, "://");
    }
    strcpy(before, text);
    strcpy(text, word);
    strcat(text, before);
    return err;
}

static int random_address(p2p_addr *addr, char *text)
{
    int err = 0;
    random_leaf(addr, text);
    for (size_t depth = below(6); depth > 0 && !err; depth--)
        err = random_wrap(addr, text);
    return err;
}

static void test_round_trips(void **state)
{
    size_t fitted = 0;
    (void)state;
    random_state = 1;
    for (int round = 0; round < ROUNDS; round++) {
        p2p_addr made, parsed, parsed_before;
        char text[TEXT_MAX], out[P2P_ADDR_TEXT_SIZE];
        int err = random_address(&made, text);
        memset(&parsed, 0xa5, sizeof parsed);
        parsed_before = parsed;
        assert_int_equal(p2p_addr_parse(text, &parsed), err);
        if (err) {
            assert_int_equal(err, P2P_ERR_NO_SPACE);
            assert_memory_equal(&parsed, &parsed_before, sizeof parsed);
            continue;
        }
        assert_int_equal(p2p_addr_text(&made, out, sizeof out), 0);
        assert_string_equal(out, text);
        assert_memory_equal(&parsed, &made, sizeof made);
        fitted++;
    }
    /* Both ends must be met often for this to mean something. */
    assert_in_range(fitted, ROUNDS / 2, ROUNDS - ROUNDS / 50);
}

/* One changed, lost or added character: refused, or another address, whose text it is. Only inside
 * brackets are there several spellings. */
static void test_near_misses(void **state)
{
    static const char chars[] = "0123456789abfgzAFGZ-_.:/@%[]+ \n~";
    size_t accepted = 0;
    (void)state;
    random_state = 2;
    for (int round = 0; round < ROUNDS; round++) {
        p2p_addr made, parsed, again;
        char text[TEXT_MAX], out[P2P_ADDR_TEXT_SIZE];
        if (random_address(&made, text))
            continue;
        size_t len = strlen(text);
        size_t at = below(len + 1);
        switch (below(3)) {
        case 0:
            text[at] = at < len ? chars[below(sizeof chars - 1)] : '\0';
            break;
        case 1:
            memmove(text + at + 1, text + at, len + 1 - at);
            text[at] = chars[below(sizeof chars - 1)];
            break;
        default:
            if (at < len)
                memmove(text + at, text + at + 1, len - at);
            break;
        }
        if (p2p_addr_parse(text, &parsed))
            continue;
        accepted++;
        assert_int_equal(p2p_addr_text(&parsed, out, sizeof out), 0);
        if (!strchr(text, '['))
            assert_string_equal(out, text);
        assert_int_equal(p2p_addr_parse(out, &again), 0);
        assert_memory_equal(&parsed, &again, sizeof again);
    }
    assert_in_range(accepted, ROUNDS / 20, ROUNDS);
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

/* Equal, ordered and hashed consistently with the texts; the order is antisymmetric and
 * transitive. Few different addresses, so that equal pairs are frequent. */
static void test_equality_order_and_hash(void **state)
{
    enum { COUNT = 120 };
    p2p_addr addrs[COUNT];
    char texts[COUNT][P2P_ADDR_TEXT_SIZE];
    size_t equal_pairs = 0;
    (void)state;

    random_state = 3;
    for (size_t i = 0; i < COUNT; i++) {
        char text[TEXT_MAX];
        while (random_address(&addrs[i], text))
            ;
        if (i % 4 == 3)
            addrs[i] = addrs[below(i)];
        assert_int_equal(p2p_addr_text(&addrs[i], texts[i], sizeof texts[i]), 0);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            int same = strcmp(texts[i], texts[j]) == 0;
            int order = sign(p2p_addr_compare(&addrs[i], &addrs[j]));
            equal_pairs += same && i != j;
            assert_int_equal(p2p_addr_equal(&addrs[i], &addrs[j]) != 0, same);
            assert_int_equal(order == 0, same);
            assert_int_equal(order, -sign(p2p_addr_compare(&addrs[j], &addrs[i])));
            /* Different addresses collide with a probability of 2^-64. */
            assert_int_equal(p2p_addr_hash(&addrs[i], 7) == p2p_addr_hash(&addrs[j], 7), same);
            assert_false(p2p_addr_hash(&addrs[i], 7) == p2p_addr_hash(&addrs[j], 8));
            for (size_t k = 0; k < COUNT && order < 0; k++) {
                if (p2p_addr_compare(&addrs[j], &addrs[k]) <= 0)
                    assert_true(p2p_addr_compare(&addrs[i], &addrs[k]) < 0);
            }
        }
    }
    assert_true(equal_pairs >= COUNT / 4);
}

/* Neighbours differ, in all words of the address. */
static void test_every_part_counts(void **state)
{
    static const char *const texts[] = {
        "1.2.3.4:5", "1.2.3.4:6", "1.2.3.5:5", "2.2.3.4:5", "1.2.3.4:261", "[102:304::]:5",
        "[::1]:5",   "[::1]:6",   "[::2]:5",   "[::1%1]:5", "[::1%2]:5",   "[1::]:5",
        "0",         "1",         "256",       "a",         "b",           "A",
        "aa",        "a://1",     "b://1",     "a://2",     "a://b",       "aa://1",
        "a://a://1"};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            p2p_addr a, b;
            assert_int_equal(p2p_addr_parse(texts[i], &a), 0);
            assert_int_equal(p2p_addr_parse(texts[j], &b), 0);
            assert_int_equal(p2p_addr_equal(&a, &b) != 0, i == j);
            assert_int_equal(p2p_addr_compare(&a, &b) == 0, i == j);
            assert_int_equal(p2p_addr_hash(&a, 0) == p2p_addr_hash(&b, 0), i == j);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_near_misses),
        cmocka_unit_test(test_equality_order_and_hash),
        cmocka_unit_test(test_every_part_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
