/* version.c - prefixes read from streams, and records put together by hand from them. */
#include "version.h"

static bool begins(struct ids v, int64_t bos)
{
    return bos >= 0 && v.n > 0 && ids_at(v, 0) == (uint64_t)bos;
}

static struct ids behind(struct ids v, int64_t n)
{
    return (struct ids){ v.p + n * v.width, v.n - n, v.width };
}

static enum st add_row(struct buf *b, const struct rec *r, const struct header *h)
{
    struct ids v = r->kind == REC_PROMPT ? r->prompt : r->ids;
    enum st st = ST_OK;

    if (r->kind != REC_TEXT && r->kind != REC_SFT && r->kind != REC_PROMPT)
        return fail(ST_DATA, "a row of kind '%s' is no prefix; text, sft and prompt are",
                    shown(r->t));
    if (b->n && begins(v, h->bos))
        v = behind(v, 1);
    for (int64_t i = 0; i < v.n && st == ST_OK; i++)
        st = buf_add(b, &(uint32_t){ ids_at(v, i) }, sizeof(uint32_t));
    return st;
}

enum st version_prefix(struct prefix *p, const char *name, const struct header *h,
                       struct arena *a)
{
    const struct header *own;
    struct buf b = { 0 };
    struct in *in;
    struct rec r;
    enum st st;

    if ((st = in_open(&in, name, a)) != ST_OK)
        return st;
    if ((st = in_header(in, &own)) == ST_OK)
        st = header_same(h, "the rows", own, name);
    while (st == ST_OK && (st = in_next(in, &r)) == ST_OK)
        if ((st = add_row(&b, &r, h)) == ST_DATA)
            err_at("%s:%lld", shown(view_of(name)), (long long)in_count(in));
    in_close(in);
    *p = (struct prefix){ .name = name, .n = (int64_t)(b.n / sizeof(uint32_t)) };
    if (st == ST_END && p->n == 0) {
        err_place("%s", shown(view_of(name)));
        st = fail(ST_DATA, "no ids to put before the rows");
    }
    if (st == ST_END && (p->id = ARENA_NEW(a, uint32_t, p->n)))
        memcpy(p->id, b.p, b.n);
    buf_free(&b);
    return st != ST_END ? st : p->id ? ST_OK : ST_SYS;
}

/* The prefix and the ids behind it. */
static enum st join(struct ids *to, const struct prefix *p, struct ids v, int width,
                    struct arena *a)
{
    uint8_t *q = arena_get(a, (size_t)((p->n + v.n) * width));

    if (!q)
        return ST_SYS;
    ids_put(q, p->id, p->n, width);
    if (v.n)
        memcpy(q + p->n * width, v.p, (size_t)(v.n * width));
    *to = (struct ids){ q, p->n + v.n, width };
    return ST_OK;
}

/* Spans of ids of which the first `gone` are no more; the very first is never scored. */
static enum st shift(struct spans *to, struct spans s, int64_t n_ids, int64_t gone,
                     struct arena *a)
{
    struct span *v = ARENA_NEW(a, struct span, MAX(s.given ? s.n : 1, 1));
    const struct span all = { 0, n_ids };
    int64_t n = 0;

    if (!v)
        return ST_SYS;
    for (int64_t i = 0; i < (s.given ? s.n : 1); i++) {
        struct span one = s.given ? s.v[i] : all;
        one.begin = MAX(one.begin, 1) - gone;
        one.end -= gone;
        if (one.begin < one.end)
            v[n++] = one;
    }
    *to = (struct spans){ v, n, true };
    return ST_OK;
}

enum st version_of(struct rec *to, const struct rec *r, const struct prefix *p,
                   const struct header *h, struct arena *a)
{
    bool whole = r->kind == REC_SFT || r->kind == REC_TEXT;
    struct ids own = whole ? r->ids : r->prompt;
    int64_t gone = h->bos >= 0 && p->id[0] == (uint64_t)h->bos && begins(own, h->bos);

    *to = *r;
    if (!whole && own.n == 0)
        return fail(ST_DATA, "no prompt, so its first token has nothing before it and --prefix "
                    "would score one more");
    if (!whole)
        return join(&to->prompt, p, behind(own, gone), h->width, a);
    to->kind = REC_LABEL;
    to->t = VIEW("label");
    to->ids = (struct ids){ NULL, 0, h->width };
    to->span = (struct spans){ 0 };
    to->completion = behind(own, gone);
    enum st st = join(&to->prompt, p, (struct ids){ NULL, 0, h->width }, h->width, a);
    return st == ST_OK ? shift(&to->completion_span, r->span, own.n, gone, a) : st;
}
