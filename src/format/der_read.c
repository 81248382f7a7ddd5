/* SPDX-License-Identifier: MIT */
#include "format/der.h"

#include <string.h>

#include <p2p/err.h>
#include <p2p/x509.h>

/* Reads a length (X.690, 8.1.3 and 10.1: definite, in the fewest bytes) at *at, and moves *at. */
static int read_length(const p2p__bytes *in, size_t *at, size_t *out)
{
    if (*at >= in->len)
        return P2P_ERR_MALFORMED;
    uint8_t first = in->p[(*at)++];
    if (first < 0x80) {
        *out = first;
        return 0;
    }
    size_t n = first & 0x7fu;
    /* 0 would be the indefinite form; more than 3 bytes exceed P2P__DER_MAX_LEN. */
    if (n == 0 || n > 3 || n > in->len - *at)
        return P2P_ERR_MALFORMED;
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len = len << 8 | in->p[(*at)++];
    size_t least = n == 1 ? 0x80u : (size_t)1 << (8 * (n - 1));
    if (len < least)
        return P2P_ERR_MALFORMED;
    *out = len;
    return 0;
}

int p2p__der_any(p2p__bytes *in, uint8_t *tag, p2p__bytes *content, p2p__bytes *whole)
{
    size_t at = 1, len;
    /* Tag 0 is the end of an indefinite length; a low part of 31 starts a tag of several bytes. */
    if (in->len == 0 || in->p[0] == 0 || (in->p[0] & 0x1f) == 0x1f)
        return P2P_ERR_MALFORMED;
    if (read_length(in, &at, &len) || len > in->len - at)
        return P2P_ERR_MALFORMED;
    p2p__bytes all = {in->p, at + len};
    *tag = in->p[0];
    content->p = in->p + at;
    content->len = len;
    in->p += all.len;
    in->len -= all.len;
    *whole = all;
    return 0;
}

int p2p__der_get(p2p__bytes *in, uint8_t tag, p2p__bytes *content, p2p__bytes *whole)
{
    p2p__bytes rest = *in, inside, all;
    uint8_t found;
    if (p2p__der_any(&rest, &found, &inside, &all) || found != tag)
        return P2P_ERR_MALFORMED;
    *in = rest;
    *content = inside;
    if (whole)
        *whole = all;
    return 0;
}

int p2p__der_next_is(const p2p__bytes *in, uint8_t tag)
{
    return in->len > 0 && in->p[0] == tag;
}

/* X.690, 8.3.2: the first nine bits of an INTEGER are not all equal. */
static int integer_is_minimal(p2p__bytes n)
{
    if (n.len == 0)
        return 0;
    if (n.len == 1)
        return 1;
    return !(n.p[0] == 0 && n.p[1] < 0x80) && !(n.p[0] == 0xff && n.p[1] >= 0x80);
}

int p2p__der_uint(p2p__bytes *in, p2p__bytes *content)
{
    p2p__bytes rest = *in, n;
    if (p2p__der_get(&rest, P2P__DER_INTEGER, &n, NULL) || !integer_is_minimal(n) || n.p[0] >= 0x80)
        return P2P_ERR_MALFORMED;
    *in = rest;
    *content = n;
    return 0;
}

int p2p__der_small(p2p__bytes *in, unsigned *value)
{
    p2p__bytes rest = *in, n;
    if (p2p__der_uint(&rest, &n) || n.len != 1)
        return P2P_ERR_MALFORMED;
    *in = rest;
    *value = n.p[0];
    return 0;
}

int p2p__der_bits(p2p__bytes *in, p2p__bytes *bits)
{
    p2p__bytes rest = *in, all;
    if (p2p__der_get(&rest, P2P__DER_BIT_STRING, &all, NULL) || all.len == 0 || all.p[0] != 0)
        return P2P_ERR_MALFORMED;
    *in = rest;
    bits->p = all.p + 1;
    bits->len = all.len - 1;
    return 0;
}

