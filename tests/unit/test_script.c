/* SPDX-License-Identifier: MIT
 *
 * test_script.c - what becomes of the statements of a program: fused, split,
 * handed to the contraction planner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse/resolve.h"
#include "plan/places.h"
#include "plan/script.h"
#include "plan/strips.h"

enum { MOST_IN = 6, ROOM = 4 << 20 };

struct made {
    char *block;
    struct cx cx;
    struct arena perm, scratch;
    const struct script *script;
    struct text text;
};

/* shapes: "2x3 3x4": one each, f32. */
static void
make(struct made *m, const char *text, const char *shapes, uint64_t limit)
{
    static int64_t dims[MOST_IN][8];
    struct einc_layout in[MOST_IN];
    volatile int n = 0; /* setjmp */
    for (const char *s = shapes; *s; n++) {
        int d = 0;
        while (*s && *s != ' ') {
            dims[n][d++] = strtol(s, (char **)(uintptr_t)&s, 10);
            s += *s == 'x';
        }
        s += *s == ' ';
        in[n] = (struct einc_layout){sizeof in[n], EINC_F32, d, 0, dims[n],
                                     NULL};
    }
    *m = (struct made){.block = malloc(2 * ROOM)};
    m->perm = (struct arena){m->block, m->block + ROOM, &m->cx};
    m->scratch = (struct arena){m->block + ROOM, m->block + 2 * ROOM, &m->cx};
    m->cx.perm = &m->perm;
    m->cx.source = str_of(text);
    if (setjmp(m->cx.boundary)) {
        for (int i = 0; i < m->cx.n_diags; i++)
            print_error("%s: %s\n", text, m->cx.diags[i].message);
        fail();
    }
    const struct tree_program *t =
        einc_parse_program(&m->perm, m->scratch, str_of(text));
    struct bindings b = {.in = in, .n_in = n};
    const struct program *p = einc_resolve(&m->perm, m->scratch, t, &b);
    m->script = einc_script_build(&m->perm, m->scratch, p, 0, limit);
    m->text = (struct text){.perm = &m->perm};
    einc_script_print(&m->text, m->script);
}

static void
done(struct made *m)
{
    free(m->block);
}

/* "contract ij,jk->ik; loops": the stages in a line. */
static void
stages_are(const char *text, const char *shapes, const char *want)
{
    struct made m;
    char got[400] = "";
    make(&m, text, shapes, 0);
    for (int s = 0; s < m.script->n_stages; s++) {
        const struct stage *x = &m.script->stages[s];
        strcat(got, s ? "; " : "");
        strcat(got, x->kind == STAGE_MAP ? "loops" : x->expr.p);
    }
    if (strcmp(got, want))
        print_error("%s\n%s", text, einc_text_z(&m.text));
    assert_string_equal(got, want);
    done(&m);
}

static void
test_einsums(void **state)
{
    (void)state;
    stages_are("C[i,k] = A[i,j]*B[j,k]", "20x30 30x40", "ij,jk->ik");
    stages_are("C[i,k] = sum[j](-2*A[i,j]*B[j,k])", "20x30 30x40",
               "ij,jk->ik");
    stages_are("t[] = A[i,i]", "9x9", "i->");
    stages_are("C[i,j] = u[i]*v[j]", "20 30", "i,j->ij");
    /* an affine subscript is two strides */
    stages_are("Y[n,o,t] = X[n,c,2*t+2*r]*W[o,c,r]", "2x3x20 4x3x3",
               "nctr,ocr->not");
    stages_are("C[i,k] = sum[j](0.1*A[i,j]*B[j,k])", "20x30 30x40",
               "ij,jk->ik");
    /* far from 1, not a sum, guarded */
    stages_are("C[i,k] = sum[j](1e-9*A[i,j]*B[j,k])", "20x30 30x40", "loops");
    stages_are("C[i,k] = max[j](A[i,j]*B[j,k])", "20x30 30x40", "loops");
    stages_are("C[i,k] = sum[j](A[i,j]*B[j,k] if j <= i)", "20x30 30x40",
               "loops");
}

