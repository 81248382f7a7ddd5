/* SPDX-License-Identifier: MIT */
#include "results.h"

#include <errno.h>
#include <string.h>

enum { MAX_LINE = 4096 };

/* The name in the line <!-- WORD NAME -->; whether that is what it is. */
static int is_mark(const char *line, const char *word, char name[RESULTS_MAX_TEXT])
{
    char found[16];
    int end = 0;
    return sscanf(line, "<!-- %15s %127s -->%n", found, name, &end) == 2 && end &&
           strcmp(found, word) == 0;
}

typedef struct page {
    FILE *out;
    const char *path;
    const char *machine;
    const results *all;
    size_t n;
} page;

/* Writes what belongs into a place; returns 0 if there is nothing new for it. */
static int fill(const page *p, const char *name)
{
    if (p->machine && strcmp(name, "machine") == 0) {
        fprintf(p->out, "%s\n", p->machine);
        return 1;
    }
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(name, p->all[i].bench) == 0) {
            results_table(p->out, &p->all[i]);
            return 1;
        }
    }
    return 0;
}

/* Copies a page; `filled` counts the places that were filled. Returns what is wrong, or NULL. */
static const char *copy(const page *p, FILE *in, size_t *filled)
{
    char line[MAX_LINE];
    char name[RESULTS_MAX_TEXT];
    char end[RESULTS_MAX_TEXT];
    int inside = 0;
    int dropping = 0;
    while (fgets(line, sizeof line, in)) {
        if (inside && is_mark(line, "end", end)) {
            if (strcmp(name, end) != 0)
                return "a place ends by another name than it begins with";
            inside = dropping = 0;
        }
        if (!dropping)
            fputs(line, p->out);
        if (is_mark(line, "begin", inside ? end : name)) {
            if (inside)
                return "a place begins within another one";
            inside = 1;
            dropping = fill(p, name);
            *filled += dropping ? 1 : 0;
        }
    }
    return inside ? "the last place does not end" : NULL;
}

int results_page(FILE *out, const char *path, const char *machine, const results *all, size_t n)
{
    const page p = {out, path, machine, all, n};
    size_t filled = 0;
    FILE *in = fopen(path, "r");
    if (!in) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    const char *what = copy(&p, in, &filled);
    if (!what && ferror(in))
        what = "cannot be read";
    if (!what && filled != n + (machine != NULL))
        what = "each benchmark needs one place: <!-- begin NAME -->, <!-- end NAME -->";
    fclose(in);
    if (what)
        fprintf(stderr, "%s: %s\n", path, what);
    return what ? -1 : 0;
}
