/* SPDX-License-Identifier: MIT
 *
 * err.c - einc_err: diagnostics and their report, in memory of their own.
 */
#include <stdio.h>

#include "ctx.h"

static const char *const names[] = {
    "EINC_OK",     "EINC_EPARSE",    "EINC_ESHAPE", "EINC_EDTYPE",
    "EINC_EALIAS", "EINC_ENOMEM",    "EINC_ELIMIT", "EINC_ECOMPILER",
    "EINC_ECACHE", "EINC_EDEVICE",   "EINC_EUNSUP", "EINC_EINVAL",
    "EINC_EINTERNAL"};

/* There may be no memory to say that there is no memory. */
static struct einc_err no_memory = {.status = EINC_ENOMEM,
                                    .text = "error: out of memory\n"};

const char *
einc_status_name(enum einc_status status)
{
    unsigned s = (unsigned)status;
    return s < sizeof names / sizeof names[0] ? names[s] : "EINC_UNKNOWN";
}

static struct einc_err *
make(const struct mem *mem, enum einc_status status, const char *fmt,
     va_list ap)
{
    char text[4096];
    int n = vsnprintf(text, sizeof text - 1, fmt, ap);
    if (n < 0)
        n = 0;
    if (n > (int)sizeof text - 2)
        n = (int)sizeof text - 2;
    static const char lead[] = "error: ";
    size_t bytes = sizeof(struct einc_err) + sizeof lead + (size_t)n + 2;
    struct einc_err *e = mem_alloc(mem, bytes);
    if (!e)
        return &no_memory;
    char *at = (char *)(e + 1);
    snprintf(at, sizeof lead + (size_t)n + 2, "%s%.*s\n", lead, n, text);
    *e = (struct einc_err){.mem = *mem,
                           .blocks = {e},
                           .block_bytes = {bytes},
                           .status = status,
                           .text = at};
    return e;
}

enum einc_status
einc_err_set(const struct mem *mem, struct einc_err **err,
             enum einc_status status, const char *fmt, ...)
{
    if (!err)
        return status;
    va_list ap;
    va_start(ap, fmt);
    *err = make(mem, status, fmt, ap);
    va_end(ap);
    return status;
}

/* --- from diagnostics --------------------------------------------------- */

static struct einc_err *
build(struct arena *perm, const struct cx *from)
{
    struct einc_err *e = NEW(perm, struct einc_err, 1);
    struct text t = {.perm = perm};
    for (int d = 0; d < from->n_diags; d++) {
        const struct diag *x = &from->diags[d];
        einc_diag_print(&t, x, from->source);
        e->diags[d] = (struct einc_diag){.code = x->code,
                                         .message = x->message,
                                         .hint = x->hint,
                                         .marks = x->marks,
                                         .n_marks = x->n_marks,
                                         .status = (int32_t)x->status};
    }
    e->n_diags = from->n_diags;
    e->status = from->n_diags ? from->diags[0].status : from->status;
    e->text = einc_text_z(&t);
    return e;
}

struct building {
    const struct cx *from;
    struct einc_err *made;
};

static void
build_guarded(struct guarded *g, void *arg)
{
    struct building *b = arg;
    b->made = build(&g->perm, b->from);
}

enum einc_status
einc_err_from_diags(const struct mem *mem, struct einc_err **err,
                    struct cx *cx, void *block, size_t block_bytes)
{
    enum einc_status status =
        cx->n_diags ? cx->diags[0].status : cx->status;
    struct einc_ctx only_memory = {.mem = *mem};
    struct guarded g = {.ctx = &only_memory,
                        .hint_bytes = 2 * (size_t)cx->source.n};
    struct building b = {.from = cx};
    if (!err || !cx->n_diags ||
        einc_guard(&g, build_guarded, &b, NULL) != EINC_OK) {
        mem_free(mem, block, block_bytes);
        if (err)
            *err = &no_memory;
        return status;
    }
    einc_guard_free(&g, 1);
    b.made->mem = *mem;
    b.made->blocks[0] = block;
    b.made->block_bytes[0] = block_bytes;
    b.made->blocks[1] = g.blocks[0];
    b.made->block_bytes[1] = g.bytes[0];
    *err = b.made;
    return status;
}

/* --- asking ------------------------------------------------------------- */

const char *
einc_err_text(const struct einc_err *err)
{
    return err ? err->text : "no error\n";
}

enum einc_status
einc_err_status(const struct einc_err *err)
{
    return err ? err->status : EINC_OK;
}

int
einc_err_count(const struct einc_err *err)
{
    return err ? err->n_diags : 0;
}

const struct einc_diag *
einc_err_diag(const struct einc_err *err, int i)
{
    return err && i >= 0 && i < err->n_diags ? &err->diags[i] : NULL;
}

void
einc_err_free(struct einc_err *err)
{
    if (!err || !err->blocks[0])
        return;
    /* the object may lie in the block that is freed last */
    struct einc_err e = *err;
    mem_free(&e.mem, e.blocks[0], e.block_bytes[0]);
    mem_free(&e.mem, e.blocks[1], e.block_bytes[1]);
}
