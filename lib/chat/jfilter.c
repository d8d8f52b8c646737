/* jfilter.c - filters of texts and numbers. */
#include <math.h>

#include "chat/jfunc.h"
#include "chat/jtext.h"
#include "text/unicode.h"

/* str() of the value, where Markup stays what it is. */
static enum st soft(struct jrun *w, struct jvalue v, struct jvalue *out)
{
    return jvalue_as_text(w, v, out);
}

static enum st cased(struct jrun *w, struct jvalue self, enum jtext_case how, struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    struct jvalue v;
    enum st st;

    if ((st = soft(w, self, &v)) != ST_OK || (st = jtext_case(jvalue_view(v), how, b)) != ST_OK ||
        (st = jrun_cut(w, b, n, out)) != ST_OK)
        return st;
    out->flag = v.flag;
    return ST_OK;
}

JFUNC(jfilter_upper)      { (void)a; return cased(w, self, JTEXT_UPPER, out); }
JFUNC(jfilter_lower)      { (void)a; return cased(w, self, JTEXT_LOWER, out); }
JFUNC(jfilter_capitalize) { (void)a; return cased(w, self, JTEXT_CAPITAL, out); }
JFUNC(jfilter_string)     { (void)a; return soft(w, self, out); }

/* Words begin behind spaces, hyphens and opening brackets. */
JFUNC(jfilter_title)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n, len = 0;
    struct jvalue v;
    enum st st = soft(w, self, &v);
    struct view s = jvalue_view(v);

    (void)a;
    for (size_t i = 0, end; i < s.n && st == ST_OK; i = end) {
        for (end = i; end < s.n; end += len) {
            int l;
            int32_t c = unicode_at(s.p + end, s.n - end, &l);
            len = (size_t)l;
            if (jtext_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<')
                break;
        }
        if (end == i) {
            end += len;
            st = buf_add(b, s.p + i, len);
            continue;
        }
        size_t first = jtext_len(s, i);
        if ((st = jtext_case((struct view){ s.p + i, first }, JTEXT_UPPER, b)) == ST_OK)
            st = jtext_case((struct view){ s.p + i + first, end - i - first }, JTEXT_LOWER, b);
    }
    return st == ST_OK ? jrun_cut(w, b, n, out) : st;
}

JFUNC(jfilter_trim)
{
    struct view set = { NULL, 0 };
    enum st st;

    if ((a->at[0].kind != J_NONE && (st = jcall_text(w, a->at[0], "chars", &set)) != ST_OK) ||
        (st = soft(w, self, out)) != ST_OK)
        return st;
    struct view s = jtext_strip(jvalue_view(*out), set, true, true);
    out->s = s.p;
    out->n = (uint32_t)s.n;
    return ST_OK;
}

JFUNC(jfilter_replace)
{
    struct jvalue s, from, to;
    int64_t most = -1;
    enum st st;

    if ((a->at[2].kind != J_NONE && (st = jcall_int(w, a->at[2], "count", &most)) != ST_OK) ||
        (st = soft(w, self, &s)) != ST_OK || (st = soft(w, a->at[0], &from)) != ST_OK ||
        (st = soft(w, a->at[1], &to)) != ST_OK)
        return st;
    return jmethod_put_replace(w, jvalue_view(s), jvalue_view(from), jvalue_view(to), most, out);
}

JFUNC(jfilter_center)
{
    struct jvalue s, args[2] = { a->at[0].kind == J_MISSING ? jvalue_int(80) : a->at[0], { 0 } };
    enum st st = soft(w, self, &s);

    return st == ST_OK ? jmethod_center(w, s, &(struct jargs){ args, NULL, 2, 0 }, out) : st;
}

JFUNC(jfilter_escape)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st;

    (void)a;
    if ((st = soft(w, self, out)) != ST_OK || out->flag & J_SAFE)
        return st;
    if ((st = jtext_escape(jvalue_view(*out), b)) != ST_OK ||
        (st = jrun_cut(w, b, n, out)) != ST_OK)
        return st;
    out->flag = J_SAFE;
    return ST_OK;
}

JFUNC(jfilter_forceescape)
{
    self.flag &= (uint8_t)~(self.kind == J_TEXT ? J_SAFE : 0);
    return jfilter_escape(w, self, a, out);
}

JFUNC(jfilter_safe)
{
    enum st st = soft(w, self, out);

    (void)a;
    out->flag = J_SAFE;
    return st;
}

JFUNC(jfilter_indent)
{
    struct jvalue width = a->at[0].kind == J_MISSING ? jvalue_int(4) : a->at[0];
    bool first = jvalue_truth(a->at[1]), blank = jvalue_truth(a->at[2]);
    struct buf *b = jrun_text(w);
    size_t start = b->n, next;
    enum st st = ST_OK;

    if (self.kind != J_TEXT)
        return jrun_fail(w, "indent needs a string, not %s", jvalue_type(self));
    if (width.kind != J_TEXT) {
        int64_t n = 0;
        if ((st = jcall_int(w, width, "width", &n)) != ST_OK ||
            (st = jop_binary(w, '*', jvalue_text(" ", 1), jvalue_int(n), &width)) != ST_OK)
            return st;
    }
    struct view s = jvalue_view(self);
    s.n -= s.n && s.p[s.n - 1] == '\r';        /* a line end is added behind it: one with this */
    for (size_t at = 0; st == ST_OK; at = next) {
        size_t end = jtext_line(s, at, &next);
        bool last = next == s.n && end == s.n;
        if ((at ? blank || end > at : first) && (st = buf_add(b, width.s, width.n)) != ST_OK)
            break;
        if ((st = buf_add(b, s.p + at, end - at)) != ST_OK || last)
            break;
        st = b->n > JRUN_TEXT_MAX ? jrun_fail(w, "a text of more than %d MiB", JRUN_TEXT_MAX >> 20)
                                  : buf_add(b, "\n", 1);
    }
    if (st == ST_OK && (st = jrun_cut(w, b, start, out)) == ST_OK)
        out->flag = self.flag;
    return st;
}

