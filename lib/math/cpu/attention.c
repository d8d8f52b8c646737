/* attention.c - causal attention over the forest of segments, grouped heads, forward and backward.
 *
 * Keys are taken along the path from the root in blocks of KEYS cut by position, never by segment, with a running
 * maximum and sum per row (Milakov & Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135).  A block's keys are
 * packed transposed, so that the lanes of a vector are keys and each score is one chain over the head's width; a row
 * then sees the same numbers in the same order whether its prompt is shared, repeated or alone.
 *
 * Forward: a task is a run of queries of one segment and one key head.  Backward: a task is one tree and one key head,
 * which alone writes the gradients of their tokens; so prompts shared by many sum in a fixed order. */
#include <math.h>
#include <omp.h>

#include "math/cpu/gemm.h"

#define KEYS 64                                /* keys of a block, cut by position */
#define ROWS 64                                /* queries of a tile */
#define RUN  256                               /* queries of a task of the forward: they share the packed keys */

struct att {                                   /* the arguments, and what a thread has for itself */
    struct heads  o, q, k, v, dq, dk, dv, dout;
    float        *lse;
    const struct forest *f;
    const int32_t *start;                      /* [n_segs] position of each segment's first token */
    float         scale;
    int64_t       window, group, Ep;           /* group: query heads of a key head; Ep: E in whole vectors */
    const float  *delta;                       /* [N H] backward: sum of do * o */
};

struct scratch {                               /* one thread's, carved by carve() */
    float *kt, *vt, *k, *v;                    /* [Ep KEYS] transposed, [KEYS Ep] as they are */
    float *s, *dp;                             /* [ROWS KEYS] scores, their gradients */
    float *o, *q, *dk, *dv;                    /* [group RUN Ep] sums; [ROWS Ep] rows; [KEYS Ep] gradients */
    float *m, *l;                              /* [group RUN] maximum and sum so far */
};

static size_t scratch_floats(int64_t Ep, int64_t group)
{
    return (size_t)(8 * KEYS * Ep + 2 * ROWS * KEYS + 2 * ROWS * Ep + group * RUN * (Ep + 2));
}

static struct scratch carve(float *p, int64_t Ep, int64_t group)
{
    struct scratch t;
    float **all[] = { &t.kt, &t.vt, &t.k, &t.v, &t.dk, &t.dv, &t.s, &t.dp, &t.q, &t.o, &t.m, &t.l };
    int64_t n[] = { KEYS * Ep, KEYS * Ep, KEYS * Ep, KEYS * Ep, KEYS * Ep, KEYS * Ep, ROWS * KEYS, ROWS * KEYS, ROWS * Ep,
                    group * RUN * Ep, group * RUN, group * RUN };

    for (int64_t i = 0; i < countof(n); p += n[i], i++)
        *all[i] = p;
    return t;
}

/* The token at `pos` on the path to segment s: the run of them in one segment is [*token, *token + *n). */
static void path_run(const struct att *a, int64_t s, int64_t pos, int64_t *token, int64_t *n)
{
    while (pos < a->start[s])
        s = a->f->seg[s].parent;
    *token = a->f->seg[s].begin + (pos - a->start[s]);
    *n = a->f->seg[s].end - *token;
}

/* rows [p0, p1) of the path to s, one head, as [k][Ep] (zero-padded) */
static void take_rows(const struct att *a, float *to, struct heads x, int64_t head, int64_t s, int64_t p0, int64_t p1)
{
    for (int64_t p = p0, token, n; p < p1; p += n) {
        path_run(a, s, p, &token, &n);
        n = MIN(n, p1 - p);
        for (int64_t i = 0; i < n; i++, to += a->Ep)
            for (int64_t e = 0; e < a->Ep; e += LANES)
                v_store(to + e, v_row(x.p + (token + i) * x.row + head * x.head, e, x.E));
    }
}

