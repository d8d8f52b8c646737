/* ops_point.h - part of ops.c: what works number by number. */
#ifndef OPS_POINT_H
#define OPS_POINT_H

#include "tests/unit/ops_dense.h"

static void test_add(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        arr_open(1 + round % 3);
        int64_t n = 1 + (int64_t)draw(100000);
        struct arr a = fresh(n, 1), b = fresh(n, 1), y = round % 2 ? a : poisoned(n);
        double *want = heap((size_t)n * sizeof(*want));
        for (int64_t i = 0; i < n; i++)
            want[i] = a.x[i] + b.x[i];
        dev->op->add(dev, tensor1(y.p, n), tensor1(a.p, n), tensor1(b.p, n));
        y.x = want;
        NEAR(y, 1e-7);
        arr_close();
    }
}

static void test_scale(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        arr_open(1 + round % 3);
        int64_t n = 1 + (int64_t)draw(100000);
        struct arr x = fresh(n, 1), y = round % 2 ? x : poisoned(n);
        double *want = heap((size_t)n * sizeof(*want));
        for (int64_t i = 0; i < n; i++)
            want[i] = -2.5 * x.x[i];
        dev->op->scale(dev, tensor1(y.p, n), tensor1(x.p, n), -2.5);
        y.x = want;
        NEAR(y, 1e-7);
        arr_close();
    }
}

/* Each number is 0 or x / (1 - p), the share of zeros is p, and a row's mask is its key's alone:
 * the same rows in another order, or fewer of them, have the same. */
static void test_dropout(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        arr_open(1 + round % 3);
        int64_t N = 100 + (int64_t)draw(100), D = 60 + (int64_t)draw(500), zeros = 0;
        double p = round % 4 / 4.0, most = 6 * sqrt(p * (1 - p) * (double)(N * D));
        struct arr x = fresh(N * D, 1), y = poisoned(N * D), old = fresh(N * D, 1);
        struct arr part = copied(old);
        uint64_t *key = on_device((size_t)N * sizeof *key);
        int32_t *at = indices(N, N);
        struct draws by = { seed, RNG_STREAM(RNG_NOISE, round), key, NULL, p };
        for (int64_t i = 0; i < N; i++)
            key[i] = draw(UINT64_MAX);
        dev->op->dropout(dev, tensor2(y.p, N, D), tensor2(x.p, N, D), by, false);
        for (int64_t i = 0; i < N * D; i++) {
            zeros += y.p[i] == 0;
            y.x[i] = y.p[i] == 0 ? 0 : x.x[i] / (1 - p);
        }
        NEAR(y, 1e-6);
        CHECK(fabs((double)zeros - p * (double)(N * D)) <= most);
        for (int64_t i = 0; i < N * D; i++)        /* rows that all say 1: what is kept shows */
            x.p[i] = 1;
        by.at = at;
        dev->op->dropout(dev, tensor2(part.p, N / 2, D), tensor2(x.p, N / 2, D), by, true);
        for (int64_t i = 0; i < N * D; i++) {
            bool in = i < N / 2 * D, kept = in && y.p[at[i / D] * D + i % D] != 0;
            part.x[i] = old.x[i] + (kept ? 1 / (1 - p) : 0);
        }
        NEAR(part, 1e-6);
        arr_close();
    }
}

/* Every number moves by less than its row's size, up as often as down, all over the range; where to
 * is its key's and column's alone. */
static void test_jitter(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        arr_open(1 + round % 3);
        int64_t N = 100 + (int64_t)draw(100), D = 60 + (int64_t)draw(500), top = 0;
        struct arr x = fresh(N * D, 1), y = copied(x), size = fresh(N, 1), zero = fresh(N * D, 0);
        uint64_t *key = heap((size_t)N * sizeof *key);
        int32_t *at = indices(N, N);
        struct draws by = { seed, RNG_STREAM(RNG_NOISE, round), key, NULL, 0 };
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < N; i++) {
            key[i] = draw(UINT64_MAX);
            size.p[i] = (float)(1 + draw(8)) / 8;
        }
        dev->op->jitter(dev, tensor2(y.p, N, D), tensor1(size.p, N), by);
        for (int64_t i = 0; i < N * D; i++) {
            double u = ((double)y.p[i] - (double)x.p[i]) / (double)size.p[i / D];
            CHECK(fabs(u) < 1 + 1e-5);
            sum += u;
            squares += u * u;
            top += fabs(u) > 0.9;
        }
        double n = (double)(N * D);                /* within six standard errors */
        CHECK(fabs(sum / n) < 6 * sqrt(1 / (3 * n)));
        CHECK(fabs(squares / n - 1 / 3.) < 6 * sqrt(4 / (45 * n)));
        CHECK(fabs((double)top / n - 0.1) < 6 * sqrt(0.09 / n));
        by.at = at;                                /* the same draws for other rows */
        struct arr half = fresh(N, 0);
        for (int64_t i = 0; i < N / 2; i++)
            half.p[i] = 0.5f * size.p[at[i]];
        dev->op->jitter(dev, tensor2(zero.p, N / 2, D), tensor1(half.p, N / 2), by);
        for (int64_t i = 0; i < N * D; i++) {
            int64_t from = (int64_t)at[i / D] * D + i % D;
            zero.x[i] = i / D < N / 2 ? ((double)y.p[from] - (double)x.p[from]) / 2 : 0;
        }
        NEAR_OF(zero, 1e-6, 1);
        arr_close();
    }
}

