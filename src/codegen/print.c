/* SPDX-License-Identifier: MIT
 *
 * print.c - see print.h.
 */
#include "codegen/print.h"

#include <string.h>

#include "codegen/family.h"

static const char *
plane_type(enum einc_dtype compute)
{
    switch (compute) {
    case EINC_F32:
    case EINC_C64:
        return "float";
    case EINC_F64:
    case EINC_C128:
        return "double";
    case EINC_I64:
        return "uint64_t"; /* unsigned: wrapping is defined */
    default:
        return "uint32_t"; /* EINC_I32, EINC_BOOL */
    }
}

struct printer
einc_printer(struct text *t, const struct nest *nest, const char *prefix)
{
    return (struct printer){
        .t = t,
        .nest = nest,
        .prefix = prefix,
        .shared = prefix,
        .args = "einc_args",
        .type = plane_type(nest->compute),
        .planes =
            einc_dtype_info(nest->compute)->kind == KIND_COMPLEX ? 2 : 1,
        .with_scale = 1,
        .in_place = nest->family == FAMILY_GETT && einc_gett_has_rows(nest),
        .linkage = "static "};
}

void
einc_code(const struct printer *p, const char *fmt, ...)
{
    struct text *t = p->t, code = {.perm = t->perm};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&code, fmt, ap);
    va_end(ap);
    int fresh = t->n == 0 || t->p[t->n - 1] == '\n';
    for (int64_t j = 0; j < code.n; j++) {
        char c = code.p[j];
        if (fresh && c != '\n')
            einc_put(t, "%*s", t->indent, "");
        fresh = c == '\n';
        if (c == '@' || c == '$')
            einc_put_str(t, str_of(c == '@' ? p->shared : p->type));
        else
            einc_put_str(t, (struct str){code.p + j, 1});
    }
}

const char *
einc_print_storage(enum einc_dtype d)
{
    return einc_dtype_info(d)->c_type;
}

const char *
einc_print_add(const struct printer *p)
{
    return p->nest->compute == EINC_BOOL ? "|" : "+";
}

const char *
einc_print_mul(const struct printer *p)
{
    return p->nest->compute == EINC_BOOL ? "&" : "*";
}

/* --- elements ----------------------------------------------------------- */

static int
is_complex(enum einc_dtype d)
{
    return einc_dtype_info(d)->kind == KIND_COMPLEX;
}

void
einc_print_load(const struct printer *p, enum einc_dtype storage, int plane,
                const char *pointer, const char *offset)
{
    struct text *t = p->t;
    const char *type = p->type;
    if (is_complex(storage)) {
        const char *cast = p->nest->compute == storage ? "" : "(double)";
        einc_put(t, plane ? "%s%s[2*(%s) + 1]" : "%s%s[2*(%s)]", cast, pointer,
                 offset);
    } else if (plane) {
        einc_put(t, "0");
    } else if (storage == EINC_BOOL) {
        einc_put(t, "(%s)(%s[%s] != 0)", type, pointer, offset);
    } else if (p->nest->compute == EINC_BOOL) {
        einc_put(t, "(uint32_t)(%s[%s] != 0)", pointer, offset);
    } else if (storage == EINC_F16 || storage == EINC_BF16) {
        einc_put(t, "%s%s(%s[%s])",
                 strcmp(type, "float") == 0 ? "" : "(double)",
                 storage == EINC_F16 ? "half_to_float" : "bf16_to_float",
                 pointer, offset);
    } else if (strcmp(type, einc_print_storage(storage)) == 0) {
        einc_put(t, "%s[%s]", pointer, offset);
    } else if ((storage == EINC_I8 || storage == EINC_I16) &&
               p->nest->compute == EINC_I32) {
        /* + 0: gcc 12 finds a change of sign in x * (uint32_t)y for such y */
        einc_put(t, "(%s)(%s[%s] + 0)", type, pointer, offset);
    } else {
        einc_put(t, "(%s)%s[%s]", type, pointer, offset);
    }
}

