/* SPDX-License-Identifier: MIT */
/*
 * What the program makes of bytes that a peer sends. If the first byte is even, the rest is a
 * message that listen prints: one line, in which nothing is unsafe for a terminal and from which
 * the message can be told again; as JSON it is a flat object. If it is odd, the rest says what
 * comes back to ping, and when: right and wrong bytes, late, twice and in any order; ping agrees
 * with a plain list of what was sent.
 */
#include "cli/listen_print.c"
#include "cli/output.c"
#include "cli/pings.c"
#include "cli/signals.c"
#include "cli/stack.c"
#include "cli/text.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(int condition)
{
    if (!condition)
        abort();
}

typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static uint8_t next(input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

/* --- what is read back --- */

typedef struct bytes {
    size_t len;
    uint8_t data[1 << 16];
} bytes;

static void add(bytes *out, unsigned byte)
{
    require(out->len < sizeof out->data);
    out->data[out->len++] = (uint8_t)byte;
}

static void require_same(const bytes *got, const p2p_msg *msg)
{
    require(got->len == msg->len && memcmp(got->data, msg->data, msg->len) == 0);
}

/* So many hexadecimal digits. */
static unsigned read_hex(const char **at, int digits)
{
    static const char names[] = "0123456789abcdef";
    unsigned value = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        const char *name = strchr(names, **at);
        require(**at && name);
        value = value << 4 | (unsigned)(name - names);
    }
    return value;
}

static void add_code_point(bytes *out, unsigned code)
{
    if (code < 0x80) {
        add(out, code);
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    add(out, (0xffu << (7 - more) & 0xff) | code >> 6 * more);
    while (more-- > 0)
        add(out, 0x80 | (code >> 6 * more & 0x3f));
}

/* What an escape of JSON or of C stands for; at is behind its backslash. */
static void read_escape(bytes *out, const char **at)
{
    static const char names[] = "nrt\"\\";
    static const char values[] = "\n\r\t\"\\";
    char kind = *(*at)++;
    const char *name = strchr(names, kind);
    if (kind == 'x') {
        add(out, read_hex(at, 2));
    } else if (kind == 'u') {
        unsigned code = read_hex(at, 4);
        if (code >= 0xd800 && code < 0xdc00) {
            require(*(*at)++ == '\\' && *(*at)++ == 'u');
            code = 0x10000 + ((code - 0xd800) << 10) + (read_hex(at, 4) - 0xdc00);
        }
        add_code_point(out, code);
    } else {
        require(kind && name);
        add(out, (uint8_t)values[name - names]);
    }
}

/* Reads up to an end, which it leaves behind. */
static void read_string(bytes *out, const char **at, char end)
{
    out->len = 0;
    while (**at != end) {
        char c = *(*at)++;
        require(c != '\0');
        if (c == '\\')
            read_escape(out, at);
        else
            add(out, (uint8_t)c);
    }
    ++*at;
}

static void read_base64(bytes *out, const char **at)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out->len = 0;
    while (**at != '"') {
        unsigned bits = 0, n = 0;
        for (int i = 0; i < 4; i++) {
            char c = *(*at)++;
            const char *digit = strchr(digits, c);
            require(c && (digit || (c == '=' && i > 1)));
            require(!digit || n == (unsigned)i);
            bits = bits << 6 | (digit ? (unsigned)(digit - digits) : 0);
            n += digit != NULL;
        }
        for (unsigned i = 0; i + 1 < n; i++)
            add(out, bits >> (16 - 8 * i) & 0xff);
    }
    ++*at;
}

/* --- listen --- */

static void skip(const char **at, const char *expected)
{
    require(strncmp(*at, expected, strlen(expected)) == 0);
    *at += strlen(expected);
}

static void check_json(const char *line, const p2p_msg *msg)
{
    static bytes got;
    char len[32];
    skip(&line, "{\"event\":\"message\",\"time\":\"");
    read_string(&got, &line, '"');
    skip(&line, ",\"src\":\"");
    read_string(&got, &line, '"');
    skip(&line, ",\"dst\":\"");
    read_string(&got, &line, '"');
    (void)snprintf(len, sizeof len, ",\"len\":%zu", msg->len);
    skip(&line, len);
    skip(&line, ",\"base64\":\"");
    read_base64(&got, &line);
    require_same(&got, msg);
    if (cli_is_utf8(msg->data, msg->len)) {
        skip(&line, ",\"text\":\"");
        read_string(&got, &line, '"');
        require_same(&got, msg);
    }
    require(strcmp(line, "}\n") == 0);
}

