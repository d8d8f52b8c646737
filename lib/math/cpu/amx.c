/* amx.c - the product on tile registers (Intel AMX): bfloat16's speed, float32's numbers; or those
 * rounded to bfloat16, several times as fast.
 *
 * A float of 24 bits is the sum of three bfloat16 of 8, high + middle + low (Henry, Tang &
 * Heinecke 2019, arXiv:1904.06376).  Of the nine products that two such sums make, six are taken;
 * the three left out are less than 2^-24 of the whole, which is what rounding one float32 product
 * costs.  The tiles add in float32, 32 of the sum at a time.  Six instructions of 8192
 * multiply-adds each in 16 cycles are 85 a cycle, where vectors give 32.
 *
 *     for each 32 rows of A         split and packed: [16 rows][32 of k] a plane
 *       for each 32 columns of B    packed before: [16 pairs of k][16 columns] a plane
 *         for each 32 of k          four tiles of C, fourteen loaded, 24 instructions
 *
 * An operand of bfloat16 is its own high plane, the others 0: three products then, to the same
 * bits.  Where both are rounded there is one: four tiles loaded, four instructions.  A pair of k
 * is (k, k + 16), the two halves of a word of either operand, so that splitting needs no
 * shuffles; an operand that lies the other way is turned first, as floats.
 *
 * Numbers below 2^-110 lose their low bits, and infinity gives NaN: for training both are trouble
 * of the same kind. */
#include "math/cpu/gemm.h"
#include "math/cpu/planes.h"
#include "math/cpu/tiles.h"

#if defined(TILES) && defined(__AVX512BW__)
#define THIN (2 * DEEP)                        /* of k at a time where rows are packed for once */

/* Four tiles of C, R by W of them in use, over n steps, to c in rows of `bytes`, of operands that
 * have A and B planes; B's strips are `strip` apart.  `more`: the sums at c go on.  Each product
 * has an operand of the one before; small ones come first.  `turned`: A and B change places in
 * that. */
#define LOAD(one, two, from, apart, plane, both)                                                   \
    do {                                                                                    \
        tile_load(one, (from) + (plane) * PLANE, 64);                                       \
        if (both)                                                                           \
            tile_load(two, (from) + (apart) + (plane) * PLANE, 64);                            \
    } while (0)
#define LOAD_A(plane) LOAD(4, 5, a, n * step, plane, R > 1)
#define LOAD_B(plane) LOAD(6, 7, b, strip, plane, W > 1)
#define PRODUCTS()                                                                          \
    do {                                                                                    \
        tile_dot(0, 4, 6);                                                                  \
        if (W > 1)                                                                          \
            tile_dot(1, 4, 7);                                                              \
        if (R > 1)                                                                          \
            tile_dot(2, 5, 6);                                                              \
        if (R > 1 && W > 1)                                                                 \
            tile_dot(3, 5, 7);                                                              \
    } while (0)
#define CHAIN(LOAD_X, X, LOAD_Y, Y)                                                         \
    do {                                                                                    \
        if (X > 1) {                                                                        \
            LOAD_X(2);                                                                      \
            LOAD_Y(0);                                                                      \
            PRODUCTS();                                                                     \
            LOAD_X(1);                                                                      \
            PRODUCTS();                                                                     \
        }                                                                                   \
        if (X > 1 && Y > 1) {                                                               \
            LOAD_Y(1);                                                                      \
            PRODUCTS();                                                                     \
        }                                                                                   \
        LOAD_X(0);                                                                          \
        if (Y > 1) {                                                                        \
            if (X == 1)                                                                     \
                LOAD_Y(1);                                                                  \
            PRODUCTS();                                                                     \
            LOAD_Y(2);                                                                      \
            PRODUCTS();                                                                     \
        }                                                                                   \
        if (X == 1 || Y > 1)                                                                \
            LOAD_Y(0);                                                                      \
        PRODUCTS();                                                                         \
    } while (0)

INLINE void product(const int A, const int B, const int R, const int W, const bool turned,
                    const float *a, const float *b, int64_t strip, int64_t n, float *c,
                    size_t bytes, bool more)
{
    int64_t step = MAX(A, B) * PLANE, down = SIDE * (int64_t)(bytes / sizeof(float));

    if (more) {
        tile_load(0, c, bytes);
        tile_load(1, W > 1 ? c + SIDE : c, bytes);
        tile_load(2, R > 1 ? c + down : c, bytes);
        tile_load(3, R > 1 && W > 1 ? c + down + SIDE : c, bytes);
    } else {
        tile_zero(0);
        tile_zero(1);
        tile_zero(2);
        tile_zero(3);
    }
    for (int64_t i = 0; i < n; i++, a += step, b += step) {
        if (turned)
            CHAIN(LOAD_B, B, LOAD_A, A);
        else
            CHAIN(LOAD_A, A, LOAD_B, B);
    }
    tile_store(0, c, bytes);
    if (W > 1)
        tile_store(1, c + SIDE, bytes);
    if (R > 1)
        tile_store(2, c + down, bytes);
    if (R > 1 && W > 1)
        tile_store(3, c + down + SIDE, bytes);
}

