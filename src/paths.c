/* SPDX-License-Identifier: MIT
 *
 * paths.c - orders alone: einc_path_*() of einc.h.
 */
#include "base/diag.h"
#include "ctx.h"
#include "plan/order.h"
#include "plan/path.h"
#include "plan/path_math.h"
#include "plan/path_slice.h"
#include "plan/path_tree.h"
#include "runtime/sys.h"

struct einc_path {
    struct einc_ctx *ctx; /* held */
    void *block;          /* this struct lives in it */
    size_t block_bytes;
    const char *finder;
    int n_in, n_steps;
    int32_t *steps;       /* [2*n_steps] */
    int32_t *sliced;      /* [n_sliced] */
    int n_sliced;
    double log2_slices;
    double log10_whole;   /* before slicing */
    struct path_figures figures; /* of one slice */
};

struct job {
    const struct einc_network *network;
    const char *how;
    struct einc_path *made;
};

static enum einc_status
misuse(struct einc_err **err, const char *what)
{
    return einc_err_set(&einc_mem_default, err, EINC_EINVAL, "%s", what);
}

/* --- the network -------------------------------------------------------- */

/* NULL, or what is wrong. */
static const char *
check_ids(const struct einc_network *k, const int32_t *ids, size_t n)
{
    if (n && !ids)
        return "the ids of an operand, or of the output, are NULL";
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= k->n_extents)
            return "a label of the network has no extent";
    return NULL;
}

static const char *
check_network(const struct einc_network *k)
{
    enum { MOST = (1 << 30) - 1 };
    size_t legs = 0;
    if (k->n_in < 1 || k->n_in > MOST || k->n_extents > MOST)
        return "a network has 1 to 2^30 - 1 operands and at most as many "
               "labels";
    if (!k->ids || !k->n_ids || (k->n_extents && !k->extent))
        return "ids, n_ids or extent of the network is NULL";
    if (k->elem_bytes < 0 || k->elem_bytes > 1024)
        return "elem_bytes of the network is not 0 to 1024";
    for (size_t x = 0; x < k->n_extents; x++)
        if (k->extent[x] < 1)
            return "an extent of the network is below 1";
    for (size_t o = 0; o < k->n_in; o++) {
        const char *wrong = check_ids(k, k->ids[o], k->n_ids[o]);
        if (wrong || (legs += k->n_ids[o]) > MOST)
            return wrong ? wrong : "2^30 labels or more on operands";
    }
    return check_ids(k, k->out_ids, k->n_out_ids);
}

/* What einc_path_net() makes of a canonical graph: legs ascending, each once,
 * without those that every order sums or drops at the same cost. */
struct maker {
    const struct einc_network *k;
    int *first, *leg, *holders;
    int *seen;       /* [n_indices] the last operand with it, + 1 */
    char *in_output;
    double *extent;
};

static void
count_holders(struct maker *m)
{
    for (size_t i = 0; i < m->k->n_out_ids; i++) {
        int x = m->k->out_ids[i];
        m->holders[x] += !m->in_output[x];
        m->in_output[x] = 1;
    }
    for (size_t o = 0; o < m->k->n_in; o++)
        for (size_t i = 0; i < m->k->n_ids[o]; i++) {
            int x = m->k->ids[o][i];
            m->holders[x] += m->seen[x] != (int)o + 1;
            m->seen[x] = (int)o + 1;
        }
}

static ORDER_BEFORE(label_before)
{
    (void)key;
    return a < b;
}

static void
list_legs(struct arena scratch, struct maker *m)
{
    int n = 0, n_in = (int)m->k->n_in;
    for (int o = 0; o < n_in; o++) {
        m->first[o] = n;
        for (size_t i = 0; i < m->k->n_ids[o]; i++) {
            int x = m->k->ids[o][i];
            if (m->holders[x] < 2 || m->k->extent[x] == 1 ||
                m->seen[x] == n_in + o + 1)
                continue;
            m->seen[x] = n_in + o + 1;
            m->leg[n++] = x;
        }
        order_ints(scratch, m->leg + m->first[o], n - m->first[o],
                   label_before, NULL);
    }
    m->first[n_in] = n;
}