static void check_text(const char *line, const cli_config *config, const cli_spec *spec,
                       const p2p_msg *msg)
{
    static bytes got;
    char addr[CLI_STACK_TEXT_SIZE];
    if (config->from) {
        skip(&line, cli_stack_text(spec, msg->src, addr));
        skip(&line, "\t");
    }
    read_string(&got, &line, config->no_newline ? '\0' : '\n');
    require_same(&got, msg);
    require(config->no_newline || !*line);
}

/* Nothing but printable text, and tabs and newlines of our own. The text is terminated. */
static void check_safe(const cli_text *text, const cli_config *config)
{
    static const char *const invisible[] = {"\u061c", "\u200b", "\u2028",
                                            "\u202e", "\u2066", "\ufeff"};
    unsigned tabs = 0, lines = 0;
    require(strlen(text->data) == text->len && cli_is_utf8(text->data, text->len));
    for (size_t i = 0; i < sizeof invisible / sizeof *invisible; i++)
        require(!strstr(text->data, invisible[i]));
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        tabs += c == '\t';
        lines += c == '\n';
        require(c >= 0x20 || c == '\t' || c == '\n');
        require(c != 0x7f && (c != 0xc2 || (unsigned char)text->data[i + 1] >= 0xa0));
    }
    require(tabs == (config->from && !config->json));
    require(lines == (config->json || !config->no_newline));
}

static void check_message(input *in)
{
    static const char *const places[] = {"127.0.0.1:4000", "[fe80::1%3]:4000", "[2001:db8::7]:1"};
    cli_text text = {0};
    cli_spec spec;
    p2p_addr src, dst;
    char error[CLI_STACK_ERROR_SIZE];
    uint8_t shape = next(in);
    cli_config config = {.json = shape & 1,
                         .from = shape >> 1 & 1,
                         .raw = shape >> 2 & 1,
                         .no_newline = shape >> 3 & 1};
    require(cli_spec_read(&spec, "udp://127.0.0.1:4000", error));
    require(!p2p_addr_parse(places[(shape >> 4) % 3], &src) && !p2p_addr_parse(places[0], &dst));
    uint8_t *data = malloc(in->left ? in->left : 1);
    require(data != NULL);
    memcpy(data, in->at, in->left);
    p2p_msg msg = {&src, &dst, data, in->left < 4096 ? in->left : 4096};
    cli_message_print(&text, &config, &spec, (uint64_t)shape << 56, &msg);
    require(!text.failed);
    cli_text_add(&text, "", 1); /* the end, for who reads it */
    text.len--;
    if (config.raw && !config.json) {
        size_t tail = !config.no_newline;
        require(text.len >= msg.len + tail);
        require(memcmp(text.data + text.len - tail - msg.len, data, msg.len) == 0);
    } else {
        check_safe(&text, &config);
        if (config.json)
            check_json(text.data, &msg);
        else
            check_text(text.data, &config, &spec, &msg);
    }
    cli_text_free(&text);
    free(data);
}

/* --- ping --- */

#define MAX_SENT 10000u

typedef struct list {
    uint64_t now;
    uint64_t sent_at[MAX_SENT + 1];
    cli_ping_kind would_be[MAX_SENT + 1]; /* if it came now */
    size_t sent, received, duplicates;
    size_t size;
} list;

static const uint8_t nonce[CLI_PING_NONCE_SIZE] = "whose is";

static void write_ping(const list *model, uint64_t number, uint8_t *out)
{
    memcpy(out, nonce, sizeof nonce);
    for (int i = 0; i < 8; i++)
        out[8 + i] = (uint8_t)(number >> 8 * (7 - i));
    for (size_t i = CLI_PING_MIN_SIZE; i < model->size; i++)
        out[i] = (uint8_t)i;
}

