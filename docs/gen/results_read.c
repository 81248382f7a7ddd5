/* SPDX-License-Identifier: MIT */
/*
 * A reader of JSON that knows what it looks for. It takes all of JSON but character escapes above
 * U+007F, passes over members that it does not know, and stops at the first mistake.
 */
#include "results.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 32 };

typedef struct reader {
    const char *path;
    const char *text; /* ends with a zero byte */
    const char *at;
    int depth;
} reader;

/* Reads the value of a member, or an item of an array. */
typedef int (*value_fn)(reader *r, const char *key, void *arg);

static int wrong(const reader *r, const char *what)
{
    unsigned line = 1;
    for (const char *p = r->text; p < r->at; p++)
        line += *p == '\n';
    fprintf(stderr, "%s:%u: %s\n", r->path, line, what);
    return -1;
}

static void skip_space(reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

/* Whether c comes next, which is passed then. */
static int take(reader *r, char c)
{
    skip_space(r);
    if (*r->at != c)
        return 0;
    r->at++;
    return 1;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The character of an escape, whose backslash was passed; -1 if it is none. */
static int read_escape(reader *r)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = *r->at ? strchr(letters, *r->at) : NULL;
    if (letter) {
        r->at++;
        return meanings[letter - letters];
    }
    char digits[5] = {0};
    if (*r->at != 'u')
        return -1;
    strncpy(digits, r->at + 1, 4);
    if (strspn(digits, "0123456789abcdefABCDEF") != 4)
        return -1;
    long c = strtol(digits, NULL, 16);
    if (c == 0 || c > 0x7f)
        return -1;
    r->at += 5;
    return (int)c;
}

static int read_text(reader *r, char out[RESULTS_MAX_TEXT])
{
    size_t len = 0;
    if (!take(r, '"'))
        return wrong(r, "a string is missing");
    while (*r->at != '"') {
        if ((unsigned char)*r->at < ' ')
            return wrong(r, "a string does not end");
        int c = (unsigned char)*r->at++;
        if (c == '\\' && (c = read_escape(r)) < 0)
            return wrong(r, "an unknown escape in a string");
        if (len + 1 == RESULTS_MAX_TEXT)
            return wrong(r, "a string is too long");
        out[len++] = (char)c;
    }
    out[len] = 0;
    r->at++;
    return 0;
}

/* Passes digits; whether there were any. */
static int take_digits(reader *r)
{
    const char *start = r->at;
    while (is_digit(*r->at))
        r->at++;
    return r->at > start;
}

static int read_number(reader *r, double *out)
{
    skip_space(r);
    const char *start = r->at;
    r->at += *r->at == '-';
    int ok = *r->at == '0' ? !is_digit(*++r->at) : take_digits(r);
    if (*r->at == '.') {
        r->at++;
        ok &= take_digits(r);
    }
    if (*r->at == 'e' || *r->at == 'E') {
        r->at++;
        r->at += *r->at == '+' || *r->at == '-';
        ok &= take_digits(r);
    }
    *out = ok ? strtod(start, NULL) : 0;
    return ok && isfinite(*out) ? 0 : wrong(r, "this is no number");
}

/* Reads an object with '{' and '}', an array with '[' and ']'; its beginning was passed. */
static int read_values(reader *r, char end, value_fn each, void *arg)
{
    char key[RESULTS_MAX_TEXT] = "";
    if (++r->depth > MAX_DEPTH)
        return wrong(r, "nested too deeply");
    if (!take(r, end)) {
        do {
            if (end == '}' && read_text(r, key) != 0)
                return -1;
            if (end == '}' && !take(r, ':'))
                return wrong(r, "':' is missing");
            if (each(r, key, arg) != 0)
                return -1;
        } while (take(r, ','));
        if (!take(r, end))
            return wrong(r, end == '}' ? "'}' or ',' is missing" : "']' or ',' is missing");
    }
    r->depth--;
    return 0;
}

static int skip_value(reader *r, const char *key, void *arg)
{
    static const char *const words[] = {"true", "false", "null"};
    char text[RESULTS_MAX_TEXT];
    double number;
    (void)key;
    if (take(r, '{'))
        return read_values(r, '}', skip_value, arg);
    if (take(r, '['))
        return read_values(r, ']', skip_value, arg);
    if (*r->at == '"')
        return read_text(r, text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);
        if (strncmp(r->at, words[i], len) == 0) {
            r->at += len;
            return 0;
        }
    }
    return read_number(r, &number);
}

