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
