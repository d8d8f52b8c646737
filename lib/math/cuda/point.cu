/* point.cu - embedding, gathering, rotary angles, activations, sums: what works number by number.
 *
 * All are bound by memory: a thread takes four numbers a block's width apart, so that a warp reads
 * whole lines, and reads all before it writes.  Rows that add to rows which may repeat (embed_bwd,
 * gather_bwd) take a block each: the first of those that go to the same place adds them all, in
 * their order. */
#include "math/cuda/common.cuh"

#define THREADS 256
#define EACH    4

template <class F> static __global__ void k_point(F f, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * (THREADS * EACH) + threadIdx.x;
    typename F::value v[EACH];

    for (int u = 0; u < EACH; u++)
        if (i + u * THREADS < n)
            v[u] = f.make(i + u * THREADS);
    for (int u = 0; u < EACH; u++)
        if (i + u * THREADS < n)
            f.put(i + u * THREADS, v[u]);
}

template <class F> static void point(struct dev *d, int64_t n, F f)
{
    launch(d, blocks_of(n, THREADS * EACH), THREADS, 0, k_point<F>, f, n);
}

#define ONE(name, members, ...)                                                  \
    struct name {                                                                \
        typedef float value;                                                     \
        float *y;                                                                \
        members                                                                  \
        __device__ float make(int64_t i) const { __VA_ARGS__ }                   \
        __device__ void put(int64_t i, float v) const { y[i] = v; }              \
    };

ONE(f_add, const float *a; const float *b;, return a[i] + b[i];)
ONE(f_scale, const float *x; float by;, return x[i] * by;)

extern "C" void cuda_add(struct dev *d, struct tensor y, struct tensor a, struct tensor b)
{
    int64_t n = tensor_n(y);

    BUG_IF(n != tensor_n(a) || n != tensor_n(b));
    point(d, n, f_add{ f32(y), f32(a), f32(b) });
}

extern "C" void cuda_scale(struct dev *d, struct tensor y, struct tensor x, double s)
{
    BUG_IF(tensor_n(y) != tensor_n(x));
    point(d, tensor_n(y), f_scale{ f32(y), f32(x), (float)s });
}

/* 1 / (1 + e^-x); *rest is 1 - that without its cancellation. */
static __device__ float sigmoid(float x, float *rest)
{
    float e = expf(fminf(87, -x)), s = 1 / (1 + e);
    *rest = e * s;
    return s;
}

ONE(f_swiglu, const float *gate; const float *up;, float rest, g = gate[i];
    return g * sigmoid(g, &rest) * up[i];)

struct f_swiglu_bwd {
    typedef float2 value;
    float *dgate, *dup;
    const float *dy, *gate, *up;
    __device__ float2 make(int64_t i) const
    {
        float g = gate[i], rest, s = sigmoid(g, &rest), silu = g * s, y = dy[i];
        return make_float2(y * up[i] * (s + silu * rest), y * silu);
    }
    __device__ void put(int64_t i, float2 v) const
    {
        dgate[i] = v.x;
        dup[i] = v.y;
    }
};

extern "C" void cuda_swiglu(struct dev *d, struct tensor y, struct tensor gate, struct tensor up)
{
    int64_t n = tensor_n(y);

    BUG_IF(n != tensor_n(gate) || n != tensor_n(up));
    point(d, n, f_swiglu{ f32(y), f32(gate), f32(up) });
}

extern "C" void cuda_swiglu_bwd(struct dev *d, struct tensor dgate, struct tensor dup,
                                struct tensor dy, struct tensor gate, struct tensor up)
{
    int64_t n = tensor_n(dy);

    BUG_IF(n != tensor_n(gate) || n != tensor_n(up) || n != tensor_n(dgate) || n != tensor_n(dup));
    point(d, n, f_swiglu_bwd{ f32(dgate), f32(dup), f32(dy), f32(gate), f32(up) });
}

/* x Phi(x) and its slope Phi(x) + x phi(x); or x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3)
 * and its. */
template <bool TANH> static __device__ float gelu(float x, float *slope)
{
    if (TANH) {
        float sq = x * x, rest, s = sigmoid(1.595769122f * x * (1 + 0.044715f * sq), &rest);
        *slope = s + x * s * rest * 1.595769122f * (1 + 0.134145f * sq);
        return x * s;
    }
    float cdf = normcdff(x);
    *slope = cdf + x * expf(-0.5f * x * x) * 0.398942280f;
    return x * cdf;
}

