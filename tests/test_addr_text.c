/* SPDX-License-Identifier: MIT */
/* Addresses and their texts: what is read, what is written, and all that is refused. */
#include <p2p/addr.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/err.h>

#define ID_0      "-------------------------------------------"
#define ID_1      "--31-kF40VR71FcA2-oD2l-G3WBJ4GNM50ZP5lkS6Ww"
#define ID_Z      "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzw"
#define NAME_63   "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define SCHEME_31 "abcdefghijklmnopqrstuvwxyz01234"

static void assert_reads_as(const char *text, const char *canonical)
{
    p2p_addr addr, again;
    char out[P2P_ADDR_TEXT_SIZE];

    if (p2p_addr_parse(text, &addr))
        fail_msg("refused: %s", text);
    assert_int_equal(p2p_addr_text(&addr, out, sizeof out), 0);
    assert_string_equal(out, canonical);
    assert_int_equal(p2p_addr_parse(out, &again), 0);
    assert_true(p2p_addr_equal(&addr, &again));
}

static void assert_error(const char *text, int expected)
{
    p2p_addr addr, before;
    memset(&addr, 0x5a, sizeof addr);
    before = addr;
    int err = p2p_addr_parse(text, &addr);
    if (err != expected)
        fail_msg("%d instead of %d for: %s", err, expected, text ? text : "(null)");
    assert_memory_equal(&addr, &before, sizeof addr);
}

