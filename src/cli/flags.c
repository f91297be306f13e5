/* SPDX-License-Identifier: MIT
 * flags.c - one row per flag. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/flags.h"
#include "cli/say.h"

enum kind {
    KIND_TEXT,    /* const char * at `at` */
    KIND_SWITCH,  /* int at `at`, set to 1 */
    KIND_BIT,     /* `bit` of args.flags */
    KIND_TIER,    /* args.tier */
    KIND_SUM,     /* args.sum */
    KIND_ACC,     /* args.acc */
    KIND_THREADS, /* args.threads */
    KIND_ROUNDS,  /* args.rounds */
    KIND_BYTES    /* uint64_t at `at`; K, M, G, T are powers of 1024 */
};

struct flag {
    const char *name;
    int letter;            /* 0: none */
    enum kind kind;
    size_t at;             /* offset in struct args */
    uint32_t bit;          /* enum einc_flags, of KIND_BIT */
    unsigned verbs;        /* enum verb_bit, or-ed */
    const char *parameter; /* as the help shows it; NULL: takes none */
    const char *help;      /* lines after the first are indented by it */
};

#define PLANNING (VERB_RUN | VERB_EMIT | VERB_EXPLAIN | VERB_BENCH)
#define SHAPED (VERB_EMIT | VERB_EXPLAIN | VERB_BENCH)
#define RUNNING (VERB_RUN | VERB_BENCH)
#define EVERY (~0u)
#define AT(field) offsetof(struct args, field)

static const struct flag flags[] = {
    {"output", 'o', KIND_TEXT, AT(output), 0, VERB_RUN | VERB_EMIT, "FILE",
     "where the result goes; - is stdout. Without it, run\n"
     "prints an array as text, emit prints the source"},
    {"force", 'f', KIND_SWITCH, AT(force), 0, VERB_RUN | VERB_EMIT, NULL,
     "replace existing files"},
    {"size", 0, KIND_TEXT, AT(size), 0, VERB_EMIT, "i=64,j=128",
     "sizes of labels; those without are arguments of\n"
     "the function. Index statements need all of them"},
    {"size", 0, KIND_TEXT, AT(size), 0, VERB_EXPLAIN | VERB_BENCH,
     "i=64,j=128",
     "sizes of labels; 64 where none is given"},
    {"shape", 0, KIND_TEXT, AT(shape), 0, SHAPED, "2x3,3x4",
     "shapes of the operands, in order; or 1=3x4,0=2x3;\n"
     "nothing between commas is a scalar. Of statements\n"
     "by name, too, and of outputs: A=2x3,Y=7"},
    {"dtype", 0, KIND_TEXT, AT(dtype), 0, SHAPED, "f32",
     "element type of all operands; or one each: f32,i8;\n"
     "with ->f64 behind: of the result (default f32). Of\n"
     "statements by name, too: K=i64"},
    {"dtype", 0, KIND_TEXT, AT(dtype), 0, VERB_RUN, "f64",
     "element type of the result"},
    {"param", 0, KIND_TEXT, AT(param), 0, PLANNING, "sh=2,ph=1",
     "integers that index statements name in subscripts\n"
     "and bounds"},
    {"sum", 0, KIND_SUM, 0, 0, PLANNING, "HOW",
     "block, direct or kahan: how floats are added up"},
    {"acc", 0, KIND_ACC, 0, 0, PLANNING, "TYPE",
     "f64: floats are added up in f64, of complex numbers\n"
     "in c128; f32: no wider than the operands"},
    {"target", 0, KIND_TEXT, AT(target), 0, VERB_EMIT, "T",
     "c (default), cuda, or cuda:sm_90a, which the file then\n"
     "names to nvcc"},
    {"target", 0, KIND_TEXT, AT(target), 0, VERB_RUN, "c|cuda",
     "who computes: the CPU, or the GPU, through copies"},
    {"name", 0, KIND_TEXT, AT(name), 0, VERB_EMIT, "NAME",
     "name of the function (default that of the header\n"
     "of statements, else einsum)"},
    {"header", 0, KIND_TEXT, AT(header), 0, VERB_EMIT, "FILE",
     "write a header too, and include it"},
    {"main", 0, KIND_SWITCH, AT(main), 0, VERB_EMIT, NULL,
     "add a main() that checks and times the function"},
    {"dump", 0, KIND_TEXT, AT(dump), 0, VERB_RUN | VERB_EXPLAIN, "STAGE",
     "expr stmt graph canon path plan nest source cuda;\n"
     "several with commas; run prints them on stderr"},
    {"format", 0, KIND_TEXT, AT(format), 0, VERB_EXPLAIN, "text|json|dot",
     "json and dot show the plan"},
    {"format", 0, KIND_TEXT, AT(format), 0, VERB_BENCH, "text|json",
     "json has all figures in seconds"},
    {"rounds", 0, KIND_ROUNDS, 0, 0, VERB_BENCH, "N",
     "to measure; default: half a second of them"},
    {"check", 0, KIND_SWITCH, AT(check), 0, VERB_RUN, NULL,
     "compare with plain loops; exit 1 beyond the bound.\n"
     "They walk all indices at once: take small operands"},
    {"calibrate", 0, KIND_SWITCH, AT(calibrate), 0, VERB_DOCTOR, NULL,
     "measure this machine, for the times that explain and\n"
     "bench model; written to EINC_MACHINE, else to\n"
     "~/.config/einc/machine"},
    {"time", 0, KIND_SWITCH, AT(time), 0, VERB_RUN, NULL,
     "seconds and GFLOP/s, on stderr"},
    {"alpha", 0, KIND_TEXT, AT(alpha), 0, VERB_RUN, "NUMBER",
     "times the result"},
    {"beta", 0, KIND_TEXT, AT(beta), 0, VERB_RUN, "NUMBER",
     "plus so many times what is in -o FILE"},
    {"plan", 0, KIND_TEXT, AT(plan_file), 0, PLANNING, "FILE",
     "follow a plan as `einc explain` prints it"},
    {"path", 0, KIND_TEXT, AT(path), 0, PLANNING, "NAME",
     "who orders the steps: auto, dp, greedy, whole, search,\n"
     "estimate, measure, patient, exhaustive, random:SEED;\n"
     "search:SEED,work=N,objective=time|flops|size|writes:A"},
    {"memory-limit", 0, KIND_BYTES, AT(memory_limit_bytes), 0, PLANNING,
     "BYTES", "of intermediates; 512M, 2G"},
    {"threads", 0, KIND_THREADS, 0, 0, RUNNING | VERB_EXPLAIN, "N",
     "default: EINC_THREADS, else all processors"},
    {"kernel", 0, KIND_TEXT, AT(kernel), 0, VERB_RUN | VERB_EXPLAIN | VERB_BENCH,
     "FAMILY",
     "a family of kernels, as --dump nest names them;\n"
     "default: the one with the least modelled time"},
    {"tier", 0, KIND_TIER, 0, 0, RUNNING | VERB_EXPLAIN, "TIER",
     "interp, builtin, cc: interpreter, built-in kernels,\nC compiler; or auto: what pays"},
    {"no-cache", 0, KIND_BIT, 0, EINC_NO_CACHE, RUNNING | VERB_EXPLAIN, NULL,
     "leave the disk cache alone"},
    {"background", 0, KIND_BIT, 0, EINC_BACKGROUND, VERB_RUN, NULL,
     "answer with the kernels that are there, and compile\n"
     "better ones for the next time afterwards"},
    {"strict-numpy", 0, KIND_BIT, 0, EINC_STRICT_NUMPY, PLANNING, NULL,
     "an ellipsis left out of the output is an error"},
    {"strict-sizes", 0, KIND_BIT, 0, EINC_STRICT_SIZES, PLANNING, NULL,
     "a dim of size 1 never broadcasts"},
    {"named", 0, KIND_BIT, 0, EINC_NAMED_LABELS, PLANNING, NULL,
     "read \"batch i\" as two labels"},
    {"compact", 0, KIND_BIT, 0, EINC_COMPACT_LABELS, PLANNING, NULL,
     "read \"batch\" as five labels"},
    {"help", 'h', KIND_SWITCH, AT(help), 0, EVERY, NULL, "this text"},
};

