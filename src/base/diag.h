/* SPDX-License-Identifier: MIT
 *
 * diag.h - how a compilation fails: diagnostics with places, and the one way
 * out. A stage adds what it found wrong (up to MAX_DIAGS of one phase) and
 * leaves with einc_diag_stop(); control returns to the single setjmp in
 * api.c. No jump crosses the public API. Faults of einc itself are assert().
 * A hint is printed only if the edit it proposes was tried and is legal:
 * einc_diag_try() is the one other boundary.
 */
#ifndef EINC_BASE_DIAG_H
#define EINC_BASE_DIAG_H

#include <setjmp.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/text.h"
#include "einc.h"

enum { MAX_DIAGS = 5 };

/* A diagnostic while it grows; einc_err in api.c holds the finished ones. */
struct diag {
    enum einc_status status;
    const char *code;        /* "E401": a literal */
    const char *message;     /* owned by cx->perm, like all text here */
    const char *hint;        /* NULL: none */
    struct einc_mark *marks; /* in order of addition */
    int n_marks;
};

/* One compilation, from the call to its return. */
struct cx {
    jmp_buf boundary;        /* set in api.c before any stage runs */
    enum einc_status status; /* why the boundary was reached */
    struct arena *perm;      /* where diagnostics live */
    struct str source;       /* the user's text that marks point into */
    struct diag diags[MAX_DIAGS];
    int n_diags;
    int trial;               /* 1 inside einc_diag_try(): no diagnostics are
                              * kept, the first one leaves */
};

/* Starts a diagnostic. When MAX_DIAGS are there, leaves instead. */
struct diag *einc_diag_add(struct cx *cx, enum einc_status status,
                           const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Points it at a place; operand and dim are -1 where they do not apply, the
 * note is what is the matter there ("" for a bare caret). */
void einc_diag_mark(struct cx *cx, struct diag *d, struct span at, int operand,
                    int dim, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* At most one per diagnostic: one single edit that makes the input legal. */
void einc_diag_hint(struct cx *cx, struct diag *d, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Leaves through the boundary if anything was added; the end of a phase. */
void einc_diag_stop(struct cx *cx);

/* One diagnostic and out: message and, unless at.begin < 0, one bare caret. */
_Noreturn void einc_fail(struct cx *cx, enum einc_status status,
                         const char *code, struct span at, const char *fmt,
                         ...) __attribute__((format(printf, 5, 6)));
_Noreturn void einc_fail_nomem(struct cx *cx);

/* The report for a person: "error[E401]: ...", the source line, carets in
 * display columns (code points), notes, hint; see LANGUAGE, "Diagnostics".
 * Blanks of the source are shown as ' ', control characters as '?'; long lines
 * are cut to the places of the marks. */
void einc_diag_print(struct text *t, const struct diag *d, struct str source);

/* Text of the user's as it may stand in a message: shown as above, cut after
 * `max_columns`. Lives in cx->perm. */
const char *einc_diag_show(struct cx *cx, struct str s, int max_columns);

/* --- trying hints ------------------------------------------------------- */

/* One replacement in a text. */
struct edit {
    struct span at;
    struct str with;
};

/* The source with n edits made, which are in order of place and do not
 * overlap. In `perm`. */
struct str einc_diag_edited(struct arena *perm, struct str source,
                            const struct edit *edits, int n);

/* Runs f(perm, scratch, arg) with all memory from `scratch`: 1 if it returned,
 * 0 if it left with a diagnostic, which is dropped. Always 0 inside a trial.
 * Leaves with EINC_ENOMEM if that is why f left. */
int einc_diag_try(struct arena scratch,
                  void (*f)(struct arena *perm, struct arena scratch,
                            void *arg),
                  void *arg);

#endif
