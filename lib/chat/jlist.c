/* jlist.c - filters of lists and of anything with items. */
#include "chat/jfunc.h"
#include "chat/jtext.h"

static enum st next_of_list(struct jrun *w, struct jgen *g, struct jvalue *v, bool *more)
{
    return jiter_next(w, &g->from, v, more);
}

enum st jlist_iter(struct jrun *w, struct jvalue list, struct jvalue *out)
{
    struct jgen g = { .next = next_of_list };
    enum st st = jiter_start(w, list, &g.from);

    return st == ST_OK ? jiter_new(w, g, out) : st;
}

/* An own copy of the items, to be changed. */
enum st jlist_items(struct jrun *w, struct jvalue v, struct jvalue **at, size_t *n)
{
    struct jvalue list;
    enum st st = jiter_list(w, v, &list);

    *n = list.n;
    *at = (struct jvalue *)list.p;
    return st;
}

static enum st key_of(struct jrun *w, struct jvalue v, struct jvalue path,
                      struct jvalue otherwise, bool case_sensitive, struct jvalue *key)
{
    enum st st = jattr_path(w, v, path, otherwise, key);

    if (st != ST_OK || case_sensitive || key->kind != J_TEXT)
        return st;
    return jfilter_lower(w, *key, NULL, key);
}

enum st jlist_keys(struct jrun *w, const struct jvalue *at, size_t n, struct jvalue path,
                   struct jvalue otherwise, bool case_sensitive, struct jvalue **key)
{
    enum st st = ST_OK;

    if (!(*key = jrun_get(w, n * sizeof **key)))
        return ST_SYS;
    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = key_of(w, at[i], path, otherwise, case_sensitive, &(*key)[i]);
    return st;
}

JFUNC(jfilter_length)
{
    int64_t n = 0;
    enum st st;

    (void)a;
    if (self.kind == J_LOOP)
        return jattr_get(w, self, VIEW("length"), out);
    st = jvalue_length(w, self, &n);
    *out = jvalue_int(n);
    return st;
}

JFUNC(jfilter_list)
{
    (void)a;
    return jiter_list(w, self, out);
}

JFUNC(jfilter_first)
{
    struct jiter it;
    bool more;
    enum st st;

    (void)a;
    if ((st = jiter_start(w, self, &it)) != ST_OK || (st = jiter_next(w, &it, out, &more)) != ST_OK)
        return st;
    if (!more)
        *out = jvalue_undefined(VIEW("first"));
    return ST_OK;
}

/* The items from the last to the first. */
static enum st reversed(struct jrun *w, struct jvalue v, struct jvalue *out)
{
    struct jvalue *at;
    size_t n;
    enum st st = jlist_items(w, v, &at, &n);

    for (size_t i = 0; st == ST_OK && i < n / 2; i++) {
        struct jvalue other = at[i];
        at[i] = at[n - 1 - i];
        at[n - 1 - i] = other;
    }
    if (st == ST_OK)
        *out = jvalue_of(J_LIST, at, n);
    return st;
}

JFUNC(jfilter_last)
{
    struct jvalue list;
    enum st st;

    (void)a;
    if (self.kind == J_ITER)
        return jrun_fail(w, "a generator has no last item; make a list of it first");
    if (jvalue_list(self)) {
        *out = self.n ? jvalue_item(self, self.n - 1) : jvalue_undefined(VIEW("last"));
        return ST_OK;
    }
    if ((st = reversed(w, self, &list)) != ST_OK)
        return st;
    *out = list.n ? list.item[0] : jvalue_undefined(VIEW("last"));
    return ST_OK;
}

JFUNC(jfilter_reverse)
{
    const struct jvalue steps[3] = { jvalue_none(), jvalue_none(), jvalue_int(-1) };
    struct jvalue list;
    enum st st;

    (void)a;
    if (self.kind == J_TEXT)
        return jattr_slice(w, self, steps, out);
    if ((st = reversed(w, self, &list)) != ST_OK)
        return st;
    if (self.kind != J_ITER)
        return jlist_iter(w, list, out);
    *out = list;
    return ST_OK;
}

