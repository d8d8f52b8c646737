/* jattr.c - a.b, a[b] and a[b:c:d].
 *
 * a.b is the attribute, then the item of that name; a['b'] the item, then the attribute.  What
 * there is none of is undefined; so is a method that would change a list or dict, which the
 * immutable sandbox hides. */
#include "chat/jnode.h"
#include "chat/jtext.h"

/* Methods that change what they belong to. */
static bool changes(struct jvalue v, struct view name)
{
    static const char *const lists[] = { "append", "clear", "pop", "reverse", "insert", "sort",
                                         "extend", "remove", NULL };
    static const char *const dicts[] = { "clear", "pop", "popitem", "setdefault", "update", NULL };
    const char *const *names = v.kind == J_LIST ? lists : dicts;

    if (v.kind == J_LIST || v.kind == J_DICT)
        for (; *names; names++)
            if (view_is(name, *names))
                return true;
    return false;
}

bool jattr_special(struct view name)
{
    struct jvalue dict = { .kind = J_DICT };

    return changes(dict, name) || jfunc_method(J_DICT, name);
}

static enum st method(struct jrun *w, struct jvalue v, const struct jfunc *f, struct jvalue *out)
{
    struct jmethod *m;

    if (!f->call)
        return jrun_fail(w, "'%s' of %s is not supported", f->name, jvalue_type(v));
    if (!(m = jrun_get(w, sizeof *m)))
        return ST_SYS;
    *m = (struct jmethod){ f, v };
    *out = jvalue_of(J_METHOD, m, 0);
    return ST_OK;
}

static enum st of_macro(struct jrun *w, const struct jmacro *m, struct view name,
                        struct jvalue *out, bool *known)
{
    const struct jnode *n = m->node;
    size_t count = 0;

    *known = true;
    if (view_is(name, "name")) {
        *out = n->value.s ? n->value : jvalue_none();
    } else if (view_is(name, "caller") || view_is(name, "catch_kwargs") ||
               view_is(name, "catch_varargs")) {
        *out = jvalue_bool(n->extra & (view_is(name, "caller") ? JMACRO_CALLER
                           : view_is(name, "catch_kwargs") ? JMACRO_KWARGS : JMACRO_VARARGS));
        out->i = out->i != 0;
    } else if (view_is(name, "arguments")) {
        for (const struct jnode *p = n->a; p; p = p->next)
            count++;
        struct jvalue *at = jrun_get(w, count * sizeof *at);
        if (!at)
            return ST_SYS;
        *out = jvalue_of(J_TUPLE, at, count);
        for (const struct jnode *p = n->a; p; p = p->next)
            *at++ = p->value;
    } else {
        *known = false;
    }
    return ST_OK;
}

/* An attribute as getattr() has it. */
static enum st attribute(struct jrun *w, struct jvalue v, struct view name, struct jvalue *out,
                         bool *known)
{
    const struct jfunc *f = NULL;
    const struct jspace *s = v.cp;
    const struct jcycler *c = v.cp;

    enum st st;

    *known = true;
    if (v.kind == J_LOOP && ((st = jloop_get(w, v.p, name, out, known)) != ST_OK || *known))
        return st;
    *known = true;
    if (v.kind != J_NAMESPACE && (f = jfunc_method((enum jkind)v.kind, name)))
        return method(w, v, f, out);
    switch (v.kind) {
    case J_NAMESPACE:
        for (int64_t i = 0; i < s->n; i++)
            if (view_eq(s->at[i].name, name)) {
                *out = s->at[i].value;
                return ST_OK;
            }
        break;
    case J_MACRO:
        return of_macro(w, v.cp, name, out, known);
    case J_CYCLER:
        if (view_is(name, "current")) {
            *out = c->at[c->i];
            return ST_OK;
        }
        break;
    case J_TUPLE:
        if (v.flag & J_GROUP && (view_is(name, "grouper") || view_is(name, "list"))) {
            *out = v.item[view_is(name, "list")];
            return ST_OK;
        }
        break;
    case J_RANGE: {
        const struct jrange *r = v.cp;
        if (view_is(name, "start") || view_is(name, "stop") || view_is(name, "step")) {
            *out = jvalue_int(view_is(name, "start") ? r->start : view_is(name, "stop") ? r->stop
                                                                                        : r->step);
            return ST_OK;
        }
        break;
    }
    default:
        break;
    }
    *known = false;
    return ST_OK;
}

