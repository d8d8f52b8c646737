/* log.c - writing the decisions down. */
#include <math.h>
#include <sys/stat.h>

#include "log.h"

struct log {
    struct out *out;
    struct buf  rows, rec;                     /* of int64_t pairs; of a record being made */
};

static enum st key(struct buf *b, const char *name)
{
    return mp_text(b, view_of(name));
}

static enum st put_int(struct buf *b, const char *name, int64_t v)
{
    return key(b, name) || mp_int(b, v) ? ST_SYS : ST_OK;
}

static enum st put_text(struct buf *b, const char *name, const char *v)
{
    return key(b, name) || mp_text(b, view_of(v)) ? ST_SYS : ST_OK;
}

static enum st put_bool(struct buf *b, const char *name, bool v)
{
    return key(b, name) || mp_bool(b, v) ? ST_SYS : ST_OK;
}

static enum st put_source(struct log *g, struct cursor *c, bool held)
{
    struct buf *b = &g->rec;
    uint32_t print = 0;
    enum st st = source_print(c, &print);

    b->n = 0;
    if (st != ST_OK)
        return st;
    if (mp_map(b, 8) || put_text(b, "t", "source") || put_int(b, "n", c->how.index) ||
        put_text(b, "name", c->how.name) || put_text(b, "obj", obj_name(c->how.obj)) ||
        put_bool(b, "held", held) || key(b, "weight") || mp_real(b, c->how.weight) ||
        put_int(b, "rows", c->n_rows) || put_int(b, "print", print))
        return ST_SYS;
    return out_put(g->out, b->p, b->n, 0);
}

static enum st put_sources(struct log *g, struct mixer *m)
{
    for (int k = 0; k < 4; k++) {
        const struct side *s = k < 2 ? &m->side[k] : &m->held[k - 2];
        for (int64_t j = 0; j < s->n_sources; j++) {
            enum st st = put_source(g, s->c[j], k >= 2);
            if (st != ST_OK)
                return st;
        }
    }
    return ST_OK;
}

/* Decisions of the steps before `first` in an older log, as they stand; what breaks off there is
 * left out. */
static enum st old_decisions(struct buf *old, struct buf *ends, const char *name, int64_t first,
                             struct arena *a)
{
    struct in *in;
    struct rec r;
    double i;
    enum st st = in_open(&in, name, a);

    if (st != ST_OK) {
        err_clear();
        return ST_OK;
    }
    while ((st = in_next(in, &r)) == ST_OK) {
        if (!view_is(r.t, "decision"))
            continue;
        if (!rec_number(&r, "i", &i) || !(i < (double)first))
            break;
        if (buf_add(old, r.raw, r.raw_bytes) != ST_OK ||
            buf_add(ends, &old->n, sizeof old->n) != ST_OK) {
            in_close(in);
            return ST_SYS;
        }
    }
    err_clear();
    in_close(in);
    return ST_OK;
}

/* Sources, then the decisions kept, into a new file that takes the old one's name when they are
 * all there. */
static enum st begin(struct log *g, struct mixer *m, const struct header *h)
{
    const char *name = m->arg->log, *temp = arena_printf(m->arena, "%s.new", name);
    struct buf old = { 0 }, ends = { 0 };
    enum st st = temp ? ST_OK : ST_SYS;
    size_t from = 0;

    if (st == ST_OK && m->first > 0)
        st = old_decisions(&old, &ends, name, m->first, m->arena);
    if (st == ST_OK)
        st = out_append(&g->out, temp, h, -1, m->arena);
    if (st == ST_OK)
        st = put_sources(g, m);
    for (size_t k = 0; st == ST_OK && k < ends.n / sizeof(size_t); k++) {
        size_t end = ((const size_t *)(const void *)ends.p)[k];
        st = out_put(g->out, old.p + from, end - from, 0);
        from = end;
    }
    if (st == ST_OK)
        st = out_flush(g->out);
    if (st == ST_OK && rename(temp, name) != 0) {
        err_place("%s", name);
        st = fail_sys("cannot rename '%s' to it", shown(view_of(temp)));
    }
    buf_free(&old);
    buf_free(&ends);
    return st;
}

enum st log_open(struct log **g, struct mixer *m)
{
    struct stat s;
    struct header *h = ARENA_NEW(m->arena, struct header, 1);

    if (!(*g = ARENA_NEW(m->arena, struct log, 1)) || !h)
        return ST_SYS;
    *h = *m->header;
    h->mixed = false;                                  /* a stream of decisions, not of steps */
    if (strcmp(m->arg->log, "-") != 0 && (stat(m->arg->log, &s) != 0 || S_ISREG(s.st_mode)))
        return begin(*g, m, h);
    enum st st = out_open(&(*g)->out, m->arg->log, h, OUT_RAW, m->arena);
    return st == ST_OK ? put_sources(*g, m) : st;
}

enum st log_row(struct log *g, int64_t source, int64_t row)
{
    int64_t pair[2] = { source, row };
    return buf_add(&g->rows, pair, sizeof pair);
}

static enum st put_rows(struct buf *b, const struct buf *rows)
{
    const int64_t *v = (const int64_t *)(const void *)rows->p;
    int64_t n = (int64_t)(rows->n / sizeof *v) / 2;

    if (key(b, "rows") || mp_array(b, n))
        return ST_SYS;
    for (int64_t k = 0; k < n; k++)
        if (mp_array(b, 2) || mp_int(b, v[2 * k]) || mp_int(b, v[2 * k + 1]))
            return ST_SYS;
    return ST_OK;
}

enum st log_step(struct log *g, const struct step_rec *s, struct view raw, const double last[2])
{
    static const char *const name[2] = { "loss_sft", "loss_pref" };
    struct buf *b = &g->rec;

    b->n = 0;
    if (mp_map(b, 8 + !isnan(last[0]) + !isnan(last[1])) || put_text(b, "t", "decision") ||
        put_int(b, "i", s->i) || put_text(b, "obj", obj_name(s->obj)) ||
        put_text(b, "why", why_name(s->why)) || put_bool(b, "train", s->train) ||
        put_bool(b, "use", s->use))
        return ST_SYS;
    for (int o = 0; o < 2; o++)
        if (!isnan(last[o]) && (key(b, name[o]) || mp_real(b, last[o])))
            return ST_SYS;
    if (put_rows(b, &g->rows) || key(b, "step") || mp_bin(b, raw.p, raw.n))
        return ST_SYS;
    g->rows.n = 0;
    enum st st = out_put(g->out, b->p, b->n, 0);
    return st == ST_OK ? out_flush(g->out) : st;
}

enum st log_close(struct log *g, enum st st, struct view state)
{
    if (!g)
        return st;
    if (g->out) {
        enum st closed = out_close(g->out, st, state);
        st = st == ST_OK ? closed : st;
    }
    g->out = NULL;
    buf_free(&g->rows);
    buf_free(&g->rec);
    return st;
}