/* [n][Ep] -> [Ep][KEYS], columns past n zero up to a whole vector */
static void turn(float *to, const float *from, int64_t n, int64_t Ep)
{
    for (int64_t e = 0; e < Ep; e += LANES)
        for (int64_t j = 0; j < n; j += LANES) {
            v16 r[LANES];
            for (int64_t l = 0; l < LANES; l++)
                r[l] = j + l < n ? v_load(from + (j + l) * Ep + e) : v_zero();
            v_turn(r);
            for (int64_t l = 0; l < LANES; l++)
                v_store(to + (e + l) * KEYS + j, r[l]);
        }
}

/* C[rows cols] (+)= A B in register tiles; b [K][ldb] packed, c [.][ldc]. */
static void product(int64_t rows, int64_t cols, int64_t K, struct view2 a, const float *b, int64_t ldb, float *c, int64_t ldc,
                    enum gemm_mode mode)
{
    for (int64_t i = 0; i < rows; i += GEMM_R)
        for (int64_t j = 0; j < cols; j += GEMM_COLS)
            gemm_tile(MIN(GEMM_R, rows - i), MIN(GEMM_COLS, cols - j), K,
                      (struct view2){ a.p + i * a.row, a.row, a.col }, b + j, ldb, c + i * ldc + j, ldc, NULL, mode);
}

/* Keys of block [b0, b1) that the row at position pos sees: [*lo, *hi) within the block. */
static void seen(const struct att *a, int64_t pos, int64_t b0, int64_t b1, int64_t *lo, int64_t *hi)
{
    int64_t first = a->window > 0 ? MAX(0, pos - a->window + 1) : 0;
    *lo = MAX(first, b0) - b0;
    *hi = MIN(pos + 1, b1) - b0;
}

/* Scores of rows from position pos on -> their weights, in place; their m, l brought up to date and o scaled to the new
 * maximum.  Three sweeps, so that one row's long chain (maximum, exponential, sum) runs beside the next row's. */
static void soften(const struct att *a, float *s, float *m, float *l, float *o, int64_t rows, int64_t pos, int64_t b0, int64_t b1)
{
    float now[ROWS] __attribute__((aligned(64))), shrink[ROWS] __attribute__((aligned(64)));
    i16 lane = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    int64_t lo, hi;

    for (int64_t r = 0; r < rows; r++) {
        v16 top = v_splat(m[r]);
        seen(a, pos + r, b0, b1, &lo, &hi);
        for (int64_t j = 0; j < hi; j += LANES) {
            i16 at = lane + (int32_t)j;
            v16 x = v_if((at >= (int32_t)lo) & (at < (int32_t)hi), v_load(s + r * KEYS + j) * a->scale, v_splat(-INFINITY));
            v_store(s + r * KEYS + j, x);
            top = v_max(top, x);
        }
        now[r] = v_top(top);
    }
    for (int64_t r = 0; r < rows; r += LANES)
        v_store(shrink + r, v_exp(v_row(m, r, rows) - v_load(now + r)));
    for (int64_t r = 0; r < rows; r++) {
        v16 sum = v_zero();
        seen(a, pos + r, b0, b1, &lo, &hi);
        if (lo >= hi)                              /* before the window */
            continue;
        for (int64_t j = 0; j < hi; j += LANES) {
            v16 p = v_exp(v_load(s + r * KEYS + j) - now[r]);
            v_store(s + r * KEYS + j, p);
            sum += p;
        }
        if (now[r] != m[r])
            for (int64_t e = 0; e < a->Ep; e += LANES)
                v_store(o + r * a->Ep + e, v_load(o + r * a->Ep + e) * shrink[r]);
        l[r] = (now[r] != m[r] ? l[r] * shrink[r] : l[r]) + v_sum(sum);
        m[r] = now[r];
    }
}

/* o[Ep] += the weights [lo, hi) of one row times their values: what a tile's rows do not have in common. */
static void weigh_row(const struct scratch *t, float *o, const float *s, int64_t lo, int64_t hi, int64_t Ep)
{
    for (int64_t e = 0; lo < hi && e < Ep; e += LANES) {
        v16 sum = v_load(o + e);
        for (int64_t j = lo; j < hi; j++)
            sum += s[j] * v_load(t->v + j * Ep + e);
        v_store(o + e, sum);
    }
}

