/* SPDX-License-Identifier: MIT
 *
 * machine.c - see machine.h: the shipped tables, and the text form.
 */
#include "plan/machine.h"

#include <stddef.h>

/* --- shipped tables ----------------------------------------------------- */

/* What does not hang on the vector width: a server core of the 2020s with
 * 48 KiB of L1, 2 MiB of L2 and a share of a large L3. */
#define SERVER                                                              \
    .bytes = {48 << 10, 2 << 20, 64 << 20, 0}, .stream = 23000,             \
    .cores_percent = 190, .call_ns = 50, .task_ns = 15, .tile_ns = 8,       \
    .wake_ns = 10000, .pack_far_ps = 2500, .store_far_ps = 2500,            \
    .gather_near_ps = 800, .gather_far_ps = 8000

/* Rounded from what `einc doctor --calibrate` found on two cores of a Sapphire
 * Rapids at 3 GHz. The narrower rows are the same machine told to use less of
 * its vectors; neon is AVX2's clock at half its width. */
static const struct machine tables[] = {
    {.name = "avx512", .vector_bytes = 64, .registers = 32, SERVER,
     .peak = {180000, 90000, 56000, 21000},
     .read = {290000, 150000, 27000, 17000},
     .write = {190000, 48000, 15000, 10000},
     .pack_near_ps = 120, .pack_turned_ps = 300, .store_near_ps = 140,
     .packed_percent = 88, .direct_percent = 92,
     .stream_percent = 90, .fill_percent = 90, .turned_percent = 80},
    {.name = "avx2", .vector_bytes = 32, .registers = 16, SERVER,
     .peak = {95000, 47500, 37000, 8200},
     .read = {170000, 115000, 27000, 17000},
     .write = {190000, 46000, 15000, 10000},
     .pack_near_ps = 120, .pack_turned_ps = 320, .store_near_ps = 160,
     .packed_percent = 90, .direct_percent = 92,
     .stream_percent = 90, .fill_percent = 90, .turned_percent = 75},
    {.name = "neon", .vector_bytes = 16, .registers = 32, SERVER,
     .peak = {48000, 24000, 20000, 6000},
     .read = {100000, 70000, 24000, 14000},
     .write = {90000, 45000, 14000, 9500},
     .pack_near_ps = 140, .pack_turned_ps = 400, .store_near_ps = 180,
     .packed_percent = 88, .direct_percent = 90,
     .stream_percent = 85, .fill_percent = 85, .turned_percent = 65},
    {.name = "sse2", .vector_bytes = 16, .registers = 16, SERVER,
     .peak = {33000, 16500, 10000, 4200},
     .read = {120000, 72000, 26000, 12000},
     .write = {96000, 44000, 14000, 9000},
     .pack_near_ps = 140, .pack_turned_ps = 400, .store_near_ps = 180,
     .packed_percent = 85, .direct_percent = 90,
     .stream_percent = 85, .fill_percent = 85, .turned_percent = 65},
    {.name = "generic", .vector_bytes = 0, .registers = 16, SERVER,
     .peak = {6000, 6000, 6000, 4000},
     .read = {24000, 22000, 15000, 10000},
     .write = {24000, 20000, 12000, 8000},
     .pack_near_ps = 500, .pack_turned_ps = 800, .store_near_ps = 500,
     .packed_percent = 80, .direct_percent = 85,
     .stream_percent = 80, .fill_percent = 80, .turned_percent = 50},
};

const struct machine *
einc_machine_default(struct str name)
{
    for (size_t r = 0; r < sizeof tables / sizeof tables[0]; r++)
        if (str_equal(name, str_of(tables[r].name)))
            return &tables[r];
    return NULL;
}

enum machine_type
einc_machine_type(enum einc_dtype compute)
{
    switch (compute) {
    case EINC_F64:
    case EINC_C128:
        return MACHINE_F64;
    case EINC_I64:
        return MACHINE_I64;
    case EINC_F32:
    case EINC_C64:
        return MACHINE_F32;
    default:
        return MACHINE_I32;
    }
}

enum machine_level
einc_machine_level(const struct machine *m, double bytes)
{
    int l = MACHINE_L1;
    while (l < MACHINE_MEMORY && bytes > (double)m->bytes[l] * 9 / 8)
        l++;
    return (enum machine_level)l;
}

/* --- the lines ---------------------------------------------------------- */

