/* SPDX-License-Identifier: MIT */
/* p2p ask: sends a request and prints the response; with --answer also makes the node that
 * answers. */
#include <string.h>

#include "cli/answer.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/input.h"

typedef struct ask_state {
    cli_client client;
    cli_answer answer;
    p2p_swarm *server; /* with --answer */
    cli_input input;
    p2p_task task;
    p2p_ask_id id; /* 0 when none is pending */
    uint64_t began;
} ask_state;

static cli_app *app_of(ask_state *self)
{
    return &self->client.app;
}

static void on_end(void *arg)
{
    ask_state *self = arg;
    if (self->id)
        (void)!p2p_ask_cancel(self->client.swarm, self->id);
    p2p_task_cancel(&self->task);
    cli_input_close(&self->input);
    cli_answer_close(&self->answer);
    cli_app_close_stack(app_of(self), &self->client.swarm, NULL, NULL);
    cli_app_close_stack(app_of(self), &self->server, NULL, NULL);
}

/* --- the response --- */

static void print_response(ask_state *self, const p2p_answer *answer)
{
    cli_app *app = app_of(self);
    cli_text *text = &app->out.text;
    char addr[CLI_STACK_TEXT_SIZE];
    if (app->config->json) {
        cli_json_begin(text, "response");
        cli_json_text(text, "src", cli_stack_text(&self->client.spec, &self->client.dst, addr));
        cli_json_milliseconds(text, "milliseconds", p2p_loop_clock(app->loop) - self->began);
        cli_json_payload(text, answer->data, answer->len);
        cli_json_end(text);
    } else if (app->config->raw) {
        cli_text_add(text, answer->data, answer->len);
    } else {
        cli_text_safe(text, answer->data, answer->len, true);
        if (answer->len && answer->data[answer->len - 1] != '\n')
            cli_text_puts(text, "\n");
    }
    cli_output_ready(&app->out);
}

static void report_refusal(ask_state *self, unsigned code)
{
    cli_app *app = app_of(self);
    char addr[CLI_STACK_TEXT_SIZE];
    if (app->config->json) {
        cli_json_begin(&app->out.text, "refused");
        cli_json_text(&app->out.text, "src",
                      cli_stack_text(&self->client.spec, &self->client.dst, addr));
        cli_json_number(&app->out.text, "code", code);
        cli_json_end(&app->out.text);
        cli_output_ready(&app->out);
    }
    cli_fail(app, CLI_EXIT_REFUSED, P2P_ERR_REFUSED, "%s refused the request with code %u%s",
             cli_stack_text(&self->client.spec, &self->client.dst, addr), code,
             cli_code_text(code));
}

static cli_exit exit_of(int err)
{
    switch (err) {
    case P2P_ERR_TIMEOUT:
    case P2P_ERR_UNREACHABLE:
    case P2P_ERR_NO_HANDLER:
        return CLI_EXIT_NO_ANSWER;
    case P2P_ERR_UNSUPPORTED:
        return CLI_EXIT_UNSUPPORTED;
    default:
        return CLI_EXIT_FAILURE;
    }
}

static void report_error(ask_state *self, int err)
{
    cli_app *app = app_of(self);
    char addr[CLI_STACK_TEXT_SIZE];
    const char *hint = "";
    bool nobody = err == P2P_ERR_UNREACHABLE || err == P2P_ERR_NO_HANDLER;
    if (nobody && !cli_spec_leaves_process(&self->client.spec))
        hint = "; nodes in memory are of one process: --answer COMMAND makes the other one";
    else if (err == P2P_ERR_TIMEOUT)
        hint = "; --timeout sets it";
    cli_fail(app, exit_of(err), err, "no response from %s: %s%s",
             cli_stack_text(&self->client.spec, &self->client.dst, addr), p2p_err_text(err), hint);
}

