/* seeds.c - runs into groups, groups against each other. */
#include <math.h>

#include "seeds.h"

double run_loss_sft(const struct run *r) { return r->loss.sft; }
double run_loss_pref(const struct run *r) { return r->loss.pref; }
double run_gap_sft(const struct run *r) { return r->gap.sft; }
double run_gap_pref(const struct run *r) { return r->gap.pref; }
double run_distance(const struct run *r) { return score_distance(r->gap); }
double run_scaled(const struct run *r) { return score_distance(r->scaled); }

static bool same_group(const struct run *a, const struct run *b)
{
    return view_eq(a->method, b->method) && study_same(a->lambda, b->lambda);
}

enum st groups_of(struct groups *g, const struct study *s, struct arena *a)
{
    *g = (struct groups){ 0, ARENA_NEW(a, struct group, s->n) };
    if (!g->v)
        return ST_SYS;
    for (const struct run *r = s->run; r < s->run + s->n; r++) {
        if (groups_find(g, r->method, r->lambda))
            continue;
        struct group *to = &g->v[g->n++];
        *to = (struct group){ r->method, r->lambda, r->optimum, 0,
                              ARENA_NEW(a, const struct run *, s->n) };
        if (!to->run)
            return ST_SYS;
        for (const struct run *of = r; of < s->run + s->n; of++) {
            if (!same_group(of, r))
                continue;
            int64_t k = to->n++;
            for (; k > 0 && to->run[k - 1]->seed > of->seed; k--)
                to->run[k] = to->run[k - 1];
            to->run[k] = of;
        }
    }
    return ST_OK;
}

const struct group *groups_find(const struct groups *g, struct view method, double lambda)
{
    for (int64_t i = 0; i < g->n; i++)
        if (view_eq(g->v[i].method, method) && study_same(g->v[i].lambda, lambda))
            return &g->v[i];
    return NULL;
}

const struct run *group_seed(const struct group *g, double seed)
{
    for (int64_t i = 0; i < g->n; i++)
        if (study_same(g->run[i]->seed, seed))
            return g->run[i];
    return NULL;
}

struct score group_score(const struct group *g, run_value *value)
{
    struct score s = { 0 };

    for (int64_t i = 0; i < g->n; i++)
        score_add(&s, value(g->run[i]), 1);
    return s;
}

struct point group_loss(const struct group *g)
{
    struct score sft = group_score(g, run_loss_sft), pref = group_score(g, run_loss_pref);

    return (struct point){ score_mean(&sft), score_mean(&pref) };
}

bool group_on_front(const struct groups *all, const struct group *g)
{
    for (int64_t i = 0; i < all->n; i++)
        if (!all->v[i].optimum && score_dominates(group_loss(&all->v[i]), group_loss(g)))
            return false;
    return true;
}

struct versus group_versus(const struct group *a, const struct group *b, run_value *value)
{
    struct versus v = { 0 };

    for (int64_t i = 0; i < a->n; i++) {
        const struct run *of = group_seed(b, a->run[i]->seed);
        if (!of)
            continue;
        score_add(&v.d, value(a->run[i]) - value(of), 1);
        v.better += value(a->run[i]) < value(of);
    }
    return v;
}

/* ---- over lambdas ---- */

static struct fronts *of_method(struct fronts *v, int64_t *n, struct view method,
                                const struct study *s, struct arena *a)
{
    for (int64_t i = 0; i < *n; i++)
        if (view_eq(v[i].method, method))
            return &v[i];
    v[*n] = (struct fronts){ method, 0, ARENA_NEW(a, double, s->n), ARENA_NEW(a, double, s->n),
                             ARENA_NEW(a, int64_t, s->n) };
    return v[*n].seed && v[*n].share && v[*n].lambdas ? &v[(*n)++] : NULL;
}

static bool is_first_of_seed(const struct study *s, const struct run *r)
{
    for (const struct run *p = s->run; p < r; p++)
        if (view_eq(p->method, r->method) && study_same(p->seed, r->seed))
            return false;
    return true;
}

enum st fronts_of(struct fronts **v, int64_t *n, const struct study *s, struct arena *a)
{
    struct point *p = ARENA_NEW(a, struct point, s->n);

    *n = 0;
    if (!(*v = ARENA_NEW(a, struct fronts, s->n)) || !p)
        return ST_SYS;
    for (const struct run *r = s->run; r < s->run + s->n; r++) {
        int64_t points = 0, lambdas = 0;
        if (r->optimum || isnan(r->scaled.sft) || !is_first_of_seed(s, r))
            continue;
        for (const struct run *q = r; q < s->run + s->n; q++)
            if (view_eq(q->method, r->method) && study_same(q->seed, r->seed)) {
                lambdas += !isnan(q->lambda);
                p[points++] = q->scaled;
            }
        if (lambdas < 3)
            continue;
        struct fronts *to = of_method(*v, n, r->method, s, a);
        if (!to)
            return ST_SYS;
        to->seed[to->n] = r->seed;
        to->lambdas[to->n] = lambdas;
        to->share[to->n++] = score_hypervolume(p, points);
    }
    return ST_OK;
}

struct score fronts_score(const struct fronts *f)
{
    struct score s = { 0 };

    for (int64_t i = 0; i < f->n; i++)
        score_add(&s, f->share[i], 1);
    return s;
}

struct versus fronts_versus(const struct fronts *a, const struct fronts *b)
{
    struct versus v = { 0 };

    for (int64_t i = 0; i < a->n; i++)
        for (int64_t k = 0; k < b->n; k++)
            if (study_same(a->seed[i], b->seed[k])) {
                score_add(&v.d, a->share[i] - b->share[k], 1);
                v.better += a->share[i] > b->share[k];
            }
    return v;
}
