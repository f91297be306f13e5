/* SPDX-License-Identifier: MIT
 *
 * Unfold and fold: a picture cut into windows that overlap, and laid together
 * again.
 *
 *   unfold  U[r,s,h,w] = I[4*h+r,4*w+s]      windows of 8 x 8, every 4 points
 *   fold    I[4*h+r,4*w+s] += U[r,s,h,w]     each where it was, added
 *
 * What was in n windows comes back n times: fold(unfold(x)) = divisor * x,
 * where the divisor is the fold of ones. Between the two, windows may be
 * changed: here each becomes its mean, which makes a mosaic of the picture. A
 * left side with affine subscripts accumulates into what it is given: zeros.
 * Integers, exact.
 */
#include <stdio.h>
#include <stdlib.h>

#include <einc.h>

static const char unfold[] =
    "U[r,s,h,w] = I[4*h+r,4*w+s] where r in 0:8, s in 0:8";
static const char fold[] = "I[4*h+r,4*w+s] += U[r,s,h,w]";
static const char mean[] =
    "V[r,s,h,w] = mean[p,q](U[p,q,h,w]) where r in 0:8, s in 0:8";

enum { R = 8, STEP = 4, Y = 32, X = 64, H = (Y - R) / STEP + 1,
       W = (X - R) / STEP + 1 };

static const int64_t picture_shape[] = {Y, X}, windows_shape[] = {R, R, H, W};
static const struct einc_layout
    picture = EINC_LAYOUT(EINC_F32, 2, picture_shape),
    windows = EINC_LAYOUT(EINC_F32, 4, windows_shape);
static float windows_of[R][R][H][W];

static void
run(const char *text, const struct einc_layout *in, const void *data,
    const struct einc_layout *out, void *to)
{
    struct einc_err *err;

    if (einc_einsum(NULL, text, 1, in, &data, out, to, &err)) {
        fputs(einc_err_text(err), stderr);
        exit(EXIT_FAILURE);
    }
}

/* A ring and a bar. */
static void
draw(float x[Y][X])
{
    for (int i = 0; i < Y; i++)
        for (int j = 0; j < X; j++) {
            const int d = (i - 16) * (i - 16) + (j - 20) * (j - 20);
            const int bar = j > 44 && j < 54 && i > 4 && i < 28;
            x[i][j] = (d > 60 && d < 170) || bar ? 64 : 0;
        }
}

static void
show(float x[Y][X], float divisor[Y][X])
{
    for (int i = 1; i < Y; i += 2) {
        for (int j = 0; j < X; j++)
            putchar(" .:-=+*#%@"[(int)(x[i][j] / divisor[i][j] * 9 / 64)]);
        putchar('\n');
    }
}

int
main(void)
{
    static float x[Y][X], ones[Y][X], divisor[Y][X], back[Y][X];
    static float means[R][R][H][W], mosaic[Y][X];
    int exact = 1;

    draw(x);
    for (int i = 0; i < Y * X; i++)
        ones[i / X][i % X] = 1;
    run(unfold, &picture, ones, &windows, windows_of);
    run(fold, &windows, windows_of, &picture, divisor);
    run(unfold, &picture, x, &windows, windows_of);
    run(fold, &windows, windows_of, &picture, back);
    for (int i = 0; i < Y; i++)
        for (int j = 0; j < X; j++) {
            const int rows = i < STEP || i >= Y - STEP ? 1 : 2;
            const int columns = j < STEP || j >= X - STEP ? 1 : 2;
            exact &= divisor[i][j] == (float)(rows * columns);
            exact &= back[i][j] == divisor[i][j] * x[i][j];
        }
    for (int i = 0; i < R * R * H * W; i++) {
        const int r = i / (R * H * W), s = i / (H * W) % R;
        const int h = i / W % H, w = i % W;
        exact &= windows_of[r][s][h][w] == x[STEP * h + r][STEP * w + s];
    }
    printf("%d windows of %dx%d; fold(unfold(x)) = divisor * x: %s\n\n",
           H * W, R, R, exact ? "exact" : "WRONG");
    run(mean, &windows, windows_of, &windows, means);
    run(fold, &windows, means, &picture, mosaic);
    show(back, divisor);
    show(mosaic, divisor);
    return exact ? EXIT_SUCCESS : EXIT_FAILURE;
}
