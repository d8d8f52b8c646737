/* tensor.h - where numbers lie, of what type and shape.  Letters as in the papers: N tokens in
 * the batch, D width, H heads, G key/value heads, E head width, F feed-forward width, L layers,
 * V vocabulary. */
#ifndef TENSOR_H
#define TENSOR_H

#include "base/base.h"

enum dtype { F32, BF16, F16, I32 };            /* on a device BF16 is of weights */

struct tensor {                                /* row-major, dense */
    void      *p;                              /* on the device; NULL: absent */
    int        rank;
    int64_t    d[3];
    enum dtype type;
    uint16_t  *low;                            /* of BF16 that trains: what it lacks of a float32,
                                                * master.h; else NULL */
};

static inline struct tensor tensor1(void *p, int64_t a)
{
    return (struct tensor){ p, 1, { a, 1, 1 }, F32, NULL };
}
static inline struct tensor tensor2(void *p, int64_t a, int64_t b)
{
    return (struct tensor){ p, 2, { a, b, 1 }, F32, NULL };
}
static inline int64_t tensor_n(struct tensor t)
{
    return t.d[0] * t.d[1] * t.d[2];
}
static inline float *f32(struct tensor t)
{
    BUG_IF(t.type != F32);
    return (float *)t.p;
}

/* A matrix inside a wider one: rows of `cols` floats, `ld` floats apart.  Products take these,
 * so a fused [N (H+2G)E] buffer needs no copies. */
struct mat { float *p; int64_t rows, cols, ld; };
static inline struct mat mat_of(struct tensor t)
{
    return (struct mat){ f32(t), t.d[0], t.d[1] * t.d[2], t.d[1] * t.d[2] };
}

/* n heads of width E inside rows of a wider buffer: head h of token i starts at p + i * row + h
 * * head. */
struct heads { float *p; int64_t n, E, row, head; };

#define SHAPE1(t, a)    BUG_IF((t).rank != 1 || (t).d[0] != (a))
#define SHAPE2(t, a, b) BUG_IF((t).rank != 2 || (t).d[0] != (a) || (t).d[1] != (b))

#endif