static struct net
make_net(struct arena *a, const struct einc_network *k)
{
    enum { ELEM_BYTES = 8 };
    int n_in = (int)k->n_in, n_indices = (int)k->n_extents;
    int bytes = k->elem_bytes ? k->elem_bytes : ELEM_BYTES;
    int64_t legs = 0;
    struct maker m = {.k = k};
    for (size_t o = 0; o < k->n_in; o++)
        legs += (int64_t)k->n_ids[o];
    m.first = NEW(a, int, n_in + 1);
    m.leg = NEW(a, int, legs);
    m.holders = NEW(a, int, n_indices);
    m.seen = NEW(a, int, n_indices);
    m.in_output = NEW(a, char, n_indices);
    m.extent = NEW(a, double, n_indices);
    for (int x = 0; x < n_indices; x++)
        m.extent[x] = (double)k->extent[x];
    count_holders(&m);
    list_legs(*a, &m);
    return einc_path_weighed((struct net){
        .n_in = n_in, .n_indices = n_indices, .first = m.first, .leg = m.leg,
        .holders = m.holders, .in_output = m.in_output, .extent = m.extent,
        .elem_bytes = bytes});
}

/* Keeps to max_elements: a path with slices, and the network without what is
 * sliced. */
static const struct path *
slice(struct guarded *g, struct net *net, const struct job *j,
      const struct path *p, struct einc_path *x)
{
    struct path_ask ask;
    struct arena *perm = &g->perm;
    struct str how = str_of(j->how ? j->how : "auto");
    const double most_bytes = 1e9;
    if (einc_path_bits_bytes(net) > most_bytes)
        einc_fail(&g->cx, EINC_ELIMIT, "E803", (struct span){-1, -1},
                  "networks with so many operands and labels (%d, %d) are not "
                  "sliced", net->n_in, net->n_indices);
    struct net weighed = einc_path_asked(&g->cx, net, how, &ask);
    double limit = (double)j->network->max_elements;
    struct path_sliced s = einc_path_slice(
        perm, g->scratch, &weighed, p,
        (double)einc_path_log2(limit) / LOG_ONE, &ask);
    if (!s.fits)
        einc_fail(&g->cx, EINC_ELIMIT, "E803", (struct span){-1, -1},
                  "no slicing keeps intermediates to %llu elements",
                  (unsigned long long)j->network->max_elements);
    double *extent = NEW(perm, double, net->n_indices);
    for (int i = 0; i < net->n_indices; i++)
        extent[i] = net->extent[i];
    x->sliced = NEW(perm, int32_t, s.n);
    x->n_sliced = s.n;
    x->log2_slices = s.log2_slices;
    for (int i = 0; i < s.n; i++) {
        x->sliced[i] = s.index[i];
        extent[s.index[i]] = 1;
    }
    net->extent = extent;
    return s.path == p
               ? p
               : einc_path_depth_first(perm, g->scratch, net, s.path);
}

static void
find(struct guarded *g, void *arg)
{
    struct job *j = arg;
    struct arena *perm = &g->perm, scratch = g->scratch;
    struct net net = make_net(&scratch, j->network);
    struct einc_path *x = NEW(perm, struct einc_path, 1);
    const struct path *p = einc_path_find(
        perm, scratch, &net, str_of(j->how ? j->how : "auto"), einc_sys_now);
    x->log10_whole = einc_path_figures(scratch, &net, p).log10_points;
    if (j->network->max_elements && net.n_in > 2) {
        g->scratch = scratch;
        p = slice(g, &net, j, p, x);
    }
    x->ctx = g->ctx;
    x->finder = p->finder;
    x->n_in = net.n_in;
    x->n_steps = p->n_steps;
    x->figures = einc_path_figures(scratch, &net, p);
    x->steps = NEW(perm, int32_t, 2 * (int64_t)p->n_steps);
    for (int s = 0; s < p->n_steps; s++) {
        x->steps[2 * s] = p->steps[s].lhs;
        x->steps[2 * s + 1] = p->steps[s].rhs;
    }
    j->made = x;
}

