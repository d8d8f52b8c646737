/* jcall.c - calls: of functions from the lists, whose arguments are put in the order of their
 * parameters first, of methods, and of macros. */
#include "chat/jnode.h"

enum { PARAMS_MAX = 8 };

bool jcall_able(struct jvalue v)
{
    return v.kind == J_MACRO || v.kind == J_GLOBAL || v.kind == J_METHOD || v.kind == J_JOINER ||
           v.kind == J_LOOP || v.kind == J_UNDEFINED;
}

/* The next word of a list of parameters. */
static bool next_param(const char **params, struct view *name)
{
    const char *p = *params + strspn(*params, " ");

    *name = (struct view){ p, strcspn(p, " ") };
    *params = p + name->n;
    return name->n > 0;
}

static enum st bind(struct jrun *w, const struct jfunc *f, const struct jargs *a,
                    struct jvalue at[PARAMS_MAX], int64_t *n)
{
    const char *params = f->params;
    int64_t used = 0;
    struct view name;

    for (*n = 0; *n < PARAMS_MAX && next_param(&params, &name); ++*n) {
        at[*n] = (struct jvalue){ 0 };
        if (*n < a->n)
            at[*n] = a->at[*n];
        for (int64_t i = 0; i < a->n_named; i++)
            if (view_eq(a->named[i].name, name)) {
                if (*n < a->n)
                    return jrun_fail(w, "%s(): '%s' is given twice", f->name, shown(name));
                at[*n] = a->named[i].value;
                used++;
            }
        if (at[*n].kind == J_MISSING && *n < f->needed)
            return jrun_fail(w, "%s(): '%s' is missing", f->name, shown(name));
    }
    if (a->n > *n)
        return jrun_fail(w, "%s() takes at most %d arguments", f->name, (int)*n);
    for (int64_t i = 0; i < a->n_named && used < a->n_named; i++) {
        bool known = false;
        for (params = f->params; next_param(&params, &name);)
            known |= view_eq(a->named[i].name, name);
        if (!known)
            return jrun_fail(w, "%s() has no parameter '%s'", f->name, shown(a->named[i].name));
    }
    return ST_OK;
}

enum st jcall_func(struct jrun *w, const struct jfunc *f, struct jvalue self,
                   const struct jargs *a, struct jvalue *out)
{
    struct jvalue at[PARAMS_MAX];
    struct jargs bound = { .at = at };
    enum st st;

    if (*f->params == '*')
        return f->call(w, self, a, out);
    if ((st = bind(w, f, a, at, &bound.n)) != ST_OK)
        return st;
    if (self.kind == J_TEXT && self.n > 256 && (st = jrun_spend(w, self.n)) != ST_OK)
        return st;
    return f->call(w, self, &bound, out);
}

/* ---- macros ---- */

static bool take(const struct jargs *a, bool *used, const struct view name, struct jvalue *v)
{
    for (int64_t i = 0; i < a->n_named; i++)
        if (!used[i] && view_eq(a->named[i].name, name)) {
            used[i] = true;
            *v = a->named[i].value;
            return true;
        }
    return false;
}

/* The named arguments that no parameter took, as a dict. */
static enum st rest(struct jrun *w, const struct jargs *a, const bool *used, struct jvalue *out)
{
    struct jpair *p = jrun_get(w, (size_t)a->n_named * sizeof *p);
    size_t n = 0;

    if (!p)
        return ST_SYS;
    for (int64_t i = 0; i < a->n_named; i++)
        if (!used[i])
            p[n++] = (struct jpair){ jvalue_text(a->named[i].name.p, a->named[i].name.n),
                                     a->named[i].value };
    *out = jvalue_of(J_DICT, p, n);
    return ST_OK;
}

static const char *macro_name(const struct jnode *n)
{
    return n->value.s ? shown(jvalue_view(n->value)) : "a call block";
}

/* The slots of caller, varargs and kwargs lie behind those of the parameters, in that order of
 * jscope.c: caller, kwargs, varargs. */
