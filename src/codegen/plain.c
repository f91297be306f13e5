/* SPDX-License-Identifier: MIT
 *
 * plain.c - see plain.h: the function that makes every statement's elements
 * and compares those of the outputs. Of an output that no other statement has
 * to do with some hundred elements do.
 */
#include "codegen/plain.h"

#include "codegen/emit_open.h"
#include "parse/resolve.h"

/* --- which elements ------------------------------------------------------ */

struct hunt {
    const struct program *p;
    int tensor;           /* an access of it is found; -1: of none */
    enum einc_dtype cast; /* a cast to it, too; 0: to none */
    int found;
};

static void
hunt_in(struct hunt *h, const struct node *n)
{
    if (!n)
        return;
    for (int d = 0; n->access && d < n->access->n_subs; d++)
        hunt_in(h, n->access->subs[d].rest);
    if (n->access)
        hunt_in(h, n->access->fill);
    h->found |= n->access && n->access->tensor == h->tensor;
    h->found |= n->kind == NODE_CALL && n->fn == FN_CAST && n->type == h->cast;
    for (int k = 0; k < n->n_args; k++)
        hunt_in(h, n->args[k]);
    for (int k = 0; k < n->n_bound; k++) {
        hunt_in(h, h->p->indices[n->bound[k]].from);
        hunt_in(h, h->p->indices[n->bound[k]].to);
    }
    hunt_in(h, n->guard);
}

static int
is_sampled(const struct plain *x, int stmt)
{
    const struct program *p = x->p;
    const struct stmt *s = &p->stmts[stmt];
    struct hunt h = {.p = p, .tensor = s->left.tensor};
    if (s->scatters || p->tensors[h.tensor].kind != TENSOR_OUTPUT)
        return 0;
    for (int i = 0; i < s->n_loops; i++)
        h.found |= p->indices[s->loops[i]].from != NULL;
    for (int o = 0; o < p->n_stmts && !h.found; o++) {
        if (o == stmt)
            continue;
        hunt_in(&h, p->stmts[o].right);
        h.found |= p->stmts[o].left.tensor == h.tensor;
    }
    return !h.found;
}

static int
casts_to(const struct program *p, int stmt, enum einc_dtype d)
{
    const struct stmt *s = &p->stmts[stmt];
    struct hunt h = {.p = p, .tensor = -1, .cast = d};
    hunt_in(&h, s->right);
    for (int k = 0; k < s->left.n_subs; k++)
        hunt_in(&h, s->left.subs[k].rest);
    for (int i = 0; i < s->n_loops; i++) {
        hunt_in(&h, p->indices[s->loops[i]].from);
        hunt_in(&h, p->indices[s->loops[i]].to);
    }
    return h.found;
}

const char *
einc_plain_extent(const struct plain *x, int index)
{
    const struct index *j = &x->p->indices[index];
    return einc_open_count(x->f, j->lo, j->hi);
}

/* One loop over a sample of the points that the loops of a statement have. */
static void
open_sample(struct plain *x, const struct stmt *s)
{
    struct text *t = x->t;
    int v = einc_plain_new(x);
    char name[PLAIN_NAME];
    einc_put(t, "%*sconst int64_t all%d = 1", t->indent, "", v);
    for (int i = 0; i < s->n_loops; i++)
        einc_put(t, "*(int64_t)%s", einc_plain_extent(x, s->loops[i]));
    einc_put(t, ";\n");
    einc_line(t, "for (int64_t at%d = 0; at%d < all%d; at%d += all%d/500 + "
                 "1) {", v, v, v, v, v);
    t->indent += 4;
    einc_line(t, "int64_t rest%d = at%d;", v, v);
    for (int i = s->n_loops - 1; i >= 0; i--) {
        const char *n = einc_plain_extent(x, s->loops[i]);
        n = n[0] == '0' ? "1" : n;
        einc_plain_name(x, s->loops[i], name);
        einc_line(t, "const int64_t %s = %lld + rest%d %% %s;", name,
                  (long long)x->p->indices[s->loops[i]].lo, v, n);
        einc_line(t, "rest%d /= %s;", v, n);
    }
    einc_line(t, "(void)rest%d;", v);
    for (int i = 0; i < s->n_loops; i++) {
        einc_plain_name(x, s->loops[i], name);
        einc_line(t, "(void)%s;", name);
    }
}