static void
test_fused(void **state)
{
    (void)state;
    /* attention is one pass, without the matrix of scores */
    stages_are("S[i,j] = sum[d](Q[i,d]*K[j,d])/sqrt(size(d));"
               "P[i,j] = softmax[j](S[i,j]); O[i,e] = P[i,j]*V[j,e]",
               "50x8 60x8 60x8", "loops");
    /* a chain of products keeps its intermediate */
    stages_are("T[i,k] = A[i,j]*B[j,k]; C[i,l] = T[i,k]*D[k,l]",
               "20x30 30x40 40x50", "ij,jk->ik; ik,kl->il");
    /* arithmetic goes where it is read, an exponential not into more loops */
    stages_are("T[j] = 2*B[j]+1; C[i] = sum[j](A[i,j]*T[j])", "30 20x30",
               "loops");
    stages_are("T[j] = exp(B[j]); C[i] = sum[j](A[i,j]*T[j])", "30 20x30",
               "loops; ij,j->i");
    /* read twice: kept */
    stages_are("m[i] = mean[j](X[i,j]); s[i] = mean[j]((X[i,j]-m[i])^2);"
               "Y[i,j] = (X[i,j]-m[i])*rsqrt(s[i]+1e-5)",
               "20x30", "loops; loops; loops");
}

static void
test_split(void **state)
{
    (void)state;
    /* the norms leave the loop over pairs, the product is a GEMM */
    stages_are("C[i,j] = sum[d](X[i,d]*Y[j,d])/(sqrt(sum[d](X[i,d]^2))*"
               "sqrt(sum[d](Y[j,d]^2)))",
               "100x16 90x16", "id,jd->ij; loops; loops; loops");
    /* the same norm is taken once */
    stages_are("C[i,j] = sum[d](X[i,d]*X[j,d])/(sqrt(sum[d](X[i,d]^2))*"
               "sqrt(sum[d](X[j,d]^2)))",
               "100x16", "id,jd->ij; loops; loops");
    /* no matrix of all pairs */
    stages_are("O[i,e] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j,e])",
               "100x3 90x3 90x5", "loops");
    /* an epilogue */
    stages_are("C[i,k] = relu(sum[j](A[i,j]*B[j,k]) + b[k])",
               "100x80 80x60 60", "ij,jk->ik; loops");
    /* two indices of one name, where the numbered name is another's */
    stages_are("T[i,j_2] = sum[j](A[i,j]*B[j,j_2]);"
               "O[j,e] = sum[j_2](exp(T[j,j_2])*V[j_2,e])",
               "40x30 30x8 8x5", "j{j_2_},{j_2_}{j_2}->j{j_2}; loops");
    /* what a guard keeps away stays behind it */
    stages_are("C[i,k] = i < 5 ? sum[j](A[i,j]*B[j,k]) : 0", "100x80 80x60",
               "loops");
}

/* Factors of a product that are no tensors: a pass over each, then a GEMM. */
static void
test_prologues(void **state)
{
    (void)state;
    stages_are("O[i,j] = sum[k](exp(A[i,k])*B[k,j])", "60x50 50x40",
               "loops; ik,kj->ij");
    stages_are("O[i,j] = relu(sum[k](-tanh(A[k,i])*exp(B[k,j])) + b[j])",
               "50x60 50x40 40", "loops; loops; ki,kj->ij; loops");
    stages_are("O[i,j] = sum[k](exp(A[i,k])*B[k,j]) +"
               "sum[k](exp(A[i,k])*C[k,j])", "60x50 50x40 50x40",
               "loops; ik,kj->ij; ik,kj->ij; loops");
    /* what was fused for a loop that was not needed */
    stages_are("T[i,k] = A[i,k]-m[i]; O[i,j] = sum[k](T[i,k]*B[k,j])",
               "60x50 60 50x40", "loops; ik,kj->ij");
    /* as large as all products; as no tensor is; small; a sum */
    stages_are("O[i,j] = sum[k](exp(A[i,k]*B[k,j])*B[k,j])", "60x50 50x40",
               "loops");
    stages_are("O[i,j] = sum[k](exp(x[i]*y[k])*B[k,j])", "60 50 50x30",
               "loops");
    stages_are("O[i,j] = sum[k](exp(A[i,k])*B[k,j])", "60x50 50x4", "loops");
    stages_are("O[i,j] = i < 9 ? sum[k](exp(A[i,k])*B[k,j]) : 0",
               "60x50 50x40", "loops");
    /* 60x50 of f32 are more than may be taken */
    struct made m;
    make(&m, "O[i,j] = sum[k](exp(A[i,k])*B[k,j])", "60x50 50x40", 11999);
    assert_int_equal(m.script->n_stages, 1);
    assert_int_equal(m.script->temp_bytes, 0);
    done(&m);
}

