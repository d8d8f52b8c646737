/* attention_bwd.cu - attention's gradients: weights again from lse, tile by tile, no atomics.
 *
 *     p = e^(s - lse)    ds = scale p (do v^T - sum of do o)
 *     dq = ds k          dk = ds^T q          dv = p^T do
 *
 * Two kernels, each with sums of its own in registers: dq walks over keys as the forward does; dk
 * and dv own a tile of keys of one segment and walk over all queries that see it, head by head of
 * the group, segments as they stand in the pack, so a prompt that many share sums them in a fixed
 * order.  That makes the scores twice, two products of seven more, and needs no other order.  Where
 * heads are wide dk and dv take a launch each, or their sums would not fit the registers. */
#include "math/cuda/attention.cuh"

template <int E> struct backward {
    enum { OWN = ATT_OWN(E), OTHER = E <= 96 ? 32 : 16, T = OTHER / 8 };
    /* own twice, other twice, lse and delta of others, flags of segments */
    static size_t bytes()
    {
        return (2 * (OWN + OTHER) * (E + GAP) + 2 * OTHER + ATT_THREADS(E)) * sizeof(float);
    }
};

/* delta[i, h] = sum of do * o: a warp each. */
static __global__ void k_delta(struct att a, int64_t n)
{
    int64_t at = (int64_t)blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP;
    float sum = 0;

    if (at >= n)
        return;
    const float *o = a.o.p + at / a.q.n * a.o.row + at % a.q.n * a.o.head;
    const float *dout = a.dout.p + at / a.q.n * a.dout.row + at % a.q.n * a.dout.head;
    for (int64_t e = threadIdx.x % WARP; e < a.o.E; e += WARP)
        sum += dout[e] * o[e];
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0)
        a.delta[at] = sum;
}

/* The weight of a key for a query; 0 where it is not seen. */
static __device__ __forceinline__ float weight(const struct att &a, float s, float lse,
                                               int32_t query, int32_t key)
{
    bool seen = key <= query && (a.window <= 0 || query - key < a.window);
    return seen ? expf(s * a.scale - lse) : 0;
}

template <int E, int P> static __global__ void __launch_bounds__(ATT_THREADS(E), 1)
k_attend_dq(struct att a)
{
    enum { OWN = backward<E>::OWN, OTHER = backward<E>::OTHER, T = backward<E>::T };
    int64_t h = blockIdx.x % a.q.n, g = h / a.group;
    struct tile w = tile_of(a, (int32_t)(blockIdx.x / a.q.n), OWN);
    float *q = shared_floats(), *dout = q + OWN * (E + GAP), *k = dout + OWN * (E + GAP),
          *v = k + OTHER * (E + GAP);
    float dq[E / 8][4] = {}, s[T][4], dp[T][4], lse[2] = { 0, 0 }, delta[2] = { 0, 0 };
    int32_t row = (int32_t)threadIdx.x / WARP * 16;

    if (w.rows == 0)
        return;
    int32_t pos = a.start[w.s] + (w.begin - a.seg[w.s].begin), end = pos + w.rows;
    int32_t b0 = a.window > 0 && pos >= a.window ? (pos - a.window + 1) / OTHER * OTHER : 0;
    auto own = [&](int r) { return r < w.rows ? (int64_t)w.begin + r : -1; };
    take<E>(q, a.q, h, OWN, a.whole, own);
    take<E>(dout, a.dout, h, OWN, a.whole, own);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int32_t r = row + lane_row() + half * 8;
        if (r < w.rows) {
            lse[half] = a.lse[(w.begin + r) * a.q.n + h];
            delta[half] = a.delta[(w.begin + r) * a.q.n + h];
        }
    }
    for (; b0 < end; b0 += OTHER) {
        auto token = [&](int r) { return b0 + r < end ? path_token(a, w.s, b0 + r) : -1; };
        __syncthreads();
        take<E>(k, a.k, g, OTHER, a.whole, token);
        take<E>(v, a.v, g, OTHER, a.whole, token);
        __syncthreads();
        scores<P, E, T>(s, q + row * (E + GAP), k);
        scores<P, E, T>(dp, dout + row * (E + GAP), v);
#pragma unroll
        for (int t = 0; t < T; t++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                float p = weight(a, s[t][i], lse[i / 2], pos + row + lane_row() + i / 2 * 8,
                                 b0 + t * 8 + lane_pair() + i % 2);
                s[t][i] = p * (dp[t][i] - delta[i / 2]) * a.scale;
            }
        weigh<P, E, T>(dq, s, k);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int32_t r = row + lane_row() + half * 8;
        if (r < w.rows)
            give<E>(a.dq, w.begin + r, h, dq, half, 1);
    }
}