/* --- statements ---------------------------------------------------------- */

/* What the left tensor is to hold: old op value. */
static int
put_new(struct plain *x, const struct stmt *s, int at)
{
    const struct tensor *y = &x->p->tensors[s->left.tensor];
    int v = einc_plain_cast(x, s->right->type, y->dtype,
                            einc_plain_node(x, s->right));
    if (s->op == ASSIGN_SET)
        return v;
    int old = einc_plain_new(x);
    for (int part = 0; part <= einc_plain_is_complex(y->dtype); part++) {
        einc_put(x->t, "%*sconst %s %s%d = ", x->t->indent, "",
                 einc_plain_word(y->dtype), part ? "v" : "u", old);
        einc_plain_load(x, y, at, part);
        einc_put(x->t, ";\n");
    }
    return einc_plain_accumulate(x, s->op, y->dtype, old, v);
}

static int
is_half(const struct tensor *y)
{
    return y->dtype == EINC_F16 || y->dtype == EINC_BF16;
}

static void
put_compare(struct plain *x, const struct tensor *y, int at)
{
    const char *name = x->f->style->name;
    struct text *t = x->t;
    for (int part = 0; part <= einc_plain_is_complex(y->dtype); part++) {
        einc_put(t, "%*swrong += %s_differs(", t->indent, "", name);
        if (is_half(y))
            einc_put(t, "%s_%s(", name,
                     y->dtype == EINC_F16 ? "half_value" : "brain_value");
        else
            einc_put(t, "(double)");
        einc_program_put(t, y);
        einc_plain_subscript(x, y->dtype, at, part);
        einc_put(t, "%s, (double)w_", is_half(y) ? ")" : "");
        einc_program_put(t, y);
        einc_plain_subscript(x, y->dtype, at, part);
        einc_put(t, ");\n");
    }
    einc_line(t, "++*checked;");
}

static void
put_comment(const struct plain *x, const struct stmt *s)
{
    struct text own = {.perm = x->f->scratch};
    einc_resolve_print_stmt(&own, x->p, s);
    einc_put(x->t, "\n    /* ");
    einc_emit_comment(x->t, (struct str){own.p, own.n});
    einc_put(x->t, " */\n");
}

static void
put_stores(struct plain *x, const struct tensor *y, int at, int v)
{
    struct text *t = x->t;
    for (int part = 0; part <= einc_plain_is_complex(y->dtype); part++) {
        const char *plane = part ? "v" : "u";
        einc_put(t, x->is_stage ? "%*s" : "%*sw_", t->indent, "");
        einc_program_put(t, y);
        einc_plain_subscript(x, y->dtype, at, part);
        if (!x->is_stage)
            einc_put(t, " = %s%d;\n", plane, v);
        else if (is_half(y))
            einc_put(t, " = %s_%s(%s%d);\n", x->f->style->name,
                     y->dtype == EINC_F16 ? "half_bits" : "brain_bits", plane,
                     v);
        else
            einc_put(t, " = (%s)%s%d;\n", einc_program_type(y), plane, v);
    }
}

static void
put_stmt(struct plain *x, int stmt)
{
    const struct stmt *s = &x->p->stmts[stmt];
    const struct tensor *y = &x->p->tensors[s->left.tensor];
    int sampled = !x->is_stage && is_sampled(x, stmt), outside = 0;
    struct text *t = x->t;
    int depth = sampled ? 1 : s->n_loops;
    put_comment(x, s);
    t->indent = 4;
    if (sampled)
        open_sample(x, s);
    for (int i = 0; i < s->n_loops && !sampled; i++)
        einc_plain_open(x, s->loops[i]);
    if (einc_plain_leaves(&s->left)) {
        outside = einc_plain_new(x);
        einc_line(t, "int outside%d = 0;", outside);
    }
    int at = einc_plain_place(x, &s->left, outside);
    int v = put_new(x, s, at);
    if (outside) {
        einc_line(t, "if (!outside%d) {", outside);
        t->indent += 4;
        depth++;
    }
    put_stores(x, y, at, v);
    if (sampled)
        put_compare(x, y, at);
    einc_plain_close(x, depth);
    t->indent = 0;
}

