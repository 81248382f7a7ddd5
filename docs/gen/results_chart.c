/* SPDX-License-Identifier: MIT */
/*
 * The chart: both axes are logarithmic, so that the same distance between the two lines is the same
 * ratio everywhere. Its colours are in the middle, and its background is none, so that it can be
 * read on a light page and on a dark one.
 */
#include "results.h"

#include <math.h>
#include <string.h>

enum {
    WIDTH = 800,
    HEIGHT = 424,
    LEFT = 66,
    RIGHT = 652,
    TOP = 92,
    BOTTOM = 364,
    MAX_POINTS = 64,
    LABEL_ROOM = 46, /* what a label of the x axis takes of it */
    LINE_ROOM = 40   /* and the name of a line at its end */
};

typedef struct point {
    double bytes;
    double ours; /* messages per second */
    double limit;
    double ratio;
} point;

typedef struct chart {
    FILE *out;
    point points[MAX_POINTS];
    size_t count;
    double slowest; /* the ends of the y axis */
    double fastest;
    double rounds;
} chart;

static const char style[] =
    "text { font: 13px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #7a7f87 }\n"
    ".title { font-size: 17px; font-weight: 600 }\n"
    ".middle { text-anchor: middle; font-size: 12px }\n"
    ".end { text-anchor: end }\n"
    ".grid { stroke: #7a7f87; stroke-opacity: .25 }\n"
    ".line { fill: none; stroke-width: 2.5; stroke-linejoin: round }\n"
    ".ours { stroke: #2f81f7 }\n"
    ".limit { stroke: #c9781e; stroke-dasharray: 7 4 }\n"
    "circle.ours { fill: #2f81f7 }\n"
    "circle.limit { fill: #c9781e }\n"
    "text.ours { fill: #2f81f7; stroke: none; font-weight: 600 }\n"
    "text.limit { fill: #c9781e; stroke: none; font-weight: 600 }\n"
    "text.more { font-weight: 400 }\n";

static double part(double from, double to, double value)
{
    return (log(value) - log(from)) / (log(to) - log(from));
}

static double x_of(const chart *c, double bytes)
{
    return LEFT + (RIGHT - LEFT) * part(c->points[0].bytes, c->points[c->count - 1].bytes, bytes);
}

static double y_of(const chart *c, double rate)
{
    return BOTTOM - (BOTTOM - TOP) * part(c->slowest, c->fastest, rate);
}

/* Takes the rows of the sweep, ordered by size; of two rows of one size the first. */
static void gather(chart *c, const results *r)
{
    for (size_t i = 0; i < r->count && c->count < MAX_POINTS; i++) {
        const result *row = &r->rows[i];
        if (strncmp(row->name, "sweep, ", 7) != 0 || row->bytes < 1 || row->limit <= 0)
            continue;
        size_t at = c->count;
        while (at && c->points[at - 1].bytes > row->bytes)
            at--;
        if (at && c->points[at - 1].bytes >= row->bytes)
            continue;
        memmove(&c->points[at + 1], &c->points[at], (c->count - at) * sizeof c->points[0]);
        c->points[at] = (point){row->bytes, 1e9 / row->ours, 1e9 / row->limit, row->ratio};
        c->count++;
    }
}

static void scale(chart *c)
{
    c->slowest = c->fastest = c->points[0].ours;
    for (size_t i = 0; i < c->count; i++) {
        c->slowest = fmin(c->slowest, fmin(c->points[i].ours, c->points[i].limit));
        c->fastest = fmax(c->fastest, fmax(c->points[i].ours, c->points[i].limit));
    }
    c->slowest /= 1.25;
    c->fastest *= 1.25;
}

static void text(const chart *c, const char *class, double x, double y, const char *words)
{
    fprintf(c->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, y, words);
}

