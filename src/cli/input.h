/* SPDX-License-Identifier: MIT */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p2p/loop.h>

/*
 * Input from a pipe, a terminal, a socket or a file, cut into lines or taken whole, in memory that
 * does not grow: a piece longer than the limit is left out, and its length told. A file that is
 * always ready, and may have no end, is read for a while; then the loop gets its turn.
 */
typedef struct cli_input {
    int fd;
    p2p_watch *watch; /* NULL: a file, which is always ready */
    p2p_loop *loop;
    p2p_task task;    /* goes on with a file after the loop had its turn */
    size_t turn_read; /* bytes of a file since then */
    void (*on_ready)(void *arg);
    void *arg;
    char *data;
    size_t cap;
    size_t start;   /* of the piece that is being read */
    size_t scanned; /* up to here there is no newline */
    size_t end;
    size_t limit;
    size_t most;      /* a piece that is longer is given up at once */
    uint64_t skipped; /* bytes of a piece that is too long */
    uint64_t number;  /* of the piece that was given last, from 1 */
    int error;        /* errno of a read that failed */
    bool whole;
    bool at_end;
    bool passing; /* over the rest of a line that was given up */
    bool opened;  /* the descriptor is to be closed */
} cli_input;

typedef enum cli_piece_kind {
    CLI_PIECE = 0,      /* here it is */
    CLI_TOO_LONG = 1,   /* it is left out; only its length is given */
    CLI_WAIT = 2,       /* on_ready will be called when it is worth another try */
    CLI_INPUT_END = 3,  /* there is no more */
    CLI_INPUT_ERROR = 4 /* errno is in input->error */
} cli_piece_kind;

typedef struct cli_piece {
    const char *data; /* valid until the next call */
    uint64_t len;
} cli_piece;

/*
 * Opens a file, or standard input if path is NULL or "-". Pieces have up to `limit` bytes.
 * Returns 0 or an errno.
 */
int cli_input_open(cli_input *input, p2p_loop *loop, const char *path, bool whole, size_t limit,
                   void (*on_ready)(void *arg), void *arg);

/*
 * Sets the length, at least the limit, beyond which nobody counts: as soon as a piece is longer it
 * is given, with a length of most + 1. What is left of such a line is passed over; such a whole
 * ends the input. Without this call each piece is counted to its end.
 */
void cli_input_most(cli_input *input, size_t most);

/* Takes the next piece. */
cli_piece_kind cli_input_next(cli_input *input, cli_piece *piece);

/* An input that was never opened, all zero, is allowed. */
void cli_input_close(cli_input *input);

#endif
