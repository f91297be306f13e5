/* SPDX-License-Identifier: MIT
 * fuzz_program.c - any index statements: a tree whose dump reads as the same
 * tree, with places within the text, or a report that has a place in it. */
#include "tests/unit/front.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
check(int holds)
{
    if (!holds)
        abort();
}

static void
check_span(struct span at, struct span within)
{
    check(at.begin >= within.begin && at.begin <= at.end
          && at.end <= within.end);
}

static void
check_node(const struct tree *x, struct span within)
{
    check(x != NULL);
    check(x->height >= 1 && x->height <= MAX_HEIGHT);
    check_span(x->at, within);
    check_span(x->name_at, x->at);
    for (int i = 0; i < x->n_args; i++) {
        check(x->args[i]->height < x->height);
        check_node(x->args[i], x->at);
    }
    for (int i = 0; i < x->n_bounds; i++) {
        check_span(x->bounds[i].at, x->at);
        check(!x->bounds[i].lo == !x->bounds[i].hi);
        if (x->bounds[i].lo)
            check_node(x->bounds[i].lo, x->at);
        if (x->bounds[i].hi)
            check_node(x->bounds[i].hi, x->at);
    }
    if (x->guard)
        check_node(x->guard, x->at);
    if (x->most)
        check_node(x->most, x->at);
}

static void
check_tree(const struct tree_program *p)
{
    struct span all = {0, (int32_t)p->source.n};

    check(p->n_stmts > 0);
    for (int i = 0; i < p->n_stmts; i++) {
        const struct tree_stmt *s = &p->stmts[i];
        check_span(s->at, all);
        all.begin = s->at.end;
        check_node(s->left, s->at);
        check_node(s->right, s->at);
        for (int k = 0; k < s->n_where; k++) {
            check_node(s->where[k].lo, s->at);
            check_node(s->where[k].hi, s->at);
        }
    }
}

static void
check_report(const struct front *f)
{
    check(f->cx.n_diags > 0 || f->cx.status == EINC_ENOMEM);
    for (int i = 0; i < f->cx.n_diags; i++) {
        const struct diag *d = &f->cx.diags[i];
        check(d->n_marks > 0);
        check_span((struct span){d->marks[0].begin, d->marks[0].end},
                   (struct span){0, (int32_t)f->source.n});
    }
}

static struct text
dump(struct front *f)
{
    struct text t = {.perm = &f->perm};

    if (setjmp(f->cx.boundary))
        abort();
    einc_tree_print(&t, f->tree);
    return t;
}

/* Parentheses count as nesting, so that a dump may be too deep. */
static void
check_again(struct front *f)
{
    struct text first = dump(f), second;
    struct front again;

    front_open(&again, 1 << 24);
    again.stop_after_tree = 1;
    again.source = (struct str){first.p, first.n};
    enum einc_status status = front_run(&again);
    check(status == EINC_OK || status == EINC_ELIMIT);
    if (status == EINC_OK) {
        second = dump(&again);
        check(second.n == first.n
              && !memcmp(first.p, second.p, (size_t)first.n));
    }
    front_close(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct front f;

    front_open(&f, 1 << 24);
    f.stop_after_tree = 1;
    f.source = (struct str){(const char *)bytes, (int64_t)n};
    if (front_run(&f)) {
        check_report(&f);
        front_report(&f);
    } else {
        check_tree(f.tree);
        check_again(&f);
    }
    front_close(&f);
    return 0;
}