/* o[rows Ep] += weights times values, each row over the keys it sees and no others, in one chain wherever it is cut. */
static void weigh(const struct att *a, const struct scratch *t, float *o, int64_t rows, int64_t pos, int64_t b0, int64_t b1)
{
    for (int64_t i = 0; i < rows; i += GEMM_R) {
        int64_t n = MIN(GEMM_R, rows - i), lo[GEMM_R], hi[GEMM_R], from = 0, to = KEYS;
        for (int64_t r = 0; r < n; r++) {
            seen(a, pos + i + r, b0, b1, &lo[r], &hi[r]);
            from = MAX(from, lo[r]);
            to = MIN(to, hi[r]);
        }
        to = MAX(to, from);
        for (int64_t r = 0; r < n; r++)
            weigh_row(t, o + (i + r) * a->Ep, t->s + (i + r) * KEYS, lo[r], MIN(from, hi[r]), a->Ep);
        if (from < to)
            product(n, a->Ep, to - from, (struct view2){ t->s + i * KEYS + from, KEYS, 1 }, t->v + from * a->Ep, a->Ep,
                    o + i * a->Ep, a->Ep, GEMM_CHAIN);
        for (int64_t r = 0; r < n; r++)
            weigh_row(t, o + (i + r) * a->Ep, t->s + (i + r) * KEYS, to, hi[r], a->Ep);
    }
}

/* The sums of one head's rows, kept from `at` on, -> o and lse. */
static void finish(const struct att *a, const struct scratch *t, int64_t i0, int64_t rows, int64_t head, int64_t at)
{
    for (int64_t r = 0; r < rows; r += LANES) {
        v16 l = v_load(t->l + at + r), lse = v_load(t->m + at + r) + v_log(l);
        for (int64_t i = r; i < MIN(rows, r + LANES); i++) {
            float *o = a->o.p + (i0 + i) * a->o.row + head * a->o.head;
            for (int64_t e = 0; e < a->o.E; e += LANES)
                v_row_put(o, e, a->o.E, v_load(t->o + (at + i) * a->Ep + e) / t->l[at + i]);
            a->lse[(i0 + i) * a->o.n + head] = lse[i - r];
        }
    }
}

/* Queries [i0, i1) of segment s against all their path, for one key head. */
static void attend(const struct att *a, const struct scratch *t, int64_t s, int64_t i0, int64_t i1, int64_t g)
{
    int64_t rows = i1 - i0, pos = a->start[s] + (i0 - a->f->seg[s].begin);
    int64_t first = a->window > 0 ? MAX(0, pos - a->window + 1) / KEYS * KEYS : 0;

    for (int64_t h = 0; h < a->group; h++) {
        memset(t->o + h * RUN * a->Ep, 0, (size_t)(rows * a->Ep) * sizeof(float));
        for (int64_t r = h * RUN; r < h * RUN + rows; r++)
            t->m[r] = -INFINITY, t->l[r] = 0;
    }
    for (int64_t b0 = first; b0 < pos + rows; b0 += KEYS) {
        int64_t b1 = MIN(b0 + KEYS, pos + rows), n = b1 - b0;
        take_rows(a, t->k, a->k, g, s, b0, b1);
        take_rows(a, t->v, a->v, g, s, b0, b1);
        turn(t->kt, t->k, n, a->Ep);
        for (int64_t h = 0; h < a->group; h++)
            for (int64_t r = MAX(0, b0 - pos), many; r < rows; r += many) {
                const float *q = a->q.p + (i0 + r) * a->q.row + (g * a->group + h) * a->q.head;
                int64_t at = h * RUN + r;
                many = MIN(ROWS, rows - r);
                product(many, round16(n), a->q.E, (struct view2){ q, a->q.row, 1 }, t->kt, KEYS, t->s, KEYS, GEMM_SET);
                soften(a, t->s, t->m + at, t->l + at, t->o + at * a->Ep, many, pos + r, b0, b1);
                weigh(a, t, t->o + at * a->Ep, many, pos + r, b0, b1);
            }
    }
    for (int64_t h = 0; h < a->group; h++)
        finish(a, t, i0, rows, g * a->group + h, h * RUN);
}

