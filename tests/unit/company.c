/* company.c - the two promises of math/ops.h, to the bit: no result shows the number of threads,
 * and no forward row shows its company: how many rows there are, where it stands, what its
 * neighbours are (NaN among them), or where its path is cut. */
#include "tests/unit/paged.h"

/* ---- a row's company */

static void product_rows(void **state)
{
    static const int64_t shape[][2] = { { 64, 64 },   { 192, 64 }, { 65, 33 }, { 130, 777 },
                                        { 512, 300 }, { 17, 1 },   { 1, 513 } };

    (void)state;
    for (int64_t s = 0; s < countof(shape); s++) {
        arr_open(2);
        int64_t N = 600, M = shape[s][0], K = shape[s][1];
        double scale = s == 2 ? 1e-19 : 1;         /* products that some machines call 0 */
        struct arr x = fresh(N * K, scale), w = fresh(M * K, scale), b = fresh(M, scale * scale),
                   y = poisoned(N * M), part = poisoned(N * M);
        struct arr w2 = fresh(K * M, scale), dx = poisoned(N * M), back = poisoned(N * M),
                   acc = fresh(N * M, scale * scale), sum = copied(acc), turned = poisoned(N * M);
        struct tensor W = tensor2(w.p, M, K), B = tensor1(b.p, M), W2 = tensor2(w2.p, K, M);
        struct mat all = { y.p, N, M, M }, alldx = { dx.p, N, M, M };
        dev->op->matmul(dev, all, (struct mat){ x.p, N, K, K }, W, B, false);
        dev->op->matmul_dx(dev, alldx, (struct mat){ x.p, N, K, K }, W2, false);
        dev->op->matmul(dev, (struct mat){ sum.p, N, M, M }, (struct mat){ x.p, N, K, K }, W, B,
                        true);
        dev->op->matmul_t(dev, (struct mat){ turned.p, N, M, M }, (struct mat){ x.p, N, K, K }, W2,
                          B, false);
        for (int64_t n = 1; n <= 600; n += n < 30 ? 1 : 1 + (int64_t)draw(40)) {
            int64_t from = (int64_t)draw((uint64_t)(N - n + 1));
            struct mat in = { x.p + from * K, n, K, K }, out = { part.p, n, M, M };
            dev->op->matmul(dev, out, in, W, B, false);
            CHECK(same_bits(part.p, y.p + from * M, n * M));
            dev->op->matmul_dx(dev, (struct mat){ back.p, n, M, M }, in, W2, false);
            CHECK(same_bits(back.p, dx.p + from * M, n * M));
            dev->op->matmul_t(dev, out, in, W2, B, false);
            CHECK(same_bits(part.p, turned.p + from * M, n * M));
            memcpy(part.p, acc.p + from * M, (size_t)(n * M) * sizeof(float));
            dev->op->matmul(dev, out, in, W, B, true);     /* and added to what is there */
            CHECK(same_bits(part.p, sum.p + from * M, n * M));
        }
        arr_close();
    }
}

static float *kept, *kept2;                        /* [1000] on the device */

/* Rows [from, from + n) of what `op` makes of N rows, against what it makes of them alone. */
static void alone(void (*op)(float *y, const float *x, int64_t n, int64_t D, const float *w),
                  int64_t D)
{
    int64_t N = 300;
    kept = on_device(1000 * sizeof *kept);
    kept2 = on_device(1000 * sizeof *kept2);
    struct arr x = fresh(N * D, 2), w = fresh(D, 1), y = poisoned(N * D), part = poisoned(N * D);

    op(y.p, x.p, N, D, w.p);
    for (int round = 0; round < 40; round++) {
        int64_t n = 1 + (int64_t)draw(round < 20 ? 20 : 200),
                from = (int64_t)draw((uint64_t)(N - n + 1));
        op(part.p, x.p + from * D, n, D, w.p);
        CHECK(same_bits(part.p, y.p + from * D, n * D));
    }
}

static float *kept, *kept2;                        /* [1000], on the device */

static void rms(float *y, const float *x, int64_t n, int64_t D, const float *w)
{
    dev->op->rmsnorm(dev, tensor2(y, n, D), tensor1(kept, n), tensor2((void *)(uintptr_t)x, n, D),
                     tensor1((void *)(uintptr_t)w, D), 1e-5);
}

static void layer(float *y, const float *x, int64_t n, int64_t D, const float *w)
{
    struct tensor W = tensor1((void *)(uintptr_t)w, D);
    dev->op->layernorm(dev, tensor2(y, n, D), tensor1(kept, n), tensor1(kept2, n),
                       tensor2((void *)(uintptr_t)x, n, D), W, W, 1e-5);
}

