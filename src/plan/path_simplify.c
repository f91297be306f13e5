/* SPDX-License-Identifier: MIT
 *
 * path_simplify.c - see path_simplify.h. Linear in the legs, but for indices
 * that very many hold, of which MAX_TRIED holders are looked at.
 */
#include "plan/path_simplify.h"

#include "plan/cost.h"

enum { MAX_TRIED = 64 };

/* Who holds an index: from first[x], n[x] places; a swallowed one gives way to
 * the last when it is met. */
struct held {
    int *first, *n, *place;
};

static struct held
list_holders(struct arena *a, const struct net *net)
{
    int n_legs = net->first[net->n_in];
    struct held h = {NEW(a, int, net->n_indices + 1),
                     NEW(a, int, net->n_indices), NEW(a, int, n_legs)};
    for (int i = 0; i < n_legs; i++)
        h.first[net->leg[i] + 1]++;
    for (int x = 0; x < net->n_indices; x++)
        h.first[x + 1] += h.first[x];
    for (int o = 0; o < net->n_in; o++)
        for (int i = net->first[o]; i < net->first[o + 1]; i++) {
            int x = net->leg[i];
            h.place[h.first[x] + h.n[x]++] = o;
        }
    return h;
}

static int *
legs_at(const struct path_rest *r, int o)
{
    return r->leg + r->net->first[o];
}

static struct path_rest
open_rest(struct arena *a, const struct net *net)
{
    int n = net->n_in, n_legs = net->first[n];
    struct path_rest r = {.net = net};
    r.steps = NEW(a, struct path_step, n);
    r.value = NEW(a, int, n);
    r.n_legs = NEW(a, int, n);
    r.leg = NEW(a, int, n_legs);
    r.holders = NEW(a, int, net->n_indices);
    r.size = NEW(a, double, n);
    for (int i = 0; i < n_legs; i++)
        r.leg[i] = net->leg[i];
    for (int x = 0; x < net->n_indices; x++)
        r.holders[x] = net->holders[x];
    for (int o = 0; o < n; o++) {
        r.value[o] = o;
        r.n_legs[o] = net->first[o + 1] - net->first[o];
        r.size[o] = 1;
        for (int i = 0; i < r.n_legs[o]; i++)
            r.size[o] = einc_cost_size(r.size[o],
                                       net->extent[legs_at(&r, o)[i]]);
    }
    return r;
}

void
einc_path_rest_join(struct path_rest *r, int to, int from)
{
    r->steps[r->n_steps] = (struct path_step){r->value[to], r->value[from]};
    r->value[to] = r->net->n_in + r->n_steps++;
    r->value[from] = -1;
}

/* --- absorption --------------------------------------------------------- */

static int
counts_all(const struct path_rest *r, int o, const int *mark, int stamp,
           int n_marked)
{
    const int *l = legs_at(r, o);
    int n = 0;
    for (int i = 0; i < r->n_legs[o]; i++)
        n += mark[l[i]] == stamp;
    return n == n_marked;
}

/* The smallest place that holds all legs of o, or -1. */
static int
find_host(const struct path_rest *r, struct held *h, int o, int *mark,
          int stamp)
{
    const int *l = legs_at(r, o);
    int rare = l[0], best = -1;
    for (int k = 0; k < r->n_legs[o]; k++) {
        mark[l[k]] = stamp;
        rare = r->holders[l[k]] < r->holders[rare] ? l[k] : rare;
    }
    int *list = h->place + h->first[rare];
    for (int i = 0; i < h->n[rare] && i < MAX_TRIED;) {
        int c = list[i];
        if (r->value[c] < 0) {
            list[i] = list[--h->n[rare]];
            continue;
        }
        i++;
        if (c == o || !counts_all(r, c, mark, stamp, r->n_legs[o]))
            continue;
        best = best < 0 || r->size[c] < r->size[best] ? c : best;
    }
    return best;
}

/* Whether `to` lost an index. */
static int
absorb(struct path_rest *r, int to, int from)
{
    const int *l = legs_at(r, from);
    int *kept = legs_at(r, to), n = 0, before = r->n_legs[to];
    for (int i = 0; i < r->n_legs[from]; i++)
        r->holders[l[i]]--;
    einc_path_rest_join(r, to, from);
    for (int i = 0; i < before; i++) {
        if (r->holders[kept[i]] == 1)
            r->size[to] /= r->net->extent[kept[i]];
        else
            kept[n++] = kept[i];
    }
    r->n_legs[to] = n;
    return n < before;
}

