/* SPDX-License-Identifier: MIT
 *
 * front.h - the stages up to the graph, run by tests without api.c: memory
 * from malloc of exactly the size asked for, so that sanitizers see its ends,
 * and a boundary of the test's own.
 */
#ifndef EINC_TESTS_FRONT_H
#define EINC_TESTS_FRONT_H

#include <setjmp.h>
#include <stdlib.h>

#include "parse/graph.h"
#include "parse/resolve.h"

struct front {
    /* what is asked */
    struct str source;
    uint32_t flags;
    int n_in;
    const struct einc_layout *in;
    const struct einc_layout *out; /* NULL: inferred */
    const char *symbolic;
    struct summing summing;
    const int32_t *const *ids;     /* not NULL: integer labels, no source */
    const size_t *n_ids;
    const int32_t *out_ids;
    int64_t n_out_ids;
    int stop_after_expr;
    int stop_after_tree;           /* the source is form B */
    int is_program;                /* so it is, and is resolved */
    int stop_after_names;          /* of it */
    const struct param *params;
    int n_params;
    const struct einc_layout *const *outs; /* NULL: all inferred */
    int n_outs;
    /* what came of it */
    const struct tree_program *tree; /* NULL: not reached */
    const struct names *names;
    const struct expr *expr;
    const struct program *program;
    const struct graph *graph;
    /* how */
    struct cx cx;
    struct arena perm, scratch;
    char *memory;
    size_t bytes;
};

static inline void
front_open(struct front *f, size_t bytes)
{
    memset(f, 0, sizeof *f);
    f->bytes = bytes;
    f->memory = malloc(bytes ? bytes : 1);
}

static inline void
front_close(struct front *f)
{
    free(f->memory);
}

/* Runs the stages; EINC_OK, or why they left. May be called again. */
static inline enum einc_status
front_run(struct front *f)
{
    memset(&f->cx, 0, sizeof f->cx);
    f->tree = NULL;
    f->names = NULL;
    f->expr = NULL;
    f->program = NULL;
    f->graph = NULL;
    char *middle = f->memory + f->bytes / 2;
    f->perm = (struct arena){f->memory, middle, &f->cx};
    f->scratch = (struct arena){middle, f->memory + f->bytes, &f->cx};
    f->cx.perm = &f->perm;
    f->cx.source = f->source;
    if (setjmp(f->cx.boundary))
        return f->cx.status;
    if (f->stop_after_tree) {
        f->tree = einc_parse_program(&f->perm, f->scratch, f->source);
        return EINC_OK;
    }
    if (f->is_program) {
        const struct bindings b = {.in = f->in, .n_in = f->n_in,
                                   .out = f->outs, .n_out = f->n_outs,
                                   .params = f->params,
                                   .n_params = f->n_params,
                                   .summing = f->summing};
        f->tree = einc_parse_program(&f->perm, f->scratch, f->source);
        f->names = einc_resolve_names(&f->perm, f->scratch, f->tree,
                                      f->params, f->n_params);
        if (f->stop_after_names)
            return EINC_OK;
        f->program = einc_resolve(&f->perm, f->scratch, f->tree, &b);
        return EINC_OK;
    }
    f->expr = f->ids ? einc_parse_ids(&f->perm, f->n_in, f->ids, f->n_ids,
                                      f->out_ids, f->n_out_ids)
                     : einc_parse(&f->perm, f->scratch, f->source, f->flags);
    if (f->stop_after_expr)
        return EINC_OK;
    f->program = einc_stmt_from_expr(&f->perm, f->scratch, f->expr, f->n_in,
                                     f->in, f->flags);
    f->graph = einc_graph_build(&f->perm, f->scratch, f->program, f->n_in,
                                f->in, f->out, f->flags, f->symbolic,
                                f->summing);
    return EINC_OK;
}

/* All diagnostics of the last run. */
static inline const char *
front_report(struct front *f)
{
    struct text t = {.perm = &f->perm};
    for (int i = 0; i < f->cx.n_diags; i++)
        einc_diag_print(&t, &f->cx.diags[i], f->cx.source);
    return einc_text_z(&t);
}

#endif
