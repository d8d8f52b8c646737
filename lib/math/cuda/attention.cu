/* attention.cu - causal attention over the forest of segments, grouped heads: forward.
 *
 * A block is one head and a tile of queries of one segment.  Keys come along the path from the
 * root, in tiles cut by position, never by segment, with a running maximum and sum per row (Milakov
 * & Gimelshein 2018, arXiv:1805.02867; Dao 2023, arXiv:2307.08691): so a row meets the same numbers
 * in the same order wherever its path is cut, and a tile that it sees nothing of changes no bit.
 * Bound by shared memory: a product of 16 x 8 x 16 loads 512 bytes. */
#include "math/cuda/attention.cuh"

#define PLAN_THREADS 256

/* start and first, by one block: a scan over the segments' numbers of tiles. */
static __global__ void k_plan(const struct seg *seg, int32_t n, int32_t own, int32_t *start,
                              int32_t *first)
{
    int32_t *sum = (int32_t *)shared_floats(), base = 0, t = (int32_t)threadIdx.x;

    for (int32_t from = 0; from < n; from += PLAN_THREADS) {
        int32_t s = from + t, tiles = 0;
        if (s < n) {
            int32_t at = 0;
            for (int32_t u = seg[s].parent; u >= 0; u = seg[u].parent)
                at += seg[u].end - seg[u].begin;
            start[s] = at;
            tiles = (seg[s].end - seg[s].begin + own - 1) / own;
        }
        sum[t] = tiles;
        for (int32_t h = 1; h < PLAN_THREADS; h *= 2) {
            __syncthreads();
            int32_t before = t >= h ? sum[t - h] : 0;
            __syncthreads();
            sum[t] += before;
        }
        __syncthreads();
        if (s < n)
            first[s] = base + sum[t] - tiles;
        base += sum[PLAN_THREADS - 1];
        __syncthreads();
    }
    if (t == 0)
        first[n] = base;
}

static int64_t lists_of(int64_t n_segs)
{
    return (2 * n_segs + 1 + 63) / 64 * 64;
}

size_t cuda_attention_bytes(int64_t n_segs, int64_t floats)
{
    return (size_t)(lists_of(n_segs) + floats) * sizeof(int32_t);
}

bool att_plan(struct dev *d, struct att *a, const struct forest *f, int own, int64_t floats,
              float **more)
{
    int64_t lists = lists_of(f->n_segs);
    int32_t *p = (int32_t *)cuda_scratch(d, CUDA_OP, cuda_attention_bytes(f->n_segs, floats));

    if (!p)
        return false;
    a->seg = f->seg;
    a->n_segs = (int32_t)f->n_segs;
    a->start = p;
    a->first = p + f->n_segs;
    *more = (float *)(p + lists);
    launch(d, 1, PLAN_THREADS, PLAN_THREADS * sizeof(int32_t), k_plan, (const struct seg *)f->seg,
           a->n_segs, (int32_t)own, p, p + f->n_segs);
    return true;
}

static bool whole(struct heads x)
{
    return whole4(x.p, x.E) && x.row % 4 == 0 && x.head % 4 == 0;
}

struct att att_of(struct heads q, struct heads k, struct heads v, double scale, int64_t window)
{
    struct att a = {};

    BUG_IF(k.n < 1 || q.n % k.n || v.n != k.n || k.E != q.E || v.E != q.E);
    a.q = q;
    a.k = k;
    a.v = v;
    a.scale = (float)scale;
    a.window = (int32_t)MIN(window, INT32_MAX);
    a.group = (int32_t)(q.n / k.n);
    a.whole = whole(q) && whole(k) && whole(v);
    return a;
}

template <int E> struct forward {
    enum { OWN = ATT_OWN(E), OTHER = E <= 128 ? 32 : 16, T = OTHER / 8 };
    static size_t bytes() { return (OWN + 2 * OTHER) * (E + GAP) * sizeof(float); }
};

/* A warp's 16 rows from position `pos` on against the keys [b0, b0 + 8 T): scores -> weights in
 * place, m and l of rows g, g + 8 brought up to date, o scaled to the new maximum. */
