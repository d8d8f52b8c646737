/* chat.c - the door: a rendering by a layout or by a program, and the markers of both. */
#include "chat/own.h"

const char *role_name(enum role r)
{
    static const char *const names[] = { "system", "user", "assistant", "tool" };

    BUG_IF(r >= ROLES);
    return names[r];
}

int64_t talk_wanted(const struct talk *t)
{
    int64_t n = t->want ? t->n : 0;

    while (n > 0 && !t->want[n - 1])
        n--;
    return n;
}

void rendering_free(struct rendering *r)
{
    buf_free(&r->parts);
    buf_free(&r->layout);
    jinja_out_free(&r->whole);
    jinja_out_free(&r->piece);
}

static enum st render(struct rendering *r, const struct chat *c, const struct talk *t, bool prompt,
                      struct arena *a)
{
    r->parts.n = 0;
    return c->layout ? layout_render(r, c, t, prompt) : program_render(r, c, t, prompt, a);
}

enum st chat_render(struct rendering *r, const struct chat *c, const struct talk *t,
                    struct arena *a)
{
    return render(r, c, t, false, a);
}

enum st chat_prompt(struct rendering *r, const struct chat *c, const struct talk *t,
                    struct arena *a)
{
    return render(r, c, t, true, a);
}

/* ---- markers ---- */

enum st markers_add(struct chat *c, const struct tokenizer *t, int64_t id)
{
    const struct added *v = id < 0 ? NULL : tokenizer_added(t, (uint32_t)id);
    struct added_hit h;

    if (!v || (added_next(c->markers, v->text, 0, 0, &h) && h.token == v))
        return ST_OK;
    return added_put(c->markers, v);
}

enum st markers_new(struct chat *c, const struct tokenizer *t, struct arena *a)
{
    const struct added *end = c->end < 0 ? NULL : tokenizer_added(t, (uint32_t)c->end);
    enum st st;

    if (c->end >= 0)
        c->end_text = end ? end->text : bpe_bytes(t->bpe, (uint32_t)c->end);
    if (!(c->markers = added_new(a)))
        return ST_SYS;
    if ((st = markers_add(c, t, c->end)) != ST_OK || (st = markers_add(c, t, t->bos)) != ST_OK ||
        (st = markers_add(c, t, t->eos)) != ST_OK)
        return st;
    return markers_add(c, t, c->bos);
}

bool chat_marked(const struct chat *c, struct view text, struct view *marker)
{
    struct added_hit h;

    if (!added_next(c->markers, text, 0, 0, &h))
        return false;
    *marker = h.token->text;
    return true;
}
