/* SPDX-License-Identifier: MIT */
/*
 * Turns the results of benchmarks into what people read; `./dev bench` calls it.
 */
#include "results.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = 64 };

static int usage(void)
{
    fputs("usage: bench_report chart JSON                      the chart, as SVG\n"
          "       bench_report table JSON                      its table, as Markdown\n"
          "       bench_report summary JSON...                 rows below their target, and a sum\n"
          "       bench_report page PAGE MACHINE JSON...       the page with new tables\n",
          stderr);
    return 2;
}

/* Reads files. Returns 0, or -1 with nothing to free. */
static int read_all(results *all, char **paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (results_read(&all[i], paths[i]) == 0)
            continue;
        while (i)
            results_free(&all[--i]);
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static results all[MAX_FILES];
    const char *command = argc > 1 ? argv[1] : "";
    int page = strcmp(command, "page") == 0;
    int single = strcmp(command, "chart") == 0 || strcmp(command, "table") == 0;
    int first = page ? 4 : 2;
    if (argc <= first || argc - first > (single ? 1 : MAX_FILES) ||
        (!page && !single && strcmp(command, "summary") != 0))
        return usage();
    size_t n = (size_t)(argc - first);
    if (read_all(all, argv + first, n) != 0)
        return 1;
    int status = 0;
    if (page)
        status = results_page(stdout, argv[2], argv[3], all, n);
    else if (strcmp(command, "chart") == 0)
        status = results_chart(stdout, &all[0]);
    else if (strcmp(command, "table") == 0)
        results_table(stdout, &all[0]);
    else
        results_summary(stdout, all, n);
    for (size_t i = 0; i < n; i++)
        results_free(&all[i]);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("bench_report: the output could not be written\n", stderr);
        return 1;
    }
    return status != 0;
}
