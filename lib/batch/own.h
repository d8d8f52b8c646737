/* own.h - a batch's rows as batch.c collects them and pack.c lays them out. */
#ifndef OWN_H
#define OWN_H

#include "batch/batch.h"

/* ids[first, first + n) are computed, target[want, want + n_want) read.  A target may be the id
 * behind the last: nothing depends on it, so it need not be computed. */
struct side {
    int64_t first, n, want, n_want;
};

struct tree {                                  /* a row: a prompt (n 0: none) and its sides */
    struct side prompt;
    int64_t     side, n_sides;                 /* side[side, side + n_sides) */
};

struct batch_own {
    const struct config *c;
    struct arena *a;
    struct tree  *tree;                        /* [n_rows] */
    struct side  *side;                        /* [n_seqs] */
    int32_t      *ids;                         /* of all rows */
    int32_t      *target;                      /* indices into their side's ids, ascending */
    int64_t       n_ids, n_target;
    int64_t       cap_ids, cap_target, cap_rows, cap_trees, cap_sides;
};

/* Rows in an order in which those with a common beginning of their prompts lie side by side, and
 * how much of its prompt each has in common with the one before it.  Commons are worth a segment
 * of their own (SHARE_MIN ids), and on no path are there more than the forest has room for. */
enum { SHARE_MIN = 16, SHARE_DEPTH = FOREST_DEPTH_MAX - 2 };
struct share {
    int64_t *row, *common;                     /* [n_rows]; common[0] is 0 */
};
enum st share_find(struct share *s, const struct batch *b, struct arena *a) must_use;

#endif