void
einc_print_store(const struct printer *p, enum einc_dtype storage, int plane,
                 const char *pointer, const char *offset, const char *value)
{
    struct text *t = p->t;
    const char *type = einc_print_storage(storage);
    const char *to_float = strcmp(p->type, "double") == 0 ? "(float)" : "";
    if (is_complex(storage))
        einc_line(t, plane ? "%s[2*(%s) + 1] = %s%s;" : "%s[2*(%s)] = %s%s;",
                  pointer, offset, storage == EINC_C64 ? to_float : "", value);
    else if (storage == EINC_BOOL)
        einc_line(t, "%s[%s] = (uint8_t)(%s != 0);", pointer, offset, value);
    else if (storage == EINC_F16 || storage == EINC_BF16)
        einc_line(t, "%s[%s] = float_to_%s(%s%s);", pointer, offset,
                  storage == EINC_F16 ? "half" : "bf16", to_float, value);
    else if (strcmp(type, p->type) == 0)
        einc_line(t, "%s[%s] = %s;", pointer, offset, value);
    else
        einc_line(t, "%s[%s] = (%s)%s;", pointer, offset, type, value);
}

/* --- offsets and extents ------------------------------------------------ */

static int
is_literal(struct quantity q, int64_t value)
{
    return q.arg < 0 && q.value == value;
}

void
einc_print_offset(const struct printer *p, const struct nest_tensor *x,
                  int first, int last, int skip)
{
    const struct nest_index *idx = p->nest->idx;
    int any = 0;
    for (int j = first; j < last; j++) {
        if (j == skip || is_literal(x->stride[j], 0))
            continue;
        einc_put(p->t, any ? " + " : "");
        any = 1;
        if (is_literal(x->stride[j], 1))
            einc_put(p->t, "%s", idx[j].name);
        else if (x->stride[j].arg < 0)
            einc_put(p->t, "%lld*%s", (long long)x->stride[j].value,
                     idx[j].name);
        else
            einc_put(p->t, "%s_%s*%s", x->name, idx[j].name, idx[j].name);
    }
    if (!any)
        einc_put(p->t, "0");
}

const char *
einc_print_n(const struct printer *p, int j)
{
    const struct nest_index *x = &p->nest->idx[j];
    struct text t = {.perm = p->t->perm};
    if (x->extent.arg < 0)
        einc_put(&t, "%lld", (long long)x->extent.value);
    else
        einc_put(&t, "n_%s", x->name);
    return einc_text_z(&t);
}

void
einc_print_extent(const struct printer *p, enum loop_role role)
{
    const struct nest *w = p->nest;
    int64_t literal = 1;
    int any = 0;
    for (int j = w->first[role]; j < w->first[role + 1]; j++)
        if (w->idx[j].extent.arg < 0)
            literal *= w->idx[j].extent.value;
    for (int j = w->first[role]; j < w->first[role + 1]; j++)
        if (w->idx[j].extent.arg >= 0) {
            einc_put(p->t, "%sn_%s", any ? "*" : "", w->idx[j].name);
            any = 1;
        }
    if (!any || literal != 1)
        einc_put(p->t, "%s%lld", any ? "*" : "", (long long)literal);
}

static void
print_argument(const struct printer *p, const char *name, const char *index,
               struct quantity q, const char *array)
{
    if (q.arg >= 0)
        einc_line(p->t, "const int64_t %s_%s = args->%s[%d];", name, index,
                  array, q.arg);
}

static void
print_tensor(const struct printer *p, const struct nest_tensor *x, int slot)
{
    const struct nest *w = p->nest;
    const char *type = einc_print_storage(x->storage);
    if (slot < 0)
        einc_line(p->t, "%s *const %s = (%s *)args->out;", type, x->name,
                  type);
    else
        einc_line(p->t, "const %s *const %s = (const %s *)args->in[%d];",
                  type, x->name, type, slot);
    for (int j = 0; j < w->n_idx; j++)
        print_argument(p, x->name, w->idx[j].name, x->stride[j], "s");
}

void
einc_print_arguments(const struct printer *p)
{
    const struct nest *w = p->nest;
    if (p->by_parameter)
        return;
    for (int j = 0; j < w->n_idx; j++)
        print_argument(p, "n", w->idx[j].name, w->idx[j].extent, "n");
    for (int o = 0; o < w->n_in; o++)
        print_tensor(p, &w->in[o], o);
    print_tensor(p, &w->out, -1);
}

/* One more item of a list that is wrapped at 79 columns. */
static void
put_item(const struct printer *p, int indent, int *column, const char *item)
{
    int n = (int)strlen(item);
    if (*column == 0) {
        *column = (int)strlen(p->prefix) + 1;
    } else if (*column + n + 2 > 78) {
        einc_put(p->t, ",\n%*s", indent, "");
        *column = indent;
    } else {
        einc_put(p->t, ", ");
        *column += 2;
    }
    einc_put(p->t, "%s", item);
    *column += n;
}

