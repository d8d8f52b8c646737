/* amx_few.c - one or two rows to the bits of amx.c, by vectors.
 *
 * A tile of one row costs what one of 16 does, and weights that are packed for it wait for the
 * products, where memory is what bounds the whole.  Here weights are used as they come from it,
 * LANES columns at a time, turned in registers.  A tile instruction adds 32 products as two
 * chains of 16 from 0, one of lower and one of upper halves of words, then both to each other
 * and to the sum; numbers below 2^-126 are 0 to it.  So do these, in the order of its planes. */
#include "math/cpu/gemm.h"
#include "math/cpu/planes.h"

#ifdef __AVX512BW__
#define SIDE 16
#define DEEP 32                                /* of k in an instruction */

/* x: each row's planes, `apart` floats each, of K numbers and zeros. */
struct few { const struct gemm *g; int planes; const float *x; int64_t apart; };

/* Planes of x by planes of w that are taken, in their order: small ones first. */
static const int taken[2][6][2] = {
    { { 2, 0 }, { 1, 0 }, { 0, 0 } },          /* of w held in bfloat16 */
    { { 2, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 }, { 0, 2 }, { 0, 0 } },
};

/* sum[n][i] += product i of row n by one number k of each column. */
INLINE void more(const int ROWS, const int planes, const bool half, const struct few *f,
                 vec sum[2][6], const vec w[3], int64_t k)
{
    const int n_taken = planes == 1 ? 1 : half ? 3 : 6;

#pragma GCC unroll 2
    for (int n = 0; n < ROWS; n++)
#pragma GCC unroll 6
        for (int i = 0; i < n_taken; i++) {
            const int *of = planes == 1 ? (const int[]){ 0, 0 } : taken[!half][i];
            sum[n][i] = v_fma(v_splat(f->x[(n * planes + of[0]) * f->apart + k]), w[of[1]],
                              sum[n][i]);
        }
}

/* 16 numbers from k on of each column, which r has turned: floats, or from word `first` on halves
 * k and k + 1. */
INLINE void chain(const int ROWS, const int planes, const bool half, const struct few *f,
                  vec sum[2][6], const vec r[SIDE], int64_t k, int first)
{
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++)
        sum[0][i] = sum[1][i] = v_zero();
#pragma GCC unroll 16
    for (int l = 0; l < SIDE; l++) {
        vec w[3];
        if (half)
            w[0] = l % 2 ? (vec)((ivec)r[first + l / 2] & PLANE_BITS)
                         : (vec)((ivec)r[first + l / 2] << 16);
        else
            planes_of(planes, w, r[l]);
        more(ROWS, planes, half, f, sum, w, k + l);
    }
}

/* LANES columns' 16 words from p on, columns `apart` numbers from each other; those that are asked
 * for meanwhile are the next columns'. */
INLINE void words(const bool half, vec r[SIDE], const float *p, int64_t apart)
{
#pragma GCC unroll 16
    for (int l = 0; l < SIDE; l++, p = view2_on(half, p, apart)) {
        r[l] = v_words(p);
        __builtin_prefetch(view2_on(half, p, SIDE * apart), 0, 2);
    }
    v_turn(r);
}

/* The same of less: n of `cols` columns' numbers, and zeros. */
INLINE void some_words(const bool half, vec r[SIDE], const float *p, int64_t apart, int64_t cols,
                       int64_t n)
{
    for (int64_t l = 0; l < SIDE; l++) {
        r[l] = v_zero();
        if (l < cols && n > 0)
            memcpy(&r[l], view2_on(half, p, l * apart), (size_t)MIN(n * (half ? 2 : 4), 64));
    }
    v_turn(r);
}

