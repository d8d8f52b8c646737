/* known.c - the patterns known by heart, as scanners over four classes of code points.
 *
 * GPT-2   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * cl100k  (?i:'s|...|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 *         \s*[\r\n]+|\s+(?!\S)|\s+
 *
 * Both match everything, so a scanner only says where the piece that begins here ends. */
#include "text/class.h"
#include "text/known.h"
#include "text/simd.h"

#define CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"
#define CL100K_PATTERN(digits) "(?i:" CONTRACTIONS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
                               "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct {
    const char  *pattern;
    struct known known;
} known[] = {
    { CONTRACTIONS "| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
      { KNOWN_GPT2, 0 } },
    { CL100K_PATTERN("\\p{N}{1,3}"), { KNOWN_CL100K, 3 } },
    { CL100K_PATTERN("\\p{N}"), { KNOWN_CL100K, 1 } },
};

/* The class of every byte; bytes from 0x80 on need the whole code point. */
enum { MANY = 4 };
static const uint8_t byte_class[256] = {
    ['\t'] = UNI_SPACE,         ['\n'] = UNI_SPACE,         ['\v'] = UNI_SPACE,
    ['\f'] = UNI_SPACE,         ['\r'] = UNI_SPACE,         [' '] = UNI_SPACE,
    ['0' ... '9'] = UNI_NUMBER, ['A' ... 'Z'] = UNI_LETTER, ['a' ... 'z'] = UNI_LETTER,
    [0x80 ... 0xff] = MANY,
};

static inline int class_at(const char *p, size_t i, size_t n, int *len)
{
    int c = byte_class[(unsigned char)p[i]];

    *len = 1;
    return c != MANY ? c : class_many(p + i, n - i, len);
}

static inline size_t run(const char *p, size_t i, size_t n, int class)
{
    int len;

    while (i < n && class_at(p, i, n, &len) == class)
        i += (size_t)len;
    return i;
}

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

/* Bytes of the contraction after the apostrophe at p[i], or 0.  Folded, U+017F is an s too. */
static size_t contraction(const char *p, size_t i, size_t n, bool fold)
{
    char c = i + 1 < n ? p[i + 1] : 0, d = i + 2 < n ? p[i + 2] : 0;

    if (fold) {
        if (c == '\xc5' && d == '\xbf')
            return 3;
        c = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        d = (char)(d >= 'A' && d <= 'Z' ? d + 32 : d);
    }
    if (c == 's' || c == 't' || c == 'm' || c == 'd')
        return 2;
    return (c == 'r' && d == 'e') || (c == 'v' && d == 'e') || (c == 'l' && d == 'l') ? 3 : 0;
}

/* \s+(?!\S)|\s+ : the run of spaces, without its last one where something else follows. */
static size_t spaces(const char *p, size_t i, size_t n)
{
    size_t end = i, last = i;
    int len;

    while (end < n && class_at(p, end, n, &len) == UNI_SPACE)
        last = end, end += (size_t)len;
    return end == n || last == i ? end : last;
}

static size_t next_gpt2(const char *p, size_t i, size_t n)
{
    int len, c = class_at(p, i, n, &len);
    size_t k;

    if (p[i] == '\'' && (k = contraction(p, i, n, false)) > 0)
        return i + k;
    if (p[i] == ' ' && i + 1 < n) {
        c = class_at(p, i + 1, n, &len);
        if (c != UNI_SPACE)
            return run(p, i + 1 + (size_t)len, n, c);
    } else if (c != UNI_SPACE) {
        return run(p, i + (size_t)len, n, c);
    }
    return spaces(p, i, n);
}

static size_t numbers(const char *p, size_t i, size_t n, int max)
{
    int len;

    while (max-- > 0 && i < n && class_at(p, i, n, &len) == UNI_NUMBER)
        i += (size_t)len;
    return i;
}

static size_t others(const char *p, size_t i, size_t n)
{
    i = run(p, i, n, UNI_OTHER);
    while (i < n && is_line_end(p[i]))
        i++;
    return i;
}

