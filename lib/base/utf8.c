/* utf8.c - long stretches of UTF-8: what is ASCII is passed in blocks. */
#include "base/utf8.h"

enum { BLOCK = 32 };

size_t utf8_prefix(const char *p, size_t n)
{
    size_t i = 0;

    while (i < n) {
        uint64_t w[BLOCK / 8];
        while (n - i >= BLOCK) {
            memcpy(w, p + i, BLOCK);
            if ((w[0] | w[1] | w[2] | w[3]) & UINT64_C(0x8080808080808080))
                break;
            i += BLOCK;
        }
        for (size_t end = MIN(i + BLOCK, n); i < end;) {
            int len = utf8_len(p + i, n - i);
            if (len == 0)
                return i;
            i += (size_t)len;
        }
    }
    return i;
}
