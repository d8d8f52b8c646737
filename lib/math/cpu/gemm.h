/* gemm.h - the product that all others are made of.
 *
 * C(i, j) = sum over k of A(i, k) B(k, j), each number of C a chain of fused multiply-adds in
 * the order of k, begun anew every GEMM_K: so it depends on its own row of A and column of B and
 * on nothing else, whatever the blocks, the threads and the neighbours.  (A library's product
 * picks its kernels and cuts by the whole shape: oneDNN's, with 777 to sum over, gives a row
 * other bits among 192 rows than among 256.) */
#ifndef GEMM_H
#define GEMM_H

#include "math/cpu/cpu.h"

#define GEMM_R 6                               /* rows of a register tile */
#if defined(__AVX512F__) || defined(__aarch64__)
#define GEMM_W 4                               /* its columns in vectors: 24 sums in 32 registers */
#else
#define GEMM_W 2                               /* 12 in 16 */
#endif
#define GEMM_COLS (GEMM_W * LANES)             /* columns of a packed strip */
#define GEMM_K    256                          /* a chain's length, a block's depth */
#define GEMM_J    512                          /* columns of a block: with GEMM_K, half of L2 */

/* A(i, k) = p[i * row + k * col]; one of row, col is 1. */
struct view2 { const float *p; int64_t row, col; };

enum gemm_mode {
    GEMM_SET,                                  /* C = sum */
    GEMM_ADD,                                  /* C = C + sum */
    GEMM_CHAIN,                                /* the chain begins at C: the same bits wherever */
};                                             /* it is cut (tiles only) */

/* C's I x J numbers at c, rows ldc apart; with a bias[J], sum + bias.  packed: all of B as
 * gemm_pack() leaves it, or NULL: packed on the way. */
struct gemm {
    float         *c;
    int64_t        ldc, I, J, K;
    struct view2   a, b;
    const float   *bias;
    enum gemm_mode mode;
    const float   *packed;
};

/* B of K x J in the order in which the product takes it, for many products by it: blocks of GEMM_J
 * columns, in each those of GEMM_K, in each the strips.  to: K * round_lanes(J) floats, aligned to
 * 64.  One of gemm_parts(K, J) blocks, each written by itself. */
int64_t gemm_parts(int64_t K, int64_t J);
void gemm_pack(float *to, struct view2 b, int64_t K, int64_t J, int64_t part);

#define GEMM_SCRATCH_BYTES ((size_t)(GEMM_K * GEMM_J) * sizeof(float))

/* By one thread; scratch of GEMM_SCRATCH_BYTES, aligned to 64. */
void gemm_one(const struct gemm *g, float *scratch);

/* By all threads, with the device's scratch. */
void gemm_all(struct dev *d, const struct gemm *g);

/* A tile from memory as it is: rows <= GEMM_R, cols <= GEMM_COLS, b's rows readable in whole
 * vectors.  One chain over all of K. */
void gemm_tile(int64_t rows, int64_t cols, int64_t K, struct view2 a, const float *b, int64_t ldb,
               float *c, int64_t ldc, const float *bias, enum gemm_mode mode);

#endif
