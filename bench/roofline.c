/* SPDX-License-Identifier: MIT
 *
 * roofline.c - see roofline.h. Axes are logarithms: flop per byte against
 * flop/s. A label is left out where it would hide another; each dot says its
 * name when it is pointed at.
 */
#include "roofline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1280, HEIGHT = 760, LEFT = 76, RIGHT = 190, TOP = 56,
       BOTTOM = 60, MOST_BOXES = 600, MOST_SETS = 12, FONT = 10 };

struct box {
    double x, y, w, h; /* upper left corner */
};

struct chart {
    FILE *f;
    double x0, x1, y0, y1; /* decimal logarithms at the edges */
    struct box boxes[MOST_BOXES];
    int n_boxes;
    char sets[MOST_SETS][16];
    int n_sets;
};

static const char *const colours[MOST_SETS] = {
    "#4269d0", "#d1481f", "#3ca951", "#a463f2", "#c78500", "#0f8a8a",
    "#d6478f", "#7a5230", "#66707c", "#8a9a00", "#2c3e70", "#b02a37"};

/* --- places ------------------------------------------------------------- */

static double
place_x(const struct chart *c, double value)
{
    return LEFT + (log10(value) - c->x0) / (c->x1 - c->x0) *
                      (WIDTH - LEFT - RIGHT);
}

static double
place_y(const struct chart *c, double value)
{
    return HEIGHT - BOTTOM - (log10(value) - c->y0) / (c->y1 - c->y0) *
                                 (HEIGHT - TOP - BOTTOM);
}

static bool
is_free(const struct chart *c, const struct box *b)
{
    if (b->x < LEFT || b->x + b->w > WIDTH - RIGHT || b->y < TOP ||
        b->y + b->h > HEIGHT - BOTTOM)
        return false;
    for (int z = 0; z < c->n_boxes; z++) {
        const struct box *o = &c->boxes[z];
        if (b->x < o->x + o->w && o->x < b->x + b->w && b->y < o->y + o->h &&
            o->y < b->y + b->h)
            return false;
    }
    return true;
}

static void
occupy(struct chart *c, struct box b)
{
    if (c->n_boxes < MOST_BOXES)
        c->boxes[c->n_boxes++] = b;
}

static int
set_of(struct chart *c, const char *name)
{
    int s = 0;
    while (s < c->n_sets && strcmp(c->sets[s], name) != 0)
        s++;
    if (s == c->n_sets && s < MOST_SETS)
        snprintf(c->sets[c->n_sets++], sizeof c->sets[0], "%s", name);
    return s < MOST_SETS ? s : 0;
}

/* --- text --------------------------------------------------------------- */

static void
text(const struct chart *c, double x, double y, int size, const char *anchor,
     const char *colour, const char *words)
{
    fprintf(c->f, "<text x='%.1f' y='%.1f' font-size='%d' text-anchor='%s' "
            "fill='%s'>", x, y, size, anchor, colour);
    for (const char *z = words; *z; z++)
        if (*z == '<' || *z == '>' || *z == '&')
            fprintf(c->f, "&#%d;", *z);
        else
            fputc(*z, c->f);
    fputs("</text>\n", c->f);
}

static void
line(const struct chart *c, double xa, double ya, double xb, double yb,
     const char *style)
{
    fprintf(c->f, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' %s/>\n", xa,
            ya, xb, yb, style);
}

/* --- parts -------------------------------------------------------------- */

static void
draw_axes(const struct chart *c)
{
    char words[32];
    for (int e = (int)ceil(c->x0); e <= (int)floor(c->x1); e++) {
        double x = place_x(c, pow(10, e));
        line(c, x, TOP, x, HEIGHT - BOTTOM, "stroke='#e4e4e4'");
        snprintf(words, sizeof words, "%g", pow(10, e));
        text(c, x, HEIGHT - BOTTOM + 18, 12, "middle", "#333", words);
    }
    for (int e = (int)ceil(c->y0); e <= (int)floor(c->y1); e++) {
        double y = place_y(c, pow(10, e));
        line(c, LEFT, y, WIDTH - RIGHT, y, "stroke='#e4e4e4'");
        snprintf(words, sizeof words, "%g", pow(10, e - 9));
        text(c, LEFT - 8, y + 4, 12, "end", "#333", words);
    }
    fprintf(c->f, "<rect x='%d' y='%d' width='%d' height='%d' fill='none' "
            "stroke='#888'/>\n", LEFT, TOP, WIDTH - LEFT - RIGHT,
            HEIGHT - TOP - BOTTOM);
    text(c, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 18, 13, "middle", "#111",
         "flop per byte (every operand once)");
    text(c, LEFT, TOP - 12, 13, "start", "#111", "GFLOP/s");
}