static const char *
item_text(const struct printer *p, const char *a, const char *b,
          const char *c, const char *d)
{
    struct text t = {.perm = p->t->perm};
    einc_put(&t, "%s%s%s%s", a, b, c, d);
    return einc_text_z(&t);
}

/* The parameters, each led by its type, or their names alone. */
static void
put_items(const struct printer *p, int indent, int typed)
{
    const struct nest *w = p->nest;
    const char *number = typed ? "int64_t " : "";
    int column = 0;
    put_item(p, indent, &column,
             item_text(p, typed ? einc_print_storage(w->out.storage) : "",
                       typed ? " *" : "", "out", ""));
    for (int o = 0; o < w->n_in; o++)
        put_item(p, indent, &column,
                 item_text(p, typed ? "const " : "",
                           typed ? einc_print_storage(w->in[o].storage) : "",
                           typed ? " *" : "", w->in[o].name));
    for (int j = 0; j < w->n_idx; j++)
        if (w->idx[j].extent.arg >= 0)
            put_item(p, indent, &column,
                     item_text(p, number, "n_", w->idx[j].name, ""));
    for (int o = 0; o <= w->n_in; o++) {
        const struct nest_tensor *x = o < w->n_in ? &w->in[o] : &w->out;
        for (int j = 0; j < w->n_idx; j++)
            if (x->stride[j].arg >= 0) {
                struct text both = {.perm = p->t->perm};
                einc_put(&both, "%s_%s", x->name, w->idx[j].name);
                put_item(p, indent, &column,
                         item_text(p, number, einc_text_z(&both), "", ""));
            }
    }
    if (p->in_parts) {
        put_item(p, indent, &column, item_text(p, number, "begin", "", ""));
        put_item(p, indent, &column, item_text(p, number, "end", "", ""));
    }
}

void
einc_print_parameters(const struct printer *p, int indent)
{
    put_items(p, indent, 1);
}

void
einc_print_parameter_names(const struct printer *p, int indent)
{
    put_items(p, indent, 0);
}

/* --- alpha, beta, factor ------------------------------------------------ */

static const char *
plane_suffix(const struct printer *p, int plane)
{
    return p->planes == 1 ? "" : plane ? "_im" : "_re";
}

static void
print_scalar(const struct printer *p, const char *name)
{
    struct text *t = p->t;
    for (int plane = 0; plane < p->planes; plane++) {
        int again = p->again && strcmp(name, "beta") == 0;
        einc_put(t, "%*sconst %s %s%s = ", t->indent, "", p->type, name,
                 plane_suffix(p, plane));
        if (again)
            einc_put(t, "again ? %d : ", plane == 0);
        einc_put(t, "args->%s ? ", name);
        if (p->nest->compute == EINC_BOOL)
            einc_put(t, "(uint32_t)(*(const uint8_t *)args->%s != 0)", name);
        else
            einc_put(t, "((const %s *)args->%s)[%d]", p->type, name, plane);
        einc_put(t, " : %d;\n", !plane && strcmp(name, "alpha") == 0);
    }
}

void
einc_print_scale(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    if (w->factor.arg >= 0)
        einc_line(t, "const %s factor = (%s)args->n[%d];", p->type, p->type,
                  w->factor.arg);
    else if (w->factor.value != 1)
        einc_line(t, "const %s factor = (%s)%lld;", p->type, p->type,
                  (long long)w->factor.value);
    if (!p->with_scale)
        return;
    print_scalar(p, "alpha");
    print_scalar(p, "beta");
}

static void
scale_complex(const struct printer *p)
{
    einc_line(p->t, "if (args->alpha) {");
    einc_line(p->t, "    const %s re = value_re;", p->type);
    einc_line(p->t, "    value_re = alpha_re*re - alpha_im*value_im;");
    einc_line(p->t, "    value_im = alpha_re*value_im + alpha_im*re;");
    einc_line(p->t, "}");
}

static void
print_old(const struct printer *p, const char *offset)
{
    for (int plane = 0; plane < p->planes; plane++) {
        einc_put(p->t, "%*sconst %s old%s = ", p->t->indent, "", p->type,
                 plane_suffix(p, plane));
        einc_print_load(p, p->nest->out.storage, plane, "out", offset);
        einc_put(p->t, ";\n");
    }
}

