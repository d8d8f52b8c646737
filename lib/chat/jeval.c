/* jeval.c - expressions computed, straight from the tree. */
#include "chat/jnode.h"

/* The values of *list and **dict, whose items become arguments. */
static enum st star(struct jrun *w, const struct jnode *arg, struct jvalue *list)
{
    enum st st = jeval(w, arg->a, list);

    w->at = arg->at;
    if (st != ST_OK)
        return st;
    if (arg->kind == JN_STAR)
        return jiter_list(w, *list, list);
    if (list->kind != J_DICT)
        return jrun_fail(w, "'**' needs a dict, not %s", jvalue_type(*list));
    for (size_t i = 0; i < list->n; i++)
        if (jvalue_pair(*list, i).key.kind != J_TEXT)
            return jrun_fail(w, "'**' needs a dict whose keys are strings");
    return ST_OK;
}

/* Names, * and ** among the arguments: got[] holds a value for each. */
static enum st spread(struct jrun *w, const struct jnode *first, const struct jvalue *got,
                      struct jargs *a)
{
    struct jvalue *at = jrun_get(w, (size_t)a->n * sizeof *at);
    struct jnamed *named = jrun_get(w, (size_t)a->n_named * sizeof *named);

    if (!at || !named)
        return ST_SYS;
    a->at = at;
    a->named = named;
    for (const struct jnode *arg = first; arg; arg = arg->next, got++) {
        if (arg->kind == JN_NAMED)
            *named++ = (struct jnamed){ jvalue_view(arg->value), *got };
        else if (arg->kind == JN_STARS)
            for (size_t i = 0; i < got->n; i++) {
                struct jpair p = jvalue_pair(*got, i);
                *named++ = (struct jnamed){ jvalue_view(p.key), p.value };
            }
        else if (arg->kind == JN_STAR)
            for (size_t i = 0; i < got->n; i++)
                *at++ = got->item[i];
        else
            *at++ = *got;
    }
    for (const struct jnamed *k = a->named; k < named; k++)
        for (const struct jnamed *other = a->named; other < k; other++)
            if (view_eq(k->name, other->name))
                return jrun_fail(w, "the argument '%s' is given twice", shown(k->name));
    return jrun_spend(w, (size_t)(a->n_named * a->n_named));
}

enum st jeval_args(struct jrun *w, const struct jnode *first, struct jargs *a)
{
    size_t count = 0;
    bool plain = true;
    enum st st = ST_OK;

    *a = (struct jargs){ 0 };
    for (const struct jnode *arg = first; arg; arg = arg->next) {
        plain = plain && arg->kind != JN_NAMED && arg->kind != JN_STAR && arg->kind != JN_STARS;
        count++;
    }
    if (count == 0)
        return ST_OK;
    struct jvalue *values = jrun_get(w, count * sizeof *values), *got = values;
    if (!values)
        return ST_SYS;
    for (const struct jnode *arg = first; arg && st == ST_OK; arg = arg->next, got++) {
        bool list = arg->kind == JN_STAR || arg->kind == JN_STARS;
        st = list ? star(w, arg, got) : jeval(w, arg->kind == JN_NAMED ? arg->a : arg, got);
        int64_t n = st == ST_OK && list ? got->n : 1;
        *(arg->kind == JN_NAMED || arg->kind == JN_STARS ? &a->n_named : &a->n) += n;
    }
    a->at = values;
    return st != ST_OK || plain ? st : spread(w, first, values, a);
}

/* a.method(...) of a text without making the method a value. */
static enum st call(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    const struct jnode *f = n->a;
    struct jvalue callee;
    struct jargs args;
    enum st st;

    if (f->kind == JN_ATTR) {
        if ((st = jeval(w, f->a, &callee)) != ST_OK)
            return st;
        w->at = f->at;
        if (callee.kind == J_TEXT && !callee.flag && f->func && f->func->call) {
            if ((st = jeval_args(w, n->b, &args)) != ST_OK)
                return st;
            w->at = f->at;
            return jcall_func(w, f->func, callee, &args, out);
        }
        st = jattr_get(w, callee, jvalue_view(f->value), &callee);
    } else {
        st = jeval(w, f, &callee);
    }
    if (st != ST_OK || (st = jeval_args(w, n->b, &args)) != ST_OK)
        return st;
    w->at = n->at;
    return jcall_value(w, callee, &args, out);
}

