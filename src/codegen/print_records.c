/* SPDX-License-Identifier: MIT
 *
 * print_records.c - see records.h.
 *
 * With the records in `parts` parts vector q of part p is named v<parts>_p_q
 * and holds places q*parts, q*parts + 1 ... of the part's records: place by
 * place, or, of the most parts there are, as they lie in memory.
 */
#include "codegen/records.h"

/* --- where elements are ------------------------------------------------- */

/* Parts at most: their records fit a vector, or are one each. */
static int
most_parts(const struct records *r)
{
    int n = 1;
    while (n < r->size && n < r->lanes)
        n *= 2;
    return n;
}

/* Vectors of a part. */
static int
vectors_of(const struct records *r, int parts)
{
    return (r->size + parts - 1) / parts;
}

/* Of a vector of the most parts: its first element among all the records,
 * such that it does not reach beyond them. */
static int
begin_of(const struct records *r, int p, int q)
{
    int parts = most_parts(r), last = (r->size - 1) * r->lanes;
    int begin = p * r->size * (r->lanes / parts) + q * parts;
    return begin < last ? begin : last;
}

/* An element: its place in a record, which may be none, and the record of a
 * part. */
struct spot {
    int place, record;
};

static struct spot
spot_of(const struct records *r, int parts, int q, int lane)
{
    int records = r->lanes / parts;
    return (struct spot){q * parts + lane / records, lane % records};
}

/* Lane of an element in its vector while parts are in the order of places. */
static int
lane_by_place(const struct records *r, int parts, struct spot x)
{
    return x.place % parts * (r->lanes / parts) + x.record;
}

/* The same as they lie in memory. */
static int
lane_in_memory(const struct records *r, int p, struct spot x)
{
    int parts = most_parts(r), records = r->lanes / parts;
    return (p * records + x.record) * r->size + x.place -
           begin_of(r, p, x.place / parts);
}

/* --- shuffles ----------------------------------------------------------- */

static void
put_name(struct text *t, int parts, int p, int q)
{
    einc_put(t, "v%d_%d_%d", parts, p, q);
}

/* The end of a declaration of a vector: lanes of a, then those of b, counted
 * on. -1: any. */
static void
put_order(struct text *t, const struct records *r, const int *from)
{
    enum { IN_A_LINE = 12 };
    for (int l = 0; l < r->lanes * r->planes; l++) {
        int lane = from[l / r->planes];
        int number = lane < 0 ? l : lane * r->planes + l % r->planes;
        einc_put(t, l % IN_A_LINE == 0 ? ",\n        %d" : ", %d", number);
    }
    einc_put(t, ");\n");
}

/* Vector q of part p of `parts` from two parts of half as many records. */
static void
print_joined(struct text *t, const struct records *r, int parts, int p, int q)
{
    enum { MOST_LANES = 64 };
    int from[MOST_LANES], below = 2 * parts;
    int half = r->lanes / below;
    for (int l = 0; l < r->lanes; l++) {
        struct spot x = spot_of(r, parts, q, l);
        int second = x.record >= half;
        x.record -= second * half;
        from[l] = x.place >= r->size ? -1
                  : below == most_parts(r)
                      ? lane_in_memory(r, 2 * p + second, x)
                      : lane_by_place(r, below, x);
        if (from[l] >= 0)
            from[l] += second * r->lanes;
    }
    einc_put(t, "    const %s_vector ", r->prefix);
    put_name(t, parts, p, q);
    einc_put(t, " = %s_MIX(", r->prefix);
    put_name(t, below, 2 * p, q / 2);
    einc_put(t, ", ");
    put_name(t, below, 2 * p + 1, q / 2);
    put_order(t, r, from);
}

/* Vector q of part p of `parts` from two vectors of places of twice as many
 * records. */
static void
print_split(struct text *t, const struct records *r, int parts, int p, int q)
{
    enum { MOST_LANES = 64 };
    int from[MOST_LANES], above = parts / 2, records = r->lanes / parts;
    int last = parts == most_parts(r), one = 2 * q + 1 >= vectors_of(r, above);
    for (int l = 0; l < r->lanes; l++)
        from[l] = -1;
    for (int l = 0; l < r->lanes; l++) {
        struct spot x = spot_of(r, parts, q, l);
        int second = x.place % parts >= above;
        int to = last ? x.record * (r->size < parts ? r->size : parts) +
                            x.place % parts
                      : l;
        if (x.place >= r->size)
            continue;
        x.record += p % 2 * records;
        from[to] = lane_by_place(r, above, x) + second * r->lanes;
    }
    einc_put(t, "    const %s_vector ", r->prefix);
    put_name(t, parts, p, q);
    einc_put(t, " = %s_MIX(", r->prefix);
    put_name(t, above, p / 2, 2 * q);
    einc_put(t, ", ");
    put_name(t, above, p / 2, one ? 2 * q : 2 * q + 1);
    put_order(t, r, from);
}