static enum st undefined_of(struct jrun *w, struct jvalue v, struct view name)
{
    if (v.n)
        return jrun_fail(w, "'%s' is undefined, so it has no '%s'", shown(jvalue_view(v)),
                         shown(name));
    return jrun_fail(w, "an undefined value has no '%s'", shown(name));
}

/* The item as v[key] has it; *known false where Python says TypeError or LookupError. */
static enum st item(struct jrun *w, struct jvalue v, struct jvalue key, struct jvalue *out,
                    bool *known)
{
    const struct jrange *r = v.cp;
    int64_t n = v.n, i = key.i;

    *known = false;
    if (v.kind == J_DICT) {
        if (key.kind == J_LIST || key.kind == J_DICT)
            return ST_OK;
        return jvalue_find(w, v, key, out, known);
    }
    if (!jvalue_whole(key) || (!jvalue_list(v) && v.kind != J_TEXT && v.kind != J_RANGE))
        return ST_OK;
    if (v.kind == J_TEXT)
        n = (int64_t)jtext_count(jvalue_view(v));
    else if (v.kind == J_RANGE)
        n = r->n;
    i += i < 0 ? n : 0;
    if (i < 0 || i >= n)
        return ST_OK;
    *known = true;
    if (v.kind == J_TEXT) {
        size_t at = n == v.n ? (size_t)i : jtext_byte(jvalue_view(v), (size_t)i);
        *out = jvalue_text(v.s + at, jtext_len(jvalue_view(v), at));
        out->flag = v.flag;
        return jrun_spend(w, v.n);
    }
    *out = v.kind == J_RANGE ? jvalue_int(r->start + i * r->step) : jvalue_item(v, (size_t)i);
    return ST_OK;
}

enum st jattr_get(struct jrun *w, struct jvalue v, struct view name, struct jvalue *out)
{
    bool known = false;
    enum st st;

    if (v.kind == J_UNDEFINED || v.kind == J_MISSING)
        return undefined_of(w, v, name);
    if (!changes(v, name)) {
        if ((st = attribute(w, v, name, out, &known)) != ST_OK || known)
            return st;
        if (v.kind == J_DICT &&
            ((st = jvalue_find(w, v, jvalue_text(name.p, name.n), out, &known)) != ST_OK || known))
            return st;
    }
    *out = jvalue_undefined(name);
    return ST_OK;
}

enum st jattr_item(struct jrun *w, struct jvalue v, struct jvalue key, struct jvalue *out)
{
    struct view name = key.kind == J_TEXT ? jvalue_view(key) : (struct view){ "", 0 };
    bool known;
    enum st st;

    if (v.kind == J_UNDEFINED || v.kind == J_MISSING)
        return undefined_of(w, v, name);
    if ((st = item(w, v, key, out, &known)) != ST_OK || known)
        return st;
    if (key.kind == J_TEXT && !changes(v, name) &&
        ((st = attribute(w, v, name, out, &known)) != ST_OK || known))
        return st;
    *out = jvalue_undefined(name);
    return ST_OK;
}

/* ---- slices ---- */

struct cut { int64_t start, stop, step, n; };

/* As slice.indices() of a sequence of n items. */
static enum st indices(struct jrun *w, const struct jvalue part[3], int64_t n, struct cut *c)
{
    int64_t at[2];

    for (int i = 0; i < 3; i++)
        if (part[i].kind != J_NONE && !jvalue_whole(part[i]))
            return jrun_fail(w, "a slice needs integers, not %s", jvalue_type(part[i]));
    c->step = part[2].kind == J_NONE ? 1 : part[2].i;
    if (c->step == 0)
        return jrun_fail(w, "a slice cannot have steps of 0");
    c->step = MAX(c->step, -INT64_MAX);
    int64_t low = c->step > 0 ? 0 : -1, high = c->step > 0 ? n : n - 1;
    for (int i = 0; i < 2; i++) {
        if (part[i].kind == J_NONE) {
            at[i] = (i == 0) == (c->step > 0) ? low : high;
        } else {
            at[i] = part[i].i < 0 ? MAX(part[i].i, -n - 1) + n : part[i].i;
            at[i] = MIN(MAX(at[i], low), high);
        }
    }
    c->start = at[0];
    c->stop = at[1];
    c->n = c->step > 0 ? (c->stop > c->start ? (c->stop - c->start - 1) / c->step + 1 : 0)
                       : (c->stop < c->start ? (c->start - c->stop - 1) / -c->step + 1 : 0);
    return ST_OK;
}