static void
add_old(const struct printer *p, const char *offset)
{
    einc_line(p->t, p->again ? "if (again || args->beta) {"
                             : "if (args->beta) {");
    p->t->indent += 4;
    print_old(p, offset);
    if (p->planes == 2) {
        einc_line(p->t, "value_re += beta_re*old_re - beta_im*old_im;");
        einc_line(p->t, "value_im += beta_re*old_im + beta_im*old_re;");
    } else {
        einc_line(p->t, "value %s= beta %s old;", einc_print_add(p),
                  einc_print_mul(p));
    }
    p->t->indent -= 4;
    einc_line(p->t, "}");
}

/* Of a sum in parts, without alpha and beta. */
static void
add_part(const struct printer *p, const char *offset)
{
    einc_line(p->t, "if (again) {");
    p->t->indent += 4;
    print_old(p, offset);
    for (int plane = 0; plane < p->planes; plane++)
        einc_line(p->t, "value%s += old%s;", plane_suffix(p, plane),
                  plane_suffix(p, plane));
    p->t->indent -= 4;
    einc_line(p->t, "}");
}

void
einc_print_epilogue(const struct printer *p, const char *const sum[2],
                    const char *offset)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    int factor = w->factor.arg >= 0 || w->factor.value != 1;
    for (int plane = 0; plane < p->planes; plane++)
        einc_line(t, "%s%s value%s = %s%s%s;",
                  p->with_scale || p->again ? "" : "const ",
                  p->type, plane_suffix(p, plane),
                  factor && w->compute != EINC_BOOL ? "factor*" : "",
                  sum[plane],
                  factor && w->compute == EINC_BOOL ? " & (uint32_t)(factor != 0)"
                                                    : "");
    if (p->with_scale) {
        if (p->planes == 2)
            scale_complex(p);
        else
            einc_line(t, "if (args->alpha) value = alpha %s value;",
                      einc_print_mul(p));
        add_old(p, offset);
    } else if (p->again) {
        add_part(p, offset);
    }
    static const char *const values[2][2] = {{"value", ""},
                                             {"value_re", "value_im"}};
    for (int plane = 0; plane < p->planes; plane++)
        einc_print_store(p, w->out.storage, plane, "out", offset,
                         values[p->planes - 1][plane]);
}

/* --- half precision ----------------------------------------------------- */

/* Which ways of converting a type are needed; `all`: both if it occurs. */
enum { READS = 1, WRITES = 2 };

static int
uses(const struct plan *p, enum einc_dtype d, int all, const char *moves)
{
    int ways = 0;
    for (int x = 0; all && x < p->n_tensors; x++)
        if (p->tensors[x].dtype == d)
            ways = READS | WRITES;
    for (int s = 0; s < p->n_steps; s++) {
        if (moves && moves[s])
            continue;
        for (int o = 0; o < p->steps[s].n_in; o++)
            if (p->tensors[p->steps[s].in[o]].dtype == d)
                ways |= READS;
        if (p->tensors[p->steps[s].out].dtype == d)
            ways |= WRITES;
    }
    return ways;
}

static void
print_float_bits(struct text *t, const char *q)
{
    einc_line(t, "%suint32_t float_bits(float x)", q);
    einc_line(t, "{");
    einc_line(t, "    union { float f; uint32_t u; } v;");
    einc_line(t, "    v.f = x;");
    einc_line(t, "    return v.u;");
    einc_line(t, "}");
    einc_put(t, "\n");
}

