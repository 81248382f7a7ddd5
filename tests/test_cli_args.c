/* SPDX-License-Identifier: MIT */
/*
 * The parts of the p2p program that touch nothing outside: command lines, values, safe text, JSON,
 * the names of stacks, and how input is cut. The program is no library, so its files are included.
 */
#include "cli/allow.c"
#include "cli/args.c"
#include "cli/config.c"
#include "cli/input.c"
#include "cli/keys.c"
#include "cli/options.c"
#include "cli/stack.c"
#include "cli/text.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* --- command lines --- */

/* What a command line is read as: "c=5 j operand !error". */
static const char *read_line(int argc, const char *const *argv, char out[1024])
{
    cli_args args;
    cli_item item;
    size_t len = 0;
    out[0] = '\0';
    cli_args_init(&args, cli_listen_options, cli_n_listen_options, argc, argv);
    for (cli_args_next(&args, &item); item.kind != CLI_ITEM_END; cli_args_next(&args, &item)) {
        const char *space = len ? " " : "";
        if (item.kind == CLI_ITEM_ERROR)
            len += (size_t)snprintf(out + len, 1024 - len, "%s!%s", space, item.error);
        else if (item.kind == CLI_ITEM_OPERAND)
            len += (size_t)snprintf(out + len, 1024 - len, "%s%s", space, item.text);
        else
            len += (size_t)snprintf(out + len, 1024 - len, "%s-%s%s%s", space, item.option->name,
                                    item.text ? "=" : "", item.text ? item.text : "");
        assert_true(len < 1024);
    }
    /* The end stays the end. */
    cli_args_next(&args, &item);
    assert_int_equal(item.kind, CLI_ITEM_END);
    return out;
}

#define assert_reads(expected, ...)                                                             \
    do {                                                                                        \
        const char *const argv[] = {__VA_ARGS__};                                               \
        char out[1024];                                                                         \
        assert_string_equal(read_line((int)(sizeof argv / sizeof *argv), argv, out), expected); \
    } while (0)

static void test_forms(void **state)
{
    (void)state;
    assert_reads("-count=5", "--count", "5");
    assert_reads("-count=5", "--count=5");
    assert_reads("-count=5", "-c", "5");
    assert_reads("-count=5", "-c5");
    assert_reads("-json -verbose -verbose -count=5", "-jvvc5");
    assert_reads("-json -verbose -count=5", "-jvc", "5");
    assert_reads("a -json b", "a", "--json", "b");
    assert_reads("a --json - -c", "a", "--", "--json", "-", "-c");
    assert_reads("- ", "-", "");
    assert_reads("--", "--", "--");
    assert_reads("-answer=--echo", "--answer", "--echo");
    assert_reads("-answer=", "--answer=");
    assert_reads("-answer=", "-a", "");
    assert_reads("-answer=a=b", "--answer=a=b");
}

static void test_line_errors(void **state)
{
    (void)state;
    assert_reads("!unknown option --nothing", "--nothing", "a");
    assert_reads("-json !unknown option --jsn; did you mean --json?", "-j", "--jsn");
    assert_reads("!unknown option --ehco; did you mean --echo?", "--ehco");
    assert_reads("!unknown option --json-; did you mean --json?", "--json-=1");
    assert_reads("!unknown option -z", "-z");
    assert_reads("-json !unknown option -=", "-j=1");
    assert_reads("!--count needs a value: --count N", "--count");
    assert_reads("!--count needs a value: --count N", "-c");
    assert_reads("!--json takes no value", "--json=");
    assert_reads("!--count: \"\" is not a number", "--count=");
    assert_reads("!--count: \"-1\" is not a number", "--count", "-1");
    assert_reads("!--count: \"5k\" is not a number", "-c5k");
    assert_reads("!--count: 0 is out of range, which is 1 to 1000000000", "-c0");
    assert_reads("!--mtu: 65508 is out of range, which is 1 to 65507", "-m65508");
    assert_reads("-mtu=65507", "-m65507");
    assert_reads("!--timeout: \"x\" is not a time, such as 500ms, 2s or 1m", "-tx");
    assert_reads("!--timeout: 999us is out of range, which is 1ms to 8760h", "-t999us");
    assert_reads("-timeout=1ms", "-t1ms");
}

