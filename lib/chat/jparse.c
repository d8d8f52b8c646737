/* jparse.c - statements: what stands within {% %}, and the text and values between. */
#include "chat/jnode.h"

/* A body ends at one of these words, which is looked at then. */
typedef const char *const words[4];

static enum st body(struct jread *r, words end, struct jnode **first);

static bool at_any(const struct jread *r, words end)
{
    for (int i = 0; i < 4 && end[i]; i++)
        if (jterm_at(r, end[i]))
            return true;
    return false;
}

/* The rest of a tag, and the statements up to one of the words. */
static enum st block(struct jread *r, words end, struct jnode **first)
{
    enum st st;

    if (r->t->kind == ':')
        r->t++;
    if ((st = jterm_enter(r)) != ST_OK ||
        (st = jterm_expect(r, JT_BLOCK_END, "the tag's end")) != ST_OK ||
        (st = body(r, end, first)) != ST_OK)
        return st;
    r->depth--;
    return ST_OK;
}

/* The same within a scope; the end word is passed. */
static enum st scope(struct jread *r, words end, struct jnode **n)
{
    if (!(*n = jterm_new(r, JN_SCOPE, r->t->at)))
        return ST_SYS;
    enum st st = block(r, end, &(*n)->a);
    if (st == ST_OK)
        r->t++;
    return st;
}

static bool assignable(const struct jnode *n)
{
    if (n->kind != JN_TUPLE)
        return n->kind == JN_NAME || n->kind == JN_NSREF;
    for (const struct jnode *k = n->a; k; k = k->next)
        if (!assignable(k))
            return false;
    return true;
}

/* What is assigned to: a name, a.b of a namespace, or several of them up to the word. */
static enum st target(struct jread *r, const char *until, bool spaces, struct jnode **n)
{
    struct jnode *first = NULL, **last = &first;
    uint32_t at = r->t->at;
    bool tuple = false;
    int32_t count = 0;
    enum st st;

    for (;;) {
        if ((st = jterm_primary(r, spaces, last)) != ST_OK)
            return st;
        if (!assignable(*last))
            return jlex_fail(r, (*last)->at, "nothing can be assigned to this; name a variable");
        last = &(*last)->next;
        count++;
        if (r->t->kind != ',')
            break;
        tuple = true;
        r->t++;
        if (r->t->kind == JT_BLOCK_END || r->t->kind == ')' || (until && jterm_at(r, until)))
            break;
    }
    *n = first;
    if (tuple && (st = jterm_over(r, JN_TUPLE, at, first, NULL, n)) == ST_OK)
        (*n)->n = count;
    return st;
}

static enum st one_name(struct jread *r, struct jnode **n)
{
    struct jtoken *t = r->t;
    enum st st = jterm_expect(r, JT_NAME, "a name");

    if (st != ST_OK)
        return st;
    if (!(*n = jterm_new(r, JN_NAME, t->at)))
        return ST_SYS;
    (*n)->value = jvalue_text(t->text.p, t->text.n);
    return ST_OK;
}

static enum st set(struct jread *r, struct jnode *s)
{
    enum st st = target(r, NULL, true, &s->a);

    if (st != ST_OK)
        return st;
    if (r->t->kind == '=') {
        r->t++;
        return jexpr_tuple(r, true, NULL, false, &s->b);
    }
    s->kind = JN_SETBLOCK;
    if (r->t->kind == '|') {
        if (!(s->b = jterm_new(r, JN_BLOCK, r->t->at)))
            return ST_SYS;
        if ((st = jterm_filters(r, &s->b, false)) != ST_OK)
            return st;
    }
    return scope(r, (words){ "endset" }, &s->c);
}

static enum st if_(struct jread *r, struct jnode *s)
{
    struct jnode **last = &s->c, *branch = s;
    enum st st;

    for (;;) {
        if ((st = jexpr_tuple(r, false, NULL, false, &branch->a)) != ST_OK ||
            (st = block(r, (words){ "elif", "else", "endif" }, &branch->b)) != ST_OK)
            return st;
        if (!jterm_skip(r, "elif"))
            break;
        if (!(*last = branch = jterm_new(r, JN_IF, r->t->at)))
            return ST_SYS;
        last = &branch->next;
    }
    if (jterm_skip(r, "else") && (st = block(r, (words){ "endif" }, &s->d)) != ST_OK)
        return st;
    r->t++;
    return ST_OK;
}

/* A copy of a target, for the condition of a loop has variables of its own. */
static enum st copy(struct jread *r, const struct jnode *n, struct jnode **out)
{
    enum st st = ST_OK;

