/* study.c - score records into runs, and runs against their seed's ideal point. */
#include <math.h>

#include "study.h"

static const struct point unknown = { NAN, NAN };

struct study study_in(struct arena *a)
{
    return (struct study){ .a = a, .ideal = unknown, .nadir = unknown };
}

bool study_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

const char *study_name(const struct run *r)
{
    static char names[4][160];
    static int turn;
    char *s = names[turn++ % 4];
    int n = snprintf(s, sizeof names[0], "method=%s", shown(r->method));

    if (!isnan(r->lambda))
        n += snprintf(s + n, sizeof names[0] - (size_t)n, " lambda=%.12g", r->lambda);
    if (!isnan(r->seed))
        snprintf(s + n, sizeof names[0] - (size_t)n, " seed=%.12g", r->seed);
    return s;
}

/* ---- records into runs ---- */

static bool same_value(const struct figure *a, const struct figure *b)
{
    double x, y;

    if (figure_is_number(a, &x) && figure_is_number(b, &y))
        return x == y;
    return a->type == b->type && a->i == b->i && view_eq(a->text, b->text);
}

static const struct figure *find(const struct figures *f, struct view name)
{
    for (int64_t i = 0; i < f->n; i++)
        if (view_eq(f->v[i].name, name))
            return &f->v[i];
    return NULL;
}

/* Part of what a run is; an optimum is not, though a label may say it. */
static bool is_identity(struct view name)
{
    return figures_is_label(name) && !view_is(name, "opt_sft") && !view_is(name, "opt_pref");
}

/* Every label of a stands in b with the same value. */
static bool labels_within(const struct figures *a, const struct figures *b)
{
    for (int64_t i = 0; i < a->n; i++) {
        const struct figure *g;
        if (is_identity(a->v[i].name) && (!(g = find(b, a->v[i].name)) || !same_value(&a->v[i], g)))
            return false;
    }
    return true;
}

/* What names the evaluation, not the run, and what pareto works out itself. */
static bool is_passing(struct view name)
{
    return !figures_is_label(name) && !memchr(name.p, '/', name.n);
}

static enum st join(struct run *to, const struct figures *from)
{
    for (int64_t i = 0; i < from->n; i++) {
        const struct figure *g = &from->v[i], *there = find(&to->f, g->name);
        if (is_passing(g->name))
            continue;
        if (!there)
            figures_copy(&to->f, g);
        else if (!same_value(there, g))
            return fail(ST_DATA, "'%s' of %s comes twice with different values; label the runs "
                        "apart", shown(g->name), study_name(to));
    }
    return to->f.st;
}

static struct run *new_run(struct study *s)
{
    if (s->n == s->cap) {
        int64_t cap = s->cap ? 2 * s->cap : 64;
        struct run *v = ARENA_NEW(s->a, struct run, cap);
        if (!v)
            return NULL;
        if (s->n)
            memcpy(v, s->run, (size_t)s->n * sizeof *v);
        s->run = v;
        s->cap = cap;
    }
    return &s->run[s->n++];
}

enum st study_add(struct study *s, const struct rec *r)
{
    struct figures f = figures_in(s->a);
    struct run *to = NULL;

    figures_read(&f, r);
    const struct figure *method = figures_find(&f, "method");
    if (f.st != ST_OK)
        return f.st;
    if (!method || method->type != FIGURE_TEXT)
        return fail(ST_DATA, "no label 'method'; score the run with evalc --label method=NAME");
    for (int64_t i = 0; i < s->n && !to; i++)
        if (labels_within(&f, &s->run[i].f) && labels_within(&s->run[i].f, &f))
            to = &s->run[i];
    if (!to) {
        if (!(to = new_run(s)))
            return ST_SYS;
        *to = (struct run){ .f = figures_in(s->a), .lambda = NAN, .seed = NAN };
        figures_number(&f, "lambda", &to->lambda);
        figures_number(&f, "seed", &to->seed);
    }
    to->method = method->text;
    return join(to, &f);
}

/* ---- optima ---- */

/* The run of that method and seed; one without a seed serves every seed. */
static const struct run *single(const struct study *s, const char *method, double seed)
{
    const struct run *any = NULL;

    for (int64_t i = 0; i < s->n; i++) {
        const struct run *r = &s->run[i];
        if (!view_is(r->method, method))
            continue;
        if (study_same(r->seed, seed))
            return r;
        if (isnan(r->seed))
            any = r;
    }
    return any;
}

