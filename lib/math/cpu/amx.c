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

#ifdef TILES
#define THIN (2 * DEEP)                        /* of k at a time where rows are packed for once */

/* Four tiles of C, R by W of them in use, over n steps, to c in rows of `bytes`, of operands that
 * have A and B planes; B's strips are `strip` apart.  `more`: the sums at c go on.  Each product
 * has an operand of the one before; small ones come first.  `turned`: A and B change places in
 * that.  next: what is packed meanwhile, or NULL. */
#define LOAD(one, two, from, apart, plane, both)                                            \
    do {                                                                                    \
        tile_load(one, (from) + (plane) * PLANE, 64);                                       \
        if (both)                                                                           \
            tile_load(two, (from) + (apart) + (plane) * PLANE, 64);                         \
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
        if (next)                                                                           \
            next->some(next);                                                               \
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
                    size_t bytes, bool more, struct later *next)
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
                        size_t bytes, bool more, struct later *next);

struct sweep {
    const struct gemm  *g;
    product_fn *const (*by)[2][2];             /* [turned][two strips of A][of B] */
    int64_t             k0, K, strip;          /* of the sum; from one of B's strips to the next */
    float              *panel, *sum;           /* 2 SIDE rows of A; of C */
};

/* Rows from i on. */
INLINE void pack_a(const int planes, const bool half, const struct sweep *s, int64_t i,
                   int64_t rows)
{
    for (int64_t r = 0; r < rows; r += SIDE) {
        struct view2 a = view2_at(s->g->a, i + r, s->k0);
        pack(planes, false, half, s->panel + r / SIDE * s->strip, a.p, a.row, a.col,
             MIN(SIDE, rows - r), s->K);
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
           (size_t)g->ldc * sizeof(float), false, NULL);
        return;
    }
    for (int64_t l = 0; !g->turned && l < rows; l++) {
        __builtin_prefetch(g->c + (i + l) * g->ldc + j, 1);
        __builtin_prefetch(g->c + (i + l) * g->ldc + j + cols - 1, 1);
    }
    by(s->panel, strips, s->strip, steps_of(s->K), s->sum, 2 * SIDE * sizeof(float), false,
       NULL);
    settle_all(s, i, j, rows, cols);
}

/* The same of `blocks` of 32 rows which no other columns want, over whole tiles of k: packed a
 * little at a time, which stays in L1, while what was packed before is multiplied. */
static void thin(const int planes, void (*some)(struct later *), const struct sweep *s, int64_t i0,
                 int64_t blocks, int64_t j, int64_t cols, const float *strips)
{
    const int products = planes == 1 ? 1 : s->g->a.half || s->g->b.half ? 3 : 6;
    product_fn *by = s->by[s->g->turned][1][cols > SIDE];
    int64_t pieces = (s->K + THIN - 1) / THIN;
    struct later l = { .some = some, .apart = s->g->a.row, .at = 2 * SIDE };

    for (int64_t p = -1; p < blocks * pieces; p++) {        /* at -1 there is nothing before */
        int64_t i = i0 + p / pieces * 2 * SIDE, k = p % pieces * THIN, n = l.n;
        const float *panel = l.to;
        if (p + 1 < blocks * pieces) {
            int64_t next = (p + 1) % pieces * THIN;
            l.p = view2_at(s->g->a, i0 + (p + 1) / pieces * 2 * SIDE, s->k0 + next).p;
            l.n = MIN(THIN, s->K - next) / DEEP;
            l.to = s->panel + (p + 1) % 2 * 2 * strip_floats(planes, THIN);
            l.at = 0;
        }
        if (p >= 0) {
            l.each = (2 * SIDE + products * n - 1) / (products * n);
            by(panel, strips + strip_floats(planes, k), s->strip, n, s->sum,
               2 * SIDE * sizeof(float), k > 0, l.at < 2 * SIDE ? &l : NULL);
            if (k + THIN >= s->K)
                settle_all(s, i, j, 2 * SIDE, cols);
        }
        l.each = 2 * SIDE;
        some(&l);
    }
}

INLINE void sweep(const int planes, product_fn *const by[2][2][2],
                  void (*const some[2])(struct later *), const struct gemm *g, int64_t i0,
                  int64_t i1, int64_t j0, int64_t J, int64_t k0, int64_t K, const float *packed,
                  float *scratch)
{
    struct sweep s = { g, by, k0, K, strip_floats(planes, K), scratch,
                       scratch + 2 * strip_floats(planes, GEMM_K) };

    tiles_begin();
    if (J <= 2 * SIDE && g->a.col == 1 && K % DEEP == 0) {
        int64_t blocks = (i1 - i0) / (2 * SIDE);
        thin(planes, some[g->a.half], &s, i0, blocks, j0, J, packed);
        i0 += blocks * 2 * SIDE;
    }
    for (int64_t i = i0; i < i1; i += 2 * SIDE) {
        int64_t rows = MIN(2 * SIDE, i1 - i);
        if (g->a.half)
            pack_a(planes, true, &s, i, rows);
        else
            pack_a(planes, false, &s, i, rows);
        for (int64_t j = 0; j < J; j += 2 * SIDE)
            tile(&s, i, j0 + j, rows, MIN(2 * SIDE, J - j), packed + j / SIDE * s.strip);
    }
    tiles_end();
}

#define PRODUCT(A, B, R, W, turned)                                                         \
    static void product_##A##B##R##W##turned(const float *a, const float *b, int64_t strip, \
                                             int64_t n, float *c, size_t bytes, bool more,  \
                                             struct later *next)                            \
    {                                                                                       \
        product(A, B, R, W, turned, a, b, strip, n, c, bytes, more, next);                  \
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
    static void some_##P##0(struct later *l) { pack_some(P, false, l); }                    \
    static void some_##P##1(struct later *l) { pack_some(P, true, l); }                     \
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
        static void (*const some[2])(struct later *) = { some_##P##0, some_##P##1 };        \
        sweep(P, by_##P[g->a.half ? 1 : g->b.half ? 2 : 0], some, g, i0, i1, j0, J, k0, K,  \
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
