/* utf8.c - long stretches of UTF-8: ASCII is passed in blocks, what else there is is tested four
 * bytes at a time.
 *
 * A sequence's lead and continuation bits are one mask and one comparison.  What the comparison
 * lets through and the standard does not (overlong forms, surrogates, past U+10FFFF) shows in a few
 * bits of the first two bytes. */
#include <endian.h>

#include "base/utf8.h"

enum { BLOCK = 32 };

/* Bytes of the sequence in the low bytes of w; 0: none of two or more, or not well-formed. */
static inline size_t wide(uint32_t w)
{
    if ((w & 0xc0c0f0) == 0x8080e0)
        return (w & 0x200f) != 0 && (w & 0x200f) != 0x200d ? 3 : 0;
    if ((w & 0xc0e0) == 0x80c0)
        return (w & 0x1e) != 0 ? 2 : 0;
    if ((w & 0xc0c0c0f8) == 0x808080f0) {
        uint32_t second = w >> 8 & 0x30, lead = w & 7;
        return (lead == 0 && second == 0) || lead > 4 || (lead == 4 && second != 0) ? 0 : 4;
    }
    return 0;
}

size_t utf8_wide(const char *p, size_t n)
{
    size_t i = 0;

    while (n - i >= 4) {
        uint32_t w;
        memcpy(&w, p + i, sizeof w);
        size_t len = wide(le32toh(w));
        if (len == 0)
            return i;
        i += len;
    }
    while (i < n && (unsigned char)p[i] >= 0x80) {
        int len = utf8_len(p + i, n - i);
        if (len == 0)
            break;
        i += (size_t)len;
    }
    return i;
}

size_t utf8_prefix(const char *p, size_t n)
{
    for (size_t i = 0;;) {
        uint64_t w[BLOCK / 8];
        for (; n - i >= BLOCK; i += BLOCK) {
            memcpy(w, p + i, BLOCK);
            if ((w[0] | w[1] | w[2] | w[3]) & UINT64_C(0x8080808080808080))
                break;
        }
        while (i < n && (unsigned char)p[i] < 0x80)
            i++;
        size_t len = i < n ? utf8_wide(p + i, n - i) : 0;
        if (len == 0)
            return i;
        i += len;
    }
}
