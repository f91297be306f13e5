/* SPDX-License-Identifier: MIT
 * main.c - the table of verbs, and the way from argv to one of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/say.h"

const struct verb einc_verbs[] = {
    {"run", VERB_RUN, "EXPR [flags] OPERAND.npy ... [-o RESULT.npy]",
     "computes an expression on .npy files",
     "  einc run 'ij,jk->ik' a.npy b.npy -o c.npy\n"
     "  einc run 'ii->' a.npy                     prints the trace\n"
     "  einc run 'bhid,bhjd->bhij' q.npy k.npy -o s.npy --check --time\n"
     "  einc run 'y[i] += A[i,j]*x[j]' A=a.npy x=x.npy y=y.npy -o y.npy -f\n"
     "                                    without y=y.npy it adds to zeros\n",
     einc_verb_run},
    {"emit", VERB_EMIT, "EXPR [flags] [-o FILE]",
     "writes C or CUDA that needs nothing of einc",
     "  einc emit 'ij,jk->ik' -o matmul.c --main\n"
     "  einc emit 'bij,bjk->bik' --size j=64,k=64 -o bmm.c --header bmm.h\n"
     "  einc emit 'ij,jk->ik' --shape 64x64,64x64 --target cuda -o mm.cu\n"
     "  einc emit 'y[i] = sum[j](exp(-(x[i]-x[j])^2))' --shape 1000 \\\n"
     "      --target cuda:sm_90a -o y.cu --header y.h --main\n",
     einc_verb_emit},
    {"explain", VERB_EXPLAIN, "EXPR [flags]",
     "prints the plan of an expression, or another stage of it",
     "  einc explain 'ij,jk,kl->il' --size i=8,j=512,k=16,l=64\n"
     "  einc explain 'ij,jk->ik' --shape 64x32,32x8 --dump source\n"
     "  einc explain 'ab,bc,cd,de->ae' --format dot | dot -Tsvg > plan.svg\n",
     einc_verb_explain},
    {"bench", VERB_BENCH, "EXPR [flags] [OPERAND.npy ...]",
     "times a plan, step by step, beside what the model says",
     "  einc bench 'ij,jk->ik' --size i=512,j=512,k=512\n"
     "  einc bench 'ij,jk,kl->il' --shape 64x512,512x16,16x64 --threads 1\n"
     "  einc bench 'ij->ji' a.npy --format json\n",
     einc_verb_bench},
    {"doctor", VERB_DOCTOR, "[flags]",
     "lists what was found on this machine: compiler, cache, threads",
     "  einc doctor\n"
     "  EINC_CC=clang einc doctor\n"
     "  einc doctor --calibrate                   measures it, 10 s at most\n",
     einc_verb_doctor},
    {"help", VERB_HELP, "[VERB]", "explains einc, or one verb",
     "  einc help\n"
     "  einc help run\n"
     "  einc run -h\n",
     einc_verb_help},
    {NULL, 0, NULL, NULL, NULL, NULL},
};

const struct verb *
einc_verb_find(const char *name)
{
    for (const struct verb *v = einc_verbs; v->name; v++)
        if (!strcmp(v->name, name))
            return v;
    return NULL;
}

int
einc_verb_unknown(const char *word)
{
    const char *known[16];
    int n = 0;

    for (const struct verb *v = einc_verbs; v->name; v++)
        known[n++] = v->name;
    const char *nearest = einc_say_nearest(word, known, n);
    if (!nearest)
        return einc_say_usage(NULL, "there is no verb '%s'", word);
    return einc_say_usage(NULL, "there is no verb '%s'; did you mean '%s'?",
                          word, nearest);
}

static int
run_verb(const struct verb *v, int argc, char **argv)
{
    struct args a;

    memset(&a, 0, sizeof(a));
    a.verb = v;
    const int code = einc_flags_parse(&a, argc, argv);
    if (code != EXIT_DONE)
        return code;
    if (a.help) {
        einc_help_verb(v);
        return EXIT_DONE;
    }
    einc_interrupt_catch();
    return v->run(&a);
}

static int
dispatch(int argc, char **argv)
{
    if (argc < 2)
        return einc_say_usage(NULL, "what is to be done? einc VERB ...");
    if (!strcmp(argv[1], "--version")) {
        printf("einc %s\n", einc_version());
        return EXIT_DONE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        einc_help_all();
        return EXIT_DONE;
    }
    const struct verb *v = einc_verb_find(argv[1]);
    return v ? run_verb(v, argc - 1, argv + 1) : einc_verb_unknown(argv[1]);
}

int
main(int argc, char **argv)
{
    const int code = dispatch(argc, argv);

    if (ferror(stdout) | fflush(stdout)) {
        einc_say(EXIT_ENV, "cannot write stdout: %s", strerror(errno));
        return code == EXIT_DONE ? EXIT_ENV : code;
    }
    return code;
}
