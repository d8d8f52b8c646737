/* jbraces.c - str.format: fields in braces, positions and names, attributes and items. */
#include "chat/jformat.h"
#include "chat/jtext.h"

/* [[fill]align][sign][#][0][width][,][.precision][type] */
static enum st brace_spec(struct jrun *w, struct view f, struct jspec *s)
{
    size_t at = 0, len = f.n ? jtext_len(f, 0) : 0;
    bool zero = false;

    *s = (struct jspec){ .fill = VIEW(" "), .precision = -1 };
    if (len < f.n && strchr("<>^=", f.p[len]) && f.p[len]) {
        s->fill = (struct view){ f.p, len };
        s->align = f.p[len];
        at = len + 1;
    } else if (f.n && f.p[0] && strchr("<>^=", f.p[0])) {
        s->align = f.p[at++];
    }
    if (at < f.n && f.p[at] && strchr("+- ", f.p[at]))
        s->sign = f.p[at++];
    if (at < f.n && f.p[at] == '#')
        s->alternate = f.p[at++];
    if (at < f.n && f.p[at] == '0')
        zero = true;
    s->width = jformat_digits(f, &at);
    if (at < f.n && (f.p[at] == ',' || f.p[at] == '_'))
        s->group = f.p[at++];
    if (at < f.n && f.p[at] == '.') {
        at++;
        s->precision = jformat_digits(f, &at);
    }
    if (at < f.n)
        s->type = f.p[at++];
    if (at < f.n || s->width > JFORMAT_WIDTH_MAX || s->precision > JFORMAT_PRECISION_MAX ||
        (s->type && !strchr("sdxXobeEfFgG%", s->type)))
        return jrun_fail(w, "the format '%s' is not supported", shown(f));
    if (zero && s->group)
        return jrun_fail(w, "zeros and grouping at once are not supported");
    if (zero && !s->align) {
        s->fill = VIEW("0");
        s->align = '=';
    }
    return ST_OK;
}

static enum st brace_value(struct jrun *w, struct jvalue v, struct view f, struct buf *b)
{
    struct jvalue text;
    struct jspec s;
    char out[JFORMAT_BYTES];
    enum st st = brace_spec(w, f, &s);

    if (st != ST_OK)
        return st;
    if (f.n == 0 || v.kind == J_TEXT) {
        bool plain = (s.type == 0 || s.type == 's') && !s.sign && !s.group && s.align != '=';
        if (!plain && f.n)
            return jrun_fail(w, "the format '%s' does not go with %s", shown(f), jvalue_type(v));
        s.align = s.align ? s.align : '<';
        if ((st = jformat_told(w, v, false, &text)) != ST_OK)
            return st;
        return jformat_put_text(w, &s, jvalue_view(text), b);
    }
    bool whole = s.type && strchr("dxXob", s.type);
    if ((v.kind != J_INT && v.kind != J_BOOL && v.kind != J_FLOAT) || s.type == 's' ||
        (v.kind == J_FLOAT && whole) || (whole && s.precision >= 0) ||
        (v.kind == J_BOOL && !s.type))
        return jrun_fail(w, "the format '%s' does not go with %s", shown(f), jvalue_type(v));
    if (!s.type && v.kind == J_INT) {
        if (s.precision >= 0)
            return jrun_fail(w, "the format '%s' does not go with %s", shown(f), jvalue_type(v));
        s.type = 'd';
    }
    s.align = s.align ? s.align : '>';
    if ((st = jformat_number(w, &s, v, out)) != ST_OK)
        return st;
    return jformat_put(w, &s, view_of(out), b);
}

/* The value that a field names: a position or a name, with .attributes and [items]. */
static enum st field(struct jrun *w, const struct jargs *a, struct view name, int64_t *next,
                     struct jvalue *v)
{
    size_t at = 0;
    enum st st = ST_OK;

    while (at < name.n && name.p[at] != '.' && name.p[at] != '[')
        at++;
    struct view first = { name.p, at };
    size_t end = 0;
    int64_t i = first.n ? jformat_digits(first, &end) : (*next)++;
    bool found = false;
    if (end == first.n) {
        if ((found = i < a->n))
            *v = a->at[i];
    } else {
        for (int64_t k = 0; k < a->n_named && !found; k++)
            if ((found = view_eq(a->named[k].name, first)))
                *v = a->named[k].value;
    }
    if (!found)
        return jrun_fail(w, "the format has no value '%s'", shown(first));
    while (at < name.n && st == ST_OK) {
        bool item = name.p[at++] == '[';
        size_t from = at;
        while (at < name.n && (item ? name.p[at] != ']' : name.p[at] != '.' && name.p[at] != '['))
            at++;
        struct view key = { name.p + from, at - from };
        end = 0;
        int64_t number = jformat_digits(key, &end);
        if (item)
            st = jattr_item(w, *v, key.n && end == key.n ? jvalue_int(number)
                                                         : jvalue_text(key.p, key.n), v);
        else
            st = jattr_get(w, *v, key, v);
        at += item;
    }
    return st;
}

static enum st brace_field(struct jrun *w, const struct jargs *a, struct view f, int64_t *next,
                           struct buf *b)
{
    size_t colon = jtext_find(f, VIEW(":"), 0), mark = jtext_find(f, VIEW("!"), 0);
    struct view spec = { "", 0 }, name = { f.p, MIN(MIN(colon, mark), f.n) };
    struct jvalue v;
    enum st st;

    if (colon != SIZE_MAX)
        spec = (struct view){ f.p + colon + 1, f.n - colon - 1 };
    if (jtext_find(f, VIEW("{"), 0) != SIZE_MAX)
        return jrun_fail(w, "fields within fields are not supported");
    if ((st = field(w, a, name, next, &v)) != ST_OK)
        return st;
    if (mark < colon) {
        if (mark + 1 >= f.n || (f.p[mark + 1] != 's' && f.p[mark + 1] != 'r') ||
            (mark + 2 != f.n && f.p[mark + 2] != ':'))
            return jrun_fail(w, "the conversion is !s or !r");
        if ((st = jformat_told(w, v, f.p[mark + 1] == 'r', &v)) != ST_OK)
            return st;
    }
    return brace_value(w, v, spec, b);
}

enum st jbraces(struct jrun *w, struct view f, const struct jargs *a, struct jvalue *out)
{
    struct buf b = { 0 };
    int64_t next = 0;
    enum st st = ST_OK;

    for (size_t at = 0; at < f.n && st == ST_OK;) {
        char c = f.p[at];
        bool twice = at + 1 < f.n && f.p[at + 1] == c;
        if (c != '{' && c != '}') {
            st = buf_add(&b, &f.p[at++], 1);
        } else if (twice) {
            st = buf_add(&b, &c, 1);
            at += 2;
        } else {
            size_t end = c == '{' ? jtext_find(f, VIEW("}"), at) : SIZE_MAX;
            if (end == SIZE_MAX) {
                st = jrun_fail(w, "a single brace in a format");
                break;
            }
            st = brace_field(w, a, (struct view){ f.p + at + 1, end - at - 1 }, &next, &b);
            at = end + 1;
        }
    }
    if (st == ST_OK)
        st = jrun_copy(w, b.p, b.n, out);
    buf_free(&b);
    return st;
}