/* What one statement has computed serves the next ones. */
static void
test_shared(void **state)
{
    (void)state;
    /* a norm in two outputs; that is one; a product, and one of it */
    stages_are("C[i,j] = exp(A[i,j])*sqrt(sum[d](X[i,d]^2));"
               "D[i,j] = A[i,j]/sum[e](X[i,e]^2)", "50x40 50x30",
               "loops; loops; loops");
    stages_are("n[i] = sum[d](X[i,d]^2); D[i,j] = A[i,j]/sum[e](X[i,e]^2)",
               "50x30 50x40", "loops; loops");
    stages_are("P[j,i] = A[i,k]*B[k,j];"
               "O[i,j] = relu(sum[k](A[i,k]*B[k,j]) + b[j])",
               "50x40 40x60 60", "ik,kj->ji; loops");
    /* the same twice is copied */
    stages_are("P[j,i] = A[i,k]*B[k,j]; Q[i,l] = sum[k](A[i,k]*B[k,l])",
               "50x40 40x60", "ik,kj->ji; li->il");
    /* few terms; it is written again; what it is made of is */
    stages_are("P[i,j] = A[i,k]*B[k,j]; O[i] = max[j](sum[k](A[i,k]*B[k,j]))",
               "50x3 3x60", "ik,kj->ij; loops");
    stages_are("n[i] = sum[d](X[i,d]^2); n[i] *= 2;"
               "m[i] = sum[e](X[i,e]^2)", "50x30", "loops; loops; loops");
    stages_are("Y[i,j] = exp(X[i,j]); n[i] = sum[d](Y[i,d]^2);"
               "Y[i,j] = X[i,j]; m[i] = sum[d](Y[i,d]^2)", "50x30",
               "loops; loops; ij->ij; loops");
}

/* "t1 128 of i, t2 128 of i": what is made for strips. */
static void
strips_are(const char *text, const char *shapes, const char *want,
           int64_t temp_bytes)
{
    struct made m;
    char got[200] = "";
    make(&m, text, shapes, 0);
    const struct program *p = m.script->program;
    for (int s = 0; s < p->n_stmts; s++) {
        const struct strips *of = p->stmts[s].strip.of;
        size_t n = strlen(got);
        assert_int_equal(of != NULL, m.script->stages[s].step != NULL);
        if (!of || !p->stmts[s].strip.is_inner)
            continue;
        const struct tensor *t = &p->tensors[p->stmts[s].left.tensor];
        assert_int_equal(t->shape[0], of->slices.extent);
        snprintf(got + n, sizeof got - n, "%s%.*s %d times %d", n ? ", " : "",
                 (int)t->name.n, t->name.p, (int)of->slices.count,
                 (int)of->slices.extent);
    }
    if (strcmp(got, want))
        print_error("%s\n%s", text, einc_text_z(&m.text));
    assert_string_equal(got, want);
    assert_int_equal(m.script->temp_bytes, temp_bytes);
    done(&m);
}

