/* SPDX-License-Identifier: MIT
 *
 * run.c - the language as data: runs the records of tests/language through
 * the public functions, on every tier, with one thread and with two (equal
 * bits), with dense tensors and with strided ones, and the oracle beside.
 *     run [NAME...]        all cases, or those whose file.name has such a part
 *     run --write DIR NAME writes its operands as .npy, prints the command
 *     run --emit [NAME...] programs as files of their own, each compiled by
 *                          one of several compilers and run with one of the
 *                          sets of instructions
 * A record (make.py writes them) is
 *     %CASE name
 *     %EXPR text           with the escapes \n and \\
 *     %PARAMS sh=2         einc_options.params
 *     %OPEN why            known to fail: it must, or it is no longer open
 *     %IN name dtype 3x4 DATA    operands in order; () is the shape of scalars
 *     %INIT name dtype 3x4 DATA  what an output holds before
 *     %OUT name dtype 3x4 [given] [~tolerance[r]] DATA
 *                          "-": any type; given: the caller tells the
 *                          layout; tolerance: absolute, or relative with r
 *     %HASH case           equal einc_plan_hash()
 * or, instead of %OUT,
 *     %GIVES name dtype 3x4  an output's layout that is told
 *     %FAIL E701           or a part: how codes begin
 *     %SAYS message; hint
 *     %AT 3:5 8:9          bytes that are underlined, in any order
 *     %LEADS_OUT           compiles; einc_run_outs() finds bad data
 * DATA is `= v v v`, `: a b m c d` for ((a*n + b + n/m) % m - c) / d at flat
 * position n, or `@file.npy` in data/. Values of complex types are pairs.
 */
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "einc.h"

enum {
    MOST_TENSORS = 12, MOST_DIMS = 8, MOST_MARKS = 8, MOST_CASES = 4000,
    MOST_FILES = 32, LINE = 1 << 17, REPORT = 3000, EDGE_BYTES = 64,
    CASE_SECONDS = 120, WORKERS = 2, MUTATED_BYTES = 300
};

struct value {
    double re, im;
    int64_t i; /* of integer types and bool */
};

struct tensor {
    char *name;
    int32_t dtype;          /* 0: any */
    int ndim;
    int64_t shape[MOST_DIMS];
    int64_t count;
    struct value *v;        /* [count], NULL: no values */
    int given;
    double tolerance;       /* < 0: exact */
    int is_relative;
};

struct record {
    const char *file;
    int line;
    char *name, *expr, *params, *open, *hash, *code, *says;
    int leads_out;
    struct tensor in[MOST_TENSORS], out[MOST_TENSORS], init[MOST_TENSORS];
    int n_in, n_out, n_init;
    int mark[MOST_MARKS][2];
    int n_marks;
};

static struct record *records;
static int n_records;
static char folder[1000];
static int emits; /* --emit */

static void
die(const char *why, const char *what)
{
    fprintf(stderr, "run: %s: %s\n", why, what);
    exit(2);
}

static void *
allocate(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        die("memory", "none");
    return p;
}

/* --- elements ------------------------------------------------------------- */

static int
is_complex(int32_t dtype)
{
    return dtype == EINC_C64 || dtype == EINC_C128;
}

static int
is_integer(int32_t dtype)
{
    return dtype >= EINC_BOOL && dtype <= EINC_U64;
}

/* IEEE binary16, to nearest even; v is far from a tie of two roundings. */
static uint16_t
half_of(double v)
{
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    if (isnan(v))
        return (uint16_t)(sign | 0x7e00);
    double a = fabs(v);
    if (a >= 65520)
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x1p-14)
        return (uint16_t)(sign | (uint16_t)nearbyint(a * 0x1p24));
    int e;
    double m = frexp(a, &e); /* [0.5, 1) */
    int bits = (int)nearbyint(m * 2048);
    return (uint16_t)(sign | ((e + 14) * 1024 + (bits - 1024)));
}

static double
of_half(uint16_t h)
{
    int e = h >> 10 & 31;
    double m = h & 1023;
    double a = e == 31 ? (m > 0 ? (double)NAN : (double)INFINITY)
             : e == 0  ? m * 0x1p-24
                       : ldexp(m + 1024, e - 25);
    return h & 0x8000 ? -a : a;
}