static void on_answer(void *arg, const p2p_answer *answer)
{
    ask_state *self = arg;
    self->id = 0;
    if (!answer->status)
        print_response(self, answer);
    else if (answer->status == P2P_ERR_REFUSED)
        report_refusal(self, answer->code);
    else
        report_error(self, answer->status);
    cli_app_end(app_of(self), CLI_EXIT_OK);
}

/* --- the request --- */

static void send_request(ask_state *self, const void *data, size_t len)
{
    cli_app *app = app_of(self);
    self->began = p2p_loop_clock(app->loop);
    int err = p2p_ask(self->client.swarm, &self->client.dst, data, len, app->config->timeout,
                      &self->id, on_answer, self);
    if (err == P2P_ERR_TOO_BIG)
        cli_fail(app, CLI_EXIT_FAILURE, err, "the request has %zu bytes, but at most %zu fit", len,
                 p2p_ask_mtu(self->client.swarm, &self->client.dst));
    else if (err)
        report_error(self, err);
    if (err)
        cli_app_end(app, CLI_EXIT_FAILURE);
}

static void on_input(void *arg)
{
    ask_state *self = arg;
    cli_app *app = app_of(self);
    const char *file = app->config->file ? app->config->file : "standard input";
    cli_piece piece;
    switch (cli_input_next(&self->input, &piece)) {
    case CLI_PIECE:
        send_request(self, piece.data, (size_t)piece.len);
        return;
    case CLI_WAIT:
        return;
    case CLI_TOO_LONG:
        cli_fail(app, CLI_EXIT_FAILURE, P2P_ERR_TOO_BIG,
                 "the request is longer than %zu bytes, and no more fit", self->input.most);
        break;
    case CLI_INPUT_ERROR:
    case CLI_INPUT_END:
    default:
        cli_fail(app, CLI_EXIT_FAILURE, 0, "cannot read %s: %s", file, strerror(self->input.error));
        break;
    }
    cli_app_end(app, CLI_EXIT_FAILURE);
}

static void on_begin(void *arg)
{
    ask_state *self = arg;
    const char *request = app_of(self)->config->operands[1];
    if (request)
        send_request(self, request, strlen(request));
    else
        on_input(self);
}

/* --- beginning --- */

static void on_served(void *arg)
{
    (void)arg;
}

/* The node that answers has the number, or the address, that is asked. */
static bool open_server(ask_state *self)
{
    cli_app *app = app_of(self);
    const cli_spec *spec = &self->client.spec;
    cli_stack_config stack = {.bind = spec->addr, .node = P2P_MEM_ANY_NODE};
    if (!app->config->answer)
        return true;
    (void)!p2p_addr_mem(&self->client.dst, &stack.node);
    return cli_app_stack(app, &self->server, spec, &stack, spec->addr) &&
           cli_answer_open(&self->answer, app, self->server, spec, on_served, NULL);
}

static bool start(ask_state *self)
{
    cli_app *app = app_of(self);
    const cli_config *config = app->config;
    if (!open_server(self) || !cli_client_open(&self->client))
        return false;
    if (!p2p_can_ask(self->client.swarm)) {
        cli_answer_unsupported(app, &self->client.spec);
        return false;
    }
    size_t limit = p2p_ask_mtu(self->client.swarm, &self->client.dst);
    int err = config->operands[1] ? 0
                                  : cli_input_open(&self->input, app->loop, config->file, true,
                                                   limit, on_input, self);
    cli_input_most(&self->input, limit);
    if (err)
        cli_fail(app, CLI_EXIT_FAILURE, 0, "cannot open %s: %s",
                 config->file ? config->file : "standard input", strerror(err));
    return !err;
}

cli_exit cli_ask(const cli_command *command, const cli_config *config)
{
    ask_state self = {0};
    if (!cli_client_read(&self.client, command, config))
        return CLI_EXIT_USAGE;
    cli_app *app = app_of(&self);
    if (!cli_app_open(app, command, config, on_end, &self))
        return app->exit;
    p2p_task_init(&self.task, on_begin, &self);
    if (start(&self))
        p2p_loop_defer(app->loop, &self.task);
    return cli_app_run(app);
}
