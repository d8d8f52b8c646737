/* ops_dense.h - the part of ops.c about products, rows, norms and the update. */
#ifndef OPS_DENSE_H
#define OPS_DENSE_H

#include "tests/unit/arr.h"
#include "tests/unit/ref.h"

/* ---- products */

struct prod { int64_t N, M, K; };

static struct prod draw_prod(int round)
{
    static const int64_t edge[] = { 1,  5,   6,   7,   16,  63,  64,  65, 96,
                                    97, 130, 255, 256, 257, 300, 512, 520 };
    if (round < 6)
        return (struct prod){ 1 + (int64_t)draw(9), 1 + (int64_t)draw(20), 1 + (int64_t)draw(20) };
    return (struct prod){ edge[draw(countof(edge))], edge[draw(countof(edge))],
                          edge[draw(countof(edge))] };
}

/* A matrix of `rows` inside a wider buffer; a.x stays dense. */
static struct mat wide(struct arr a, int64_t rows, int64_t cols, int64_t gap)
{
    struct arr b = poisoned(rows * (cols + gap));
    for (int64_t i = 0; i < rows; i++)
        memcpy(b.p + i * (cols + gap), a.p + i * cols, (size_t)cols * sizeof(float));
    return (struct mat){ b.p, rows, cols, cols + gap };
}

/* Back into a.p; what lies between the rows must still be poison. */
static void narrow(struct arr a, struct mat m)
{
    for (int64_t i = 0; i < m.rows; i++) {
        memcpy(a.p + i * m.cols, m.p + i * m.ld, (size_t)m.cols * sizeof(float));
        for (int64_t j = m.cols; j < m.ld; j++)
            CHECK(isnan(m.p[i * m.ld + j]));
    }
}

/* turned: the weight lies [K M]. */
static void products(bool turned)
{
    for (int round = 0; round < 24; round++) {
        arr_open(1 + round % 3);
        struct prod s = draw_prod(round);
        bool add = round % 2;
        struct arr x = fresh(s.N * s.K, 1), w = fresh(s.M * s.K, 1), b = fresh(s.M, 1),
                   old = fresh(s.N * s.M, 1);
        struct arr y = add ? copied(old) : poisoned(s.N * s.M);
        struct tensor bias = tensor1(round % 4 < 2 ? NULL : b.p, s.M);
        struct mat xm = wide(x, s.N, s.K, round % 5), ym = wide(y, s.N, s.M, round % 3);
        if (turned)
            dev->op->matmul_t(dev, ym, xm, tensor2(w.p, s.K, s.M), bias, add);
        else
            dev->op->matmul(dev, ym, xm, tensor2(w.p, s.M, s.K), bias, add);
        narrow(y, ym);
        (turned ? ref_matmul_t : ref_matmul)(y.x, x.x, w.x, bias.p ? b.x : NULL, s.N, s.M,
                                             s.K);
        for (int64_t i = 0; add && i < y.n; i++)
            y.x[i] += old.x[i];
        NEAR_OF(y, 3e-6, 1);
        arr_close();
    }
}

static void test_matmul(void **state)   { (void)state; products(false); }
static void test_matmul_t(void **state) { (void)state; products(true); }

/* To bfloat16's eight bits, ties to even, where the place does that. */
static double rounded(float x)
{
    int e;
    double m = frexp((double)x, &e);

    return place->coarse ? ldexp(rint(ldexp(m, 8)), e - 8) : (double)x;
}

/* Numbers that bfloat16 does not have, half of them in the middle of two that it has. */
static void finer(struct arr a)
{
    for (int64_t i = 0; i < a.n; i++) {
        a.p[i] = i % 2 ? (257 + 2 * (float)draw(127)) / (draw(2) ? 256 : -256) : a.p[i] / 3;
        a.x[i] = rounded(a.p[i]);
    }
}

