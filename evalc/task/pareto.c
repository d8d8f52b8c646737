/* pareto.c - runs of a study against each other: gaps, distances, the front, and who is better in
 * how many seeds.
 *
 * Within a seed all methods share reference, optima and held-out rows, so methods are compared
 * seed by seed and counted; with three seeds nothing is called significant, the values stand
 * there.  Blocks: runs, means, pairs, hypervolume. */
#include <math.h>

#include "study.h"
#include "task.h"

static const char *opt_sft, *opt_pref, *nadir_sft, *nadir_pref;   /* as given; NULL: not */
static struct study study;

static const struct opt opts[] = {
    { 0, "opt-sft", OPT_TEXT, &opt_sft, "F",
      "optimum of every seed, instead of the runs labelled method=opt-sft", 0, 0 },
    { 0, "opt-pref", OPT_TEXT, &opt_pref, "F", "likewise method=opt-pref", 0, 0 },
    { 0, "nadir-sft", OPT_TEXT, &nadir_sft, "F",
      "sft loss at the preference optimum, of every seed", 0, 0 },
    { 0, "nadir-pref", OPT_TEXT, &nadir_pref, "F", "preference loss at the sft optimum", 0, 0 },
    { 0 },
};

static enum st start(struct job *j)
{
    study = study_in(j->a);

    const struct { const char *name, *text; double *to; } given[] = {
        { "--opt-sft",    opt_sft,    &study.ideal.sft },
        { "--opt-pref",   opt_pref,   &study.ideal.pref },
        { "--nadir-sft",  nadir_sft,  &study.nadir.sft },
        { "--nadir-pref", nadir_pref, &study.nadir.pref },
    };
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && i < countof(given); i++)
        if (given[i].text)
            st = opt_number(given[i].name, given[i].text, given[i].to);
    return st;
}

static enum st row(struct job *j, const struct seen *s)
{
    (void)j;
    return study_add(&study, s->r);
}

static struct figures block(struct job *j, const char *table)
{
    struct figures f = figures_in(j->a);

    figures_text(&f, "task", VIEW("pareto"));
    figures_text(&f, "table", view_of(table));
    return f;
}

static bool is_column(struct view name)
{
    static const char *const columns[] = {
        "eval/sft/loss", "eval/pref/loss", "eval/policy_accuracy",
    };

    for (int64_t i = 0; i < countof(columns); i++)
        if (view_is(name, columns[i]))
            return true;
    return figures_is_label(name);
}

static void name_group(struct figures *f, const struct run *r)
{
    figures_text(f, "method", r->method);
    figures_real(f, "lambda", r->lambda);
}

/* All a run came with, then its place in the plane. */
static enum st put_run(struct job *j, const struct run *r)
{
    struct figures f = block(j, "runs");
    struct point box = { r->nadir.sft - r->ideal.sft, r->nadir.pref - r->ideal.pref };
    struct point scaled_se = { r->se.sft / box.sft, r->se.pref / box.pref };

    name_group(&f, r);
    figures_real(&f, "seed", r->seed);
    for (int64_t i = 0; i < r->f.n; i++) {
        struct view name = r->f.v[i].name;
        f.aside = !is_column(name);
        if (!view_is(name, "method") && !view_is(name, "lambda") && !view_is(name, "seed"))
            figures_copy(&f, &r->f.v[i]);
    }
    f.aside = false;
    figures_real(&f, "gap_sft", r->gap.sft);
    figures_real(&f, "gap_pref", r->gap.pref);
    f.aside = true;
    figures_real(&f, "gap_sft_clipped", MAX(r->gap.sft, 0));
    figures_real(&f, "gap_pref_clipped", MAX(r->gap.pref, 0));
    figures_real(&f, "scaled_sft", r->scaled.sft);
    figures_real(&f, "scaled_pref", r->scaled.pref);
    f.aside = false;
    figures_real(&f, "distance", score_distance(r->gap));
    figures_real(&f, "scaled_distance", score_distance(r->scaled));
    f.aside = true;
    figures_real(&f, "distance_se", score_distance_se(r->gap, r->se));
    figures_real(&f, "scaled_distance_se", score_distance_se(r->scaled, scaled_se));
    f.aside = false;
    if (!r->optimum)
        figures_bool(&f, "dominated", r->dominated);
    return report_put(j->report, &f);
}

/* ---- over seeds ---- */

static bool same_group(const struct run *a, const struct run *b)
{
    return view_eq(a->method, b->method) && study_same(a->lambda, b->lambda);
}

static bool is_first(const struct run *r, bool (*same)(const struct run *, const struct run *))
{
    for (const struct run *p = study.run; p < r; p++)
        if (same(p, r))
            return false;
    return true;
}

/* The mean over the group's seeds of what value() says, where all of them have it. */
static double mean_of(const struct run *first, double (*value)(const struct run *))
{
    double sum = 0;
    int64_t n = 0;

    for (const struct run *r = first; r < study.run + study.n; r++)
        if (same_group(r, first)) {
            sum += value(r);
            n++;
        }
    return sum / (double)n;
}

static double v_sft(const struct run *r) { return r->loss.sft; }
static double v_pref(const struct run *r) { return r->loss.pref; }
static double v_gap_sft(const struct run *r) { return r->gap.sft; }
static double v_gap_pref(const struct run *r) { return r->gap.pref; }
static double v_distance(const struct run *r) { return score_distance(r->gap); }
static double v_scaled(const struct run *r) { return score_distance(r->scaled); }

