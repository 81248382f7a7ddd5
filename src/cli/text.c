/* SPDX-License-Identifier: MIT */
#include "cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_text_free(cli_text *text)
{
    free(text->data);
    memset(text, 0, sizeof *text);
}

/* Makes room for len more bytes. */
static bool reserve(cli_text *text, size_t len)
{
    if (text->cap - text->len >= len)
        return true;
    size_t cap = text->cap ? text->cap : 256;
    while (cap - text->len < len) {
        if (cap > SIZE_MAX / 2)
            return false;
        cap *= 2;
    }
    char *data = realloc(text->data, cap);
    if (!data)
        return false;
    text->data = data;
    text->cap = cap;
    return true;
}

void cli_text_add(cli_text *text, const void *data, size_t len)
{
    if (!len)
        return;
    if (!reserve(text, len)) {
        text->failed = true;
        return;
    }
    memcpy(text->data + text->len, data, len);
    text->len += len;
}

void cli_text_puts(cli_text *text, const char *string)
{
    cli_text_add(text, string, strlen(string));
}

void cli_text_printf(cli_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !reserve(text, (size_t)len + 1)) {
        text->failed = true;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text->data + text->len, (size_t)len + 1, format, args);
    va_end(args);
    text->len += (size_t)len;
}

/* --- UTF-8 --- */

size_t cli_utf8_len(const uint8_t *data, size_t len)
{
    if (!len)
        return 0;
    if (data[0] < 0x80)
        return 1;
    if (data[0] < 0xc2 || data[0] > 0xf4)
        return 0;
    size_t want = data[0] < 0xe0 ? 2 : data[0] < 0xf0 ? 3 : 4;
    if (len < want)
        return 0;
    for (size_t i = 1; i < want; i++)
        if ((data[i] & 0xc0) != 0x80)
            return 0;
    /* Neither longer than needed, nor a surrogate, nor above U+10FFFF. */
    if ((data[0] == 0xe0 && data[1] < 0xa0) || (data[0] == 0xed && data[1] > 0x9f) ||
        (data[0] == 0xf0 && data[1] < 0x90) || (data[0] == 0xf4 && data[1] > 0x8f))
        return 0;
    return want;
}

bool cli_is_utf8(const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len) {
        size_t n = cli_utf8_len(at, len);
        if (!n)
            return false;
        at += n;
        len -= n;
    }
    return true;
}

/* The code point of a valid sequence of n bytes. */
static uint32_t code_point(const uint8_t *at, size_t n)
{
    static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = at[0] & mask[n];
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (at[i] & 0x3fu);
    return code;
}

/* Control characters, line and paragraph separators, and what steers the direction of text. */
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
           (code >= 0xe0000 && code <= 0xe007f);
}

static void escape(cli_text *text, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        switch (data[i]) {
        case '\n':
            cli_text_puts(text, "\\n");
            break;
        case '\r':
            cli_text_puts(text, "\\r");
            break;
        case '\t':
            cli_text_puts(text, "\\t");
            break;
        case '\\':
            cli_text_puts(text, "\\\\");
            break;
        default:
            cli_text_printf(text, "\\x%02x", data[i]);
        }
    }
}

void cli_text_safe(cli_text *text, const void *data, size_t len, bool keep_lines)
{
    const uint8_t *at = data;
    const uint8_t *end = at + len;
    while (at < end) {
        size_t n = cli_utf8_len(at, (size_t)(end - at));
        bool kept = keep_lines && (*at == '\n' || *at == '\t');
        if (n && (kept || (!is_unsafe(code_point(at, n)) && *at != '\\'))) {
            cli_text_add(text, at, n);
        } else {
            n = n ? n : 1;
            escape(text, at, n);
        }
        at += n;
    }
}

/* Above U+FFFF as a surrogate pair (RFC 8259, 7). */
static void escape_json(cli_text *text, uint32_t code)
{
    if (code >= 0x10000)
        cli_text_printf(text, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((code - 0x10000) >> 10)),
                        (unsigned)(0xdc00 + (code & 0x3ff)));
    else
        cli_text_printf(text, "\\u%04x", (unsigned)code);
}

void cli_text_json(cli_text *text, const void *data, size_t len)
{
    const uint8_t *at = data;
    const uint8_t *end = at + len;
    cli_text_puts(text, "\"");
    while (at < end) {
        size_t n = cli_utf8_len(at, (size_t)(end - at));
        if (!n) {
            cli_text_puts(text, "\xef\xbf\xbd");
            n = 1;
        } else if (*at == '"' || *at == '\\') {
            cli_text_printf(text, "\\%c", *at);
        } else if (*at == '\n' || *at == '\r' || *at == '\t') {
            escape(text, at, 1);
        } else if (is_unsafe(code_point(at, n))) {
            escape_json(text, code_point(at, n));
        } else {
            cli_text_add(text, at, n);
        }
        at += n;
    }
    cli_text_puts(text, "\"");
}

void cli_text_base64(cli_text *text, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = data;
    for (; len; at += 3) {
        size_t n = len < 3 ? len : 3;
        uint32_t bits = (uint32_t)at[0] << 16 | (n > 1 ? (uint32_t)at[1] << 8 : 0) |
                        (n > 2 ? at[2] : 0u);
        char out[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                       n > 1 ? digits[bits >> 6 & 63] : '=', n > 2 ? digits[bits & 63] : '='};
        cli_text_add(text, out, sizeof out);
        len -= n;
    }
}
