/* verdict.c - who is nearest to the ideal, by how much, and whether it is noise, in sentences.
 *
 * Up to three seeds the values are listed and nothing is called significant.  From four on the
 * difference between the two nearest, paired by seed, stands with Student's interval, and the
 * sentence says whether 0 is within it. */
#include <math.h>

#include "page.h"

enum { FEW_SEEDS = 3 };

static void name(struct html *h, const struct page *p, struct view method, bool html)
{
    const struct method *m = page_method(p, method);

    if (html)
        put(h, "<b class=\"m%d\">", m->hue);
    if (html)
        put_text(h, view_of(m->called));
    else
        put(h, "%s", shown(view_of(m->called)));
    if (html)
        put(h, "</b>");
}

static void at(struct html *h, const struct page *p, double lambda, bool html)
{
    if (p->n_lambdas)
        put(h, html ? "\u03bb\u00a0%s" : "\u03bb %s", page_number(lambda));
}

static double lambda_at(const struct page *p, int64_t i)
{
    return p->n_lambdas ? p->lambda[i] : NAN;
}

static void mean_distance(struct html *h, const struct page *p, const struct group *g)
{
    struct score s = group_score(g, study_distance);

    put_real(h, score_mean(&s), 3, false);
    if (p->n_seeds > FEW_SEEDS) {
        put(h, " \u00b1 ");
        put_real(h, score_se(&s), 3, false);
    }
}

/* By how much a is nearer than b, and what that is worth. */
static void margin(struct html *h, const struct page *p, const struct group *a,
                   const struct group *b, bool html)
{
    struct versus v = group_versus(a, b, study_distance);
    struct range r = score_range(&v.d, p->level);

    if (v.d.n == 0) {
        put(h, "; they share no seed");
        return;
    }
    put(h, ": nearer in %lld of %lld seed%s, by ", (long long)v.better, (long long)v.d.n,
        v.d.n == 1 ? "" : "s");
    if (v.d.n > FEW_SEEDS) {
        put_real(h, -score_mean(&v.d), 3, false);
        put(h, ", %g %% interval ", 100 * p->level);
        put_real(h, -r.high, 3, false);
        put(h, " to ");
        put_real(h, -r.low, 3, false);
        put(h, r.high < 0 ? ": more than the seeds' noise" : ": no more than the seeds' noise");
        return;
    }
    for (int64_t i = 0, n = 0; i < a->n; i++) {
        const struct run *x = a->run[i], *y = group_seed(b, x->seed);
        if (!y)
            continue;
        double error = rows_error(x, page_trace(p, x)->rows, y, page_trace(p, y)->rows);
        put(h, n++ ? ", " : "");
        put_real(h, study_distance(y) - study_distance(x), 3, false);
        if (isfinite(error)) {
            put(h, html ? "\u00a0\u00b1" : " \u00b1");
            put_real(h, error, 3, false);
        }
    }
}

static void of_lambda(struct html *h, const struct page *p, double lambda, const struct group **v,
                      bool html)
{
    int64_t n = page_ranked(p, lambda, v);

    if (n == 0)
        return;
    put(h, html ? "<li>" : "  ");
    if (p->n_lambdas) {
        at(h, p, lambda, html);
        put(h, ": ");
    }
    name(h, p, v[0]->method, html);
    put(h, " ");
    mean_distance(h, p, v[0]);
    if (n > 1) {
        put(h, ", then ");
        name(h, p, v[1]->method, html);
        put(h, " ");
        mean_distance(h, p, v[1]);
        margin(h, p, v[0], v[1], html);
    }
    put(h, html ? ".</li>\n" : "\n");
}

/* The two orders, for whom all this is done: from their nearest lambda to their farthest. */
static void sequential(struct html *h, const struct page *p, bool html)
{
    static const char *const orders[] = { "sft-pref", "pref-sft" };
    int n = 0;

    for (int i = 0; i < 2; i++) {
        double lo = INFINITY, hi = -INFINITY;
        struct view order = view_of(orders[i]);
        for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++) {
            struct score s = group_score(g, study_distance);
            if (!view_eq(g->method, order))
                continue;
            lo = fmin(lo, score_mean(&s));
            hi = fmax(hi, score_mean(&s));
        }
        if (!(lo <= hi))
            continue;
        put(h, "%s", n++ ? ", " : html ? "<li>One after the other: " : "  one after the other: ");
        name(h, p, order, html);
        put(h, " ");
        put_real(h, lo, 3, false);
        if (hi > lo) {
            put(h, " to ");
            put_real(h, hi, 3, false);
        }
    }
    if (n)
        put(h, html ? ".</li>\n" : "\n");
}

/* The error of a run's distance that its held-out rows alone make. */
static double own_error(const struct run *r)
{
    struct point box = { r->nadir.sft - r->ideal.sft, r->nadir.pref - r->ideal.pref };
    struct point se = { r->se.sft / box.sft, r->se.pref / box.pref };

    return r->by_share ? score_distance_se(r->scaled, se) : score_distance_se(r->gap, r->se);
}

/* Told from the next: from four seeds on by the interval; of fewer all agree, each by more than
 * twice the error that its rows make, paired where they are known row by row.  One seed whose
 * errors are not known tells nothing. */
static bool is_clear(const struct page *p, const struct group *a, const struct group *b)
{
    struct versus v = group_versus(a, b, study_distance);
    bool clear = v.d.n > 0 && v.better == v.d.n;

    if (v.d.n > FEW_SEEDS)
        return score_range(&v.d, p->level).high < 0;
    for (int64_t i = 0; i < a->n; i++) {
        const struct run *x = a->run[i], *y = group_seed(b, x->seed);
        if (!y)
            continue;
        double error = rows_error(x, page_trace(p, x)->rows, y, page_trace(p, y)->rows);
        if (!isfinite(error))
            error = hypot(own_error(x), own_error(y));
        if (isfinite(error) || v.d.n == 1)
            clear = clear && study_distance(y) - study_distance(x) > 2 * error;
    }
    return clear;
}

