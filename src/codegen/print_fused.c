/* SPDX-License-Identifier: MIT
 *
 * print_fused.c - the fused family: loops over the summed indices, a set of
 * named accumulators for each level of them, vectors where one index runs in
 * the lanes. All extents and strides are literals.
 */
#include "codegen/family.h"
#include "codegen/print.h"

/* The text under way: where each index stands in it. */
struct writer {
    const struct printer *p;
    const struct nest *w;
    const struct nested *x;
    struct nested_sum q;
    int copies[NESTED_MAX_IDX]; /* values at a time, here; lane: vectors */
    const char *var[NESTED_MAX_IDX]; /* variable of the first, or NULL */
    int64_t at[NESTED_MAX_IDX]; /* what is added to it */
    int masked;                 /* the last vector has lanes that another one
                                 * has had */
};

/* Values of the indices of a set, from 0. */
struct place {
    int value[NESTED_MAX_IDX];
};

static int64_t
extent(const struct writer *s, int j)
{
    return s->w->idx[j].extent.value;
}

static int
is_summed(const struct writer *s, int j)
{
    return (int)(s->q.summed >> j & 1);
}

static int
has(unsigned set, int j)
{
    return j >= 0 && (set >> j & 1);
}

/* Values of an index in a whole block. */
static int64_t
step_of(const struct writer *s, int j)
{
    const struct nested *x = s->x;
    return j == x->lane ? x->vectors * x->lanes : x->copies[j];
}

/* --- places ------------------------------------------------------------- */

/* The next place within the present copies; 0 after the last. */
static int
advance(const struct writer *s, unsigned set, struct place *at)
{
    for (int j = s->w->n_idx - 1; j >= 0; j--) {
        if (!has(set & s->x->block, j))
            continue;
        if (++at->value[j] < s->copies[j])
            return 1;
        at->value[j] = 0;
    }
    return 0;
}

/* Number of a place among those of a set; the same in parts for the rest. */
static int
number(const struct writer *s, unsigned set, const struct place *at)
{
    int n = 0;
    for (int j = 0; j < s->w->n_idx; j++)
        if (has(set & s->x->block, j))
            n = n * einc_nested_copies(s->x, j) + at->value[j];
    return n;
}

/* Where vector v begins, from the block's first value. The last one of a lone
 * block that it does not fill lies over the one before. */
static int64_t
shift(const struct writer *s, int v)
{
    int j = s->x->lane;
    int64_t lanes = s->x->lanes, most = extent(s, j) - lanes - s->at[j];
    return !s->var[j] && v * lanes > most ? most : v * lanes;
}

/* --- text --------------------------------------------------------------- */

static const char *
type_of(const struct writer *s, unsigned set)
{
    return has(set, s->x->lane) ? "lanes" : s->p->type;
}

/* Element of tensor t at a place of the block. */
static const char *
offset(const struct writer *s, const struct nested_tensor *t,
       const struct place *at, int64_t more)
{
    struct text x = {.perm = s->p->t->perm};
    for (int j = 0; j < s->w->n_idx; j++) {
        if (!has(t->holds, j))
            continue;
        int64_t value = s->at[j];
        if (j == s->x->lane)
            value += shift(s, at->value[j]);
        else
            value += at->value[j];
        more += t->stride[j] * value;
        if (!s->var[j])
            continue;
        if (t->stride[j] != 1)
            einc_put(&x, "%s%lld*%s", x.n ? " + " : "",
                     (long long)t->stride[j], s->var[j]);
        else
            einc_put(&x, "%s%s", x.n ? " + " : "", s->var[j]);
    }
    if (more || !x.n)
        einc_put(&x, "%s%lld", x.n ? " + " : "", (long long)more);
    return einc_text_z(&x);
}

static void
close_block(const struct writer *s)
{
    s->p->t->indent -= 4;
    einc_line(s->p->t, "}");
}

/* --- loads -------------------------------------------------------------- */

/* "in0 + 8*k" as a vector, where it is contiguous. */
static void
put_vector(const struct writer *s, int o, const char *at)
{
    einc_put(s->p->t, "*(const row *)(%s + %s)", s->w->in[o].name, at);
}