/* A filter or a test. */
static enum st apply(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    struct jvalue v;
    struct jargs args;
    enum st st;

    if ((st = jeval(w, n->a, &v)) != ST_OK || (st = jeval_args(w, n->b, &args)) != ST_OK)
        return st;
    w->at = n->at;
    if ((st = jcall_func(w, n->func, v, &args, out)) == ST_OK && n->flag)
        *out = jvalue_bool(!jvalue_truth(*out));
    return st;
}

static enum st concat(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t before = b->n, count = 0;
    enum st st = ST_OK;

    for (const struct jnode *k = n->a; k; k = k->next)
        count++;
    struct jvalue *v = jrun_get(w, count * sizeof *v), *at = v;
    if (!v)
        return ST_SYS;
    for (const struct jnode *k = n->a; k && st == ST_OK; k = k->next)
        st = jeval(w, k, at++);
    w->at = n->at;
    for (at = v; count-- && st == ST_OK;)
        st = jvalue_str(w, *at++, b);
    return st == ST_OK ? jrun_cut(w, b, before, out) : st;
}

static enum st compare_two(struct jrun *w, char op, struct jvalue a, struct jvalue b, bool *yes)
{
    int order = 2;
    enum st st;

    if (op == 'i')
        return jvalue_in(w, a, b, yes);
    if (op == JT_EQ || op == JT_NE) {
        st = jvalue_equal(w, a, b, yes);
        *yes = *yes == (op == JT_EQ);
        return st;
    }
    if ((st = jvalue_order(w, a, b, &order)) != ST_OK)
        return st;
    *yes = order != 2 && (op == '<' ? order < 0 : op == '>' ? order > 0
                          : op == JT_LE ? order <= 0 : order >= 0);
    return ST_OK;
}

static enum st compare(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    struct jvalue left, right;
    bool yes = false;
    enum st st = jeval(w, n->a, &left);

    for (const struct jnode *k = n->b; k && st == ST_OK; k = k->next) {
        if ((st = jeval(w, k->a, &right)) != ST_OK)
            break;
        w->at = k->at;
        if ((st = compare_two(w, (char)k->op, left, right, &yes)) != ST_OK)
            break;
        yes ^= k->flag;
        if (!yes)
            break;
        left = right;
    }
    *out = jvalue_bool(yes);
    return st;
}

static enum st items(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    struct jvalue *at = jrun_get(w, (size_t)n->n * sizeof *at);
    enum st st = at ? ST_OK : ST_SYS;

    *out = jvalue_of(n->kind == JN_LIST ? J_LIST : J_TUPLE, at, (size_t)n->n);
    for (const struct jnode *k = n->a; k && st == ST_OK; k = k->next)
        st = jeval(w, k, at++);
    return st;
}

/* A key that stands twice keeps its place and gets the later value. */
static enum st dict(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    struct jpair *pair = jrun_get(w, (size_t)n->n * sizeof *pair);
    struct jvalue key, value, old;
    bool found;
    enum st st = pair ? ST_OK : ST_SYS;

    *out = jvalue_of(J_DICT, pair, 0);
    for (const struct jnode *k = n->a; k && st == ST_OK; k = k->next->next) {
        if ((st = jeval(w, k, &key)) != ST_OK || (st = jeval(w, k->next, &value)) != ST_OK)
            return st;
        w->at = k->at;
        if ((st = jvalue_hashable(w, key)) != ST_OK ||
            (st = jvalue_find(w, *out, key, &old, &found)) != ST_OK)
            return st;
        for (size_t i = 0; found && i < out->n; i++) {
            bool same;
            if ((st = jvalue_equal(w, pair[i].key, key, &same)) != ST_OK)
                return st;
            if (same)
                pair[i].value = value;
        }
        if (!found)
            pair[out->n++] = (struct jpair){ key, value };
    }
    return st;
}