static void gelu(float *y, const float *x, int64_t n, int64_t D, const float *w)
{
    (void)w;
    dev->op->gelu(dev, tensor2(y, n, D), tensor2((void *)(uintptr_t)x, n, D), false);
}

static void gelu_tanh(float *y, const float *x, int64_t n, int64_t D, const float *w)
{
    (void)w;
    dev->op->gelu(dev, tensor2(y, n, D), tensor2((void *)(uintptr_t)x, n, D), true);
}

static void swiglu(float *y, const float *x, int64_t n, int64_t D, const float *w)
{
    struct tensor X = tensor2((void *)(uintptr_t)x, n, D);
    (void)w;
    dev->op->swiglu(dev, tensor2(y, n, D), X, X);
}

static void point_rows(void **state)
{
    static const int64_t width[] = { 1, 7, 16, 33, 64, 100, 513 };

    (void)state;
    for (int64_t i = 0; i < countof(width); i++) {
        arr_open(1 + (int)(i % 3));
        alone(rms, width[i]);
        alone(layer, width[i]);
        alone(gelu, width[i]);
        alone(gelu_tanh, width[i]);
        alone(swiglu, width[i]);
        arr_close();
    }
}

static void head_rows(void **state)
{
    static const int64_t words[] = { 264, 2048, 5000 };

    (void)state;
    for (int64_t i = 0; i < countof(words); i++)
        for (int gradient = 0; gradient < 2; gradient++) {
            arr_open(2);
            int64_t N = 400, V = words[i], D = 48, n = 0;
            struct arr x = fresh(N * D, 1), w = fresh(V * D, 0.5), a = poisoned(4 * N),
                       b = poisoned(4 * N), coef = fresh(N, 1);
            struct arr dx = poisoned(N * D), dw = fresh(V * D, 0);
            int32_t *target = indices(N, V);
            dev->op->logprob(dev, tensor1(a.p, N), tensor1(a.p + N, N), tensor1(a.p + 2 * N, N),
                             tensor1(a.p + 3 * N, N), tensor2(x.p, N, D), tensor2(w.p, V, D),
                             target, gradient ? coef.p : NULL, tensor2(dx.p, N, D),
                             tensor2(dw.p, V, D));
            for (int64_t from = 0; from < N; from += n) {
                n = 1 + (int64_t)draw(90);         /* draw() by itself: MIN looks twice */
                n = MIN(n, N - from);
                dev->op->logprob(dev, tensor1(b.p + from, n), tensor1(b.p + N + from, n),
                                 tensor1(b.p + 2 * N + from, n), tensor1(b.p + 3 * N + from, n),
                                 tensor2(x.p + from * D, n, D), tensor2(w.p, V, D),
                                 target + from, NULL, (struct tensor){ 0 },
                                 (struct tensor){ 0 });
            }
            CHECK(same_bits(a.p, b.p, 4 * N));
            arr_close();
        }
}

/* ---- a path's cuts */

struct paths { struct arr q, k, v, o, lse; int64_t H, G, E; };

/* Rows of a logical path, copied to where a forest has them; runs attention; o and lse come
 * back. */
static struct arr attend(const struct forest *f, const int32_t *from, struct paths *p,
                         int64_t window)
{
    int64_t N = f->n_tokens, H = p->H, G = p->G, E = p->E;
    struct arr q = poisoned(N * H * E), k = poisoned(N * G * E), v = poisoned(N * G * E),
               out = poisoned(N * H * (E + 1));

    for (int64_t i = 0; i < N; i++) {
        if (from[i] < 0)                           /* a stranger: NaN through and through */
            continue;
        memcpy(q.p + i * H * E, p->q.p + from[i] * H * E, (size_t)(H * E) * sizeof(float));
        memcpy(k.p + i * G * E, p->k.p + from[i] * G * E, (size_t)(G * E) * sizeof(float));
        memcpy(v.p + i * G * E, p->v.p + from[i] * G * E, (size_t)(G * E) * sizeof(float));
    }
    dev->op->attention(dev, (struct heads){ out.p, H, E, H * E, E },
                       tensor2(out.p + N * H * E, N, H), (struct heads){ q.p, H, E, H * E, E },
                       (struct heads){ k.p, G, E, G * E, E }, (struct heads){ v.p, G, E, G * E, E },
                       f, 1 / sqrt((double)E), window);
    return out;
}