struct field {
    const char *key;
    size_t at; /* offset of an int64_t in struct machine */
    int64_t least, most;
};

#define AT(member) offsetof(struct machine, member)
#define MOST_RATE 1000000000 /* 10^15 a second */
#define MOST_BYTES ((int64_t)1 << 40)
#define MOST_TIME 1000000000

static const struct field fields[] = {
    {"vector_bytes", AT(vector_bytes), 0, 256},
    {"registers", AT(registers), 1, 1024},
    {"f32_mflops", AT(peak[MACHINE_F32]), 1, MOST_RATE},
    {"f64_mflops", AT(peak[MACHINE_F64]), 1, MOST_RATE},
    {"i32_mflops", AT(peak[MACHINE_I32]), 1, MOST_RATE},
    {"i64_mflops", AT(peak[MACHINE_I64]), 1, MOST_RATE},
    {"l1_bytes", AT(bytes[MACHINE_L1]), 1, MOST_BYTES},
    {"l2_bytes", AT(bytes[MACHINE_L2]), 1, MOST_BYTES},
    {"l3_bytes", AT(bytes[MACHINE_L3]), 1, MOST_BYTES},
    {"l1_read_mbs", AT(read[MACHINE_L1]), 1, MOST_RATE},
    {"l2_read_mbs", AT(read[MACHINE_L2]), 1, MOST_RATE},
    {"l3_read_mbs", AT(read[MACHINE_L3]), 1, MOST_RATE},
    {"memory_read_mbs", AT(read[MACHINE_MEMORY]), 1, MOST_RATE},
    {"l1_write_mbs", AT(write[MACHINE_L1]), 1, MOST_RATE},
    {"l2_write_mbs", AT(write[MACHINE_L2]), 1, MOST_RATE},
    {"l3_write_mbs", AT(write[MACHINE_L3]), 1, MOST_RATE},
    {"memory_write_mbs", AT(write[MACHINE_MEMORY]), 1, MOST_RATE},
    {"memory_stream_mbs", AT(stream), 1, MOST_RATE},
    {"memory_cores_percent", AT(cores_percent), 100, 100000},
    {"call_ns", AT(call_ns), 0, MOST_TIME},
    {"task_ns", AT(task_ns), 0, MOST_TIME},
    {"tile_ns", AT(tile_ns), 0, MOST_TIME},
    {"wake_ns", AT(wake_ns), 0, MOST_TIME},
    {"pack_near_ps", AT(pack_near_ps), 0, MOST_TIME},
    {"pack_turned_ps", AT(pack_turned_ps), 0, MOST_TIME},
    {"pack_far_ps", AT(pack_far_ps), 0, MOST_TIME},
    {"store_near_ps", AT(store_near_ps), 0, MOST_TIME},
    {"store_far_ps", AT(store_far_ps), 0, MOST_TIME},
    {"gather_near_ps", AT(gather_near_ps), 0, MOST_TIME},
    {"gather_far_ps", AT(gather_far_ps), 0, MOST_TIME},
    {"packed_percent", AT(packed_percent), 1, 1000},
    {"direct_percent", AT(direct_percent), 1, 1000},
    {"stream_percent", AT(stream_percent), 1, 1000},
    {"fill_percent", AT(fill_percent), 1, 1000},
    {"turned_percent", AT(turned_percent), 1, 1000},
};

enum { N_FIELDS = sizeof fields / sizeof fields[0] };

static const char first_line[] = "einc machine ";
enum { FORMAT = 1 };

void
einc_machine_print(struct text *t, const struct machine *m)
{
    einc_put(t, "%s%d\nname %s\n", first_line, FORMAT, m->name);
    for (int f = 0; f < N_FIELDS; f++) {
        int64_t v;
        memcpy(&v, (const char *)m + fields[f].at, sizeof v);
        einc_put(t, "%s %lld\n", fields[f].key, (long long)v);
    }
}

/* --- reading ------------------------------------------------------------ */

struct reader {
    struct machine *m;
    struct machine_trouble *why;
    int line;
    int has_head, has_name;
    char seen[N_FIELDS];
};

/* `word` is of our own table: it fits. Nothing of the text is repeated, which
 * may hold anything. */
