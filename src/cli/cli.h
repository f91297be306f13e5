/* SPDX-License-Identifier: MIT
 *
 * cli.h - the command line: exit codes, verbs, and the parsed arguments that
 * a verb gets. The command stands on einc.h alone, as any program could.
 */
#ifndef EINC_CLI_CLI_H
#define EINC_CLI_CLI_H

#include "einc.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* a check, a computation, memory */
    EXIT_USAGE = 2,  /* the command line */
    EXIT_EXPR = 3,   /* the expression, or what it is applied to */
    EXIT_ENV = 4     /* files, compiler, cache, device */
};

/* Verbs as a set, for the table of flags. */
enum verb_bit {
    VERB_RUN = 1 << 0,
    VERB_EMIT = 1 << 1,
    VERB_EXPLAIN = 1 << 2,
    VERB_DOCTOR = 1 << 3,
    VERB_HELP = 1 << 4,
    VERB_BENCH = 1 << 5
};

struct args;

struct verb {
    const char *name;
    unsigned bit;         /* enum verb_bit */
    const char *synopsis; /* what follows "einc NAME" */
    const char *summary;  /* one line */
    const char *examples; /* three lines, indented by two */
    int (*run)(const struct args *a); /* returns enum exit_code */
};

/* The table; a row without a name ends it. */
extern const struct verb einc_verbs[];
/* The row of that name, or NULL. */
const struct verb *einc_verb_find(const char *name);
/* Says that there is no verb of that name, and which one is near. */
int einc_verb_unknown(const char *word);

/* The command line of one verb. Texts are NULL where no flag gave them and
 * point into argv; numbers are checked. */
struct args {
    const struct verb *verb;
    int argc;             /* as given from the verb's name on */
    char **argv;
    const char *expr;     /* first word that is no flag; may be NULL */
    char **words;         /* [n_words] the words after it */
    int n_words;
    const char *output, *header;            /* files to write */
    const char *size, *shape, *dtype;       /* what the operands are */
    const char *param;                      /* integers of index statements */
    const char *target, *name;
    const char *plan_file, *path, *kernel;
    const char *alpha, *beta;
    const char *dump, *format;
    uint64_t memory_limit_bytes;
    uint32_t flags;       /* enum einc_flags, or-ed */
    int32_t tier;         /* enum einc_tier */
    int32_t sum;          /* enum einc_sum */
    int32_t acc;          /* enum einc_dtype */
    int32_t threads;      /* 0: not given */
    int32_t rounds;       /* likewise */
    int force, main, check, time, calibrate, help;
};

int einc_verb_run(const struct args *a);
int einc_verb_emit(const struct args *a);
int einc_verb_explain(const struct args *a);
int einc_verb_bench(const struct args *a);
int einc_verb_doctor(const struct args *a);
int einc_verb_help(const struct args *a);

/* What --help and `einc help` print on stdout. */
void einc_help_all(void);
void einc_help_verb(const struct verb *v);

#endif
