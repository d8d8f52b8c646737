/* few.c - the product of few rows: every weight is read once, where it lies.
 *
 * gemm.c packs the weights so that lanes are columns, which costs as much as some 30 rows of
 * products.  Here, of one or two rows, LANES columns are turned in registers and used at once; of
 * more, lanes are rows, which are turned beforehand, and a weight is one broadcast.  Per number of
 * C it is the same chain of multiply-adds over k, begun anew every GEMM_K, so the same bits.
 *
 * What bounds it: of few rows reading the weights from memory, from some 16 on the multiply-adds.
 * Columns are streams of K numbers, too short for the machine's own prefetch, so each asks for
 * what the block of columns behind it will read. */
#include "math/cpu/few.h"

#define UNIT  48                               /* columns, whole tiles of every kind */
#define SLIM  2                                /* rows of which columns are turned */

/* A as the loops take it, which call a step what is multiplied at once: a number, or of pairs a
 * word of two.  Of one or two rows it lies by rows, `apart` from each other; of more it is turned,
 * in blocks of 4 vectors, the last of as many as are left: [steps][vectors][LANES]. */
struct few { const struct gemm *g; const float *x; int64_t apart, vecs; };

/* Steps of K numbers. */
INLINE int64_t steps(const bool pairs, int64_t K)
{
    return pairs ? (K + 1) / 2 : K;
}

/* LANES steps of a row from number k on; 0 past `end`. */
INLINE vec steps_of(const bool pairs, const bool half, const float *p, int64_t k, int64_t end)
{
    return pairs ? gemm_pairs(half, p, k, end) : view2_row(half, p, k, end);
}

/* ---- one or two rows ---- */

/* LANES columns' words of 32 bits from w on, `next` numbers apart, turned; those of the columns
 * behind them are asked for.  narrow: the words are of two numbers each, rounded. */
INLINE void turned_words(const bool narrow, const bool half, vec r[LANES], const float *w,
                         int64_t next)
{
#pragma GCC unroll 16
    for (int64_t l = 0; l < LANES; l++, w = view2_on(half, w, next)) {
        r[l] = narrow ? gemm_pairs(false, w, 0, 2 * LANES) : v_words(w);
        __builtin_prefetch(view2_on(half, w, LANES * next), 0, 2);
        if (narrow)
            __builtin_prefetch(w + LANES * next + LANES, 0, 2);
    }
    v_turn(r);
}

/* acc[n] += row n of A by n_steps of the columns; ROWS is a constant.  split: a word is two steps,
 * bfloat16 k and k + 1. */
INLINE void sums(const int ROWS, const bool pairs, const bool split, const struct few *f,
                 vec acc[SLIM], const vec r[LANES], int64_t step, int64_t n_steps)
{
    for (int n = 0; n < ROWS; n++) {
        const float *x = f->x + n * f->apart + step;
#pragma GCC unroll 16
        for (int64_t l = 0; l < n_steps; l++)
            if (split) {
                acc[n] += v_splat(x[2 * l]) * (vec)((uvec)r[l] << 16);
                acc[n] += v_splat(x[2 * l + 1]) * (vec)((uvec)r[l] & 0xffff0000);
            } else {
                acc[n] = gemm_more(pairs, acc[n], x + l, r[l]);
            }
    }
}

/* ROWS, `pairs` and `half` are constants.  Columns [j, j + cols), at most LANES, over numbers k to
 * `end` of the sum.  Two halves to a word are turned as one. */
INLINE void slim_piece(const int ROWS, const bool pairs, const bool half, const struct few *f,
                       vec acc[SLIM], int64_t j, int64_t cols, int64_t k, int64_t end)
{
    const int64_t at_once = half || pairs ? 2 * LANES : LANES, rest = pairs ? 2 * LANES : LANES;
    const struct view2 b = f->g->b;
    vec r[LANES];

    for (; cols == LANES && end - k >= at_once; k += at_once) {
        turned_words(pairs && !half, half, r, view2_at(b, k, j).p, b.col);
        sums(ROWS, pairs, half && !pairs, f, acc, r, steps(pairs, k), LANES);
    }
    for (; k < end; k += rest) {
        for (int64_t l = 0; l < LANES; l++)
            r[l] = l < cols ? steps_of(pairs, half, view2_at(b, 0, j + l).p, k, end) : v_zero();
        v_turn(r);
        sums(ROWS, pairs, false, f, acc, r, steps(pairs, k), steps(pairs, MIN(rest, end - k)));
    }
}

