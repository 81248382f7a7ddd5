/* SPDX-License-Identifier: MIT */
/* p2p listen: receives messages and prints them, sends them back, or answers requests. */
#include <stdlib.h>

#include "cli/allow.h"
#include "cli/answer.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/listen_print.h"

/* What the system should keep for a listener that is busy; it may give less. */
#define RECEIVE_BUFFER ((size_t)4 << 20)

typedef struct listen_state {
    cli_app app;
    cli_spec spec;
    cli_answer answer;
    cli_allow allow;
    p2p_swarm *swarm;
    p2p_timer idle;
    uint64_t received;
    uint64_t received_bytes;
    uint64_t too_long; /* to be echoed */
    bool timed_out;
} listen_state;

static void on_end(void *arg)
{
    listen_state *self = arg;
    const cli_config *config = self->app.config;
    p2p_timer_stop(&self->idle);
    if (self->timed_out && (config->count || !self->received))
        cli_fail(&self->app, CLI_EXIT_NO_ANSWER, P2P_ERR_TIMEOUT,
                 "nothing came for the time of --timeout; received before: %llu",
                 (unsigned long long)self->received);
    else if (cli_signal_seen())
        cli_note(&self->app, "%llu message%s, %llu bytes received",
                 (unsigned long long)self->received, self->received == 1 ? "" : "s",
                 (unsigned long long)self->received_bytes);
    if (self->too_long > 1 && config->verbose)
        cli_note(&self->app, "%llu messages were too long to be echoed",
                 (unsigned long long)self->too_long);
    cli_answer_close(&self->answer);
    cli_app_close_stack(&self->app, &self->swarm, NULL, NULL);
}

static void on_idle(void *arg)
{
    listen_state *self = arg;
    self->timed_out = true;
    cli_app_end(&self->app, CLI_EXIT_OK);
}

/* --- messages --- */

/* One more message or request. */
static void count_one(listen_state *self)
{
    const cli_config *config = self->app.config;
    self->received++;
    if (config->timeout)
        p2p_timer_start_in(&self->idle, config->timeout);
    if (config->count && self->received >= config->count)
        cli_app_end(&self->app, CLI_EXIT_OK);
}

/* One that finds the queue full is lost, as on any network; the counters have it. Of those that are
 * too long the first is told, and at the end how many there were. */
static void echo(listen_state *self, const p2p_msg *msg)
{
    int err = p2p_tell(self->swarm, msg->src, msg->data, msg->len);
    if (err == P2P_ERR_TOO_BIG && self->too_long++ == 0 && self->app.config->verbose)
        cli_warn(self->app.config,
                 "a message of %zu bytes is not echoed, for the most to send is %zu%s", msg->len,
                 p2p_mtu(self->swarm, msg->src),
                 msg->len <= cli_spec_max_mtu(&self->spec) ? "; --mtu raises that" : "");
}

static void on_tell(void *arg, const p2p_msg *msg)
{
    listen_state *self = arg;
    cli_message_print(&self->app.out.text, self->app.config, &self->spec,
                      p2p_loop_wall(self->app.loop), msg);
    cli_output_ready(&self->app.out);
    self->received_bytes += msg->len;
    if (self->app.config->echo && !self->app.ending)
        echo(self, msg);
    if (!self->app.ending)
        count_one(self);
}

static void on_served(void *arg)
{
    count_one(arg);
}

/* --- beginning --- */

static void print_address(listen_state *self, const p2p_addr *addr)
{
    cli_text *text = &self->app.out.text;
    char line[CLI_STACK_TEXT_SIZE];
    if (self->app.config->json) {
        cli_json_begin(text, "listening");
        cli_json_text(text, "addr", cli_stack_text(&self->spec, addr, line));
        if (self->app.key_is_temporary)
            cli_json_text(text, "key", "temporary");
        cli_json_end(text);
    } else {
        cli_text_printf(text, "%s\n", cli_stack_text(&self->spec, addr, line));
    }
}

static bool print_addresses(listen_state *self)
{
    p2p_addr few[16];
    p2p_addr *addrs = few;
    size_t n = 0;
    int err = p2p_local_addrs(self->swarm, few, sizeof few / sizeof *few, &n);
    if (err == P2P_ERR_NO_SPACE) {
        size_t cap = n;
        addrs = calloc(cap, sizeof *addrs);
        err = addrs ? p2p_local_addrs(self->swarm, addrs, cap, &n) : P2P_ERR_NO_MEMORY;
        if (err == P2P_ERR_NO_SPACE) {
            n = cap; /* one more has come up meanwhile */
            err = 0;
        }
    }
    for (size_t i = 0; !err && i < n; i++)
        print_address(self, &addrs[i]);
    if (err)
        cli_fail(&self->app, CLI_EXIT_FAILURE, err, "cannot find the addresses of this machine: %s",
                 p2p_err_text(err));
    if (addrs != few)
        free(addrs);
    cli_output_flush(&self->app.out);
    return !err;
}

static bool start(listen_state *self)
{
    cli_app *app = &self->app;
    const cli_config *config = app->config;
    cli_stack_config stack = {.bind = self->spec.addr,
                              .mtu = config->mtu,
                              .rcvbuf = RECEIVE_BUFFER,
                              .node = P2P_MEM_ANY_NODE,
                              .allow = self->allow.ids ? cli_allow_peer : NULL,
                              .allow_arg = &self->allow};
    if (!cli_app_stack(app, &self->swarm, &self->spec, &stack, self->spec.addr))
        return false;
    if (config->answer &&
        !cli_answer_open(&self->answer, app, self->swarm, &self->spec, on_served, self))
        return false;
    p2p_on_tell(self->swarm, on_tell, self);
    if (config->timeout)
        p2p_timer_start_in(&self->idle, config->timeout);
    return print_addresses(self);
}

/* Reads what the command line says. */
static cli_exit read_line(listen_state *self, const cli_command *command, const cli_config *config)
{
    char error[CLI_STACK_ERROR_SIZE];
    p2p_addr addr;
    if (!cli_spec_read(&self->spec, config->operands[0], error) ||
        !cli_spec_addr(&self->spec, true, &addr, error) ||
        !cli_key_is_usable(&self->spec, config, error) ||
        !cli_allow_read(&self->allow, config->allows, config->n_allows, error))
        return cli_usage(command, config, "%s", error);
    if (cli_spec_leaves_process(&self->spec))
        return CLI_EXIT_OK;
    cli_report(command, config, CLI_EXIT_UNSUPPORTED, P2P_ERR_UNSUPPORTED,
               "nobody could reach %s://, which joins nodes of one process only; listen on "
               "udp://, or try p2p ask %s:// --answer COMMAND REQUEST",
               self->spec.scheme, self->spec.scheme);
    return CLI_EXIT_UNSUPPORTED;
}

cli_exit cli_listen(const cli_command *command, const cli_config *config)
{
    listen_state self = {0};
    cli_exit exit = read_line(&self, command, config);
    if (exit == CLI_EXIT_OK && cli_app_open(&self.app, command, config, on_end, &self)) {
        self.app.signal_is_end = true;
        p2p_timer_init(&self.idle, self.app.loop, on_idle, &self);
        (void)start(&self);
        exit = cli_app_run(&self.app);
    } else if (exit == CLI_EXIT_OK) {
        exit = self.app.exit;
    }
    cli_allow_free(&self.allow);
    return exit;
}
