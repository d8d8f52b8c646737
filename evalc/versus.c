/* versus.c - pairs found by halving; means, interval and regression over them. */
#include <math.h>

#include "logit.h"
#include "paired.h"
#include "versus.h"

/* By prompt, sample and the order they came. */
static int by_key(const void *va, const void *vb)
{
    const struct pair *a = va, *b = vb;

    if (a->unit != b->unit)
        return a->unit < b->unit ? -1 : 1;
    if (a->sample != b->sample)
        return a->sample < b->sample ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

void versus_sort(struct pair *v, int64_t n)
{
    if (n)
        qsort(v, (size_t)n, sizeof *v, by_key);
}

struct pair *versus_find(struct pair *v, int64_t n, const struct pair *key)
{
    int64_t low = 0, high = n;

    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        bool before = by_key(&v[mid], key) < 0 ||
                      (v[mid].unit == key->unit && v[mid].sample == key->sample && v[mid].paired);
        low = before ? mid + 1 : low;
        high = before ? high : mid;
    }
    return low < n && v[low].unit == key->unit && v[low].sample == key->sample ? &v[low] : NULL;
}

struct columns {                               /* of the pairs, prompts side by side */
    int64_t  n;
    double  *x, *y;                            /* difference of lengths, outcome */
    int64_t *unit;
    double  *a[2], *b;                         /* of the prompts: half a point and the outcome */
    int64_t  n_units;
};

static enum st columns_new(struct columns *c, int64_t n, struct arena *a)
{
    double **col[] = { &c->x, &c->y, &c->a[0], &c->a[1], &c->b };

    c->n = n;
    c->n_units = 0;
    for (int64_t i = 0; i < countof(col); i++)
        if (!(*col[i] = ARENA_NEW(a, double, n)))
            return ST_SYS;
    return (c->unit = ARENA_NEW(a, int64_t, n)) ? ST_OK : ST_SYS;
}

static void fill(struct columns *c, const struct pair *v)
{
    double mean = 0, square = 0;

    for (int64_t i = 0; i < c->n; i++) {
        bool same = i > 0 && v[i].unit == v[i - 1].unit;
        int64_t u = same ? c->n_units - 1 : c->n_units++;
        c->x[i] = (double)(v[i].chars[0] - v[i].chars[1]);
        c->y[i] = v[i].win;
        c->unit[i] = u;
        c->a[0][u] = (same ? c->a[0][u] : 0) + 0.5;
        c->a[1][u] = (same ? c->a[1][u] : 0) + c->y[i];
        c->b[u] = (same ? c->b[u] : 0) + 1;
        mean += c->x[i] / (double)c->n;
    }
    for (int64_t i = 0; i < c->n; i++)
        square += (c->x[i] - mean) * (c->x[i] - mean);
    double deviation = sqrt(square / (double)(c->n - 1));
    for (int64_t i = 0; i < c->n; i++)         /* all 0 where the lengths differ alike */
        c->x[i] = square > 0 ? tanh(c->x[i] / deviation) : 0;
}

/* A mean over pairs, its error over prompts. */
static void put_mean(struct figures *f, const char *name, const struct columns *c,
                     const struct pair *v, double (*of)(const struct pair *))
{
    struct score s = { 0 };

    for (int64_t i = 0; i < c->n;) {
        double a = 0;
        int64_t u = c->unit[i];
        for (; i < c->n && c->unit[i] == u; i++)
            a += of(&v[i]);
        score_add(&s, a, c->b[u]);
    }
    figures_score(f, name, &s);
}

static double win(const struct pair *p) { return p->win; }
static double tie(const struct pair *p) { return p->win == 0.5; }
static double margin(const struct pair *p) { return p->reward[0] - p->reward[1]; }
static double reward_first(const struct pair *p) { return p->reward[0]; }
static double reward_second(const struct pair *p) { return p->reward[1]; }
static double chars_first(const struct pair *p) { return (double)p->chars[0]; }
static double chars_second(const struct pair *p) { return (double)p->chars[1]; }

/* Both orders name the same winner, or both a tie. */
static double consistent(const struct pair *p)
{
    double a = p->share[0] - 0.5, b = p->share[1] - 0.5;

    return (a > 0) - (a < 0) == (b > 0) - (b < 0);
}

/* What the answer wins that is shown first, whichever it is. */
static double shown_first(const struct pair *p)
{
    return (p->share[0] + 1 - p->share[1]) / 2;
}

static enum st put_rates(struct figures *f, const struct versus *how, const struct columns *c,
                         const struct pair *v, struct arena *a)
{
    struct paired half = { c->n_units, { c->a[0], c->a[1] }, { c->b, c->b } };
    struct logit d = { c->n, c->x, c->y, c->unit };
    struct logit_fit fit = logit_fit(&d);
    struct interval i;
    enum st st = paired_bootstrap(&half, how->draws, how->level, how->seed, &i, a);

    if (st != ST_OK)
        return st;
    put_mean(f, "eval/win/rate", c, v, win);
    figures_real(f, "eval/win/low", 0.5 + i.low);
    figures_real(f, "eval/win/high", 0.5 + i.high);
    figures_real(f, "eval/win/p", i.p);
    figures_real(f, "eval/win/rate_lc", fit.share);
    figures_real(f, "eval/win/rate_lc_se", fit.se);
    figures_real(f, "eval/win/length_slope", fit.slope);
    return ST_OK;
}

enum st versus_put(struct figures *f, const struct versus *how, struct pair *v, int64_t n,
                   struct arena *a)
{
    struct columns c;
    int64_t kept = 0;
    enum st st;

    for (int64_t i = 0; i < n; i++)
        if (v[i].paired)
            v[kept++] = v[i];
    if ((st = columns_new(&c, kept, a)) != ST_OK)
        return st;
    fill(&c, v);
    if ((st = put_rates(f, how, &c, v, a)) != ST_OK)
        return st;
    put_mean(f, "eval/win/ties", &c, v, tie);
    if (how->judged) {
        put_mean(f, "eval/win/consistent", &c, v, consistent);
        put_mean(f, "eval/win/shown_first", &c, v, shown_first);
    } else {
        put_mean(f, "eval/win/margin", &c, v, margin);
        put_mean(f, "eval/win/rewards/first", &c, v, reward_first);
        put_mean(f, "eval/win/rewards/second", &c, v, reward_second);
    }
    put_mean(f, "eval/win/chars/first", &c, v, chars_first);
    put_mean(f, "eval/win/chars/second", &c, v, chars_second);
    figures_int(f, "eval/win/pairs", kept);
    figures_int(f, "eval/win/prompts", c.n_units);
    figures_int(f, "eval/win/only_first", n - kept);
    return ST_OK;
}
