/* SPDX-License-Identifier: MIT */
#include "core/addr_layout.h"

#include <p2p/err.h>

/*
 * The writers below have no bounds to check: a layer around others writes at most 4 characters for
 * 3 bytes (a peer id 44 for 33, a scheme len + 3 for len + 2), and a leaf at most LEAF_TEXT_MAX.
 */
#define IP6_TEXT_MAX  (sizeof "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535" - 1)
#define LEAF_TEXT_MAX P2P__ADDR_NAME_MAX

_Static_assert(IP6_TEXT_MAX <= LEAF_TEXT_MAX, "a name is the longest leaf");
_Static_assert((P2P_ADDR_SIZE * 4 + 2) / 3 + LEAF_TEXT_MAX + 1 <= P2P_ADDR_TEXT_SIZE,
               "the text of any address fits");

static char *write_chars(char *out, const void *text, size_t len)
{
    memcpy(out, text, len);
    return out + len;
}

static char *write_decimal(char *out, uint64_t value)
{
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return write_chars(out, digits + n, sizeof digits - n);
}

/* A group of an IPv6 address: lower case, no leading zeros (RFC 5952 sections 4.1 and 4.3). */
static char *write_group(char *out, unsigned group)
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned shift = 12; shift > 0; shift -= 4) {
        if (group >> shift)
            *out++ = hex[group >> shift & 15];
    }
    *out++ = hex[group & 15];
    return out;
}

/* The longest run of two zero groups or more, the first of equals (RFC 5952 sections 4.2.1-4.2.3).
 * *len is 0 if there is none. */
static void find_zero_run(const uint8_t *ip, size_t *start, size_t *len)
{
    size_t run = 0;
    *start = 0;
    *len = 0;
    for (size_t i = 0; i < 8; i++) {
        run = p2p__load16be(ip + 2 * i) == 0 ? run + 1 : 0;
        if (run > *len) {
            *len = run;
            *start = i + 1 - run;
        }
    }
    if (*len < 2)
        *len = 0;
}

/*
 * RFC 5952 section 5 lets dotted quads stand for the last two groups where the prefix is known to
 * carry an IPv4 address. The only such prefix that is sure, ::ffff:0:0/96, never comes here; all
 * others are written in groups, so that the form does not depend on what a reader knows.
 */
static char *write_ip6(char *out, const uint8_t *ip)
{
    size_t zero_start, zero_len;
    find_zero_run(ip, &zero_start, &zero_len);

    for (size_t i = 0; i < 8; i++) {
        if (zero_len && i == zero_start) {
            *out++ = ':';
            *out++ = ':';
            i += zero_len - 1;
            continue;
        }
        if (i > 0 && out[-1] != ':')
            *out++ = ':';
        out = write_group(out, p2p__load16be(ip + 2 * i));
    }
    return out;
}

static char *write_ip4(char *out, const uint8_t *ip)
{
    for (size_t i = 0; i < 4; i++) {
        if (i > 0)
            *out++ = '.';
        out = write_decimal(out, ip[i]);
    }
    return out;
}

static char *write_layer(char *out, const p2p__addr_layer *layer)
{
    const uint8_t *body = layer->body;
    switch (layer->tag) {
    case P2P__ADDR_IP4:
        out = write_ip4(out, body);
        *out++ = ':';
        return write_decimal(out, p2p__load16be(body + P2P__ADDR_IP4_PORT - 1));
    case P2P__ADDR_IP6: {
        uint32_t scope = p2p__load32be(body + P2P__ADDR_IP6_SCOPE - 1);
        *out++ = '[';
        out = write_ip6(out, body);
        if (scope != 0) {
            *out++ = '%';
            out = write_decimal(out, scope);
        }
        *out++ = ']';
        *out++ = ':';
        return write_decimal(out, p2p__load16be(body + P2P__ADDR_IP6_PORT - 1));
    }
    case P2P__ADDR_MEM:
        return write_decimal(out, p2p__load64be(body));
    case P2P__ADDR_NAME:
        return write_chars(out, body, layer->len);
    case P2P__ADDR_PEER:
        p2p_peer_id_text(body, out);
        out[P2P_PEER_ID_TEXT_LEN] = '@';
        return out + P2P_PEER_ID_TEXT_LEN + 1;
    default: /* P2P__ADDR_SCHEME: the iterator gives no other tag. */
        out = write_chars(out, body, layer->len);
        return write_chars(out, "://", 3);
    }
}

int p2p_addr_text(const p2p_addr *addr, char *out, size_t cap)
{
    char text[P2P_ADDR_TEXT_SIZE];
    char *end = text;
    p2p__addr_layer layer = {0};

    if (!addr || (!out && cap))
        return P2P_ERR_INVALID;
    if (!p2p__addr_valid(addr))
        return P2P_ERR_BAD_ADDR;
    while (p2p__addr_next(addr, &layer))
        end = write_layer(end, &layer);
    *end++ = '\0';

    size_t size = (size_t)(end - text);
    if (size > cap)
        return P2P_ERR_NO_SPACE;
    memcpy(out, text, size);
    return P2P_OK;
}
