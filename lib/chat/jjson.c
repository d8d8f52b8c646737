/* jjson.c - tojson as transformers has it: json.dumps() with ensure_ascii off. */
#include <math.h>

#include "chat/jfunc.h"
#include "text/unicode.h"

struct json {
    struct buf *b;
    bool        ascii, sorted, lines;
    struct view indent, comma, colon;
    int         depth;
};

static enum st put(struct json *o, struct view s)
{
    return buf_add(o->b, s.p, s.n);
}

/* Letters beyond ASCII as \u escapes, in pairs where one is not enough. */
static enum st put_ascii(struct json *o, int32_t c)
{
    if (c < 0x10000)
        return buf_printf(o->b, "\\u%04x", (unsigned)c);
    c -= 0x10000;
    return buf_printf(o->b, "\\u%04x\\u%04x", (unsigned)(0xd800 | c >> 10),
                      (unsigned)(0xdc00 | (c & 0x3ff)));
}

static enum st put_text(struct json *o, struct view s)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    enum st st = buf_add(o->b, "\"", 1);
    size_t done = 0;
    int len;

    for (size_t i = 0; i < s.n && st == ST_OK; i += (size_t)len) {
        unsigned char c = (unsigned char)s.p[i];
        len = 1;
        if (c >= ' ' && c != '"' && c != '\\' && (!o->ascii || c < 0x7f))
            continue;
        if ((st = buf_add(o->b, s.p + done, i - done)) != ST_OK)
            return st;
        const char *at = c ? strchr(from, c) : NULL;
        if (at)
            st = buf_add(o->b, (char[]){ '\\', to[at - from] }, 2);
        else
            st = put_ascii(o, unicode_at(s.p + i, s.n - i, &len));
        done = i + (size_t)len;
    }
    if (st == ST_OK && (st = buf_add(o->b, s.p + done, s.n - done)) == ST_OK)
        st = buf_add(o->b, "\"", 1);
    return st;
}

static enum st line(struct json *o)
{
    enum st st = o->lines ? buf_add(o->b, "\n", 1) : ST_OK;

    for (int i = 0; i < o->depth && o->lines && st == ST_OK; i++)
        st = put(o, o->indent);
    return st;
}

static enum st value(struct jrun *w, struct json *o, struct jvalue v);

static enum st list(struct jrun *w, struct json *o, struct jvalue v)
{
    enum st st = buf_add(o->b, "[", 1);

    o->depth++;
    for (size_t i = 0; i < v.n && st == ST_OK; i++)
        if ((i == 0 || (st = put(o, o->comma)) == ST_OK) && (st = line(o)) == ST_OK)
            st = value(w, o, jvalue_item(v, i));
    o->depth--;
    if (st != ST_OK || (v.n && (st = line(o)) != ST_OK))
        return st;
    return buf_add(o->b, "]", 1);
}

static enum st put_key(struct jrun *w, struct json *o, struct jvalue key)
{
    char text[32];

    switch (key.kind) {
    case J_TEXT:
        return put_text(o, jvalue_view(key));
    case J_NONE:
        return buf_add(o->b, "\"null\"", 6);
    case J_BOOL:
        return buf_printf(o->b, "\"%s\"", key.i ? "true" : "false");
    case J_INT:
        return buf_printf(o->b, "\"%lld\"", (long long)key.i);
    case J_FLOAT:
        jvalue_float_text(key.f, text);
        return buf_printf(o->b, "\"%s\"", isnan(key.f) ? "NaN" : !isinf(key.f) ? text
                          : key.f < 0 ? "-Infinity" : "Infinity");
    default:
        return jrun_fail(w, "tojson: %s is no key of JSON", jvalue_type(key));
    }
}

static enum st dict(struct jrun *w, struct json *o, struct jvalue v)
{
    struct jvalue *order = NULL, *key;
    enum st st = ST_OK;

