/* window.c - reservoir of rows from a pipe; slots are reused, so it comes to rest at the window's
 * size. */
#include "base/rng.h"
#include "window.h"

struct slot {
    struct buf  raw;
    struct line line;
};

struct window {
    struct in    *in;
    struct arena *arena;
    uint64_t      seed, stream;
    int64_t       n_max, n, drawn;
    bool          ended;
    struct slot **held;                        /* [n_max], n of them full */
    struct buf    queue, spare;                /* of struct slot *: drawn and waiting; empty */
};

static struct slot **slots(struct buf *b)
{
    return (struct slot **)(void *)b->p;
}

static int64_t count(const struct buf *b)
{
    return (int64_t)(b->n / sizeof(struct slot *));
}

enum st window_open(struct window **w, const char *name, int64_t n_rows, uint64_t seed,
                    int64_t index, struct arena *a)
{
    enum st st;

    if (!(*w = ARENA_NEW(a, struct window, 1)))
        return ST_SYS;
    **w = (struct window){ .arena = a, .seed = seed, .n_max = n_rows,
                           .stream = RNG_STREAM(RNG_SHUFFLE, (uint32_t)index),
                           .held = ARENA_NEW(a, struct slot *, n_rows) };
    if (!(*w)->held)
        return ST_SYS;
    st = in_open(&(*w)->in, name, a);
    if (st != ST_OK)
        (*w)->in = NULL;
    return st;
}

enum st window_header(struct window *w, const struct header **h)
{
    return in_header(w->in, h);
}

static enum st slot_new(struct window *w, struct slot **s)
{
    if (w->spare.n) {
        *s = slots(&w->spare)[count(&w->spare) - 1];
        w->spare.n -= sizeof *s;
        return ST_OK;
    }
    return (*s = ARENA_NEW(w->arena, struct slot, 1)) ? ST_OK : ST_SYS;
}

/* Reads until the window is full or the pipe ended. */
static enum st fill(struct window *w)
{
    struct rec r;

    while (!w->ended && w->n < w->n_max) {
        int64_t row = in_count(w->in);
        enum st st = in_next(w->in, &r);
        if (st == ST_END) {
            w->ended = true;
            break;
        }
        struct slot *s;
        if (st != ST_OK || (st = slot_new(w, &s)) != ST_OK)
            return st;
        w->held[w->n++] = s;
        s->raw.n = 0;
        if ((st = buf_add(&s->raw, r.raw, r.raw_bytes)) != ST_OK)
            return st;
        s->line = (struct line){ s->raw.p, s->raw.n, r.kind, r.id, row, r.n_tokens, r.n_trained };
    }
    return ST_OK;
}

enum st window_row(struct window *w, int64_t ahead, struct line *l)
{
    while (count(&w->queue) <= ahead) {
        enum st st = fill(w);
        if (st != ST_OK)
            return st;
        if (w->n == 0)
            return ST_END;
        int64_t k = (int64_t)(rng_unit(w->seed, w->stream, (uint64_t)w->drawn) * (double)w->n);
        if ((st = buf_add(&w->queue, &w->held[k], sizeof w->held[k])) != ST_OK)
            return st;
        w->drawn++;
        w->held[k] = w->held[--w->n];
    }
    *l = slots(&w->queue)[ahead]->line;
    return ST_OK;
}

void window_release(struct window *w, int64_t n)
{
    struct slot **q = slots(&w->queue);
    size_t bytes = (size_t)n * sizeof *q;

    if (buf_add(&w->spare, q, bytes) != ST_OK)         /* then they are only not used again */
        err_clear();
    memmove(q, q + n, w->queue.n - bytes);
    w->queue.n -= bytes;
}

static void empty(struct buf *b)
{
    for (int64_t i = 0; i < count(b); i++)
        buf_free(&slots(b)[i]->raw);
    buf_free(b);
}

void window_close(struct window *w)
{
    if (!w)
        return;
    for (int64_t i = 0; i < w->n; i++)
        buf_free(&w->held[i]->raw);
    empty(&w->queue);
    empty(&w->spare);
    if (w->in)
        in_close(w->in);
}
