/* noise.c - rows into influences, influences into the error of a paired difference.
 *
 * A loss is a ratio r = sum a / sum b over rows, so a row moves it by (a - r b) / sum b; a distance
 * moves by its slope times that.  The sum of squares over rows is the variance, as for one ratio
 * (score.h).  Both objectives have rows of their own. */
#include <math.h>
#include <xxhash.h>

#include "page.h"

static int by_key(const void *va, const void *vb)
{
    const struct row_values *a = va, *b = vb;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static enum st push(struct row_list *l, int64_t *cap, struct row_values v, struct arena *a)
{
    if (l->n == *cap) {
        int64_t more = *cap ? 2 * *cap : 256;
        struct row_values *to = ARENA_NEW(a, struct row_values, more);
        if (!to)
            return ST_SYS;
        if (l->n)
            memcpy(to, l->v, (size_t)l->n * sizeof *to);
        l->v = to;
        *cap = more;
    }
    l->v[l->n++] = v;
    l->a += v.a;
    l->b += v.b;
    return ST_OK;
}

/* Item figures of loss (sft) and of preference with a reference column; others pass by. */
static enum st add(struct row_list *list, int64_t cap[2], const struct rec *r, struct arena *a)
{
    struct arena *tmp = arena_new(0);
    struct figures f = figures_in(tmp);
    double w = 1, value, tokens = 1;

    figures_read(&f, r);
    figures_number(&f, "w", &w);
    const struct figure *obj = figures_find(&f, "obj");
    int o = obj && obj->type == FIGURE_TEXT && view_is(obj->text, "sft") ? SFT : PREF;
    bool told = figures_number(&f, o == SFT ? "logps" : "loss", &value) &&
                (o == PREF || figures_number(&f, "tokens", &tokens));
    uint64_t key[] = { r->id, XXH3_64bits(r->src.p, r->src.n) };
    enum st st = f.st;
    if (st == ST_OK && told)
        st = push(&list[o], &cap[o],
                  (struct row_values){ XXH3_64bits(key, sizeof key), list[o].n,
                                       o == SFT ? -w * value : w * value, w * tokens }, a);
    arena_free(tmp);
    return st;
}

enum st rows_read(struct row_list *list, const char *path, struct arena *a)
{
    int64_t cap[2] = { 0 };
    struct rec r;
    struct in *in;
    enum st st = in_open(&in, path, a);

    list[SFT] = list[PREF] = (struct row_list){ 0 };
    if (st != ST_OK)
        return st;
    while ((st = in_next(in, &r)) == ST_OK)
        if (r.kind == REC_METRIC && (st = add(list, cap, &r, a)) != ST_OK)
            break;
    in_close(in);
    for (int o = 0; o < 2; o++)
        if (list[o].n)
            qsort(list[o].v, (size_t)list[o].n, sizeof *list[o].v, by_key);
    return st == ST_END ? ST_OK : st;
}

static double loss_of(const struct run *r, int o)
{
    return o == SFT ? r->loss.sft : r->loss.pref;
}

bool rows_agree(const struct row_list *list, const struct run *r)
{
    for (int o = 0; o < 2; o++)
        if (!(fabs(list[o].a / list[o].b - loss_of(r, o)) <= 1e-6 * fabs(loss_of(r, o)) + 1e-9))
            return false;
    return true;
}

/* d distance / d loss of an objective; 0 where its gap is no gap. */
static double slope(const struct run *r, int o)
{
    struct point g = r->by_share ? r->scaled : r->gap;
    double v = o == SFT ? g.sft : g.pref;
    double side = o == SFT ? r->nadir.sft - r->ideal.sft : r->nadir.pref - r->ideal.pref;

    if (!(v > 0))
        return 0;
    return v / study_distance(r) / (r->by_share ? side : 1);
}

double rows_error(const struct run *x, const struct row_list *of_x, const struct run *y,
                  const struct row_list *of_y)
{
    double variance = 0;

    for (int o = 0; o < 2; o++) {
        const struct row_list *p = &of_x[o], *q = &of_y[o];
        double gx = slope(x, o) / p->b, gy = slope(y, o) / q->b;
        double rx = p->a / p->b, ry = q->a / q->b, square = 0;
        if (p->n != q->n || p->n < 2)
            return NAN;
        for (int64_t i = 0; i < p->n; i++) {
            if (p->v[i].key != q->v[i].key)
                return NAN;
            double u = gx * (p->v[i].a - rx * p->v[i].b) - gy * (q->v[i].a - ry * q->v[i].b);
            square += u * u;
        }
        variance += (double)p->n / (double)(p->n - 1) * square;
    }
    return sqrt(variance);
}