/* What both directions need to know of the forest. */
struct task { int32_t seg, begin, end; };

static void starts(const struct forest *f, int32_t *start)
{
    for (int64_t s = 0; s < f->n_segs; s++) {
        int32_t up = f->seg[s].parent, depth = 1;
        BUG_IF(up >= s);
        start[s] = up < 0 ? 0 : start[up] + (f->seg[up].end - f->seg[up].begin);
        for (; up >= 0; up = f->seg[up].parent)
            depth++;
        BUG_IF(depth > FOREST_DEPTH_MAX);
    }
}

static double attention_ns(const struct att *a)
{
    return (double)a->f->n_tokens * (double)a->q.n * (double)(a->Ep + 16) * 4;
}

void cpu_attention(struct dev *d, struct heads o, struct tensor lse, struct heads q, struct heads k, struct heads v,
                   const struct forest *f, double scale, int64_t window)
{
    int64_t G = k.n, group = q.n / G, Ep = round16(q.E), most = f->n_segs + f->n_tokens / RUN;
    struct att a = { .o = o, .q = q, .k = k, .v = v, .lse = f32(lse), .f = f, .scale = (float)scale, .window = window,
                     .group = group, .Ep = Ep };
    int team = cpu_team(d, attention_ns(&a));
    size_t own = (scratch_floats(Ep, group) + 15) / 16 * 16, lists = (size_t)round16(f->n_segs + 3 * most);
    int32_t *start = cpu_scratch(d, (lists + (size_t)team * own) * sizeof(float));

    BUG_IF(q.n % G || v.n != G || o.n != q.n || k.E != q.E || v.E != q.E || o.E != q.E);
    if (!start)
        return;
    struct task *task = (struct task *)(start + f->n_segs);
    int64_t n = 0;
    starts(f, start);
    a.start = start;
    for (int32_t s = 0; s < (int32_t)f->n_segs; s++)
        for (int32_t i = f->seg[s].begin; i < f->seg[s].end; i += RUN)
            task[n++] = (struct task){ s, i, MIN(i + RUN, f->seg[s].end) };
#pragma omp parallel num_threads(team) if(team > 1)
    {
        struct scratch t = carve((float *)start + lists + (size_t)omp_get_thread_num() * own, Ep, group);
#pragma omp for schedule(dynamic)
        for (int64_t at = 0; at < n * G; at++)
            attend(&a, &t, task[at / G].seg, task[at / G].begin, task[at / G].end, at % G);
    }
}

/* t->s, t->dp: scores and do v^T of one query tile -> weights and the scores' gradients, 0 where a key is not seen. */
static void harden(const struct att *a, const struct scratch *t, int64_t i0, int64_t rows, int64_t pos, int64_t b0, int64_t b1,
                   int64_t head)
{
    i16 lane = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    int64_t lo, hi;

    for (int64_t r = 0; r < rows; r++) {
        float lse = a->lse[(i0 + r) * a->q.n + head], delta = a->delta[(i0 + r) * a->q.n + head];
        float *s = t->s + r * KEYS, *dp = t->dp + r * KEYS;
        seen(a, pos + r, b0, b1, &lo, &hi);
        for (int64_t j = 0; j < round16(b1 - b0); j += LANES) {
            i16 at = lane + (int32_t)j, in = (at >= (int32_t)lo) & (at < (int32_t)hi);
            v16 p = v_if(in, v_exp(v_load(s + j) * a->scale - lse), v_zero());
            v16 ds = v_if(in, p * (v_load(dp + j) - delta) * a->scale, v_zero());
            v_store(s + j, p);
            v_store(dp + j, ds);
        }
    }
}

