/* jvalue.c - what Python's operators say of values: truth, equality, order, `in`, length, keys. */
#include <errno.h>
#include <math.h>

#include "chat/jtext.h"
#include "chat/jvalue.h"

/* A number of the row: an integer where it is written as one. */
static struct jvalue number(const struct scan *s)
{
    if (memchr(s->raw.p, '.', s->raw.n) || memchr(s->raw.p, 'e', s->raw.n) ||
        memchr(s->raw.p, 'E', s->raw.n))
        return jvalue_float(s->number);
    if (fabs(s->number) < 0x1p53)
        return jvalue_int((int64_t)s->number);
    char text[24];
    if (s->raw.n < sizeof text) {
        memcpy(text, s->raw.p, s->raw.n);
        text[s->raw.n] = 0;
        errno = 0;
        long long i = strtoll(text, NULL, 10);
        if (errno == 0)
            return jvalue_int(i);
    }
    return jvalue_of(J_BIG, s->raw.p, s->raw.n);
}

struct jvalue jvalue_scan(const struct scan *s)
{
    switch (s->type) {
    case SCAN_NULL:   return jvalue_none();
    case SCAN_FALSE:  return jvalue_bool(false);
    case SCAN_TRUE:   return jvalue_bool(true);
    case SCAN_NUMBER: return number(s);
    case SCAN_TEXT:   return jvalue_text(s->text.p, s->text.n);
    case SCAN_ARRAY:  break;
    case SCAN_OBJECT: break;
    }
    return (struct jvalue){ .kind = s->type == SCAN_ARRAY ? J_LIST : J_DICT, .flag = J_SCAN,
                            .n = (uint32_t)s->n, .scan = s };
}

struct jpair jvalue_pair(struct jvalue v, size_t i)
{
    if (!(v.flag & J_SCAN))
        return v.pair[i];
    return (struct jpair){ jvalue_text(v.scan->key[i].p, v.scan->key[i].n),
                           jvalue_scan(&v.scan->item[i]) };
}

const char *jvalue_type(struct jvalue v)
{
    static const char *const names[] = {
        "nothing", "an undefined value", "none", "a boolean", "an integer",
        "an integer beyond 64 bits", "a float", "a string", "a list", "a tuple", "a dict",
        "a range", "the keys of a dict", "the values of a dict", "the items of a dict",
        "a generator", "a namespace", "a loop", "a macro", "a function", "a method", "a cycler",
        "a joiner",
    };

    return names[v.kind];
}

bool jvalue_truth(struct jvalue v)
{
    switch (v.kind) {
    case J_MISSING: case J_UNDEFINED: case J_NONE:
        return false;
    case J_BOOL: case J_INT:
        return v.i != 0;
    case J_FLOAT:
        return v.f != 0;
    case J_TEXT: case J_LIST: case J_TUPLE: case J_DICT: case J_KEYS: case J_VALUES: case J_ITEMS:
        return v.n != 0;
    case J_RANGE:
        return ((const struct jrange *)v.cp)->n != 0;
    default:
        return true;
    }
}

bool jvalue_same(struct jvalue a, struct jvalue b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case J_NONE:
        return true;
    case J_FLOAT:
        return a.f == b.f;
    case J_TEXT:
        return (a.flag & J_SAFE) == (b.flag & J_SAFE) && view_eq(jvalue_view(a), jvalue_view(b));
    case J_UNDEFINED: case J_BIG:
        return false;
    default:
        return a.i == b.i && a.n == b.n;
    }
}

static enum st deeper(struct jrun *w)
{
    if (++w->depth > JRUN_DEPTH_MAX)
        return jrun_fail(w, "values nested too deeply");
    return jrun_spend(w, 1);
}

/* -1, 0, 1, or 2 where one is no number; exact for integers beside floats. */
static int number_order(struct jvalue a, struct jvalue b)
{
    if (a.kind != J_FLOAT && b.kind != J_FLOAT)
        return a.i < b.i ? -1 : a.i > b.i;
    if (a.kind == J_FLOAT && b.kind == J_FLOAT)
        return a.f < b.f ? -1 : a.f > b.f ? 1 : a.f == b.f ? 0 : 2;
    if (a.kind == J_FLOAT) {
        int order = number_order(b, a);
        return order == 2 ? 2 : -order;
    }
    if (isnan(b.f))
        return 2;
    if (b.f >= 0x1p63)
        return -1;
    if (b.f < -0x1p63)
        return 1;
    double whole = floor(b.f);
    int order = a.i < (int64_t)whole ? -1 : a.i > (int64_t)whole;
    return order == 0 && whole < b.f ? -1 : order;
}

