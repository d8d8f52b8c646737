/* gemm.h - the product that all others are made of.
 *
 * C(i, j) = sum over k of A(i, k) B(k, j), each number of C one chain of sums in the order of k,
 * begun anew every GEMM_K: so it depends on its own row of A and column of B and on nothing else,
 * whatever the blocks, the threads and the neighbours.  (A library's product picks its kernels
 * and cuts by the whole shape: oneDNN's, with 777 to sum over, gives a row other bits among 192
 * rows than among 256.)
 *
 * The chain is of fused multiply-adds (gemm.c) or, where the machine has tile registers, of what
 * they add up (amx.c); with bfloat16 products, of two of them at a time (pairs.c, amx.c): which
 * one, a device's name and the machine decide once. */
#ifndef GEMM_H
#define GEMM_H

#include "math/cpu/cpu.h"
#include "math/cpu/halves.h"

#define GEMM_R 6                               /* rows of a register tile */
#if defined(__AVX512F__) || defined(__aarch64__)
#define GEMM_W 4                               /* its columns in vectors: 24 sums in 32 registers */
#else
#define GEMM_W 2                               /* 12 in 16 */
#endif
#define GEMM_COLS (GEMM_W * LANES)             /* columns of a packed strip */
#define GEMM_K    256                          /* a chain's length, a block's depth */
#define GEMM_J    512                          /* columns of a block: with GEMM_K, half of L2 */

/* A(i, k) = p[i * row + k * col]; one of row, col is 1.  half: p is of bfloat16, which are taken as
 * the floats they are. */
struct view2 { const float *p; int64_t row, col; bool half; };

INLINE struct view2 view2(const float *p, int64_t row, int64_t col)
{
    return (struct view2){ p, row, col, false };
}

/* n numbers on from p. */
INLINE const float *view2_on(const bool half, const float *p, int64_t n)
{
    return (const float *)((const char *)p + n * (half ? 2 : 4));
}

/* The view that begins at (i, k) of v. */
INLINE struct view2 view2_at(struct view2 v, int64_t i, int64_t k)
{
    v.p = view2_on(v.half, v.p, i * v.row + k * v.col);
    return v;
}

/* Of n numbers in a row from p on, LANES at place j; `half` is the view's, and a constant. */
INLINE vec view2_row(const bool half, const float *p, int64_t j, int64_t n)
{
    return half ? v_row_half(p, j, n) : v_row(p, j, n);
}

/* Weights, of which (j, k) lies at j * row + k * col. */
INLINE struct view2 view2_of(struct tensor w, int64_t row, int64_t col)
{
    BUG_IF(w.type != F32 && w.type != BF16);
    return (struct view2){ w.p, row, col, w.type == BF16 };
}

enum gemm_mode {
    GEMM_SET,                                  /* C = sum */
    GEMM_ADD,                                  /* C = C + sum */
    GEMM_CHAIN,                                /* the chain begins at C: the same bits wherever */
};                                             /* it is cut (tiles only) */

/* sum + *a by b: numbers or, of pairs, words of two bfloat16.  pairs is a constant, and true only
 * where the build has V_DOT. */
INLINE vec gemm_more(const bool pairs, vec sum, const float *a, vec b)
{
#ifdef V_DOT
    if (pairs) {
        int32_t word;
        memcpy(&word, a, sizeof word);
        return v_dot(sum, word - (ivec){ 0 }, b);
    }
#endif
    (void)pairs;
    return sum + v_splat(*a) * b;
}

/* 2 LANES of a row of K numbers, from k on, as words of two, rounded; 0 past K.  Where there is no
 * V_DOT nobody asks. */
INLINE vec gemm_pairs(const bool half, const float *p, int64_t k, int64_t K)
{
#ifdef V_DOT
    return v_halves(view2_row(half, p, k, K),
                    k + LANES < K ? view2_row(half, p, k + LANES, K) : v_zero());
#else
    return view2_row(half, p, k, K);
#endif
}

