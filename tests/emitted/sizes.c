/* SPDX-License-Identifier: MIT
 *
 * sizes.c - functions of index statements that take sizes as arguments: one
 * file is called with many sizes, with each set of instructions, and held
 * against the oracle, which is given the sizes. Every tensor ends where memory
 * ends, or begins where it begins.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arrays.h"

enum { SIZES = 8 };

/* Shapes are letters for the sizes, in the order of the arguments, or numbers:
 * "f32:ad". */
struct row {
    const char *expr;
    const char *in;       /* "f32:a,3 i64:b%9" */
    const char *out;      /* shapes of the outputs */
    const char *calls;    /* sizes: "33,3 1,1 0,5" */
    const char *refused;  /* sizes that the function is not made for */
};

#define EDGES " 0,0,0,0 1,1,1,1 0,3,5,2 5,0,7,3 4,3,0,2 6,2,5,0"

static const struct row rows[] = {
    {"kernel gauss(X[n,d]:f32, Y[m,d]:f32, B[m,e]:f32) -> (O[n,e]:f32):"
     "O[i,k] = sum[j](exp(-sum[l]((X[i,l]-Y[j,l])^2))*B[j,k])",
     "f32:a,b f32:c,b f32:c,d", "a,d",
     "33,3,41,2 7,1,9,1 64,17,30,9 1,40,1,20 31,5,2,33 16,16,16,16" EDGES,
     "-1,3,4,5 4,3,4,-9223372036854775807 2147483647,2,3,4"},
    {"S[i,j] = sum[d](Q[i,d]*K[j,d])/sqrt(size(d));"
     "P[i,j] = softmax[j](S[i,j]); O[i,e] = P[i,j]*V[j,e]",
     "f32:a,b f32:c,b f32:c,d", "a,d",
     "5,8,23,19 1,1,1,1 16,40,33,17 33,7,2,3 3,64,18,64 2,5,0,3 0,4,4,4", ""},
    {"O[i,e] = sum[j](softmax[j](sum[d](Q[i,d]*K[j,d]) if j <= i)*V[j,e])",
     "f64:a,b f64:c,b f64:c,d", "a,d",
     "19,8,19,5 40,3,33,17 3,9,50,2 1,1,1,1 0,4,3,2", ""},
    {"P[i,q] = argkmin[j->q:3](sum[d]((X[i,d]-Y[j,d])^2))",
     "f32:a,b f32:c,b", "a,3", "9,3,31 40,2,5 17,20,2 1,1,1 0,3,4 5,2,0", ""},
    {"m[i] = mean[j](X[i,j]); s[i] = mean[j]((X[i,j]-m[i])^2);"
     "Y[i,j] = (X[i,j]-m[i])*rsqrt(s[i]+1e-5)*g[j]+b[j]",
     "f32:a,b f32:b f32:b", "a,b", "7,37 1,1 40,16 3,1000 5,3 0,8", ""},
    {"C[i,j] = sum[d](X[i,d]*Y[j,d])/(sqrt(sum[d](X[i,d]^2))*"
     "sqrt(sum[d](Y[j,d]^2)))", "f32:a,b f32:c,b", "a,c",
     "50,16,40 3,7,5 1,1,1 17,100,2 0,2,3", ""},
    {"y[i] = relu(x[i])*alpha + i", "f32:a f32:", "a", "0 1 2 15 16 17 1000",
     "-1 -2147483648"},
    {"C[i,k] = sum[j](A[i,j]*B[j,k] if M[i,j] > 0)",
     "f32:a,b f32:b,c i32:a,b%2", "a,c", "13,17,9 1,1,1 32,3,40 5,8,64 3,0,3",
     ""},
    {"s[i] = sum[j](A[i,j]); p[i] = prod[j](A[i,j] % 3 + 1)", "i32:a,b",
     "a a", "9,8 1,1 40,3 3,100 5,0", ""},
    {"z[i] = sum[j](a[i,j]*conj(b[j]))", "c64:a,b c64:b", "a",
     "9,14 1,1 33,2 2,70", ""},
    {"kernel get(E[v,d]:f16, K[n]:i64) -> (Y[n,d]:f32):"
     "Y[i,c] = f32(E[K[i],c])*2 + v", "f16:a,b i64:c%5", "c,b",
     "5,3,20 9,40,33 6,1,1 0,3,0 5,0,4", "0,3,1"},
    {"kernel c(X[n]:f32, W[k]:f32) -> (Y[n]:f32):"
     "Y[t] = sum[r](X[clamp(t+r-1)]*W[r])", "f32:a f32:b", "a",
     "33,3 1,1 16,9 1,40 7,0 0,3", ""},
    {"kernel c(X[n,c]:f32, W[3,c]:f32) -> (Y[n]:f32):"
     "Y[t] = sum[r,c](X[pad(t+r-1,1),c]*W[r,c]) + X[wrap(t-5),0]"
     "- X[reflect(t+40),0]", "f32:a,b f32:3,b", "a",
     "33,3 1,1 16,9 2,40 7,2 47,16 0,3", "5,0"},
    {"kernel e(X[n,k]:f32) -> (Z[n]:f32): Z[i] = X[i,0] - X[i,2] + k",
     "f32:a,b", "a", "9,3 40,17 1,3 0,2", "3,2 1,0"},
    {"m[i] = max[j](A[i,j]); p[i] = argmax[j](A[i,j])", "i32:a,b", "a a",
     "9,5 33,40 1,1", "3,0"},
};