    if (o->sorted) {
        if (!(order = jrun_get(w, v.n * sizeof *order)) || !(key = jrun_get(w, v.n * sizeof *key)))
            return ST_SYS;
        for (size_t i = 0; i < v.n; i++) {
            order[i] = jvalue_int((int64_t)i);
            key[i] = jvalue_pair(v, i).key;
        }
        st = jsort(w, order, key, v.n, false);
    }
    if (st == ST_OK)
        st = buf_add(o->b, "{", 1);
    o->depth++;
    for (size_t i = 0; i < v.n && st == ST_OK; i++) {
        struct jpair p = jvalue_pair(v, order ? (size_t)order[i].i : i);
        if ((i && (st = put(o, o->comma)) != ST_OK) || (st = line(o)) != ST_OK ||
            (st = put_key(w, o, p.key)) != ST_OK || (st = put(o, o->colon)) != ST_OK)
            return st;
        st = value(w, o, p.value);
    }
    o->depth--;
    if (st != ST_OK || (v.n && (st = line(o)) != ST_OK))
        return st;
    return buf_add(o->b, "}", 1);
}

static enum st value(struct jrun *w, struct json *o, struct jvalue v)
{
    static const char *const words[] = { "null", "false", "true" };
    enum st st = ST_OK;

    switch (v.kind) {
    case J_TEXT:
        return put_text(o, jvalue_view(v));
    case J_NONE: case J_BOOL: {
        const char *word = words[v.kind == J_NONE ? 0 : 1 + v.i];
        return buf_add(o->b, word, strlen(word));
    }
    case J_INT: case J_BIG:
        return jvalue_repr(w, v, o->b);
    case J_FLOAT:
        if (isfinite(v.f))
            return jvalue_repr(w, v, o->b);
        return buf_printf(o->b, "%s", isnan(v.f) ? "NaN" : v.f < 0 ? "-Infinity" : "Infinity");
    case J_LIST: case J_TUPLE: case J_DICT:
        if (++w->depth > JRUN_DEPTH_MAX || o->b->n > JRUN_TEXT_MAX)
            return jrun_fail(w, "tojson: nested too deeply, or too long");
        if ((st = jrun_spend(w, 32)) == ST_OK)
            st = v.kind == J_DICT ? dict(w, o, v) : list(w, o, v);
        w->depth--;
        return st;
    default:
        return jrun_fail(w, "tojson: %s is nothing that JSON has", jvalue_type(v));
    }
}

static enum st separators(struct jrun *w, struct jvalue v, struct json *o)
{
    struct jvalue two;
    enum st st = jiter_list(w, v, &two);

    if (st != ST_OK)
        return st;
    if (two.n != 2)
        return jrun_fail(w, "tojson: separators are two strings");
    if ((st = jcall_text(w, two.item[0], "tojson: a separator", &o->comma)) != ST_OK)
        return st;
    return jcall_text(w, two.item[1], "tojson: a separator", &o->colon);
}

enum st jjson_put(struct jrun *w, struct jvalue v, const struct jargs *a, struct buf *b)
{
    struct jvalue indent = a->at[1], spaces;
    struct json o = { .b = b, .comma = VIEW(", "), .colon = VIEW(": ") };
    enum st st;

    o.ascii = a->at[0].kind != J_MISSING && jvalue_truth(a->at[0]);
    o.sorted = jvalue_truth(a->at[3]);
    o.lines = indent.kind != J_MISSING && indent.kind != J_NONE;
    if (o.lines) {
        o.comma = VIEW(",");
        spaces = indent;
        if (indent.kind != J_TEXT) {
            int64_t n = 0;
            if ((st = jcall_int(w, indent, "tojson: indent", &n)) != ST_OK)
                return st;
            if (n > 1000)
                return jrun_fail(w, "tojson: an indent of more than 1000");
            if ((st = jop_binary(w, '*', jvalue_text(" ", 1), jvalue_int(n), &spaces)) != ST_OK)
                return st;
        }
        o.indent = jvalue_view(spaces);
    }
    if (a->at[2].kind != J_MISSING && a->at[2].kind != J_NONE &&
        (st = separators(w, a->at[2], &o)) != ST_OK)
        return st;
    return value(w, &o, v);
}
