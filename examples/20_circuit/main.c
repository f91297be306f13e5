/* SPDX-License-Identifier: MIT
 *
 * Amplitudes of quantum circuits, as one einsum of all their gates.
 *
 * A circuit is a text: the number of qubits, then a gate a line, in order,
 *
 *   # comment                     gates: h x y z s t sx sy
 *   2                                    rx ry rz p ANGLE
 *   0 h 0                                cz cx swap iswap
 *   1 cp 0 1 1/4                         cp rzz ANGLE
 *
 *   LAYER GATE QUBIT [QUBIT] [ANGLE]    ANGLE is in units of pi, perhaps a/b;
 *                                       the first qubit of cx controls
 *
 * A qubit is a label that changes with each gate that can change the qubit:
 *
 *   |0>--a--[h]--b--o---------b--   h[b,a]; then cz is a matrix cz[b,d] and
 *                   |               no tensor of four dims: a diagonal gate
 *   |0>--c--[h]--d--o--[t]----d--   changes no label, and so a label may be in
 *                                   any number of operands, a hyperedge. t is
 *                                   a vector t[d], cx has dims control, new
 *                                   and old target, and swap is no operand
 *
 * The labels at the end are closed by the bits of an outcome, which gives its
 * amplitude, or left open, which gives those of all outcomes.
 *
 *   phase.txt  12 qubits estimate a phase of 2/3 of a turn: all amplitudes,
 *              compared with a vector of 2^12 that goes through the gates
 *   grid.txt   random gates on 7x7 qubits, whose vector would have 8 PiB:
 *              amplitudes of one outcome and of 64, compared with each other;
 *              a sum rule; 12 layers and their inverse, which is 1. All do
 *              with 4 MiB of intermediates: a plan that does not is refused
 *              (EINC_ENOMEM), for einc does not yet cut a network into slices
 *              that would do with less
 */
#include <complex.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum {
    MAX_QUBITS = 64,
    MAX_GATES = 1024,
    MAX_TENSORS = 4096,
    ALL = 1000000 /* more than any layer */
};

typedef double complex amplitude;

static int wrong;

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* --- gates -------------------------------------------------------------- */

/* What the tensor of a gate has as dims: the labels that it leaves, or the new
 * ones and then the old. */
enum shape { DIAGONAL, FULL, CONTROLLED, RELABEL };

struct gate_kind {
    const char *name;
    int qubits, angled;
    enum shape shape;
    void (*fill)(amplitude *u, double angle);
};

static const double half = 0.70710678118654752440; /* sqrt(1/2) */

static void
fill_h(amplitude *u, double angle)
{
    (void)angle;
    u[0] = u[1] = u[2] = half;
    u[3] = -half;
}

static void
fill_x(amplitude *u, double angle)
{
    (void)angle;
    u[1] = u[2] = 1;
}

static void
fill_y(amplitude *u, double angle)
{
    (void)angle;
    u[1] = -I;
    u[2] = I;
}

static void
fill_phase(amplitude *u, double angle)
{
    u[0] = 1;
    u[1] = cexp(I * angle);
}

static void
fill_z(amplitude *u, double angle)
{
    (void)angle;
    fill_phase(u, acos(-1));
}

static void
fill_s(amplitude *u, double angle)
{
    (void)angle;
    fill_phase(u, acos(-1) / 2);
}

static void
fill_t(amplitude *u, double angle)
{
    (void)angle;
    fill_phase(u, acos(-1) / 4);
}

/* The square roots of x and y. */
static void
fill_sx(amplitude *u, double angle)
{
    (void)angle;
    u[0] = u[3] = (1 + I) / 2;
    u[1] = u[2] = (1 - I) / 2;
}

static void
fill_sy(amplitude *u, double angle)
{
    (void)angle;
    u[0] = u[2] = u[3] = (1 + I) / 2;
    u[1] = -(1 + I) / 2;
}

static void
fill_rx(amplitude *u, double angle)
{
    u[0] = u[3] = cos(angle / 2);
    u[1] = u[2] = -I * sin(angle / 2);
}