/* Token i of forest a, j of forest b: the same numbers? */
static bool same_token(struct arr a, const struct forest *fa, int64_t i, struct arr b,
                       const struct forest *fb, int64_t j, const struct paths *p)
{
    return same_bits(a.p + i * p->H * p->E, b.p + j * p->H * p->E, p->H * p->E) &&
           same_bits(a.p + fa->n_tokens * p->H * p->E + i * p->H,
                     b.p + fb->n_tokens * p->H * p->E + j * p->H, p->H);
}

/* A prompt of A tokens, sides of B and C: as a tree, and as two rows of their own between
 * strangers; logical tokens are the prompt, then the sides. */
static void pair(int64_t A, int64_t B, int64_t C, int64_t window, struct paths *p)
{
    int64_t cut = A > 1 ? (int64_t)draw((uint64_t)A) : 0, N = A + B + C, M = 2 * A + B + C + 3 + 5;
    struct seg tree[] = { { 0, (int32_t)cut, -1 },
                          { (int32_t)cut, (int32_t)A, 0 },
                          { (int32_t)A, (int32_t)(A + B), 1 },
                          { (int32_t)(A + B), (int32_t)N, 1 } };
    struct seg rows[] = { { 0, 3, -1 },
                          { 3, (int32_t)(3 + A + C), -1 },
                          { (int32_t)(3 + A + C), (int32_t)(M - 5), -1 },
                          { (int32_t)(M - 5), (int32_t)M, 2 } };   /* NaN after the path's end */
    int32_t *pos = on_device((size_t)M * 4), *pos2 = on_device((size_t)M * 4);
    int32_t *from = heap((size_t)M * 4), *from2 = heap((size_t)M * 4);
    struct forest f = { N, 4, on_device(sizeof tree), pos };
    struct forest g = { M, 4, on_device(sizeof rows), pos2 };

    memcpy(f.seg, tree, sizeof tree);
    memcpy(g.seg, rows, sizeof rows);
    for (int64_t i = 0; i < N; i++) {
        from[i] = (int32_t)i;
        pos[i] = (int32_t)(i < A + B ? i : i - B);
    }
    for (int64_t i = 0; i < M; i++) {
        int64_t j = i - 3, second = j - (A + C);
        pos2[i] = (int32_t)(i < 3 ? i : second < 0 ? j : second);
        from2[i] = (int32_t)(i < 3 || i >= M - 5 ? -1 : second < 0 ? (j < A ? j : j + B) : second);
    }
    struct arr a = attend(&f, from, p, window), b = attend(&g, from2, p, window);
    for (int64_t i = 3; i < M - 5; i++)
        CHECK(same_token(b, &g, i, a, &f, from2[i], p));
}

static void paths(void **state)
{
    static const int64_t width[] = { 16, 64, 24, 7 };

    (void)state;
    for (int round = 0; round < 24; round++) {
        arr_open(1 + round % 4);
        int64_t A = 1 + (int64_t)draw(150), B = 1 + (int64_t)draw(100), C = 1 + (int64_t)draw(100),
                N = A + B + C;
        struct paths p = { .H = 4, .G = round % 2 ? 2 : 4, .E = width[round % 4] };
        p.q = fresh(N * p.H * p.E, 2);
        p.k = fresh(N * p.G * p.E, 2);
        p.v = fresh(N * p.G * p.E, 1);
        pair(A, B, C, round % 3 ? 0 : 1 + (int64_t)draw(80), &p);
        arr_close();
    }
}

/* Tokens that came in stretches, beside other rows, look back into a cache as whole rows do. */
static void stretches(void **state)
{
    static const int64_t width[] = { 16, 64, 24, 7 };

    (void)state;
    for (int round = 0; round < 24; round++) {
        arr_open(1 + round % 4);
        int64_t H = 4, G = round % 2 ? 2 : 4, E = width[round % 4];
        struct paged p = paged_rows(300, H, G, E, round % 3 ? 0 : 1 + (int64_t)draw(80));
        struct forest f = paged_forest(&p);
        struct arr o = poisoned(p.o.n), lse = poisoned(f.n_tokens * H);
        struct heads ho = { o.p, H, E, H * E, E }, q = { p.q.p, H, E, H * E, E },
                     k = { p.k.p, G, E, G * E, E }, v = { p.v.p, G, E, G * E, E };
        while (paged_step(&p))
            ;
        dev->op->attention(dev, ho, tensor2(lse.p, f.n_tokens, H), q, k, v, &f, p.scale, p.window);
        CHECK(same_bits(p.o.p, o.p, o.n));
        arr_close();
    }
}