static enum st lists_equal(struct jrun *w, struct jvalue a, struct jvalue b, bool *yes)
{
    enum st st = ST_OK;

    *yes = a.n == b.n;
    for (size_t i = 0; i < a.n && *yes && st == ST_OK; i++)
        st = jvalue_equal(w, jvalue_item(a, i), jvalue_item(b, i), yes);
    return st;
}

static enum st dicts_equal(struct jrun *w, struct jvalue a, struct jvalue b, bool *yes)
{
    struct jvalue other;
    enum st st = ST_OK;

    *yes = a.n == b.n;
    for (size_t i = 0; i < a.n && *yes && st == ST_OK; i++) {
        struct jpair p = jvalue_pair(a, i);
        if ((st = jvalue_find(w, b, p.key, &other, yes)) == ST_OK && *yes)
            st = jvalue_equal(w, p.value, other, yes);
    }
    return st;
}

static bool ranges_equal(const struct jrange *a, const struct jrange *b)
{
    if (a->n != b->n || a->n == 0)
        return a->n == b->n;
    return a->start == b->start && (a->n == 1 || a->step == b->step);
}

enum st jvalue_equal(struct jrun *w, struct jvalue a, struct jvalue b, bool *yes)
{
    enum st st;

    if (a.kind == J_TEXT && b.kind == J_TEXT) {
        *yes = view_eq(jvalue_view(a), jvalue_view(b));
        return a.n > 256 && a.n == b.n ? jrun_spend(w, a.n) : ST_OK;
    }
    if (jvalue_number(a) && jvalue_number(b)) {
        *yes = number_order(a, b) == 0;
        return ST_OK;
    }
    if (a.kind == J_BIG || b.kind == J_BIG) {
        if (a.kind == J_FLOAT || b.kind == J_FLOAT)
            return jrun_fail(w, "an integer beyond 64 bits cannot be compared with a float");
        *yes = a.kind == b.kind && view_eq(jvalue_view(a), jvalue_view(b));
        return ST_OK;
    }
    *yes = false;
    if (a.kind != b.kind)
        return ST_OK;
    if ((st = deeper(w)) != ST_OK)
        return st;
    if (a.kind == J_UNDEFINED || a.kind == J_NONE)
        *yes = true;
    else if (jvalue_list(a))
        st = lists_equal(w, a, b, yes);
    else if (a.kind == J_DICT)
        st = dicts_equal(w, a, b, yes);
    else if (a.kind == J_RANGE)
        *yes = ranges_equal(a.cp, b.cp);
    else if (a.kind == J_KEYS || a.kind == J_ITEMS)
        st = jrun_fail(w, "%s cannot be compared; make lists of them first", jvalue_type(a));
    else
        *yes = a.cp == b.cp;
    w->depth--;
    return st;
}

enum st jvalue_order(struct jrun *w, struct jvalue a, struct jvalue b, int *order)
{
    bool equal;
    enum st st;

    if (jvalue_number(a) && jvalue_number(b)) {
        *order = number_order(a, b);
        return ST_OK;
    }
    if (a.kind == J_TEXT && b.kind == J_TEXT) {
        size_t n = MIN(a.n, b.n);
        int r = n ? memcmp(a.s, b.s, n) : 0;
        *order = r < 0 ? -1 : r > 0 ? 1 : a.n < b.n ? -1 : a.n > b.n;
        return jrun_spend(w, n);
    }
    if (a.kind != b.kind || !jvalue_list(a))
        return jrun_fail(w, "%s and %s have no order", jvalue_type(a), jvalue_type(b));
    if ((st = deeper(w)) != ST_OK)
        return st;
    for (size_t i = 0; i < MIN(a.n, b.n); i++) {
        struct jvalue x = jvalue_item(a, i), y = jvalue_item(b, i);
        if ((st = jvalue_equal(w, x, y, &equal)) != ST_OK)
            return st;
        if (!equal) {
            st = jvalue_order(w, x, y, order);
            w->depth--;
            return st;
        }
    }
    w->depth--;
    *order = a.n < b.n ? -1 : a.n > b.n;
    return ST_OK;
}

