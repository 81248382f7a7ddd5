/* SPDX-License-Identifier: MIT */
#include "cli/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <p2p/export.h>

void cli_args_init(cli_args *args, const cli_option *options, size_t n_options, int argc,
                   const char *const *argv)
{
    memset(args, 0, sizeof *args);
    args->options = options;
    args->n_options = n_options;
    args->argc = argc;
    args->argv = argv;
}

/* --- values --- */

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

/* Ascending, so that the writer finds the largest that fits from the end. */
static const unit byte_units[] = {
    {"", 1}, {"k", UINT64_C(1) << 10}, {"M", UINT64_C(1) << 20}, {"G", UINT64_C(1) << 30}};
static const unit time_units[] = {{"ns", 1},
                                  {"us", UINT64_C(1000)},
                                  {"ms", UINT64_C(1000000)},
                                  {"s", UINT64_C(1000000000)},
                                  {"m", UINT64_C(60000000000)},
                                  {"h", UINT64_C(3600000000000)}};
static const unit no_units[] = {{"", 1}};

static const unit *units_of(cli_kind kind, size_t *n)
{
    switch (kind) {
    case CLI_BYTES:
        *n = sizeof byte_units / sizeof *byte_units;
        return byte_units;
    case CLI_TIME:
        *n = sizeof time_units / sizeof *time_units;
        return time_units;
    case CLI_FLAG:
    case CLI_WORD:
    case CLI_NUMBER:
    default:
        *n = 1;
        return no_units;
    }
}