static int passed, failed;

static void
verdict(int right, const struct row *r, const char *what)
{
    passed += right;
    failed += !right;
    if (!right)
        printf("FAIL %s: %s\n", r->expr, what);
}

/* --- tensors at the end of memory ----------------------------------------- */

struct guarded {
    char *base, *data;
    size_t bytes;
};

static struct guarded
take_pages(size_t bytes, int at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inner = (bytes + page) / page * page;
    struct guarded g = {.bytes = inner + 2 * page};
    g.base = mmap(NULL, g.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                  0);
    if (g.base == MAP_FAILED ||
        mprotect(g.base + page, inner, PROT_READ | PROT_WRITE))
        abort();
    g.data = g.base + page + (at_end ? inner - bytes : 0);
    return g;
}

/* A shape of letters and numbers, up to a blank or a percent sign. */
static const char *
read_shape(struct array *a, const char *s, const int64_t *sizes)
{
    while (*s && *s != ' ' && *s != '%') {
        int64_t n = *s >= 'a' ? sizes[*s - 'a'] : strtol(s, NULL, 10);
        a->shape[a->layout.ndim++] = n;
        s += strcspn(s, ", %");
        s += *s == ',';
    }
    return s;
}

static const char *
read_open(struct array *a, const char *s, const int64_t *sizes)
{
    char name[8] = "";
    size_t n = strcspn(s, ":");
    *a = (struct array){.data = NULL};
    memcpy(name, s, n);
    a->layout.dtype = (int32_t)einc_dtype_parse(name);
    s = read_shape(a, s + n + 1, sizes);
    int64_t below = *s == '%' ? strtol(s + 1, (char **)(uintptr_t)&s, 10) : 0;
    allocate(a);
    fill(a, below);
    return s + strspn(s, " ");
}

/* --- one row ---------------------------------------------------------------- */

typedef int function(void **out, const void **in, const int64_t *n);

struct made {
    const struct row *row;
    struct array in[MOST], out[MOST], want[MOST];
    double *bound[MOST];
    int n_in, n_out, n_sizes;
};

static int
write_file(void *user, const char *bytes, size_t n)
{
    return fwrite(bytes, 1, n, user) != n;
}

static void
read_tensors(struct made *m, const struct row *r, const int64_t *sizes)
{
    *m = (struct made){.row = r};
    for (const char *s = r->in; *s; m->n_in++) {
        s = read_open(&m->in[m->n_in], s, sizes);
        m->in[m->n_in].layout.shape = m->in[m->n_in].shape;
    }
    for (const char *s = r->out; *s; m->n_out++) {
        struct array *a = &m->out[m->n_out];
        s = read_shape(a, s, sizes);
        s += *s == ' ';
    }
}

static void
free_tensors(struct made *m)
{
    for (int i = 0; i < m->n_in; i++)
        free(m->in[i].data);
    for (int o = 0; o < m->n_out; o++) {
        free(m->out[o].data);
        free(m->want[o].data);
        free(m->bound[o]);
    }
}