INLINE void slim(const int ROWS, const bool pairs, const bool half, const struct few *f,
                 int64_t j, int64_t cols)
{
    const struct gemm *g = f->g;
    vec sum[SLIM] = { 0 };

    for (int64_t k = 0; k < g->K; k += GEMM_K) {
        vec acc[SLIM] = { 0 };
        slim_piece(ROWS, pairs, half, f, acc, j, cols, k, MIN(k + GEMM_K, g->K));
        for (int n = 0; n < ROWS; n++) {
            vec own = acc[n];
            if (k > 0)
                own = own + sum[n];
            else if (g->bias)
                own = own + v_row(g->bias, j, j + cols);
            if (k == 0 && g->mode == GEMM_ADD)
                own = own + v_row(g->c + n * g->ldc, j, j + cols);
            sum[n] = own;
        }
    }
    for (int n = 0; n < ROWS; n++)
        v_row_put(g->c + n * g->ldc, j, j + cols, sum[n]);
}

INLINE void slim_columns(const bool pairs, const bool half, const struct few *f, int64_t begin,
                         int64_t end)
{
    for (int64_t j = begin; j < end; j += LANES)
        if (f->g->I == 1)
            slim(1, pairs, half, f, j, MIN(LANES, end - j));
        else
            slim(2, pairs, half, f, j, MIN(LANES, end - j));
}

static void slim_part(void *of, int64_t begin, int64_t end)
{
    const struct few *f = of;

    if (f->g->by->pairs && f->g->b.half)
        slim_columns(true, true, f, begin, end);
    else if (f->g->by->pairs)
        slim_columns(true, false, f, begin, end);
    else if (f->g->b.half)
        slim_columns(false, true, f, begin, end);
    else
        slim_columns(false, false, f, begin, end);
}

/* ---- more than two rows ---- */

/* Steps of K numbers from p on at `to`, whole vectors of them, while the line `behind` numbers on
 * is asked for: 2 LANES at a time, of halves a line. */
INLINE void make(const bool pairs, const bool half, float *to, const float *p, int64_t K,
                 int64_t behind)
{
    int64_t k = 0;

    for (; K - k >= 2 * LANES; k += 2 * LANES) {
        const float *at = view2_on(half, p, k);
        __builtin_prefetch(view2_on(half, at, behind), 0, 2);
        if (!half)
            __builtin_prefetch(at + behind + LANES, 0, 2);
        v_store(to + steps(pairs, k), steps_of(pairs, half, at, 0, 2 * LANES));
        if (!pairs)
            v_store(to + k + LANES, steps_of(false, half, at, LANES, 2 * LANES));
    }
    for (; k < K; k += pairs ? 2 * LANES : LANES)
        v_store(to + steps(pairs, k), steps_of(pairs, half, p, k, K));
}

/* Where columns from j on have the steps of numbers k0 to k0 + K: there, or made at `own`. */
INLINE void columns(const int COLS, const bool pairs, const bool there, const struct gemm *g,
                    const float *w[16], float *own, int64_t j, int64_t k0, int64_t K)
{
    for (int c = 0; c < COLS; c++) {
        w[c] = view2_at(g->b, k0, j + c).p;
        if (there)
            continue;
        if (g->b.half)
            make(pairs, true, own + c * GEMM_K, w[c], K, COLS * g->b.col);
        else
            make(pairs, false, own + c * GEMM_K, w[c], K, COLS * g->b.col);
        w[c] = own + c * GEMM_K;
    }
}