/* ---- threads */

enum { OUTS = 14 };
struct outs { int64_t n; struct arr a[OUTS]; };

static float *out_of(struct outs *o, int64_t n, double scale)
{
    BUG_IF(o->n == OUTS);
    o->a[o->n] = scale > 0 ? fresh(n, scale) : poisoned(n);
    return o->a[o->n++].p;
}

/* Every op that shares out work, on the same numbers; what they made is in o. */
static void all_ops(struct outs *o)
{
    int64_t N = 700, D = 96, V = 3000, H = 6, G = 3, E = 16;
    struct forest f = random_forest(N);
    N = f.n_tokens;
    struct arr x = fresh(N * D, 1), dy = fresh(N * D, 1), w = fresh(V * D, 0.3), b = fresh(D, 1),
               lse = poisoned(N * H);
    struct arr stat = poisoned(4 * N), k = fresh(N * G * E, 1), v = fresh(N * G * E, 1),
               coef = fresh(N, 1);
    int32_t *at = indices(N, V);
    struct tensor X = tensor2(x.p, N, D), DY = tensor2(dy.p, N, D), B = tensor1(b.p, D),
                  W = tensor2(w.p, V, D);
    struct heads q = { x.p, H, E, D, E }, hk = { k.p, G, E, G * E, E },
                 hv = { v.p, G, E, G * E, E }, dout = { dy.p, H, E, D, E };
    struct tensor S0 = tensor1(stat.p, N), S1 = tensor1(stat.p + N, N),
                  S2 = tensor1(stat.p + 2 * N, N), S3 = tensor1(stat.p + 3 * N, N);

    o->n = 0;
    dev->op->embed_bwd(dev, tensor2(out_of(o, V * D, 1), V, D), DY, at);
    dev->op->layernorm(dev, tensor2(out_of(o, N * D, 0), N, D), S0, S1, X, B, B, 1e-5);
    dev->op->layernorm_bwd(dev, tensor2(out_of(o, N * D, 1), N, D), tensor1(out_of(o, D, 1), D),
                           tensor1(out_of(o, D, 1), D), DY, X, B, S0, S1);
    struct heads oo = { out_of(o, N * D, 0), H, E, D, E };
    dev->op->attention(dev, oo, tensor2(lse.p, N, H), q, hk, hv, &f, 0.25, 0);
    struct heads dq = { out_of(o, N * D, 0), H, E, D, E },
                 dk = { out_of(o, N * G * E, 0), G, E, G * E, E };
    struct heads dv = { out_of(o, N * G * E, 0), G, E, G * E, E };
    dev->op->attention_bwd(dev, dq, dk, dv, dout, oo, tensor2(lse.p, N, H), q, hk, hv, &f, 0.25, 0);
    float *dx = out_of(o, N * D, 0), *dw = out_of(o, V * D, 1);
    dev->op->logprob(dev, S0, S1, S2, S3, X, W, at, coef.p, tensor2(dx, N, D), tensor2(dw, V, D));
    dev->op->matmul_dw(dev, tensor2(out_of(o, D * D, 1), D, D), B, mat_of(DY), mat_of(X));
    dev->op->matmul_t_dw(dev, tensor2(out_of(o, D * D, 1), D, D), B, mat_of(DY), mat_of(X));
    double *sum = on_device(sizeof *sum);
    dev->op->sumsq(dev, sum, W);
    *out_of(o, 1, 1) = (float)*sum;
}

static void threads(void **state)
{
    uint64_t first = drawn;
    float *want[OUTS] = { 0 };

    (void)state;
    for (int t = 1; t <= 4; t++) {
        struct outs o;
        arr_open(t);
        drawn = first;
        all_ops(&o);
        for (int64_t i = 0; i < o.n; i++) {
            size_t bytes = (size_t)o.a[i].n * sizeof(float);
            if (t == 1) {
                want[i] = test_malloc(bytes);
                memcpy(want[i], o.a[i].p, bytes);
            } else {
                CHECK(memcmp(want[i], o.a[i].p, bytes) == 0);
            }
        }
        arr_close();
    }
    for (int i = 0; i < OUTS; i++)
        test_free(want[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { TEST(product_rows), TEST(point_rows),
                                               TEST(head_rows), TEST(paths), TEST(stretches),
                                               TEST(threads) };

    return in_places(countof(tests), tests);
}