static void matmul_rounds(void **state)
{
    (void)state;
    for (int turned = 0; turned < 2; turned++)
        for (int64_t N = 1; N < 300; N = N * 3 + 1) {
            arr_open(2);
            int64_t M = 1 + (int64_t)draw(200), K = 1 + (int64_t)draw(600);
            struct arr x = fresh(N * K, 1), w = fresh(M * K, 1), y = poisoned(N * M);
            struct tensor W = turned ? tensor2(w.p, K, M) : tensor2(w.p, M, K), none = { 0 };
            struct mat xm = { x.p, N, K, K }, ym = { y.p, N, M, M };
            finer(x);
            finer(w);
            (turned ? dev->op->matmul_t : dev->op->matmul)(dev, ym, xm, W, none, false);
            (turned ? ref_matmul_t : ref_matmul)(y.x, x.x, w.x, NULL, N, M, K);
            NEAR(y, 3e-6);
            arr_close();
        }
}

static void test_matmul_dx(void **state)
{
    (void)state;
    for (int round = 0; round < 24; round++) {
        arr_open(1 + round % 3);
        struct prod s = draw_prod(round);
        bool add = round % 2;
        struct arr dy = fresh(s.N * s.M, 1), w = fresh(s.M * s.K, 1), old = fresh(s.N * s.K, 1);
        struct arr dx = add ? copied(old) : poisoned(s.N * s.K);
        struct mat dym = wide(dy, s.N, s.M, round % 4), dxm = wide(dx, s.N, s.K, round % 3);
        dev->op->matmul_dx(dev, dxm, dym, tensor2(w.p, s.M, s.K), add);
        narrow(dx, dxm);
        for (int64_t i = 0; i < s.N; i++)
            for (int64_t k = 0; k < s.K; k++) {
                double sum = add ? old.x[i * s.K + k] : 0;
                for (int64_t j = 0; j < s.M; j++)
                    sum += dy.x[i * s.M + j] * w.x[j * s.K + k];
                dx.x[i * s.K + k] = sum;
            }
        NEAR_OF(dx, 3e-6, 1);
        arr_close();
    }
}

static void products_dw(bool turned)
{
    for (int round = 0; round < 24; round++) {
        arr_open(1 + round % 3);
        struct prod s = draw_prod(round);
        struct arr dy = fresh(s.N * s.M, 1), x = fresh(s.N * s.K, 1), dw = fresh(s.M * s.K, 1),
                   db = fresh(s.M, 1);
        struct mat dym = wide(dy, s.N, s.M, round % 4), xm = wide(x, s.N, s.K, round % 3);
        bool bias = round % 2;
        struct tensor tdb = tensor1(bias ? db.p : NULL, s.M);
        if (turned)
            dev->op->matmul_t_dw(dev, tensor2(dw.p, s.K, s.M), tdb, dym, xm);
        else
            dev->op->matmul_dw(dev, tensor2(dw.p, s.M, s.K), tdb, dym, xm);
        for (int64_t i = 0; i < s.N; i++)
            for (int64_t j = 0; j < s.M; j++) {
                for (int64_t k = 0; k < s.K; k++)
                    dw.x[turned ? k * s.M + j : j * s.K + k] +=
                        dy.x[i * s.M + j] * x.x[i * s.K + k];
                db.x[j] += bias ? dy.x[i * s.M + j] : 0;
            }
        NEAR_OF(dw, 3e-6, 1);
        NEAR_OF(db, 3e-6, 1);
        arr_close();
    }
}

static void test_matmul_dw(void **state)   { (void)state; products_dw(false); }
static void test_matmul_t_dw(void **state) { (void)state; products_dw(true); }

/* ---- rows */