    if (!(*out = jterm_new(r, (enum jnode_kind)n->kind, n->at)))
        return ST_SYS;
    (*out)->value = n->value;
    (*out)->n = n->n;
    struct jnode **last = &(*out)->a;
    for (const struct jnode *k = n->a; k && st == ST_OK; k = k->next, last = &(*last)->next)
        st = copy(r, k, last);
    return st;
}

static enum st for_(struct jread *r, struct jnode *s)
{
    enum st st;
    int loops = r->loops;

    if ((st = target(r, "in", false, &s->a)) != ST_OK)
        return st;
    if (!jterm_skip(r, "in"))
        return jterm_unexpected(r, "'in'");
    if ((st = jexpr_tuple(r, false, "recursive", false, &s->b)) != ST_OK)
        return st;
    if (jterm_skip(r, "if")) {
        if (!(s->e = jterm_new(r, JN_SCOPE, r->t->at)))
            return ST_SYS;
        if ((st = jexpr(r, &s->e->a)) != ST_OK || (st = copy(r, s->a, &s->e->b)) != ST_OK)
            return st;
    }
    if (jterm_at(r, "recursive"))
        return jlex_fail(r, r->t->at, "recursive loops are not supported; write a macro");
    if (!(s->c = jterm_new(r, JN_SCOPE, s->at)))
        return ST_SYS;
    r->loops++;
    if ((st = block(r, (words){ "endfor", "else" }, &s->c->a)) != ST_OK)
        return st;
    r->loops = loops;
    if (jterm_skip(r, "else"))
        return scope(r, (words){ "endfor" }, &s->d);
    r->t++;
    return ST_OK;
}

/* (name, name=default...): NAMED nodes, a their defaults. */
static enum st signature(struct jread *r, struct jnode **last)
{
    struct jnode **first = last, *name;
    bool defaults = false;
    enum st st = jterm_expect(r, '(', "an opening parenthesis");

    for (; st == ST_OK && r->t->kind != ')'; last = &(*last)->next) {
        if (last != first && (st = jterm_expect(r, ',', "a comma")) != ST_OK)
            break;
        if ((st = one_name(r, &name)) != ST_OK ||
            (st = jterm_over(r, JN_NAMED, name->at, NULL, name, last)) != ST_OK)
            break;
        (*last)->value = name->value;
        if (r->t->kind == '=') {
            r->t++;
            defaults = true;
            st = jexpr(r, &(*last)->a);
        } else if (defaults) {
            st = jlex_fail(r, name->at, "a parameter without a default behind one that has one");
        }
        if (st != ST_OK)
            break;
    }
    return st == ST_OK ? jterm_expect(r, ')', "a closing parenthesis") : st;
}

/* The body of a macro or a call, which no break and continue leaves. */
static enum st function(struct jread *r, words end, struct jnode **n)
{
    int loops = r->loops;

    r->loops = 0;
    enum st st = scope(r, end, n);
    r->loops = loops;
    return st;
}

static enum st macro(struct jread *r, struct jnode *s)
{
    struct jnode *name;
    enum st st = one_name(r, &name);

    if (st != ST_OK || (st = signature(r, &s->a)) != ST_OK)
        return st;
    s->value = name->value;
    s->b = name;
    return function(r, (words){ "endmacro" }, &s->c);
}

static enum st call(struct jread *r, struct jnode *s)
{
    enum st st = ST_OK;

    if (!(s->a = jterm_new(r, JN_MACRO, s->at)))
        return ST_SYS;
    if (r->t->kind == '(')
        st = signature(r, &s->a->a);
    uint32_t at = r->t->at;
    if (st != ST_OK || (st = jexpr(r, &s->b)) != ST_OK)
        return st;
    if (s->b->kind != JN_CALL)
        return jlex_fail(r, at, "a call must stand here");
    return function(r, (words){ "endcall" }, &s->a->c);
}

static enum st filter(struct jread *r, struct jnode *s)
{
    enum st st;

    if (!(s->b = jterm_new(r, JN_BLOCK, r->t->at)))
        return ST_SYS;
    if ((st = jterm_filters(r, &s->b, true)) != ST_OK)
        return st;
    return scope(r, (words){ "endfilter" }, &s->c);
}

static enum st with(struct jread *r, struct jnode *s)
{
    struct jnode **targets = &s->a, **values = &s->b;
    enum st st;

    while (r->t->kind != JT_BLOCK_END) {
        if (targets != &s->a && (st = jterm_expect(r, ',', "a comma")) != ST_OK)
            return st;
        if ((st = one_name(r, targets)) != ST_OK ||
            (st = jterm_expect(r, '=', "an equals sign")) != ST_OK ||
            (st = jexpr(r, values)) != ST_OK)
            return st;
        targets = &(*targets)->next;
        values = &(*values)->next;
    }
    return scope(r, (words){ "endwith" }, &s->c);
}

