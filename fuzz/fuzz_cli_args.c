/* SPDX-License-Identifier: MIT */
/*
 * The input is a command line: words that end with NUL, the first byte of all chooses the command.
 * Whatever is read as options can be written out again and reads the same; values stay in range;
 * text that is made safe has no control characters, and JSON strings are made of printable ones.
 */
#include "cli/args.c"
#include "cli/config.c"
#include "cli/options.c"
#include "cli/stack.c"
#include "cli/text.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MAX_WORDS 32

static void require(int condition)
{
    if (!condition)
        abort();
}

typedef struct table {
    const cli_option *options;
    size_t n;
} table;

static table choose(uint8_t which)
{
    switch (which % 8) {
    case 0:
        return (table){cli_listen_options, cli_n_listen_options};
    case 1:
        return (table){cli_tell_options, cli_n_tell_options};
    case 2:
        return (table){cli_ask_options, cli_n_ask_options};
    case 3:
        return (table){cli_ping_options, cli_n_ping_options};
    case 5:
        return (table){cli_doctor_options, cli_n_doctor_options};
    case 6:
        return (table){cli_keygen_options, cli_n_keygen_options};
    case 7:
        return (table){cli_id_options, cli_n_id_options};
    default:
        return (table){cli_plain_options, cli_n_plain_options};
    }
}

/* Writes an item in its long form, which reads as the same item. */
static void check_option(table from, const cli_item *item)
{
    char word[512], value[CLI_VALUE_SIZE];
    const cli_option *option = item->option;
    const char *text = item->text;
    const char *const argv[] = {word};
    cli_args args;
    cli_item again, end;
    if (option->kind > CLI_WORD) {
        require(item->number >= option->min && item->number <= option->max);
        text = cli_value_text(option->kind, item->number, value);
    }
    int n = snprintf(word, sizeof word, "--%s%s%s", option->name, text ? "=" : "",
                     text ? text : "");
    if (n < 0 || (size_t)n >= sizeof word)
        return;
    cli_args_init(&args, from.options, from.n, 1, argv);
    cli_args_next(&args, &again);
    require(again.kind == CLI_ITEM_OPTION && again.option == option);
    require(again.number == item->number);
    require(option->kind != CLI_WORD || strcmp(again.text, text) == 0);
    cli_args_next(&args, &end);
    require(end.kind == CLI_ITEM_END);
}

static void check_safe(const char *word)
{
    cli_text text = {0};
    cli_text_safe(&text, word, strlen(word), false);
    cli_text_json(&text, word, strlen(word));
    for (size_t i = 0; i < text.len; i++)
        require((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f);
    require(cli_is_utf8(text.data, text.len));
    cli_text_free(&text);
}

static void check_stack(const char *word)
{
    cli_spec spec, again;
    p2p_addr addr, same;
    char error[CLI_STACK_ERROR_SIZE], text[CLI_STACK_TEXT_SIZE];
    if (!cli_spec_read(&spec, word, error)) {
        require(memchr(error, '\0', sizeof error) != NULL && error[0]);
        return;
    }
    require(spec.n_layers >= 1 && spec.n_layers <= CLI_STACK_MAX_LAYERS);
    if (!cli_spec_addr(&spec, false, &addr, error))
        return;
    cli_stack_text(&spec, &addr, text);
    require(cli_spec_read(&again, text, error) && cli_spec_addr(&again, false, &same, error));
    require(p2p_addr_equal(&addr, &same) && strcmp(spec.scheme, again.scheme) == 0);
}

static void check_items(table from, int argc, const char *const *argv)
{
    cli_args args;
    cli_item item;
    size_t items = 0, most = 0;
    for (int i = 0; i < argc; i++)
        most += strlen(argv[i]) + 1;
    cli_args_init(&args, from.options, from.n, argc, argv);
    for (cli_args_next(&args, &item); item.kind != CLI_ITEM_END; cli_args_next(&args, &item)) {
        require(++items <= most);
        if (item.kind == CLI_ITEM_OPTION)
            check_option(from, &item);
        else if (item.kind == CLI_ITEM_OPERAND)
            check_stack(item.text);
        else
            require(memchr(item.error, '\0', sizeof item.error) != NULL && item.error[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *argv[MAX_WORDS];
    int argc = 0;
    char error[CLI_ARGS_ERROR_SIZE];
    cli_config config;
    if (!len)
        return 0;
    table from = choose(data[0]);
    char *words = malloc(len);
    if (!words)
        return 0;
    /* The last word ends where the input does. */
    memcpy(words, data + 1, len - 1);
    words[len - 1] = '\0';
    for (size_t at = 0; at < len - 1 && argc < MAX_WORDS; at += strlen(words + at) + 1)
        argv[argc++] = words + at;
    for (int i = 0; i < argc; i++)
        check_safe(argv[i]);
    check_items(from, argc, argv);
    error[0] = '\0';
    bool good = cli_config_read(&config, from.options, from.n, 2, argc, argv, error);
    require(good || error[0]);
    cli_config_free(&config);
    free(words);
    return 0;
}