static void
fill_ry(amplitude *u, double angle)
{
    u[0] = u[3] = cos(angle / 2);
    u[1] = -sin(angle / 2);
    u[2] = sin(angle / 2);
}

static void
fill_rz(amplitude *u, double angle)
{
    u[0] = cexp(-I * angle / 2);
    u[1] = cexp(I * angle / 2);
}

static void
fill_cp(amplitude *u, double angle)
{
    u[0] = u[1] = u[2] = 1;
    u[3] = cexp(I * angle);
}

static void
fill_cz(amplitude *u, double angle)
{
    (void)angle;
    fill_cp(u, acos(-1));
}

static void
fill_rzz(amplitude *u, double angle)
{
    u[0] = u[3] = cexp(-I * angle / 2);
    u[1] = u[2] = cexp(I * angle / 2);
}

/* [control, new, old] */
static void
fill_cx(amplitude *u, double angle)
{
    (void)angle;
    u[0] = u[3] = 1; /* control 0: as it was */
    u[5] = u[6] = 1;
}

/* [new, new, old, old] */
static void
fill_iswap(amplitude *u, double angle)
{
    (void)angle;
    u[0] = u[15] = 1;
    u[6] = u[9] = I;
}

static const struct gate_kind kinds[] = {
    {"h", 1, 0, FULL, fill_h},          {"x", 1, 0, FULL, fill_x},
    {"y", 1, 0, FULL, fill_y},          {"z", 1, 0, DIAGONAL, fill_z},
    {"s", 1, 0, DIAGONAL, fill_s},      {"t", 1, 0, DIAGONAL, fill_t},
    {"sx", 1, 0, FULL, fill_sx},        {"sy", 1, 0, FULL, fill_sy},
    {"rx", 1, 1, FULL, fill_rx},        {"ry", 1, 1, FULL, fill_ry},
    {"rz", 1, 1, DIAGONAL, fill_rz},    {"p", 1, 1, DIAGONAL, fill_phase},
    {"cz", 2, 0, DIAGONAL, fill_cz},    {"cp", 2, 1, DIAGONAL, fill_cp},
    {"rzz", 2, 1, DIAGONAL, fill_rzz},  {"cx", 2, 0, CONTROLLED, fill_cx},
    {"iswap", 2, 0, FULL, fill_iswap},  {"swap", 2, 0, RELABEL, NULL},
};

struct gate {
    const struct gate_kind *kind;
    int layer, qubit[2];
    amplitude u[16], conjugate[16];
};

struct circuit {
    int qubits, n;
    struct gate gates[MAX_GATES];
};

/* --- reading ------------------------------------------------------------ */

struct reader {
    const char *file;
    int line;
    char why[160]; /* "" as long as all is well */
};

/* Returns 0, so that a reader may return what complain() returns. */
static int
complain(struct reader *r, const char *format, ...)
{
    va_list args;
    const int n = snprintf(r->why, sizeof(r->why), "%s:%d: ", r->file, r->line);

    va_start(args, format);
    if (n >= 0 && (size_t)n < sizeof(r->why))
        vsnprintf(r->why + n, sizeof(r->why) - (size_t)n, format, args);
    va_end(args);
    return 0;
}

static int
read_int(struct reader *r, const char *what, const char *word, long low,
         long high, int *value)
{
    char *end;
    const long v = word ? strtol(word, &end, 10) : 0;

    if (!word)
        return complain(r, "the %s is missing", what);
    if (end == word || *end)
        return complain(r, "'%s' is no number; a %s is expected", word, what);
    if (v < low || v > high)
        return complain(r, "%s %ld is not in %ld to %ld", what, v, low, high);
    *value = (int)v;
    return 1;
}

/* "0.25" or "1/4", in units of pi. */
static int
read_angle(struct reader *r, const char *word, double *angle)
{
    char *end;
    double v, below = 1;

    if (!word)
        return complain(r, "the angle is missing");
    v = strtod(word, &end);
    if (end != word && *end == '/') {
        const char *denominator = end + 1;
        below = strtod(denominator, &end);
        if (end == denominator)
            end = (char *)word;
    }
    if (end == word || *end || !isfinite(v) || !(fabs(below) > 0))
        return complain(r, "'%s' is no angle; 0.25 and 1/4 are pi/4", word);
    *angle = v / below * acos(-1);
    return 1;
}

