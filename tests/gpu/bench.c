/* bench.c - speeds of the CUDA backend on the card at hand, each beside what that card can do.
 *
 * Two ceilings are measured first: a copy of large arrays, bytes read and written, and a product of
 * 8192^3 in bf16.  Kernels are then shares of the copy, products of the product; a training step
 * also tells its share of 989 TFLOP/s, what an H100 or H200 is sold with.  Inputs are random, sizes
 * past every cache, times medians of five runs of several calls each.
 *
 * usage: bench [DEVICE [SMALL]]   SMALL divides every size, to try the program elsewhere. */
#include "base/rng.h"
#include "base/run.h"
#include "model/lora.h"
#include "model/model.h"

enum { TURNS = 5 };
#define SOLD 989e12

static struct arena *a;
static struct dev *d;
static int64_t small = 1;
static double copy_rate, product_rate;

static void check(enum st st)
{
    if (st != ST_OK)
        exit(done(st));
}

static void *get(int64_t floats)
{
    void *p = dev_alloc(d, (size_t)floats * sizeof(float));

    if (!p)
        check(ST_SYS);
    return p;
}

/* Random numbers, the same 4M again and again. */
static void fill(float *p, int64_t n, double scale)
{
    enum { MANY = 1 << 22 };
    static float block[MANY];

    for (int64_t i = 0; i < MANY; i++)
        block[i] = (float)(scale * (2 * rng_unit(1, RNG_TEST, (uint64_t)i) - 1));
    for (int64_t at = 0; at < n; at += MANY)
        dev_put(d, p + at, block, (size_t)MIN(MANY, n - at) * sizeof(float));
}

static float *random_floats(int64_t n, double scale)
{
    float *p = get(n);

    fill(p, n, scale);
    return p;
}

static int by_value(const void *x, const void *y)
{
    double p = *(const double *)x, q = *(const double *)y;
    return (p > q) - (p < q);
}

/* Seconds of one call. */
static double seconds(void (*call)(void *), void *of)
{
    double t[TURNS];
    int64_t times = 1;

    call(of);
    for (check(dev_sync(d));; times *= 2) {
        double start = run_clock();
        for (int64_t i = 0; i < times; i++)
            call(of);
        check(dev_sync(d));
        if (run_clock() - start > .02 || times > 1000)
            break;
    }
    for (int k = 0; k < TURNS; k++) {
        double start = run_clock();
        for (int64_t i = 0; i < times; i++)
            call(of);
        check(dev_sync(d));
        t[k] = (run_clock() - start) / (double)times;
    }
    qsort(t, TURNS, sizeof *t, by_value);
    return t[TURNS / 2];
}

static void line(const char *what, double s, double rate, const char *unit, double ceiling)
{
    printf("%-44s %9.3f ms %9.1f %-8s %4.0f %%\n", what, 1e3 * s, rate, unit,
           ceiling > 0 ? 100 * rate / ceiling : 100);
    fflush(stdout);
}

static void bytes_line(const char *what, double s, double bytes)
{
    line(what, s, bytes / s / 1e9, "GB/s", copy_rate);
}

/* ---- what goes by memory */

struct rows { struct tensor x, y, z, w, stat, stat2; const int32_t *at; const float *coef; };

static void copy(void *of)   { struct rows *r = of; d->op->scale(d, r->y, r->x, 1); }
static void swiglu(void *of) { struct rows *r = of; d->op->swiglu(d, r->y, r->x, r->z); }
static void gelu(void *of)   { struct rows *r = of; d->op->gelu(d, r->y, r->x, false); }

static void rms(void *of)
{
    struct rows *r = of;
    d->op->rmsnorm(d, r->y, r->stat, r->x, r->w, 1e-5);
}

static void rms_bwd(void *of)
{
    struct rows *r = of;
    d->op->rmsnorm_bwd(d, r->y, (struct tensor){ 0 }, r->z, r->x, r->w, r->stat);
}

static void layer(void *of)
{
    struct rows *r = of;
    d->op->layernorm(d, r->y, r->stat, r->stat2, r->x, r->w, r->w, 1e-5);
}