/* --- the function -------------------------------------------------------- */

static int
is_compared(const struct plain *x, int tensor)
{
    for (int s = 0; s < x->p->n_stmts; s++)
        if (x->p->stmts[s].left.tensor == tensor && is_sampled(x, s))
            return 0;
    return x->p->tensors[tensor].kind == TENSOR_OUTPUT;
}

static int
has_type(const struct program *p, enum einc_dtype d)
{
    for (int i = 0; i < p->n_tensors; i++)
        if (p->tensors[i].dtype == d)
            return 1;
    for (int s = 0; s < p->n_stmts; s++)
        if (casts_to(p, s, d))
            return 1;
    return 0;
}

/* Whether tensors of that type are read by what is printed in this form, and
 * written; a cast does both. */
static void
find_half(const struct program_file *f, const char *is_plain,
          enum einc_dtype d, int *is_read, int *is_written)
{
    const struct program *p = f->p;
    for (int i = 0; f->style->with_main && i < p->n_tensors; i++)
        *is_read |= p->tensors[i].dtype == d &&
                    p->tensors[i].kind != TENSOR_TEMP;
    for (int s = 0; f->style->with_main && s < p->n_stmts; s++)
        if (casts_to(p, s, d))
            *is_read = *is_written = 1;
    for (int s = 0; s < f->s->n_stages; s++) {
        const struct stage *g = &f->s->stages[s];
        if (!is_plain[s])
            continue;
        for (int i = 0; i < g->n_reads; i++)
            *is_read |= p->tensors[g->reads[i]].dtype == d;
        *is_written |=
            p->tensors[p->stmts[g->stmt].left.tensor].dtype == d;
        if (casts_to(p, g->stmt, d))
            *is_read = *is_written = 1;
    }
}

static void
put_bits(const struct plain *x, int halves, int brains)
{
    const char *name = x->f->style->name;
    if (halves)
        einc_put(x->t, "/* The bits of an IEEE half, rounded to nearest, ties "
                       "to even. */\n"
                       "static uint16_t\n%s_half_bits(double x)\n{\n"
                       "    const uint16_t sign = signbit(x) ? 0x8000 : 0;\n"
                       "    const double a = fabs(x);\n    int power;\n"
                       "    if (a != a)\n        return (uint16_t)(sign | "
                       "0x7e00);\n    if (a >= 65520)\n        return "
                       "(uint16_t)(sign | 0x7c00);\n"
                       "    if (a < 6.103515625e-05)\n        return "
                       "(uint16_t)(sign | (uint16_t)rint(a*16777216));\n"
                       "    const int part = (int)rint(2048*frexp(a, "
                       "&power));\n    return (uint16_t)(sign | ((power + "
                       "14)*1024 + (part - 1024)));\n}\n\n", name);
    if (brains)
        einc_put(x->t, "/* The upper half of a float, rounded likewise. */\n"
                       "static uint16_t\n%s_brain_bits(double x)\n{\n"
                       "    const float value = (float)x;\n"
                       "    uint32_t wide;\n"
                       "    memcpy(&wide, &value, sizeof wide);\n"
                       "    if (x != x)\n        return 0x7fc0;\n"
                       "    return (uint16_t)((wide + 0x7fff + (wide >> 16 & "
                       "1)) >> 16);\n}\n\n", name);
}

