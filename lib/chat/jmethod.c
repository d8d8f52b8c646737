/* jmethod.c - methods of texts that search, replace, pad and ask. */
#include "chat/jfunc.h"
#include "chat/jnode.h"
#include "chat/jtext.h"

enum st jmethod_put_replace(struct jrun *w, struct view s, struct view from, struct view to,
                            int64_t most, struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n, at = 0, hit;
    enum st st = ST_OK;

    while (most != 0 && st == ST_OK) {
        if ((hit = jtext_find(s, from, at)) == SIZE_MAX)
            break;
        if (from.n == 0)                       /* before every code point, and at the end */
            hit = at;
        if ((st = buf_add(b, s.p + at, hit - at)) != ST_OK ||
            (st = buf_add(b, to.p, to.n)) != ST_OK)
            return st;
        if (b->n - n > JRUN_TEXT_MAX)
            return jrun_fail(w, "a text of more than %d MiB", JRUN_TEXT_MAX >> 20);
        at = hit + from.n;
        most--;
        if (from.n)
            continue;
        if (at == s.n)
            break;
        size_t len = jtext_len(s, at);
        st = buf_add(b, s.p + at, len);
        at += len;
    }
    if (st == ST_OK && at == 0)
        *out = jvalue_text(s.p, s.n);
    if (st != ST_OK || (at == 0 && b->n == n && s.n))
        return st;
    if ((st = buf_add(b, s.p + at, s.n - at)) != ST_OK)
        return st;
    return jrun_cut(w, b, n, out);
}

JFUNC(jmethod_replace)
{
    struct view from = { 0 }, to = { 0 };
    int64_t most = -1;
    enum st st;

    if ((st = jcall_text(w, a->at[0], "old", &from)) != ST_OK ||
        (st = jcall_text(w, a->at[1], "new", &to)) != ST_OK ||
        (st = jcall_int(w, a->at[2], "count", &most)) != ST_OK)
        return st;
    return jmethod_put_replace(w, jvalue_view(self), from, to, most, out);
}

static enum st cased(struct jrun *w, struct jvalue self, enum jtext_case how, struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st = jtext_case(jvalue_view(self), how, b);

    return st == ST_OK ? jrun_cut(w, b, n, out) : st;
}

JFUNC(jmethod_upper)      { (void)a; return cased(w, self, JTEXT_UPPER, out); }
JFUNC(jmethod_lower)      { (void)a; return cased(w, self, JTEXT_LOWER, out); }
JFUNC(jmethod_title)      { (void)a; return cased(w, self, JTEXT_TITLE, out); }
JFUNC(jmethod_capitalize) { (void)a; return cased(w, self, JTEXT_CAPITAL, out); }
JFUNC(jmethod_swapcase)   { (void)a; return cased(w, self, JTEXT_SWAP, out); }

JFUNC(jmethod_casefold)
{
    (void)a;
    for (size_t i = 0; i < self.n; i++)
        if ((unsigned char)self.s[i] >= 0x80)
            return jrun_fail(w, "casefold beyond ASCII is not supported; write lower");
    return cased(w, self, JTEXT_LOWER, out);
}

static enum st stripped(struct jrun *w, struct jvalue self, const struct jargs *a, bool left,
                        bool right, struct jvalue *out)
{
    struct view set = { NULL, 0 };
    enum st st = a->at[0].kind == J_NONE ? ST_OK : jcall_text(w, a->at[0], "chars", &set);
    struct view s = jtext_strip(jvalue_view(self), set, left, right);

    *out = jvalue_text(s.p, s.n);
    return st;
}

JFUNC(jmethod_strip)  { return stripped(w, self, a, true, true, out); }
JFUNC(jmethod_lstrip) { return stripped(w, self, a, true, false, out); }
JFUNC(jmethod_rstrip) { return stripped(w, self, a, false, true, out); }

static enum st all(struct jvalue self, enum jtext_class c, struct jvalue *out)
{
    *out = jvalue_bool(jtext_all(jvalue_view(self), c));
    return ST_OK;
}

JFUNC(jmethod_isalnum)   { (void)w; (void)a; return all(self, JTEXT_ALNUM, out); }
JFUNC(jmethod_isalpha)   { (void)w; (void)a; return all(self, JTEXT_ALPHA, out); }
JFUNC(jmethod_isdecimal) { (void)w; (void)a; return all(self, JTEXT_DECIMAL, out); }
JFUNC(jmethod_isdigit)   { (void)w; (void)a; return all(self, JTEXT_DIGIT, out); }
JFUNC(jmethod_isspace)   { (void)w; (void)a; return all(self, JTEXT_SPACE, out); }

