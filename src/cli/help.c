/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/stack.h"

#define INDENT 2
#define COLUMN 28 /* where the explanations begin */

/* Each line of a text, indented. */
static void add_indented(cli_text *out, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        cli_text_printf(out, "%*s%.*s\n", INDENT, "", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void add_option(cli_text *out, const cli_option *option)
{
    char letter[8] = "    ", left[64];
    if (option->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
                   option->value ? option->value : "");
    cli_text_printf(out, "%*s%-*s %s\n", INDENT, "", COLUMN, left, option->help);
}

static void add_command_help(cli_text *out, const cli_command *command)
{
    cli_text_printf(out, "usage: p2p %s [OPTION...]%s%s\n\n%s\n", command->name,
                    *command->operands ? " " : "", command->operands, command->text);
    for (size_t i = 0; i < *command->n_options; i++)
        add_option(out, &command->options[i]);
    cli_text_puts(out, "\nexamples:\n");
    add_indented(out, command->examples);
}

void cli_help(cli_text *out, const cli_command *command)
{
    if (command) {
        add_command_help(out, command);
        return;
    }
    cli_text_puts(out, "usage: p2p COMMAND [OPTION...] [ADDR]\n\n"
                       "Messages between peers.\n\n");
    for (size_t i = 0; i < cli_n_commands; i++)
        cli_text_printf(out, "%*s%-10s%s\n", INDENT, "", cli_commands[i].name,
                        cli_commands[i].summary);
    cli_text_puts(out, "\nAn address names the layers it goes through, the outermost first:\n");
    cli_stack_list(out);
    cli_text_puts(out, "\nTry it, in two terminals:\n"
                       "  p2p listen udp://127.0.0.1:4000\n"
                       "  p2p tell udp://127.0.0.1:4000 --message hello\n\n"
                       "Encrypted, to a peer that is known by its key: p2p listen "
                       "pke+udp://127.0.0.1:0\n"
                       "prints the address to tell to. p2p keygen makes a key that lasts.\n\n"
                       "p2p help COMMAND says more; p2p help COMMAND and p2p COMMAND --help are "
                       "the same.\n");
}
