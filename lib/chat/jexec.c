/* jexec.c - statements run: they append to the text, set variables, and call each other. */
#include "chat/jnode.h"

static enum st run(struct jrun *w, const struct jnode *n);

enum st jexec_enter(struct jrun *w, const struct jnode *scope)
{
    for (int32_t i = 0; i < scope->n; i++) {
        const struct jload *l = &scope->load[i];
        w->frame->slot[l->slot] = l->from_up == JLOAD_NONE ? (struct jvalue){ 0 }
                                                           : *jexec_slot(w, l->from_up, l->from);
    }
    return ST_OK;
}

static enum st list(struct jrun *w, const struct jnode *n)
{
    enum st st = ST_OK;

    for (; n && st == ST_OK && w->flow == J_NEXT; n = n->next)
        st = run(w, n);
    return st;
}

enum st jexec_scope(struct jrun *w, const struct jnode *scope)
{
    enum st st = jexec_enter(w, scope);

    return st == ST_OK ? list(w, scope->a) : st;
}

/* The text that the statements of an entered scope write, as a value. */
enum st jexec_capture(struct jrun *w, const struct jnode *scope, struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st;

    w->capture++;
    if ((st = list(w, scope->a)) != ST_OK)
        return st;
    w->capture--;
    return jrun_cut(w, b, n, out);
}

static enum st put(struct jrun *w, struct jvalue v)
{
    struct buf *b = jrun_text(w);
    enum st st = jvalue_str(w, v, b);

    if (st == ST_OK && b->n > JRUN_TEXT_MAX)
        return jrun_fail(w, "a text of more than %d MiB", JRUN_TEXT_MAX >> 20);
    return st;
}

/* A sum that begins with a text is a sum of texts: each is written behind `from` as it comes.
 * *v is MISSING where that was all. */
static enum st put_sum(struct jrun *w, const struct jnode *n, size_t from, struct jvalue *v)
{
    struct buf *b = jrun_text(w);
    struct jvalue right;
    enum st st;

    if (n->kind != JN_BINARY || n->op != '+')
        return jeval(w, n, v);
    if ((st = put_sum(w, n->a, from, v)) != ST_OK || (st = jeval(w, n->b, &right)) != ST_OK)
        return st;
    w->at = n->at;
    if (right.kind == J_TEXT && !right.flag) {
        if (v->kind == J_MISSING)
            return put(w, right);
        if (v->kind == J_TEXT && !v->flag) {
            if ((st = put(w, *v)) != ST_OK)
                return st;
            *v = (struct jvalue){ 0 };
            return put(w, right);
        }
    }
    if (v->kind == J_MISSING && (st = jrun_cut(w, b, from, v)) != ST_OK)
        return st;
    return jop_binary(w, '+', *v, right, v);
}

static enum st output(struct jrun *w, const struct jnode *n)
{
    struct jvalue v;
    enum st st = ST_OK;

    for (const struct jnode *k = n->a; k && st == ST_OK; k = k->next) {
        size_t from = w->out->text.n;
        if (!w->capture)
            w->shown = from;
        w->at = k->at;
        if ((st = put_sum(w, k, from, &v)) != ST_OK)
            return st;
        w->at = k->at;
        if (v.kind != J_MISSING)
            st = put(w, v);
    }
    return st;
}

static enum st set_attr(struct jrun *w, const struct jnode *n, struct jvalue v)
{
    struct jvalue space;
    struct view name = jvalue_view(n->value);
    enum st st = jeval(w, n->a, &space);

    if (st != ST_OK)
        return st;
    w->at = n->at;
    if (space.kind != J_NAMESPACE)
        return jrun_fail(w, "only a namespace has attributes that can be set, not %s",
                         jvalue_type(space));
    return jspace_set(w, space.p, name, v);
}

enum st jexec_assign(struct jrun *w, const struct jnode *target, struct jvalue v)
{
    struct jvalue item;
    struct jiter it;
    bool more = true;
    enum st st;