/* --- the functions ------------------------------------------------------ */

void
einc_records_print_mix(struct text *t, const char *prefix)
{
    einc_put(t, "#if defined(__clang__)\n"
                "#define %s_MIX(a, b, ...) \\\n"
                "    __builtin_shufflevector(a, b, __VA_ARGS__)\n"
                "#else\n"
                "#define %s_MIX(a, b, ...) \\\n"
                "    __builtin_shuffle(a, b, (%s_bits){__VA_ARGS__})\n"
                "#endif\n\n", prefix, prefix, prefix);
}

/* Part p of `parts`; those it is made of first, so that few wait. */
static void
print_part(struct text *t, const struct records *r, int parts, int p)
{
    int n = vectors_of(r, parts), leaf = parts == most_parts(r);
    for (int half = 0; half < 2 && !leaf; half++)
        print_part(t, r, 2 * parts, 2 * p + half);
    for (int q = 0; q < n; q++)
        if (!leaf) {
            print_joined(t, r, parts, p, q);
        } else {
            einc_put(t, "    const %s_vector ", r->prefix);
            put_name(t, parts, p, q);
            einc_put(t, " = *(const %s_vector *)(from + %d);\n", r->prefix,
                     begin_of(r, p, q) * r->planes);
        }
}

void
einc_records_print_apart(struct text *t, const struct records *r)
{
    einc_put(t, "/* %d records of %d from memory: a vector of each of their "
                "places */\n", r->lanes, r->size);
    einc_put(t, "static inline __attribute__((always_inline)) void\n"
                "%s_apart%d(const %s *from, %s_vector *to)\n{\n", r->prefix,
             r->size, r->type, r->prefix);
    print_part(t, r, 1, 0);
    for (int q = 0; q < r->size; q++)
        einc_put(t, "    to[%d] = v1_0_%d;\n", q, q);
    einc_put(t, "}\n\n");
}

/* What a vector has behind its own is written over by the next one; the last
 * takes the end of the one before, so as to end with the records. */
static void
print_stores(struct text *t, const struct records *r, int p, int q)
{
    enum { MOST_LANES = 64 };
    int parts = most_parts(r), n = vectors_of(r, parts), from[MOST_LANES];
    int own = p * r->size * (r->lanes / parts) + q * parts;
    int begin = begin_of(r, p, q), before_q = q ? q - 1 : n - 1;
    int before = begin_of(r, q ? p : p - 1, before_q);
    einc_put(t, "    *(%s_vector *)(to + %d) = ", r->prefix,
             begin * r->planes);
    if (begin == own) {
        put_name(t, parts, p, q);
        einc_put(t, ";\n");
        return;
    }
    for (int l = 0; l < r->lanes; l++)
        from[l] = begin + l < own ? begin + l - before
                                  : r->lanes + begin + l - own;
    einc_put(t, "%s_MIX(", r->prefix);
    put_name(t, parts, q ? p : p - 1, before_q);
    einc_put(t, ", ");
    put_name(t, parts, p, q);
    put_order(t, r, from);
}

static void
print_halves(struct text *t, const struct records *r, int parts, int p)
{
    int n = vectors_of(r, parts), leaf = parts == most_parts(r);
    for (int q = 0; q < n; q++) {
        print_split(t, r, parts, p, q);
        if (leaf)
            print_stores(t, r, p, q);
    }
    for (int half = 0; half < 2 && !leaf; half++)
        print_halves(t, r, 2 * parts, 2 * p + half);
}

void
einc_records_print_together(struct text *t, const struct records *r)
{
    einc_put(t, "/* and back */\n");
    einc_put(t, "static inline __attribute__((always_inline)) void\n"
                "%s_together%d(const %s_vector *from, %s *to)\n{\n",
             r->prefix, r->size, r->prefix, r->type);
    for (int q = 0; q < r->size; q++)
        einc_put(t, "    const %s_vector v1_0_%d = from[%d];\n", r->prefix, q,
                 q);
    for (int half = 0; half < 2; half++)
        print_halves(t, r, 2, half);
    einc_put(t, "}\n\n");
}

/* --- how many ----------------------------------------------------------- */

int
einc_records_moves(const struct records *r)
{
    int parts = most_parts(r);
    return parts * vectors_of(r, parts);
}

int
einc_records_shuffles(const struct records *r)
{
    int n = 0;
    for (int parts = most_parts(r) / 2; parts >= 1; parts /= 2)
        n += parts * vectors_of(r, parts);
    return n;
}
