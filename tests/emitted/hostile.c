/* SPDX-License-Identifier: MIT
 *
 * hostile.c - whatever a user writes, only comments of the emitted text hold
 * it. An expression with random labels, blanks and an `again` line made to
 * break out is emitted beside a plain twin; read as a compiler reads it, with
 * and without trigraphs, both are the same tokens. Also: no byte of the file
 * is a control, hides, turns the direction of text or is no UTF-8. Prints the
 * seed of what fails. usage: hostile [SEED]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "einc.h"

enum { MAX_LABELS = 6, MAX_LABEL = 400, MAX_AGAIN = 300, MAX_TOKENS = 60000,
       CASES = 5000 };

/* --- chance ------------------------------------------------------------- */

static uint64_t state;

static uint32_t
roll(uint32_t n) /* 0 .. n-1 */
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

/* --- text --------------------------------------------------------------- */

struct buffer {
    char *p;
    size_t n, room;
};

static int
append(void *user, const char *bytes, size_t n)
{
    struct buffer *b = user;
    if (b->n + n + 1 > b->room) {
        b->room = 2 * (b->n + n + 1);
        b->p = realloc(b->p, b->room);
        if (!b->p)
            abort();
    }
    memcpy(b->p + b->n, bytes, n);
    b->n += n;
    b->p[b->n] = '\0';
    return 0;
}

static void
add(struct buffer *b, const char *z)
{
    append(b, z, strlen(z));
}

static void
add_code(struct buffer *b, uint32_t c)
{
    char s[4];
    size_t n = 0;
    if (c < 0x80) {
        s[n++] = (char)c;
    } else if (c < 0x800) {
        s[n++] = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        s[n++] = (char)(0xe0 | c >> 12);
        s[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        s[n++] = (char)(0xf0 | c >> 18);
        s[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        s[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80)
        s[n++] = (char)(0x80 | (c & 0x3f));
    append(b, s, n);
}

/* --- reading as a compiler does ------------------------------------------- */

/* Trigraphs (if `trigraphs`) and spliced lines go; a backslash and a newline
 * with blanks between are spliced too, as gcc does. */
static char *
translate(const char *s, int trigraphs)
{
    static const char from[] = "=/'()!<>-", to[] = "#\\^[]|{}~";
    char *out = malloc(strlen(s) + 1), *w = out;
    for (; *s; s++) {
        const char *t = trigraphs && s[0] == '?' && s[1] == '?' && s[2]
                            ? strchr(from, s[2]) : NULL;
        if (t)
            s += 2;
        *w++ = t ? to[t - from] : *s;
    }
    *w = '\0';
    char *r = w = out;
    while (*r) {
        size_t blanks = *r == '\\' ? strspn(r + 1, " \t") : 0;
        if (*r == '\\' && r[1 + blanks] == '\n')
            r += blanks + 2;
        else
            *w++ = *r++;
    }
    *w = '\0';
    return out;
}

struct tokens {
    const char *at[MAX_TOKENS];
    int length[MAX_TOKENS];
    int n;
    const char *fault;
};

static int
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c >= '0' && c <= '9');
}

/* Past a comment, a string or a character; sets the fault. */
static const char *
skip_over(struct tokens *k, const char *p)
{
    if (p[0] == '/' && p[1] == '/')
        return p + strcspn(p, "\n");
    if (p[0] == '/') {
        const char *end = strstr(p + 2, "*/");
        if (!end)
            return k->fault = "a comment without an end", p + strlen(p);
        for (const char *q = p + 2; q < end; q++)
            if (q[0] == '/' && q[1] == '*')
                k->fault = "a comment in a comment";
        return end + 2;
    }
    const char *q = p + 1;
    while (*q && *q != *p && *q != '\n')
        q += *q == '\\' && q[1] ? 2 : 1;
    if (*q != *p)
        return k->fault = "a string without an end", p + strlen(p);
    return q + 1;
}

static void
tokenise(struct tokens *k, const char *p)
{
    k->n = 0;
    k->fault = NULL;
    while (*p && !k->fault) {
        const char *begin = p;
        int comment = p[0] == '/' && (p[1] == '/' || p[1] == '*');
        if (comment || *p == '"' || *p == '\'')
            p = skip_over(k, p);
        else if (is_word(*p))
            while (is_word(*p))
                p++;
        else
            p++;
        if (comment || *begin == ' ' || *begin == '\n')
            continue;
        if ((unsigned char)*begin < 0x20 || (unsigned char)*begin > 0x7e)
            k->fault = "a strange character outside of comments";
        if (k->n == MAX_TOKENS)
            k->fault = "too many tokens";
        else {
            k->at[k->n] = begin;
            k->length[k->n++] = (int)(p - begin);
        }
    }
}

static const char *
compare_tokens(const char *a, const char *b, int trigraphs)
{
    static struct tokens x, y;
    char *ta = translate(a, trigraphs), *tb = translate(b, trigraphs);
    tokenise(&x, ta);
    tokenise(&y, tb);
    const char *fault = x.fault ? x.fault : y.fault;
    if (!fault && x.n != y.n)
        fault = "not as many tokens as the twin";
    for (int t = 0; t < x.n && !fault; t++)
        if (x.length[t] != y.length[t] ||
            memcmp(x.at[t], y.at[t], (size_t)x.length[t]) != 0)
            fault = "another token than the twin";
    free(ta);
    free(tb);
    return fault;
}

static uint32_t
next_code(const unsigned char **p)
{
    const unsigned char *s = *p;
    int tail = *s < 0x80 ? 0 : *s < 0xc2 ? -1 : *s < 0xe0 ? 1
               : *s < 0xf0 ? 2 : *s < 0xf5 ? 3 : -1;
    uint32_t c = *s++;
    if (tail > 0)
        c &= 0x3fu >> tail;
    for (int k = 0; k < tail; k++, s++) {
        if ((*s & 0xc0) != 0x80)
            tail = -1;
        else
            c = c << 6 | (*s & 0x3fu);
    }
    *p = s;
    return tail < 0 || (c >= 0xd800 && c < 0xe000) ? UINT32_MAX : c;
}

/* What an editor, a terminal or a reviewer would not show as it is. */
static const char *
look_at_bytes(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        uint32_t c = next_code(&p);
        if (c == UINT32_MAX)
            return "bytes that are no UTF-8";
        if ((c < 0x20 && c != '\n') || (c >= 0x7f && c <= 0x9f))
            return "a control character";
        if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
            (c >= 0x2066 && c <= 0x2069) || c == 0x61c || c == 0xfeff)
            return "a character that turns or hides text";
    }
    return NULL;
}

