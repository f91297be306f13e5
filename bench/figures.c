/* SPDX-License-Identifier: MIT
 *
 * figures.c - the figures that einc states of itself, each beside its bar.
 * Every kernel is checked before it is timed; medians of alternating rounds.
 * Ratios of one run count; absolute times move with the machine.
 */
#include <einc.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { ROUNDS = 9, MOST = 4 };

static double
seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, compare_doubles);
    return x[n / 2];
}

static _Noreturn void
die(const char *what, struct einc_err *err)
{
    fprintf(stderr, "figures: %s: %s", what,
            err ? einc_err_text(err) : "failed\n");
    exit(1);
}

static void
row(const char *what, double got, const char *unit, const char *bar, int met)
{
    printf("%-46s %10.4g %-9s %-14s %s\n", what, got, unit, bar,
           met ? "met" : "MISSED");
}

/* --- the machine -------------------------------------------------------- */

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float vector __attribute__((vector_size(4 * LANES)));

/* FMA rate of one thread: twelve independent chains, each in a register of
 * its own. flop/s. */
static double
fma_peak(void)
{
    enum { CHAINS = 12, TURNS = 2000000 };
    vector x = {0}, y = {0};
    x += 0.999f;
    y += 0.001f;
    /* different from the start, or the compiler makes one of them */
    vector a = y, b = a + y, c = b + y, d = c + y, e = d + y, f = e + y;
    vector g = f + y, h = g + y, i = h + y, j = i + y, k = j + y, l = k + y;
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int t = 0; t < TURNS; t++) {
        a = a * x + y, b = b * x + y, c = c * x + y, d = d * x + y;
        e = e * x + y, f = f * x + y, g = g * x + y, h = h * x + y;
        i = i * x + y, j = j * x + y, k = k * x + y, l = l * x + y;
        __asm__ volatile(""); /* the loop stays a loop */
    }
    double spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    vector all = a + b + c + d + e + f + g + h + i + j + k + l;
    volatile float keep = all[0];
    (void)keep;
    return 2.0 * LANES * CHAINS * TURNS / spent;
}

/* --- one expression ----------------------------------------------------- */

struct subject {
    struct einc_plan *plan;
    void *in[MOST];
    void *out;
    int n_in;
};

static int64_t
elements(const struct einc_layout *l)
{
    int64_t n = 1;
    for (int d = 0; d < l->ndim; d++)
        n *= l->shape[d];
    return n;
}

static float *
small_integers(int64_t n, int seed)
{
    float *x = aligned_alloc(64, ((size_t)n * sizeof *x + 63) / 64 * 64);
    if (!x)
        die("malloc", NULL);
    for (int64_t j = 0; j < n; j++)
        x[j] = (float)((7 * j + seed) % 5 - 2);
    return x;
}

static struct subject
prepare(struct einc_ctx *ctx, const char *expr, int n_in,
        const struct einc_layout *in, enum einc_tier tier)
{
    struct subject s = {.n_in = n_in};
    struct einc_err *err;
    struct einc_options o = {.size = sizeof o, .tier = tier};
    struct einc_layout out;
    if (einc_compile(ctx, expr, (size_t)n_in, in, NULL, &o, &s.plan, &err))
        die(expr, err);
    for (int x = 0; x < n_in; x++)
        s.in[x] = small_integers(elements(&in[x]), x);
    einc_plan_layout(s.plan, &out);
    s.out = small_integers(elements(&out), 0);
    return s;
}

static void
release(struct subject *s)
{
    for (int x = 0; x < s->n_in; x++)
        free(s->in[x]);
    free(s->out);
    einc_plan_free(s->plan);
}

static void
run(const struct subject *s, int threads)
{
    struct einc_run_options o = {.size = sizeof o, .threads = threads};
    struct einc_err *err;
    if (einc_run(s->plan, (const void *const *)s->in, s->out, &o, &err))
        die("run", err);
}

/* Bit-equal on small integers, against the oracle. */
static void
check(const struct subject *s)
{
    struct einc_layout out;
    einc_plan_layout(s->plan, &out);
    size_t bytes = (size_t)elements(&out) * sizeof(float);
    float *want = malloc(bytes + 1);
    if (!want ||
        einc_reference(s->plan, (const void *const *)s->in, want, NULL, NULL))
        die("reference", NULL);
    run(s, 0);
    if (memcmp(want, s->out, bytes) != 0)
        die("a kernel is wrong", NULL);
    free(want);
}

/* --- the figures -------------------------------------------------------- */

