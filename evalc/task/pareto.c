/* pareto.c - runs of a study against each other: gaps, distances, the front, and who is better in
 * how many seeds.
 *
 * Within a seed all methods share reference, optima and held-out rows, so methods are compared
 * seed by seed and counted; with three seeds nothing is called significant, the values stand
 * there and beside them Student's interval for who has more.  Blocks: runs, means, pairs,
 * hypervolume, fronts, front_pairs. */
#include <math.h>

#include "seeds.h"
#include "task.h"

static const char *opt_sft, *opt_pref, *nadir_sft, *nadir_pref;   /* as given; NULL: not */
static double level = 0.95;
static struct study study;
static struct groups groups;

static const struct opt opts[] = {
    { 0, "opt-sft", OPT_TEXT, &opt_sft, "F",
      "optimum of every seed, instead of the runs labelled method=opt-sft", 0, 0 },
    { 0, "opt-pref", OPT_TEXT, &opt_pref, "F", "likewise method=opt-pref", 0, 0 },
    { 0, "nadir-sft", OPT_TEXT, &nadir_sft, "F",
      "sft loss at the preference optimum, of every seed", 0, 0 },
    { 0, "nadir-pref", OPT_TEXT, &nadir_pref, "F", "preference loss at the sft optimum", 0, 0 },
    { 0, "level", OPT_REAL, &level, "P", "of the intervals over seeds", 0.5, 0.9999 },
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

/* The mean of any other number that every run of the group has. */
static void put_means_of_others(struct figures *f, const struct group *g)
{
    const struct figures *first = &g->run[0]->f;

    for (int64_t i = 0; i < first->n; i++) {
        const struct figure *of = &first->v[i];
        double v, sum = 0;
        int64_t has = 0;
        char name[256];

        snprintf(name, sizeof name, "%.*s", (int)MIN(of->name.n, sizeof name - 1), of->name.p);
        if (figures_find(f, name) || view_is(of->name, "seed") || !figure_is_number(of, &v) ||
            (of->name.n > 3 && memcmp(of->name.p + of->name.n - 3, "_se", 3) == 0))
            continue;
        for (int64_t k = 0; k < g->n; k++)
            if (figures_number(&g->run[k]->f, name, &v)) {
                has++;
                sum += v;
            }
        f->aside = !is_column(of->name);
        if (has == g->n)
            figures_real(f, name, sum / (double)has);
    }
    f->aside = false;
}

/* The standard error over seeds and the interval, beside the mean of that name. */
static void put_error(struct figures *f, const char *name, const struct score *s)
{
    struct range r = score_range(s, level);
    char text[64];

    f->aside = true;
    snprintf(text, sizeof text, "%s_se", name);
    figures_real(f, text, score_se(s));
    snprintf(text, sizeof text, "%s_low", name);
    figures_real(f, text, r.low);
    snprintf(text, sizeof text, "%s_high", name);
    figures_real(f, text, r.high);
    f->aside = false;
}

static enum st put_means(struct job *j, const struct group *g)
{
    static const struct { const char *name; run_value *value; } means[] = {
        { "eval/sft/loss", run_loss_sft }, { "eval/pref/loss", run_loss_pref },
        { "gap_sft",       run_gap_sft },  { "gap_pref",       run_gap_pref },
        { "distance",      run_distance }, { "scaled_distance", run_scaled },
    };
    struct figures f = block(j, "means");
    int64_t front = 0;

    name_group(&f, g->run[0]);
    figures_int(&f, "seeds", g->n);
    for (int64_t i = 0; i < countof(means); i++) {
        struct score s = group_score(g, means[i].value);
        figures_real(&f, means[i].name, score_mean(&s));
        put_error(&f, means[i].name, &s);
    }
    put_means_of_others(&f, g);
    for (int64_t i = 0; i < g->n; i++)
        front += !g->run[i]->dominated;
    if (!g->optimum) {
        figures_int(&f, "front", front);
        figures_bool(&f, "dominated", !group_on_front(&groups, g));
    }
    return report_put(j->report, &f);
}

static void put_versus(struct figures *f, struct view than, const struct versus *v)
{
    struct range r = score_range(&v->d, level);

    figures_text(f, "than", than);
    figures_int(f, "better", v->better);
    figures_int(f, "seeds", v->d.n);
    figures_real(f, "difference", score_mean(&v->d));
    f->aside = true;
    figures_real(f, "difference_se", score_se(&v->d));
    figures_real(f, "low", r.low);
    figures_real(f, "high", r.high);
    f->aside = false;
}

/* In how many of the seeds that both ran a was nearer to the ideal point than b. */
static enum st put_pair(struct job *j, const struct group *a, const struct group *b)
{
    struct figures f = block(j, "pairs");
    struct versus v = group_versus(a, b, study_distance);

    if (v.d.n == 0)
        return ST_OK;
    name_group(&f, a->run[0]);
    put_versus(&f, b->method, &v);
    return report_put(j->report, &f);
}

static enum st put_groups(struct job *j)
{
    const struct group *all = groups.v, *end = groups.v + groups.n;
    enum st st = ST_OK;

    for (const struct group *g = all; st == ST_OK && g < end; g++)
        st = put_means(j, g);
    for (const struct group *x = all; x < end; x++)
        for (const struct group *y = all; st == ST_OK && y < end; y++)
            if (!x->optimum && !y->optimum && !view_eq(x->method, y->method) &&
                study_same(x->lambda, y->lambda))
                st = put_pair(j, x, y);
    return st;
}

/* ---- over lambdas ---- */

static enum st put_hypervolume(struct job *j, const struct fronts *of, int64_t i)
{
    struct figures f = block(j, "hypervolume");

    figures_text(&f, "method", of->method);
    figures_real(&f, "seed", of->seed[i]);
    figures_int(&f, "lambdas", of->lambdas[i]);
    figures_real(&f, "hypervolume", of->share[i]);
    return report_put(j->report, &f);
}

static enum st put_front(struct job *j, const struct fronts *of)
{
    struct figures f = block(j, "fronts");
    struct score s = fronts_score(of);

    figures_text(&f, "method", of->method);
    figures_int(&f, "seeds", s.n);
    figures_real(&f, "hypervolume", score_mean(&s));
    put_error(&f, "hypervolume", &s);
    return report_put(j->report, &f);
}

static enum st put_front_pair(struct job *j, const struct fronts *a, const struct fronts *b)
{
    struct figures f = block(j, "front_pairs");
    struct versus v = fronts_versus(a, b);

    if (v.d.n == 0)
        return ST_OK;
    figures_text(&f, "method", a->method);
    put_versus(&f, b->method, &v);
    return report_put(j->report, &f);
}

static enum st put_fronts(struct job *j)
{
    struct fronts *of;
    int64_t n;
    enum st st = fronts_of(&of, &n, &study, j->a);

    for (int64_t i = 0; st == ST_OK && i < n; i++)
        for (int64_t k = 0; st == ST_OK && k < of[i].n; k++)
            st = put_hypervolume(j, &of[i], k);
    for (int64_t i = 0; st == ST_OK && i < n; i++)
        st = put_front(j, &of[i]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; st == ST_OK && k < n; k++)
            if (i != k)
                st = put_front_pair(j, &of[i], &of[k]);
    return st;
}

static enum st end(struct job *j)
{
    enum st st;

    if ((st = study_settle(&study)) != ST_OK ||
        (st = groups_of(&groups, &study, j->a)) != ST_OK)
        return st;
    for (int64_t i = 0; st == ST_OK && i < study.n; i++)
        st = put_run(j, &study.run[i]);
    if (st != ST_OK || (st = put_groups(j)) != ST_OK)
        return st;
    return put_fronts(j);
}

const struct task task_pareto = {
    .name = "pareto",
    .line = "scores of many runs: gaps, distances, the front, and who is better in how many seeds",
    .paper = "Fernando et al. 2024, arXiv:2410.15483 (gaps and ideal distance)",
    .kinds = TASK_KIND(REC_METRIC), .reports = true,
    .opts = opts, .start = start, .row = row, .end = end,
};
