/* logprob.c - the head: log-probabilities of targets and their gradient, never holding [n V].
 *
 * Logits are made turned, [V][rows], for a chunk of rows at a time: the head's weights are then
 * read as they lie by all three products, a vector's lanes are rows, and each row's maximum and
 * sum run down the vocabulary by themselves.  The vocabulary is cut into slabs, the tasks of the
 * threads; a row's slabs are combined in their order, in double.
 *
 *     logits [V][chunk] = w x^T      top, sums, arg max per slab and row     -> lse, logp, hit
 *     in place: coef (1[v = target] - e^(logit - lse))
 *     dx [chunk D] = that^T w, by slabs, then added up       dw [V D] += that x, chunk by chunk */
#include <math.h>

#include "math/cpu/gemm.h"

#define SLAB     2048                          /* words of a task */
#define SLABS    32                            /* at most: each has its own part of dx */
#define BLOCK    512                           /* words of a product within it */
#define FEW      64                            /* rows of a chunk where there is one slab */
#define MANY     256                           /* and else */
#define MOST     ((int64_t)8 << 20)            /* logits held where the vocabulary is small */
#define MOST_ONE ((int64_t)32 << 20)           /* logits of one chunk */

struct head {
    const float   *x, *w, *coef;               /* [n D], [V D], [n] or NULL */
    const int32_t *target;
    float         *logp, *lse, *hit, *entropy, *dx, *dw;
    int64_t        n, V, D;
    int64_t        chunk, ld;                  /* rows of a chunk; floats between words */
    int64_t        slab, slabs;                /* words of a slab; slabs */
    int64_t        rows;                       /* held at once: whole chunks */
    float         *logit;                      /* [chunks][V][ld] */
    float         *top, *sum, *dot, *own;      /* [slabs][rows] each; [rows] the target's logit */
    int32_t       *arg;                        /* [slabs][rows] */
    float         *part;                       /* [slabs][rows][D] dx by slabs, where several */
    float         *scratch;                    /* of each thread's products */
};

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
}

/* What is held of a chunk: logits, and dx by slabs where there are several. */
static int64_t logits_held(const struct head *h)
{
    return h->rows / h->chunk * h->V * h->ld;
}

static int64_t part_held(const struct head *h, bool back)
{
    return h->slabs > 1 && back ? h->slabs * h->rows * h->D : 0;
}

static size_t room_bytes(const struct dev *d, const struct head *h, bool back)
{
    int64_t floats = logits_held(h) + round_lanes(part_held(h, back)) + 4 * h->slabs * h->rows +
                     h->rows;

    return (size_t)d->threads * GEMM_SCRATCH_BYTES + (size_t)floats * sizeof(float);
}

size_t cpu_logprob_bytes(const struct dev *d, int64_t n, int64_t V, int64_t D, bool back)
{
    struct head h = { .n = n, .V = V, .D = D };

    plan(&h);
    return room_bytes(d, &h, back);
}

/* Carves the scratch; false: no memory. */
static bool room(struct dev *d, struct head *h)
{
    int64_t stats = h->slabs * h->rows, part = part_held(h, h->coef), logits = logits_held(h);
    size_t products = (size_t)d->threads * GEMM_SCRATCH_BYTES;
    float *p = cpu_scratch(d, room_bytes(d, h, h->coef));

    if (!p)
        return false;
    h->scratch = p;
    h->logit = p + products / sizeof(float);
    h->part = h->logit + logits;
    h->top = h->part + round_lanes(part);
    h->sum = h->top + stats;
    h->dot = h->sum + stats;
    h->own = h->dot + stats;
    h->arg = (int32_t *)(h->own + h->rows);
    return true;
}

static float *logits_of(const struct head *h, int64_t chunk, int64_t word)
{
    return h->logit + (chunk * h->V + word) * h->ld;
}