/* --- hostile texts -------------------------------------------------------- */

static const char *const pieces[] = {
    "*/", "/*", "//", "*", "/", "\\\n", "\\", "\n", "\r", "\r\n", "?\?/\n",
    "?\?/", "?\?", "?", "\"", "'", "#include \"x\"\n", "\n#define int\n",
    "*/ int x; /*", "\x01", "\x1b[2J", "\x7f", "\t", "\v\f", "\xff", "\xc3",
    "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\xa8", "\xc2\x85", "\xc0\xaf",
    "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xef\xbb\xbf", "%s%n", "$(id)", "`id`",
    "\xe0\x80\xaf", "\xf0\x9f\x98\x80", "\xd9\xa1", "{", "}", "@*/", "e",
    "?\x01?/\n", "*\xe2\x80\x8b/", "*\x01/", "/\x7f*", "\xc3\xa9"};

static void
make_again(struct buffer *b)
{
    for (uint32_t k = roll(12); k > 0; k--)
        if (roll(4))
            add(b, pieces[roll(sizeof pieces / sizeof pieces[0])]);
        else
            add_code(b, 1 + roll(127));
}

/* A code point from U+0080 on; half of them out of those that hide. */
static uint32_t
make_code(void)
{
    static const uint32_t bad[] = {
        0x80, 0x85, 0x9b, 0xa0, 0xad, 0x34f, 0x61c, 0x180e, 0x200b, 0x200d,
        0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202c, 0x202d, 0x202e,
        0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0x206f, 0xfeff, 0xfff9,
        0xfffe, 0xffff, 0xe0001, 0xe007f, 0x10ffff, 0x1f600, 0xff0a, 0xff0f,
        0x2044, 0x2215, 0xff3c, 0x0660};
    if (roll(2))
        return bad[roll(sizeof bad / sizeof bad[0])];
    uint32_t c = 0x80 + roll(0x110000 - 0x80);
    return c >= 0xd800 && c < 0xe000 ? 0xe9 : c;
}