static enum st implied(struct jrun *w, const struct jnode *n, const struct jargs *a, bool *used,
                       int64_t n_params, struct jvalue *slot)
{
    bool has_caller = false;
    int64_t at = n_params;
    enum st st;

    for (const struct jnode *p = n->a; p; p = p->next)
        has_caller |= view_is(jvalue_view(p->value), "caller");
    if (n->extra & JMACRO_CALLER && !has_caller) {
        if (!take(a, used, VIEW("caller"), &slot[at]) || slot[at].kind == J_NONE)
            slot[at] = jvalue_undefined(VIEW("caller"));
        at++;
    }
    if (n->extra & JMACRO_KWARGS) {
        if ((st = rest(w, a, used, &slot[at++])) != ST_OK)
            return st;
    } else {
        for (int64_t i = 0; i < a->n_named; i++)
            if (!used[i])
                return jrun_fail(w, "%s has no parameter '%s'", macro_name(n),
                                 shown(a->named[i].name));
    }
    int64_t more = MAX(a->n - n_params, 0);
    if (n->extra & JMACRO_VARARGS)
        slot[at] = jvalue_of(J_TUPLE, a->at + (more ? n_params : 0), (size_t)more);
    else if (more)
        return jrun_fail(w, "%s takes at most %d arguments", macro_name(n), (int)n_params);
    return ST_OK;
}

static enum st defaults(struct jrun *w, const struct jnode *n, struct jvalue *slot)
{
    enum st st = ST_OK;

    for (const struct jnode *p = n->a; p && st == ST_OK; p = p->next) {
        if (slot[p->slot].kind != J_MISSING)
            continue;
        if (p->a)
            st = jeval(w, p->a, &slot[p->slot]);
        else
            slot[p->slot] = jvalue_undefined(jvalue_view(p->value));
    }
    return st;
}

enum st jcall_macro(struct jrun *w, const struct jmacro *m, const struct jargs *a,
                    struct jvalue *out)
{
    const struct jnode *n = m->node;
    struct jframe *frame = jrun_get(w, sizeof *frame), *before = w->frame;
    bool *used = jrun_get(w, (size_t)a->n_named);
    int64_t n_params = 0;
    enum st st;

    if (!frame || !used || !(frame->slot = jrun_get(w, (size_t)n->n * sizeof *frame->slot)))
        return ST_SYS;
    frame->up = m->frame;
    memset(frame->slot, 0, (size_t)n->n * sizeof *frame->slot);
    memset(used, 0, (size_t)a->n_named);
    for (const struct jnode *p = n->a; p; p = p->next, n_params++)
        if (n_params < a->n)
            frame->slot[n_params] = a->at[n_params];
        else
            take(a, used, jvalue_view(p->value), &frame->slot[n_params]);
    if ((st = implied(w, n, a, used, n_params, frame->slot)) != ST_OK)
        return st;
    if ((w->depth += 8) > JRUN_DEPTH_MAX)
        return jrun_fail(w, "calls nested too deeply");
    w->frame = frame;
    if ((st = jexec_enter(w, n->c)) == ST_OK && (st = defaults(w, n, frame->slot)) == ST_OK)
        st = jexec_capture(w, n->c, out);
    w->frame = before;
    w->depth -= 8;
    return st;
}

enum st jcall_value(struct jrun *w, struct jvalue f, const struct jargs *a, struct jvalue *out)
{
    struct jjoiner *j = f.p;
    const struct jmethod *m = f.cp;

    switch (f.kind) {
    case J_GLOBAL:
        return jcall_func(w, f.cp, f, a, out);
    case J_METHOD:
        if (m->self.kind == J_TEXT && m->self.flag)
            return jrun_fail(w, "methods of a safe string are not supported; write safe last");
        return jcall_func(w, m->func, m->self, a, out);
    case J_MACRO:
        return jcall_macro(w, f.cp, a, out);
    case J_JOINER:
        if (a->n || a->n_named)
            return jrun_fail(w, "a joiner takes no arguments");
        *out = j->used ? j->sep : jvalue_text("", 0);
        j->used = true;
        return ST_OK;
    case J_LOOP:
        return jrun_fail(w, "recursive loops are not supported; write a macro");
    case J_UNDEFINED:
        return jrun_fail(w, "'%s' is undefined, so it cannot be called",
                         f.n ? shown(jvalue_view(f)) : "value");
    default:
        return jrun_fail(w, "%s cannot be called", jvalue_type(f));
    }
}

enum st jcall_int(struct jrun *w, struct jvalue v, const char *what, int64_t *i)
{
    if (v.kind == J_MISSING)
        return ST_OK;
    if (!jvalue_whole(v))
        return jrun_fail(w, "%s must be an integer, not %s", what, jvalue_type(v));
    *i = v.i;
    return ST_OK;
}

enum st jcall_text(struct jrun *w, struct jvalue v, const char *what, struct view *s)
{
    if (v.kind == J_MISSING)
        return ST_OK;
    if (v.kind != J_TEXT)
        return jrun_fail(w, "%s must be a string, not %s", what, jvalue_type(v));
    *s = jvalue_view(v);
    return ST_OK;
}