/* One shape serves all four: rows out of a table, and their transpose in order. */
static void rows(bool embed, bool backward)
{
    for (int round = 0; round < 12; round++) {
        arr_open(1 + round % 3);
        int64_t n = 1 + (int64_t)draw(200), V = 1 + (int64_t)draw(50), D = 1 + (int64_t)draw(150);
        int32_t *at = indices(n, V);
        struct arr table = fresh(V * D, 1), y = backward ? fresh(n * D, 1) : poisoned(n * D);
        struct tensor t = tensor2(table.p, V, D), r = tensor2(y.p, n, D);
        if (!backward) {
            (embed ? dev->op->embed : dev->op->gather)(dev, r, t, at);
            ref_rows(y.x, table.x, at, n, D);
            NEAR(y, 0);
        } else {
            (embed ? dev->op->embed_bwd : dev->op->gather_bwd)(dev, t, r, at);
            for (int64_t i = 0; i < n * D; i++)
                table.x[at[i / D] * D + i % D] += y.x[i];
            NEAR(table, 1e-6);
        }
        arr_close();
    }
}

static void test_embed(void **state)      { (void)state; rows(true, false); }
static void test_embed_bwd(void **state)  { (void)state; rows(true, true); }
static void test_gather(void **state)     { (void)state; rows(false, false); }
static void test_gather_bwd(void **state) { (void)state; rows(false, true); }

/* ---- norms */

struct norm {
    int64_t N, D;
    double eps;
    struct arr x, w, b, mean, rstd, y, dy;
    double *yx, *m, *r;
};

static struct norm draw_norm(int round)
{
    static const int64_t width[] = { 1, 2, 3, 15, 16, 17, 64, 100, 255, 256, 257, 512, 777, 2048 };
    struct norm t = { .N = 1 + (int64_t)draw(70),
                      .D = width[round % countof(width)],
                      .eps = round % 2 ? 1e-5 : 1e-6 };
    t.x = fresh(t.N * t.D, round % 5 == 4 ? 100 : 1);
    for (int64_t i = 0; i < t.x.n; i++)
        t.x.p[i] += round % 3 == 2 ? 3 : 0;
    round_off(t.x);
    t.w = fresh(t.D, 1);
    t.b = fresh(t.D, 1);
    t.mean = poisoned(t.N);
    t.rstd = poisoned(t.N);
    t.y = poisoned(t.N * t.D);
    t.dy = fresh(t.N * t.D, 1);
    t.yx = heap((size_t)t.y.n * sizeof(double));
    t.m = heap((size_t)t.N * sizeof(double));
    t.r = heap((size_t)t.N * sizeof(double));
    return t;
}

static double rms_loss(void *of)
{
    struct norm *t = of;
    ref_rmsnorm(t->yx, t->r, t->x.x, t->w.x, t->N, t->D, t->eps);
    return weighed(t->yx, t->dy);
}

static double layer_loss(void *of)
{
    struct norm *t = of;
    ref_layernorm(t->yx, t->m, t->r, t->x.x, t->w.x, t->b.x, t->N, t->D, t->eps);
    return weighed(t->yx, t->dy);
}

static void rms(struct norm *t)
{
    dev->op->rmsnorm(dev, tensor2(t->y.p, t->N, t->D), tensor1(t->rstd.p, t->N),
                     tensor2(t->x.p, t->N, t->D), tensor1(t->w.p, t->D), t->eps);
}

static void layer(struct norm *t)
{
    dev->op->layernorm(dev, tensor2(t->y.p, t->N, t->D), tensor1(t->mean.p, t->N),
                       tensor1(t->rstd.p, t->N), tensor2(t->x.p, t->N, t->D), tensor1(t->w.p, t->D),
                       tensor1(t->b.p, t->D), t->eps);
}

static void test_rmsnorm(void **state)
{
    (void)state;
    for (int round = 0; round < 28; round++) {
        arr_open(1 + round % 3);
        struct norm t = draw_norm(round);
        rms(&t);
        ref_rmsnorm(t.y.x, t.rstd.x, t.x.x, t.w.x, t.N, t.D, t.eps);
        NEAR(t.y, 1e-6);
        NEAR(t.rstd, 1e-6);
        arr_close();
    }
}

