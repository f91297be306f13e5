/* SPDX-License-Identifier: MIT
 * fuzz_resolve.c - any index statements with any small operands: a program
 * that keeps what stmt.h says of it, or a report that has a place in it. The
 * first four bytes choose types, sizes and which outputs are given. */
#include "tests/unit/front.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MOST = 32, MOST_DIMS = 80 };

static void
check(int holds)
{
    if (!holds)
        abort();
}

/* --- what comes of it ----------------------------------------------------- */

struct view {
    const struct program *p;
    const struct stmt *s;
    int guarded;
};

static void check_node(const struct view *v, const struct node *n);

static void
check_index(const struct view *v, int x)
{
    check(x >= v->s->first_index
          && x < v->s->first_index + v->s->n_indices);
}

static void
check_sub(const struct view *v, const struct subscript *s)
{
    for (int i = 0; i < s->n_terms; i++) {
        check_index(v, s->terms[i].index);
        check(s->terms[i].coef != 0);
        for (int j = 0; j < i; j++)
            check(s->terms[j].index != s->terms[i].index);
    }
    if (s->rest) {
        check(s->rest->type == EINC_I64);
        check_node(v, s->rest);
    }
    check(s->pad_lo >= 0 && s->pad_hi >= 0);
    check(s->checked == (s->site >= 0));
    check(s->site < v->p->n_sites);
}

static int
ranges_decide(const struct view *v)
{
    for (int i = 0; i < v->s->n_indices; i++) {
        const struct index *x = &v->p->indices[v->s->first_index + i];
        if (x->from || x->lo == x->hi)
            return 0;
    }
    return !v->guarded;
}

/* Without a rest a position was proved; by ranges alone if there is no guard,
 * no range that depends on others, and none that is empty. */
static void
check_proof(const struct view *v, const struct subscript *s, int64_t size)
{
    int64_t least = s->constant, most = s->constant;
    if (s->rest || s->mode > BOUND_PAD || !ranges_decide(v))
        return;
    for (int i = 0; i < s->n_terms; i++) {
        const struct index *x = &v->p->indices[s->terms[i].index];
        int64_t c = s->terms[i].coef;
        least += c * (c > 0 ? x->lo : x->hi - 1);
        most += c * (c > 0 ? x->hi - 1 : x->lo);
    }
    check(!s->checked);
    check(least >= -s->pad_lo && most < size + s->pad_hi);
}

static void
check_access(const struct view *v, const struct access *a)
{
    check(a->tensor >= 0 && a->tensor < v->p->n_tensors);
    const struct tensor *t = &v->p->tensors[a->tensor];
    check(a->n_subs == t->n_dims);
    for (int d = 0; d < a->n_subs; d++)
        check_sub(v, &a->subs[d]);
    for (int d = 0; d < a->n_subs; d++)
        check_proof(v, &a->subs[d], t->shape[d]);
    if (a->fill)
        check(a->fill->kind == NODE_NUMBER
              && a->fill->type == einc_fn_compute(t->dtype));
}

static void
check_call(const struct node *n)
{
    const struct fn_info *f = einc_fn_info(n->fn);
    check(n->n_args == f->n_args);
    enum einc_dtype a = n->args[n->fn == FN_SELECT]->type;
    switch (f->rule) {
    case RULE_SAME: case RULE_FLOAT: check(a == n->type); break;
    case RULE_COMPARE: case RULE_LOGIC: check(n->type == EINC_BOOL); break;
    case RULE_SELECT:
        check(n->args[0]->type == EINC_BOOL && a == n->type);
        break;
    default: break;
    }
    if (f->rule == RULE_FLOAT)
        check(einc_dtype_info(a)->kind >= KIND_FLOAT);
    if (f->rule == RULE_LOGIC)
        check(a == EINC_BOOL);
    for (int i = 1 + (n->fn == FN_SELECT); i < n->n_args; i++)
        check(n->args[i]->type == a);
    if (einc_dtype_info(a)->kind == KIND_COMPLEX)
        check(f->complex);
    if (n->lse)
        check(n->fn == FN_EXP && n->lse->kind == NODE_REDUCE
              && n->lse->redop == REDOP_LOGSUMEXP);
}

