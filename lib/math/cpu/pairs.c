/* pairs.c - the product of numbers rounded to bfloat16, two of the sum at a time (AVX-512 BF16).
 *
 * gemm.c's blocks and tile, but that a word is numbers k and k + 1 of a sum.  B's block is a strip
 * of 64 columns at a time, [pair][64]; of A, 48 rows at a time are rounded beside it, in the order
 * in which they lie: [row][pair], or [pair][48] of one that lies turned.
 *
 * Sums are float32.  The instruction takes a number below 2^-126 for 0. */
#include "math/cpu/gemm.h"

#ifdef V_DOT
#define ROWS  (8 * GEMM_R)                     /* of A at a time: whole vectors too */
#define PAIRS (GEMM_K / 2)

_Static_assert(ROWS % LANES == 0 && GEMM_K % (2 * LANES) == 0, "whole vectors of pairs");

static int64_t floats(int64_t K, int64_t J)
{
    return (K + 1) / 2 * round_lanes(J);
}

/* Rows k and k + 1 of `lanes` columns, as words; one past K is 0. */
INLINE vec rows_pair(const bool half, const float *p, int64_t row, int64_t k, int64_t K,
                     int64_t lanes)
{
    const float *q = view2_on(half, p, k * row);
    vec a = view2_row(half, q, 0, lanes);
    return v_pairs(a, k + 1 < K ? view2_row(half, view2_on(half, q, row), 0, lanes) : v_zero());
}

/* One strip of B, [pair][width]. */
INLINE void pack_strip(const bool half, float *to, struct view2 b, int64_t K, int64_t J,
                       int64_t width)
{
    for (int64_t j = 0; j < width; j += LANES)
        if (b.col == 1) {
            const float *p = view2_on(half, b.p, j);
            for (int64_t k = 0; k < K; k += 2)
                v_store(to + k / 2 * width + j,
                        rows_pair(half, p, b.row, k, K, MIN(LANES, J - j)));
        } else {
            for (int64_t k = 0; k < K; k += 2 * LANES) {
                vec r[LANES];
                for (int64_t l = 0; l < LANES; l++)
                    r[l] = j + l < J ? gemm_pairs(half, view2_at(b, 0, j + l).p, k, K) : v_zero();
                v_turn(r);
                for (int64_t l = 0; l < MIN(LANES, (K - k + 1) / 2); l++)
                    v_store(to + (k / 2 + l) * width + j, r[l]);
            }
        }
}

static void pack(float *to, struct view2 b, int64_t K, int64_t J)
{
    for (int64_t s = 0; s < J; s += GEMM_COLS) {
        int64_t cols = MIN(GEMM_COLS, J - s);
        if (b.half)
            pack_strip(true, to + floats(K, s), view2_at(b, 0, s), K, cols, round_lanes(cols));
        else
            pack_strip(false, to + floats(K, s), view2_at(b, 0, s), K, cols, round_lanes(cols));
    }
}

/* `rows` of A as words at `to`, ROWS by PAIRS of them. */
INLINE struct view2 panel(const bool half, float *to, struct view2 a, int64_t rows, int64_t K)
{
    if (a.col == 1) {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t k = 0; k < K; k += 2 * LANES)
                v_store(to + i * PAIRS + k / 2, gemm_pairs(half, view2_at(a, i, 0).p, k, K));
        return view2(to, PAIRS, 1);
    }
    for (int64_t k = 0; k < K; k += 2)
        for (int64_t i = 0; i < rows; i += LANES)
            v_store(to + k / 2 * ROWS + i, rows_pair(half, view2_on(half, a.p, i), a.col, k, K,
                                                     MIN(LANES, rows - i)));
    return view2(to, 1, ROWS);
}

static void sweep(const struct gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t J, int64_t k0,
                  int64_t K, const float *packed, float *scratch)
{
    enum gemm_mode mode = k0 > 0 ? GEMM_ADD : g->mode;

    for (int64_t i = i0; i < i1; i += ROWS) {
        int64_t rows = MIN(ROWS, i1 - i);
        struct view2 from = view2_at(g->a, i, k0),
                     a = from.half ? panel(true, scratch, from, rows, K)
                                   : panel(false, scratch, from, rows, K);
        for (int64_t r = 0; r < rows; r += GEMM_R)
            for (int64_t j = 0; j < J; j += GEMM_COLS) {
                int64_t cols = MIN(GEMM_COLS, J - j);
                gemm_tile_pairs(MIN(GEMM_R, rows - r), cols, (K + 1) / 2, view2_at(a, r, 0),
                                packed + floats(K, j), round_lanes(cols),
                                g->c + (i + r) * g->ldc + j0 + j, g->ldc,
                                g->bias && k0 == 0 ? g->bias + j0 + j : NULL, mode);
            }
    }
}

/* Intel's take two of these as long as four of float32's. */
const struct gemm_kernel *pairs_kernel(void)
{
    static const struct gemm_kernel pairs = { "bf16", false, true, ROWS, GEMM_J / 2, ROWS, 0.01,
                                              floats, pack, sweep, NULL };

    return __builtin_cpu_is("intel") ? NULL : &pairs;
}
#else
const struct gemm_kernel *pairs_kernel(void)
{
    return NULL;
}
#endif
