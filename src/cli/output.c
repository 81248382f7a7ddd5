/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/signals.h"

#define ENOUGH ((size_t)64 * 1024) /* to be written before the turn ends */
#define SMALL_WRITE \
    512u /* a pipe that is writable takes so much without waiting (POSIX PIPE_BUF) */

static void on_flush(void *arg)
{
    cli_output_flush(arg);
}

void cli_output_init(cli_output *out, p2p_loop *loop, void (*on_error)(void *arg), void *arg)
{
    memset(out, 0, sizeof *out);
    out->loop = loop;
    out->on_error = on_error;
    out->arg = arg;
    p2p_task_init(&out->flush, on_flush, out);
}

void cli_output_ready(cli_output *out)
{
    if (out->text.len >= ENOUGH || !out->loop)
        cli_output_flush(out);
    else
        p2p_loop_flush(out->loop, &out->flush);
}

/* Waits until a descriptor can be written. False if that was given up for a signal. */
static bool wait_writable(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLOUT};
    for (;;) {
        int n = poll(&poller, 1, cli_signal_seen() ? 0 : -1);
        if (n > 0)
            return true;
        if (cli_signal_seen())
            return false;
    }
}

/* Writes all, or as much as goes without waiting once a signal has come. Returns 0 or an errno. */
static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        if (cli_signal_seen() && !wait_writable(fd))
            return 0;
        size_t part = cli_signal_seen() && len > SMALL_WRITE ? SMALL_WRITE : len;
        ssize_t n = write(fd, data, part);
        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            /* Somebody who has the same terminal made it so. */
            if (!wait_writable(fd))
                return 0;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

void cli_output_flush(cli_output *out)
{
    if (!out->error && out->text.len)
        out->error = write_all(STDOUT_FILENO, out->text.data, out->text.len);
    if (!out->error && out->text.failed)
        out->error = ENOMEM;
    out->text.len = 0;
    if (out->error && out->on_error) {
        void (*on_error)(void *) = out->on_error;
        out->on_error = NULL;
        on_error(out->arg);
    }
}

void cli_output_free(cli_output *out)
{
    p2p_task_cancel(&out->flush);
    cli_text_free(&out->text);
}

void cli_write_error(const cli_text *text)
{
    (void)write_all(STDERR_FILENO, text->data, text->len);
}

/* --- JSON --- */

void cli_json_begin(cli_text *text, const char *event)
{
    cli_text_puts(text, "{\"event\":");
    cli_text_json(text, event, strlen(event));
}

static void name_member(cli_text *text, const char *name)
{
    cli_text_printf(text, ",\"%s\":", name);
}

void cli_json_text(cli_text *text, const char *name, const char *value)
{
    name_member(text, name);
    cli_text_json(text, value, strlen(value));
}

void cli_json_number(cli_text *text, const char *name, uint64_t value)
{
    name_member(text, name);
    cli_text_printf(text, "%llu", (unsigned long long)value);
}

void cli_json_milliseconds(cli_text *text, const char *name, uint64_t nanoseconds)
{
    name_member(text, name);
    cli_text_printf(text, "%llu.%06u", (unsigned long long)(nanoseconds / P2P_MILLISECOND),
                    (unsigned)(nanoseconds % P2P_MILLISECOND));
}

void cli_json_payload(cli_text *text, const void *data, size_t len)
{
    cli_json_number(text, "len", len);
    name_member(text, "base64");
    cli_text_puts(text, "\"");
    cli_text_base64(text, data, len);
    cli_text_puts(text, "\"");
    if (!cli_is_utf8(data, len))
        return;
    name_member(text, "text");
    cli_text_json(text, data, len);
}

void cli_json_end(cli_text *text)
{
    cli_text_puts(text, "}\n");
}

const char *cli_wall_text(uint64_t wall, char out[CLI_WALL_SIZE])
{
    struct tm parts;
    char second[24];
    time_t seconds = (time_t)(wall / P2P_SECOND);
    if (!gmtime_r(&seconds, &parts) ||
        !strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &parts))
        second[0] = '\0';
    (void)snprintf(out, CLI_WALL_SIZE, "%s.%06uZ", second,
                   (unsigned)(wall % P2P_SECOND / P2P_MICROSECOND));
    return out;
}
