/* logprob.c - the head: log-probabilities of targets and their gradient, without ever holding [n V].
 *
 * Logits are made turned, [V][rows], for a chunk of rows at a time: the head's weights are then read as they lie by all
 * three products, a vector's lanes are rows, and each row's maximum and sum run down the vocabulary by themselves.
 * The vocabulary is cut into slabs, the tasks of the threads; a row's slabs are combined in their order, in double.
 *
 *     logits [V][chunk] = w x^T       top, sum, arg max per slab and row     -> lse, logp, hit
 *     in place: coef (1[v = target] - e^(logit - lse))
 *     dx [chunk D] = that^T w, by slabs, then added up        dw [V D] += that x, chunk after chunk */
#include <math.h>

#include "math/cpu/gemm.h"

#define SLAB     2048                          /* vocabulary of a task */
#define BLOCK    512                           /* of a product within it */
#define MOST     ((int64_t)8 << 20)            /* logits held where the vocabulary is small */
#define MOST_ONE ((int64_t)32 << 20)           /* logits of one chunk */

struct head {
    const float   *x, *w, *coef;               /* [n D], [V D], [n] or NULL */
    const int32_t *target;
    float         *logp, *lse, *hit, *dx, *dw;
    int64_t        n, V, D;
    int64_t        chunk, slab, slabs, rows;   /* rows of a chunk, words of a slab, slabs, rows held at once */
    float         *logit;                      /* [chunks][V][chunk] */
    float         *top, *sum, *own;            /* [slabs][rows], [slabs][rows], [rows]: the target's logit */
    int32_t       *arg;                        /* [slabs][rows] */
    float         *part;                       /* [slabs][rows][D] dx by slabs, where there are several */
    float         *scratch;                    /* of each thread's products */
};

static void plan(struct head *h)
{
    h->chunk = h->V <= SLAB ? 64 : MIN(256, MAX(LANES, MOST_ONE / h->V / LANES * LANES));
    h->slab = MAX(SLAB, (h->V + 32 * LANES - 1) / (32 * LANES) * LANES);
    h->slabs = (h->V + h->slab - 1) / h->slab;
    h->rows = MAX(1, MOST / (h->V * h->chunk)) * h->chunk;
    h->rows = MIN(h->rows, (h->n + h->chunk - 1) / h->chunk * h->chunk);
}

/* Carves the scratch; false: no memory. */
static bool room(struct dev *d, struct head *h)
{
    int64_t stats = h->slabs * h->rows, part = h->slabs > 1 && h->coef ? stats * h->D : 0;
    int64_t floats = h->V * h->rows + round16(part) + 3 * stats + h->rows;
    float *p = cpu_scratch(d, (size_t)floats * sizeof(float) + (size_t)d->threads * GEMM_SCRATCH_BYTES);

    if (!p)
        return false;
    h->scratch = p;
    h->logit = p + (size_t)d->threads * (GEMM_SCRATCH_BYTES / sizeof(float));
    h->part = h->logit + h->V * h->rows;
    h->top = h->part + round16(part);
    h->sum = h->top + stats;
    h->own = h->sum + stats;
    h->arg = (int32_t *)(h->own + h->rows);
    return true;
}

/* Maximum, its first place and the sum of exponentials over words [v0, v1) of sixteen rows, added to what is there. */
static void count(const float *logit, int64_t ld, int64_t v0, int64_t v1, float *top, float *sum, int32_t *arg)
{
    v16 old = v_load(top), m = old, s = v_zero();
    i16 at;

    memcpy(&at, arg, sizeof(at));
    for (int64_t v = v0; v < v1; v++) {
        v16 x = v_load(logit + (v - v0) * ld);
        i16 more = (i16)(x > m);
        m = v_max(m, x);
        at = (more & (int32_t)v) | (~more & at);
    }
    for (int64_t v = v0; v < v1; v++)
        s += v_exp(v_load(logit + (v - v0) * ld) - m);
    v_store(sum, v_load(sum) * v_exp(old - m) + s);
    v_store(top, m);
    memcpy(arg, &at, sizeof(at));
}