/* ROWS, COLS and `pairs` are constants at every call. */
INLINE void tile(const int ROWS, const int COLS, const bool pairs, const struct gemm *g,
                 const float *x, int64_t i, int64_t j)
{
    vec sum[4][16] = { 0 };
    float own[16 * GEMM_K];
    const float *w[16];

    for (int64_t k0 = 0; k0 < g->K; k0 += GEMM_K) {
        int64_t K = MIN(GEMM_K, g->K - k0), n = steps(pairs, K);
        bool there = pairs ? g->b.half && K % 2 == 0 : !g->b.half;
        vec acc[4][16];
        columns(COLS, pairs, there, g, w, own, j, k0, K);
#pragma GCC unroll 16
        for (int c = 0; c < COLS; c++)
#pragma GCC unroll 4
            for (int r = 0; r < ROWS; r++)
                acc[r][c] = v_zero();
        for (int64_t k = 0; k < n; k++, x += ROWS * LANES) {
            vec row[4];
            if (k % 16 == 0 && there)
#pragma GCC unroll 16
                for (int c = 0; c < COLS; c++)
                    __builtin_prefetch(view2_on(pairs, w[c] + k, COLS * g->b.col), 0, 2);
#pragma GCC unroll 4
            for (int r = 0; r < ROWS; r++)
                row[r] = v_load(x + r * LANES);
#pragma GCC unroll 16
            for (int c = 0; c < COLS; c++)
#pragma GCC unroll 4
                for (int r = 0; r < ROWS; r++)
                    acc[r][c] = gemm_more(pairs, acc[r][c], w[c] + k, row[r]);
        }
        for (int c = 0; c < COLS; c++)
            for (int r = 0; r < ROWS; r++) {
                vec piece = acc[r][c];
                if (k0 > 0)
                    piece = piece + sum[r][c];
                else if (g->bias)
                    piece = piece + v_splat(g->bias[j + c]);
                sum[r][c] = piece;
            }
        if (k0 == 0 && g->mode == GEMM_ADD)
            for (int64_t m = 0; m < MIN(ROWS * LANES, g->I - i); m++)
                for (int c = 0; c < COLS; c++)
                    sum[m / LANES][c][m % LANES] += g->c[(i + m) * g->ldc + j + c];
    }
    for (int64_t m = 0; m < MIN(ROWS * LANES, g->I - i); m++)
        for (int c = 0; c < COLS; c++)
            g->c[(i + m) * g->ldc + j + c] = sum[m / LANES][c][m % LANES];
}

/* Columns that a tile of so many vectors has. */
static const int cols_of[] = { 0, 16, 8, 8, 6 };

INLINE void whole(const bool pairs, const struct gemm *g, const float *x, int64_t vecs, int64_t i,
                  int64_t j)
{
    if (vecs == 1)
        tile(1, 16, pairs, g, x, i, j);
    else if (vecs == 2)
        tile(2, 8, pairs, g, x, i, j);
    else if (vecs == 3)
        tile(3, 8, pairs, g, x, i, j);
    else
        tile(4, 6, pairs, g, x, i, j);
}

INLINE void single(const bool pairs, const struct gemm *g, const float *x, int64_t vecs, int64_t i,
                   int64_t j)
{
    if (vecs == 1)
        tile(1, 1, pairs, g, x, i, j);
    else if (vecs == 2)
        tile(2, 1, pairs, g, x, i, j);
    else if (vecs == 3)
        tile(3, 1, pairs, g, x, i, j);
    else
        tile(4, 1, pairs, g, x, i, j);
}

INLINE void few_columns(const bool pairs, const struct few *f, int64_t begin, int64_t end)
{
    const struct gemm *g = f->g;

    for (int64_t j = begin; j < end; j += UNIT)
        for (int64_t v = 0; v < f->vecs; v += 4) {
            int64_t vecs = MIN(4, f->vecs - v), cols = MIN(UNIT, end - j), c = 0;
            const float *x = f->x + v * LANES * steps(pairs, g->K);
            for (; c + cols_of[vecs] <= cols; c += cols_of[vecs])
                whole(pairs, g, x, vecs, v * LANES, j + c);
            for (; c < cols; c++)
                single(pairs, g, x, vecs, v * LANES, j + c);
        }
}

