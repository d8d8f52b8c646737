/* jselect.c - map, select and reject: generators that apply a filter or a test item by item. */
#include "chat/jfunc.h"

/* Generators look at what they are to do only when the first item is asked for. */
static enum st begin(struct jrun *w, struct jgen *g, bool *empty)
{
    if (g->started)
        return ST_OK;
    g->started = true;
    *empty = !jvalue_truth(g->source);
    return *empty ? ST_OK : jiter_start(w, g->source, &g->from);
}

static enum st find(struct jrun *w, struct jvalue name, const char *what,
                    const struct jfunc *(*in)(struct view), const struct jfunc **f)
{
    *f = name.kind == J_TEXT ? in(jvalue_view(name)) : NULL;
    if (*f && (*f)->call)
        return ST_OK;
    return jrun_fail(w, "%s '%s' is not %s", what,
                     name.kind == J_TEXT ? shown(jvalue_view(name)) : jvalue_type(name),
                     *f ? "supported" : "known");
}

static enum st map_start(struct jrun *w, struct jgen *g)
{
    struct jargs *a = &g->args;

    for (int64_t i = 0; i < a->n_named; i++)
        g->attribute |= a->n == 0 && view_is(a->named[i].name, "attribute");
    if (g->attribute) {
        for (int64_t i = 0; i < a->n_named; i++)
            if (!view_is(a->named[i].name, "attribute") && !view_is(a->named[i].name, "default"))
                return jrun_fail(w, "map() has no parameter '%s'", shown(a->named[i].name));
        return ST_OK;
    }
    if (a->n == 0)
        return jrun_fail(w, "map needs a filter, or attribute=");
    enum st st = find(w, a->at[0], "filter", jfunc_filter, &g->func);
    a->at++;
    a->n--;
    return st;
}

static enum st mapped(struct jrun *w, struct jgen *g, struct jvalue *v, bool *more)
{
    struct jvalue path = { 0 }, otherwise = { 0 };
    bool empty = false, first = !g->started;
    enum st st = begin(w, g, &empty);

    *more = false;
    if (st != ST_OK || empty || g->from.of.kind == J_MISSING)
        return st;
    if ((first && (st = map_start(w, g)) != ST_OK) ||
        (st = jiter_next(w, &g->from, v, more)) != ST_OK || !*more)
        return st;
    if (!g->attribute)
        return jcall_func(w, g->func, *v, &g->args, v);
    for (int64_t i = 0; i < g->args.n_named; i++)
        *(view_is(g->args.named[i].name, "default") ? &otherwise : &path) = g->args.named[i].value;
    return jattr_path(w, *v, path, otherwise, v);
}

static enum st select_start(struct jrun *w, struct jgen *g)
{
    struct jargs *a = &g->args;

    if (g->attribute) {
        if (a->n == 0)
            return jrun_fail(w, "the name of an attribute is missing");
        g->path = a->at[0];
        a->at++;
        a->n--;
    }
    if (a->n == 0)
        return ST_OK;
    enum st st = find(w, a->at[0], "test", jfunc_test, &g->func);
    a->at++;
    a->n--;
    return st;
}

static enum st selected(struct jrun *w, struct jgen *g, struct jvalue *v, bool *more)
{
    struct jvalue key;
    bool empty = false, first = !g->started;
    enum st st = begin(w, g, &empty);

    *more = false;
    if (st != ST_OK || empty || g->from.of.kind == J_MISSING ||
        (first && (st = select_start(w, g)) != ST_OK))
        return st;
    for (;;) {
        if ((st = jiter_next(w, &g->from, v, more)) != ST_OK || !*more ||
            (st = jattr_path(w, *v, g->path, (struct jvalue){ 0 }, &key)) != ST_OK ||
            (g->func && (st = jcall_func(w, g->func, key, &g->args, &key)) != ST_OK))
            return st;
        if (jvalue_truth(key) != g->reject)
            return ST_OK;
    }
}

static enum st make(struct jrun *w, struct jvalue self, const struct jargs *a, bool attribute,
                    bool reject, struct jvalue *out)
{
    return jiter_new(w, (struct jgen){ .next = selected, .source = self, .args = *a,
                                       .attribute = attribute, .reject = reject }, out);
}

JFUNC(jfilter_map)
{
    return jiter_new(w, (struct jgen){ .next = mapped, .source = self, .args = *a }, out);
}

JFUNC(jfilter_select)     { return make(w, self, a, false, false, out); }
JFUNC(jfilter_reject)     { return make(w, self, a, false, true, out); }
JFUNC(jfilter_selectattr) { return make(w, self, a, true, false, out); }
JFUNC(jfilter_rejectattr) { return make(w, self, a, true, true, out); }