static enum st generation(struct jread *r, struct jnode *s)
{
    r->generation = true;
    return function(r, (words){ "endgeneration" }, &s->c);
}

static enum st print(struct jread *r, struct jnode *s)
{
    struct jnode **last = &s->a;
    enum st st = ST_OK;

    for (; st == ST_OK && r->t->kind != JT_BLOCK_END; last = &(*last)->next)
        if (last == &s->a || (st = jterm_expect(r, ',', "a comma")) == ST_OK)
            if ((st = jexpr(r, last)) != ST_OK)
                break;
    return st;
}

static enum st leave(struct jread *r, struct jnode *s)
{
    return r->loops ? ST_OK : jlex_fail(r, s->at, "there is no loop here to leave or go on with");
}

static const struct statement {
    const char *word;
    uint8_t     kind;
    enum st   (*read)(struct jread *r, struct jnode *s);       /* NULL: Jinja's, not ours */
} statements[] = {
    { "set", JN_SET, set },
    { "if", JN_IF, if_ },
    { "for", JN_FOR, for_ },
    { "macro", JN_MACRO, macro },
    { "call", JN_CALLBLOCK, call },
    { "filter", JN_FILTERBLOCK, filter },
    { "with", JN_WITH, with },
    { "generation", JN_GENERATION, generation },
    { "print", JN_OUTPUT, print },
    { "break", JN_BREAK, leave },
    { "continue", JN_CONTINUE, leave },
    { "block", 0, NULL }, { "extends", 0, NULL }, { "include", 0, NULL }, { "import", 0, NULL },
    { "from", 0, NULL }, { "autoescape", 0, NULL },
};

static enum st statement(struct jread *r, words end, struct jnode **n)
{
    struct jtoken *t = r->t;
    const struct statement *s = NULL;
    enum st st;

    if (t->kind != JT_NAME)
        return jterm_unexpected(r, "a tag's name");
    for (int i = 0; i < countof(statements) && !s; i++)
        if (view_is(t->text, statements[i].word))
            s = &statements[i];
    if (!s && end[0])
        return jlex_fail(r, t->at, "tag '%s' is not known, or not here; '%s' is open",
                         shown(t->text), end[0]);
    if (!s)
        return jlex_fail(r, t->at, "tag '%s' is not known, or closes nothing that is open",
                         shown(t->text));
    if (!s->read)
        return jlex_fail(r, t->at, "tag '%s' is not supported; a chat template is one file",
                         shown(t->text));
    r->t++;
    if (!(*n = jterm_new(r, (enum jnode_kind)s->kind, t->at)))
        return ST_SYS;
    if ((st = s->read(r, *n)) != ST_OK)
        return st;
    return jterm_expect(r, JT_BLOCK_END, "the tag's end");
}

/* Text and values, up to the next tag, are one output. */
static enum st output(struct jread *r, struct jnode **n)
{
    enum st st;

    if (!(*n = jterm_new(r, JN_OUTPUT, r->t->at)))
        return ST_SYS;
    for (struct jnode **last = &(*n)->a;; last = &(*last)->next) {
        struct jtoken *t = r->t;
        if (t->kind == JT_DATA) {
            if (!(*last = jterm_new(r, JN_CONST, t->at)))
                return ST_SYS;
            (*last)->value = jvalue_text(t->text.p, t->text.n);
            r->t++;
        } else if (t->kind == JT_VAR_BEGIN) {
            r->t++;
            if ((st = jexpr_tuple(r, true, NULL, false, last)) != ST_OK ||
                (st = jterm_expect(r, JT_VAR_END, "the tag's end")) != ST_OK)
                return st;
        } else {
            return ST_OK;
        }
    }
}

static enum st body(struct jread *r, words end, struct jnode **last)
{
    enum st st;

    for (;; last = &(*last)->next) {
        if (r->t->kind == JT_END) {
            return end[0] ? jlex_fail(r, r->t->at, "the template ends before '%s'", end[0]) : ST_OK;
        } else if (r->t->kind != JT_BLOCK_BEGIN) {
            st = output(r, last);
        } else {
            r->t++;
            if (at_any(r, end))
                return ST_OK;
            st = statement(r, end, last);
        }
        if (st != ST_OK)
            return st;
    }
}

enum st jparse(struct jread *r, struct jnode **n)
{
    if (!(*n = jterm_new(r, JN_SCOPE, 0)))
        return ST_SYS;
    r->t = (struct jtoken *)(void *)r->token.p;
    return body(r, (words){ NULL }, &(*n)->a);
}
