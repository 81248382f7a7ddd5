/* SPDX-License-Identifier: MIT */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p2p/export.h>

/*
 * Text that grows, and the ways in which bytes from elsewhere become text: safe for a
 * terminal, as a string of JSON, as base64. Pure but for malloc.
 */
typedef struct cli_text {
    char *data; /* not terminated */
    size_t len;
    size_t cap;
    bool failed; /* memory ran out: what was added since is missing */
} cli_text;

void cli_text_free(cli_text *text);

void cli_text_add(cli_text *text, const void *data, size_t len);
void cli_text_puts(cli_text *text, const char *string);

/* The result of the format may be of any length. */
void cli_text_printf(cli_text *text, const char *format, ...) P2P_PRINTF(2, 3);

/*
 * Bytes as they may be shown on a terminal: valid UTF-8 stays, but for control characters and
 * those that change the direction of text; these, bytes that are no UTF-8 and the backslash
 * are escaped as in C, byte by byte, so that the original can be told. keep_lines leaves
 * newlines and tabs alone.
 */
void cli_text_safe(cli_text *text, const void *data, size_t len, bool keep_lines);

/* A string of JSON, with its quotes. Bytes that are no UTF-8 become U+FFFD. */
void cli_text_json(cli_text *text, const void *data, size_t len);

/* RFC 4648, 4, with padding. */
void cli_text_base64(cli_text *text, const void *data, size_t len);

/* The length of the UTF-8 sequence that begins at data, 1 to 4, or 0 if it is none (RFC 3629). */
size_t cli_utf8_len(const uint8_t *data, size_t len);

bool cli_is_utf8(const void *data, size_t len);

#endif