/* A slope up to `peak`, then flat; either may be 0: not drawn. */
static void
draw_slope(struct chart *c, double bytes, double peak, const char *words,
           const char *style)
{
    double xa = pow(10, c->x0), xb = peak / bytes, ya = bytes * xa;
    if (ya < pow(10, c->y0)) {
        ya = pow(10, c->y0);
        xa = ya / bytes;
    }
    line(c, place_x(c, xa), place_y(c, ya), place_x(c, xb), place_y(c, peak),
         style);
    struct box b = {place_x(c, xa) + 8, place_y(c, ya) - 34,
                    6.0 * (double)strlen(words), 14};
    for (int turn = 0; turn < 40 && !is_free(c, &b); turn++) {
        b.x += 12;
        b.y = place_y(c, bytes * xa) - (b.x - place_x(c, xa)) *
              (place_y(c, ya) - place_y(c, peak)) /
              (place_x(c, xb) - place_x(c, xa)) - 26;
    }
    text(c, b.x, b.y + 11, 11, "start", "#555", words);
    occupy(c, b);
}

static void
draw_roof(struct chart *c, double peak, double from, const char *words,
          const char *style, bool below)
{
    double y = place_y(c, peak), at = y + (below ? 13 : -5);
    line(c, place_x(c, from), y, WIDTH - RIGHT, y, style);
    double w = 6.2 * (double)strlen(words);
    text(c, WIDTH - RIGHT - 6, at, 11, "end", "#555", words);
    occupy(c, (struct box){WIDTH - RIGHT - 6 - w, at - 11, w, 14});
}

static void
draw_limits(struct chart *c, const struct peaks *p, bool two)
{
    static const char *const styles[2] = {
        "stroke='#555' stroke-width='1.4'",
        "stroke='#999' stroke-width='1.2' stroke-dasharray='6 4'"};
    for (int t = 0; t < (two ? 2 : 1); t++) {
        char words[64];
        double read = p->rate[LIMIT_READ][t];
        double copy = p->rate[LIMIT_NT_COPY][t];
        double best = read > copy ? read : copy;
        const char *threads = t ? ", 2 threads" : "";
        for (int l = LIMIT_FMA32; l <= LIMIT_FMA64; l++) {
            snprintf(words, sizeof words, "%s fused multiply-add %.0f%s",
                     l == LIMIT_FMA32 ? "f32" : "f64",
                     1e-9 * p->rate[l][t], threads);
            draw_roof(c, p->rate[l][t], p->rate[l][t] / best, words,
                      styles[t], t);
        }
        snprintf(words, sizeof words, "read %.1f GB/s%s", 1e-9 * read,
                 threads);
        draw_slope(c, read, p->rate[LIMIT_FMA32][t], words, styles[t]);
        snprintf(words, sizeof words, "copy %.1f GB/s%s", 1e-9 * copy,
                 threads);
        draw_slope(c, copy, p->rate[LIMIT_FMA32][t], words, styles[t]);
    }
}

/* Circles are f32, squares f64; several threads: hollow. */
static void
draw_dot(struct chart *c, const struct point *p)
{
    double x = place_x(c, p->flop_per_byte), y = place_y(c, p->rate);
    const char *colour = colours[set_of(c, p->set)];
    char style[96];
    if (p->threads > 1)
        snprintf(style, sizeof style, "fill='white' stroke='%s' "
                 "stroke-width='1.6'", colour);
    else
        snprintf(style, sizeof style, "fill='%s' fill-opacity='0.8'", colour);
    if (p->is_double)
        fprintf(c->f, "<rect x='%.1f' y='%.1f' width='7' height='7' %s>",
                x - 3.5, y - 3.5, style);
    else
        fprintf(c->f, "<circle cx='%.1f' cy='%.1f' r='4' %s>", x, y, style);
    fputs("<title>", c->f);
    for (const char *z = p->name; *z; z++)
        if (*z == '<' || *z == '>' || *z == '&')
            fprintf(c->f, "&#%d;", *z);
        else
            fputc(*z, c->f);
    fprintf(c->f, ": %.1f GFLOP/s, %.2f flop per byte</title></%s>\n",
            1e-9 * p->rate, p->flop_per_byte,
            p->is_double ? "rect" : "circle");
    occupy(c, (struct box){x - 4, y - 4, 8, 8});
}

