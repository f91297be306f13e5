/* SPDX-License-Identifier: MIT
 *
 * path_math.c - see path_math.h.
 */
#include "plan/path_math.h"

/* Bit by bit: squaring doubles the logarithm. */
int64_t
einc_path_log2(double x)
{
    int64_t whole = 0, fraction = 0;
    if (!(x > 1))
        return 0;
    for (; x >= 2; whole++)
        x *= 0.5;
    for (int b = 0; b < LOG_BITS; b++) {
        x *= x;
        fraction = 2 * fraction + (x >= 2);
        x *= x >= 2 ? 0.5 : 1;
    }
    return whole * LOG_ONE + fraction;
}

static void
fill_powers(struct path_math *m)
{
    /* 2^(1/2), 2^(1/4) ... 2^(2^-24) */
    static const double root[LOG_BITS] = {
        0x1.6a09e667f3bcdp+0, 0x1.306fe0a31b715p+0, 0x1.172b83c7d517bp+0,
        0x1.0b5586cf9890fp+0, 0x1.059b0d3158574p+0, 0x1.02c9a3e778061p+0,
        0x1.0163da9fb3335p+0, 0x1.00b1afa5abcbfp+0, 0x1.0058c86da1c0ap+0,
        0x1.002c605e2e8cfp+0, 0x1.00162f3904052p+0, 0x1.000b175effdc7p+0,
        0x1.00058ba01fba0p+0, 0x1.0002c5cc37da9p+0, 0x1.000162e525ee0p+0,
        0x1.0000b17255776p+0, 0x1.000058b91b5bdp+0, 0x1.00002c5c89d5fp+0,
        0x1.0000162e43f50p+0, 0x1.00000b1721bd0p+0, 0x1.0000058b90cf2p+0,
        0x1.000002c5c863bp+0, 0x1.00000162e430ep+0, 0x1.000000b172183p+0,
    };
    for (int p = 0; p < 3; p++)
        for (int i = 0; i < 256; i++) {
            double r = 1;
            for (int b = 0; b < 8; b++)
                r *= i >> (7 - b) & 1 ? root[8 * p + b] : 1;
            m->part[p][i] = r;
        }
}

void
einc_path_math_open(struct path_math *m)
{
    const double one = LOG_ONE, ln2 = 0x1.62e42fefa39efp-1;
    fill_powers(m);
    for (int i = 0; i < N_QUANTILES; i++) {
        double inverse = N_QUANTILES / (i + 0.5);
        m->quantile[i] = einc_path_log2(inverse);
        double less = (double)m->quantile[i] / one * ln2; /* -ln(u) */
        int64_t log = less >= 1 ? -einc_path_log2(less)
                                : einc_path_log2(1 / less);
        m->gumbel[i] = (double)log / one * ln2;
    }
}