/* A name in braces, of two letters or more: words of C, of ours, long ones. */
static void
make_name(struct buffer *b)
{
    static const char *const words[] = {
        "int", "for", "return", "sizeof", "main", "args", "lhs", "rhs", "out",
        "in0", "n_i", "work", "sum", "task", "lane", "value", "acc", "i0",
        "i1", "e_step1", "malloc", "__", "__asm__", "restrict", "inline",
        "defined", "EINC_SCALAR", "_OPENMP", "uint32_t", "float", "NULL"};
    add(b, "{");
    if (roll(3)) {
        add(b, words[roll(sizeof words / sizeof words[0])]);
    } else {
        static const char letters[] = "abcXYZ_0189";
        add_code(b, (uint32_t)letters[roll(7)]);
        for (uint32_t k = 1 + roll(MAX_LABEL); k > 0; k--)
            add_code(b, (uint32_t)letters[roll(11)]);
    }
    add(b, "}");
}

struct labels {
    struct buffer hostile[MAX_LABELS], plain[MAX_LABELS];
    int n;
};

static int
is_known(const struct labels *l, const struct buffer *b)
{
    for (int x = 0; x < l->n; x++)
        if (strcmp(l->hostile[x].p, b->p) == 0)
            return 1;
    return 0;
}

/* A label of one ASCII letter names its loop, so the twin has it, too; every
 * other one is only a number there. */
static void
make_labels(struct labels *l, int n)
{
    memset(l, 0, sizeof *l);
    while (l->n < n) {
        struct buffer *h = &l->hostile[l->n], *p = &l->plain[l->n];
        char name[32];
        h->n = 0;
        uint32_t kind = roll(4);
        if (kind == 0)
            add_code(h, (uint32_t)"abijknoxyzABIMNZ"[roll(16)]);
        else if (kind < 3)
            add_code(h, make_code());
        else
            make_name(h);
        if (is_known(l, h))
            continue;
        snprintf(name, sizeof name, "{plain%d}", l->n);
        add(p, kind ? name : h->p);
        l->n++;
    }
}

static void
free_labels(struct labels *l)
{
    for (int x = 0; x < l->n; x++) {
        free(l->hostile[x].p);
        free(l->plain[x].p);
    }
}

/* --- one case ------------------------------------------------------------- */