/* C's I x J numbers at c, rows ldc apart; with a bias[J], sum + bias.  packed: all of B as
 * gemm_pack() leaves it, or NULL: packed on the way.  by: a device's (cpu.h); gemm_all() knows. */
struct gemm {
    const struct gemm_kernel *by;
    float         *c;
    int64_t        ldc, I, J, K;
    struct view2   a, b;
    const float   *bias;
    enum gemm_mode mode;
    const float   *packed;
    bool           turned;                     /* C(i, j) at c[j * ldc + i], and A and B change */
};                                             /* places in the chain (where `by` turns) */

/* What the blocks are made by.  floats: of a packed B.  pack: K x J numbers of B, at most GEMM_K x
 * GEMM_J, into strips.  sweep: rows [i0, i1) against a packed block of J columns from j0 on, the
 * piece of the sum from k0 on, scratch behind a packed block's.  few: all of a product of one or
 * two rows, to the same bits, by all threads; NULL: few.c's. */
struct gemm_kernel {
    const char *name;                          /* of the registers */
    bool    turns;                             /* may be `turned`: few rows as B, weights as A */
    bool    pairs;                             /* two numbers of the sum at a time (V_DOT) */
    int64_t rows, cols, least;                 /* a task's are a multiple; as many; no fewer rows */
    double  ns;                                /* a multiply-add */
    int64_t (*floats)(int64_t K, int64_t J);
    void (*pack)(float *to, struct view2 b, int64_t K, int64_t J);
    void (*sweep)(const struct gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t J, int64_t k0,
                  int64_t K, const float *packed, float *scratch);
    void (*few)(struct dev *d, const struct gemm *g);
};

/* The fastest of this machine and build, of float32's numbers or with inputs rounded to bfloat16;
 * NULL: none that is faster for it. */
const struct gemm_kernel *gemm_kernel(bool bf16);

/* What it chooses from; NULL: not on this machine, or not in this build. */
const struct gemm_kernel *amx_kernel(bool bf16);
void amx_few(struct dev *d, const struct gemm *g, int planes);
const struct gemm_kernel *pairs_kernel(void);

/* B of K x J in the order in which the product takes it, for many products by it: blocks of GEMM_J
 * columns, in each those of GEMM_K, in each the strips.  to: gemm_floats(K, J) of them, aligned to
 * 64.  One of gemm_parts(K, J) blocks, each written by itself. */
int64_t gemm_floats(const struct gemm_kernel *by, int64_t K, int64_t J);
int64_t gemm_parts(int64_t K, int64_t J);
void gemm_pack(const struct gemm_kernel *by, float *to, struct view2 b, int64_t K, int64_t J,
               int64_t part);

#if LANES == 16                                /* B as three bfloat16, 32 rows of A, four tiles */
#define GEMM_SCRATCH_BYTES ((size_t)(GEMM_K * GEMM_J * 6 + GEMM_K * 32 * 6 + 4096))
#else
#define GEMM_SCRATCH_BYTES ((size_t)(GEMM_K * GEMM_J) * sizeof(float))
#endif

/* By one thread; scratch of GEMM_SCRATCH_BYTES, aligned to 64. */
void gemm_one(const struct gemm *g, float *scratch);

/* By all threads, with the device's scratch and kernel. */
void gemm_all(struct dev *d, const struct gemm *g);

/* A tile from memory as it is: rows <= GEMM_R, cols <= GEMM_COLS, b's rows readable in whole
 * vectors.  One chain over all of K.  Of pairs: numbers of A and B are words of two bfloat16. */
void gemm_tile(int64_t rows, int64_t cols, int64_t K, struct view2 a, const float *b, int64_t ldb,
               float *c, int64_t ldc, const float *bias, enum gemm_mode mode);
void gemm_tile_pairs(int64_t rows, int64_t cols, int64_t K, struct view2 a, const float *b,
                     int64_t ldb, float *c, int64_t ldc, const float *bias, enum gemm_mode mode);

#endif
