/* SPDX-License-Identifier: MIT */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/args.h"

#define CLI_MAX_OPERANDS 2

/* What the command line says, with defaults for what it does not. */
typedef struct cli_config {
    const char *operands[CLI_MAX_OPERANDS]; /* NULL where there is none */
    unsigned n_operands;
    const char **messages; /* of --message; allocated */
    size_t n_messages;
    const char **allows; /* of --allow; allocated */
    size_t n_allows;
    const char *file;
    const char *bind;
    const char *answer;
    const char *key;
    const char *out;
    const char *format;
    const char *from_go_p2p;
    uint64_t answer_jobs;
    uint64_t answer_size;
    uint64_t answer_timeout;
    uint64_t count; /* 0: no limit */
    uint64_t interval;
    uint64_t mtu; /* 0: that of the swarm */
    uint64_t rate;
    uint64_t payload_size;
    uint64_t timeout; /* 0: the command's own */
    unsigned verbose;
    bool echo;
    bool force;
    bool from;
    bool help;
    bool json;
    bool no_newline;
    bool public_key;
    bool quic;
    bool raw;
    bool stats;
    bool whole;
} cli_config;

/*
 * Reads the arguments of a command, whose table is given, with at most max_operands operands.
 * Returns true, or false with an error; config then holds what came before it. Free it either way
 * with cli_config_free().
 */
bool cli_config_read(cli_config *config, const cli_option *options, size_t n_options,
                     unsigned max_operands, int argc, const char *const *argv,
                     char error[CLI_ARGS_ERROR_SIZE]);
void cli_config_free(cli_config *config);

#endif