void
einc_program_plain_helpers(const struct program_file *f, const char *is_plain)
{
    const struct plain own = {.t = f->t, .f = f, .p = f->p}, *x = &own;
    const char *name = f->style->name;
    int halves = 0, brains = 0, half_bits = 0, brain_bits = 0;
    find_half(f, is_plain, EINC_F16, &halves, &half_bits);
    find_half(f, is_plain, EINC_BF16, &brains, &brain_bits);
    if (halves)
        einc_put(f->t, "/* Of the bits of an IEEE half. */\n"
                       "static double\n%s_half_value(uint16_t bits)\n"
                       "{\n    const int power = bits >> 10 & 31;\n"
                       "    const double part = bits & 1023;\n"
                       "    const double size = power == 31 ? part > 0 ? "
                       "(double)NAN : (double)INFINITY\n"
                       "                        : ldexp(power ? part + 1024 "
                       ": part, (power ? power : 1) - 25);\n"
                       "    return bits >> 15 ? -size : size;\n}\n\n", name);
    if (brains)
        einc_put(f->t, "/* Of the upper half of a float. */\n"
                       "static double\n%s_brain_value(uint16_t bits)"
                       "\n{\n    const uint32_t wide = (uint32_t)bits << 16;\n"
                       "    float value;\n"
                       "    memcpy(&value, &wide, sizeof value);\n"
                       "    return (double)value;\n}\n\n", name);
    put_bits(x, half_bits, brain_bits);
}

static void
put_differs(const struct plain *x)
{
    int rough = has_type(x->p, EINC_F16) || has_type(x->p, EINC_BF16);
    int floats = has_type(x->p, EINC_F32) || has_type(x->p, EINC_C64);
    einc_put(x->t, "static int\n%s_differs(double got, double want)\n{\n"
                   "    const double apart = got - want;\n"
                   "    if (got == want || (got != got && want != want))\n"
                   "        return 0;\n"
                   "    return !(apart*apart <= %s*(1 + want*want));\n}\n\n",
             x->f->style->name,
             rough ? "1e-3" : floats ? "4e-6" : "1e-12");
}

/* A stage that has no kernel. Halves in and out go through
 * einc_program_plain_helpers(). */
void
einc_program_plain_stage(const struct program_file *f, int stage)
{
    const struct stage *g = &f->s->stages[stage];
    struct plain own = {.t = f->t, .f = f, .p = f->p, .is_stage = 1,
                        .places = f->p->stmts[g->stmt].places};
    int left = f->p->stmts[g->stmt].left.tensor;
    einc_put(f->t, "/* --- stage %d: plain loops --- */\n\nstatic void\n"
                   "%s_stage%d(const struct %s_args *args%s", stage + 1,
             f->style->name, stage + 1, f->style->name,
             f->p->stmts[g->stmt].places ? ", int64_t places" : "");
    if (f->p->open.n)
        einc_put(f->t, ", const struct %s_sizes *z)\n{\n    (void)z;\n",
                 f->style->name);
    else
        einc_put(f->t, ")\n{\n");
    for (int i = 0; i < g->n_reads; i++) {
        const struct tensor *y = &f->p->tensors[g->reads[i]];
        if (g->reads[i] == left)
            continue;
        einc_put(f->t, "    const %s *const ", einc_program_type(y));
        einc_program_put(f->t, y);
        einc_put(f->t, " = (const %s *)args->in[%d];\n",
                 einc_program_type(y), g->reads[i]);
    }
    const struct tensor *to = &f->p->tensors[left];
    einc_put(f->t, "    %s *const ", einc_program_type(to));
    einc_program_put(f->t, to);
    einc_put(f->t, " = (%s *)args->out;\n", einc_program_type(to));
    put_stmt(&own, g->stmt);
    einc_put(f->t, "}\n\n");
}

static void
put_kept(struct plain *x, int tensor)
{
    const struct tensor *y = &x->p->tensors[tensor];
    const char *word = einc_plain_word(y->dtype);
    struct text *t = x->t, name = {.perm = x->f->scratch};
    einc_program_put(&name, y);
    const char *z = einc_text_z(&name);
    einc_put(t, "    const int64_t n_%s = %d", z,
             einc_plain_is_complex(y->dtype) ? 2 : 1);
    for (int d = 0; d < y->n_dims; d++)
        einc_put(t, "*(int64_t)%s", einc_open_number(x->f, y->shape[d]));
    einc_put(t, ";\n    %s *const w_%s = (%s *)malloc((size_t)n_%s * sizeof "
                "*w_%s + 1);\n", word, z, word, z, z);
}

