/* addedpart.c - the `added_tokens` of a tokenizer.json, and what a configuration adds to them. */
#include "text/load.h"

static enum st copy_text(struct arena *a, struct view s, struct view *out)
{
    const char *p = arena_text(a, s);

    *out = (struct view){ p, s.n };
    return p ? ST_OK : ST_SYS;
}

/* Whether the vocabulary's token `id` is this text. */
static bool is_token(const struct tokenizer *t, struct view s, uint32_t id)
{
    struct view token = bpe_bytes(t->bpe, id);
    char bytes[256];
    size_t n;

    return token.p && (view_eq(token, s) || (t->decode.alphabet && s.n <= sizeof bytes &&
                                             rewrite_bytes(s, bytes, &n) &&
                                             view_eq(token, (struct view){ bytes, n })));
}

/* The library does not look at an id that stands in the file: a token that is not in the vocabulary
 * has the next one that is free, or so it counts. */
static enum st check_id(const struct tokenizer *t, struct view s, uint32_t id)
{
    int64_t next = t->n_tokens;

    for (int64_t i = 0; i < t->n_added; i++)
        next = MAX(next, (int64_t)t->added[i].id + 1);
    if (id == next || is_token(t, s, id))
        return ST_OK;
    return fail(ST_DATA, "the added token '%s' has the id %u; it is not in the vocabulary, and the "
                         "next free id is %lld", shown(s), id, (long long)next);
}

enum st load_added_one(struct tokenizer *t, const struct scan *v, uint32_t id)
{
    struct view content = load_text(v, "content");
    enum st st = ST_OK;

    if (!content.n)
        return fail(ST_DATA, "an added token without text");
    if ((st = check_id(t, content, id)) != ST_OK)
        return st;
    if ((t->n_added & (t->n_added - 1)) == 0) {        /* room for twice as many */
        struct added *more = ARENA_NEW(t->arena, struct added, MAX(2 * t->n_added, 1));
        if (!more)
            return ST_SYS;
        if (t->n_added)
            memcpy(more, t->added, (size_t)t->n_added * sizeof *more);
        t->added = more;
    }
    struct added *to = &t->added[t->n_added++];
    *to = (struct added){ .id = id, .special = load_flag(v, "special", false),
                          .single_word = load_flag(v, "single_word", false),
                          .lstrip = load_flag(v, "lstrip", false),
                          .rstrip = load_flag(v, "rstrip", false) };
    to->normalized = load_flag(v, "normalized", !to->special);
    t->vocab = MAX(t->vocab, (int64_t)id + 1);
    return copy_text(t->arena, content, &to->text);
}

static int by_id(const void *pa, const void *pb)
{
    const struct added *a = pa, *b = pb;

    return a->id < b->id ? -1 : a->id > b->id;
}

/* A token that is searched for behind the normaliser is itself normalised. */
static enum st normal_text(const struct tokenizer *t, struct added *v)
{
    struct normal w = { 0 };
    struct view s;
    enum st st = normalise(t->normaliser, &w, v->text, &s);

    v->sought = v->text;
    if (st == ST_OK && !view_eq(s, v->text))
        st = copy_text(t->arena, s, &v->sought);
    normal_free(&w);
    return st;
}

enum st load_added_done(struct tokenizer *t)
{
    struct added_set *set[2] = { added_new(t->arena), added_new(t->arena) };
    bool any[2] = { false, false };
    enum st st = set[0] && set[1] ? ST_OK : ST_SYS;

    if (t->n_added)
        qsort(t->added, (size_t)t->n_added, sizeof *t->added, by_id);
    for (int64_t i = 0; i < t->n_added && st == ST_OK; i++) {
        struct added *v = &t->added[i];
        v->sought = v->text;
        if (v->normalized && (st = normal_text(t, v)) != ST_OK)
            return st;
        if (i > 0 && v->id == v[-1].id)
            return fail(ST_DATA, "two added tokens have the id %u", v->id);
        if (!v->sought.n)                      /* nothing is left of it to find */
            continue;
        st = added_put(set[v->normalized], v);
        any[v->normalized] = true;
    }
    t->raw = any[0] ? set[0] : NULL;
    t->normal = any[1] ? set[1] : NULL;
    return st;
}

enum st load_added(struct load *l, const struct scan *list)
{
    enum st st = ST_OK;

    for (int32_t i = 0; i < list->n && st == ST_OK; i++) {
        const struct scan *v = &list->item[i];
        uint32_t id = 0;
        if ((st = load_id(load_member(v, "id"), load_text(v, "content"), &id)) == ST_OK)
            st = load_added_one(l->t, v, id);
    }
    return st == ST_OK ? load_added_done(l->t) : st;
}
