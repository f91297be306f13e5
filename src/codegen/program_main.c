/* SPDX-License-Identifier: MIT
 *
 * program_main.c - see program_file.h: a main() that fills the inputs, runs
 * the function, compares it with plain loops, and times it.
 */
#include "codegen/file.h"
#include "codegen/program_file.h"

/* --- what an input holds -------------------------------------------------- */

/* An operand whose elements are positions or bounds gets legal ones: below
 * `most`, or rising up to it. */
struct use {
    const struct program *p;
    int tensor;
    int as_place, as_from, as_to;
    int64_t most;
};

enum place { PLACE_VALUE, PLACE_SUBSCRIPT, PLACE_FROM, PLACE_TO };

static void look(struct use *u, const struct node *n, enum place place,
                 int64_t most);

static void
look_in_access(struct use *u, const struct access *a)
{
    const struct tensor *y = &u->p->tensors[a->tensor];
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *s = &a->subs[d];
        int64_t most = y->shape[d] - s->constant;
        for (int k = 0; k < s->n_terms; k++)
            if (s->terms[k].coef > 0)
                most -= s->terms[k].coef *
                        (u->p->indices[s->terms[k].index].hi - 1);
        look(u, s->rest, PLACE_SUBSCRIPT, most);
    }
    look(u, a->fill, PLACE_VALUE, 0);
}

static void
look(struct use *u, const struct node *n, enum place place, int64_t most)
{
    if (!n)
        return;
    if (n->access && n->access->tensor == u->tensor && place != PLACE_VALUE) {
        u->as_place |= place == PLACE_SUBSCRIPT;
        u->as_from |= place == PLACE_FROM;
        u->as_to |= place == PLACE_TO;
        u->most = most < u->most ? most : u->most;
    }
    if (n->access)
        look_in_access(u, n->access);
    for (int k = 0; k < n->n_args; k++)
        look(u, n->args[k], place, most);
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &u->p->indices[n->bound[k]];
        look(u, x->from, PLACE_FROM, x->hi);
        look(u, x->to, PLACE_TO, x->hi);
    }
    look(u, n->guard, PLACE_VALUE, 0);
}

static struct use
use_of(const struct program_file *f, const struct tensor *y)
{
    const struct program *p = f->s->given;
    struct use u = {.p = p, .most = INT64_MAX};
    while (p->tensors[u.tensor].kind != y->kind ||
           p->tensors[u.tensor].number != y->number)
        u.tensor++;
    for (int s = 0; s < p->n_stmts; s++) {
        look(&u, p->stmts[s].right, PLACE_VALUE, 0);
        look_in_access(&u, &p->stmts[s].left);
    }
    return u;
}

/* Positions as a formula in `at`. */
static void
put_places(const struct program_file *f, const struct tensor *y,
           const struct use *u)
{
    long long most = (long long)(u->most > 0 ? u->most : 1), count = 1;
    for (int d = 0; d < y->n_dims; d++)
        count *= (long long)y->shape[d];
    if (u->as_from && u->as_to)
        einc_put(f->t, "at*%lld/%lld", most, count > 1 ? count - 1 : 1);
    else if (u->as_from)
        einc_put(f->t, "at*%lld/%lld", most, count > 0 ? count : 1);
    else if (u->as_to)
        einc_put(f->t, "(at + 1)*%lld/%lld", most, count > 0 ? count : 1);
    else
        einc_put(f->t, "7*at %% %lld", most);
}

void
einc_program_fill(const struct program_file *f, const struct tensor *y)
{
    const struct dtype_info *d = einc_dtype_info(y->dtype);
    struct use u = use_of(f, y);
    if (u.as_place || u.as_from || u.as_to)
        put_places(f, y, &u);
    else if (d->kind == KIND_BOOL)
        einc_put(f->t, "7*at %% 5 < 2");
    else if (d->kind == KIND_FLOAT || d->kind == KIND_COMPLEX)
        einc_put(f->t, "0.25*(double)(7*at %% 9) - 1");
    else
        einc_put(f->t, d->kind == KIND_UINT ? "7*at %% 5" : "7*at %% 5 - 2");
}

/* --- arrays --------------------------------------------------------------- */

static int
is_half(const struct tensor *y)
{
    return y->dtype == EINC_F16 || y->dtype == EINC_BF16;
}