template <int E, int T>
static __device__ __forceinline__ void soften(const struct att &a, float (&s)[T][4],
                                              float (&o)[E / 8][4], float (&m)[2], float (&l)[2],
                                              int32_t pos, int32_t b0)
{
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int32_t row = pos + lane_row() + h * 8;
        float top = m[h], sum = 0;
#pragma unroll
        for (int t = 0; t < T; t++)
#pragma unroll
            for (int i = 0; i < 2; i++) {
                int32_t key = b0 + t * 8 + lane_pair() + i;
                bool seen = key <= row && (a.window <= 0 || row - key < a.window);
                float x = seen ? s[t][h * 2 + i] * a.scale : -INFINITY;
                s[t][h * 2 + i] = x;
                top = fmaxf(top, x);
            }
        top = fmaxf(top, __shfl_xor_sync(ALL, top, 1));
        top = fmaxf(top, __shfl_xor_sync(ALL, top, 2));
        float shrink = top == m[h] ? 1 : expf(m[h] - top);
#pragma unroll
        for (int t = 0; t < T; t++)
#pragma unroll
            for (int i = 0; i < 2; i++) {
                float x = s[t][h * 2 + i], p = x == -INFINITY ? 0 : expf(x - top);
                s[t][h * 2 + i] = p;
                sum += p;
            }
        sum += __shfl_xor_sync(ALL, sum, 1);
        sum += __shfl_xor_sync(ALL, sum, 2);
        l[h] = l[h] * shrink + sum;
        m[h] = top;
#pragma unroll
        for (int n = 0; n < E / 8; n++) {
            o[n][h * 2] *= shrink;
            o[n][h * 2 + 1] *= shrink;
        }
    }
}

template <int E, int P> static __global__ void __launch_bounds__(ATT_THREADS(E), 1)
k_attend(struct att a)
{
    enum { OWN = forward<E>::OWN, OTHER = forward<E>::OTHER, T = forward<E>::T };
    int64_t h = blockIdx.x % a.q.n, g = h / a.group;
    struct tile w = tile_of(a, (int32_t)(blockIdx.x / a.q.n), OWN);
    float *q = shared_floats(), *k = q + OWN * (E + GAP), *v = k + OTHER * (E + GAP);
    float o[E / 8][4] = {}, m[2] = { -INFINITY, -INFINITY }, l[2] = { 0, 0 }, s[T][4];
    int32_t row = (int32_t)threadIdx.x / WARP * 16;        /* the warp's first */

    if (w.rows == 0)
        return;
    int32_t pos = a.start[w.s] + (w.begin - a.seg[w.s].begin), end = pos + w.rows;
    int32_t b0 = a.window > 0 && pos >= a.window ? (pos - a.window + 1) / OTHER * OTHER : 0;
    take<E>(q, a.q, h, OWN, a.whole,
            [&](int r) { return r < w.rows ? (int64_t)w.begin + r : -1; });
    for (; b0 < end; b0 += OTHER) {
        auto token = [&](int r) { return b0 + r < end ? path_token(a, w.s, b0 + r) : -1; };
        __syncthreads();
        take<E>(k, a.k, g, OTHER, a.whole, token);
        take<E>(v, a.v, g, OTHER, a.whole, token);
        __syncthreads();
        scores<P, E, T>(s, q + row * (E + GAP), k);
        soften<E, T>(a, s, o, m, l, pos + row, b0);
        weigh<P, E, T>(o, s, v);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int32_t r = row + lane_row() + half * 8;
        if (r >= w.rows)
            continue;
        give<E>(a.o, w.begin + r, h, o, half, 1 / l[half]);
        if (a.lse && lane_pair() == 0)
            a.lse[(int64_t)(w.begin + r) * a.q.n + h] = m[half] + logf(l[half]);
    }
}

template <int E, int P>
static void attend(struct dev *d, struct att a, const struct forest *f)
{
    float *none;

    if (att_plan(d, &a, f, forward<E>::OWN, 0, &none))
        launch(d, (f->n_segs + f->n_tokens / forward<E>::OWN) * a.q.n, ATT_THREADS(E),
               forward<E>::bytes(), k_attend<E, P>, a);
}

extern "C" void cuda_attention(struct dev *d, struct heads o, struct tensor lse, struct heads q,
                               struct heads k, struct heads v, const struct forest *f,
                               double scale, int64_t window)
{
    struct att a = att_of(q, k, v, scale, window);

    BUG_IF(o.n != q.n || o.E != q.E || tensor_n(lse) != f->n_tokens * q.n);
    a.o = o;
    a.lse = f32(lse);
#define WIDTH_1(W) if (!d->own->f32 && q.E <= W) return attend<W, 1>(d, a, f);
#define WIDTH_3(W) if (d->own->f32 && q.E <= W) return attend<W, 3>(d, a, f);
    ATT_WIDTHS_1(WIDTH_1)
    ATT_WIDTHS_3(WIDTH_3)
    cuda_fault(d, "heads wider than 256; --device cpu has them");
}

