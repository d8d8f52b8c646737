/* jglobal.c - the functions that every template has. */
#include "chat/jfunc.h"

/* jcycler: a copy of the values */
JFUNC(jglobal_cycler)
{
    struct jcycler *c = jrun_get(w, sizeof *c);
    struct jvalue *at = jrun_get(w, (size_t)a->n * sizeof *at);

    (void)self;
    if (!c || !at)
        return ST_SYS;
    if (a->n == 0 || a->n_named)
        return jrun_fail(w, "cycler needs values, by position");
    for (int64_t i = 0; i < a->n; i++)
        at[i] = a->at[i];
    *c = (struct jcycler){ at, a->n, 0 };
    *out = jvalue_of(J_CYCLER, c, 0);
    return ST_OK;
}

JFUNC(jglobal_joiner)
{
    struct jjoiner *j = jrun_get(w, sizeof *j);

    (void)self;
    if (!j)
        return ST_SYS;
    *j = (struct jjoiner){ a->at[0].kind == J_MISSING ? jvalue_text(", ", 2) : a->at[0], false };
    *out = jvalue_of(J_JOINER, j, 0);
    return ST_OK;
}

struct pairs { struct jpair *at; size_t n, cap; };

static enum st set(struct jrun *w, struct pairs *p, struct jvalue key, struct jvalue value)
{
    struct jvalue dict = jvalue_of(J_DICT, p->at, p->n), old;
    bool found, same;
    enum st st;

    if ((st = jvalue_hashable(w, key)) != ST_OK ||
        (st = jvalue_find(w, dict, key, &old, &found)) != ST_OK)
        return st;
    for (size_t i = 0; found && i < p->n; i++) {
        if ((st = jvalue_equal(w, p->at[i].key, key, &same)) != ST_OK)
            return st;
        if (same) {
            p->at[i].value = value;
            return ST_OK;
        }
    }
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 8;
        struct jpair *at = jrun_get(w, cap * sizeof *at);
        if (!at)
            return ST_SYS;
        if (p->n)
            memcpy(at, p->at, p->n * sizeof *at);
        p->at = at;
        p->cap = cap;
    }
    p->at[p->n++] = (struct jpair){ key, value };
    return ST_OK;
}

/* dict(): of a dict or of pairs, then of the named arguments. */
static enum st pairs(struct jrun *w, const char *name, const struct jargs *a, struct pairs *p)
{
    struct jvalue item, two;
    struct jiter it;
    bool more;
    enum st st = ST_OK;

    if (a->n > 1)
        return jrun_fail(w, "%s takes at most one argument by position", name);
    if (a->n && a->at[0].kind == J_DICT) {
        for (size_t i = 0; i < a->at[0].n && st == ST_OK; i++) {
            struct jpair one = jvalue_pair(a->at[0], i);
            st = set(w, p, one.key, one.value);
        }
    } else if (a->n) {
        if ((st = jiter_start(w, a->at[0], &it)) != ST_OK)
            return st;
        while ((st = jiter_next(w, &it, &item, &more)) == ST_OK && more) {
            if ((st = jiter_list(w, item, &two)) != ST_OK)
                return st;
            if (two.n != 2)
                return jrun_fail(w, "%s needs pairs", name);
            if ((st = set(w, p, two.item[0], two.item[1])) != ST_OK)
                return st;
        }
    }
    for (int64_t i = 0; i < a->n_named && st == ST_OK; i++)
        st = set(w, p, jvalue_text(a->named[i].name.p, a->named[i].name.n), a->named[i].value);
    return st;
}

JFUNC(jglobal_dict)
{
    struct pairs p = { 0 };
    enum st st = pairs(w, "dict", a, &p);

    (void)self;
    *out = jvalue_of(J_DICT, p.at, p.n);
    return st;
}

