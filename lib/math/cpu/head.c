/* head.c - the cuts of the head and its scratch. */
#include "math/cpu/head.h"

#define SLAB     2048                          /* words of a task */
#define SLABS    32                            /* at most: each has its own part of dx */
#define FEW      64                            /* rows of a chunk where there is one slab */
#define MANY     256                           /* and else */
#define MOST     ((int64_t)8 << 20)            /* logits held where the vocabulary is small */
#define MOST_ONE ((int64_t)16 << 20)           /* logits of one chunk */

/* The cuts, by the vocabulary alone but for few rows: those only change how much is held. */
static void plan(struct head *h)
{
    int64_t fit = MOST_ONE / h->V / LANES * LANES;

    h->slab = MAX(SLAB, (h->V + SLABS * LANES - 1) / (SLABS * LANES) * LANES);
    h->slabs = (h->V + h->slab - 1) / h->slab;
    h->chunk = h->slabs == 1 ? FEW : MIN(MANY, MAX(LANES, fit));
    h->chunk = MIN(h->chunk, round_lanes(h->n));
    h->ld = h->chunk + LANES;                  /* not a power of two: columns of it are read too */
    h->rows = MAX(1, MOST / (h->V * h->chunk)) * h->chunk;
    h->rows = MIN(h->rows, (h->n + h->chunk - 1) / h->chunk * h->chunk);
    h->hold = h->slabs == 1 || (h->coef && !h->known);
    h->packed[0] = h->slabs > 1 ? gemm_floats(h->by, h->D, h->chunk) : 0;
    h->packed[1] = h->slabs > 1 && h->dw && h->coef ? gemm_floats(h->by, h->chunk, h->D) : 0;
    h->own_floats = GEMM_SCRATCH_BYTES / sizeof(float) + (size_t)(HEAD_BLOCK * h->ld);
}

/* Floats of what is held: logits, x packed, dx by slabs where there are several. */
struct hold { int64_t logits, packed, part, stats; };

static struct hold hold_of(const struct head *h)
{
    int64_t chunks = h->rows / h->chunk, stats = h->slabs * h->rows;

    return (struct hold){ h->hold ? chunks * h->V * h->ld : 0,
                          chunks * round_lanes(h->packed[0] + h->packed[1]),
                          h->slabs > 1 && h->coef ? round_lanes(stats * h->D) : 0, stats };
}

static size_t room_bytes(const struct dev *d, const struct head *h)
{
    struct hold v = hold_of(h);
    int64_t floats = v.logits + v.packed + v.part + 4 * v.stats + h->rows;

    return ((size_t)d->threads * h->own_floats + (size_t)floats) * sizeof(float);
}

size_t cpu_logprob_bytes(const struct dev *d, int64_t n, int64_t V, int64_t D, bool back)
{
    static float some;
    struct head h = { .by = d->own->gemm, .n = n, .V = V, .D = D, .coef = back ? &some : NULL,
                      .dw = back ? &some : NULL };

    plan(&h);
    return room_bytes(d, &h);
}

/* Carves the scratch; false: no memory. */
bool head_room(struct dev *d, struct head *h)
{
    plan(h);

    struct hold v = hold_of(h);
    float *p = cpu_scratch(d, room_bytes(d, h));

    if (!p)
        return false;
    h->scratch = p;
    h->across = p + (size_t)d->threads * h->own_floats;
    h->along = h->across + h->rows / h->chunk * h->packed[0];
    h->logit = h->across + v.packed;
    h->part = h->logit + v.logits;
    h->top = h->part + v.part;
    h->sum = h->top + v.stats;
    h->dot = h->sum + v.stats;
    h->own = h->dot + v.stats;
    h->arg = (int32_t *)(h->own + h->rows);
    return true;
}
