/* SPDX-License-Identifier: MIT
 *
 * main.c - the benchmark: reads the command line, looks for peers, measures
 * the machine, runs the sets. `bench --help` says how.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "blas.h"
#include "first.h"
#include "python.h"
#include "roofline.h"

static const struct set {
    const char *name;
    void (*run)(struct bench *b);
} sets[] = {
    {"gemm", set_gemm},
    {"literal", set_literal},
    {"bmm", set_bmm},
    {"tccg", set_tccg},
    {"variants", set_variants},
    {"permute", set_permute},
    {"reduce", set_reduce},
    {"fuse", set_fuse},
    {"seed", set_seed},
    {"statements", set_statements},
    {"conv", set_conv},
    {"calls", set_calls},
    {"first", set_first},
    {"figures", set_figures},
};
enum { N_SETS = sizeof sets / sizeof *sets };

static const char help[] =
    "usage: bench [SET | SET/NUMBER | SET/PART-OF-NAME]... [flags]\n\n"
    "Without a set: all of them. Each case is validated, then its contenders\n"
    "take turns; a ratio above 1 says that einc is faster.\n\n"
    "  --list            name the cases, run nothing\n"
    "  --rounds N        most rounds of a case (default 9)\n"
    "  --seconds S       of the rounds of a case (default 0.7)\n"
    "  --minutes M       of the whole run: each set has its share, and what\n"
    "                    those before it left; cases beyond it are left out\n"
    "  --tier A,B        tiers of einc: auto, cc, ... (default auto); bars\n"
    "                    are for the first\n"
    "  --no-python       do not look for numpy, torch and the like\n"
    "  --no-blas         do not look for OpenBLAS and BLIS\n"
    "  --table FILE      write the table there too\n"
    "  --svg FILE        write a roofline there\n"
    "  --einc FILE       the einc command, for what times whole processes\n\n"
    "EINC_BENCH_PYTHON names the Python to ask (default python3).\n"
    "sets:";

struct flags {
    bool python, blas;
    const char *tiers, *table, *svg;
};

_Noreturn void
bench_die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(2);
}

/* --- which cases -------------------------------------------------------- */

static bool
matches(const struct bench *b, const char *wish, const char *name)
{
    size_t n = strlen(b->set);
    if (strncmp(wish, b->set, n) != 0 || (wish[n] && wish[n] != '/'))
        return false;
    if (!wish[n])
        return true;
    char *end;
    long number = strtol(wish + n + 1, &end, 10);
    return (wish[n + 1] && !*end) ? number == b->number
                                  : strstr(name, wish + n + 1) != NULL;
}

bool
bench_wants(struct bench *b, const char *name)
{
    bool wanted = b->n_wanted == 0;
    for (int w = 0; w < b->n_wanted; w++)
        wanted = wanted || matches(b, b->wanted[w], name);
    if (b->list && wanted)
        printf("%s/%d  %s\n", b->set, b->number, name);
    b->number++;
    if (!wanted || b->list)
        return false;
    bool late = b->minutes > 0 && rounds_seconds(CLOCK_MONOTONIC) >= b->until;
    b->left_out += late;
    return !late;
}

static bool
wants_set(const struct bench *b, const char *set)
{
    size_t n = strlen(set);
    for (int w = 0; w < b->n_wanted; w++)
        if (strncmp(b->wanted[w], set, n) == 0 &&
            (!b->wanted[w][n] || b->wanted[w][n] == '/'))
            return true;
    return b->n_wanted == 0;
}

/* --- the command line --------------------------------------------------- */

static _Noreturn void
show_help(void)
{
    fputs(help, stdout);
    for (int s = 0; s < N_SETS; s++)
        printf(" %s", sets[s].name);
    putchar('\n');
    exit(0);
}

static void
check_wish(const char *wish)
{
    for (int s = 0; s < N_SETS; s++) {
        size_t n = strlen(sets[s].name);
        if (strncmp(wish, sets[s].name, n) == 0 &&
            (!wish[n] || wish[n] == '/'))
            return;
    }
    bench_die(wish, "no such set; see --help");
}

static void
read_command(struct bench *b, struct flags *f, int argc, char **argv)
{
    const char **wanted = calloc((size_t)argc, sizeof *wanted);
    if (!wanted)
        bench_die("memory", "none");
    b->wanted = wanted;
    for (int a = 1; a < argc; a++) {
        const char *z = argv[a];
        const char *value = a + 1 < argc ? argv[a + 1] : "";
        if (strcmp(z, "--help") == 0 || strcmp(z, "-h") == 0)
            show_help();
        else if (strcmp(z, "--list") == 0)
            b->list = true;
        else if (strcmp(z, "--no-python") == 0)
            f->python = false;
        else if (strcmp(z, "--no-blas") == 0)
            f->blas = false;
        else if (strncmp(z, "--", 2) != 0)
            check_wish(wanted[b->n_wanted++] = z);
        else if (++a == argc)
            bench_die(z, "wants a value, or is no flag");
        else if (strcmp(z, "--rounds") == 0)
            b->rounds = atoi(value);
        else if (strcmp(z, "--seconds") == 0)
            b->budget = atof(value);
        else if (strcmp(z, "--minutes") == 0)
            b->minutes = atof(value);
        else if (strcmp(z, "--tier") == 0)
            f->tiers = value;
        else if (strcmp(z, "--table") == 0)
            f->table = value;
        else if (strcmp(z, "--svg") == 0)
            f->svg = value;
        else if (strcmp(z, "--einc") == 0)
            b->command = value;
        else
            bench_die(z, "no such flag; see --help");
    }
    if (b->rounds < 1 || b->rounds > MOST_ROUNDS || !(b->budget > 0))
        bench_die("--rounds, --seconds", "out of range");
}

