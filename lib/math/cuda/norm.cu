/* norm.cu - RMS and layer norm, forward and backward; sums of columns.
 *
 * Bound by memory.  A row is a block of 32 to 256 threads, as many as its width is worth, each with
 * four numbers next to one another; the second look at a row finds it in L1 or L2.  Weight
 * gradients are sums of columns: blocks of 64 tokens in float, those in double. */
#include "math/cuda/common.cuh"

#define ROWS    64                             /* of a float sum of columns */
#define COLUMNS 128

struct norm {                                  /* b, mean: NULL for RMS */
    float       *y, *mean, *rstd;
    const float *x, *w, *b;
    int64_t      D;
    float        eps;
    bool         whole;
};

static int threads_of(int64_t D)
{
    return (int)MIN(256, blocks_of(D, 4 * WARP) * WARP);
}

#define EACH4(j, D) for (int64_t j = 4 * (int64_t)threadIdx.x; j < (D); j += 4 * blockDim.x)

static __global__ void k_norm(struct norm k)
{
    int64_t i = blockIdx.x, D = k.D;
    const float *x = k.x + i * D;
    float *part = shared_floats(), m = 0, sum = 0;

    if (k.mean) {
        EACH4(j, D) {
            float4 v = load4(x, j, D, k.whole);
            sum += (v.x + v.y) + (v.z + v.w);
        }
        m = block_sum(sum, part) / (float)D;
        sum = 0;
    }
    EACH4(j, D) {
        float4 v = load4(x, j, D, k.whole);
        float a = v.x - m, b = j + 1 < D ? v.y - m : 0, c = j + 2 < D ? v.z - m : 0,
              e = j + 3 < D ? v.w - m : 0;
        sum += (a * a + b * b) + (c * c + e * e);
    }
    float r = 1 / sqrtf(block_sum(sum, part) / (float)D + k.eps);
    EACH4(j, D) {
        float4 v = load4(x, j, D, k.whole), w = load4(k.w, j, D, k.whole);
        v = make_float4((v.x - m) * r * w.x, (v.y - m) * r * w.y, (v.z - m) * r * w.z,
                        (v.w - m) * r * w.w);
        if (k.b) {
            float4 b = load4(k.b, j, D, k.whole);
            v = make_float4(v.x + b.x, v.y + b.y, v.z + b.z, v.w + b.w);
        }
        store4(k.y + i * D, j, D, k.whole, v);
    }
    if (threadIdx.x == 0) {
        k.rstd[i] = r;
        if (k.mean)
            k.mean[i] = m;
    }
}

static void normalise(struct dev *d, struct norm k, int64_t N)
{
    k.whole = whole4(k.x, k.D) && whole4(k.y, k.D) && whole4(k.w, k.D) && whole4(k.b, k.D);
    launch(d, N, threads_of(k.D), 8 * sizeof(float), k_norm, k);
}

extern "C" void cuda_rmsnorm(struct dev *d, struct tensor y, struct tensor rstd, struct tensor x,
                             struct tensor w, double eps)
{
    SHAPE2(y, x.d[0], x.d[1]);
    SHAPE1(w, x.d[1]);
    SHAPE1(rstd, x.d[0]);
    normalise(d, { f32(y), NULL, f32(rstd), f32(x), f32(w), NULL, x.d[1], (float)eps, false },
              x.d[0]);
}

extern "C" void cuda_layernorm(struct dev *d, struct tensor y, struct tensor mean,
                               struct tensor rstd, struct tensor x, struct tensor w,
                               struct tensor b, double eps)
{
    SHAPE2(y, x.d[0], x.d[1]);
    SHAPE1(w, x.d[1]);
    SHAPE1(b, x.d[1]);
    SHAPE1(mean, x.d[0]);
    SHAPE1(rstd, x.d[0]);
    normalise(d,
              { f32(y), f32(mean), f32(rstd), f32(x), f32(w), f32(b), x.d[1], (float)eps, false },
              x.d[0]);
}

/* With c = (x - mean) rstd and g = dy w: dx += rstd (g - mean(g) - c mean(g c)); without a mean the
 * middle term is absent. */
struct back {
    float       *dx;
    const float *dy, *x, *w, *mean, *rstd;
    int64_t      D;
    bool         whole;
};

