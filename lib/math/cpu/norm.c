/* norm.c - RMS and layer norm, forward and backward.
 *
 * A row's sums are taken in lanes for 256 numbers at a time and in double across them.  Weight
 * gradients are summed over blocks of 32 tokens in float and across the blocks in double, in the
 * order of the tokens. */
#include <math.h>

#include "math/cpu/cpu.h"

#define RUN   (16 * LANES)                     /* numbers of one float sum */
#define BLOCK 32                               /* tokens of one float sum */

struct norm {                                  /* b, mean: NULL for RMS */
    float       *y, *mean, *rstd;
    const float *x, *w, *b;
    int64_t      D;
    double       eps;
};

static double row_sum(const float *x, int64_t D)
{
    double sum = 0;

    for (int64_t from = 0; from < D; from += RUN) {
        vec s = v_zero();
        for (int64_t j = from; j < MIN(D, from + RUN); j += LANES)
            s += v_row(x, j, D);
        sum += v_sum(s);
    }
    return sum;
}

static double row_square(const float *x, float mean, int64_t D)
{
    double sum = 0;

    for (int64_t from = 0; from < D; from += RUN) {
        vec s = v_zero();
        for (int64_t j = from; j < MIN(D, from + RUN); j += LANES) {
            vec c = v_row(x, j, D) - mean;
            if (D - j < LANES)                 /* the padding is not the row's */
                c = v_load_part((const float *)&c, D - j);
            s += c * c;
        }
        sum += v_sum(s);
    }
    return sum;
}

static void rms_part(void *of, int64_t begin, int64_t end)
{
    const struct norm *k = of;
    int64_t D = k->D;

    for (int64_t i = begin; i < end; i++) {
        const float *x = k->x + i * D;
        float r = (float)(1 / sqrt(row_square(x, 0, D) / (double)D + k->eps));
        k->rstd[i] = r;
        for (int64_t j = 0; j < D; j += LANES)
            v_row_put(k->y + i * D, j, D, v_row(x, j, D) * r * v_row(k->w, j, D));
    }
}

static void layer_part(void *of, int64_t begin, int64_t end)
{
    const struct norm *k = of;
    int64_t D = k->D;

    for (int64_t i = begin; i < end; i++) {
        const float *x = k->x + i * D;
        float m = (float)(row_sum(x, D) / (double)D);
        float r = (float)(1 / sqrt(row_square(x, m, D) / (double)D + k->eps));
        k->mean[i] = m;
        k->rstd[i] = r;
        for (int64_t j = 0; j < D; j += LANES)
            v_row_put(k->y + i * D, j, D,
                      (v_row(x, j, D) - m) * r * v_row(k->w, j, D) + v_row(k->b, j, D));
    }
}

void cpu_rmsnorm(struct dev *d, struct tensor y, struct tensor rstd, struct tensor x,
                 struct tensor w, double eps)
{
    struct norm k = { .y = f32(y), .rstd = f32(rstd), .x = f32(x), .w = f32(w), .D = x.d[1],
                      .eps = eps };

    SHAPE2(y, x.d[0], k.D);
    SHAPE1(w, k.D);
    SHAPE1(rstd, x.d[0]);
    cpu_share(d, x.d[0], 1, 0.15 * (double)k.D, rms_part, &k);
}

void cpu_layernorm(struct dev *d, struct tensor y, struct tensor mean, struct tensor rstd,
                   struct tensor x, struct tensor w, struct tensor b, double eps)
{
    struct norm k = { .y = f32(y), .mean = f32(mean), .rstd = f32(rstd), .x = f32(x), .w = f32(w),
                      .b = f32(b), .D = x.d[1], .eps = eps };

    SHAPE2(y, x.d[0], k.D);
    SHAPE1(w, k.D);
    SHAPE1(b, k.D);
    SHAPE1(mean, x.d[0]);
    SHAPE1(rstd, x.d[0]);
    cpu_share(d, x.d[0], 1, 0.2 * (double)k.D, layer_part, &k);
}

/* What a token gives to dx, and its block's sums for dw (and db).  With c = (x - mean) rstd and
 * g = dy w: dx = rstd (g - mean(g) - c mean(g c)); without a mean the middle term is absent. */