static void swiglu_bwd(void *of)
{
    struct rows *r = of;
    d->op->swiglu_bwd(d, r->x, r->z, r->y, r->x, r->z);
}

static void adamw(void *of)
{
    struct rows *r = of;
    struct adamw h = { 0, .9, .95, 1e-8, 0, 1 };
    d->op->adamw(d, r->x, r->y, r->z, r->w, 1, h);
}

static void memory(void)
{
    int64_t N = 16384 / small, D = 4096, n = N * D;
    double gb = (double)n * sizeof(float);
    struct rows r = { .x = tensor2(random_floats(n, 1), N, D), .y = tensor2(get(n), N, D),
                      .z = tensor2(random_floats(n, 1), N, D),
                      .w = tensor1(random_floats(n, 1), D), .stat = tensor1(get(N), N),
                      .stat2 = tensor1(get(N), N) };

    copy_rate = 2 * gb / seconds(copy, &r) / 1e9;
    line("copy", 2 * gb / copy_rate / 1e9, copy_rate, "GB/s", 0);
    bytes_line("RMS norm, 16384 x 4096", seconds(rms, &r), 2 * gb);
    bytes_line("RMS norm, backward to x", seconds(rms_bwd, &r), 4 * gb);
    bytes_line("layer norm", seconds(layer, &r), 2 * gb);
    bytes_line("gelu", seconds(gelu, &r), 2 * gb);
    bytes_line("silu times up", seconds(swiglu, &r), 3 * gb);
    bytes_line("its backward", seconds(swiglu_bwd, &r), 5 * gb);
    r.w = tensor2(r.w.p, N, D);
    bytes_line("AdamW", seconds(adamw, &r), 7 * gb);
    for (void **p = (void *[]){ r.x.p, r.y.p, r.z.p, r.w.p, NULL }; *p; p++)
        dev_free(d, *p);
}

/* ---- products */

struct product { struct mat y, x; struct tensor w; int which; };

static void product(void *of)
{
    struct product *p = of;

    if (p->which == 0)
        d->op->matmul(d, p->y, p->x, p->w, (struct tensor){ 0 }, false);
    else if (p->which == 1)
        d->op->matmul_dx(d, p->x, p->y, p->w, false);
    else
        d->op->matmul_dw(d, p->w, (struct tensor){ 0 }, p->y, p->x);
}

static void products(void)
{
    static const struct { const char *what; int64_t N, M, K; } shape[] = {
        { "8192^3", 8192, 8192, 8192 }, { "4096 -> 6144", 8192, 6144, 4096 },
        { "4096 -> 14336", 8192, 14336, 4096 }, { "14336 -> 4096", 8192, 4096, 14336 },
        { "2048 -> 8192", 8192, 8192, 2048 }, { "4096 -> 128256, 256 rows", 256, 128256, 4096 },
    };
    static const char *const kind[] = { "", ", by the input", ", by the weight" };

    for (int64_t i = 0; i < countof(shape); i++)
        for (int which = 0; which < 3; which++) {
            int64_t N = shape[i].N / small, M = shape[i].M / small, K = shape[i].K / small;
            struct product p = { { random_floats(N * M, 1), N, M, M },
                                 { random_floats(N * K, 1), N, K, K },
                                 tensor2(random_floats(M * K, 1), M, K), which };
            double s = seconds(product, &p), rate = 2e-12 * (double)(N * M) * (double)K / s;
            if (!product_rate)
                product_rate = rate;
            line(arena_printf(a, "product %s%s", shape[i].what, kind[which]), s, rate, "TFLOP/s",
                 product_rate);
            dev_free(d, p.y.p);
            dev_free(d, p.x.p);
            dev_free(d, p.w.p);
        }
}

/* ---- attention and the head */

struct att { struct heads q, k, v, o, dq, dk, dv, dout; struct tensor lse; struct forest f; };

static void attend(void *of)
{
    struct att *t = of;
    d->op->attention(d, t->o, t->lse, t->q, t->k, t->v, &t->f, 0.1, 0);
}

