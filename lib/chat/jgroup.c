/* jgroup.c - filters that make lists of lists: groupby, batch, slice. */
#include "chat/jfunc.h"

JFUNC(jfilter_groupby)
{
    struct jvalue *at, *key, *group, path = a->at[0], otherwise = a->at[1];
    size_t n, count = 0;
    bool same, sensitive = jvalue_truth(a->at[2]);
    enum st st;

    if ((st = jlist_items(w, self, &at, &n)) != ST_OK ||
        (st = jlist_keys(w, at, n, path, otherwise, sensitive, &key)) != ST_OK ||
        (st = jsort(w, at, key, n, false)) != ST_OK)
        return st;
    if (!(group = jrun_get(w, n * sizeof *group)))
        return ST_SYS;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n; end++)
            if ((st = jvalue_equal(w, key[i], key[end], &same)) != ST_OK || !same)
                break;
        struct jvalue *two = jrun_get(w, 2 * sizeof *two);
        if (st != ST_OK || !two)
            return st != ST_OK ? st : ST_SYS;
        if ((st = jattr_path(w, at[i], path, otherwise, &two[0])) != ST_OK)
            return st;
        two[1] = jvalue_of(J_LIST, at + i, end - i);
        group[count] = jvalue_of(J_TUPLE, two, 2);
        group[count++].flag = J_GROUP;
    }
    *out = jvalue_of(J_LIST, group, count);
    return ST_OK;
}

/* A list [from, to) of at[], filled up to `want` items. */
static enum st piece(struct jrun *w, const struct jvalue *at, size_t from, size_t to, size_t want,
                     struct jvalue fill, struct jvalue *out)
{
    size_t n = MAX(to - from, want);
    struct jvalue *v = jrun_get(w, n * sizeof *v);

    if (!v)
        return ST_SYS;
    for (size_t i = 0; i < n; i++)
        v[i] = from + i < to ? at[from + i] : fill;
    *out = jvalue_of(J_LIST, v, n);
    return ST_OK;
}

static bool given(struct jvalue v)
{
    return v.kind != J_NONE && v.kind != J_MISSING;
}

JFUNC(jfilter_batch)
{
    struct jvalue *at, *lists;
    size_t n, count = 0;
    int64_t size = 0;
    enum st st;

    if ((st = jcall_int(w, a->at[0], "linecount", &size)) != ST_OK ||
        (st = jlist_items(w, self, &at, &n)) != ST_OK)
        return st;
    if (size < 1 || size > (int64_t)JRUN_RANGE_MAX)
        return jrun_fail(w, "a linecount from 1 to %d", JRUN_RANGE_MAX);
    if (!(lists = jrun_get(w, n * sizeof *lists)))
        return ST_SYS;
    for (size_t i = 0, step = (size_t)size; i < n && st == ST_OK; i += step)
        st = piece(w, at, i, MIN(i + step, n), given(a->at[1]) ? step : 0, a->at[1],
                   &lists[count++]);
    return st == ST_OK ? jlist_iter(w, jvalue_of(J_LIST, lists, count), out) : st;
}

JFUNC(jfilter_slice)
{
    struct jvalue *at, *lists;
    size_t n, from = 0;
    int64_t count = 0;
    enum st st;

    if ((st = jcall_int(w, a->at[0], "slices", &count)) != ST_OK ||
        (st = jlist_items(w, self, &at, &n)) != ST_OK)
        return st;
    if (count < 1 || count > (int64_t)JRUN_RANGE_MAX)
        return jrun_fail(w, "slices from 1 to %d", JRUN_RANGE_MAX);
    if (!(lists = jrun_get(w, (size_t)count * sizeof *lists)))
        return ST_SYS;
    size_t each = n / (size_t)count, extra = n % (size_t)count;
    for (size_t i = 0; i < (size_t)count; i++) {
        size_t to = from + each + (i < extra), want = given(a->at[1]) && i >= extra ? each + 1 : 0;
        if ((st = piece(w, at, from, to, want, a->at[1], &lists[i])) != ST_OK)
            return st;
        from = to;
    }
    return jlist_iter(w, jvalue_of(J_LIST, lists, (size_t)count), out);
}