static double said(const struct run *r, const char *name)
{
    double v;

    return r && figures_number(&r->f, name, &v) ? v : NAN;
}

/* An optimum: the command line, what its own run says, what this run says, its own run's final
 * loss. */
static double optimum(double given, const struct run *own, const struct run *r, const char *name,
                      double last)
{
    const double v[] = { given, said(own, name), said(r, name), last };

    for (int64_t i = 0; i < countof(v); i++)
        if (!isnan(v[i]))
            return v[i];
    return NAN;
}

static enum st settle(const struct study *s, struct run *r)
{
    const struct run *sft = single(s, "opt-sft", r->seed), *pref = single(s, "opt-pref", r->seed);

    r->ideal.sft = optimum(s->ideal.sft, sft, r, "opt_sft", sft ? sft->loss.sft : NAN);
    r->ideal.pref = optimum(s->ideal.pref, pref, r, "opt_pref", pref ? pref->loss.pref : NAN);
    r->nadir.sft = !isnan(s->nadir.sft) ? s->nadir.sft : pref ? pref->loss.sft : NAN;
    r->nadir.pref = !isnan(s->nadir.pref) ? s->nadir.pref : sft ? sft->loss.pref : NAN;
    r->gap = (struct point){ r->loss.sft - r->ideal.sft, r->loss.pref - r->ideal.pref };

    if (isnan(r->loss.sft) || isnan(r->loss.pref))
        return fail(ST_DATA, "%s has no eval/%s/loss; score both: evalc --task loss,preference",
                    study_name(r), isnan(r->loss.sft) ? "sft" : "pref");
    const char *obj = isnan(r->ideal.sft) ? "sft" : "pref";
    if (isnan(r->ideal.sft) || isnan(r->ideal.pref))
        return fail(ST_DATA, "%s has no %s optimum; give --opt-%s or the run of method=opt-%s",
                    study_name(r), obj, obj, obj);
    struct point box = { r->nadir.sft - r->ideal.sft, r->nadir.pref - r->ideal.pref };
    r->scaled = unknown;
    if (box.sft > 0 && box.pref > 0)
        r->scaled = (struct point){ r->gap.sft / box.sft, r->gap.pref / box.pref };
    return ST_OK;
}

static bool is_twin(const struct run *a, const struct run *b)
{
    return view_eq(a->method, b->method) && study_same(a->lambda, b->lambda) &&
           study_same(a->seed, b->seed);
}

enum st study_settle(struct study *s)
{
    enum st st;

    if (s->n == 0)
        return fail(ST_DATA, "--task pareto: no score record came in");
    for (int64_t i = 0; i < s->n; i++) {
        struct run *r = &s->run[i];
        r->optimum = view_is(r->method, "opt-sft") || view_is(r->method, "opt-pref");
        r->loss = r->se = unknown;
        figures_number(&r->f, "eval/sft/loss", &r->loss.sft);
        figures_number(&r->f, "eval/pref/loss", &r->loss.pref);
        figures_number(&r->f, "eval/sft/loss_se", &r->se.sft);
        figures_number(&r->f, "eval/pref/loss_se", &r->se.pref);
    }
    for (int64_t i = 0; i < s->n; i++) {
        for (int64_t k = 0; k < i; k++)
            if (is_twin(&s->run[i], &s->run[k]))
                return fail(ST_DATA, "%s names two runs that differ in other labels; compare one "
                            "study at a time", study_name(&s->run[i]));
        if ((st = settle(s, &s->run[i])) != ST_OK)
            return st;
    }
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t k = 0; k < s->n && !s->run[i].optimum; k++)
            if (!s->run[k].optimum && study_same(s->run[i].seed, s->run[k].seed) &&
                score_dominates(s->run[k].loss, s->run[i].loss))
                s->run[i].dominated = true;
    bool all = true;
    for (int64_t i = 0; i < s->n; i++)
        all = all && !isnan(s->run[i].scaled.sft);
    for (int64_t i = 0; i < s->n; i++)
        s->run[i].by_share = all;
    return ST_OK;
}

double study_distance(const struct run *r)
{
    return score_distance(r->by_share ? r->scaled : r->gap);
}
