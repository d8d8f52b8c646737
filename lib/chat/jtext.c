/* jtext.c - texts as Python's str has them: trimming, counting, finding, lines, repr.
 *
 * Most texts are ASCII or are only measured, so code points are decoded where a class is asked
 * for, and counted by their first bytes elsewhere. */
#include <utf8proc.h>

#include "base/utf8.h"
#include "chat/jtext.h"
#include "text/unicode.h"

bool jtext_space(int32_t c)
{
    return c < 0x80 ? c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f)
                    : unicode_class(c) == UNI_SPACE;
}

size_t jtext_len(struct view s, size_t at)
{
    int len = utf8_len(s.p + at, s.n - at);

    return len ? (size_t)len : 1;
}

/* Where the code point before `end` > 0 begins. */
static size_t before(struct view s, size_t end)
{
    size_t at = end - 1;

    while (at > 0 && end - at < 4 && (s.p[at] & 0xc0) == 0x80)
        at--;
    return at + jtext_len(s, at) == end ? at : end - 1;
}

static bool in_set(struct view s, size_t at, size_t len, struct view set)
{
    if (!set.p) {
        int n;
        return jtext_space(unicode_at(s.p + at, s.n - at, &n));
    }
    for (size_t i = 0, n; i < set.n; i += n) {
        n = jtext_len(set, i);
        if (n == len && memcmp(set.p + i, s.p + at, n) == 0)
            return true;
    }
    return false;
}

struct view jtext_strip(struct view s, struct view set, bool left, bool right)
{
    while (left && s.n) {
        size_t len = jtext_len(s, 0);
        if (!in_set(s, 0, len, set))
            break;
        s = (struct view){ s.p + len, s.n - len };
    }
    while (right && s.n) {
        size_t at = before(s, s.n);
        if (!in_set(s, at, s.n - at, set))
            break;
        s.n = at;
    }
    return s;
}

struct view jtext_lstrip(struct view s)
{
    return jtext_strip(s, (struct view){ 0 }, true, false);
}

struct view jtext_rstrip(struct view s)
{
    return jtext_strip(s, (struct view){ 0 }, false, true);
}

size_t jtext_count(struct view s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xc0) != 0x80;
    return n;
}

size_t jtext_byte(struct view s, size_t i)
{
    size_t at = 0;

    for (; at < s.n; at++)
        if ((s.p[at] & 0xc0) != 0x80 && i-- == 0)
            break;
    return at;
}

size_t jtext_find(struct view s, struct view needle, size_t from)
{
    if (from > s.n || needle.n > s.n - from)
        return SIZE_MAX;
    if (needle.n == 0)
        return from;
    const char *p = memmem(s.p + from, s.n - from, needle.p, needle.n);
    return p ? (size_t)(p - s.p) : SIZE_MAX;
}

size_t jtext_rfind(struct view s, struct view needle)
{
    if (needle.n > s.n)
        return SIZE_MAX;
    for (size_t at = s.n - needle.n + 1; at-- > 0;)
        if (needle.n == 0 || (s.p[at] == needle.p[0] && memcmp(s.p + at, needle.p, needle.n) == 0))
            return at;
    return SIZE_MAX;
}

size_t jtext_line(struct view s, size_t at, size_t *next)
{
    for (; at < s.n; at++) {
        unsigned char c = (unsigned char)s.p[at];
        size_t len = 0;
        if ((c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e))
            len = 1 + (c == '\r' && at + 1 < s.n && s.p[at + 1] == '\n');
        else if (c == 0xc2 && at + 1 < s.n && (unsigned char)s.p[at + 1] == 0x85)
            len = 2;
        else if (c == 0xe2 && s.n - at >= 3 && (memcmp(s.p + at, "\xe2\x80\xa8", 3) == 0 ||
                                                memcmp(s.p + at, "\xe2\x80\xa9", 3) == 0))
            len = 3;
        if (len) {
            *next = at + len;
            return at;
        }
    }
    return *next = s.n;
}

