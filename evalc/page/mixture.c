/* mixture.c - the mix over time: which objective was trained when, and what MAXRIGHT saw.
 *
 * A run is a strip from its first batch to its last; a column is some updates together, its dark
 * part the share of them that was SFT.  Under the strips the gaps by which MAXRIGHT chose. */
#include <math.h>

#include "page.h"
#include "plot.h"

enum { STRIP = 18, GAPS = 90, COLUMNS_MAX = 150 };

static bool is_mixed(const struct trace *t)
{
    return t->train[SFT].n > 0 && t->train[PREF].n > 0 && t->pref.n > 1;
}

static bool has_gaps(const struct page *p, const struct group *g)
{
    for (int64_t i = 0; i < g->n; i++)
        if (page_trace(p, g->run[i])->gap[SFT].n > 1)
            return true;
    return false;
}

/* Equal columns as one path each objective: the bytes stay few. */
static void strip(const struct plot *t, const struct trace *of, double top)
{
    int64_t n = of->pref.n, each = (n + COLUMNS_MAX - 1) / COLUMNS_MAX;
    double height = STRIP - 4;

    put(t->h, "<rect class=\"pref\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\"/><path "
        "class=\"sft\" d=\"", t->left, top, axis_at(&t->x, of->batches) - t->left, height);
    for (int64_t i = 0; i < n; i += each) {
        int64_t k = MIN(each, n - i);
        double pref = 0, from = i ? of->pref.x[i - 1] : 0, to = of->pref.x[i + k - 1];
        for (int64_t j = i; j < i + k; j++)
            pref += of->pref.y[j];
        double high = height * (1 - pref / (double)k);
        if (high > 0)
            put(t->h, "M%.1f %.1fH%.1fv%.1fH%.1fz", axis_at(&t->x, from), top + height,
                axis_at(&t->x, to), -high, axis_at(&t->x, from));
    }
    put(t->h, "\"/>\n");
}

static double share(const struct trace *t)
{
    double sum = 0, batches = 0;

    for (int64_t i = 0; i < t->pref.n; i++) {
        double reads = t->pref.y[i] == .5 ? 2 : 1;
        sum += reads * t->pref.y[i];
        batches += reads;
    }
    return sum / batches;
}

static void gaps(struct plot *t, const struct page *p, const struct group *g, struct axis x,
                 double top)
{
    struct extent e = extent_none();

    extent_add(&e, 0);
    for (int64_t i = 0; i < g->n; i++)
        for (int o = 0; o < 2; o++)
            for (int64_t k = 0; k < page_trace(p, g->run[i])->gap[o].n; k++)
                extent_add(&e, page_trace(p, g->run[i])->gap[o].y[k]);
    plot_frame(t, top, top + GAPS, x, axis_over(e.lo, e.hi, true));
    plot_axes(t, "batches", "weighted gaps (nats): SFT full, DPO dotted");
    for (int o = 0; o < 2; o++) {
        const struct curve *c = &page_trace(p, g->run[0])->gap[o];
        plot_line(t, c->x, c->y, c->n, o ? "lpref" : "lsft");
    }
}

static void picture(struct html *h, const struct page *p, const struct group *g)
{
    const struct method *m = page_method(p, g->method);
    bool with_gaps = has_gaps(p, g);
    double strips = (double)(g->n * STRIP), last = 0;
    struct plot t;

    for (int64_t i = 0; i < g->n; i++)
        last = fmax(last, page_trace(p, g->run[i])->batches);
    struct axis x = { 0, fmax(last, 1), 0, 0, false };
    put(h, "<figure>\n");
    plot_open(&t, h, strips + (with_gaps ? GAPS + 62 : 32), x, axis_over(0, 1, true),
              "which objective was trained when");
    t.right = PLOT_WIDTH - 46;
    plot_frame(&t, 0, strips, x, axis_over(0, 1, true));
    for (int64_t i = 0; i < g->n; i++) {
        const struct trace *of = page_trace(p, g->run[i]);
        double top = (double)(i * STRIP);
        if (!of->pref.n)
            continue;
        strip(&t, of, top);
        if (p->n_seeds > 1)
            put(h, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">seed %s</text>", t.left - 4, top + 11,
                page_number(g->run[i]->seed));
        put(h, "<text x=\"%.1f\" y=\"%.1f\">%.0f %%</text>\n", t.right + 6, top + 11,
            100 * share(of));
    }
    if (with_gaps) {
        gaps(&t, p, g, x, strips + 24);
    } else {
        put(h, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">0</text><text class=\"name end\" "
            "x=\"%.1f\" y=\"%.1f\">%.0f batches</text>\n",
            t.left, strips + 14, t.right, strips + 14, last);
    }
    plot_close(&t);
    put(h, "<figcaption><b class=\"m%d\">", m->hue);
    put_text(h, view_of(m->called));
    put(h, "</b>%s%s</figcaption></figure>\n", p->n_lambdas ? ", \u03bb " : "",
        p->n_lambdas ? page_number(g->lambda) : "");
}

static bool is_shown(const struct page *p, const struct group *g)
{
    if (!page_method(p, g->method)->joint)
        return false;
    for (int64_t i = 0; i < g->n; i++)
        if (is_mixed(page_trace(p, g->run[i])))
            return true;
    return false;
}

void mixture_put(struct html *h, const struct page *p)
{
    int64_t n = 0;

    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        n += is_shown(p, g);
    if (n == 0)
        return;
    put(h, "<section><h2>The mix over time</h2>\n<p class=\"note\">From the first batch to the "
        "last: dark is SFT, light is DPO; the number is the share of batches that were DPO. "
        "MAXRIGHT trains the objective with the larger weighted gap; its lines are these gaps in "
        "the first seed, each the loss above the best training loss of that objective alone, "
        "times \u03bb for DPO and 1 - \u03bb for SFT.</p>\n<details%s><summary>%lld "
        "pictures</summary><div class=\"grid3\">\n",
        n <= 24 ? " open=\"open\"" : "", (long long)n);
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        if (is_shown(p, g))
            picture(h, p, g);
    put(h, "</div></details></section>\n");
}
