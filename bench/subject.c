/* SPDX-License-Identifier: MIT
 *
 * subject.c - see subject.h.
 */
#include "subject.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Data repeat with a period that is prime, so that no extent divides it. */
enum { PERIOD = 65521, HUGE_PAGE = 2 << 20 };

/* --- elements ----------------------------------------------------------- */

/* -2 .. 2 as binary16 and as bfloat16 */
static const uint16_t half_values[5] = {0xc000, 0xbc00, 0, 0x3c00, 0x4000};
static const uint16_t brain_values[5] = {0xc000, 0xbf80, 0, 0x3f80, 0x4000};

static void
put(void *data, enum einc_dtype type, int64_t at, int value)
{
    switch (type) {
    case EINC_F64:  ((double *)data)[at] = value; break;
    case EINC_F32:  ((float *)data)[at] = (float)value; break;
    case EINC_F16:  ((uint16_t *)data)[at] = half_values[value + 2]; break;
    case EINC_BF16: ((uint16_t *)data)[at] = brain_values[value + 2]; break;
    case EINC_I32:  ((int32_t *)data)[at] = value; break;
    default:        ((int8_t *)data)[at] = (int8_t)value; break;
    }
}

static double
half_to_double(uint16_t bits)
{
    int e = bits >> 10 & 31, m = bits & 1023;
    double x = e ? 1024 + m : m;
    for (int p = e ? e : 1; p < 25; p++)
        x /= 2;
    for (int p = e; p > 25; p--)
        x *= 2;
    return e == 31 ? 1e300 : bits >> 15 ? -x : x;
}

static double
get(const void *data, enum einc_dtype type, int64_t at)
{
    uint32_t word;
    float value;
    switch (type) {
    case EINC_F64:  return ((const double *)data)[at];
    case EINC_F32:  return (double)((const float *)data)[at];
    case EINC_F16:  return half_to_double(((const uint16_t *)data)[at]);
    case EINC_BF16:
        word = (uint32_t)((const uint16_t *)data)[at] << 16;
        memcpy(&value, &word, sizeof value);
        return (double)value;
    case EINC_I32:  return ((const int32_t *)data)[at];
    default:        return ((const int8_t *)data)[at];
    }
}

static void
fill(struct tensor *t, int seed)
{
    enum einc_dtype type = (enum einc_dtype)t->layout.dtype;
    int64_t have = t->n < PERIOD ? t->n : PERIOD;
    uint32_t random = 2463534242u + 7919u * (uint32_t)seed;
    for (int64_t j = 0; j < have; j++) {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        put(t->data, type, j, (int)(random >> 8) % 5 - 2);
    }
    size_t one = einc_dtype_bytes(type);
    for (; have < t->n; have += PERIOD) {
        int64_t more = t->n - have < PERIOD ? t->n - have : PERIOD;
        memcpy((char *)t->data + (size_t)have * one, t->data,
               (size_t)more * one);
    }
}

/* --- tensors ------------------------------------------------------------ */

/* Huge pages, as numpy asks for with its own arrays. */
static bool
make_tensor(struct subject *s, struct tensor *t, const char *labels, size_t n,
            enum einc_dtype type)
{
    memcpy(t->labels, labels, n);
    t->n = 1;
    for (size_t d = 0; d < n; d++)
        t->n *= t->shape[d] = s->extent[(unsigned char)labels[d]];
    t->layout = (struct einc_layout)EINC_LAYOUT((int32_t)type, (int32_t)n,
                                                t->shape);
    t->bytes = (size_t)t->n * einc_dtype_bytes(type);
    size_t align = t->bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    size_t bytes = (t->bytes + align) / align * align;
    t->data = aligned_alloc(align, bytes);
    if (t->data && align == HUGE_PAGE)
        madvise(t->data, bytes, MADV_HUGEPAGE);
    return t->data != NULL;
}

static void
read_sizes(struct subject *s, const char *sizes)
{
    for (const char *z = sizes; z && *z; z = strchr(z, ',')) {
        z += *z == ',';
        s->extent[(unsigned char)*z & 127] = strtoll(z + 2, NULL, 10);
    }
}

static void
find_summed(struct subject *s, const char *arrow)
{
    int n = 0;
    for (const char *z = s->expr; z < arrow; z++)
        if (*z != ',' && !strchr(arrow + 2, *z) && !strchr(s->summed, *z))
            s->summed[n++] = *z;
}