/* Bits of -1, -0.75 ... 1. */
static void
put_half_bits(struct text *t, enum einc_dtype d)
{
    einc_put(t, "        static const uint16_t bits[] = {%s};\n",
             d == EINC_F16
                 ? "0xbc00, 0xba00, 0xb800, 0xb400, 0, 0x3400,\n"
                   "                                        0x3800, 0x3a00, "
                   "0x3c00"
                 : "0xbf80, 0xbf40, 0xbf00, 0xbe80, 0, 0x3e80,\n"
                   "                                        0x3f00, 0x3f40, "
                   "0x3f80");
}

static void
put_array(const struct program_file *f, const struct tensor *y)
{
    struct text *t = f->t, name = {.perm = f->scratch};
    einc_program_put(&name, y);
    const char *z = einc_text_z(&name), *type = einc_program_type(y);
    int parts = einc_dtype_info(y->dtype)->kind == KIND_COMPLEX ? 2 : 1;
    einc_put(t, "    const int64_t size_%s = %d", z, parts);
    for (int d = 0; d < y->n_dims; d++)
        einc_put(t, "*(int64_t)%lld", (long long)y->shape[d]);
    /* not malloc(): compilers warn of an array that nothing has filled, even
     * of one without elements */
    einc_put(t, ";\n    %s *const %s = (%s *)calloc((size_t)size_%s + 1, "
                "sizeof *%s);\n"
                "    if (!%s)\n        return fputs(\"no memory for %s\\n\", "
                "stderr), 1;\n", type, z, type, z, z, z, z);
    einc_put(t, "    for (int64_t at = 0; at < size_%s; at++) {\n", z);
    if (is_half(y)) {
        put_half_bits(t, y->dtype);
        einc_put(t, "        %s[at] = bits[7*at %% 9];\n    }\n", z);
        return;
    }
    einc_put(t, "        %s[at] = (%s)(", z, type);
    einc_program_fill(f, y);
    einc_put(t, ");\n    }\n");
}

/* Calls f for the outputs, then for the operands. */
static void
each_array(const struct program_file *f,
           void (*put)(const struct program_file *f, const struct tensor *y))
{
    for (int kind = TENSOR_OUTPUT; kind >= 0; kind -= TENSOR_OUTPUT)
        for (int i = 0; i < f->p->n_tensors; i++)
            if ((int)f->p->tensors[i].kind == kind)
                put(f, &f->p->tensors[i]);
}

static void
put_argument(const struct program_file *f, const struct tensor *y)
{
    einc_program_put(f->t, y);
    einc_put(f->t, ", ");
}

static void
put_free(const struct program_file *f, const struct tensor *y)
{
    einc_put(f->t, "    free(");
    einc_program_put(f->t, y);
    einc_put(f->t, ");\n");
}

/* --- main() --------------------------------------------------------------- */

static const char *
call_of(const struct program_file *f)
{
    struct text call = {.perm = f->scratch};
    struct program_file own = *f;
    own.t = &call;
    einc_put(&call, "%s(", f->style->name);
    each_array(&own, put_argument);
    einc_put(&call, "work)");
    return einc_text_z(&call);
}

/* The first call is the one that is compared: outputs that the program reads
 * change with each. */
static void
put_check(const struct program_file *f, const char *call)
{
    struct text *t = f->t;
    einc_put(t, "    const int status = %s;\n    if (status)\n"
                "        return fputs(status == 2 ? \"data lead out of a "
                "tensor\\n\"\n                                 : \"no memory "
                "for the call\\n\", stderr), 1;\n"
                "    int64_t checked = 0;\n"
                "    const int64_t wrong = %s_wrong(", call, f->style->name);
    each_array(f, put_argument);
    einc_put(t, "&checked);\n    if (wrong < 0)\n"
                "        return fputs(\"no memory for the plain loops\\n\", "
                "stderr), 1;\n");
}

void
einc_program_main(const struct program_file *f, double flop)
{
    struct text *t = f->t;
    const char *x = f->style->name, *call = call_of(f);
    einc_put(t, "\n/* Fills the inputs, checks the function against plain "
                "loops, times it. */\n#include <stdio.h>\n"
                "#include <time.h>\n\n");
    einc_program_plain(f);
    einc_put(t, "\n");
    einc_file_main_seconds(t, x);
    einc_put(t, "int\nmain(void)\n{\n");
    each_array(f, put_array);
    einc_put(t, "    void *const work = malloc((size_t)%s_workspace());\n", x);
    put_check(f, call);
    einc_file_main_rounds(t, x, call);
    einc_put(t, "    const double flop = %lld.0;\n",
             flop < 9e18 ? (long long)flop : 9000000000000000000);
    einc_file_main_result(t, x);
    each_array(f, put_free);
    einc_put(t, "    free(work);\n    return wrong != 0;\n}\n");
}