JFUNC(jfilter_join)
{
    struct jvalue separator = a->at[0].kind == J_MISSING ? jvalue_text("", 0) : a->at[0], v;
    struct buf *b = jrun_text(w);
    size_t start = b->n;
    struct jiter it;
    bool more;
    enum st st;

    if ((st = jvalue_as_text(w, separator, &separator)) != ST_OK ||
        (st = jiter_start(w, self, &it)) != ST_OK)
        return st;
    struct buf sum = { 0 };                    /* computing an item may write to the text */
    for (bool first = true; (st = jiter_next(w, &it, &v, &more)) == ST_OK && more; first = false) {
        if ((st = jattr_path(w, v, a->at[1], (struct jvalue){ 0 }, &v)) != ST_OK ||
            (!first && (st = buf_add(&sum, separator.s, separator.n)) != ST_OK) ||
            (st = jvalue_str(w, v, &sum)) != ST_OK)
            break;
        if (sum.n > JRUN_TEXT_MAX) {
            st = jrun_fail(w, "a text of more than %d MiB", JRUN_TEXT_MAX >> 20);
            break;
        }
    }
    b->n = start;
    if (st == ST_OK)
        st = jrun_copy(w, sum.p, sum.n, out);
    buf_free(&sum);
    return st;
}

JFUNC(jfilter_items)
{
    struct jvalue view = self;

    (void)a;
    if (self.kind == J_UNDEFINED)
        view = jvalue_of(J_LIST, NULL, 0);
    else if (self.kind == J_DICT)
        view.kind = J_ITEMS;
    else
        return jrun_fail(w, "only a dict has items by key, not %s", jvalue_type(self));
    return jlist_iter(w, view, out);
}

JFUNC(jfilter_dictsort)
{
    struct view by = VIEW("key");
    struct jvalue *at, *key, view = self;
    size_t n;
    enum st st;

    if ((st = jcall_text(w, a->at[1], "by", &by)) != ST_OK)
        return st;
    if (self.kind != J_DICT || (!view_is(by, "key") && !view_is(by, "value")))
        return jrun_fail(w, "dictsort needs a dict, and by is 'key' or 'value'");
    view.kind = J_ITEMS;
    if ((st = jlist_items(w, view, &at, &n)) != ST_OK ||
        (st = jlist_keys(w, at, n, jvalue_int(view_is(by, "value")), (struct jvalue){ 0 },
                   jvalue_truth(a->at[0]), &key)) != ST_OK)
        return st;
    *out = jvalue_of(J_LIST, at, n);
    return jsort(w, at, key, n, jvalue_truth(a->at[2]));
}

/* The keys of an attribute of several parts, "a,b": a list each. */
static enum st many_keys(struct jrun *w, const struct jvalue *at, size_t n, struct view path,
                         bool case_sensitive, struct jvalue **key)
{
    size_t parts = 1, part = 0, from = 0;
    enum st st = ST_OK;

    for (size_t i = 0; i < path.n; i++)
        parts += path.p[i] == ',';
    if (!(*key = jrun_get(w, n * sizeof **key)))
        return ST_SYS;
    for (size_t i = 0; i < n; i++) {
        struct jvalue *row = jrun_get(w, parts * sizeof *row);
        if (!row)
            return ST_SYS;
        (*key)[i] = jvalue_of(J_LIST, row, parts);
    }
    for (size_t i = 0; i <= path.n && st == ST_OK; i++) {
        if (i < path.n && path.p[i] != ',')
            continue;
        struct jvalue *one, name = jvalue_text(path.p + from, i - from);
        st = jlist_keys(w, at, n, name, (struct jvalue){ 0 }, case_sensitive, &one);
        for (size_t k = 0; k < n && st == ST_OK; k++)
            ((struct jvalue *)(*key)[k].p)[part] = one[k];
        part++;
        from = i + 1;
    }
    return st;
}

