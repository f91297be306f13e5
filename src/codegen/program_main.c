/* SPDX-License-Identifier: MIT
 *
 * program_main.c - see program_file.h: a main() that fills the inputs, runs
 * the function, compares it with plain loops, and times it.
 */
#include "codegen/emit_open.h"
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
    const char *bound; /* the same in C, where sizes are arguments */
    const struct program_file *f;
};

enum place { PLACE_VALUE, PLACE_SUBSCRIPT, PLACE_FROM, PLACE_TO };

/* The number, and not less than `least`; sizes are known when it runs. */
static const char *
at_least(const struct program_file *f, const char *number, int least)
{
    struct text t = {.perm = f->scratch};
    einc_put(&t, "(%s > %d ? %s : %d)", number, least, number, least);
    return einc_text_z(&t);
}

static void look(struct use *u, const struct node *n, enum place place,
                 int64_t most, const char *bound);

static void
look_in_access(struct use *u, const struct access *a)
{
    const struct tensor *y = &u->p->tensors[a->tensor];
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *s = &a->subs[d];
        struct text t = {.perm = u->f->scratch};
        int64_t most = y->shape[d] - s->constant;
        einc_put(&t, "(%s - (%lld)", einc_open_number(u->f, y->shape[d]),
                 (long long)s->constant);
        for (int k = 0; k < s->n_terms; k++) {
            int64_t coef = s->terms[k].coef;
            int64_t hi = u->p->indices[s->terms[k].index].hi;
            if (coef <= 0)
                continue;
            most -= coef * (hi - 1);
            einc_put(&t, " - %lld*(%s - 1)", (long long)coef,
                     einc_open_number(u->f, hi));
        }
        einc_put(&t, ")");
        look(u, s->rest, PLACE_SUBSCRIPT, most, einc_text_z(&t));
    }
    look(u, a->fill, PLACE_VALUE, 0, "");
}

/* The lesser of two bounds, which is 1 or more. */
static const char *
lesser(const struct use *u, const char *bound)
{
    struct text t = {.perm = u->f->scratch};
    bound = at_least(u->f, bound, 1);
    if (!u->bound)
        return bound;
    einc_put(&t, "(%s < %s ? %s : %s)", bound, u->bound, bound, u->bound);
    return einc_text_z(&t);
}

static void
look(struct use *u, const struct node *n, enum place place, int64_t most,
     const char *bound)
{
    if (!n)
        return;
    if (n->access && n->access->tensor == u->tensor && place != PLACE_VALUE) {
        u->as_place |= place == PLACE_SUBSCRIPT;
        u->as_from |= place == PLACE_FROM;
        u->as_to |= place == PLACE_TO;
        u->most = most < u->most ? most : u->most;
        u->bound = lesser(u, bound);
    }
    if (n->access)
        look_in_access(u, n->access);
    for (int k = 0; k < n->n_args; k++)
        look(u, n->args[k], place, most, bound);
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &u->p->indices[n->bound[k]];
        const char *to = einc_open_number(u->f, x->hi);
        look(u, x->from, PLACE_FROM, x->hi, to);
        look(u, x->to, PLACE_TO, x->hi, to);
    }
    look(u, n->guard, PLACE_VALUE, 0, "");
}

static struct use
use_of(const struct program_file *f, const struct tensor *y)
{
    const struct program *p = f->s->given;
    struct use u = {.p = p, .most = INT64_MAX, .f = f};
    while (p->tensors[u.tensor].kind != y->kind ||
           p->tensors[u.tensor].number != y->number)
        u.tensor++;
    for (int s = 0; s < p->n_stmts; s++) {
        look(&u, p->stmts[s].right, PLACE_VALUE, 0, "");
        look_in_access(&u, &p->stmts[s].left);
    }
    return u;
}

/* Elements, less one of several. */
static const char *
count_of(const struct program_file *f, const struct tensor *y, int less)
{
    struct text t = {.perm = f->scratch};
    long long count = 1;
    for (int d = 0; d < y->n_dims; d++)
        count *= (long long)y->shape[d];
    if (einc_open_is_fixed(f, y)) {
        einc_put(&t, "%lld", count - less > 0 ? count - less : 1);
        return einc_text_z(&t);
    }
    einc_put(&t, "(1");
    for (int d = 0; d < y->n_dims; d++)
        einc_put(&t, "*%s", einc_open_number(f, y->shape[d]));
    einc_put(&t, " - %d)", less);
    return at_least(f, einc_text_z(&t), 1);
}