static void
test_strips(void **state)
{
    (void)state;
    /* 512 KiB at a time; the last strip begins earlier */
    strips_are("O[i,j] = relu(sum[k](A[i,k]*B[k,j]) + b[j])",
               "1024x64 64x1024 1024", "t1 8 times 128", 0);
    strips_are("O[j,i] = relu(sum[k](A[i,k]*B[k,j]) + c[3*i+1])",
               "1500x64 64x1037 5000", "t1 12 times 87", 0);
    /* before it and behind it; images, whose borders are copied */
    strips_are("O[i,j] = relu(sum[k](exp(A[i,k])*B[k,j]) + b[j])",
               "1501x64 64x1037 1037", "t1 13 times 116, t2 13 times 116", 0);
    strips_are("O[n,o,h,w] = relu(sum[c,r,s](I[n,c,pad(h+r-1,1),"
               "pad(w+s-1,1)]*W[o,c,r,s]) + b[o])",
               "33x16x40x40 32x16x3x3 32", "t1 17 times 2", 0);
    /* few strips; more is packed anew than is saved; a guard, the index is a
     * value, another row is read; the output is added to */
    strips_are("O[i,j] = relu(sum[k](A[i,k]*B[k,j]) + b[j])",
               "512x64 64x1024 1024", "", 0);
    strips_are("O[i,j] = relu(sum[k](A[i,k]*B[k,j]) + b[j])",
               "1024x256 256x1024 1024", "", 0);
    strips_are("O[i,j] = i < j ? exp(sum[k](A[i,k]*B[k,j])) : 0",
               "1024x64 64x1024", "", 0);
    strips_are("O[i,j] = sum[k](A[i,k]*B[k,j]) + i", "1024x64 64x1024", "", 0);
    strips_are("t[i,j] = A[i,k]*B[k,j]; O[i,j] = exp(t[i,j])*t[0,j]",
               "1024x64 64x1024", "", 1 << 22);
    strips_are("O[i,j] += exp(sum[k](A[i,k]*B[k,j]))", "1024x64 64x1024", "",
               1 << 22);
}

/* A band: with its window last, t is in the lanes. */
static void
test_bands(void **state)
{
    (void)state;
    stages_are("O[i,t] = A[i,k]*B[i+t,k]", "100x64 120x64",
               "u{u_2}->{u_2}u; ik,kit->it");
    stages_are("O[n,i,t] = A[i,k]*B[n,2*i+t,k]", "100x64 3x220x64",
               "u{u_2}{u_3}->u{u_3}{u_2}; ik,nkit->nit");
    /* blocks under a mask, whose rows lie 4096 bytes apart; and 2048; of few
     * uses; by a sum of two indices */
    stages_are("O[I,r,J,c] = M[I,J] > 0 ? sum[k](A[I,r,k]*B[k,J,c]) : 0",
               "16x16 16x64x32 32x16x64", "u{u_2}{u_3}->{u_2}u{u_3}; loops");
    stages_are("O[I,r,J,c] = M[I,J] > 0 ? sum[k](A[I,r,k]*B[k,J,c]) : 0",
               "16x8 16x64x32 32x8x64", "loops");
    stages_are("O[I,r,J,c] = M[I,J] > 0 ? sum[k](A[I,r,k]*B[k,J,c]) : 0",
               "16x16 16x15x32 32x16x64", "loops");
    stages_are("O[I,r,J,c] = M[I,J] > 0 ? sum[k](A[I,r,k]*B[k,J+r,c]) : 0",
               "16x16 16x64x32 32x79x64", "loops");
    /* few lanes; little work; a matrix product; a window that is summed */
    stages_are("O[i,t] = A[i,k]*B[i+t,k]", "100x64 110x64", "ik,itk->it");
    stages_are("O[i,t] = A[i,k]*B[i+t,k]", "4x64 120x64", "ik,itk->it");
    stages_are("O[j,i,t] = A[j,k]*B[i+t,k] where t in 0:20", "50x64 120x64",
               "jk,itk->jit");
}

/* Sums under a mask of data: all of them and a choice, or, of the rows of a
 * turned operand, those in a list. */