static int read_row_member(reader *r, const char *key, void *arg)
{
    static const struct {
        const char *key;
        size_t offset;
    } numbers[] = {
        {"bytes", offsetof(result, bytes)},         {"ours_ns", offsetof(result, ours)},
        {"limit_ns", offsetof(result, limit)},      {"ratio", offsetof(result, ratio)},
        {"ratio_min", offsetof(result, ratio_min)}, {"ratio_max", offsetof(result, ratio_max)},
        {"target", offsetof(result, target)},       {"reference_ns", offsetof(result, reference)},
    };
    result *row = arg;
    if (strcmp(key, "name") == 0)
        return read_text(r, row->name);
    if (strcmp(key, "per") == 0)
        return read_text(r, row->per);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(key, numbers[i].key) == 0) {
            double value;
            if (read_number(r, &value) != 0)
                return -1;
            memcpy((char *)row + numbers[i].offset, &value, sizeof value);
            return value < 0 ? wrong(r, "a negative number") : 0;
        }
    }
    return skip_value(r, key, NULL);
}

static int read_row(reader *r, const char *key, void *arg)
{
    results *out = arg;
    (void)key;
    if (!take(r, '{'))
        return wrong(r, "a row is missing");
    if (out->count == RESULTS_MAX_ROWS)
        return wrong(r, "too many rows");
    result *rows = realloc(out->rows, (out->count + 1) * sizeof *rows);
    if (!rows)
        return wrong(r, strerror(ENOMEM));
    out->rows = rows;
    result *row = &rows[out->count++];
    memset(row, 0, sizeof *row);
    if (read_values(r, '}', read_row_member, row) != 0)
        return -1;
    if (!*row->name || !*row->per || row->ours <= 0)
        return wrong(r, "a row needs \"name\", \"per\" and \"ours_ns\"");
    if (row->limit > 0 && (row->ratio <= 0 || row->ratio_min <= 0 || row->ratio_max <= 0))
        return wrong(r, "a row with \"limit_ns\" needs its ratios");
    if (row->target > 0 && row->limit <= 0)
        return wrong(r, "a row with \"target\" needs \"limit_ns\"");
    return 0;
}

static int read_member(reader *r, const char *key, void *arg)
{
    results *out = arg;
    if (strcmp(key, "bench") == 0)
        return read_text(r, out->bench);
    if (strcmp(key, "rounds") == 0)
        return read_number(r, &out->rounds);
    if (strcmp(key, "rows") != 0)
        return skip_value(r, key, NULL);
    if (out->rows)
        return wrong(r, "\"rows\" a second time");
    return take(r, '[') ? read_values(r, ']', read_row, out) : wrong(r, "an array is missing");
}

static int read_all(reader *r, results *out)
{
    if (!take(r, '{'))
        return wrong(r, "an object is missing");
    if (read_values(r, '}', read_member, out) != 0)
        return -1;
    skip_space(r);
    if (*r->at)
        return wrong(r, "more than one value");
    if (!*out->bench || out->rounds < 1)
        return wrong(r, "\"bench\" or \"rounds\" is missing");
    return 0;
}

/* A file as a text that ends with a zero byte, or NULL with errno. */
static char *slurp(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = malloc(RESULTS_MAX_FILE + 1);
    *len = text ? fread(text, 1, RESULTS_MAX_FILE, file) : 0;
    int bad = !text || ferror(file);
    if (!bad && *len == RESULTS_MAX_FILE) {
        errno = EFBIG;
        bad = 1;
    }
    int error = errno;
    fclose(file);
    errno = error;
    if (bad) {
        free(text);
        return NULL;
    }
    text[*len] = 0;
    return text;
}

int results_read(results *out, const char *path)
{
    memset(out, 0, sizeof *out);
    size_t len;
    char *text = slurp(path, &len);
    if (!text) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    reader r = {.path = path, .text = text, .at = text};
    int status = read_all(&r, out);
    if (status == 0 && strlen(text) != len)
        status = wrong(&r, "a zero byte");
    free(text);
    if (status != 0)
        results_free(out);
    return status;
}

void results_free(results *r)
{
    free(r->rows);
    r->rows = NULL;
    r->count = 0;
}