/* The elements of lanes one by one. */
static void
put_gathered(const struct writer *s, int o, const struct place *at)
{
    const struct nested_tensor *t = &s->q.in[o];
    struct text *x = s->p->t;
    einc_put(x, "{");
    for (int l = 0; l < s->x->lanes; l++) {
        einc_put(x, l ? ",\n%*s" : "\n%*s", x->indent + 4, "");
        einc_print_load(s->p, s->w->in[o].storage, 0, s->w->in[o].name,
                        offset(s, t, at, l * t->stride[s->x->lane]));
    }
    einc_put(x, "}");
}

static void
put_load(const struct writer *s, int o, const struct place *at)
{
    const struct nested_tensor *t = &s->q.in[o];
    if (!has(t->holds, s->x->lane))
        einc_print_load(s->p, s->w->in[o].storage, 0, s->w->in[o].name,
                        offset(s, t, at, 0));
    else if (t->stride[s->x->lane] == 1)
        put_vector(s, o, offset(s, t, at, 0));
    else
        put_gathered(s, o, at);
}

/* Indices of the shuffle number `round` of those that collect the elements u,
 * u + n, u + 2n ... of n vectors: each takes in one vector more. */
static void
put_shuffle(const struct writer *s, int n, int u, int round)
{
    int lanes = s->x->lanes;
    for (int l = 0; l < lanes; l++) {
        int from = u + n * l, vector = from / lanes;
        int lane = vector == round + 1  ? lanes + from % lanes
                   : vector > round + 1 ? 0
                   : round == 0         ? from
                                        : l;
        einc_put(s->p->t, l % 16 ? ", %d" : ",\n        %d", lane);
    }
}

/* Values a<o>_<n> for all u, from runs of memory. */
static void
load_split(const struct writer *s, int o, int u, struct place *at)
{
    const struct nested_tensor *t = &s->q.in[o];
    struct text *x = s->p->t;
    int n = s->x->copies[u], run = number(s, t->holds & ~(1u << u), at);
    for (int r = 0; r < n; r++) {
        einc_put(x, "%*sconst lanes run%d_%d_%d = ", x->indent, "", o, run, r);
        put_vector(s, o, offset(s, t, at, r * s->x->lanes));
        einc_put(x, ";\n");
    }
    for (at->value[u] = 0; at->value[u] < n; at->value[u]++) {
        einc_put(x, "%*sconst lanes a%d_%d = ", x->indent, "", o,
                 number(s, t->holds, at));
        for (int round = n - 2; round >= 0; round--)
            einc_put(x, "%s_SHUFFLE(", s->p->prefix);
        einc_put(x, "run%d_%d_0", o, run);
        for (int round = 0; round < n - 1; round++) {
            einc_put(x, ", run%d_%d_%d", o, run, round + 1);
            put_shuffle(s, n, at->value[u], round);
            einc_put(x, ")");
        }
        einc_put(x, ";\n");
    }
    at->value[u] = 0;
}

/* Declares all values of operand o that the block needs. */
static void
load_all(const struct writer *s, int o)
{
    const struct nested_tensor *t = &s->q.in[o];
    struct text *x = s->p->t;
    int u = einc_nested_split(&s->q, s->x, o);
    unsigned set = u < 0 ? t->holds : t->holds & ~(1u << u);
    struct place at = {{0}};
    do {
        if (u >= 0) {
            load_split(s, o, u, &at);
            continue;
        }
        einc_put(x, "%*sconst %s a%d_%d = ", x->indent, "",
                 type_of(s, t->holds), o, number(s, t->holds, &at));
        put_load(s, o, &at);
        einc_put(x, ";\n");
    } while (advance(s, set, &at));
}

/* --- one turn of a level ------------------------------------------------ */

/* What is multiplied: an operand, the sums of the level within, or a product
 * of such. Its values are called <letter><id>_<number>. */
struct factor {
    unsigned set;
    const char *letter;
    int id;
    int loaded;
};

static int
count(const struct writer *s, unsigned set)
{
    int n = 1;
    for (int j = 0; j < s->w->n_idx; j++)
        if (has(set & s->x->block, j))
            n *= s->copies[j];
    return n;
}