enum { N_FLAGS = sizeof(flags) / sizeof(flags[0]) };

/* --- values */

static int
set_number(const struct args *a, const char *flag, const char *text, long most,
           int32_t *to)
{
    char *end;

    errno = 0;
    const long n = strtol(text, &end, 10);
    if (errno || end == text || *end || n < 1 || n > most)
        return einc_say_usage(a->verb, "--%s takes 1 to %ld, not '%s'", flag,
                              most, text);
    *to = (int32_t)n;
    return EXIT_DONE;
}

static int
set_tier(struct args *a, const char *text)
{
    static const char *const names[] = {"auto", "interp", "cc", "builtin"};

    for (int i = 0; i < 4; i++)
        if (!strcmp(text, names[i])) {
            a->tier = EINC_TIER_AUTO + i;
            return EXIT_DONE;
        }
    return einc_say_usage(a->verb, "--tier takes auto, interp, builtin or cc, not "
                          "'%s'", text);
}

static int
set_sum(struct args *a, const char *text)
{
    static const char *const names[] = {"block", "direct", "kahan"};

    for (int i = 0; i < 3; i++)
        if (!strcmp(text, names[i])) {
            a->sum = EINC_SUM_BLOCK + i;
            return EXIT_DONE;
        }
    return einc_say_usage(a->verb,
                          "--sum takes block, direct or kahan, not '%s'",
                          text);
}

static int
set_acc(struct args *a, const char *text)
{
    if (strcmp(text, "f32") && strcmp(text, "f64"))
        return einc_say_usage(a->verb, "--acc takes f32 or f64, not '%s'",
                              text);
    a->acc = !strcmp(text, "f32") ? EINC_F32 : EINC_F64;
    return EXIT_DONE;
}

