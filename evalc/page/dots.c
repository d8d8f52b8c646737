/* dots.c - bars of every quantity, as in the paper's figures: a bar is the mean, a dot a seed.
 *
 * All methods and lambdas stand in one picture per quantity, so that a reader compares down one
 * axis that begins at 0; the first, which says who is nearest, has a logarithmic axis where the
 * distances span more than a factor of 4, and then no bars. */
#include <math.h>

#include "page.h"
#include "plot.h"

enum { ROW = 15, GAP = 7, NAME_RIGHT = 84, NAME_LONG = 13, BAR_LEFT = 118, BAR_RIGHT = 306 };

typedef double quantity(const struct page *p, const struct run *r);

static double said(const struct run *r, const char *name)
{
    double v;

    return r && figures_number(&r->f, name, &v) ? v : NAN;
}

static double scaled(const struct page *p, const struct run *r) { (void)p; return run_scaled(r); }
static double distance(const struct page *p, const struct run *r)
{
    (void)p;
    return run_distance(r);
}
static double gap_sft(const struct page *p, const struct run *r) { (void)p; return run_gap_sft(r); }
static double gap_pref(const struct page *p, const struct run *r)
{
    (void)p;
    return run_gap_pref(r);
}
static double accuracy(const struct page *p, const struct run *r)
{
    (void)p;
    return 100 * said(r, "eval/policy_accuracy");
}

/* The sequential run of the same lambda and seed, the yardstick of times. */
static const struct run *sequential(const struct page *p, const struct run *r)
{
    const struct group *g = groups_find(&p->groups, VIEW("sft-pref"), r->lambda);

    return g ? group_seed(g, r->seed) : NULL;
}

static double more_time(const struct page *p, const struct run *r)
{
    return 100 * (said(r, "seconds") / said(sequential(p, r), "seconds") - 1);
}

static double memory(const struct page *p, const struct run *r)
{
    return page_trace(p, r)->peak_bytes / 1e6;
}

static const struct panel {
    quantity   *of;
    int         digits;
    bool        sign, log;
    const char *title, *unit, *caption;
} panels[] = {
    { scaled, 3, false, true, "Scaled distance to the ideal",
      "0: both optima at once, 1: one of them alone",
      "Less is better; a dot is a seed, a line their mean" },
    { distance, 3, false, false, "Ideal distance", "nats",
      "As the paper has it: the root of the two squared gaps" },
    { gap_sft, 3, true, false, "Gap SFT", "nats per token", "What was lost on instructions" },
    { gap_pref, 3, true, false, "Gap DPO", "nats per pair", "What was lost on preferences" },
    { accuracy, 1, false, false, "Preference accuracy", "% of pairs",
      "Held-out pairs whose chosen side is the likelier one; more is better" },
    { more_time, 0, true, false, "Run time", "% over SFT then DPO",
      "Against the sequential run of the same \u03bb and seed, by the clock, so runs that shared "
      "the processors blur it" },
    { memory, 0, false, false, "Peak memory", "MB", "Of the whole process" },
};

static struct score mean_of(const struct page *p, const struct group *g, quantity *of)
{
    struct score s = { 0 };

    for (int64_t i = 0; i < g->n; i++)
        score_add(&s, of(p, g->run[i]), 1);
    return s;
}

/* The range of a quantity; rows: how many groups are shown. */
static struct extent extent_of(const struct page *p, quantity *of, int64_t *rows)
{
    struct extent e = extent_none();

    *rows = 0;
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++) {
        struct score s = mean_of(p, g, of);
        if (!page_method(p, g->method)->joint)
            continue;
        *rows += 1;
        if (!isfinite(score_mean(&s)))
            continue;
        for (int64_t i = 0; i < g->n; i++)
            extent_add(&e, of(p, g->run[i]));
    }
    return e;
}

