/* SPDX-License-Identifier: MIT
 *
 * cuda.c - the CUDA that einc writes, without and with a GPU. Every kernel
 * runs on the CPU, as C++, thread by thread; NVRTC makes cubins of it for two
 * architectures; where there is a device it runs there, too. Results equal
 * einc_reference() bit for bit: numbers are small integers. What cannot be
 * done on this machine is said and not counted.
 */
#include <unistd.h>

#include "ctx.h"
#include "devices.h"

enum { MAX_IN = 8, MAX_DIMS = 8, MAX_TEXT = 1 << 22, MAX_SLOTS = 128,
       CPU_THREADS = 7, GPU_THREADS = 64 };

/* --- what is computed ----------------------------------------------------- */

static const struct row {
    const char *expr, *in, *out, *symbolic;
} rows[] = {
    {"ij,jk->ik", "f32:5x6 f32:6x7", NULL, NULL},
    {"ij,jk->ik", "f64:5x6 f64:6x7", NULL, NULL},
    {"ij,jk->ik", "f16:5x6 f16:6x7", NULL, NULL},
    {"ij,jk->ik", "bf16:5x6 bf16:6x7", NULL, NULL},
    {"ij,jk->ik", "c64:5x6 c64:6x7", NULL, NULL},
    {"ij,jk->ik", "c128:5x6 c128:6x7", NULL, NULL},
    {"ij,jk->ik", "bool:5x6 bool:6x7", NULL, NULL},
    {"ij,jk->ik", "i8:5x6 i8:6x7", NULL, NULL},
    {"ij,jk->ik", "u8:5x6 u8:6x7", NULL, NULL},
    {"ij,jk->ik", "i16:5x6 i16:6x7", NULL, NULL},
    {"ij,jk->ik", "u16:5x6 u16:6x7", NULL, NULL},
    {"ij,jk->ik", "i32:5x6 i32:6x7", NULL, NULL},
    {"ij,jk->ik", "u32:5x6 u32:6x7", NULL, NULL},
    {"ij,jk->ik", "i64:5x6 i64:6x7", NULL, NULL},
    {"ij,jk->ik", "u64:5x6 u64:6x7", NULL, NULL},
    {"ij,jk->ik", "f16:5x6 f64:6x7", NULL, NULL},
    {"ij,jk->ik", "bool:5x6 c64:6x7", NULL, NULL},
    {"ij,jk->ik", "i8:5x6 i8:6x7", "i32:5x7", NULL},
    {"ij,jk->ik", "f32:5x6 f32:6x7", "f64:5x7", NULL},
    {"ij,jk->ik", "f32:5x6 f32:6x7", "f32:5x7@1:9", NULL},
    {"ij,jk->ik", "f32:5x6@6:-1 f32:6x7@0:1", NULL, NULL},
    {"bij,bjk->bki", "f32:3x4x5 f32:3x5x6", NULL, NULL},
    {"ijkl,klmn->ijmn", "i32:2x3x4x2 i32:4x2x3x2", NULL, NULL},
    {"ij,j->i", "f64:20x30 f64:30", NULL, NULL},
    {"ij->ji", "u16:9x11", NULL, NULL},
    {"ijk->jki", "c64:3x4x5", NULL, NULL},
    {"ij->", "f32:9x11", NULL, NULL},
    {"ij->j", "i8:9x11", NULL, NULL},
    {"i,i->", "bf16:100 f32:100", NULL, NULL},
    {"i,j->ij", "c64:5 f64:6", NULL, NULL},
    {"i,j,k->kji", "bool:4 i16:5 u8:6", NULL, NULL},
    {"i,i,i,i->i", "f16:9 f16:9 f16:9 f16:9", NULL, NULL},
    {"ii->i", "f32:8x8", NULL, NULL},
    {"iij,ij->j", "f64:4x4x5 f64:4x5", NULL, NULL},
    {"ij,ij->ij", "i64:9x1 f32:1x11", NULL, NULL},
    {"...,...->...", "u32:4x1 u8:5", NULL, NULL},
    {"", "f32", NULL, NULL},
    {",", "i8 i8", NULL, NULL},
    {"ij->i", "f32:3x0", NULL, NULL},
    {"ij,jk->ik", "f32:0x4 f32:4x3", NULL, NULL},
    {"ij->", "f32:5x6@0:0", NULL, NULL},
    {"ij,jk,kl->il", "f32:5x6 f32:6x7 f32:7x8", NULL, NULL},
    {"ij,jk,kl->li", "f16:5x6 f16:6x7 f16:7x8", NULL, NULL},
    {"ij,jk,kl,lm->im", "c128:3x4 f32:4x5 c64:5x6 i32:6x3", NULL, NULL},
    {"ij,i,j->", "i32:9x11 i32:9 i32:11", NULL, NULL},
    {"{row}{col},{col}{out}->{row}{out}", "f32:5x6 f32:6x7", NULL, NULL},
    {"\xce\xb1\xce\xb2,\xce\xb2->\xce\xb1", "f32:5x6 f32:6", NULL, NULL},
    {"ij,jk->ik", "f32:5x6 f32:6x7", NULL, "*"},
    {"ij,jk->ik", "bf16:5x6 i8:6x7", NULL, "i"},
    {"bij,bjk->bik", "f64:3x4x5 f64:3x5x6", NULL, "b,j"},
    {"ij,jk,kl->il", "i32:5x6 i32:6x7 i32:7x8", NULL, "*"},
    {"ii->i", "f32:8x8", NULL, "*"},
    {"ij->", "u8:9x11", NULL, "*"},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

struct array {
    struct einc_layout layout;
    int64_t shape[MAX_DIMS], stride[MAX_DIMS];
    int64_t before, bytes;  /* of element (0, ...), of everything */
    char *data;
};

struct job {
    const struct row *row;
    struct array in[MAX_IN], out;
    size_t n_in;
    struct einc_plan *plan;
    char *text;             /* the CUDA */
    size_t text_bytes;
    char name[16];          /* of its function: "k7" */
    char *want;             /* out as it should be, gaps and all */
};

/* --- tensors -------------------------------------------------------------- */

/* Element i gets a number from -2 to 2, without a sign where there is none. */
static void
put_small(enum einc_dtype dtype, char *data, int64_t i)
{
    static const uint16_t half[] = {0xc000, 0xbc00, 0, 0x3c00, 0x4000};
    static const uint16_t brain[] = {0xc000, 0xbf80, 0, 0x3f80, 0x4000};
    int at = (int)(i * 7 % 5), v = at - 2;
    const struct dtype_info *info = einc_dtype_info(dtype);
    const float f[2] = {(float)v, (float)(i % 3 - 1)};
    const double d[2] = {v, (double)(i % 3 - 1)};
    const int64_t wide = info->kind == KIND_INT    ? v
                         : info->kind == KIND_UINT ? at
                                                   : at % 2;
    const void *from = dtype == EINC_F16                         ? &half[at]
                       : dtype == EINC_BF16                      ? &brain[at]
                       : dtype == EINC_F32 || dtype == EINC_C64  ? (void *)f
                       : dtype == EINC_F64 || dtype == EINC_C128 ? (void *)d
                                                                 : &wide;
    memcpy(data + i * info->bytes, from, (size_t)info->bytes);
}

static void
open_tensor(struct array *t)
{
    int64_t each = einc_dtype_info((enum einc_dtype)t->layout.dtype)->bytes;
    int64_t lo = 0, hi = 1, run = 1;
    for (int d = t->layout.ndim - 1; d >= 0; d--) {
        int64_t stride = t->layout.stride ? t->layout.stride[d] : run;
        int64_t reach = t->layout.shape[d] ? t->layout.shape[d] - 1 : 0;
        run *= t->layout.shape[d];
        lo += stride < 0 ? reach * stride : 0;
        hi += stride > 0 ? reach * stride : 0;
    }
    t->before = -lo * each;
    t->bytes = (hi - lo) * each;
    t->data = malloc((size_t)t->bytes);
    for (int64_t i = 0; i < hi - lo; i++)
        put_small((enum einc_dtype)t->layout.dtype, t->data, i);
}

static int32_t
read_numbers(const char **at, char between, int64_t *to)
{
    int32_t n = 0;
    for (char *end;; *at = end + 1) {
        to[n++] = strtoll(*at, &end, 10);
        if (*end != between) {
            *at = end;
            return n;
        }
    }
}

/* One word, "f32:2x3@3:1". */
static const char *
read_tensor(struct array *t, const char *at)
{
    char name[16];
    size_t n = strcspn(at, ": ");
    snprintf(name, sizeof name, "%.*s", (int)n, at);
    at += n;
    t->layout = (struct einc_layout){.size = sizeof t->layout,
                                     .dtype = (int32_t)einc_dtype_parse(name),
                                     .shape = t->shape};
    if (*at == ':' && at++)
        t->layout.ndim = read_numbers(&at, 'x', t->shape);
    if (*at == '@' && at++) {
        read_numbers(&at, ':', t->stride);
        t->layout.stride = t->stride;
    }
    return at + (*at == ' ');
}

/* --- jobs ----------------------------------------------------------------- */

static int
append(void *user, const char *bytes, size_t n)
{
    struct job *j = user;
    j->text = realloc(j->text, j->text_bytes + n + 1);
    memcpy(j->text + j->text_bytes, bytes, n);
    j->text_bytes += n;
    j->text[j->text_bytes] = '\0';
    return 0;
}

static int
open_job(struct job *j, int number)
{
    const struct row *r = j->row = &rows[number];
    struct einc_layout layout[MAX_IN];
    const void *data[MAX_IN];
    const struct einc_options opts = {.size = sizeof opts,
                                      .tier = EINC_TIER_INTERP,
                                      .symbolic = r->symbolic};
    snprintf(j->name, sizeof j->name, "k%d", number);
    for (const char *at = r->in; *at; j->n_in++) {
        at = read_tensor(&j->in[j->n_in], at);
        open_tensor(&j->in[j->n_in]);
        layout[j->n_in] = j->in[j->n_in].layout;
        data[j->n_in] = j->in[j->n_in].data + j->in[j->n_in].before;
    }
    if (r->out)
        read_tensor(&j->out, r->out);
    struct einc_err *err = NULL;
    const struct einc_emit_options emit = {
        .size = sizeof emit, .target = "cuda", .name = j->name};
    int failed = einc_compile(NULL, r->expr, j->n_in, layout,
                              r->out ? &j->out.layout : NULL, &opts, &j->plan,
                              &err) ||
                 einc_emit(j->plan, &emit, append, j, &err);
    if (!failed) {
        einc_plan_layout(j->plan, &j->out.layout);
        open_tensor(&j->out);
        j->want = malloc((size_t)j->out.bytes);
        memset(j->want, 0x5a, (size_t)j->out.bytes);
        failed = einc_reference(j->plan, data, j->want + j->out.before, NULL,
                                &err) != EINC_OK;
    }
    if (failed)
        printf("%s %s: %s", r->expr, r->in, einc_err_text(err));
    einc_err_free(err);
    return !failed;
}

static void
close_job(struct job *j)
{
    for (size_t o = 0; o < j->n_in; o++)
        free(j->in[o].data);
    free(j->out.data);
    free(j->want);
    free(j->text);
    einc_plan_free(j->plan);
}

/* Extents and strides that step s takes, in order; returns its threads: one
 * for each element of its result. */
static int64_t
arguments(const struct job *j, int s, int64_t v[MAX_SLOTS], int *n_values)
{
    enum { ROOM = 1 << 20 };
    char *room = malloc(2 * ROOM);
    struct cx cx;
    struct arena perm = {room, room + ROOM, &cx};
    struct arena scratch = {room + ROOM, room + 2 * ROOM, &cx};
    if (setjmp(cx.boundary))
        abort();
    const struct nest *w =
        einc_nest_build(&perm, scratch, j->plan->plan, s,
                        einc_target_find(str_of("cuda")), NEST_LITERAL,
                        FAMILY_ANY);
    einc_nest_arguments(w, 1, v, v + w->n_extents);
    int64_t tasks = 1;
    for (int x = 0; x < w->first[LOOP_K]; x++)
        tasks *= w->idx[x].extent.value;
    *n_values = w->n_extents + w->n_strides;
    free(room);
    return tasks;
}

static void
step_name(const struct job *j, int s, char to[40])
{
    snprintf(to, 40, "%s_step%d", j->name, s + 1);
}

/* A plan may sum before it multiplies: 0 then gets another sign. */
static void
drop_signs_of_zero(enum einc_dtype dtype, char *p, int64_t bytes)
{
    int n = dtype == EINC_F16 || dtype == EINC_BF16   ? 2
            : dtype == EINC_F32 || dtype == EINC_C64  ? 4
            : dtype == EINC_F64 || dtype == EINC_C128 ? 8
                                                      : 0;
    static const unsigned char minus[3][8] = {
        {0, 0x80}, {0, 0, 0, 0x80}, {0, 0, 0, 0, 0, 0, 0, 0x80}};
    for (int64_t at = 0; n && at + n <= bytes; at += n)
        if (memcmp(p + at, minus[n / 4], (size_t)n) == 0)
            p[at + n - 1] = 0;
}

static int
is_right(const struct job *j, char *got, const char *where)
{
    enum einc_dtype dtype = (enum einc_dtype)j->out.layout.dtype;
    drop_signs_of_zero(dtype, got, j->out.bytes);
    drop_signs_of_zero(dtype, j->want, j->out.bytes);
    if (memcmp(got, j->want, (size_t)j->out.bytes) == 0)
        return 1;
    printf("%s %s: wrong on the %s\n", j->row->expr, j->row->in, where);
    return 0;
}

/* --- on the CPU ----------------------------------------------------------- */

/* All texts in one file, each in its own namespace. */
static void
write_program(FILE *f, const struct job *jobs)
{
    char name[40];
    fputs(prelude, f);
    for (int r = 0; r < N_ROWS; r++) {
        const struct job *j = &jobs[r];
        fprintf(f, "namespace n_%s {\n%s}\n", j->name, j->text);
        for (int s = 0; s < j->plan->plan->n_steps; s++) {
            step_name(j, s, name);
            fprintf(f, "extern \"C\" void\nlaunch_%s(void *const *p, const "
                       "int64_t *v, unsigned blocks, unsigned threads)\n"
                       "{\n    launch(n_%s::%s, p, v, blocks, threads);\n}\n",
                    name, j->name, name);
        }
    }
}

static void *
build_program(const struct job *jobs)
{
    char folder[] = "/tmp/einc-cuda-XXXXXX", line[400], source[80], made[80];
    if (!mkdtemp(folder))
        return NULL;
    snprintf(source, sizeof source, "%s/all.cpp", folder);
    snprintf(made, sizeof made, "%s/all.so", folder);
    FILE *f = fopen(source, "w");
    write_program(f, jobs);
    fclose(f);
    const char *cxx = getenv("CXX");
    snprintf(line, sizeof line,
             "%s -std=c++17 -O1 -Wall -Wextra -Werror -fsanitize=undefined "
             "-fsanitize-undefined-trap-on-error -shared -fPIC %s -o %s 2>&1",
             cxx ? cxx : "g++", source, made);
    void *program = system(line) == 0 ? dlopen(made, RTLD_NOW) : NULL;
    unlink(source);
    unlink(made);
    rmdir(folder);
    return program;
}

static int
run_on_cpu(const struct job *j, void *program)
{
    const struct plan *p = j->plan->plan;
    char *work = malloc((size_t)p->temporary_bytes + 1);
    char *out = malloc((size_t)j->out.bytes), name[40], symbol[60];
    memset(out, 0x5a, (size_t)j->out.bytes);
    memset(work, 0x5a, (size_t)p->temporary_bytes);
    int found = 1;
    for (int s = 0; s < p->n_steps; s++) {
        void *pointers[MAX_IN + 1];
        int64_t v[MAX_SLOTS];
        int n;
        for (int o = -1; o < p->steps[s].n_in; o++) {
            int t = o < 0 ? p->steps[s].out : p->steps[s].in[o];
            const struct plan_tensor *x = &p->tensors[t];
            pointers[o + 1] =
                x->home == HOME_INPUT
                    ? j->in[x->number].data + j->in[x->number].before
                : x->home == HOME_TEMP ? work + x->at_byte
                                       : out + j->out.before;
        }
        int64_t tasks = arguments(j, s, v, &n);
        step_name(j, s, name);
        snprintf(symbol, sizeof symbol, "launch_%s", name);
        void *address = dlsym(program, symbol);
        cpu_launch launch;
        memcpy(&launch, &address, sizeof launch);
        found &= address != NULL;
        if (address) /* some threads more than there are elements */
            launch(pointers, v, (unsigned)(tasks / CPU_THREADS) + 1,
                   CPU_THREADS);
    }
    int right = found && is_right(j, out, "CPU");
    free(work);
    free(out);
    return right;
}

/* --- through NVRTC -------------------------------------------------------- */

static int
contains(const char *bytes, size_t n, const char *word)
{
    size_t length = strlen(word) + 1;
    for (size_t b = 0; b + length <= n; b++)
        if (memcmp(bytes + b, word, length) == 0)
            return 1;
    return 0;
}

static int
makes_cubin(const struct job *j, const struct nvrtc *r, const char *arch)
{
    size_t n = 0;
    char *cubin = nvrtc_compile(r, j->text, arch, &n), name[40];
    int fine = cubin && n > 64 && memcmp(cubin, "\177ELF", 4) == 0;
    for (int s = 0; fine && s < j->plan->plan->n_steps; s++) {
        step_name(j, s, name);
        fine = contains(cubin, n, name);
    }
    if (!fine)
        printf("%s %s: no cubin for %s\n", j->row->expr, j->row->in, arch);
    free(cubin);
    return fine;
}

/* --- on a GPU ------------------------------------------------------------- */

/* Inputs, then intermediates, then the output. */
struct on_gpu {
    const struct driver *d;
    device_pointer in[MAX_IN], work, out;
    int failed;
};

static void
copy_in(struct on_gpu *g, device_pointer *to, const char *from, int64_t bytes)
{
    g->failed |= g->d->alloc(to, (size_t)bytes + 1);
    if (from && bytes)
        g->failed |= g->d->to_device(*to, from, (size_t)bytes);
}

static void
launch_step(struct on_gpu *g, const struct job *j, int s, void *module)
{
    const struct plan *p = j->plan->plan;
    device_pointer pointers[MAX_IN + 1];
    int64_t v[MAX_SLOTS];
    void *parameters[MAX_IN + 1 + MAX_SLOTS], *function = NULL;
    char name[40];
    int n, n_in = p->steps[s].n_in;
    int64_t tasks = arguments(j, s, v, &n);
    for (int o = -1; o < n_in; o++) {
        int t = o < 0 ? p->steps[s].out : p->steps[s].in[o];
        const struct plan_tensor *x = &p->tensors[t];
        pointers[o + 1] =
            x->home == HOME_INPUT
                ? g->in[x->number] +
                      (device_pointer)j->in[x->number].before
            : x->home == HOME_TEMP ? g->work + (device_pointer)x->at_byte
                                   : g->out + (device_pointer)j->out.before;
        parameters[o + 1] = &pointers[o + 1];
    }
    for (int k = 0; k < n; k++)
        parameters[n_in + 1 + k] = &v[k];
    step_name(j, s, name);
    g->failed |= g->d->function(&function, module, name);
    if (!g->failed)
        g->failed = g->d->launch(function,
                                 (unsigned)(tasks / GPU_THREADS) + 1, 1, 1,
                                 GPU_THREADS, 1, 1, 0, NULL, parameters, NULL);
}

static int
run_on_gpu(const struct job *j, const struct nvrtc *r, const struct driver *d)
{
    struct on_gpu g = {.d = d};
    size_t n = 0;
    char *cubin = nvrtc_compile(r, j->text, d->arch, &n);
    char *out = malloc((size_t)j->out.bytes);
    void *module = NULL;
    memset(out, 0x5a, (size_t)j->out.bytes);
    g.failed = !cubin || d->load(&module, cubin);
    for (size_t o = 0; o < j->n_in; o++)
        copy_in(&g, &g.in[o], j->in[o].data, j->in[o].bytes);
    copy_in(&g, &g.work, NULL, j->plan->plan->temporary_bytes);
    copy_in(&g, &g.out, out, j->out.bytes);
    for (int s = 0; s < j->plan->plan->n_steps && !g.failed; s++)
        launch_step(&g, j, s, module);
    g.failed |= d->synchronize();
    g.failed |= d->to_host(out, g.out, (size_t)j->out.bytes);
    if (g.failed)
        printf("%s %s: the device did not do\n", j->row->expr, j->row->in);
    int right = !g.failed && is_right(j, out, "GPU");
    for (size_t o = 0; o < j->n_in; o++)
        d->release(g.in[o]);
    d->release(g.work);
    d->release(g.out);
    if (module)
        d->unload(module);
    free(cubin);
    free(out);
    return right;
}

/* --- all of it ------------------------------------------------------------ */

int
main(void)
{
    static struct job jobs[N_ROWS];
    struct nvrtc r;
    struct driver d;
    char why[300] = "";
    int passed = 0, failed = 0;
    for (int n = 0; n < N_ROWS; n++)
        if (!open_job(&jobs[n], n))
            return 1;
    void *program = build_program(jobs);
    for (int n = 0; n < N_ROWS; n++)
        program && run_on_cpu(&jobs[n], program) ? passed++ : failed++;
    int with_nvrtc = nvrtc_open(&r, why);
    if (!with_nvrtc)
        printf("skipped: cubins of %d texts; NVRTC: %s\n", N_ROWS, why);
    for (int n = 0; with_nvrtc && n < N_ROWS; n++) {
        makes_cubin(&jobs[n], &r, "sm_80") ? passed++ : failed++;
        makes_cubin(&jobs[n], &r, "sm_90") ? passed++ : failed++;
    }
    int with_gpu = with_nvrtc && driver_open(&d, why);
    if (!with_gpu)
        printf("skipped: %d texts on a GPU; %s\n", N_ROWS, why);
    for (int n = 0; with_gpu && n < N_ROWS; n++)
        run_on_gpu(&jobs[n], &r, &d) ? passed++ : failed++;
    if (with_gpu)
        printf("ran on a GPU, %s\n", d.arch);
    for (int n = 0; n < N_ROWS; n++)
        close_job(&jobs[n]);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