static __global__ void k_norm_bwd(struct back k)
{
    int64_t i = blockIdx.x, D = k.D;
    const float *dy = k.dy + i * D, *x = k.x + i * D;
    float *part = shared_floats(), m = k.mean ? k.mean[i] : 0, r = k.rstd[i], sg = 0, sgc = 0;

    EACH4(j, D) {                              /* dy is 0 past the row's end */
        float4 y = load4(dy, j, D, k.whole), v = load4(x, j, D, k.whole),
               w = load4(k.w, j, D, k.whole);
        float a = y.x * w.x, b = y.y * w.y, c = y.z * w.z, e = y.w * w.w;
        sg += (a + b) + (c + e);
        sgc += (a * ((v.x - m) * r) + b * ((v.y - m) * r)) +
               (c * ((v.z - m) * r) + e * ((v.w - m) * r));
    }
    float mgc = block_sum(sgc, part) / (float)D, mg = k.mean ? block_sum(sg, part) / (float)D : 0;
    EACH4(j, D) {
        float4 y = load4(dy, j, D, k.whole), v = load4(x, j, D, k.whole),
               w = load4(k.w, j, D, k.whole), o = load4(k.dx + i * D, j, D, k.whole);
        o.x += r * (y.x * w.x - mg - (v.x - m) * r * mgc);
        o.y += r * (y.y * w.y - mg - (v.y - m) * r * mgc);
        o.z += r * (y.z * w.z - mg - (v.z - m) * r * mgc);
        o.w += r * (y.w * w.w - mg - (v.w - m) * r * mgc);
        store4(k.dx + i * D, j, D, k.whole, o);
    }
}

static __global__ void k_columns(float *part, struct columns k, int64_t across)
{
    int64_t j = blockIdx.x % across * COLUMNS + threadIdx.x, block = blockIdx.x / across;
    float sum = 0;

    if (j >= k.D)
        return;
    for (int64_t i = block * ROWS; i < k.n && i < (block + 1) * ROWS; i++) {
        float y = k.y[i * k.ld + j];
        if (k.x)
            y *= (k.x[i * k.ld + j] - (k.mean ? k.mean[i] : 0)) * k.rstd[i];
        sum += y;
    }
    part[block * k.D + j] = sum;
}

static __global__ void k_columns_end(float *to, const float *part, int64_t blocks, int64_t D)
{
    int64_t j = (int64_t)blockIdx.x * COLUMNS + threadIdx.x;
    double sum = 0;

    if (j >= D)
        return;
    for (int64_t b = 0; b < blocks; b++)
        sum += part[b * D + j];
    to[j] += (float)sum;
}

size_t cuda_columns_bytes(int64_t n, int64_t D)
{
    return (size_t)(blocks_of(n, ROWS) * D) * sizeof(float);
}

void cuda_columns(struct dev *d, float *to, struct columns k)
{
    int64_t blocks = blocks_of(k.n, ROWS), across = blocks_of(k.D, COLUMNS);
    float *part = (float *)cuda_scratch(d, CUDA_OP, cuda_columns_bytes(k.n, k.D));

    if (!part)
        return;
    launch(d, blocks * across, COLUMNS, 0, k_columns, part, k, across);
    launch(d, across, COLUMNS, 0, k_columns_end, to, (const float *)part, blocks, k.D);
}

static void go_back(struct dev *d, struct back k, float *dw, float *db, int64_t N)
{
    struct columns c = { k.dy, k.x, k.mean, k.rstd, N, k.D, k.D };

    k.whole = whole4(k.x, k.D) && whole4(k.dx, k.D) && whole4(k.dy, k.D) && whole4(k.w, k.D);
    launch(d, N, threads_of(k.D), 8 * sizeof(float), k_norm_bwd, k);
    if (dw)
        cuda_columns(d, dw, c);
    c.x = NULL;
    if (db)
        cuda_columns(d, db, c);
}

extern "C" void cuda_rmsnorm_bwd(struct dev *d, struct tensor dx, struct tensor dw,
                                 struct tensor dy, struct tensor x, struct tensor w,
                                 struct tensor rstd)
{
    SHAPE2(dx, x.d[0], x.d[1]);
    SHAPE2(dy, x.d[0], x.d[1]);
    BUG_IF(dw.p && tensor_n(dw) != x.d[1]);
    go_back(d, { f32(dx), f32(dy), f32(x), f32(w), NULL, f32(rstd), x.d[1], false }, f32(dw), NULL,
            x.d[0]);
}

extern "C" void cuda_layernorm_bwd(struct dev *d, struct tensor dx, struct tensor dw,
                                   struct tensor db, struct tensor dy, struct tensor x,
                                   struct tensor w, struct tensor mean, struct tensor rstd)
{
    SHAPE2(dx, x.d[0], x.d[1]);
    SHAPE2(dy, x.d[0], x.d[1]);
    BUG_IF((dw.p && tensor_n(dw) != x.d[1]) || (db.p && tensor_n(db) != x.d[1]));
    go_back(d, { f32(dx), f32(dy), f32(x), f32(w), f32(mean), f32(rstd), x.d[1], false }, f32(dw),
            f32(db), x.d[0]);
}
