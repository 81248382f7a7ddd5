/* SPDX-License-Identifier: MIT */
/* p2p ping: messages that come back, how long they took, and how many did not. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/pings.h"

/* How long a handshake may take, or longer if --timeout says so. */
#define PATIENCE (10 * P2P_SECOND)

typedef struct ping {
    cli_client client;
    cli_pings pings;
    p2p_timer next; /* sends the next one */
    p2p_timer lost; /* when the oldest on its way is lost */
    uint64_t began;
    uint64_t due; /* when the next one is to be sent */
} ping;

static cli_app *app_of(ping *self)
{
    return &self->client.app;
}

/* --- printing --- */

static double milliseconds(double nanoseconds)
{
    return nanoseconds / 1e6;
}

static void print_begin(ping *self)
{
    cli_app *app = app_of(self);
    char addr[CLI_STACK_TEXT_SIZE];
    if (!app->config->json)
        cli_text_printf(&app->out.text, "PING %s: %llu bytes\n",
                        cli_stack_text(&self->client.spec, &self->client.dst, addr),
                        (unsigned long long)app->config->payload_size);
    cli_output_ready(&app->out);
}

static void print_reply(ping *self, const p2p_addr *src, uint64_t number, uint64_t took,
                        bool duplicate)
{
    cli_app *app = app_of(self);
    cli_text *text = &app->out.text;
    char addr[CLI_STACK_TEXT_SIZE];
    cli_stack_text(&self->client.spec, src, addr);
    if (app->config->json) {
        cli_json_begin(text, duplicate ? "duplicate" : "reply");
        cli_json_text(text, "src", addr);
        cli_json_number(text, "seq", number);
        cli_json_number(text, "len", app->config->payload_size);
        cli_json_milliseconds(text, "milliseconds", took);
        cli_json_end(text);
    } else {
        cli_text_printf(text, "%llu bytes from %s: seq=%llu time=%.3f ms%s\n",
                        (unsigned long long)app->config->payload_size, addr,
                        (unsigned long long)number, milliseconds((double)took),
                        duplicate ? " (again)" : "");
    }
    cli_output_ready(&app->out);
}

static void print_lost(ping *self, uint64_t number)
{
    cli_app *app = app_of(self);
    if (app->config->json) {
        cli_json_begin(&app->out.text, "lost");
        cli_json_number(&app->out.text, "seq", number);
        cli_json_end(&app->out.text);
    } else {
        cli_text_printf(&app->out.text, "no reply: seq=%llu\n", (unsigned long long)number);
    }
    cli_output_ready(&app->out);
}

static void print_summary_json(ping *self, uint64_t lost)
{
    cli_app *app = app_of(self);
    const cli_pings *pings = &self->pings;
    cli_text *text = &app->out.text;
    char addr[CLI_STACK_TEXT_SIZE];
    cli_json_begin(text, "summary");
    cli_json_text(text, "dst", cli_stack_text(&self->client.spec, &self->client.dst, addr));
    cli_json_number(text, "sent", pings->sent);
    cli_json_number(text, "received", pings->received);
    cli_json_number(text, "duplicates", pings->duplicates);
    cli_json_number(text, "lost", lost);
    cli_json_milliseconds(text, "milliseconds", p2p_loop_clock(app->loop) - self->began);
    if (pings->received) {
        cli_json_milliseconds(text, "min", pings->min);
        cli_json_milliseconds(text, "avg", (uint64_t)cli_pings_mean(pings));
        cli_json_milliseconds(text, "max", pings->max);
        cli_json_milliseconds(text, "mdev", (uint64_t)cli_pings_deviation(pings));
    }
    cli_json_end(text);
}

/* mdev is the standard deviation, as ping computes it. */
static void print_summary(ping *self)
{
    cli_app *app = app_of(self);
    const cli_pings *pings = &self->pings;
    cli_text *text = &app->out.text;
    char addr[CLI_STACK_TEXT_SIZE];
    uint64_t lost = pings->sent - pings->received;
    if (app->config->json) {
        print_summary_json(self, lost);
        return;
    }
    cli_text_printf(text, "--- %s ---\n%llu sent, %llu received, ",
                    cli_stack_text(&self->client.spec, &self->client.dst, addr),
                    (unsigned long long)pings->sent, (unsigned long long)pings->received);
    if (pings->duplicates)
        cli_text_printf(text, "%llu of them again, ", (unsigned long long)pings->duplicates);
    cli_text_printf(text, "%.3g%% lost, %.3f s\n",
                    pings->sent ? 100.0 * (double)lost / (double)pings->sent : 0.0,
                    (double)(p2p_loop_clock(app->loop) - self->began) / 1e9);
    if (pings->received)
        cli_text_printf(text, "round trip min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n",
                        milliseconds((double)pings->min), milliseconds(cli_pings_mean(pings)),
                        milliseconds((double)pings->max), milliseconds(cli_pings_deviation(pings)));
}

/* --- the end --- */

static void on_end(void *arg)
{
    ping *self = arg;
    cli_app *app = app_of(self);
    uint64_t sent = self->pings.sent;
    p2p_timer_stop(&self->next);
    p2p_timer_stop(&self->lost);
    cli_client_disconnect(&self->client);
    if (self->client.swarm && (sent || !app->exit)) {
        print_summary(self);
        cli_output_ready(&app->out);
        if (sent && !self->pings.received && !app->exit)
            cli_fail(app, CLI_EXIT_NO_ANSWER, P2P_ERR_TIMEOUT,
                     "nothing came back; does p2p listen --echo run there?");
    }
    cli_app_close_stack(app, &self->client.swarm, NULL, NULL);
}

