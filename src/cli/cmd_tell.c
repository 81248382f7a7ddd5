/* SPDX-License-Identifier: MIT */
/* p2p tell: sends messages, at a rate, as fast as the swarm takes them and no faster. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/input.h"

/* Messages to send before the loop gets its turn. */
#define BATCH 256
/* How long the handshake, or messages that wait for a busy socket at the end, may take unless
 * --timeout says it. */
#define PATIENCE (10 * P2P_SECOND)
/* How often it is looked at whether all has left. */
#define LAST_CHECK P2P_MILLISECOND

typedef struct tell {
    cli_client client;
    cli_input input;
    p2p_timer timer; /* until the rate allows the next message; then for the checks at the end */
    p2p_task task;   /* carries on after a batch */
    size_t mtu;
    size_t next_message; /* of --message */
    cli_piece piece;     /* what is to be sent next, if has_piece */
    bool has_piece;
    bool full;         /* the writable event will come */
    bool done;         /* all is given to the swarm */
    uint64_t credit;   /* nanoseconds of the rate that are not used up */
    uint64_t credited; /* when that was counted last */
    uint64_t finished; /* when the checks at the end began */
    uint64_t sent;     /* what was given to the swarm, which may fail to send it */
    uint64_t sent_bytes;
    size_t shortest; /* of those */
    size_t longest;
    uint64_t failed;
} tell;

static void pump(tell *self);

static cli_app *app_of(tell *self)
{
    return &self->client.app;
}

static uint64_t patience(const tell *self)
{
    uint64_t timeout = self->client.app.config->timeout;
    return timeout ? timeout : PATIENCE;
}

/* --- the end --- */

/* The bytes that were sent, of which the swarm counts only the messages that were not. Returns
 * false if nobody knows: some were not, and they differ in length. */
static bool bytes_of_sent(const tell *self, uint64_t lost, uint64_t *out)
{
    *out = lost < self->sent ? self->sent_bytes - lost * self->longest : 0;
    return !lost || lost >= self->sent || self->shortest == self->longest;
}

static void print_sums(tell *self, uint64_t lost)
{
    cli_app *app = app_of(self);
    uint64_t sent = lost < self->sent ? self->sent - lost : 0, bytes;
    char size[40] = "";
    bool known = bytes_of_sent(self, lost, &bytes);
    if (app->config->json) {
        cli_json_begin(&app->out.text, "sent");
        cli_json_number(&app->out.text, "messages", sent);
        if (known)
            cli_json_number(&app->out.text, "bytes", bytes);
        cli_json_number(&app->out.text, "failed", self->failed + lost);
        cli_json_end(&app->out.text);
        cli_output_ready(&app->out);
    } else if (app->config->verbose) {
        if (known)
            (void)snprintf(size, sizeof size, ", %llu bytes", (unsigned long long)bytes);
        cli_note(app, "%llu message%s%s sent", (unsigned long long)sent, sent == 1 ? "" : "s",
                 size);
    }
}

static void on_end(void *arg)
{
    tell *self = arg;
    cli_app *app = app_of(self);
    p2p_stats stats = {0};
    if (self->client.swarm)
        p2p_swarm_stats(self->client.swarm, &stats);
    if (stats.tx_drop_error)
        cli_fail(app, CLI_EXIT_FAILURE, 0, "of %llu messages, %llu could not be sent: see above",
                 (unsigned long long)self->sent, (unsigned long long)stats.tx_drop_error);
    print_sums(self, stats.tx_drop_error);
    p2p_timer_stop(&self->timer);
    p2p_task_cancel(&self->task);
    cli_input_close(&self->input);
    cli_client_disconnect(&self->client);
    cli_app_close_stack(app, &self->client.swarm, NULL, NULL);
}

static void check_unsent(tell *self)
{
    uint64_t waited = p2p_loop_now(app_of(self)->loop) - self->finished;
    if (!p2p_swarm_unsent(self->client.swarm)) {
        cli_app_end(app_of(self), CLI_EXIT_OK);
    } else if (waited > patience(self)) {
        cli_fail(app_of(self), CLI_EXIT_FAILURE, 0,
                 "the network takes no more: the last messages may not have been sent");
        cli_app_end(app_of(self), CLI_EXIT_FAILURE);
    } else {
        p2p_timer_start_in(&self->timer, LAST_CHECK);
    }
}

/* All is taken; what is left in the swarm's queue has to leave. */
static void finish(tell *self)
{
    self->done = true;
    self->finished = p2p_loop_now(app_of(self)->loop);
    p2p_timer_start_in(&self->timer, 0);
}

static void on_timer(void *arg)
{
    tell *self = arg;
    if (self->done)
        check_unsent(self);
    else
        pump(self);
}

/* --- the rate --- */

/* Whether the rate allows a message now; if not, starts the timer. Up to ten milliseconds' worth of
 * messages, or one, may leave together. */
static bool allowed(tell *self)
{
    uint64_t rate = app_of(self)->config->rate;
    if (!rate)
        return true;
    uint64_t cost = P2P_SECOND / rate ? P2P_SECOND / rate : 1;
    uint64_t most = cost > 10 * P2P_MILLISECOND ? cost : 10 * P2P_MILLISECOND;
    uint64_t now = p2p_loop_clock(app_of(self)->loop);
    self->credit += now - self->credited;
    self->credited = now;
    if (self->credit > most)
        self->credit = most;
    if (self->credit >= cost)
        return true;
    p2p_timer_start_in(&self->timer, cost - self->credit);
    return false;
}