INLINE void piece(const int ROWS, const int planes, const bool half, const struct few *f,
                  vec acc[2], int64_t j, int64_t cols, int64_t k0, int64_t end)
{
    const struct view2 b = f->g->b;
    const int n_taken = planes == 1 ? 1 : half ? 3 : 6;
    vec r[2][SIDE], low[2][6], high[2][6];

    acc[0] = acc[1] = v_zero();
    for (int64_t k = k0; k < end; k += DEEP) {
        const float *p = view2_at(b, k, j).p, *q = half ? p : p + SIDE;
        if (cols == LANES && end - k >= DEEP) {
            words(half, r[0], p, b.col);
            if (!half)
                words(half, r[1], q, b.col);
        } else {
            some_words(half, r[0], p, b.col, cols, end - k);
            if (!half)
                some_words(half, r[1], q, b.col, cols, end - k - SIDE);
        }
        chain(ROWS, planes, half, f, low, r[0], k, 0);
        chain(ROWS, planes, half, f, high, r[half ? 0 : 1], k + SIDE, half ? SIDE / 2 : 0);
        for (int n = 0; n < ROWS; n++)
            for (int i = 0; i < n_taken; i++)
                acc[n] = acc[n] + (low[n][i] + high[n][i]);
    }
}

typedef void piece_fn(const struct few *f, vec acc[2], int64_t j, int64_t cols, int64_t k0,
                      int64_t end);

/* Not inlined: the machine's mode is another inside (below). */
#define PIECE(ROWS, P, H)                                                                   \
    static __attribute__((noinline)) void piece_##ROWS##P##H(                               \
        const struct few *f, vec acc[2], int64_t j, int64_t cols, int64_t k0, int64_t end)  \
    {                                                                                       \
        piece(ROWS, P, H, f, acc, j, cols, k0, end);                                        \
    }
#define PIECES(P, H) PIECE(1, P, H) PIECE(2, P, H)
PIECES(1, 0)
PIECES(1, 1)
PIECES(3, 0)
PIECES(3, 1)

static void columns(const struct few *f, piece_fn *by, int64_t j, int64_t cols)
{
    const uint32_t zeros = 0x8040;             /* numbers below 2^-126, read and made */
    const struct gemm *g = f->g;
    vec sum[2] = { 0 }, acc[2];

    for (int64_t k = 0; k < g->K; k += GEMM_K) {
        uint32_t mode = _mm_getcsr();
        _mm_setcsr(mode | zeros);
        by(f, acc, j, cols, k, MIN(k + GEMM_K, g->K));
        _mm_setcsr(mode);
        for (int64_t n = 0; n < g->I; n++) {
            if (k > 0)
                acc[n] = acc[n] + sum[n];
            else if (g->bias)
                acc[n] = acc[n] + v_row(g->bias, j, j + cols);
            if (k == 0 && g->mode == GEMM_ADD)
                acc[n] = acc[n] + v_row(g->c + n * g->ldc, j, j + cols);
            sum[n] = acc[n];
        }
    }
    for (int64_t n = 0; n < g->I; n++)
        v_row_put(g->c + n * g->ldc, j, j + cols, sum[n]);
}

static void few_part(void *of, int64_t begin, int64_t end)
{
    static piece_fn *const by[2][2][2] = { { { piece_130, piece_131 }, { piece_230, piece_231 } },
                                           { { piece_110, piece_111 }, { piece_210, piece_211 } } };
    const struct few *f = of;
    const struct gemm *g = f->g;

    for (int64_t j = begin; j < end; j += LANES)
        columns(f, by[f->planes == 1][g->I - 1][g->b.half], j, MIN(LANES, end - j));
}

void amx_few(struct dev *d, const struct gemm *g, int planes)
{
    struct few f = { .g = g, .planes = planes, .apart = (g->K + DEEP - 1) / DEEP * DEEP };
    float *x = cpu_scratch(d, (size_t)(g->I * planes * f.apart) * sizeof(float));

    if (!x)
        return;
    f.x = x;
    for (int64_t i = 0; i < g->I; i++, x += planes * f.apart)
        for (int64_t k = 0; k < f.apart; k += LANES) {
            vec of[3];
            planes_of(planes, of, v_row(g->a.p + i * g->a.row, k, MAX(k, g->K)));
            for (int p = 0; p < planes; p++)
                v_store(x + p * f.apart + k, of[p]);
        }
    cpu_share(d, g->J, 4 * LANES, (double)g->K * 0.2, few_part, &f);
}
#endif
