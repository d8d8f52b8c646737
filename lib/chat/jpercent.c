/* jpercent.c - formatted texts with `%`. */
#include <math.h>

#include "chat/jformat.h"
#include "chat/jtext.h"

struct percent { struct jvalue args; size_t next; bool named; };

static enum st argument(struct jrun *w, struct percent *p, struct view f, size_t *at,
                        struct jvalue *v)
{
    bool found;
    enum st st;

    if (*at < f.n && f.p[*at] == '(') {
        size_t end = jtext_find(f, VIEW(")"), *at);
        if (end == SIZE_MAX || p->args.kind != J_DICT)
            return jrun_fail(w, "a format with names needs a dict");
        struct view name = { f.p + *at + 1, end - *at - 1 };
        *at = end + 1;
        p->named = true;
        if ((st = jvalue_find(w, p->args, jvalue_text(name.p, name.n), v, &found)) != ST_OK)
            return st;
        return found ? ST_OK : jrun_fail(w, "the format has no value '%s'", shown(name));
    }
    v->kind = J_MISSING;
    return ST_OK;
}

static enum st next_argument(struct jrun *w, struct percent *p, struct jvalue *v)
{
    if (v->kind != J_MISSING)
        return ST_OK;
    if (p->args.kind != J_TUPLE) {
        if (p->next++)
            return jrun_fail(w, "the format wants more values");
        *v = p->args;
        return ST_OK;
    }
    if (p->next >= p->args.n)
        return jrun_fail(w, "the format wants more values");
    *v = jvalue_item(p->args, p->next++);
    return ST_OK;
}

/* Flags, width and precision of `%`. */
static enum st percent_spec(struct jrun *w, struct view f, size_t *at, struct jspec *s)
{
    bool zero = false;

    *s = (struct jspec){ .fill = VIEW(" "), .align = '>', .precision = -1 };
    for (; *at < f.n && f.p[*at] && strchr("-+ 0#", f.p[*at]); ++*at) {
        char c = f.p[*at];
        zero |= c == '0';
        s->align = c == '-' ? '<' : s->align;
        s->alternate |= c == '#';
        if (c == '+' || (c == ' ' && !s->sign))
            s->sign = c;
    }
    s->width = jformat_digits(f, at);
    if (*at < f.n && f.p[*at] == '.') {
        ++*at;
        s->precision = jformat_digits(f, at);
    }
    if (*at < f.n && strchr("hlL", f.p[*at]))
        ++*at;
    if (*at >= f.n || s->width > JFORMAT_WIDTH_MAX || s->precision > JFORMAT_PRECISION_MAX)
        return jrun_fail(w, "a format that is cut, or too wide");
    s->type = f.p[(*at)++];
    if (zero && s->align != '<' && strchr("dixXoeEfFgG", s->type)) {
        s->fill = VIEW("0");
        s->align = '=';
    }
    return ST_OK;
}

static enum st percent_one(struct jrun *w, struct percent *p, struct view f, size_t *at,
                           struct buf *b)
{
    struct jspec s;
    struct jvalue v, text;
    char out[JFORMAT_BYTES];
    enum st st;

    if ((st = argument(w, p, f, at, &v)) != ST_OK || (st = percent_spec(w, f, at, &s)) != ST_OK)
        return st;
    if (s.type == '%')
        return buf_add(b, "%", 1);
    if (!strchr("srdiuxXoeEfFgG", s.type) || !s.type)
        return jrun_fail(w, "the format '%%%c' is not supported", s.type);
    if ((st = next_argument(w, p, &v)) != ST_OK)
        return st;
    if (s.type == 's' || s.type == 'r')
        return (st = jformat_told(w, v, s.type == 'r', &text)) == ST_OK
                   ? jformat_put_text(w, &s, jvalue_view(text), b) : st;
    if (!jvalue_number(v))
        return jrun_fail(w, "the format '%%%c' needs a number, not %s", s.type, jvalue_type(v));
    if (strchr("diu", s.type))
        s.type = 'd';
    if (strchr("dxXo", s.type) && v.kind == J_FLOAT) {
        if (s.type != 'd' || !(fabs(v.f) < 0x1p63))
            return jrun_fail(w, "the format '%%%c' needs an integer", s.type);
        v = jvalue_int((int64_t)v.f);
    }
    if (strchr("dxXo", s.type) && s.precision >= 0)
        return jrun_fail(w, "a precision of an integer is not supported; write %%0%dd",
                         s.precision);
    if ((st = jformat_number(w, &s, v, out)) != ST_OK)
        return st;
    return jformat_put(w, &s, view_of(out), b);
}

enum st jpercent(struct jrun *w, struct view f, struct jvalue args, struct jvalue *out)
{
    struct percent p = { .args = args };
    struct buf b = { 0 };
    enum st st = ST_OK;

    for (size_t at = 0, hit; at < f.n && st == ST_OK;) {
        hit = jtext_find(f, VIEW("%"), at);
        hit = MIN(hit, f.n);
        if ((st = buf_add(&b, f.p + at, hit - at)) != ST_OK || hit == f.n)
            break;
        at = hit + 1;
        st = percent_one(w, &p, f, &at, &b);
    }
    bool left = args.kind == J_TUPLE ? p.next < args.n
              : p.next == 0 && args.kind != J_DICT && args.kind != J_LIST && args.kind != J_RANGE &&
                args.kind != J_UNDEFINED;
    if (st == ST_OK && left && !p.named)
        st = jrun_fail(w, "the format leaves values over");
    if (st == ST_OK)
        st = jrun_copy(w, b.p, b.n, out);
    buf_free(&b);
    return st;
}