static const struct gate_kind *
kind_called(const char *name)
{
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        if (!strcmp(kinds[k].name, name))
            return &kinds[k];
    return NULL;
}

/* A qubit has one gate in a layer: used[q] is the last layer that it had one
 * in, and 1 more, so that 0 is none. */
static int
read_gate(struct reader *r, struct circuit *c, char *line, int used[])
{
    struct gate *g = &c->gates[c->n];
    const int last = c->n ? c->gates[c->n - 1].layer : 0;
    double angle = 0;

    if (c->n == MAX_GATES)
        return complain(r, "more than %d gates", MAX_GATES);
    if (!read_int(r, "layer", strtok(line, " \t\r"), last, ALL - 1, &g->layer))
        return 0;
    const char *name = strtok(NULL, " \t\r");
    if (!name)
        return complain(r, "the gate is missing");
    g->kind = kind_called(name);
    if (!g->kind)
        return complain(r, "no gate is called '%s'", name);
    for (int i = 0; i < g->kind->qubits; i++) {
        int *q = &g->qubit[i];
        if (!read_int(r, "qubit", strtok(NULL, " \t\r"), 0, c->qubits - 1, q))
            return 0;
        if (used[*q] == g->layer + 1)
            return complain(r, "qubit %d has a gate in layer %d already", *q,
                            g->layer);
        used[*q] = g->layer + 1;
    }
    if (g->kind->angled && !read_angle(r, strtok(NULL, " \t\r"), &angle))
        return 0;
    const char *more = strtok(NULL, " \t\r");
    if (more)
        return complain(r, "'%s' is behind the end of gate %s", more, name);
    if (g->kind->fill)
        g->kind->fill(g->u, angle);
    for (int i = 0; i < 16; i++)
        g->conjugate[i] = conj(g->u[i]);
    c->n++;
    return 1;
}

/* Whether the text is a circuit; what is wrong with it is in r->why. The text
 * is cut to words. */
static int
read_circuit(struct reader *r, char *text, struct circuit *c)
{
    int used[MAX_QUBITS] = {0};

    memset(c, 0, sizeof(*c));
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        r->line++;
        line[strcspn(line, "#")] = '\0';
        line += strspn(line, " \t\r");
        if (!*line)
            continue;
        if (c->qubits ? !read_gate(r, c, line, used)
                      : !read_int(r, "number of qubits",
                                  strtok(line, " \t\r"), 1, MAX_QUBITS,
                                  &c->qubits))
            return 0;
    }
    return c->qubits ? 1 : complain(r, "the number of qubits is missing");
}

static void
load(const char *folder, const char *file, struct circuit *c)
{
    static char text[1 << 16];
    char path[4096];
    struct reader r = {.file = file};

    snprintf(path, sizeof(path), "%s/%s", folder, file);
    FILE *f = fopen(path, "r");
    if (!f)
        fail(path);
    const size_t n = fread(text, 1, sizeof(text), f);
    fclose(f);
    if (n == sizeof(text))
        fail("the file is too long");
    text[n] = '\0';
    if (!read_circuit(&r, text, c))
        fail(r.why);
}

/* --- the network -------------------------------------------------------- */

struct net {
    size_t n;
    struct einc_layout in[MAX_TENSORS];
    const void *data[MAX_TENSORS];
    const int32_t *ids[MAX_TENSORS];
    size_t n_ids[MAX_TENSORS];
    int32_t labels[MAX_TENSORS][4];
    int32_t next;            /* the first label that is free */
    int32_t now[MAX_QUBITS]; /* the label of each qubit */
};

static const int64_t twos[4] = {2, 2, 2, 2}; /* the shape of everything */
static const amplitude basis[2][2] = {{1, 0}, {0, 1}};

static void
add(struct net *n, const amplitude *data, int n_ids, const int32_t ids[])
{
    const size_t t = n->n++;

    if (t == MAX_TENSORS)
        fail("too many tensors");
    memcpy(n->labels[t], ids, (size_t)n_ids * sizeof(*ids));
    n->in[t] = (struct einc_layout)EINC_LAYOUT(EINC_C128, n_ids, twos);
    n->data[t] = data;
    n->ids[t] = n->labels[t];
    n->n_ids[t] = (size_t)n_ids;
}

