/* side.h - one objective's sources, and which of their rows come next.
 *
 * Several sources share every batch by weight: of those that are short of their share the one whose
 * next row is due first, the first named on a tie.  So at any moment each source has its share to
 * within one row, without a draw (the quota method, Balinski and Young 1975). */
#ifndef SIDE_H
#define SIDE_H

#include "source.h"

struct side {
    enum obj       obj;
    int64_t        n_sources;
    struct cursor *c[SOURCE_MAX];
    bool           ended[SOURCE_MAX];          /* a pipe that has no more */
    int64_t        rows;                       /* of a batch; 0: */
    int64_t        tokens;                     /* rows until so many of their tokens are trained */
};

/* A row by its position, and once it was sent how many of its tokens are trained. */
struct coming { struct cursor *c; int64_t at, n_trained; };

struct batch {                                 /* the rows of one objective in a step */
    struct buf rows;                           /* of struct coming; starts from {0} */
};
static inline int64_t batch_n(const struct batch *b)
{
    return (int64_t)(b->rows.n / sizeof(struct coming));
}
static inline struct coming *batch_rows(const struct batch *b)
{
    return (struct coming *)(void *)b->rows.p;
}

/* The rows next in line, which stay in line.  Fewer than a batch where the pipes end.
 *   ST_OK;  ST_END  not one is left;  else as source_row() */
enum st side_next(struct side *s, struct batch *b) must_use;
/* They are used, by update i. */
void side_take(const struct batch *b, int64_t i);

#endif
