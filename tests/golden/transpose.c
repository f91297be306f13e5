/* made by einc 0.1.0; change the expression, not this file
 * expression  ij->ji  f32, strides as given
 * sizes       i=30 j=40
 * step 1      copy out[j,i] = in0[i,j]
 *              free{j,i}=1200
 * cost        0 flop; reads 4800 B, writes 4800 B; intermediates 0 B
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* out(40,30) = ij->ji of in0(30,40).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(float *out, const float *in0, void *work);

int64_t
einsum_workspace(void);

#if defined(einsum_VECTORS) && defined(__aarch64__)
typedef uint32_t einsum_f32x4 /* 4 elements, as bits */
    __attribute__((vector_size(16), may_alias, aligned(4)));
#define einsum_f32x4_at(p) (*(einsum_f32x4 *)(uintptr_t)(p))
#if defined(__clang__)
#define einsum_f32x4_low(a, b) \
    __builtin_shufflevector(a, b, \
        0, 4, 1, 5)
#define einsum_f32x4_high(a, b) \
    __builtin_shufflevector(a, b, \
        2, 6, 3, 7)
#else
#define einsum_f32x4_low(a, b) \
    __builtin_shuffle(a, b, (einsum_f32x4){ \
        0, 4, 1, 5})
#define einsum_f32x4_high(a, b) \
    __builtin_shuffle(a, b, (einsum_f32x4){ \
        2, 6, 3, 7})
#endif

/* to[c][r] = from[r][c], 4x4 */
static void
einsum_f32x4_tile(const float *from, int64_t from_row,
    float *to, int64_t to_row)
{
    const einsum_f32x4 a0 = einsum_f32x4_at(from);
    const einsum_f32x4 a1 = einsum_f32x4_at(from + from_row);
    const einsum_f32x4 a2 = einsum_f32x4_at(from + 2*from_row);
    const einsum_f32x4 a3 = einsum_f32x4_at(from + 3*from_row);
    const einsum_f32x4 b0 = einsum_f32x4_low(a0, a2);
    const einsum_f32x4 b1 = einsum_f32x4_high(a0, a2);
    const einsum_f32x4 b2 = einsum_f32x4_low(a1, a3);
    const einsum_f32x4 b3 = einsum_f32x4_high(a1, a3);
    const einsum_f32x4 c0 = einsum_f32x4_low(b0, b2);
    const einsum_f32x4 c1 = einsum_f32x4_high(b0, b2);
    const einsum_f32x4 c2 = einsum_f32x4_low(b1, b3);
    const einsum_f32x4 c3 = einsum_f32x4_high(b1, b3);
    einsum_f32x4_at(to) = c0;
    einsum_f32x4_at(to + to_row) = c1;
    einsum_f32x4_at(to + 2*to_row) = c2;
    einsum_f32x4_at(to + 3*to_row) = c3;
}

/* to[c][r] = from[r][c]; `far`: past the caches, rows of `to` are lines;
 * `ahead`: how far from here the next block begins, 0 for none */
static void
einsum_turn_f32(const float *from, int64_t from_row, float *to,
    int64_t to_row, int64_t n_across, int64_t n_along, int far,
    int64_t ahead)
{
    if (n_across >= 4 && n_along >= 4) {
        for (int64_t c = 0; c < n_across; c += 4) {
            const int64_t x = c + 4 <= n_across ? c : n_across - 4;
            for (int64_t r = 0; r < n_along; r += 4) {
                const int64_t y = r + 4 <= n_along ? r : n_along - 4;
                einsum_f32x4_tile(from + from_row*y + x, from_row,
                    to + to_row*x + y, to_row);
            }
        }
        return;
    }
    (void)far;
    (void)ahead;
    if (n_across <= n_along)
        for (int64_t c = 0; c < n_across; c++)
            for (int64_t r = 0; r < n_along; r++)
                to[to_row*c + r] = from[from_row*r + c];
    else
        for (int64_t r = 0; r < n_along; r++)
            for (int64_t c = 0; c < n_across; c++)
                to[to_row*c + r] = from[from_row*r + c];
}

#elif defined(einsum_VECTORS)
typedef uint32_t einsum_f32x4 /* 4 elements, as bits */
    __attribute__((vector_size(16), may_alias, aligned(4)));
#define einsum_f32x4_at(p) (*(einsum_f32x4 *)(uintptr_t)(p))
#if defined(__clang__)
#define einsum_f32x4_low(a, b) \
    __builtin_shufflevector(a, b, \
        0, 4, 1, 5)
