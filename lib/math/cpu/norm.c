/* norm.c - RMS and layer norm, forward and backward.
 *
 * A row's sums are taken in v16 lanes for 256 numbers at a time and in double across them.  Weight gradients are summed
 * over blocks of 32 tokens in float and across the blocks in double, in the order of the tokens. */
#include <math.h>

#include "math/cpu/cpu.h"

#define RUN   (16 * LANES)                     /* numbers of one float sum */
#define BLOCK 32                               /* tokens of one float sum */

static int team_for(const struct dev *d, struct tensor x, double ns_each)
{
    return cpu_team(d, (double)tensor_n(x) * ns_each);
}

/* sum of x, of (x - mean)^2 */
static double row_sum(const float *x, int64_t D)
{
    double sum = 0;
    for (int64_t from = 0; from < D; from += RUN) {
        v16 s = v_zero();
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
        v16 s = v_zero();
        for (int64_t j = from; j < MIN(D, from + RUN); j += LANES) {
            v16 c = v_row(x, j, D) - mean;
            if (D - j < LANES)                 /* the padding is not the row's */
                c = v_load_part((const float *)&c, D - j);
            s += c * c;
        }
        sum += v_sum(s);
    }
    return sum;
}

void cpu_rmsnorm(struct dev *d, struct tensor y, struct tensor rstd, struct tensor x, struct tensor w, double eps)
{
    int64_t N = x.d[0], D = x.d[1];
    int team = team_for(d, x, 0.15);

    SHAPE2(y, N, D);
    SHAPE1(w, D);
    PARALLEL(team)
    for (int64_t i = 0; i < N; i++) {
        const float *xi = f32(x) + i * D;
        float r = (float)(1 / sqrt(row_square(xi, 0, D) / (double)D + eps));
        f32(rstd)[i] = r;
        for (int64_t j = 0; j < D; j += LANES)
            v_row_put(f32(y) + i * D, j, D, v_row(xi, j, D) * r * v_row(f32(w), j, D));
    }
}

void cpu_layernorm(struct dev *d, struct tensor y, struct tensor mean, struct tensor rstd, struct tensor x, struct tensor w,
                   struct tensor b, double eps)
{
    int64_t N = x.d[0], D = x.d[1];
    int team = team_for(d, x, 0.2);

    SHAPE2(y, N, D);
    SHAPE1(w, D);
    SHAPE1(b, D);
    PARALLEL(team)
    for (int64_t i = 0; i < N; i++) {
        const float *xi = f32(x) + i * D;
        float m = (float)(row_sum(xi, D) / (double)D);
        float r = (float)(1 / sqrt(row_square(xi, m, D) / (double)D + eps));
        f32(mean)[i] = m;
        f32(rstd)[i] = r;
        for (int64_t j = 0; j < D; j += LANES)
            v_row_put(f32(y) + i * D, j, D, (v_row(xi, j, D) - m) * r * v_row(f32(w), j, D) + v_row(f32(b), j, D));
    }
}

/* What a block of tokens gives to dx, and its sums for dw (and db).  With c = (x - mean) rstd and g = dy w:
 * dx = rstd (g - mean(g) - c mean(g c)); without a mean the middle term is absent. */
struct back {
    float       *dx;
    const float *dy, *x, *w, *mean, *rstd;
    int64_t      D;
};

static void back_row(const struct back *k, int64_t i, float *dw, float *db)
{
    int64_t D = k->D;
    const float *dy = k->dy + i * D, *x = k->x + i * D;
    float *dx = k->dx + i * D, m = k->mean ? k->mean[i] : 0, r = k->rstd[i];
    double sum_g = 0, sum_gc = 0;

    for (int64_t from = 0; from < D; from += RUN) {
        v16 sg = v_zero(), sgc = v_zero();
        for (int64_t j = from; j < MIN(D, from + RUN); j += LANES) {
            v16 y = v_row(dy, j, D), c = (v_row(x, j, D) - m) * r, g = y * v_row(k->w, j, D);
            sg += g;
            sgc += g * c;                      /* dy is 0 in the padding */
            v_store(dw + j, v_load(dw + j) + y * c);
            if (db)
                v_store(db + j, v_load(db + j) + y);
        }
        sum_g += v_sum(sg);
        sum_gc += v_sum(sgc);
    }
    float mg = k->mean ? (float)(sum_g / (double)D) : 0, mgc = (float)(sum_gc / (double)D);
    for (int64_t j = 0; j < D; j += LANES) {
        v16 c = (v_row(x, j, D) - m) * r, g = v_row(dy, j, D) * v_row(k->w, j, D);
        v_row_put(dx, j, D, v_row(dx, j, D) + r * (g - mg - c * mgc));
    }
}

/* to[D] += sum over blocks of part[block][stride], each column by itself */
static void add_blocks(struct dev *d, float *to, const float *part, int64_t n, int64_t stride, int64_t D)
{
    int team = cpu_team(d, (double)(n * D) * 0.1);

    PARALLEL(team)
    for (int t = 0; t < team; t++)
        for (int64_t j = cpu_part(D, LANES, team, t); j < cpu_part(D, LANES, team, t + 1); j += LANES) {
            v8d lo = { 0 }, hi = { 0 };
            for (int64_t b = 0; b < n; b++) {
                v16 x = v_load(part + b * stride + j);
                lo += v_wide(x, 0);
                hi += v_wide(x, 1);
            }
            for (int64_t l = 0; l < MIN(LANES, D - j); l++)
                to[j + l] += (float)(l < 8 ? lo[l] : hi[l - 8]);
        }
}

static void back(struct dev *d, const struct back *k, int64_t N, float *dw, float *db)
{
    int64_t D = k->D, stride = round16(D), n = (N + BLOCK - 1) / BLOCK;
    float *part = cpu_scratch(d, (size_t)(2 * n * stride) * sizeof(float));
    int team = cpu_team(d, (double)(N * D) * 0.4);

    if (!part)
        return;
    PARALLEL(team)
    for (int64_t b = 0; b < n; b++) {
        float *w = part + b * stride, *bias = db ? part + (n + b) * stride : NULL;
        memset(w, 0, (size_t)stride * sizeof(float));
        if (bias)
            memset(bias, 0, (size_t)stride * sizeof(float));
        for (int64_t i = b * BLOCK; i < MIN(N, (b + 1) * BLOCK); i++)
            back_row(k, i, w, bias);
    }
    add_blocks(d, dw, part, n, stride, D);
    if (db)
        add_blocks(d, db, part + n * stride, n, stride, D);
}

void cpu_rmsnorm_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor dy, struct tensor x, struct tensor w,
                     struct tensor rstd)
{
    struct back k = { f32(dx), f32(dy), f32(x), f32(w), NULL, f32(rstd), x.d[1] };

    SHAPE2(dx, x.d[0], x.d[1]);
    SHAPE2(dy, x.d[0], x.d[1]);
    SHAPE1(dw, x.d[1]);
    back(d, &k, x.d[0], f32(dw), NULL);
}

void cpu_layernorm_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor db, struct tensor dy, struct tensor x,
                       struct tensor w, struct tensor mean, struct tensor rstd)
{
    struct back k = { f32(dx), f32(dy), f32(x), f32(w), f32(mean), f32(rstd), x.d[1] };

    SHAPE2(dx, x.d[0], x.d[1]);
    SHAPE2(dy, x.d[0], x.d[1]);
    SHAPE1(dw, x.d[1]);
    SHAPE1(db, x.d[1]);
    back(d, &k, x.d[0], f32(dw), f32(db));
}
