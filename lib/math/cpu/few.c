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

/* ---- one or two rows ---- */

/* ROWS is a constant.  Columns [j, j + cols), at most LANES. */
INLINE void slim(const int ROWS, const struct gemm *g, int64_t j, int64_t cols)
{
    vec sum[SLIM] = { 0 };

    for (int64_t k0 = 0; k0 < g->K; k0 += GEMM_K) {
        int64_t end = MIN(k0 + GEMM_K, g->K);
        vec acc[SLIM];
        for (int n = 0; n < ROWS; n++)
            acc[n] = v_zero();
        for (int64_t k = k0; k < end; k += LANES) {
            const float *w = g->b.p + j * g->b.col + k;
            vec r[LANES];
            if (cols == LANES && end - k >= LANES) {
#pragma GCC unroll 16
                for (int64_t l = 0; l < LANES; l++, w += g->b.col) {
                    r[l] = v_load(w);
                    __builtin_prefetch(w + LANES * g->b.col, 0, 2);
                }
            } else {
                for (int64_t l = 0; l < LANES; l++)
                    r[l] = l < cols ? v_row(w + l * g->b.col, 0, end - k) : v_zero();
            }
            v_turn(r);
            for (int n = 0; n < ROWS; n++) {
                const float *x = g->a.p + n * g->a.row + k;
                if (end - k >= LANES)
#pragma GCC unroll 16
                    for (int l = 0; l < LANES; l++)
                        acc[n] += v_splat(x[l]) * r[l];
                else
                    for (int64_t l = 0; l < end - k; l++)
                        acc[n] += v_splat(x[l]) * r[l];
            }
        }
        for (int n = 0; n < ROWS; n++) {
            vec own = acc[n];
            if (k0 > 0)
                own = own + sum[n];
            else if (g->bias)
                own = own + v_row(g->bias, j, j + cols);
            if (k0 == 0 && g->mode == GEMM_ADD)
                own = own + v_row(g->c + n * g->ldc, j, j + cols);
            sum[n] = own;
        }
    }
    for (int n = 0; n < ROWS; n++)
        v_row_put(g->c + n * g->ldc, j, j + cols, sum[n]);
}

static void slim_part(void *of, int64_t begin, int64_t end)
{
    const struct gemm *g = of;

    for (int64_t j = begin; j < end; j += LANES)
        if (g->I == 1)
            slim(1, g, j, MIN(LANES, end - j));
        else
            slim(2, g, j, MIN(LANES, end - j));
}

/* ---- more than two rows ---- */

/* A's rows, turned: blocks of V vectors, [K][V][LANES] each, zero past the last row. */
struct few { const struct gemm *g; const float *x; int64_t vecs; };

/* ROWS and COLS are constants at every call. */
INLINE void tile(const int ROWS, const int COLS, const struct gemm *g, const float *x, int64_t i,
                 int64_t j)
{
    vec sum[4][16] = { 0 };
    const float *w[16];

    for (int c = 0; c < COLS; c++)
        w[c] = g->b.p + (j + c) * g->b.col;
    for (int64_t k0 = 0; k0 < g->K; k0 += GEMM_K) {
        int64_t K = MIN(GEMM_K, g->K - k0);
        vec acc[4][16];
#pragma GCC unroll 16
        for (int c = 0; c < COLS; c++)
#pragma GCC unroll 4
            for (int r = 0; r < ROWS; r++)
                acc[r][c] = v_zero();
        for (int64_t k = 0; k < K; k++, x += ROWS * LANES) {
            vec row[4];
            if (k % 16 == 0)
#pragma GCC unroll 16
                for (int c = 0; c < COLS; c++)
                    __builtin_prefetch(w[c] + k0 + k + COLS * g->b.col, 0, 2);
#pragma GCC unroll 4
            for (int r = 0; r < ROWS; r++)
                row[r] = v_load(x + r * LANES);
#pragma GCC unroll 16
            for (int c = 0; c < COLS; c++) {
                vec by = v_splat(w[c][k0 + k]);
#pragma GCC unroll 4
                for (int r = 0; r < ROWS; r++)
                    acc[r][c] += by * row[r];
            }
        }
        for (int c = 0; c < COLS; c++)
            for (int r = 0; r < ROWS; r++) {
                vec own = acc[r][c];
                if (k0 > 0)
                    own = own + sum[r][c];
                else if (g->bias)
                    own = own + v_splat(g->bias[j + c]);
                sum[r][c] = own;
            }
        if (k0 == 0 && g->mode == GEMM_ADD)
            for (int64_t n = 0; n < MIN(ROWS * LANES, g->I - i); n++)
                for (int c = 0; c < COLS; c++)
                    sum[n / LANES][c][n % LANES] += g->c[(i + n) * g->ldc + j + c];
    }
    for (int64_t n = 0; n < MIN(ROWS * LANES, g->I - i); n++)
        for (int c = 0; c < COLS; c++)
            g->c[(i + n) * g->ldc + j + c] = sum[n / LANES][c][n % LANES];
}