#define einsum_f32x4_high(a, b) \
    __builtin_shufflevector(a, b, \
        2, 6, 3, 7)
#else
#define einsum_f32x4_low(a, b) \
    __builtin_shuffle(a, b, (einsum_f32x4){ \
        0, 4, 1, 5})
#define einsum_f32x4_high(a, b) \
    __builtin_shuffle(a, b, (einsum_f32x4){ \
        2, 6, 3, 7})
#endif

/* to[c][r] = from[r][c], 4x4 */
static void
einsum_f32x4_tile(const float *from, int64_t from_row,
    float *to, int64_t to_row)
{
    const einsum_f32x4 a0 = einsum_f32x4_at(from);
    const einsum_f32x4 a1 = einsum_f32x4_at(from + from_row);
    const einsum_f32x4 a2 = einsum_f32x4_at(from + 2*from_row);
    const einsum_f32x4 a3 = einsum_f32x4_at(from + 3*from_row);
    const einsum_f32x4 b0 = einsum_f32x4_low(a0, a2);
    const einsum_f32x4 b1 = einsum_f32x4_high(a0, a2);
    const einsum_f32x4 b2 = einsum_f32x4_low(a1, a3);
    const einsum_f32x4 b3 = einsum_f32x4_high(a1, a3);
    const einsum_f32x4 c0 = einsum_f32x4_low(b0, b2);
    const einsum_f32x4 c1 = einsum_f32x4_high(b0, b2);
    const einsum_f32x4 c2 = einsum_f32x4_low(b1, b3);
    const einsum_f32x4 c3 = einsum_f32x4_high(b1, b3);
    einsum_f32x4_at(to) = c0;
    einsum_f32x4_at(to + to_row) = c1;
    einsum_f32x4_at(to + 2*to_row) = c2;
    einsum_f32x4_at(to + 3*to_row) = c3;
}

/* to[c][r] = from[r][c]; `far`: past the caches, rows of `to` are lines;
 * `ahead`: how far from here the next block begins, 0 for none */
static void
einsum_turn_f32(const float *from, int64_t from_row, float *to,
    int64_t to_row, int64_t n_across, int64_t n_along, int far,
    int64_t ahead)
{
    if (n_across >= 4 && n_along >= 4) {
        for (int64_t c = 0; c < n_across; c += 4) {
            const int64_t x = c + 4 <= n_across ? c : n_across - 4;
            for (int64_t r = 0; r < n_along; r += 4) {
                const int64_t y = r + 4 <= n_along ? r : n_along - 4;
                einsum_f32x4_tile(from + from_row*y + x, from_row,
                    to + to_row*x + y, to_row);
            }
        }
        return;
    }
    (void)far;
    (void)ahead;
    if (n_across <= n_along)
        for (int64_t c = 0; c < n_across; c++)
            for (int64_t r = 0; r < n_along; r++)
                to[to_row*c + r] = from[from_row*r + c];
    else
        for (int64_t r = 0; r < n_along; r++)
            for (int64_t c = 0; c < n_across; c++)
                to[to_row*c + r] = from[from_row*r + c];
}

#else
/* to[c][r] = from[r][c]; `far`: past the caches, rows of `to` are lines;
 * `ahead`: how far from here the next block begins, 0 for none */
static void
einsum_turn_f32(const float *from, int64_t from_row, float *to,
    int64_t to_row, int64_t n_across, int64_t n_along, int far,
    int64_t ahead)
{
    (void)far;
    (void)ahead;
    if (n_across <= n_along)
        for (int64_t c = 0; c < n_across; c++)
            for (int64_t r = 0; r < n_along; r++)
                to[to_row*c + r] = from[from_row*r + c];
    else
        for (int64_t r = 0; r < n_along; r++)
            for (int64_t c = 0; c < n_across; c++)
                to[to_row*c + r] = from[from_row*r + c];
}

#endif
static void
einsum_step1(float *out, const float *in0)
{
    const float *const from = in0 + 0;
    float *const to = out + 0;
    einsum_turn_f32(from, 40, to, 30,
        40, 30, 0, 0);
}

int64_t
einsum_workspace(void)
{
    return 0;
}

int
einsum(float *out, const float *in0, void *work)
{
    (void)work;
    einsum_step1(out, in0);
    return 0;
}
