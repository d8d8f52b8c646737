/* json.c - configs, tokenizers and summaries over jansson.
 *
 * The file is read by us, so that its faults come as everywhere else.  Where an integer is too
 * large for 64 bits (configs have model_max_length 10^30) all numbers of the file are taken as
 * reals, and json_int() accepts a real that is whole. */
#include <math.h>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"

enum { JSON_BYTES_MAX = 1 << 30 };

static json_t *load(struct view text, json_error_t *e)
{
    size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *root = json_loadb(text.p, text.n, flags, e);

    if (!root && json_error_code(e) == json_error_numeric_overflow)
        root = json_loadb(text.p, text.n, flags | JSON_DECODE_INT_AS_REAL, e);
    return root;
}

enum st json_open(json_t **root, const char *path)
{
    struct arena *a = arena_new(0);
    struct view text;
    json_error_t e;

    *root = NULL;
    enum st st = file_read(path, &text, JSON_BYTES_MAX, a);
    if (st == ST_OK && !(*root = load(text, &e))) {
        err_place("%s:%d:%d", path, e.line, e.column);
        st = fail(ST_DATA, "not JSON: %s", e.text);
    }
    arena_free(a);
    return st;
}

static enum st wrong(const char *place, const char *key, const char *what)
{
    err_place("%s", place);
    return fail(ST_DATA, "'%s' is %s", shown(view_of(key)), what);
}

/* The member, or NULL where it is missing or null. */
static json_t *member(json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    return v && !json_is_null(v) ? v : NULL;
}

enum st json_int(const char *place, json_t *o, const char *key, int64_t min, int64_t max,
                 int64_t *v)
{
    json_t *m = member(o, key);
    int64_t i;

    if (!m)
        return wrong(place, key, "missing");
    if (json_is_integer(m))
        i = json_integer_value(m);
    else if (json_is_real(m) && fabs(json_real_value(m)) <= 0x1p53 &&
             json_real_value(m) == floor(json_real_value(m)))
        i = (int64_t)json_real_value(m);
    else
        return wrong(place, key, json_is_real(m)
                     ? "not a whole number of 64 bits" : "not a whole number");
    if (i < min || i > max) {
        err_place("%s", place);
        return fail(ST_DATA, "'%s' is %lld; it must be from %lld to %lld", shown(view_of(key)),
                    (long long)i, (long long)min, (long long)max);
    }
    *v = i;
    return ST_OK;
}

enum st json_int_or(const char *place, json_t *o, const char *key, int64_t min, int64_t max,
                    int64_t dflt, int64_t *v)
{
    *v = dflt;
    return member(o, key) ? json_int(place, o, key, min, max, v) : ST_OK;
}

enum st json_real_or(const char *place, json_t *o, const char *key, double dflt, double *v)
{
    json_t *m = member(o, key);

    *v = dflt;
    if (m && !json_is_number(m))
        return wrong(place, key, "not a number");
    if (m)
        *v = json_number_value(m);
    return ST_OK;
}

enum st json_bool_or(const char *place, json_t *o, const char *key, bool dflt, bool *v)
{
    json_t *m = member(o, key);

    *v = dflt;
    if (m && !json_is_boolean(m))
        return wrong(place, key, "neither true nor false");
    if (m)
        *v = json_is_true(m);
    return ST_OK;
}

enum st json_text_or(const char *place, json_t *o, const char *key, const char *dflt,
                     const char **v)
{
    json_t *m = member(o, key);

    *v = dflt;
    if (m && !json_is_string(m))
        return wrong(place, key, "not a string");
    if (m && strlen(json_string_value(m)) != json_string_length(m))
        return wrong(place, key, "a string with a zero byte");
    if (m)
        *v = json_string_value(m);
    return ST_OK;
}

/* Bytes at the start of s that stand for themselves within quotes. */
static size_t plain(struct view s)
{
    size_t i = 0;

    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        int len = utf8_len(s.p + i, s.n - i);
        if (c < 0x20 || c == '"' || c == '\\' || len == 0)
            break;
        i += (size_t)len;
    }
    return i;
}

static enum st put_escape(struct buf *b, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;

    if (at)
        return buf_add(b, (char[]){ '\\', to[at - from] }, 2);
    return buf_printf(b, "\\u%04x", (unsigned)c);
}

/* Bytes of the broken sequence at s that one U+FFFD stands for: as Unicode advises, its longest
 * start that a well-formed sequence could have. */
static size_t broken(struct view s)
{
    size_t best = 1;

    /* would one or two more bytes make these whole? */
    for (size_t n = 2; n <= 3 && n <= s.n; n++) {
        char try[5] = "\x80\x80\x80\x80";
        memcpy(try, s.p, n);
        if ((size_t)utf8_len(try, 4) > n)
            best = n;
    }
    return best;
}

enum st json_put_text(struct buf *b, struct view s)
{
    enum st st = buf_add(b, "\"", 1);

    while (st == ST_OK && s.n) {
        size_t n = plain(s);
        st = buf_add(b, s.p, n);
        if (st == ST_OK && n < s.n) {
            bool ascii = (unsigned char)s.p[n] < 0x80;
            struct view rest = { s.p + n, s.n - n };
            st = ascii ? put_escape(b, *rest.p) : buf_add(b, "\xef\xbf\xbd", 3);
            n += ascii ? 1 : broken(rest);
        }
        s = (struct view){ s.p + n, s.n - n };
    }
    return st == ST_OK ? buf_add(b, "\"", 1) : st;
}

enum st json_put_real(struct buf *b, double v)
{
    char text[40];

    if (!isfinite(v))
        return buf_add(b, "null", 4);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return buf_add(b, text, strlen(text));
}
