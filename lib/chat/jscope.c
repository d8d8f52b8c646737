/* jscope.c - every name of a template becomes a place: which frame, which slot.
 *
 * Loops, blocks and macros have variables of their own, and what a name means in one is settled
 * before it runs, as Jinja does: a name that a scope sets begins there as a copy of the outer one,
 * or as nothing; one that is set in a branch of an `if` begins as the outer one or what the
 * renderer was given; one that is only read is the outer one's.  Names that nothing sets are the
 * caller's variables and the functions that all templates have.  Only macros and calls have frames;
 * other scopes use slots of the frame they run in. */
#include "chat/jnode.h"

enum how { PARAM, RESOLVE, COPY, NOTHING };

struct symbol {
    struct symbol *next;
    struct view    name;
    enum how       how;
    int32_t        slot;
    int64_t        stored;                     /* when, by the clock; 0: it is only read */
    const struct symbol *outer;                /* COPY: of this one */
    const struct scope  *in;
};

struct function { int32_t n_slots, depth; };

struct scope {
    struct scope    *up;
    struct function *f;
    struct symbol   *first;
    int64_t          clock;
    bool             loop;                     /* within a for: `loop` is its own */
};

struct work { struct jread *r; struct buf global; bool full; };

static enum st visit(struct work *w, struct scope *s, struct jnode *n);
static enum st bind(struct work *w, struct scope *s, struct jnode *n);

static struct symbol *own(const struct scope *s, struct view name)
{
    for (struct symbol *k = s->first; k; k = k->next)
        if (view_eq(k->name, name))
            return k;
    return NULL;
}

static struct symbol *find(const struct scope *s, struct view name)
{
    struct symbol *k = NULL;

    for (; s && !k; s = s->up)
        k = own(s, name);
    return k;
}

static struct symbol *define(struct work *w, struct scope *s, struct view name, enum how how)
{
    struct symbol *k = ARENA_NEW(w->r->a, struct symbol, 1);

    if (k && s->f->n_slots == JREAD_NAMES_MAX) {
        fail(ST_DATA, "%s: more than %d variables", w->r->name, JREAD_NAMES_MAX);
        w->full = true;
        return NULL;
    }
    if (!k)
        return NULL;
    *k = (struct symbol){ .next = s->first, .name = name, .how = how, .in = s,
                          .slot = s->f->n_slots++ };
    return s->first = k;
}

static enum st store(struct work *w, struct scope *s, struct view name, bool param)
{
    struct symbol *k = own(s, name);

    if (!k) {
        const struct symbol *outer = s->up && !param ? find(s->up, name) : NULL;
        if (!(k = define(w, s, name, param ? PARAM : outer ? COPY : NOTHING)))
            return ST_SYS;
        k->outer = outer;
    }
    if (!k->stored)
        k->stored = ++s->clock;
    return ST_OK;
}

static enum st target(struct work *w, struct scope *s, struct jnode *n, bool param)
{
    enum st st = ST_OK;

    if (n->kind == JN_NSREF)
        return visit(w, s, n->a);
    if (n->kind == JN_NAME) {
        if (s->loop && view_is(jvalue_view(n->value), "loop"))
            return jlex_fail(w->r, n->at, "'loop' cannot be set within a loop");
        return store(w, s, jvalue_view(n->value), param);
    }
    for (struct jnode *k = n->a; k && st == ST_OK; k = k->next)
        st = target(w, s, k, param);
    return st;
}

static enum st visit_list(struct work *w, struct scope *s, struct jnode *n)
{
    enum st st = ST_OK;

    for (; n && st == ST_OK; n = n->next)
        st = visit(w, s, n);
    return st;
}

/* What the branches set begins as what it was outside. */
static enum st visit_if(struct work *w, struct scope *s, struct jnode *n)
{
    enum st st = visit(w, s, n->a);
    int64_t before = s->clock;

    if (st != ST_OK || (st = visit_list(w, s, n->b)) != ST_OK ||
        (st = visit_list(w, s, n->c)) != ST_OK || (st = visit_list(w, s, n->d)) != ST_OK)
        return st;
    for (struct symbol *k = s->first; k; k = k->next)
        if (k->stored > before) {
            k->outer = s->up ? find(s->up, k->name) : NULL;
            k->how = k->outer ? COPY : RESOLVE;
        }
    return ST_OK;
}

/* What the scope's own statements read and set; scopes within are passed by. */
static enum st visit(struct work *w, struct scope *s, struct jnode *n)
{
    enum st st;

