/* SPDX-License-Identifier: MIT */
#include "cli/listen_print.h"

static void print_json(cli_text *text, const cli_spec *spec, uint64_t wall, const p2p_msg *msg)
{
    char addr[CLI_STACK_TEXT_SIZE], time[CLI_WALL_SIZE];
    cli_json_begin(text, "message");
    cli_json_text(text, "time", cli_wall_text(wall, time));
    cli_json_text(text, "src", cli_stack_text(spec, msg->src, addr));
    cli_json_text(text, "dst", cli_stack_text(spec, msg->dst, addr));
    cli_json_payload(text, msg->data, msg->len);
    cli_json_end(text);
}

static void print_text(cli_text *text, const cli_config *config, const cli_spec *spec,
                       const p2p_msg *msg)
{
    char addr[CLI_STACK_TEXT_SIZE];
    if (config->from)
        cli_text_printf(text, "%s\t", cli_stack_text(spec, msg->src, addr));
    if (config->raw)
        cli_text_add(text, msg->data, msg->len);
    else
        cli_text_safe(text, msg->data, msg->len, false);
    if (!config->no_newline)
        cli_text_puts(text, "\n");
}

void cli_message_print(cli_text *text, const cli_config *config, const cli_spec *spec,
                       uint64_t wall, const p2p_msg *msg)
{
    if (config->json)
        print_json(text, spec, wall, msg);
    else
        print_text(text, config, spec, msg);
}