/* The inverse of a gate has old and new exchanged, and its conjugate. */
static void
add_gate(struct net *n, const struct gate *g, int inverse)
{
    const amplitude *u = inverse ? g->conjugate : g->u;
    const int k = g->kind->qubits, diagonal = g->kind->shape == DIAGONAL;
    int32_t ids[4];

    if (g->kind->shape == RELABEL) {
        const int32_t swap = n->now[g->qubit[0]];
        n->now[g->qubit[0]] = n->now[g->qubit[1]];
        n->now[g->qubit[1]] = swap;
        return;
    }
    if (g->kind->shape == CONTROLLED) {
        int32_t *now = &n->now[g->qubit[1]];
        ids[0] = n->now[g->qubit[0]];
        ids[inverse ? 1 : 2] = *now;
        ids[inverse ? 2 : 1] = *now = n->next++;
        add(n, u, 3, ids);
        return;
    }
    for (int i = 0; i < k; i++) {
        int32_t *now = &n->now[g->qubit[i]];
        ids[diagonal || inverse ? i : k + i] = *now;
        if (!diagonal)
            ids[inverse ? k + i : i] = *now = n->next++;
    }
    add(n, u, diagonal ? k : 2 * k, ids);
}

static void
add_bits(struct net *n, int qubits, uint64_t bits, uint64_t open)
{
    for (int q = 0; q < qubits; q++)
        if (!(open >> q & 1))
            add(n, basis[bits >> q & 1], 1, &n->now[q]);
}

static void
begin(struct net *n, const struct circuit *c)
{
    n->n = 0;
    n->next = c->qubits;
    for (int q = 0; q < c->qubits; q++)
        n->now[q] = q;
    add_bits(n, c->qubits, 0, 0);
}

/* The gates of the layers before `end`. */
static void
add_circuit(struct net *n, const struct circuit *c, int end)
{
    for (int g = 0; g < c->n && c->gates[g].layer < end; g++)
        add_gate(n, &c->gates[g], 0);
}

static void
add_inverse(struct net *n, const struct circuit *c, int end)
{
    for (int g = c->n; g-- > 0;)
        if (c->gates[g].layer < end)
            add_gate(n, &c->gates[g], 1);
}

/* The amplitudes of the outcome `bits`, for all values of the qubits that are
 * open, the lowest qubit slowest. Intermediates take `limit` bytes at most, 0:
 * any. Returns whether there is a plan that does with so much; a plan that
 * does not is refused, and nothing is run. */
static int
contract(struct net *n, const struct circuit *c, uint64_t bits, uint64_t open,
         uint64_t limit, amplitude *result)
{
    const struct einc_options options = {.size = sizeof(options),
                                         .memory_limit_bytes = limit};
    struct einc_plan *plan;
    struct einc_err *err;
    int32_t ids[MAX_QUBITS];
    size_t n_ids = 0;

    add_bits(n, c->qubits, bits, open);
    for (int q = 0; q < c->qubits; q++)
        if (open >> q & 1)
            ids[n_ids++] = n->now[q];
    if (einc_compile_ids(NULL, n->n, n->ids, n->n_ids, ids, n_ids, n->in,
                         NULL, &options, &plan, &err)) {
        if (!limit || einc_err_status(err) != EINC_ENOMEM)
            fail(einc_err_text(err));
        einc_err_free(err);
        return 0;
    }
    if (einc_run(plan, n->data, result, NULL, &err))
        fail(einc_err_text(err));
    einc_plan_free(plan);
    return 1;
}

/* --- the same on a vector ----------------------------------------------- */

/* Goes through all 2^n amplitudes; qubit q is bit n-1-q of the number, as in
 * the result of contract(). */
