/* SPDX-License-Identifier: MIT
 *
 * peaks.c - see peaks.h.
 */
#include "peaks.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "rounds.h"

#if defined(__AVX512F__)
enum { VECTOR = 64 };
#elif defined(__AVX2__)
enum { VECTOR = 32 };
#else
enum { VECTOR = 16 };
#endif
typedef float float_vector __attribute__((vector_size(VECTOR)));
typedef double double_vector __attribute__((vector_size(VECTOR)));

enum { CHAINS = 12, STREAM_BYTES = 256 << 20, LINE = 64 };

/* --- fused multiply-adds ------------------------------------------------ */

/* Twelve independent chains, each in a register of its own: enough for two
 * units of four to five cycles each. They differ from the start, or the
 * compiler would make one of them. */
#define FMA_CHAINS(name, vector)                                             \
    static double name(int64_t turns)                                        \
    {                                                                        \
        vector x = {0}, y = {0};                                             \
        x += 0.999f;                                                         \
        y += 0.001f;                                                         \
        vector a = y, b = a + y, c = b + y, d = c + y, e = d + y, f = e + y; \
        vector g = f + y, h = g + y, i = h + y, j = i + y, k = j + y;        \
        vector l = k + y;                                                    \
        for (int64_t t = 0; t < turns; t++) {                                \
            a = a * x + y, b = b * x + y, c = c * x + y, d = d * x + y;      \
            e = e * x + y, f = f * x + y, g = g * x + y, h = h * x + y;      \
            i = i * x + y, j = j * x + y, k = k * x + y, l = l * x + y;      \
            __asm__ volatile(""); /* the loop stays a loop */                \
        }                                                                    \
        vector all = a + b + c + d + e + f + g + h + i + j + k + l;          \
        return (double)all[0];                                               \
    }
FMA_CHAINS(chains_of_floats, float_vector)
FMA_CHAINS(chains_of_doubles, double_vector)

/* --- bytes -------------------------------------------------------------- */

static double
read_all(const char *from, int64_t bytes)
{
    const float_vector *x = (const float_vector *)(const void *)from;
    int64_t n = bytes / VECTOR, at = 0;
    float_vector s[8] = {{0}};
    for (; at + 8 <= n; at += 8)
        for (int u = 0; u < 8; u++)
            s[u] += x[at + u];
    for (; at < n; at++)
        s[0] += x[at];
    for (int u = 1; u < 8; u++)
        s[0] += s[u];
    return (double)s[0][0];
}


/* A copy past the caches where there are such stores. From NULL: zeros. */
static void
write_past(char *to, const char *from, int64_t bytes)
{
#if defined(__SSE2__)
    __m128i *y = (__m128i *)(void *)to;
    const __m128i *x = (const __m128i *)(const void *)from;
    __m128i zero = _mm_setzero_si128();
    for (int64_t j = 0; j < bytes / 16; j += 4)
        for (int u = 0; u < 4; u++)
            _mm_stream_si128(&y[j + u],
                             from ? _mm_load_si128(&x[j + u]) : zero);
    _mm_sfence();
#else
    if (from)
        memcpy(to, from, (size_t)bytes);
    else
        memset(to, 0, (size_t)bytes);
#endif
}

static void
write_plain(char *to, const char *from, int64_t bytes)
{
    float_vector *y = (float_vector *)(void *)to, zero = {0};
    const float_vector *x = (const float_vector *)(const void *)from;
    enum { PER_LINE = LINE / VECTOR };
    for (int64_t j = 0; j < bytes / VECTOR; j += PER_LINE) {
        for (int u = 0; u < PER_LINE; u++)
            y[j + u] = from ? x[j + u] : zero;
        __asm__ volatile("" ::: "memory"); /* not a call of memset */
    }
}

/* --- one thread's share of a floor -------------------------------------- */

struct share {
    const struct floor *floor;
    int64_t calls;
    int part;
    double keep;
};

/* Whole lines of each of `n` parts of a stream. */
static void
stream_part(struct share *s, int64_t bytes)
{
    const struct floor *f = s->floor;
    int64_t part = bytes / f->threads / LINE * LINE;
    if (part < LINE)
        part = LINE;
    char *to = f->peaks->to + part * s->part;
    const char *from = f->peaks->from + part * s->part;
    switch (f->limit) {
    case LIMIT_READ:    s->keep += read_all(from, part); break;
    case LIMIT_COPY:    write_plain(to, from, part); break;
    case LIMIT_NT_COPY: write_past(to, from, part); break;
    case LIMIT_FILL:    write_plain(to, NULL, part); break;
    default:            write_past(to, NULL, part); break;
    }
}

static void
stream(struct share *s)
{
    const struct floor *f = s->floor;
    int copies = f->limit == LIMIT_COPY || f->limit == LIMIT_NT_COPY;
    double bytes = copies ? f->amount / 2 : f->amount;
    int64_t most = f->peaks->stream_bytes;
    for (int64_t c = 0; c < s->calls; c++) {
        double left = bytes;
        for (; left > (double)most; left -= (double)most)
            stream_part(s, most);
        stream_part(s, (int64_t)left);
        __asm__ volatile("" ::: "memory");
    }
}

