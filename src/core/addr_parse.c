/* SPDX-License-Identifier: MIT */
#include "core/addr_layout.h"

#include <arpa/inet.h>

#include <p2p/err.h>

/*
 * The grammar, one character ahead. `run` is the longest run of letters, digits and -_.+ at the
 * start of what is left.
 *
 *   address = run "@" address        run is a peer id
 *           | run "://" address      run is a scheme
 *           | leaf
 *   leaf    = "[" ip6 [ "%" number ] "]:" number
 *           | ip4 ":" number
 *           | number
 *           | name
 */

/* An address in the making. What does not fit is still read, so that a text that is both too long
 * and malformed is called malformed. */
typedef struct builder {
    p2p_addr addr;
    size_t used;
    bool full;
} builder;

static void add_text(builder *b, uint8_t tag, const char *text, size_t len)
{
    if (b->used + P2P__ADDR_TEXT_HEAD + len > P2P_ADDR_SIZE) {
        b->full = true;
        return;
    }
    b->used += p2p__addr_put_text(p2p__addr_bytes(&b->addr) + b->used, tag, text, len);
}

static void add_fixed(builder *b, uint8_t tag, const uint8_t *body, size_t len)
{
    if (b->used + 1 + len > P2P_ADDR_SIZE) {
        b->full = true;
        return;
    }
    b->used += p2p__addr_put_fixed(p2p__addr_bytes(&b->addr) + b->used, tag, body, len);
}

/* Adds the only layer of a plain address. */
static void add_leaf(builder *b, const p2p_addr *plain)
{
    const uint8_t *bytes = p2p__addr_cbytes(plain);
    add_fixed(b, bytes[P2P__ADDR_START], bytes + P2P__ADDR_START + 1, bytes[0] - (size_t)2);
}

/* Reads a decimal number up to max without sign or leading zeros. Returns what follows it, or NULL
 * if there is no such number. */
static const char *read_decimal(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > max / 10 || (value == max / 10 && digit > max % 10))
            return NULL;
        value = value * 10 + digit;
    }
    if (at == text || (*text == '0' && at - text > 1))
        return NULL;
    *out = value;
    return at;
}

/* Reads ":port" up to the end of the text. */
static bool read_port(const char *text, uint16_t *out)
{
    uint64_t port;
    if (*text != ':')
        return false;
    const char *end = read_decimal(text + 1, UINT16_MAX, &port);
    if (!end || *end != '\0')
        return false;
    *out = (uint16_t)port;
    return true;
}

static bool parse_ip4(builder *b, const char *text)
{
    uint8_t ip[4];
    uint16_t port;
    p2p_addr plain;

    for (size_t i = 0; i < 4; i++) {
        uint64_t part;
        if (i > 0 && *text++ != '.')
            return false;
        text = read_decimal(text, UINT8_MAX, &part);
        if (!text)
            return false;
        ip[i] = (uint8_t)part;
    }
    if (!read_port(text, &port))
        return false;
    p2p__addr_set_ip4(&plain, ip, port);
    add_leaf(b, &plain);
    return true;
}

/* Reads the characters of an IPv6 address; the system's reader takes every spelling of RFC 4291
 * section 2.2. Returns what follows them, or NULL. */
static const char *read_ip6(const char *text, uint8_t ip[16])
{
    char digits[sizeof "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"];
    size_t len = strspn(text, "0123456789abcdefABCDEF:.");

    if (len >= sizeof digits)
        return NULL;
    memcpy(digits, text, len);
    digits[len] = '\0';
    return inet_pton(AF_INET6, digits, ip) == 1 ? text + len : NULL;
}

static bool parse_ip6(builder *b, const char *text)
{
    uint8_t ip[16];
    uint64_t scope = 0;
    uint16_t port;
    p2p_addr plain;

    text = read_ip6(text + 1, ip);
    if (!text)
        return false;
    if (*text == '%') {
        text = read_decimal(text + 1, UINT32_MAX, &scope);
        /* Scope 0 is written by leaving it away, and IPv4 has none. */
        if (!text || scope == 0 || p2p__ip6_is_mapped(ip))
            return false;
    }
    if (*text != ']' || !read_port(text + 1, &port))
        return false;
    p2p__addr_set_ip6(&plain, ip, port, (uint32_t)scope);
    add_leaf(b, &plain);
    return true;
}

static bool parse_mem(builder *b, const char *text)
{
    uint64_t node;
    p2p_addr plain;
    const char *end = read_decimal(text, UINT64_MAX, &node);

    if (!end || *end != '\0')
        return false;
    p2p_addr_from_mem(&plain, node);
    add_leaf(b, &plain);
    return true;
}

/* Run is the length of the run at text, which is not followed by "@" or "://". */
static bool parse_leaf(builder *b, const char *text, size_t run)
{
    if (*text == '[')
        return parse_ip6(b, text);
    if (*text >= '0' && *text <= '9')
        return text[run] == ':' ? parse_ip4(b, text) : parse_mem(b, text);
    if (text[run] != '\0' || !p2p__addr_name_ok(text, run))
        return false;
    add_text(b, P2P__ADDR_NAME, text, run);
    return true;
}

static size_t run_length(const char *text)
{
    size_t len = 0;
    for (;; len++) {
        char c = text[len];
        bool letter_or_digit = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                               (c >= '0' && c <= '9');
        if (!letter_or_digit && c != '-' && c != '_' && c != '.' && c != '+')
            return len;
    }
}

static bool parse_layers(builder *b, const char *text)
{
    for (;;) {
        size_t run = run_length(text);
        if (text[run] == '@') {
            uint8_t id[P2P_PEER_ID_SIZE];
            if (p2p_peer_id_parse(text, run, id))
                return false;
            add_fixed(b, P2P__ADDR_PEER, id, sizeof id);
            text += run + 1;
        } else if (strncmp(text + run, "://", 3) == 0) {
            if (!p2p__addr_scheme_ok(text, run))
                return false;
            add_text(b, P2P__ADDR_SCHEME, text, run);
            text += run + 3;
        } else {
            return parse_leaf(b, text, run);
        }
    }
}

int p2p_addr_parse(const char *text, p2p_addr *out)
{
    builder b = {.used = P2P__ADDR_START};
    if (!out)
        return P2P_ERR_INVALID;
    if (!text || !parse_layers(&b, text))
        return P2P_ERR_BAD_ADDR;
    if (b.full)
        return P2P_ERR_NO_SPACE;
    p2p__addr_bytes(&b.addr)[0] = (uint8_t)b.used;
    *out = b.addr;
    return P2P_OK;
}
