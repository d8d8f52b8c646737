/* logprob.c - the head: log-probabilities of targets and their gradient, never holding [n V].
 *
 * Logits are made turned, [V][rows], for a chunk of rows at a time: the head's weights are then
 * read as they lie by all three products, a vector's lanes are rows, and each row's maximum and
 * sum run down the vocabulary by themselves.  The vocabulary is cut into slabs, the tasks of the
 * threads; a row's slabs are combined in their order, in double.
 *
 *     logits [V][chunk] = w x^T      top, sums, arg max per slab and row     -> lse, logp, hit
 *     slope = coef (1[v = target] - e^(logit - lse))
 *     dx [chunk D] = slope^T w, by slabs, then added up      dw [V D] += slope x, chunk by chunk
 *
 * Bound by the products: 2 D operations a logit each, beside three exponentials' worth of vector
 * code (10 % of the time at D = 128) and, where the gradient is taken with the forward, 8 bytes: a
 * logit is written once, past the caches, and read once.  Its slope is made a block at a time, in
 * the second level of cache, for both products by it; where lse is known so are the logits.  The
 * chunk's x is packed once for all slabs.  A vocabulary of one slab is cut by chunks instead, and
 * its weights' gradient, summed over them, by words. */
#include <math.h>

#include "math/cpu/head.h"

#define WORD     48                            /* words of a task of one slab's dw */
#define GROUPS   4                             /* vectors of rows that are counted together */

static float *logits_of(const struct head *h, int64_t chunk, int64_t word)
{
    return h->logit + (chunk * h->V + word) * h->ld;
}

/* A thread's own: the scratch of its products, and a block of logits or slopes. */
static float *scratch_of(const struct head *h, int worker)
{
    return h->scratch + (size_t)worker * h->own_floats;
}

static float *block_of(const struct head *h, int worker)
{
    return scratch_of(h, worker) + GEMM_SCRATCH_BYTES / sizeof(float);
}

/* Over words [v0, v1) of `groups` times LANES rows, added to what is there from place `at` on:
 * maximum, its first place, the sum of e = exp(logit - maximum), and that of e (logit - maximum),
 * the entropy's. */
INLINE void count(const int groups, const struct head *h, int64_t at, const float *logit,
                  int64_t v0, int64_t v1)
{
    vec old[GROUPS], m[GROUPS], s[GROUPS], t[GROUPS];
    ivec arg[GROUPS];

    for (int g = 0; g < groups; g++) {
        old[g] = m[g] = v_load(h->top + at + g * LANES);
        s[g] = t[g] = v_zero();
        memcpy(&arg[g], h->arg + at + g * LANES, sizeof(arg[g]));
    }
    for (int64_t v = v0; v < v1; v++)
#pragma GCC unroll 4
        for (int g = 0; g < groups; g++) {
            vec x = v_load(logit + (v - v0) * h->ld + g * LANES);
            ivec more = (ivec)(x > m[g]);
            m[g] = v_max(m[g], x);
            arg[g] = (more & (int32_t)v) | (~more & arg[g]);
        }
    for (int64_t v = v0; v < v1; v++)
#pragma GCC unroll 4
        for (int g = 0; g < groups; g++) {
            vec x = v_load(logit + (v - v0) * h->ld + g * LANES) - m[g], e = v_exp(x);
            s[g] += e;
            t[g] += e * x;
        }
    for (int g = 0; g < groups; g++) {
        float *sum = h->sum + at + g * LANES, *dot = h->dot + at + g * LANES;
        vec down = v_max(old[g] - m[g], v_splat(-105)), by = v_exp(down);  /* old may be -inf */
        v_store(dot, (v_load(dot) + v_load(sum) * down) * by + t[g]);
        v_store(sum, v_load(sum) * by + s[g]);
        v_store(h->top + at + g * LANES, m[g]);
        memcpy(h->arg + at + g * LANES, &arg[g], sizeof(arg[g]));
    }
}

/* Logits of words [v0, v1) and the c-th chunk held, from row r0 of all. */
static void logits(const struct head *h, float *to, int64_t r0, int64_t c, int64_t v0, int64_t v1,
                   float *scratch)
{
    struct gemm g = { .by = h->by, .c = to, .ldc = h->ld, .I = v1 - v0,
                      .J = MIN(h->chunk, h->n - r0), .K = h->D,
                      .a = view2_at(h->w, v0, 0), .b = view2(h->x + r0 * h->D, 1, h->D),
                      .packed = h->packed[0] ? h->across + c * h->packed[0] : NULL };

    gemm_one(&g, scratch);
}