static void
step_vector(const struct gate *g, int qubits, amplitude *v)
{
    const uint64_t a = (uint64_t)1 << (qubits - 1 - g->qubit[0]);
    const uint64_t b = g->kind->qubits == 2
                           ? (uint64_t)1 << (qubits - 1 - g->qubit[1])
                           : 0;

    for (uint64_t s = 0; s < (uint64_t)1 << qubits; s++) {
        const uint64_t at[4] = {s, b ? s | b : s | a, s | a, s | a | b};
        const int n = b ? 4 : 2;
        amplitude old[4];
        if (s & (a | b))
            continue;
        for (int i = 0; i < n; i++)
            old[i] = v[at[i]];
        for (int i = 0; i < n; i++) {
            amplitude sum = 0;
            for (int j = 0; j < n; j++)
                switch (g->kind->shape) {
                case DIAGONAL: sum += i == j ? g->u[i] * old[j] : 0; break;
                case FULL: sum += g->u[n * i + j] * old[j]; break;
                case RELABEL: /* 01 and 10 */
                    sum += j == (i >> 1 | (i & 1) << 1) ? old[j] : 0;
                    break;
                case CONTROLLED:
                    sum += i >> 1 == j >> 1
                               ? g->u[(i >> 1) * 4 + (i & 1) * 2 + (j & 1)]
                                     * old[j]
                               : 0;
                    break;
                }
            v[at[i]] = sum;
        }
    }
}

/* All amplitudes of a circuit of up to 12 qubits by einsum, and the furthest
 * that one of them is from the vector's. */
static double
compare(const struct circuit *c, amplitude *result)
{
    static struct net n;
    static amplitude v[1 << 12];
    double furthest = 0;

    if (c->qubits > 12)
        fail("too many qubits for a vector");
    memset(v, 0, sizeof(v));
    v[0] = 1;
    for (int g = 0; g < c->n; g++)
        step_vector(&c->gates[g], c->qubits, v);
    begin(&n, c);
    add_circuit(&n, c, ALL);
    contract(&n, c, 0, ~(uint64_t)0 >> (64 - c->qubits), 0, result);
    for (int i = 0; i < 1 << c->qubits; i++)
        furthest = fmax(furthest, cabs(result[i] - v[i]));
    return furthest;
}

/* --- reports ------------------------------------------------------------ */

static const char *
verdict(int right)
{
    wrong += !right;
    return right ? "yes" : "NO";
}

/* What is wrong with a text is said with its line. */
static void
show_diagnostics(void)
{
    static const char *const texts[] = {
        "# nothing\n", "two\n", "2\n0 h 0\n0 cz 0 1\n", "2\n0 h 2\n",
        "2\n1 h 0\n0 h 1\n", "2\n0 ccx 0 1\n", "2\n0 rx 0 pi\n",
        "2\n0 cp 0 1\n", "2\n0 cx 1 1\n", "2\n0 h 0 1\n"};
    static struct circuit c;
    char text[64];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reader r = {.file = "bad.txt"};
        strcpy(text, texts[i]);
        wrong += read_circuit(&r, text, &c);
        printf("%s\n", r.why);
    }
}

static void
show_gates(void)
{
    static struct circuit c;
    static amplitude result[1 << 12];
    char text[] = "4\n0 h 0\n0 h 1\n0 ry 2 1/3\n0 rx 3 0.4\n1 cx 0 2\n"
                  "1 iswap 1 3\n2 t 0\n2 s 1\n2 sx 2\n2 sy 3\n3 cp 3 1 -1/5\n"
                  "3 cx 2 0\n4 y 1\n4 rz 2 0.7\n4 x 0\n4 z 3\n5 swap 1 2\n"
                  "5 rzz 3 0 0.9\n6 iswap 2 0\n6 cz 3 1\n7 p 0 0.1\n7 h 1\n"
                  "7 h 2\n7 h 3\n";
    struct reader r = {.file = "gates"};

    if (!read_circuit(&r, text, &c))
        fail(r.why);
    printf("\nevery gate, on 4 qubits: as by the vector: %s\n",
           verdict(compare(&c, result) < 1e-14));
}