static uint16_t
brain_of(double v)
{
    float f = (float)v;
    uint32_t b;
    memcpy(&b, &f, 4);
    if (isnan(v))
        return 0x7fc0;
    return (uint16_t)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

static double
of_brain(uint16_t h)
{
    uint32_t b = (uint32_t)h << 16;
    float f;
    memcpy(&f, &b, 4);
    return f;
}

static void
put(int32_t dtype, char *at, struct value v)
{
    uint64_t bits = (uint64_t)v.i; /* little endian: the low bytes come first */
    float f[2] = {(float)v.re, (float)v.im};
    double d[2] = {v.re, v.im};
    uint16_t h = dtype == EINC_F16 ? half_of(v.re) : brain_of(v.re);
    const void *from = is_integer(dtype)                      ? (void *)&bits
                     : dtype == EINC_F16 || dtype == EINC_BF16 ? (void *)&h
                     : dtype == EINC_F32 || dtype == EINC_C64  ? (void *)f
                                                               : (void *)d;
    memcpy(at, from, einc_dtype_bytes((enum einc_dtype)dtype));
}

static struct value
get(int32_t dtype, const char *at)
{
    struct value v = {0};
    size_t n = einc_dtype_bytes((enum einc_dtype)dtype);
    float f[2] = {0};
    double d[2] = {0};
    uint16_t h;
    if (is_integer(dtype)) {
        uint64_t bits = 0;
        int is_signed = dtype == EINC_I8 || dtype == EINC_I16 ||
                        dtype == EINC_I32;
        memcpy(&bits, at, n);
        if (is_signed && bits >> (8 * n - 1) & 1)
            bits |= ~(uint64_t)0 << (8 * n - 1);
        v.i = (int64_t)bits;
        v.re = dtype == EINC_U64 ? (double)bits : (double)v.i;
        return v;
    }
    switch (dtype) {
    case EINC_F16:
    case EINC_BF16:
        memcpy(&h, at, 2);
        v.re = dtype == EINC_F16 ? of_half(h) : of_brain(h);
        break;
    case EINC_F32:
    case EINC_C64:
        memcpy(f, at, n);
        v.re = (double)f[0];
        v.im = (double)f[1];
        break;
    default:
        memcpy(d, at, n);
        v.re = d[0];
        v.im = d[1];
    }
    return v;
}

/* --- reading records ------------------------------------------------------ */

static char *
copy_text(const char *s)
{
    char *z = allocate(strlen(s) + 1);
    return strcpy(z, s);
}

static char *
unescape(const char *s)
{
    char *z = allocate(strlen(s) + 1), *to = z;
    for (; *s; s++) {
        if (*s == '\\' && s[1])
            *to++ = *++s == 'n' ? '\n' : *s;
        else
            *to++ = *s;
    }
    return z;
}

/* Arrays as numpy writes them: |i1, <f4, <f8, <i8 and <c16 in C order. */
static void
read_npy(struct tensor *t, const char *name)
{
    char path[1400], head[4000] = {0};
    unsigned char start[10];
    snprintf(path, sizeof path, "%s/data/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f || fread(start, 1, 10, f) != 10)
        die("cannot read", path);
    size_t n = (size_t)start[8] | (size_t)start[9] << 8;
    if (n >= sizeof head || fread(head, 1, n, f) != n ||
        strstr(head, "'fortran_order': True"))
        die("cannot read", path);
    int one = strstr(head, "|i1") != NULL, single = strstr(head, "<f4") != 0,
        wide = strstr(head, "<i8") != NULL, pair = strstr(head, "<c16") != 0;
    for (int64_t k = 0; k < t->count; k++) {
        char raw[16] = {0};
        size_t bytes = one ? 1 : single ? 4 : pair ? 16 : 8;
        if (fread(raw, 1, bytes, f) != bytes)
            die("too short", path);
        t->v[k] = get(one ? EINC_I8 : single ? EINC_F32 : wide ? EINC_I64
                      : pair ? EINC_C128 : EINC_F64, raw);
        if (!one && !wide)
            t->v[k].i = (int64_t)t->v[k].re;
    }
    fclose(f);
}

static void
read_data(struct tensor *t, char *s)
{
    t->v = allocate((size_t)t->count * sizeof *t->v);
    if (*s == '@') {
        read_npy(t, s + 1);
        return;
    }
    if (*s == ':') {
        int64_t a = strtoll(s + 1, &s, 10), b = strtoll(s, &s, 10),
                m = strtoll(s, &s, 10), c = strtoll(s, &s, 10),
                d = strtoll(s, &s, 10);
        for (int64_t k = 0; k < t->count; k++) {
            t->v[k].i = (a * k + b + k / m) % m - c;
            t->v[k].re = (double)t->v[k].i / (double)d;
        }
        return;
    }
    s++;
    for (int64_t k = 0; k < t->count; k++) {
        char *end;
        t->v[k].re = strtod(s, &end);
        if (end == s)
            die("too few values", t->name);
        if (is_integer(t->dtype) || !t->dtype)
            t->v[k].i = strtoll(s, NULL, 10);
        s = end;
        if (is_complex(t->dtype))
            t->v[k].im = strtod(s, &s);
    }
    if (s[strspn(s, " ")])
        die("too many values", t->name);
}

static void
read_tensor(struct tensor *t, char *s)
{
    char *word[3];
    for (int w = 0; w < 3; w++) {
        word[w] = s;
        s += strcspn(s, " ");
        if (*s)
            *s++ = 0;
    }
    t->name = copy_text(word[0]);
    t->dtype = (int32_t)einc_dtype_parse(word[1]);
    t->tolerance = -1;
    t->count = 1;
    for (char *x = word[2]; isdigit((unsigned char)*x);) {
        t->shape[t->ndim] = strtoll(x, &x, 10);
        t->count *= t->shape[t->ndim++];
        x += *x == 'x';
    }
    for (;;) {
        if (strncmp(s, "given ", 6) == 0) {
            t->given = 1;
            s += 6;
        } else if (*s == '~') {
            t->tolerance = strtod(s + 1, &s);
            t->is_relative = *s == 'r';
            s += t->is_relative;
            s += *s == ' ';
        } else {
            break;
        }
    }
    if (*s)
        read_data(t, s);
    else
        t->given = 1;
}

static struct tensor *
next_tensor(struct tensor *t, int *n)
{
    if (*n == MOST_TENSORS)
        die("too many tensors", folder);
    return &t[(*n)++];
}

static void
obey(struct record *r, const char *key, char *rest)
{
    if (!strcmp(key, "%EXPR"))
        r->expr = unescape(rest);
    else if (!strcmp(key, "%PARAMS"))
        r->params = copy_text(rest);
    else if (!strcmp(key, "%OPEN"))
        r->open = copy_text(rest);
    else if (!strcmp(key, "%HASH"))
        r->hash = copy_text(rest);
    else if (!strcmp(key, "%FAIL"))
        r->code = copy_text(rest);
    else if (!strcmp(key, "%SAYS"))
        r->says = copy_text(rest);
    else if (!strcmp(key, "%LEADS_OUT"))
        r->leads_out = 1;
    else if (!strcmp(key, "%IN"))
        read_tensor(next_tensor(r->in, &r->n_in), rest);
    else if (!strcmp(key, "%OUT") || !strcmp(key, "%GIVES"))
        read_tensor(next_tensor(r->out, &r->n_out), rest);
    else if (!strcmp(key, "%INIT"))
        read_tensor(next_tensor(r->init, &r->n_init), rest);
    else if (!strcmp(key, "%AT"))
        for (char *s = rest; *s && r->n_marks < MOST_MARKS; r->n_marks++) {
            r->mark[r->n_marks][0] = (int)strtol(s, &s, 10);
            r->mark[r->n_marks][1] = (int)strtol(s + 1, &s, 10);
            s += *s == ' ';
        }
    else
        die("unknown line", key);
}

static void
read_file(const char *name)
{
    static char line[LINE];
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f)
        die("cannot read", path);
    char *stem = copy_text(name);
    stem[strlen(stem) - 5] = 0;
    for (int n = 1; fgets(line, sizeof line, f); n++) {
        line[strcspn(line, "\n")] = 0;
        if (*line != '%')
            continue;
        char *rest = line + strcspn(line, " ");
        if (*rest)
            *rest++ = 0;
        if (!strcmp(line, "%CASE")) {
            if (n_records == MOST_CASES)
                die("too many cases", path);
            struct record *r = &records[n_records++];
            r->file = stem;
            r->line = n;
            r->name = copy_text(rest);
        } else if (n_records) {
            obey(&records[n_records - 1], line, rest);
        }
    }
    fclose(f);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
read_all(void)
{
    char *name[MOST_FILES];
    int n = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        die("no folder", folder);
    for (struct dirent *e; n < MOST_FILES && (e = readdir(dir)) != NULL;) {
        size_t len = strlen(e->d_name);
        if (len > 5 && !strcmp(e->d_name + len - 5, ".test"))
            name[n++] = copy_text(e->d_name);
    }
    closedir(dir);
    qsort(name, (size_t)n, sizeof *name, by_text);
    for (int k = 0; k < n; k++) {
        read_file(name[k]);
        free(name[k]);
    }
}

/* --- what a case has to say ----------------------------------------------- */

struct check {
    const struct record *r;
    struct einc_ctx *ctx;
    const char *where;  /* the variant under way */
    char text[REPORT];
    size_t n_text;
    int n_wrong;
};

static void __attribute__((format(printf, 2, 3)))
wrong(struct check *c, const char *format, ...)
{
    va_list args;
    if (c->n_wrong++ > 4)
        return;
    size_t left = sizeof c->text - c->n_text;
    int n = snprintf(c->text + c->n_text, left, "  %s: ", c->where);
    c->n_text += (size_t)n < left ? (size_t)n : left - 1;
    left = sizeof c->text - c->n_text;
    va_start(args, format);
    n = vsnprintf(c->text + c->n_text, left, format, args);
    va_end(args);
    c->n_text += (size_t)n < left ? (size_t)n : left - 1;
    if (c->n_text + 1 < sizeof c->text)
        c->text[c->n_text++] = '\n';
}

static const char *
text_of(const struct einc_err *err)
{
    return err ? einc_err_text(err) : "(no report)";
}

/* --- tensors in memory ---------------------------------------------------- */

/* A tensor as it is handed over: dense, or with its dims stored the other way
 * round, every second one backwards, and gaps. */
struct placed {
    struct einc_layout layout;
    int64_t shape[MOST_DIMS], stride[MOST_DIMS];
    char *memory, *origin;
    size_t bytes;   /* of memory, edges included */
    char *before;   /* copy of it */
};

static int64_t
offset_of(const struct placed *p, int64_t flat)
{
    int64_t at = 0;
    for (int d = p->layout.ndim - 1; d >= 0; d--) {
        at += flat % p->shape[d] * p->stride[d];
        flat /= p->shape[d];
    }
    return at;
}

static void
place(struct placed *p, const struct tensor *t, int32_t dtype, int odd)
{
    size_t one = einc_dtype_bytes((enum einc_dtype)dtype);
    int64_t step = 1, first = 0;
    p->layout = (struct einc_layout){sizeof p->layout, dtype, t->ndim, 0,
                                     p->shape, odd ? p->stride : NULL};
    for (int k = 0; k < t->ndim; k++) {
        int d = odd ? k : t->ndim - 1 - k;
        p->shape[d] = t->shape[d];
        p->stride[d] = step;
        if (odd && d % 2) {
            first += (t->shape[d] ? t->shape[d] - 1 : 0) * step;
            p->stride[d] = -step;
        }
        step *= t->shape[d] ? t->shape[d] + odd : 1;
    }
    p->bytes = (size_t)step * one + 2 * EDGE_BYTES;
    p->memory = allocate(p->bytes);
    p->before = allocate(p->bytes);
    memset(p->memory, 0xa5, p->bytes);
    p->origin = p->memory + EDGE_BYTES + (size_t)first * one;
}

static void
fill(struct placed *p, const struct tensor *t)
{
    int64_t one = (int64_t)einc_dtype_bytes((enum einc_dtype)p->layout.dtype);
    for (int64_t k = 0; t && t->v && k < t->count; k++)
        put(p->layout.dtype, p->origin + offset_of(p, k) * one, t->v[k]);
    memcpy(p->before, p->memory, p->bytes);
}

static void
release(struct placed *p, int n)
{
    for (int k = 0; k < n; k++) {
        free(p[k].memory);
        free(p[k].before);
    }
}

/* --- values --------------------------------------------------------------- */

static int
same(double got, double want, const struct tensor *t)
{
    double most = t->is_relative ? t->tolerance * fabs(want) : t->tolerance;
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    return got == want || (isfinite(want) && fabs(got - want) <= most);
}

static void
put_place(char *to, size_t n, const struct tensor *t, int64_t flat)
{
    int64_t at[MOST_DIMS];
    size_t k = 0;
    for (int d = t->ndim - 1; d >= 0; d--) {
        at[d] = flat % t->shape[d];
        flat /= t->shape[d];
    }
    k += (size_t)snprintf(to, n, "%s[", t->name);
    for (int d = 0; d < t->ndim; d++)
        k += (size_t)snprintf(to + k, n - k, d ? ",%" PRId64 : "%" PRId64,
                              at[d]);
    snprintf(to + k, n - k, "]");
}

static void
compare(struct check *c, const struct placed *p, const struct tensor *t)
{
    int32_t dtype = p->layout.dtype;
    int64_t one = (int64_t)einc_dtype_bytes((enum einc_dtype)dtype), bad = 0;
    char place[200];
    for (int64_t k = 0; k < t->count; k++) {
        struct value got = get(dtype, p->origin + offset_of(p, k) * one);
        struct value want = t->v[k];
        int good = is_integer(dtype) && is_integer(t->dtype)
                 ? got.i == want.i
                 : same(got.re, want.re, t) &&
                   same(got.im, want.im, t);
        if (good || bad++)
            continue;
        put_place(place, sizeof place, t, k);
        if (is_integer(dtype) && is_integer(t->dtype))
            wrong(c, "%s is %" PRId64 ", expected %" PRId64, place, got.i,
                  want.i);
        else if (is_complex(dtype))
            wrong(c, "%s is %.9g%+.9gi, expected %.9g%+.9gi (+- %.2g)", place,
                  got.re, got.im, want.re, want.im, t->tolerance);
        else
            wrong(c, "%s is %.9g, expected %.9g (+- %.2g)", place, got.re,
                  want.re, t->tolerance < 0 ? 0 : t->tolerance);
    }
    if (bad > 1)
        wrong(c, "%" PRId64 " of %" PRId64 " elements of %s", bad, t->count,
              t->name);
}

/* Nothing but elements may change: edges and gaps stay. */
static void
compare_rest(struct check *c, struct placed *p, const struct tensor *t)
{
    size_t one = einc_dtype_bytes((enum einc_dtype)p->layout.dtype);
    for (int64_t k = 0; k < t->count; k++) {
        size_t at = (size_t)(p->origin - p->memory +
                             offset_of(p, k) * (int64_t)one);
        memcpy(p->before + at, p->memory + at, one);
    }
    if (memcmp(p->before, p->memory, p->bytes) != 0)
        wrong(c, "wrote outside the elements of %s", t->name);
}

/* --- a case whose values are known ---------------------------------------- */

static int
is_program(const char *expr)
{
    return strchr(expr, '[') != NULL;
}

struct names {
    struct check *c;
    int n_in, n_out;
};

static int
check_name(void *user, const struct einc_name *name)
{
    struct names *n = user;
    const struct record *r = n->c->r;
    int *count = name->output ? &n->n_out : &n->n_in;
    const struct tensor *t = name->output ? r->out : r->in;
    int most = name->output ? r->n_out : r->n_in;
    if (name->number != *count || *count >= most ||
        strcmp(name->name, t[*count].name) != 0 ||
        name->ndim != t[*count].ndim)
        wrong(n->c, "%s %d is %s of rank %d, expected %s",
              name->output ? "output" : "operand", name->number, name->name,
              name->ndim, *count < most ? t[*count].name : "no more");
    ++*count;
    return 0;
}

static void
check_names(struct check *c)
{
    struct names n = {c, 0, 0};
    struct einc_err *err = NULL;
    c->where = "einc_names";
    if (einc_names(c->r->expr, c->r->params, check_name, &n, &err))
        wrong(c, "%s", text_of(err));
    else if (n.n_in != c->r->n_in || n.n_out != c->r->n_out)
        wrong(c, "%d operands and %d outputs, expected %d and %d", n.n_in,
              n.n_out, c->r->n_in, c->r->n_out);
    einc_err_free(err);
}

/* Compiles for layouts that are placed; out layouts are told if `tell`. */
static enum einc_status
compile(const struct record *r, struct einc_ctx *ctx, int32_t tier,
        const struct placed *in, const struct placed *out, int tell,
        struct einc_plan **plan, struct einc_err **err)
{
    struct einc_layout layout[MOST_TENSORS];
    const struct einc_layout *outs[MOST_TENSORS] = {NULL};
    struct einc_options o = {.size = sizeof o, .tier = tier,
                             .flags = emits ? EINC_FUSE : 0,
                             .params = r->params};
    for (int k = 0; k < r->n_in; k++)
        layout[k] = in[k].layout;
    for (int k = 0; k < r->n_out; k++)
        outs[k] = tell || r->out[k].given ? &out[k].layout : NULL;
    if (!is_program(r->expr) || (tell && r->n_out == 1))
        return einc_compile(ctx, r->expr, (size_t)r->n_in, layout, outs[0],
                            &o, plan, err);
    return einc_compile_outs(ctx, r->expr, (size_t)r->n_in, layout,
                             (size_t)r->n_out, outs, &o, plan, err);
}

struct guess {
    const struct record *r;
    struct placed in[MOST_TENSORS];
    const struct einc_layout *out[MOST_TENSORS];
    const struct placed *known, *known_out;
    size_t n_in, n_out;
};

/* The tensor of that name, or the first, which has a layout at least. */
static int
guess_name(void *user, const struct einc_name *name)
{
    struct guess *g = user;
    if (g->n_in == MOST_TENSORS || g->n_out == MOST_TENSORS)
        return 1;
    if (!name->output) {
        int k = 0;
        while (k < g->r->n_in && strcmp(g->r->in[k].name, name->name) != 0)
            k++;
        if (!g->r->n_in)
            return 1;
        g->in[g->n_in++].layout =
            g->known[k < g->r->n_in ? k : 0].layout;
        return 0;
    }
    g->out[g->n_out] = NULL;
    for (int k = 0; k < g->r->n_out; k++)
        if (!strcmp(g->r->out[k].name, name->name) && g->r->out[k].given)
            g->out[g->n_out] = &g->known_out[k].layout;
    g->n_out++;
    return 0;
}

/* Compiles another text with the tensors that it names, as far as they are
 * known: for texts that are wrong. */
static enum einc_status
compile_text(const struct record *r, const char *text, struct einc_ctx *ctx,
             const struct placed *in, const struct placed *out,
             struct einc_plan **plan, struct einc_err **err)
{
    static struct guess g;
    struct einc_layout layout[MOST_TENSORS];
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP,
                             .params = r->params};
    memset(&g, 0, sizeof g);
    g.r = r;
    g.known = in;
    g.known_out = out;
    int named = is_program(text) &&
                !einc_names(text, r->params, guess_name, &g, NULL);
    /* The count of operands is as the record has it where that is wrong. */
    if (!named || !strcmp(text, r->expr)) {
        g.n_in = (size_t)r->n_in;
        for (int k = 0; k < r->n_in; k++)
            g.in[k].layout = in[k].layout;
    }
    for (size_t k = 0; k < g.n_in; k++)
        layout[k] = g.in[k].layout;
    if (!is_program(text))
        return einc_compile(ctx, text, g.n_in, layout, NULL, &o, plan, err);
    if (!g.n_out)
        g.n_out = 1;
    return einc_compile_outs(ctx, text, g.n_in, layout, g.n_out, g.out, &o,
                             plan, err);
}

static void
check_layouts(struct check *c, const struct einc_plan *plan,
              struct placed *out)
{
    const struct record *r = c->r;
    if (einc_plan_outs(plan) != (size_t)r->n_out) {
        wrong(c, "%zu outputs", einc_plan_outs(plan));
        return;
    }
    for (int k = 0; k < r->n_out; k++) {
        struct einc_layout got = {.size = sizeof got};
        const struct tensor *t = &r->out[k];
        if (einc_plan_layout_of(plan, (size_t)k, &got)) {
            wrong(c, "no layout of %s", t->name);
            continue;
        }
        if (t->dtype && got.dtype != t->dtype)
            wrong(c, "%s has type %s, expected %s", t->name,
                  einc_dtype_name((enum einc_dtype)got.dtype),
                  einc_dtype_name((enum einc_dtype)t->dtype));
        int equal = got.ndim == t->ndim;
        for (int d = 0; equal && d < t->ndim; d++)
            equal = got.shape[d] == t->shape[d];
        if (!equal)
            wrong(c, "%s has another shape than expected: %d dims, first %"
                  PRId64, t->name, got.ndim,
                  got.ndim ? got.shape[0] : (int64_t)0);
        out[k].layout.dtype = got.dtype;
    }
}

static const struct tensor *
initial(const struct record *r, int k)
{
    for (int n = 0; n < r->n_init; n++)
        if (!strcmp(r->init[n].name, r->out[k].name))
            return &r->init[n];
    return NULL;
}

/* Makes memory for outputs, as the record tells them; those of any type have
 * room for the widest. */
static void
place_outs(const struct record *r, struct placed *out, int odd)
{
    for (int k = 0; k < r->n_out; k++)
        place(&out[k], &r->out[k],
              r->out[k].dtype ? r->out[k].dtype : EINC_F64, odd);
}

static enum einc_status
call(struct check *c, const struct einc_plan *plan, struct placed *in,
     struct placed *out, int threads, int oracle, struct einc_err **err)
{
    const struct record *r = c->r;
    struct einc_run_options o = {.size = sizeof o, .threads = threads};
    const void *from[MOST_TENSORS] = {NULL};
    void *to[MOST_TENSORS] = {NULL};
    double *bound[MOST_TENSORS] = {NULL};
    for (int k = 0; k < r->n_in; k++)
        from[k] = in[k].origin;
    for (int k = 0; k < r->n_out; k++) {
        memset(out[k].memory, 0xa5, out[k].bytes);
        fill(&out[k], initial(r, k));
        to[k] = out[k].origin;
    }
    if (oracle)
        return einc_reference_outs(plan, from, to, bound, err);
    if (r->n_out == 1 && threads == 2)
        return einc_run(plan, from, to[0], &o, err);
    return einc_run_outs(plan, from, to, &o, err);
}

/* Runs with `threads`, compares with what is expected, and with the bits of
 * the run before, if there was one. */
static void
check_run(struct check *c, const struct einc_plan *plan, struct placed *in,
          struct placed *out, int threads, int oracle, char **bits)
{
    const struct record *r = c->r;
    struct einc_err *err = NULL;
    enum einc_status s = call(c, plan, in, out, threads, oracle, &err);
    if (r->leads_out) {
        if (s != EINC_ESHAPE)
            wrong(c, "data lead out of a tensor, but %s%s%s",
                  einc_status_name(s), s ? ": " : "", s ? text_of(err) : "");
        else if (!err || !*einc_err_text(err))
            wrong(c, "EINC_ESHAPE without a text");
    } else if (s) {
        wrong(c, "run: %s: %s", einc_status_name(s), text_of(err));
    }
    for (int k = 0; k < r->n_in; k++)
        if (memcmp(in[k].memory, in[k].before, in[k].bytes) != 0)
            wrong(c, "operand %s was written", r->in[k].name);
    for (int k = 0; k < r->n_out; k++) {
        if (!s && !r->leads_out)
            compare(c, &out[k], &r->out[k]);
        compare_rest(c, &out[k], &r->out[k]);
        if (!s && bits && bits[k] &&
            memcmp(bits[k], out[k].memory, out[k].bytes) != 0)
            wrong(c, "%s has other bits than with one thread",
                  r->out[k].name);
        if (!s && bits && !bits[k]) {
            bits[k] = allocate(out[k].bytes);
            memcpy(bits[k], out[k].memory, out[k].bytes);
        }
    }
    einc_err_free(err);
}

struct variant {
    const char *name;
    int32_t tier;
    int odd, oracle;
};

static const struct variant variants[] = {
    {"oracle", EINC_TIER_INTERP, 0, 1},
    {"interp", EINC_TIER_INTERP, 0, 0},
    {"cc", EINC_TIER_CC, 0, 0},
    {"auto", EINC_TIER_AUTO, 0, 0},
    {"interp strided", EINC_TIER_INTERP, 1, 0},
    {"auto strided", EINC_TIER_AUTO, 1, 0},
    {"cc strided", EINC_TIER_CC, 1, 0}, /* see takes() */
};

/* The oracle is that of statements; a second compilation is left to the cases that are about strides. */
static int
takes(const struct record *r, const struct variant *v)
{
    if (v->oracle)
        return is_program(r->expr) && !r->leads_out;
    return !v->odd || v->tier != EINC_TIER_CC || !strncmp(r->name, "54", 2);
}

static void
check_variant(struct check *c, const struct variant *v)
{
    const struct record *r = c->r;
    struct placed in[MOST_TENSORS] = {0}, out[MOST_TENSORS] = {0};
    char *bits[MOST_TENSORS] = {NULL};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    int odd = v->odd;
    for (int k = 0; k < r->n_out; k++)
        odd &= r->out[k].dtype != 0;
    c->where = v->name;
    for (int k = 0; k < r->n_in; k++) {
        place(&in[k], &r->in[k], r->in[k].dtype, odd);
        fill(&in[k], &r->in[k]);
    }
    place_outs(r, out, odd);
    if (compile(r, c->ctx, v->tier, in, out, odd, &plan, &err)) {
        wrong(c, "compile: %s", text_of(err));
    } else {
        int before = c->n_wrong;
        check_layouts(c, plan, out);
        if (before == c->n_wrong)
            for (int t = 1; t <= (v->oracle ? 1 : 2); t++)
                check_run(c, plan, in, out, t, v->oracle, bits);
    }
    einc_err_free(err);
    einc_plan_free(plan);
    for (int k = 0; k < r->n_out; k++)
        free(bits[k]);
    release(in, r->n_in);
    release(out, r->n_out);
}

static uint64_t
hash_of(struct check *c, const struct record *r)
{
    struct placed in[MOST_TENSORS] = {0}, out[MOST_TENSORS] = {0};
    struct einc_plan *plan = NULL;
    uint64_t hash = 0;
    for (int k = 0; k < r->n_in; k++)
        place(&in[k], &r->in[k], r->in[k].dtype, 0);
    place_outs(r, out, 0);
    if (!compile(r, c->ctx, EINC_TIER_INTERP, in, out, 0, &plan, NULL))
        hash = einc_plan_hash(plan);
    einc_plan_free(plan);
    release(in, r->n_in);
    release(out, r->n_out);
    return hash;
}

static void
check_hash(struct check *c)
{
    c->where = "hash";
    for (int k = 0; k < n_records; k++)
        if (!strcmp(records[k].file, c->r->file) &&
            !strcmp(records[k].name, c->r->hash)) {
            uint64_t a = hash_of(c, c->r), b = hash_of(c, &records[k]);
            if (!a || a != b)
                wrong(c, "plan hash %016" PRIx64 ", that of %s is %016"
                      PRIx64, a, c->r->hash, b);
            return;
        }
    wrong(c, "no case %s", c->r->hash);
}

/* --- a case as a file of its own ------------------------------------------ */

static const char *const compilers[] = {"gcc -std=c99 -O1",
                                        "clang -std=c11 -O1",
                                        "gcc -std=gnu11 -O1 -fopenmp"};
static const char *const sets[] = {"avx512", "avx2", "sse2"};

enum { N_COMPILERS = sizeof compilers / sizeof *compilers, N_SETS = 3 };

static int
write_bytes(void *user, const char *bytes, size_t n)
{
    return fwrite(bytes, 1, n, user) != n;
}

/* The file, and a function that takes any number of tensors. */
static int
write_file(struct check *c, const struct einc_plan *plan, const char *path)
{
    struct einc_emit_options o = {.size = sizeof o, .name = "kernel_of_case"};
    struct einc_err *err = NULL;
    FILE *f = fopen(path, "w");
    if (!f)
        die("cannot write", path);
    enum einc_status s = einc_emit(plan, &o, write_bytes, f, &err);
    if (s)
        wrong(c, "emit: %s: %s", einc_status_name(s), text_of(err));
    einc_err_free(err);
    fprintf(f, "\nint call(void **out, const void **in);\nint\n"
               "call(void **out, const void **in)\n{\n    (void)in;\n"
               "    return kernel_of_case(");
    for (int k = 0; k < c->r->n_out; k++)
        fprintf(f, "out[%d], ", k);
    for (int k = 0; k < c->r->n_in; k++)
        fprintf(f, "in[%d], ", k);
    fprintf(f, "0);\n}\n");
    return !fclose(f) && !s;
}

/* The process is of this case alone: libraries stay. */
static int
call_library(struct check *c, const char *path, struct placed *in,
             struct placed *out)
{
    const struct record *r = c->r;
    const void *from[MOST_TENSORS] = {NULL};
    void *to[MOST_TENSORS] = {NULL}, *symbol, *handle;
    int (*entry)(void **, const void **) = NULL;
    for (int k = 0; k < r->n_in; k++)
        from[k] = in[k].origin;
    for (int k = 0; k < r->n_out; k++) {
        memset(out[k].memory, 0xa5, out[k].bytes);
        fill(&out[k], initial(r, k));
        to[k] = out[k].origin;
    }
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    symbol = handle ? dlsym(handle, "call") : NULL;
    if (!symbol) {
        wrong(c, "%s", dlerror());
        return -1;
    }
    memcpy(&entry, &symbol, sizeof entry);
    return entry(to, from);
}

static void
run_file(struct check *c, const char *place, struct placed *in,
         struct placed *out)
{
    const struct record *r = c->r;
    char line[600], library[200];
    int which = (int)(r - records) % N_COMPILERS;
    snprintf(library, sizeof library, "%s/f.so", place);
    snprintf(line, sizeof line,
             "%s -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "
             "-shared -fPIC %s/f.c -o %s -lm 2>&1", compilers[which], place,
             library);
    if (system(line) != 0) {
        wrong(c, "%s", compilers[which]);
        return;
    }
    int status = call_library(c, library, in, out);
    unlink(library);
    if (status != (r->leads_out ? 2 : 0))
        wrong(c, "the function returns %d", status);
    for (int k = 0; k < r->n_in; k++)
        if (memcmp(in[k].memory, in[k].before, in[k].bytes) != 0)
            wrong(c, "operand %s was written", r->in[k].name);
    for (int k = 0; k < r->n_out && !r->leads_out; k++) {
        compare(c, &out[k], &r->out[k]);
        compare_rest(c, &out[k], &r->out[k]);
    }
}

/* Every second case with tensors that are not dense. */
static void
check_emitted(struct check *c)
{
    const struct record *r = c->r;
    struct placed in[MOST_TENSORS] = {0}, out[MOST_TENSORS] = {0};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    char place_of[] = "/tmp/einc-emit-XXXXXX", path[100];
    int number = (int)(r - records), odd = number / N_COMPILERS % 2;
    for (int k = 0; k < r->n_out; k++)
        odd &= r->out[k].dtype != 0;
    c->where = sets[number / 2 % N_SETS];
    setenv("EINC_ISA", c->where, 1);
    for (int k = 0; k < r->n_in; k++) {
        place(&in[k], &r->in[k], r->in[k].dtype, odd);
        fill(&in[k], &r->in[k]);
    }
    place_outs(r, out, odd);
    if (!mkdtemp(place_of))
        die("cannot make", place_of);
    snprintf(path, sizeof path, "%s/f.c", place_of);
    if (compile(r, c->ctx, EINC_TIER_INTERP, in, out, odd, &plan, &err)) {
        wrong(c, "compile: %s", text_of(err));
    } else {
        check_layouts(c, plan, out);
        if (!c->n_wrong && write_file(c, plan, path))
            run_file(c, place_of, in, out);
    }
    unlink(path);
    rmdir(place_of);
    einc_err_free(err);
    einc_plan_free(plan);
    release(in, r->n_in);
    release(out, r->n_out);
}

/* --- a case that must be refused ------------------------------------------ */

/* Display columns of [begin, end): code points. */
static void
carets(char *to, size_t n, const char *expr, const struct einc_diag *d)
{
    size_t column = 0, last = 0;
    memset(to, ' ', n);
    for (int at = 0; expr[at] && column + 1 < n; at++) {
        if ((expr[at] & 0xc0) == 0x80)
            continue;
        for (int m = 0; m < d->n_marks; m++)
            if (d->marks[m].begin <= at && at < d->marks[m].end) {
                to[column] = '^';
                last = column + 1;
            }
        column++;
    }
    to[last] = 0;
}

/* The source line and the line below it as a person must see them. */
static void
check_display(struct check *c, const struct einc_err *err,
              const struct einc_diag *d)
{
    char want[2 * MUTATED_BYTES + 200], below[MUTATED_BYTES];
    size_t n = strlen(c->r->expr);
    if (n >= MUTATED_BYTES || strpbrk(c->r->expr, "\n\t\x01"))
        return;
    carets(below, sizeof below, c->r->expr, d);
    snprintf(want, sizeof want, "error[%s]: %s\n  %s\n  %s", d->code,
             d->message, c->r->expr, below);
    if (!strstr(einc_err_text(err), want))
        wrong(c, "shows\n%sexpected to begin\n%s", einc_err_text(err), want);
}

/* Every mark of the record is there, and none else. */
static void
check_marks(struct check *c, const struct einc_diag *d, const char *report)
{
    const struct record *r = c->r;
    int found = 0;
    for (int k = 0; k < r->n_marks; k++)
        for (int m = 0; m < d->n_marks; m++)
            found += d->marks[m].begin == r->mark[k][0] &&
                     d->marks[m].end == r->mark[k][1];
    if (found != r->n_marks || (r->says && d->n_marks != r->n_marks))
        wrong(c, "underlines %d places, the first %d:%d, expected %d, "
              "the first %d:%d\n%s", d->n_marks,
              d->n_marks ? d->marks[0].begin : -1,
              d->n_marks ? d->marks[0].end : -1, r->n_marks, r->mark[0][0],
              r->mark[0][1], report);
}

/* A refusal as any must be: a code, a line of text, a place. */
static void
check_report(struct check *c, const char *expr, enum einc_status s,
             const struct einc_err *err)
{
    int n = err ? einc_err_count(err) : 0;
    if (s == EINC_EINTERNAL || s == EINC_EINVAL)
        wrong(c, "%s for '%s': %s", einc_status_name(s), expr, text_of(err));
    if (s == EINC_EUNSUP || s == EINC_ENOMEM)
        return;
    if (n < 1 || n > 5) {
        wrong(c, "%d diagnostics for '%s': %s", n, expr, text_of(err));
        return;
    }
    for (int k = 0; k < n; k++) {
        const struct einc_diag *d = einc_err_diag(err, k);
        if (!d->code || d->code[0] != 'E' || !d->message || !*d->message)
            wrong(c, "no code or no message for '%s'", expr);
        if (d->n_marks < 1 && !c->r->params)
            wrong(c, "no place for '%s': %s", expr, text_of(err));
        for (int m = 0; m < d->n_marks; m++)
            if (d->marks[m].begin < 0 ||
                d->marks[m].end < d->marks[m].begin ||
                (size_t)d->marks[m].end > strlen(expr))
                wrong(c, "mark %d:%d leads out of '%s'", d->marks[m].begin,
                      d->marks[m].end, expr);
    }
}

static void
check_fail(struct check *c)
{
    const struct record *r = c->r;
    struct placed in[MOST_TENSORS] = {0}, out[MOST_TENSORS] = {0};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    c->where = "refusal";
    for (int k = 0; k < r->n_in; k++)
        place(&in[k], &r->in[k], r->in[k].dtype, 0);
    place_outs(r, out, 0);
    enum einc_status s = compile_text(r, r->expr, c->ctx, in, out, &plan, &err);
    if (!s) {
        wrong(c, "compiles");
    } else {
        check_report(c, r->expr, s, err);
        const struct einc_diag *d =
            err && einc_err_count(err) ? einc_err_diag(err, 0) : NULL;
        char says[1000];
        if (d) {
            snprintf(says, sizeof says, "%s%s%s", d->message,
                     d->hint ? "; " : "", d->hint ? d->hint : "");
            if (strncmp(d->code, r->code, strlen(r->code)) != 0)
                wrong(c, "expected %s\n%s", r->code, text_of(err));
            if (r->says && strcmp(says, r->says) != 0)
                wrong(c, "says     %s\n           expected %s", says,
                      r->says);
            if (r->n_marks)
                check_marks(c, d, text_of(err));
            if (d->n_marks)
                check_display(c, err, d);
        }
        if (s == EINC_EUNSUP)
            wrong(c, "%s", text_of(err));
    }
    einc_err_free(err);
    einc_plan_free(plan);
    release(in, r->n_in);
    release(out, r->n_out);
}

/* Beginnings of the text, and the text without one byte: compiled or refused
 * with a place, never worse. */
static void
check_mutants(struct check *c)
{
    const struct record *r = c->r;
    struct placed in[MOST_TENSORS] = {0}, out[MOST_TENSORS] = {0};
    size_t n = strlen(r->expr);
    if (n >= MUTATED_BYTES || !is_program(r->expr))
        return;
    c->where = "mutant";
    for (int k = 0; k < r->n_in; k++)
        place(&in[k], &r->in[k], r->in[k].dtype, 0);
    place_outs(r, out, 0);
    for (size_t k = 0; k < 2 * n; k++) {
        char text[MUTATED_BYTES];
        struct einc_plan *plan = NULL;
        struct einc_err *err = NULL;
        if (k < n) {
            memcpy(text, r->expr, k);
            text[k] = 0;
        } else {
            memcpy(text, r->expr, k - n);
            memcpy(text + (k - n), r->expr + (k - n) + 1, 2 * n - k);
        }
        enum einc_status s = compile_text(r, text, c->ctx, in, out, &plan, &err);
        if (s)
            check_report(c, text, s, err);
        einc_err_free(err);
        einc_plan_free(plan);
    }
    release(in, r->n_in);
    release(out, r->n_out);
}

/* --- cases in processes of their own -------------------------------------- */

static void
check_case(struct check *c)
{
    struct einc_config config = {.size = sizeof config, .threads = 2};
    if (einc_ctx_create(&config, &c->ctx, NULL)) {
        wrong(c, "no context");
        return;
    }
    if (emits) {
        check_emitted(c);
    } else if (c->r->code) {
        check_fail(c);
    } else {
        if (is_program(c->r->expr))
            check_names(c);
        for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
            if (takes(c->r, &variants[v]))
                check_variant(c, &variants[v]);
        if (c->r->hash)
            check_hash(c);
        check_mutants(c);
    }
    einc_ctx_free(c->ctx);
}

struct worker {
    pid_t pid;
    int from;       /* end of a pipe */
    int record;
};

struct result {
    int done, status; /* as waitpid() tells */
    char *text;
};

static void
start(struct worker *w, int record)
{
    int ends[2];
    fflush(stdout);
    if (pipe(ends) || (w->pid = fork()) < 0)
        die("fork", strerror(errno));
    w->record = record;
    w->from = ends[0];
    if (w->pid) {
        close(ends[1]);
        return;
    }
    static struct check c;
    c.r = &records[record];
    c.where = "start";
    alarm(CASE_SECONDS);
    check_case(&c);
    size_t n = 0;
    while (n < c.n_text) {
        ssize_t k = write(ends[1], c.text + n, c.n_text - n);
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    exit(c.n_wrong ? 1 : 0);
}

static void
finish(struct worker *w, struct result *results)
{
    struct result *to = &results[w->record];
    size_t n = 0;
    ssize_t k;
    to->text = allocate(REPORT + 1);
    while (n < REPORT && (k = read(w->from, to->text + n, REPORT - n)) > 0)
        n += (size_t)k;
    close(w->from);
    waitpid(w->pid, &to->status, 0);
    to->done = 1;
    w->pid = 0;
}

/* Pipes of all workers that run are waited for at once. */
static void
wait_for_any(struct worker *w, struct result *results)
{
    struct pollfd fds[WORKERS];
    for (int k = 0; k < WORKERS; k++)
        fds[k] = (struct pollfd){w[k].pid ? w[k].from : -1, POLLIN, 0};
    if (poll(fds, WORKERS, -1) < 0)
        return;
    for (int k = 0; k < WORKERS; k++)
        if (fds[k].revents)
            finish(&w[k], results);
}

static int
is_wanted(const struct record *r, int n, char **parts)
{
    char name[400];
    if (emits && (r->code || r->open || !is_program(r->expr)))
        return 0;
    snprintf(name, sizeof name, "%s.%s", r->file, r->name);
    for (int k = 0; k < n; k++)
        if (strstr(name, parts[k]))
            return 1;
    return n == 0;
}

static void
report(const char *program, const struct record *r, const struct result *got)
{
    printf("FAIL %s.%s (%s/%s.test:%d)\n  %s\n%s", r->file, r->name, folder,
           r->file, r->line, r->expr, got->text);
    if (WIFSIGNALED(got->status))
        printf("  killed by signal %d%s\n", WTERMSIG(got->status),
               WTERMSIG(got->status) == SIGALRM ? " (too long)" : "");
    if (r->open && !got->status)
        printf("  marked open, but passes: %s\n", r->open);
    printf("  again: %s %s.%s\n", program, r->file, r->name);
}

static int
run_all(const char *program, int n_parts, char **parts)
{
    struct result *results =
        allocate((size_t)n_records * sizeof *results);
    struct worker w[WORKERS] = {{0}};
    int next = 0, passed = 0, failed = 0, open = 0;
    for (;;) {
        int busy = 0;
        for (int k = 0; k < WORKERS; k++) {
            while (next < n_records &&
                   !is_wanted(&records[next], n_parts, parts))
                next++;
            if (!w[k].pid && next < n_records)
                start(&w[k], next++);
            busy += w[k].pid != 0;
        }
        if (!busy)
            break;
        wait_for_any(w, results);
    }
    for (int k = 0; k < n_records; k++) {
        const struct record *r = &records[k];
        if (!results[k].done)
            continue;
        if (r->open && results[k].status) {
            open++;
        } else if (!r->open && !results[k].status) {
            passed++;
        } else {
            failed++;
            report(program, r, &results[k]);
        }
        free(results[k].text);
    }
    free(results);
    printf("%d passed, %d failed, %d open\n", passed, failed, open);
    return failed || !passed;
}

/* --- for a person --------------------------------------------------------- */

static const char *
npy_type(int32_t dtype)
{
    static const char *const names[] = {
        "", "|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8",
        "<f2", "<V2", "<f4", "<f8", "<c8", "<c16"};
    return names[dtype];
}

static void
write_npy(const char *dir, const struct tensor *t)
{
    char path[1400], head[400], shape[200] = "";
    size_t n = 0;
    for (int d = 0; d < t->ndim; d++)
        n += (size_t)snprintf(shape + n, sizeof shape - n, "%" PRId64 ", ",
                              t->shape[d]);
    snprintf(path, sizeof path, "%s/%s.npy", dir, t->name);
    FILE *f = fopen(path, "wb");
    if (!f)
        die("cannot write", path);
    int len = snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': "
                       "False, 'shape': (%s), }", npy_type(t->dtype), shape);
    int padded = (10 + len + 1 + 63) / 64 * 64 - 10;
    fwrite("\x93NUMPY\x01", 1, 7, f);
    fputc(0, f);
    fputc(padded & 255, f);
    fputc(padded >> 8, f);
    fprintf(f, "%-*s\n", padded - 1, head);
    for (int64_t k = 0; k < t->count; k++) {
        char raw[16];
        put(t->dtype, raw, t->v[k]);
        fwrite(raw, 1, einc_dtype_bytes((enum einc_dtype)t->dtype), f);
    }
    fclose(f);
}

static int
write_case(const char *dir, char *name)
{
    for (int k = 0; k < n_records; k++) {
        const struct record *r = &records[k];
        if (!is_wanted(r, 1, &name))
            continue;
        printf("einc run '%s'", r->expr);
        if (r->params)
            printf(" --param %s", r->params);
        for (int t = 0; t < r->n_in; t++) {
            write_npy(dir, &r->in[t]);
            printf(" %s=%s/%s.npy", r->in[t].name, dir, r->in[t].name);
        }
        printf("\n");
        return 0;
    }
    die("no case", name);
    return 1;
}

int
main(int argc, char **argv)
{
    snprintf(folder, sizeof folder, "tests/language");
    if (getenv("EINC_LANGUAGE"))
        snprintf(folder, sizeof folder, "%s", getenv("EINC_LANGUAGE"));
    records = allocate(MOST_CASES * sizeof *records);
    read_all();
    if (argc == 4 && !strcmp(argv[1], "--write"))
        return write_case(argv[2], argv[3]);
    emits = argc > 1 && !strcmp(argv[1], "--emit");
    argc -= emits;
    argv[emits] = argv[0];
    argv += emits;
    return run_all(argv[0], argc - 1, argv + 1);
}