/* Whether segment s is t or above it. */
static __device__ bool above(const struct att &a, int32_t s, int32_t t)
{
    while (t > s)
        t = a.seg[t].parent;
    return t == s;
}

/* What a block of keys holds; WANT: 1 dv, 2 dk, 3 both. */
template <int E, int WANT> struct sums {
    float dk[WANT & 2 ? E / 8 : 1][4], dv[WANT & 1 ? E / 8 : 1][4];
};

/* One tile of queries, [begin, begin + rows) of segment t, against the block's keys, whose first
 * row for this warp has position `key`. */
template <int E, int P, int WANT>
static __device__ __forceinline__ void meet(const struct att &a, sums<E, WANT> &c, float *shared,
                                            int64_t h, int32_t begin, int32_t rows, int32_t pos,
                                            int32_t key)
{
    enum { OWN = backward<E>::OWN, OTHER = backward<E>::OTHER, T = backward<E>::T };
    float *k = shared, *v = k + OWN * (E + GAP), *q = v + OWN * (E + GAP),
          *dout = q + OTHER * (E + GAP), *lse = dout + OTHER * (E + GAP), *delta = lse + OTHER;
    int32_t row = (int32_t)threadIdx.x / WARP * 16;
    auto token = [&](int r) { return r < rows ? (int64_t)begin + r : -1; };
    float s[T][4], ds[T][4];

    __syncthreads();
    take<E>(q, a.q, h, OTHER, a.whole, token);
    take<E>(dout, a.dout, h, OTHER, a.whole, token);
    if ((int)threadIdx.x < OTHER && (int)threadIdx.x < rows) {
        lse[threadIdx.x] = a.lse[(int64_t)(begin + threadIdx.x) * a.q.n + h];
        delta[threadIdx.x] = a.delta[(int64_t)(begin + threadIdx.x) * a.q.n + h];
    }
    __syncthreads();
    scores<P, E, T>(s, k + row * (E + GAP), q);
    if (WANT & 2)
        scores<P, E, T>(ds, v + row * (E + GAP), dout);
#pragma unroll
    for (int t = 0; t < T; t++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int r = t * 8 + lane_pair() + i % 2;
            float p = r < rows ? weight(a, s[t][i], lse[r], pos + r,
                                        key + lane_row() + i / 2 * 8) : 0;
            s[t][i] = p;
            if (WANT & 2)
                ds[t][i] = r < rows ? p * (ds[t][i] - delta[r]) * a.scale : 0;
        }
    if constexpr ((WANT & 1) != 0)
        weigh<P, E, T>(c.dv, s, dout);
    if constexpr ((WANT & 2) != 0)
        weigh<P, E, T>(c.dk, ds, q);
}

