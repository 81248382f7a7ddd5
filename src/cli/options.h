/* SPDX-License-Identifier: MIT */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/args.h"

/* What the commands know their options by. */
typedef enum cli_option_id {
    CLI_OPT_ALLOW = 1,
    CLI_OPT_ANSWER,
    CLI_OPT_ANSWER_JOBS,
    CLI_OPT_ANSWER_SIZE,
    CLI_OPT_ANSWER_TIMEOUT,
    CLI_OPT_BIND,
    CLI_OPT_COUNT,
    CLI_OPT_ECHO,
    CLI_OPT_FILE,
    CLI_OPT_FORCE,
    CLI_OPT_FORMAT,
    CLI_OPT_FROM,
    CLI_OPT_FROM_GO_P2P,
    CLI_OPT_HELP,
    CLI_OPT_INTERVAL,
    CLI_OPT_JSON,
    CLI_OPT_KEY,
    CLI_OPT_MESSAGE,
    CLI_OPT_MTU,
    CLI_OPT_NO_NEWLINE,
    CLI_OPT_OUT,
    CLI_OPT_PUBLIC,
    CLI_OPT_QUIC,
    CLI_OPT_RATE,
    CLI_OPT_RAW,
    CLI_OPT_SIZE,
    CLI_OPT_STATS,
    CLI_OPT_TIMEOUT,
    CLI_OPT_VERBOSE,
    CLI_OPT_WHOLE
} cli_option_id;

/* The tables, in the order in which the help shows them. */
extern const cli_option cli_listen_options[];
extern const size_t cli_n_listen_options;
extern const cli_option cli_tell_options[];
extern const size_t cli_n_tell_options;
extern const cli_option cli_ask_options[];
extern const size_t cli_n_ask_options;
extern const cli_option cli_ping_options[];
extern const size_t cli_n_ping_options;
extern const cli_option cli_doctor_options[];
extern const size_t cli_n_doctor_options;
extern const cli_option cli_keygen_options[];
extern const size_t cli_n_keygen_options;
extern const cli_option cli_id_options[];
extern const size_t cli_n_id_options;
extern const cli_option cli_plain_options[]; /* of commands that only print */
extern const size_t cli_n_plain_options;
extern const cli_option cli_help_options[];
extern const size_t cli_n_help_options;

#endif