static size_t next_cl100k(const char *p, size_t i, size_t n, int digits)
{
    int len, after_len, c = class_at(p, i, n, &len);
    size_t k;

    if (p[i] == '\'' && (k = contraction(p, i, n, true)) > 0)
        return i + k;
    if (c == UNI_LETTER)
        return run(p, i + (size_t)len, n, UNI_LETTER);
    if (c == UNI_NUMBER)
        return numbers(p, i, n, digits);
    size_t next = i + (size_t)len;
    int after = next < n ? class_at(p, next, n, &after_len) : UNI_SPACE;
    if (after == UNI_LETTER && !is_line_end(p[i]))
        return run(p, next + (size_t)after_len, n, UNI_LETTER);
    if (c == UNI_OTHER)
        return others(p, i, n);
    if (p[i] == ' ' && after == UNI_OTHER)
        return others(p, next, n);

    size_t end = i, line = i;                  /* \s*[\r\n]+ ends behind the run's last line end */
    while (end < n && class_at(p, end, n, &len) == UNI_SPACE) {
        end += (size_t)len;
        if (is_line_end(p[end - 1]))
            line = end;
    }
    return line > i ? line : spaces(p, i, n);
}

size_t known_next(struct known k, const char *p, size_t i, size_t n)
{
    return k.kind == KNOWN_GPT2 ? next_gpt2(p, i, n) : next_cl100k(p, i, n, k.digits);
}

#if SIMD

/* ---- 64 bytes at a time ----
 *
 * A block begins where a piece begins, so nothing is carried over.  What is told of it are starts
 * of pieces that no later byte can change, and all of them up to the last one, which begins the
 * next block.  Bit i of a mask is byte i; all bytes of a code point have its class. */

struct block {
    const char *p;
    size_t      n;                             /* bytes of text from p on */
    uint64_t    valid;                         /* the bytes that are there */
    uint64_t    of[4];                         /* by class */
    uint64_t    more;                          /* bytes that continue a code point */
    uint64_t    blank, line, quote;            /* ' ', \r \n, ' */
};

static void many(struct block *b, uint64_t high)
{
    while (high) {
        int i = __builtin_ctzll(high), len, c = class_many(b->p + i, b->n - (size_t)i, &len);
        uint64_t bits = (((uint64_t)1 << len) - 1) << i;
        b->of[c] |= bits;
        b->more |= bits & (bits << 1);
        high &= ~bits;
    }
}

static inline void classify(struct block *b, const char *p, size_t n)
{
    struct simd s = simd_load(p, n);
    uint64_t high = simd_high(s), plain;

    b->p = p;
    b->n = n;
    b->valid = simd_below(n);
    b->blank = simd_eq(s, ' ');
    b->line = simd_eq(s, '\n') | simd_eq(s, '\r');
    b->quote = simd_eq(s, '\'');
    b->of[UNI_SPACE] = b->blank | simd_from(s, '\t', 5);
    b->of[UNI_NUMBER] = simd_from(s, '0', 10);
    b->of[UNI_LETTER] = simd_from(simd_or(s, 0x20), 'a', 26);
    plain = b->of[UNI_SPACE] | b->of[UNI_NUMBER] | b->of[UNI_LETTER] | high;
    b->of[UNI_OTHER] = b->valid & ~plain;
    b->more = 0;
    if (high)
        many(b, high);
}

/* The white space behind which the run of it ends with something else. */
static inline uint64_t before_text(const struct block *b)
{
    uint64_t behind = b->of[UNI_SPACE] | ~b->valid;    /* nothing else can follow the end */

    return b->of[UNI_SPACE] & ~(behind >> 1 | (uint64_t)1 << 63);
}

static inline uint64_t begins(uint64_t runs)
{
    return runs & ~(runs << 1);
}

static uint64_t starts_gpt2(const struct block *b)
{
    uint64_t s = begins(b->of[UNI_LETTER]) | begins(b->of[UNI_NUMBER]) | begins(b->of[UNI_OTHER]);

    s = (s & ~(b->blank << 1)) | begins(b->of[UNI_SPACE]) | before_text(b);
    for (uint64_t q = s & b->quote; q; q &= q - 1) {
        int i = __builtin_ctzll(q);
        size_t k = contraction(b->p, (size_t)i, b->n, false);
        if (k)
            s = (s & ~((q & -q) << 1)) | (q & -q) << k;
    }
    return s;
}