/* Digits that are no decimal numbers: superscripts, circled and their like. */
static bool odd_digit(int32_t c)
{
    static const struct { int32_t first, last; } v[] = {
        { 0xb2, 0xb3 },       { 0xb9, 0xb9 },       { 0x1369, 0x1371 },   { 0x19da, 0x19da },
        { 0x2070, 0x2070 },   { 0x2074, 0x2079 },   { 0x2080, 0x2089 },   { 0x2460, 0x2468 },
        { 0x2474, 0x247c },   { 0x2488, 0x2490 },   { 0x24ea, 0x24ea },   { 0x24f5, 0x24fd },
        { 0x24ff, 0x24ff },   { 0x2776, 0x277e },   { 0x2780, 0x2788 },   { 0x278a, 0x2792 },
        { 0x10a40, 0x10a43 }, { 0x10e60, 0x10e68 }, { 0x11052, 0x1105a }, { 0x1f100, 0x1f10a },
    };

    for (int i = 0; i < countof(v); i++)
        if (c >= v[i].first && c <= v[i].last)
            return true;
    return false;
}

static bool of_class(int32_t c, enum jtext_class class)
{
    switch (class) {
    case JTEXT_ALPHA:   return unicode_class(c) == UNI_LETTER;
    case JTEXT_DECIMAL: return c >= 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
    case JTEXT_DIGIT:   return of_class(c, JTEXT_DECIMAL) || odd_digit(c);
    case JTEXT_ALNUM:   return unicode_class(c) == UNI_LETTER || unicode_class(c) == UNI_NUMBER;
    case JTEXT_SPACE:   return jtext_space(c);
    }
    return false;
}

bool jtext_all(struct view s, enum jtext_class class)
{
    int len;

    for (size_t i = 0; i < s.n; i += (size_t)len)
        if (!of_class(unicode_at(s.p + i, s.n - i, &len), class))
            return false;
    return s.n > 0;
}

bool jtext_printable(int32_t c)
{
    if (c < 0x7f)
        return c >= ' ';
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC: case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: case UTF8PROC_CATEGORY_CN: case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

enum st jtext_repr(struct view s, struct buf *b)
{
    bool twice = s.n && memchr(s.p, '\'', s.n) && !memchr(s.p, '"', s.n);
    char quote = twice ? '"' : '\'';
    enum st st = buf_add(b, &quote, 1);
    int len;

    for (size_t i = 0; i < s.n && st == ST_OK; i += (size_t)len) {
        int32_t c = unicode_at(s.p + i, s.n - i, &len);
        const char *named = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
        if (named)
            st = buf_add(b, named, 2);
        else if (c == quote || c == '\\')
            st = buf_add(b, (char[]){ '\\', (char)c }, 2);
        else if (jtext_printable(c))
            st = buf_add(b, s.p + i, (size_t)len);
        else if (c < 0x100)
            st = buf_printf(b, "\\x%02x", (unsigned)c & 0xff);
        else
            st = buf_printf(b, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    }
    return st == ST_OK ? buf_add(b, &quote, 1) : st;
}

enum st jtext_escape(struct view s, struct buf *b)
{
    static const char from[] = "&<>\"'";
    static const char *const to[] = { "&amp;", "&lt;", "&gt;", "&#34;", "&#39;" };
    enum st st = ST_OK;
    size_t done = 0;

    for (size_t i = 0; i < s.n && st == ST_OK; i++) {
        const char *at = s.p[i] ? strchr(from, s.p[i]) : NULL;
        if (!at)
            continue;
        if ((st = buf_add(b, s.p + done, i - done)) == ST_OK)
            st = buf_add(b, to[at - from], strlen(to[at - from]));
        done = i + 1;
    }
    return st == ST_OK ? buf_add(b, s.p + done, s.n - done) : st;
}
