/* matmul.cu - the products of a layer: forward, by the input, by the weight; and with the weight
 * transposed.
 *
 * cuBLASLt's, all one product with its operands turned (lt.h).  But for the float32 device the
 * operands are first rounded to bf16 copies whose rows are whole vectors of 16 bytes; that costs 6
 * bytes for each of their numbers, some tenth of the product at the widths of a language model.
 * Weights that are bf16 already, and lie so, are read where they are. */
#include "math/cuda/common.cuh"
extern "C" {
#include "math/cuda/lt.h"
}

#define THREADS 256

static __device__ uint32_t pair_of(const float *x, bool one, bool two)
{
    return bf16_pair(one ? x[0] : 0, two ? x[1] : 0);
}

static __device__ uint32_t pair_of(const uint16_t *x, bool one, bool two)
{
    return (one ? x[0] : 0u) | (two ? (uint32_t)x[1] << 16 : 0u);
}

/* Rows of x, cols numbers each and ld apart, as bf16 pairs in rows of `pairs`, 0 past the end. */
template <class T> static __global__ void k_narrow(uint32_t *to, const T *x, int64_t n,
                                                   int64_t cols, int64_t ld, int64_t pairs)
{
    int64_t at = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (at >= n * pairs)
        return;
    int64_t j = at % pairs * 2;
    to[at] = pair_of(x + at / pairs * ld + j, j < cols, j + 1 < cols);
}

struct stored { const void *p; int64_t rows, cols, ld; bool half; };

static int64_t pairs_of(struct stored s)
{
    return (s.cols + 7) / 8 * 4;
}

/* Where the second operand begins, in words. */
static int64_t words_of(struct stored a)
{
    return (a.rows * pairs_of(a) + 63) / 64 * 64;
}

size_t cuda_product_bytes(const struct dev *d, int64_t rows, int64_t cols, int64_t other_rows,
                          int64_t other_cols)
{
    struct stored a = { NULL, rows, cols, 0, false },
                  b = { NULL, other_rows, other_cols, 0, false };

    return d->own->f32 ? 0 : (size_t)(words_of(a) + b.rows * pairs_of(b)) * sizeof(uint32_t);
}

static struct lt_operand narrow(struct dev *d, uint32_t *to, struct stored s, bool turned)
{
    int64_t pairs = pairs_of(s);

    if (s.half && 2 * pairs == s.ld && (uintptr_t)s.p % 16 == 0)
        return { s.p, s.ld, turned };          /* as it is */
    if (s.half)
        launch(d, blocks_of(s.rows * pairs, THREADS), THREADS, 0, k_narrow<uint16_t>, to,
               (const uint16_t *)s.p, s.rows, s.cols, s.ld, pairs);
    else
        launch(d, blocks_of(s.rows * pairs, THREADS), THREADS, 0, k_narrow<float>, to,
               (const float *)s.p, s.rows, s.cols, s.ld, pairs);
    return { to, 2 * pairs, turned };
}

/* g has all but its operands. */
static void product(struct dev *d, struct lt_product g, struct stored a, bool a_turned,
                    struct stored b, bool b_turned)
{
    BUG_IF(a.half || (b.half && d->own->f32));
    if (g.I == 0 || g.J == 0 || (g.K == 0 && g.add) || d->own->fault != ST_OK)
        return;
    g.a = { a.p, a.ld, a_turned };
    g.b = { b.p, b.ld, b_turned };
    if (!d->own->f32) {
        int64_t n = words_of(a);
        uint32_t *p = (uint32_t *)cuda_scratch(
            d, CUDA_PRODUCT, cuda_product_bytes(d, a.rows, a.cols, b.rows, b.cols));
        if (!p)
            return;
        g.bf16 = true;
        g.a = narrow(d, p, a, a_turned);
        g.b = narrow(d, p + n, b, b_turned);
    }
    lt_run(d, &g);
}

static struct stored lies(struct mat m)
{
    return { m.p, m.rows, m.cols, m.ld, false };
}

static struct stored lies(struct tensor t)
{
    return { t.p, t.d[0], t.d[1], t.d[1], t.type == BF16 };
}

static struct lt_product into(struct mat y, int64_t K, bool add)
{
    struct lt_product g = {};

    g.c = y.p;
    g.ldc = y.ld;
    g.I = y.rows;
    g.J = y.cols;
    g.K = K;
    g.add = add;
    return g;
}

static struct lt_product into(struct tensor dw, int64_t K)
{
    struct lt_product g = into(mat_of(dw), K, true);

    g.tokens_summed = true;
    return g;
}

extern "C" void cuda_matmul(struct dev *d, struct mat y, struct mat x, struct tensor w,
                            struct tensor bias, bool add)
{
    struct lt_product g = into(y, x.cols, add);

    SHAPE2(w, y.cols, x.cols);
    BUG_IF(y.rows != x.rows || (bias.p && tensor_n(bias) != y.cols));
    g.bias = f32(bias);
    product(d, g, lies(x), false, lies(w), true);
}

extern "C" void cuda_matmul_dx(struct dev *d, struct mat dx, struct mat dy, struct tensor w,
                               bool add)
{
    SHAPE2(w, dy.cols, dx.cols);
    BUG_IF(dx.rows != dy.rows);
    product(d, into(dx, dy.cols, add), lies(dy), false, lies(w), false);
}

extern "C" void cuda_matmul_t(struct dev *d, struct mat y, struct mat x, struct tensor w,
                              struct tensor bias, bool add)
{
    struct lt_product g = into(y, x.cols, add);

    SHAPE2(w, x.cols, y.cols);
    BUG_IF(y.rows != x.rows || (bias.p && tensor_n(bias) != y.cols));
    g.bias = f32(bias);
    product(d, g, lies(x), false, lies(w), false);
}

static void bias_bwd(struct dev *d, struct tensor dbias, struct mat dy)
{
    if (dbias.p)
        cuda_columns(d, f32(dbias), { dy.p, NULL, NULL, NULL, dy.rows, dy.ld, dy.cols });
}

extern "C" void cuda_matmul_dw(struct dev *d, struct tensor dw, struct tensor dbias,
                               struct mat dy, struct mat x)
{
    SHAPE2(dw, dy.cols, x.cols);
    BUG_IF(dy.rows != x.rows || (dbias.p && tensor_n(dbias) != dy.cols));
    product(d, into(dw, dy.rows), lies(dy), true, lies(x), false);
    bias_bwd(d, dbias, dy);
}

extern "C" void cuda_matmul_t_dw(struct dev *d, struct tensor dw, struct tensor dbias,
                                 struct mat dy, struct mat x)
{
    SHAPE2(dw, x.cols, dy.cols);
    BUG_IF(dy.rows != x.rows || (dbias.p && tensor_n(dbias) != dy.cols));
    product(d, into(dw, dy.rows), lies(x), true, lies(dy), false);
    bias_bwd(d, dbias, dy);
}