template <bool TANH>
ONE(f_gelu, const float *x;, float slope; return gelu<TANH>(x[i], &slope);)
template <bool TANH>
ONE(f_gelu_bwd, const float *dy; const float *x;, float slope; gelu<TANH>(x[i], &slope);
    return dy[i] * slope;)

extern "C" void cuda_gelu(struct dev *d, struct tensor y, struct tensor x, bool tanh_form)
{
    BUG_IF(tensor_n(y) != tensor_n(x));
    if (tanh_form)
        point(d, tensor_n(y), f_gelu<true>{ f32(y), f32(x) });
    else
        point(d, tensor_n(y), f_gelu<false>{ f32(y), f32(x) });
}

extern "C" void cuda_gelu_bwd(struct dev *d, struct tensor dx, struct tensor dy, struct tensor x,
                              bool tanh_form)
{
    BUG_IF(tensor_n(dx) != tensor_n(x) || tensor_n(dy) != tensor_n(x));
    if (tanh_form)
        point(d, tensor_n(x), f_gelu_bwd<true>{ f32(dx), f32(dy), f32(x) });
    else
        point(d, tensor_n(x), f_gelu_bwd<false>{ f32(dx), f32(dy), f32(x) });
}

/* ---- rows */

template <class T> static __global__ void k_gather(float *y, const T *x, const int32_t *at,
                                                   int64_t D, bool whole)
{
    const T *from = x + (int64_t)at[blockIdx.x] * D;
    float *to = y + (int64_t)blockIdx.x * D;

    for (int64_t j = 4 * (int64_t)threadIdx.x; j < D; j += 4 * THREADS)
        store4(to, j, D, whole, load4(from, j, D, whole));
}

/* Block i: if nobody before i goes where i goes, all that do, from i on. */
static __global__ void k_scatter(float *dx, const float *dy, const int32_t *at, int64_t n,
                                 int64_t D)
{
    int64_t i = blockIdx.x;
    int32_t place = at[i];
    int earlier = 0;

    for (int64_t k = threadIdx.x; k < i; k += THREADS)
        earlier |= at[k] == place;
    if (__syncthreads_or(earlier))
        return;
    float *to = dx + place * D;
    for (int64_t from = i; from < n; from += THREADS) {
        int64_t k = from + threadIdx.x;
        if (!__syncthreads_or(k < n && at[k] == place))
            continue;
        for (int64_t m = from; m < n && m < from + THREADS; m++)
            if (at[m] == place)
                for (int64_t j = threadIdx.x; j < D; j += THREADS)
                    to[j] += dy[m * D + j];
    }
}

static void gather(struct dev *d, struct tensor y, struct tensor x, const int32_t *at)
{
    bool whole = whole4(y.p, y.d[1]) && whole4(x.p, x.d[1]);

    BUG_IF(x.rank != 2 || y.rank != 2 || x.d[1] != y.d[1]);
    if (x.type == BF16)
        launch(d, y.d[0], THREADS, 0, k_gather<uint16_t>, f32(y), (const uint16_t *)x.p, at,
               y.d[1], whole);
    else
        launch(d, y.d[0], THREADS, 0, k_gather<float>, f32(y), f32(x), at, y.d[1], whole);
}

static void scatter(struct dev *d, struct tensor dx, struct tensor dy, const int32_t *at)
{
    BUG_IF(dx.rank != 2 || dy.rank != 2 || dx.d[1] != dy.d[1]);
    launch(d, dy.d[0], THREADS, 0, k_scatter, f32(dx), f32(dy), at, dy.d[0], dy.d[1]);
}

extern "C" void cuda_embed(struct dev *d, struct tensor x, struct tensor table,
                           const int32_t *token)
{
    gather(d, x, table, token);
}

extern "C" void cuda_embed_bwd(struct dev *d, struct tensor dtable, struct tensor dx,
                               const int32_t *token)
{
    scatter(d, dtable, dx, token);
}

extern "C" void cuda_gather(struct dev *d, struct tensor y, struct tensor x, const int32_t *at)
{
    gather(d, y, x, at);
}

extern "C" void cuda_gather_bwd(struct dev *d, struct tensor dx, struct tensor dy,
                                const int32_t *at)
{
    scatter(d, dx, dy, at);
}

/* ---- rotary angles: a block is a token, a thread one frequency of all its heads */