static int
complain(struct reader *r, const char *word, const char *what)
{
    size_t n = strlen(word), k = strlen(what), most = sizeof r->why->text - 1;
    n = n > most ? most : n;
    k = k > most - n ? most - n : k;
    memcpy(r->why->text, word, n);
    memcpy(r->why->text + n, what, k);
    r->why->text[n + k] = 0;
    r->why->line = r->line;
    return 0;
}

/* Decimal digits and nothing else, in bounds. */
static int
read_number(struct str s, int64_t least, int64_t most, int64_t *v)
{
    int64_t x = 0;
    if (s.n < 1 || s.n > 15 || (s.n > 1 && s.p[0] == '0'))
        return 0;
    for (int64_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        x = 10 * x + (s.p[i] - '0');
    }
    *v = x;
    return x >= least && x <= most;
}

static int
is_name(struct str s)
{
    if (s.n < 1 || s.n > MACHINE_NAME_MAX)
        return 0;
    for (int64_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return 0;
    }
    return 1;
}

static int
read_name(struct reader *r, struct str value)
{
    if (r->has_name)
        return complain(r, "name", " stands there twice");
    if (!is_name(value))
        return complain(r, "name", " takes a word of a-z, 0-9 and -, of 31 "
                                   "letters at most");
    memcpy(r->m->name, value.p, (size_t)value.n);
    r->m->name[value.n] = 0;
    r->has_name = 1;
    return 1;
}

static int
read_field(struct reader *r, struct str key, struct str value)
{
    int f = 0;
    while (f < N_FIELDS && !str_equal(key, str_of(fields[f].key)))
        f++;
    if (f == N_FIELDS)
        return complain(r, "", "no line of a table begins like this");
    int64_t v = 0;
    if (r->seen[f])
        return complain(r, fields[f].key, " stands there twice");
    if (!read_number(value, fields[f].least, fields[f].most, &v))
        return complain(r, fields[f].key,
                        " takes a whole number, and not any");
    memcpy((char *)r->m + fields[f].at, &v, sizeof v);
    r->seen[f] = 1;
    return 1;
}

static int
read_head(struct reader *r, struct str line)
{
    int64_t n = (int64_t)sizeof first_line - 1, v = 0;
    if (line.n < n || memcmp(line.p, first_line, (size_t)n))
        return complain(r, "", "the first line is not 'einc machine 1'");
    struct str number = {line.p + n, line.n - n};
    if (!read_number(number, FORMAT, FORMAT, &v))
        return complain(r, "", "a table of another version; calibrate anew");
    r->has_head = 1;
    return 1;
}

static int
read_line(struct reader *r, struct str line)
{
    if (line.n == 0 || line.p[0] == '#')
        return 1;
    if (!r->has_head)
        return read_head(r, line);
    const char *blank = memchr(line.p, ' ', (size_t)line.n);
    int64_t n = blank ? blank - line.p : line.n;
    struct str key = {line.p, n};
    struct str value = {line.p + n + (blank != NULL),
                        line.n - n - (blank != NULL)};
    if (str_equal(key, str_of("name")))
        return read_name(r, value);
    return read_field(r, key, value);
}

/* All lines there, and levels that grow. */
static int
check_whole(struct reader *r)
{
    r->line = 0;
    if (!r->has_head)
        return complain(r, "", "there is no table in it");
    if (!r->has_name)
        return complain(r, "name", " is missing");
    for (int f = 0; f < N_FIELDS; f++)
        if (!r->seen[f])
            return complain(r, fields[f].key, " is missing");
    for (int l = MACHINE_L1; l < MACHINE_L3; l++)
        if (r->m->bytes[l] > r->m->bytes[l + 1])
            return complain(r, "", "a cache is smaller than the one before");
    return 1;
}

int
einc_machine_read(struct machine *m, struct str text,
                  struct machine_trouble *why)
{
    struct reader r = {.m = m, .why = why};
    const char *p = text.p, *end = text.p + text.n;
    memset(m, 0, sizeof *m);
    while (text.n && p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        const char *stop = nl ? nl : end;
        r.line += r.line < INT32_MAX;
        if (!read_line(&r, (struct str){p, stop - p}))
            return 0;
        p = nl ? nl + 1 : end;
    }
    return check_whole(&r);
}

int
einc_machine_is_table(struct str text)
{
    int64_t n = (int64_t)sizeof first_line - 1;
    return text.n >= n && memcmp(text.p, first_line, (size_t)n) == 0;
}
