/* utf8.h - well-formed UTF-8 (Unicode 15, table 3-7), as all our readers test it. */
#ifndef UTF8_H
#define UTF8_H

#include "base/base.h"

/* Bytes of the well-formed sequence that starts at p, 1 to 4, n bytes being there (at least 1);
 * 0 where there is none: overlong, surrogate, past U+10FFFF, cut, or a stray byte. */
static inline int utf8_len(const char *p, size_t n)
{
    const unsigned char *s = (const unsigned char *)p;
    unsigned c = s[0];

    if (c < 0x80)
        return 1;
    if (c < 0xe0)
        return c >= 0xc2 && n >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
    if (c < 0xf0) {
        unsigned low = c == 0xe0 ? 0xa0 : 0x80, high = c == 0xed ? 0x9f : 0xbf;
        return n >= 3 && s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    unsigned low = c == 0xf0 ? 0x90 : 0x80, high = c == 0xf4 ? 0x8f : 0xbf;
    return c <= 0xf4 && n >= 4 && s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 &&
           (s[3] & 0xc0) == 0x80 ? 4 : 0;
}

/* Bytes at the start of p[n] that are well-formed, whole sequences: n where all of it is. */
size_t utf8_prefix(const char *p, size_t n);

/* The same, of sequences of two and more bytes only: stops at the first ASCII byte too. */
size_t utf8_wide(const char *p, size_t n);

/* The bytes of code point c, which is no surrogate, into out; returns how many. */
static inline int utf8_put(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

#endif
