/* SPDX-License-Identifier: MIT
 *
 * npy.c - .npy files. The header is the text of a Python dict, of which the
 * little that numpy writes is read, by this grammar:
 *     header = "{", [ pair, { ",", pair }, [ "," ] ], "}"
 *     pair   = string, ":", value       descr, fortran_order, shape, once each
 *     value  = string | "True" | "False" | tuple
 *     tuple  = "(", [ number, ",", { number, [ "," ] } ], ")"
 * with blanks between any two of these. Nothing is evaluated.
 */
#include "cli/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/pages.h"

enum {
    PREFIX = 12,            /* magic, version and the longest length */
    FIRST_READ = 64 * 1024, /* from a pipe; later reads double */
    WRITE_CHUNK = 8192      /* bytes that are gathered for one write */
};

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

static const int host_is_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

/* --- the header --------------------------------------------------------- */

struct cursor {
    const unsigned char *p, *end;
    char *err;
    size_t err_size;
};

/* A stretch of the header between quotes. */
struct quoted {
    const unsigned char *p;
    int n;
};

static int fail_with(struct cursor *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail_with(struct cursor *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->err, c->err_size, fmt, ap);
    va_end(ap);
    return -1;
}

/* Copies for a message: at most 30 bytes, printable ones. */
static const char *
shown(char to[32], struct quoted q)
{
    int n = q.n < 30 ? q.n : 30;
    for (int i = 0; i < n; i++)
        to[i] = q.p[i] < ' ' || q.p[i] > '~' ? '?' : (char)q.p[i];
    to[n] = 0;
    return to;
}

static void
skip_blanks(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || (*c->p >= '\t' && *c->p <= '\r')))
        c->p++;
}

/* Whether the next thing is `ch`, which is then passed. */
static int
take(struct cursor *c, char ch)
{
    skip_blanks(c);
    if (c->p == c->end || *c->p != (unsigned char)ch)
        return 0;
    c->p++;
    return 1;
}

static int
expect(struct cursor *c, char ch)
{
    return take(c, ch) ? 0
                       : fail_with(c, "bad header: expected '%c'", ch);
}