static uint64_t group_numbers(const struct block *b, uint64_t starts, int digits)
{
    uint64_t n = b->of[UNI_NUMBER], groups = 0;
    int count = 0;

    if (digits == 1)
        return n & ~b->more;
    if (!(n & n << 1 & n << 2 & n << 3))
        return 0;
    for (uint64_t q = n & ~b->more; q; q &= q - 1, count++)
        if (q & -q & starts) {
            count = 0;
        } else if (count == digits) {
            groups |= q & -q;
            count = 0;
        }
    return groups;
}

/* `\s*[\r\n]+` goes to the last line end of a run: what is blank behind it begins a piece. */
static uint64_t behind_lines(uint64_t spaces, uint64_t line)
{
    uint64_t blank = spaces & ~line, s = blank & (spaces & line) << 1;

    for (uint64_t bad = (blank + s) & ~blank & spaces & line; bad; bad &= bad - 1) {
        uint64_t before = s & ((bad & -bad) - 1);      /* its highest bit led to a line end again */
        s &= ~((uint64_t)1 << (63 - __builtin_clzll(before)));
    }
    return s;
}

static uint64_t starts_cl100k(const struct block *b, int digits, uint64_t *spaces)
{
    uint64_t letter = b->of[UNI_LETTER], other = b->of[UNI_OTHER];
    uint64_t first = b->line & other << 1, taken = b->line & ~(b->line + first);
    uint64_t space = b->of[UNI_SPACE] & ~taken, blank = space & ~b->line;
    uint64_t mark = begins(other) & ~(b->blank << 1);          /* a piece begins with it */
    uint64_t whole = mark | (other & b->more), alone = (whole + mark) & ~whole;
    uint64_t s = begins(letter) & ~(blank << 1 | alone);

    s |= mark | begins(b->of[UNI_NUMBER]) | begins(space) | behind_lines(space, b->line) |
         (before_text(b) & blank);
    s |= group_numbers(b, s, digits);
    for (uint64_t q = mark & b->quote; q; q &= q - 1) {
        size_t k = contraction(b->p, (size_t)__builtin_ctzll(q), b->n, true);
        if (k)
            s |= (q & -q) << k;
    }
    *spaces = space;
    return s;
}

/* Starts of pieces in the block, those that are sure; at least bit 0. */
static inline uint64_t starts(struct known k, const struct block *b)
{
    uint64_t s, sure = b->valid, spaces = 0;

    if (b->of[UNI_SPACE] & b->more)            /* rare: the last of them is not one byte */
        return 1;
    s = k.kind == KNOWN_GPT2 ? starts_gpt2(b) : starts_cl100k(b, k.digits, &spaces);
    if (spaces >> 63 && b->n > 64)             /* where a line end may follow */
        sure &= ~spaces ? UINT64_MAX >> (__builtin_clzll(~spaces) - 1) : 1;
    return (s & sure) | 1;
}

int64_t known_some(struct known k, struct view text, size_t *at, uint32_t *bound)
{
    int64_t n = 0;
    size_t i = *at;

    while (i < text.n && n < KNOWN_PIECES) {
        struct block b;
        classify(&b, text.p + i, text.n - i);
        uint64_t s = starts(k, &b);
        if (b.n <= 64 && !(b.of[UNI_SPACE] & b.more)) {
            n += simd_numbers(s, (uint32_t)i, bound + n);
            i = text.n;
        } else if (s == 1) {                   /* a long piece, or a rare one */
            bound[n++] = (uint32_t)i;
            i = known_next(k, text.p, i, text.n);
        } else {
            int last = 63 - __builtin_clzll(s);
            n += simd_numbers(s & ~((uint64_t)1 << last), (uint32_t)i, bound + n);
            i += (size_t)last;
        }
    }
    bound[n] = (uint32_t)i;
    *at = i;
    return n;
}

#else

int64_t known_some(struct known k, struct view text, size_t *at, uint32_t *bound)
{
    int64_t n = 0;
    size_t i = *at;

    for (; i < text.n && n < KNOWN_PIECES; i = known_next(k, text.p, i, text.n))
        bound[n++] = (uint32_t)i;
    bound[n] = (uint32_t)i;
    *at = i;
    return n;
}

#endif

bool known_find(struct view pattern, struct known *k)
{
    for (int64_t i = 0; i < countof(known); i++)
        if (view_is(pattern, known[i].pattern)) {
            *k = known[i].known;
            return true;
        }
    return false;
}
