/* SPDX-License-Identifier: MIT
 *
 * programs.c - files that index statements were written as, compiled by
 * several compilers and run with each instruction set: the results stay within
 * the bound of the oracle. A row that fails names the command that makes its
 * file.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "arrays.h"

struct row {
    const char *expr;
    const char *in;  /* "f32:2x3 i64:4": with a % each: ids below that */
    const char *out; /* NULL, or the shape of the output, that is given */
    uint64_t limit;  /* of memory: smaller slices */
};

static const struct row rows[] = {
    {"O[i,e] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j,e])",
     "f32:33x3 f32:41x3 f32:41x2", NULL, 0},
    {"S[i,j] = sum[d](Q[i,d]*K[j,d])/sqrt(size(d)); P[i,j] = softmax[j](S[i,j]);"
     "O[i,e] = P[i,j]*V[j,e]", "f32:19x8 f32:23x8 f32:23x5", NULL, 0},
    {"O[i,e] = sum[j](softmax[j](sum[d](Q[i,d]*K[j,d]) if j <= i)*V[j,e])",
     "f64:19x8 f64:19x8 f64:19x5", NULL, 0},
    {"O[n,k,h,w] = relu(sum(I[n,c,pad(2*h+r-1,1),pad(w+s-1,1)]*W[k,c,r,s])"
     "+ b[k])", "f32:2x8x20x20 f32:16x8x3x3 f32:16", NULL, 0},
    {"m[i] = mean[j](X[i,j]); s[i] = mean[j]((X[i,j]-m[i])^2);"
     "Y[i,j] = (X[i,j]-m[i])*rsqrt(s[i]+1e-5)*g[j]+b[j]",
     "f32:7x37 f32:37 f32:37", NULL, 0},
    {"C[i,j] = sum[d](X[i,d]*Y[j,d])/(sqrt(sum[d](X[i,d]^2))*"
     "sqrt(sum[d](Y[j,d]^2)))", "f32:50x16 f32:40x16", NULL, 0},
    {"P[i,q] = argkmin[j->q:3](sum[d]((X[i,d]-Y[j,d])^2))",
     "f32:9x3 f32:31x3", NULL, 0},
    {"Y[i,d] = E[K[i],d]*2", "f16:9x5 i64:20%9", NULL, 0},
    {"H[K[i]] += X[i]", "i64:100%7 f32:100", "f32:7", 0},
    {"C[i,k] = sum[j](A[i,j]*B[j,k] if M[i,j] > 0)",
     "f32:13x17 f32:17x9 i32:13x17%2", NULL, 0},
    {"C[i,k] = sum[j](-2*A[i,j]*B[j,k]); t[] = max(C[i,k])",
     "f64:33x20 f64:20x30", NULL, 0},
    {"F[k] = sum[n](x[n]*cos(-2*pi*k*n/size(n))) where k in 0:dim(x,0)",
     "f64:24", NULL, 0},
    {"z[i] = sum[j](a[i,j]*conj(b[j]))", "c64:9x14 c64:14", NULL, 0},
    {"s[i] = sum[j](A[i,j]); p[i] = prod[j](A[i,j] % 3 + 1)", "i32:9x8",
     NULL, 0},
    {"O[n,k,h,w] = X[n,c,pad(h+r-1,1),clamp(w+s-1)]*W[k,c,r,s] where w in 0:8",
     "f32:5x6x9x8 f32:7x6x3x3", NULL, 2700},
    {"O[h,w,k] = X[reflect(3*h-r+8),clamp(w-4*s),c]*W[r,s,k,c] "
     "where h in 0:12, w in 0:7", "c64:5x3x6 c64:3x2x9x6", NULL, 4000},
    {"O[n,k,t] = sum[c,r](fill(X[n,c,pad(t+r-1,1)], 2)*W[k,c,r])",
     "f64:5x6x19 f64:7x6x3", NULL, 0},
    {"O[k,t] = X[c,wrap(t-r)]*W[k,c,r] where t in 0:13", "i32:6x4 i32:9x6x3",
     NULL, 0},
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

/* "i64:20%9": type, shape, what the values are below. */
static const char *
read_array(struct array *a, const char *s)
{
    char name[8] = "";
    int64_t below = 0;
    size_t n = strcspn(s, ":");
    *a = (struct array){.data = NULL};
    memcpy(name, s, n);
    a->layout.dtype = (int32_t)einc_dtype_parse(name);
    s += n + (s[n] == ':');
    while (*s >= '0' && *s <= '9') {
        a->shape[a->layout.ndim++] = strtol(s, (char **)(uintptr_t)&s, 10);
        s += *s == 'x';
    }
    if (*s == '%')
        below = strtol(s + 1, (char **)(uintptr_t)&s, 10);
    allocate(a);
    fill(a, below);
    return s + strspn(s, " ");
}

/* --- one row ------------------------------------------------------------ */

struct made {
    const struct row *row;
    struct array in[MOST], out[MOST], want[MOST];
    double *bound[MOST];
    int n_in, n_out;
    struct einc_plan *plan;
};

static int
write_file(void *user, const char *bytes, size_t n)
{
    return fwrite(bytes, 1, n, user) != n;
}

/* The file, and a function that takes any number of tensors. */
static int
write_source(const struct made *m, const char *path)
{
    FILE *f = fopen(path, "w");
    struct einc_emit_options o = {.size = sizeof o, .name = "f"};
    struct einc_err *err = NULL;
    if (!f)
        return 0;
    if (einc_emit(m->plan, &o, write_file, f, &err)) {
        printf("%s", einc_err_text(err));
        einc_err_free(err);
        fclose(f);
        return 0;
    }
    fprintf(f, "int call(void **out, const void **in);\nint\n"
               "call(void **out, const void **in)\n{\n    (void)in;\n"
               "    return f(");
    for (int o_ = 0; o_ < m->n_out; o_++)
        fprintf(f, "out[%d], ", o_);
    for (int i = 0; i < m->n_in; i++)
        fprintf(f, "in[%d], ", i);
    fprintf(f, "0);\n}\n");
    return fclose(f) == 0;
}

static int
is_right(const struct made *m)
{
    for (int o = 0; o < m->n_out; o++)
        if (!is_near(&m->out[o], &m->want[o], m->bound[o]))
            return 0;
    return 1;
}

/* Compiles, loads and runs it; the set is picked once per library. */
static void
try(struct made *m, const char *source, const char *compiler, const char *set)
{
    char library[200], line[600], what[300];
    void *out[MOST];
    const void *in[MOST];
    static int n; /* a library of a name that is loaded is not loaded again */
    snprintf(library, sizeof library, "%s.%d.so", source, n++);
    snprintf(line, sizeof line,
             "%s -std=gnu11 -Wall -Wextra -Wconversion -Wshadow -Werror "
             "-shared -fPIC %s -o %s -lm 2>&1", compiler, source, library);
    snprintf(what, sizeof what, "%s, %s", compiler, set);
    if (system(line) != 0) {
        verdict(0, m->row, what);
        return;
    }
    setenv("EINC_ISA", set, 1);
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    /* not deleted: the threads of libgomp live on */
    void *symbol = handle ? dlsym(handle, "call") : NULL;
    int (*call)(void **, const void **) = NULL;
    memcpy(&call, &symbol, sizeof call);
    for (int o = 0; o < m->n_out; o++) {
        out[o] = m->out[o].data;
        memset(out[o], m->row->out ? 0 : 0x5a, m->out[o].bytes);
    }
    for (int i = 0; i < m->n_in; i++)
        in[i] = m->in[i].data;
    verdict(call && call(out, in) == 0 && is_right(m), m->row, what);
    if (handle)
        dlclose(handle);
    unlink(library);
    unsetenv("EINC_ISA");
}

static int
open_row(struct made *m, const struct row *r)
{
    struct einc_layout in[MOST];
    const struct einc_layout *out[MOST] = {NULL};
    struct array given;
    struct einc_options o = {.size = sizeof o, .flags = EINC_FUSE,
                             .tier = EINC_TIER_INTERP,
                             .memory_limit_bytes = r->limit};
    struct einc_err *err = NULL;
    *m = (struct made){.row = r};
    for (const char *s = r->in; *s; m->n_in++)
        s = read_array(&m->in[m->n_in], s);
    for (int i = 0; i < m->n_in; i++) {
        m->in[i].layout.shape = m->in[i].shape;
        in[i] = m->in[i].layout;
    }
    m->n_out = 1 + (strstr(r->expr, "; p[i]") != NULL);
    if (r->out) {
        read_array(&given, r->out);
        free(given.data);
        given.layout.shape = given.shape;
        out[0] = &given.layout;
    }
    if (einc_compile_outs(NULL, r->expr, (size_t)m->n_in, in,
                          (size_t)m->n_out, out, &o, &m->plan, &err)) {
        printf("%s", einc_err_text(err));
        einc_err_free(err);
        return 0;
    }
    for (int x = 0; x < m->n_out; x++) {
        struct einc_layout l = {.size = sizeof l};
        einc_plan_layout_of(m->plan, (size_t)x, &l);
        m->out[x].layout = l;
        for (int d = 0; d < l.ndim; d++)
            m->out[x].shape[d] = l.shape[d];
        m->want[x] = m->out[x];
        allocate(&m->out[x]);
        allocate(&m->want[x]);
        m->bound[x] = calloc((size_t)m->out[x].count + 1, 2 * sizeof(double));
    }
    return 1;
}

static int
find_wanted(struct made *m)
{
    void *want[MOST];
    const void *in[MOST];
    for (int o = 0; o < m->n_out; o++)
        want[o] = m->want[o].data;
    for (int i = 0; i < m->n_in; i++)
        in[i] = m->in[i].data;
    return einc_reference_outs(m->plan, in, want, m->bound, NULL) == EINC_OK;
}

static void
close_row(struct made *m)
{
    for (int o = 0; o < m->n_out; o++) {
        free(m->out[o].data);
        free(m->want[o].data);
        free(m->bound[o]);
    }
    for (int i = 0; i < m->n_in; i++)
        free(m->in[i].data);
    einc_plan_free(m->plan);
}

int
main(void)
{
    static const char *const compilers[] = {"gcc -O2", "gcc -O1 -fopenmp",
                                            "clang -O2"};
    static const char *const sets[] = {"avx512", "avx2", "sse2"};
    char folder[] = "/tmp/einc-programs-XXXXXX", source[80];
    if (!mkdtemp(folder))
        return 1;
    snprintf(source, sizeof source, "%s/f.c", folder);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct made m;
        int open = open_row(&m, &rows[r]);
        if (open && find_wanted(&m) && write_source(&m, source)) {
            for (int c = 0; c < 3; c++)
                try(&m, source, compilers[c], sets[c]);
            try(&m, source, compilers[r % 3], sets[(r + 1) % 3]);
        } else {
            verdict(0, &rows[r], "not written");
        }
        close_row(&m);
    }
    unlink(source);
    rmdir(folder);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