/* The factor of a unit, 0 if there is no such unit. A time without one is in seconds. */
static uint64_t factor_of(cli_kind kind, const char *name)
{
    size_t n;
    const unit *units = units_of(kind, &n);
    if (kind == CLI_TIME && !*name)
        name = "s";
    for (size_t i = 0; i < n; i++)
        if (strcmp(units[i].name, name) == 0)
            return units[i].factor;
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool cli_value_read(cli_kind kind, const char *text, uint64_t *out)
{
    uint64_t whole = 0, fraction = 0, scale = 1;
    const char *at = text;
    if (!is_digit(*at))
        return false;
    for (; is_digit(*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (whole > (UINT64_MAX - digit) / 10)
            return false;
        whole = whole * 10 + digit;
    }
    if (kind == CLI_TIME && *at == '.') {
        at++;
        if (!is_digit(*at))
            return false;
        /* Nine digits reach down to the nanosecond of a second. */
        for (; is_digit(*at); at++) {
            if (scale == UINT64_C(1000000000))
                return false;
            fraction = fraction * 10 + (uint64_t)(*at - '0');
            scale *= 10;
        }
    }
    uint64_t factor = factor_of(kind, at);
    if (!factor || whole > UINT64_MAX / factor)
        return false;
    /* A fraction below 1 of a factor below 2^42: no overflow, with nine digits below 2^30. */
    uint64_t part = factor / scale * fraction + factor % scale * fraction / scale;
    if (whole * factor > UINT64_MAX - part)
        return false;
    *out = whole * factor + part;
    return true;
}

const char *cli_value_text(cli_kind kind, uint64_t value, char out[CLI_VALUE_SIZE])
{
    size_t n;
    const unit *units = units_of(kind, &n);
    size_t i = n - 1;
    while (i > 0 && (value % units[i].factor != 0 || value == 0))
        i--;
    (void)snprintf(out, CLI_VALUE_SIZE, "%llu%s", (unsigned long long)(value / units[i].factor),
                   units[i].name);
    return out;
}

/* --- errors --- */

static void set_error(cli_args *args, cli_item *item, const char *format, ...) P2P_PRINTF(3, 4);

static void set_error(cli_args *args, cli_item *item, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int len = vsnprintf(item->error, sizeof item->error, format, list);
    va_end(list);
    if (len < 0)
        item->error[0] = '\0';
    item->kind = CLI_ITEM_ERROR;
    args->index = args->argc;
    args->letters = NULL;
}

/*
 * How many letters must be changed, added, left out or swapped with their neighbour, for words
 * of up to 31 letters (the optimal string alignment distance); longer ones are near nothing.
 */
static size_t distance(const char *a, size_t a_len, const char *b)
{
    enum { MAX = 32 };
    size_t b_len = strlen(b);
    size_t row[3][MAX];
    if (a_len >= MAX || b_len >= MAX)
        return MAX;
    for (size_t j = 0; j <= b_len; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        const size_t *above = row[(i - 1) % 3];
        const size_t *above2 = row[(i + 1) % 3]; /* of i - 2 */
        size_t *here = row[i % 3];
        here[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (here[j - 1] + 1 < best)
                best = here[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            here[j] = best;
        }
    }
    return row[a_len % 3][b_len];
}

const char *cli_nearest(const char *word, size_t len, const char *const *words, size_t n)
{
    const char *nearest = NULL;
    size_t least = len < 5 ? 2 : 3; /* as many changes make it another word */
    for (size_t i = 0; i < n; i++) {
        size_t changes = distance(word, len, words[i]);
        if (changes < least) {
            least = changes;
            nearest = words[i];
        }
    }
    return nearest;
}

static void unknown_option(cli_args *args, cli_item *item, const char *name, size_t len)
{
    enum { MAX = 64 };
    const char *names[MAX];
    size_t n = args->n_options < MAX ? args->n_options : MAX;
    for (size_t i = 0; i < n; i++)
        names[i] = args->options[i].name;
    const char *nearest = cli_nearest(name, len, names, n);
    int shown = len < 64 ? (int)len : 64;
    if (nearest)
        set_error(args, item, "unknown option --%.*s; did you mean --%s?", shown, name, nearest);
    else
        set_error(args, item, "unknown option --%.*s", shown, name);
}

static const char *example_of(cli_kind kind)
{
    switch (kind) {
    case CLI_BYTES:
        return "a number of bytes, such as 1400 or 64k";
    case CLI_TIME:
        return "a time, such as 500ms, 2s or 1m";
    case CLI_FLAG:
    case CLI_WORD:
    case CLI_NUMBER:
    default:
        return "a number";
    }
}

/* --- reading --- */

/* Makes an item of an option and its value; checks the value. */
static void found(cli_args *args, cli_item *item, const cli_option *option, const char *value)
{
    item->kind = CLI_ITEM_OPTION;
    item->option = option;
    item->text = value;
    if (option->kind == CLI_FLAG || option->kind == CLI_WORD)
        return;
    if (!cli_value_read(option->kind, value, &item->number)) {
        set_error(args, item, "--%s: \"%.64s\" is not %s", option->name, value,
                  example_of(option->kind));
        return;
    }
    char low[CLI_VALUE_SIZE], high[CLI_VALUE_SIZE];
    if (item->number < option->min || item->number > option->max)
        set_error(args, item, "--%s: %.64s is out of range, which is %s to %s", option->name, value,
                  cli_value_text(option->kind, option->min, low),
                  cli_value_text(option->kind, option->max, high));
}

/* The value is the next argument. */
static void found_apart(cli_args *args, cli_item *item, const cli_option *option)
{
    if (args->index >= args->argc)
        set_error(args, item, "--%s needs a value: --%s %s", option->name, option->name,
                  option->value);
    else
        found(args, item, option, args->argv[args->index++]);
}

/* What stands behind the two dashes. */
static void read_long(cli_args *args, cli_item *item, const char *word)
{
    size_t len = strcspn(word, "=");
    const char *value = word[len] ? word + len + 1 : NULL;
    for (size_t i = 0; i < args->n_options; i++) {
        const cli_option *option = &args->options[i];
        if (strlen(option->name) != len || memcmp(option->name, word, len) != 0)
            continue;
        if (option->kind == CLI_FLAG && value)
            set_error(args, item, "--%s takes no value", option->name);
        else if (option->kind == CLI_FLAG || value)
            found(args, item, option, value);
        else
            found_apart(args, item, option);
        return;
    }
    unknown_option(args, item, word, len);
}

/* The next of the letters behind one dash. */
static void read_letter(cli_args *args, cli_item *item)
{
    char letter = *args->letters++;
    const char *rest = *args->letters ? args->letters : NULL;
    for (size_t i = 0; i < args->n_options; i++) {
        const cli_option *option = &args->options[i];
        if (option->letter != letter)
            continue;
        args->letters = option->kind == CLI_FLAG ? rest : NULL;
        if (option->kind == CLI_FLAG)
            found(args, item, option, NULL);
        else if (rest)
            found(args, item, option, rest);
        else
            found_apart(args, item, option);
        return;
    }
    set_error(args, item, "unknown option -%c", letter);
}

void cli_args_next(cli_args *args, cli_item *item)
{
    memset(item, 0, sizeof *item);
    if (args->letters) {
        read_letter(args, item);
        return;
    }
    if (args->index >= args->argc)
        return;
    const char *word = args->argv[args->index++];
    if (args->only_operands || word[0] != '-' || !word[1]) {
        item->kind = CLI_ITEM_OPERAND;
        item->text = word;
    } else if (strcmp(word, "--") == 0) {
        args->only_operands = true;
        cli_args_next(args, item);
    } else if (word[1] == '-') {
        read_long(args, item, word + 2);
    } else {
        args->letters = word + 1;
        read_letter(args, item);
    }
}