JFUNC(jmethod_isascii)
{
    (void)w;
    (void)a;
    *out = jvalue_bool(true);
    for (size_t i = 0; i < self.n; i++)
        out->i &= (unsigned char)self.s[i] < 0x80;
    return ST_OK;
}

JFUNC(jmethod_isupper)
{
    (void)w;
    (void)a;
    *out = jvalue_bool(jtext_is_case(jvalue_view(self), true));
    return ST_OK;
}

JFUNC(jmethod_islower)
{
    (void)w;
    (void)a;
    *out = jvalue_bool(jtext_is_case(jvalue_view(self), false));
    return ST_OK;
}

/* The part [start, end) of a text as the arguments 1 and 2 say; *within false: start lies behind
 * it. */
static enum st part(struct jrun *w, struct view s, const struct jargs *a, struct view *out,
                    bool *within)
{
    int64_t at[2] = { 0, INT64_MAX }, n = (int64_t)jtext_count(s);
    enum st st = ST_OK;

    for (int i = 0; i < 2 && st == ST_OK; i++)
        if (a->at[1 + i].kind != J_NONE)
            st = jcall_int(w, a->at[1 + i], i ? "end" : "start", &at[i]);
    for (int i = 0; i < 2; i++)
        at[i] = at[i] < 0 ? MAX(at[i], -n) + n : at[i];
    *within = at[0] <= n;
    size_t from = jtext_byte(s, (size_t)at[0]), to = jtext_byte(s, (size_t)MIN(at[1], n));
    *within = *within && from <= to;
    *out = (struct view){ s.p + from, from <= to ? to - from : 0 };
    return st;
}

static enum st affix(struct jrun *w, struct jvalue self, const struct jargs *a, bool end,
                     struct jvalue *out)
{
    struct jvalue one = a->at[0];
    struct view s, affix = { 0 };
    bool within;
    enum st st = part(w, jvalue_view(self), a, &s, &within);

    *out = jvalue_bool(false);
    for (size_t i = 0; st == ST_OK && i < (one.kind == J_TUPLE ? one.n : 1); i++) {
        struct jvalue v = one.kind == J_TUPLE ? jvalue_item(one, i) : one;
        if ((st = jcall_text(w, v, end ? "suffix" : "prefix", &affix)) != ST_OK)
            return st;
        if (within && affix.n <= s.n &&
            (affix.n == 0 || memcmp(s.p + (end ? s.n - affix.n : 0), affix.p, affix.n) == 0))
            out->i = 1;
    }
    return st;
}

JFUNC(jmethod_startswith) { return affix(w, self, a, false, out); }
JFUNC(jmethod_endswith)   { return affix(w, self, a, true, out); }

static enum st without(struct jrun *w, struct jvalue self, const struct jargs *a, bool end,
                       struct jvalue *out)
{
    struct view s = jvalue_view(self), affix = { 0 };
    enum st st = jcall_text(w, a->at[0], end ? "suffix" : "prefix", &affix);

    *out = self;
    if (st == ST_OK && affix.n && affix.n <= s.n &&
        memcmp(s.p + (end ? s.n - affix.n : 0), affix.p, affix.n) == 0)
        *out = jvalue_text(s.p + (end ? 0 : affix.n), s.n - affix.n);
    return st;
}

JFUNC(jmethod_removeprefix) { return without(w, self, a, false, out); }
JFUNC(jmethod_removesuffix) { return without(w, self, a, true, out); }

/* find, rfind, and with `must` index and rindex. */
static enum st find(struct jrun *w, struct jvalue self, const struct jargs *a, bool last, bool must,
                    struct jvalue *out)
{
    struct view s = jvalue_view(self), in, needle = { 0 };
    bool within;
    enum st st;

    if ((st = jcall_text(w, a->at[0], "sub", &needle)) != ST_OK ||
        (st = part(w, s, a, &in, &within)) != ST_OK)
        return st;
    size_t hit = !within ? SIZE_MAX : last ? jtext_rfind(in, needle) : jtext_find(in, needle, 0);
    if (hit == SIZE_MAX && must)
        return jrun_fail(w, "'%s' is not in the string", shown(needle));
    *out = jvalue_int(-1);
    if (hit != SIZE_MAX)
        out->i = (int64_t)jtext_count((struct view){ s.p, (size_t)(in.p - s.p) + hit });
    return ST_OK;
}

