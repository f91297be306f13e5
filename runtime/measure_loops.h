/* SPDX-License-Identifier: MIT
 *
 * measure_loops.h - the loops of measure.c for one vector width. Included once
 * per instruction set, with
 *   NAME(x)   the name of x for this set
 *   TARGET    the attribute that compiles for it
 *   BYTES     of a vector
 * No vector crosses a call: their passing differs between sets.
 */

/* Twelve sums in flight, which hides the latency of two units; 2 flop per
 * lane and line. They begin at different places of memory, or a compiler would
 * see that they are one. Returns something that hangs on all of them. */
#define FMA_LOOP(fn, type)                                                  \
    TARGET static double NAME(fn)(int64_t n, const void *from)              \
    {                                                                       \
        typedef type vector __attribute__((vector_size(BYTES), may_alias)); \
        const vector *at = from;                                            \
        const vector x = at[0], y = at[1];                                  \
        vector a = at[2], b = at[3], c = at[4], d = at[5], e = at[6];       \
        vector f = at[7], g = at[8], h = at[9], i = at[10], j = at[11];     \
        vector k = at[12], l = at[13];                                      \
        for (int64_t r = 0; r < n; r++) {                                   \
            a = a * x + y; b = b * x + y; c = c * x + y; d = d * x + y;     \
            e = e * x + y; f = f * x + y; g = g * x + y; h = h * x + y;     \
            i = i * x + y; j = j * x + y; k = k * x + y; l = l * x + y;     \
        }                                                                   \
        a += b + c + d + e + f + g + h + i + j + k + l;                     \
        return (double)a[0];                                                \
    }

FMA_LOOP(fma_f32, float)
FMA_LOOP(fma_f64, double)
FMA_LOOP(fma_i32, uint32_t)
FMA_LOOP(fma_i64, uint64_t)
#undef FMA_LOOP

typedef uint64_t NAME(words)
    __attribute__((vector_size(BYTES), may_alias));

/* `bytes` is a multiple of 1024, the addresses of 64. */
TARGET static double
NAME(read)(void *at, const void *from, int64_t bytes)
{
    const NAME(words) *p = from, *end = p + bytes / BYTES;
    NAME(words) a = {0}, b = a, c = a, d = a;
    (void)at;
    for (; p < end; p += 4) {
        a ^= p[0];
        b ^= p[1];
        c ^= p[2];
        d ^= p[3];
    }
    a ^= b ^ c ^ d;
    return (double)(a[0] & 1);
}

TARGET static double
NAME(write)(void *at, const void *from, int64_t bytes)
{
    NAME(words) *p = at, *end = p + bytes / BYTES;
    const NAME(words) x = *(const NAME(words) *)from;
    for (; p < end; p += 4) {
        p[0] = x;
        p[1] = x;
        p[2] = x;
        p[3] = x;
    }
    return 0;
}

/* Runs of 64 bytes from rows a page apart, side by side: what packing along a
 * run does. */
TARGET static double
NAME(pack)(void *at, const void *from, int64_t bytes)
{
    enum { ROW = 4096, RUN = 64 };
    char *to = at;
    const char *rows = from;
    const int64_t n_rows = bytes / ROW;
    for (int64_t run = 0; run < ROW / RUN; run++)
        for (int64_t r = 0; r < n_rows; r++, to += RUN) {
            NAME(words) *y = (NAME(words) *)(void *)to;
            const NAME(words) *x =
                (const NAME(words) *)(const void *)(rows + r * ROW +
                                                    run * RUN);
            for (int v = 0; v < RUN / BYTES; v++)
                y[v] = x[v];
        }
    return 0;
}

static const struct loops NAME(loops) = {
    {NAME(fma_f32), NAME(fma_f64), NAME(fma_i32), NAME(fma_i64)},
    NAME(read), NAME(write), NAME(pack), BYTES,
};
