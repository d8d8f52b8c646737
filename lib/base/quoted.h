/* quoted.h - one JSON string; scan.c's other half. */
#ifndef QUOTED_H
#define QUOTED_H

#include "base/mem.h"

/* Where strings that have escapes are put, short ones side by side; start from { .a = arena }. */
struct quoted_room {
    struct arena *a;
    char         *p;                           /* what is left of the last chunk */
    size_t        n, chunk;                    /* bytes left; bytes the chunk had */
};

/* The string whose opening quote is d.p[*at]; *at moves behind the closing one.  *out is a view of
 * d, or lies in the arena where there were escapes.
 *   ST_OK, ST_SYS
 *   ST_DATA  broken: *at is the byte where, and the message says what */
enum st quoted(struct view d, size_t *at, struct view *out, struct quoted_room *r) must_use;

#endif
