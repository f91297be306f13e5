/* SPDX-License-Identifier: MIT
 *
 * Filters of a picture, each a convolution written as a statement.
 *
 *   blur    a binomial of 5 x 5 points
 *   sharp   the picture, and once more what the blur took away
 *   edges   the length of the gradient, by Sobel's two masks
 *   small   means of blocks, for the terminal
 *
 * `clamp` repeats the border outwards, so that no pixel is a special case.
 * main FOLDER draws a picture of its own and writes it and what became of it
 * into FOLDER as .ppm and .pgm, which picture viewers open; main FOLDER
 * FILE.ppm takes yours (P6, 8 bits). Every pixel is compared with plain loops.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <einc.h>

static const char blur[] =
    "O[y,x,c] = sum[r,s](P[clamp(y+r-2),clamp(x+s-2),c]*b[r]*b[s])"
    " where y in 0:dim(P,0), x in 0:dim(P,1)";
static const char sharp[] =
    "O[y,x,c] = minimum(255, maximum(0, 2*P[y,x,c]"
    " - sum[r,s](P[clamp(y+r-2),clamp(x+s-2),c]*b[r]*b[s])))";
static const char edges[] =
    "grey[y,x] = sum[c](P[y,x,c]*w[c]);"
    "O[y,x] = minimum(255, sqrt(sum[k](sum[r,s]("
    "grey[clamp(y+r-1),clamp(x+s-1)]*mask[k,r,s])^2)))"
    " where y in 0:dim(P,0), x in 0:dim(P,1)";
static const char small[] =
    "O[i,j] = mean[r,s](E[8*i+r,4*j+s]) where r in 0:8, s in 0:4";

static const float b[5] = {1 / 16.f, 4 / 16.f, 6 / 16.f, 4 / 16.f, 1 / 16.f};
static const float weight[3] = {0.25f, 0.625f, 0.125f}; /* red green blue */
static const float mask[2][3][3] = {{{-1, 0, 1}, {-2, 0, 2}, {-1, 0, 1}},
                                    {{-1, -2, -1}, {0, 0, 0}, {1, 2, 1}}};

struct picture {
    int64_t shape[3]; /* rows, columns, 1 or 3 */
    float *at;        /* 0 to 255 */
};

static int wrong;

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

static struct picture
blank(int64_t rows, int64_t columns, int64_t colours)
{
    struct picture p = {{rows, columns, colours}, NULL};

    p.at = calloc((size_t)(rows * columns * colours), sizeof(*p.at));
    if (!p.at)
        fail("out of memory");
    return p;
}

/* --- statements --------------------------------------------------------- */

/* A picture, or the vector of masks that goes with it. */
static struct einc_layout
layout(const struct picture *p)
{
    return (struct einc_layout)EINC_LAYOUT(EINC_F32, p->shape[2] > 1 ? 3 : 2,
                                           p->shape);
}

static struct picture
filter(const char *text, const struct picture *p, int64_t colours)
{
    static const int64_t five[] = {5}, three[] = {3}, masks[] = {2, 3, 3};
    const struct einc_layout by_b[2] = {layout(p),
                                        EINC_LAYOUT(EINC_F32, 1, five)};
    const struct einc_layout by_masks[3] = {layout(p),
                                            EINC_LAYOUT(EINC_F32, 1, three),
                                            EINC_LAYOUT(EINC_F32, 3, masks)};
    const int is_edges = text == edges;
    struct picture o = blank(p->shape[0], p->shape[1], colours);
    const struct einc_layout out = layout(&o);
    struct einc_err *err;

    if (einc_einsum(NULL, text, is_edges ? 3 : 2, is_edges ? by_masks : by_b,
                    is_edges ? (const void *[]){p->at, weight, mask}
                             : (const void *[]){p->at, b},
                    &out, o.at, &err))
        fail(einc_err_text(err));
    return o;
}

static struct picture
shrink(const struct picture *e)
{
    const struct einc_layout in = layout(e);
    struct picture o = blank(e->shape[0] / 8, e->shape[1] / 4, 1);
    const struct einc_layout out = layout(&o);
    struct einc_err *err;

    if (einc_einsum(NULL, small, 1, &in, (const void *[]){e->at}, &out, o.at,
                    &err))
        fail(einc_err_text(err));
    return o;
}

/* --- the same by plain loops -------------------------------------------- */

static float
pixel(const struct picture *p, int64_t y, int64_t x, int64_t c)
{
    y = y < 0 ? 0 : y >= p->shape[0] ? p->shape[0] - 1 : y;
    x = x < 0 ? 0 : x >= p->shape[1] ? p->shape[1] - 1 : x;
    return p->at[(y * p->shape[1] + x) * p->shape[2] + c];
}

static double
blurred(const struct picture *p, int64_t y, int64_t x, int64_t c)
{
    double sum = 0;

    for (int r = 0; r < 5; r++)
        for (int s = 0; s < 5; s++)
            sum += (double)pixel(p, y + r - 2, x + s - 2, c) * b[r] * b[s];
    return sum;
}

