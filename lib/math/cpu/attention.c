/* attention.c - causal attention over the forest of segments, grouped heads: forward.
 *
 * Keys are taken along the path from the root in blocks cut by position, never by segment, with
 * a running maximum and sum per row (Milakov & Gimelshein 2018, arXiv:1805.02867; Dao et al.
 * 2022, arXiv:2205.14135).  A block's keys are packed turned, so that the lanes of a vector are
 * keys and each score is one chain over the head's width; a row then sees the same numbers in
 * the same order whether its prompt is shared, repeated or alone.  A task is a run of queries of
 * one segment and one key head. */
#include <math.h>

#include "math/cpu/attention.h"

/* Scores of rows from position pos on -> their weights, in place; their m, l brought up to date
 * and o scaled to the new maximum.  Sweeps, so that one row's long chain (maximum, exponential,
 * sum) runs beside the next row's. */
static void soften(const struct att *a, float *s, float *m, float *l, float *o, int64_t rows,
                   int64_t pos, int64_t b0, int64_t b1)
{
    float now[ROWS], shrink[ROWS];
    int64_t lo, hi;

    for (int64_t r = 0; r < rows; r++) {
        vec top = v_splat(m[r]);
        att_seen(a, pos + r, b0, b1, &lo, &hi);
        for (int64_t j = 0; j < hi; j += LANES) {
            vec x = v_if(att_mask(j, lo, hi), v_load(s + r * KEYS + j) * a->scale,
                         v_splat(-INFINITY));
            v_store(s + r * KEYS + j, x);
            top = v_max(top, x);
        }
        now[r] = v_top(top);
    }
    for (int64_t r = 0; r < rows; r += LANES)
        v_row_put(shrink, r, rows, v_exp(v_row(m, r, rows) - v_row(now, r, rows)));
    for (int64_t r = 0; r < rows; r++) {
        vec sum = v_zero();
        att_seen(a, pos + r, b0, b1, &lo, &hi);
        if (lo >= hi)                          /* all before the window */
            continue;
        for (int64_t j = 0; j < hi; j += LANES) {
            vec p = v_exp(v_load(s + r * KEYS + j) - now[r]);
            v_store(s + r * KEYS + j, p);
            sum += p;
        }
        if (now[r] != m[r]) {
            for (int64_t e = 0; e < a->Ep; e += LANES)
                v_store(o + r * a->Ep + e, v_load(o + r * a->Ep + e) * shrink[r]);
            l[r] *= shrink[r];
        }
        l[r] += v_sum(sum);
        m[r] = now[r];
    }
}

/* o[Ep] += the weights [lo, hi) of one row times their values: what a tile's rows do not share. */
static void weigh_row(float *o, const float *s, const float *v, int64_t lo, int64_t hi, int64_t Ep)
{
    for (int64_t e = 0; lo < hi && e < Ep; e += LANES) {
        vec sum = v_load(o + e);
        for (int64_t j = lo; j < hi; j++)
            sum += s[j] * v_load(v + j * Ep + e);
        v_store(o + e, sum);
    }
}

/* o[rows Ep] += weights times values: each row over the keys it sees and no others, in one chain
 * wherever that is cut. */
static void weigh(const struct att *a, const float *scores, const float *v, float *o, int64_t rows,
                  int64_t pos, int64_t b0, int64_t b1)
{
    int64_t Ep = a->Ep;

    for (int64_t i = 0; i < rows; i += GEMM_R) {
        int64_t n = MIN(GEMM_R, rows - i), lo[GEMM_R], hi[GEMM_R], from = 0, to = KEYS;
        const float *s = scores + i * KEYS;
        for (int64_t r = 0; r < n; r++) {
            att_seen(a, pos + i + r, b0, b1, &lo[r], &hi[r]);
            from = MAX(from, lo[r]);
            to = MIN(to, hi[r]);
        }
        to = MAX(to, from);
        for (int64_t r = 0; r < n; r++)
            weigh_row(o + (i + r) * Ep, s + r * KEYS, v, lo[r], MIN(from, hi[r]), Ep);
        if (from < to)
            att_product(n, Ep, to - from, view2(s + from, KEYS, 1), v + from * Ep, Ep,
                        o + i * Ep, Ep, GEMM_CHAIN);
        for (int64_t r = 0; r < n; r++)
            weigh_row(o + (i + r) * Ep, s + r * KEYS, v, to, hi[r], Ep);
    }
}

