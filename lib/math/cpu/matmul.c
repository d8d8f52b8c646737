/* matmul.c - the products of a layer: forward, by the input, by the weight; and with the weight
 * transposed.
 *
 * All are one product with its views turned; what makes their bits stand still is in gemm.h. */
#include "math/cpu/few.h"

void cpu_matmul(struct dev *d, struct mat y, struct mat x, struct tensor w, struct tensor bias,
                bool add)
{
    struct gemm g = { .c = y.p, .ldc = y.ld, .I = y.rows, .J = y.cols, .K = x.cols,
                      .a = view2(x.p, x.ld, 1), .b = view2_of(w, 1, x.cols), .bias = f32(bias),
                      .mode = add ? GEMM_ADD : GEMM_SET };

    SHAPE2(w, y.cols, x.cols);
    BUG_IF(y.rows != x.rows || (bias.p && tensor_n(bias) != y.cols));
    if (g.I <= FEW_ROWS)
        few_all(d, &g);
    else
        gemm_all(d, &g);
}

void cpu_matmul_dx(struct dev *d, struct mat dx, struct mat dy, struct tensor w, bool add)
{
    struct gemm g = { .c = dx.p, .ldc = dx.ld, .I = dx.rows, .J = dx.cols, .K = dy.cols,
                      .a = view2(dy.p, dy.ld, 1), .b = view2_of(w, dx.cols, 1),
                      .mode = add ? GEMM_ADD : GEMM_SET };

    SHAPE2(w, dy.cols, dx.cols);
    BUG_IF(dx.rows != dy.rows);
    gemm_all(d, &g);
}

void cpu_matmul_dw(struct dev *d, struct tensor dw, struct tensor dbias, struct mat dy,
                   struct mat x)
{
    struct gemm g = { .c = f32(dw), .ldc = x.cols, .I = dy.cols, .J = x.cols, .K = dy.rows,
                      .a = view2(dy.p, 1, dy.ld), .b = view2(x.p, x.ld, 1), .mode = GEMM_ADD };

    SHAPE2(dw, dy.cols, x.cols);
    BUG_IF(dy.rows != x.rows || (dbias.p && tensor_n(dbias) != dy.cols));
    gemm_all(d, &g);
    if (dbias.p)
        cpu_columns(d, f32(dbias), dy.p, dy.rows, dy.ld, dy.cols);
}

void cpu_matmul_t(struct dev *d, struct mat y, struct mat x, struct tensor w, struct tensor bias,
                  bool add)
{
    struct gemm g = { .c = y.p, .ldc = y.ld, .I = y.rows, .J = y.cols, .K = x.cols,
                      .a = view2(x.p, x.ld, 1), .b = view2_of(w, y.cols, 1), .bias = f32(bias),
                      .mode = add ? GEMM_ADD : GEMM_SET };

    SHAPE2(w, x.cols, y.cols);
    BUG_IF(y.rows != x.rows || (bias.p && tensor_n(bias) != y.cols));
    gemm_all(d, &g);
}

void cpu_matmul_t_dw(struct dev *d, struct tensor dw, struct tensor dbias, struct mat dy,
                     struct mat x)
{
    struct gemm g = { .c = f32(dw), .ldc = dy.cols, .I = x.cols, .J = dy.cols, .K = dy.rows,
                      .a = view2(x.p, 1, x.ld), .b = view2(dy.p, dy.ld, 1), .mode = GEMM_ADD };

    SHAPE2(dw, x.cols, dy.cols);
    BUG_IF(dy.rows != x.rows || (dbias.p && tensor_n(dbias) != dy.cols));
    gemm_all(d, &g);
    if (dbias.p)
        cpu_columns(d, f32(dbias), dy.p, dy.rows, dy.ld, dy.cols);
}
