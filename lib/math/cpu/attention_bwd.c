/* attention_bwd.c - attention's gradients: weights again from lse, block of keys by block.
 *
 * A task is one tree and one key head, which alone writes the gradients of their tokens: so a
 * prompt that many share sums them in a fixed order, segments as they stand in the pack.
 *
 *     p = e^(s - lse)    ds = scale p (do v^T - sum of do o)
 *     dq = ds k          dk = ds^T q          dv = p^T do */
#include <math.h>

#include "math/cpu/attention.h"

/* t->s, t->dp: scores and do v^T of one tile of queries -> weights and the scores' gradients, 0
 * where a key is not seen. */
static void harden(const struct att *a, const struct att_scratch *t, int64_t i0, int64_t rows,
                   int64_t pos, int64_t b0, int64_t b1, int64_t head)
{
    int64_t lo, hi;

    for (int64_t r = 0; r < rows; r++) {
        float lse = a->lse[(i0 + r) * a->q.n + head], delta = a->delta[(i0 + r) * a->q.n + head];
        float *s = t->s + r * KEYS, *dp = t->dp + r * KEYS;
        att_seen(a, pos + r, b0, b1, &lo, &hi);
        for (int64_t j = 0; j < b1 - b0; j += LANES) {
            ivec in = att_mask(j, lo, hi);
            vec p = v_if(in, v_exp(v_load(s + j) * a->scale - lse), v_zero());
            v_store(dp + j, v_if(in, p * (v_load(dp + j) - delta) * a->scale, v_zero()));
            v_store(s + j, p);
        }
    }
}

static void pack(float *to, struct heads x, int64_t head, int64_t i0, int64_t rows, int64_t Ep)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t e = 0; e < Ep; e += LANES)
            v_store(to + r * Ep + e, v_row(x.p + (i0 + r) * x.row + head * x.head, e, x.E));
}

/* Queries [i0, i0 + rows) of segment s, one head, against the packed block [b0, b1): dq in
 * place, dk and dv into t. */
static void back_tile(const struct att *a, const struct att_scratch *t, int64_t s, int64_t i0,
                      int64_t rows, int64_t b0, int64_t b1, int64_t head)
{
    int64_t n = b1 - b0, Ep = a->Ep, pos = a->start[s] + (i0 - a->f->seg[s].begin);
    float *dq = a->dq.p + i0 * a->dq.row + head * a->dq.head;

    pack(t->q, a->q, head, i0, rows, Ep);
    pack(t->dout, a->dout, head, i0, rows, Ep);
    att_product(rows, round_lanes(n), Ep, view2(t->q, Ep, 1), t->kt, KEYS, t->s, KEYS,
                GEMM_SET);
    att_product(rows, round_lanes(n), Ep, view2(t->dout, Ep, 1), t->vt, KEYS, t->dp,
                KEYS, GEMM_SET);
    harden(a, t, i0, rows, pos, b0, b1, head);
    att_product(rows, a->q.E, n, view2(t->dp, KEYS, 1), t->k, Ep, dq, a->dq.row,
                GEMM_ADD);
    att_product(n, Ep, rows, view2(t->dp, 1, KEYS), t->q, Ep, t->dk, Ep, GEMM_ADD);
    att_product(n, Ep, rows, view2(t->s, 1, KEYS), t->dout, Ep, t->dv, Ep, GEMM_ADD);
}

/* Rows [p0, p1) of the path to s, one head, += from [.][Ep]. */
static void give(const struct att *a, struct heads to, const float *from, int64_t head, int64_t s,
                 int64_t p0, int64_t p1)
{
    for (int64_t p = p0, n; p < p1; p += n) {
        float *row = to.p + att_token(a, s, p, &n) * to.row + head * to.head;
        n = MIN(n, p1 - p);
        for (int64_t i = 0; i < n; i++, from += a->Ep, row += to.row)
            for (int64_t e = 0; e < to.E; e += LANES)
                v_row_put(row, e, to.E, v_row(row, e, to.E) + v_load(from + e));
    }
}

static void zero_rows(struct heads x, int64_t head, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        for (int64_t e = 0; e < x.E; e += LANES)
            v_row_put(x.p + i * x.row + head * x.head, e, x.E, v_zero());
}

