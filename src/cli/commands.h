/* SPDX-License-Identifier: MIT */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stddef.h>

#include "cli/config.h"
#include "cli/output.h"
#include "cli/text.h"

/* How the program ends: its exit status. */
#define CLI_EXIT_LIST(X)                                                                   \
    X(OK, 0, "all went well")                                                              \
    X(FAILURE, 1, "something failed, or not all of it was sent")                           \
    X(USAGE, 2, "the command line is wrong; nothing was done")                             \
    X(NO_ANSWER, 3, "nobody is there, or nothing came in time")                            \
    X(REFUSED, 4, "the other side refused the request, or has another key than it should") \
    X(UNSUPPORTED, 5, "swarms of this kind cannot do that")                                \
    X(SIGNAL, 128, "a signal ended it before its work was done; the signal's number is added")

typedef enum cli_exit {
#define CLI_EXIT_ENUM_(name, code, text) CLI_EXIT_##name = (code),
    CLI_EXIT_LIST(CLI_EXIT_ENUM_)
#undef CLI_EXIT_ENUM_
} cli_exit;

typedef struct cli_command cli_command;
struct cli_command {
    const char *name;
    const char *operands; /* as the help shows them */
    const char *summary;  /* a line in the list of commands */
    const char *text;     /* what the help says about it */
    const char *examples; /* one per line */
    const cli_option *options;
    const size_t *n_options;
    unsigned min_operands;
    unsigned max_operands;
    const char *missing; /* the error if there are too few operands */
    cli_exit (*run)(const cli_command *command, const cli_config *config);
};

extern const cli_command cli_commands[];
extern const size_t cli_n_commands;

/* NULL if there is no such command. */
const cli_command *cli_command_find(const char *name);

/* The name of the command that was probably meant, or NULL. */
const char *cli_command_nearest(const char *name);

/* The help of a command, or of the program if command is NULL. */
void cli_help(cli_text *out, const cli_command *command);

/* What the commands do, each in a file of its own. */
cli_exit cli_listen(const cli_command *command, const cli_config *config);
cli_exit cli_tell(const cli_command *command, const cli_config *config);
cli_exit cli_ask(const cli_command *command, const cli_config *config);
cli_exit cli_ping(const cli_command *command, const cli_config *config);
cli_exit cli_doctor(const cli_command *command, const cli_config *config);
cli_exit cli_keygen(const cli_command *command, const cli_config *config);
cli_exit cli_show_id(const cli_command *command, const cli_config *config);
cli_exit cli_errors(const cli_command *command, const cli_config *config);
cli_exit cli_version(const cli_command *command, const cli_config *config);
cli_exit cli_show_help(const cli_command *command, const cli_config *config);

/* Writes what a command that only prints has gathered. */
cli_exit cli_finish_output(const cli_command *command, const cli_config *config, cli_output *out);

/* Prints the help of a command, or of the program if about is NULL. */
cli_exit cli_print_help(const cli_command *about, const cli_config *config);

#endif