/* The mean of any other number that every run of the group has. */
static void put_means_of_others(struct figures *f, const struct run *first)
{
    for (int64_t i = 0; i < first->f.n; i++) {
        const struct figure *g = &first->f.v[i];
        double v, sum = 0;
        int64_t n = 0, has = 0;
        char name[256];

        snprintf(name, sizeof name, "%.*s", (int)MIN(g->name.n, sizeof name - 1), g->name.p);
        if (figures_find(f, name) || view_is(g->name, "seed") || !figure_is_number(g, &v) ||
            (g->name.n > 3 && memcmp(g->name.p + g->name.n - 3, "_se", 3) == 0))
            continue;
        for (const struct run *r = first; r < study.run + study.n; r++)
            if (same_group(r, first)) {
                n++;
                if (figures_number(&r->f, name, &v)) {
                    has++;
                    sum += v;
                }
            }
        f->aside = !is_column(g->name);
        if (has == n)
            figures_real(f, name, sum / (double)n);
    }
    f->aside = false;
}

static enum st put_means(struct job *j, const struct run *first)
{
    static const struct { const char *name; double (*value)(const struct run *); } means[] = {
        { "eval/sft/loss", v_sft },     { "eval/pref/loss", v_pref },
        { "gap_sft",       v_gap_sft }, { "gap_pref",       v_gap_pref },
        { "distance",      v_distance }, { "scaled_distance", v_scaled },
    };
    struct figures f = block(j, "means");
    int64_t n = 0;

    name_group(&f, first);
    for (const struct run *r = first; r < study.run + study.n; r++)
        n += same_group(r, first);
    figures_int(&f, "seeds", n);
    for (int64_t i = 0; i < countof(means); i++)
        figures_real(&f, means[i].name, mean_of(first, means[i].value));
    put_means_of_others(&f, first);
    return report_put(j->report, &f);
}

/* In how many of the seeds that both ran a was nearer to the ideal point than b. */
static enum st put_pair(struct job *j, const struct run *a, const struct run *b)
{
    struct figures f = block(j, "pairs");
    int64_t seeds = 0, better = 0;
    double difference = 0;

    for (const struct run *x = study.run; x < study.run + study.n; x++)
        for (const struct run *y = study.run; y < study.run + study.n; y++)
            if (same_group(x, a) && same_group(y, b) && study_same(x->seed, y->seed)) {
                seeds++;
                better += study_distance(x) < study_distance(y);
                difference += study_distance(x) - study_distance(y);
            }
    if (seeds == 0)
        return ST_OK;
    name_group(&f, a);
    figures_text(&f, "than", b->method);
    figures_int(&f, "better", better);
    figures_int(&f, "seeds", seeds);
    figures_real(&f, "difference", difference / (double)seeds);
    return report_put(j->report, &f);
}

/* ---- over lambdas ---- */

static bool same_front(const struct run *a, const struct run *b)
{
    return view_eq(a->method, b->method) && study_same(a->seed, b->seed);
}

static enum st put_hypervolume(struct job *j, const struct run *first)
{
    struct point *p = ARENA_NEW(j->a, struct point, study.n);
    struct figures f = block(j, "hypervolume");
    int64_t n = 0, lambdas = 0;

    if (!p)
        return ST_SYS;
    for (const struct run *r = first; r < study.run + study.n; r++) {
        bool again = false;
        if (!same_front(r, first))
            continue;
        for (const struct run *q = first; q < r; q++)
            again = again || (same_front(q, first) && study_same(q->lambda, r->lambda));
        lambdas += !again && !isnan(r->lambda);
        p[n++] = r->scaled;
    }
    if (lambdas < 3 || isnan(first->scaled.sft))
        return ST_OK;
    figures_text(&f, "method", first->method);
    figures_real(&f, "seed", first->seed);
    figures_int(&f, "lambdas", lambdas);
    figures_real(&f, "hypervolume", score_hypervolume(p, n));
    return report_put(j->report, &f);
}

static enum st put_all(struct job *j, enum st (*put)(struct job *, const struct run *),
                       bool (*same)(const struct run *, const struct run *), bool optima)
{
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && i < study.n; i++)
        if ((optima || !study.run[i].optimum) && (!same || is_first(&study.run[i], same)))
            st = put(j, &study.run[i]);
    return st;
}

static enum st put_pairs(struct job *j)
{
    enum st st = ST_OK;

    for (const struct run *a = study.run; a < study.run + study.n; a++)
        for (const struct run *b = study.run; st == ST_OK && b < study.run + study.n; b++)
            if (!a->optimum && !b->optimum && !view_eq(a->method, b->method) &&
                study_same(a->lambda, b->lambda) && is_first(a, same_group) &&
                is_first(b, same_group))
                st = put_pair(j, a, b);
    return st;
}

static enum st end(struct job *j)
{
    enum st st;

    if ((st = study_settle(&study)) != ST_OK || (st = put_all(j, put_run, NULL, true)) != ST_OK ||
        (st = put_all(j, put_means, same_group, true)) != ST_OK || (st = put_pairs(j)) != ST_OK)
        return st;
    return put_all(j, put_hypervolume, same_front, false);
}

const struct task task_pareto = {
    .name = "pareto",
    .line = "scores of many runs: gaps, distances, the front, and who is better in how many seeds",
    .paper = "Fernando et al. 2024, arXiv:2410.15483 (gaps and ideal distance)",
    .kinds = TASK_KIND(REC_METRIC), .reports = true,
    .opts = opts, .start = start, .row = row, .end = end,
};