static void
print_bits_float(struct text *t, const char *q)
{
    einc_line(t, "%sfloat bits_float(uint32_t x)", q);
    einc_line(t, "{");
    einc_line(t, "    union { float f; uint32_t u; } v;");
    einc_line(t, "    v.u = x;");
    einc_line(t, "    return v.f;");
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* binary16 has 10 bits of fraction and bias 15: a normal number moves by 13
 * bits and 112 in the exponent; subnormals are scaled by 2^-24. */
static void
print_read_f16(struct text *t, const char *q)
{
    einc_line(t, "/* IEEE binary16, stored as uint16_t */");
    einc_line(t, "%sfloat half_to_float(uint16_t h)", q);
    einc_line(t, "{");
    einc_line(t, "    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;");
    einc_line(t, "    const uint32_t rest = h & 0x7fffu;");
    einc_line(t, "    if (rest >= 0x7c00u) /* infinity, NaN */");
    einc_line(t, "        return bits_float(sign | 0x7f800000u | "
                 "(rest & 0x3ffu) << 13);");
    einc_line(t, "    if (rest >= 0x0400u)");
    einc_line(t, "        return bits_float(sign | ((rest << 13) + "
                 "(112u << 23)));");
    einc_line(t, "    const float x = (float)rest * 0x1p-24f;");
    einc_line(t, "    return sign ? -x : x;");
    einc_line(t, "}");
    einc_put(t, "\n");
}

static void
print_write_f16(struct text *t, const char *q)
{
    einc_line(t, "/* IEEE binary16; rounds to nearest, ties to even */");
    einc_line(t, "%suint16_t float_to_half(float x)", q);
    einc_line(t, "{");
    einc_line(t, "    const uint32_t all = float_bits(x);");
    einc_line(t, "    const uint32_t sign = all >> 16 & 0x8000u;");
    einc_line(t, "    const uint32_t rest = all & 0x7fffffffu;");
    einc_line(t, "    if (rest > 0x7f800000u)");
    einc_line(t, "        return (uint16_t)(sign | 0x7e00u); /* NaN */");
    einc_line(t, "    if (rest >= 0x477ff000u)");
    einc_line(t, "        return (uint16_t)(sign | 0x7c00u); /* too large */");
    einc_line(t, "    if (rest < 0x38800000u) { /* subnormal: the sum rounds */");
    einc_line(t, "        const uint32_t low = "
                 "float_bits(bits_float(rest) + 0.5f) - 0x3f000000u;");
    einc_line(t, "        return (uint16_t)(sign | low);");
    einc_line(t, "    }");
    einc_line(t, "    const uint32_t odd = rest >> 13 & 1u;");
    einc_line(t, "    return (uint16_t)(sign | "
                 "(rest - (112u << 23) + 0xfffu + odd) >> 13);");
    einc_line(t, "}");
    einc_put(t, "\n");
}

static void
print_read_bf16(struct text *t, const char *q)
{
    einc_line(t, "/* bfloat16: the upper half of a float */");
    einc_line(t, "%sfloat bf16_to_float(uint16_t h)", q);
    einc_line(t, "{");
    einc_line(t, "    return bits_float((uint32_t)h << 16);");
    einc_line(t, "}");
    einc_put(t, "\n");
}

static void
print_write_bf16(struct text *t, const char *q)
{
    einc_line(t, "/* bfloat16; rounds to nearest, ties to even */");
    einc_line(t, "%suint16_t float_to_bf16(float x)", q);
    einc_line(t, "{");
    einc_line(t, "    const uint32_t all = float_bits(x);");
    einc_line(t, "    if ((all & 0x7fffffffu) > 0x7f800000u)");
    einc_line(t, "        return (uint16_t)(all >> 16 | 0x40u); /* NaN */");
    einc_line(t, "    const uint32_t odd = all >> 16 & 1u;");
    einc_line(t, "    return (uint16_t)((all + 0x7fffu + odd) >> 16);");
    einc_line(t, "}");
    einc_put(t, "\n");
}

static void
print_ways(struct text *t, int f16, int bf16, const char *qualifier)
{
    if ((f16 | bf16) & WRITES)
        print_float_bits(t, qualifier);
    if (f16 || bf16 & READS) /* to round subnormals of f16, too */
        print_bits_float(t, qualifier);
    if (f16 & READS)
        print_read_f16(t, qualifier);
    if (f16 & WRITES)
        print_write_f16(t, qualifier);
    if (bf16 & READS)
        print_read_bf16(t, qualifier);
    if (bf16 & WRITES)
        print_write_bf16(t, qualifier);
}

void
einc_print_halves(struct text *t, const struct plan *p, const char *qualifier,
                  int all, const char *moves)
{
    print_ways(t, uses(p, EINC_F16, all, moves),
               uses(p, EINC_BF16, all, moves), qualifier);
}

void
einc_print_kernel_halves(struct text *t, const struct nest *w,
                         const char *qualifier)
{
    int f16 = !w || w->out.storage == EINC_F16;
    int bf16 = !w || w->out.storage == EINC_BF16;
    for (int o = 0; w && o < w->n_in; o++) {
        f16 |= w->in[o].storage == EINC_F16;
        bf16 |= w->in[o].storage == EINC_BF16;
    }
    print_ways(t, f16 ? READS | WRITES : 0, bf16 ? READS | WRITES : 0,
               qualifier);
}
