/* jformat.c - formatted texts: `%` as in C, and str.format with its fields. */
#include <math.h>

#include "chat/jfunc.h"
#include "chat/jtext.h"

enum { WIDTH_MAX = 10000 };

struct spec {
    struct view fill;
    char        align, sign, type, group;
    bool        alternate;
    int         width, precision;              /* -1: none */
};

/* Digits with a comma or underscore between each three, before a point or exponent. */
static void grouped(char *text, size_t size, char mark)
{
    char *p = text + (*text == '-' || *text == '+' || *text == ' ');
    size_t n = strspn(p, "0123456789");

    for (size_t k = n; k > 3; k -= 3) {
        size_t len = strlen(text) + 1;
        if (len + 1 > size)
            return;
        memmove(p + k - 2, p + k - 3, strlen(p + k - 3) + 1);
        p[k - 3] = mark;
    }
}

/* A number in its own text, sign and all. */
static enum st number(struct jrun *w, const struct spec *s, struct jvalue v, char *out, size_t size)
{
    const char *sign = s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
    char type = s->type, text[32];
    int precision = s->precision;
    int64_t i = v.i;

    if (type && strchr("dxXobc", type)) {
        uint64_t m = i < 0 ? -(uint64_t)i : (uint64_t)i;
        const char *mark = !s->alternate ? "" : type == 'x' ? "0x" : type == 'X' ? "0X"
                         : type == 'o' ? "0o" : type == 'b' ? "0b" : "";
        char digits[70], *p = digits + sizeof digits;
        unsigned base = type == 'd' ? 10 : type == 'o' ? 8 : type == 'b' ? 2 : 16;
        *--p = 0;
        do
            *--p = (type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[m % base];
        while (m /= base);
        snprintf(out, size, "%s%s%s", i < 0 ? "-" : sign, mark, p);
    } else {
        double f = v.kind == J_FLOAT ? v.f : (double)i, shown = fabs(f);
        if (!isfinite(f)) {
            snprintf(out, size, "%s%s", signbit(f) && !isnan(f) ? "-" : sign,
                     isnan(f) ? "nan" : "inf");
            return ST_OK;
        }
        if (type == 0 && precision < 0) {
            jvalue_float_text(shown, text);
            snprintf(out, size, "%s%s", signbit(f) ? "-" : sign, text);
        } else {
            if (type == 0)
                return jrun_fail(w, "a precision without a type is not supported; write 'g'");
            char f_type = type == '%' ? 'f' : type;
            char how[12];
            snprintf(how, sizeof how, s->alternate ? "%%#.*%c" : "%%.*%c", f_type);
            int n = snprintf(out, size, "%s", signbit(f) ? "-" : sign);
            n += snprintf(out + n, size - (size_t)n, how, precision < 0 ? 6 : precision,
                          type == '%' ? shown * 100 : shown);
            if (type == '%')
                snprintf(out + n, size - (size_t)n, "%%");
        }
    }
    if (s->group)
        grouped(out, size, s->group);
    return ST_OK;
}

static enum st fill(struct buf *b, struct view s, int64_t n)
{
    enum st st = ST_OK;

    for (; n > 0 && st == ST_OK; n--)
        st = buf_add(b, s.p, s.n);
    return st;
}

/* The text in its width; '=' fills behind the sign. */
static enum st put(struct jrun *w, const struct spec *s, struct view text, struct buf *b)
{
    int64_t more = s->width - (int64_t)jtext_count(text);
    size_t sign = 0;
    enum st st = jrun_spend(w, text.n + (size_t)MAX(more, 0));