/* Words and values of any length fit into an error. */
static void test_long_words(void **state)
{
    (void)state;
    char word[5000];
    memset(word, 'x', sizeof word);
    word[sizeof word - 1] = '\0';
    word[0] = word[1] = '-';
    const char *const argv[] = {word, word + 2};
    const char *const value[] = {"--count", word + 2};
    char out[1024];
    read_line(2, argv, out);
    assert_int_equal(strlen(out), strlen("!unknown option --") + 64);
    read_line(2, value, out);
    assert_true(strlen(out) < 200);
}

/* --- values --- */

static void test_values(void **state)
{
    static const struct {
        cli_kind kind;
        const char *text;
        uint64_t value;
    } good[] = {
        {CLI_NUMBER, "0", 0},
        {CLI_NUMBER, "18446744073709551615", UINT64_MAX},
        {CLI_BYTES, "1400", 1400},
        {CLI_BYTES, "64k", 65536},
        {CLI_BYTES, "3M", 3u << 20},
        {CLI_BYTES, "17179869183G", UINT64_C(17179869183) << 30},
        {CLI_TIME, "2", 2 * P2P_SECOND},
        {CLI_TIME, "1.5", 1500 * P2P_MILLISECOND},
        {CLI_TIME, "0.000000001s", 1},
        {CLI_TIME, "250us", 250000},
        {CLI_TIME, "7ns", 7},
        {CLI_TIME, "1.5m", 90 * P2P_SECOND},
        {CLI_TIME, "0.123456789h", UINT64_C(444444440400)},
        {CLI_TIME, "5124095h", UINT64_C(5124095) * 3600 * P2P_SECOND},
    };
    static const struct {
        cli_kind kind;
        const char *text;
    } bad[] = {
        {CLI_NUMBER, ""},
        {CLI_NUMBER, "-1"},
        {CLI_NUMBER, "+1"},
        {CLI_NUMBER, " 1"},
        {CLI_NUMBER, "1 "},
        {CLI_NUMBER, "0x1"},
        {CLI_NUMBER, "1.5"},
        {CLI_NUMBER, "1k"},
        {CLI_BYTES, "k"},
        {CLI_BYTES, "1K"},
        {CLI_BYTES, "1.5k"},
        {CLI_BYTES, "17179869184G"},
        {CLI_TIME, "1."},
        {CLI_TIME, ".5"},
        {CLI_TIME, "1 s"},
        {CLI_TIME, "1d"},
        {CLI_TIME, "5124096h"},
        {CLI_TIME, "0.1234567890"},
        {CLI_TIME, "1e3"},
        {CLI_TIME, "18446744073709551616ns"},
        {CLI_NUMBER, "18446744073709551616"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t value = 0, again = 0;
        char text[CLI_VALUE_SIZE];
        if (!cli_value_read(good[i].kind, good[i].text, &value) || value != good[i].value)
            fail_msg("%s is read as %llu", good[i].text, (unsigned long long)value);
        assert_true(
            cli_value_read(good[i].kind, cli_value_text(good[i].kind, value, text), &again));
        assert_int_equal(again, value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t value = 99;
        if (cli_value_read(bad[i].kind, bad[i].text, &value) || value != 99)
            fail_msg("%s was not refused", bad[i].text);
    }
}

static void test_value_text(void **state)
{
    char text[CLI_VALUE_SIZE];
    (void)state;
    assert_string_equal(cli_value_text(CLI_TIME, 1500 * P2P_MILLISECOND, text), "1500ms");
    assert_string_equal(cli_value_text(CLI_TIME, 60 * P2P_SECOND, text), "1m");
    assert_string_equal(cli_value_text(CLI_TIME, 0, text), "0ns");
    assert_string_equal(cli_value_text(CLI_BYTES, 65536, text), "64k");
    assert_string_equal(cli_value_text(CLI_BYTES, 65507, text), "65507");
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"listen", "tell", "ask", "ping"};
    (void)state;
    assert_string_equal(cli_nearest("lsiten", 6, words, 4), "listen");
    assert_string_equal(cli_nearest("tel", 3, words, 4), "tell");
    assert_string_equal(cli_nearest("ping", 4, words, 4), "ping");
    assert_null(cli_nearest("send", 4, words, 4));
    assert_null(cli_nearest("", 0, words, 4));
    assert_null(cli_nearest("listenlistenlistenlistenlistenlisten", 36, words, 4));
}

/* --- configs --- */

static bool read_config(cli_config *config, const char *const *argv, int argc, char *error)
{
    return cli_config_read(config, cli_tell_options, cli_n_tell_options, 1, argc, argv, error);
}

static void test_config(void **state)
{
    static const char *const argv[] = {"-M", "one", "udp://x", "--message=two", "-vv", "--json"};
    static const char *const many[] = {"a", "b"};
    static const char *const conflicts[] = {"-M", "x", "--file", "y"};
    cli_config config;
    char error[CLI_ARGS_ERROR_SIZE];
    (void)state;
    assert_true(read_config(&config, argv, 6, error));
    assert_int_equal(config.n_messages, 2);
    assert_string_equal(config.messages[1], "two");
    assert_string_equal(config.operands[0], "udp://x");
    assert_int_equal(config.n_operands, 1);
    assert_int_equal(config.verbose, 2);
    assert_true(config.json);
    assert_int_equal(config.rate, 10000);
    cli_config_free(&config);
    assert_false(read_config(&config, many, 2, error));
    assert_string_equal(error, "one argument too many: \"b\"");
    cli_config_free(&config);
    assert_false(read_config(&config, conflicts, 4, error));
    assert_string_equal(error, "--message and --file exclude each other");
    cli_config_free(&config);
}

/* Every option of every table is known to the config, and named once. */
static void test_tables(void **state)
{
    static const struct {
        const cli_option *options;
        const size_t *n;
    } tables[] = {
        {cli_listen_options, &cli_n_listen_options}, {cli_tell_options, &cli_n_tell_options},
        {cli_ask_options, &cli_n_ask_options},       {cli_ping_options, &cli_n_ping_options},
        {cli_doctor_options, &cli_n_doctor_options}, {cli_keygen_options, &cli_n_keygen_options},
        {cli_id_options, &cli_n_id_options},         {cli_plain_options, &cli_n_plain_options},
        {cli_help_options, &cli_n_help_options},
    };
    cli_config config;
    (void)state;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (size_t i = 0; i < *tables[t].n; i++) {
            const cli_option *one = &tables[t].options[i];
            bool known = one->id == CLI_OPT_MESSAGE || one->id == CLI_OPT_VERBOSE ||
                         one->id == CLI_OPT_ALLOW;
            known |= one->kind == CLI_FLAG && flag_of(&config, one->id);
            known |= one->kind == CLI_WORD && word_of(&config, one->id);
            known |= one->kind > CLI_WORD && number_of(&config, one->id);
            if (!known || (one->kind == CLI_FLAG) != !one->value || one->min > one->max)
                fail_msg("--%s", one->name);
            for (size_t j = 0; j < i; j++) {
                const cli_option *other = &tables[t].options[j];
                assert_string_not_equal(one->name, other->name);
                assert_true(!one->letter || one->letter != other->letter);
            }
        }
    }
}

