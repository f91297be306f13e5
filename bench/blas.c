/* SPDX-License-Identifier: MIT
 *
 * blas.c - see blas.h. Called through the Fortran interface, which all have,
 * with 32-bit integers; a row-major product is the column-major one of the
 * operands swapped.
 */
#include "blas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void multiply_floats(const char *, const char *, const int *,
                             const int *, const int *, const float *,
                             const float *, const int *, const float *,
                             const int *, const float *, float *,
                             const int *);
typedef void multiply_doubles(const char *, const char *, const int *,
                              const int *, const int *, const double *,
                              const double *, const int *, const double *,
                              const int *, const double *, double *,
                              const int *);

struct blas {
    const char *name;
    void *library;
    multiply_floats *sgemm;
    multiply_doubles *dgemm;
    void (*threads_of_int)(int);
    void (*threads_of_long)(long); /* BLIS: dim_t */
    char *(*version)(void);
    char *(*kernels)(void);
    int (*arch)(void);             /* BLIS: a number */
    const char *(*arch_name)(int);
    bool told;                     /* which kernels to take */
    char description[256];
};

static const struct known {
    const char *name, *file, *threads, *version, *kernels;
    bool threads_is_long;
} all_known[] = {
    {"openblas", "libopenblas.so.0", "openblas_set_num_threads",
     "openblas_get_config", "openblas_get_corename", false},
    {"blis", "libblis.so.4", "bli_thread_set_num_threads",
     "bli_info_get_version_str", NULL, true},
};

/* A function pointer out of dlsym(), which C has no cast for. */
static void
look_up(void *library, const char *name, void *function)
{
    void *found = name ? dlsym(library, name) : NULL;
    memcpy(function, &found, sizeof found);
}

/* What this machine has, in OpenBLAS's words. */
static const char *
best_kernels(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("avx512f"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2"))
        return "Haswell";
#endif
    return NULL;
}

/* A release older than the processor falls back to kernels of 2004, which is
 * no contest: it is loaded again and told what it may use. */
static struct blas *
wake(struct blas *b, struct blas *(*again)(const char *))
{
    const char *kernels = b->kernels ? b->kernels() : "", *better;
    better = best_kernels();
    if (!better || getenv("OPENBLAS_CORETYPE") ||
        (strcmp(kernels, "Prescott") && strcmp(kernels, "Core2") &&
         strcmp(kernels, "Nehalem") && strcmp(kernels, "Sandybridge")))
        return b;
    const char *name = b->name;
    setenv("OPENBLAS_CORETYPE", better, 1);
    blas_close(b);
    b = again(name);
    if (b)
        b->told = true;
    return b;
}

static struct blas *
load(const struct known *k)
{
    void *library = dlopen(k->file, RTLD_NOW | RTLD_LOCAL);
    struct blas *b = library ? calloc(1, sizeof *b) : NULL;
    if (!b)
        return NULL;
    *b = (struct blas){.name = k->name, .library = library};
    look_up(library, "sgemm_", &b->sgemm);
    look_up(library, "dgemm_", &b->dgemm);
    look_up(library, k->threads_is_long ? NULL : k->threads,
            &b->threads_of_int);
    look_up(library, k->threads_is_long ? k->threads : NULL,
            &b->threads_of_long);
    look_up(library, k->version, &b->version);
    look_up(library, k->kernels, &b->kernels);
    look_up(library, "bli_arch_query_id", &b->arch);
    look_up(library, "bli_arch_string", &b->arch_name);
    if (b->sgemm && b->dgemm && (b->threads_of_int || b->threads_of_long))
        return wake(b, blas_open);
    blas_close(b);
    return NULL;
}

struct blas *
blas_open(const char *name)
{
    for (size_t k = 0; k < sizeof all_known / sizeof *all_known; k++)
        if (strcmp(all_known[k].name, name) == 0)
            return load(&all_known[k]);
    return NULL;
}

void
blas_close(struct blas *b)
{
    if (b)
        dlclose(b->library);
    free(b);
}

const char *
blas_name(const struct blas *b)
{
    return b->name;
}

const char *
blas_description(struct blas *b)
{
    const char *kernels = b->kernels ? b->kernels()
                          : b->arch && b->arch_name ? b->arch_name(b->arch())
                                                    : "unknown";
    snprintf(b->description, sizeof b->description, "%s: %s, kernels %s%s",
             b->name, b->version ? b->version() : "version unknown", kernels,
             b->told ? " (as told; it does not know this processor)" : "");
    return b->description;
}

void
blas_threads(struct blas *b, int n)
{
    if (b->threads_of_int)
        b->threads_of_int(n);
    else
        b->threads_of_long(n);
}

void
blas_multiply(struct blas *b, const struct product *p, bool is_double,
              const void *lhs, const void *rhs, void *out)
{
    int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    for (int64_t z = 0; z < p->batch; z++)
        if (is_double)
            b->dgemm("N", "N", &n, &m, &k, &(double){1},
                     (const double *)rhs + z * n * k, &n,
                     (const double *)lhs + z * k * m, &k, &(double){0},
                     (double *)out + z * m * n, &n);
        else
            b->sgemm("N", "N", &n, &m, &k, &(float){1},
                     (const float *)rhs + z * n * k, &n,
                     (const float *)lhs + z * k * m, &k, &(float){0},
                     (float *)out + z * m * n, &n);
}