/* Columns that a tile of so many vectors has. */
static const int cols_of[] = { 0, 16, 8, 8, 6 };

static void whole(const struct gemm *g, const float *x, int64_t vecs, int64_t i, int64_t j)
{
    if (vecs == 1)
        tile(1, 16, g, x, i, j);
    else if (vecs == 2)
        tile(2, 8, g, x, i, j);
    else if (vecs == 3)
        tile(3, 8, g, x, i, j);
    else
        tile(4, 6, g, x, i, j);
}

static void single(const struct gemm *g, const float *x, int64_t vecs, int64_t i, int64_t j)
{
    if (vecs == 1)
        tile(1, 1, g, x, i, j);
    else if (vecs == 2)
        tile(2, 1, g, x, i, j);
    else if (vecs == 3)
        tile(3, 1, g, x, i, j);
    else
        tile(4, 1, g, x, i, j);
}

static void few_part(void *of, int64_t begin, int64_t end)
{
    const struct few *f = of;
    const struct gemm *g = f->g;

    for (int64_t j = begin; j < end; j += UNIT)
        for (int64_t v = 0; v < f->vecs; v += 4) {
            int64_t vecs = MIN(4, f->vecs - v), cols = MIN(UNIT, end - j), c = 0;
            const float *x = f->x + v * LANES * g->K;
            for (; c + cols_of[vecs] <= cols; c += cols_of[vecs])
                whole(g, x, vecs, v * LANES, j + c);
            for (; c < cols; c++)
                single(g, x, vecs, v * LANES, j + c);
        }
}

/* Rows [v LANES, ...) of A turned into their place in a block of `vecs` vectors. */
static void turn(const struct gemm *g, float *to, int64_t v, int64_t vecs)
{
    int64_t rows = MIN(LANES, g->I - v * LANES);

    for (int64_t k = 0; k < g->K; k += LANES) {
        vec r[LANES];
        for (int64_t l = 0; l < LANES; l++)
            r[l] = l < rows ? v_row(g->a.p + (v * LANES + l) * g->a.row, k, g->K) : v_zero();
        v_turn(r);
        for (int64_t l = 0; l < MIN(LANES, g->K - k); l++)
            v_store(to + (k + l) * vecs * LANES, r[l]);
    }
}

static void turned(struct dev *d, const struct gemm *g)
{
    int64_t vecs = (g->I + LANES - 1) / LANES;
    float *x = cpu_scratch(d, (size_t)(vecs * LANES * g->K) * sizeof(float));
    struct few f = { g, x, vecs };

    if (!x)
        return;
    for (int64_t v = 0; v < vecs; v++) {
        int64_t block = v / 4 * 4;
        turn(g, x + block * LANES * g->K + v % 4 * LANES, v, MIN(4, vecs - block));
    }
    cpu_share(d, g->J, UNIT, (double)g->K * (double)MAX(1, vecs) * 0.15, few_part, &f);
}

void few_all(struct dev *d, const struct gemm *g)
{
    struct gemm own = *g;

    BUG_IF(g->b.row != 1 || g->a.col != 1 || g->mode == GEMM_CHAIN);
    if (g->I > SLIM)
        turned(d, g);
    else if (g->I > 0)
        cpu_share(d, g->J, 4 * LANES, (double)g->K * 0.1, slim_part, &own);
}
