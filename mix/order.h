/* order.h - which row of a file stands at position p of its reading: a function of (seed,
 * source, p).
 *
 * Positions count on over epochs.  An epoch of a small file is one permutation of its rows.  A
 * larger one is read in groups of about 256 MiB, so that a disk is read in pieces and a group
 * fits in memory: the epoch's frames are permuted, cut into groups, and the rows of a group
 * permuted.  What is held of it are tables of the two groups used last, made anew from the seed
 * whenever others are asked for. */
#ifndef ORDER_H
#define ORDER_H

#include "base/mem.h"
#include "stream/shard.h"

#define ORDER_GROUP_BYTES ((int64_t)256 << 20)

struct order_epoch {                           /* of a file of many groups: its frames */
    int64_t  epoch, n_groups;                  /* epoch -1: empty */
    int64_t *nth;                              /* [n_frames] frames in order */
    int64_t *at;                               /* [n_frames + 1] rows before each of them */
    int64_t *group;                            /* [n_groups + 1] first of nth[] of each group */
};

struct order_rows {                            /* of a group: its rows */
    int64_t   epoch, group;                    /* epoch -1: empty */
    uint32_t *nth;                             /* [rows of the group] */
};

struct order {
    uint64_t seed;
    int64_t  index;                            /* of the source: its own permutations */
    bool     shuffle;                          /* false: the order of the file */
    int64_t  n_rows, n_frames, group_bytes;
    bool     grouped;                          /* more than one group */
    int64_t *frame_row;                        /* [n_frames + 1] first row of each, then n_rows */
    int64_t *frame_bytes;                      /* [n_frames] about */
    struct order_epoch epoch[2];               /* where there are groups; the one used last first */
    struct order_rows  rows[2];                /* likewise */
};

struct spot {                                  /* where a position lies */
    int64_t row;                               /* in the file */
    int64_t frame;
    int64_t group;                             /* changes when another begins, in any epoch */
};

/* group_bytes: ORDER_GROUP_BYTES, or less in tests.  ST_OK or ST_SYS. */
enum st order_new(struct order *o, struct shard *s, uint64_t seed, int64_t index, bool shuffle,
                  int64_t group_bytes, struct arena *a) must_use;

/* Any p >= 0.  Rising positions are cheap; a new group or epoch costs a table. */
struct spot order_at(struct order *o, int64_t p);

#endif
