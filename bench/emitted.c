/* SPDX-License-Identifier: MIT
 *
 * emitted.c - see emitted.h.
 */
#include "emitted.h"

#include <dlfcn.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "spawn.h"

extern char **environ;

struct emitted {
    void *library, *work;
    int (*function)(void *, const void *, const void *, void *);
    int64_t (*workspace)(void);
};

static int
write_file(void *file, const char *bytes, size_t n)
{
    return fwrite(bytes, 1, n, file) != n;
}

static int
write_source(const struct einc_plan *plan, const char *path)
{
    struct einc_emit_options o = {.size = sizeof o, .name = "product"};
    FILE *f = fopen(path, "w");
    int failed = !f || einc_emit(plan, &o, write_file, f, NULL);
    return (f && fclose(f)) || failed;
}

static int
compile(const char *source, const char *library)
{
    const char *cc = getenv("CC");
    const char *argv[] = {cc && *cc ? cc : "cc", "-O3", "-march=native",
                          "-shared", "-fPIC", "-o", library, source, NULL};
    pid_t pid;
    int status = 1;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ))
        return 1;
    waitpid(pid, &status, 0);
    return status;
}

static struct emitted *
load(const char *library)
{
    struct emitted *e = calloc(1, sizeof *e);
    void *found[2] = {NULL, NULL};
    if (e)
        e->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (e && e->library) {
        found[0] = dlsym(e->library, "product");
        found[1] = dlsym(e->library, "product_workspace");
    }
    if (!found[0] || !found[1]) {
        emitted_close(e);
        return NULL;
    }
    memcpy(&e->function, &found[0], sizeof found[0]);
    memcpy(&e->workspace, &found[1], sizeof found[1]);
    e->work = aligned_alloc(64, ((size_t)e->workspace() + 64) / 64 * 64);
    return e;
}

struct emitted *
emitted_open(const struct einc_plan *plan)
{
    char folder[512], source[600], library[600];
    struct emitted *e = NULL;
    if (!spawn_folder(folder, sizeof folder))
        return NULL;
    snprintf(source, sizeof source, "%s/product.c", folder);
    snprintf(library, sizeof library, "%s/product.so", folder);
    if (!write_source(plan, source) && !compile(source, library))
        e = load(library);
    spawn_remove(folder);
    return e;
}

void
emitted_close(struct emitted *e)
{
    if (!e)
        return;
    if (e->library)
        dlclose(e->library);
    free(e->work);
    free(e);
}

void
emitted_run(const struct emitted *e, void *out, const void *lhs,
            const void *rhs)
{
    e->function(out, lhs, rhs, e->work);
}