/* Logits of one chunk (from row r0 of all, c-th held) against one slab; with their statistics unless lse is known. */
static void forward(const struct head *h, int64_t r0, int64_t c, int64_t s, bool stats, float *scratch)
{
    int64_t rows = MIN(h->chunk, h->n - r0), at = s * h->rows + c * h->chunk, end = MIN(h->V, (s + 1) * h->slab);
    float *logit = h->logit + c * h->V * h->chunk;

    for (int64_t r = 0; stats && r < h->chunk; r++)
        h->top[at + r] = -INFINITY, h->sum[at + r] = 0, h->arg[at + r] = 0;
    for (int64_t v0 = s * h->slab; v0 < end; v0 += BLOCK) {
        int64_t v1 = MIN(v0 + BLOCK, end);
        gemm_one(&(struct gemm){ .c = logit + v0 * h->chunk, .ldc = h->chunk, .I = v1 - v0, .J = rows, .K = h->D,
                                 .a = { h->w + v0 * h->D, h->D, 1 }, .b = { h->x + r0 * h->D, 1, h->D } }, scratch);
        for (int64_t r = 0; stats && r < rows; r += LANES)
            count(logit + v0 * h->chunk + r, h->chunk, v0, v1, h->top + at + r, h->sum + at + r, h->arg + at + r);
    }
    for (int64_t r = 0; stats && r < rows; r++) {
        int64_t v = h->target[r0 + r];
        if (v >= s * h->slab && v < end)
            h->own[c * h->chunk + r] = logit[v * h->chunk + r];
    }
}

/* lse, logp, hit of row r (the i-th held) from its slabs, in their order. */
static void combine(const struct head *h, int64_t r, int64_t i)
{
    float top = -INFINITY;
    int32_t arg = 0;
    double sum = 0;

    for (int64_t s = 0; s < h->slabs; s++)
        if (h->top[s * h->rows + i] > top) {
            top = h->top[s * h->rows + i];
            arg = h->arg[s * h->rows + i];
        }
    for (int64_t s = 0; s < h->slabs; s++)
        sum += (double)h->sum[s * h->rows + i] * exp((double)h->top[s * h->rows + i] - (double)top);
    double lse = (double)top + log(sum);
    h->lse[r] = (float)lse;
    h->logp[r] = (float)((double)h->own[i] - lse);
    h->hit[r] = arg == h->target[r] ? 1 : 0;
}

/* Logits of one chunk and slab -> dl/dlogit in place; then this slab's part of dx. */
static void backward(const struct head *h, int64_t r0, int64_t c, int64_t s, float *scratch)
{
    int64_t rows = MIN(h->chunk, h->n - r0), v0 = s * h->slab, end = MIN(h->V, v0 + h->slab);
    float *logit = h->logit + c * h->V * h->chunk;

    for (int64_t r = 0; r < rows; r += LANES) {
        v16 lse = v_row(h->lse + r0, r, rows), coef = v_row(h->coef + r0, r, rows);
        for (int64_t v = v0; v < end; v++) {
            float *l = logit + v * h->chunk + r;
            v_store(l, -coef * v_exp(v_load(l) - lse));
        }
    }
    for (int64_t r = 0; r < rows; r++) {
        int64_t v = h->target[r0 + r];
        if (v >= v0 && v < end)
            logit[v * h->chunk + r] += h->coef[r0 + r];
    }
    float *dx = h->slabs > 1 ? h->part + (s * h->rows + c * h->chunk) * h->D : h->dx + r0 * h->D;
    gemm_one(&(struct gemm){ .c = dx, .ldc = h->D, .I = rows, .J = h->D, .K = end - v0,
                             .a = { logit + v0 * h->chunk, 1, h->chunk }, .b = { h->w + v0 * h->D, h->D, 1 } }, scratch);
}

/* dx of row r (the i-th held): its slabs' parts in their order. */
static void add_parts(const struct head *h, int64_t r, int64_t i)
{
    for (int64_t j = 0; j < h->D; j += LANES) {
        v16 sum = v_zero();
        for (int64_t s = 0; s < h->slabs; s++)
            sum += v_row(h->part + (s * h->rows + i) * h->D, j, h->D);
        v_row_put(h->dx + r * h->D, j, h->D, sum);
    }
}

/* dw of words [v0, v1) += over the chunks held, from row r0 on, in their order. */
static void weights(const struct head *h, int64_t r0, int64_t chunks, int64_t v0, int64_t v1, float *scratch)
{
    for (int64_t c = 0; c < chunks; c++) {
        int64_t r = r0 + c * h->chunk;
        gemm_one(&(struct gemm){ .c = h->dw + v0 * h->D, .ldc = h->D, .I = v1 - v0, .J = h->D, .K = MIN(h->chunk, h->n - r),
                                 .a = { h->logit + (c * h->V + v0) * h->chunk, h->chunk, 1 },
                                 .b = { h->x + r * h->D, h->D, 1 }, .mode = GEMM_ADD }, scratch);
    }
}

