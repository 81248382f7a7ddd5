/* SPDX-License-Identifier: MIT */
/* p2p ping: messages that come back, how long they took, and how many did not. */
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"

/*
 * A ping is 8 random bytes that say whose it is, 8 bytes of its number, big endian, and a
 * pattern up to its length. Whatever comes that is not such a ping of ours, byte by byte, is
 * ignored.
 */
#define NONCE_SIZE  8
#define HEADER_SIZE 16

/* Pings that may be on their way; an older one counts as lost, so that memory does not grow. */
#define WINDOW 4096u

/* How long a handshake may take, or longer if --timeout says so. */
#define PATIENCE (10 * P2P_SECOND)

typedef enum flight_state { FREE = 0, FLYING = 1, BACK = 2, LOST = 3 } flight_state;

typedef struct flight {
    uint64_t number;
    uint64_t sent; /* when */
    flight_state state;
} flight;

typedef struct ping {
    cli_client client;
    uint8_t nonce[NONCE_SIZE];
    uint8_t *payload;
    flight *flights; /* WINDOW, by number */
    p2p_timer next;  /* sends the next one */
    p2p_timer lost;  /* when the oldest on its way is lost */
    uint64_t began;
    uint64_t due;    /* when the next one is to be sent */
    uint64_t oldest; /* no ping before this number is on its way */
    uint64_t sent;
    uint64_t received;
    uint64_t duplicates;
    uint64_t lost_count;
    uint64_t min; /* of the round trips, nanoseconds */
    uint64_t max;
    double sum;
    double sum_squares;
} ping;

static cli_app *app_of(ping *self)
{
    return &self->client.app;
}

static flight *flight_of(ping *self, uint64_t number)
{
    return &self->flights[number % WINDOW];
}

/* --- payloads --- */

static void write_payload(ping *self, uint64_t number)
{
    size_t len = (size_t)app_of(self)->config->payload_size;
    memcpy(self->payload, self->nonce, NONCE_SIZE);
    for (size_t i = 0; i < 8; i++)
        self->payload[NONCE_SIZE + i] = (uint8_t)(number >> (56 - 8 * i));
    for (size_t i = HEADER_SIZE; i < len; i++)
        self->payload[i] = (uint8_t)i;
}

/* The number of a ping of ours; 0 if it is none. */
static uint64_t read_payload(const ping *self, const uint8_t *data, size_t len)
{
    uint64_t number = 0;
    if (len != self->client.app.config->payload_size || memcmp(data, self->nonce, NONCE_SIZE) != 0)
        return 0;
    for (size_t i = 0; i < 8; i++)
        number = number << 8 | data[NONCE_SIZE + i];
    for (size_t i = HEADER_SIZE; i < len; i++)
        if (data[i] != (uint8_t)i)
            return 0;
    return number <= self->sent ? number : 0;
}

/* --- printing --- */

static double milliseconds(double nanoseconds)
{
    return nanoseconds / 1e6;
}