static void row(const struct plot *t, const struct page *p, const struct panel *of,
                const struct group *g, double y, bool first)
{
    const struct method *m = page_method(p, g->method);
    struct score s = mean_of(p, g, of->of);
    double mean = score_mean(&s), at = axis_at(&t->x, mean);
    double zero = t->x.log ? t->left : axis_at(&t->x, 0);
    char says[160];

    put(t->h, "<g class=\"m%d\">", m->hue);
    if (first) {
        bool long_name = strlen(m->called) > NAME_LONG;
        put(t->h, "<text class=\"word end\" x=\"%d\" y=\"%.1f\"%s>", NAME_RIGHT, y + 4,
            long_name ? " textLength=\"80\" lengthAdjust=\"spacingAndGlyphs\"" : "");
        put_text(t->h, view_of(m->called));
        put(t->h, "</text>");
    }
    if (p->n_lambdas > 0)
        put(t->h, "<text class=\"end name\" x=\"%d\" y=\"%.1f\">%s</text>", BAR_LEFT - 4, y + 4,
            page_number(g->lambda));
    if (isfinite(mean)) {
        put(t->h, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"><title>",
            t->x.log ? "none" : "bar", fmin(zero, at), y - ROW * .36, fabs(at - zero),
            (int)(ROW * .72));
        put_text(t->h, view_of(m->called));
        put(t->h, ", \u03bb %s: ", page_number(g->lambda));
        put_real(t->h, mean, of->digits, of->sign);
        put(t->h, " %s, the mean of %lld</title></rect>", of->unit, (long long)g->n);
        put(t->h, "<path class=\"thick\" d=\"M%.1f %.1fv%d\"/>", at, y - ROW * .36,
            (int)(ROW * .72));
        for (int64_t i = 0; i < g->n; i++) {
            snprintf(says, sizeof says, "seed %s: %.4g", page_number(g->run[i]->seed),
                     of->of(p, g->run[i]));
            put(t->h, "<circle class=\"seed\" cx=\"%.1f\" cy=\"%.1f\" r=\"2\"><title>%s</title>"
                "</circle>", axis_at(&t->x, of->of(p, g->run[i])), y, says);
        }
    }
    put(t->h, "</g><text class=\"end\" x=\"%d\" y=\"%.1f\">", PLOT_WIDTH - 2, y + 4);
    put_real(t->h, mean, of->digits, of->sign);
    put(t->h, "</text>\n");
}

static void panel(struct html *h, const struct page *p, const struct panel *of)
{
    int64_t rows, groups = 0;
    struct extent e = extent_of(p, of->of, &rows);
    struct plot t;

    if (!(e.lo <= e.hi))
        return;
    for (int64_t i = 0; i < p->n_methods; i++)
        groups += p->method[i].joint;
    put(h, "<figure>\n");
    plot_open(&t, h, (double)(rows * ROW + groups * GAP + 30), axis_over(0, 1, true),
              axis_over(0, 1, true), of->title);
    t.left = BAR_LEFT;
    t.right = BAR_RIGHT;
    plot_frame(&t, 2, t.height - 30,
               axis_over(e.lo, e.hi, !of->log || !(e.lo > 0 && e.hi > 4 * e.lo)), t.y);

    double tick[PLOT_TICKS_MAX], y = GAP;
    int n = axis_ticks(&t.x, 4, tick);
    put(h, "<g class=\"grid\">");
    for (int i = 0; i < n; i++)
        put(h, "<path d=\"M%.1f 2V%.1f\"/><text class=\"mid\" x=\"%.1f\" y=\"%.1f\">%g</text>",
            axis_at(&t.x, tick[i]), t.bottom, axis_at(&t.x, tick[i]), t.bottom + 13, tick[i]);
    put(h, "</g><text class=\"end name\" x=\"%d\" y=\"%.1f\">%s</text>\n", BAR_RIGHT + 20,
        t.bottom + 27, of->unit);
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++) {
        if (!page_method(p, g->method)->joint)
            continue;
        bool first = g == p->groups.v || !view_eq(g[-1].method, g->method);
        y += first && g > p->groups.v ? GAP : 0;
        row(&t, p, of, g, y + ROW / 2., first);
        y += ROW;
    }
    plot_close(&t);
    put(h, "<figcaption><b>%s.</b> %s.</figcaption></figure>\n", of->title, of->caption);
}

void nearest_put(struct html *h, const struct page *p)
{
    panel(h, p, page_is_scaled(p) ? &panels[0] : &panels[1]);
}

void dots_put(struct html *h, const struct page *p)
{
    put(h, "<section><h2>What is lost, and at what cost</h2>\n<p class=\"note\">A bar is the "
        "mean over the seeds%s</p>\n<div class=\"grid3\">\n",
        p->n_seeds > 1 ? ", a dot one seed." : ".");
    for (int64_t i = page_is_scaled(p) ? 1 : 2; i < countof(panels); i++)
        panel(h, p, &panels[i]);
    put(h, "</div></section>\n");
}