static void attend_bwd(void *of)
{
    struct att *t = of;
    d->op->attention_bwd(d, t->dq, t->dk, t->dv, t->dout, t->o, t->lse, t->q, t->k, t->v, &t->f,
                         0.1, 0);
}

static struct heads heads(int64_t N, int64_t n, int64_t E)
{
    return (struct heads){ random_floats(N * n * E, 1), n, E, n * E, E };
}

static void attention(int64_t H, int64_t G, int64_t E, int64_t length)
{
    int64_t N = 16384 / small / length * length, n = N / length, tokens = N;
    struct seg *seg = ARENA_NEW(a, struct seg, n);
    struct att t = { heads(N, H, E), heads(N, G, E), heads(N, G, E), heads(N, H, E),
                     heads(N, H, E), heads(N, G, E), heads(N, G, E), heads(N, H, E),
                     tensor2(get(tokens * H), tokens, H), { tokens, n, get(3 * n), NULL } };
    /* two products of each pair, causal; the backward's five */
    double flops = 2 * 2 * (double)(n * H * E) * (double)length * (double)(length + 1) / 2;

    for (int64_t i = 0; i < n; i++)
        seg[i] = (struct seg){ (int32_t)(i * length), (int32_t)((i + 1) * length), -1 };
    dev_put(d, t.f.seg, seg, (size_t)n * sizeof *seg);
    const char *what = arena_printf(a, "attention, %d heads of %d, rows of %d", (int)H, (int)E,
                                    (int)length);
    double s = seconds(attend, &t);
    line(what, s, flops / s / 1e12, "TFLOP/s", product_rate);
    s = seconds(attend_bwd, &t);
    line("  its backward", s, 2.5 * flops / s / 1e12, "TFLOP/s", product_rate);
    for (struct heads *h = &t.q; h <= &t.dout; h++)
        dev_free(d, h->p);
    dev_free(d, t.lse.p);
}

struct head {
    struct tensor x, w, dx, dw, logp, lse, hit, entropy;
    int32_t *target;
    float *coef;
};

static void head(void *of)
{
    struct head *h = of;
    d->op->logprob(d, h->logp, h->lse, h->hit, h->entropy, h->x, h->w, h->target, h->coef, h->dx,
                   h->dw);
}

static void logprob(int64_t V, int64_t D)
{
    int64_t n = 4096 / small;
    struct head h = { tensor2(random_floats(n * D, 1), n, D),
                      tensor2(random_floats(V * D, .02), V, D), tensor2(get(n * D), n, D),
                      tensor2(get(V * D), V, D), tensor1(get(n), n),
                      tensor1(get(n), n), tensor1(get(n), n), tensor1(get(n), n), get(n),
                      random_floats(n, 1) };
    double s = seconds(head, &h), flops = 6 * (double)(n * V) * (double)D;

    line(arena_printf(a, "head and gradient, %d words", (int)V), s, flops / s / 1e12, "TFLOP/s",
         product_rate);
    for (void **p = (void *[]){ h.x.p, h.w.p, h.dx.p, h.dw.p, NULL }; *p; p++)
        dev_free(d, *p);
}

/* ---- a training step */

/* D, F and V as they are; `small` divides them. */
static struct config shaped(enum family family, int64_t D, int64_t L, int64_t H, int64_t G,
                            int64_t F, int64_t V)
{
    struct config c = { .family = family, .V = V / small, .D = D / small, .L = L, .H = H, .G = G,
                        .E = D / small / H, .F = F / small, .positions = 4096, .eps = 1e-5,
                        .init_std = .02, .bos = -1, .eos = -1 };

    c.n_freq = c.E / (family == FAMILY_NEOX ? 8 : 2);

    c.qkv_bias = c.o_bias = c.mlp_bias = c.parallel = family == FAMILY_NEOX;
    c.freq = ARENA_NEW(a, double, c.n_freq);
    c.window = ARENA_NEW(a, int64_t, L);
    for (int64_t j = 0; j < c.n_freq; j++)
        c.freq[j] = 1 / (double)(1 + j);
    return c;
}