/* All of segment s for one key head, after the segments above it, which have zeroed their rows. */
static void back_segment(const struct att *a, const struct att_scratch *t, int64_t s, int64_t g)
{
    int64_t begin = a->f->seg[s].begin, end = a->f->seg[s].end, p0 = a->start[s];
    int64_t h0 = g * a->group, h1 = h0 + a->group;

    zero_rows(a->dk, g, begin, end);
    zero_rows(a->dv, g, begin, end);
    for (int64_t h = h0; h < h1; h++)
        zero_rows(a->dq, h, begin, end);
    for (int64_t b0 = att_first(a, p0); b0 < p0 + (end - begin); b0 += KEYS) {
        int64_t b1 = MIN(b0 + KEYS, p0 + (end - begin)), n = b1 - b0;
        att_take(a, t->k, a->k, g, s, b0, b1);
        att_take(a, t->v, a->v, g, s, b0, b1);
        att_turn(t->kt, t->k, n, a->Ep);
        att_turn(t->vt, t->v, n, a->Ep);
        memset(t->dk, 0, (size_t)(n * a->Ep) * sizeof(float));
        memset(t->dv, 0, (size_t)(n * a->Ep) * sizeof(float));
        for (int64_t i = begin + MAX(0, b0 - p0); i < end; i += ROWS) {
            if (a->window > 0 && p0 + (i - begin) - a->window + 1 >= b1)
                break;
            for (int64_t h = h0; h < h1; h++)
                back_tile(a, t, s, i, MIN(ROWS, end - i), b0, b1, h);
        }
        give(a, a->dk, t->dk, g, s, b0, b1);
        give(a, a->dv, t->dv, g, s, b0, b1);
    }
}

static void delta_part(void *of, int64_t begin, int64_t end)
{
    const struct att *a = of;
    struct heads o = a->o, dout = a->dout;

    for (int64_t i = begin; i < end; i++)
        for (int64_t h = 0; h < o.n; h++) {
            vec sum = v_zero();
            for (int64_t e = 0; e < o.E; e += LANES)
                sum += v_row(dout.p + i * dout.row + h * dout.head, e, o.E) *
                       v_row(o.p + i * o.row + h * o.head, e, o.E);
            a->delta[i * o.n + h] = v_sum(sum);
        }
}

/* Segments by tree: seg[first[t]] ... are those of the t-th root, in their order. */
struct trees { const struct att *a; int64_t n; int32_t *root, *first, *seg; };

static void plant(struct trees *t, const struct forest *f)
{
    int32_t at = 0;

    for (int64_t s = 0; s < f->n_segs; s++) {
        int32_t up = f->seg[s].parent;
        t->root[s] = up < 0 ? (int32_t)t->n++ : t->root[up];
    }
    memset(t->first, 0, (size_t)(t->n + 1) * sizeof(*t->first));
    for (int64_t s = 0; s < f->n_segs; s++)
        t->first[t->root[s]]++;
    for (int64_t i = 0; i <= t->n; i++) {
        int32_t many = t->first[i];
        t->first[i] = at;
        at += many;
    }
    for (int64_t s = 0; s < f->n_segs; s++)
        t->seg[t->first[t->root[s]]++] = (int32_t)s;
    memmove(t->first + 1, t->first, (size_t)t->n * sizeof(*t->first));
    t->first[0] = 0;
}

static void tree_task(void *of, int64_t i, int worker)
{
    const struct trees *t = of;
    struct att_scratch scratch = att_carve(t->a, worker);
    int64_t tree = i / t->a->k.n;

    for (int32_t s = t->first[tree]; s < t->first[tree + 1]; s++)
        back_segment(t->a, &scratch, t->seg[s], i % t->a->k.n);
}

void cpu_attention_bwd(struct dev *d, struct heads dq, struct heads dk, struct heads dv,
                       struct heads do_, struct heads o, struct tensor lse, struct heads q,
                       struct heads k, struct heads v, const struct forest *f, double scale,
                       int64_t window)
{
    struct att a = att_of(q, k, v, f, scale, window);
    int64_t n = f->n_segs, N = f->n_tokens;
    size_t lists = (size_t)round_lanes(4 * n + 1), deltas = (size_t)round_lanes(N * q.n);
    float *p = cpu_scratch(d, (lists + deltas + (size_t)d->threads * a.own) * sizeof(float));

    BUG_IF(o.n != q.n || o.E != q.E || do_.n != q.n || do_.E != q.E || dq.n != q.n || dk.n != k.n ||
           dv.n != k.n || dq.E != q.E || dk.E != q.E || dv.E != q.E ||
           tensor_n(lse) != N * q.n);
    if (!p)
        return;
    int32_t *start = (int32_t *)p;
    struct trees t = { .a = &a, .root = start + n, .seg = start + 2 * n, .first = start + 3 * n };
    att_starts(f, start);
    plant(&t, f);
    a.start = start;
    a.delta = p + lists;
    a.scratch = a.delta + deltas;
    a.o = o;
    a.dout = do_;
    a.dq = dq;
    a.dk = dk;
    a.dv = dv;
    a.lse = f32(lse);
    cpu_share(d, N, 1, 0.2 * (double)(q.n * a.Ep), delta_part, &a);
    cpu_tasks(d, t.n * k.n, tree_task, &t);
}