/* --- einc.h ------------------------------------------------------------- */

enum einc_status
einc_path_create(struct einc_ctx *ctx, const struct einc_network *network,
                 const char *how, struct einc_path **path,
                 struct einc_err **err)
{
    struct einc_network k;
    if (err)
        *err = NULL;
    if (!path)
        return misuse(err, "path is NULL");
    *path = NULL;
    if (!network || !einc_take_struct(&k, sizeof k, network))
        return misuse(err, "size of the einc_network is not set");
    const char *wrong = check_network(&k);
    if (wrong)
        return misuse(err, wrong);
    ctx = ctx ? ctx : einc_ctx_default();
    if (!ctx)
        return einc_err_set(&einc_mem_default, err, EINC_ENOMEM,
                            "out of memory");
    struct job j = {.network = &k, .how = how};
    struct guarded g = {.ctx = ctx, .source = {"", 0},
                        .hint_bytes = 1024 * k.n_in + 64 * k.n_extents};
    enum einc_status status = einc_guard(&g, find, &j, err);
    if (status != EINC_OK)
        return status;
    einc_guard_free(&g, 1);
    j.made->block = g.blocks[0];
    j.made->block_bytes = g.bytes[0];
    einc_ctx_hold(ctx);
    *path = j.made;
    return EINC_OK;
}

void
einc_path_free(struct einc_path *path)
{
    if (!path)
        return;
    struct einc_ctx *ctx = path->ctx;
    mem_free(&ctx->mem, path->block, path->block_bytes);
    einc_ctx_free(ctx);
}

enum einc_status
einc_path_info(const struct einc_path *path, struct einc_path_info *info)
{
    const double log10_2 = 0x1.34413509f79ffp-2;
    if (!path || !info || info->size != sizeof *info)
        return EINC_EINVAL;
    info->n_steps = path->n_steps;
    info->finder = path->finder;
    info->log10_multiplications =
        path->figures.log10_points + path->log2_slices * log10_2;
    info->n_sliced = path->n_sliced;
    info->reserved = 0;
    info->log2_slices = path->log2_slices;
    info->log10_whole = path->log10_whole;
    info->log2_largest = path->figures.log2_largest;
    info->log2_written = path->figures.log2_written;
    info->log2_peak = path->figures.log2_peak;
    return EINC_OK;
}

const int32_t *
einc_path_steps(const struct einc_path *path)
{
    return path ? path->steps : NULL;
}

const int32_t *
einc_path_sliced(const struct einc_path *path)
{
    return path ? path->sliced : NULL;
}

/* How many of the values below v are left: a tree of sums over powers of two
 * (Fenwick, Software: Practice and Experience 24, 1994). */
static int32_t
count_left(const int32_t *sums, int v)
{
    int32_t n = 0;
    for (; v > 0; v &= v - 1)
        n += sums[v];
    return n;
}

static void
take_out(int32_t *sums, int n, int v)
{
    for (v++; v <= n; v += v & -v)
        sums[v]--;
}

enum einc_status
einc_path_linear(const struct einc_path *path, int32_t *places)
{
    if (!path || !places)
        return EINC_EINVAL;
    int n = path->n_in + path->n_steps;
    size_t bytes = ((size_t)n + 1) * sizeof(int32_t);
    int32_t *sums = mem_alloc(&path->ctx->mem, bytes);
    if (!sums)
        return EINC_ENOMEM;
    /* All values count from the start: those not made yet stand behind. */
    for (int v = 0; v <= n; v++)
        sums[v] = v & -v;
    for (int s = 0; s < path->n_steps; s++) {
        const int32_t *of = path->steps + 2 * (size_t)s;
        for (int i = 0; i < 2; i++)
            places[2 * s + i] = count_left(sums, of[i]);
        take_out(sums, n, of[0]);
        take_out(sums, n, of[1]);
    }
    mem_free(&path->ctx->mem, sums, bytes);
    return EINC_OK;
}
