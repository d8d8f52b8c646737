/* gemm.c - the blocked product: packed strips of B in L2, A as it lies, a register tile of 6 x
 * 64.
 *
 *     for each block of GEMM_J columns      B's block: strips of 64 columns, [strip][k][64],
 *       for each GEMM_K of the sum          zero-padded
 *         for each 6 rows of A
 *           for each strip: the tile        Goto & van de Geijn 2008, with B's block inside
 *
 * The tile's rows of A (6 KiB) stay in L1 while B streams from L2, four vectors for 24
 * multiply-adds. A is read in place whichever way it lies: the tile takes six numbers of it for
 * 24 multiply-adds, so packing it costs more than it saves. */
#include "math/cpu/gemm.h"

/* R, W and `pairs` are constants at every call, so the loops unroll and the accumulators stay in
 * registers. */
INLINE void tile(const int R, const int W, const bool pairs, int64_t K, struct view2 a,
                 const float *b, int64_t ldb, float *c, int64_t ldc, int64_t cols,
                 const float *bias, enum gemm_mode mode)
{
    vec acc[GEMM_R][GEMM_W];

#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int w = 0; w < W; w++)
            acc[r][w] = mode == GEMM_CHAIN ? v_row(c + r * ldc, w * LANES, cols) : v_zero();
    const float *row[GEMM_R];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
        row[r] = a.p + r * a.row;
    if (mode == GEMM_ADD)                      /* C comes from afar: fetched during the sum */
#pragma GCC unroll 8
        for (int r = 0; r < R; r++)
#pragma GCC unroll 8
            for (int w = 0; w < W; w++)
                __builtin_prefetch(c + r * ldc + w * LANES, 1);
    for (int64_t k = 0; k < K; k++, b += ldb) {
        vec bw[GEMM_W];
#pragma GCC unroll 8
        for (int w = 0; w < W; w++)
            bw[w] = v_load(b + w * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
#pragma GCC unroll 8
            for (int w = 0; w < W; w++)
                acc[r][w] = gemm_more(pairs, acc[r][w], row[r] + k * a.col, bw[w]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int w = 0; w < W; w++) {
            float *at = c + r * ldc;
            vec x = acc[r][w];
            if (bias)
                x = x + v_row(bias, w * LANES, cols);
            if (mode == GEMM_ADD)
                x = x + v_row(at, w * LANES, cols);
            v_row_put(at, w * LANES, cols, x);
        }
}

typedef void tile_fn(int64_t K, struct view2 a, const float *b, int64_t ldb, float *c, int64_t ldc,
                     int64_t cols, const float *bias, enum gemm_mode mode);

#define TILE(R, W, of, pairs)                                                               \
    static void of##_##R##_##W(int64_t K, struct view2 a, const float *b, int64_t ldb,      \
                               float *c, int64_t ldc, int64_t cols, const float *bias,      \
                               enum gemm_mode mode)                                         \
    {                                                                                       \
        tile(R, W, pairs, K, a, b, ldb, c, ldc, cols, bias, mode);                          \
    }
#define TILES(W, of, pairs)                                                                 \
    TILE(1, W, of, pairs) TILE(2, W, of, pairs) TILE(3, W, of, pairs)                       \
    TILE(4, W, of, pairs) TILE(5, W, of, pairs) TILE(6, W, of, pairs)
#define NAMES(W, of)                                                                        \
    { of##_1_##W, of##_2_##W, of##_3_##W, of##_4_##W, of##_5_##W, of##_6_##W },

TILES(1, tile, false)
TILES(2, tile, false)
#if GEMM_W == 4
TILES(3, tile, false)
TILES(4, tile, false)
static tile_fn *const tiles[GEMM_W][GEMM_R] = { NAMES(1, tile) NAMES(2, tile) NAMES(3, tile)
                                                NAMES(4, tile) };
#else
static tile_fn *const tiles[GEMM_W][GEMM_R] = { NAMES(1, tile) NAMES(2, tile) };
#endif

void gemm_tile(int64_t rows, int64_t cols, int64_t K, struct view2 a, const float *b, int64_t ldb,
               float *c, int64_t ldc, const float *bias, enum gemm_mode mode)
{
    tiles[(cols - 1) / LANES][rows - 1](K, a, b, ldb, c, ldc, cols, bias, mode);
}

#ifdef V_DOT
TILES(1, pair, true)
TILES(2, pair, true)
TILES(3, pair, true)
TILES(4, pair, true)
static tile_fn *const pairs[GEMM_W][GEMM_R] = { NAMES(1, pair) NAMES(2, pair) NAMES(3, pair)
                                                NAMES(4, pair) };

void gemm_tile_pairs(int64_t rows, int64_t cols, int64_t K, struct view2 a, const float *b,
                     int64_t ldb, float *c, int64_t ldc, const float *bias, enum gemm_mode mode)
{
    pairs[(cols - 1) / LANES][rows - 1](K, a, b, ldb, c, ldc, cols, bias, mode);
}
#endif

/* One strip of B: [k][width], width a whole number of LANES, columns past J zero. */
INLINE void pack_strip(const bool half, float *to, struct view2 b, int64_t K, int64_t J,
                       int64_t width)
{
    if (b.col == 1) {
        for (int64_t k = 0; k < K; k++) {
            const float *from = view2_at(b, k, 0).p;
            for (int64_t j = 0; j < width; j += LANES)
                v_store(to + k * width + j, view2_row(half, from, j, MAX(J, j)));
        }
        return;
    }
    for (int64_t j = 0; j < width; j += LANES)
        for (int64_t k = 0; k < K; k += LANES) {
            vec r[LANES];
            for (int64_t l = 0; l < LANES; l++)
                r[l] = j + l < J ? view2_row(half, view2_at(b, 0, j + l).p, k, K) : v_zero();
            v_turn(r);
            for (int64_t l = 0; l < MIN(LANES, K - k); l++)
                v_store(to + (k + l) * width + j, r[l]);
        }
}

/* Rows of A that are halves, as floats. */
static struct view2 widened(float *to, struct view2 a, int64_t rows, int64_t K)
{
    BUG_IF(a.col != 1);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < K; k += LANES)
            v_store(to + i * GEMM_K + k, v_row_half(view2_at(a, i, 0).p, k, K));
    return view2(to, GEMM_K, 1);
}

/* Rows [i0, i1) against a packed block of J columns, one piece of the sum. */
static void sweep(const struct gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t J, int64_t k0,
                  int64_t K, const float *packed, float *scratch)
{
    enum gemm_mode mode = k0 > 0 ? GEMM_ADD : g->mode;
    float wide[GEMM_R * GEMM_K];

    (void)scratch;
    for (int64_t i = i0; i < i1; i += GEMM_R) {
        struct view2 a = view2_at(g->a, i, k0);
        if (a.half)
            a = widened(wide, a, MIN(GEMM_R, i1 - i), K);
        for (int64_t j = 0; j < J; j += GEMM_COLS) {
            int64_t cols = MIN(GEMM_COLS, J - j);
            gemm_tile(MIN(GEMM_R, i1 - i), cols, K, a, packed + j * K, round_lanes(cols),
                      g->c + i * g->ldc + j0 + j, g->ldc,
                      g->bias && k0 == 0 ? g->bias + j0 + j : NULL, mode);
        }
    }
}

/* K x J numbers of B at b into strips. */
static void pack_block(float *to, struct view2 b, int64_t K, int64_t J)
{
    for (int64_t s = 0; s < J; s += GEMM_COLS) {
        int64_t cols = MIN(GEMM_COLS, J - s);
        if (b.half)
            pack_strip(true, to + s * K, view2_at(b, 0, s), K, cols, round_lanes(cols));
        else
            pack_strip(false, to + s * K, view2_at(b, 0, s), K, cols, round_lanes(cols));
    }
}

static int64_t packed_floats(int64_t K, int64_t J)
{
    return K * round_lanes(J);
}

const struct gemm_kernel *gemm_kernel(bool bf16)
{
    /* Fewer rows to a task, and packing B would show. */
    static const struct gemm_kernel vectors = { "", false, false, GEMM_R, GEMM_J / 2, 24, 0.02,
                                                packed_floats, pack_block, sweep, NULL };
    const struct gemm_kernel *amx = amx_kernel(bf16);

    return amx ? amx : bf16 ? pairs_kernel() : &vectors;
}

int64_t gemm_floats(const struct gemm_kernel *by, int64_t K, int64_t J)
{
    return by->floats(K, J);
}

int64_t gemm_parts(int64_t K, int64_t J)
{
    return (K + GEMM_K - 1) / GEMM_K * ((J + GEMM_J - 1) / GEMM_J);
}

/* Where the block at (k, j) lies among the packed ones. */
static int64_t packed_at(const struct gemm_kernel *by, int64_t K, int64_t J, int64_t k, int64_t j)
{
    return by->floats(K, j) + by->floats(k, MIN(GEMM_J, J - j));
}

void gemm_pack(const struct gemm_kernel *by, float *to, struct view2 b, int64_t K, int64_t J,
               int64_t part)
{
    int64_t deep = (K + GEMM_K - 1) / GEMM_K, j = part / deep * GEMM_J, k = part % deep * GEMM_K;

    by->pack(to + packed_at(by, K, J, k, j), view2_at(b, k, j), MIN(GEMM_K, K - k),
             MIN(GEMM_J, J - j));
}

/* Columns [j0, j1) of rows [i0, i1); of a B that is packed, j0 begins a block. */
static void block(const struct gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
                  float *scratch)
{
    const struct gemm_kernel *by = g->by;
    float *rest = scratch + by->floats(GEMM_K, GEMM_J);

    for (int64_t j = j0; j < j1; j += GEMM_J) {
        int64_t J = MIN(GEMM_J, j1 - j);
        for (int64_t k = 0; k < g->K; k += GEMM_K) {
            int64_t K = MIN(GEMM_K, g->K - k);
            const float *packed = g->packed ? g->packed + packed_at(by, g->K, g->J, k, j) : scratch;
            if (!g->packed)
                by->pack(scratch, view2_at(g->b, k, j), K, J);
            by->sweep(g, i0, i1, j, J, k, K, packed, rest);
        }
    }
}

void gemm_one(const struct gemm *g, float *scratch)
{
    block(g, 0, g->I, 0, g->J, scratch);
}

/* A product cut into tasks of `rows` by `cols` of C. */
struct cut { const struct gemm *g; int64_t rows, cols, across; float *scratch; };

static void cut_task(void *of, int64_t i, int worker)
{
    const struct cut *k = of;
    int64_t i0 = i / k->across * k->rows, j0 = i % k->across * k->cols;

    block(k->g, i0, MIN(k->g->I, i0 + k->rows), j0, MIN(k->g->J, j0 + k->cols),
          k->scratch + (size_t)worker * (GEMM_SCRATCH_BYTES / sizeof(float)));
}

/* Columns are cut first, so that B is packed once; rows where there are not tasks enough. */
void gemm_all(struct dev *d, const struct gemm *g)
{
    const struct gemm_kernel *by = d->own->gemm;
    int64_t worth = cpu_worth(d, (double)g->I * (double)g->J * (double)g->K * by->ns);
    struct gemm own = *g;
    struct cut k = { .g = &own };

    own.by = by;
    if (g->I == 0 || g->J == 0)
        return;
    k.across = worth > 1 ? (g->J + by->cols - 1) / by->cols : 1;
    k.cols = ((g->J + k.across - 1) / k.across + GEMM_COLS - 1) / GEMM_COLS * GEMM_COLS;
    k.across = (g->J + k.cols - 1) / k.cols;
    if (g->packed)                             /* its blocks are whole */
        k.cols = g->J, k.across = 1;
    int64_t down = MAX(1, MIN((worth + k.across - 1) / k.across, g->I / by->least));
    k.rows = ((g->I + down - 1) / down + by->rows - 1) / by->rows * by->rows;
    k.scratch = cpu_scratch(d, (size_t)d->threads * GEMM_SCRATCH_BYTES);
    if (k.scratch)
        cpu_tasks(d, (g->I + k.rows - 1) / k.rows * k.across, cut_task, &k);
}