/* rows x cols of sums, at most a tile, rows 2 SIDE apart, go to C's row i and column j. */
static void settle(const struct gemm *g, const float *sum, int64_t i, int64_t j, int64_t rows,
                   int64_t cols, bool first)
{
    bool add = g->mode == GEMM_ADD || !first;
    int64_t down = g->turned ? cols : rows, along = g->turned ? rows : cols;
    float *c = g->turned ? g->c + j * g->ldc + i : g->c + i * g->ldc + j;
    vec r[SIDE], bias = v_zero();

    for (int64_t l = 0; l < SIDE; l++)
        r[l] = v_load(sum + l * 2 * SIDE);
    if (g->turned)
        v_turn(r);
    if (first && g->bias)
        bias = v_row(g->bias + (g->turned ? i : j), 0, along);
    for (int64_t l = 0; l < down; l++, c += g->ldc) {
        vec x = r[l];
        if (first && g->bias)
            x = x + bias;
        if (add)
            x = x + v_row(c, 0, along);
        v_row_put(c, 0, along, x);
    }
}

typedef void product_fn(const float *a, const float *b, int64_t strip, int64_t n, float *c,
                        size_t bytes, bool more);

struct sweep {
    const struct gemm  *g;
    product_fn *const (*by)[2][2];             /* [turned][two strips of A][of B] */
    int64_t             k0, K, strip;          /* of the sum; from one of B's strips to the next */
    float              *panel, *sum;           /* 2 SIDE rows of A; of C */
};

/* Rows from i on, numbers [k, k + K) of the piece of the sum; once: they are read, and next comes
 * what lies two tiles behind. */
INLINE void pack_a(const int planes, const bool half, const bool once, const struct sweep *s,
                   int64_t i, int64_t rows, int64_t k, int64_t K)
{
    for (int64_t r = 0; r < rows; r += SIDE) {
        struct view2 a = view2_at(s->g->a, i + r, s->k0 + k);
        float *to = s->panel + r / SIDE * strip_floats(planes, K);
        int64_t n = MIN(SIDE, rows - r);
        if (once && n == SIDE && K % DEEP == 0 && a.col == 1)
            pack_rows(planes, half, to, a.p, a.row, K / DEEP, 2 * SIDE);
        else
            pack(planes, false, half, to, a.p, a.row, a.col, n, K);
    }
}

static void settle_all(const struct sweep *s, int64_t i, int64_t j, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r += SIDE)
        for (int64_t w = 0; w < cols; w += SIDE)
            settle(s->g, s->sum + r * 2 * SIDE + w, i + r, j + w, MIN(SIDE, rows - r),
                   MIN(SIDE, cols - w), s->k0 == 0);
}

/* The tiles of 32 rows, which are packed, and 32 columns as `strips`: into C as they are where
 * nothing is added, else by way of `sum`. */
static void tile(const struct sweep *s, int64_t i, int64_t j, int64_t rows, int64_t cols,
                 const float *strips)
{
    const struct gemm *g = s->g;
    bool as_is = s->k0 == 0 && g->mode == GEMM_SET && !g->bias && !g->turned &&
                 rows == 2 * SIDE && cols == 2 * SIDE;
    product_fn *by = s->by[g->turned][rows > SIDE][cols > SIDE];

    if (as_is) {
        by(s->panel, strips, s->strip, steps_of(s->K), g->c + i * g->ldc + j,
           (size_t)g->ldc * sizeof(float), false);
        return;
    }
    for (int64_t l = 0; !g->turned && l < rows; l++) {
        __builtin_prefetch(g->c + (i + l) * g->ldc + j, 1);
        __builtin_prefetch(g->c + (i + l) * g->ldc + j + cols - 1, 1);
    }
    by(s->panel, strips, s->strip, steps_of(s->K), s->sum, 2 * SIDE * sizeof(float), false);
    settle_all(s, i, j, rows, cols);
}

/* The same where no other columns want these rows: packed a little at a time, which stays in L1,
 * and is multiplied while the next are on their way from memory. */