/* --- files that the build puts beside this program ---------------------- */

void
bench_beside(const struct bench *b, const char *file, char *path,
             size_t bytes)
{
    const char *slash = strrchr(b->self, '/');
    snprintf(path, bytes, "%.*s/%s", slash ? (int)(slash - b->self) : 0,
             b->self, file);
}

char *
bench_text(const struct bench *b, const char *file)
{
    char path[4096], *text = NULL;
    size_t bytes = 0;
    bench_beside(b, file, path, sizeof path);
    FILE *f = fopen(path, "r");
    if (!f || getdelim(&text, &bytes, '\0', f) < 0)
        bench_die(path, "cannot be read");
    fclose(f);
    return text;
}

/* --- ours --------------------------------------------------------------- */

/* By the environment, so that whatever name einc knows will do. Without a
 * disk cache: what an earlier run left there is not to be measured. */
bool
bench_tier(struct bench *b, struct tier *t)
{
    struct einc_config config = {.size = sizeof config, .threads = 1,
                                 .cache_dir = ""};
    t->ctx = t->pair = NULL;
    setenv("EINC_TIER", t->name, 1);
    bool ok = !einc_ctx_create(&config, &t->ctx, NULL);
    config.threads = 2;
    ok = ok && !einc_ctx_create(&config, &t->pair, NULL);
    unsetenv("EINC_TIER");
    if (ok)
        return true;
    table_say(b->table, "einc has no tier '%s'", t->name);
    bench_tier_close(t);
    return false;
}

void
bench_tier_close(struct tier *t)
{
    einc_ctx_free(t->ctx);
    einc_ctx_free(t->pair);
}

/* --- the model ---------------------------------------------------------- */

static int
keep_text(void *file, const char *text, size_t n)
{
    return fwrite(text, 1, n, file) != n;
}

/* The last that a plan says of it is that of all its steps. */
double
bench_modelled(const struct einc_plan *plan)
{
    static const char key[] = "model_ns ";
    char *text = NULL;
    size_t bytes;
    double ns = 0;
    FILE *f = open_memstream(&text, &bytes);
    if (f && !einc_explain(plan, "plan", EINC_TEXT, keep_text, f, NULL) &&
        !fflush(f))
        for (const char *z = strstr(text, key); z; z = strstr(z + 1, key))
            ns = strtod(z + sizeof key - 1, NULL);
    if (f)
        fclose(f);
    free(text);
    return 1e-9 * ns;
}

static void
make_tiers(struct bench *b, const char *names)
{
    char *z = strdup(names), *save = NULL;
    for (char *name = strtok_r(z, ",", &save); name;
         name = strtok_r(NULL, ",", &save)) {
        struct tier *t = &b->tiers[b->n_tiers];
        t->name = name; /* `z` is kept for good */
        if (b->n_tiers == MOST_TIERS || !bench_tier(b, t))
            bench_die(name, "no such tier, or too many");
        b->n_tiers++;
    }
    if (!b->n_tiers)
        bench_die("--tier", "names none");
}

/* --- peers -------------------------------------------------------------- */

static void
find_python(struct bench *b)
{
    char path[4096], why[256];
    bench_beside(b, "worker.py", path, sizeof path);
    b->python = python_open(path, why, sizeof why);
    if (b->python)
        table_say(b->table, "python: %s; one thread", python_found(b->python));
    else
        table_say(b->table, "python: none of its peers (%s)", why);
}

static void
find_blas(struct bench *b)
{
    static const char *const names[MOST_BLAS] = {"openblas", "blis"};
    for (int z = 0; z < MOST_BLAS; z++) {
        b->blas[z] = blas_open(names[z]);
        if (b->blas[z])
            table_say(b->table, "%s", blas_description(b->blas[z]));
        else
            table_say(b->table, "%s: not found", names[z]);
    }
}

/* --- the machine -------------------------------------------------------- */

static void
first_line(const char *file, const char *key, char *to, size_t bytes)
{
    char line[512];
    FILE *f = fopen(file, "r");
    snprintf(to, bytes, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        const char *colon = strchr(line, ':');
        const char *z = colon ? colon + 1 : line;
        z += strspn(z, " \t");
        snprintf(to, bytes, "%.*s", (int)strcspn(z, "\n"), z);
        break;
    }
    if (f)
        fclose(f);
}

