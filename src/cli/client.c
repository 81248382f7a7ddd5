/* SPDX-License-Identifier: MIT */
#include "cli/client.h"

#include <string.h>

bool cli_client_read(cli_client *client, const cli_command *command, const cli_config *config)
{
    char error[CLI_STACK_ERROR_SIZE];
    p2p_addr bound;
    memset(client, 0, sizeof *client);
    if (cli_spec_read(&client->spec, config->operands[0], error) &&
        cli_spec_addr(&client->spec, false, &client->dst, error) &&
        cli_key_is_usable(&client->spec, config, error) &&
        (!config->bind || (cli_spec_read_like(&client->bind, config->bind, &client->spec, error) &&
                           cli_spec_addr(&client->bind, true, &bound, error))))
        return true;
    (void)cli_usage(command, config, "%s", error);
    return false;
}

bool cli_client_leaves_process(const cli_client *client, const cli_command *command,
                               const cli_config *config)
{
    if (cli_spec_leaves_process(&client->spec))
        return true;
    cli_report(command, config, CLI_EXIT_UNSUPPORTED, P2P_ERR_UNSUPPORTED,
               "%s:// joins nodes of one process only, so there is nobody to talk to; between "
               "processes use udp://",
               client->spec.scheme);
    return false;
}

bool cli_client_open(cli_client *client)
{
    cli_app *app = &client->app;
    cli_stack_config config = {
        .bind = client->bind.addr, .mtu = app->config->mtu, .node = P2P_MEM_ANY_NODE};
    char text[CLI_STACK_TEXT_SIZE];
    p2p_addr dst;
    if (!cli_app_stack(app, &client->swarm, &client->spec, &config,
                       client->bind.addr ? client->bind.addr : ""))
        return false;
    if (!p2p_addr_text(&client->dst, text, sizeof text) &&
        !p2p_parse_addr(client->swarm, text, &dst))
        return true;
    cli_fail(app, CLI_EXIT_FAILURE, P2P_ERR_BAD_ADDR, "%s cannot be reached from %s%s",
             cli_stack_text(&client->spec, &client->dst, text),
             client->bind.addr ? "--bind " : "this machine, which has no IPv6",
             client->bind.addr ? client->bind.addr : "");
    return false;
}

/* --- sessions --- */

/* Reports that somebody else answers; other is the address that he says is his, or NULL. */
static void report_other(cli_client *client, const p2p_addr *other)
{
    char addr[CLI_STACK_TEXT_SIZE], text[CLI_STACK_TEXT_SIZE];
    cli_fail(&client->app, CLI_EXIT_REFUSED, P2P_ERR_REFUSED,
             "who answers is not the peer of %s, but has another key: %s%s%sask its owner for the "
             "address as it is today; p2p doctor finds out more",
             cli_stack_text(&client->spec, &client->dst, addr), other ? "it says that it is " : "",
             other ? cli_stack_text(&client->spec, other, text) : "", other ? "; " : "");
}

/* Reports that there is no session with the peer, and ends the command. */
static void give_up(cli_client *client, int reason, const p2p_addr *other)
{
    cli_app *app = &client->app;
    char addr[CLI_STACK_TEXT_SIZE], id[P2P_PEER_ID_TEXT_LEN + 1];
    if (app->ending)
        return;
    cli_stack_text(&client->spec, &client->dst, addr);
    p2p_peer_id_text(app->key.id, id);
    if (reason == P2P_ERR_TIMEOUT)
        cli_fail(app, CLI_EXIT_NO_ANSWER, reason,
                 "no answer from %s: nobody listens there, a firewall is between, or this node, "
                 "%s, is not allowed there; p2p doctor finds out more",
                 addr, id);
    else if (reason == P2P_ERR_REFUSED || reason == P2P_ERR_NO_KEY)
        report_other(client, other);
    else
        cli_fail(app, CLI_EXIT_FAILURE, reason, "no session with %s: %s", addr,
                 p2p_err_text(reason));
    cli_app_end(app, CLI_EXIT_FAILURE);
}

static void on_peer(void *arg, const p2p_pke_peer_event *event)
{
    cli_client *client = arg;
    if (event->kind == P2P_PKE_PEER_FAILED && p2p_addr_equal(event->peer, &client->dst))
        give_up(client, event->reason, event->answered);
}

static void on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    cli_client *client = arg;
    (void)key;
    (void)len;
    if (client->app.ending)
        return;
    if (status)
        give_up(client, status, NULL);
    else
        client->on_connected(client->arg);
}

static void on_task(void *arg)
{
    cli_client *client = arg;
    client->on_connected(client->arg);
}

void cli_client_connect(cli_client *client, uint64_t patience, void (*fn)(void *arg), void *arg)
{
    cli_app *app = &client->app;
    client->on_connected = fn;
    client->arg = arg;
    p2p_task_init(&client->task, on_task, client);
    if (!p2p_is_secure(client->swarm)) {
        p2p_loop_defer(app->loop, &client->task);
        return;
    }
    app->reports_peers = true;
    (void)!p2p_pke_on_peer(client->swarm, on_peer, client); /* other kinds have no such events */
    int err = p2p_lookup_key(client->swarm, &client->dst, patience, on_key, client);
    if (err)
        give_up(client, err, NULL);
}

void cli_client_disconnect(cli_client *client)
{
    if (client->on_connected)
        p2p_task_cancel(&client->task);
}
