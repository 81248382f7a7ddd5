/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

/*
 * What all benchmarks share. A row compares a measurement of the library with one of the limit: the
 * least code that does the same work on the same machine. Both are taken in turn, round after
 * round, so that whatever else the machine does meets both alike; the result is the median of the
 * ratios of the single rounds. Some rows can also be measured with another program beside them, the
 * reference, in the same rounds.
 *
 * Every benchmark understands
 *   --quick              a tenth of the work, to see that it runs
 *   --rounds N           rounds per row (11; 3 with --quick)
 *   --only TEXT          only rows whose name contains TEXT
 *   --json FILE          writes the results there as well
 *   --reference COMMAND  measures the reference too: the shell runs COMMAND with the words of a row
 *                        behind it, and it prints nanoseconds per operation
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { BENCH_MAX_ROUNDS = 101 };

typedef struct bench {
    const char *name;
    const char *only;
    const char *json_path;
    const char *reference;
    FILE *json;
    int quick;
    unsigned rounds;
    unsigned rows;
    unsigned missed; /* rows below their target */
} bench;

/* One round: does the work once and returns nanoseconds per operation, or less than 0 if it cannot
 * be measured here. */
typedef double (*bench_fn)(void *arg);

typedef struct bench_row {
    const char *name;
    bench_fn ours;
    bench_fn limit; /* NULL: there is nothing to compare with */
    void *ours_arg;
    void *limit_arg;
    double target;         /* of limit / ours: at least this; 0: none */
    const char *per;       /* what an operation is, such as "message" */
    size_t bytes;          /* payload of an operation, for charts; 0: none */
    const char *reference; /* the words that ask it for the same work; NULL: it has none */
} bench_row;

/* What a row gave: medians, and the extremes of the ratio. */
typedef struct bench_result {
    double ours;
    double limit;
    double reference; /* 0: it was not measured */
    double ratio;
    double ratio_min;
    double ratio_max;
} bench_result;

/* Reads the arguments and prints the head of the table. Returns 0, or the exit status of a program
 * that must not go on. */
int bench_begin(bench *b, const char *name, int argc, char **argv);

/* Whether a row of that name is wanted, before it is set up. */
int bench_wants(const bench *b, const char *name);

/* Runs a row and prints it. out may be NULL. Returns 0, or -1 if it could not be measured. */
int bench_run(bench *b, const bench_row *row, bench_result *out);

/* Ends the table and the file. Returns an exit status: 0, also if targets were missed (it is said),
 * for a busy machine can miss any. */
int bench_end(bench *b);

/* The monotonic clock in nanoseconds. */
uint64_t bench_clock(void);

/* n, or a tenth of it with --quick, at least 1. */
size_t bench_scale(const bench *b, size_t n);

/* Says what went wrong and ends the program: for set-ups that cannot fail. */
void bench_require(int ok, const char *what);

#endif
