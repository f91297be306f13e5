/* SPDX-License-Identifier: MIT
 *
 * test_stream.c - classes of streams: one text for all shapes and ranks of a
 * class, and the lists of src/builtin have all classes of up to three operands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codegen/emit.h"
#include "planned.h"

enum { MOST_CLASSES = 64, MOST_LINES = 260 };

/* "f32 5x7, f32 7" of "ij,j->i" and "i=5,j=7". */
static void
tensors_of(char *to, const char *expression, const char *sizes)
{
    strcpy(to, "f32 ");
    for (const char *p = expression, *x = ""; *p != '-'; p++) {
        if (*p == ',') {
            strcat(to, ", f32 ");
            x = "";
            continue;
        }
        const char label[3] = {*p, '='};
        const char *at = strstr(sizes, label);
        assert_non_null(at);
        sprintf(to + strlen(to), "%s%d", x, atoi(at + 2));
        x = "x";
    }
}

/* The stream of an einsum as one step. */
static const struct nest *
stream_of(struct planned *x, const char *expression, const char *tensors)
{
    planned_open(x, expression, tensors);
    x->options.path = str_of("whole");
    if (planned_build(x))
        fail_msg("%s: %s", expression, front_report(&x->f));
    assert_int_equal(x->plan->n_steps, 1);
    return einc_nest_build(&x->f.perm, x->f.scratch, x->plan, 0,
                           einc_target_find(str_of("avx512")), NEST_GENERIC,
                           FAMILY_STREAM);
}

struct class {
    int form, n_in, units;
};

static int
find_class(const struct class *c, int n, const struct nest *w)
{
    for (int k = 0; k < n; k++)
        if (c[k].form == (int)w->form && c[k].n_in == w->n_in &&
            c[k].units == w->units)
            return k;
    return n;
}

static int
read_list(const char *path, struct class *c, int n)
{
    char line[256], expression[64], sizes[64], tensors[256];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (*line == '#' || sscanf(line, "%63s %*s %63s", expression, sizes) != 2)
            continue;
        struct planned x;
        tensors_of(tensors, expression, sizes);
        const struct nest *w = stream_of(&x, expression, tensors);
        if (find_class(c, n, w) != n)
            fail_msg("the class of %s is there already", expression);
        assert_true(n < MOST_CLASSES);
        c[n++] = (struct class){(int)w->form, w->n_in, w->units};
        struct unit u = einc_emit_unit(&x.f.perm, w);
        int lines = 0;
        for (const char *p = u.source; *p; p++)
            lines += *p == '\n';
        if (lines > MOST_LINES)
            fail_msg("%s has %d lines", expression, lines);
        planned_close(&x);
    }
    fclose(f);
    return n;
}

static int
read_classes(struct class *c)
{
    int n = read_list("src/builtin/streams.txt", c, 0);
    return read_list("src/builtin/dots.txt", c, n);
}

/* --- the list ----------------------------------------------------------- */

static void
test_list(void **state)
{
    (void)state;
    struct class c[MOST_CLASSES];
    assert_int_equal(read_classes(c), 27);
}

/* Whatever the einsum, its stream is in the list. */
static void
test_random(void **state)
{
    (void)state;
    struct class c[MOST_CLASSES];
    int n = read_classes(c), seen[MOST_CLASSES] = {0}, different = 0;
    for (uint64_t seed = 1; seed <= 600; seed++) {
        struct planned x;
        planned_random_open(&x, seed, 3);
        x.options.path = str_of("whole");
        if (planned_build(&x)) {
            planned_close(&x);
            continue;
        }
        for (int s = 0; s < x.plan->n_steps; s++) {
            const struct nest *w = einc_nest_build(
                &x.f.perm, x.f.scratch, x.plan, s,
                einc_target_find(str_of("avx2")), NEST_GENERIC,
                FAMILY_STREAM);
            int k = find_class(c, n, w);
            if (k == n && w->n_in > 0 && w->n_in <= 3)
                fail_msg("seed %d: form %d, units %d of %d", (int)seed,
                         (int)w->form, w->units, w->n_in);
            if (k < n)
                different += !seen[k]++;
        }
        planned_close(&x);
    }
    assert_true(different > 12);
}