int p2p__der_oid_check(p2p__bytes oid)
{
    if (oid.len == 0 || oid.p[oid.len - 1] >= 0x80)
        return P2P_ERR_MALFORMED;
    /* X.690, 8.19.2: no arc starts with a byte that adds nothing. */
    int starts = 1;
    for (size_t i = 0; i < oid.len; i++) {
        if (starts && oid.p[i] == 0x80)
            return P2P_ERR_MALFORMED;
        starts = oid.p[i] < 0x80;
    }
    return 0;
}

int p2p__der_oid(p2p__bytes *in, p2p__bytes *oid)
{
    p2p__bytes rest = *in, content;
    if (p2p__der_get(&rest, P2P__DER_OID, &content, NULL) || content.len > P2P_OID_MAX ||
        p2p__der_oid_check(content))
        return P2P_ERR_MALFORMED;
    *in = rest;
    *oid = content;
    return 0;
}

/* X.690, 11.2: unused bits are zero, and an empty string has none. */
static int bits_are_canonical(p2p__bytes bits)
{
    if (bits.len == 0 || bits.p[0] > 7)
        return 0;
    if (bits.len == 1)
        return bits.p[0] == 0;
    return (bits.p[bits.len - 1] & ((1u << bits.p[0]) - 1)) == 0;
}

/* An element of a universal, primitive type. */
static int check_primitive(uint8_t tag, p2p__bytes content)
{
    int good = 1;
    switch (tag) {
    case P2P__DER_BOOLEAN:
        good = content.len == 1 && (content.p[0] == 0 || content.p[0] == 0xff);
        break;
    case P2P__DER_INTEGER:
    case 0x0a: /* ENUMERATED */
        good = integer_is_minimal(content);
        break;
    case P2P__DER_BIT_STRING:
        good = bits_are_canonical(content);
        break;
    case P2P__DER_NULL:
        good = content.len == 0;
        break;
    case P2P__DER_OID:
        good = !p2p__der_oid_check(content);
        break;
    case 0x08: /* EXTERNAL, EMBEDDED PDV, SEQUENCE, SET: never primitive */
    case 0x0b:
    case 0x10:
    case 0x11:
        good = 0;
        break;
    default: /* strings and the rest: any bytes */
        break;
    }
    return good ? 0 : P2P_ERR_MALFORMED;
}

/* X.690, 11.6: the elements of a SET ascend, a shorter one counting as filled up with zeros. A SET
 * of unlike things is ordered by tag (10.3), which is the same thing. */
static int ascends(p2p__bytes before, p2p__bytes after)
{
    size_t common = before.len < after.len ? before.len : after.len;
    int order = memcmp(before.p, after.p, common);
    return order < 0 || (order == 0 && before.len <= after.len);
}

/* Whether a tag is allowed for constructed elements: of the universal ones only EXTERNAL, EMBEDDED
 * PDV, SEQUENCE and SET, for DER has no strings in pieces (X.690, 10.2). */
static int may_be_constructed(uint8_t tag)
{
    if (tag >= 0x40)
        return 1;
    return tag == 0x28 || tag == 0x2b || tag == P2P__DER_SEQUENCE || tag == P2P__DER_SET;
}

static int check_elements(p2p__bytes in, int depth, int sorted)
{
    p2p__bytes before = {NULL, 0};
    if (depth > P2P__DER_MAX_DEPTH)
        return P2P_ERR_MALFORMED;
    while (in.len) {
        uint8_t tag;
        p2p__bytes content, whole;
        int err = p2p__der_any(&in, &tag, &content, &whole);
        if (err)
            return err;
        if (sorted && before.p && !ascends(before, whole))
            return P2P_ERR_MALFORMED;
        before = whole;
        if (tag & 0x20)
            err = may_be_constructed(tag) ? check_elements(content, depth + 1, tag == P2P__DER_SET)
                                          : P2P_ERR_MALFORMED;
        else if (tag < 0x40)
            err = check_primitive(tag, content);
        if (err)
            return err;
    }
    return 0;
}

int p2p__der_check(p2p__bytes in, int depth)
{
    return check_elements(in, depth, 0);
}
