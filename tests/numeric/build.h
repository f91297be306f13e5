/* SPDX-License-Identifier: MIT
 *
 * build.h - many generated sources compiled at once: one compiler run per 50
 * of them instead of one each. The names that a source defines get its number
 * in front, so that they fit in one file; equal sources are compiled once.
 */
#ifndef EINC_TESTS_BUILD_H
#define EINC_TESTS_BUILD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/target.h"
#include "codegen/unit.h"
#include "runtime/cc.h"

static inline void *
grow(void *p, size_t bytes)
{
    p = realloc(p, bytes);
    if (!p)
        abort();
    return p;
}

/* --- ways of compiling -------------------------------------------------- */

enum { MAX_CONFIGS = 40, MAX_FLAGS = 24, MAX_TICKETS = 100 };

struct config {
    const struct target *target; /* that units are made for */
    char column[24];             /* of the table of coverage */
    int file;                    /* for files that stand alone, which hold
                                  * all targets under #if */
    const char *level;           /* "-O1"; NULL: the flags of the runtime */
    const char *compiler;
    const struct cc *cc;
    const char *flags[MAX_FLAGS];
};

/* Tickets weigh the ways: each is a number of a config. Not to be moved. */
struct configs {
    struct cc cc[2];
    struct config list[MAX_CONFIGS];
    int n;
    int ticket[2][MAX_TICKETS], n_tickets[2]; /* units, files */
};

static inline void
config_flags(struct config *c, int scalar)
{
    static const char *const strict[] = {"-Wall", "-Wextra", "-Wconversion",
                                         "-Wshadow", "-Werror"};
    int n = 0;
    for (int f = 0; c->target->flags[f]; f++)
        if (!c->file || strcmp(c->target->flags[f], "-w") != 0)
            c->flags[n++] = c->target->flags[f];
    for (size_t f = 0; c->file && f < sizeof strict / sizeof *strict; f++)
        c->flags[n++] = strict[f];
    if (scalar)
        c->flags[n++] = "-DEINC_SCALAR";
    if (c->level)
        c->flags[n++] = c->level;
    c->flags[n] = NULL;
}

static inline void
config_add(struct configs *all, const struct target *t, int file,
           const char *compiler, const struct cc *cc, const char *level,
           int weight)
{
    struct config *c = &all->list[all->n];
    if (!cc)
        return;
    int scalar = file && strcmp(t->name, "generic") == 0;
    *c = (struct config){.target = t, .file = file, .level = level,
                         .compiler = compiler, .cc = cc};
    snprintf(c->column, sizeof c->column, "%s%s", file ? "file " : "",
             scalar ? "scalar" : t->name);
    config_flags(c, scalar);
    for (int w = 0; w < weight; w++)
        all->ticket[file][all->n_tickets[file]++] = all->n;
    all->n++;
}

/* The instruction sets that this machine runs, best first. */
static inline int
runnable_targets(const struct target **list)
{
    static const char *const sets[] = {"avx512", "avx2", "sse2", "generic"};
    char best[32];
    int n = 0, on = 0;
    einc_cc_isa(best, sizeof best);
    if (strcmp(best, "neon") == 0)
        list[n++] = einc_target_find(str_of("neon"));
    for (int s = 0; s < 4; s++) {
        on |= strcmp(best, sets[s]) == 0 || s == 3;
        if (on)
            list[n++] = einc_target_find(str_of(sets[s]));
    }
    return n;
}

static inline const struct cc *
find_compiler(const char *name, struct cc *cc)
{
    struct trouble why = {0};
    if (einc_cc_find(name, cc, &why) == EINC_OK)
        return cc;
    printf("without %s: %s\n", name, why.text);
    return NULL;
}

static inline void
configs_fill(struct configs *all)
{
    const struct target *t[8];
    int n = runnable_targets(t);
    const struct cc *gcc = find_compiler("gcc", &all->cc[0]);
    const struct cc *clang = find_compiler("clang", &all->cc[1]);
    for (int k = 0; k < n; k++) {
        config_add(all, t[k], 0, "gcc", gcc, "-O1", k ? 3 : 6);
        config_add(all, t[k], 0, "gcc", gcc, "-O0", k ? 3 : 6);
        config_add(all, t[k], 0, "clang", clang, "-O1", k ? 1 : 2);
        config_add(all, t[k], 1, "gcc", gcc, "-O0", 2);
        config_add(all, t[k], 1, "gcc", gcc, "-O1", 1);
        config_add(all, t[k], 1, "clang", clang, "-O1", 1);
    }
    config_add(all, t[0], 0, "gcc", gcc, NULL, 1);
    config_add(all, t[0], 0, "clang", clang, NULL, 1);
}