#define FREQS 256

struct freqs { double f[FREQS]; };

static __global__ void k_rope(struct heads x, const int32_t *pos, struct freqs freq, int n_freq,
                              float sign)
{
    int64_t i = blockIdx.x;

    for (int j = threadIdx.x; j < n_freq; j += (int)blockDim.x) {
        double si, co;
        sincos(pos[i] * freq.f[j], &si, &co);
        float c = (float)co, s = (float)si * sign;
        for (int64_t h = 0; h < x.n; h++) {
            float *a = x.p + i * x.row + h * x.head + j, *b = a + n_freq, va = *a, vb = *b;
            *a = va * c - vb * s;
            *b = vb * c + va * s;
        }
    }
}

extern "C" void cuda_rope(struct dev *d, struct heads x, const struct forest *f,
                          const double *freq, int64_t n_freq, int sign)
{
    struct freqs k;

    BUG_IF(2 * n_freq > x.E || n_freq < 1);
    if (n_freq > FREQS) {
        cuda_fault(d, "heads of more than 512 rotated numbers; --device cpu has them");
        return;
    }
    memcpy(k.f, freq, (size_t)n_freq * sizeof *freq);
    launch(d, f->n_tokens, (int)MIN(128, blocks_of(n_freq, WARP) * WARP), 0, k_rope, x,
           (const int32_t *)f->pos, k, (int)n_freq, (float)sign);
}

/* ---- dropout and jitter: a thread is four columns, which share a draw; the draws are those of
 * base/rng.c */

static __device__ uint64_t mix(uint64_t x)
{
    x ^= x >> 27;
    x *= 0x3c79ac492ba7b653ull;
    x ^= x >> 33;
    x *= 0x1c69b3f74ac4ae35ull;
    return x ^ x >> 27;
}

static __device__ uint64_t draw(uint64_t seed, uint64_t stream, uint64_t index)
{
    const uint64_t golden = 0x9e3779b97f4a7c15ull;
    uint64_t a = mix(seed + golden);
    return mix(mix(index * golden + a) ^ mix(a ^ (stream + golden)));
}

static __global__ void k_dropout(float *y, const float *x, int64_t D, struct draws by,
                                 uint32_t dropped, bool add)
{
    int64_t i = blockIdx.x;
    uint64_t key = draw(by.seed, by.stream, by.key[by.at ? by.at[i] : i]);
    float up = 65536.f / (float)(65536 - dropped);

    for (int64_t j = 4 * (int64_t)threadIdx.x; j < D; j += 4 * THREADS) {
        uint64_t bits = draw(key, by.stream, (uint64_t)j / 4);
        for (int64_t e = i * D + j; e < i * D + (j + 4 < D ? j + 4 : D); e++, bits >>= 16) {
            float v = (bits & 0xffff) < dropped ? 0 : x[e] * up;
            y[e] = add ? y[e] + v : v;
        }
    }
}

extern "C" void cuda_dropout(struct dev *d, struct tensor y, struct tensor x, struct draws by,
                             bool add)
{
    uint32_t dropped = (uint32_t)(by.p * 65536 + 0.5);

    SHAPE2(y, x.d[0], x.d[1]);
    BUG_IF(!by.key || dropped >= 65536);
    launch(d, x.d[0], THREADS, 0, k_dropout, f32(y), f32(x), x.d[1], by, dropped, add);
}

static __global__ void k_jitter(float *x, const float *size, int64_t D, struct draws by)
{
    int64_t i = blockIdx.x;
    uint64_t key = draw(by.seed, by.stream, by.key[by.at ? by.at[i] : i]);
    float unit = size[i] / 65536;

    for (int64_t j = 4 * (int64_t)threadIdx.x; j < D; j += 4 * THREADS) {
        uint64_t bits = draw(key, by.stream, (uint64_t)j / 4);
        for (int64_t e = i * D + j; e < i * D + (j + 4 < D ? j + 4 : D); e++, bits >>= 16)
            x[e] += unit * (float)(2 * (int32_t)(bits & 0xffff) + 1 - 65536);
    }
}

extern "C" void cuda_jitter(struct dev *d, struct tensor x, struct tensor size, struct draws by)
{
    BUG_IF(x.rank != 2 || tensor_n(size) != x.d[0] || !by.key);
    launch(d, x.d[0], THREADS, 0, k_jitter, f32(x), (const float *)f32(size), x.d[1], by);
}
