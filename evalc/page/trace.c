/* trace.c - a run's curves, from the records step kept of it.
 *
 * The axis of every curve is batches read, not updates: an update of both objectives reads two, so
 * that methods with the same budget end at the same place. */
#include <math.h>
#include <unistd.h>

#include "page.h"

enum { POINTS_MAX = 1 << 24 };

static enum st push(struct curve *c, int64_t *cap, double x, double y, struct arena *a)
{
    if (c->n == *cap) {                        /* the old arrays stay in the arena: they double */
        int64_t more = *cap ? 2 * *cap : 64;
        double *nx = ARENA_NEW(a, double, more), *ny = ARENA_NEW(a, double, more);
        if (!nx || !ny)
            return ST_SYS;
        if (c->n) {
            memcpy(nx, c->x, (size_t)c->n * sizeof *nx);
            memcpy(ny, c->y, (size_t)c->n * sizeof *ny);
        }
        c->x = nx;
        c->y = ny;
        *cap = more;
    }
    if (c->n == POINTS_MAX)
        return fail(ST_DATA, "more than %d updates", POINTS_MAX);
    c->x[c->n] = x;
    c->y[c->n++] = y;
    return ST_OK;
}

enum { HELD = 0, TRAIN = 2, GAP = 4, SHARE = 6, N_CURVES };

static struct curve *curve_at(struct trace *t, int k)
{
    return k < TRAIN ? &t->held[k] : k < GAP ? &t->train[k - TRAIN] :
           k < SHARE ? &t->gap[k - GAP] : &t->pref;
}

/* One metric: which curves it has a point of. */
static enum st add(struct trace *t, int64_t cap[N_CURVES], const struct rec *r, struct arena *a)
{
    static const char *const names[SHARE] = {
        "eval/sft/loss", "eval/pref/loss", "sft/loss", "pref/loss", "mix/gap_sft", "mix/gap_pref",
    };
    struct arena *tmp = arena_new(0);
    struct figures f = figures_in(tmp);
    enum st st = ST_OK;
    double v;

    figures_read(&f, r);
    const struct figure *why = figures_find(&f, "why"), *obj = figures_find(&f, "obj");
    bool update = why && why->type == FIGURE_TEXT && view_is(why->text, "update");
    bool pref = obj && obj->type == FIGURE_TEXT && view_is(obj->text, "pref");
    bool both = obj && obj->type == FIGURE_TEXT && view_is(obj->text, "both");
    if (update) {
        t->batches += both ? 2 : 1;
        st = push(&t->pref, &cap[SHARE], t->batches, both ? .5 : pref, a);
        t->skipped += !figures_find(&f, "loss");           /* no finite number is no figure */
    }
    for (int k = 0; st == ST_OK && k < SHARE; k++)
        if ((k < TRAIN || update) && figures_number(&f, names[k], &v))
            st = push(curve_at(t, k), &cap[k], t->batches, v, a);
    st = st == ST_OK ? f.st : st;
    arena_free(tmp);
    return st;
}

static enum st metrics(struct trace *t, const char *path, struct page *p)
{
    int64_t cap[N_CURVES] = { 0 };
    struct rec r;
    struct in *in;
    enum st st = in_open(&in, path, p->a);

    if (st != ST_OK)
        return st;
    while ((st = in_next(in, &r)) == ST_OK)
        if (r.kind == REC_METRIC && (st = add(t, cap, &r, p->a)) != ST_OK)
            break;
    in_close(in);
    t->told = true;
    return st == ST_END ? ST_OK : st;
}

static enum st timing(struct trace *t, const char *path, struct page *p)
{
    struct rec r;
    struct in *in;
    enum st st = in_open(&in, path, p->a);

    if (st != ST_OK)
        return st;
    while ((st = in_next(in, &r)) == ST_OK) {
        struct arena *tmp = arena_new(0);
        struct figures f = figures_in(tmp);
        double v;
        figures_read(&f, &r);
        if (figures_number(&f, "peak_memory", &v) && v > 0 && !(v <= t->peak_bytes))
            t->peak_bytes = v;
        arena_free(tmp);
    }
    in_close(in);
    return st == ST_END ? ST_OK : st;
}

static enum st items(struct trace *t, const char *path, struct page *p)
{
    return rows_read(t->rows, path, p->a);
}

enum st trace_read(struct trace *t, struct page *p)
{
    static const struct {
        const char *file;
        enum st (*read)(struct trace *, const char *, struct page *);
    } files[] = {
        { "metrics.rec", metrics }, { "timing.rec", timing },
        { "items.rec", items },     { "samples.rec", samples_read },
    };
    enum st st = ST_OK;

    t->peak_bytes = NAN;
    for (int64_t i = 0; st == ST_OK && i < countof(files); i++) {
        char *path = arena_printf(p->a, "%s/%s/%s", p->folder, t->dir, files[i].file);
        if (!path)
            return ST_SYS;
        if (access(path, F_OK) == 0)
            st = files[i].read(t, path, p);
    }
    return st;
}