/* Logits of chunk c of those from row first on, against slab s, counted. */
static void forward(const struct head *h, int64_t first, int64_t c, int64_t s, int worker)
{
    int64_t r0 = first + c * h->chunk, rows = MIN(h->chunk, h->n - r0);
    int64_t at = s * h->rows + c * h->chunk, end = MIN(h->V, (s + 1) * h->slab);

    for (int64_t r = 0; r < h->chunk; r++) {
        h->top[at + r] = -INFINITY;
        h->sum[at + r] = h->dot[at + r] = 0;
        h->arg[at + r] = 0;
    }
    for (int64_t v0 = s * h->slab; v0 < end; v0 += HEAD_BLOCK) {
        int64_t v1 = MIN(v0 + HEAD_BLOCK, end), r = 0;
        float *l = h->slabs == 1 ? logits_of(h, c, v0) : block_of(h, worker);
        logits(h, l, r0, c, v0, v1, scratch_of(h, worker));
        for (; r + GROUPS * LANES <= rows; r += GROUPS * LANES)
            count(GROUPS, h, at + r, l + r, v0, v1);
        for (; r < rows; r += LANES)
            count(1, h, at + r, l + r, v0, v1);
        for (int64_t i = 0; h->slabs > 1 && h->hold && i < (v1 - v0) * h->ld; i += LANES)
            v_stream(logits_of(h, c, v0) + i, v_load(l + i));
        for (r = 0; r < rows; r++) {
            int64_t v = h->target[r0 + r];
            if (v >= v0 && v < v1)
                h->own[c * h->chunk + r] = l[(v - v0) * h->ld + r];
        }
    }
}

/* lse, logp, hit and entropy of row r (the i-th held) from its slabs, in their order. */
static void combine(const struct head *h, int64_t r, int64_t i)
{
    float top = -INFINITY;
    int32_t arg = 0;
    double sum = 0, dot = 0;

    for (int64_t s = 0; s < h->slabs; s++)
        if (h->top[s * h->rows + i] > top) {
            top = h->top[s * h->rows + i];
            arg = h->arg[s * h->rows + i];
        }
    for (int64_t s = 0; s < h->slabs; s++) {
        int64_t at = s * h->rows + i;
        double down = (double)h->top[at] - (double)top, by = exp(down);
        sum += (double)h->sum[at] * by;
        dot += ((double)h->dot[at] + (double)h->sum[at] * down) * by;
    }
    double lse = (double)top + log(sum);
    h->lse[r] = (float)lse;
    h->logp[r] = (float)((double)h->own[i] - lse);
    h->hit[r] = arg == h->target[r] ? 1 : 0;
    double entropy = log(sum) - dot / sum;
    h->entropy[r] = entropy < 0 ? 0 : (float)entropy;      /* by rounding; NaN stays */
}

/* Logits of words [v0, v1) -> dl/dlogit; `to` may be `from`. */
static void slopes(const struct head *h, float *to, const float *from, int64_t r0, int64_t v0,
                   int64_t v1)
{
    int64_t rows = MIN(h->chunk, h->n - r0);

    for (int64_t v = v0; v < v1; v++, to += h->ld, from += h->ld)
        for (int64_t r = 0; r < rows; r += LANES) {
            vec lse = v_row(h->lse + r0, r, rows), coef = v_row(h->coef + r0, r, rows);
            v_store(to + r, -coef * v_exp(v_load(from + r) - lse));
        }
    for (int64_t r = 0; r < rows; r++) {
        int64_t v = h->target[r0 + r];
        if (v >= v0 && v < v1)
            to[(v - v1) * h->ld + r] += h->coef[r0 + r];
    }
}