static void
describe_machine(struct bench *b, int argc, char **argv)
{
    char model[256], memory[64], load[64], date[64], command[1024] = "bench";
    struct utsname system;
    time_t now = time(NULL);
    uname(&system);
    first_line("/proc/cpuinfo", "model name", model, sizeof model);
    first_line("/proc/meminfo", "MemTotal", memory, sizeof memory);
    first_line("/proc/loadavg", "", load, sizeof load);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime(&now));
    for (int a = 1; a < argc; a++) {
        size_t n = strlen(command);
        const char *base = strrchr(argv[a], '/'); /* no paths of a machine */
        snprintf(command + n, sizeof command - n, " %s",
                 base && *argv[a] == '/' ? base + 1 : argv[a]);
    }
    table_say(b->table, "einc %s, %s", einc_version(), date);
    table_say(b->table, "command: %s", command);
    table_say(b->table, "%s, %ld processors, caches %ld KiB, %ld KiB, %ld "
              "MiB; memory %s; Linux %s", model,
              sysconf(_SC_NPROCESSORS_ONLN),
              sysconf(_SC_LEVEL1_DCACHE_SIZE) / 1024,
              sysconf(_SC_LEVEL2_CACHE_SIZE) / 1024,
              sysconf(_SC_LEVEL3_CACHE_SIZE) / 1048576, memory,
              system.release);
    table_say(b->table, "load when it began: %s; built by "
#if defined(__clang__)
              "clang %s",
#else
              "gcc %s",
#endif
              load, __VERSION__);
}

static void
print_limits(struct bench *b)
{
    char *text;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    peaks_print(b->peaks, f);
    fclose(f);
    table_say(b->table, "\n%s", text);
    table_say(b->table,
              "Times are of one call: CPU time with one thread, wall time "
              "with several. GB/s counts every operand once. 'of floor': the\n"
              "time that the case's flop take as fused multiply-adds, or its "
              "bytes as a plain read, copy or fill, whichever is longer,\n"
              "measured in the same rounds, over ours. 'model': the time that "
              "einc's cost model gives over the one that was measured. "
              "Peers: their time over "
              "ours, median (quartiles) of the rounds; above 1 we are faster.");
    free(text);
}

/* --- the run ------------------------------------------------------------ */

static void
run_set(struct bench *b, const struct set *set, double seconds)
{
    double start = rounds_seconds(CLOCK_MONOTONIC);
    b->set = set->name;
    b->number = 0;
    b->left_out = 0;
    b->until = start + seconds;
    set->run(b);
    if (b->list)
        return;
    table_say(b->table, "(%s took %.0f s)", b->set,
              rounds_seconds(CLOCK_MONOTONIC) - start);
    if (b->left_out)
        table_say(b->table, "(%d of its %d cases left out: --minutes %g)",
                  b->left_out, b->number, b->minutes);
}

/* What is left of the time is shared by the sets that are left. */
static void
run_sets(struct bench *b)
{
    double end = rounds_seconds(CLOCK_MONOTONIC) + 60 * b->minutes;
    int n = 0;
    for (int s = 0; s < N_SETS; s++)
        n += wants_set(b, sets[s].name);
    for (int s = 0; s < N_SETS; s++)
        if (wants_set(b, sets[s].name))
            run_set(b, &sets[s],
                    (end - rounds_seconds(CLOCK_MONOTONIC)) / n--);
}

int
main(int argc, char **argv)
{
    struct bench b = {.rounds = 9, .budget = 0.7};
    struct flags f = {.python = true, .blas = true, .tiers = "auto"};
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    b.self = self;
    if (argc > 1 && strcmp(argv[1], FIRST_CALL) == 0)
        return first_call(argc - 2, argv + 2);
    read_command(&b, &f, argc, argv);
    b.table = table_open(f.table);
    if (!b.table)
        bench_die(f.table ? f.table : "table", "cannot be written");
    if (!b.list) {
        describe_machine(&b, argc, argv);
        make_tiers(&b, f.tiers);
        if (f.blas)
            find_blas(&b);
        if (f.python)
            find_python(&b);
        b.peaks = peaks_open();
        if (!b.peaks)
            bench_die("memory", "none");
        print_limits(&b);
    }
    run_sets(&b);
    if (!b.list)
        table_summary(b.table);
    int n_points;
    const struct point *points = table_points(b.table, &n_points);
    if (f.svg && !b.list && !roofline_write(f.svg, b.peaks, points, n_points))
        bench_die(f.svg, "cannot be written");
    int failures = table_failures(b.table);
    python_close(b.python);
    for (int t = 0; t < b.n_tiers; t++)
        bench_tier_close(&b.tiers[t]);
    table_close(b.table);
    return failures != 0;
}