    if (!n)
        return ST_OK;
    switch (n->kind) {
    case JN_NAME:
        if (view_is(jvalue_view(n->value), "self"))
            return jlex_fail(w->r, n->at, "'self' is not supported; a chat template is one file");
        if (!find(s, jvalue_view(n->value)) && !define(w, s, jvalue_view(n->value), RESOLVE))
            return ST_SYS;
        return ST_OK;
    case JN_SET:
        return (st = visit(w, s, n->b)) == ST_OK ? target(w, s, n->a, false) : st;
    case JN_SETBLOCK:
        return target(w, s, n->a, false);
    case JN_IF:
        return visit_if(w, s, n);
    case JN_FOR:
        return visit(w, s, n->b);
    case JN_MACRO:
        return store(w, s, jvalue_view(n->value), false);
    case JN_CALLBLOCK: case JN_FILTERBLOCK:
        return visit(w, s, n->b);
    case JN_WITH:
        return visit_list(w, s, n->b);
    case JN_GENERATION: case JN_SCOPE:
        return ST_OK;
    default:
        if ((st = visit_list(w, s, n->a)) != ST_OK || (st = visit_list(w, s, n->b)) != ST_OK ||
            (st = visit(w, s, n->c)) != ST_OK)
            return st;
        return visit(w, s, n->d);
    }
}

/* Whether the tree reads the name before it sets it. */
static bool reads(const struct jnode *n, const char *name)
{
    for (; n; n = n->next) {
        if (n->kind == JN_NAME && view_is(jvalue_view(n->value), name))
            return true;
        if (n->kind == JN_MACRO && view_is(jvalue_view(n->value), name))
            return false;
        if (n->kind == JN_SET || n->kind == JN_SETBLOCK || n->kind == JN_FOR) {
            if (reads(n->b, name) || reads(n->e, name) || reads(n->c, name) || reads(n->d, name))
                return true;
            if (n->a->kind == JN_NAME && view_is(jvalue_view(n->a->value), name))
                return false;
            continue;
        }
        if (reads(n->a, name) || (n->kind != JN_MACRO && reads(n->b, name)) || reads(n->c, name) ||
            reads(n->d, name))
            return true;
    }
    return false;
}

static enum st global(struct work *w, struct view name, int32_t *slot)
{
    struct view *v = (struct view *)(void *)w->global.p;
    int32_t n = (int32_t)(w->global.n / sizeof *v);

    for (*slot = 0; *slot < n; ++*slot)
        if (view_eq(v[*slot], name))
            return ST_OK;
    return buf_add(&w->global, &name, sizeof name);
}

/* Where a symbol is for code of function depth `depth`. */
static enum st place(struct work *w, const struct symbol *k, int32_t depth, int32_t *up,
                     int32_t *slot)
{
    if (k->how == RESOLVE && !k->stored) {
        *up = JLOAD_GLOBAL;
        return global(w, k->name, slot);
    }
    *up = depth - k->in->f->depth;
    *slot = k->slot;
    return ST_OK;
}

static enum st bind_list(struct work *w, struct scope *s, struct jnode *n)
{
    enum st st = ST_OK;

    for (; n && st == ST_OK; n = n->next)
        st = bind(w, s, n);
    return st;
}

/* What is done as the scope is entered, and its statements bound. */
static enum st finish(struct work *w, struct scope *s, struct jnode *n)
{
    struct jload *load;
    enum st st;

    for (const struct symbol *k = s->first; k; k = k->next)
        n->n += k->stored && k->how != PARAM;
    if (!(load = ARENA_NEW(w->r->a, struct jload, n->n)))
        return ST_SYS;
    n->load = load;
    for (const struct symbol *k = s->first; k; k = k->next) {
        if (!k->stored || k->how == PARAM)
            continue;
        *load = (struct jload){ .slot = k->slot, .from_up = JLOAD_NONE };
        if (k->how == RESOLVE)
            load->from_up = JLOAD_GLOBAL;
        st = k->how == COPY ? place(w, k->outer, s->f->depth, &load->from_up, &load->from)
           : k->how == RESOLVE ? global(w, k->name, &load->from) : ST_OK;
        if (st != ST_OK)
            return st;
        load++;
    }
    return bind_list(w, s, n->a);
}

static enum st bind_for(struct work *w, struct scope *s, struct jnode *n)
{
    struct scope in = { .up = s, .f = s->f, .loop = true }, test = in, other = in;
    struct view loop = VIEW("loop");
    enum st st;

    other.loop = s->loop;
    n->flag = reads(n->c->a, "loop");
    if ((st = bind(w, s, n->b)) != ST_OK)
        return st;
    if (n->flag) {
        if ((st = store(w, &in, loop, true)) != ST_OK)
            return st;
        n->slot = own(&in, loop)->slot;
    }
    if ((st = target(w, &in, n->a, true)) != ST_OK || (st = visit_list(w, &in, n->c->a)) != ST_OK ||
        (st = bind(w, &in, n->a)) != ST_OK || (st = finish(w, &in, n->c)) != ST_OK)
        return st;
    if (n->e && ((st = target(w, &test, n->e->b, true)) != ST_OK ||
                 (st = visit(w, &test, n->e->a)) != ST_OK ||
                 (st = bind(w, &test, n->e->b)) != ST_OK ||
                 (st = finish(w, &test, n->e)) != ST_OK))
        return st;
    if (n->d && (st = visit_list(w, &other, n->d->a)) == ST_OK)
        st = finish(w, &other, n->d);
    return st;
}

/* caller, kwargs and varargs are parameters of a macro that reads them. */
static enum st implied(struct work *w, struct scope *s, struct jnode *n)
{
    static const char *const names[] = { "caller", "kwargs", "varargs" };
    enum st st = ST_OK;

