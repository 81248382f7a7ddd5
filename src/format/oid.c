/* SPDX-License-Identifier: MIT */
/* Object identifiers as text (X.690, 8.19). */
#include <p2p/x509.h>

#include <stdio.h>
#include <string.h>

#include "format/der.h"

/* Adds an arc to the text. Returns 0 or P2P_ERR_NO_SPACE. */
static int add_arc(char *out, size_t cap, size_t *at, uint64_t arc)
{
    int n = snprintf(out + *at, cap - *at, *at ? ".%llu" : "%llu", (unsigned long long)arc);
    if (n < 0 || (size_t)n >= cap - *at)
        return P2P_ERR_NO_SPACE;
    *at += (size_t)n;
    return 0;
}

/* The first number of an identifier is 40 times the first arc plus the second (8.19.4). */
static int add_first(char *out, size_t cap, size_t *at, uint64_t number)
{
    uint64_t arc = number < 80 ? number / 40 : 2;
    int err = add_arc(out, cap, at, arc);
    return err ? err : add_arc(out, cap, at, number - 40 * arc);
}

int p2p_oid_text(const uint8_t *oid, size_t oid_len, char *out, size_t cap)
{
    char text[P2P_OID_TEXT_SIZE];
    size_t at = 0;
    uint64_t number = 0;
    p2p__bytes content = {oid, oid_len};
    if (oid_len > P2P_OID_MAX || p2p__der_oid_check(content))
        return P2P_ERR_MALFORMED;
    for (size_t i = 0; i < oid_len; i++) {
        if (number > UINT64_MAX >> 7)
            return P2P_ERR_UNSUPPORTED;
        number = number << 7 | (oid[i] & 0x7fu);
        if (oid[i] >= 0x80)
            continue;
        int err = at ? add_arc(text, sizeof text, &at, number)
                     : add_first(text, sizeof text, &at, number);
        if (err)
            return err;
        number = 0;
    }
    if (at + 1 > cap)
        return P2P_ERR_NO_SPACE;
    memcpy(out, text, at + 1);
    return 0;
}

/* Reads a decimal number without leading zeros, and moves *text behind it. */
static int read_arc(const char **text, uint64_t *out)
{
    const char *p = *text;
    uint64_t arc = 0;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
        return P2P_ERR_MALFORMED;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (arc > (UINT64_MAX - digit) / 10)
            return P2P_ERR_UNSUPPORTED;
        arc = arc * 10 + digit;
    }
    *text = p;
    *out = arc;
    return 0;
}

/* Adds a number in groups of seven bits. Returns 0 or P2P_ERR_NO_SPACE. */
static int add_number(uint8_t *out, size_t cap, size_t *at, uint64_t number)
{
    size_t n = 1;
    for (uint64_t rest = number >> 7; rest; rest >>= 7)
        n++;
    if (n > cap - *at)
        return P2P_ERR_NO_SPACE;
    for (size_t i = n; i-- > 0; number >>= 7)
        out[*at + i] = (uint8_t)((number & 0x7f) | (i + 1 < n ? 0x80 : 0));
    *at += n;
    return 0;
}

/* Reads the first two arcs, which make one number. */
static int read_first(const char **text, uint64_t *number)
{
    uint64_t arc, second;
    int err = read_arc(text, &arc);
    if (err)
        return err;
    if (arc > 2 || *(*text)++ != '.')
        return P2P_ERR_MALFORMED;
    err = read_arc(text, &second);
    if (err)
        return err;
    if (arc < 2 && second >= 40)
        return P2P_ERR_MALFORMED;
    if (second > UINT64_MAX - 80)
        return P2P_ERR_UNSUPPORTED;
    *number = 40 * arc + second;
    return 0;
}

int p2p_oid_parse(const char *text, uint8_t *out, size_t cap, size_t *len)
{
    uint8_t oid[P2P_OID_MAX];
    size_t at = 0;
    uint64_t number;
    int err = read_first(&text, &number);
    for (;;) {
        if (!err)
            err = add_number(oid, sizeof oid, &at, number);
        if (err)
            return err;
        if (*text == '\0')
            break;
        if (*text++ != '.')
            return P2P_ERR_MALFORMED;
        err = read_arc(&text, &number);
    }
    if (at > cap)
        return P2P_ERR_NO_SPACE;
    memcpy(out, oid, at);
    *len = at;
    return 0;
}
