/* known.c - the patterns known by heart, as scanners over four classes of code points.
 *
 * GPT-2   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * cl100k  (?i:'s|...|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 *         \s*[\r\n]+|\s+(?!\S)|\s+
 *
 * Both match everything, so a scanner only says where the piece that begins here ends. */
#include "text/known.h"
#include "text/unicode.h"

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
    return c != MANY ? c : (int)unicode_class(unicode_at(p + i, n - i, len));
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

bool known_find(struct view pattern, struct known *k)
{
    for (int64_t i = 0; i < countof(known); i++)
        if (view_is(pattern, known[i].pattern)) {
            *k = known[i].known;
            return true;
        }
    return false;
}