static void
test_masks(void **state)
{
    (void)state;
    const char *text = "O[i,k] = M[i,k] > 0 ? sum[j](A[i,j]*B[j,k]) : 0";
    const char *shapes = "32x32 32x32 32x32";
    stages_are(text, shapes, "loops; ij,jk->ik; loops; jk->kj; loops; loops");
    stages_are("O[i,k] = 1/(M[i,k] > 0 ? 1 : 2 + sum[j](A[i,j]*B[k,j]))",
               shapes, "loops; ij,kj->ik; loops; loops; loops");
    struct made m;
    make(&m, text, shapes, 0);
    const struct program *p = m.script->program;
    const struct stmt *last = &p->stmts[p->n_stmts - 1];
    assert_null(p->stmts[0].gate);
    for (int s = 1; s < p->n_stmts; s++)
        assert_int_equal(p->stmts[s].few, s >= 3);
    assert_int_equal(last->gate->most, 32 * 32 / 8);
    assert_int_equal(last->gate->mask, p->stmts[0].left.tensor);
    assert_int_equal(last->places->n_dims, 2);
    assert_int_equal(p->indices[last->places->index].hi, PLACES_ROOM);
    done(&m);
    make(&m, text, shapes, 1000); /* lists and the mask take more */
    assert_int_equal(m.script->n_stages, 1);
    done(&m);
    /* blocks; a row or a column is kept; of sizes alone; too small; a sum of
     * three; what the run must check */
    stages_are("O[i,r,k] = M[i,k] > 0 ? sum[j](A[i,r,j]*B[j,k]) : 0",
               "32x32 32x9x32 32x32", "loops");
    stages_are("O[i,k] = M[k] > 0 ? sum[j](A[i,j]*B[j,k]) : 0",
               "32 32x32 32x32", "loops");
    stages_are("O[i,k] = i > k ? sum[j](A[i,j]*B[j,k]) : 0", "32x32 32x32",
               "loops");
    stages_are(text, "24x24 24x24 24x24", "loops");
    stages_are("O[i,k] = M[i,k] > 0 ? sum[j](A[i,j]*B[j,k]*C[j]) : 0",
               "32x32 32x32 32x32 32", "loops");
    stages_are("O[i,k] = M[i,k] > 0 ? sum[j](A[i,j]*B[j,k])*C[2*i] : 0",
               "32x32 32x32 32x32 64",
               "loops; ij,jk->ik; loops; jk->kj; loops; loops");
}

/* Repeats: the sum over them is of one operand alone. */
static void
test_repeats(void **state)
{
    (void)state;
    stages_are("O[i,d] = sum[q](A[i,q]*B[q%4,d])", "30x20 4x50",
               "iq{q_2},{q_2}d->id");
    stages_are("O[d] = sum[q,i](A[i,q]*B[q%4,d]*C[2*q+i])",
               "9x20 4x50 48", "iq{q_2},{q_2}d,q{q_2}i->d");
    stages_are("O[i,d] = relu(sum[q](A[i,q]*B[q%4,d])+c[d])",
               "30x20 4x50 50", "iq{q_2},{q_2}d->id; loops");
    /* no whole number of repeats; two periods; no product */
    stages_are("O[i,d] = sum[q](A[i,q]*B[q%4,d])", "30x22 4x50", "loops");
    stages_are("O[i,d] = sum[q](A[i,q%5]*B[q%4,d]) where q in 0:20",
               "30x5 4x50", "loops");
    stages_are("O[i,d] = sum[q](exp(A[i,q])*B[q%4,d])", "30x20 4x50",
               "loops");
}

/* Distances of many dims: norms, and a sum of products in the loop. */
static void
test_distances(void **state)
{
    (void)state;
    stages_are("D[i,j] = sum[d]((X[i,d]-Y[j,d])^2)", "100x32 90x32",
               "loops; loops; loops");
    stages_are("O[i] = sum[j](exp(-sum[d]((X[i,d]-X[j,d])^2))*B[j])",
               "100x64 100", "loops; loops");
    /* few dims, few pairs, a guard, one side in all loops */
    stages_are("D[i,j] = sum[d]((X[i,d]-Y[j,d])^2)", "100x31 90x31", "loops");
    stages_are("D[i,j] = sum[d]((X[i,d]-Y[j,d])^2)", "100x32 9x32", "loops");
    stages_are("O[i] = sum[j](sum[d]((X[i,d]-Y[j,d])^2) if j <= i)",
               "100x32 100x32", "loops");
    stages_are("D[i,j] = sum[d]((X[i,j,d]-Y[j,d])^2)", "100x90x32 90x32",
               "loops");
    struct made m;
    make(&m, "O[i] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j])",
         "100x64 80x64 80", 0);
    assert_int_equal(m.script->temp_bytes, 448 + 80 * 4);
    done(&m);
}

