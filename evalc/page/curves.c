/* curves.c - the losses of every run while it trained: held out, and faintly those of the batches.
 *
 * A picture per method and lambda, both objectives one above the other, all with the same axes. */
#include <math.h>

#include "page.h"
#include "plot.h"

enum { CURVES_HEIGHT = 280 };

struct views { struct axis x, y[2]; };

static struct views views_of(const struct page *p)
{
    struct extent x = extent_none(), y[2] = { extent_none(), extent_none() };
    struct views f;

    extent_add(&x, 0);
    for (int64_t i = 0; i < p->study.n; i++) {
        const struct trace *t = &p->trace[i];
        for (int o = 0; o < 2; o++)
            for (int64_t k = 0; k < t->held[o].n; k++)
                extent_add(&y[o], t->held[o].y[k]);
        for (int o = 0; o < 2; o++)
            for (int64_t k = 0; k < t->train[o].n; k++)
                extent_add(&y[o], t->train[o].y[k]);
        if (t->held[SFT].n)
            extent_add(&x, t->batches);
    }
    f.x = axis_over(x.lo, x.hi, true);
    f.x.hi = fmax(x.hi, 1);
    for (int o = 0; o < 2; o++)
        f.y[o] = axis_over(y[o].lo, y[o].hi, false);
    return f;
}

static void one(const struct plot *t, const struct page *p, const struct run *r, int o)
{
    const struct trace *of = page_trace(p, r);
    char says[96];

    plot_line(t, of->train[o].x, of->train[o].y, of->train[o].n, "faint");
    plot_line(t, of->held[o].x, of->held[o].y, of->held[o].n, "line");
    for (int64_t i = 0; i < of->held[o].n; i++) {
        snprintf(says, sizeof says, "seed %s, after %.0f batches: %.4f", page_number(r->seed),
                 of->held[o].x[i], of->held[o].y[i]);
        plot_mark(t, 5, of->held[o].x[i], of->held[o].y[i], 2, says);
    }
}

static void picture(struct html *h, const struct page *p, const struct group *g,
                    const struct views *f)
{
    static const char *const names[2] = { "SFT loss (nats per token)", "DPO loss (nats per pair)" };
    const struct method *m = page_method(p, g->method);
    struct plot t;

    put(h, "<figure>\n");
    plot_open(&t, h, CURVES_HEIGHT, f->x, f->y[0], "held-out and training losses over batches");
    for (int o = 0; o < 2; o++) {
        plot_frame(&t, o ? 150 : 20, o ? CURVES_HEIGHT - 36 : 120, f->x, f->y[o]);
        plot_axes(&t, o ? "batches" : NULL, names[o]);
        put(h, "<g class=\"m%d\">", m->hue);
        for (int64_t i = 0; i < g->n; i++)
            one(&t, p, g->run[i], o);
        put(h, "</g>\n");
    }
    plot_close(&t);
    put(h, "<figcaption><b class=\"m%d\">", m->hue);
    put_text(h, view_of(m->called));
    put(h, "</b>%s%s</figcaption></figure>\n", m->joint && p->n_lambdas ? ", \u03bb " : "",
        m->joint && p->n_lambdas ? page_number(g->lambda) : "");
}

static bool has_curve(const struct page *p, const struct group *g)
{
    for (int64_t i = 0; i < g->n; i++)
        if (page_trace(p, g->run[i])->held[SFT].n + page_trace(p, g->run[i])->held[PREF].n > 0)
            return true;
    return false;
}

void curves_put(struct html *h, const struct page *p)
{
    struct views f = views_of(p);
    int64_t n = 0;

    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        n += has_curve(p, g);
    if (n == 0)
        return;
    put(h, "<section><h2>Training curves</h2>\n<p class=\"note\">Dots and lines: held-out "
        "losses, one line a seed; faint: the losses of the batches trained on. An update of both "
        "objectives counts as two batches, so all methods end at the same "
        "budget.</p>\n<details%s><summary>%lld pictures</summary><div class=\"grid3\">\n",
        n <= 24 ? " open=\"open\"" : "", (long long)n);
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        if (has_curve(p, g))
            picture(h, p, g, &f);
    put(h, "</div></details></section>\n");
}