/* ---- over a cache: each stretch is a segment that begins at its position */

/* A block is a token, a thread four numbers of it. */
static __global__ void k_put(struct heads to_k, struct heads to_v, struct heads k, struct heads v,
                             const struct stretch *s, int32_t n, const int32_t *list)
{
    int32_t i = (int32_t)blockIdx.x, lo = 0, hi = n;       /* s[lo].begin <= i < s[hi].begin */

    while (hi - lo > 1) {
        int32_t mid = (lo + hi) / 2;
        if (s[mid].begin <= i)
            lo = mid;
        else
            hi = mid;
    }
    while (i >= s[lo].end)                     /* one that is empty */
        lo++;
    int32_t pos = s[lo].pos + (i - s[lo].begin);
    int64_t to = page_token(to_k, list[s[lo].pages + pos / CACHE_PAGE], pos);
    for (int64_t at = threadIdx.x; at < k.n * k.E; at += blockDim.x) {
        int64_t g = at / k.E, e = at % k.E;
        to_k.p[to * to_k.row + g * to_k.head + e] = k.p[i * k.row + g * k.head + e];
        to_v.p[to * to_v.row + g * to_v.head + e] = v.p[i * v.row + g * v.head + e];
    }
}

extern "C" void cuda_cache_put(struct dev *d, struct pages to, struct heads k, struct heads v,
                               const struct stretches *s)
{
    BUG_IF(k.n != to.G || v.n != to.G || k.E != to.E || v.E != to.E);
    launch(d, s->n_tokens, 128, 0, k_put, page_heads(to.k, to), page_heads(to.v, to), k, v,
           (const struct stretch *)s->v, (int32_t)s->n, (const int32_t *)s->list);
}

static __global__ void k_segments(struct seg *seg, const struct stretch *s, int32_t n)
{
    for (int32_t i = (int32_t)threadIdx.x; i < n; i += PLAN_THREADS)
        seg[i] = { s[i].begin, s[i].end, -1 };
}

static __global__ void k_starts(int32_t *start, const struct stretch *s, int32_t n)
{
    for (int32_t i = (int32_t)threadIdx.x; i < n; i += PLAN_THREADS)
        start[i] = s[i].pos;
}

template <int E, int P>
static void attend_cache(struct dev *d, struct att a, const struct stretches *s)
{
    int32_t n = (int32_t)s->n, *start;
    struct seg *seg = (struct seg *)cuda_scratch(d, CUDA_PRODUCT, (size_t)n * sizeof *seg);
    struct forest f = { s->n_tokens, n, seg, NULL };
    float *none;

    if (!seg)
        return;
    launch(d, n > 0, PLAN_THREADS, 0, k_segments, seg, a.stretch, n);
    if (!att_plan(d, &a, &f, forward<E>::OWN, 0, &none))
        return;
    start = (int32_t *)a.start;                /* the plan has all begin at 0 */
    launch(d, n > 0, PLAN_THREADS, 0, k_starts, start, a.stretch, n);
    launch(d, (n + s->n_tokens / forward<E>::OWN) * a.q.n, ATT_THREADS(E), forward<E>::bytes(),
           k_attend<E, P>, a);
}

extern "C" void cuda_attention_cache(struct dev *d, struct heads o, struct heads q, struct pages c,
                                     const struct stretches *s, double scale, int64_t window)
{
    struct att a = att_of(q, page_heads(c.k, c), page_heads(c.v, c), scale, window);

    BUG_IF(o.n != q.n || o.E != q.E);
    a.o = o;
    a.stretch = s->v;
    a.list = s->list;
#define CACHE_1(W) if (!d->own->f32 && q.E <= W) return attend_cache<W, 1>(d, a, s);
#define CACHE_3(W) if (d->own->f32 && q.E <= W) return attend_cache<W, 3>(d, a, s);
    ATT_WIDTHS_1(CACHE_1)
    ATT_WIDTHS_3(CACHE_3)
    cuda_fault(d, "heads wider than 256; --device cpu has them");
}