/* Some elements of an n x n product, bit-equal on small integers: the oracle
 * would take minutes for all of them. */
static void
check_product(const struct subject *s, int64_t n)
{
    const float *a = s->in[0], *b = s->in[1], *c = s->out;
    run(s, 0);
    for (int64_t at = 0; at < n * n; at += n * n / 200 + 1) {
        float want = 0;
        for (int64_t k = 0; k < n; k++)
            want += a[at / n * n + k] * b[k * n + at % n];
        if (want != c[at])
            die("a kernel is wrong", NULL);
    }
}

static void
figure_gemm(struct einc_ctx *ctx, int64_t n)
{
    int64_t shape[2] = {n, n};
    struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 2, shape),
                                EINC_LAYOUT(EINC_F32, 2, shape)};
    struct subject s = prepare(ctx, "ij,jk->ik", 2, in, EINC_TIER_CC);
    double ratio[ROUNDS], rate[ROUNDS];
    check_product(&s, n);
    for (int r = 0; r < ROUNDS; r++) {
        double peak = fma_peak();
        double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
        run(&s, 1);
        double spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
        rate[r] = 2.0 * (double)(n * n * n) / spent;
        ratio[r] = rate[r] / peak;
    }
    char what[64];
    double lo = ratio[0], hi = ratio[0];
    for (int r = 1; r < ROUNDS; r++) {
        lo = ratio[r] < lo ? ratio[r] : lo;
        hi = ratio[r] > hi ? ratio[r] : hi;
    }
    snprintf(what, sizeof what, "f32 GEMM %lld, 1 thread, of FMA peak",
             (long long)n);
    double mid = median(ratio, ROUNDS);
    row(what, mid, "", ">= 0.7", mid >= 0.7);
    printf("%-46s %10.4g GFLOP/s   (ratio %.3f .. %.3f)\n", "",
           1e-9 * median(rate, ROUNDS), lo, hi);
    release(&s);
}

static void
figure_small_call(struct einc_ctx *ctx, enum einc_tier tier)
{
    enum { CALLS = 200000 };
    int64_t shape[2] = {3, 3};
    struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 2, shape),
                                EINC_LAYOUT(EINC_F32, 2, shape)};
    struct subject s = prepare(ctx, "ij,jk->ik", 2, in, tier);
    double ns[ROUNDS];
    check(&s);
    for (int r = 0; r < ROUNDS; r++) {
        double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
        for (int c = 0; c < CALLS; c++)
            einc_run(s.plan, (const void *const *)s.in, s.out, NULL, NULL);
        ns[r] = 1e9 * (seconds(CLOCK_PROCESS_CPUTIME_ID) - start) / CALLS;
    }
    double mid = median(ns, ROUNDS);
    row(tier == EINC_TIER_CC ? "planned 3x3 product, compiled"
                             : "planned 3x3 product, interpreted",
        mid, "ns", "<= 200", mid <= 200);
    release(&s);
}

static void
figure_plan(struct einc_ctx *ctx)
{
    enum { CALLS = 5000 };
    int64_t a[3] = {8, 64, 128}, b[3] = {8, 128, 64};
    struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 3, a),
                                EINC_LAYOUT(EINC_F32, 3, b)};
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP};
    double us[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
        for (int c = 0; c < CALLS; c++) {
            struct einc_plan *plan;
            if (einc_compile(ctx, "bij,bjk->bik", 2, in, NULL, &o, &plan,
                             NULL))
                die("compile", NULL);
            einc_plan_free(plan);
        }
        us[r] = 1e6 * (seconds(CLOCK_PROCESS_CPUTIME_ID) - start) / CALLS;
    }
    double mid = median(us, ROUNDS);
    row("parse + plan of 2 operands", mid, "us", "<= 10", mid <= 10);
}

/* From text to a callable kernel, nothing cached, wall time. */
static void
figure_cold(void)
{
    int64_t shape[2] = {256, 256};
    struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 2, shape),
                                EINC_LAYOUT(EINC_F32, 2, shape)};
    double ms[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        struct einc_config config = {.size = sizeof config, .cache_dir = ""};
        struct einc_ctx *ctx;
        if (einc_ctx_create(&config, &ctx, NULL))
            die("context", NULL);
        double start = seconds(CLOCK_MONOTONIC);
        struct subject s = prepare(ctx, "ij,jk->ik", 2, in, EINC_TIER_CC);
        ms[r] = 1e3 * (seconds(CLOCK_MONOTONIC) - start);
        release(&s);
        einc_ctx_free(ctx);
    }
    double mid = median(ms, ROUNDS);
    row("cold cc kernel (GETT), wall", mid, "ms", "<= 200", mid <= 200);
}