static enum st slice_text(struct jrun *w, struct jvalue v, const struct jvalue part[3],
                          struct jvalue *out)
{
    struct view s = jvalue_view(v);
    int64_t n = (int64_t)jtext_count(s);
    struct cut c;
    enum st st;

    if ((st = jrun_spend(w, v.n)) != ST_OK || (st = indices(w, part, n, &c)) != ST_OK)
        return st;
    *out = v;
    if (c.step == 1 || c.n <= 1) {
        size_t from = jtext_byte(s, (size_t)MAX(c.start, 0));
        struct view rest = { s.p + from, s.n - from };
        out->s = rest.p;
        out->n = (uint32_t)(c.n ? jtext_byte(rest, (size_t)c.n) : 0);
        return ST_OK;
    }
    uint32_t *at = jrun_get(w, (size_t)n * sizeof *at);
    char *to = jrun_get(w, (size_t)v.n);
    if (!at || !to)
        return ST_SYS;
    size_t count = 0, len = 0;
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] & 0xc0) != 0x80)
            at[count++] = (uint32_t)i;
    for (int64_t i = 0; i < c.n; i++) {
        size_t from = at[c.start + i * c.step], bytes = jtext_len(s, from);
        memcpy(to + len, s.p + from, bytes);
        len += bytes;
    }
    out->s = to;
    out->n = (uint32_t)len;
    return ST_OK;
}

enum st jattr_slice(struct jrun *w, struct jvalue v, const struct jvalue part[3],
                    struct jvalue *out)
{
    const struct jrange *r = v.cp;
    struct cut c;
    enum st st;

    if (v.kind == J_TEXT)
        return slice_text(w, v, part, out);
    if (!jvalue_list(v) && v.kind != J_RANGE)
        return jrun_fail(w, "%s cannot be sliced", jvalue_type(v));
    if ((st = indices(w, part, v.kind == J_RANGE ? r->n : v.n, &c)) != ST_OK)
        return st;
    if (v.kind == J_RANGE) {
        struct jrange *cut = jrun_get(w, sizeof *cut);
        if (!cut)
            return ST_SYS;
        uint64_t start = (uint64_t)r->start, step = (uint64_t)r->step;    /* may pass 64 bits */
        *cut = (struct jrange){ (int64_t)(start + (uint64_t)c.start * step),
                                (int64_t)(start + (uint64_t)c.stop * step),
                                (int64_t)(step * (uint64_t)c.step), c.n };
        *out = jvalue_of(J_RANGE, cut, 0);
        return ST_OK;
    }
    struct jvalue *to = jrun_get(w, (size_t)c.n * sizeof *to);
    if (!to || (st = jrun_spend(w, (size_t)c.n * 8)) != ST_OK)
        return !to ? ST_SYS : st;
    *out = jvalue_of((enum jkind)v.kind, to, (size_t)c.n);
    for (int64_t i = 0; i < c.n; i++)
        to[i] = jvalue_item(v, (size_t)(c.start + i * c.step));
    return ST_OK;
}

/* ---- the attribute of filters ---- */

enum st jattr_path(struct jrun *w, struct jvalue v, struct jvalue path, struct jvalue otherwise,
                   struct jvalue *out)
{
    struct view s = jvalue_view(path);
    enum st st = ST_OK;

    *out = v;
    if (path.kind == J_NONE || path.kind == J_MISSING)
        return ST_OK;
    if (path.kind != J_TEXT)
        return jattr_item(w, v, path, out);
    for (size_t at = 0; at <= s.n && st == ST_OK;) {
        size_t dot = jtext_find(s, VIEW("."), at), end = dot == SIZE_MAX ? s.n : dot;
        struct jvalue key = jvalue_text(s.p + at, end - at);
        char digits[24];
        if (jtext_all(jvalue_view(key), JTEXT_DECIMAL) && key.n < sizeof digits) {
            memcpy(digits, key.s, key.n);
            digits[key.n] = 0;
            key = jvalue_int(strtoll(digits, NULL, 10));
        }
        st = jattr_item(w, *out, key, out);
        if (st == ST_OK && otherwise.kind != J_MISSING && otherwise.kind != J_NONE &&
            out->kind == J_UNDEFINED)
            *out = otherwise;
        at = end + 1;
    }
    return st;
}