/* Outputs begin as main() had them. */
static void
put_begin(struct plain *x, int tensor)
{
    const struct tensor *y = &x->p->tensors[tensor];
    struct text *t = x->t, name = {.perm = x->f->scratch};
    einc_program_put(&name, y);
    const char *z = einc_text_z(&name);
    einc_put(t, "    for (int64_t at = 0; at < n_%s; at++)\n"
                "        w_%s[at] = ", z, z);
    if (y->kind == TENSOR_OUTPUT)
        einc_program_fill(x->f, y);
    else
        einc_put(t, "0");
    einc_put(t, ";\n");
}

static void
put_parameters(const struct plain *x)
{
    struct text *t = x->t;
    einc_put(t, "static int64_t\n%s_wrong(", x->f->style->name);
    for (int kind = TENSOR_OUTPUT; kind >= 0; kind -= TENSOR_OUTPUT)
        for (int i = 0; i < x->p->n_tensors; i++) {
            const struct tensor *y = &x->p->tensors[i];
            if ((int)y->kind != kind)
                continue;
            einc_put(t, "const %s *", einc_program_type(y));
            einc_program_put(t, y);
            einc_put(t, ", ");
        }
    if (x->p->open.n)
        einc_put(t, "const struct %s_sizes *z, ", x->f->style->name);
    einc_put(t, "int64_t *checked)\n{\n    int64_t wrong = 0;\n");
    for (int i = 0; i < x->p->n_tensors; i++)
        if (x->p->tensors[i].kind == TENSOR_OPERAND) {
            einc_put(t, "    (void)");
            einc_program_put(t, &x->p->tensors[i]);
            einc_put(t, ";\n");
        }
}

static void
put_all_compared(struct plain *x, int tensor)
{
    struct text *t = x->t;
    const struct tensor *y = &x->p->tensors[tensor];
    int at = einc_plain_new(x);
    einc_put(t, "    for (int64_t u%d = 0; u%d < n_", at, at);
    einc_program_put(t, y);
    einc_put(t, "%s; u%d++) {\n",
             einc_plain_is_complex(y->dtype) ? "/2" : "", at);
    t->indent = 8;
    put_compare(x, y, at);
    t->indent = 0;
    einc_put(t, "    }\n");
}

void
einc_program_plain(const struct program_file *f)
{
    struct plain own = {.t = f->t, .f = f, .p = f->s->given}, *x = &own;
    const struct program *p = x->p;
    struct text *t = f->t;
    put_differs(x);
    put_parameters(x);
    for (int i = 0; i < p->n_tensors; i++)
        if (p->tensors[i].kind != TENSOR_OPERAND)
            put_kept(x, i);
    einc_put(t, "    if (");
    for (int i = 0, n = 0; i < p->n_tensors; i++) {
        if (p->tensors[i].kind == TENSOR_OPERAND)
            continue;
        einc_put(t, n++ ? " || !w_" : "!w_");
        einc_program_put(t, &p->tensors[i]);
    }
    einc_put(t, ")\n        return -1;\n");
    for (int i = 0; i < p->n_tensors; i++)
        if (p->tensors[i].kind != TENSOR_OPERAND)
            put_begin(x, i);
    for (int s = 0; s < p->n_stmts; s++)
        put_stmt(x, s);
    einc_put(t, "\n");
    for (int i = 0; i < p->n_tensors; i++)
        if (is_compared(x, i))
            put_all_compared(x, i);
    for (int i = 0; i < p->n_tensors; i++)
        if (p->tensors[i].kind != TENSOR_OPERAND) {
            einc_put(t, "    free(w_");
            einc_program_put(t, &p->tensors[i]);
            einc_put(t, ");\n");
        }
    einc_put(t, "    return wrong;\n}\n");
}