JFUNC(jmethod_find)   { return find(w, self, a, false, false, out); }
JFUNC(jmethod_rfind)  { return find(w, self, a, true, false, out); }
JFUNC(jmethod_index)  { return find(w, self, a, false, true, out); }
JFUNC(jmethod_rindex) { return find(w, self, a, true, true, out); }

JFUNC(jmethod_count)
{
    struct view in, needle = { 0 };
    bool within;
    enum st st;

    *out = jvalue_int(0);
    if ((st = jcall_text(w, a->at[0], "sub", &needle)) != ST_OK ||
        (st = part(w, jvalue_view(self), a, &in, &within)) != ST_OK || !within)
        return st;
    if (needle.n == 0)
        out->i = (int64_t)jtext_count(in) + 1;
    else
        for (size_t at = 0; (at = jtext_find(in, needle, at)) != SIZE_MAX; at += needle.n)
            out->i++;
    return ST_OK;
}

/* Padded to a width in code points, `left` of the padding before the text. */
static enum st padded(struct jrun *w, struct view s, struct view fill, int64_t left, int64_t right,
                      struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st = ST_OK;

    if (left + right > JRUN_TEXT_MAX)
        return jrun_fail(w, "a text of more than %d MiB", JRUN_TEXT_MAX >> 20);
    if ((st = jrun_spend(w, (size_t)(left + right))) != ST_OK)
        return st;
    for (int64_t i = 0; i < left && st == ST_OK; i++)
        st = buf_add(b, fill.p, fill.n);
    if (st == ST_OK)
        st = buf_add(b, s.p, s.n);
    for (int64_t i = 0; i < right && st == ST_OK; i++)
        st = buf_add(b, fill.p, fill.n);
    return st == ST_OK ? jrun_cut(w, b, n, out) : st;
}

static enum st pad(struct jrun *w, struct jvalue self, const struct jargs *a, char how,
                   struct jvalue *out)
{
    struct view fill = VIEW(" ");
    int64_t width = 0, n = (int64_t)jtext_count(jvalue_view(self));
    enum st st;

    if ((st = jcall_int(w, a->at[0], "width", &width)) != ST_OK ||
        (st = jcall_text(w, a->at[1], "fillchar", &fill)) != ST_OK)
        return st;
    if (jtext_count(fill) != 1)
        return jrun_fail(w, "fillchar must be one character");
    int64_t more = width > n ? width - n : 0;
    int64_t left = how == 'c' ? more / 2 + (more & width & 1) : how == 'r' ? more : 0;
    return padded(w, jvalue_view(self), fill, left, more - left, out);
}

JFUNC(jmethod_center) { return pad(w, self, a, 'c', out); }
JFUNC(jmethod_ljust)  { return pad(w, self, a, 'l', out); }
JFUNC(jmethod_rjust)  { return pad(w, self, a, 'r', out); }

JFUNC(jmethod_zfill)
{
    struct view s = jvalue_view(self);
    int64_t width = 0, n = (int64_t)jtext_count(s);
    bool sign = s.n && (*s.p == '-' || *s.p == '+');
    struct jvalue rest;
    enum st st;

    if ((st = jcall_int(w, a->at[0], "width", &width)) != ST_OK ||
        (st = padded(w, (struct view){ s.p + sign, s.n - sign }, VIEW("0"),
                     width > n ? width - n : 0, 0, &rest)) != ST_OK)
        return st;
    return jop_binary(w, '+', jvalue_text(s.p, sign), rest, out);
}

JFUNC(jmethod_join)
{
    struct jvalue item, args[2] = { self, { 0 } };
    struct jiter it;
    bool more;
    enum st st = jiter_list(w, a->at[0], &item);

    args[1] = item;
    if (st != ST_OK || (st = jiter_start(w, args[1], &it)) != ST_OK)
        return st;
    while ((st = jiter_next(w, &it, &item, &more)) == ST_OK && more)
        if (item.kind != J_TEXT || item.flag)
            return jrun_fail(w, "join needs plain strings, not %s", jvalue_type(item));
    item = args[1];
    args[1] = (struct jvalue){ 0 };
    return st == ST_OK ? jfilter_join(w, item, &(struct jargs){ args, NULL, 2, 0 }, out) : st;
}

JFUNC(jmethod_format) { return jbraces(w, jvalue_view(self), a, out); }