/* 'text' or "text"; no escapes, which numpy has no use for here. */
static int
parse_string(struct cursor *c, struct quoted *q)
{
    skip_blanks(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return fail_with(c, "bad header: expected a string");
    const unsigned char quote = *c->p++;
    q->p = c->p;
    while (c->p < c->end && *c->p != quote && *c->p != '\\')
        c->p++;
    if (c->p == c->end || *c->p != quote)
        return fail_with(c, "bad header: a string without an end");
    q->n = (int)(c->p - q->p); /* the header is short */
    c->p++;
    return 0;
}

static int
equals(struct quoted q, const char *z)
{
    return (size_t)q.n == strlen(z) && memcmp(q.p, z, (size_t)q.n) == 0;
}

/* The type named behind the byte order, or 0. */
static enum einc_dtype
find_dtype(struct quoted q)
{
    for (int t = EINC_BOOL; einc_dtype_valid(t); t++) {
        const char *npy = einc_dtype_info((enum einc_dtype)t)->npy;
        if (npy && equals(q, npy))
            return (enum einc_dtype)t;
    }
    return EINC_DTYPE_NONE;
}

static int
parse_descr(struct cursor *c, struct npy_header *h)
{
    struct quoted q;
    char show[32];
    if (take(c, '[') || take(c, '('))
        return fail_with(c, "structured elements: einc computes with plain "
                            "numbers; save one field of the array");
    if (parse_string(c, &q))
        return -1;
    if (q.n > 1 && q.p[1] == 'O')
        return fail_with(c, "elements are Python objects: save the array "
                            "with a number type, as .astype('f8') makes it");
    h->dtype = q.n ? find_dtype((struct quoted){q.p + 1, q.n - 1})
                   : EINC_DTYPE_NONE;
    if (!h->dtype || !strchr("<>|", q.p[0]))
        return fail_with(c, "elements of type '%s': einc has no such type",
                         shown(show, q));
    if (q.p[0] == '|' && einc_dtype_bytes(h->dtype) > 1)
        return fail_with(c, "bad header: type '%s' without a byte order",
                         shown(show, q));
    h->swapped = einc_dtype_bytes(h->dtype) > 1 &&
                 (q.p[0] == '>') != host_is_big;
    return 0;
}

static int
parse_fortran(struct cursor *c, struct npy_header *h)
{
    size_t left;
    skip_blanks(c);
    left = (size_t)(c->end - c->p);
    if (left >= 4 && memcmp(c->p, "True", 4) == 0) {
        h->fortran = 1;
        c->p += 4;
        return 0;
    }
    if (left >= 5 && memcmp(c->p, "False", 5) == 0) {
        h->fortran = 0;
        c->p += 5;
        return 0;
    }
    return fail_with(c, "bad header: fortran_order is True or False");
}

/* Digits; an L behind them, as Python 2 wrote it, is passed. */
static int
parse_number(struct cursor *c, int64_t *n)
{
    skip_blanks(c);
    if (c->p == c->end || *c->p < '0' || *c->p > '9')
        return fail_with(c, "bad header: a shape is a tuple of numbers");
    for (*n = 0; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
        if (__builtin_mul_overflow(*n, 10, n) ||
            __builtin_add_overflow(*n, *c->p - '0', n))
            return fail_with(c, "bad header: a size exceeds 64 bits");
    if (c->p < c->end && *c->p == 'L')
        c->p++;
    return 0;
}

static int
parse_shape(struct cursor *c, struct npy_header *h)
{
    h->ndim = 0;
    if (expect(c, '('))
        return -1;
    while (!take(c, ')')) {
        if (h->ndim == NPY_MAX_DIMS)
            return fail_with(c, "more than %d dims", NPY_MAX_DIMS);
        if (parse_number(c, &h->shape[h->ndim++]))
            return -1;
        if (take(c, ','))
            continue;
        if (expect(c, ')'))
            return -1;
        if (h->ndim == 1) /* (3) is a number in parentheses */
            return fail_with(c, "bad header: a shape is a tuple, as (3,)");
        return 0;
    }
    return 0;
}

static const struct {
    const char *name;
    int (*parse)(struct cursor *c, struct npy_header *h);
} keys[] = {
    {"descr", parse_descr},
    {"fortran_order", parse_fortran},
    {"shape", parse_shape},
};

enum { N_KEYS = sizeof keys / sizeof *keys };

/* One pair; `seen` has a bit for each key that was there before. */
static int
parse_pair(struct cursor *c, struct npy_header *h, unsigned *seen)
{
    struct quoted q;
    char show[32];
    int k = 0;
    if (parse_string(c, &q) || expect(c, ':'))
        return -1;
    while (k < N_KEYS && !equals(q, keys[k].name))
        k++;
    if (k == N_KEYS)
        return fail_with(c, "bad header: unknown key '%s'", shown(show, q));
    if (*seen >> k & 1)
        return fail_with(c, "bad header: '%s' twice", keys[k].name);
    *seen |= 1u << k;
    return keys[k].parse(c, h);
}

static int
parse_dict(struct cursor *c, struct npy_header *h)
{
    unsigned seen = 0;
    if (expect(c, '{'))
        return -1;
    while (!take(c, '}')) {
        if (parse_pair(c, h, &seen))
            return -1;
        if (take(c, ','))
            continue;
        if (expect(c, '}'))
            return -1;
        break;
    }
    skip_blanks(c);
    if (c->p != c->end)
        return fail_with(c, "bad header: something follows the dict");
    for (int k = 0; k < N_KEYS; k++)
        if (!(seen >> k & 1))
            return fail_with(c, "bad header: no '%s'", keys[k].name);
    return 0;
}

/* Counts elements and bytes. Dims of an empty array have to fit, too: the
 * strides of the others are products of them. */
static int
count_elements(struct cursor *c, struct npy_header *h)
{
    int64_t product = 1, bytes = (int64_t)einc_dtype_bytes(h->dtype);
    int empty = 0;
    for (int d = 0; d < h->ndim; d++) {
        empty |= h->shape[d] == 0;
        if (h->shape[d] &&
            __builtin_mul_overflow(product, h->shape[d], &product))
            return fail_with(c, "the shape exceeds 64 bits");
    }
    if (__builtin_mul_overflow(product, bytes, &bytes))
        return fail_with(c, "the shape exceeds 64 bits");
    h->count = empty ? 0 : product;
    h->data_bytes = empty ? 0 : bytes;
    return 0;
}

/* Bytes in front of the data, from the first PREFIX bytes (fewer will do for
 * version 1), and where the text of the header begins; 0, the reason said, if
 * this is no such file. */
static size_t
header_bytes(struct cursor *c, size_t *text_at)
{
    size_t n = (size_t)(c->end - c->p);
    const unsigned char *p = c->p;
    if (n < 10 || memcmp(p, magic, sizeof magic) != 0) {
        fail_with(c, "this is no .npy file");
        return 0;
    }
    if (p[6] < 1 || p[6] > 3 || p[7] != 0) {
        fail_with(c, "version %d.%d of the format: einc knows 1.0 to 3.0",
                  p[6], p[7]);
        return 0;
    }
    *text_at = p[6] == 1 ? 10 : 12;
    if (n < *text_at) {
        fail_with(c, "the file ends within its header");
        return 0;
    }
    size_t length = p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > NPY_MAX_HEADER - *text_at) {
        fail_with(c, "a header of more than %d bytes", NPY_MAX_HEADER);
        return 0;
    }
    return *text_at + length;
}

int
einc_npy_parse(const unsigned char *bytes, size_t n, struct npy_header *h,
               char *err, size_t err_size)
{
    struct cursor c = {bytes, bytes + n, err, err_size};
    size_t text_at;
    memset(h, 0, sizeof *h);
    h->data_at = header_bytes(&c, &text_at);
    if (!h->data_at)
        return -1;
    if (n < h->data_at)
        return fail_with(&c, "the file ends within its header");
    c.p = bytes + text_at;
    c.end = bytes + h->data_at;
    return parse_dict(&c, h) || count_elements(&c, h) ? -1 : 0;
}

/* --- reading ------------------------------------------------------------ */

/* A file that is being read. */
struct source {
    int fd;
    const char *name;
    int64_t size; /* of a regular file; -1: not known */
    char *err;
    size_t err_size;
};

static int fail_source(const struct source *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail_source(const struct source *s, const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(s->err, s->err_size, "%s: ", s->name);
    va_start(ap, fmt);
    if (n >= 0 && (size_t)n < s->err_size)
        vsnprintf(s->err + n, s->err_size - (size_t)n, fmt, ap);
    va_end(ap);
    return -1;
}

/* Reads exactly n bytes, or up to the end; how many, or -1. */
static int64_t
read_up_to(const struct source *s, void *to, int64_t n)
{
    int64_t done = 0;
    while (done < n) {
        size_t ask = n - done < 1 << 30 ? (size_t)(n - done) : 1 << 30;
        ssize_t got = read(s->fd, (char *)to + done, ask);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_source(s, "%s", strerror(errno));
        if (got == 0)
            break;
        done += got;
    }
    return done;
}

/* Every header that is one is longer than PREFIX. */
static int
read_header(const struct source *s, struct npy_header *h)
{
    unsigned char bytes[NPY_MAX_HEADER];
    char why[200];
    size_t text_at;
    int64_t more = 0, got = read_up_to(s, bytes, PREFIX);
    if (got < 0)
        return -1;
    struct cursor c = {bytes, bytes + got, why, sizeof why};
    int64_t need = (int64_t)header_bytes(&c, &text_at);
    if (need > got)
        more = read_up_to(s, bytes + got, need - got);
    if (more < 0)
        return -1;
    if (einc_npy_parse(bytes, (size_t)(got + more), h, why, sizeof why))
        return fail_source(s, "%s", why);
    return 0;
}

static int
fail_short(const struct source *s, const struct npy_header *h, int64_t there)
{
    return fail_source(s, "the file is cut off: the shape asks for %lld bytes "
                          "of data, %lld are there",
                       (long long)h->data_bytes, (long long)there);
}

/* Data of a file whose size is known, which must do. */
static int
read_sized(const struct source *s, const struct npy_header *h, struct npy *x)
{
    int64_t there = s->size - (int64_t)h->data_at, got;
    if (there < h->data_bytes)
        return fail_short(s, h, there);
    x->data = malloc(h->data_bytes ? (size_t)h->data_bytes : 1);
    pages_advise(x->data, (size_t)h->data_bytes);
    if (!x->data)
        return fail_source(s, "no memory for %lld bytes",
                           (long long)h->data_bytes);
    got = read_up_to(s, x->data, h->data_bytes);
    if (got >= 0 && got < h->data_bytes)
        return fail_short(s, h, got);
    return got < 0 ? -1 : 0;
}

/* Data of a pipe: twice the memory each time it is full. */
static int
read_unsized(const struct source *s, const struct npy_header *h, struct npy *x)
{
    int64_t have = 0, room = 0;
    do {
        room = room ? room : FIRST_READ;
        room = h->data_bytes / 2 < room ? h->data_bytes : room * 2;
        void *more = realloc(x->data, room ? (size_t)room : 1);
        if (!more)
            return fail_source(s, "no memory for %lld bytes",
                               (long long)room);
        x->data = more;
        int64_t got = read_up_to(s, (char *)x->data + have, room - have);
        if (got < 0)
            return -1;
        have += got;
    } while (have == room && have < h->data_bytes);
    return have < h->data_bytes ? fail_short(s, h, have) : 0;
}

static void
reverse_bytes(unsigned char *p, int n)
{
    for (int i = 0; i < n / 2; i++) {
        unsigned char b = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = b;
    }
}

/* The two parts of a complex number are turned each by itself. */
static void
swap_data(struct npy *x)
{
    const struct dtype_info *d = einc_dtype_info(x->dtype);
    int n = d->kind == KIND_COMPLEX ? d->bytes / 2 : d->bytes;
    unsigned char *p = x->data;
    for (int64_t i = 0; i < x->bytes; i += n)
        reverse_bytes(p + i, n);
}

/* Dense strides; of an empty array they are as if its dims of 0 were 1. */
static void
set_strides(struct npy *x, int fortran)
{
    int64_t stride = 1;
    for (int i = 0; i < x->ndim; i++) {
        int d = fortran ? i : x->ndim - 1 - i;
        x->strides[d] = stride;
        stride *= x->shape[d] ? x->shape[d] : 1;
    }
}

static int
read_source(const struct source *s, struct npy *x)
{
    struct npy_header h;
    if (read_header(s, &h))
        return -1;
    x->dtype = h.dtype;
    x->ndim = h.ndim;
    x->bytes = h.data_bytes;
    memcpy(x->shape, h.shape, sizeof x->shape);
    set_strides(x, h.fortran);
    if (s->size >= 0 ? read_sized(s, &h, x) : read_unsized(s, &h, x))
        return -1;
    if (h.swapped)
        swap_data(x);
    return 0;
}

int
einc_npy_read(const char *path, struct npy *x, char *err, size_t err_size)
{
    struct source s = {STDIN_FILENO, "stdin", -1, err, err_size};
    struct stat st;
    int from_file = strcmp(path, "-") != 0, failed;
    memset(x, 0, sizeof *x);
    if (from_file) {
        s.name = path;
        s.fd = open(path, O_RDONLY | O_CLOEXEC);
        if (s.fd < 0)
            return fail_source(&s, "%s", strerror(errno));
        if (fstat(s.fd, &st) == 0 && S_ISREG(st.st_mode))
            s.size = st.st_size;
    }
    failed = read_source(&s, x);
    if (from_file)
        close(s.fd);
    if (failed)
        einc_npy_free(x);
    return failed;
}

void
einc_npy_free(struct npy *x)
{
    free(x->data);
    memset(x, 0, sizeof *x);
}

/* --- writing ------------------------------------------------------------ */

/* A header while it is made: that of NPY_MAX_DIMS dims fits. */
struct header_text {
    char p[2048];
    size_t n;
};

static void append(struct header_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
append(struct header_text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    t->n += (size_t)vsnprintf(t->p + t->n, sizeof t->p - t->n, fmt, ap);
    va_end(ap);
}

/* Blanks that numpy puts behind the dict, so that an array that grows along
 * its slowest dim can have its size corrected in place. */
static int
room_to_grow(const struct einc_layout *l, int fortran)
{
    enum { DIGITS = 21 };
    if (l->ndim == 0)
        return 0;
    return DIGITS - snprintf(NULL, 0, "%lld", (long long)
                             l->shape[fortran ? l->ndim - 1 : 0]);
}

/* Version 1, filled up so that the data begins at a multiple of 64 bytes:
 * byte for byte what numpy writes. */
static void
make_header(struct header_text *t, const struct einc_layout *l, int fortran)
{
    const struct dtype_info *d = einc_dtype_info((enum einc_dtype)l->dtype);
    enum { TEXT_AT = 10 };
    t->n = TEXT_AT;
    append(t, "{'descr': '%c%s', 'fortran_order': %s, 'shape': (",
           d->bytes == 1 ? '|' : host_is_big ? '>' : '<', d->npy,
           fortran ? "True" : "False");
    for (int i = 0; i < l->ndim; i++)
        append(t, l->ndim == 1 ? "%lld," : i ? ", %lld" : "%lld",
               (long long)l->shape[i]);
    append(t, "), }%*s", room_to_grow(l, fortran), "");
    append(t, "%*s", 63 - (int)(t->n % 64), "");
    append(t, "\n");
    size_t length = t->n - TEXT_AT;
    memcpy(t->p, magic, sizeof magic);
    t->p[6] = 1;
    t->p[7] = 0;
    t->p[8] = (char)(length & 0xff);
    t->p[9] = (char)(length >> 8);
}

/* Whether the elements follow each other with the first (Fortran) or the last
 * (C) dim the fastest. The strides of dims of size 1 do not matter. */
static int
is_dense(const struct einc_layout *l, int fortran)
{
    int64_t stride = 1;
    for (int i = 0; i < l->ndim; i++) {
        int d = fortran ? i : l->ndim - 1 - i;
        if (l->shape[d] > 1 && l->stride[d] != stride)
            return 0;
        stride *= l->shape[d];
    }
    return 1;
}

static int64_t
count_of(const struct einc_layout *l)
{
    int64_t count = 1;
    for (int d = 0; d < l->ndim; d++)
        count *= l->shape[d];
    return count;
}

/* Writes in C order what lies in any. */
static int
write_strided(FILE *to, const struct einc_layout *l, const char *data,
              size_t bytes)
{
    char chunk[WRITE_CHUNK];
    int64_t at[NPY_MAX_DIMS] = {0}, from = 0, left = count_of(l);
    size_t n = 0;
    for (; left > 0; left--) {
        memcpy(chunk + n, data + from * (int64_t)bytes, bytes);
        n += bytes;
        if (n == sizeof chunk || left == 1) { /* a multiple of all sizes */
            if (fwrite(chunk, 1, n, to) != n)
                return -1;
            n = 0;
        }
        for (int d = l->ndim - 1; d >= 0; d--) {
            from += l->stride[d];
            if (++at[d] < l->shape[d])
                break;
            from -= at[d] * l->stride[d];
            at[d] = 0;
        }
    }
    return 0;
}

static int
write_all(FILE *to, const struct einc_layout *l, const void *data)
{
    size_t bytes = einc_dtype_bytes((enum einc_dtype)l->dtype);
    int c_order = !l->stride || is_dense(l, 0);
    int fortran = !c_order && is_dense(l, 1);
    struct header_text header;
    make_header(&header, l, fortran);
    if (fwrite(header.p, 1, header.n, to) != header.n)
        return -1;
    size_t n = (size_t)count_of(l);
    if (n == 0)
        return 0;
    if (c_order || fortran)
        return fwrite(data, bytes, n, to) == n ? 0 : -1;
    return write_strided(to, l, data, bytes);
}

int
einc_npy_write(FILE *to, const struct einc_layout *layout, const void *data,
               char *err, size_t err_size)
{
    if (!einc_dtype_info((enum einc_dtype)layout->dtype)->npy) {
        snprintf(err, err_size, "numpy has no name for %s: take f32 for the "
                                "result", einc_dtype_name(
                     (enum einc_dtype)layout->dtype));
        return -1;
    }
    if (layout->ndim > NPY_MAX_DIMS) {
        snprintf(err, err_size, "%d dims: numpy knows no more than %d",
                 (int)layout->ndim, NPY_MAX_DIMS);
        return -1;
    }
    errno = 0;
    if (write_all(to, layout, data) || fflush(to)) {
        snprintf(err, err_size, "%s", errno ? strerror(errno) : "it failed");
        return -1;
    }
    return 0;
}
