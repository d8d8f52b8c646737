/* other.c - completions of other prompts, with two groups of labels remembered. */
#include "other.h"

void other_open(struct other *o, int64_t positions)
{
    *o = (struct other){ .positions = positions };
    for (int i = 0; i < 2; i++)
        o->group[i].arena = arena_new(0);
}

void other_close(struct other *o)
{
    for (int i = 0; i < 2 && o->group[i].arena; i++)
        arena_free(o->group[i].arena);
    buf_free(&o->bytes);
}

static bool same_prompt(const struct rec *a, const struct rec *b)
{
    return a->prompt.n == b->prompt.n &&
           (a->prompt.n == 0 || memcmp(a->prompt.p, b->prompt.p, (size_t)a->prompt.n *
                                                                     (size_t)a->prompt.width) == 0);
}

/* Spans of the first n ids. */
static enum st cut(struct spans *to, const struct spans *from, int64_t n, struct arena *a)
{
    struct span *v = from->n ? ARENA_NEW(a, struct span, from->n) : NULL;

    *to = (struct spans){ .v = v };
    if (from->n && !v)
        return ST_SYS;
    for (int64_t i = 0; i < from->n && from->v[i].begin < n; i++)
        v[to->n++] = (struct span){ from->v[i].begin, MIN(from->v[i].end, n) };
    to->given = to->n > 0;
    return ST_OK;
}

static enum st give(struct other *o, struct rec *r, const struct rec *from, struct arena *a)
{
    struct ids ids = from->completion;
    struct spans span;

    if (r->other.n || r->prompt.n >= o->positions)     /* too long: who scores it says so */
        return ST_OK;
    ids.n = MIN(ids.n, o->positions - r->prompt.n);
    o->bytes.n = 0;
    enum st st = cut(&span, &from->completion_span, ids.n, a);
    if (st == ST_OK)
        st = rec_add_other(&o->bytes, r, ids, &span);
    uint8_t *raw = st == ST_OK ? arena_get(a, o->bytes.n) : NULL;
    if (!raw)
        return ST_SYS;
    memcpy(raw, o->bytes.p, o->bytes.n);
    return rec_read(r, raw, o->bytes.n, ids.width, a);
}

/* The label's group begins: who waits gets its completion, and the group before is the one that
 * was. */
static enum st turn(struct other *o, const struct rec *r, struct arena *a)
{
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && i < o->n_waiting; i++)
        st = give(o, o->waiting[i], r, a);
    o->n_waiting = 0;
    o->now = !o->now;
    o->group[o->now].n = 0;
    arena_back(o->group[o->now].arena, 0);
    return st;
}

enum st other_take(struct other *o, struct rec *r, struct arena *a)
{
    enum st st = ST_OK;

    if (o->group[o->now].n == 0 || !same_prompt(&o->group[o->now].rec[0], r))
        st = turn(o, r, a);
    struct other_group *now = &o->group[o->now], *before = &o->group[!o->now];
    int64_t k = now->n++;
    if (st == ST_OK && k < OTHER_GROUP)
        st = rec_copy(&now->rec[k], r, now->arena);
    if (st == ST_OK && before->n)
        return give(o, r, &before->rec[k % MIN(before->n, OTHER_GROUP)], a);
    if (st == ST_OK && !r->other.n && o->n_waiting < OTHER_WAIT)
        o->waiting[o->n_waiting++] = r;
    return st;
}

void other_end(struct other *o)
{
    o->without += o->n_waiting;
    o->n_waiting = 0;
}
