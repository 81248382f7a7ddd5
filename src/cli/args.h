/* SPDX-License-Identifier: MIT */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads a command line by a table of options, as GNU programs do: -c5, -c 5, --count 5, --count=5,
 * flags together as in -vn, options after operands, and -- before operands that begin with a dash.
 * Pure: no I/O, no allocation, no state but the caller's.
 */
typedef enum cli_kind {
    CLI_FLAG = 0,   /* takes no value */
    CLI_WORD = 1,   /* any text */
    CLI_NUMBER = 2, /* decimal digits */
    CLI_BYTES = 3,  /* a number of bytes; k, M and G stand for powers of 1024 */
    CLI_TIME = 4 /* nanoseconds; written in us, ms, s, m or h, as in 1.5s; without a unit seconds */
} cli_kind;

typedef struct cli_option {
    int id;           /* what the program knows it by */
    char letter;      /* -c; 0 if it has none */
    const char *name; /* --count, without the dashes */
    cli_kind kind;
    const char *value; /* what the help calls its value; NULL for a flag */
    uint64_t min;      /* limits of a number, of bytes, or of a time */
    uint64_t max;
    const char *help; /* one line of the help */
} cli_option;

/* Longest error, with its end. */
#define CLI_ARGS_ERROR_SIZE 256

typedef enum cli_item_kind {
    CLI_ITEM_END = 0,
    CLI_ITEM_OPTION = 1,
    CLI_ITEM_OPERAND = 2,
    CLI_ITEM_ERROR = 3
} cli_item_kind;

/* One piece of a command line. */
typedef struct cli_item {
    cli_item_kind kind;
    const cli_option *option;
    const char *text; /* the operand, or the option's value as it was written */
    uint64_t number;  /* the value of a number, of bytes or of a time */
    char error[CLI_ARGS_ERROR_SIZE];
} cli_item;

/* Where the reader stands. */
typedef struct cli_args {
    const cli_option *options;
    size_t n_options;
    int argc;
    const char *const *argv;
    int index;           /* of the next argument */
    const char *letters; /* what is left of an argument such as -vn */
    bool only_operands;  /* after -- */
} cli_args;

/* argv[0] is the first argument, not the name of a program. */
void cli_args_init(cli_args *args, const cli_option *options, size_t n_options, int argc,
                   const char *const *argv);

/* Reads the next piece. After an error or the end, more calls give the end. */
void cli_args_next(cli_args *args, cli_item *item);

/* Reads a value of a kind. Returns false if it is none, or does not fit 64 bits. */
bool cli_value_read(cli_kind kind, const char *text, uint64_t *out);

/* Writes a value so that it reads back, with the largest unit that leaves no fraction. Returns
 * out. */
#define CLI_VALUE_SIZE 32
const char *cli_value_text(cli_kind kind, uint64_t value, char out[CLI_VALUE_SIZE]);

/* Of n words, the one that is most like a misspelt one; NULL if none is near. */
const char *cli_nearest(const char *word, size_t len, const char *const *words, size_t n);

#endif
