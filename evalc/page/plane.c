/* plane.c - the plane of the two held-out losses: the paths of all runs, and the fronts that their
 * ends make over lambda.
 *
 * All pictures of a kind have the same axes.  The ideal point of a seed has the best of each
 * objective alone for its coordinates; nearer to it is better. */
#include <math.h>

#include "page.h"
#include "plot.h"

#define X_NAME "held-out SFT loss (nats per token)"
#define Y_NAME "held-out DPO loss (nats per pair)"

enum {
    PLANE_HEIGHT = 320,
    FEW = 3,                                   /* up to so many seeds no interval is told */
    CLOSE = 3,                                 /* closer up: who is at most so many times as far */
};

static bool shown_at(const struct page *p, const struct run *r, double lambda)
{
    return page_method(p, r->method)->joint ? study_same(r->lambda, lambda) : r->optimum;
}

/* The held-out points of a run's path: where both losses were taken at the same place. */
static int64_t path_of(const struct page *p, const struct run *r)
{
    const struct trace *t = page_trace(p, r);

    return MIN(t->held[SFT].n, t->held[PREF].n);
}

static void says_of(char *text, size_t n, const struct page *p, const struct run *r)
{
    snprintf(text, n, "%s, \u03bb %s, seed %s: SFT %.4f, DPO %.4f",
             page_method(p, r->method)->called, page_number(r->lambda), page_number(r->seed),
             r->loss.sft, r->loss.pref);
}

static void key(struct html *h, const struct page *p, bool all)
{
    put(h, "<div class=\"key\">");
    for (const struct method *m = p->method; m < p->method + p->n_methods; m++) {
        struct plot t = { .h = h, .left = 0, .right = 14, .top = 0, .bottom = 14,
                          .x = { 0, 14, 0, 14, false }, .y = { 0, 14, 0, 14, false } };
        if (!m->joint && !(all && view_is(m->name, "opt-sft")) &&
            !(all && view_is(m->name, "opt-pref")))
            continue;
        put(h, "<span class=\"m%d\"><svg viewBox=\"0 0 14 14\" aria-hidden=\"true\">", m->hue);
        plot_mark(&t, m->hue, 7, 7, 4.5, m->called);
        put(h, "</svg>");
        put_text(h, view_of(m->called));
        put(h, "</span>");
    }
    put(h, "<span>\u2605 ideal</span></div>\n");
}

static void ideals(const struct plot *t, const struct page *p)
{
    for (int64_t s = 0; s < MAX(p->n_seeds, 1); s++)
        for (const struct run *r = p->study.run; r < p->study.run + p->study.n; r++) {
            double x = axis_at(&t->x, r->ideal.sft), y = axis_at(&t->y, r->ideal.pref);
            if (p->n_seeds && r->seed != p->seed[s])
                continue;
            put(t->h, "<text class=\"mid ideal\" x=\"%.1f\" y=\"%.1f\" "
                "font-size=\"15\">\u2605<title>ideal point of seed %s: SFT %.4f, DPO "
                "%.4f</title></text>\n",
                x, y + 5, page_number(r->seed), r->ideal.sft, r->ideal.pref);
            break;
        }
}

static void run(const struct plot *t, const struct page *p, const struct run *r)
{
    const struct trace *of = page_trace(p, r);
    int64_t n = path_of(p, r);
    char says[160];

    plot_line(t, of->held[SFT].y, of->held[PREF].y, n, "thin");
    for (int64_t i = 0; i + 1 < n; i++) {
        snprintf(says, sizeof says, "after %.0f batches: SFT %.4f, DPO %.4f", of->held[SFT].x[i],
                 of->held[SFT].y[i], of->held[PREF].y[i]);
        plot_mark(t, 5, of->held[SFT].y[i], of->held[PREF].y[i], 1.3, says);
    }
    plot_error(t, r->loss.sft, r->loss.pref, r->se.sft, r->se.pref);
    says_of(says, sizeof says, p, r);
    plot_mark(t, page_method(p, r->method)->hue, r->loss.sft, r->loss.pref, 4, says);
}

static void word(struct words *w, const struct method *m, struct point at, const char *text)
{
    *w = (struct words){ at.sft, at.pref, m->hue, "" };
    snprintf(w->text, sizeof w->text, "%s", text);
}

static void plane(struct html *h, const struct page *p, double lambda, struct axis x, struct axis y,
                  struct words *w)
{
    struct plot t;
    int64_t n = 0;