static void
load(const struct writer *s, struct factor *f)
{
    if (!f->loaded)
        load_all(s, f->id);
    f->loaded = 1;
}

static void
put_value(const struct writer *s, const struct factor *f,
          const struct place *at)
{
    einc_put(s->p->t, "%s%d_%d", f->letter, f->id, number(s, f->set, at));
}

/* Products p<id>_<n> of two factors, the first of which they replace. */
static void
multiply(const struct writer *s, struct factor *a, struct factor *b, int id)
{
    struct text *t = s->p->t;
    struct factor product = {a->set | b->set, "p", id, 1};
    struct place at = {{0}};
    load(s, a);
    load(s, b);
    do {
        einc_put(t, "%*sconst %s ", t->indent, "", type_of(s, product.set));
        put_value(s, &product, &at);
        einc_put(t, " = ");
        put_value(s, a, &at);
        einc_put(t, " * ");
        put_value(s, b, &at);
        einc_put(t, ";\n");
    } while (advance(s, product.set, &at));
    *a = product;
}

/* The operands of a level and what was summed within it; products, until two
 * factors at most are left. */
static int
find_factors(const struct writer *s, int level, struct factor *f)
{
    int n = 0, id = NESTED_MAX_IN * level;
    for (int o = 0; o < s->w->n_in; o++)
        if (s->x->home[o] == level)
            f[n++] = (struct factor){s->q.in[o].holds & s->x->block, "a", o,
                                     0};
    if (level + 1 < s->x->n_levels)
        f[n++] = (struct factor){einc_nested_live(&s->q, s->x, level + 1),
                                 "sum", level + 1, 1};
    for (; n > 2; id++) {
        int a = 0, b = 1;
        for (int i = 0; i < n; i++)
            for (int k = i + 1; k < n; k++)
                if (count(s, f[i].set | f[k].set) <
                    count(s, f[a].set | f[b].set)) {
                    a = i;
                    b = k;
                }
        multiply(s, &f[a], &f[b], id);
        f[b] = f[--n];
    }
    return n;
}

/* sum += product, at one place; of lanes that were there before: 0. */
static void
put_sum(const struct writer *s, int level, const struct factor *f, int n,
        const struct place *at)
{
    struct text *t = s->p->t;
    int lane = s->x->lane;
    int masks = s->masked && s->x->level[lane] == level &&
                at->value[lane] + 1 == s->copies[lane];
    einc_put(t, "%*ssum%d_%d += ", t->indent, "", level,
             number(s, einc_nested_live(&s->q, s->x, level), at));
    einc_put(t, "%s", masks ? "(lanes)((bits)(" : "");
    for (int i = 0; i < n; i++) {
        einc_put(t, "%s", i ? " * " : "");
        put_value(s, &f[i], at);
    }
    einc_put(t, "%s;\n", masks ? ") & keep)" : "");
}

/* All sums of a level take what this turn has. Of two operands the one with
 * more values comes one by one: it is used at once and forgotten. */
static void
update(const struct writer *s, int level)
{
    struct text *t = s->p->t;
    struct factor f[NESTED_MAX_IN + 1] = {{0}};
    int n = find_factors(s, level, f), by = 0;
    unsigned all = f[0].set | (n > 1 ? f[1].set : 0);
    struct place at = {{0}};
    if (n > 1 && (f[0].loaded || (!f[1].loaded && count(s, f[1].set) >
                                                      count(s, f[0].set))))
        by = 1;
    if (n > 1)
        load(s, &f[!by]);
    if (!f[by].loaded && einc_nested_split(&s->q, s->x, f[by].id) >= 0)
        load(s, &f[by]);
    do {
        if (!f[by].loaded) {
            einc_put(t, "%*s{ const %s ", t->indent, "",
                     type_of(s, f[by].set));
            put_value(s, &f[by], &at);
            einc_put(t, " = ");
            put_load(s, f[by].id, &at);
            einc_put(t, ";\n");
        }
        t->indent += f[by].loaded ? 0 : 2;
        do
            put_sum(s, level, f, n, &at);
        while (advance(s, all & ~f[by].set, &at));
        t->indent -= f[by].loaded ? 0 : 2;
        if (!f[by].loaded)
            einc_line(t, "}");
    } while (advance(s, f[by].set, &at));
}

