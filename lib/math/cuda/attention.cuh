/* attention.cuh - what the three kernels of attention share: tiles, the path from the root,
 * products on tensor cores.
 *
 * A block has OWN rows of its own, 16 to a warp, and walks over tiles of OTHER rows.  Both lie in
 * shared memory as float32, E numbers and 8 more, so that what a warp loads for the tensor cores
 * falls on different banks; numbers become bf16 on their way to the registers.  P = 1 rounds; P = 3
 * takes a number as a sum of three bf16, for products as good as float32's. */
#ifndef ATTENTION_CUH
#define ATTENTION_CUH

#include "math/cuda/common.cuh"

#define GAP 8

struct att {
    struct heads      o, q, k, v, dq, dk, dv, dout;
    float            *lse, *delta;             /* [N H] */
    const struct seg *seg;
    const int32_t    *start;                   /* [n_segs] position of each segment's first token */
    const int32_t    *first;                   /* [n_segs + 1] its first tile of OWN rows */
    const struct stretch *stretch;             /* [n_segs] rows of a cache; NULL: a forest */
    const int32_t    *list;                    /* their pages */
    float             scale;
    int32_t           n_segs, window, group;   /* group: query heads of a key head */
    bool              whole;                   /* rows can be taken in fours */
};

/* The plan of a forest for tiles of `own` rows, in scratch: fills start and first, and in *more
 * leaves room for `floats`; false: no memory. */
bool att_plan(struct dev *d, struct att *a, const struct forest *f, int own, int64_t floats,
              float **more);
struct att att_of(struct heads q, struct heads k, struct heads v, double scale, int64_t window);

/* Widths of heads there are kernels for, by P. */
#define ATT_WIDTHS_1(X) X(64) X(80) X(96) X(128) X(256)
#define ATT_WIDTHS_3(X) X(32) X(128) X(256)
#define ATT_OWN(E)      ((E) <= 128 ? 64 : 32)
#define ATT_THREADS(E)  (ATT_OWN(E) * 2)

/* A warp's place: its lane's row and pair of columns in a fragment. */
static __device__ __forceinline__ int lane_row()
{
    return (int)threadIdx.x % WARP / 4;
}
static __device__ __forceinline__ int lane_pair()
{
    return (int)threadIdx.x % 4 * 2;
}

template <int P> struct frag_a { uint32_t r[P][4]; };
template <int P> struct frag_b { uint32_t r[P][2]; };

/* Register i of each part: parts of x and y, each the rest's rounding. */
template <int P, int R>
static __device__ __forceinline__ void split(uint32_t (&r)[P][R], int i, float x, float y)
{
#pragma unroll
    for (int p = 0; p < P; p++) {
        r[p][i] = bf16_pair(x, y);
        x -= __uint_as_float(r[p][i] << 16);
        y -= __uint_as_float(r[p][i] & 0xffff0000u);
    }
}

/* A[16 16]: rows of x from its first on, columns k ... */
template <int P>
static __device__ __forceinline__ struct frag_a<P> rows_a(const float *x, int ld, int k)
{
    frag_a<P> a;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float2 v = *(const float2 *)(x + (lane_row() + i % 2 * 8) * ld + k + i / 2 * 8 +
                                     lane_pair());
        split(a.r, i, v.x, v.y);
    }
    return a;
}

/* A[16 16] from two tiles of sums, 16 rows and 8 columns each. */
template <int P>
static __device__ __forceinline__ struct frag_a<P> sums_a(const float (&c)[4], const float (&e)[4])
{
    frag_a<P> a;
    split(a.r, 0, c[0], c[1]);
    split(a.r, 1, c[2], c[3]);
    split(a.r, 2, e[0], e[1]);
    split(a.r, 3, e[2], e[3]);
    return a;
}

/* B[16 8], its columns rows n ... of x: B(k, n) = x[n][k]. */
template <int P>
static __device__ __forceinline__ struct frag_b<P> rows_b(const float *x, int ld, int k, int n)
{
    frag_b<P> b;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        float2 v = *(const float2 *)(x + (n + lane_row()) * ld + k + i * 8 + lane_pair());
        split(b.r, i, v.x, v.y);
    }
    return b;
}

/* B[16 8] as x has it: B(k, n) = x[k][n]. */
template <int P>
static __device__ __forceinline__ struct frag_b<P> columns_b(const float *x, int ld, int k, int n)
{
    frag_b<P> b;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const float *at = x + (k + i * 8 + lane_pair()) * ld + n + lane_row();
        split(b.r, i, at[0], at[ld]);
    }
    return b;
}