/* Python compares the keys as lists of one: what is equal needs no order. */
static enum st as_lists(struct jrun *w, struct jvalue *key, size_t n)
{
    bool plain = true;

    for (size_t i = 0; i < n; i++)
        plain = plain && (key[i].kind == J_TEXT || jvalue_number(key[i]));
    for (size_t i = 0; i < n && !plain; i++) {
        struct jvalue *one = jrun_get(w, sizeof *one);
        if (!one)
            return ST_SYS;
        *one = key[i];
        key[i] = jvalue_of(J_LIST, one, 1);
    }
    return ST_OK;
}

JFUNC(jfilter_sort)
{
    struct jvalue *at, *key, path = a->at[2];
    bool sensitive = jvalue_truth(a->at[1]);
    size_t n;
    enum st st;

    if ((st = jlist_items(w, self, &at, &n)) != ST_OK)
        return st;
    if (path.kind == J_TEXT && memchr(path.s, ',', path.n))
        st = many_keys(w, at, n, jvalue_view(path), sensitive, &key);
    else
        st = jlist_keys(w, at, n, path, (struct jvalue){ 0 }, sensitive, &key);
    if (st == ST_OK)
        st = as_lists(w, key, n);
    *out = jvalue_of(J_LIST, at, n);
    return st == ST_OK ? jsort(w, at, key, n, jvalue_truth(a->at[0])) : st;
}

JFUNC(jfilter_unique)
{
    struct jvalue *at, *key, list;
    size_t n, kept = 0;
    enum st st;

    if ((st = jlist_items(w, self, &at, &n)) != ST_OK ||
        (st = jlist_keys(w, at, n, a->at[1], (struct jvalue){ 0 }, jvalue_truth(a->at[0]),
                         &key)) != ST_OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        if ((st = jvalue_hashable(w, key[i])) != ST_OK || (st = jrun_spend(w, kept * 16)) != ST_OK)
            return st;
        for (size_t k = 0; k < kept && !seen; k++)
            if ((st = jvalue_equal(w, key[k], key[i], &seen)) != ST_OK)
                return st;
        if (!seen) {
            key[kept] = key[i];
            at[kept++] = at[i];
        }
    }
    list = jvalue_of(J_LIST, at, kept);
    return jlist_iter(w, list, out);
}

static enum st most(struct jrun *w, struct jvalue v, const struct jargs *a, int sign,
                    struct jvalue *out)
{
    struct jvalue *at, *key;
    size_t n, best = 0;
    int order;
    enum st st;

    if ((st = jlist_items(w, v, &at, &n)) != ST_OK ||
        (st = jlist_keys(w, at, n, a->at[1], (struct jvalue){ 0 }, jvalue_truth(a->at[0]),
                         &key)) != ST_OK)
        return st;
    for (size_t i = 1; i < n; i++) {
        if ((st = jvalue_order(w, key[i], key[best], &order)) != ST_OK)
            return st;
        best = order == sign ? i : best;
    }
    *out = n ? at[best] : jvalue_undefined(VIEW("item of an empty list"));
    return ST_OK;
}

JFUNC(jfilter_max) { return most(w, self, a, 1, out); }
JFUNC(jfilter_min) { return most(w, self, a, -1, out); }

JFUNC(jfilter_sum)
{
    struct jvalue v;
    struct jiter it;
    bool more;
    enum st st;

    *out = a->at[1].kind == J_MISSING ? jvalue_int(0) : a->at[1];
    if (out->kind == J_TEXT)
        return jrun_fail(w, "strings are joined, not summed; write join");
    if ((st = jiter_start(w, self, &it)) != ST_OK)
        return st;
    while ((st = jiter_next(w, &it, &v, &more)) == ST_OK && more)
        if ((st = jattr_path(w, v, a->at[0], (struct jvalue){ 0 }, &v)) != ST_OK ||
            (st = jop_binary(w, '+', *out, v, out)) != ST_OK)
            break;
    return st;
}