static enum st subscript(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    const struct jnode *part[3] = { n->b, n->c, n->d };
    struct jvalue v, at[3];
    enum st st = jeval(w, n->a, &v);

    for (int i = 0; i < 3 && st == ST_OK; i++) {
        at[i] = jvalue_none();
        if (part[i])
            st = jeval(w, part[i], &at[i]);
    }
    if (st != ST_OK)
        return st;
    w->at = n->at;
    return n->kind == JN_ITEM ? jattr_item(w, v, at[0], out) : jattr_slice(w, v, at, out);
}

static enum st key(struct jrun *w, struct jvalue dict, struct jvalue name, struct jvalue *out)
{
    bool found;
    enum st st = jvalue_find(w, dict, name, out, &found);

    if (!found)
        *out = jvalue_undefined(jvalue_view(name));
    return st;
}

static enum st one(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    enum st st = jeval(w, n->a, out);

    if (st != ST_OK)
        return st;
    w->at = n->at;
    switch (n->kind) {
    case JN_NOT:
        *out = jvalue_bool(!jvalue_truth(*out));
        return ST_OK;
    case JN_ATTR:
        if (out->kind != J_DICT || n->flag)
            return jattr_get(w, *out, jvalue_view(n->value), out);
        return key(w, *out, n->value, out);
    case JN_AND: case JN_OR:
        return jvalue_truth(*out) == (n->kind == JN_AND) ? jeval(w, n->b, out) : ST_OK;
    case JN_POS:
        if (jvalue_whole(*out))
            *out = jvalue_int(out->i);
        else if (out->kind != J_FLOAT)
            return jrun_fail(w, "%s has no sign", jvalue_type(*out));
        return ST_OK;
    case JN_NEG:
        return jop_negate(w, *out, out);
    default:                                   /* COND */
        if (jvalue_truth(*out))
            return jeval(w, n->b, out);
        *out = jvalue_undefined((struct view){ "", 0 });
        return n->c ? jeval(w, n->c, out) : ST_OK;
    }
}

static enum st binary(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    struct jvalue a, b;
    enum st st;

    if ((st = jeval(w, n->a, &a)) != ST_OK || (st = jeval(w, n->b, &b)) != ST_OK)
        return st;
    w->at = n->at;
    return jop_binary(w, (char)n->op, a, b, out);
}

static enum st inner(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    switch (n->kind) {
    case JN_CALL:    return call(w, n, out);
    case JN_FILTER: case JN_TEST:
        return apply(w, n, out);
    case JN_BINARY:  return binary(w, n, out);
    case JN_CONCAT:  return concat(w, n, out);
    case JN_COMPARE: return compare(w, n, out);
    case JN_LIST: case JN_TUPLE:
        return items(w, n, out);
    case JN_DICT:    return dict(w, n, out);
    case JN_ITEM: case JN_SLICE:
        return subscript(w, n, out);
    default:
        return one(w, n, out);
    }
}

enum st jeval(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    enum st st;

    switch (n->kind) {
    case JN_CONST:
        *out = n->value;
        return ST_OK;
    case JN_NAME:
        *out = *jexec_slot(w, n->up, n->slot);
        if (out->kind == J_MISSING)
            *out = jvalue_undefined(jvalue_view(n->value));
        return ST_OK;
    case JN_BLOCK:
        *out = w->block;
        return ST_OK;
    default:
        w->at = n->at;
        if (++w->depth > JRUN_DEPTH_MAX)
            return jrun_fail(w, "nested too deeply");
        if (++w->steps > JRUN_STEPS_MAX)
            return jrun_spend(w, 0);
        st = inner(w, n, out);
        w->depth--;
        return st;
    }
}