/* A temporary of the output's size: the output has room for it. */
static void
test_in_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shapes;
        int64_t bytes; /* of temporaries */
    } all[] = {
        {"C[i,j] = sum[k](A[i,k]*B[k,j])/(x[i]*y[j])", "50x20 20x40 50 40", 0},
        {"C[j,i] = exp(sum[k](A[i,k]*B[k,j]))", "50x20 20x40", 0},
        /* two readers; a reader that sums; the output is read; another
         * position */
        {"t[i,j] = A[i,k]*B[k,j]; C[i,j] = t[i,j]*x[i]; D[i,j] = t[i,j]+x[i]",
         "50x20 20x40 50", 50 * 40 * 4},
        {"t[i,j] = A[i,k]*B[k,j]; C[i,j] = sum[l](exp(t[i,j]*y[l]))",
         "50x20 20x40 30", 50 * 40 * 4},
        {"C[i,j] = exp(sum[k](A[i,k]*B[k,j])) + C[i,j]", "50x20 20x40",
         50 * 40 * 4},
        {"t[i,j] = A[i,k]*B[k,j]; C[i,j] = exp(t[i,39-j])", "50x20 20x40",
         50 * 40 * 4},
    };
    for (size_t z = 0; z < sizeof all / sizeof *all; z++) {
        struct made m;
        make(&m, all[z].text, all[z].shapes, 0);
        if (m.script->temp_bytes != all[z].bytes)
            print_error("%s\n", einc_text_z(&m.text));
        assert_int_equal(m.script->temp_bytes, all[z].bytes);
        done(&m);
    }
}

/* --- notes -------------------------------------------------------------- */

/* The plan tells so. */
static void
is_told(const char *text, const char *shapes, const char *note)
{
    struct made m;
    make(&m, text, shapes, 0);
    if (!strstr(einc_text_z(&m.text), note))
        print_error("%s\n", einc_text_z(&m.text));
    assert_non_null(strstr(einc_text_z(&m.text), note));
    done(&m);
}

static void
test_notes(void **state)
{
    (void)state;
    const char *cosine = "C[i,j] = sum[d](X[i,d]*X[j,d])/(sqrt(sum[d](X[i,d]"
                         "^2))*sqrt(sum[d](X[j,d]^2)))";
    is_told(cosine, "100x16", "note product: t1 is sum[d](X[i,d]*X[j,d])");
    is_told(cosine, "100x16", "note hoisted: t2 is sum[d](X[i,d]^2), computed"
                              " 100 times and not 10000\n");
    is_told(cosine, "100x16", "note shared: t2 serves sum[d](X[j,d]^2)");
    is_told("T[j] = 2*B[j]+1; C[i] = sum[j](A[i,j]*T[j])", "30 20x30",
            "note fused: T is made where C reads it, and its 120 bytes");
    is_told("y[i] = exp(x[i]*z[i]+1)*(exp(x[i]*z[i]+1) + 1)", "9 9",
            "note repeated: exp(x[i]*z[i]+1) is computed once\n");
    is_told("y[i] = sum[j](exp(-sum[d]((x[i,d]-z[j,d])^2))"
            "*sum[e]((x[i,e]-z[j,e])^2))", "9x3 8x3",
            "note repeated: sum[e]((x[i,e]-z[j,e])^2) is computed once\n");
    is_told("D[i,j] = sum[d]((X[i,d]-Y[j,d])^2)", "100x32 90x32",
            "note distance: sum[d]((X[i,d]-Y[j,d])^2) is |x|^2 + |y|^2");
}