static void
declare_sums(const struct writer *s, int level)
{
    struct text *t = s->p->t;
    unsigned live = einc_nested_live(&s->q, s->x, level);
    struct place at = {{0}};
    do
        einc_line(t, "%s sum%d_%d = %s;", type_of(s, live), level,
                  number(s, live, &at), has(live, s->x->lane) ? "{0}" : "0");
    while (advance(s, live, &at));
}

/* --- loops -------------------------------------------------------------- */

static void print_loop(struct writer *s, int d);

/* What stands in the loop number d: the next one, or the turn of a level. */
static void
print_body(struct writer *s, int d)
{
    const struct nested *x = s->x;
    int level = x->level[x->loop[d]];
    if (d + 1 == x->n_loops) {
        update(s, level);
    } else if (x->level[x->loop[d + 1]] == level) {
        print_loop(s, d + 1);
    } else {
        declare_sums(s, level + 1);
        print_loop(s, d + 1);
        update(s, level);
    }
}

/* "k", or "first_k" if there are several values at a time. */
static const char *
variable(const struct writer *s, int j)
{
    struct text t = {.perm = s->p->t->perm};
    einc_put(&t, step_of(s, j) > 1 ? "first_%s" : "%s", s->w->idx[j].name);
    return einc_text_z(&t);
}

/* Lanes of the last vector that the one before it has had are left out. */
static void
print_mask(struct writer *s, int64_t had)
{
    struct text *t = s->p->t;
    s->masked = had > 0;
    if (!s->masked)
        return;
    einc_put(t, "%*sconst bits keep = {", t->indent, "");
    for (int l = 0; l < s->x->lanes; l++)
        einc_put(t, l ? ", %d" : "%d", l < had ? 0 : -1);
    einc_put(t, "};\n");
}

/* The values that are left over behind the last whole block. */
static void
print_rest(struct writer *s, int d, int64_t done, int64_t rest)
{
    int j = s->x->loop[d], is_lane = j == s->x->lane, whole = s->copies[j];
    int64_t lanes = s->x->lanes;
    einc_line(s->p->t, "{ /* the rest of %s */", s->w->idx[j].name);
    s->p->t->indent += 4;
    s->at[j] = done;
    s->copies[j] = (int)(is_lane ? einc_nest_blocks(rest, lanes) : rest);
    if (is_lane)
        print_mask(s, s->copies[j] * lanes - rest);
    print_body(s, d);
    s->at[j] = 0;
    s->copies[j] = whole;
    s->masked &= !is_lane;
    close_block(s);
}

/* The whole blocks. */
static void
print_blocks(struct writer *s, int d, int64_t whole)
{
    struct text *t = s->p->t;
    int j = s->x->loop[d];
    int64_t step = step_of(s, j);
    const char *var = variable(s, j);
    if (d + 1 == s->x->n_loops)
        einc_put(t, "#if defined(__clang__)\n"
                    "#pragma clang loop unroll(disable)\n"
                    "#endif\n");
    einc_put(t, "%*sfor (int64_t %s = 0; %s < %lld; ", t->indent, "", var,
             var, (long long)whole);
    if (step > 1)
        einc_put(t, "%s += %lld) {\n", var, (long long)step);
    else
        einc_put(t, "%s++) {\n", var);
    t->indent += 4;
    s->var[j] = var;
    print_body(s, d);
    s->var[j] = NULL;
    close_block(s);
}

static void
print_loop(struct writer *s, int d)
{
    int j = s->x->loop[d];
    int64_t n = extent(s, j), step = step_of(s, j), whole = n / step * step;
    if (n == step) {
        print_body(s, d);
        return;
    }
    if (whole)
        print_blocks(s, d, whole);
    if (whole < n)
        print_rest(s, d, whole, n - whole);
}

/* --- a task ------------------------------------------------------------- */

/* The free indices from the number of the task, the fastest first. The last
 * block of an index lies over the one before it where it would be short: what
 * both have is computed twice and stored once. */
