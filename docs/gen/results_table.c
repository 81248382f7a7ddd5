/* SPDX-License-Identifier: MIT */
#include "results.h"

/* 71.2 ns, 3260 ns, 12.3 µs, 4.50 ms: three digits or more, in the unit that needs least. */
static const char *time_text(char out[32], double ns)
{
    static const char *const units[] = {"ns", "µs", "ms", "s"};
    size_t unit = 0;
    while (ns >= 10000 && unit + 1 < sizeof units / sizeof units[0]) {
        ns /= 1000;
        unit++;
    }
    snprintf(out, 32, "%.*f %s", ns < 10 ? 2 : ns < 100 ? 1 : 0, ns, units[unit]);
    return out;
}

/* How many operations of that many nanoseconds there are in a second. */
static const char *rate_text(char out[32], double ns)
{
    static const char *const units[] = {"", " k", " M", " G"};
    double rate = 1e9 / ns;
    size_t unit = 0;
    while (rate >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        rate /= 1000;
        unit++;
    }
    snprintf(out, 32, "%.*f%s", rate < 10 ? 2 : rate < 100 ? 1 : 0, rate, units[unit]);
    return out;
}

int result_missed(const result *row)
{
    return row->target > 0 && row->ratio < row->target;
}

static int has_reference(const results *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->rows[i].reference > 0)
            return 1;
    return 0;
}

/* The last two columns. */
static void print_reference(FILE *out, const result *row)
{
    char time[32];
    if (row->reference > 0)
        fprintf(out, " %s | %.1f |", time_text(time, row->reference), row->reference / row->ours);
    else
        fprintf(out, " | |");
}

void results_table(FILE *out, const results *r)
{
    char ours[32];
    char limit[32];
    char rate[32];
    int reference = has_reference(r);
    fprintf(out,
            "Medians of %.0f rounds.\n\n"
            "| row | per | ours | limit | limit / ours | least to most | target | per second |%s\n"
            "|---|---|--:|--:|--:|--:|--:|--:|%s\n",
            r->rounds, reference ? " reference | reference / ours |" : "",
            reference ? "--:|--:|" : "");
    for (size_t i = 0; i < r->count; i++) {
        const result *row = &r->rows[i];
        fprintf(out, "| %s | %s | %s |", row->name, row->per, time_text(ours, row->ours));
        if (row->limit > 0)
            fprintf(out, " %s | %.2f | %.2f to %.2f |", time_text(limit, row->limit), row->ratio,
                    row->ratio_min, row->ratio_max);
        else
            fprintf(out, " | | |");
        if (row->target > 0)
            fprintf(out, " %.2f%s |", row->target, result_missed(row) ? ", **missed**" : "");
        else
            fprintf(out, " |");
        fprintf(out, " %s |", rate_text(rate, row->ours));
        if (reference)
            print_reference(out, row);
        fprintf(out, "\n");
    }
}

void results_summary(FILE *out, const results *all, size_t n)
{
    size_t rows = 0;
    size_t targets = 0;
    size_t missed = 0;
    size_t restless = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < all[i].count; k++) {
            const result *row = &all[i].rows[k];
            rows++;
            targets += row->target > 0;
            restless += row->ratio_max - row->ratio_min > row->ratio / 5;
            if (!result_missed(row))
                continue;
            missed++;
            fprintf(out, "below target: %s: %s: %.4f of %.2f\n", all[i].bench, row->name,
                    row->ratio, row->target);
        }
    }
    fprintf(out, "%zu row%s, %zu with a target: %zu reached, %zu below target\n", rows,
            rows == 1 ? "" : "s", targets, targets - missed, missed);
    if (restless)
        fprintf(out, "%zu row%s varied by more than a fifth: was the machine busy?\n", restless,
                restless == 1 ? "" : "s");
}