/* NULL: refused, and *why says why. */
static struct einc_plan *
compile(struct made *m, const char *symbolic, struct einc_err **why)
{
    struct einc_layout in[MOST];
    const struct einc_layout *out[MOST] = {NULL};
    struct einc_plan *plan = NULL;
    struct einc_options o = {.size = sizeof o, .flags = EINC_FUSE,
                             .tier = EINC_TIER_INTERP, .symbolic = symbolic};
    for (int i = 0; i < m->n_in; i++)
        in[i] = m->in[i].layout;
    einc_compile_outs(NULL, m->row->expr, (size_t)m->n_in, in,
                      (size_t)m->n_out, out, &o, &plan, why);
    return plan;
}

/* The file, and a function that takes any tensors and sizes. */
static int
write_source(struct made *m, const char *path)
{
    FILE *f = fopen(path, "w");
    struct einc_emit_options o = {.size = sizeof o, .name = "f"};
    struct einc_err *err = NULL;
    struct einc_plan *plan = compile(m, "*", &err);
    int bad = !f || !plan || einc_emit(plan, &o, write_file, f, &err);
    if (bad) {
        printf("%s", einc_err_text(err));
        einc_err_free(err);
    }
    einc_plan_free(plan);
    if (!f)
        return 0;
    fprintf(f, "int call(void **out, const void **in, const int64_t *n);\n"
               "int\ncall(void **out, const void **in, const int64_t *n)\n"
               "{\n    return f(");
    for (int x = 0; x < m->n_out; x++)
        fprintf(f, "out[%d], ", x);
    for (int i = 0; i < m->n_in; i++)
        fprintf(f, "in[%d], ", i);
    for (int k = 0; k < m->n_sizes; k++)
        fprintf(f, "n[%d], ", k);
    fprintf(f, "0);\n}\n");
    return fclose(f) == 0 && !bad;
}

/* The oracle's results; 0: it refuses. */
static int
find_wanted(struct made *m)
{
    void *want[MOST];
    const void *in[MOST];
    struct einc_err *err = NULL;
    struct einc_plan *plan = compile(m, NULL, &err);
    einc_err_free(err);
    if (!plan)
        return 0;
    for (int x = 0; x < m->n_out; x++) {
        struct einc_layout l = {.size = sizeof l};
        einc_plan_layout_of(plan, (size_t)x, &l);
        m->out[x].layout = l;
        m->out[x].layout.shape = m->out[x].shape;
        for (int d = 0; d < l.ndim; d++)
            if (l.shape[d] != m->out[x].shape[d])
                abort(); /* the row is wrong */
        m->want[x] = m->out[x];
        allocate(&m->out[x]);
        allocate(&m->want[x]);
        m->bound[x] = calloc((size_t)m->out[x].count + 1, 2 * sizeof(double));
        want[x] = m->want[x].data;
    }
    for (int i = 0; i < m->n_in; i++)
        in[i] = m->in[i].data;
    int status = einc_reference_outs(plan, in, want, m->bound, NULL);
    einc_plan_free(plan);
    return status == EINC_OK;
}

/* Calls it with copies of all tensors at one end of memory. */
static int
call_guarded(const struct made *m, function *call, const int64_t *sizes,
             int at_end)
{
    struct guarded pages[2 * MOST];
    void *out[MOST];
    const void *in[MOST];
    for (int o = 0; o < m->n_out; o++) {
        pages[o] = take_pages(m->out[o].bytes, at_end);
        out[o] = pages[o].data;
        memset(out[o], 0x5a, m->out[o].bytes);
    }
    for (int i = 0; i < m->n_in; i++) {
        pages[MOST + i] = take_pages(m->in[i].bytes, at_end);
        memcpy(pages[MOST + i].data, m->in[i].data, m->in[i].bytes);
        in[i] = pages[MOST + i].data;
    }
    int status = call(out, in, sizes), near = 1;
    for (int o = 0; o < m->n_out; o++) {
        memcpy(m->out[o].data, out[o], m->out[o].bytes);
        near &= is_near(&m->out[o], &m->want[o], m->bound[o]);
        munmap(pages[o].base, pages[o].bytes);
    }
    for (int i = 0; i < m->n_in; i++)
        munmap(pages[MOST + i].base, pages[MOST + i].bytes);
    return status ? status : near ? 0 : -1;
}