static void end_if_done(ping *self)
{
    uint64_t count = app_of(self)->config->count;
    uint64_t sent_at;
    if (count && self->pings.sent == count && !cli_pings_oldest(&self->pings, &sent_at))
        cli_app_end(app_of(self), CLI_EXIT_OK);
}

/* --- losses --- */

/* Waits until the time of the oldest ping on its way has passed. */
static void watch_oldest(ping *self)
{
    uint64_t sent_at;
    if (app_of(self)->ending)
        return; /* what was printed last could not be written */
    if (cli_pings_oldest(&self->pings, &sent_at))
        p2p_timer_start(&self->lost, sent_at + app_of(self)->config->timeout);
    else
        p2p_timer_stop(&self->lost);
}

static void on_lost(void *arg)
{
    ping *self = arg;
    uint64_t sent_at;
    uint64_t now = p2p_loop_now(app_of(self)->loop);
    uint64_t number = cli_pings_oldest(&self->pings, &sent_at);
    if (number && sent_at + app_of(self)->config->timeout <= now) {
        cli_pings_lose(&self->pings, number);
        print_lost(self, number);
    }
    watch_oldest(self);
    end_if_done(self);
}

/* --- going and coming --- */

static void on_tell(void *arg, const p2p_msg *msg)
{
    ping *self = arg;
    cli_app *app = app_of(self);
    uint64_t number, took;
    if (app->ending)
        return;
    cli_ping_kind kind = cli_pings_receive(&self->pings, msg->data, msg->len,
                                           p2p_loop_clock(app->loop), &number, &took);
    if (kind != CLI_PING_BACK && kind != CLI_PING_AGAIN)
        return;
    print_reply(self, msg->src, number, took, kind == CLI_PING_AGAIN);
    watch_oldest(self);
    end_if_done(self);
}

/* Sends one. A full queue is a loss like any other; every other error ends the command. */
static void send_one(ping *self)
{
    cli_app *app = app_of(self);
    char addr[CLI_STACK_TEXT_SIZE];
    int err = p2p_tell(self->client.swarm, &self->client.dst, cli_pings_next(&self->pings),
                       self->pings.size);
    if (err && err != P2P_ERR_AGAIN) {
        cli_fail(app, err == P2P_ERR_UNREACHABLE ? CLI_EXIT_NO_ANSWER : CLI_EXIT_FAILURE, err,
                 "cannot send to %s: %s%s",
                 cli_stack_text(&self->client.spec, &self->client.dst, addr), p2p_err_text(err),
                 err == P2P_ERR_TOO_BIG && self->pings.size <= cli_spec_max_mtu(&self->client.spec)
                     ? "; --mtu raises that"
                     : "");
        cli_app_end(app, CLI_EXIT_FAILURE);
        return;
    }
    uint64_t lost = cli_pings_sent(&self->pings, p2p_loop_clock(app->loop));
    if (lost)
        print_lost(self, lost);
    if (!p2p_timer_active(&self->lost))
        watch_oldest(self);
}

/* Sends what is due: more than one if the timer was late, so that the rate stays. */
static void on_next(void *arg)
{
    ping *self = arg;
    cli_app *app = app_of(self);
    uint64_t now = p2p_loop_now(app->loop);
    for (unsigned i = 0; i < 64 && self->due <= now && !app->ending; i++) {
        if (app->config->count && self->pings.sent == app->config->count)
            return;
        send_one(self);
        self->due += app->config->interval;
    }
    if (app->ending)
        return;
    if (self->due < now)
        self->due = now; /* it was stopped for long */
    if (!app->config->count || self->pings.sent < app->config->count)
        p2p_timer_start(&self->next, self->due);
}

/* --- beginning --- */

static void on_connected(void *arg)
{
    ping *self = arg;
    self->began = self->due = p2p_loop_clock(app_of(self)->loop);
    p2p_timer_start(&self->next, self->due);
    print_begin(self);
}

static bool start(ping *self)
{
    cli_app *app = app_of(self);
    uint8_t nonce[CLI_PING_NONCE_SIZE];
    if (!cli_client_open(&self->client))
        return false;
    int err = p2p_loop_secret(app->loop, nonce, sizeof nonce);
    if (!err && !cli_pings_open(&self->pings, (size_t)app->config->payload_size, nonce))
        err = P2P_ERR_NO_MEMORY;
    if (err) {
        cli_fail(app, CLI_EXIT_FAILURE, err, "cannot begin: %s", p2p_err_text(err));
        return false;
    }
    self->began = p2p_loop_clock(app->loop);
    p2p_on_tell(self->client.swarm, on_tell, self);
    /* The handshake is no part of a round trip, so it comes before the first one. */
    cli_client_connect(&self->client,
                       app->config->timeout > PATIENCE ? app->config->timeout : PATIENCE,
                       on_connected, self);
    return true;
}

cli_exit cli_ping(const cli_command *command, const cli_config *config)
{
    ping self = {0};
    cli_config full = *config;
    if (!full.timeout)
        full.timeout = 2 * P2P_SECOND;
    if (!cli_client_read(&self.client, command, &full))
        return CLI_EXIT_USAGE;
    if (!cli_client_leaves_process(&self.client, command, &full))
        return CLI_EXIT_UNSUPPORTED;
    cli_app *app = app_of(&self);
    if (!cli_app_open(app, command, &full, on_end, &self))
        return app->exit;
    app->signal_is_end = true;
    p2p_timer_init(&self.next, app->loop, on_next, &self);
    p2p_timer_init(&self.lost, app->loop, on_lost, &self);
    (void)start(&self);
    cli_exit exit = cli_app_run(app);
    cli_pings_close(&self.pings);
    return exit;
}
