/* SPDX-License-Identifier: MIT */
#include "cli/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/loop.h>

#include "cli/options.h"

static void set_defaults(cli_config *config)
{
    memset(config, 0, sizeof *config);
    config->answer_jobs = 16;
    config->answer_size = UINT64_C(1) << 20;
    config->answer_timeout = 10 * P2P_SECOND;
    config->interval = P2P_SECOND;
    config->rate = 10000;
    config->payload_size = 56;
}

static bool *flag_of(cli_config *config, int id)
{
    switch (id) {
    case CLI_OPT_ECHO:
        return &config->echo;
    case CLI_OPT_FORCE:
        return &config->force;
    case CLI_OPT_FROM:
        return &config->from;
    case CLI_OPT_HELP:
        return &config->help;
    case CLI_OPT_JSON:
        return &config->json;
    case CLI_OPT_NO_NEWLINE:
        return &config->no_newline;
    case CLI_OPT_PUBLIC:
        return &config->public_key;
    case CLI_OPT_QUIC:
        return &config->quic;
    case CLI_OPT_RAW:
        return &config->raw;
    case CLI_OPT_STATS:
        return &config->stats;
    case CLI_OPT_WHOLE:
        return &config->whole;
    default:
        return NULL;
    }
}

static const char **word_of(cli_config *config, int id)
{
    switch (id) {
    case CLI_OPT_ANSWER:
        return &config->answer;
    case CLI_OPT_BIND:
        return &config->bind;
    case CLI_OPT_FILE:
        return &config->file;
    case CLI_OPT_FORMAT:
        return &config->format;
    case CLI_OPT_FROM_GO_P2P:
        return &config->from_go_p2p;
    case CLI_OPT_KEY:
        return &config->key;
    case CLI_OPT_OUT:
        return &config->out;
    default:
        return NULL;
    }
}

static uint64_t *number_of(cli_config *config, int id)
{
    switch (id) {
    case CLI_OPT_ANSWER_JOBS:
        return &config->answer_jobs;
    case CLI_OPT_ANSWER_SIZE:
        return &config->answer_size;
    case CLI_OPT_ANSWER_TIMEOUT:
        return &config->answer_timeout;
    case CLI_OPT_COUNT:
        return &config->count;
    case CLI_OPT_INTERVAL:
        return &config->interval;
    case CLI_OPT_MTU:
        return &config->mtu;
    case CLI_OPT_RATE:
        return &config->rate;
    case CLI_OPT_SIZE:
        return &config->payload_size;
    case CLI_OPT_TIMEOUT:
        return &config->timeout;
    default:
        return NULL;
    }
}

static void set_option(cli_config *config, const cli_item *item)
{
    bool *flag = flag_of(config, item->option->id);
    const char **word = word_of(config, item->option->id);
    uint64_t *number = number_of(config, item->option->id);
    if (flag)
        *flag = true;
    else if (word)
        *word = item->text;
    else if (number)
        *number = item->number;
    else if (item->option->id == CLI_OPT_MESSAGE)
        config->messages[config->n_messages++] = item->text;
    else if (item->option->id == CLI_OPT_ALLOW)
        config->allows[config->n_allows++] = item->text;
    else if (item->option->id == CLI_OPT_VERBOSE)
        config->verbose++;
}

/* Two things that cannot both be. Returns what is wrong, or NULL. */
static const char *conflict(const cli_config *config)
{
    if (config->raw && config->json)
        return "--raw and --json exclude each other; JSON has the bytes in \"base64\"";
    if (config->from && config->json)
        return "--from is not needed with --json, which has the sender in \"src\"";
    if (config->n_messages && config->file)
        return "--message and --file exclude each other";
    if (config->n_messages && config->whole)
        return "--whole is for input; --message sends its text as one message anyway";
    if (config->file && config->operands[1])
        return "--file and a REQUEST exclude each other";
    if (config->key && config->from_go_p2p)
        return "--key and --from-go-p2p exclude each other";
    if (config->public_key && config->quic)
        return "--public and --quic exclude each other; --json prints all of it";
    return NULL;
}

bool cli_config_read(cli_config *config, const cli_option *options, size_t n_options,
                     unsigned max_operands, int argc, const char *const *argv,
                     char error[CLI_ARGS_ERROR_SIZE])
{
    cli_args args;
    cli_item item;
    set_defaults(config);
    config->messages = calloc((size_t)argc + 1, sizeof *config->messages);
    config->allows = calloc((size_t)argc + 1, sizeof *config->allows);
    if (!config->messages || !config->allows) {
        (void)snprintf(error, CLI_ARGS_ERROR_SIZE, "no memory");
        return false;
    }
    cli_args_init(&args, options, n_options, argc, argv);
    for (cli_args_next(&args, &item); item.kind != CLI_ITEM_END; cli_args_next(&args, &item)) {
        if (item.kind == CLI_ITEM_ERROR) {
            memcpy(error, item.error, CLI_ARGS_ERROR_SIZE);
            return false;
        }
        if (item.kind == CLI_ITEM_OPTION) {
            set_option(config, &item);
        } else if (config->n_operands < max_operands && config->n_operands < CLI_MAX_OPERANDS) {
            config->operands[config->n_operands++] = item.text;
        } else {
            (void)snprintf(error, CLI_ARGS_ERROR_SIZE, "one argument too many: \"%.64s\"",
                           item.text);
            return false;
        }
    }
    const char *wrong = config->help ? NULL : conflict(config);
    if (wrong)
        (void)snprintf(error, CLI_ARGS_ERROR_SIZE, "%s", wrong);
    return !wrong;
}

void cli_config_free(cli_config *config)
{
    free(config->messages);
    free(config->allows);
    memset(config, 0, sizeof *config);
}
