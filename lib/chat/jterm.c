/* jterm.c - terms of expressions: literals, names, signs, .name [item] (call) |filter `is` test. */
#include "chat/jnode.h"

static const char TOO_DEEP[] = "nested too deeply";

struct jnode *jterm_new(struct jread *r, enum jnode_kind kind, uint32_t at)
{
    struct jnode *n = ARENA_NEW(r->a, struct jnode, 1);

    if (n) {
        n->kind = (uint8_t)kind;
        n->at = at;
    }
    return n;
}

/* A node above others; the tree must not grow too high for those who walk it. */
enum st jterm_over(struct jread *r, enum jnode_kind kind, uint32_t at, struct jnode *a,
                   struct jnode *b, struct jnode **out)
{
    struct jnode *n = jterm_new(r, kind, at);

    if (!n)
        return ST_SYS;
    n->a = a;
    n->b = b;
    for (struct jnode *k = a; k; k = k->next)
        n->height = MAX(n->height, k->height + 1);
    for (struct jnode *k = b; k; k = k->next)
        n->height = MAX(n->height, k->height + 1);
    *out = n;
    return n->height > JREAD_HEIGHT_MAX ? jlex_fail(r, at, TOO_DEEP) : ST_OK;
}

enum st jterm_enter(struct jread *r)
{
    return ++r->depth > JREAD_DEPTH_MAX ? jlex_fail(r, r->t->at, TOO_DEEP) : ST_OK;
}

bool jterm_skip(struct jread *r, const char *word)
{
    if (!jterm_at(r, word))
        return false;
    r->t++;
    return true;
}

enum st jterm_unexpected(struct jread *r, const char *what)
{
    struct jtoken *t = r->t;
    bool text = t->kind == JT_NAME || t->kind == JT_TEXT || t->text.n;

    return jlex_fail(r, t->at, "%s must stand here, not %s%s%s", what, text ? "'" : "",
                     text ? shown(t->text) : t->kind == JT_END ? "the template's end"
                                                               : "the tag's end",
                     text ? "'" : "");
}

enum st jterm_expect(struct jread *r, int kind, const char *what)
{
    if (r->t->kind != kind)
        return jterm_unexpected(r, what);
    r->t++;
    return ST_OK;
}

static enum st leaf(struct jread *r, struct jvalue v, enum jnode_kind kind, uint32_t at,
                    struct jnode **n)
{
    if (!(*n = jterm_new(r, kind, at)))
        return ST_SYS;
    (*n)->value = v;
    return ST_OK;
}

/* Items up to the closing token; pairs for dicts. */
static enum st items(struct jread *r, int close, bool dict, struct jnode **first, int32_t *count)
{
    struct jnode **last = first;
    enum st st;

    r->t++;
    while (r->t->kind != close) {
        if (last != first && (st = jterm_expect(r, ',', "a comma")) != ST_OK)
            return st;
        if (r->t->kind == close)
            break;
        if ((st = jexpr(r, last)) != ST_OK)
            return st;
        last = &(*last)->next;
        if (dict) {
            if ((st = jterm_expect(r, ':', "a colon")) != ST_OK || (st = jexpr(r, last)) != ST_OK)
                return st;
            last = &(*last)->next;
        }
        ++*count;
    }
    r->t++;
    return ST_OK;
}

static enum st texts(struct jread *r, struct jnode **n)
{
    uint32_t at = r->t->at;
    struct jvalue sum, v;
    enum st st;

    if ((st = jliteral(r, r->t++, &sum)) != ST_OK)
        return st;
    while (r->t->kind == JT_TEXT) {
        if ((st = jliteral(r, r->t++, &v)) != ST_OK)
            return st;
        char *p = arena_get(r->a, (size_t)sum.n + v.n);
        if (!p)
            return ST_SYS;
        memcpy(p, sum.s, sum.n);
        memcpy(p + sum.n, v.s, v.n);
        sum = jvalue_text(p, (size_t)sum.n + v.n);
    }
    return leaf(r, sum, JN_CONST, at, n);
}

static enum st name(struct jread *r, bool target, struct jnode **n)
{
    static const struct { const char *word; uint8_t kind; int64_t i; } words[] = {
        { "true", J_BOOL, 1 }, { "false", J_BOOL, 0 }, { "none", J_NONE, 0 },
        { "True", J_BOOL, 1 }, { "False", J_BOOL, 0 }, { "None", J_NONE, 0 },
    };
    struct jtoken *t = r->t++;

