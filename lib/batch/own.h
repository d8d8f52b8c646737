/* own.h - a batch's rows as batch.c collects them and pack.c lays them out. */
#ifndef OWN_H
#define OWN_H

#include "batch/batch.h"

/* ids[first, first + n) and its targets, target[want, want + n_want) */
struct side {
    int64_t first, n, want, n_want;
};

struct tree {                                  /* a row: a prompt (n 0: none) and its sides */
    struct side prompt, side[2];
    int         n_sides;
};

struct batch_own {
    const struct config *c;
    struct arena *a;
    struct tree  *tree;                        /* [n_rows] */
    int32_t      *ids;                         /* of all rows */
    int32_t      *target;                      /* indices into their side's ids, ascending */
    int64_t       n_ids, n_target;
    int64_t       cap_ids, cap_target, cap_rows, cap_trees;
};

#endif
