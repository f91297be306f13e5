/* SPDX-License-Identifier: MIT
 *
 * A mixture of experts: every token is multiplied by the matrices of the two
 * experts that a router picks for it, which are loaded where they lie.
 *
 *   route  E[t,q] = the 2 experts e with the largest S[t,e] = X[t].R[e]
 *          G[t,q] = their weights, the softmax of the two scores
 *   apply  Y[t,o] = sum over q,i of G[t,q] * W[E[t,q],o,i] * X[t,i]
 *
 * An output of the first program is a subscript in the second: a product in
 * batches that are gathered, not copied. The tokens are (1, x); expert e knows
 * the tangents of sine and cosine at one place, and the router prefers those
 * whose place is near to x, so that the mixture must come close to both.
 * Compared with plain loops.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <einc.h>

static const char route[] =
    "S[t,e] = X[t,i]*R[e,i];"
    "V[t,q] = kmax[e->q:2](S[t,e]);"
    "E[t,q] = argkmax[e->q:2](S[t,e]);"
    "G[t,q] = softmax[q](V[t,q])";
static const char apply[] =
    "Y[t,o] = sum[q,i](G[t,q]*W[E[t,q],o,i]*X[t,i])";
static const char count[] = "n[E[t,q]] += 1";

enum { T = 40, E = 10, I = 2, O = 2, Q = 2 };

static double x[T][I], r[E][I], w[E][O][I], g[T][Q], y[T][O];
static int64_t e[T][Q], n[E];
static const double step = 0.7; /* from one expert to the next */
static int wrong;

static const int64_t by_token[] = {T, I}, by_expert[] = {E, O, I};
static const struct einc_layout
    tokens = EINC_LAYOUT(EINC_F64, 2, by_token),
    chosen = EINC_LAYOUT(EINC_I64, 2, by_token), /* I = O = Q = 2 */
    router = EINC_LAYOUT(EINC_F64, 2, ((int64_t[]){E, I})),
    experts = EINC_LAYOUT(EINC_F64, 3, by_expert),
    loads = EINC_LAYOUT(EINC_I64, 1, by_expert);

static _Noreturn void
fail(struct einc_err *err)
{
    fputs(einc_err_text(err), stderr);
    einc_err_free(err);
    exit(EXIT_FAILURE);
}

/* The nearer c is to x, the larger is -(x - c)^2, of which x^2 is the same
 * for all experts; the rest is linear in x. */
static void
make_experts(void)
{
    for (int k = 0; k < E; k++) {
        const double c = step * k;
        r[k][0] = -10 * c * c;
        r[k][1] = 20 * c;
        w[k][0][1] = cos(c);
        w[k][0][0] = sin(c) - c * cos(c);
        w[k][1][1] = -sin(c);
        w[k][1][0] = cos(c) + c * sin(c);
    }
    for (int t = 0; t < T; t++) {
        x[t][0] = 1;
        x[t][1] = 0.16 * t + 0.01; /* nowhere in the middle */
    }
}

static void
mix(void)
{
    const struct einc_layout *const outs[2] = {&chosen, &tokens};
    struct einc_plan *plan;
    struct einc_err *err;

    /* E and G are its outputs; S and V are read again: temporaries */
    if (einc_compile_outs(NULL, route, 2,
                          (struct einc_layout[]){tokens, router}, 2, outs,
                          NULL, &plan, &err)
        || einc_run_outs(plan, (const void *[]){x, r}, (void *[]){e, g}, NULL,
                         &err)
        || einc_einsum(NULL, apply, 4,
                       (struct einc_layout[]){tokens, experts, chosen, tokens},
                       (const void *[]){g, w, e, x}, &tokens, y, &err)
        || einc_einsum(NULL, count, 1, &chosen, (const void *[]){e}, &loads, n,
                       &err))
        fail(err);
    einc_plan_free(plan);
}

/* --- by loops ----------------------------------------------------------- */

static double
score(int t, int64_t k)
{
    return x[t][0] * r[k][0] + x[t][1] * r[k][1];
}

static void
check_token(int t)
{
    const double other = exp(score(t, e[t][1]) - score(t, e[t][0]));
    const double weight[Q] = {1 / (1 + other), other / (1 + other)};

    for (int k = 0; k < E; k++)
        wrong += k != e[t][0] && k != e[t][1]
                 && score(t, k) > score(t, e[t][1]) + 1e-9;
    for (int o = 0; o < O; o++) {
        double sum = 0;
        for (int q = 0; q < Q; q++)
            for (int i = 0; i < I; i++)
                sum += weight[q] * w[e[t][q]][o][i] * x[t][i];
        wrong += !(fabs(sum - y[t][o]) < 1e-9);
    }
}

int
main(void)
{
    double worst = 0;
    int64_t total = 0;

    make_experts();
    mix();
    puts("    x   experts  weights           y      sine");
    for (int t = 0; t < T; t++) {
        check_token(t);
        worst = fmax(worst, fmax(fabs(y[t][0] - sin(x[t][1])),
                                 fabs(y[t][1] - cos(x[t][1]))));
        if (t % 4 == 1)
            printf("%5.2f  %4d %3d  %.3f %.3f  %8.4f  %8.4f\n", x[t][1],
                   (int)e[t][0], (int)e[t][1], g[t][0], g[t][1], y[t][0],
                   sin(x[t][1]));
    }
    printf("tokens of each expert:");
    for (int k = 0; k < E; k++) {
        printf(" %d", (int)n[k]);
        total += n[k];
    }
    wrong += total != T * Q || !(worst < 0.1);
    printf("\nfurthest from sine and cosine: %.3f\n%s\n", worst,
           wrong ? "WRONG" : "as by plain loops");
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
