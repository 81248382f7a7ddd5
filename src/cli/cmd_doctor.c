/* SPDX-License-Identifier: MIT */
/* p2p doctor: why a peer can or cannot be reached, step by step. */
#include "cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TIMEOUT (3 * P2P_SECOND)
#define COLUMN          20 /* where the sentences begin */

/* --- printing --- */

static const char *state_name(doctor_state state)
{
    switch (state) {
    case DOCTOR_OK:
        return "ok";
    case DOCTOR_FAILED:
        return "failed";
    case DOCTOR_UNKNOWN:
    default:
        return "unknown";
    }
}

static void print_json(cli_text *text, const doctor_finding *finding)
{
    cli_json_begin(text, "step");
    cli_json_text(text, "step", finding->step);
    cli_json_text(text, "state", state_name(finding->state));
    cli_json_text(text, "text", finding->text);
    if (finding->advice)
        cli_json_text(text, "advice", finding->advice);
    if (finding->peer[0])
        cli_json_text(text, "peer", finding->peer);
    if (finding->took)
        cli_json_milliseconds(text, "milliseconds", finding->took);
    if (finding->bytes)
        cli_json_number(text, "bytes", finding->bytes);
    cli_json_end(text);
}

void doctor_tell(doctor *self, const doctor_finding *finding)
{
    cli_text *text = &self->app.out.text;
    if (self->app.config->json) {
        print_json(text, finding);
    } else {
        cli_text_printf(text, "%-11s%-9s", finding->step, state_name(finding->state));
        cli_text_safe(text, finding->text, strlen(finding->text), false);
        cli_text_puts(text, "\n");
        if (finding->advice)
            cli_text_printf(text, "%*s-> %s\n", COLUMN, "", finding->advice);
    }
    cli_output_flush(&self->app.out);
}

static void tell(doctor *self, const char *step, doctor_state state, const char *advice,
                 const char *text)
{
    doctor_finding finding = {.step = step, .state = state, .advice = advice};
    (void)snprintf(finding.text, sizeof finding.text, "%s", text);
    doctor_tell(self, &finding);
}

/* Says how it all ended. */
static void conclude(doctor *self, cli_exit exit)
{
    cli_text *text = &self->app.out.text;
    bool no = exit == CLI_EXIT_NO_ANSWER || exit == CLI_EXIT_REFUSED;
    bool yes = exit == CLI_EXIT_OK && self->reached;
    if (self->app.config->json) {
        cli_json_begin(text, "verdict");
        cli_json_text(text, "addr", self->app.config->operands[0]);
        cli_json_text(text, "reachable", no ? "no" : yes ? "yes" : "unknown");
        cli_json_number(text, "exit", (uint64_t)exit);
        cli_json_end(text);
    } else {
        cli_text_puts(text, no    ? "The peer cannot be reached.\n"
                            : yes ? "The peer can be reached.\n"
                                  : "Whether the peer can be reached is not known.\n");
    }
}

/* --- the first steps --- */

static cli_exit examine_address(doctor *self)
{
    char error[CLI_STACK_ERROR_SIZE], text[CLI_STACK_TEXT_SIZE];
    cli_spec bind;
    p2p_addr bound;
    const cli_config *config = self->app.config;
    if (!cli_spec_read(&self->spec, config->operands[0], error) ||
        !cli_spec_addr(&self->spec, false, &self->dst, error) ||
        !cli_key_is_usable(&self->spec, config, error) ||
        (config->bind && (!cli_spec_read_like(&bind, config->bind, &self->spec, error) ||
                          !cli_spec_addr(&bind, true, &bound, error)))) {
        tell(self, "address", DOCTOR_FAILED, "correct it", error);
        return CLI_EXIT_USAGE;
    }
    self->place = self->dst;
    while (p2p_addr_kind_of(&self->place) != P2P_ADDR_IP &&
           !p2p_addr_unwrap(&self->place, &self->place))
        continue;
    bool keyed = strcmp(self->spec.scheme, "pke+udp") == 0;
    if (!keyed && strcmp(self->spec.scheme, "udp") != 0) {
        (void)snprintf(error, sizeof error, "p2p doctor knows nothing about %s://",
                       self->spec.scheme);
        tell(self, "address", DOCTOR_UNKNOWN, "it examines udp:// and pke+udp://", error);
        return CLI_EXIT_UNSUPPORTED;
    }
    if (keyed)
        (void)!p2p_addr_peer_id(&self->dst, self->id);
    (void)cli_stack_text(&self->spec, &self->dst, text);
    const char *group = doctor_net_group(&self->place);
    if (group) {
        (void)snprintf(error, sizeof error,
                       "%s is a %s address, which many machines have together, and a peer is one",
                       text, group);
        tell(self, "address", DOCTOR_FAILED, "write its own address, as p2p listen prints it there",
             error);
        return CLI_EXIT_USAGE;
    }
    (void)snprintf(error, sizeof error, "%s is well formed", text);
    tell(self, "address", DOCTOR_OK, NULL, error);
    return CLI_EXIT_OK;
}