void att_begin(const struct att *a, const struct att_scratch *t, int64_t at, int64_t rows)
{
    memset(t->o + at * a->Ep, 0, (size_t)(rows * a->Ep) * sizeof(float));
    for (int64_t r = at; r < at + rows; r++) {
        t->m[r] = -INFINITY;
        t->l[r] = 0;
    }
}

void att_block(const struct att *a, const struct att_scratch *t, int64_t at, const float *q,
               int64_t rows, int64_t pos, int64_t b0, int64_t b1, const float *kt, const float *v)
{
    att_product(rows, round_lanes(b1 - b0), a->q.E, view2(q, a->q.row, 1), kt, KEYS,
                t->s, KEYS, GEMM_SET);
    soften(a, t->s, t->m + at, t->l + at, t->o + at * a->Ep, rows, pos, b0, b1);
    weigh(a, t->s, v, t->o + at * a->Ep, rows, pos, b0, b1);
}

void att_finish(const struct att *a, const struct att_scratch *t, int64_t i0, int64_t rows,
                int64_t head, int64_t at)
{
    for (int64_t r = 0; r < rows; r += LANES) {
        vec lse = v_load(t->m + at + r) + v_log(v_row(t->l + at, r, rows));
        for (int64_t i = r; i < MIN(rows, r + LANES); i++) {
            float *o = a->o.p + (i0 + i) * a->o.row + head * a->o.head;
            for (int64_t e = 0; e < a->o.E; e += LANES)
                v_row_put(o, e, a->o.E, v_load(t->o + (at + i) * a->Ep + e) / t->l[at + i]);
            if (a->lse)
                a->lse[(i0 + i) * a->o.n + head] = lse[i - r];
        }
    }
}

/* Queries [i0, i1) of segment s against all their path, for one key head. */
static void attend(const struct att *a, const struct att_scratch *t, int64_t s, int64_t i0,
                   int64_t i1, int64_t g)
{
    int64_t rows = i1 - i0, pos = a->start[s] + (i0 - a->f->seg[s].begin);

    for (int64_t h = 0; h < a->group; h++)
        att_begin(a, t, h * RUN, rows);
    for (int64_t b0 = att_first(a, pos); b0 < pos + rows; b0 += KEYS) {
        int64_t b1 = MIN(b0 + KEYS, pos + rows), n = b1 - b0;
        att_take(a, t->k, a->k, g, s, b0, b1);
        att_take(a, t->v, a->v, g, s, b0, b1);
        att_turn(t->kt, t->k, n, a->Ep);
        for (int64_t h = 0; h < a->group; h++)
            for (int64_t r = MAX(0, b0 - pos), many; r < rows; r += many) {
                const float *q = a->q.p + (i0 + r) * a->q.row + (g * a->group + h) * a->q.head;
                many = MIN(ROWS, rows - r);
                att_block(a, t, h * RUN + r, q, many, pos + r, b0, b1, t->kt, t->v);
            }
    }
    for (int64_t h = 0; h < a->group; h++)
        att_finish(a, t, i0, rows, g * a->group + h, h * RUN);
}

struct run { int32_t seg, begin, end; };
struct runs { const struct att *a; const struct run *run; };

static void attend_task(void *of, int64_t i, int worker)
{
    const struct runs *k = of;
    const struct run *r = &k->run[i / k->a->k.n];
    struct att_scratch t = att_carve(k->a, worker);

    attend(k->a, &t, r->seg, r->begin, r->end, i % k->a->k.n);
}

void cpu_attention(struct dev *d, struct heads o, struct tensor lse, struct heads q, struct heads k,
                   struct heads v, const struct forest *f, double scale, int64_t window)
{
    struct att a = att_of(q, k, v, f, scale, window);
    int64_t most = f->n_segs + f->n_tokens / RUN, n = 0;
    size_t lists = (size_t)round_lanes(f->n_segs + 3 * most);
    float *p = cpu_scratch(d, (lists + (size_t)d->threads * a.own) * sizeof(float));

    BUG_IF(o.n != q.n || o.E != q.E || tensor_n(lse) != f->n_tokens * q.n);
    if (!p)
        return;
    int32_t *start = (int32_t *)p;
    struct run *run = (struct run *)(start + f->n_segs);
    att_starts(f, start);
    a.start = start;
    a.scratch = p + lists;
    a.o = o;
    a.lse = f32(lse);
    for (int32_t s = 0; s < (int32_t)f->n_segs; s++)
        for (int32_t i = f->seg[s].begin; i < f->seg[s].end; i += RUN)
            run[n++] = (struct run){ s, i, MIN(i + RUN, f->seg[s].end) };
    cpu_tasks(d, n * k.n, attend_task, &(struct runs){ &a, run });
}
