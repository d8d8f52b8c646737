/* jiter.c - iteration over anything that Python iterates, and loops that know where they are.
 *
 * Generators, what map, select and their like give, compute an item when it is asked for, once:
 * a template can tell the difference. */
#include "chat/jnode.h"
#include "chat/jtext.h"

bool jiter_can(struct jvalue v)
{
    switch (v.kind) {
    case J_UNDEFINED: case J_TEXT: case J_LIST: case J_TUPLE: case J_DICT: case J_RANGE:
    case J_KEYS: case J_VALUES: case J_ITEMS: case J_ITER: case J_LOOP:
        return true;
    default:
        return false;
    }
}

enum st jiter_start(struct jrun *w, struct jvalue v, struct jiter *it)
{
    *it = (struct jiter){ .of = v };
    if (!jiter_can(v) || v.kind == J_LOOP)
        return jrun_fail(w, "%s has no items", jvalue_type(v));
    return ST_OK;
}

static enum st pair(struct jrun *w, struct jpair p, struct jvalue *v)
{
    struct jvalue *two = jrun_get(w, 2 * sizeof *two);

    if (!two)
        return ST_SYS;
    two[0] = p.key;
    two[1] = p.value;
    *v = jvalue_of(J_TUPLE, two, 2);
    return ST_OK;
}

enum st jiter_next(struct jrun *w, struct jiter *it, struct jvalue *v, bool *more)
{
    struct jvalue of = it->of;
    const struct jrange *r = of.cp;
    enum st st = jrun_spend(w, 1);

    *more = it->i < of.n;
    switch (of.kind) {
    case J_LIST: case J_TUPLE:
        if (*more)
            *v = jvalue_item(of, it->i++);
        return st;
    case J_DICT: case J_KEYS:
        if (*more)
            *v = jvalue_pair(of, it->i++).key;
        return st;
    case J_VALUES:
        if (*more)
            *v = jvalue_pair(of, it->i++).value;
        return st;
    case J_ITEMS:
        return *more ? pair(w, jvalue_pair(of, it->i++), v) : st;
    case J_TEXT:
        if (*more) {
            size_t len = jtext_len(jvalue_view(of), it->i);
            *v = jvalue_text(of.s + it->i, len);
            it->i += len;
        }
        return st;
    case J_RANGE:
        *more = (int64_t)it->i < r->n;
        if (*more)
            *v = jvalue_int(r->start + (int64_t)it->i++ * r->step);
        return st;
    case J_ITER:
        if (++w->depth > JRUN_DEPTH_MAX)
            return jrun_fail(w, "generators nested too deeply");
        st = ((struct jgen *)of.p)->next(w, of.p, v, more);
        w->depth--;
        return st;
    default:                                   /* UNDEFINED */
        *more = false;
        return st;
    }
}

enum st jiter_new(struct jrun *w, struct jgen g, struct jvalue *out)
{
    struct jgen *p = jrun_get(w, sizeof *p);

    if (!p)
        return ST_SYS;
    *p = g;
    *out = jvalue_of(J_ITER, p, 0);
    return ST_OK;
}

enum st jiter_list(struct jrun *w, struct jvalue v, struct jvalue *list)
{
    struct jiter it;
    struct jvalue *at = NULL;
    size_t n = 0, cap = 0;
    bool more;
    enum st st;

    if ((st = jiter_start(w, v, &it)) != ST_OK)
        return st;
    for (;;) {
        if (n == cap) {
            struct jvalue *wider = jrun_get(w, (cap ? 2 * cap : 8) * sizeof *at);
            if (!wider)
                return ST_SYS;
            if (n)
                memcpy(wider, at, n * sizeof *at);
            at = wider;
            cap = cap ? 2 * cap : 8;
        }
        if ((st = jiter_next(w, &it, &at[n], &more)) != ST_OK)
            return st;
        if (!more)
            break;
        n++;
    }
    *list = jvalue_of(J_LIST, at, n);
    return ST_OK;
}

/* ---- loops ---- */

enum st jloop_next(struct jrun *w, struct jloop *l, struct jvalue *v, bool *more)
{
    enum st st = ST_OK;

    if (l->after.kind != J_MISSING) {
        *v = l->after;
        *more = true;
        l->after = (struct jvalue){ 0 };
    } else {
        st = jiter_next(w, &l->it, v, more);
    }
    if (st != ST_OK || !*more)
        return st;
    l->index++;
    l->before = l->now;
    l->now = *v;
    return ST_OK;
}

static enum st peek(struct jrun *w, struct jloop *l, bool *more)
{
    enum st st;

    *more = true;
    if (l->after.kind != J_MISSING)
        return ST_OK;
    if ((st = jiter_next(w, &l->it, &l->after, more)) == ST_OK && !*more)
        l->after = (struct jvalue){ 0 };
    return st;
}

static enum st length(struct jrun *w, struct jloop *l)
{
    struct jvalue rest;
    enum st st;

    if (l->length >= 0)
        return ST_OK;
    if (l->of.kind != J_ITER)
        return jvalue_length(w, l->of, &l->length);
    if ((st = jiter_list(w, l->it.of, &rest)) != ST_OK ||
        (st = jiter_start(w, rest, &l->it)) != ST_OK)
        return st;
    l->length = rest.n + l->index + 1 + (l->after.kind != J_MISSING);
    return ST_OK;
}

static enum st counted(struct jrun *w, struct jloop *l, struct view name, struct jvalue *out)
{
    enum st st = length(w, l);

    *out = jvalue_int(view_is(name, "length") ? l->length
                      : view_is(name, "revindex") ? l->length - l->index
                                                  : l->length - l->index - 1);
    return st;
}

enum st jloop_get(struct jrun *w, struct jloop *l, struct view name, struct jvalue *out,
                  bool *known)
{
    bool more = true;
    enum st st = ST_OK;

    *known = true;
    if (view_is(name, "first")) {
        *out = jvalue_bool(l->index == 0);
    } else if (view_is(name, "last")) {
        st = peek(w, l, &more);
        *out = jvalue_bool(!more);
    } else if (view_is(name, "index")) {
        *out = jvalue_int(l->index + 1);
    } else if (view_is(name, "index0")) {
        *out = jvalue_int(l->index);
    } else if (view_is(name, "length") || view_is(name, "revindex") || view_is(name, "revindex0")) {
        st = counted(w, l, name, out);
    } else if (view_is(name, "previtem")) {
        *out = l->index ? l->before : jvalue_undefined(name);
    } else if (view_is(name, "nextitem")) {
        st = peek(w, l, &more);
        *out = more ? l->after : jvalue_undefined(name);
    } else if (view_is(name, "depth") || view_is(name, "depth0")) {
        *out = jvalue_int(view_is(name, "depth"));
    } else {
        *known = false;
    }
    return st;
}