    if (target->kind == JN_NAME) {
        *jexec_slot(w, target->up, target->slot) = v;
        return ST_OK;
    }
    if (target->kind == JN_NSREF)
        return set_attr(w, target, v);
    w->at = target->at;
    if ((st = jiter_start(w, v, &it)) != ST_OK)
        return st;
    struct jvalue *all = jrun_get(w, (size_t)target->n * sizeof *all);
    if (!all)
        return ST_SYS;
    for (int32_t i = 0; i < target->n; i++) {
        if ((st = jiter_next(w, &it, &all[i], &more)) != ST_OK)
            return st;
        if (!more)
            return jrun_fail(w, "%d values are wanted, there are %d", target->n, i);
    }
    if ((st = jiter_next(w, &it, &item, &more)) != ST_OK)
        return st;
    if (more)
        return jrun_fail(w, "%d values are wanted, there are more", target->n);
    for (const struct jnode *k = target->a; k && st == ST_OK; k = k->next)
        st = jexec_assign(w, k, *all++);
    return st;
}

static enum st if_(struct jrun *w, const struct jnode *n)
{
    struct jvalue v;
    enum st st;

    for (const struct jnode *k = n; k; k = k == n ? n->c : k->next) {
        if ((st = jeval(w, k->a, &v)) != ST_OK)
            return st;
        if (jvalue_truth(v))
            return list(w, k->b);
    }
    return list(w, n->d);
}

/* The items that the condition of a loop lets through, one when it is asked for. */
static enum st chosen(struct jrun *w, struct jgen *g, struct jvalue *v, bool *more)
{
    const struct jnode *n = g->source.cp;
    struct jframe *frame = w->frame;
    struct jvalue yes;
    enum st st;

    for (;;) {
        if ((st = jiter_next(w, &g->from, v, more)) != ST_OK || !*more)
            return st;
        w->frame = g->frame;
        if ((st = jexec_assign(w, n->e->b, *v)) != ST_OK || (st = jeval(w, n->e->a, &yes)) != ST_OK)
            return st;
        w->frame = frame;
        if (jvalue_truth(yes))
            return ST_OK;
    }
}

static enum st for_start(struct jrun *w, const struct jnode *n, struct jloop *l)
{
    struct jgen g = { .next = chosen, .source = jvalue_of(J_NONE, n, 0), .frame = w->frame };
    enum st st = jeval(w, n->b, &l->of);

    w->at = n->b->at;
    if (st != ST_OK || (st = jiter_start(w, l->of, &l->it)) != ST_OK || !n->e)
        return st;
    g.from = l->it;
    if ((st = jexec_enter(w, n->e)) != ST_OK || (st = jiter_new(w, g, &l->of)) != ST_OK)
        return st;
    return jiter_start(w, l->of, &l->it);
}

static enum st for_(struct jrun *w, const struct jnode *n)
{
    struct jloop few, *l = n->flag ? jrun_get(w, sizeof *l) : &few;
    struct jvalue v;
    bool more, whole = false;                  /* a turn that was neither broken off nor skipped */
    enum st st;

    if (!l)
        return ST_SYS;
    *l = (struct jloop){ .index = -1, .length = -1 };
    if ((st = for_start(w, n, l)) != ST_OK)
        return st;
    for (;;) {
        st = n->flag ? jloop_next(w, l, &v, &more) : jiter_next(w, &l->it, &v, &more);
        if (st != ST_OK)
            return st;
        if (!more)
            break;
        if (n->flag)
            w->frame->slot[n->slot] = jvalue_of(J_LOOP, l, 0);
        if ((st = jexec_assign(w, n->a, v)) != ST_OK || (st = jexec_scope(w, n->c)) != ST_OK)
            return st;
        whole |= w->flow == J_NEXT;
        bool leave = w->flow == J_BREAK;
        w->flow = J_NEXT;
        if (leave)
            break;
    }
    return n->d && !whole ? jexec_scope(w, n->d) : ST_OK;
}

static enum st macro(struct jrun *w, const struct jnode *n, struct jvalue *out)
{
    struct jmacro *m = jrun_get(w, sizeof *m);