INLINE void thin(const int planes, const struct sweep *s, int64_t i, int64_t j, int64_t rows,
                 int64_t cols, const float *strips)
{
    product_fn *by = s->by[s->g->turned][rows > SIDE][cols > SIDE];

    for (int64_t k = 0; k < s->K; k += THIN) {
        int64_t K = MIN(THIN, s->K - k);
        if (s->g->a.half)
            pack_a(planes, true, true, s, i, rows, k, K);
        else
            pack_a(planes, false, true, s, i, rows, k, K);
        by(s->panel, strips + strip_floats(planes, k), s->strip, steps_of(K), s->sum,
           2 * SIDE * sizeof(float), k > 0);
    }
    settle_all(s, i, j, rows, cols);
}

INLINE void sweep(const int planes, product_fn *const by[2][2][2], const struct gemm *g,
                  int64_t i0, int64_t i1, int64_t j0, int64_t J, int64_t k0, int64_t K,
                  const float *packed, float *scratch)
{
    struct sweep s = { g, by, k0, K, strip_floats(planes, K), scratch,
                       scratch + 2 * strip_floats(planes, GEMM_K) };

    tiles_begin();
    for (int64_t i = i0; i < i1; i += 2 * SIDE) {
        int64_t rows = MIN(2 * SIDE, i1 - i);
        if (J <= 2 * SIDE) {
            thin(planes, &s, i, j0, rows, J, packed);
            continue;
        }
        if (g->a.half)
            pack_a(planes, true, false, &s, i, rows, 0, K);
        else
            pack_a(planes, false, false, &s, i, rows, 0, K);
        for (int64_t j = 0; j < J; j += 2 * SIDE)
            tile(&s, i, j0 + j, rows, MIN(2 * SIDE, J - j), packed + j / SIDE * s.strip);
    }
    tiles_end();
}

#define PRODUCT(A, B, R, W, turned)                                                         \
    static void product_##A##B##R##W##turned(const float *a, const float *b, int64_t strip, \
                                             int64_t n, float *c, size_t bytes, bool more)  \
    {                                                                                       \
        product(A, B, R, W, turned, a, b, strip, n, c, bytes, more);                        \
    }
#define EACH(A, B)                                                                          \
    PRODUCT(A, B, 1, 1, 0) PRODUCT(A, B, 1, 2, 0) PRODUCT(A, B, 2, 1, 0) PRODUCT(A, B, 2, 2, 0) \
    PRODUCT(A, B, 1, 1, 1) PRODUCT(A, B, 1, 2, 1) PRODUCT(A, B, 2, 1, 1) PRODUCT(A, B, 2, 2, 1)
#define SIZES(A, B, turned)                                                                 \
    { { product_##A##B##11##turned, product_##A##B##12##turned },                           \
      { product_##A##B##21##turned, product_##A##B##22##turned } }
#define NAMES(A, B) { SIZES(A, B, 0), SIZES(A, B, 1) }
EACH(1, 1)
EACH(3, 3)
EACH(1, 3)
EACH(3, 1)

#define KERNEL(P)                                                                           \
    static int64_t floats_##P(int64_t K, int64_t J)                                         \
    {                                                                                       \
        return strip_floats(P, K) * ((J + SIDE - 1) / SIDE);                                \
    }                                                                                       \
    static void pack_##P(float *to, struct view2 b, int64_t K, int64_t J)                   \
    {                                                                                       \
        pack_b(P, to, b, K, J);                                                             \
    }                                                                                       \
    static void sweep_##P(const struct gemm *g, int64_t i0, int64_t i1, int64_t j0,         \
                          int64_t J, int64_t k0, int64_t K, const float *packed,            \
                          float *scratch)                                                   \
    {                                                                                       \
        sweep(P, by_##P[g->a.half ? 1 : g->b.half ? 2 : 0], g, i0, i1, j0, J, k0, K,        \
              packed, scratch);                                                             \
    }                                                                                       \
    static void few_##P(struct dev *d, const struct gemm *g)                                \
    {                                                                                       \
        amx_few(d, g, P);                                                                   \
    }
static product_fn *const by_1[3][2][2][2] = { NAMES(1, 1), NAMES(1, 1), NAMES(1, 1) };
static product_fn *const by_3[3][2][2][2] = { NAMES(3, 3), NAMES(1, 3), NAMES(3, 1) };
KERNEL(1)
KERNEL(3)

const struct gemm_kernel *amx_kernel(bool bf16)
{
    static const struct gemm_kernel of[] = {
        { "amx", true, false, 2 * SIDE, GEMM_J, 64, 0.008, floats_3, pack_3, sweep_3,
          few_3 },
        { "amx", true, false, 2 * SIDE, GEMM_J, 64, 0.003, floats_1, pack_1, sweep_1,
          few_1 },
    };

    return tiles_there() ? &of[bf16] : NULL;
}
#else
const struct gemm_kernel *amx_kernel(bool bf16)
{
    (void)bf16;
    return NULL;
}
#endif
