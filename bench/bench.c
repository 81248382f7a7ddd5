/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--quick] [--rounds N] [--only TEXT] [--json FILE] [--reference COMMAND]\n",
            program);
    return 2;
}

static int parse_arguments(bench *b, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            b->quick = 1;
        } else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            b->rounds = (unsigned)strtoul(argv[++i], NULL, 10);
            if (!b->rounds)
                return usage(argv[0]);
        } else if (i + 1 < argc && strcmp(argv[i], "--only") == 0) {
            b->only = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--json") == 0) {
            b->json_path = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--reference") == 0) {
            b->reference = argv[++i];
        } else {
            return usage(argv[0]);
        }
    }
    return 0;
}

static void print_head(const bench *b)
{
    printf("%s: medians of %u rounds; ratio = limit / ours per round, 1.00 is the limit\n\n",
           b->name, b->rounds);
    printf("| %-44s | %10s | %10s | %-22s | %-6s | %-9s |", "row", "ours", "limit",
           "ratio [least..most]", "target", "per");
    if (b->reference)
        printf(" %12s |", "reference");
    printf("\n|%.46s|%.11s:|%.11s:|%.24s|%.8s|%.11s|",
           "------------------------------------------------", "------------", "------------",
           "------------------------", "--------", "-----------");
    if (b->reference)
        printf("%.13s:|", "-------------");
    printf("\n");
}

int bench_begin(bench *b, const char *name, int argc, char **argv)
{
    memset(b, 0, sizeof *b);
    b->name = name;
    int status = parse_arguments(b, argc, argv);
    if (status)
        return status;
    if (!b->rounds)
        b->rounds = b->quick ? 3 : 11;
    if (b->rounds > BENCH_MAX_ROUNDS)
        b->rounds = BENCH_MAX_ROUNDS;
    if (b->json_path) {
        b->json = fopen(b->json_path, "w");
        if (!b->json) {
            fprintf(stderr, "%s: %s\n", b->json_path, strerror(errno));
            return 1;
        }
        fprintf(b->json, "{\"bench\": \"%s\", \"rounds\": %u, \"rows\": [", name, b->rounds);
    }
    print_head(b);
    return 0;
}

int bench_wants(const bench *b, const char *name)
{
    return !b->only || strstr(name, b->only) != NULL;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof *values, compare_doubles);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* One round of the reference, in its own process: a time, or 0 after saying that there is none. */
static double ask_reference(const bench *b, const bench_row *row)
{
    char command[1024];
    double ns = 0;
    int len = snprintf(command, sizeof command, "%s %s", b->reference, row->reference);
    FILE *answer = len > 0 && (size_t)len < sizeof command ? popen(command, "r") : NULL;
    int ok = answer && fscanf(answer, "%lf", &ns) == 1 && isfinite(ns) && ns > 0;
    if (answer && pclose(answer) != 0)
        ok = 0;
    if (!ok)
        fprintf(stderr, "the reference gives no time: %s\n", command);
    return ok ? ns : 0;
}

/* The rounds of a row; the side that goes first changes each time. A row whose reference fails goes
 * on without it. */
static int measure(const bench *b, const bench_row *row, bench_result *out)
{
    double ours[BENCH_MAX_ROUNDS];
    double limit[BENCH_MAX_ROUNDS];
    double ratio[BENCH_MAX_ROUNDS];
    double reference[BENCH_MAX_ROUNDS];
    int asked = b->reference && row->reference;
    memset(out, 0, sizeof *out);
    if (row->ours(row->ours_arg) < 0 || (row->limit && row->limit(row->limit_arg) < 0))
        return -1; /* this was to warm up */
    for (unsigned i = 0; i < b->rounds; i++) {
        limit[i] = 0;
        if (row->limit && i % 2 == 0)
            limit[i] = row->limit(row->limit_arg);
        ours[i] = row->ours(row->ours_arg);
        if (row->limit && i % 2 == 1)
            limit[i] = row->limit(row->limit_arg);
        if (ours[i] <= 0 || limit[i] < 0)
            return -1;
        ratio[i] = limit[i] / ours[i];
        if (asked)
            asked = (reference[i] = ask_reference(b, row)) > 0;
    }
    out->ours = median(ours, b->rounds);
    out->limit = median(limit, b->rounds);
    out->reference = asked ? median(reference, b->rounds) : 0;
    out->ratio = median(ratio, b->rounds);
    out->ratio_min = ratio[0];
    out->ratio_max = ratio[b->rounds - 1];
    return 0;
}

static void print_row(const bench *b, const bench_row *row, const bench_result *r)
{
    char limit[32] = "";
    char ratio[64] = "";
    char target[32] = "";
    char reference[32] = "";
    if (row->limit) {
        snprintf(limit, sizeof limit, "%.1f ns", r->limit);
        snprintf(ratio, sizeof ratio, "%.2f [%.2f..%.2f]", r->ratio, r->ratio_min, r->ratio_max);
    }
    if (row->target > 0)
        snprintf(target, sizeof target, "%.2f%s", row->target, r->ratio < row->target ? " !" : "");
    if (r->reference > 0)
        snprintf(reference, sizeof reference, "%.1f ns", r->reference);
    printf("| %-44s | %7.1f ns | %10s | %-22s | %-6s | %-9s |", row->name, r->ours, limit, ratio,
           target, row->per);
    if (b->reference)
        printf(" %12s |", reference);
    printf("\n");
    fflush(stdout);
}

static void write_row(const bench *b, const bench_row *row, const bench_result *r)
{
    fprintf(b->json, "%s\n  {\"name\": \"%s\", \"per\": \"%s\", \"bytes\": %zu, \"ours_ns\": %.2f",
            b->rows ? "," : "", row->name, row->per, row->bytes, r->ours);
    if (row->limit)
        fprintf(b->json,
                ", \"limit_ns\": %.2f, \"ratio\": %.4f, \"ratio_min\": %.4f, \"ratio_max\": %.4f",
                r->limit, r->ratio, r->ratio_min, r->ratio_max);
    if (row->target > 0)
        fprintf(b->json, ", \"target\": %.2f", row->target);
    if (r->reference > 0)
        fprintf(b->json, ", \"reference_ns\": %.2f", r->reference);
    fprintf(b->json, "}");
}

int bench_run(bench *b, const bench_row *row, bench_result *out)
{
    bench_result result;
    if (!bench_wants(b, row->name))
        return 0;
    if (measure(b, row, &result) != 0) {
        printf("| %-44s | not on this machine |\n", row->name);
        return -1;
    }
    print_row(b, row, &result);
    if (b->json)
        write_row(b, row, &result);
    b->rows++;
    b->missed += row->target > 0 && result.ratio < row->target;
    if (out)
        *out = result;
    return 0;
}

int bench_end(bench *b)
{
    int status = 0;
    if (b->missed)
        printf("\n%u of %u rows are below their target (marked !)\n", b->missed, b->rows);
    if (b->json) {
        fprintf(b->json, "\n]}\n");
        status = ferror(b->json) != 0;
        status |= fclose(b->json) != 0;
        if (status)
            fprintf(stderr, "%s: could not be written\n", b->json_path);
    }
    return status;
}

uint64_t bench_clock(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

size_t bench_scale(const bench *b, size_t n)
{
    size_t scaled = b->quick ? n / 10 : n;
    return scaled ? scaled : 1;
}

void bench_require(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "cannot go on: %s\n", what);
    exit(1);
}