/* Positions as a formula in `at`. */
static void
put_places(const struct program_file *f, const struct tensor *y,
           const struct use *u)
{
    struct text t = {.perm = f->scratch};
    const char *most = u->bound;
    if (!f->p->open.n) {
        einc_put(&t, "%lld", (long long)(u->most > 0 ? u->most : 1));
        most = einc_text_z(&t);
    }
    if (u->as_from && u->as_to)
        einc_put(f->t, "at*%s/%s", most, count_of(f, y, 1));
    else if (u->as_from)
        einc_put(f->t, "at*%s/%s", most, count_of(f, y, 0));
    else if (u->as_to)
        einc_put(f->t, "(at + 1)*%s/%s", most, count_of(f, y, 0));
    else
        einc_put(f->t, "7*at %% %s", most);
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
        einc_put(t, "*(int64_t)%s", einc_open_number(f, y->shape[d]));
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
    einc_put(&call, "%s%s(", f->style->name, f->cuda ? "_copy" : "");
    each_array(&own, put_argument);
    if (f->cuda) {
        call.n -= 2; /* the last comma */
        einc_put(&call, ")");
        return einc_text_z(&call);
    }
    einc_open_arguments(f, &call, "", ", ");
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
    einc_put(t, "%s&checked);\n    if (wrong < 0)\n"
                "        return fputs(\"no memory for the plain loops\\n\", "
                "stderr), 1;\n", f->p->open.n ? "z, " : "");
}

/* The sizes from the command line, or their guides. */
static void
put_number_function(const struct program_file *f)
{
    einc_put(f->t, "/* -1 if it is none, or a large one */\n"
                   "static int64_t\n%s_number(const char *word)\n{\n"
                   "    char *end;\n"
                   "    const long long n = strtoll(word, &end, 10);\n"
                   "    return *word && !*end && n >= 0 && n <= 1048576 ? "
                   "n : -1;\n}\n\n", f->style->name);
}

static void
put_main_sizes(const struct program_file *f)
{
    const char *x = f->style->name;
    for (int k = 0; k < f->p->open.n; k++) {
        const struct open_size *o = &f->p->open.list[k];
        struct text name = {.perm = f->scratch};
        einc_open_name(f, &name, k);
        const char *n = einc_text_z(&name);
        einc_put(f->t, "    const int64_t %s = argc > %d ? %s_number(argv[%d])"
                       " : %lld;\n    if (%s < 0)\n"
                       "        return fprintf(stderr, \"%%s: %s is a number "
                       "from 0 to 1048576\\n\",\n"
                       "                       argv[%d]), 2;\n", n, k + 1, x,
                 k + 1, (long long)o->guide, n, n, k + 1);
    }
    if (f->p->open.n)
        einc_open_locals(f);
}

static void
put_work(const struct program_file *f)
{
    struct text own = {.perm = f->scratch};
    einc_open_arguments(f, &own, "", ", ");
    if (f->p->open.n)
        einc_put(f->t, "    const int64_t room = %s_workspace(%.*s);\n"
                       "    if (room < 0)\n        return fputs(\"it is not "
                       "made for such sizes\\n\", stderr), 1;\n"
                       "    void *const work = malloc((size_t)room);\n",
                 f->style->name, (int)own.n - 2, own.p);
    else
        einc_put(f->t, "    void *const work = malloc((size_t)%s_workspace());"
                       "\n", f->style->name);
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
    if (f->p->open.n)
        put_number_function(f);
    einc_put(t, f->p->open.n ? "int\nmain(int argc, char **argv)\n{\n"
                             : "int\nmain(void)\n{\n");
    put_main_sizes(f);
    each_array(f, put_array);
    if (!f->cuda)
        put_work(f);
    put_check(f, call);
    einc_file_main_rounds(t, x,
                          f->cuda ? einc_printed(f->scratch, "%s_again()", x)
                                  : call);
    if (!f->p->open.n)
        einc_put(t, "    const double flop = %lld.0;\n",
                 flop < 9e18 ? (long long)flop : 9000000000000000000);
    einc_file_main_result(t, x, !f->p->open.n);
    each_array(f, put_free);
    if (f->cuda)
        einc_put(t, "    %s_close();\n", x);
    else
        einc_put(t, "    free(work);\n");
    einc_put(t, "    return wrong != 0;\n}\n");
}
