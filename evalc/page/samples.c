/* samples.c - what the models answer, side by side: the same row under every method. */
#include <unistd.h>

#include "base/file.h"
#include "page.h"

enum { TOKENIZER_MAX = 256 << 20, PROMPT_IDS_MAX = 4096 };

/* ---- reading ---- */

/* The value of a line of the settings: `--tokenizer bytes`. */
static struct view setting(const struct page *p, const char *name)
{
    struct view s = p->settings;
    size_t n = strlen(name);

    while (s.n) {
        const char *end = memchr(s.p, '\n', s.n);
        size_t len = end ? (size_t)(end - s.p) : s.n;
        if (len > n && memcmp(s.p, name, n) == 0 && s.p[n] == ' ')
            return (struct view){ s.p + n + 1, len - n - 1 };
        s.p += MIN(len + 1, s.n);
        s.n -= MIN(len + 1, s.n);
    }
    return (struct view){ 0 };
}

/* The tokenizer of the study, if it is still where it was. */
static enum st find_tokenizer(struct page *p)
{
    struct view name = setting(p, "--tokenizer"), json;
    char *path = arena_text(p->a, name);

    p->asked = true;
    if (!path)
        return ST_SYS;
    if (view_is(name, "bytes")) {
        p->tokenizer = tokenizer_bytes(p->a);
        return p->tokenizer ? ST_OK : ST_SYS;
    }
    if (name.n == 0 || access(path, R_OK) != 0)
        return ST_OK;
    enum st st = file_read(path, &json, TOKENIZER_MAX, p->a);
    return st == ST_OK ? tokenizer_read(&p->tokenizer, json, path, p->a) : st;
}

static enum st prompt_text(struct sample *s, const struct rec *r, struct page *p)
{
    uint32_t id[PROMPT_IDS_MAX];
    struct buf text = { 0 };
    int64_t n = MIN(r->prompt.n, PROMPT_IDS_MAX), from = r->prompt.n - n;

    for (int64_t i = 0; i < n; i++)            /* of a long one the end, which asks */
        id[i] = ids_at(r->prompt, from + i);
    enum st st = tokenizer_decode(p->tokenizer, id, n, false, &text);
    char *copy = arena_text(p->a, text.n ? (struct view){ text.p, text.n } : VIEW(""));
    s->prompt = (struct view){ copy, text.n };
    buf_free(&text);
    return st == ST_OK && !copy ? ST_SYS : st;
}

static enum st keep(struct sample *s, const struct rec *r, bool prompts, struct page *p)
{
    char *src = arena_text(p->a, r->src), *text = arena_text(p->a, r->text);

    *s = (struct sample){ .id = r->id, .src = { src, r->src.n }, .text = { text, r->text.n } };
    if (!src || !text)
        return ST_SYS;
    return prompts ? prompt_text(s, r, p) : ST_OK;
}

enum st samples_read(struct trace *t, const char *path, struct page *p)
{
    const struct header *h;
    struct rec r;
    struct in *in;
    enum st st = in_open(&in, path, p->a);

    if (st != ST_OK)
        return st;
    if (!(t->sample = ARENA_NEW(p->a, struct sample, PAGE_SAMPLES_MAX)))
        st = ST_SYS;
    if (st == ST_OK && (st = in_header(in, &h)) == ST_OK && !p->asked)
        st = find_tokenizer(p);
    bool prompts = st == ST_OK && p->tokenizer &&
                   memcmp(p->tokenizer->sha, h->tokenizer, sizeof p->tokenizer->sha) == 0;
    while (st == ST_OK && t->n_samples < PAGE_SAMPLES_MAX && (st = in_next(in, &r)) == ST_OK)
        if (r.kind == REC_GEN && r.n_gen == 0)
            st = keep(&t->sample[t->n_samples++], &r, prompts, p);
    in_close(in);
    return st == ST_END ? ST_OK : st;
}

/* ---- side by side ---- */

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
            put(h, "<th class=\"said\"><span class=\"m%d\">", m->hue);
            put_text(h, view_of(m->called));
            put(h, "</span></th>");
        }
    put(h, "</tr></thead><tbody>\n");
    for (int64_t i = 0; i < first->n_samples; i++) {
        put(h, "<tr><td class=\"said\">");
        if (first->sample[i].prompt.n)
            put_text(h, first->sample[i].prompt);
        else
            put(h, "%016llx", (unsigned long long)first->sample[i].id);
        put(h, "<br/><small>");
        put_text(h, first->sample[i].src);
        put(h, "</small></td>");
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