/* Digits are labels, in order of first use in the inputs. */
static const struct shape {
    const char *expr;
    int n_labels, n_in;
    int ndim[3];
} shapes[] = {
    {"01,12->02", 3, 2, {2, 2}}, {"012,023->013", 4, 2, {3, 3}},
    {"01,12,23->03", 4, 3, {2, 2, 2}}, {"01->10", 2, 1, {2}},
    {"01->", 2, 1, {2}}, {"00->0", 1, 1, {2}}, {"0,1->10", 2, 2, {1, 1}},
    {"0,0->0", 1, 2, {1, 1}}, {"012,34->043", 5, 2, {3, 2}},
    {"01,21,03->23", 4, 3, {2, 2, 2}},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

/* `blanks`: between the tokens, of all kinds. */
static void
spell(struct buffer *b, const char *expr, const struct buffer *labels,
      int blanks)
{
    static const char *const some[] = {"", "", " ", "\n", "\t", " \n "};
    for (; *expr; expr++) {
        if (blanks)
            add(b, some[roll(6)]);
        if (*expr >= '0' && *expr <= '9') {
            add(b, labels[*expr - '0'].p);
        } else if (*expr == '-') {
            add(b, "->");
            expr++;
        } else {
            add(b, ",");
        }
    }
}

static struct einc_plan *
compile_twin(const char *expr, const struct shape *s, int symbolic)
{
    static const int64_t dims[3] = {3, 3, 3};
    struct einc_layout in[3];
    for (int o = 0; o < s->n_in; o++)
        in[o] = (struct einc_layout)EINC_LAYOUT(EINC_F32, s->ndim[o], dims);
    const struct einc_options opts = {.size = sizeof opts,
                                      .flags = EINC_COMPACT_LABELS,
                                      .tier = EINC_TIER_INTERP,
                                      .symbolic = symbolic ? "*" : NULL};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    if (einc_compile(NULL, expr, (size_t)s->n_in, in, NULL, &opts, &plan,
                     &err))
        fputs(einc_err_text(err), stdout);
    einc_err_free(err);
    return plan;
}

static const char *
emit_twin(const struct einc_plan *plan, int kind, const char *again,
          struct buffer *b)
{
    const struct einc_emit_options opts = {.size = sizeof opts,
                                           .part = kind < 3 ? kind : 0,
                                           .target = kind < 3 ? "c" : "cuda",
                                           .name = "e",
                                           .again = again};
    if (!plan)
        return "not compiled";
    if (einc_emit(plan, &opts, append, b, NULL))
        return "not emitted";
    return NULL;
}

static const char *
compare_twins(const char *expr, const char *twin, const struct shape *s,
              const char *again)
{
    int symbolic = (int)roll(2), kind = (int)roll(4);
    struct einc_plan *a = compile_twin(expr, s, symbolic);
    struct einc_plan *b = compile_twin(twin, s, symbolic);
    struct buffer x = {0}, y = {0};
    const char *fault = emit_twin(a, kind, again, &x);
    fault = fault ? fault : emit_twin(b, kind, NULL, &y);
    fault = fault ? fault : look_at_bytes(x.p);
    for (int trigraphs = 0; trigraphs < 2 && !fault; trigraphs++)
        fault = compare_tokens(x.p, y.p, trigraphs);
    einc_plan_free(a);
    einc_plan_free(b);
    free(x.p);
    free(y.p);
    return fault;
}

static int
one_case(uint64_t seed)
{
    state = seed * 0x9e3779b97f4a7c15u + 1;
    const struct shape *s = &shapes[roll(N_SHAPES)];
    struct labels l;
    struct buffer expr = {0}, twin = {0}, again = {0};
    make_labels(&l, s->n_labels);
    spell(&expr, s->expr, l.hostile, roll(2) != 0);
    spell(&twin, s->expr, l.plain, 0);
    add(&again, "");
    make_again(&again);
    const char *fault = compare_twins(expr.p, twin.p, s, again.p);
    if (fault)
        printf("hostile %llu: %s\n  expression %s\n",
               (unsigned long long)seed, fault, expr.p);
    free_labels(&l);
    free(expr.p);
    free(twin.p);
    free(again.p);
    return !fault;
}

/* --- names that are pasted ------------------------------------------------- */

/* A name is an identifier or refused, a header's cannot leave its quotes. */
static int
refuses(const char *name, const char *header, int refused)
{
    static const struct shape *const s = &shapes[0];
    const struct einc_emit_options opts = {.size = sizeof opts,
                                           .name = name,
                                           .header = header};
    struct einc_plan *plan = compile_twin("ij,jk->ik", s, 0);
    struct buffer b = {0};
    int fine = (einc_emit(plan, &opts, append, &b, NULL) == EINC_EINVAL) ==
               refused;
    if (!fine)
        printf("name '%s', header '%s': %s\n", name ? name : "",
               header ? header : "", refused ? "taken" : "refused");
    free(b.p);
    einc_plan_free(plan);
    return fine;
}

int
main(int argc, char **argv)
{
    static const char *const bad_names[] = {
        "", "1x", "a b", "a;b", "int", "for", "main", "x*/", "x\n", "a-b",
        "\xc3\xa9", "malloc", "x\"", "class", "#x", "x\\", "?\?=x", "a.b"};
    static const char *const bad_headers[] = {"", "a\"b", "a\nb", "a\\b",
                                              "\x01", "a\rb"};
    int passed = 0, failed = 0;
    for (size_t n = 0; n < sizeof bad_names / sizeof bad_names[0]; n++)
        refuses(bad_names[n], NULL, 1) ? passed++ : failed++;
    for (size_t h = 0; h < sizeof bad_headers / sizeof bad_headers[0]; h++)
        refuses(NULL, bad_headers[h], 1) ? passed++ : failed++;
    refuses("einsum_2", "dir/a b.h", 0) ? passed++ : failed++;
    if (argc > 1)
        return !one_case(strtoull(argv[1], NULL, 10));
    for (uint64_t seed = 1; seed <= CASES; seed++)
        one_case(seed) ? passed++ : failed++;
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
