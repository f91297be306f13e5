/* SPDX-License-Identifier: MIT
 *
 * table.c - see table.h.
 */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_WIDTH = 48, RATIO_WIDTH = 22 };

struct table {
    FILE *file;             /* or NULL */
    char line[2048];        /* a row in the making */
    char name[128];         /* of that row */
    int n_bars, n_met, n_wrong;
    char *missed;           /* a line each */
    size_t missed_bytes;
    FILE *missed_file;
    struct point *points;
    int n_points;
};

struct table *
table_open(const char *path)
{
    struct table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->missed_file = open_memstream(&t->missed, &t->missed_bytes);
    t->file = path ? fopen(path, "w") : NULL;
    if (t->missed_file && (t->file || !path))
        return t;
    table_close(t);
    return NULL;
}

void
table_close(struct table *t)
{
    if (t->file)
        fclose(t->file);
    if (t->missed_file)
        fclose(t->missed_file);
    free(t->missed);
    free(t->points);
    free(t);
}

static void
put_line(struct table *t, const char *line)
{
    puts(line);
    fflush(stdout);
    if (t->file) {
        fprintf(t->file, "%s\n", line);
        fflush(t->file);
    }
}

void
table_say(struct table *t, const char *format, ...)
{
    char line[2048];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    put_line(t, line);
}

/* --- rows --------------------------------------------------------------- */

void
table_begin(struct table *t, const char *name)
{
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(t->line, sizeof t->line, "%-*s", NAME_WIDTH, name);
}

void
table_cell(struct table *t, int width, const char *format, ...)
{
    char cell[256];
    va_list list;
    va_start(list, format);
    vsnprintf(cell, sizeof cell, format, list);
    va_end(list);
    size_t n = strlen(t->line);
    snprintf(t->line + n, sizeof t->line - n, " %*s", width, cell);
}

void
table_ratio(struct table *t, struct spread s)
{
    if (s.mid > 0)
        table_cell(t, RATIO_WIDTH, s.mid < 99.5 ? "%.2f (%.2f..%.2f)"
                                                : "%.0f (%.0f..%.0f)",
                   s.mid, s.low, s.high);
    else
        table_cell(t, RATIO_WIDTH, "-");
}

void
table_end(struct table *t)
{
    size_t n = strlen(t->line);
    while (n > 0 && t->line[n - 1] == ' ')
        t->line[--n] = '\0';
    put_line(t, t->line);
}

void
table_bar(struct table *t, const char *set, const char *what, double got,
          double bar, bool at_most)
{
    bool met = at_most ? got <= bar : got >= bar;
    table_cell(t, 1, " %s %s %g %s", what, at_most ? "<=" : ">=", bar,
               met ? "met" : "MISSED");
    t->n_bars++;
    t->n_met += met;
    if (!met)
        fprintf(t->missed_file, "  %-8s %-*s %s %.3g, bar %s %g\n", set,
                NAME_WIDTH, t->name, what, got, at_most ? "<=" : ">=", bar);
}

/* --- at the end --------------------------------------------------------- */

void
table_wrong(struct table *t, const char *set, const char *name,
            const char *who)
{
    table_say(t, "%s: %s is WRONG on %s", set, who, name);
    t->n_wrong++;
}

int
table_failures(const struct table *t)
{
    return t->n_wrong;
}

void
table_summary(struct table *t)
{
    fflush(t->missed_file);
    table_say(t, "\n%d of %d bars met", t->n_met, t->n_bars);
    if (t->n_met < t->n_bars)
        table_say(t, "missed:");
    for (char *line = t->missed; line && *line;) {
        char *end = strchr(line, '\n');
        *end = '\0';
        put_line(t, line);
        line = end + 1;
    }
    if (t->n_wrong)
        table_say(t, "%d results were WRONG", t->n_wrong);
}

void
table_point(struct table *t, const struct point *p)
{
    struct point *more = realloc(t->points,
                                 ((size_t)t->n_points + 1) * sizeof *p);
    if (!more)
        return;
    t->points = more;
    t->points[t->n_points++] = *p;
}

const struct point *
table_points(const struct table *t, int *n)
{
    *n = t->n_points;
    return t->points;
}