enum st jspace_set(struct jrun *w, struct jspace *s, struct view name, struct jvalue v)
{
    if (name.n && name.p[0] == '_')
        return jrun_fail(w, "a namespace takes no name that begins with '_'");
    for (int64_t i = 0; i < s->n; i++)
        if (view_eq(s->at[i].name, name)) {
            s->at[i].value = v;
            return ST_OK;
        }
    if (s->n == s->cap) {
        int64_t cap = s->cap ? 2 * s->cap : 8;
        struct jnamed *at = jrun_get(w, (size_t)cap * sizeof *at);
        if (!at)
            return ST_SYS;
        if (s->n)
            memcpy(at, s->at, (size_t)s->n * sizeof *at);
        s->at = at;
        s->cap = cap;
    }
    s->at[s->n++] = (struct jnamed){ name, v };
    return ST_OK;
}

JFUNC(jglobal_namespace)
{
    struct jspace *s = jrun_get(w, sizeof *s);
    struct pairs p = { 0 };
    enum st st = s ? pairs(w, "namespace", a, &p) : ST_SYS;

    (void)self;
    if (st != ST_OK)
        return st;
    *s = (struct jspace){ 0 };
    for (size_t i = 0; i < p.n && st == ST_OK; i++) {
        if (p.at[i].key.kind != J_TEXT)
            return jrun_fail(w, "a namespace needs names that are strings");
        st = jspace_set(w, s, jvalue_view(p.at[i].key), p.at[i].value);
    }
    *out = jvalue_of(J_NAMESPACE, s, 0);
    return st;
}

JFUNC(jglobal_raise_exception)
{
    struct jvalue text;
    enum st st = jvalue_as_text(w, a->at[0], &text);

    (void)self;
    (void)out;
    return st == ST_OK ? jrun_fail(w, "%.*s", (int)MIN(text.n, 1000), text.s) : st;
}

JFUNC(jglobal_range)
{
    struct jrange *r = jrun_get(w, sizeof *r);
    int64_t v[3] = { 0, 0, 1 };
    enum st st = r ? ST_OK : ST_SYS;

    (void)self;
    if (st == ST_OK && (a->n < 1 || a->n > 3 || a->n_named))
        return jrun_fail(w, "range takes one to three integers");
    for (int64_t i = 0; i < a->n && st == ST_OK; i++)
        st = jcall_int(w, a->at[i], "range", &v[a->n == 1 ? 1 : i]);
    if (st != ST_OK)
        return st;
    if (v[2] == 0)
        return jrun_fail(w, "a range cannot have steps of 0");
    bool up = v[2] > 0, some = up ? v[0] < v[1] : v[0] > v[1];
    uint64_t width = up ? (uint64_t)v[1] - (uint64_t)v[0] : (uint64_t)v[0] - (uint64_t)v[1];
    uint64_t step = up ? (uint64_t)v[2] : -(uint64_t)v[2], n = some ? (width - 1) / step + 1 : 0;
    if (n > JRUN_RANGE_MAX)
        return jrun_fail(w, "a range of more than %d items", JRUN_RANGE_MAX);
    *r = (struct jrange){ v[0], v[1], v[2], (int64_t)n };
    *out = jvalue_of(J_RANGE, r, 0);
    return ST_OK;
}

/* strftime() of the C library, as Python calls it; the date has no zone and no fractions. */
JFUNC(jglobal_strftime_now)
{
    struct view f = { 0 };
    struct buf *b = jrun_text(w);
    size_t start = b->n;
    char one[8], told[400];
    enum st st = jcall_text(w, a->at[0], "format", &f);

    (void)self;
    for (size_t i = 0, n; i < f.n && st == ST_OK; i += n) {
        n = 1;
        if (f.p[i] != '%' || i + 1 == f.n) {
            st = buf_add(b, f.p + i, 1);
            continue;
        }
        if (strchr("-_0^#", f.p[i + 1]) && i + 2 < f.n)
            n = 2;
        char kind = f.p[i + n++];
        if (kind == 'Z' || kind == 'z')
            continue;
        if (!kind || !strchr("aAbBcCdDeFgGhHIjklmMnprRStTuUVwWxXyYsP%", kind) || kind == 's')
            return jrun_fail(w, "the directive '%s' of strftime_now is not supported",
                             shown((struct view){ f.p + i, n }));
        memcpy(one, f.p + i, n);
        one[n] = 0;
        size_t len = strftime(told, sizeof told, one, w->date);
        st = buf_add(b, told, len);
    }
    return st == ST_OK ? jrun_cut(w, b, start, out) : st;
}