static const char *
read_sizes(const char *s, int64_t *sizes, int *n)
{
    for (*n = 0; *s && *s != ' '; s += *s == ',')
        sizes[(*n)++] = strtoll(s, (char **)(uintptr_t)&s, 10);
    return s + strspn(s, " ");
}

static void
call_all(const struct row *r, function *call, const char *how)
{
    int64_t sizes[SIZES];
    int n;
    char what[400];
    for (const char *s = r->calls; *s;) {
        const char *now = s;
        s = read_sizes(s, sizes, &n);
        struct made m;
        read_tensors(&m, r, sizes);
        int known = find_wanted(&m);
        for (int at_end = 0; at_end < 2; at_end++) {
            int status = known ? call_guarded(&m, call, sizes, at_end) : 0;
            snprintf(what, sizeof what, "%s, sizes %.*s: %d", how,
                     (int)strcspn(now, " "), now, known ? status : -2);
            verdict(known && status == 0, r, what);
        }
        free_tensors(&m);
    }
    for (const char *s = r->refused; *s;) {
        static char room[64];
        void *out[MOST] = {room};
        const void *in[MOST] = {room};
        s = read_sizes(s, sizes, &n);
        verdict(call(out, in, sizes) == 3, r, "sizes are taken");
    }
}

/* Loads a copy of it: the set is picked once per library, and one of a name
 * that is loaded is not loaded again. */
static void
try(const struct row *r, const char *library, const char *compiler,
    const char *set)
{
    char copy[220], line[600], what[300];
    static int n;
    snprintf(copy, sizeof copy, "%s.%d", library, n++);
    snprintf(line, sizeof line, "cp %s %s", library, copy);
    snprintf(what, sizeof what, "%s, %s", compiler, set);
    setenv("EINC_ISA", set, 1);
    void *handle = system(line) == 0
                       ? dlopen(copy, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)
                       : NULL;
    /* not deleted: the threads of libgomp live on */
    void *symbol = handle ? dlsym(handle, "call") : NULL;
    function *call = NULL;
    memcpy(&call, &symbol, sizeof call);
    if (call)
        call_all(r, call, what);
    verdict(call != NULL, r, "not loaded");
    if (handle)
        dlclose(handle);
    unlink(copy);
    unsetenv("EINC_ISA");
}

static int
compile_file(const char *source, const char *library, const char *compiler)
{
    char line[600];
    snprintf(line, sizeof line,
             "%s -std=gnu11 -Wall -Wextra -Wconversion -Wshadow -Werror "
             "-Wno-psabi -shared -fPIC %s -o %s -lm 2>&1", compiler, source, library);
    return system(line) == 0;
}

static void
try_row(const struct row *r, const char *source, int turn)
{
    static const char *const compilers[] = {"gcc -O2", "gcc -O1 -fopenmp",
                                            "clang -O1"};
    static const char *const sets[] = {"avx512", "avx2", "sse2"};
    char library[200];
    int64_t guides[SIZES];
    struct made m;
    int n;
    read_sizes(r->calls, guides, &n);
    for (int k = 0; k < n; k++)
        guides[k] = guides[k] < 2 ? 2 : guides[k];
    read_tensors(&m, r, guides);
    m.n_sizes = n;
    snprintf(library, sizeof library, "%s.so", source);
    if (write_source(&m, source) &&
        compile_file(source, library, compilers[turn % 3]))
        for (int x = 0; x < 3; x++)
            try(r, library, compilers[turn % 3], sets[x]);
    else
        verdict(0, r, "not written");
    free_tensors(&m);
    unlink(library);
}

int
main(void)
{
    char folder[] = "/tmp/einc-sizes-XXXXXX", source[80];
    if (!mkdtemp(folder))
        return 1;
    snprintf(source, sizeof source, "%s/f.c", folder);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        try_row(&rows[r], source, (int)r);
    unlink(source);
    rmdir(folder);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