/* Queries [i0, i1) of segment s and one head against the packed block [b0, b1): dq in place, dk and dv into t. */
static void back_tile(const struct att *a, const struct scratch *t, int64_t s, int64_t i0, int64_t i1, int64_t b0, int64_t b1,
                      int64_t head)
{
    int64_t rows = i1 - i0, n = b1 - b0, Ep = a->Ep, pos = a->start[s] + (i0 - a->f->seg[s].begin);
    float *dout = t->o;                        /* the rows of do, packed like q */

    for (int64_t r = 0; r < rows; r++)
        for (int64_t e = 0; e < Ep; e += LANES) {
            v_store(t->q + r * Ep + e, v_row(a->q.p + (i0 + r) * a->q.row + head * a->q.head, e, a->q.E));
            v_store(dout + r * Ep + e, v_row(a->dout.p + (i0 + r) * a->dout.row + head * a->dout.head, e, a->q.E));
        }
    product(rows, round16(n), Ep, (struct view2){ t->q, Ep, 1 }, t->kt, KEYS, t->s, KEYS, GEMM_SET);
    product(rows, round16(n), Ep, (struct view2){ dout, Ep, 1 }, t->vt, KEYS, t->dp, KEYS, GEMM_SET);
    harden(a, t, i0, rows, pos, b0, b1, head);
    product(rows, a->q.E, n, (struct view2){ t->dp, KEYS, 1 }, t->k, Ep, a->dq.p + i0 * a->dq.row + head * a->dq.head,
            a->dq.row, GEMM_ADD);
    product(n, Ep, rows, (struct view2){ t->dp, 1, KEYS }, t->q, Ep, t->dk, Ep, GEMM_ADD);
    product(n, Ep, rows, (struct view2){ t->s, 1, KEYS }, dout, Ep, t->dv, Ep, GEMM_ADD);
}

/* to's rows [p0, p1) of the path to s, one head, += from [k][Ep] */
static void give_rows(const struct att *a, struct heads to, const float *from, int64_t head, int64_t s, int64_t p0, int64_t p1)
{
    for (int64_t p = p0, token, n; p < p1; p += n) {
        path_run(a, s, p, &token, &n);
        n = MIN(n, p1 - p);
        for (int64_t i = 0; i < n; i++, from += a->Ep) {
            float *row = to.p + (token + i) * to.row + head * to.head;
            for (int64_t e = 0; e < to.E; e += LANES)
                v_row_put(row, e, to.E, v_row(row, e, to.E) + v_load(from + e));
        }
    }
}

static void zero_rows(struct heads x, int64_t head, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        for (int64_t e = 0; e < x.E; e += LANES)
            v_row_put(x.p + i * x.row + head * x.head, e, x.E, v_zero());
}

/* All of segment s for one key head: after the segments above it, which have zeroed their rows. */
static void back_segment(const struct att *a, const struct scratch *t, int64_t s, int64_t g)
{
    int64_t begin = a->f->seg[s].begin, end = a->f->seg[s].end, p0 = a->start[s], p1 = p0 + (end - begin);
    int64_t first = a->window > 0 ? MAX(0, p0 - a->window + 1) / KEYS * KEYS : 0;

    zero_rows(a->dk, g, begin, end);
    zero_rows(a->dv, g, begin, end);
    for (int64_t h = g * a->group; h < (g + 1) * a->group; h++)
        zero_rows(a->dq, h, begin, end);
    for (int64_t b0 = first; b0 < p1; b0 += KEYS) {
        int64_t b1 = MIN(b0 + KEYS, p1), n = b1 - b0;
        take_rows(a, t->k, a->k, g, s, b0, b1);
        take_rows(a, t->v, a->v, g, s, b0, b1);
        turn(t->kt, t->k, n, a->Ep);
        turn(t->vt, t->v, n, a->Ep);
        memset(t->dk, 0, (size_t)(n * a->Ep) * sizeof(float));
        memset(t->dv, 0, (size_t)(n * a->Ep) * sizeof(float));
        for (int64_t i = begin + MAX(0, b0 - p0); i < end; i += ROWS) {
            if (a->window > 0 && p0 + (i - begin) - a->window + 1 >= b1)
                break;
            for (int64_t h = g * a->group; h < (g + 1) * a->group; h++)
                back_tile(a, t, s, i, MIN(i + ROWS, end), b0, b1, h);
        }
        give_rows(a, a->dk, t->dk, g, s, b0, b1);
        give_rows(a, a->dv, t->dv, g, s, b0, b1);
    }
}

