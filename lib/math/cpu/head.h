/* head.h - how the head is cut, and what it holds: for logprob.c and head.c alone. */
#ifndef HEAD_H
#define HEAD_H

#include "math/cpu/gemm.h"

#define HEAD_BLOCK 256                         /* words of a product within a slab: a chain of dx */

struct head {
    const struct gemm_kernel *by;              /* the device's */
    struct view2   w;                          /* [V D] */
    const float   *x, *coef;                   /* [n D], [n] or NULL */
    const int32_t *target;
    float         *logp, *lse, *hit, *entropy, *dx, *dw;
    int64_t        n, V, D;
    bool           known;                      /* lse is given, only the gradient is wanted */
    bool           hold;                       /* logits are kept until their gradient */
    int64_t        chunk, ld;                  /* rows of a chunk; floats between words */
    int64_t        slab, slabs;                /* words of a slab; slabs */
    int64_t        rows;                       /* held at once: whole chunks */
    float         *logit;                      /* [chunks][V][ld] */
    float         *top, *sum, *dot, *own;      /* [slabs][rows] each; [rows] the target's logit */
    int32_t       *arg;                        /* [slabs][rows] */
    float         *part;                       /* [slabs][rows][D] dx by slabs, where several */
    float         *across, *along;             /* of several slabs: x packed by chunks, [D chunk] */
    int64_t        packed[2];                  /* and [chunk D]; floats of a chunk's */
    float         *scratch;                    /* of each thread: a product's, then a block */
    size_t         own_floats;
};

/* The cuts, from n, V, D and which of coef, dw and known there are, and their scratch.  false: no
 * memory. */
bool head_room(struct dev *d, struct head *h);

#endif
