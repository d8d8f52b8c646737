/* attention.h - what both directions of attention share: arguments, a thread's scratch, keys
 * gathered along a path and packed. */
#ifndef ATTENTION_H
#define ATTENTION_H

#include "math/cpu/gemm.h"

#define KEYS 64                                /* keys of a block, cut by position */
#define ROWS 64                                /* queries of a tile */
#define RUN  256                               /* of a forward task: they share packed keys */

struct att {
    struct heads   o, q, k, v, dq, dk, dv, dout;
    float         *lse;
    const struct forest *f;
    const int32_t *start;                      /* [n_segs] position of each segment's first token */
    float          scale;
    int64_t        window, group, Ep;          /* query heads of a key head; E in whole vectors */
    float         *delta;                      /* [N H] backward: sum of do * o */
    float         *scratch;                    /* of all threads */
    size_t         own;                        /* floats of one */
};

struct att_scratch {                           /* one thread's */
    float *kt, *vt, *k, *v;                    /* [Ep KEYS] turned, [KEYS Ep] as they are */
    float *dk, *dv;                            /* [KEYS Ep] gradients */
    float *s, *dp;                             /* [ROWS KEYS] scores, their gradients */
    float *q, *dout;                           /* [ROWS Ep] */
    float *o;                                  /* forward: [group RUN Ep] sums of values */
    float *m, *l;                              /* [group RUN] maximum, sum of weights */
};

struct att att_of(struct heads q, struct heads k, struct heads v, const struct forest *f,
                  double scale, int64_t window);
size_t att_floats(const struct att *a);        /* of one thread's scratch */
struct att_scratch att_carve(const struct att *a, int worker);

/* Fills start[n_segs]; a forest too deep, or with a parent behind its child, is a bug. */
void att_starts(const struct forest *f, int32_t *start);

/* The token at `pos` on the path to segment s, and how many more of the path follow it in the
 * pack. */
int64_t att_token(const struct att *a, int64_t s, int64_t pos, int64_t *n);

/* Rows [p0, p1) of the path to s, one head, as [.][Ep], zero-padded. */
void att_take(const struct att *a, float *to, struct heads x, int64_t head, int64_t s, int64_t p0,
              int64_t p1);

/* [n][Ep] -> [Ep][KEYS], columns past n zero up to a whole vector. */
void att_turn(float *to, const float *from, int64_t n, int64_t Ep);

/* C[rows cols] by register tiles; b's rows ldb apart and readable in whole vectors. */
void att_product(int64_t rows, int64_t cols, int64_t K, struct view2 a, const float *b, int64_t ldb,
                 float *c, int64_t ldc, enum gemm_mode mode);

/* The forward, for who brings the keys (attention.c, cache.c).  begin: `rows` rows of a head, their
 * sums kept from `at` on, have seen nothing yet.  block: rows from position pos on, q theirs, see
 * keys [b0, b1), which lie turned as [E][KEYS] in kt and, their values, as [KEYS][Ep] in v.
 * finish: the sums are o, and a->lse where it is wanted, of tokens i0 and on. */
void att_begin(const struct att *a, const struct att_scratch *t, int64_t at, int64_t rows);
void att_block(const struct att *a, const struct att_scratch *t, int64_t at, const float *q,
               int64_t rows, int64_t pos, int64_t b0, int64_t b1, const float *kt, const float *v);
void att_finish(const struct att *a, const struct att_scratch *t, int64_t i0, int64_t rows,
                int64_t head, int64_t at);

/* Keys of block [b0, b1) that the row at position pos sees: [*lo, *hi) within the block. */
static inline void att_seen(const struct att *a, int64_t pos, int64_t b0, int64_t b1, int64_t *lo,
                            int64_t *hi)
{
    int64_t first = a->window > 0 ? MAX(0, pos - a->window + 1) : 0;

    *lo = MAX(first, b0) - b0;
    *hi = MIN(pos + 1, b1) - b0;
}

/* The block with the first key that the row at position pos sees. */
static inline int64_t att_first(const struct att *a, int64_t pos)
{
    return a->window > 0 ? MAX(0, pos - a->window + 1) / KEYS * KEYS : 0;
}

INLINE ivec att_mask(int64_t j, int64_t lo, int64_t hi)         /* lanes j ... within [lo, hi) */
{
    ivec at = v_lane() + (int32_t)j;

    return (at >= (int32_t)lo) & (at < (int32_t)hi);
}

#endif