    for (int i = 0; i < countof(words); i++)
        if (view_is(t->text, words[i].word))
            return leaf(r, (struct jvalue){ .kind = words[i].kind, .i = words[i].i }, JN_CONST,
                        t->at, n);
    enum st st = leaf(r, jvalue_text(t->text.p, t->text.n), JN_NAME, t->at, n);
    if (st != ST_OK || !target || r->t->kind != '.')
        return st;
    r->t++;
    struct jtoken *attr = r->t;
    if ((st = jterm_expect(r, JT_NAME, "a name")) != ST_OK ||
        (st = jterm_over(r, JN_NSREF, t->at, *n, NULL, n)) != ST_OK)
        return st;
    (*n)->value = jvalue_text(attr->text.p, attr->text.n);
    return ST_OK;
}

enum st jterm_primary(struct jread *r, bool target, struct jnode **n)
{
    struct jtoken *t = r->t;
    struct jnode *first = NULL;
    struct jvalue v;
    int32_t count = 0;
    enum st st;

    switch (t->kind) {
    case JT_NAME:
        return name(r, target, n);
    case JT_TEXT:
        return texts(r, n);
    case JT_INT: case JT_FLOAT:
        r->t++;
        return (st = jliteral(r, t, &v)) == ST_OK ? leaf(r, v, JN_CONST, t->at, n) : st;
    case '(':
        r->t++;
        if ((st = jterm_enter(r)) != ST_OK ||
            (st = jexpr_tuple(r, true, NULL, true, n)) != ST_OK)
            return st;
        r->depth--;
        return jterm_expect(r, ')', "a closing parenthesis");
    case '[': case '{':
        if ((st = jterm_enter(r)) != ST_OK ||
            (st = items(r, t->kind == '[' ? ']' : '}', t->kind == '{', &first, &count)) != ST_OK ||
            (st = jterm_over(r, t->kind == '[' ? JN_LIST : JN_DICT, t->at, first, NULL,
                             n)) != ST_OK)
            return st;
        r->depth--;
        (*n)->n = count;
        return ST_OK;
    default:
        return jterm_unexpected(r, "an expression");
    }
}

/* ( arguments ), the parenthesis being looked at. */
static enum st arguments(struct jread *r, struct jnode **first)
{
    struct jnode **last = first, *v;
    int least = 0;                             /* positions, then names, then *, then ** */
    enum st st;

    if ((st = jterm_enter(r)) != ST_OK)
        return st;
    for (r->t++; r->t->kind != ')'; last = &(*last)->next) {
        if (last != first && (st = jterm_expect(r, ',', "a comma")) != ST_OK)
            return st;
        if (r->t->kind == ')')
            break;
        struct jtoken *t = r->t;
        int rank = t->kind == '*' ? 2 : t->kind == JT_POW ? 3
                 : t->kind == JT_NAME && t[1].kind == '=' ? 1 : 0;
        if (rank < least && !(rank == 1 && least == 2))
            return jlex_fail(r, t->at, "an argument that must stand further left");
        if (rank >= 2 && rank == least)
            return jlex_fail(r, t->at, "one such argument is the most");
        least = MAX(least, rank);
        r->t += rank == 1 ? 2 : rank > 1;
        if ((st = jexpr(r, &v)) != ST_OK)
            return st;
        if (rank == 0) {
            *last = v;
            continue;
        }
        enum jnode_kind kind = rank == 1 ? JN_NAMED : rank == 2 ? JN_STAR : JN_STARS;
        if ((st = jterm_over(r, kind, t->at, v, NULL, last)) != ST_OK)
            return st;
        (*last)->value = jvalue_text(t->text.p, t->text.n);
    }
    r->depth--;
    r->t++;
    return ST_OK;
}

static enum st call(struct jread *r, struct jnode **n)
{
    uint32_t at = (*n)->at;
    struct jnode *args = NULL;
    enum st st = arguments(r, &args);

    return st == ST_OK ? jterm_over(r, JN_CALL, at, *n, args, n) : st;
}

/* One of the up to three parts of a slice; *n NULL where it is left out. */
static enum st part(struct jread *r, struct jnode **n)
{
    int kind = r->t->kind;

    *n = NULL;
    return kind == ':' || kind == ']' || kind == ',' ? ST_OK : jexpr(r, n);
}

static enum st subscript(struct jread *r, struct jnode **n)
{
    struct jtoken *t = r->t++, *name = r->t;
    struct jnode *from, *to = NULL, *step = NULL;
    struct jvalue v;
    enum st st;