static void
decode(struct writer *s)
{
    struct text *t = s->p->t;
    int any = 0, left = 0;
    for (int f = 0; f < s->x->n_free; f++)
        left += step_of(s, s->x->free[f]) < extent(s, s->x->free[f]);
    for (int f = s->x->n_free - 1; f >= 0; f--) {
        int j = s->x->free[f];
        const char *name = s->w->idx[j].name, *var = variable(s, j);
        int64_t n = extent(s, j), step = step_of(s, j);
        if (step >= n)
            continue;
        s->var[j] = var;
        const char *from = any++ ? "rest" : "task";
        struct text at = {.perm = t->perm};
        if (left == any)
            einc_put(&at, "%s", from);
        else
            einc_put(&at, step > 1 ? "(%s %% %lld)" : "%s %% %lld", from,
                     (long long)einc_nest_blocks(n, step));
        if (n % step) {
            einc_line(t, "const int64_t own_%s = %lld*%s;", name,
                      (long long)step, einc_text_z(&at));
            einc_line(t, "const int64_t %s = own_%s < %lld ? own_%s : %lld;",
                      var, name, (long long)(n - step), name,
                      (long long)(n - step));
        } else if (step > 1) {
            einc_line(t, "const int64_t %s = %lld*%s;", var,
                      (long long)step, einc_text_z(&at));
        } else {
            einc_line(t, "const int64_t %s = %s;", var, einc_text_z(&at));
        }
        if (left > any)
            einc_line(t, any > 1 ? "rest /= %lld;"
                                 : "int64_t rest = task/%lld;",
                      (long long)einc_nest_blocks(n, step));
    }
    if (!any)
        einc_line(t, "(void)task;");
}

/* The free indices that the sums of the outermost level are told apart by. */
static unsigned
kept(const struct writer *s)
{
    return einc_nested_live(&s->q, s->x, 0) & ~s->q.summed;
}

/* Values of index j in the array of results. */
static int64_t
width(const struct writer *s, int j)
{
    int64_t step = step_of(s, j);
    return step < extent(s, j) ? step : extent(s, j);
}

/* Elements from one value of index j to the next; `end`: in all. Lanes run
 * fastest. */
static int64_t
pace(const struct writer *s, int j, int end)
{
    unsigned set = kept(s);
    int lane = s->x->lane, summed = lane >= 0 && is_summed(s, lane) &&
                                    has(einc_nested_live(&s->q, s->x, 0), lane);
    int64_t n = summed ? s->x->lanes : has(set, lane) ? width(s, lane) : 1;
    if (j == lane && !end)
        return 1;
    for (int k = s->w->n_idx - 1; k >= 0 && (end || k > j); k--)
        if (has(set, k) && k != lane)
            n *= width(s, k);
    return n;
}

/* "sum0_1 + sum0_2": what was summed apart. */
static void
put_total(const struct writer *s, struct place *at)
{
    unsigned live = einc_nested_live(&s->q, s->x, 0);
    int any = 0;
    do
        einc_put(s->p->t, any++ ? " + sum0_%d" : "sum0_%d",
                 number(s, live, at));
    while (advance(s, live & s->q.summed, at));
}

/* The sums of the outermost level as an array. */
static void
spill(const struct writer *s)
{
    struct text *t = s->p->t;
    int lane = s->x->lane;
    unsigned live = einc_nested_live(&s->q, s->x, 0);
    struct place at = {{0}};
    einc_line(t, "%s sums[%lld];", s->p->type, (long long)pace(s, -1, 1));
    do {
        int64_t to = 0;
        for (int j = 0; j < s->w->n_idx; j++)
            if (has(kept(s), j))
                to += j == lane ? shift(s, at.value[j])
                                : at.value[j] * pace(s, j, 0);
        if (has(live, lane))
            einc_put(t, "%*s*(row *)(sums + %lld) = ", t->indent, "",
                     (long long)to);
        else
            einc_put(t, "%*ssums[%lld] = ", t->indent, "", (long long)to);
        put_total(s, &at);
        einc_put(t, ";\n");
    } while (advance(s, kept(s), &at));
    if (!has(live & s->q.summed, lane))
        return;
    einc_line(t, "for (int at = 0; at < %lld; at += %d) /* lanes, pairwise */",
              (long long)pace(s, -1, 1), s->x->lanes);
    einc_line(t, "    for (int half = %d; half > 0; half /= 2)",
              s->x->lanes / 2);
    einc_line(t, "        for (int lane = 0; lane < half; lane++)");
    einc_line(t, "            sums[at + lane] += sums[at + lane + half];");
}