static void few_part(void *of, int64_t begin, int64_t end)
{
    const struct few *f = of;

    if (f->g->by->pairs)
        few_columns(true, f, begin, end);
    else
        few_columns(false, f, begin, end);
}

/* Rows [v LANES, ...) of A turned into their place in a block of `vecs` vectors. */
static void turn(const struct gemm *g, float *to, int64_t v, int64_t vecs)
{
    const bool pairs = g->by->pairs;
    int64_t rows = MIN(LANES, g->I - v * LANES), at_once = pairs ? 2 * LANES : LANES;

    for (int64_t k = 0; k < g->K; k += at_once) {
        vec r[LANES];
        for (int64_t l = 0; l < LANES; l++)
            r[l] = l < rows ? steps_of(pairs, false, view2_at(g->a, v * LANES + l, 0).p, k, g->K)
                            : v_zero();
        v_turn(r);
        for (int64_t l = 0; l < steps(pairs, MIN(at_once, g->K - k)); l++)
            v_store(to + (steps(pairs, k) + l) * vecs * LANES, r[l]);
    }
}

/* A as the loops take it; false: no memory. */
static bool prepare(struct dev *d, struct few *f)
{
    const struct gemm *g = f->g;
    const bool pairs = g->by->pairs, slim = g->I <= SLIM;
    int64_t n = steps(pairs, g->K), rows = slim ? g->I : f->vecs * LANES;
    float *x;

    f->x = g->a.p;
    f->apart = g->a.row;
    if (slim && !pairs)
        return true;
    f->apart = round_lanes(n);
    if (!(x = cpu_scratch(d, (size_t)(rows * f->apart) * sizeof(float))))
        return false;
    f->x = x;
    for (int64_t i = 0; slim && i < g->I; i++)
        for (int64_t k = 0; k < g->K; k += 2 * LANES)
            v_store(x + i * f->apart + k / 2, gemm_pairs(false, view2_at(g->a, i, 0).p, k, g->K));
    for (int64_t v = 0; !slim && v < f->vecs; v++) {
        int64_t block = v / 4 * 4;
        turn(g, x + block * LANES * n + v % 4 * LANES, v, MIN(4, f->vecs - block));
    }
    return true;
}

/* ---- where the kernel turns: the weights are read, and rounded, where they lie ---- */

static void swapped(struct dev *d, const struct gemm *g)
{
    const struct gemm_kernel *by = d->own->gemm;
    float *x = cpu_scratch(d, (size_t)d->threads * GEMM_SCRATCH_BYTES +
                                  (size_t)gemm_floats(by, g->K, g->I) * sizeof(float));
    struct gemm t = { .c = g->c, .ldc = g->ldc, .I = g->J, .J = g->I, .K = g->K,
                      .a = { g->b.p, g->b.col, 1, g->b.half }, .b = view2(g->a.p, 1, g->a.row),
                      .bias = g->bias, .mode = g->mode, .turned = true };

    if (!x)
        return;
    x += (size_t)d->threads * (GEMM_SCRATCH_BYTES / sizeof(float));
    for (int64_t i = 0; i < gemm_parts(t.K, t.J); i++)
        gemm_pack(by, x, t.b, t.K, t.J, i);
    t.packed = x;
    gemm_all(d, &t);
}

void few_all(struct dev *d, const struct gemm *g)
{
    struct gemm own = *g;
    struct few f = { .g = &own, .vecs = (g->I + LANES - 1) / LANES };

    own.by = d->own->gemm;
    BUG_IF(g->b.row != 1 || g->a.col != 1 || g->mode == GEMM_CHAIN);
    if (g->I == 0)
        return;
    if (own.by->few && g->I <= SLIM)
        own.by->few(d, &own);
    else if (own.by->turns)
        swapped(d, g);
    else if (!prepare(d, &f))
        return;
    else if (g->I > SLIM)
        cpu_share(d, g->J, UNIT, (double)g->K * (double)f.vecs * 0.15, few_part, &f);
    else
        cpu_share(d, g->J, 4 * LANES, (double)g->K * 0.1, slim_part, &f);
}