/* Peak of case 1: inputs, output and workspace, as the plan states it. */
static void
figure_peak_bytes(struct einc_ctx *ctx)
{
    int64_t a[3] = {8, 2048, 64}, b[3] = {2048, 2048, 64};
    struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 3, a),
                                EINC_LAYOUT(EINC_F32, 3, b)};
    struct subject s =
        prepare(ctx, "bld,lrd->blr", 2, in, EINC_TIER_CC);
    size_t bytes;
    einc_plan_workspace(s.plan, &bytes, NULL);
    row("bld,lrd->blr 8,2048,2048,64: workspace",
        (double)bytes / 1048576, "MiB", "<= 16", bytes <= 16 << 20);
    double start = seconds(CLOCK_MONOTONIC);
    run(&s, 0);
    run(&s, 0);
    printf("%-46s %10.4g ms a call, all threads\n", "",
           500 * (seconds(CLOCK_MONOTONIC) - start));
    release(&s);
}

/* --- the command, whole process ----------------------------------------- */

static double
spawn_ms(const char *const argv[])
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    int status;
    double start = seconds(CLOCK_MONOTONIC);
    if (posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)argv,
                    environ))
        die(argv[0], NULL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    posix_spawn_file_actions_destroy(&actions);
    if (status)
        die("einc run", NULL);
    return 1e3 * (seconds(CLOCK_MONOTONIC) - start);
}

static void
write_npy(const char *path, int rows, int columns)
{
    unsigned char head[128];
    char text[118];
    int n = snprintf(text, sizeof text,
                     "{'descr': '<f4', 'fortran_order': False, "
                     "'shape': (%d, %d), }", rows, columns);
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(head + 10, text, (size_t)n);
    head[127] = '\n';
    FILE *f = fopen(path, "wb");
    float *x = small_integers(rows * columns, rows);
    if (!f || fwrite(head, 1, sizeof head, f) != sizeof head ||
        fwrite(x, sizeof *x, (size_t)(rows * columns), f) !=
            (size_t)(rows * columns) ||
        fclose(f))
        die(path, NULL);
    free(x);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void
figure_command(const char *einc)
{
    char folder[] = "/tmp/einc-figures-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder))
        die("mkdtemp", NULL);
    setenv("EINC_CACHE_DIR", folder, 1);
    write_npy("a.npy", 128, 96);
    write_npy("b.npy", 96, 64);
    write_npy("c.npy", 64, 32);
    const char *const argv[] = {einc,    "run",   "ij,jk,kl->il", "a.npy",
                                "b.npy", "c.npy", "--tier",       "cc",
                                NULL};
    double ms[ROUNDS];
    spawn_ms(argv);
    for (int r = 0; r < ROUNDS; r++)
        ms[r] = spawn_ms(argv);
    double mid = median(ms, ROUNDS);
    row("einc run, 3 operands, warm cache, process", mid, "ms", "<= 10",
        mid <= 10);
    if (chdir("/") == 0)
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
print_machine(void)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    time_t now = time(NULL);
    strftime(line, sizeof line, "%Y-%m-%d", gmtime(&now));
    printf("einc %s, %s, %ld processors", einc_version(), line,
           sysconf(_SC_NPROCESSORS_ONLN));
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "model name", 10) == 0) {
            printf(",%s", strchr(line, ':') + 1);
            break;
        }
    if (f)
        fclose(f);
    printf("f32 FMA peak, one thread, of this run: %.1f GFLOP/s\n\n",
           1e-9 * fma_peak());
}

int
main(int argc, char **argv)
{
    char *einc = argc > 1 ? realpath(argv[1], NULL) : NULL;
    struct einc_ctx *ctx;
    struct einc_config config = {.size = sizeof config, .cache_dir = ""};
    if (einc_ctx_create(&config, &ctx, NULL))
        die("context", NULL);
    print_machine();
    figure_small_call(ctx, EINC_TIER_INTERP);
    figure_small_call(ctx, EINC_TIER_CC);
    figure_plan(ctx);
    figure_gemm(ctx, 512);
    figure_gemm(ctx, 1024);
    figure_gemm(ctx, 2048);
    figure_peak_bytes(ctx);
    figure_cold();
    einc_ctx_free(ctx);
    if (einc)
        figure_command(einc);
    return 0;
}
