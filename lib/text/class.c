/* class.c - the table of classes, filled 64 code points at a time. */
#include "text/class.h"

enum { AT_ONCE = 64 };

uint8_t class_known[CLASS_CODES];

int class_ask(int32_t c)
{
    for (int32_t i = c & ~(AT_ONCE - 1), end = i + AT_ONCE; i < end; i++)
        __atomic_store_n(&class_known[i], (uint8_t)(unicode_class(i) + 1), __ATOMIC_RELAXED);
    return (int)unicode_class(c);
}