struct path_rest
einc_path_simplify(struct arena *a, const struct net *net)
{
    struct path_rest r = open_rest(a, net);
    struct held h = list_holders(a, net);
    int n = net->n_in, stamp = 0;
    int *mark = NEW(a, int, net->n_indices);
    int *queue = NEW(a, int, n), from = 0, waiting = n;
    char *queued = NEW(a, char, n);
    for (int o = 0; o < n; o++) {
        queue[o] = o;
        queued[o] = 1;
    }
    while (waiting) {
        int o = queue[from];
        from = from + 1 == n ? 0 : from + 1;
        waiting--;
        queued[o] = 0;
        if (r.value[o] < 0 || r.n_legs[o] == 0)
            continue;
        int host = find_host(&r, &h, o, mark, ++stamp);
        if (host < 0 || !absorb(&r, host, o) || queued[host])
            continue;
        queue[(from + waiting) % n] = host;
        queued[host] = 1;
        waiting++;
    }
    return r;
}

/* --- parts -------------------------------------------------------------- */

static int
find_root(int *part, int o)
{
    for (; part[o] != o; o = part[o])
        part[o] = part[part[o]];
    return o;
}

/* The place that stands for the part of each, -1 for those in none. */
static int *
connect(struct arena *a, const struct path_rest *r)
{
    int n = r->net->n_in, *part = NEW(a, int, n);
    int *some = NEW(a, int, r->net->n_indices); /* a holder, + 1 */
    for (int o = 0; o < n; o++)
        part[o] = o;
    for (int o = 0; o < n; o++)
        for (int i = 0; r->value[o] >= 0 && i < r->n_legs[o]; i++) {
            int x = legs_at(r, o)[i];
            if (some[x]) {
                int p = find_root(part, some[x] - 1), q = find_root(part, o);
                part[p < q ? q : p] = p < q ? p : q;
            }
            some[x] = o + 1;
        }
    for (int o = 0; o < n; o++)
        part[o] = find_root(part, o);
    for (int o = 0; o < n; o++)
        if (r->value[o] < 0 || r->n_legs[o] == 0)
            part[o] = -1;
    return part;
}

/* Numbers of the parts, by their first place: closed ones, then others. */
static int *
number_parts(struct arena *a, const struct path_rest *r, const int *part,
             struct path_parts *p)
{
    int n = r->net->n_in, *number = NEW(a, int, n);
    char *open = NEW(a, char, n);
    for (int o = 0; o < n; o++)
        for (int i = 0; part[o] >= 0 && i < r->n_legs[o]; i++)
            open[part[o]] |= r->net->in_output[legs_at(r, o)[i]];
    for (int o = 0; o < n; o++)
        if (part[o] == o && !open[o])
            number[o] = p->n++;
    p->n_closed = p->n;
    for (int o = 0; o < n; o++)
        if (part[o] == o && open[o])
            number[o] = p->n++;
    return number;
}

struct path_parts
einc_path_parts(struct arena *a, const struct path_rest *r)
{
    struct path_parts p = {0};
    int n = r->net->n_in, *part = connect(a, r);
    int *number = number_parts(a, r, part, &p);
    int *at = NEW(a, int, p.n);
    p.first = NEW(a, int, p.n + 1);
    p.place = NEW(a, int, n);
    for (int o = 0; o < n; o++)
        if (part[o] >= 0)
            p.first[number[part[o]] + 1]++;
    for (int k = 0; k < p.n; k++) {
        p.first[k + 1] += p.first[k];
        at[k] = p.first[k];
    }
    for (int o = 0; o < n; o++)
        if (part[o] >= 0)
            p.place[at[number[part[o]]]++] = o;
    return p;
}

/* In order, behind the n - first that are there. */
static void
add_leg(int *leg, int first, int n, int x)
{
    for (; n > first && leg[n - 1] > x; n--)
        leg[n] = leg[n - 1];
    leg[n] = x;
}

struct net
einc_path_part(struct arena *a, const struct path_rest *r, const int *place,
               int n, int *number)
{
    const struct net *whole = r->net;
    int n_legs = 0, at = 0;
    struct net s = *whole;
    for (int i = 0; i < n; i++)
        n_legs += r->n_legs[place[i]];
    int *first = NEW(a, int, n + 1), *leg = NEW(a, int, n_legs);
    int *holders = NEW(a, int, n_legs);
    char *in_output = NEW(a, char, n_legs);
    double *extent = NEW(a, double, n_legs);
    s.n_in = n;
    s.n_indices = 0;
    for (int i = 0; i < n; i++) {
        const int *l = legs_at(r, place[i]);
        for (int k = 0; k < r->n_legs[place[i]]; k++) {
            int x = l[k];
            if (!number[x]) {
                holders[s.n_indices] = r->holders[x];
                in_output[s.n_indices] = whole->in_output[x];
                extent[s.n_indices] = whole->extent[x];
                number[x] = ++s.n_indices;
            }
            add_leg(leg, first[i], at++, number[x] - 1);
        }
        first[i + 1] = at;
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < r->n_legs[place[i]]; k++)
            number[legs_at(r, place[i])[k]] = 0;
    s.first = first;
    s.leg = leg;
    s.holders = holders;
    s.in_output = in_output;
    s.extent = extent;
    return s;
}