/* --- one text for all of a class ---------------------------------------- */

static void
test_same(void **state)
{
    (void)state;
    static const char *const pairs[][4] = {
        {"ij->j", "f32 8192x8192", "abcd->bd", "f32 3x4x5x60"},
        {"ij,j->i", "f32 99x77, f32 77", "abcd,bd->cab",
         "f32 4x5x6x170, f32 5x170"},
        {"ij,j->i", "f32 99x77, f32 77", "j,ij->i", "f32 77, f32 99x77"},
        {"i,j->ij", "f32 10, f32 100", "abd,c->abcd", "f32 3x4x50, f32 5"},
        {"i->", "f32 1000", "abc->b", "f32 40x3x70"},
        {"i,i,i->i", "f32 5, f32 5, f32 5", "abc,abc,abc->abc",
         "f32 9x9x9 @200:20:1, f32 9x9x9 @81:9:1, f32 9x9x9 @300:10:1"},
    };
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
        struct planned x, y;
        const struct nest *a = stream_of(&x, pairs[k][0], pairs[k][1]);
        const struct nest *b = stream_of(&y, pairs[k][2], pairs[k][3]);
        assert_string_equal(einc_nest_key(&x.f.perm, a),
                            einc_nest_key(&y.f.perm, b));
        assert_string_equal(einc_emit_unit(&x.f.perm, a).source,
                            einc_emit_unit(&y.f.perm, b).source);
        planned_close(&x);
        planned_close(&y);
    }
}

/* --- which index runs where --------------------------------------------- */

static void
test_form(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *tensors;
        enum stream_form form;
        int units;
    } cases[] = {
        {"ij->i", "f32 9x1000", STREAM_DOTS, 1},
        {"ij->j", "f32 9x1000", STREAM_COLUMNS, 1},
        {"ij->i", "f32 1000x3", STREAM_COLUMNS, -1}, /* lanes too short */
        {"ij->ij", "f32 9x1000", STREAM_MAP, 1},
        {"ij,ji->ij", "f32 50x60, f32 60x50", STREAM_MAP, -1},
        {"ij,i->j", "f32 50x60, f32 50", STREAM_COLUMNS, 1},
        {"ii->i", "f32 50x50", STREAM_MAP, -1},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct planned x;
        const struct nest *w =
            stream_of(&x, cases[k].expression, cases[k].tensors);
        if (w->form != cases[k].form || w->units != cases[k].units)
            fail_msg("%s: form %d, units %d", cases[k].expression,
                     (int)w->form, w->units);
        planned_close(&x);
    }
}

/* Tasks are worth their loop, and there are some for each thread. */
static void
test_tasks(void **state)
{
    (void)state;
    struct planned x;
    const struct nest *w = stream_of(&x, "ij->j", "f32 8192x8192");
    int64_t n[64], s[64];
    assert_in_range(einc_nest_arguments(w, 1, n, s), 1, 8192 / 1024);
    assert_in_range(einc_nest_arguments(w, 4, n, s), 12, 32);
    planned_close(&x);
    w = stream_of(&x, "ij->i", "f32 100000x40");
    assert_in_range(einc_nest_arguments(w, 1, n, s), 50, 1600);
    planned_close(&x);
    w = stream_of(&x, "abc,abc->abc",
                  "f32 100x10x10 @400:20:1, f32 100x10x10");
    assert_in_range(einc_nest_arguments(w, 2, n, s), 1, 10);
    planned_close(&x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list), cmocka_unit_test(test_random),
        cmocka_unit_test(test_same), cmocka_unit_test(test_form),
        cmocka_unit_test(test_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
