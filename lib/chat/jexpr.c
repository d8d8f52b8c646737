/* jexpr.c - expressions: the grammar of Jinja 3.1, which is Python's with filters and tests.
 *
 * From loosest to tightest: if else, or, and, not, comparisons, + -, ~, * / // %, **, terms.
 * Unlike Python's, powers lean left and a sign binds tighter than a power. */
#include "chat/jnode.h"

static enum st concat(struct jread *r, struct jnode **n);

static enum st operand(struct jread *r, int level, struct jnode **n);

/* Operators of one level, leaning left. */
static enum st binary(struct jread *r, int level, struct jnode **n)
{
    static const char ops[][5] = { "+-", { '*', '/', JT_FLOOR, '%', 0 }, { JT_POW, 0 } };
    struct jnode *right;
    enum st st = operand(r, level, n);

    while (st == ST_OK && r->t->kind != JT_END && strchr(ops[level], r->t->kind)) {
        struct jtoken *t = r->t++;
        if ((st = operand(r, level, &right)) == ST_OK && t->kind == JT_POW &&
            (*n)->kind == JN_NEG && (*n)->a->kind == JN_CONST && right->kind != JN_CONST)
            return jlex_fail(r, t->at, "a power of a negative constant means two things to Jinja; "
                                       "set a variable to it");
        if (st == ST_OK &&
            (st = jterm_over(r, JN_BINARY, t->at, *n, right, n)) == ST_OK)
            (*n)->op = (uint8_t)t->kind;
    }
    return st;
}

static enum st operand(struct jread *r, int level, struct jnode **n)
{
    return level == 0 ? concat(r, n) : level == 1 ? binary(r, 2, n) : jterm(r, true, n);
}

/* a ~ b ~ c is one node. */
static enum st concat(struct jread *r, struct jnode **n)
{
    uint32_t at = r->t->at;
    enum st st = binary(r, 1, n);

    if (st != ST_OK || r->t->kind != '~')
        return st;
    struct jnode *first = *n, **last = &first->next;
    for (; r->t->kind == '~'; last = &(*last)->next) {
        r->t++;
        if ((st = binary(r, 1, last)) != ST_OK)
            return st;
    }
    return jterm_over(r, JN_CONCAT, at, first, NULL, n);
}

/* The comparison that stands here, `i` for in; 0: none.  Moves behind it. */
static int comparison(struct jread *r, bool *negated)
{
    int kind = r->t->kind;

    *negated = false;
    if (jterm_at(r, "not") && r->t[1].kind == JT_NAME && view_is(r->t[1].text, "in")) {
        *negated = true;
        r->t += 2;
        return 'i';
    }
    if (jterm_skip(r, "in"))
        return 'i';
    if (kind != JT_EQ && kind != JT_NE && kind != JT_GE && kind != JT_LE && kind != '<' &&
        kind != '>')
        return 0;
    r->t++;
    return kind;
}

static enum st compare(struct jread *r, struct jnode **n)
{
    struct jnode *first = NULL, **last = &first, *v;
    uint32_t at = r->t->at;
    bool negated;
    enum st st = binary(r, 0, n);

    for (int op; st == ST_OK; last = &(*last)->next) {
        uint32_t place = r->t->at;
        if (!(op = comparison(r, &negated)))
            break;
        if ((st = binary(r, 0, &v)) != ST_OK ||
            (st = jterm_over(r, JN_OPERAND, place, v, NULL, last)) != ST_OK)
            return st;
        (*last)->op = (uint8_t)op;
        (*last)->flag = negated;
    }
    return st == ST_OK && first ? jterm_over(r, JN_COMPARE, at, *n, first, n) : st;
}

static enum st negation(struct jread *r, struct jnode **n)
{
    uint32_t at = r->t->at;
    enum st st;

    if (!jterm_skip(r, "not"))
        return compare(r, n);
    if ((st = jterm_enter(r)) != ST_OK || (st = negation(r, n)) != ST_OK)
        return st;
    r->depth--;
    return jterm_over(r, JN_NOT, at, *n, NULL, n);
}

static enum st conjunction(struct jread *r, struct jnode **n)
{
    struct jnode *right;
    enum st st = negation(r, n);

    while (st == ST_OK && jterm_at(r, "and")) {
        uint32_t at = r->t++->at;
        if ((st = negation(r, &right)) == ST_OK)
            st = jterm_over(r, JN_AND, at, *n, right, n);
    }
    return st;
}

enum st jexpr_or(struct jread *r, struct jnode **n)
{
    struct jnode *right;
    enum st st = conjunction(r, n);

    while (st == ST_OK && jterm_at(r, "or")) {
        uint32_t at = r->t++->at;
        if ((st = conjunction(r, &right)) == ST_OK)
            st = jterm_over(r, JN_OR, at, *n, right, n);
    }
    return st;
}

enum st jexpr(struct jread *r, struct jnode **n)
{
    struct jnode *test, *otherwise;
    enum st st = jterm_enter(r);

    if (st == ST_OK)
        st = jexpr_or(r, n);
    while (st == ST_OK && jterm_at(r, "if")) {
        uint32_t at = r->t++->at;
        otherwise = NULL;
        if ((st = jexpr_or(r, &test)) != ST_OK ||
            (jterm_skip(r, "else") && (st = jexpr(r, &otherwise)) != ST_OK) ||
            (st = jterm_over(r, JN_COND, at, test, *n, n)) != ST_OK)
            return st;
        (*n)->c = otherwise;
        if (otherwise)
            (*n)->height = MAX((*n)->height, otherwise->height + 1);
    }
    r->depth--;
    return st;
}

static bool tuple_end(const struct jread *r, const char *until)
{
    int kind = r->t->kind;

    return kind == JT_VAR_END || kind == JT_BLOCK_END || kind == ')' ||
           (until && jterm_at(r, until));
}

enum st jexpr_tuple(struct jread *r, bool cond, const char *until, bool parens, struct jnode **n)
{
    struct jnode *first = NULL, **last = &first;
    uint32_t at = r->t->at;
    bool tuple = false;
    int32_t count = 0;
    enum st st;

    for (;;) {
        if (count && (st = jterm_expect(r, ',', "a comma")) != ST_OK)
            return st;
        if (tuple_end(r, until))
            break;
        if ((st = cond ? jexpr(r, last) : jexpr_or(r, last)) != ST_OK)
            return st;
        last = &(*last)->next;
        count++;
        if (r->t->kind != ',')
            break;
        tuple = true;
    }
    if (!tuple && first) {
        *n = first;
        return ST_OK;
    }
    if (!tuple && !parens)
        return jterm_unexpected(r, "an expression");
    if ((st = jterm_over(r, JN_TUPLE, at, first, NULL, n)) == ST_OK)
        (*n)->n = count;
    return st;
}