static cli_exit examine_key(doctor *self)
{
    char text[CLI_STACK_ERROR_SIZE], id[P2P_PEER_ID_TEXT_LEN + 1];
    char found[CLI_PATH_SIZE];
    const char *path = self->app.config->key;
    if (!cli_spec_has_keys(&self->spec))
        return CLI_EXIT_OK;
    if (!path)
        path = cli_key_default_path(found) ? found : "the default file";
    if (!cli_app_key(&self->app)) {
        (void)snprintf(text, sizeof text, "the key in %.300s cannot be used; the error says why",
                       path);
        tell(self, "key", DOCTOR_FAILED,
             "mend that file, or name another with --key; p2p keygen makes one", text);
        return CLI_EXIT_FAILURE;
    }
    p2p_peer_id_text(self->app.key.id, id);
    (void)snprintf(text, sizeof text, "this node is %s%s%.300s", id,
                   self->app.key.from_file ? ", by the key in "
                                           : " this time only, as there is no key in ",
                   path);
    tell(self, "key", DOCTOR_OK,
         self->app.key.from_file ? NULL : "p2p keygen makes a lasting one, that others can --allow",
         text);
    return CLI_EXIT_OK;
}

/* The part of --bind behind its scheme. */
static const char *bound_of(const cli_config *config)
{
    const char *scheme = config->bind ? strstr(config->bind, "://") : NULL;
    return scheme ? scheme + 3 : config->bind;
}

static cli_exit examine_route(doctor *self)
{
    char text[CLI_STACK_ERROR_SIZE];
    int error = doctor_net_open(&self->net, &self->place, bound_of(self->app.config));
    if (error) {
        tell(self, "route", DOCTOR_FAILED, doctor_net_advice(error), doctor_net_explain(error));
        return CLI_EXIT_NO_ANSWER;
    }
    (void)snprintf(text, sizeof text, "this machine sends there from %s", self->net.local);
    tell(self, "route", DOCTOR_OK, NULL, text);
    return CLI_EXIT_OK;
}

/* --- plain UDP --- */

/* Without a handshake only an echo, or the system, can tell. */
static cli_exit examine_port(doctor *self)
{
    uint8_t data[2048];
    size_t len = 0;
    uint64_t took = 0;
    int error;
    if (self->app.config->echo) {
        error = doctor_echo(self, NULL, 56, &took);
    } else {
        error = doctor_net_send(&self->net, "", 0);
        if (!error)
            error = doctor_net_receive(&self->net, doctor_now() + self->timeout, data, sizeof data,
                                       &len);
    }
    if (!error) {
        self->reached = true;
        self->round_trip = took;
        tell(self, "port", DOCTOR_OK, NULL, "somebody answers");
        return CLI_EXIT_OK;
    }
    if (error != ETIMEDOUT) {
        tell(self, "port", DOCTOR_FAILED, doctor_net_advice(error), doctor_net_explain(error));
        return CLI_EXIT_NO_ANSWER;
    }
    if (self->app.config->echo) {
        tell(self, "port", DOCTOR_FAILED,
             "ask there whether p2p listen --echo runs, and whether a firewall or router lets UDP "
             "through to it",
             "no echo came back, and no error");
        return CLI_EXIT_NO_ANSWER;
    }
    tell(self, "port", DOCTOR_UNKNOWN,
         "run p2p listen --echo there and p2p doctor --echo here; or use pke+udp://, which answers",
         "no error came back, and no answer: plain UDP has none, so a listener and a firewall look "
         "alike");
    return CLI_EXIT_OK;
}

/* --- all of it --- */

static cli_exit examine(doctor *self)
{
    cli_exit exit = examine_address(self);
    if (!exit)
        exit = examine_key(self);
    if (!exit)
        exit = examine_route(self);
    if (exit)
        return exit;
    if (!cli_spec_has_keys(&self->spec)) {
        exit = examine_port(self);
        if (!exit)
            doctor_examine_sizes(self, NULL);
        return exit;
    }
    doctor_peer peer;
    exit = doctor_examine_peer(self, &peer);
    if (!exit)
        doctor_examine_sizes(self, &peer);
    doctor_pke_free(&peer);
    return exit;
}

cli_exit cli_doctor(const cli_command *command, const cli_config *config)
{
    doctor self = {.app = {.command = command, .config = config}, .net = {.fd = -1}};
    self.timeout = config->timeout ? config->timeout : DEFAULT_TIMEOUT;
    int err = p2p_loop_new(&self.app.loop, NULL);
    if (err) {
        cli_report(command, config, CLI_EXIT_FAILURE, err, "cannot begin: %s", p2p_err_text(err));
        return CLI_EXIT_FAILURE;
    }
    cli_exit exit = examine(&self);
    conclude(&self, exit);
    doctor_net_close(&self.net);
    cli_key_free(&self.app.key);
    (void)!p2p_loop_free(self.app.loop);
    cli_exit written = cli_finish_output(command, config, &self.app.out);
    return exit ? exit : written;
}
