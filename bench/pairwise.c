/* SPDX-License-Identifier: MIT
 *
 * pairwise.c - see pairwise.h.
 */
#include "pairwise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct order {
    char expr[2][64];            /* a,b->t and t,c->out */
    int first, second, third;    /* operands */
    int64_t shape[MOST_DIMS * 2];
    struct einc_plan *plan[2];
    void *t, *out, *work;
    size_t work_bytes;
    const struct subject *s;
};

static struct order orders[3];
static struct local best;

/* Labels of a and b that c or the output have too. */
static int
join(const struct subject *s, struct order *o, char *labels)
{
    int n = 0;
    const char *a = s->in[o->first].labels, *b = s->in[o->second].labels;
    for (int side = 0; side < 2; side++)
        for (const char *z = side ? b : a; *z; z++)
            if ((strchr(s->in[o->third].labels, *z) ||
                 strchr(s->out.labels, *z)) && !memchr(labels, *z, (size_t)n))
                labels[n++] = *z;
    labels[n] = '\0';
    for (int d = 0; d < n; d++)
        o->shape[d] = s->extent[(unsigned char)labels[d]];
    return n;
}

static struct einc_plan *
compile(struct bench *b, const char *expr, const struct einc_layout *x,
        const struct einc_layout *y)
{
    struct einc_layout in[2] = {*x, *y};
    struct einc_plan *plan;
    return einc_compile(b->tiers[0].ctx, expr, 2, in, NULL, NULL, &plan, NULL)
               ? NULL : plan;
}

static bool
make(struct bench *b, const struct subject *s, struct order *o)
{
    char labels[MOST_DIMS * 2 + 1];
    size_t bytes[2], elements = 1;
    int n = join(s, o, labels);
    struct einc_layout t = EINC_LAYOUT(s->in[0].layout.dtype, n, o->shape);
    for (int d = 0; d < n; d++)
        elements *= (size_t)o->shape[d];
    snprintf(o->expr[0], sizeof o->expr[0], "%s,%s->%s",
             s->in[o->first].labels, s->in[o->second].labels, labels);
    snprintf(o->expr[1], sizeof o->expr[1], "%s,%s->%s", labels,
             s->in[o->third].labels, s->out.labels);
    o->s = s;
    o->plan[0] = compile(b, o->expr[0], &s->in[o->first].layout,
                         &s->in[o->second].layout);
    o->plan[1] = compile(b, o->expr[1], &t, &s->in[o->third].layout);
    if (!o->plan[0] || !o->plan[1])
        return false;
    einc_plan_workspace(o->plan[0], &bytes[0], NULL);
    einc_plan_workspace(o->plan[1], &bytes[1], NULL);
    o->work_bytes = bytes[0] > bytes[1] ? bytes[0] : bytes[1];
    o->work = aligned_alloc(64, (o->work_bytes + 64) / 64 * 64);
    o->t = aligned_alloc(64, elements * sizeof(double) / 64 * 64 + 64);
    o->out = aligned_alloc(64, (s->out.bytes + 64) / 64 * 64);
    return o->t && o->out && o->work;
}

static void
run(void *order)
{
    const struct order *o = order;
    struct einc_run_options options = {.size = sizeof options, .threads = 1,
                                       .work = o->work,
                                       .work_bytes = o->work_bytes};
    const void *in[2] = {o->s->in[o->first].data, o->s->in[o->second].data};
    const void *then[2] = {o->t, o->s->in[o->third].data};
    if (einc_run(o->plan[0], in, o->t, &options, NULL) ||
        einc_run(o->plan[1], then, o->out, &options, NULL))
        bench_die("einc_run", o->expr[0]);
}

/* Seconds, warm; negative if the result is not that of `s`. */
static double
try(struct order *o)
{
    run(o);
    if (!subject_equal(o->s, o->out))
        return -1;
    double start = rounds_seconds(CLOCK_THREAD_CPUTIME_ID);
    run(o);
    return rounds_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
}

void
pairwise_add(struct bench *b, const struct subject *s, struct contest *c)
{
    double least = 0;
    struct order *found = NULL;
    for (int z = 0; z < 3 && s->n_in == 3; z++) {
        struct order *o = &orders[z];
        *o = (struct order){.first = z == 2, .second = z == 0 ? 1 : 2,
                            .third = 2 - z};
        double spent = make(b, s, o) ? try(o) : -1;
        if (spent >= 0 && (!found || spent < least)) {
            least = spent;
            found = o;
        }
    }
    if (!found)
        return;
    best = (struct local){run, found, CLOCK_THREAD_CPUTIME_ID};
    rounds_add(c, "pairwise", rounds_local, &best);
    table_say(b->table, "  pairwise: %s, then %s", found->expr[0],
              found->expr[1]);
}

void
pairwise_end(void)
{
    for (int z = 0; z < 3; z++) {
        struct order *o = &orders[z];
        einc_plan_free(o->plan[0]);
        einc_plan_free(o->plan[1]);
        free(o->t);
        free(o->out);
        free(o->work);
        *o = (struct order){.t = NULL};
    }
}
