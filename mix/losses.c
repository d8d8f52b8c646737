/* losses.c - who may know what: a queue of what was sent, matched one by one with what comes
 * back. */
#include <math.h>

#include "losses.h"

/* Was it sent before update u?  The measurements of number u were. */
static bool before(struct awaited a, int64_t u)
{
    return a.why == WHY_UPDATE ? a.i < u : a.i <= u;
}

void losses_sent(struct losses *l, struct awaited a)
{
    if (!l->fb)
        return;
    BUG_IF(l->n_sent - l->n_heard >= LOSSES_AWAITED);
    l->sent[l->n_sent++ % LOSSES_AWAITED] = a;
}

/* Does it say something of the objective?  Not the loss, no number, of an update that step passed
 * over (step --nan skip=N). */
static bool teaches(const struct seen *m)
{
    return m->why != WHY_EVAL && m->obj != OBJ_BOTH && isfinite(m->loss);
}

static void learn(struct losses *l, const struct policy *p, const struct study *s, double *state,
                  const struct seen *m)
{
    if (!teaches(m))
        return;
    l->last[m->obj] = m->loss;
    if (p->learn)
        p->learn(s, state, m);
}

/* Text fields of a metric: obj and why. */
static struct view text_of(const struct rec *r, const char *key)
{
    struct view f = rec_field(r, key);
    struct mp_in c = { (const uint8_t *)f.p, (const uint8_t *)f.p + f.n, NULL };
    struct mp v = { 0 };

    if (!f.p || !mp_next(&c, &v) || v.type != MP_TEXT)
        return (struct view){ NULL, 0 };
    return (struct view){ (const char *)v.p, v.n };
}

/* The metric's own fields.  ST_DATA where one is missing; the loss may still be no number. */
static enum st metric(struct seen *m, const struct rec *r)
{
    struct view obj = text_of(r, "obj"), why = text_of(r, "why");
    double i;

    *m = (struct seen){ .obj = OBJ_SFT, .why = WHY_UPDATE };
    while (m->obj < OBJ_BOTH && !view_is(obj, obj_name(m->obj)))
        m->obj++;
    while (m->why < WHY_EVAL && !view_is(why, why_name(m->why)))
        m->why++;
    if (!view_is(obj, obj_name(m->obj)) || !view_is(why, why_name(m->why)) ||
        !rec_number(r, "i", &i) || !(i >= 0 && i < 0x1p53) || !rec_number(r, "loss", &m->loss))
        return fail(ST_DATA, "a metric without its 'i', 'obj', 'why' and 'loss'");
    m->i = (int64_t)i;
    return ST_OK;
}

static enum st usable(const struct seen *m)
{
    if (m->why != WHY_REFRESH || isfinite(m->loss))
        return ST_OK;
    return fail(ST_DATA, "the loss of %s at step %lld is %g; nothing can be decided by it",
                obj_name(m->obj), (long long)m->i, m->loss);
}

static enum st hear(struct losses *l, struct awaited want, struct seen *m)
{
    struct rec r;
    enum st st = feedback_next(l->fb, &r);

    if (st != ST_OK || (st = metric(m, &r)) != ST_OK)
        return st;
    if (m->i != want.i || m->obj != want.obj || m->why != want.why)
        return fail(ST_DATA, "the loss of step %lld (%s %s) instead of step %lld (%s %s); tell one "
                    "for each step record, in order", (long long)m->i, obj_name(m->obj),
                    why_name(m->why), (long long)want.i, obj_name(want.obj), why_name(want.why));
    return usable(m);
}

enum st losses_learn(struct losses *l, const struct policy *p, const struct study *s, double *state,
                     int64_t i)
{
    int64_t u = MAX(i == INT64_MAX ? i : i - s->delay, 0);
    struct seen m;

    for (; l->at_past < l->n_past; l->at_past++) {
        m = l->past[l->at_past];
        if (!before((struct awaited){ m.i, m.obj, m.why }, u))
            return ST_OK;
        learn(l, p, s, state, &m);
    }
    while (l->n_heard < l->n_sent) {
        struct awaited want = l->sent[l->n_heard % LOSSES_AWAITED];
        if (!before(want, u))
            break;
        enum st st = hear(l, want, &m);
        if (st != ST_OK)
            return st;
        l->n_heard++;
        learn(l, p, s, state, &m);
    }
    return ST_OK;
}

enum st losses_past(struct losses *l, const char *name, int64_t from, int64_t first,
                    const struct study *s, struct arena *a)
{
    int64_t known = from > 0 ? MAX(from - 1 - s->delay, 0) : -1;
    int64_t room = 5 * (first - from + s->delay + 2);
    struct in *in;
    struct rec r;
    struct seen m = { .i = -1 };
    enum st st = in_open(&in, name, a);

    if (st != ST_OK)
        return st;
    l->past = ARENA_NEW(a, struct seen, room);
    while (l->past && !(m.why == WHY_UPDATE && m.i == first - 1)) {
        if ((st = in_next(in, &r)) != ST_OK || (st = metric(&m, &r)) != ST_OK ||
            (st = usable(&m)) != ST_OK)
            break;
        if (known >= 0 && before((struct awaited){ m.i, m.obj, m.why }, known)) {
            if (teaches(&m))
                l->last[m.obj] = m.loss;
            continue;
        }
        if (l->n_past == room) {
            st = fail(ST_DATA, "more losses than steps");
            break;
        }
        l->past[l->n_past++] = m;
    }
    in_close(in);
    if (st == ST_END)
        st = fail(ST_DATA, "ends before step %lld, where the checkpoint was taken",
                  (long long)first - 1);
    return l->past ? st : ST_SYS;
}
