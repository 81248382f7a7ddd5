/* SPDX-License-Identifier: MIT */
/* The commands that only print: help, errors and version. */
#include <errno.h>
#include <string.h>

#include "cli/app.h"
#include "cli/commands.h"

cli_exit cli_finish_output(const cli_command *command, const cli_config *config, cli_output *out)
{
    cli_exit exit = CLI_EXIT_OK;
    cli_output_flush(out);
    if (out->error && out->error != EPIPE) {
        exit = CLI_EXIT_FAILURE;
        cli_report(command, config, exit, 0, "cannot write to standard output: %s",
                   strerror(out->error));
    }
    cli_text_free(&out->text);
    return exit;
}

cli_exit cli_print_help(const cli_command *about, const cli_config *config)
{
    cli_output out = {0};
    cli_help(&out.text, about);
    return cli_finish_output(NULL, config, &out);
}

cli_exit cli_show_help(const cli_command *command, const cli_config *config)
{
    const char *name = config->operands[0];
    const cli_command *about = name ? cli_command_find(name) : NULL;
    if (!name || about)
        return cli_print_help(about, config);
    const char *nearest = cli_command_nearest(name);
    return cli_usage(command, config, "there is no command \"%s\"%s%s%s", name,
                     nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

cli_exit cli_version(const cli_command *command, const cli_config *config)
{
    cli_output out = {0};
    if (config->json) {
        cli_json_begin(&out.text, "version");
        cli_json_text(&out.text, "program", P2P_VERSION);
        cli_json_text(&out.text, "library", p2p_version());
        cli_json_end(&out.text);
    } else {
        cli_text_printf(&out.text, "p2p %s, library %s\n", P2P_VERSION, p2p_version());
    }
    return cli_finish_output(command, config, &out);
}

static void add_code(cli_text *text, bool json, const char *kind, int code, const char *name,
                     const char *explanation)
{
    if (!json) {
        cli_text_printf(text, "%4d  %-24s%s\n", code, name, explanation);
        return;
    }
    /* The only numbers here that are negative. */
    cli_text_printf(text, "{\"event\":\"%s\",\"code\":%d", kind, code);
    cli_json_text(text, "name", name);
    cli_json_text(text, "text", explanation);
    cli_json_end(text);
}

cli_exit cli_errors(const cli_command *command, const cli_config *config)
{
    cli_output out = {0};
    if (!config->json)
        cli_text_puts(&out.text, "Error codes of the library:\n");
#define ADD_ERROR(name, code, explanation) \
    add_code(&out.text, config->json, "error_code", code, "P2P_ERR_" #name, explanation);
    P2P_ERR_LIST(ADD_ERROR)
#undef ADD_ERROR
    if (!config->json)
        cli_text_puts(&out.text, "\nExit statuses of p2p:\n");
#define ADD_EXIT(name, code, explanation) \
    add_code(&out.text, config->json, "exit_status", code, #name, explanation);
    CLI_EXIT_LIST(ADD_EXIT)
#undef ADD_EXIT
    return cli_finish_output(command, config, &out);
}
