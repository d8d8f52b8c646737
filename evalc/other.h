/* other.h - mismatched completions: beside its own, a label gets one that answers another prompt,
 * for losses that hold rewards against what the policy gives any answer (kto).
 *
 * The rule knows the order of the stream alone.  Labels in a row with one prompt are a group, and
 * the k-th of a group takes the k-th completion of the group before it, counted round and round
 * where that has fewer; so good and bad answers are as frequent among them as among the rows' own.
 * The first group, which has none before it, takes the first completion behind it.  What is taken
 * is cut to the positions the model has left behind the prompt, its spans likewise (all of it where
 * that leaves none).  A label that has one already keeps it. */
#ifndef OTHER_H
#define OTHER_H

#include "stream/io.h"

#define OTHER_GROUP 64                         /* completions remembered of a group */
#define OTHER_WAIT  4096                       /* labels of one window that may wait for another */

struct other_group {
    struct arena *arena;
    struct rec    rec[OTHER_GROUP];
    int64_t       n;                           /* labels in all; the first OTHER_GROUP are here */
};

struct other {
    int64_t            positions;              /* of the model */
    struct other_group group[2];
    int                now;                    /* the group that goes on; the other came before */
    struct rec        *waiting[OTHER_WAIT];    /* the window's labels of the first group */
    int64_t            n_waiting;
    int64_t            without;                /* labels that waited in vain */
    struct buf         bytes;
};

void other_open(struct other *o, int64_t positions);
void other_close(struct other *o);

/* The next label of the stream: *r, whose bytes lie in a, may come to have one now, or with one of
 * the next calls; until other_end() it must stay where it is. */
enum st other_take(struct other *o, struct rec *r, struct arena *a) must_use;
/* The window ends: who waits still goes without. */
void other_end(struct other *o);

#endif