/* The gradients by one chunk and the slopes of one block: of x into dx, SET or ADD, and of w. */
static void gradients(const struct head *h, const float *slope, int64_t r0, int64_t c, int64_t v0,
                      int64_t v1, float *dx, enum gemm_mode mode, float *scratch)
{
    int64_t rows = MIN(h->chunk, h->n - r0);
    struct gemm x = { .by = h->by, .c = dx, .ldc = h->D, .I = rows, .J = h->D, .K = v1 - v0,
                      .mode = mode, .a = view2(slope, 1, h->ld), .b = view2_at(h->w, v0, 0) };

    gemm_one(&x, scratch);
    if (!h->dw)
        return;
    struct gemm w = { .by = h->by, .c = h->dw + v0 * h->D, .ldc = h->D, .I = v1 - v0, .J = h->D,
                      .K = rows, .a = view2(slope, h->ld, 1), .mode = GEMM_ADD,
                      .packed = h->along + c * h->packed[1] };
    gemm_one(&w, scratch);
}

/* One slab of several, over the chunks held, from row r0 on, in their order. */
static void slab_backward(const struct head *h, int64_t r0, int64_t chunks, int64_t s, int worker)
{
    int64_t begin = s * h->slab, end = MIN(h->V, begin + h->slab);
    float *slope = block_of(h, worker), *scratch = scratch_of(h, worker);

    for (int64_t c = 0; c < chunks; c++)
        for (int64_t v0 = begin; v0 < end; v0 += HEAD_BLOCK) {
            int64_t v1 = MIN(v0 + HEAD_BLOCK, end), r = r0 + c * h->chunk;
            const float *l = h->hold ? logits_of(h, c, v0) : slope;
            if (!h->hold)
                logits(h, slope, r, c, v0, v1, scratch);
            slopes(h, slope, l, r, v0, v1);
            gradients(h, slope, r, c, v0, v1, h->part + (s * h->rows + c * h->chunk) * h->D,
                      v0 == begin ? GEMM_SET : GEMM_ADD, scratch);
        }
}

/* One chunk of a vocabulary that is one slab: slopes in place, dx. */
static void chunk_backward(const struct head *h, int64_t r0, int64_t c, int worker)
{
    float *l = logits_of(h, c, 0);
    struct gemm g = { .by = h->by, .c = h->dx + r0 * h->D, .ldc = h->D,
                      .I = MIN(h->chunk, h->n - r0), .J = h->D, .K = h->V,
                      .a = view2(l, 1, h->ld), .b = h->w };

    if (h->known)
        logits(h, l, r0, c, 0, h->V, scratch_of(h, worker));
    slopes(h, l, l, r0, 0, h->V);
    gemm_one(&g, scratch_of(h, worker));
}

/* Rows [r0, r0 + n) of all: what is held at once. */
struct pass { const struct head *h; int64_t r0, n, chunks; };

static void pack_task(void *of, int64_t t, int worker)         /* x of a chunk, both ways */
{
    const struct pass *p = of;
    const struct head *h = p->h;
    int64_t c = t / 2, r = p->r0 + c * h->chunk, rows = MIN(h->chunk, h->n - r);
    struct view2 across = view2(h->x + r * h->D, 1, h->D), along = view2(across.p, h->D, 1);

    (void)worker;
    for (int64_t i = 0; t % 2 == 0 && i < gemm_parts(h->D, rows); i++)
        gemm_pack(h->by, h->across + c * h->packed[0], across, h->D, rows, i);
    for (int64_t i = 0; t % 2 == 1 && h->packed[1] && i < gemm_parts(rows, h->D); i++)
        gemm_pack(h->by, h->along + c * h->packed[1], along, rows, h->D, i);
}

static void forward_task(void *of, int64_t t, int worker)
{
    const struct pass *p = of;

    forward(p->h, p->r0, t / p->h->slabs, t % p->h->slabs, worker);
    v_streamed();
}

static void combine_part(void *of, int64_t begin, int64_t end)
{
    const struct pass *p = of;

    for (int64_t i = begin; i < end; i++)
        combine(p->h, p->r0 + i, i);
}

static void backward_task(void *of, int64_t t, int worker)
{
    const struct pass *p = of;

    if (p->h->slabs > 1)
        slab_backward(p->h, p->r0, p->chunks, t, worker);
    else
        chunk_backward(p->h, p->r0 + t * p->h->chunk, t, worker);
}