    if (t->kind == '.' && name->kind == JT_INT) {
        r->t++;
        if ((st = jliteral(r, name, &v)) != ST_OK ||
            (st = leaf(r, v, JN_CONST, name->at, &from)) != ST_OK)
            return st;
        return jterm_over(r, JN_ITEM, t->at, *n, from, n);
    }
    if (t->kind == '.') {
        if ((st = jterm_expect(r, JT_NAME, "a name or a number")) != ST_OK ||
            (st = jterm_over(r, JN_ATTR, t->at, *n, NULL, n)) != ST_OK)
            return st;
        (*n)->value = jvalue_text(name->text.p, name->text.n);
        (*n)->func = jfunc_method(J_TEXT, name->text);
        (*n)->flag = jattr_special(name->text);
        return ST_OK;
    }
    if ((st = jterm_enter(r)) != ST_OK || (st = part(r, &from)) != ST_OK)
        return st;
    bool slice = r->t->kind == ':';
    for (int i = 0; i < 2 && r->t->kind == ':'; i++) {
        r->t++;
        if ((st = part(r, i ? &step : &to)) != ST_OK)
            return st;
    }
    r->depth--;
    if (!slice && !from)
        return jterm_unexpected(r, "an expression");
    if (r->t->kind == ',')
        return jlex_fail(r, r->t->at, "several items in one subscript are not supported");
    if ((st = jterm_expect(r, ']', "a closing bracket")) != ST_OK ||
        (st = jterm_over(r, slice ? JN_SLICE : JN_ITEM, t->at, *n, from, n)) != ST_OK)
        return st;
    (*n)->c = to;
    (*n)->d = step;
    (*n)->height += (to ? to->height : 0) + (step ? step->height : 0);
    return ST_OK;
}

static enum st postfix(struct jread *r, struct jnode **n)
{
    enum st st = ST_OK;

    while (st == ST_OK) {
        if (r->t->kind == '.' || r->t->kind == '[')
            st = subscript(r, n);
        else if (r->t->kind == '(')
            st = call(r, n);
        else
            break;
    }
    return st;
}

/* The name of a filter or test, and the function. */
static enum st function(struct jread *r, const char *what,
                        const struct jfunc *(*find)(struct view), const struct jfunc **f)
{
    struct jtoken *t = r->t;
    enum st st = jterm_expect(r, JT_NAME, what);

    if (st != ST_OK)
        return st;
    if (!(*f = find(t->text)) || r->t->kind == '.')
        return jlex_fail(r, t->at, "%s '%s' is not known", what, shown(t->text));
    if (!(*f)->call)
        return jlex_fail(r, t->at, "%s '%s' is not supported", what, shown(t->text));
    return ST_OK;
}

enum st jterm_filters(struct jread *r, struct jnode **n, bool inline_first)
{
    const struct jfunc *f;
    enum st st;

    while (inline_first || r->t->kind == '|') {
        struct jnode *args = NULL;
        r->t += !inline_first;
        inline_first = false;
        uint32_t at = r->t->at;
        if ((st = function(r, "filter", jfunc_filter, &f)) != ST_OK ||
            (r->t->kind == '(' && (st = arguments(r, &args)) != ST_OK) ||
            (st = jterm_over(r, JN_FILTER, at, *n, args, n)) != ST_OK)
            return st;
        (*n)->func = f;
    }
    return ST_OK;
}

static bool begins_argument(const struct jread *r)
{
    switch (r->t->kind) {
    case JT_NAME:
        return !jterm_at(r, "else") && !jterm_at(r, "or") && !jterm_at(r, "and");
    case JT_TEXT: case JT_INT: case JT_FLOAT: case '(': case '[': case '{':
        return true;
    default:
        return false;
    }
}

static enum st test(struct jread *r, struct jnode **n)
{
    struct jnode *args = NULL;
    const struct jfunc *f;
    enum st st;

    r->t++;
    bool negated = jterm_skip(r, "not");
    uint32_t at = r->t->at;
    if ((st = function(r, "test", jfunc_test, &f)) != ST_OK)
        return st;
    if (r->t->kind == '(') {
        st = arguments(r, &args);
    } else if (begins_argument(r)) {
        if (jterm_at(r, "is"))
            return jlex_fail(r, r->t->at, "tests cannot be chained; join them with 'and'");
        if ((st = jterm_primary(r, false, &args)) == ST_OK)
            st = postfix(r, &args);
    }
    if (st != ST_OK || (st = jterm_over(r, JN_TEST, at, *n, args, n)) != ST_OK)
        return st;
    (*n)->func = f;
    (*n)->flag = negated;
    return ST_OK;
}

enum st jterm(struct jread *r, bool filters, struct jnode **n)
{
    struct jtoken *t = r->t;
    enum st st;

    if (t->kind == '-' || t->kind == '+') {
        r->t++;
        if ((st = jterm_enter(r)) != ST_OK || (st = jterm(r, false, n)) != ST_OK ||
            (st = jterm_over(r, t->kind == '-' ? JN_NEG : JN_POS, t->at, *n, NULL, n)) != ST_OK)
            return st;
        r->depth--;
    } else if ((st = jterm_primary(r, false, n)) != ST_OK) {
        return st;
    }
    st = postfix(r, n);
    while (st == ST_OK && filters) {
        if (r->t->kind == '|')
            st = jterm_filters(r, n, false);
        else if (jterm_at(r, "is"))
            st = test(r, n);
        else if (r->t->kind == '(')
            st = call(r, n);
        else
            break;
    }
    return st;
}