static void
open_stores(const struct writer *s)
{
    struct text *t = s->p->t;
    for (int j = 0; j < s->w->first[LOOP_K]; j++) {
        const char *name = s->w->idx[j].name, *var = s->var[j];
        int64_t n = extent(s, j), step = step_of(s, j);
        if (!var)
            einc_line(t, "for (int64_t %s = 0; %s < %lld; %s++) {", name, name,
                      (long long)n, name);
        else if (step > 1)
            einc_line(t, "for (int64_t %s = %s%s; %s < %s + %lld; %s++) {",
                      name, n % step ? "own_" : "",
                      n % step ? name : var, name, var, (long long)step,
                      name);
        t->indent += !var || step > 1 ? 4 : 0;
    }
}

/* Where the sum of the present element is in the array. */
static void
put_index(const struct writer *s)
{
    struct text *t = s->p->t;
    int any = 0;
    for (int j = 0; j < s->w->first[LOOP_K]; j++) {
        if (!has(kept(s), j))
            continue;
        einc_put(t, any++ ? " + " : "");
        if (pace(s, j, 0) > 1)
            einc_put(t, "%lld*", (long long)pace(s, j, 0));
        if (s->var[j])
            einc_put(t, "(%s - %s)", s->w->idx[j].name, s->var[j]);
        else
            einc_put(t, "%s", s->w->idx[j].name);
    }
    if (!any)
        einc_put(t, "0");
}

/* Multiplies in the operands that hold no summed index, and stores. */
static void
print_stores(const struct writer *s)
{
    static const char *const value[2] = {"sum", ""};
    struct text *t = s->p->t;
    int outer = t->indent;
    spill(s);
    open_stores(s);
    einc_put(t, "%*sconst %s sum = sums[", t->indent, "", s->p->type);
    put_index(s);
    einc_put(t, "]");
    for (int o = 0; o < s->w->n_in; o++) {
        if (s->x->home[o] >= 0)
            continue;
        struct text at = {.perm = t->perm};
        struct printer q = *s->p;
        q.t = &at;
        einc_print_offset(&q, &s->w->in[o], 0, s->w->n_idx, -1);
        einc_put(t, " * ");
        einc_print_load(s->p, s->w->in[o].storage, 0, s->w->in[o].name,
                        einc_text_z(&at));
    }
    einc_put(t, ";\n");
    struct text to = {.perm = t->perm};
    struct printer q = *s->p;
    q.t = &to;
    einc_print_offset(&q, &s->w->out, 0, s->w->n_idx, -1);
    einc_print_epilogue(s->p, value, einc_text_z(&to));
    while (t->indent > outer)
        close_block(s);
}

/* --- the kernel --------------------------------------------------------- */

static int
shuffles(const struct writer *s)
{
    for (int o = 0; o < s->w->n_in; o++)
        if (einc_nested_split(&s->q, s->x, o) >= 0)
            return 1;
    return 0;
}

static void
print_shuffle(const struct writer *s)
{
    const char *x = s->p->prefix;
    if (shuffles(s))
        einc_put(s->p->t,
                 "#if defined(__clang__)\n#define %s_SHUFFLE(a, b, ...) \\\n"
                 "    __builtin_shufflevector(a, b, __VA_ARGS__)\n#else\n"
                 "#define %s_SHUFFLE(a, b, ...) \\\n"
                 "    __builtin_shuffle(a, b, (bits){__VA_ARGS__})\n#endif\n",
                 x, x);
}