/* Of one slab: dw of some words += over the chunks held, in their order. */
static void weights_task(void *of, int64_t t, int worker)
{
    const struct pass *p = of;
    const struct head *h = p->h;
    int64_t v0 = t * WORD, v1 = MIN(h->V, v0 + WORD);

    for (int64_t c = 0; c < p->chunks; c++) {
        int64_t r = p->r0 + c * h->chunk;
        struct gemm g = { .by = h->by, .c = h->dw + v0 * h->D, .ldc = h->D, .I = v1 - v0, .J = h->D,
                          .K = MIN(h->chunk, h->n - r), .a = view2(logits_of(h, c, v0), h->ld, 1),
                          .b = view2(h->x + r * h->D, h->D, 1), .mode = GEMM_ADD };
        gemm_one(&g, scratch_of(h, worker));
    }
}

static void parts_part(void *of, int64_t begin, int64_t end)   /* dx: the slabs' parts in order */
{
    const struct pass *p = of;
    const struct head *h = p->h;

    for (int64_t i = begin; i < end; i++)
        for (int64_t j = 0; j < h->D; j += LANES) {
            vec sum = v_zero();
            for (int64_t s = 0; s < h->slabs; s++)
                sum += v_row(h->part + (s * h->rows + i) * h->D, j, h->D);
            v_row_put(h->dx + (p->r0 + i) * h->D, j, h->D, sum);
        }
}

static void pass(struct dev *d, struct pass *p)
{
    const struct head *h = p->h;

    if (h->slabs > 1)
        cpu_tasks(d, 2 * p->chunks, pack_task, p);
    if (!h->known) {
        cpu_tasks(d, p->chunks * h->slabs, forward_task, p);
        cpu_share(d, p->n, 1, 40.0 * (double)(h->slabs + 1), combine_part, p);
    }
    if (!h->coef)
        return;
    cpu_tasks(d, h->slabs > 1 ? h->slabs : p->chunks, backward_task, p);
    if (h->dw && h->slabs == 1)
        cpu_tasks(d, (h->V + WORD - 1) / WORD, weights_task, p);
    if (h->slabs > 1)
        cpu_share(d, p->n, 1, 0.2 * (double)(h->slabs * h->D), parts_part, p);
}

static void run(struct dev *d, struct head *h)
{
    if (h->n == 0)
        return;
    if (!head_room(d, h))
        return;
    for (int64_t r0 = 0; r0 < h->n; r0 += h->rows) {
        int64_t n = MIN(h->rows, h->n - r0);
        pass(d, &(struct pass){ h, r0, n, (n + h->chunk - 1) / h->chunk });
    }
}

void cpu_logprob(struct dev *d, struct tensor logp, struct tensor lse, struct tensor hit,
                 struct tensor entropy, struct tensor x, struct tensor w, const int32_t *target,
                 const float *coef, struct tensor dx, struct tensor dw)
{
    struct head h = { .by = d->own->gemm, .x = f32(x), .w = view2_of(w, x.d[1], 1), .coef = coef,
                      .target = target, .logp = f32(logp),
                      .lse = f32(lse), .hit = f32(hit), .entropy = f32(entropy), .dx = f32(dx),
                      .dw = f32(dw), .n = x.d[0], .V = w.d[0], .D = x.d[1] };

    BUG_IF(x.rank != 2 || w.rank != 2 || w.d[1] != h.D);
    BUG_IF(tensor_n(logp) != h.n || tensor_n(lse) != h.n || tensor_n(hit) != h.n ||
           tensor_n(entropy) != h.n);
    BUG_IF(coef && (!h.dx || tensor_n(dx) != h.n * h.D));
    BUG_IF(coef && h.dw && tensor_n(dw) != h.V * h.D);
    run(d, &h);
}

void cpu_logprob_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor x,
                     struct tensor w, struct tensor lse, const int32_t *target, const float *coef)
{
    struct head h = { .by = d->own->gemm, .x = f32(x), .w = view2_of(w, x.d[1], 1), .coef = coef,
                      .target = target, .lse = f32(lse),
                      .dx = f32(dx), .dw = f32(dw), .n = x.d[0], .V = w.d[0], .D = x.d[1],
                      .known = true };

    BUG_IF(x.rank != 2 || w.rank != 2 || w.d[1] != h.D || !coef);
    BUG_IF(tensor_n(dx) != h.n * h.D || tensor_n(lse) != h.n);
    run(d, &h);
}
