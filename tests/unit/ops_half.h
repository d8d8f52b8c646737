/* ops_half.h - the part of ops.c about weights that are held in bfloat16: each op gives the bits it
 * gives for the same numbers as floats. */
#ifndef OPS_HALF_H
#define OPS_HALF_H

#include "math/master.h"
#include "tests/unit/ops_dense.h"

/* The weights of w cut to what bfloat16 has, and those held in it. */
static struct tensor halved(struct arr w, int64_t rows, int64_t cols)
{
    uint16_t *half = on_device((size_t)w.n * sizeof *half);
    struct tensor t = tensor2(half, rows, cols);

    for (int64_t i = 0; i < w.n; i++) {
        uint32_t bits;
        memcpy(&bits, w.p + i, sizeof bits);
        bits &= 0xffff0000;
        memcpy(w.p + i, &bits, sizeof bits);
        half[i] = (uint16_t)(bits >> 16);
    }
    t.type = BF16;
    return t;
}

static void same(const char *what, struct prod s, struct arr a, struct arr b)
{
    if (!same_bits(a.p, b.p, a.n))
        check_failed(__FILE__, __LINE__, "%s: %s of [%lld %lld %lld] has other bits; seed %llu",
                     place->name, what, (long long)s.N, (long long)s.M, (long long)s.K,
                     (unsigned long long)seed);
}

/* Three products by w[M K]: of x[N K], of x[N M], and where w lies turned. */
static void matmul_half(void **state)
{
    (void)state;
    for (int round = 0; round < 24; round++) {
        arr_open(1 + round % 3);
        struct prod s = draw_prod(round);
        if (round % 4 == 3)                    /* few rows have kernels of their own */
            s.N = 1 + (int64_t)draw(70);
        bool add = round % 2;
        struct arr w = fresh(s.M * s.K, 1), x = fresh(s.N * s.K, 1), dy = fresh(s.N * s.M, 1),
                   y = add ? fresh(s.N * s.M, 1) : poisoned(s.N * s.M), y2 = copied(y),
                   dx = add ? fresh(s.N * s.K, 1) : poisoned(s.N * s.K), dx2 = copied(dx),
                   t = copied(dx), t2 = copied(dx);
        struct tensor half = halved(w, s.M, s.K), full = tensor2(w.p, s.M, s.K), none = { 0 };
        struct mat xm = { x.p, s.N, s.K, s.K }, dym = { dy.p, s.N, s.M, s.M };
        if (dev->half) {
            dev->op->matmul(dev, (struct mat){ y.p, s.N, s.M, s.M }, xm, full, none, add);
            dev->op->matmul(dev, (struct mat){ y2.p, s.N, s.M, s.M }, xm, half, none, add);
            same("matmul", s, y, y2);
            dev->op->matmul_dx(dev, (struct mat){ dx.p, s.N, s.K, s.K }, dym, full, add);
            dev->op->matmul_dx(dev, (struct mat){ dx2.p, s.N, s.K, s.K }, dym, half, add);
            same("matmul_dx", s, dx, dx2);
            dev->op->matmul_t(dev, (struct mat){ t.p, s.N, s.K, s.K }, dym, full, none, add);
            dev->op->matmul_t(dev, (struct mat){ t2.p, s.N, s.K, s.K }, dym, half, none, add);
            same("matmul_t", s, t, t2);
        }
        arr_close();
    }
}

static void rows_half(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        arr_open(1 + round % 3);
        struct prod s = { 1 + (int64_t)draw(200), 1 + (int64_t)draw(50), 1 + (int64_t)draw(150) };
        int32_t *at = indices(s.N, s.M);
        struct arr table = fresh(s.M * s.K, 1), y = poisoned(s.N * s.K), y2 = copied(y);
        struct tensor half = halved(table, s.M, s.K);
        if (dev->half) {
            dev->op->embed(dev, tensor2(y.p, s.N, s.K), tensor2(table.p, s.M, s.K), at);
            dev->op->embed(dev, tensor2(y2.p, s.N, s.K), half, at);
            same("embed", s, y, y2);
        }
        arr_close();
    }
}

/* Weights that train in two halves get the bits that floats get, and the upper is the nearest. */
static void adamw_half(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        arr_open(1 + round % 3);
        int64_t n = 1 + (int64_t)draw(20000);
        struct adamw h = { 1e-2, 0.9, 0.95, 1e-8, round % 2 ? 0.1 : 0, 1 };
        struct arr w = fresh(n, 1), m = fresh(n, 0), v = fresh(n, 0), m2 = copied(m),
                   v2 = copied(v), both = poisoned(n);
        struct tensor t = tensor1(on_device((size_t)n * 2), n);
        t.type = BF16;
        t.low = on_device((size_t)n * 2);
        uint16_t *high = t.p;
        for (int64_t i = 0; i < n; i++)
            master_split(w.p[i], &high[i], &t.low[i]);
        for (h.step = 1; h.step <= 4; h.step++) {
            struct arr g = fresh(n, 1);
            dev->op->adamw(dev, tensor1(w.p, n), tensor1(m.p, n), tensor1(v.p, n), tensor1(g.p, n),
                           0.3, h);
            dev->op->adamw(dev, t, tensor1(m2.p, n), tensor1(v2.p, n), tensor1(g.p, n), 0.3, h);
        }
        for (int64_t i = 0; i < n; i++) {
            uint32_t bits = (uint32_t)high[i] << 16;
            float near;
            memcpy(&near, &bits, 4);
            both.p[i] = master_join(high[i], t.low[i]);
            CHECK(fabs((double)near - (double)w.p[i]) <= 0x1p-8 * fabs((double)w.p[i]));
        }
        CHECK(same_bits(both.p, w.p, n) && same_bits(m.p, m2.p, n) && same_bits(v.p, v2.p, n));
        arr_close();
    }
}

#endif