static void
check_node(const struct view *outer, const struct node *n)
{
    struct view inner = *outer, *v = &inner;
    inner.guarded |= n->kind == NODE_REDUCE && n->guard;
    check(einc_dtype_valid((int)n->type));
    switch (n->kind) {
    case NODE_NUMBER: break;
    case NODE_ACCESS:
        check_access(v, n->access);
        check(n->type == v->p->tensors[n->access->tensor].dtype);
        break;
    case NODE_INDEX:
        check_index(v, n->index);
        check(n->type == EINC_I64);
        break;
    case NODE_CALL: check_call(n); break;
    case NODE_REDUCE:
        check(n->n_args == 1 && n->n_bound > 0);
        check(n->redop != REDOP_SOFTMAX && n->redop != REDOP_SOFTMAX0);
        for (int i = 0; i < n->n_bound; i++)
            check_index(v, n->bound[i]);
        if (n->guard) {
            check(n->guard->type == EINC_BOOL);
            check_node(v, n->guard);
        }
        break;
    case NODE_PRODUCT: check(0);
    }
    for (int i = 0; i < n->n_args; i++)
        check_node(v, n->args[i]);
}

static void
check_stmt(const struct program *p, const struct stmt *s)
{
    struct view v = {p, s, 0};
    check_access(&v, &s->left);
    check_node(&v, s->right);
    check(s->right->type == p->tensors[s->left.tensor].dtype);
    for (int i = 0; i < s->n_indices; i++) {
        const struct index *x = &p->indices[s->first_index + i];
        check(x->lo <= x->hi);
        check(!x->from == !x->to && (x->from != NULL) == (x->site >= 0));
        if (!x->from)
            continue;
        check_node(&v, x->from);
        check_node(&v, x->to);
        check(x->from->type == EINC_I64 && x->to->type == EINC_I64);
    }
}

static void
check_report(const struct front *f)
{
    check(f->cx.n_diags > 0 || f->cx.status == EINC_ENOMEM);
    for (int i = 0; i < f->cx.n_diags; i++)
        for (int k = 0; k < f->cx.diags[i].n_marks; k++) {
            const struct einc_mark *m = &f->cx.diags[i].marks[k];
            check(m->begin >= 0 && m->begin <= m->end
                  && m->end <= f->source.n);
        }
}

/* --- operands ------------------------------------------------------------- */

struct operands {
    struct einc_layout in[MOST], out[MOST];
    const struct einc_layout *outs[MOST];
    int64_t shape[2 * MOST][MOST_DIMS];
    uint32_t state;
};

static uint32_t
next(struct operands *o)
{
    o->state = o->state * 1664525u + 1013904223u;
    return o->state >> 16;
}

static struct einc_layout
make(struct operands *o, int64_t *shape, int ndim)
{
    static const int64_t sizes[] = {3, 4, 3, 4, 3, 4, 10, 3, 1, 0, 9, 7};
    static const int types[] = {EINC_F32, EINC_F32, EINC_I32, EINC_F32};
    struct einc_layout l = {sizeof l, types[next(o) % 4], ndim < 0 ? 1 : ndim,
                            0, shape, NULL};
    if (next(o) % 8 == 0)
        l.dtype = EINC_BOOL + (int)(next(o) % (EINC_C128 - EINC_BOOL + 1));
    for (int d = 0; d < l.ndim; d++)
        shape[d] = sizes[next(o) % (next(o) % 2 ? 2 : 12)];
    return l;
}

static void
resolve(struct front *f, struct operands *o)
{
    const struct names *names = f->names;
    check(names->n_out > 0 && names->n_out <= f->tree->n_stmts);
    if (names->n_in > MOST || names->n_out > MOST)
        return;
    for (int i = 0; i < names->n_in; i++)
        o->in[i] = make(o, o->shape[i], names->in_dims[i]);
    for (int i = 0; i < names->n_out; i++) {
        o->out[i] = make(o, o->shape[MOST + i], names->out_dims[i]);
        o->outs[i] = names->out_given[i] || next(o) % 4 == 0 ? &o->out[i]
                                                              : NULL;
    }
    f->in = o->in;
    f->n_in = names->n_in;
    f->outs = o->outs;
    f->n_outs = names->n_out;
    f->stop_after_names = 0;
    if (front_run(f)) {
        check_report(f);
        front_report(f);
        return;
    }
    for (int i = 0; i < f->program->n_stmts; i++)
        check_stmt(f->program, &f->program->stmts[i]);
    if (setjmp(f->cx.boundary))
        return;
    struct text t = {.perm = &f->perm};
    einc_resolve_print(&t, f->program);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct operands o;
    struct front f;
    if (n < 4)
        return 0;
    memset(&o, 0, sizeof o);
    memcpy(&o.state, bytes, sizeof o.state);
    front_open(&f, 1 << 24);
    f.is_program = 1;
    f.stop_after_names = 1;
    f.source = (struct str){(const char *)bytes + 4, (int64_t)n - 4};
    if (front_run(&f)) {
        check_report(&f);
        front_report(&f);
    } else {
        resolve(&f, &o);
    }
    front_close(&f);
    return 0;
}