static void
count(struct subject *s)
{
    double points = (double)s->out.n;
    for (const char *z = s->summed; *z; z++)
        points *= (double)s->extent[(unsigned char)*z];
    s->flop = points * (s->n_in - 1 + (*s->summed != 0));
    s->written_bytes = (double)s->out.bytes;
    for (int x = 0; x < s->n_in; x++) {
        double n = 1; /* what is touched: once, and only the diagonal */
        const char *labels = s->in[x].labels;
        for (const char *z = labels; *z; z++)
            if (memchr(labels, *z, (size_t)(z - labels)) == NULL)
                n *= (double)s->extent[(unsigned char)*z];
        s->read_bytes += n * (double)s->in[x].bytes / (double)s->in[x].n;
    }
}

bool
subject_open(struct subject *s, const char *expr, const char *sizes,
             enum einc_dtype type, enum einc_dtype out_type)
{
    *s = (struct subject){.n_in = 0};
    snprintf(s->expr, sizeof s->expr, "%s", expr);
    read_sizes(s, sizes);
    const char *arrow = strstr(s->expr, "->");
    find_summed(s, arrow);
    bool ok = make_tensor(s, &s->out, arrow + 2, strlen(arrow + 2),
                          out_type ? out_type : type);
    for (const char *z = s->expr; z <= arrow; s->n_in++) {
        size_t n = strcspn(z, ",-");
        ok = make_tensor(s, &s->in[s->n_in], z, n, type) && ok;
        z += n + 1;
    }
    for (int x = 0; ok && x < s->n_in; x++)
        fill(&s->in[x], x + 1);
    if (!ok)
        subject_close(s);
    else
        count(s);
    return ok;
}

void
subject_close(struct subject *s)
{
    for (int x = 0; x < s->n_in; x++)
        free(s->in[x].data);
    free(s->out.data);
}

void
subject_spoil(struct subject *s)
{
    memset(s->out.data, 0xff, s->out.bytes);
}

/* --- checks ------------------------------------------------------------- */

static int64_t
address(const struct tensor *t, const int64_t *value)
{
    int64_t at = 0;
    for (int d = 0; d < t->layout.ndim; d++)
        at = at * t->shape[d] + value[(unsigned char)t->labels[d]];
    return at;
}

/* The element of the output whose labels have these values. */
static double
element(const struct subject *s, int64_t *value)
{
    double sum = 0;
    int n = (int)strlen(s->summed), d;
    for (int z = 0; z < n; z++)
        value[(unsigned char)s->summed[z]] = 0;
    do {
        double product = 1;
        for (int x = 0; x < s->n_in; x++)
            product *= get(s->in[x].data,
                           (enum einc_dtype)s->in[x].layout.dtype,
                           address(&s->in[x], value));
        sum += product;
        for (d = n - 1; d >= 0; d--) { /* the next point, as on a dial */
            unsigned char label = (unsigned char)s->summed[d];
            if (++value[label] < s->extent[label])
                break;
            value[label] = 0;
        }
    } while (d >= 0);
    return sum;
}

bool
subject_right(const struct subject *s)
{
    double points = 1;
    for (const char *z = s->summed; *z; z++)
        points *= (double)s->extent[(unsigned char)*z];
    enum einc_dtype type = (enum einc_dtype)s->out.layout.dtype;
    int64_t samples = (int64_t)(1 + 5e6 / points), step;
    step = s->out.n / (samples < 400 ? samples : 400) + 1;
    for (int64_t at = s->out.n - 1; at >= 0; at -= step) {
        int64_t value[128] = {0}, rest = at;
        for (int d = s->out.layout.ndim - 1; d >= 0; d--) {
            value[(unsigned char)s->out.labels[d]] = rest % s->out.shape[d];
            rest /= s->out.shape[d];
        }
        double want = element(s, value);
        double got = get(s->out.data, type, at);
        /* bfloat16 holds integers up to 256 */
        double slack = type == EINC_BF16 ? fabs(want) / 256 : 0;
        if (!(fabs(got - want) <= slack))
            return false;
    }
    return true;
}

bool
subject_equal(const struct subject *s, const void *other)
{
    enum einc_dtype type = (enum einc_dtype)s->out.layout.dtype;
    if (memcmp(s->out.data, other, s->out.bytes) == 0)
        return true;
    for (int64_t at = 0; at < s->out.n; at++) /* 0 and -0 are equal */
        if (!(get(s->out.data, type, at) == get(other, type, at)))
            return false;
    return true;
}
