/* SPDX-License-Identifier: MIT
 * help.c - the help texts; examples first. */
#include <stdio.h>
#include <string.h>

#include "cli/flags.h"
#include "cli/say.h"

void
einc_help_all(void)
{
    fputs("einc - einsum expressions, compiled\n\n"
          "  einc run 'ij,jk->ik' a.npy b.npy -o c.npy\n"
          "  einc emit 'bij,bjk->bik' --size j=64,k=64 -o bmm.c\n"
          "  einc explain 'ij,jk,kl->il' --size i=8,j=512,k=16,l=64\n\n",
          stdout);
    for (const struct verb *v = einc_verbs; v->name; v++)
        printf("  %-8s  %s\n", v->name, v->summary);
    fputs("\n`einc help VERB` has the flags; `einc --version` the version.\n"
          "Results go to stdout, all else to stderr. Exit code: 0 done,\n"
          "1 failed, 2 usage, 3 bad expression, 4 files or compiler.\n"
          "Environment: EINC_THREADS EINC_TIER EINC_ISA EINC_CC EINC_CACHE_DIR\n"
          "EINC_DUMP (stages that `einc run` prints) EINC_VERBOSE\n"
          "EINC_MACHINE (file of `einc doctor --calibrate`; or default)\n",
          stdout);
}

void
einc_help_verb(const struct verb *v)
{
    printf("%s\nusage: einc %s %s\n\n%s.\n\n", v->examples, v->name,
           v->synopsis, v->summary);
    einc_flags_help(v);
}

int
einc_verb_help(const struct args *a)
{
    const struct verb *v = a->expr ? einc_verb_find(a->expr) : NULL;

    if (!a->expr)
        einc_help_all();
    else if (!v)
        return einc_verb_unknown(a->expr);
    else
        einc_help_verb(v);
    return EXIT_DONE;
}