    for (int i = 0; i < countof(names) && st == ST_OK; i++) {
        bool named = false, given = false;
        for (const struct jnode *p = n->a; p; p = p->next)
            if (view_is(jvalue_view(p->value), names[i])) {
                named = true;
                given = p->a != NULL;
            }
        if (!reads(n->c->a, names[i]))
            continue;
        if (named && i == 0 && !given)
            return jlex_fail(w->r, n->at, "a parameter 'caller' must have a default");
        if (i > 0 && named)
            continue;
        n->extra |= (uint8_t)(1 << i);
        if (!named)
            st = store(w, s, view_of(names[i]), true);
    }
    return st;
}

static enum st bind_macro(struct work *w, struct scope *s, struct jnode *n)
{
    struct function f = { .depth = s->f->depth + 1 };
    struct scope in = { .up = s, .f = &f, .loop = s->loop };
    enum st st = ST_OK;

    for (struct jnode *p = n->a; p && st == ST_OK; p = p->next) {
        if (own(&in, jvalue_view(p->value)))
            return jlex_fail(w->r, p->at, "a parameter of a name that another one has");
        st = store(w, &in, jvalue_view(p->value), true);
    }
    if (st != ST_OK || (st = implied(w, &in, n)) != ST_OK)
        return st;
    for (struct jnode *p = n->a; p; p = p->next)
        if ((st = visit(w, &in, p->a)) != ST_OK)
            return st;
    if ((st = visit_list(w, &in, n->c->a)) != ST_OK)
        return st;
    for (struct jnode *p = n->a; p; p = p->next) {
        p->slot = own(&in, jvalue_view(p->value))->slot;
        if ((st = bind(w, &in, p->a)) != ST_OK)
            return st;
    }
    if ((st = finish(w, &in, n->c)) == ST_OK)
        n->n = f.n_slots;
    return st;
}

/* Scope n->c of a statement, whose own expression is n->b: of the outer scope in `with`. */
static enum st bind_block(struct work *w, struct scope *s, struct jnode *n)
{
    struct scope in = { .up = s, .f = s->f, .loop = s->loop };
    enum st st = ST_OK;

    if (n->kind == JN_WITH) {
        if ((st = bind_list(w, s, n->b)) != ST_OK)
            return st;
        for (struct jnode *k = n->a; k && st == ST_OK; k = k->next)
            st = target(w, &in, k, true);
    } else if (n->kind == JN_SETBLOCK) {
        st = bind(w, s, n->a);
    }
    if (st != ST_OK || (st = visit_list(w, &in, n->c->a)) != ST_OK ||
        (n->kind != JN_WITH && (st = visit(w, &in, n->b)) != ST_OK) ||
        (n->kind == JN_WITH && (st = bind_list(w, &in, n->a)) != ST_OK) ||
        (st = finish(w, &in, n->c)) != ST_OK)
        return st;
    return n->kind == JN_WITH ? ST_OK : bind(w, &in, n->b);
}

static enum st bind(struct work *w, struct scope *s, struct jnode *n)
{
    enum st st;

    if (!n)
        return ST_OK;
    switch (n->kind) {
    case JN_NAME:
        return place(w, find(s, jvalue_view(n->value)), s->f->depth, &n->up, &n->slot);
    case JN_FOR:
        return bind_for(w, s, n);
    case JN_MACRO:
        return (st = bind(w, s, n->b)) == ST_OK ? bind_macro(w, s, n) : st;
    case JN_CALLBLOCK:
        return (st = bind(w, s, n->b)) == ST_OK ? bind_macro(w, s, n->a) : st;
    case JN_GENERATION:
        if (reads(n->c->a, "caller") || reads(n->c->a, "kwargs") || reads(n->c->a, "varargs"))
            return jlex_fail(w->r, n->at, "caller, kwargs and varargs mean nothing within a "
                                          "generation block; set another name before it");
        return bind_block(w, s, n);
    case JN_SETBLOCK: case JN_FILTERBLOCK: case JN_WITH:
        return bind_block(w, s, n);
    default:
        if ((st = bind_list(w, s, n->a)) != ST_OK || (st = bind_list(w, s, n->b)) != ST_OK ||
            (st = n->kind == JN_IF ? bind_list(w, s, n->c) : bind(w, s, n->c)) != ST_OK)
            return st;
        return bind_list(w, s, n->d);
    }
}

enum st jscope(struct jread *r, struct jinja *j)
{
    struct function f = { 0 };
    struct scope root = { .f = &f };
    struct work w = { .r = r };
    enum st st;

    if ((st = visit_list(&w, &root, j->body->a)) == ST_OK)
        st = finish(&w, &root, j->body);
    if (st == ST_OK) {
        j->n_slots = f.n_slots;
        j->n_global = (int32_t)(w.global.n / sizeof(struct view));
        if (!(j->global = arena_get(r->a, w.global.n)))
            st = ST_SYS;
        else if (w.global.n)
            memcpy(j->global, w.global.p, w.global.n);
    }
    buf_free(&w.global);
    return st == ST_SYS && w.full ? ST_DATA : st;
}