/* Over words [v0, v1) of LANES rows, added to what is there: maximum, its first place, the sum of e
 * = exp(logit - maximum), and that of e (logit - maximum), the entropy's. */
static void count(const float *logit, int64_t ld, int64_t v0, int64_t v1, float *top, float *sum,
                  float *dot, int32_t *arg)
{
    vec old = v_load(top), m = old, s = v_zero(), t = v_zero();
    ivec at;

    memcpy(&at, arg, sizeof(at));
    for (int64_t v = v0; v < v1; v++) {
        vec x = v_load(logit + (v - v0) * ld);
        ivec more = (ivec)(x > m);
        m = v_max(m, x);
        at = (more & (int32_t)v) | (~more & at);
    }
    for (int64_t v = v0; v < v1; v++) {
        vec x = v_load(logit + (v - v0) * ld) - m, e = v_exp(x);
        s += e;
        t += e * x;
    }
    vec down = v_max(old - m, v_splat(-105)), by = v_exp(down);    /* old may be -inf, by then 0 */
    v_store(dot, (v_load(dot) + v_load(sum) * down) * by + t);
    v_store(sum, v_load(sum) * by + s);
    v_store(top, m);
    memcpy(arg, &at, sizeof(at));
}

/* Logits of the c-th chunk held, from row r0 of all, against one slab. */
static void forward(const struct head *h, int64_t r0, int64_t c, int64_t s, bool stats,
                    float *scratch)
{
    int64_t rows = MIN(h->chunk, h->n - r0), at = s * h->rows + c * h->chunk;
    int64_t end = MIN(h->V, (s + 1) * h->slab);

    for (int64_t r = 0; stats && r < h->chunk; r++) {
        h->top[at + r] = -INFINITY;
        h->sum[at + r] = h->dot[at + r] = 0;
        h->arg[at + r] = 0;
    }
    for (int64_t v0 = s * h->slab; v0 < end; v0 += BLOCK) {
        int64_t v1 = MIN(v0 + BLOCK, end);
        float *logit = logits_of(h, c, v0);
        struct gemm g = { .c = logit, .ldc = h->ld, .I = v1 - v0, .J = rows, .K = h->D,
                          .a = { h->w + v0 * h->D, h->D, 1 }, .b = { h->x + r0 * h->D, 1, h->D } };
        gemm_one(&g, scratch);
        for (int64_t r = 0; stats && r < rows; r += LANES)
            count(logit + r, h->ld, v0, v1, h->top + at + r, h->sum + at + r, h->dot + at + r,
                  h->arg + at + r);
    }
    for (int64_t r = 0; stats && r < rows; r++) {
        int64_t v = h->target[r0 + r];
        if (v >= s * h->slab && v < end)
            h->own[c * h->chunk + r] = logits_of(h, c, v)[r];
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

/* Logits of one chunk and slab -> dl/dlogit in place; then this slab's part of dx. */
static void backward(const struct head *h, int64_t r0, int64_t c, int64_t s, float *scratch)
{
    int64_t rows = MIN(h->chunk, h->n - r0), v0 = s * h->slab, end = MIN(h->V, v0 + h->slab);

    for (int64_t v = v0; v < end; v++)
        for (int64_t r = 0; r < rows; r += LANES) {
            vec lse = v_row(h->lse + r0, r, rows), coef = v_row(h->coef + r0, r, rows);
            float *l = logits_of(h, c, v) + r;
            v_store(l, -coef * v_exp(v_load(l) - lse));
        }
    for (int64_t r = 0; r < rows; r++) {
        int64_t v = h->target[r0 + r];
        if (v >= v0 && v < end)
            logits_of(h, c, v)[r] += h->coef[r0 + r];
    }
    float *dx = h->slabs > 1 ? h->part + (s * h->rows + c * h->chunk) * h->D : h->dx + r0 * h->D;
    struct gemm g = { .c = dx, .ldc = h->D, .I = rows, .J = h->D, .K = end - v0,
                      .a = { logits_of(h, c, v0), 1, h->ld }, .b = { h->w + v0 * h->D, h->D, 1 } };
    gemm_one(&g, scratch);
}

/* dw of words [v0, v1) += over the chunks held, from row r0 on, in their order. */
static void weights(const struct head *h, int64_t r0, int64_t chunks, int64_t v0, int64_t v1,
                    float *scratch)
{
    for (int64_t c = 0; c < chunks; c++) {
        int64_t r = r0 + c * h->chunk;
        struct gemm g = { .c = h->dw + v0 * h->D, .ldc = h->D, .I = v1 - v0, .J = h->D,
                          .K = MIN(h->chunk, h->n - r), .a = { logits_of(h, c, v0), h->ld, 1 },
                          .b = { h->x + r * h->D, h->D, 1 }, .mode = GEMM_ADD };
        gemm_one(&g, scratch);
    }
}

/* Rows [r0, r0 + n) of all: what is held at once.  known: lse is given, only the gradient
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

    cpu_tasks(d, p->chunks * h->slabs, forward_task, p);
    if (!p->known)
        cpu_share(d, p->n, 1, 40.0 * (double)(h->slabs + 1), combine_part, p);
    if (!h->coef)
        return;
    if (!p->known)
        cpu_tasks(d, p->chunks * h->slabs, backward_task, p);
    if (h->dw)
        cpu_tasks(d, (h->V + p->word - 1) / p->word, weights_task, p);
    if (h->slabs > 1)
        cpu_share(d, p->n, 1, 0.2 * (double)(h->slabs * h->D), parts_part, p);
}

static void run(struct dev *d, struct head *h, bool known)
{
    if (h->n == 0)
        return;
    plan(h);
    if (!room(d, h))
        return;
    for (int64_t r0 = 0; r0 < h->n; r0 += h->rows) {
        int64_t n = MIN(h->rows, h->n - r0);
        pass(d, &(struct pass){ .h = h, .r0 = r0, .n = n, .chunks = (n + h->chunk - 1) / h->chunk,
                                .word = h->slabs == 1 ? 48 : BLOCK, .known = known });
    }
}

void cpu_logprob(struct dev *d, struct tensor logp, struct tensor lse, struct tensor hit,
                 struct tensor entropy, struct tensor x, struct tensor w, const int32_t *target,
                 const float *coef, struct tensor dx, struct tensor dw)
{
    struct head h = { .x = f32(x), .w = f32(w), .coef = coef, .target = target, .logp = f32(logp),
                      .lse = f32(lse), .hit = f32(hit), .entropy = f32(entropy), .dx = f32(dx),
                      .dw = f32(dw), .n = x.d[0], .V = w.d[0], .D = x.d[1] };

    BUG_IF(x.rank != 2 || w.rank != 2 || w.d[1] != h.D);
    BUG_IF(tensor_n(logp) != h.n || tensor_n(lse) != h.n || tensor_n(hit) != h.n ||
           tensor_n(entropy) != h.n);
    BUG_IF(coef && (!h.dx || tensor_n(dx) != h.n * h.D));
    BUG_IF(coef && h.dw && tensor_n(dw) != h.V * h.D);
    run(d, &h, false);
}

void cpu_logprob_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor x,
                     struct tensor w, struct tensor lse, const int32_t *target, const float *coef)
{
    struct head h = { .x = f32(x), .w = f32(w), .coef = coef, .target = target, .lse = f32(lse),
                      .dx = f32(dx), .dw = f32(dw), .n = x.d[0], .V = w.d[0], .D = x.d[1] };

    BUG_IF(x.rank != 2 || w.rank != 2 || w.d[1] != h.D || !coef);
    BUG_IF(tensor_n(dx) != h.n * h.D || tensor_n(lse) != h.n);
    run(d, &h, true);
}