/* --- text --- */

static void assert_safe(const char *bytes, size_t len, bool keep_lines, const char *expected)
{
    cli_text text = {0};
    cli_text_safe(&text, bytes, len, keep_lines);
    cli_text_add(&text, "", 1);
    assert_string_equal(text.data, expected);
    cli_text_free(&text);
}

static void test_safe(void **state)
{
    (void)state;
    assert_safe("", 0, false, "");
    assert_safe("plain h\xc3\xa9 \xf0\x9f\x98\x80", 14, false, "plain h\xc3\xa9 \xf0\x9f\x98\x80");
    assert_safe("a\nb\tc\rd\\", 8, false, "a\\nb\\tc\\rd\\\\");
    assert_safe("a\nb\tc\rd\\", 8, true, "a\nb\tc\\rd\\\\");
    assert_safe("\0\x1b\x7f", 3, false, "\\x00\\x1b\\x7f");
    assert_safe("\xc2\x9b", 2, false, "\\xc2\\x9b");                   /* CSI of ISO 6429 */
    assert_safe("\xe2\x80\xae", 3, false, "\\xe2\\x80\\xae");          /* right-to-left override */
    assert_safe("\xef\xbb\xbf", 3, false, "\\xef\\xbb\\xbf");          /* byte order mark */
    assert_safe("\xff\xc3", 2, false, "\\xff\\xc3");                   /* no UTF-8; cut */
    assert_safe("\xc0\xaf", 2, false, "\\xc0\\xaf");                   /* longer than needed */
    assert_safe("\xed\xa0\x80", 3, false, "\\xed\\xa0\\x80");          /* surrogate */
    assert_safe("\xf4\x90\x80\x80", 4, false, "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
}

static void test_json(void **state)
{
    cli_text text = {0};
    (void)state;
    cli_text_json(&text, "\"\\\n\x01\xff\xc3\xa9\xf3\xa0\x80\x81", 11);
    cli_text_add(&text, "", 1);
    assert_string_equal(text.data, "\"\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\\udb40\\udc01\"");
    cli_text_free(&text);
}

/* RFC 4648, 10. */
static void test_base64(void **state)
{
    static const char *const expected[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                           "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    (void)state;
    for (size_t len = 0; len <= 6; len++) {
        cli_text text = {0};
        cli_text_base64(&text, "foobar", len);
        cli_text_add(&text, "", 1);
        assert_string_equal(text.data, expected[len]);
        cli_text_free(&text);
    }
}

/* --- stacks --- */

static void assert_spec_error(const char *text, const char *expected)
{
    cli_spec spec;
    p2p_addr addr;
    char error[CLI_STACK_ERROR_SIZE];
    assert_false(cli_spec_read(&spec, text, error) && cli_spec_addr(&spec, false, &addr, error));
    if (!strstr(error, expected))
        fail_msg("%s: %s", text, error);
}

static void test_specs(void **state)
{
    cli_spec spec, bind;
    p2p_addr addr;
    char error[CLI_STACK_ERROR_SIZE], text[CLI_STACK_TEXT_SIZE];
    (void)state;
    assert_true(cli_spec_read(&spec, "udp://127.0.0.1:4000", error));
    assert_string_equal(spec.scheme, "udp");
    assert_int_equal(spec.n_layers, 1);
    assert_true(cli_spec_addr(&spec, false, &addr, error));
    assert_string_equal(cli_stack_text(&spec, &addr, text), "udp://127.0.0.1:4000");
    assert_true(cli_spec_read_like(&bind, "[::]:0", &spec, error));
    assert_true(cli_spec_addr(&bind, true, &addr, error));
    assert_false(cli_spec_addr(&bind, false, &addr, error));
    assert_true(cli_spec_read_like(&bind, "udp://[::]:0", &spec, error));
    assert_false(cli_spec_read_like(&bind, "mem://1", &spec, error));
    assert_true(cli_spec_read(&spec, "mem://", error));
    assert_true(cli_spec_addr(&spec, false, &addr, error));
    assert_string_equal(cli_stack_text(&spec, &addr, text), "mem://0");
    assert_spec_error("", "has no scheme");
    assert_spec_error("127.0.0.1:1", "write udp://127.0.0.1:1");
    assert_spec_error("udp", "has no scheme");
    assert_spec_error("://", "there is no layer \"\"");
    assert_spec_error("udp+://x", "nothing goes below udp");
    assert_spec_error("+udp://x", "there is no layer \"\"");
    assert_spec_error("mem+udp://x", "nothing goes below mem");
    assert_spec_error("nope+udp://x", "there is no layer \"nope\" in nope+udp://; known are: ");
    assert_spec_error("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa://x",
                      "too long");
}

#define ID "tlMBDKz9vg0c9pN63V6AP_MmDRgUFxMO7_NC3J5feFw"

static void test_peer_specs(void **state)
{
    cli_spec spec;
    p2p_addr addr;
    char error[CLI_STACK_ERROR_SIZE], text[CLI_STACK_TEXT_SIZE];
    const char *const good[] = {"pke+udp://" ID "@127.0.0.1:4000", "pke+udp://" ID "@[::1]:4000",
                                "pke+mem://" ID "@17", "pke+pke+udp://" ID "@" ID "@1.2.3.4:5"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(cli_spec_read(&spec, good[i], error));
        assert_true(cli_spec_has_keys(&spec));
        assert_true(cli_spec_addr(&spec, false, &addr, error));
        assert_string_equal(cli_stack_text(&spec, &addr, text), good[i]);
    }
    /* What is bound has no peer id. */
    assert_true(cli_spec_read(&spec, "pke+udp://127.0.0.1:0", error));
    assert_true(cli_spec_addr(&spec, true, &addr, error));
    assert_string_equal(cli_spec_layer(&spec, 0), "pke");
    assert_string_equal(cli_spec_layer(&spec, 1), "udp");
    assert_null(cli_spec_layer(&spec, 2));
    assert_true(cli_spec_read(&spec, "pke+udp://" ID "@127.0.0.1:0", error));
    assert_false(cli_spec_addr(&spec, true, &addr, error));
    assert_non_null(strstr(error, "a peer id has no place there"));
    assert_spec_error("pke://127.0.0.1:1", "pke needs a layer below it, as in pke+udp://");
    assert_spec_error("udp+pke://127.0.0.1:1", "nothing goes below udp");
    assert_spec_error("pke+udp://127.0.0.1:1", "the peer id is missing");
    assert_spec_error("pke+udp://x@127.0.0.1:1", "has 1 characters, and a peer id has 43");
    assert_spec_error("pke+udp://" ID "@127.0.0.1", "not an address of udp");
    assert_spec_error("pke+udp://" ID "@host:1", "names of hosts are not looked up");
    assert_spec_error("pke+udp://" ID "@" ID "@127.0.0.1:1", "a peer id has no place there");
    assert_spec_error("pke+udp://" ID "@127.0.0.1:0", "nobody can be reached at port 0");
    /* The last character has bits that no id uses. */
    assert_spec_error("pke+udp://tlMBDKz9vg0c9pN63V6AP_MmDRgUFxMO7_NC3J5feFz@127.0.0.1:1",
                      "is no peer id: copy it anew");
    assert_spec_error("udp://" ID "@127.0.0.1:1", "a peer id has no place there");
}

/* --- keys --- */

static void test_allow(void **state)
{
    const char *const ids[] = {ID, "-------------------------------------------"};
    const char *const bad[] = {ID, "x"};
    cli_allow allow;
    p2p_addr addr;
    char error[CLI_ARGS_ERROR_SIZE];
    (void)state;
    assert_true(cli_allow_read(&allow, NULL, 0, error));
    assert_int_equal(p2p_addr_parse("XtMBDKz9vg0c9pN63V6AP_MmDRgUFxMO7_NC3J5feFw@1.2.3.4:5", &addr),
                     0);
    assert_true(cli_allow_peer(&allow, &addr));
    cli_allow_free(&allow);
    assert_true(cli_allow_read(&allow, ids, 2, error));
    assert_false(cli_allow_peer(&allow, &addr));
    assert_int_equal(p2p_addr_parse(ID "@1.2.3.4:5", &addr), 0);
    assert_true(cli_allow_peer(&allow, &addr));
    assert_int_equal(p2p_addr_parse("1.2.3.4:5", &addr), 0);
    assert_false(cli_allow_peer(&allow, &addr));
    cli_allow_free(&allow);
    assert_false(cli_allow_read(&allow, bad, 2, error));
    assert_non_null(strstr(error, "\"x\" is no peer id"));
    cli_allow_free(&allow);
}

/* Each form of a key is read as what it was, and as nothing else. */
static void test_key_forms(void **state)
{
    static const char *const names[] = {"pem", "der", "go-p2p"};
    char path[64];
    uint8_t seed[P2P_ED25519_SEED_SIZE], again[P2P_ED25519_SEED_SIZE];
    char data[512], why[CLI_KEY_ERROR_SIZE];
    cli_key whole, key;
    (void)state;
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)(i * 7);
    assert_int_equal(cli_key_from_seed(&whole, seed), 0);
    (void)snprintf(path, sizeof path, "/tmp/test_cli_args.%ld.key", (long)getpid());
    for (int form = CLI_KEY_PEM; form <= CLI_KEY_GO_P2P; form++) {
        cli_key_form named;
        size_t len;
        bool go_p2p = form == CLI_KEY_GO_P2P;
        assert_true(cli_key_form_read(names[form], &named) && (int)named == form);
        assert_int_equal(cli_key_encode((cli_key_form)form, seed, data, sizeof data, &len), 0);
        assert_int_equal(p2p_key_file_write(path, data, len, P2P_KEY_FILE_OVERWRITE), 0);
        assert_int_equal(cli_key_read(&key, path, go_p2p, why), 0);
        assert_memory_equal(key.id, whole.id, sizeof key.id);
        assert_memory_equal(key.quic_id, whole.quic_id, sizeof key.id);
        cli_key_free(&key);
        assert_int_equal(cli_key_read_seed(again, path, go_p2p, why), 0);
        assert_memory_equal(again, seed, sizeof seed);
        assert_int_not_equal(cli_key_read(&key, path, !go_p2p, why), 0);
        assert_int_equal(unlink(path), 0);
    }
    assert_false(cli_key_form_read("PEM", &(cli_key_form){CLI_KEY_PEM}));
    assert_int_equal(cli_key_encode(CLI_KEY_PEM, seed, data, 10, &(size_t){0}), P2P_ERR_NO_SPACE);
    assert_int_equal(cli_key_read(&key, path, false, why), P2P_ERR_NOT_FOUND);
    cli_key_free(&whole);
}

static void test_key_path(void **state)
{
    char path[CLI_PATH_SIZE];
    (void)state;
    assert_int_equal(setenv("HOME", "/home/me", 1), 0);
    assert_int_equal(setenv("XDG_CONFIG_HOME", "/etc/me", 1), 0);
    assert_true(cli_key_default_path(path));
    assert_string_equal(path, "/etc/me/p2p/key.pem");
    assert_int_equal(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
    assert_true(cli_key_default_path(path));
    assert_string_equal(path, "/home/me/.config/p2p/key.pem");
    assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
    assert_int_equal(setenv("HOME", "", 1), 0);
    assert_false(cli_key_default_path(path));
}

/* --- input --- */

static void never(void *arg)
{
    (void)arg;
    fail_msg("a file is always ready");
}

/* Cuts a file and returns "3 5! 0": the lengths of the pieces, with ! for those above the limit. */
static const char *cut(p2p_loop *loop, const char *data, size_t len, bool whole, size_t limit)
{
    static char out[256];
    char path[] = "/tmp/test_cli_args.XXXXXX";
    size_t at = 0;
    cli_input input;
    cli_piece piece;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    close(fd);
    assert_int_equal(cli_input_open(&input, loop, path, whole, limit, never, NULL), 0);
    out[0] = '\0';
    for (;;) {
        cli_piece_kind kind = cli_input_next(&input, &piece);
        if (kind == CLI_INPUT_END)
            break;
        assert_true(kind == CLI_PIECE || kind == CLI_TOO_LONG);
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%llu%s", at ? " " : "",
                               (unsigned long long)piece.len, kind == CLI_TOO_LONG ? "!" : "");
        assert_true(at < sizeof out);
    }
    cli_input_close(&input);
    unlink(path);
    return out;
}

static void test_input(void **state)
{
    p2p_loop *loop;
    size_t len = 300001;
    char *data = malloc(len);
    (void)state;
    assert_non_null(data);
    assert_int_equal(p2p_loop_new(&loop, NULL), 0);
    assert_string_equal(cut(loop, "", 0, false, 10), "");
    assert_string_equal(cut(loop, "", 0, true, 10), "0");
    assert_string_equal(cut(loop, "\n", 1, false, 10), "0");
    assert_string_equal(cut(loop, "ab\n\nc", 5, false, 10), "2 0 1");
    assert_string_equal(cut(loop, "ab\n\nc\n", 6, false, 10), "2 0 1");
    assert_string_equal(cut(loop, "ab\n\nc\n", 6, true, 10), "6");
    assert_string_equal(cut(loop, "1234\n12345\n1", 12, false, 4), "4 5! 1");
    assert_string_equal(cut(loop, "12345", 5, true, 4), "5!");
    /* Longer than the memory, in the middle and at the end. */
    memset(data, 'x', len);
    data[3] = '\n';
    data[200000] = '\n';
    assert_string_equal(cut(loop, data, len, false, 10), "3 199996! 100000!");
    assert_string_equal(cut(loop, data, 200002, false, 10), "3 199996! 1");
    assert_string_equal(cut(loop, data, len, true, 300001), "300001");
    assert_string_equal(cut(loop, data, len, true, 300000), "300001!");
    assert_string_equal(cut(loop, data, len, false, 200000), "3 199996 100000");
    assert_int_equal(p2p_loop_free(loop), 0);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),      cmocka_unit_test(test_line_errors),
        cmocka_unit_test(test_long_words), cmocka_unit_test(test_values),
        cmocka_unit_test(test_value_text), cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_config),     cmocka_unit_test(test_tables),
        cmocka_unit_test(test_safe),       cmocka_unit_test(test_json),
        cmocka_unit_test(test_base64),     cmocka_unit_test(test_specs),
        cmocka_unit_test(test_input),      cmocka_unit_test(test_peer_specs),
        cmocka_unit_test(test_allow),      cmocka_unit_test(test_key_forms),
        cmocka_unit_test(test_key_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