struct back {
    float       *dx;
    const float *dy, *x, *w, *mean, *rstd;
    int64_t      N, D;
    float       *dw, *db;                      /* [blocks][D in whole vectors]; NULL: not wanted */
};

static void back_row(const struct back *k, int64_t i, float *dw, float *db)
{
    int64_t D = k->D;
    const float *dy = k->dy + i * D, *x = k->x + i * D;
    float *dx = k->dx + i * D, m = k->mean ? k->mean[i] : 0, r = k->rstd[i];
    double sum_g = 0, sum_gc = 0;

    for (int64_t from = 0; from < D; from += RUN) {
        vec sg = v_zero(), sgc = v_zero();
        for (int64_t j = from; j < MIN(D, from + RUN); j += LANES) {
            vec y = v_row(dy, j, D), c = (v_row(x, j, D) - m) * r, g = y * v_row(k->w, j, D);
            sg += g;
            sgc += g * c;                      /* dy is 0 in the padding */
            if (dw)
                v_store(dw + j, v_load(dw + j) + y * c);
            if (db)
                v_store(db + j, v_load(db + j) + y);
        }
        sum_g += v_sum(sg);
        sum_gc += v_sum(sgc);
    }
    float mg = k->mean ? (float)(sum_g / (double)D) : 0, mgc = (float)(sum_gc / (double)D);
    for (int64_t j = 0; j < D; j += LANES) {
        vec c = (v_row(x, j, D) - m) * r, g = v_row(dy, j, D) * v_row(k->w, j, D);
        v_row_put(dx, j, D, v_row(dx, j, D) + r * (g - mg - c * mgc));
    }
}

static void back_part(void *of, int64_t begin, int64_t end)
{
    const struct back *k = of;
    int64_t ld = round_lanes(k->D);

    for (int64_t b = begin; b < end; b++) {
        float *dw = k->dw ? k->dw + b * ld : NULL, *db = k->db ? k->db + b * ld : NULL;
        if (dw)
            memset(dw, 0, (size_t)ld * sizeof(float));
        if (db)
            memset(db, 0, (size_t)ld * sizeof(float));
        for (int64_t i = b * BLOCK; i < MIN(k->N, (b + 1) * BLOCK); i++)
            back_row(k, i, dw, db);
    }
}

int64_t cpu_norm_parts(int64_t rows)
{
    return (rows + BLOCK - 1) / BLOCK;
}

static void back(struct dev *d, struct back *k, float *dw, float *db)
{
    int64_t ld = round_lanes(k->D), n = cpu_norm_parts(k->N);
    float *part = cpu_scratch(d, (size_t)(2 * n * ld) * sizeof(float));

    if (!part || n == 0)
        return;
    k->dw = dw ? part : NULL;
    k->db = db ? part + n * ld : NULL;
    cpu_share(d, n, 1, 0.4 * BLOCK * (double)k->D, back_part, k);
    if (dw)
        cpu_columns(d, dw, k->dw, n, ld, k->D);
    if (db)
        cpu_columns(d, db, k->db, n, ld, k->D);
}

void cpu_rmsnorm_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor dy,
                     struct tensor x, struct tensor w, struct tensor rstd)
{
    struct back k = { .dx = f32(dx), .dy = f32(dy), .x = f32(x), .w = f32(w), .rstd = f32(rstd),
                      .N = x.d[0], .D = x.d[1] };

    SHAPE2(dx, k.N, k.D);
    SHAPE2(dy, k.N, k.D);
    BUG_IF(dw.p && tensor_n(dw) != k.D);
    back(d, &k, f32(dw), NULL);
}

void cpu_layernorm_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor db,
                       struct tensor dy, struct tensor x, struct tensor w, struct tensor mean,
                       struct tensor rstd)
{
    struct back k = { .dx = f32(dx), .dy = f32(dy), .x = f32(x), .w = f32(w), .mean = f32(mean),
                      .rstd = f32(rstd), .N = x.d[0], .D = x.d[1] };

    SHAPE2(dx, k.N, k.D);
    SHAPE2(dy, k.N, k.D);
    BUG_IF((dw.p && tensor_n(dw) != k.D) || (db.p && tensor_n(db) != k.D));
    back(d, &k, f32(dw), f32(db));
}