static void test_canonical_texts(void **state)
{
    static const char *const texts[] = {
        "127.0.0.1:4000",
        "0.0.0.0:0",
        "255.255.255.255:65535",
        "1.20.100.0:1",
        "[::1]:4000",
        "[::]:0",
        "[fe80::1%2]:7",
        "[fe80::1%4294967295]:7",
        "[2001:db8::1%1]:7",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
        "0",
        "17",
        "18446744073709551615",
        "a",
        "Z",
        "any-name.of_yours",
        "a-",
        "a.",
        "udp",
        NAME_63,
        ID_1 "@127.0.0.1:4000",
        ID_0 "@17",
        ID_Z "@a",
        ID_Z "@" ID_0 "@[::1]:5",
        "udp://127.0.0.1:4000",
        "a://b",
        "A://b",
        "a+-.9://0",
        SCHEME_31 "://" NAME_63,
        "quic://" ID_1 "@[::1]:4000",
        ID_1 "@quic://[::1]:4000",
        "a://b://c://" ID_1 "@d://1",
        SCHEME_31 "://" ID_1 "@[1111:1111:1111:1111:1111:1111:1111:1111%4294967295]:65535",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_reads_as(texts[i], texts[i]);
}

/* RFC 5952, section by section. */
static void test_ip6_forms(void **state)
{
    static const char *const pairs[][2] = {
        /* 4.1: no leading zeros. 4.3: lower case. */
        {"[2001:0db8::0001]:1", "[2001:db8::1]:1"},
        {"[2001:DB8::ABCD]:1", "[2001:db8::abcd]:1"},
        {"[1:02:003:0004:5:6:7:8]:1", "[1:2:3:4:5:6:7:8]:1"},
        /* 4.2.1: shorten as much as possible. */
        {"[2001:db8:0:0:0:0:2:1]:1", "[2001:db8::2:1]:1"},
        {"[0:0:0:0:0:0:0:0]:1", "[::]:1"},
        {"[0:0:0:0:0:0:0:1]:1", "[::1]:1"},
        {"[1:0:0:0:0:0:0:0]:1", "[1::]:1"},
        {"[1::0:0]:1", "[1::]:1"},
        /* 4.2.2: one group alone is not shortened. */
        {"[2001:db8::1:1:1:1:1]:1", "[2001:db8:0:1:1:1:1:1]:1"},
        {"[::2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1"},
        {"[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1"},
        /* 4.2.3: the longest run, the first of equals. */
        {"[2001:0:0:1:0:0:0:1]:1", "[2001:0:0:1::1]:1"},
        {"[2001:db8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"},
        {"[0:0:1:0:0:0:1:0]:1", "[0:0:1::1:0]:1"},
        /* 5: dotted quads are read everywhere and never written. */
        {"[::1.2.3.4]:1", "[::102:304]:1"},
        {"[::0.0.0.1]:1", "[::1]:1"},
        {"[::0.1.0.0]:1", "[::1:0]:1"},
        {"[64:ff9b::192.0.2.33]:1", "[64:ff9b::c000:221]:1"},
        {"[1:2:3:4:5:6:7.8.9.10]:1", "[1:2:3:4:5:6:708:90a]:1"},
        {"[::ffff:0:1.2.3.4]:1", "[::ffff:0:102:304]:1"},
        {"[::fffe:1.2.3.4]:1", "[::fffe:102:304]:1"},
        {"[1::ffff:1.2.3.4]:1", "[1::ffff:102:304]:1"},
        /* RFC 4291 section 2.5.5.2: mapped addresses are IPv4. */
        {"[::ffff:1.2.3.4]:5", "1.2.3.4:5"},
        {"[::FFFF:102:304]:5", "1.2.3.4:5"},
        {"[0:0:0:0:0:ffff:0:0]:5", "0.0.0.0:5"},
        {"udp://" ID_1 "@[::ffff:127.0.0.1]:5", "udp://" ID_1 "@127.0.0.1:5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_reads_as(pairs[i][0], pairs[i][1]);
}

static const char *const malformed_ip[] = {
    /* IPv4 */
    "1.2.3.4",
    "1.2.3.4:",
    "1.2.3:5",
    "1.2.3.4.5:6",
    "1.2.3.4.:5",
    ".1.2.3.4:5",
    "1..3.4:5",
    "1.2.3.:5",
    "01.2.3.4:5",
    "1.2.3.04:5",
    "1.2.3.00:5",
    "256.2.3.4:5",
    "1.2.3.256:5",
    "1.2.3.4294967297:5",
    "1.2.3.18446744073709551617:5",
    "+1.2.3.4:5",
    "-1.2.3.4:5",
    "0x1.2.3.4:5",
    "1.2.3.0x4:5",
    "1.2.3.a:5",
    "1.2.3.4:5 ",
    " 1.2.3.4:5",
    "1.2.3. 4:5",
    "1.2.3.4 :5",
    "1.2.3.4: 5",
    "1.2.3.4:5\n",
    "\t1.2.3.4:5",
    "1.2.3.4:65536",
    "1.2.3.4:4294967296",
    "1.2.3.4:18446744073709551616",
    "1.2.3.4:18446744073709551617",
    "1.2.3.4:99999999999999999999999",
    "1.2.3.4:01",
    "1.2.3.4:00",
    "1.2.3.4:+1",
    "1.2.3.4:-1",
    "1.2.3.4:0x1",
    "1.2.3.4:1a",
    "1.2.3.4:a",
    "1.2.3.4:1:2",
    "1.2.3.4::1",
    "1.2.3.4:1_000",
    "1.2.3.4:1.0",
    "1.2.3.4:1,",
    "1.2.3.4:\xd9\xa1",
    "1:5",
    "1.2:5",
    "16909060:5",
    "[1.2.3.4]:5",
    "1.2.3.4%1:5",
    "1,2,3,4:5",
    "1.2.3.4/8:5",
    ":5",
    "*:5",
    "localhost:5",
    /* IPv6 */
    "::1",
    "::1:5",
    "fe80::1%2",
    "[::1]",
    "[::1]:",
    "[::1]5",
    "[::1] :5",
    "[::1]: 5",
    "[::1]:5 ",
    "[ ::1]:5",
    "[::1 ]:5",
    "[::1:5",
    "::1]:5",
    "[]:5",
    "[:]:5",
    "[:::]:5",
    "[::1::]:5",
    "[1:2:3:4:5:6:7]:5",
    "[1:2:3:4:5:6:7:8:9]:5",
    "[1:2:3:4:5:6:7:8::]:5",
    "[1:2:3:4::5:6:7:8]:5",
    "[:1:2:3:4:5:6:7]:5",
    "[1:2:3:4:5:6:7:]:5",
    "[12345::]:5",
    "[g::]:5",
    "[-1::]:5",
    "[0x1::]:5",
    "[::1.2.3]:5",
    "[::1.2.3.4.5]:5",
    "[::1.2.3.256]:5",
    "[::01.2.3.4]:5",
    "[1.2.3.4::]:5",
    "[1:2:3:4:5:6:7:1.2.3.4]:5",
    "[::1]:65536",
    "[::1]:01",
    "[::1]:-1",
    "[[::1]]:5",
    "[::1]]:5",
    "[::1]:5]",
    "[::1]:5:6",
    "(::1):5",
    "[::1/64]:5",
    "[1111:1111:1111:1111:1111:1111:255.255.255.2555]:5",
    "[11111111111111111111111111111111111111111111111111111111111111111111]:5",
    /* scope */
    "[fe80::1%]:5",
    "[fe80::1%0]:5",
    "[fe80::1%00]:5",
    "[fe80::1%01]:5",
    "[fe80::1%+1]:5",
    "[fe80::1%-1]:5",
    "[fe80::1% 1]:5",
    "[fe80::1%1 ]:5",
    "[fe80::1%0x1]:5",
    "[fe80::1%4294967296]:5",
    "[fe80::1%18446744073709551617]:5",
    "[fe80::1%eth0]:5",
    "[fe80::1%lo]:5",
    "[fe80::1%251]x:5",
    "[fe80::1%%1]:5",
    "[fe80::1%1%1]:5",
    "[%1]:5",
    "[fe80::1]%1:5",
    "[::ffff:1.2.3.4%1]:5",
    "[fe80::1%1.5]:5",
};

static void test_malformed_ip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed_ip / sizeof malformed_ip[0]; i++)
        assert_error(malformed_ip[i], P2P_ERR_BAD_ADDR);
}

static const char *const malformed_other[] = {
    "",
    " ",
    "\n",
    "@",
    ":",
    "/",
    "://",
    "[",
    "]",
    "%",
    ".",
    "-",
    "_",
    "+",
    "*",
    /* mem */
    "00",
    "01",
    "+1",
    "-1",
    "-0",
    " 1",
    "1 ",
    "1\n",
    "0x1",
    "1e3",
    "1.0",
    "1.",
    "1a",
    "1_0",
    "1,0",
    "18446744073709551616",
    "18446744073709551617",
    "99999999999999999999",
    "184467440737095516150",
    "340282366920938463463374607431768211457",
    "\xd9\xa1",
    /* names */
    "_a",
    "-a",
    ".a",
    "9a",
    " a",
    "a ",
    "a b",
    "a+b",
    "a/b",
    "a:b",
    "a:",
    "a\n",
    "a\t",
    "a%b",
    "a~",
    "a#",
    "\xc3\xa9",
    "a\xc3\xa9",
    "a\x7f",
    "a\x01",
    "a\xff",
    NAME_63 "a",
    /* peer ids */
    "@1",
    "a@1",
    ID_1,
    ID_1 "@",
    ID_1 "@@1",
    ID_1 " @1",
    ID_1 "@ 1",
    " " ID_1 "@1",
    ID_1 "-@1",
    "-31-kF40VR71FcA2-oD2l-G3WBJ4GNM50ZP5lkS6Ww@1",
    ID_1 "=@1",
    ID_1 ":1",
    "--31-kF40VR71FcA2-oD2l-G3WBJ4GNM50ZP5lkS6Wx@1",
    "--31-kF40VR71FcA2-oD2l-G3WBJ4GNM50ZP5lkS6Wz@1",
    "+-31-kF40VR71FcA2-oD2l-G3WBJ4GNM50ZP5lkS6Ww@1",
    "--31-kF40VR71FcA2.oD2l-G3WBJ4GNM50ZP5lkS6Ww@1",
    "--31-kF40VR71FcA2-oD2l\nG3WBJ4GNM50ZP5lkS6Ww@1",
    "--31-kF40VR71FcA2-oD2l-G3WBJ4GNM50ZP5lkS6Ww\n@1",
    ID_1 "@" ID_1,
    ID_1 "@" ID_1 "@",
    "1@" ID_1,
    /* schemes */
    "udp://",
    "://1",
    "udp:1",
    "udp:/1",
    "udp:///1",
    "udp//1",
    "udp:// 1",
    " udp://1",
    "udp ://1",
    "u dp://1",
    "1://1",
    "9a://1",
    "+a://1",
    "-a://1",
    ".a://1",
    "_a://1",
    "a_b://1",
    "a%b://1",
    "udp://://1",
    "udp://udp://",
    "udp://1://1",
    "udp:\\\\1",
    "udp://1/",
    "udp://1?x",
    "udp://1#x",
    "\xc3\xa9://1",
    SCHEME_31 "5://1",
    ID_1 "://1",
    "1.2.3.4:5://1",
    "[::1]:5://1",
    "[::1]:5@1",
    "1.2.3.4:5@" ID_1,
    "17@17",
    "udp://@1",
};

static void test_malformed_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed_other / sizeof malformed_other[0]; i++)
        assert_error(malformed_other[i], P2P_ERR_BAD_ADDR);
    assert_error(NULL, P2P_ERR_BAD_ADDR);
}