enum st jvalue_hashable(struct jrun *w, struct jvalue v)
{
    enum st st = ST_OK;

    if (v.kind == J_LIST || v.kind == J_DICT || v.kind == J_KEYS || v.kind == J_ITEMS)
        return jrun_fail(w, "%s cannot be a key", jvalue_type(v));
    if (v.kind == J_TUPLE) {
        if ((st = deeper(w)) != ST_OK)
            return st;
        for (size_t i = 0; i < v.n && st == ST_OK; i++)
            st = jvalue_hashable(w, jvalue_item(v, i));
        w->depth--;
    }
    return st;
}

enum st jvalue_find(struct jrun *w, struct jvalue d, struct jvalue key, struct jvalue *v,
                    bool *found)
{
    enum st st = ST_OK;

    *found = false;
    if (d.flag & J_SCAN) {
        if (key.kind != J_TEXT)
            return ST_OK;
        for (size_t i = 0; i < d.n; i++)
            if (view_eq(d.scan->key[i], jvalue_view(key))) {
                *v = jvalue_scan(&d.scan->item[i]);
                *found = true;
                break;
            }
        return d.n > 32 ? jrun_spend(w, (size_t)d.n * 16) : ST_OK;
    }
    for (size_t i = 0; i < d.n && !*found && st == ST_OK; i++)
        if ((st = jvalue_equal(w, d.pair[i].key, key, found)) == ST_OK && *found)
            *v = d.pair[i].value;
    return d.n > 32 && st == ST_OK ? jrun_spend(w, (size_t)d.n * 16) : st;
}

static enum st range_has(struct jrun *w, const struct jrange *r, struct jvalue v, bool *yes)
{
    enum st st = ST_OK;

    *yes = false;
    for (int64_t i = 0; i < r->n && !*yes && st == ST_OK; i++)
        st = jvalue_equal(w, jvalue_int(r->start + i * r->step), v, yes);
    return st == ST_OK ? jrun_spend(w, (size_t)r->n * 16) : st;
}

enum st jvalue_in(struct jrun *w, struct jvalue v, struct jvalue in, bool *yes)
{
    struct jvalue item;
    struct jiter it;
    bool more = true;
    enum st st;

    *yes = false;
    switch (in.kind) {
    case J_TEXT:
        if (v.kind != J_TEXT)
            return jrun_fail(w, "%s cannot be in a string", jvalue_type(v));
        *yes = jtext_find(jvalue_view(in), jvalue_view(v), 0) != SIZE_MAX;
        return jrun_spend(w, in.n);
    case J_DICT: case J_KEYS:
        if ((st = jvalue_hashable(w, v)) != ST_OK)
            return st;
        return jvalue_find(w, in, v, &item, yes);
    case J_RANGE:
        return range_has(w, in.cp, v, yes);
    default:
        if ((st = jiter_start(w, in, &it)) != ST_OK)
            return st;
        while (!*yes && (st = jiter_next(w, &it, &item, &more)) == ST_OK && more) {
            *yes = jvalue_same(item, v);
            if (!*yes && (st = jvalue_equal(w, item, v, yes)) != ST_OK)
                return st;
        }
        return st;
    }
}

enum st jvalue_length(struct jrun *w, struct jvalue v, int64_t *n)
{
    switch (v.kind) {
    case J_UNDEFINED:
        *n = 0;
        return ST_OK;
    case J_TEXT:
        *n = (int64_t)jtext_count(jvalue_view(v));
        return jrun_spend(w, v.n);
    case J_LIST: case J_TUPLE: case J_DICT: case J_KEYS: case J_VALUES: case J_ITEMS:
        *n = v.n;
        return ST_OK;
    case J_RANGE:
        *n = ((const struct jrange *)v.cp)->n;
        return ST_OK;
    default:
        return jrun_fail(w, "%s has no length%s", jvalue_type(v),
                         v.kind == J_ITER ? "; make a list of it first" : "");
    }
}
