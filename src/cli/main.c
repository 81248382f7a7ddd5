/* SPDX-License-Identifier: MIT */
/* The p2p program: finds the command, reads its arguments, and runs it. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/commands.h"

/* Descriptors 0 to 2 that are closed would be given to pipes and sockets, which everybody then
 * takes for the standard ones. */
static void open_standard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Whether errors are to be JSON, known before the command line is found to be right. */
static bool wants_json(int argc, const char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "-j") == 0)
            return true;
    return false;
}

static cli_exit unknown_command(const char *name, const cli_config *config)
{
    const char *nearest = cli_command_nearest(name);
    if (name[0] == '-')
        return cli_usage(NULL, config, "options come after the command, as in p2p listen %s ...",
                         name);
    return cli_usage(NULL, config, "there is no command \"%s\"%s%s%s", name,
                     nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static cli_exit run(const cli_command *command, int argc, const char *const *argv)
{
    cli_config config;
    char error[CLI_ARGS_ERROR_SIZE];
    cli_exit exit;
    bool good = cli_config_read(&config, command->options, *command->n_options,
                                command->max_operands, argc, argv, error);
    config.json |= wants_json(argc, argv);
    if (!good)
        exit = cli_usage(command, &config, "%s", error);
    else if (config.help)
        exit = cli_print_help(command, &config);
    else if (config.n_operands < command->min_operands)
        exit = cli_usage(command, &config, "%s", command->missing);
    else
        exit = command->run(command, &config);
    cli_config_free(&config);
    return exit;
}

/* The name of a command, or how other programs are asked for help and version. */
static const char *command_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return "version";
    return word;
}

int main(int argc, char **argv)
{
    const char *const *args = (const char *const *)argv;
    cli_config config = {.json = argc > 1 && wants_json(argc - 1, args + 1)};
    open_standard();
    /* A reader of the output that has gone shows as an error of write. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2)
        return (int)cli_usage(NULL, &config, "a command is missing, such as listen or tell");
    const char *name = command_name(args[1]);
    const cli_command *command = cli_command_find(name);
    return (int)(command ? run(command, argc - 2, args + 2) : unknown_command(name, &config));
}
