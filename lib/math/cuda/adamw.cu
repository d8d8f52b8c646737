/* adamw.cu - the update, and the sum of squares that clipping needs.
 *
 * The update reads four numbers and writes three: bound by memory, one thread a number.  The sum is
 * taken in double by blocks of a fixed size, and the blocks are added in their order by one thread
 * block: so it depends on the numbers alone. */
#include "math/cuda/common.cuh"
extern "C" {
#include "math/master.h"
}

#define THREADS 256
#define BLOCK   16384                          /* numbers of one partial sum */

/* The sum of all threads' x, in thread 0; part[THREADS] in shared memory. */
static __device__ double sum_double(double x, double *part)
{
    part[threadIdx.x] = x;
    for (int h = THREADS / 2; h; h /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < h)
            part[threadIdx.x] += part[threadIdx.x + h];
    }
    return part[0];
}

static __global__ void k_squares(double *to, const float *x, int64_t n)
{
    int64_t from = (int64_t)blockIdx.x * BLOCK, end = from + BLOCK < n ? from + BLOCK : n;
    double sum = 0;

    for (int64_t i = from + threadIdx.x; i < end; i += THREADS)
        sum += (double)x[i] * (double)x[i];
    sum = sum_double(sum, (double *)shared_floats());
    if (threadIdx.x == 0)
        to[blockIdx.x] = sum;
}

static __global__ void k_squares_end(double *to, const double *part, int64_t blocks)
{
    double sum = 0;

    for (int64_t b = threadIdx.x; b < blocks; b += THREADS)
        sum += part[b];
    sum = sum_double(sum, (double *)shared_floats());
    if (threadIdx.x == 0)
        *to += sum;
}

extern "C" void cuda_sumsq(struct dev *d, double *sum, struct tensor x)
{
    int64_t n = tensor_n(x), blocks = blocks_of(n, BLOCK);
    size_t smem = THREADS * sizeof(double);
    double *part = (double *)cuda_scratch(d, CUDA_OP, (size_t)blocks * sizeof(double));

    if (!part || n == 0)
        return;
    launch(d, blocks, THREADS, smem, k_squares, part, (const float *)f32(x), n);
    launch(d, 1, THREADS, smem, k_squares_end, sum, (const double *)part, blocks);
}

struct update {
    float       *m, *v;
    const float *g;
    void        *w;                            /* floats, or halves with */
    uint16_t    *low;                          /*   what they lack */
    float        keep, scale, b1, c1, b2, c2, step, root, eps;
};

static __device__ float weight(const struct update &k, int64_t i)
{
    return k.low ? master_join(((const uint16_t *)k.w)[i], k.low[i]) : ((const float *)k.w)[i];
}

static __global__ void k_adamw(struct update k, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (i >= n)
        return;
    float g = k.g[i] * k.scale, m = k.m[i] * k.b1 + g * k.c1, v = k.v[i] * k.b2 + g * g * k.c2;
    k.m[i] = m;
    k.v[i] = v;
    float w = weight(k, i) * k.keep - k.step * (m / (sqrtf(v) * k.root + k.eps));
    if (k.low)
        master_split(w, (uint16_t *)k.w + i, k.low + i);
    else
        ((float *)k.w)[i] = w;
}

extern "C" void cuda_adamw(struct dev *d, struct tensor w, struct tensor m, struct tensor v,
                           struct tensor g, double gscale, struct adamw h)
{
    int64_t n = tensor_n(w);
    struct update k = {};

    BUG_IF(w.type != (w.low ? BF16 : F32));
    BUG_IF(tensor_n(m) != n || tensor_n(v) != n || tensor_n(g) != n || h.step < 1);
    k.w = w.p;
    k.low = w.low;
    k.m = f32(m);
    k.v = f32(v);
    k.g = f32(g);
    k.scale = (float)gscale;
    k.keep = (float)(1 - h.lr * h.decay);
    k.b1 = (float)h.beta1;
    k.c1 = (float)(1 - h.beta1);
    k.b2 = (float)h.beta2;
    k.c2 = (float)(1 - h.beta2);
    k.step = (float)(h.lr / (1 - pow(h.beta1, (double)h.step)));
    k.root = (float)(1 / sqrt(1 - pow(h.beta2, (double)h.step)));
    k.eps = (float)h.eps;
    launch(d, blocks_of(n, THREADS), THREADS, 0, k_adamw, k, n);
}