/* By ticket, or, if `nth` is 0 or more, one after another. */
static inline int
configs_pick(const struct configs *all, int file, int ticket, int nth)
{
    for (int c = 0; nth >= 0; c = (c + 1) % all->n)
        if (all->list[c].file == file && nth-- == 0)
            return c;
    return all->ticket[file][ticket % all->n_tickets[file]];
}

/* --- sources ------------------------------------------------------------ */

/* Of a file: its function behind one signature for all; bytes of `work`. */
typedef int (*file_fn)(void *out, const void *const *in, const int64_t *n,
                       void *work);
typedef int64_t (*file_bytes_fn)(const int64_t *n);

enum source_state { PENDING, READY, BROKEN };

struct source {
    uint64_t hash;
    char *text;
    int config;
    int n_in, n_sizes;   /* of a file: parameters */
    enum source_state state;
    einc_kernel_fn kernel;
    file_fn call;
    file_bytes_fn bytes;
};

struct builder {
    struct configs configs;
    struct source *list;
    int n, cap;
    int *bucket, n_buckets; /* open addressing: 1 + number */
    int compiled;           /* sources that went through a compiler */
};

static inline uint64_t
hash_text(const char *z)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * 0x100000001b3u;
    return h;
}

static inline void
rehash(struct builder *b)
{
    b->n_buckets = b->n_buckets ? 2 * b->n_buckets : 1024;
    b->bucket = grow(b->bucket, (size_t)b->n_buckets * sizeof *b->bucket);
    memset(b->bucket, 0, (size_t)b->n_buckets * sizeof *b->bucket);
    for (int k = 0; k < b->n; k++) {
        int at = (int)(b->list[k].hash % (uint64_t)b->n_buckets);
        while (b->bucket[at])
            at = (at + 1) % b->n_buckets;
        b->bucket[at] = k + 1;
    }
}

/* Number of the source; its text is compiled by the next build_all(). */
static inline int
build_add(struct builder *b, int config, const char *text, int n_in,
          int n_sizes)
{
    uint64_t hash = hash_text(text) + (uint64_t)config * 0x9e3779b97f4a7c15u;
    if (2 * b->n >= b->n_buckets)
        rehash(b);
    int at = (int)(hash % (uint64_t)b->n_buckets);
    for (; b->bucket[at]; at = (at + 1) % b->n_buckets) {
        const struct source *s = &b->list[b->bucket[at] - 1];
        if (s->hash == hash && s->config == config &&
            strcmp(s->text, text) == 0)
            return b->bucket[at] - 1;
    }
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 256;
        b->list = grow(b->list, (size_t)b->cap * sizeof *b->list);
    }
    b->bucket[at] = b->n + 1;
    b->list[b->n] = (struct source){.hash = hash,
                                    .text = strdup(text),
                                    .config = config,
                                    .n_in = n_in,
                                    .n_sizes = n_sizes};
    return b->n++;
}

/* --- one file of many --------------------------------------------------- */

static inline int
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c >= '0' && c <= '9');
}

/* What a generated source defines at file level. */
static inline int
is_own_name(const char *z, size_t n)
{
    static const char *const starts[] = {"einc_", "einsum"};
    static const char *const names[] = {
        "float_bits",    "bits_float",    "half_to_float",
        "float_to_half", "bf16_to_float", "float_to_bf16"};
    for (size_t k = 0; k < sizeof starts / sizeof *starts; k++)
        if (strncmp(z, starts[k], strlen(starts[k])) == 0)
            return 1;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (n == strlen(names[k]) && strncmp(z, names[k], n) == 0)
            return 1;
    return 0;
}

static inline void
put_renamed(FILE *to, const char *z, int number)
{
    while (*z) {
        size_t n = 0;
        while (is_word(z[n]))
            n++;
        if (n && is_own_name(z, n))
            fprintf(to, "k%d_", number);
        n += n == 0;
        fwrite(z, 1, n, to);
        z += n;
    }
    fputc('\n', to);
}