struct step {
    struct model *m;
    struct pass  *pass;
    struct pack   pack;
    float        *coef;
    struct tensor w, g, m1, m2;
};

static void step(void *of)
{
    struct step *s = of;
    struct adamw h = { 1e-6, .9, .95, 1e-8, 0, 1 };

    model_zero_grad(s->m);
    model_forward(s->m, s->pass, &s->pack, s->coef, NULL, NULL);
    model_backward(s->m, s->pass, NULL);
    d->op->adamw(d, s->w, s->m1, s->m2, s->g, 1, h);
}

static void train(const char *what, struct config c, int64_t N, int64_t length)
{
    struct step s = { .coef = ARENA_NEW(a, float, N) };

    s.pack.f.n_tokens = s.pack.n_targets = N;
    s.pack.f.n_segs = N / length;
    s.pack.f.seg = ARENA_NEW(a, struct seg, N / length);
    s.pack.f.pos = ARENA_NEW(a, int32_t, N);
    s.pack.token = ARENA_NEW(a, int32_t, N);
    s.pack.at = ARENA_NEW(a, int32_t, N);
    s.pack.target = ARENA_NEW(a, int32_t, N);
    for (int64_t i = 0; i < N; i++) {
        s.pack.f.pos[i] = (int32_t)(i % length);
        s.pack.at[i] = (int32_t)i;
        s.pack.token[i] = (int32_t)(rng(1, RNG_TEST, (uint64_t)i) % (uint64_t)c.V);
        s.pack.target[i] = (int32_t)(rng(2, RNG_TEST, (uint64_t)i) % (uint64_t)c.V);
        s.coef[i] = -1 / (float)N;
    }
    for (int64_t i = 0; i < N / length; i++)
        s.pack.f.seg[i] = (struct seg){ (int32_t)(i * length), (int32_t)((i + 1) * length), -1 };
    check(model_new(&s.m, &c, d, true, a));
    fill(s.m->w, (int64_t)(s.m->n_bytes / sizeof(float)), .03);
    struct params p = model_trained(s.m);
    int64_t n = (int64_t)(p.n_bytes / sizeof(float));
    s.w = tensor1(p.w, n);
    s.g = tensor1(p.g, n);
    s.m1 = tensor1(get(n), n);
    s.m2 = tensor1(get(n), n);
    check(pass_new(&s.pass, s.m, N, N, true, a));
    double t = seconds(step, &s), flops = (c.lora ? 2 : 3) * model_flops(&c, N, N);
    line(what, t, (double)N / t / 1e3, "ktok/s", 0);
    line("  its products", t, flops / t / 1e12, "TFLOP/s", product_rate);
    printf("  of %.0f TFLOP/s: %.1f %%\n", SOLD / 1e12, 100 * flops / t / SOLD);
    pass_free(s.pass);
    model_free(s.m);
    dev_free(d, s.m1.p);
    dev_free(d, s.m2.p);
}

int main(int argc, char **argv)
{
    struct lora l = { .rank = 16, .alpha = 32 };

    err_tool(argv[0]);
    a = arena_new(0);
    small = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    check(dev_open(&d, argc > 1 ? argv[1] : "cuda:0", 0, a));
    printf("%-44s %12s %18s %6s\n", "what", "time", "rate", "of");
    memory();
    products();
    attention(32, 32, 64, 200);
    attention(32, 8, 128, 200);
    attention(8, 8, 256, 200);
    attention(32, 8, 128, 4096 / small);
    logprob(50304 / small, 2048 / small);
    logprob(128256 / small, 4096 / small);
    train("Pythia-1B, all weights, 8192 tokens",
          shaped(FAMILY_NEOX, 2048, 16, 8, 8, 8192, 50304), 8192 / small, 256 / small);
    struct config c = shaped(FAMILY_LLAMA, 4096, 32, 32, 8, 14336, 128256);
    check(lora_targets(&l, "all-linear", a));
    c.lora = &l;
    train("Llama-3-8B, adapters of rank 16, 4096 tokens", c, 4096 / small, 256 / small);
    dev_close(d);
    return done(ST_OK);
}