JFUNC(jfilter_truncate)
{
    int64_t length = 255, leeway = 5;
    struct view end = VIEW("...");
    enum st st;

    if ((st = jcall_int(w, a->at[0], "length", &length)) != ST_OK ||
        (st = jcall_text(w, a->at[2], "end", &end)) != ST_OK ||
        (a->at[3].kind != J_NONE && (st = jcall_int(w, a->at[3], "leeway", &leeway)) != ST_OK))
        return st;
    int64_t n_end = (int64_t)jtext_count(end), n = 0;
    if (length < n_end || leeway < 0)
        return jrun_fail(w, "a length of at least %d and a leeway of at least 0", (int)n_end);
    *out = self;
    if ((st = jvalue_length(w, self, &n)) != ST_OK || n <= length || n - length <= leeway)
        return st;
    if (self.kind != J_TEXT || self.flag & J_SAFE)
        return jrun_fail(w, "truncate needs a plain string, not %s", jvalue_type(self));
    struct view s = jvalue_view(self);
    s.n = jtext_byte(s, (size_t)(length - n_end));
    size_t space = jvalue_truth(a->at[1]) ? SIZE_MAX : jtext_rfind(s, VIEW(" "));
    return jop_binary(w, '+', jvalue_text(s.p, MIN(space, s.n)), jvalue_text(end.p, end.n), out);
}

JFUNC(jfilter_wordcount)
{
    struct jvalue v;
    int64_t count = 0;
    bool inside = false;
    int len;
    enum st st = soft(w, self, &v);

    (void)a;
    for (size_t i = 0; i < v.n && st == ST_OK; i += (size_t)len) {
        int32_t c = unicode_at(v.s + i, v.n - i, &len);
        bool word = c == '_' || unicode_class(c) == UNI_LETTER || unicode_class(c) == UNI_NUMBER;
        count += word && !inside;
        inside = word;
    }
    *out = jvalue_int(count);
    return st;
}

static enum st quote(struct jrun *w, struct jvalue v, bool query, struct buf *b)
{
    struct jvalue s;
    enum st st = soft(w, v, &s);

    for (size_t i = 0; i < s.n && st == ST_OK; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if ((unsigned)((c | 0x20) - 'a') < 26 || (unsigned)(c - '0') < 10 ||
            (c && strchr(query ? "_.-~" : "_.-~/", c)))
            st = buf_add(b, s.s + i, 1);
        else
            st = query && c == ' ' ? buf_add(b, "+", 1) : buf_printf(b, "%%%02X", c);
    }
    return st;
}

JFUNC(jfilter_urlencode)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st = ST_OK;

    (void)a;
    bool one = self.kind == J_TEXT || self.kind == J_UNDEFINED || !jiter_can(self);
    if (self.kind != J_DICT && !one)
        return jrun_fail(w, "urlencode needs a string or a dict, not %s", jvalue_type(self));
    if (self.kind != J_DICT)
        st = quote(w, self, false, b);
    for (size_t i = 0; self.kind == J_DICT && i < self.n && st == ST_OK; i++) {
        struct jpair p = jvalue_pair(self, i);
        if ((i && (st = buf_add(b, "&", 1)) != ST_OK) || (st = quote(w, p.key, true, b)) != ST_OK ||
            (st = buf_add(b, "=", 1)) != ST_OK)
            break;
        st = quote(w, p.value, true, b);
    }
    return st == ST_OK ? jrun_cut(w, b, n, out) : st;
}

JFUNC(jfilter_format)
{
    struct jvalue f, args = jvalue_of(J_TUPLE, a->at, (size_t)a->n);
    enum st st = soft(w, self, &f);

    if (st != ST_OK)
        return st;
    if (a->n && a->n_named)
        return jrun_fail(w, "format takes arguments by position or by name, not both");
    if (a->n_named) {
        struct jpair *p = jrun_get(w, (size_t)a->n_named * sizeof *p);
        if (!p)
            return ST_SYS;
        for (int64_t i = 0; i < a->n_named; i++)
            p[i] = (struct jpair){ jvalue_text(a->named[i].name.p, a->named[i].name.n),
                                   a->named[i].value };
        args = jvalue_of(J_DICT, p, (size_t)a->n_named);
    }
    return jpercent(w, jvalue_view(f), args, out);
}

JFUNC(jfilter_default)
{
    bool take = self.kind == J_UNDEFINED || (jvalue_truth(a->at[1]) && !jvalue_truth(self));

    (void)w;
    *out = !take ? self : a->at[0].kind == J_MISSING ? jvalue_text("", 0) : a->at[0];
    return ST_OK;
}

JFUNC(jfilter_tojson)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st = jjson_put(w, self, a, b);

    return st == ST_OK ? jrun_cut(w, b, n, out) : st;
}
