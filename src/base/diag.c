/* SPDX-License-Identifier: MIT
 *
 * diag.c - see diag.h. First the ways out, then the report for a person.
 */
#include "base/diag.h"

#include <assert.h>

enum {
    LINE_COLUMNS = 100, /* a longer line is cut to windows around the marks */
    MIN_WINDOW = 24,    /* columns of one such window */
    MAX_WINDOWS = 16    /* further marks of a line are left out */
};

static _Noreturn void
leave(struct cx *cx, enum einc_status status)
{
    cx->status = status;
    longjmp(cx->boundary, 1);
}

static const char *
format(struct cx *cx, const char *fmt, va_list ap)
{
    struct text t = {.perm = cx->perm};
    einc_putv(&t, fmt, ap);
    return einc_text_z(&t);
}

static struct diag *
add(struct cx *cx, enum einc_status status, const char *code, const char *fmt,
    va_list ap)
{
    if (cx->trial)
        leave(cx, status);
    if (cx->n_diags == MAX_DIAGS)
        leave(cx, cx->diags[0].status);
    const char *message = format(cx, fmt, ap);
    struct diag *d = &cx->diags[cx->n_diags++];
    *d = (struct diag){.status = status, .code = code, .message = message};
    return d;
}

struct diag *
einc_diag_add(struct cx *cx, enum einc_status status, const char *code,
              const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct diag *d = add(cx, status, code, fmt, ap);
    va_end(ap);
    return d;
}

/* Room for one more: the array doubles whenever its length is a power of 2. */
static struct einc_mark *
new_mark(struct cx *cx, struct diag *d)
{
    int n = d->n_marks;
    if ((n & (n - 1)) == 0) {
        struct einc_mark *more =
            NEW(cx->perm, struct einc_mark, n ? 2 * (int64_t)n : 1);
        if (n)
            memcpy(more, d->marks, (size_t)n * sizeof *more);
        d->marks = more;
    }
    return &d->marks[d->n_marks++];
}

void
einc_diag_mark(struct cx *cx, struct diag *d, struct span at, int operand,
               int dim, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *note = format(cx, fmt, ap);
    va_end(ap);
    *new_mark(cx, d) =
        (struct einc_mark){at.begin, at.end, operand, dim, note};
}

void
einc_diag_hint(struct cx *cx, struct diag *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    assert(!d->hint);
    d->hint = format(cx, fmt, ap);
    va_end(ap);
}

void
einc_diag_stop(struct cx *cx)
{
    if (cx->n_diags)
        leave(cx, cx->diags[0].status);
}

void
einc_fail(struct cx *cx, enum einc_status status, const char *code,
          struct span at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct diag *d = add(cx, status, code, fmt, ap);
    va_end(ap);
    if (at.begin >= 0)
        einc_diag_mark(cx, d, at, -1, -1, "%s", "");
    leave(cx, cx->diags[0].status);
}

/* No diagnostic goes with it: there is no memory to put one in. */
void
einc_fail_nomem(struct cx *cx)
{
    cx->n_diags = 0;
    leave(cx, EINC_ENOMEM);
}

/* --- trying hints ------------------------------------------------------- */

struct str
einc_diag_edited(struct arena *perm, struct str source,
                 const struct edit *edits, int n)
{
    struct text t = {.perm = perm};
    int32_t from = 0;
    for (int i = 0; i < n; i++) {
        struct span at = edits[i].at;
        assert(from <= at.begin && at.begin <= at.end && at.end <= source.n);
        einc_put_str(&t, (struct str){source.p + from, at.begin - from});
        einc_put_str(&t, edits[i].with);
        from = at.end;
    }
    einc_put_str(&t, (struct str){source.p + from, source.n - from});
    return (struct str){einc_text_z(&t), t.n};
}

int
einc_diag_try(struct arena scratch,
              void (*f)(struct arena *perm, struct arena scratch, void *arg),
              void *arg)
{
    if (scratch.cx->trial)
        return 0;
    struct cx *inner = NEW(&scratch, struct cx, 1);
    struct arena *perm = NEW(&scratch, struct arena, 1);
    char *middle = scratch.beg + (scratch.end - scratch.beg) / 2;
    *perm = (struct arena){scratch.beg, middle, inner};
    inner->perm = perm;
    inner->trial = 1;
    if (setjmp(inner->boundary)) {
        if (inner->status == EINC_ENOMEM)
            einc_fail_nomem(scratch.cx);
        return 0;
    }
    f(perm, (struct arena){middle, scratch.end, inner}, arg);
    return 1;
}

