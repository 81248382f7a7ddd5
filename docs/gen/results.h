/* SPDX-License-Identifier: MIT */
#ifndef RESULTS_H
#define RESULTS_H

/*
 * What a benchmark measured, read back from the JSON that bench/bench.c writes. docs/benchmarks.md
 * says what the members mean.
 */
#include <stddef.h>
#include <stdio.h>

enum { RESULTS_MAX_TEXT = 128, RESULTS_MAX_ROWS = 1000, RESULTS_MAX_FILE = 1 << 20 };

/* Times are nanoseconds per operation. What a row does not have is 0. */
typedef struct result {
    char name[RESULTS_MAX_TEXT];
    char per[RESULTS_MAX_TEXT];
    double bytes;
    double ours;
    double limit;
    double ratio;
    double ratio_min;
    double ratio_max;
    double target;
    double reference;
} result;

typedef struct results {
    char bench[RESULTS_MAX_TEXT];
    double rounds;
    result *rows;
    size_t count;
} results;

/* Reads a file. Returns 0, or -1 after saying on stderr what is wrong with it, and in which line;
 * then there is nothing to free. */
int results_read(results *out, const char *path);
void results_free(results *r);

/* Whether the row has a target and is below it. */
int result_missed(const result *row);

/* Markdown: the table of a benchmark. */
void results_table(FILE *out, const results *r);

/* One line for each row below its target, one with the sum, and one that doubts what varied. */
void results_summary(FILE *out, const results *all, size_t n);

/* SVG: messages per second by payload, of the rows called "sweep, ...". Returns 0, or -1 after
 * saying on stderr that there are less than two of them. */
int results_chart(FILE *out, const results *r);

/* Copies the page at path. What is between the lines <!-- begin NAME --> and <!-- end NAME --> is
 * replaced: by the table of the benchmark NAME, or for NAME "machine" by that text, unless it is
 * NULL. Returns 0, or -1 after saying on stderr what is wrong, such as a benchmark without a
 * place. */
int results_page(FILE *out, const char *path, const char *machine, const results *all, size_t n);

#endif
