/* SPDX-License-Identifier: MIT */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIN_CAP ((size_t)64 * 1024)
/* What is read of a file before the loop gets its turn. */
#define TURN ((size_t)1 << 20)

static void on_readable(void *arg, unsigned ready);
static void on_turn(void *arg);

/*
 * Watches the descriptor, if that can be. The watch makes it non-blocking, and with it the
 * terminal or pipe of everybody who shares it; so that is undone. One read per readiness does
 * not wait.
 */
static int watch(cli_input *input, p2p_loop *loop)
{
    int flags = fcntl(input->fd, F_GETFL);
    if (flags < 0)
        return errno;
    int err = p2p_watch_new(&input->watch, loop, input->fd, on_readable, input);
    (void)fcntl(input->fd, F_SETFL, flags);
    if (err == P2P_ERR_NO_MEMORY)
        return ENOMEM;
    return 0; /* a file, which is always ready; what is wrong otherwise shows when it is read */
}

int cli_input_open(cli_input *input, p2p_loop *loop, const char *path, bool whole, size_t limit,
                   void (*on_ready)(void *arg), void *arg)
{
    memset(input, 0, sizeof *input);
    input->whole = whole;
    input->limit = limit;
    input->most = SIZE_MAX - 1;
    input->loop = loop;
    p2p_task_init(&input->task, on_turn, input);
    input->on_ready = on_ready;
    input->arg = arg;
    input->cap = limit + 1 > MIN_CAP ? limit + 1 : MIN_CAP;
    input->data = malloc(input->cap);
    if (!input->data)
        return ENOMEM;
    if (path && strcmp(path, "-") != 0) {
        input->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (input->fd < 0)
            return errno;
        input->opened = true;
    }
    return watch(input, loop);
}

void cli_input_most(cli_input *input, size_t most)
{
    input->most = most;
}

void cli_input_close(cli_input *input)
{
    if (input->loop)
        p2p_task_cancel(&input->task);
    p2p_watch_free(input->watch);
    if (input->opened)
        close(input->fd);
    free(input->data);
    memset(input, 0, sizeof *input);
}

/* Drops what belongs to a piece that is too long, and moves the rest to the front. */
static void make_room(cli_input *input)
{
    if (input->end - input->start > input->limit || input->skipped) {
        input->skipped += input->end - input->start;
        input->start = input->end;
    }
    if (input->start) {
        memmove(input->data, input->data + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
    }
    input->scanned = input->end;
}

static void read_more(cli_input *input)
{
    make_room(input);
    ssize_t n = read(input->fd, input->data + input->end, input->cap - input->end);
    if (n > 0) {
        input->end += (size_t)n;
        input->turn_read += (size_t)n;
    } else if (n == 0) {
        input->at_end = true;
    } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
        input->error = errno;
    }
}

static void on_readable(void *arg, unsigned ready)
{
    cli_input *input = arg;
    (void)ready;
    read_more(input);
    if (p2p_watch_set(input->watch, 0) != 0)
        input->error = EIO;
    input->on_ready(input->arg);
}

static void on_turn(void *arg)
{
    cli_input *input = arg;
    input->turn_read = 0;
    input->on_ready(input->arg);
}

/* Gives what lies between start and end, and goes on behind it. */
static cli_piece_kind give(cli_input *input, size_t end, size_t next, cli_piece *piece)
{
    piece->data = input->data + input->start;
    piece->len = input->skipped + (end - input->start);
    if (piece->len > input->most)
        piece->len = (uint64_t)input->most + 1;
    input->start = input->scanned = next;
    input->skipped = 0;
    input->number++;
    return piece->len > input->limit ? CLI_TOO_LONG : CLI_PIECE;
}

/* The end of the input: a last line without a newline is a line, and the whole may be empty. */
static cli_piece_kind give_last(cli_input *input, cli_piece *piece)
{
    bool something = input->end > input->start || input->skipped;
    if (something || (input->whole && !input->number))
        return give(input, input->end, input->end, piece);
    return CLI_INPUT_END;
}

/* Gives up the piece that is being read. */
static cli_piece_kind give_up(cli_input *input, cli_piece *piece)
{
    input->passing = !input->whole;
    input->at_end |= input->whole;
    return give(input, input->end, input->end, piece);
}

/* Whether more can be read now; if not, on_ready will be called, or input->error is set. */
static bool may_read(cli_input *input)
{
    if (input->watch) {
        if (p2p_watch_set(input->watch, P2P_READABLE) != 0)
            input->error = EIO;
        return false;
    }
    if (input->turn_read < TURN)
        return true;
    p2p_loop_defer(input->loop, &input->task);
    return false;
}

/* Finds the end of a line that was given up in what has been read. */
static void pass(cli_input *input)
{
    const char *newline = memchr(input->data + input->start, '\n', input->end - input->start);
    input->passing = !newline;
    input->start = newline ? (size_t)(newline - input->data) + 1 : input->end;
    input->scanned = input->start;
}

cli_piece_kind cli_input_next(cli_input *input, cli_piece *piece)
{
    for (;;) {
        if (input->passing)
            pass(input);
        const char *from = input->data + input->scanned;
        const char *newline = input->whole ? NULL : memchr(from, '\n', input->end - input->scanned);
        if (newline) {
            size_t at = (size_t)(newline - input->data);
            return give(input, at, at + 1, piece);
        }
        input->scanned = input->end;
        if (input->skipped + (input->end - input->start) > input->most)
            return give_up(input, piece);
        if (input->error)
            return CLI_INPUT_ERROR;
        if (input->at_end)
            return give_last(input, piece);
        if (may_read(input))
            read_more(input);
        else if (!input->error)
            return CLI_WAIT;
    }
}