template <int E, int P, int WANT> static __global__ void __launch_bounds__(ATT_THREADS(E), 1)
k_attend_dkv(struct att a)
{
    enum { OWN = backward<E>::OWN, OTHER = backward<E>::OTHER };
    int64_t g = blockIdx.x % a.k.n;
    struct tile w = tile_of(a, (int32_t)(blockIdx.x / a.k.n), OWN);
    float *k = shared_floats(), *v = k + OWN * (E + GAP);
    int32_t *found = (int32_t *)(k + 2 * (OWN + OTHER) * (E + GAP) + 2 * OTHER);
    int32_t row = (int32_t)threadIdx.x / WARP * 16;
    sums<E, WANT> c = {};

    if (w.rows == 0)
        return;
    int32_t key = a.start[w.s] + (w.begin - a.seg[w.s].begin);     /* position of the first */
    auto own = [&](int r) { return r < w.rows ? (int64_t)w.begin + r : -1; };
    take<E>(k, a.k, g, OWN, a.whole, own);
    take<E>(v, a.v, g, OWN, a.whole, own);
    for (int32_t from = w.s; from < a.n_segs; from += (int32_t)blockDim.x) {
        int32_t t = from + (int32_t)threadIdx.x, n = MIN((int32_t)blockDim.x, a.n_segs - from);
        __syncthreads();
        found[threadIdx.x] = t < a.n_segs && above(a, w.s, t);
        __syncthreads();
        for (int32_t f = 0; f < n; f++) {
            if (!found[f])
                continue;
            struct seg to = a.seg[from + f];
            int32_t at = a.start[from + f], i = from + f == w.s ? w.begin : to.begin;
            for (; i < to.end; i += OTHER) {
                int32_t pos = at + (i - to.begin);
                if (a.window > 0 && pos - (key + w.rows - 1) >= a.window)
                    break;
                for (int64_t h = g * a.group; h < (g + 1) * a.group; h++)
                    meet<E, P, WANT>(a, c, k, h, i, MIN(OTHER, to.end - i), pos, key + row);
            }
        }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int32_t r = row + lane_row() + half * 8;
        if (r >= w.rows)
            continue;
        if constexpr ((WANT & 2) != 0)
            give<E>(a.dk, w.begin + r, g, c.dk, half, 1);
        if constexpr ((WANT & 1) != 0)
            give<E>(a.dv, w.begin + r, g, c.dv, half, 1);
    }
}

template <int E, int P>
static void attend_bwd(struct dev *d, struct att a, const struct forest *f)
{
    int64_t tiles = f->n_segs + f->n_tokens / backward<E>::OWN, n = f->n_tokens * a.q.n;
    int threads = ATT_THREADS(E);
    size_t bytes = backward<E>::bytes();

    if (!att_plan(d, &a, f, backward<E>::OWN, n, &a.delta))
        return;
    launch(d, blocks_of(n, 4), 4 * WARP, 0, k_delta, a, n);
    launch(d, tiles * a.q.n, threads, bytes, k_attend_dq<E, P>, a);
    if constexpr (E <= 128) {
        launch(d, tiles * a.k.n, threads, bytes, k_attend_dkv<E, P, 3>, a);
    } else {
        launch(d, tiles * a.k.n, threads, bytes, k_attend_dkv<E, P, 1>, a);
        launch(d, tiles * a.k.n, threads, bytes, k_attend_dkv<E, P, 2>, a);
    }
}

static bool whole(struct heads x)
{
    return whole4(x.p, x.E) && x.row % 4 == 0 && x.head % 4 == 0;
}

extern "C" void cuda_attention_bwd(struct dev *d, struct heads dq, struct heads dk,
                                   struct heads dv, struct heads do_, struct heads o,
                                   struct tensor lse, struct heads q, struct heads k,
                                   struct heads v, const struct forest *f, double scale,
                                   int64_t window)
{
    struct att a = att_of(q, k, v, scale, window);

    BUG_IF(o.n != q.n || o.E != q.E || do_.n != q.n || do_.E != q.E || dq.n != q.n || dk.n != k.n ||
           dv.n != k.n || dq.E != q.E || dk.E != q.E || dv.E != q.E ||
           tensor_n(lse) != f->n_tokens * q.n);
    a.o = o;
    a.dout = do_;
    a.dq = dq;
    a.dk = dk;
    a.dv = dv;
    a.lse = f32(lse);
    a.whole = a.whole && whole(do_);
#define WIDTH_1(W) if (!d->own->f32 && q.E <= W) return attend_bwd<W, 1>(d, a, f);
#define WIDTH_3(W) if (d->own->f32 && q.E <= W) return attend_bwd<W, 3>(d, a, f);
    ATT_WIDTHS_1(WIDTH_1)
    ATT_WIDTHS_3(WIDTH_3)
    cuda_fault(d, "heads wider than 256; --device cpu has them");
}