static void send_pings(cli_pings *pings, list *model, unsigned n)
{
    uint8_t expected[256];
    for (; n && model->sent < MAX_SENT; n--) {
        write_ping(model, ++model->sent, expected);
        require(memcmp(cli_pings_next(pings), expected, model->size) == 0);
        uint64_t old = model->sent > CLI_PING_WINDOW ? model->sent - CLI_PING_WINDOW : 0;
        int was_flying = old && model->would_be[old] == CLI_PING_BACK;
        require(cli_pings_sent(pings, model->now) == (was_flying ? old : 0));
        model->would_be[old] = CLI_PING_LATE;
        model->would_be[model->sent] = CLI_PING_BACK;
        model->sent_at[model->sent] = model->now;
        model->now += 1000;
    }
}

static void receive(cli_pings *pings, list *model, const uint8_t *data, size_t len)
{
    uint8_t expected[256];
    uint64_t number = 0, got, took;
    for (size_t i = 0; i < 8 && len >= CLI_PING_MIN_SIZE; i++)
        number = number << 8 | data[8 + i];
    write_ping(model, number, expected);
    int ours = len == model->size && number && number <= model->sent &&
               memcmp(data, expected, len) == 0;
    cli_ping_kind kind = cli_pings_receive(pings, data, len, model->now, &got, &took);
    require(kind == (ours ? model->would_be[number] : CLI_PING_FOREIGN));
    require(got == (ours ? number : 0));
    if (kind == CLI_PING_BACK || kind == CLI_PING_AGAIN) {
        require(took == model->now - model->sent_at[number]);
        model->received += kind == CLI_PING_BACK;
        model->duplicates += kind == CLI_PING_AGAIN;
        model->would_be[number] = CLI_PING_AGAIN;
    }
}

/* One that was sent, or would have been, as it was or not; of its own size in memory. */
static void answer(cli_pings *pings, list *model, input *in)
{
    uint8_t copy[256] = {0};
    uint64_t number = (uint64_t)next(in) << 8;
    number |= next(in);
    uint8_t how = next(in);
    size_t len = how & 2 ? next(in) : model->size;
    if (how & 4)
        number |= UINT64_C(1) << next(in) % 64;
    write_ping(model, number, copy);
    if (how & 1)
        copy[next(in) % model->size] ^= next(in);
    uint8_t *data = malloc(len ? len : 1);
    require(data != NULL);
    memcpy(data, copy, len);
    receive(pings, model, data, len);
    free(data);
}

static void lose_oldest(cli_pings *pings, list *model)
{
    uint64_t sent_at = 0;
    uint64_t number = cli_pings_oldest(pings, &sent_at);
    for (size_t i = 1; i <= model->sent; i++)
        if (model->would_be[i] == CLI_PING_BACK) {
            require(number == i && sent_at == model->sent_at[i]);
            cli_pings_lose(pings, number);
            model->would_be[i] = CLI_PING_LATE;
            return;
        }
    require(number == 0);
}

static void check_statistics(const cli_pings *pings, const list *model)
{
    double mean = cli_pings_mean(pings), deviation = cli_pings_deviation(pings);
    double slack = 1e-6 * ((double)pings->max + 1);
    require(pings->sent == model->sent && pings->received == model->received);
    require(pings->duplicates == model->duplicates && pings->received <= pings->sent);
    require(pings->min <= pings->max);
    require((double)pings->min <= mean + slack && mean <= (double)pings->max + slack);
    require(deviation >= 0 && deviation <= (double)(pings->max - pings->min) + slack);
}

static void check_pings(input *in)
{
    static list model;
    cli_pings pings;
    memset(&model, 0, sizeof model);
    model.size = CLI_PING_MIN_SIZE + next(in) % (256 - CLI_PING_MIN_SIZE);
    require(cli_pings_open(&pings, model.size, nonce));
    for (int steps = 0; in->left && steps < 500; steps++) {
        uint8_t op = next(in);
        if (op < 64)
            send_pings(&pings, &model, op < 60 ? 1 : 1500);
        else if (op < 192)
            answer(&pings, &model, in);
        else if (op < 224)
            lose_oldest(&pings, &model);
        else
            model.now += (uint64_t)next(in) << next(in) % 48;
    }
    check_statistics(&pings, &model);
    cli_pings_close(&pings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    input in = {data, len};
    if (next(&in) & 1)
        check_pings(&in);
    else
        check_message(&in);
    return 0;
}