/* Rows [r0, r0 + n) of all: what fits the scratch.  known: lse is given, only the gradient is
 * wanted. */
struct pass { const struct head *h; int64_t r0, n, chunks, word; bool known; };

static float *scratch_of(const struct head *h, int worker)
{
    return h->scratch + (size_t)worker * (GEMM_SCRATCH_BYTES / sizeof(float));
}

static void forward_task(void *of, int64_t t, int worker)
{
    const struct pass *p = of;
    int64_t c = t / p->h->slabs, s = t % p->h->slabs, r = p->r0 + c * p->h->chunk;

    forward(p->h, r, c, s, !p->known, scratch_of(p->h, worker));
    if (p->known)
        backward(p->h, r, c, s, scratch_of(p->h, worker));
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
    int64_t c = t / p->h->slabs;

    backward(p->h, p->r0 + c * p->h->chunk, c, t % p->h->slabs, scratch_of(p->h, worker));
}

static void weights_task(void *of, int64_t t, int worker)
{
    const struct pass *p = of;

    weights(p->h, p->r0, p->chunks, t * p->word, MIN(p->h->V, (t + 1) * p->word),
            scratch_of(p->h, worker));
}

static void parts_part(void *of, int64_t begin, int64_t end)
{
    const struct pass *p = of;

    for (int64_t i = begin; i < end; i++)
        add_parts(p->h, p->r0 + i, i);
}

static void pass(struct dev *d, struct pass *p)
{
    const struct head *h = p->h;
    int64_t words = (h->V + p->word - 1) / p->word;

    cpu_tasks(d, p->chunks * h->slabs, forward_task, p);
    if (!p->known)
        cpu_share(d, p->n, 1, 40.0 * (double)(h->slabs + 1), combine_part, p);
    if (!h->coef)
        return;
    if (!p->known)
        cpu_tasks(d, p->chunks * h->slabs, backward_task, p);
    if (h->dw)
        cpu_tasks(d, words, weights_task, p);
    if (h->slabs > 1)
        cpu_share(d, p->n, 1, 0.2 * (double)(h->slabs * h->D), parts_part, p);
}

static void run(struct dev *d, struct head *h, bool known)
{
    plan(h);
    if (h->n == 0 || !room(d, h))
        return;
    for (int64_t r0 = 0; r0 < h->n; r0 += h->rows) {
        int64_t n = MIN(h->rows, h->n - r0);
        pass(d, &(struct pass){ .h = h, .r0 = r0, .n = n, .chunks = (n + h->chunk - 1) / h->chunk,
                                .word = h->V <= SLAB ? 48 : BLOCK, .known = known });
    }
}

void cpu_logprob(struct dev *d, struct tensor logp, struct tensor lse, struct tensor hit, struct tensor x, struct tensor w,
                 const int32_t *target, const float *coef, struct tensor dx, struct tensor dw)
{
    struct head h = { .x = f32(x), .w = f32(w), .coef = coef, .target = target, .logp = f32(logp), .lse = f32(lse),
                      .hit = f32(hit), .dx = f32(dx), .dw = f32(dw), .n = x.d[0], .V = w.d[0], .D = x.d[1] };

    BUG_IF(x.rank != 2 || w.rank != 2 || w.d[1] != h.D || logp.d[0] != h.n || lse.d[0] != h.n || hit.d[0] != h.n);
    if (coef)
        BUG_IF(!h.dx || !h.dw || tensor_n(dx) != h.n * h.D || tensor_n(dw) != h.V * h.D);
    run(d, &h, false);
}

void cpu_logprob_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor x, struct tensor w, struct tensor lse,
                     const int32_t *target, const float *coef)
{
    struct head h = { .x = f32(x), .w = f32(w), .coef = coef, .target = target, .lse = f32(lse), .dx = f32(dx),
                      .dw = f32(dw), .n = x.d[0], .V = w.d[0], .D = x.d[1] };

    BUG_IF(x.rank != 2 || w.rank != 2 || w.d[1] != h.D || tensor_n(dx) != h.n * h.D || !coef || lse.d[0] != h.n);
    run(d, &h, true);
}
