/* alpaca.c - AlpacaEval's list, an item a line. */
#include "alpaca.h"

#include "base/file.h"
#include "base/json.h"

static const char MARK[] = "\x02text\x03";     /* a user's text that no template writes itself */

struct around {                                /* begin tokens, then text, around a user's */
    bool        known;
    int64_t     n_begin;
    struct view before, behind;
};

struct alpaca {
    struct file          file;
    bool                 open;
    const char          *generator;
    const struct words  *w;
    const struct header *h;
    struct arena        *a;
    int64_t              n;
    struct around        around[HEADER_SOURCES_MAX];   /* by source of the header */
    struct buf           text, line;
};

enum st alpaca_open(struct alpaca **to, const char *path, const char *generator,
                    const struct words *w, const struct header *h, struct arena *a)
{
    struct alpaca *v = ARENA_NEW(a, struct alpaca, 1);
    enum st st;

    *to = v;
    if (!v)
        return ST_SYS;
    v->generator = generator;
    v->w = w;
    v->h = h;
    v->a = a;
    if ((st = file_new(&v->file, path, a)) != ST_OK)
        return st;
    v->open = true;
    return file_write(&v->file, "[", 1);
}

/* What the template writes around a user's text. */
static enum st learn(struct alpaca *v, struct around *to, struct view name)
{
    struct turn turn = { .role = ROLE_USER, .text = view_of(MARK) };
    struct talk talk = { .turn = &turn, .n = 1 };
    struct rendering r = { 0 };
    struct chat c;
    char *text = arena_text(v->a, name);
    enum st st = text ? words_template(v->w, text, &c, v->a) : ST_SYS;

    if (st == ST_OK && (st = chat_prompt(&r, &c, &talk, v->a)) == ST_OK) {
        char *all = arena_text(v->a, r.text);
        char *mark = all ? strstr(all, MARK) : NULL;
        st = !all ? ST_SYS : mark ? ST_OK
           : fail(ST_DATA, "template %s does not show what a user says", c.name);
        if (mark) {
            to->before = (struct view){ all, (size_t)(mark - all) };
            to->behind = view_of(mark + sizeof MARK - 1);
            to->n_begin = (c.bos >= 0) + (c.layout ? v->w->t->n_prefix : 0);
            to->known = true;
        }
    }
    rendering_free(&r);
    return st;
}

static enum st source_of(struct alpaca *v, struct view src, struct around **to)
{
    for (int64_t i = 0; i < v->h->n_sources; i++)
        if (view_eq(v->h->source[i].src, src)) {
            *to = &v->around[i];
            return (*to)->known ? ST_OK : learn(v, *to, v->h->source[i].template);
        }
    return fail(ST_DATA, "--alpaca: the header does not tell the template of source '%s'",
                shown(src));
}

enum st alpaca_put(struct alpaca *v, struct view src, const int32_t *prompt, int64_t n_prompt,
                   struct view output)
{
    struct around *w = NULL;
    enum st st = source_of(v, src, &w);
    struct view text;

    v->text.n = v->line.n = 0;
    if (st != ST_OK ||
        (n_prompt > w->n_begin &&
         (st = tokenizer_decode(v->w->t, (const uint32_t *)prompt + w->n_begin,
                                               n_prompt - w->n_begin, true, &v->text)) != ST_OK))
        return st;
    text = (struct view){ v->text.p, v->text.n };
    if (text.n < w->before.n + w->behind.n || memcmp(text.p, w->before.p, w->before.n) != 0 ||
        memcmp(text.p + text.n - w->behind.n, w->behind.p, w->behind.n) != 0)
        return fail(ST_DATA, "--alpaca: the prompt is not one turn of a user in the template of "
                    "source '%s'", shown(src));
    text = (struct view){ text.p + w->before.n, text.n - w->before.n - w->behind.n };
    if ((st = buf_printf(&v->line, "%s\n  {\"instruction\": ", v->n++ ? "," : "")) != ST_OK ||
        (st = json_put_text(&v->line, text)) != ST_OK ||
        (st = buf_printf(&v->line, ", \"output\": ")) != ST_OK ||
        (st = json_put_text(&v->line, output)) != ST_OK ||
        (st = buf_printf(&v->line, ", \"generator\": ")) != ST_OK ||
        (st = json_put_text(&v->line, view_of(v->generator))) != ST_OK ||
        (st = buf_printf(&v->line, "}")) != ST_OK)
        return st;
    return file_write(&v->file, v->line.p, v->line.n);
}

enum st alpaca_close(struct alpaca *v)
{
    enum st st = file_write(&v->file, "\n]\n", 3);

    if (st != ST_OK)
        return st;
    v->open = false;
    return file_commit(&v->file);
}

void alpaca_free(struct alpaca *v)
{
    if (!v)
        return;
    if (v->open)
        file_drop(&v->file);
    buf_free(&v->text);
    buf_free(&v->line);
}