/* A NUL ends the text, wherever it is. */
static void test_nul_is_the_end(void **state)
{
    (void)state;
    assert_reads_as("17\0 18", "17");
    assert_reads_as("1.2.3.4:5\0x", "1.2.3.4:5");
    assert_reads_as("a\0://1", "a");
    assert_error("1.2.3.4:\0005", P2P_ERR_BAD_ADDR);
    assert_error("udp:/\0/1", P2P_ERR_BAD_ADDR);
    assert_error("[::1\0]:5", P2P_ERR_BAD_ADDR);
}

/* One byte in use, three layers of 33 bytes: 28 bytes are left. */
static void test_too_many_layers(void **state)
{
    char text[1000];
    (void)state;
    assert_reads_as(ID_0 "@" ID_1 "@" ID_Z "@[::1%3]:5", ID_0 "@" ID_1 "@" ID_Z "@[::1%3]:5");
    assert_reads_as(ID_0 "@" ID_1 "@" ID_Z "@abc://[::1]:5",
                    ID_0 "@" ID_1 "@" ID_Z "@abc://[::1]:5");
    assert_error(ID_0 "@" ID_1 "@" ID_Z "@abcd://[::1]:5", P2P_ERR_NO_SPACE);
    assert_error(ID_0 "@" ID_1 "@" ID_Z "@" ID_0 "@1", P2P_ERR_NO_SPACE);
    assert_reads_as(ID_0 "@" ID_1 "@" ID_Z "@abcdefghijklmnopqrstuvwxyz",
                    ID_0 "@" ID_1 "@" ID_Z "@abcdefghijklmnopqrstuvwxyz");
    assert_error(ID_0 "@" ID_1 "@" ID_Z "@abcdefghijklmnopqrstuvwxyz0", P2P_ERR_NO_SPACE);

    /* A layer that would fit behind one that did not must not be taken. */
    assert_error(ID_0 "@" ID_1 "@" ID_Z "@" ID_0 "@a://1.2.3.4:5", P2P_ERR_NO_SPACE);
    /* Malformed and too long is malformed. */
    assert_error(ID_0 "@" ID_1 "@" ID_Z "@" ID_0 "@01", P2P_ERR_BAD_ADDR);

    for (size_t i = 0; i < 300; i += 4)
        memcpy(text + i, "a://", 4);
    memcpy(text + 300, "1", 2);
    assert_error(text, P2P_ERR_NO_SPACE);
    /* 39 layers of 3 bytes, then 9 for the node: 1 + 117 + 9 = 127. */
    memcpy(text + 156, "1", 2);
    assert_reads_as(text, text);
    memcpy(text + 156, "aa://1", 7);
    assert_error(text, P2P_ERR_NO_SPACE);
    memcpy(text + 152, "aa://1", 7);
    assert_reads_as(text, text);
}

static void test_capacity_of_text(void **state)
{
    static const char *const texts[] = {"1", "1.2.3.4:5", "udp://" ID_1 "@[fe80::1%7]:5"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        p2p_addr addr;
        char out[P2P_ADDR_TEXT_SIZE];
        assert_int_equal(p2p_addr_parse(texts[i], &addr), 0);
        for (size_t cap = 0; cap <= strlen(texts[i]); cap++) {
            memset(out, 'x', sizeof out);
            assert_int_equal(p2p_addr_text(&addr, out, cap), P2P_ERR_NO_SPACE);
            assert_int_equal(out[0], 'x');
        }
        assert_int_equal(p2p_addr_text(&addr, out, strlen(texts[i]) + 1), 0);
        assert_string_equal(out, texts[i]);
        assert_int_equal(p2p_addr_text(&addr, NULL, 0), P2P_ERR_NO_SPACE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_texts),  cmocka_unit_test(test_ip6_forms),
        cmocka_unit_test(test_malformed_ip),     cmocka_unit_test(test_malformed_other),
        cmocka_unit_test(test_nul_is_the_end),   cmocka_unit_test(test_too_many_layers),
        cmocka_unit_test(test_capacity_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