/* "Nearest to both optima at once: A at 0.25 and 0.5, B at 0.75." */
static void headline(struct html *h, const struct page *p, const struct group **v, bool html)
{
    int64_t n = MAX(p->n_lambdas, 1), named = 0, unclear = 0;

    put(h, html ? "<p class=\"lead\">Nearest to both optima at once: " :
        "nearest to both optima at once: ");
    for (const struct method *m = p->method; m < p->method + p->n_methods; m++) {
        int64_t first = 0;
        for (int64_t i = 0; i < n; i++) {
            int64_t ranked = page_ranked(p, lambda_at(p, i), v);
            if (ranked == 0 || !view_eq(v[0]->method, m->name))
                continue;
            if (first++ == 0) {
                put(h, named++ ? "; " : "");
                name(h, p, m->name, html);
                put(h, p->n_lambdas ? " at " : "");
                at(h, p, lambda_at(p, i), html);
            } else {
                put(h, ", %s", page_number(lambda_at(p, i)));
            }
            if (ranked > 1 && !is_clear(p, v[0], v[1])) {
                put(h, "*");
                unclear++;
            }
        }
    }
    put(h, html ? ".</p>\n" : "\n");
    if (unclear)
        put(h, html ? "<p class=\"note\">%s</p>\n" : "  %s\n",
            "* not told from the next by these seeds and rows");
}

static void fronts(struct html *h, const struct page *p, bool html)
{
    const struct fronts *last = NULL;

    if (p->n_fronts < 2)
        return;
    put(h, html ? "<li>" : "  ");
    put(h, "Over all \u03bb, the share of the plane that a method's runs dominate (1 is all): ");
    for (int64_t k = 0; k < p->n_fronts; k++) {            /* the largest not named yet */
        const struct fronts *best = NULL;
        for (const struct fronts *f = p->fronts; f < p->fronts + p->n_fronts; f++) {
            struct score s = fronts_score(f), t = { 0 }, l = { 0 };
            if (best)
                t = fronts_score(best);
            if (last)
                l = fronts_score(last);
            bool below = !last || score_mean(&s) < score_mean(&l) ||
                         (score_mean(&s) == score_mean(&l) && f > last);
            if (below && (!best || score_mean(&s) > score_mean(&t)))
                best = f;
        }
        if (!best)
            break;
        struct score s = fronts_score(best);
        put(h, k ? ", " : "");
        name(h, p, best->method, html);
        put(h, " ");
        put_real(h, score_mean(&s), 3, false);
        last = best;
    }
    put(h, html ? ".</li>\n" : "\n");
}

/* The largest of the joint runs. */
static double largest_error(const struct page *p)
{
    double most = NAN;

    for (const struct run *r = p->study.run; r < p->study.run + p->study.n; r++)
        if (page_method(p, r->method)->joint)
            most = fmax(most, own_error(r));
    return most;
}

static bool has_rows(const struct page *p)
{
    for (int64_t i = 0; i < p->study.n; i++)
        if (p->trace[i].rows[SFT].n > 1 && page_method(p, p->study.run[i].method)->joint)
            return true;
    return false;
}

static void noise(struct html *h, const struct page *p, bool html)
{
    double error = largest_error(p);

    put(h, "%s", html ? "<p class=\"note\">" : "");
    if (isfinite(error)) {
        put(h, "The held-out rows alone make a standard error of up to ");
        put_real(h, error, 3, false);
        put(h, " in a distance%s. ", has_rows(p) && p->n_seeds <= FEW_SEEDS ?
            "; \u00b1 is theirs in a difference, less where both runs are wrong on the same rows" :
            "");
    }
    put(h, "%s",
        p->n_seeds < 2 ? "One seed says nothing of the next: nothing here is called significant."
        : p->n_seeds <= FEW_SEEDS ? "So few seeds are listed, and nothing is called significant."
                                  : "Intervals are Student's over differences paired by seed; "
                                    "several comparisons are made, so read a narrow one with "
                                    "care.");
    put(h, html ? "</p>\n" : "\n");
}

static int64_t joint_methods(const struct page *p)
{
    int64_t n = 0;

    for (int64_t i = 0; i < p->n_methods; i++)
        n += p->method[i].joint;
    return n;
}

void headline_put(struct html *h, const struct page *p, bool html)
{
    struct arena *tmp = arena_new(0);
    const struct group **v = ARENA_NEW(tmp, const struct group *, p->groups.n);

    if (!v)
        h->st = ST_SYS;
    if (v && joint_methods(p))
        headline(h, p, v, html);
    arena_free(tmp);
}

void verdict_put(struct html *h, const struct page *p, bool html)
{
    struct arena *tmp = arena_new(0);
    const struct group **v = ARENA_NEW(tmp, const struct group *, p->groups.n);

    if (!v)
        h->st = ST_SYS;
    if (v && joint_methods(p)) {
        put(h, html ? "<p>Mean %sdistance to the ideal%s:</p>\n<ul>\n" :
            "mean %sdistance to the ideal%s:\n", page_is_scaled(p) ? "scaled " : "",
            p->n_seeds > FEW_SEEDS ? " \u00b1 its standard error over seeds" : "");
        for (int64_t i = 0; i < MAX(p->n_lambdas, 1); i++)
            of_lambda(h, p, lambda_at(p, i), v, html);
        sequential(h, p, html);
        fronts(h, p, html);
        put(h, html ? "</ul>\n" : "");
        noise(h, p, html);
    }
    arena_free(tmp);
}
