/* quoted.c - JSON strings.
 *
 * Their bytes are passed 32 at a time, and the last of the data eight at a time, a test of ordinary
 * arithmetic telling which does not stand for itself.  Without escapes nothing is copied. */
#include <endian.h>

#include "base/quoted.h"
#include "base/utf8.h"

/* The top bit of the first byte that is '"', '\\', below ' ' or not ASCII, and perhaps of bytes
 * behind it; 0: none of the eight is. */
static inline uint64_t special(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t x;

    memcpy(&x, p, 8);
    x = le64toh(x);
    uint64_t quote = x ^ ones * '"', slash = x ^ ones * '\\';
    return (x | (x - ones * ' ') | (quote - ones) | (slash - ones)) & tops;
}

typedef uint8_t block __attribute__((vector_size(32)));

/* A bit for each byte of a block, which are all ones or 0. */
static inline uint32_t block_bits(const block *hit)
{
#ifdef __AVX2__
    typedef char bytes __attribute__((vector_size(32)));
    return (uint32_t)__builtin_ia32_pmovmskb256((bytes)*hit);
#else
    uint64_t w[4];
    uint32_t bits = 0;
    memcpy(w, hit, sizeof w);
    for (int k = 0; k < 4; k++)
        bits |= (uint32_t)((le64toh(w[k]) & UINT64_C(0x8040201008040201)) *
                           UINT64_C(0x0101010101010101) >> 56) << 8 * k;
    return bits;
#endif
}

/* The bytes that do not stand for themselves or are not ASCII. */
static inline uint32_t block_special(const char *p)
{
    block v, hit;

    memcpy(&v, p, sizeof v);
    hit = (block)((v < ' ') | (v >= 0x80) | (v == '"') | (v == '\\'));
    return block_bits(&hit);
}

/* The first byte from i on that does not stand for itself or is not ASCII, or the end. */
static inline size_t skip_ascii(struct view d, size_t i)
{
    uint64_t hit;
    uint32_t bits;

    for (; d.n - i >= sizeof(block); i += sizeof(block))
        if ((bits = block_special(d.p + i)))
            return i + (size_t)__builtin_ctz(bits);
    for (; d.n - i >= 8; i += 8)
        if ((hit = special(d.p + i)))
            return i + (size_t)__builtin_ctzll(hit) / 8;
    while (i < d.n && (unsigned char)d.p[i] >= ' ' && (unsigned char)d.p[i] < 0x80 &&
           d.p[i] != '"' && d.p[i] != '\\')
        i++;
    return i;
}

/* Moves *at over bytes that stand for themselves; false at broken UTF-8 or a control. */
static bool skip_plain(struct view d, size_t *at)
{
    size_t i = *at, n;

    do {
        i = skip_ascii(d, i);
        n = i < d.n ? utf8_wide(d.p + i, d.n - i) : 0;
        i += n;
    } while (n);
    *at = i;
    return i == d.n || d.p[i] == '"' || d.p[i] == '\\';
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

/* Copies up to the next backslash, or the end; how many bytes it was.  Of `to` 32 bytes more than
 * those are written at most. */
static size_t copy_plain(char *to, const char *p, size_t n)
{
    size_t i = 0;
    uint32_t bits;

    for (; n - i >= sizeof(block); i += sizeof(block)) {
        block v, hit;
        memcpy(&v, p + i, sizeof v);
        memcpy(to + i, &v, sizeof v);
        hit = (block)(v == '\\');
        if ((bits = block_bits(&hit)))
            return i + (size_t)__builtin_ctz(bits);
    }
    for (; i < n && p[i] != '\\'; i++)
        to[i] = p[i];
    return i;
}

/* The bytes from *at to `end`, where the string was found to end, with what escapes stand for. */
static enum st unescape(struct view d, size_t *at, size_t end, struct view *out, struct arena *a)
{
    size_t n = 0;                              /* an escape is never shorter than what it means */
    char *p = arena_get(a, end - *at + sizeof(block));

    if (!p)
        return ST_SYS;
    for (;;) {
        size_t run = copy_plain(p + n, d.p + *at, end - *at);
        n += run;
        *at += run;
        if (*at == end)
            break;
        char c[4];
        int len = 0;
        enum st st = escape(d, at, c, &len);
        if (st != ST_OK)
            return st;
        memcpy(p + n, c, (size_t)len);
        n += (size_t)len;
    }
    *out = (struct view){ p, n };
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
    *at = from;
    enum st st = escapes ? unescape(d, at, end, out, a) : ST_OK;
    if (st == ST_OK)
        *at = end + 1;
    return st;
}
