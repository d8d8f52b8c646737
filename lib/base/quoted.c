/* quoted.c - JSON strings.
 *
 * Their bytes are passed eight at a time, a test of ordinary arithmetic telling whether one of the
 * eight is a quote, a backslash, a control or not ASCII.  Without escapes nothing is copied. */
#include "base/quoted.h"
#include "base/utf8.h"

/* True where one of the eight bytes is '"', '\\', below ' ' or above '~' + 1. */
static bool special(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t x;

    memcpy(&x, p, 8);
    uint64_t quote = x ^ ones * '"', slash = x ^ ones * '\\';
    return ((x | (x - ones * ' ') | (quote - ones) | (slash - ones)) & tops) != 0;
}

/* Moves *at over bytes that stand for themselves; false at broken UTF-8 or a control. */
static bool skip_plain(struct view d, size_t *at)
{
    size_t i = *at;

    for (;;) {
        while (d.n - i >= 8 && !special(d.p + i))
            i += 8;
        if (i == d.n)
            break;
        unsigned char c = (unsigned char)d.p[i];
        if (c == '"' || c == '\\')
            break;
        int n = c < 0x20 ? 0 : utf8_len(d.p + i, d.n - i);
        if (n == 0) {
            *at = i;
            return false;
        }
        i += (size_t)n;
    }
    *at = i;
    return true;
}

static enum st bad(size_t *at, size_t where, const char *what)
{
    *at = where;
    return fail(ST_DATA, "%s", what);
}

/* Four hex digits at p into *c. */
static bool hex4(struct view d, size_t at, uint32_t *c)
{
    *c = 0;
    if (d.n - at < 4)
        return false;
    for (size_t i = at; i < at + 4; i++) {
        char h = d.p[i];
        uint32_t v = h >= '0' && h <= '9' ? (uint32_t)(h - '0')
                   : h >= 'a' && h <= 'f' ? (uint32_t)(h - 'a') + 10
                   : h >= 'A' && h <= 'F' ? (uint32_t)(h - 'A') + 10 : 16;
        if (v > 15)
            return false;
        *c = *c << 4 | v;
    }
    return true;
}

/* The escape at *pos, which is a backslash, into out. */
static enum st escape(struct view d, size_t *pos, char out[4], int *n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t at = *pos;
    uint32_t c, low;

    if (d.n - at < 2)
        return bad(pos, d.n, "the row stops within a string");
    const char *k = d.p[at + 1] ? strchr(from, d.p[at + 1]) : NULL;
    if (k) {
        out[0] = to[k - from];
        *n = 1;
        *pos += 2;
        return ST_OK;
    }
    if (d.p[at + 1] != 'u')
        return bad(pos, at, "an escape that JSON does not know");
    if (!hex4(d, at + 2, &c))
        return bad(pos, at, "\\u needs four hex digits");
    *pos += 6;
    if (c >= 0xd800 && c < 0xdc00) {
        if (d.n - *pos < 6 || d.p[*pos] != '\\' || d.p[*pos + 1] != 'u' ||
            !hex4(d, *pos + 2, &low) || low < 0xdc00 || low > 0xdfff)
            return bad(pos, at, "half of a surrogate pair; the text was cut or wrongly escaped");
        *pos += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
        return bad(pos, at, "half of a surrogate pair; the text was cut or wrongly escaped");
    }
    *n = utf8_put(out, c);
    return ST_OK;
}

enum st quoted(struct view d, size_t *at, struct view *out, struct arena *a)
{
    size_t from = *at + 1, end = from;
    bool escapes = false;

    for (;; end += 2) {                                /* find the closing quote */
        if (!skip_plain(d, &end))
            return bad(at, end, (unsigned char)d.p[end] < 0x20
                           ? "a control character within a string; it must be escaped"
                           : "the text is not UTF-8");
        if (end >= d.n || (d.p[end] == '\\' && d.n - end < 2))
            return bad(at, d.n, "the row stops within a string");
        if (d.p[end] == '"')
            break;
        escapes = true;
        if ((unsigned char)d.p[end + 1] >= 0x80)
            return bad(at, end, "an escape that JSON does not know");
    }
    *out = (struct view){ d.p + from, end - from };
    *at = end + 1;
    if (!escapes)
        return ST_OK;
    char *p = arena_get(a, end - from);  /* an escape is never shorter than what it stands for */
    size_t n = 0;
    if (!p)
        return ST_SYS;
    for (*at = from; *at < end; ) {
        const char *slash = memchr(d.p + *at, '\\', end - *at);
        size_t run = (slash ? (size_t)(slash - d.p) : end) - *at;
        memcpy(p + n, d.p + *at, run);
        n += run;
        *at += run;
        if (slash) {
            char c[4];
            int len = 0;
            enum st st = escape(d, at, c, &len);
            if (st != ST_OK)
                return st;
            memcpy(p + n, c, (size_t)len);
            n += (size_t)len;
        }
    }
    *out = (struct view){ p, n };
    *at = end + 1;
    return ST_OK;
}