static double
sharpened(const struct picture *p, int64_t y, int64_t x, int64_t c)
{
    return fmin(255, fmax(0, 2 * pixel(p, y, x, c) - blurred(p, y, x, c)));
}

static double
edge(const struct picture *p, int64_t y, int64_t x, int64_t c)
{
    double length = 0;

    for (int k = 0; k < 2; k++) {
        double sum = 0;
        for (int r = 0; r < 3; r++)
            for (int s = 0; s < 3; s++)
                for (c = 0; c < 3; c++)
                    sum += (double)pixel(p, y + r - 1, x + s - 1, c)
                           * weight[c] * mask[k][r][s];
        length += sum * sum;
    }
    return fmin(255, sqrt(length));
}

static void
compare(const char *name, const struct picture *p, const struct picture *o,
        double (*want)(const struct picture *, int64_t, int64_t, int64_t))
{
    double worst = 0;

    for (int64_t y = 0; y < o->shape[0]; y++)
        for (int64_t x = 0; x < o->shape[1]; x++)
            for (int64_t c = 0; c < o->shape[2]; c++)
                worst = fmax(worst, fabs(pixel(o, y, x, c)
                                         - want(p, y, x, c)));
    wrong += !(worst < 1e-3);
    printf("%-6s %s\n", name, worst < 1e-3 ? "as by plain loops" : "WRONG");
}

/* --- pictures ----------------------------------------------------------- */

/* Hills under a sky with a sun, and a floor of tiles: sharp edges, slopes.
 * Integers only, so that it is the same everywhere. */
static void
paint(int y, int x, float rgb[3])
{
    const int wave = abs(x % 120 - 60), hill = 70 + wave * wave / 90;
    const int dx = x - 190, dy = y - 36;

    if (dx * dx + dy * dy < 24 * 24) { /* sun */
        rgb[0] = 255, rgb[1] = 225, rgb[2] = 90;
    } else if (y > 128) {              /* tiles, wider towards us */
        const int tile = (x - 128) * 40 / (y - 96) + 1024;
        const int dark = (tile / 20 + (y - 128) * (y - 128) / 700) % 2;
        rgb[0] = dark ? 70 : 220, rgb[1] = dark ? 60 : 205;
        rgb[2] = dark ? 60 : 180;
    } else if (y > hill) {
        rgb[0] = (float)(40 + (y - hill)), rgb[1] = (float)(120 + wave);
        rgb[2] = 60;
    } else {
        rgb[0] = (float)(90 + y / 2), rgb[1] = (float)(150 + y / 2);
        rgb[2] = 235;
    }
}

static struct picture
draw(void)
{
    struct picture p = blank(192, 256, 3);

    for (int y = 0; y < 192; y++)
        for (int x = 0; x < 256; x++)
            paint(y, x, &p.at[(y * 256 + x) * 3]);
    return p;
}

static void
write_picture(const char *folder, const char *name, const struct picture *p)
{
    const int64_t n = p->shape[0] * p->shape[1] * p->shape[2];
    char path[1000];

    snprintf(path, sizeof(path), "%s/%s.%s", folder, name,
             p->shape[2] == 3 ? "ppm" : "pgm");
    FILE *f = fopen(path, "wb");
    if (!f)
        fail(path);
    fprintf(f, "P%d\n%d %d\n255\n", p->shape[2] == 3 ? 6 : 5,
            (int)p->shape[1], (int)p->shape[0]);
    for (int64_t i = 0; i < n; i++)
        putc((int)lrintf(p->at[i]), f);
    if (fclose(f))
        fail(path);
}

static struct picture
read_picture(const char *path)
{
    FILE *f = fopen(path, "rb");
    int columns, rows;

    if (!f || fscanf(f, "P6 %d %d 255", &columns, &rows) != 2
        || getc(f) == EOF || columns < 1 || rows < 1)
        fail(path);
    struct picture p = blank(rows, columns, 3);
    for (int64_t i = 0; i < 3 * p.shape[0] * p.shape[1]; i++)
        p.at[i] = (float)getc(f);
    if (ferror(f) || feof(f))
        fail(path);
    fclose(f);
    return p;
}

static void
show(const struct picture *p)
{
    for (int64_t y = 0; y < p->shape[0]; y++) {
        for (int64_t x = 0; x < p->shape[1]; x++) {
            const int shade = (int)(pixel(p, y, x, 0) / 20);
            putchar(" .:-=+*#%@"[shade < 9 ? shade : 9]);
        }
        putchar('\n');
    }
}

int
main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    const struct picture p = argc > 2 ? read_picture(argv[2]) : draw();
    const struct picture soft = filter(blur, &p, 3),
                         hard = filter(sharp, &p, 3),
                         lines = filter(edges, &p, 1), tiny = shrink(&lines);

    write_picture(folder, "picture", &p);
    write_picture(folder, "blur", &soft);
    write_picture(folder, "sharp", &hard);
    write_picture(folder, "edges", &lines);
    compare("blur", &p, &soft, blurred);
    compare("sharp", &p, &hard, sharpened);
    compare("edges", &p, &lines, edge);
    show(&tiny);
    free(p.at), free(soft.at), free(hard.at), free(lines.at), free(tiny.at);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