static void pay(tell *self)
{
    uint64_t rate = app_of(self)->config->rate;
    if (rate)
        self->credit -= P2P_SECOND / rate ? P2P_SECOND / rate : 1;
}

/* --- messages --- */

/* The next message. False if there is none now; the command goes on, or ends, by itself then. */
static bool next_piece(tell *self)
{
    const cli_config *config = app_of(self)->config;
    cli_app *app = app_of(self);
    if (config->n_messages) {
        if (self->next_message == config->n_messages) {
            finish(self);
            return false;
        }
        self->piece.data = config->messages[self->next_message++];
        self->piece.len = strlen(self->piece.data);
        return true;
    }
    switch (cli_input_next(&self->input, &self->piece)) {
    case CLI_PIECE:
    case CLI_TOO_LONG:
        return true;
    case CLI_WAIT:
        return false;
    case CLI_INPUT_ERROR:
        cli_fail(app, CLI_EXIT_FAILURE, 0, "cannot read %s: %s",
                 config->file ? config->file : "standard input", strerror(self->input.error));
        break;
    case CLI_INPUT_END:
    default:
        break;
    }
    finish(self);
    return false;
}

static void report_too_long(tell *self)
{
    const cli_config *config = app_of(self)->config;
    unsigned long long len = self->piece.len;
    unsigned long long number = config->n_messages ? self->next_message : self->input.number;
    const char *what = config->n_messages ? "message" : config->whole ? "the input" : "line";
    char counted[32] = "";
    if (!config->whole)
        (void)snprintf(counted, sizeof counted, " %llu", number);
    size_t most = cli_spec_max_mtu(&self->client.spec);
    if (len > most)
        cli_fail(app_of(self), CLI_EXIT_FAILURE, P2P_ERR_TOO_BIG,
                 "%s%s is not sent: it is longer than %zu bytes, and no message can be", what,
                 counted, most);
    else
        cli_fail(
            app_of(self), CLI_EXIT_FAILURE, P2P_ERR_TOO_BIG,
            "%s%s is not sent: it has %llu bytes, and a message at most %zu; --mtu raises that",
            what, counted, len, self->mtu);
    self->failed++;
}

/* Sends what is at hand. False if that has to wait, or nothing more can be sent at all. */
static bool send_piece(tell *self)
{
    cli_app *app = app_of(self);
    char text[CLI_STACK_TEXT_SIZE];
    if (self->piece.len > self->mtu) {
        report_too_long(self);
        self->has_piece = false;
        return true;
    }
    size_t len = (size_t)self->piece.len;
    int err = p2p_tell(self->client.swarm, &self->client.dst, self->piece.data, len);
    if (err == P2P_ERR_AGAIN) {
        self->full = true;
        return false;
    }
    if (err) {
        cli_exit exit = err == P2P_ERR_UNREACHABLE ? CLI_EXIT_NO_ANSWER : CLI_EXIT_FAILURE;
        cli_fail(app, exit, err, "cannot send to %s: %s",
                 cli_stack_text(&self->client.spec, &self->client.dst, text), p2p_err_text(err));
        cli_app_end(app, exit);
        return false;
    }
    pay(self);
    self->shortest = self->sent && self->shortest < len ? self->shortest : len;
    self->longest = self->longest > len ? self->longest : len;
    self->sent++;
    self->sent_bytes += len;
    self->has_piece = false;
    return true;
}

static void pump(tell *self)
{
    if (self->done || self->full || app_of(self)->ending)
        return;
    for (unsigned i = 0; i < BATCH; i++) {
        if (!self->has_piece && !next_piece(self))
            return;
        self->has_piece = true;
        if (!allowed(self) || !send_piece(self))
            return;
    }
    p2p_loop_defer(app_of(self)->loop, &self->task);
}

static void on_task(void *arg)
{
    pump(arg);
}

static void on_ready(void *arg)
{
    pump(arg);
}

static void on_writable(void *arg)
{
    tell *self = arg;
    self->full = false;
    pump(self);
}

/* --- beginning --- */

static bool open_input(tell *self)
{
    cli_app *app = app_of(self);
    const cli_config *config = app->config;
    if (config->n_messages)
        return true;
    int err = cli_input_open(&self->input, app->loop, config->file, config->whole, self->mtu,
                             on_ready, self);
    cli_input_most(&self->input, cli_spec_max_mtu(&self->client.spec));
    if (err)
        cli_fail(app, CLI_EXIT_FAILURE, 0, "cannot open %s: %s",
                 config->file ? config->file : "standard input", strerror(err));
    return !err;
}

cli_exit cli_tell(const cli_command *command, const cli_config *config)
{
    tell self = {0};
    if (!cli_client_read(&self.client, command, config))
        return CLI_EXIT_USAGE;
    if (!cli_client_leaves_process(&self.client, command, config))
        return CLI_EXIT_UNSUPPORTED;
    cli_app *app = app_of(&self);
    if (!cli_app_open(app, command, config, on_end, &self))
        return app->exit;
    p2p_timer_init(&self.timer, app->loop, on_timer, &self);
    p2p_task_init(&self.task, on_task, &self);
    if (cli_client_open(&self.client)) {
        self.mtu = p2p_mtu(self.client.swarm, &self.client.dst);
        self.credit = P2P_SECOND; /* the first need not wait */
        self.credited = p2p_loop_clock(app->loop);
        p2p_on_writable(self.client.swarm, on_writable, &self);
        if (open_input(&self))
            cli_client_connect(&self.client, patience(&self), on_task, &self);
    }
    return cli_app_run(app);
}