/* --- the report --------------------------------------------------------- */

/* Length of the code point at p, n bytes being there; 1 and U+FFFD where
 * there is none. */
static int
decode(const char *p, int64_t n, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *u = (const unsigned char *)p;
    int len = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2
              : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;
    uint32_t x = len < 2 ? u[0] : u[0] & (0xffu >> (len + 1));
    for (int i = 1; i < len; i++) {
        if (i >= n || (u[i] & 0xc0) != 0x80)
            len = 0;
        else
            x = x << 6 | (u[i] & 0x3fu);
    }
    if (x < least[len] || x > 0x10ffff || (x >= 0xd800 && x < 0xe000))
        len = 0;
    *point = len ? x : 0xfffd;
    return len ? len : 1;
}

/* Whether a terminal would not show a code point as one more sign, or would
 * change others for it: controls, marks of direction, joiners. */
static int
is_control(uint32_t point)
{
    static const struct { uint32_t from, to; } ranges[] = {
        {0, 0x1f}, {0x7f, 0x9f}, {0x61c, 0x61c}, {0x200b, 0x200f},
        {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff},
        {0xfff9, 0xfffd}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (point >= ranges[i].from && point <= ranges[i].to)
            return 1;
    return 0;
}

/* Puts one code point as one column; returns its length in bytes. */
static int
put_point(struct text *t, struct str s, int64_t at)
{
    uint32_t point;
    int len = decode(s.p + at, s.n - at, &point);
    struct str show = {s.p + at, len};
    if (point == '\t' || point == '\n' || point == '\r')
        show = str_of(" ");
    else if (is_control(point))
        show = str_of("?");
    einc_put_str(t, show);
    return len;
}

const char *
einc_diag_show(struct cx *cx, struct str s, int max_columns)
{
    struct text t = {.perm = cx->perm};
    int64_t at = 0;
    for (int column = 0; at < s.n && column < max_columns; column++)
        at += put_point(&t, s, at);
    if (at < s.n)
        einc_put_str(&t, str_of("..."));
    return einc_text_z(&t);
}

/* A line of the source, the stretches of it that are shown, and the marks. */
struct view {
    const struct diag *d;
    struct str source;
    int64_t begin, end; /* of the line, the newline left out */
    struct { int64_t begin, end; } windows[MAX_WINDOWS];
    int n_windows;
};

static int64_t
line_begin(struct str s, int64_t at)
{
    while (at > 0 && s.p[at - 1] != '\n')
        at--;
    return at;
}

static int64_t
line_end(struct str s, int64_t at)
{
    while (at < s.n && s.p[at] != '\n')
        at++;
    return at;
}

static int
on_line(const struct view *v, const struct einc_mark *m)
{
    return m->begin >= v->begin && m->begin <= v->end;
}

/* Where `columns` code points after `at` are, or the end of the line. */
static int64_t
forward(const struct view *v, int64_t at, int columns)
{
    uint32_t point;
    for (; columns > 0 && at < v->end; columns--)
        at += decode(v->source.p + at, v->end - at, &point);
    return at;
}

/* The same before `at`; lone tail bytes are taken as part of a code point. */
static int64_t
backward(const struct view *v, int64_t at, int columns)
{
    for (; columns > 0 && at > v->begin; columns--)
        do
            at--;
        while (at > v->begin
               && ((unsigned char)v->source.p[at] & 0xc0) == 0x80);
    return at;
}

/* Adds a window in order of place; those that touch become one. */
static void
add_window(struct view *v, int64_t begin, int64_t end)
{
    int i = v->n_windows;
    if (i == MAX_WINDOWS)
        return;
    for (; i > 0 && v->windows[i - 1].begin > begin; i--)
        v->windows[i] = v->windows[i - 1];
    v->windows[i].begin = begin;
    v->windows[i].end = end;
    v->n_windows++;
    int n = 1;
    for (i = 1; i < v->n_windows; i++) {
        if (v->windows[i].begin > v->windows[n - 1].end + 3)
            v->windows[n++] = v->windows[i];
        else if (v->windows[i].end > v->windows[n - 1].end)
            v->windows[n - 1].end = v->windows[i].end;
    }
    v->n_windows = n;
}

static void
choose_windows(struct view *v)
{
    if (forward(v, v->begin, LINE_COLUMNS) == v->end) {
        add_window(v, v->begin, v->end);
        return;
    }
    int n = 0;
    for (int m = 0; m < v->d->n_marks; m++)
        n += on_line(v, &v->d->marks[m]);
    int width = LINE_COLUMNS / n > MIN_WINDOW ? LINE_COLUMNS / n : MIN_WINDOW;
    for (int i = 0; i < v->d->n_marks; i++) {
        const struct einc_mark *m = &v->d->marks[i];
        if (!on_line(v, m))
            continue;
        int64_t begin = backward(v, m->begin, width / 3);
        add_window(v, begin, forward(v, begin, width));
    }
}

/* Whether some mark covers the code point at [at, end), or begins at the end
 * of the line if at == end. An empty mark stands under the code point that it
 * is before. */
static int
is_marked(const struct view *v, int64_t at, int64_t end)
{
    for (int i = 0; i < v->d->n_marks; i++) {
        const struct einc_mark *m = &v->d->marks[i];
        if (m->begin == at || (at < end && m->begin < end && m->end > at))
            return 1;
    }
    return 0;
}

/* The text of the windows into `t`, a blank or a caret per column of it into
 * `carets`. Returns the number of columns. */
static int
put_windows(struct text *t, struct text *carets, const struct view *v)
{
    int columns = 0;
    int64_t at = v->begin;
    for (int w = 0; w < v->n_windows; w++) {
        if (v->windows[w].begin > at) {
            einc_put(t, "...");
            einc_put(carets, "   ");
            columns += 3;
        }
        struct str s = {v->source.p, v->windows[w].end};
        for (at = v->windows[w].begin; at < s.n; columns++) {
            int len = put_point(t, s, at);
            einc_put(carets, "%c", is_marked(v, at, at + len) ? '^' : ' ');
            at += len;
        }
    }
    if (at < v->end)
        einc_put(t, "...");
    else if (is_marked(v, v->end, v->end))
        einc_put(carets, "^");
    return columns + (at < v->end ? 3 : 0);
}

static void
cut_blanks(struct text *t)
{
    while (t->n > 0 && t->p[t->n - 1] == ' ')
        t->p[--t->n] = 0;
}

/* The notes of the marks of a line, which start right of both its lines. */
static void
put_notes(struct text *t, const struct view *v, int columns)
{
    const char *between = NULL;
    for (int i = 0; i < v->d->n_marks; i++) {
        const struct einc_mark *m = &v->d->marks[i];
        if (!on_line(v, m) || !m->note[0])
            continue;
        if (between)
            einc_put(t, "%s%s", between, m->note);
        else
            einc_put(t, "%*s%s", columns, "", m->note);
        between = ", ";
    }
}

static void
print_line(struct text *t, const struct diag *d, struct str source, int64_t at)
{
    struct view v = {.d = d, .source = source, .begin = at};
    v.end = line_end(source, at);
    if (v.end > at && source.p[v.end - 1] == '\r')
        v.end--;
    struct text carets = {.perm = t->perm};
    choose_windows(&v);
    einc_put(t, "  ");
    int columns = put_windows(t, &carets, &v);
    cut_blanks(t);
    cut_blanks(&carets);
    einc_put(t, "\n  %s", einc_text_z(&carets));
    if (columns < (int)carets.n)
        columns = (int)carets.n;
    put_notes(t, &v, columns - (int)carets.n + 3);
    einc_put(t, "\n");
}

/* Begin of the first line after `after` that a mark begins on, or -1. */
static int64_t
next_line(const struct diag *d, struct str source, int64_t after)
{
    int64_t next = -1;
    for (int i = 0; i < d->n_marks; i++) {
        int64_t begin = line_begin(source, d->marks[i].begin);
        if (begin > after && (next < 0 || begin < next))
            next = begin;
    }
    return next;
}

void
einc_diag_print(struct text *t, const struct diag *d, struct str source)
{
    einc_put(t, "error[%s]: %s\n", d->code, d->message);
    for (int64_t at = next_line(d, source, -1); at >= 0;
         at = next_line(d, source, at))
        print_line(t, d, source, at);
    if (d->hint)
        einc_put(t, "  hint: %s\n", d->hint);
}
