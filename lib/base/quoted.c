/* quoted.c - JSON strings.
 *
 * Their bytes are passed 32 at a time, the last few of the input eight at a time by a test of
 * ordinary arithmetic.  Without escapes nothing is copied. */
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

enum { CHUNK_FIRST = 256, CHUNK_MAX = 4096 };

typedef uint8_t block __attribute__((vector_size(32)));

/* A bit for each byte of a block, all ones or 0; a product gathers one of each of eight. */
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

/* Copies what stands before the next backslash, or before `end`; how much.  There is room for a
 * block more. */
static inline size_t copy_run(struct view d, size_t at, size_t end, char *to)
{
    const char *p = d.p + at;
    size_t n = end - at, i = 0;
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

/* The four hex digits at byte `at` into *c. */
static bool hex4(struct view d, size_t at, uint32_t *c)
{
    static const uint8_t digit[256] = {        /* plus 1; 0: none */
        ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
        ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15,
        ['f'] = 16, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    };
    bool good = d.n - at >= 4;

    *c = 0;
    for (size_t i = at; good && i < at + 4; i++) {
        uint32_t v = digit[(unsigned char)d.p[i]];
        good = v > 0;
        *c = *c << 4 | (v - 1);
    }
    return good;
}

/* The escape at *pos, which is a backslash, into out. */
static enum st escape(struct view d, size_t *pos, char out[4], int *n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t at = *pos;
    uint32_t c, low;

    if (d.n - at < 2)
        return bad(pos, d.n, "the row stops within a string");
    const char *k = d.p[at + 1] && d.p[at + 1] != 'u' ? strchr(from, d.p[at + 1]) : NULL;
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

/* Room for n bytes and a block, of which the string takes what it needs. */
static char *room_for(struct quoted_room *r, size_t n)
{
    size_t chunk = MIN(MAX(r->chunk * 2, (size_t)CHUNK_FIRST), (size_t)CHUNK_MAX);

    n += sizeof(block);
    if (n <= r->n)
        return r->p;
    r->n = r->chunk = MAX(n, chunk);
    return r->p = arena_get(r->a, r->n);
}

enum st quoted(struct view d, size_t *at, struct view *out, struct quoted_room *r)
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
    /* an escape is never shorter than what it stands for */
    char *p = room_for(r, end - from);
    size_t n = 0;
    if (!p)
        return ST_SYS;
    for (*at = from; *at < end; ) {
        size_t run = copy_run(d, *at, end, p + n);
        n += run;
        *at += run;
        if (*at < end) {
            char c[4] = { 0 };
            int len = 0;
            enum st st = escape(d, at, c, &len);
            if (st != ST_OK)
                return st;
            memcpy(p + n, c, sizeof c);
            n += (size_t)len;
        }
    }
    *out = (struct view){ p, n };
    r->p += n;
    r->n -= n;
    *at = end + 1;
    return ST_OK;
}