    put(h, "<figure>\n");
    plot_open(&t, h, PLANE_HEIGHT, x, y, "paths of the runs in the plane of both held-out losses");
    plot_axes(&t, X_NAME, Y_NAME);
    for (const struct run *r = p->study.run; r < p->study.run + p->study.n; r++)
        if (shown_at(p, r, lambda)) {
            put(h, "<g class=\"m%d\">", page_method(p, r->method)->hue);
            run(&t, p, r);
            put(h, "</g>\n");
        }
    ideals(&t, p);
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        if (shown_at(p, g->run[0], lambda))
            word(&w[n++], page_method(p, g->method), group_loss(g),
                 page_method(p, g->method)->called);
    plot_words(&t, w, n);
    plot_close(&t);
    put(h, "<figcaption><b>%s%s</b></figcaption></figure>\n", p->n_lambdas ? "\u03bb " : "All runs",
        p->n_lambdas ? page_number(lambda) : "");
}

void plane_put(struct html *h, const struct page *p)
{
    struct arena *tmp = arena_new(0);
    struct words *w = ARENA_NEW(tmp, struct words, p->groups.n);
    struct extent x = extent_none(), y = extent_none();

    for (const struct run *r = p->study.run; r < p->study.run + p->study.n; r++) {
        const struct trace *t = page_trace(p, r);
        if (!page_method(p, r->method)->joint && !r->optimum)
            continue;
        extent_add(&x, r->loss.sft), extent_add(&y, r->loss.pref);
        extent_add(&x, r->ideal.sft), extent_add(&y, r->ideal.pref);
        for (int64_t i = 0; i < path_of(p, r); i++)
            extent_add(&x, t->held[SFT].y[i]), extent_add(&y, t->held[PREF].y[i]);
    }
    if (!w)
        h->st = ST_SYS;
    put(h, "<section><h2>The plane of losses</h2>\n<p class=\"note\">A path is one run, from the "
        "common start; small dots are its evaluations, the large mark its end, with the standard "
        "error that the held-out rows make. A star is the ideal point of a seed.</p>\n");
    key(h, p, true);
    put(h, "<div class=\"grid3\">\n");
    for (int64_t i = 0; w && i < MAX(p->n_lambdas, 1); i++)
        plane(h, p, p->n_lambdas ? p->lambda[i] : NAN, axis_over(x.lo, x.hi, false),
              axis_over(y.lo, y.hi, false), w);
    put(h, "</div></section>\n");
    arena_free(tmp);
}

/* ---- fronts over lambda ---- */

/* The error of a mean end: over seeds, or of one run's rows. */
static struct point error_of(const struct group *g)
{
    struct score sft = group_score(g, run_loss_sft), pref = group_score(g, run_loss_pref);

    if (g->n < 2)
        return g->run[0]->se;
    return (struct point){ score_se(&sft), score_se(&pref) };
}

static void front(const struct plot *t, const struct page *p, const struct method *m, double *x,
                  double *y)
{
    int64_t n = 0;
    char says[160];

    put(t->h, "<g class=\"m%d\">", m->hue);
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++) {
        if (!view_eq(g->method, m->name))
            continue;
        struct point at = group_loss(g), se = error_of(g);
        x[n] = at.sft;
        y[n++] = at.pref;
        plot_error(t, at.sft, at.pref, se.sft, se.pref);
        snprintf(says, sizeof says, "%s, \u03bb %s, mean of %lld: SFT %.4f, DPO %.4f", m->called,
                 page_number(g->lambda), (long long)g->n, at.sft, at.pref);
        plot_mark(t, m->hue, at.sft, at.pref, 2.5 + 3 * (double)n / (double)p->n_lambdas, says);
    }
    plot_line(t, x, y, n, "thick");
    put(t->h, "</g>\n");
}

/* Over all its runs, how far a method ends from the ideal. */
static double far(const struct page *p, const struct method *m)
{
    struct score s = { 0 };

    for (const struct run *r = p->study.run; r < p->study.run + p->study.n; r++)
        if (view_eq(r->method, m->name))
            score_add(&s, study_distance(r), 1);
    return score_mean(&s);
}

static void labels(const struct plot *t, const struct page *p, double most, struct words *w)
{
    int64_t n = 0;

    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        if (page_method(p, g->method)->joint && !(far(p, page_method(p, g->method)) > most) &&
            (g + 1 == p->groups.v + p->groups.n || !view_eq(g[1].method, g->method)))
            word(&w[n++], page_method(p, g->method), group_loss(g),
                 page_method(p, g->method)->called);
    plot_words(t, w, n);
}