static void *
do_share(void *share)
{
    struct share *s = share;
    const struct floor *f = s->floor;
    double flop = f->amount * (double)s->calls / f->threads;
    double chain = 2.0 * CHAINS * VECTOR;
    if (f->limit == LIMIT_FMA32)
        s->keep += chains_of_floats((int64_t)ceil(flop / (chain / 4)));
    else if (f->limit == LIMIT_FMA64)
        s->keep += chains_of_doubles((int64_t)ceil(flop / (chain / 8)));
    else
        stream(s);
    return NULL;
}

double
peaks_work(void *floor, int64_t calls)
{
    const struct floor *f = floor;
    struct share a = {f, calls, 0, 0}, b = {f, calls, 1, 0};
    pthread_t other;
    int two = f->threads > 1;
    clockid_t clock =
        two || f->wall ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
    double start = rounds_seconds(clock);
    if (two && pthread_create(&other, NULL, do_share, &b))
        return -1;
    do_share(&a);
    if (two)
        pthread_join(other, NULL);
    double spent = rounds_seconds(clock) - start;
    volatile double keep = a.keep + b.keep;
    (void)keep;
    return spent;
}

/* --- measured once ------------------------------------------------------ */

static double
rate(const struct peaks *p, enum limit limit, int threads)
{
    int fma = limit == LIMIT_FMA32 || limit == LIMIT_FMA64;
    struct floor f = {.peaks = p, .limit = limit, .threads = threads,
                      .amount = fma ? 1e9 : 2.0 * (double)p->stream_bytes};
    double x[5];
    peaks_work(&f, 1);
    for (int r = 0; r < 5; r++)
        x[r] = f.amount / peaks_work(&f, 1);
    return rounds_spread(x, 5).mid;
}

static char *
stream_memory(size_t bytes)
{
    char *m = aligned_alloc(2 << 20, bytes);
    if (!m)
        return NULL;
    madvise(m, bytes, MADV_HUGEPAGE);
    memset(m, 0, bytes);
    return m;
}

struct peaks *
peaks_open(void)
{
    struct peaks *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->stream_bytes = STREAM_BYTES;
    p->processors = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;
    p->from = stream_memory(STREAM_BYTES);
    p->to = stream_memory(STREAM_BYTES);
    if (!p->from || !p->to) {
        peaks_close(p);
        return NULL;
    }
    for (int l = 0; l < N_LIMITS; l++)
        for (int t = 1; t <= p->processors; t++)
            p->rate[l][t - 1] = rate(p, (enum limit)l, t);
    return p;
}

void
peaks_close(struct peaks *p)
{
    free(p->from);
    free(p->to);
    free(p);
}

static const char *const words[N_LIMITS] = {
    "f32 fused multiply-add", "f64 fused multiply-add", "read",
    "copy, plain stores", "copy, non-temporal stores", "fill, plain stores",
    "fill, non-temporal stores"};

void
peaks_print(const struct peaks *p, FILE *f)
{
    fprintf(f, "%-28s %12s %12s\n", "limit of this run", "1 thread",
            p->processors > 1 ? "2 threads" : "");
    for (int l = 0; l < N_LIMITS; l++) {
        fprintf(f, "%-28s", words[l]);
        for (int t = 0; t < p->processors; t++)
            fprintf(f, " %12.1f", 1e-9 * p->rate[l][t]);
        fprintf(f, "  %s\n", l <= LIMIT_FMA64 ? "GFLOP/s"
                             : l == LIMIT_COPY || l == LIMIT_NT_COPY
                                 ? "GB/s, read + written" : "GB/s");
    }
}

const char *
peaks_name(enum limit limit)
{
    static const char *const names[N_LIMITS] = {
        "fma", "fma", "read", "copy", "copy", "fill", "fill"};
    return names[limit];
}

/* --- the floor of a case ------------------------------------------------ */

static double
time_of(struct floor *f)
{
    double one = peaks_work(f, 1);
    int64_t calls = one > 1e-3 ? 1 : (int64_t)(1e-3 / (one + 1e-9)) + 1;
    peaks_work(f, calls);
    return peaks_work(f, calls) / (double)calls;
}

struct floor
peaks_floor(const struct peaks *p, double flop, int is_double, double read,
            double written, int threads)
{
    enum limit plain = written < read / 8   ? LIMIT_READ
                       : read < written / 8 ? LIMIT_FILL : LIMIT_COPY;
    enum limit past = plain == LIMIT_COPY   ? LIMIT_NT_COPY
                      : plain == LIMIT_FILL ? LIMIT_NT_FILL : LIMIT_READ;
    struct floor fma = {.peaks = p, .amount = flop, .threads = threads,
                        .limit = is_double ? LIMIT_FMA64 : LIMIT_FMA32};
    struct floor move = {.peaks = p, .limit = plain,
                         .amount = read + written, .threads = threads};
    struct floor other = move;
    other.limit = past;
    double by_fma = flop > 0 ? flop / p->rate[fma.limit][threads - 1] : 0;
    double by_bytes = time_of(&move), by_past = time_of(&other);
    if (by_past < by_bytes) {
        by_bytes = by_past;
        move = other;
    }
    return by_fma > by_bytes ? fma : move;
}