    if (s->align == '=') {
        sign = text.n && strchr("+- ", *text.p) != NULL;
        if (text.n >= sign + 2 && s->alternate && text.p[sign] == '0' && s->type &&
            strchr("xXob", s->type))
            sign += 2;
    }
    int64_t left = s->align == '<' ? 0 : s->align == '^' ? more / 2 : more;
    if (st != ST_OK || (st = buf_add(b, text.p, sign)) != ST_OK ||
        (st = fill(b, s->fill, left)) != ST_OK ||
        (st = buf_add(b, text.p + sign, text.n - sign)) != ST_OK)
        return st;
    return more > 0 ? fill(b, s->fill, more - left) : ST_OK;
}

static enum st put_text(struct jrun *w, const struct spec *s, struct view text, struct buf *b)
{
    if (s->precision >= 0)
        text.n = jtext_byte(text, (size_t)s->precision);
    return put(w, s, text, b);
}

/* str() or repr() of the value, taken out of the text again. */
static enum st told(struct jrun *w, struct jvalue v, bool repr, struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st;

    if (!repr)
        return jvalue_as_text(w, v, out);
    return (st = jvalue_repr(w, v, b)) == ST_OK ? jrun_cut(w, b, n, out) : st;
}

static int digits(struct view f, size_t *at)
{
    int n = 0;

    for (; *at < f.n && (unsigned)(f.p[*at] - '0') < 10; ++*at)
        n = MIN(n * 10 + (f.p[*at] - '0'), WIDTH_MAX + 1);
    return n;
}

/* ---- % ---- */

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
static enum st percent_spec(struct jrun *w, struct view f, size_t *at, struct spec *s)
{
    bool zero = false;

    *s = (struct spec){ .fill = VIEW(" "), .align = '>', .precision = -1 };
    for (; *at < f.n && f.p[*at] && strchr("-+ 0#", f.p[*at]); ++*at) {
        char c = f.p[*at];
        zero |= c == '0';
        s->align = c == '-' ? '<' : s->align;
        s->alternate |= c == '#';
        if (c == '+' || (c == ' ' && !s->sign))
            s->sign = c;
    }
    s->width = digits(f, at);
    if (*at < f.n && f.p[*at] == '.') {
        ++*at;
        s->precision = digits(f, at);
    }
    if (*at < f.n && strchr("hlL", f.p[*at]))
        ++*at;
    if (*at >= f.n || s->width > WIDTH_MAX || s->precision > 100)
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
    struct spec s;
    struct jvalue v, text;
    char out[600];
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
        return (st = told(w, v, s.type == 'r', &text)) == ST_OK
                   ? put_text(w, &s, jvalue_view(text), b) : st;
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
    if ((st = number(w, &s, v, out, sizeof out)) != ST_OK)
        return st;
    return put(w, &s, view_of(out), b);
}

enum st jformat_percent(struct jrun *w, struct view f, struct jvalue args, struct jvalue *out)
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
              : p.next == 0 && args.kind != J_DICT && args.kind != J_LIST && args.kind != J_RANGE;
    if (st == ST_OK && left && !p.named)
        st = jrun_fail(w, "the format leaves values over");
    if (st == ST_OK)
        st = jrun_copy(w, b.p, b.n, out);
    buf_free(&b);
    return st;
}

/* ---- str.format ---- */

/* [[fill]align][sign][#][0][width][,][.precision][type] */
static enum st brace_spec(struct jrun *w, struct view f, struct spec *s)
{
    size_t at = 0, len = f.n ? jtext_len(f, 0) : 0;
    bool zero = false;

    *s = (struct spec){ .fill = VIEW(" "), .precision = -1 };
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
    s->width = digits(f, &at);
    if (at < f.n && (f.p[at] == ',' || f.p[at] == '_'))
        s->group = f.p[at++];
    if (at < f.n && f.p[at] == '.') {
        at++;
        s->precision = digits(f, &at);
    }
    if (at < f.n)
        s->type = f.p[at++];
    if (at < f.n || s->width > WIDTH_MAX || s->precision > 100 ||
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
    struct spec s;
    char out[600];
    enum st st = brace_spec(w, f, &s);

    if (st != ST_OK)
        return st;
    if (f.n == 0 || v.kind == J_TEXT) {
        bool plain = (s.type == 0 || s.type == 's') && !s.sign && !s.group && s.align != '=';
        if (!plain && f.n)
            return jrun_fail(w, "the format '%s' does not go with %s", shown(f), jvalue_type(v));
        s.align = s.align ? s.align : '<';
        return (st = told(w, v, false, &text)) == ST_OK ? put_text(w, &s, jvalue_view(text), b) : st;
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
    if ((st = number(w, &s, v, out, sizeof out)) != ST_OK)
        return st;
    return put(w, &s, view_of(out), b);
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
    int64_t i = first.n ? digits(first, &end) : (*next)++;
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
        int64_t number = digits(key, &end);
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
        if ((st = told(w, v, f.p[mark + 1] == 'r', &v)) != ST_OK)
            return st;
    }
    return brace_value(w, v, spec, b);
}

enum st jformat_braces(struct jrun *w, struct view f, const struct jargs *a, struct jvalue *out)
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