static void
print_types(const struct writer *s)
{
    struct text *t = s->p->t;
    int bytes = einc_nest_bytes(s->w->compute);
    if (s->x->lane < 0)
        return;
    /* a lane that is copied along, or that ends a sum, needs not all of them */
    einc_line(t, "typedef %s lanes __attribute__((vector_size(%d), unused));",
              s->p->type, bytes * s->x->lanes);
    einc_line(t, "typedef %s row __attribute__((vector_size(%d), aligned(%d), "
                 "may_alias, unused));",
              s->p->type, bytes * s->x->lanes, bytes);
    if (shuffles(s) || (is_summed(s, s->x->lane) &&
                        extent(s, s->x->lane) % step_of(s, s->x->lane)))
        einc_line(t, "typedef int%d_t bits __attribute__((vector_size(%d), "
                     "unused));",
                  8 * bytes, bytes * s->x->lanes);
}

/* "in1[j,r]" of every operand with its level, as a formula. */
static void
print_formula(const struct writer *s)
{
    struct text *t = s->p->t;
    const struct nested *x = s->x;
    int depth = 0, d = 0;
    einc_put(t, "%*s/* ", t->indent, "");
    for (int level = -1; level < x->n_levels; level++) {
        int any = 0;
        for (int o = 0; o < s->w->n_in; o++)
            if (x->home[o] == level)
                einc_put(t, any++ ? "*%s" : "%s", s->w->in[o].name);
        if (level + 1 == x->n_levels)
            break;
        einc_put(t, any ? " * sum[" : "sum[");
        for (int first = d; d < x->n_loops &&
                            x->level[x->loop[d]] == level + 1; d++)
            einc_put(t, d > first ? ",%s" : "%s", s->w->idx[x->loop[d]].name);
        einc_put(t, "](");
        depth++;
    }
    while (depth--)
        einc_put(t, ")");
    einc_put(t, " */\n");
}

static int64_t
count_tasks(const struct nest *w)
{
    return einc_nest_arguments(w, 1, NULL, NULL);
}

int
einc_print_fused_parts(const struct printer *p)
{
    enum { WORTH_THREADS = 100000 };
    double points = 1;
    for (int j = 0; j < p->nest->n_idx; j++)
        points *= (double)p->nest->idx[j].extent.value;
    return count_tasks(p->nest) > 1 && points >= WORTH_THREADS;
}

void
einc_print_fused_count(const struct printer *p)
{
    einc_put(p->t, "(int64_t)%lld", (long long)count_tasks(p->nest));
}

static void
print_head(const struct printer *p)
{
    struct text *t = p->t;
    einc_line(t, "%svoid", p->linkage);
    if (p->by_parameter) {
        einc_put(t, "%s(", p->prefix);
        einc_print_parameters(p, 4);
        einc_put(t, ")\n");
    } else {
        einc_line(t, "%s(const struct %s *args, int64_t task_begin, "
                     "int64_t task_end)", p->prefix, p->args);
    }
    einc_line(t, "{");
}

static void
open_tasks(const struct printer *p)
{
    static const char loop[] =
        "for (int64_t task = %s; task < %s; task++) {";
    struct text end = {.perm = p->t->perm};
    einc_put(&end, "%lld", (long long)count_tasks(p->nest));
    if (!p->by_parameter)
        einc_line(p->t, loop, "task_begin", "task_end");
    else if (p->in_parts)
        einc_line(p->t, loop, "begin", "end");
    else
        einc_line(p->t, loop, "0", einc_text_z(&end));
    p->t->indent += 4;
}

void
einc_print_fused(const struct printer *p)
{
    struct text *t = p->t;
    struct writer s = {.p = p, .w = p->nest, .x = p->nest->nested};
    einc_fused_sum(p->nest, &s.q);
    for (int j = 0; j < s.w->n_idx; j++)
        s.copies[j] = einc_nested_copies(s.x, j);
    print_shuffle(&s);
    print_head(p);
    t->indent += 4;
    print_types(&s);
    einc_print_arguments(p);
    einc_print_scale(p);
    open_tasks(p);
    decode(&s);
    print_formula(&s);
    declare_sums(&s, 0);
    print_loop(&s, 0);
    print_stores(&s);
    close_block(&s);
    close_block(&s);
}