#define CONV "O[n,k,h,w] = I[n,c,pad(h+r-1,1),pad(w+s-1,1)]*W[k,c,r,s]"

/* The one copy with a border of a program that is one einsum. */
static void
border_is(const char *text, const char *shapes, uint64_t limit,
          int64_t slices, int64_t extent, const char *want)
{
    struct made m;
    struct text got;
    make(&m, text, shapes, limit);
    const struct stage *x = &m.script->stages[m.script->n_stages - 1];
    const struct border *b = x->in[0].border;
    assert_int_equal(m.script->n_stages, 1);
    assert_int_equal(x->kind, STAGE_CONTRACT);
    assert_non_null(b);
    got = (struct text){.perm = &m.perm};
    for (int d = 0; d < b->n_dims; d++)
        einc_put(&got, "%s%lld from %lld", d ? ", " : "",
                 (long long)b->dim[d].count, (long long)b->dim[d].first);
    assert_string_equal(einc_text_z(&got), want);
    assert_int_equal(x->slices.count, slices);
    if (slices > 1)
        assert_int_equal(x->slices.extent, extent);
    assert_int_equal(m.script->temp_bytes, 0);
    done(&m);
}

static void
test_padded(void **state)
{
    (void)state;
    stages_are(CONV, "1x8x20x20 16x8x3x3", "nchrws,kcrs->nkhw");
    border_is(CONV, "1x8x20x20 16x8x3x3", 0, 1, 0,
              "1 from 0, 8 from 0, 22 from -1, 22 from -1");
    /* an epilogue is a second pass */
    stages_are("O[n,k,h,w] = relu(sum[c,r,s](I[n,c,pad(h+r-1,1),pad(w+s-1,1)]"
               "*W[k,c,r,s]) + b[k])",
               "1x8x20x20 16x8x3x3 16", "nchrws,kcrs->nkhw; loops");
    /* what is read, no more: 2*h+2*r-2 of 20 rows is -2 to 20 */
    border_is("O[k,h,w] = I[c,pad(2*h+2*r-2,2),w]*W[k,c,r]",
              "8x20x20 16x8x3", 0, 1, 0, "8 from 0, 23 from -2, 20 from 0");
    border_is("O[k,h] = I[c,wrap(h-r)]*W[k,c,r] where h in 0:20",
              "8x20 16x8x3", 0, 1, 0, "8 from 0, 22 from -2");
    /* nowhere beyond an edge: no copy */
    struct made m;
    make(&m, "O[k,h] = I[c,clamp(h+r)]*W[k,c,r] where h in 0:18",
         "8x20 16x8x3", 0);
    assert_null(m.script->stages[0].in[0].border);
    done(&m);
}

static void
test_slices(void **state)
{
    (void)state;
    /* 861184 bytes an image */
    border_is(CONV, "32x64x56x56 64x64x3x3", 0, 32, 1,
              "1 from 0, 64 from 0, 58 from -1, 58 from -1");
    /* several small ones; 33 of them are 3 slices of 11 and not 12, 12, 9 */
    border_is(CONV, "33x64x16x16 64x64x3x3", 0, 3, 11,
              "11 from 0, 64 from 0, 18 from -1, 18 from -1");
    /* where slices add up they do not overlap */
    border_is("O[n,k,h,w] += I[n,c,pad(h+r-1,1),pad(w+s-1,1)]*W[k,c,r,s]",
              "35x64x16x16 64x64x3x3", 0, 5, 7,
              "7 from 0, 64 from 0, 18 from -1, 18 from -1");
    /* one large image: rows, and two more of them for each slice */
    border_is(CONV, "1x64x224x224 64x64x3x3", 0, 12, 19,
              "1 from 0, 64 from 0, 21 from -1, 226 from -1");
    /* a limit of memory */
    border_is(CONV, "4x8x20x20 16x8x3x3", 20000, 4, 1,
              "1 from 0, 8 from 0, 22 from -1, 22 from -1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_einsums),
        cmocka_unit_test(test_fused),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_prologues),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_strips),
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_bands),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_padded),
        cmocka_unit_test(test_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