static int
set_bytes(struct args *a, const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end;

    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    int bad = errno || end == text || text[0] < '0' || text[0] > '9';
    const char *unit = *end ? strchr(units, *end) : NULL;
    for (const char *u = units; unit && u <= unit; u++) {
        bad |= n > ULLONG_MAX / 1024;
        n *= 1024;
    }
    if (bad || (*end && (!unit || end[1])))
        return einc_say_usage(a->verb,
                              "'%s' is no number of bytes, such as 512M",
                              text);
    *bytes = n;
    return EXIT_DONE;
}

static int
set(struct args *a, const struct flag *f, const char *text)
{
    char *field = (char *)a + f->at;

    switch (f->kind) {
    case KIND_TEXT:
        *(const char **)(void *)field = text;
        return EXIT_DONE;
    case KIND_SWITCH:
        *(int *)(void *)field = 1;
        return EXIT_DONE;
    case KIND_BIT:
        a->flags |= f->bit;
        return EXIT_DONE;
    case KIND_TIER:
        return set_tier(a, text);
    case KIND_SUM:
        return set_sum(a, text);
    case KIND_ACC:
        return set_acc(a, text);
    case KIND_THREADS:
        return set_number(a, f->name, text, 1024, &a->threads);
    case KIND_ROUNDS:
        return set_number(a, f->name, text, 1000, &a->rounds);
    case KIND_BYTES:
        return set_bytes(a, text, (uint64_t *)(void *)field);
    }
    return EXIT_USAGE;
}

/* --- parsing */

/* Says what a word that getopt did not take was meant to be. */
static int
unknown(const struct verb *v, const char *word)
{
    const char *known[N_FLAGS];
    char name[64];
    int n = 0;

    if (word[0] != '-' || word[1] != '-')
        return einc_say_usage(v, "unknown flag %s", word);
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="),
             word + 2);
    for (int i = 0; i < N_FLAGS; i++)
        if (!strcmp(flags[i].name, name))
            return einc_say_usage(v,
                                  flags[i].verbs & v->bit
                                      ? "--%s takes no value"
                                      : "--%s is a flag of another verb",
                                  name);
        else if (flags[i].verbs & v->bit)
            known[n++] = flags[i].name;
    const char *nearest = einc_say_nearest(name, known, n);
    if (!nearest)
        return einc_say_usage(v, "unknown flag --%s", name);
    return einc_say_usage(v, "unknown flag --%s; did you mean --%s?", name,
                          nearest);
}

/* The rows of v, as getopt_long wants them; values are row numbers + 256. */
static void
list(const struct verb *v, struct option *longs, char *shorts)
{
    *shorts++ = ':'; /* tell a missing value from an unknown flag */
    for (int i = 0; i < N_FLAGS; i++) {
        const struct flag *f = &flags[i];
        if (!(f->verbs & v->bit))
            continue;
        *longs++ = (struct option){
            f->name, f->parameter ? required_argument : no_argument, NULL,
            i + 256};
        if (f->letter) {
            *shorts++ = (char)f->letter;
            if (f->parameter)
                *shorts++ = ':';
        }
    }
    *longs = (struct option){NULL, 0, NULL, 0};
    *shorts = '\0';
}

static const struct flag *
by_value(int value)
{
    for (int i = 0; i < N_FLAGS; i++)
        if (value == i + 256 || value == flags[i].letter)
            return &flags[i];
    return NULL;
}

int
einc_flags_parse(struct args *a, int argc, char **argv)
{
    struct option longs[N_FLAGS + 1];
    char shorts[2 * N_FLAGS + 2], letter[3] = "-?";
    int value;

    a->argc = argc;
    a->argv = argv;
    /* "->ij" is an expression, wherever getopt would see flags in it */
    if (argc > 1 && !strncmp(argv[1], "->", 2)) {
        a->expr = argv[1];
        argc--;
        argv++;
    }
    list(a->verb, longs, shorts);
    opterr = 0;
    while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const char *word = argv[optind - 1];
        letter[1] = (char)optopt;
        if (value == ':')
            return einc_say_usage(a->verb, "%s needs a value", word);
        if (value == '?')
            return unknown(a->verb,
                           optopt && optopt < 256 ? letter : word);
        const int code = set(a, by_value(value), optarg);
        if (code != EXIT_DONE)
            return code;
    }
    if (!a->expr && optind < argc)
        a->expr = argv[optind++];
    a->words = argv + optind;
    a->n_words = argc - optind;
    return EXIT_DONE;
}

/* --- help */

void
einc_flags_help(const struct verb *v)
{
    char left[64];

    for (int i = 0; i < N_FLAGS; i++) {
        const struct flag *f = &flags[i];
        if (!(f->verbs & v->bit))
            continue;
        int n = snprintf(left, sizeof(left), "--%s", f->name);
        if (f->letter)
            n = snprintf(left, sizeof(left), "-%c, --%s", f->letter, f->name);
        if (f->parameter)
            snprintf(left + n, sizeof(left) - (size_t)n, " %s", f->parameter);
        printf("  %-23s ", left);
        for (const char *s = f->help; *s; s++)
            if (*s == '\n')
                printf("\n%26s", "");
            else
                putchar(*s);
        putchar('\n');
    }
}
