/* samples.c - what the models answer, side by side: the same row under every method. */
#include "page.h"

/* The nearest lambda to the middle that the method has, and the first seed of it. */
static const struct run *speaker(const struct page *p, const struct method *m)
{
    const struct run *best = NULL;

    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        for (int64_t i = 0; i < g->n; i++) {
            const struct run *r = g->run[i];
            double now = r->lambda - .5, then = best ? best->lambda - .5 : 2;
            if (!view_eq(g->method, m->name) || page_trace(p, r)->n_samples == 0)
                continue;
            if (!best || now * now < then * then)
                best = r;
        }
    return best;
}

static const struct sample *same_row(const struct trace *t, const struct sample *s)
{
    for (int64_t i = 0; i < t->n_samples; i++)
        if (t->sample[i].id == s->id && view_eq(t->sample[i].src, s->src))
            return &t->sample[i];
    return NULL;
}

void samples_put(struct html *h, const struct page *p)
{
    const struct trace *first = NULL;

    for (int64_t k = 0; k < p->n_methods && !first; k++) {
        const struct run *r = speaker(p, &p->method[k]);
        first = r ? page_trace(p, r) : NULL;
    }
    if (!first)
        return;
    put(h, "<section><h2>Samples</h2>\n<p class=\"note\">The first answer of each model to the "
        "same rows; where a method has several \u03bb, the one nearest to 0.5.</p>\n<div "
        "class=\"wide\"><table><thead><tr><th>row</th>");
    for (const struct method *m = p->method; m < p->method + p->n_methods; m++)
        if (speaker(p, m)) {
            put(h, "<th><span class=\"m%d\">", m->hue);
            put_text(h, view_of(m->called));
            put(h, "</span></th>");
        }
    put(h, "</tr></thead><tbody>\n");
    for (int64_t i = 0; i < first->n_samples; i++) {
        put(h, "<tr><td>");
        put_text(h, first->sample[i].src);
        put(h, "<br/><small>%016llx</small></td>", (unsigned long long)first->sample[i].id);
        for (const struct method *m = p->method; m < p->method + p->n_methods; m++) {
            const struct run *r = speaker(p, m);
            const struct sample *s = r ? same_row(page_trace(p, r), &first->sample[i]) : NULL;
            if (!r)
                continue;
            put(h, "<td class=\"said\">");
            put_text(h, s ? s->text : VIEW("-"));
            put(h, "</td>");
        }
        put(h, "</tr>\n");
    }
    put(h, "</tbody></table></div></section>\n");
}
