/* forest.h - one batch layout for everything: a forest of segments.
 *
 * N packed tokens are cut into segments, each with a parent segment or none.  A token sees all
 * of its segment's ancestors and its own segment up to itself; its position counts from the
 * root:
 *
 *     seg 0 (prompt)   parent -1   tokens [0, 5)    positions 0 1 2 3 4
 *     seg 1 (chosen)   parent  0   tokens [5, 8)    positions 5 6 7
 *     seg 2 (rejected) parent  0   tokens [8, 12)   positions 5 6 7 8
 *     seg 3 (a row)    parent -1   tokens [12, 20)  positions 0 ...
 *
 * No token sees another row and there is no padding. */
#ifndef FOREST_H
#define FOREST_H

#include "base/base.h"

#define FOREST_DEPTH_MAX 8                     /* segments on a path from the root */

/* Tokens [begin, end), in order and without gaps; parent < own index, or -1. */
struct seg { int32_t begin, end, parent; };

struct forest {                                /* all arrays on the device */
    int64_t     n_tokens, n_segs;
    struct seg *seg;                           /* [n_segs]; empty segments are allowed */
    int32_t    *pos;                           /* [n_tokens] position from the root */
};

#endif