static void test_layernorm(void **state)
{
    (void)state;
    for (int round = 0; round < 28; round++) {
        arr_open(1 + round % 3);
        struct norm t = draw_norm(round);
        layer(&t);
        ref_layernorm(t.y.x, t.mean.x, t.rstd.x, t.x.x, t.w.x, t.b.x, t.N, t.D, t.eps);
        if (t.D > 8) {                             /* narrower, what is left of x - mean decides */
            NEAR(t.y, 3e-6);
            NEAR(t.rstd, 1e-6);
        }
        NEAR_OF(t.mean, 1e-6, 1);              /* sums of numbers around 1 */
        arr_close();
    }
}

static void test_rmsnorm_bwd(void **state)
{
    (void)state;
    for (int round = 3; round < 14; round++) {
        arr_open(1 + round % 3);
        struct norm t = draw_norm(round);
        struct arr dx = fresh(t.N * t.D, 1), dw = fresh(t.D, 1);
        bool wanted = round % 4 != 0;
        rms(&t);
        dev->op->rmsnorm_bwd(dev, tensor2(dx.p, t.N, t.D), tensor1(wanted ? dw.p : NULL, t.D),
                             tensor2(t.dy.p, t.N, t.D), tensor2(t.x.p, t.N, t.D),
                             tensor1(t.w.p, t.D), tensor1(t.rstd.p, t.N));
        fd_check("dx", rms_loss, &t, t.x, dx, 1e-5);
        if (wanted)
            fd_check("dw", rms_loss, &t, t.w, dw, 1e-5);
        arr_close();
    }
}

static void test_layernorm_bwd(void **state)
{
    (void)state;
    for (int round = 3; round < 14; round++) {
        arr_open(1 + round % 3);
        struct norm t = draw_norm(round);
        struct arr dx = fresh(t.N * t.D, 1), dw = fresh(t.D, 1), db = fresh(t.D, 1);
        bool wanted = round % 4 != 0;
        layer(&t);
        dev->op->layernorm_bwd(dev, tensor2(dx.p, t.N, t.D), tensor1(wanted ? dw.p : NULL, t.D),
                               tensor1(wanted ? db.p : NULL, t.D),
                               tensor2(t.dy.p, t.N, t.D), tensor2(t.x.p, t.N, t.D),
                               tensor1(t.w.p, t.D), tensor1(t.mean.p, t.N), tensor1(t.rstd.p, t.N));
        fd_check("dx", layer_loss, &t, t.x, dx, 1e-5);
        if (wanted) {
            fd_check("dw", layer_loss, &t, t.w, dw, 1e-5);
            fd_check("db", layer_loss, &t, t.b, db, 1e-5);
        }
        arr_close();
    }
}

/* ---- the update */

static void test_sumsq(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        arr_open(1 + round % 3);
        int64_t n = 1 + (int64_t)draw(200000);
        struct arr x = fresh(n, 3);
        double *sum = on_device(sizeof *sum);
        *sum = 5;
        dev->op->sumsq(dev, sum, tensor1(x.p, n));
        CHECK_NEAR(*sum, 5 + ref_sumsq(x.x, n), 1e-12 * *sum);
        arr_close();
    }
}

static void test_adamw(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        arr_open(1 + round % 3);
        int64_t n = 1 + (int64_t)draw(20000);
        struct adamw h = { 1e-2, 0.9, 0.95, round % 3 ? 1e-8 : 0.1, round % 2 ? 0.1 : 0, 1 };
        struct arr w = fresh(n, 1), m = fresh(n, 0), v = fresh(n, 0);
        for (h.step = 1; h.step <= 4; h.step++) {
            struct arr g = fresh(n, 1);
            for (int64_t i = 0; i < n; i += 7)     /* never a gradient: eps alone divides */
                g.x[i] = g.p[i] = 0;
            struct arr kept = copied(g);
            dev->op->adamw(dev, tensor1(w.p, n), tensor1(m.p, n), tensor1(v.p, n), tensor1(g.p, n),
                           0.3, h);
            ref_adamw(w.x, m.x, v.x, g.x, n, 0.3, h);
            CHECK(same_bits(g.p, kept.p, n));
        }
        NEAR(w, 1e-6);
        NEAR(m, 1e-6);
        NEAR(v, 1e-6);
        arr_close();
    }
}

#endif