static inline void
put_sizes(FILE *to, int n)
{
    for (int x = 0; x < n; x++)
        fprintf(to, "%sn[%d]", x ? ", " : "", x);
}

static inline void
put_source(FILE *to, const struct builder *b, int number)
{
    const struct source *s = &b->list[number];
    if (!b->configs.list[s->config].file) {
        put_renamed(to, s->text, number);
        return;
    }
    if (number % 3) /* several parts, one after another */
        fprintf(to, "#define k%d_einsum_THREADS %d\n", number,
                1 + number % 3);
    put_renamed(to, s->text, number);
    fprintf(to, "int k%d_call(void *, const void *const *, const int64_t *, "
                "void *);\nint k%d_call(void *out, const void *const *in, "
                "const int64_t *n, void *work)\n{\n    (void)n;\n"
                "    return k%d_einsum(out", number, number, number);
    for (int o = 0; o < s->n_in; o++)
        fprintf(to, ", in[%d]", o);
    fprintf(to, "%s", s->n_sizes ? ", " : "");
    put_sizes(to, s->n_sizes);
    fprintf(to, ", work);\n}\nint64_t k%d_bytes(const int64_t *);\n"
                "int64_t k%d_bytes(const int64_t *n)\n{\n    (void)n;\n"
                "    return k%d_einsum_workspace(", number, number, number);
    put_sizes(to, s->n_sizes);
    fprintf(to, ");\n}\n");
}

static inline void *
find_symbol(void *handle, int number, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "k%d_%s", number, what);
    return einc_cc_symbol(handle, name);
}

static inline void
take_symbols(struct builder *b, void *handle, int number)
{
    struct source *s = &b->list[number];
    void *kernel = find_symbol(handle, number, "einc_kernel");
    void *call = find_symbol(handle, number, "call");
    void *bytes = find_symbol(handle, number, "bytes");
    memcpy(&s->kernel, &kernel, sizeof kernel);
    memcpy(&s->call, &call, sizeof call);
    memcpy(&s->bytes, &bytes, sizeof bytes);
    s->state = kernel || (call && bytes) ? READY : BROKEN;
}

/* The handle is kept: kernels live as long as the process. */
static inline enum einc_status
build_group(struct builder *b, const int *number, int n, struct trouble *why)
{
    static const struct mem mem = {einc_mem_libc, NULL};
    const struct config *c = &b->configs.list[b->list[number[0]].config];
    char *text;
    size_t n_text, n_binary;
    FILE *to = open_memstream(&text, &n_text);
    if (!to)
        abort();
    for (int k = 0; k < n; k++)
        put_source(to, b, number[k]);
    fclose(to);
    void *binary, *handle;
    enum einc_status status =
        einc_cc_compile(c->cc, &mem, text, c->flags, &binary, &n_binary, why);
    if (status == EINC_OK) {
        status = einc_cc_load(binary, n_binary, &handle, why);
        mem_free(&mem, binary, n_binary);
    }
    free(text);
    for (int k = 0; k < n; k++)
        if (status == EINC_OK)
            take_symbols(b, handle, number[k]);
        else
            b->list[number[k]].state = BROKEN;
    return status;
}

/* One by one, to tell which it is; a broken one fails its cases. */
static inline void
build_apart(struct builder *b, const int *number, int n)
{
    struct trouble why;
    for (int k = 0; k < n; k++)
        if (build_group(b, &number[k], 1, &why) != EINC_OK)
            printf("source %d is not compiled by %s: %s\n", number[k],
                   b->configs.list[b->list[number[k]].config].compiler,
                   why.text);
}

static inline void
build_all(struct builder *b)
{
    enum { GROUP = 50 };
    struct trouble why;
    for (int c = 0; c < b->configs.n; c++) {
        int group[GROUP], n = 0;
        for (int k = 0; k <= b->n; k++) {
            int wanted = k < b->n && b->list[k].state == PENDING &&
                         b->list[k].config == c;
            if (wanted)
                group[n++] = k;
            if (n != GROUP && (k < b->n || !n))
                continue;
            if (build_group(b, group, n, &why) != EINC_OK)
                build_apart(b, group, n);
            b->compiled += n;
            n = 0;
        }
    }
}

#endif