/* A line of the grid at each 1, 2 and 5 times a power of ten. */
static void draw_y_axis(const chart *c)
{
    static const double steps[] = {1, 2, 5};
    double power = 1;
    for (int i = 0; i < 3 * 12; i++, power *= i % 3 ? 1 : 10) {
        double rate = steps[i % 3] * power;
        if (rate < c->slowest || rate > c->fastest)
            continue;
        double y = y_of(c, rate);
        char label[64];
        if (rate >= 1e6)
            snprintf(label, sizeof label, "%g M", rate / 1e6);
        else
            snprintf(label, sizeof label, rate >= 1e3 ? "%g k" : "%g",
                     rate >= 1e3 ? rate / 1e3 : rate);
        fprintf(c->out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", LEFT, y, RIGHT);
        text(c, "end", LEFT - 9, y + 4.5, label);
    }
}

/* Each size has its tick; those that are too close to the next have no label. */
static void draw_x_axis(const chart *c)
{
    double end = x_of(c, c->points[c->count - 1].bytes);
    double free_from = 0;
    for (size_t i = 0; i < c->count; i++) {
        double x = x_of(c, c->points[i].bytes);
        char label[64];
        fprintf(c->out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>\n", x, TOP, BOTTOM + 6);
        if (x < free_from || (i + 1 < c->count && x + LABEL_ROOM > end))
            continue;
        snprintf(label, sizeof label, "%.0f B", c->points[i].bytes);
        text(c, "middle", x, BOTTOM + 22, label);
        snprintf(label, sizeof label, "%.0f %%", 100 * c->points[i].ratio);
        text(c, "middle ours", x, BOTTOM + 42, label);
        free_from = x + LABEL_ROOM;
    }
    text(c, "", RIGHT + 30, BOTTOM + 22, "payload");
    text(c, "ours", RIGHT + 30, BOTTOM + 42, "of the limit");
}

static void draw_line(const chart *c, const char *class, const char *name, int limit)
{
    fprintf(c->out, "<path class=\"line %s\" d=\"", class);
    for (size_t i = 0; i < c->count; i++) {
        const point *p = &c->points[i];
        fprintf(c->out, "%s%.1f %.1f", i ? " L" : "M", x_of(c, p->bytes),
                y_of(c, limit ? p->limit : p->ours));
    }
    fprintf(c->out, "\"/>\n");
    for (size_t i = 0; i < c->count; i++) {
        const point *p = &c->points[i];
        double rate = limit ? p->limit : p->ours;
        fprintf(c->out,
                "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s, %.0f B: "
                "%.2f million per second, %.1f Gbit/s</title></circle>\n",
                class, x_of(c, p->bytes), y_of(c, rate), name, p->bytes, rate / 1e6,
                rate * p->bytes * 8 / 1e9);
    }
}

/* The names of the lines at their ends, moved apart if they would touch. */
static void draw_names(const chart *c)
{
    const point *last = &c->points[c->count - 1];
    double ours = y_of(c, last->ours);
    double limit = y_of(c, last->limit);
    double lacking = LINE_ROOM - fabs(ours - limit);
    if (lacking > 0) {
        double move = ours >= limit ? lacking / 2 : -lacking / 2;
        ours += move;
        limit -= move;
    }
    text(c, "ours", RIGHT + 12, ours + 4.5, "p2pswarm");
    text(c, "limit", RIGHT + 12, limit - 3.5, "limit");
    text(c, "limit more", RIGHT + 12, limit + 12.5, "bare GSO/GRO loop");
}

static void draw(const chart *c)
{
    char line[128];
    fprintf(c->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" role=\"img\">\n"
            "<title>UDP on loopback: messages per second by payload "
            "size</title>\n<style>\n%s</style>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT, style);
    text(c, "title", 16, 30, "UDP on loopback: messages per second by payload size");
    snprintf(
        line, sizeof line,
        "One thread sends and receives, two GSO runs per turn of the loop; medians of %.0f rounds",
        c->rounds);
    text(c, "", 16, 52, line);
    text(c, "", 16, TOP - 10, "messages per second (both axes are logarithmic)");
    draw_y_axis(c);
    draw_x_axis(c);
    draw_line(c, "limit", "limit", 1);
    draw_line(c, "ours", "p2pswarm", 0);
    draw_names(c);
    fprintf(c->out, "</svg>\n");
}

int results_chart(FILE *out, const results *r)
{
    chart c = {.out = out, .rounds = r->rounds};
    gather(&c, r);
    if (c.count < 2) {
        fprintf(stderr, "%s: a chart needs two rows \"sweep, ...\" with bytes and a limit\n",
                r->bench);
        return -1;
    }
    scale(&c);
    draw(&c);
    return 0;
}