/* Gates from far left to far right: each number to 1e-6 of itself. */
static void close_each(const char *what, struct arr y, struct arr x)
{
    for (int64_t i = 0; i < y.n; i++)
        if (!(fabs((double)y.p[i] - y.x[i]) <= 1e-6 * fabs(y.x[i]) + 1e-30))
            check_failed(__FILE__, __LINE__, "%s(%.9g) is %.9g, not %.9g; seed %llu", what, x.x[i],
                         (double)y.p[i], y.x[i], (unsigned long long)seed);
}

static void test_swiglu(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        arr_open(1 + round % 3);
        int64_t n = 1 + (int64_t)draw(20000);
        struct arr gate = fresh(n, round % 2 ? 15 : 2), up = fresh(n, 1), y = poisoned(n);
        dev->op->swiglu(dev, tensor1(y.p, n), tensor1(gate.p, n), tensor1(up.p, n));
        for (int64_t i = 0; i < n; i++)
            y.x[i] = ref_swiglu(gate.x[i], up.x[i]);
        close_each("swiglu", y, gate);
        arr_close();
    }
}

static void test_swiglu_bwd(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        arr_open(1 + round % 3);
        int64_t n = 1 + (int64_t)draw(20000);
        struct arr gate = fresh(n, 3), up = fresh(n, 1), dy = fresh(n, 1);
        struct arr dgate = round % 2 ? copied(gate) : poisoned(n),
                   dup = round % 2 ? copied(up) : poisoned(n);
        dev->op->swiglu_bwd(dev, tensor1(dgate.p, n), tensor1(dup.p, n), tensor1(dy.p, n),
                            tensor1(round % 2 ? dgate.p : gate.p, n),
                            tensor1(round % 2 ? dup.p : up.p, n));
        for (int64_t i = 0; i < n; i++) {
            double h = 1e-5, g = gate.x[i], u = up.x[i];
            dgate.x[i] = dy.x[i] * (ref_swiglu(g + h, u) - ref_swiglu(g - h, u)) / (2 * h);
            dup.x[i] = dy.x[i] * ref_swiglu(g, 1);
        }
        NEAR(dgate, 1e-6);
        NEAR(dup, 1e-6);
        arr_close();
    }
}

static void test_gelu(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        arr_open(1 + round % 3);
        bool tanh_form = round % 2;
        int64_t n = 1 + (int64_t)draw(20000);
        struct arr x = fresh(n, round % 4 < 2 ? 1 : 3), y = poisoned(n);
        for (int64_t i = 0; i < n; i++) {          /* the tanh form's exponent reaches far sooner */
            x.p[i] = tanh_form ? fmaxf(x.p[i], -5) : x.p[i];
            x.x[i] = (double)x.p[i];
            y.x[i] = ref_gelu(x.x[i], tanh_form);
        }
        dev->op->gelu(dev, tensor1(y.p, n), tensor1(x.p, n), tanh_form);
        if (tanh_form)
            NEAR(y, 1e-6);
        else
            close_each("gelu", y, x);
        arr_close();
    }
}

static void test_gelu_bwd(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        arr_open(1 + round % 3);
        bool tanh_form = round % 2, over_x = round % 4 == 2;
        int64_t n = 1 + (int64_t)draw(20000);
        struct arr x = fresh(n, 2), dy = fresh(n, 1),
                   dx = over_x           ? copied(x)
                        : round % 4 == 3 ? copied(dy)
                                         : poisoned(n);
        dev->op->gelu_bwd(dev, tensor1(dx.p, n), tensor1(round % 4 == 3 ? dx.p : dy.p, n),
                          tensor1(over_x ? dx.p : x.p, n), tanh_form);
        for (int64_t i = 0; i < n; i++)
            dx.x[i] = dy.x[i] *
                      (ref_gelu(x.x[i] + 1e-5, tanh_form) - ref_gelu(x.x[i] - 1e-5, tanh_form)) /
                      2e-5;
        NEAR(dx, 1e-6);
        arr_close();
    }
}

#endif