/* c += a b, the smallest parts first. */
template <int P>
static __device__ __forceinline__ void multiply(float (&c)[4], const frag_a<P> &a,
                                                const frag_b<P> &b)
{
#pragma unroll
    for (int sum = P - 1; sum >= 0; sum--)
#pragma unroll
        for (int i = 0; i <= sum; i++)
            mma_16_8_16(c, a.r[i], b.r[sum - i]);
}

/* c[16 8 T] = a's 16 rows times the rows of b, over E numbers. */
template <int P, int E, int T>
static __device__ __forceinline__ void scores(float (&c)[T][4], const float *a, const float *b)
{
#pragma unroll
    for (int t = 0; t < T; t++)
#pragma unroll
        for (int i = 0; i < 4; i++)
            c[t][i] = 0;
#pragma unroll 4
    for (int k = 0; k < E; k += 16) {
        frag_a<P> fa = rows_a<P>(a, E + GAP, k);
#pragma unroll
        for (int t = 0; t < T; t++)
            multiply(c[t], fa, rows_b<P>(b, E + GAP, k, t * 8));
    }
}

/* c[16 E] += s[16 8 T] times the rows of b. */
template <int P, int E, int T>
static __device__ __forceinline__ void weigh(float (&c)[E / 8][4], const float (&s)[T][4],
                                             const float *b)
{
#pragma unroll
    for (int t = 0; t < T; t += 2) {
        frag_a<P> fa = sums_a<P>(s[t], s[t + 1]);
#pragma unroll
        for (int n = 0; n < E / 8; n++)
            multiply(c[n], fa, columns_b<P>(b, E + GAP, t * 8, n * 8));
    }
}

/* A page holds a head's CACHE_PAGE rows side by side, then the next head's: as heads, rows of one
 * head are rows, and those of the next page come after those of all heads of this one. */
static __device__ __forceinline__ int64_t page_token(const struct heads &x, int32_t page,
                                                     int32_t pos)
{
    return ((int64_t)page * x.n) * CACHE_PAGE + pos % CACHE_PAGE;
}
static inline struct heads page_heads(float *p, const struct pages &c)
{
    int64_t head = cache_head(c.E);
    return { p, c.G, c.E, head / CACHE_PAGE, head };
}

/* A tile: `rows` tokens of segment s from `begin` on. */
struct tile { int32_t s, begin, rows; };

/* Tile b of OWN rows; rows 0: there are not so many. */
static __device__ __forceinline__ struct tile tile_of(const struct att &a, int32_t b, int own)
{
    int32_t lo = 0, hi = a.n_segs;             /* first[lo] <= b < first[hi] */

    if (b >= a.first[a.n_segs])
        return { 0, 0, 0 };
    while (hi - lo > 1) {
        int32_t mid = (lo + hi) / 2;
        if (a.first[mid] <= b)
            lo = mid;
        else
            hi = mid;
    }
    int32_t begin = a.seg[lo].begin + (b - a.first[lo]) * own, left = a.seg[lo].end - begin;
    return { lo, begin, left < own ? left : own };
}

/* The token at `pos` on the path to segment s, among those of k and v. */
static __device__ __forceinline__ int64_t path_token(const struct att &a, int32_t s, int32_t pos)
{
    if (a.stretch)
        return page_token(a.k, a.list[a.stretch[s].pages + pos / CACHE_PAGE], pos);
    while (pos < a.start[s])
        s = a.seg[s].parent;
    return a.seg[s].begin + (pos - a.start[s]);
}

/* to[rows E + GAP]: row r of one head is token(r), 0 where that is negative, and past its width. */
template <int E, class F>
static __device__ __forceinline__ void take(float *to, const struct heads &x, int64_t head,
                                            int rows, bool whole, F token)
{
    for (int at = (int)threadIdx.x; at < rows * (E / 4); at += (int)blockDim.x) {
        int r = at / (E / 4), e = at % (E / 4) * 4;
        int64_t i = token(r);
        float4 v = make_float4(0, 0, 0, 0);
        if (i >= 0 && e < x.E)
            v = load4(x.p + i * x.row + head * x.head, e, x.E, whole);
        *(float4 *)(to + r * (E + GAP) + e) = v;
    }
}

/* Row `row` of one head from a warp's sums, times `by`. */
template <int E>
static __device__ __forceinline__ void give(const struct heads &to, int64_t row, int64_t head,
                                            const float (&c)[E / 8][4], int half, float by)
{
    float *p = to.p + row * to.row + head * to.head;

#pragma unroll
    for (int n = 0; n < E / 8; n++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int e = n * 8 + lane_pair() + i;
            if (e < to.E)
                p[e] = c[n][half * 2 + i] * by;
        }
}

#endif
