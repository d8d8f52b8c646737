/* matmul.c - the products of a layer: forward, by the input, by the weight.
 *
 * All three are one product with its views turned; what makes their bits stand still is in gemm.h. */
#include "math/cpu/gemm.h"

void cpu_matmul(struct dev *d, struct mat y, struct mat x, struct tensor w, struct tensor bias, bool add)
{
    SHAPE2(w, y.cols, x.cols);
    BUG_IF(y.rows != x.rows || (bias.p && tensor_n(bias) != y.cols));
    gemm_all(d, &(struct gemm){ .c = y.p, .ldc = y.ld, .I = y.rows, .J = y.cols, .K = x.cols, .a = { x.p, x.ld, 1 },
                                .b = { f32(w), 1, x.cols }, .bias = f32(bias), .mode = add ? GEMM_ADD : GEMM_SET });
}

void cpu_matmul_dx(struct dev *d, struct mat dx, struct mat dy, struct tensor w, bool add)
{
    SHAPE2(w, dy.cols, dx.cols);
    BUG_IF(dx.rows != dy.rows);
    gemm_all(d, &(struct gemm){ .c = dx.p, .ldc = dx.ld, .I = dx.rows, .J = dx.cols, .K = dy.cols, .a = { dy.p, dy.ld, 1 },
                                .b = { f32(w), dx.cols, 1 }, .mode = add ? GEMM_ADD : GEMM_SET });
}

/* dbias[M] += column sums of dy: in each column the tokens in their order, in double. */
static void column_sums(struct dev *d, float *dbias, struct mat dy)
{
    int team = cpu_team(d, (double)dy.rows * (double)dy.cols * 0.1);

    PARALLEL(team)
    for (int t = 0; t < team; t++)
        for (int64_t j = cpu_part(dy.cols, LANES, team, t); j < cpu_part(dy.cols, LANES, team, t + 1); j += LANES) {
            v8d lo = { 0 }, hi = { 0 };
            for (int64_t i = 0; i < dy.rows; i++) {
                v16 x = v_row(dy.p + i * dy.ld, j, dy.cols);
                lo += v_wide(x, 0);
                hi += v_wide(x, 1);
            }
            for (int64_t l = 0; l < MIN(LANES, dy.cols - j); l++)
                dbias[j + l] += (float)(l < 8 ? lo[l] : hi[l - 8]);
        }
}

void cpu_matmul_dw(struct dev *d, struct tensor dw, struct tensor dbias, struct mat dy, struct mat x)
{
    SHAPE2(dw, dy.cols, x.cols);
    BUG_IF(dy.rows != x.rows || (dbias.p && tensor_n(dbias) != dy.cols));
    gemm_all(d, &(struct gemm){ .c = f32(dw), .ldc = x.cols, .I = dy.cols, .J = x.cols, .K = dy.rows, .a = { dy.p, 1, dy.ld },
                                .b = { x.p, x.ld, 1 }, .mode = GEMM_ADD });
    if (dbias.p)
        column_sums(d, f32(dbias), dy);
}