/* The probability of reading x is a kernel of Fejer around 2/3 of 2^11. */
static void
show_phase(const char *folder)
{
    enum { COUNT = 11, N = 1 << COUNT, PEAK = 1365 };
    static struct circuit c;
    static amplitude result[1 << 12];
    const double pi = acos(-1);
    double furthest = 0, sum = 0;

    load(folder, "phase.txt", &c);
    const double error = compare(&c, result);
    printf("\nphase.txt: %d qubits, %d gates\n", c.qubits, c.n);
    printf("all %d amplitudes as by the vector: %s\n", 1 << c.qubits,
           verdict(error < 1e-13));
    for (int x = 0; x < N; x++) {
        const double p = pow(cabs(result[2 * x + 1]), 2);
        const double d = pi * (2.0 / 3 - (double)x / N);
        furthest = fmax(furthest,
                        fabs(p - pow(sin(N * d) / (N * sin(d)), 2)));
        sum += p;
    }
    printf("as the formula: %s; sum of the probabilities is 1: %s\n",
           verdict(furthest < 1e-11), verdict(fabs(sum - 1) < 1e-13));
    for (int x = PEAK - 4; x <= PEAK + 5; x++) {
        const double p = pow(cabs(result[2 * x + 1]), 2);
        printf("  %d/2048 = %.4f  %.4f ", x, (double)x / N, p);
        for (int i = 0; i < lround(60 * p); i++)
            putchar('#');
        putchar('\n');
    }
}

static double
norm2(const amplitude *a, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += pow(cabs(a[i]), 2);
    return sum;
}

static void
show_grid(const char *folder)
{
    enum { OPEN = 6, OUTCOMES = 1 << OPEN, ECHO = 12 };
    static struct circuit c;
    static struct net n;
    static amplitude many[OUTCOMES], turned[OUTCOMES]; /* 0 where refused */
    const uint64_t bits = 0x1555555555555, open = (1 << OPEN) - 1;
    const uint64_t limit = (uint64_t)4 << 20;
    struct gate h = {.kind = kind_called("h")};
    amplitude one = 0, echo = 0;

    load(folder, "grid.txt", &c);
    const double unit = ldexp(1, -c.qubits); /* the mean probability */
    begin(&n, &c);
    add_circuit(&n, &c, ALL);
    int within = contract(&n, &c, bits, 0, limit, &one);
    printf("\ngrid.txt: %d qubits, %d gates, %zu operands\n", c.qubits, c.n,
           n.n);
    printf("outcome 1010...: %.6f %+.6fi, times 2^%d\n",
           creal(one) / sqrt(unit), cimag(one) / sqrt(unit), -c.qubits / 2);

    begin(&n, &c);
    add_circuit(&n, &c, ALL);
    within &= contract(&n, &c, bits, open, limit, many);
    printf("the same among 64 outcomes, of another plan: %s\n",
           verdict(cabs(many[42] - one) < 1e-12 * sqrt(unit)));

    /* Whatever is done to the open qubits keeps the sum. */
    fill_h(h.u, 0);
    begin(&n, &c);
    add_circuit(&n, &c, ALL);
    for (int q = 0; q < OPEN; q++) {
        h.qubit[0] = q;
        add_gate(&n, &h, 0);
    }
    within &= contract(&n, &c, bits, open, limit, turned);
    printf("their sum is kept when the 6 open qubits are turned: %s\n",
           verdict(fabs(norm2(many, OUTCOMES) - norm2(turned, OUTCOMES))
                   < 1e-12 * OUTCOMES * unit));

    begin(&n, &c);
    add_circuit(&n, &c, ECHO);
    add_inverse(&n, &c, ECHO);
    within &= contract(&n, &c, 0, 0, limit, &echo);
    printf("%d layers and their inverse, %zu operands, give 1: %s\n", ECHO,
           n.n, verdict(cabs(echo - 1) < 1e-12));

    printf("intermediates within %llu MiB: %s\n",
           (unsigned long long)limit >> 20, verdict(within));
    printf("probabilities of the 64 outcomes, times 2^%d\n", c.qubits);
    for (int i = 0; i < OUTCOMES; i++)
        printf("%5.2f%s", pow(cabs(many[i]), 2) / unit, i % 8 < 7 ? " " : "\n");
}

int
main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";

    show_diagnostics();
    show_gates();
    show_phase(folder);
    show_grid(folder);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
