/* jrepr.c - str() and repr() of values, as Python prints them. */
#include <math.h>

#include "chat/jtext.h"
#include "chat/jvalue.h"

/* The shortest decimal that reads back to the same double, in Python's form. */
void jvalue_float_text(double f, char out[32])
{
    char e[40], digits[24];
    int n = 0, at = 0;

    if (!isfinite(f)) {
        snprintf(out, 32, "%s", isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    for (int precision = 14; precision <= 16; precision++) {   /* digits behind the first */
        snprintf(e, sizeof e, "%.*e", precision, fabs(f));
        if (strtod(e, NULL) == fabs(f))
            break;
    }
    char *mark = strchr(e, 'e');
    int power = (int)strtol(mark + 1, NULL, 10);
    for (char *p = e; p < mark; p++)
        if (*p != '.')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (signbit(f))
        out[at++] = '-';
    if (power >= 16 || power < -4) {
        out[at++] = digits[0];
        if (n > 1)
            out[at++] = '.';
        memcpy(out + at, digits + 1, (size_t)n - 1);
        snprintf(out + at + n - 1, (size_t)(32 - at - n + 1), "e%c%02d", power < 0 ? '-' : '+',
                 abs(power));
        return;
    }
    if (power < 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int i = -1; i > power; i--)
            out[at++] = '0';
    }
    for (int i = 0; i < n || i <= power; i++) {
        out[at++] = i < n ? digits[i] : '0';
        if (i == power)
            out[at++] = '.';
    }
    if (out[at - 1] == '.')
        out[at++] = '0';
    out[at] = 0;
}

static enum st add(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

static enum st list(struct jrun *w, struct jvalue v, struct buf *b)
{
    enum st st = add(b, v.kind == J_LIST ? "[" : "(");

    for (size_t i = 0; i < v.n && st == ST_OK; i++)
        if (i == 0 || (st = add(b, ", ")) == ST_OK)
            st = jvalue_repr(w, jvalue_item(v, i), b);
    if (st != ST_OK)
        return st;
    return add(b, v.kind == J_LIST ? "]" : v.n == 1 ? ",)" : ")");
}

static enum st pairs(struct jrun *w, struct jvalue v, const char *before, const char *between,
                     const char *after, struct buf *b)
{
    enum st st = ST_OK;

    for (size_t i = 0; i < v.n && st == ST_OK; i++) {
        struct jpair p = jvalue_pair(v, i);
        if ((i && (st = add(b, ", ")) != ST_OK) || (st = add(b, before)) != ST_OK ||
            (v.kind != J_VALUES && (st = jvalue_repr(w, p.key, b)) != ST_OK) ||
            (st = add(b, between)) != ST_OK ||
            (v.kind != J_KEYS && (st = jvalue_repr(w, p.value, b)) != ST_OK) ||
            (st = add(b, after)) != ST_OK)
            return st;
    }
    return st;
}

/* A dict, or a view of one. */
static enum st dict(struct jrun *w, struct jvalue v, struct buf *b)
{
    const char *open = v.kind == J_DICT ? "{" : v.kind == J_KEYS ? "dict_keys(["
                     : v.kind == J_VALUES ? "dict_values([" : "dict_items([";
    enum st st = add(b, open);

    if (st == ST_OK)
        st = v.kind == J_DICT ? pairs(w, v, "", ": ", "", b)
           : v.kind == J_ITEMS ? pairs(w, v, "(", ", ", ")", b) : pairs(w, v, "", "", "", b);
    return st == ST_OK ? add(b, v.kind == J_DICT ? "}" : "])") : st;
}

static enum st space(struct jrun *w, const struct jspace *s, struct buf *b)
{
    enum st st = add(b, "<Namespace {");

    for (int64_t i = 0; i < s->n && st == ST_OK; i++)
        if ((i == 0 || (st = add(b, ", ")) == ST_OK) &&
            (st = jtext_repr(s->at[i].name, b)) == ST_OK && (st = add(b, ": ")) == ST_OK)
            st = jvalue_repr(w, s->at[i].value, b);
    return st == ST_OK ? add(b, "}>") : st;
}

static enum st number(struct jvalue v, struct buf *b)
{
    char text[32];

    if (v.kind == J_FLOAT)
        jvalue_float_text(v.f, text);
    else
        snprintf(text, sizeof text, "%lld", (long long)v.i);
    return add(b, text);
}

static enum st loop(struct jrun *w, struct jvalue v, struct buf *b)
{
    struct jvalue index, length;
    enum st st;

    if ((st = jattr_get(w, v, VIEW("index"), &index)) != ST_OK ||
        (st = jattr_get(w, v, VIEW("length"), &length)) != ST_OK)
        return st;
    return buf_printf(b, "<LoopContext %lld/%lld>", (long long)index.i, (long long)length.i);
}

static enum st inside(struct jrun *w, struct jvalue v, struct buf *b)
{
    const struct jrange *r = v.cp;
    struct jvalue name;
    enum st st;

    switch (v.kind) {
    case J_LIST: case J_TUPLE:
        return list(w, v, b);
    case J_DICT: case J_KEYS: case J_VALUES: case J_ITEMS:
        return dict(w, v, b);
    case J_NAMESPACE:
        return space(w, v.cp, b);
    case J_TEXT:
        if (v.flag & J_SAFE && (st = add(b, "Markup(")) != ST_OK)
            return st;
        if ((st = jtext_repr(jvalue_view(v), b)) != ST_OK)
            return st;
        return v.flag & J_SAFE ? add(b, ")") : ST_OK;
    case J_RANGE:
        if ((st = buf_printf(b, "range(%lld, %lld", (long long)r->start,
                             (long long)r->stop)) != ST_OK)
            return st;
        return r->step == 1 ? add(b, ")") : buf_printf(b, ", %lld)", (long long)r->step);
    case J_MACRO:
        return ((st = add(b, "<Macro ")) != ST_OK ||
                (st = jattr_get(w, v, VIEW("name"), &name)) != ST_OK ||
                (st = name.kind == J_NONE ? add(b, "anonymous") : jvalue_repr(w, name, b)) != ST_OK)
                   ? st : add(b, ">");
    case J_LOOP:
        return loop(w, v, b);
    default:
        return jrun_fail(w, "%s has no text; make a list of it, or name what it holds",
                         jvalue_type(v));
    }
}

enum st jvalue_repr(struct jrun *w, struct jvalue v, struct buf *b)
{
    enum st st;

    switch (v.kind) {
    case J_MISSING: case J_UNDEFINED:
        return add(b, "Undefined");
    case J_NONE:
        return add(b, "None");
    case J_BOOL:
        return add(b, v.i ? "True" : "False");
    case J_INT: case J_FLOAT:
        return number(v, b);
    case J_BIG:
        return buf_add(b, v.s, v.n);
    default:
        if (++w->depth > JRUN_DEPTH_MAX)
            return jrun_fail(w, "values nested too deeply");
        if ((st = jrun_spend(w, 32)) != ST_OK || (st = inside(w, v, b)) != ST_OK)
            return st;
        w->depth--;
        return b->n > JRUN_TEXT_MAX ? jrun_fail(w, "a text of more than %d MiB",
                                                JRUN_TEXT_MAX >> 20) : ST_OK;
    }
}

enum st jvalue_str(struct jrun *w, struct jvalue v, struct buf *b)
{
    if (v.kind == J_TEXT)
        return buf_add(b, v.s, v.n);
    if (v.kind == J_UNDEFINED || v.kind == J_MISSING)
        return ST_OK;
    return jvalue_repr(w, v, b);
}

enum st jvalue_as_text(struct jrun *w, struct jvalue v, struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st;

    *out = v;
    if (v.kind == J_TEXT)
        return ST_OK;
    if ((st = jvalue_str(w, v, b)) != ST_OK)
        return st;
    return jrun_cut(w, b, n, out);
}
