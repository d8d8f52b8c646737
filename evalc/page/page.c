/* page.c - the frame of the page: its sections, and what all of them ask. */
#include <math.h>

#include "page.h"

/* ---- what everybody asks ---- */

const struct method *page_method(const struct page *p, struct view name)
{
    for (int64_t i = 0; i < p->n_methods; i++)
        if (view_eq(p->method[i].name, name))
            return &p->method[i];
    return NULL;
}

const struct trace *page_trace(const struct page *p, const struct run *r)
{
    return &p->trace[r - p->study.run];
}

bool page_is_scaled(const struct page *p)
{
    return p->study.run[0].by_share;
}

static double mean_distance(const struct group *g)
{
    struct score s = group_score(g, study_distance);

    return score_mean(&s);
}

int64_t page_ranked(const struct page *p, double lambda, const struct group **v)
{
    int64_t n = 0;

    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++) {
        if (!page_method(p, g->method)->joint || !study_same(g->lambda, lambda))
            continue;
        int64_t k = n++;
        for (; k > 0 && mean_distance(v[k - 1]) > mean_distance(g); k--)
            v[k] = v[k - 1];
        v[k] = g;
    }
    return n;
}

const char *page_number(double v)
{
    static char texts[4][32];
    static int turn;
    char *s = texts[turn++ % 4];

    snprintf(s, sizeof texts[0], isnan(v) ? "-" : "%.6g", v);
    return s;
}

/* ---- the page ---- */

static void missing(struct html *h, const struct page *p)
{
    struct view rest = { p->missing.b.p, p->missing.b.n };

    if (rest.n == 0)
        return;
    put(h, "<section class=\"warn\"><h2>What is missing</h2><ul>\n");
    while (rest.n) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) : rest.n;
        put(h, "<li>");
        put_text(h, (struct view){ rest.p, n });
        put(h, "</li>\n");
        rest.p += MIN(n + 1, rest.n);
        rest.n -= MIN(n + 1, rest.n);
    }
    put(h, "</ul></section>\n");
}

static void list(struct html *h, const char *what, const double *v, int64_t n)
{
    put(h, "%s", what);
    for (int64_t i = 0; i < n; i++)
        put(h, "%s %s", i ? "," : "", page_number(v[i]));
}

static void size(struct html *h, const struct page *p)
{
    put(h, "<p class=\"note\">%lld runs", (long long)p->study.n);
    if (p->n_seeds)
        list(h, p->n_seeds == 1 ? " \u00b7 seed" : " \u00b7 seeds", p->seed, p->n_seeds);
    if (p->n_lambdas)
        list(h, " \u00b7 \u03bb", p->lambda, p->n_lambdas);
    put(h, " (the weight of the preference objective). All losses are held out. A <b>gap</b> is "
        "a loss above the best that training on that objective alone reached; the "
        "<b>distance</b> to the ideal is the root of the two squared gaps, negative ones "
        "counting 0; <b>scaled</b>, each gap is first divided by what training on the other "
        "objective alone leaves of it, so 0 is both optima at once and 1 is one of them "
        "alone.</p>\n");
}

static void settings(struct html *h, const struct page *p)
{
    if (p->settings.n == 0)
        return;
    put(h, "<section><h2>Settings</h2>\n<pre>");
    put_text(h, p->settings);
    put(h, "</pre></section>\n");
}

static void copies(struct html *h, const struct page *p)
{
    static const struct {
        const char *title;
        void (*of)(struct html *, const struct page *);
    } all[] = {
        { "Means as LaTeX (booktabs)", means_latex },
        { "Means as CSV", means_csv },
        { "Every run as CSV", runs_csv },
    };

    put(h, "<section><h2>To copy</h2>\n<p class=\"note\">The same numbers; a click selects them "
        "all.</p>\n");
    for (int64_t i = 0; i < countof(all); i++) {
        struct html text = { 0 };
        all[i].of(&text, p);
        put(h, "<details><summary>%s</summary><pre>", all[i].title);
        put_text(h, (struct view){ text.b.p, text.b.n });
        put(h, "</pre></details>\n");
        if (text.st != ST_OK)
            h->st = text.st;
        buf_free(&text.b);
    }
    put(h, "</section>\n");
}

void page_put(struct html *h, const struct page *p)
{
    put(h, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n<meta "
        "name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>");
    put_text(h, p->title);
    put(h, "</title>\n");
    style_put(h);
    put(h, "</head>\n<body>\n<h1>");
    put_text(h, p->title);
    put(h, "</h1>\n");
    put(h, "<div class=\"top\"><div class=\"first\">\n");
    headline_put(h, p, true);
    put(h, "</div><div class=\"nearest\">\n");
    nearest_put(h, p);
    put(h, "</div><div class=\"verdict\">\n");
    verdict_put(h, p, true);
    size(h, p);
    put(h, "</div></div>\n");
    missing(h, p);
    dots_put(h, p);
    main_table_put(h, p);
    plane_put(h, p);
    fronts_put(h, p);
    curves_put(h, p);
    mixture_put(h, p);
    samples_put(h, p);
    runs_table_put(h, p);
    settings(h, p);
    copies(h, p);
    put(h, "</body></html>\n");
}