    if (!m)
        return ST_SYS;
    *m = (struct jmacro){ n, w->frame };
    *out = jvalue_of(J_MACRO, m, 0);
    return ST_OK;
}

static enum st call_block(struct jrun *w, const struct jnode *n)
{
    struct jvalue f, v;
    struct jargs a;
    enum st st;

    if ((st = jeval(w, n->b->a, &f)) != ST_OK || (st = jeval_args(w, n->b->b, &a)) != ST_OK)
        return st;
    struct jnamed *named = jrun_get(w, (size_t)(a.n_named + 1) * sizeof *named);
    if (!named)
        return ST_SYS;
    for (int64_t i = 0; i < a.n_named; i++)
        named[i] = a.named[i];
    named[a.n_named].name = VIEW("caller");
    if ((st = macro(w, n->a, &named[a.n_named].value)) != ST_OK)
        return st;
    a.named = named;
    a.n_named++;
    w->at = n->b->at;
    if (!w->capture)
        w->shown = w->out->text.n;
    if ((st = jcall_value(w, f, &a, &v)) != ST_OK)
        return st;
    return put(w, v);
}

/* set, filter and with blocks. */
static enum st block(struct jrun *w, const struct jnode *n)
{
    struct jvalue v;
    enum st st;

    if (n->kind == JN_WITH) {
        const struct jnode *t = n->a;
        for (const struct jnode *k = n->b; k; k = k->next, t = t->next)
            if ((st = jeval(w, k, &v)) != ST_OK || (st = jexec_assign(w, t, v)) != ST_OK)
                return st;
        return jexec_scope(w, n->c);
    }
    if (!w->capture)
        w->shown = w->out->text.n;
    if ((st = jexec_enter(w, n->c)) != ST_OK || (st = jexec_capture(w, n->c, &v)) != ST_OK ||
        w->flow != J_NEXT)
        return st;
    if (n->b) {
        w->block = v;
        if ((st = jeval(w, n->b, &v)) != ST_OK)
            return st;
    }
    return n->kind == JN_SETBLOCK ? jexec_assign(w, n->a, v) : put(w, v);
}

/* transformers marks from what was shown when the block began, so a block in a macro or a set must
 * turn out to stand there: jinja_render() looks. */
static enum st generation(struct jrun *w, const struct jnode *n)
{
    size_t begin = w->out->text.n;
    bool inside = w->generating;
    struct jrange_text r = { w->capture ? w->shown : begin, { 0 }, n->at };
    enum st st;

    w->generating = true;
    if ((st = jexec_scope(w, n->c)) != ST_OK || inside)
        return st;
    w->generating = false;
    r.text = jvalue_text(NULL, w->out->text.n - begin);
    if (w->capture && (st = jrun_copy(w, w->out->text.p + begin, r.text.n, &r.text)) != ST_OK)
        return st;
    return buf_add(&w->ranges, &r, sizeof r);
}

static enum st run(struct jrun *w, const struct jnode *n)
{
    struct jvalue v;
    enum st st = ST_OK;

    w->at = n->at;
    if (++w->steps > JRUN_STEPS_MAX)
        return jrun_spend(w, 0);
    switch (n->kind) {
    case JN_OUTPUT:
        return output(w, n);
    case JN_SET:
        return (st = jeval(w, n->b, &v)) == ST_OK ? jexec_assign(w, n->a, v) : st;
    case JN_IF:
        return if_(w, n);
    case JN_FOR:
        return for_(w, n);
    case JN_MACRO:
        return (st = macro(w, n, &v)) == ST_OK ? jexec_assign(w, n->b, v) : st;
    case JN_CALLBLOCK:
        return call_block(w, n);
    case JN_GENERATION:
        return generation(w, n);
    case JN_BREAK: case JN_CONTINUE:
        w->flow = n->kind == JN_BREAK ? J_BREAK : J_CONTINUE;
        return ST_OK;
    default:
        return block(w, n);
    }
}