static void volumes(struct html *h, const struct page *p)
{
    if (p->n_fronts == 0)
        return;
    put(h, "<figure><div class=\"wide\"><table><thead><tr><th>hypervolume</th><th>mean</th>");
    if (p->n_seeds > FEW)
        put(h, "<th>%g %% interval</th>", 100 * p->level);
    for (int64_t s = 0; s < p->n_seeds; s++)
        put(h, "<th>seed %s</th>", page_number(p->seed[s]));
    put(h, "</tr></thead><tbody>\n");
    for (const struct fronts *f = p->fronts; f < p->fronts + p->n_fronts; f++) {
        struct score s = fronts_score(f);
        struct range r = score_range(&s, p->level);
        put(h, "<tr><td><span class=\"m%d\">", page_method(p, f->method)->hue);
        put_text(h, view_of(page_method(p, f->method)->called));
        put(h, "</span></td><td>");
        put_real(h, score_mean(&s), 3, false);
        put(h, "</td>");
        if (p->n_seeds > FEW) {
            put(h, "<td>");
            put_real(h, r.low, 3, false);
            put(h, isfinite(r.low) ? " to " : "");
            if (isfinite(r.low))
                put_real(h, r.high, 3, false);
            put(h, "</td>");
        }
        for (int64_t k = 0; k < p->n_seeds; k++) {
            double v = NAN;
            for (int64_t i = 0; i < f->n; i++)
                v = f->seed[i] == p->seed[k] ? f->share[i] : v;
            put(h, "<td>");
            put_real(h, v, 3, false);
            put(h, "</td>");
        }
        put(h, "</tr>\n");
    }
    put(h, "</tbody></table></div><figcaption><b>Hypervolume.</b> The share of the box between "
        "ideal point and nadir that a method's runs dominate together; 1 is all of "
        "it.%s</figcaption></figure>\n",
        p->n_seeds > FEW ? " The interval is Student's over seeds." : "");
}

/* The methods that end at most `times` as far from the ideal as the nearest. */
static void front_picture(struct html *h, const struct page *p, double times, struct words *w,
                          double *x, double *y)
{
    struct extent ex = extent_none(), ey = extent_none(), near = extent_none();
    struct plot t;

    for (int64_t i = 0; i < p->n_methods; i++)
        if (p->method[i].joint)
            extent_add(&near, far(p, &p->method[i]));
    if (!(near.hi > times * near.lo) && isfinite(times))
        return;                                /* it would be the same picture again */
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        if (page_method(p, g->method)->joint &&
            !(far(p, page_method(p, g->method)) > times * near.lo)) {
            struct point at = group_loss(g), se = error_of(g);
            for (int k = -1; k <= 1; k++)
                extent_add(&ex, at.sft + k * se.sft), extent_add(&ey, at.pref + k * se.pref);
            extent_add(&ex, at.sft), extent_add(&ey, at.pref);
            for (int64_t i = 0; i < g->n; i++)
                extent_add(&ex, g->run[i]->ideal.sft), extent_add(&ey, g->run[i]->ideal.pref);
        }
    put(h, "<figure>\n");
    plot_open(&t, h, PLANE_HEIGHT, axis_over(ex.lo, ex.hi, false), axis_over(ey.lo, ey.hi, false),
              "mean ends of every method over lambda");
    plot_axes(&t, X_NAME, Y_NAME);
    for (int64_t i = 0; i < p->n_methods; i++)
        if (p->method[i].joint && !(far(p, &p->method[i]) > times * near.lo))
            front(&t, p, &p->method[i], x, y);
    ideals(&t, p);
    labels(&t, p, times * near.lo, w);
    plot_close(&t);
    put(h, "<figcaption><b>%s</b> for every \u03bb, the larger the mark the larger \u03bb: means "
        "over the seeds, with %s.</figcaption></figure>\n",
        isfinite(times) ? "The nearest, closer up," : "Where each method ends",
        p->n_seeds > 1 ? "their standard error" : "the standard error of the rows");
}

void fronts_put(struct html *h, const struct page *p)
{
    struct arena *tmp = arena_new(0);
    struct words *w = ARENA_NEW(tmp, struct words, p->groups.n);
    double *x = ARENA_NEW(tmp, double, p->groups.n), *y = ARENA_NEW(tmp, double, p->groups.n);

    if (!w || !x || !y)
        h->st = ST_SYS;
    if (h->st == ST_OK && p->n_lambdas > 1) {
        put(h, "<section><h2>Fronts over \u03bb</h2>\n");
        key(h, p, false);
        put(h, "<div class=\"grid3\">");
        front_picture(h, p, INFINITY, w, x, y);
        front_picture(h, p, CLOSE, w, x, y);
        volumes(h, p);
        put(h, "</div></section>\n");
    }
    arena_free(tmp);
}