/* delta[i][h] = sum over e of do * o */
static void deltas(struct dev *d, float *delta, struct heads dout, struct heads o, int64_t N)
{
    int team = cpu_team(d, (double)(N * o.n * o.E) * 0.2);

    PARALLEL(team)
    for (int64_t i = 0; i < N; i++)
        for (int64_t h = 0; h < o.n; h++) {
            v16 sum = v_zero();
            for (int64_t e = 0; e < o.E; e += LANES)
                sum += v_row(dout.p + i * dout.row + h * dout.head, e, o.E) * v_row(o.p + i * o.row + h * o.head, e, o.E);
            delta[i * o.n + h] = v_sum(sum);
        }
}

/* Segments by tree: tree[first[t] ..) lists the segments of the t-th root in their order.  Returns the number of trees. */
static int64_t trees(const struct forest *f, int32_t *root, int32_t *first, int32_t *tree)
{
    int64_t n = 0, at = 0;

    for (int64_t s = 0; s < f->n_segs; s++)
        root[s] = f->seg[s].parent < 0 ? (int32_t)n++ : root[f->seg[s].parent];
    memset(first, 0, (size_t)(n + 1) * sizeof(*first));
    for (int64_t s = 0; s < f->n_segs; s++)
        first[root[s]]++;
    for (int64_t t = 0; t <= n; t++) {
        int32_t many = t < n ? first[t] : 0;
        first[t] = (int32_t)at;
        at += many;
    }
    for (int64_t s = 0; s < f->n_segs; s++)
        tree[first[root[s]]++] = (int32_t)s;
    for (int64_t t = n; t > 0; t--)
        first[t] = first[t - 1];
    first[0] = 0;
    return n;
}

void cpu_attention_bwd(struct dev *d, struct heads dq, struct heads dk, struct heads dv, struct heads do_, struct heads o,
                       struct tensor lse, struct heads q, struct heads k, struct heads v, const struct forest *f,
                       double scale, int64_t window)
{
    int64_t G = k.n, group = q.n / G, Ep = round16(q.E), n_segs = f->n_segs;
    struct att a = { .q = q, .k = k, .v = v, .dq = dq, .dk = dk, .dv = dv, .dout = do_, .lse = f32(lse), .f = f,
                     .scale = (float)scale, .window = window, .group = group, .Ep = Ep };
    int team = cpu_team(d, 2.5 * attention_ns(&a));
    size_t own = (scratch_floats(Ep, group) + 15) / 16 * 16;
    size_t lists = (size_t)round16(4 * n_segs + 1), deltas_n = (size_t)round16(f->n_tokens * q.n);
    int32_t *start = cpu_scratch(d, (lists + deltas_n + (size_t)team * own) * sizeof(float));

    BUG_IF(q.n % G || v.n != G || do_.n != q.n || o.n != q.n || k.E != q.E || v.E != q.E || o.E != q.E);
    if (!start)
        return;
    int32_t *root = start + n_segs, *tree = root + n_segs, *first = tree + n_segs;
    float *delta = (float *)start + lists, *rest = delta + deltas_n;
    starts(f, start);
    deltas(d, delta, do_, o, f->n_tokens);
    a.start = start;
    a.delta = delta;
    int64_t n = trees(f, root, first, tree);
#pragma omp parallel num_threads(team) if(team > 1)
    {
        struct scratch t = carve(rest + (size_t)omp_get_thread_num() * own, Ep, group);
#pragma omp for schedule(dynamic)
        for (int64_t at = 0; at < n * G; at++)
            for (int32_t i = first[at / G]; i < first[at / G + 1]; i++)
                back_segment(&a, &t, tree[i], at % G);
    }
}
