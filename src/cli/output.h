/* SPDX-License-Identifier: MIT */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include <p2p/p2p.h>

#include "cli/text.h"

/*
 * Standard output: lines gather in `text` and leave once per turn of the loop, or when there
 * are many. A write that waits is given up when a signal has come, so that a full pipe does
 * not make the program deaf.
 */
typedef struct cli_output {
    cli_text text;
    p2p_loop *loop; /* NULL: only cli_output_flush() writes */
    p2p_task flush;
    int error; /* errno of the write that failed, 0 before; nothing is written after it */
    void (*on_error)(void *arg);
    void *arg;
} cli_output;

/* on_error is called once, when a write has failed; it may be NULL. */
void cli_output_init(cli_output *out, p2p_loop *loop, void (*on_error)(void *arg), void *arg);

/* To be called after something was added to out->text. */
void cli_output_ready(cli_output *out);

void cli_output_flush(cli_output *out);
void cli_output_free(cli_output *out);

/* Writes a line to standard error in one piece. */
void cli_write_error(const cli_text *text);

/*
 * Objects of JSON, one per line: begin with the event's name, then members, then end. Names are not
 * escaped, values are. cli_json_payload writes "len", "base64", and "text" if it is UTF-8.
 */
void cli_json_begin(cli_text *text, const char *event);
void cli_json_text(cli_text *text, const char *name, const char *value);
void cli_json_number(cli_text *text, const char *name, uint64_t value);
void cli_json_milliseconds(cli_text *text, const char *name, uint64_t nanoseconds);
void cli_json_payload(cli_text *text, const void *data, size_t len);
void cli_json_end(cli_text *text);

/* A time of day (nanoseconds since 1970) as 2024-01-01T00:00:00.000000Z (RFC 3339). */
#define CLI_WALL_SIZE 40
const char *cli_wall_text(uint64_t wall, char out[CLI_WALL_SIZE]);

#endif