/* Right, left, above or below of the dot, if there is room. */
static void
draw_label(struct chart *c, const struct point *p)
{
    double x = place_x(c, p->flop_per_byte), y = place_y(c, p->rate);
    char words[28];
    snprintf(words, sizeof words, "%.27s", p->name);
    double w = 0.56 * FONT * (double)strlen(words), h = FONT;
    struct box tries[4] = {{x + 6, y - 5, w, h},
                           {x - 6 - w, y - 5, w, h},
                           {x - w / 2, y - 6 - h, w, h},
                           {x - w / 2, y + 6, w, h}};
    for (int z = 0; z < 4; z++)
        if (is_free(c, &tries[z])) {
            text(c, tries[z].x, tries[z].y + FONT - 1, FONT, "start",
                 colours[set_of(c, p->set)], words);
            occupy(c, tries[z]);
            return;
        }
}

static void
draw_legend(const struct chart *c)
{
    double x = WIDTH - RIGHT + 18, y = TOP + 10;
    for (int s = 0; s < c->n_sets; s++, y += 20) {
        fprintf(c->f, "<circle cx='%.1f' cy='%.1f' r='5' fill='%s'/>\n", x,
                y, colours[s]);
        text(c, x + 12, y + 4, 12, "start", "#111", c->sets[s]);
    }
    static const char *const notes[] = {
        "circle f32, square f64", "filled: 1 thread", "hollow: 2 threads",
        "solid lines: 1 thread", "without flop: not here"};
    for (size_t z = 0; z < sizeof notes / sizeof *notes; z++)
        text(c, x - 6, y + 14 + 16 * (double)z, 11, "start", "#555",
             notes[z]);
}

/* --- all of it ---------------------------------------------------------- */

static void
find_edges(struct chart *c, const struct peaks *p, const struct point *points,
           int n)
{
    c->x0 = -1;
    c->x1 = 2;
    c->y0 = 9;
    c->y1 = log10(1.6 * p->rate[LIMIT_FMA32][p->processors - 1]);
    for (int z = 0; z < n; z++) {
        double x = log10(points[z].flop_per_byte);
        c->x0 = fmin(c->x0, x - 0.15);
        c->x1 = fmax(c->x1, x + 0.25);
        c->y0 = fmin(c->y0, log10(points[z].rate) - 0.15);
        c->y1 = fmax(c->y1, log10(points[z].rate) + 0.1);
    }
}

bool
roofline_write(const char *path, const struct peaks *p,
               const struct point *points, int n)
{
    struct chart *c = calloc(1, sizeof *c);
    bool two = false;
    if (!c || !(c->f = fopen(path, "w"))) {
        free(c);
        return false;
    }
    find_edges(c, p, points, n);
    fprintf(c->f, "<svg xmlns='http://www.w3.org/2000/svg' width='%d' "
            "height='%d' viewBox='0 0 %d %d' "
            "font-family='Helvetica, Arial, sans-serif'>\n"
            "<rect width='%d' height='%d' fill='white'/>\n", WIDTH, HEIGHT,
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    text(c, WIDTH / 2.0, 26, 17, "middle", "#111",
         "einc under the limits of this machine");
    draw_axes(c);
    for (int z = 0; z < n; z++)
        two = two || points[z].threads > 1;
    draw_limits(c, p, two);
    for (int z = 0; z < n; z++)
        draw_dot(c, &points[z]);
    for (int z = 0; z < n; z++)
        draw_label(c, &points[z]);
    draw_legend(c);
    fputs("</svg>\n", c->f);
    bool ok = !fclose(c->f);
    free(c);
    return ok;
}
