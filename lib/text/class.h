/* class.h - the class of a code point by a table that fills itself, for the scanners of a text.
 *
 * unicode_class() asks a library; a text asks again and again for the same few hundred code points.
 * The table is one for all threads: a thread that finds an entry empty makes the same one as any
 * other would. */
#ifndef CLASS_H
#define CLASS_H

#include "text/unicode.h"

enum { CLASS_CODES = 0x110000 };

extern uint8_t class_known[CLASS_CODES];       /* class + 1; 0: not asked yet */
int class_ask(int32_t c);                      /* and remembers it */

/* The class of the code point at p, n > 0 bytes being there; *len its bytes. */
static inline int class_many(const char *p, size_t n, int *len)
{
    int32_t c = unicode_at(p, n, len);
    int known = c < 0 ? UNI_OTHER + 1 : __atomic_load_n(&class_known[c], __ATOMIC_RELAXED);

    return known ? known - 1 : class_ask(c);
}

#endif