/* By Newton; it saves the mathematical library. */
static double square_root(double value)
{
    double root = value > 1 ? value : 1;
    double next = (root + value / root) / 2;
    while (next < root) {
        root = next;
        next = (root + value / root) / 2;
    }
    return value > 0 ? root : 0;
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

static void print_summary_json(ping *self, uint64_t lost, double mean, double deviation)
{
    cli_app *app = app_of(self);
    cli_text *text = &app->out.text;
    char addr[CLI_STACK_TEXT_SIZE];
    cli_json_begin(text, "summary");
    cli_json_text(text, "dst", cli_stack_text(&self->client.spec, &self->client.dst, addr));
    cli_json_number(text, "sent", self->sent);
    cli_json_number(text, "received", self->received);
    cli_json_number(text, "duplicates", self->duplicates);
    cli_json_number(text, "lost", lost);
    cli_json_milliseconds(text, "milliseconds", p2p_loop_clock(app->loop) - self->began);
    if (self->received) {
        cli_json_milliseconds(text, "min", self->min);
        cli_json_milliseconds(text, "avg", (uint64_t)mean);
        cli_json_milliseconds(text, "max", self->max);
        cli_json_milliseconds(text, "mdev", (uint64_t)deviation);
    }
    cli_json_end(text);
}

/* mdev is the standard deviation, as ping computes it. */
static void print_summary(ping *self)
{
    cli_app *app = app_of(self);
    cli_text *text = &app->out.text;
    char addr[CLI_STACK_TEXT_SIZE];
    double n = self->received ? (double)self->received : 1;
    double mean = self->sum / n;
    double deviation = square_root(self->sum_squares / n - mean * mean);
    uint64_t lost = self->sent - self->received;
    if (app->config->json) {
        print_summary_json(self, lost, mean, deviation);
        return;
    }
    cli_text_printf(text, "--- %s ---\n%llu sent, %llu received, ",
                    cli_stack_text(&self->client.spec, &self->client.dst, addr),
                    (unsigned long long)self->sent, (unsigned long long)self->received);
    if (self->duplicates)
        cli_text_printf(text, "%llu of them again, ", (unsigned long long)self->duplicates);
    cli_text_printf(text, "%.3g%% lost, %.3f s\n",
                    self->sent ? 100.0 * (double)lost / (double)self->sent : 0.0,
                    (double)(p2p_loop_clock(app->loop) - self->began) / 1e9);
    if (self->received)
        cli_text_printf(text, "round trip min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n",
                        milliseconds((double)self->min), milliseconds(mean),
                        milliseconds((double)self->max), milliseconds(deviation));
}

/* --- the end --- */

static void on_end(void *arg)
{
    ping *self = arg;
    cli_app *app = app_of(self);
    p2p_timer_stop(&self->next);
    p2p_timer_stop(&self->lost);
    cli_client_disconnect(&self->client);
    if (self->client.swarm && (self->sent || !app->exit)) {
        print_summary(self);
        cli_output_ready(&app->out);
        if (self->sent && !self->received && !app->exit)
            cli_fail(app, CLI_EXIT_NO_ANSWER, P2P_ERR_TIMEOUT,
                     "nothing came back; does p2p listen --echo run there?");
    }
    cli_app_close_stack(app, &self->client.swarm, NULL, NULL);
}

static void end_if_done(ping *self)
{
    uint64_t count = app_of(self)->config->count;
    if (count && self->sent == count && self->oldest > self->sent)
        cli_app_end(app_of(self), CLI_EXIT_OK);
}

/* --- losses --- */

static void lose(ping *self, flight *one)
{
    one->state = LOST;
    self->lost_count++;
    print_lost(self, one->number);
}

static bool is_flying(ping *self, uint64_t number)
{
    const flight *one = flight_of(self, number);
    return one->number == number && one->state == FLYING;
}

/* Finds the oldest ping that is on its way, and waits for its time to pass. */
static void watch_oldest(ping *self)
{
    uint64_t timeout = app_of(self)->config->timeout;
    while (self->oldest <= self->sent && !is_flying(self, self->oldest))
        self->oldest++;
    if (app_of(self)->ending)
        return; /* what was printed last could not be written */
    if (self->oldest <= self->sent)
        p2p_timer_start(&self->lost, flight_of(self, self->oldest)->sent + timeout);
    else
        p2p_timer_stop(&self->lost);
}

static void on_lost(void *arg)
{
    ping *self = arg;
    flight *one = flight_of(self, self->oldest);
    uint64_t now = p2p_loop_now(app_of(self)->loop);
    if (is_flying(self, self->oldest) && one->sent + app_of(self)->config->timeout <= now)
        lose(self, one);
    watch_oldest(self);
    end_if_done(self);
}

/* --- going and coming --- */

static void on_tell(void *arg, const p2p_msg *msg)
{
    ping *self = arg;
    uint64_t number = read_payload(self, msg->data, msg->len);
    flight *one = number ? flight_of(self, number) : NULL;
    if (app_of(self)->ending || !one || one->number != number)
        return;
    uint64_t took = p2p_loop_clock(app_of(self)->loop) - one->sent;
    bool duplicate = one->state == BACK;
    if (one->state == LOST)
        return; /* too late: it was counted */
    if (duplicate) {
        self->duplicates++;
    } else {
        one->state = BACK;
        self->min = self->received && self->min < took ? self->min : took;
        self->max = self->max > took ? self->max : took;
        self->sum += (double)took;
        self->sum_squares += (double)took * (double)took;
        self->received++;
    }
    print_reply(self, msg->src, number, took, duplicate);
    if (number == self->oldest)
        watch_oldest(self);
    end_if_done(self);
}

/* Sends one. A full queue is a loss like any other; every other error ends the command. */
static void send_one(ping *self)
{
    cli_app *app = app_of(self);
    char addr[CLI_STACK_TEXT_SIZE];
    uint64_t number = self->sent + 1;
    flight *one = flight_of(self, number);
    if (one->state == FLYING)
        lose(self, one);
    write_payload(self, number);
    int err = p2p_tell(self->client.swarm, &self->client.dst, self->payload,
                       (size_t)app->config->payload_size);
    if (err && err != P2P_ERR_AGAIN) {
        cli_fail(app, err == P2P_ERR_UNREACHABLE ? CLI_EXIT_NO_ANSWER : CLI_EXIT_FAILURE, err,
                 "cannot send to %s: %s%s",
                 cli_stack_text(&self->client.spec, &self->client.dst, addr), p2p_err_text(err),
                 err == P2P_ERR_TOO_BIG ? "; --mtu raises that" : "");
        cli_app_end(app, CLI_EXIT_FAILURE);
        return;
    }
    self->sent = number;
    *one = (flight){number, p2p_loop_clock(app->loop), FLYING};
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
        if (app->config->count && self->sent == app->config->count)
            return;
        send_one(self);
        self->due += app->config->interval;
    }
    if (app->ending)
        return;
    if (self->due < now)
        self->due = now; /* it was stopped for long */
    if (!app->config->count || self->sent < app->config->count)
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
    if (!cli_client_open(&self->client))
        return false;
    self->payload = malloc((size_t)app->config->payload_size);
    self->flights = calloc(WINDOW, sizeof *self->flights);
    int err = self->payload && self->flights ? 0 : P2P_ERR_NO_MEMORY;
    if (!err)
        err = p2p_loop_secret(app->loop, self->nonce, sizeof self->nonce);
    if (err) {
        cli_fail(app, CLI_EXIT_FAILURE, err, "cannot begin: %s", p2p_err_text(err));
        return false;
    }
    self->oldest = 1;
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
    free(self.payload);
    free(self.flights);
    return exit;
}
