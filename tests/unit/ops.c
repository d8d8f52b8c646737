/* ops.c - every op of the list against the reference in double, and every gradient against its
 * differences.
 *
 * The list names the tests: an op without one does not compile.  Shapes are drawn anew each run:
 * odd, tiny, and past every block size, in every place.  Here: what works on the forest, and the
 * head; ops_dense.h and ops_point.h have the rest. */
#include "tests/unit/ops_half.h"
#include "tests/unit/ops_point.h"
#include "tests/unit/paged.h"

/* ---- the forest */

static void test_rope(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        arr_open(1 + round % 3);
        struct forest f = random_forest(1 + (int64_t)draw(200));
        int64_t E = 2 + (int64_t)draw(70), n_freq = 1 + (int64_t)draw((uint64_t)E / 2),
                n = 1 + (int64_t)draw(4), gap = round % 3;
        double freq[64];
        for (int64_t j = 0; j < n_freq; j++)
            freq[j] = pow(10000, -(double)j / (double)n_freq);
        struct arr x = fresh(f.n_tokens * n * E, 1);
        struct mat m = wide(x, f.n_tokens, n * E, gap);
        dev->op->rope(dev, (struct heads){ m.p, n, E, m.ld, E }, &f, freq, n_freq,
                      round % 2 ? -1 : 1);
        narrow(x, m);
        ref_rope(x.x, f.pos, freq, n_freq, round % 2 ? -1 : 1, f.n_tokens, n, E);
        NEAR(x, 1e-6);
        arr_close();
    }
}

struct att {
    struct forest f;
    int64_t H, G, E, window;
    double scale;
    struct arr q, k, v, o, lse, dout;
    double *ox, *lx;
};

static struct att draw_att(int round, struct forest f)
{
    static const int64_t width[] = { 16, 8, 64, 20, 128, 33 };
    struct att t = { .f = f, .E = width[round % 6] };
    t.G = 1 + (int64_t)draw(3);
    t.H = t.G * (1 + (int64_t)draw(3));
    t.window = round % 3 == 2 ? 1 + (int64_t)draw(90) : 0;
    t.scale = 1 / sqrt((double)t.E);
    t.q = fresh(t.f.n_tokens * t.H * t.E, 1.5);
    t.k = fresh(t.f.n_tokens * t.G * t.E, 1.5);
    t.v = fresh(t.f.n_tokens * t.G * t.E, 1);
    t.o = poisoned(t.q.n);
    t.lse = poisoned(t.f.n_tokens * t.H);
    t.dout = fresh(t.q.n, 1);
    t.ox = heap((size_t)t.q.n * sizeof(double));
    t.lx = heap((size_t)t.lse.n * sizeof(double));
    return t;
}

static struct heads heads_of(struct arr a, int64_t n, int64_t E)
{
    return (struct heads){ a.p, n, E, n * E, E };
}

static double att_loss(void *of)
{
    struct att *t = of;
    ref_attention(t->ox, t->lx, t->q.x, t->k.x, t->v.x, &t->f, t->H, t->G, t->E, t->scale,
                  t->window);
    return weighed(t->ox, t->dout);
}

static void att_run(struct att *t)
{
    dev->op->attention(dev, heads_of(t->o, t->H, t->E), tensor2(t->lse.p, t->f.n_tokens, t->H),
                       heads_of(t->q, t->H, t->E), heads_of(t->k, t->G, t->E),
                       heads_of(t->v, t->G, t->E), &t->f, t->scale, t->window);
}

static struct forest draw_forest(int round)
{
    return random_forest(round < 4 ? 1 + (int64_t)draw(30) : 60 + (int64_t)draw(150));
}

static void test_attention(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        arr_open(1 + round % 3);
        struct att t = draw_att(round, draw_forest(round));
        att_run(&t);
        ref_attention(t.o.x, t.lse.x, t.q.x, t.k.x, t.v.x, &t.f, t.H, t.G, t.E, t.scale, t.window);
        NEAR(t.o, 2e-6);
        NEAR(t.lse, 2e-6);
        arr_close();
    }
}

static void test_attention_bwd(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        arr_open(1 + round % 3);
        int small = round < 4 ? round : round - 4;
        struct att t = draw_att(small, draw_forest(small));
        struct arr dq = written(t.q.n), dk = written(t.k.n), dv = written(t.v.n);
        att_run(&t);
        dev->op->attention_bwd(dev, heads_of(dq, t.H, t.E), heads_of(dk, t.G, t.E),
                               heads_of(dv, t.G, t.E), heads_of(t.dout, t.H, t.E),
                               heads_of(t.o, t.H, t.E), tensor2(t.lse.p, t.f.n_tokens, t.H),
                               heads_of(t.q, t.H, t.E), heads_of(t.k, t.G, t.E),
                               heads_of(t.v, t.G, t.E), &t.f, t.scale, t.window);
        fd_check("dq", att_loss, &t, t.q, dq, 3e-5);
        fd_check("dk", att_loss, &t, t.k, dk, 3e-5);
        fd_check("dv", att_loss, &t, t.v, dv, 3e-5);
        arr_close();
    }
}

/* The gradients of all numbers against those summed in double by hand, p = e^(s - lse), ds = p (do
 * v - do o). */
static void all_of_it(struct forest f, int round)
{
    forest_place(&f);
    struct att t = draw_att(round, f);
    t.window = 0;
    struct arr dq = written(t.q.n), dk = written(t.k.n), dv = written(t.v.n);
    att_run(&t);
    ref_attention(t.ox, t.lx, t.q.x, t.k.x, t.v.x, &t.f, t.H, t.G, t.E, t.scale, 0);
    memcpy(t.o.x, t.ox, (size_t)t.o.n * sizeof *t.o.x);
    dev->op->attention_bwd(dev, heads_of(dq, t.H, t.E), heads_of(dk, t.G, t.E),
                           heads_of(dv, t.G, t.E), heads_of(t.dout, t.H, t.E),
                           heads_of(t.o, t.H, t.E), tensor2(t.lse.p, t.f.n_tokens, t.H),
                           heads_of(t.q, t.H, t.E), heads_of(t.k, t.G, t.E),
                           heads_of(t.v, t.G, t.E), &t.f, t.scale, 0);
    ref_attention_bwd(dq.x, dk.x, dv.x, t.dout.x, t.ox, t.lx, t.q.x, t.k.x, t.v.x, &t.f, t.H, t.G,
                      t.E, t.scale, 0);
    NEAR(t.o, 2e-6);
    NEAR(dq, 3e-6);
    NEAR(dk, 3e-6);
    NEAR(dv, 3e-6);
}

/* Long rows, where a key block is seen whole and several follow. */
static void attention_long(void **state)
{
    static const struct seg seg[] = { { 0, 270, -1 }, { 270, 330, 0 }, { 330, 380, 0 } };

    (void)state;
    arr_open(2);
    struct forest f = { .n_tokens = 380, .n_segs = 3, .seg = on_device(sizeof seg) };
    memcpy(f.seg, seg, sizeof seg);
    all_of_it(f, 2 + (int)draw(2));
    arr_close();
}

/* A prompt with many short ends, in three generations, and lone rows between them: more segments
 * than a block has threads. */
static void attention_many(void **state)
{
    (void)state;
    arr_open(1);
    struct forest f = { .n_segs = 170 };
    f.seg = on_device((size_t)f.n_segs * sizeof *f.seg);
    for (int32_t s = 0; s < f.n_segs; s++) {
        int32_t begin = (int32_t)f.n_tokens, len = s ? (int32_t)draw(3) : 20;
        int32_t parent = s == 0 || draw(4) == 0 ? -1 : s < 60 ? 0 : s - 59;
        f.seg[s] = (struct seg){ begin, begin + len, parent };
        f.n_tokens += len;
    }
    all_of_it(f, 1);
    arr_close();
}

/* ---- the cache */

static void test_attention_cache(void **state)
{
    static const int64_t width[] = { 16, 8, 64, 20, 128, 33 };

    (void)state;
    for (int round = 0; round < 12; round++) {
        arr_open(1 + round % 3);
        int64_t G = 1 + (int64_t)draw(3), H = G * (1 + (int64_t)draw(3));
        struct paged p = paged_rows(round < 4 ? 9 : 200, H, G, width[round % 6],
                                    round % 3 == 2 ? 1 + (int64_t)draw(90) : 0);
        struct forest f = paged_forest(&p);
        double *lse = heap((size_t)(f.n_tokens * H) * sizeof(*lse));
        while (paged_step(&p))
            ;
        ref_attention(p.o.x, lse, p.q.x, p.k.x, p.v.x, &f, H, G, p.E, p.scale, p.window);
        NEAR(p.o, 2e-6);
        arr_close();
    }
}

/* What is put twice is there as it was put last; other places of a page keep what they had. */
static void test_cache_put(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        arr_open(1 + round % 3);
        struct paged p = paged_rows(round < 3 ? 9 : 150, 2, 2, 24, 0), twice = p;
        struct forest f = paged_forest(&p);
        double *lse = heap((size_t)(f.n_tokens * 2) * sizeof(*lse));
        float *kept = p.v.p, *wrong = poisoned(p.v.n).p;
        twice.v.p = wrong;                     /* NaN first */
        while (paged_step(&twice))
            ;
        p.v.p = kept;
        while (paged_step(&p))
            ;
        ref_attention(p.o.x, lse, p.q.x, p.k.x, p.v.x, &f, 2, 2, 24, p.scale, 0);
        NEAR(p.o, 2e-6);
        arr_close();
    }
}

static void test_argmax(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        arr_open(1 + round % 3);
        int64_t n = 1 + (int64_t)draw(20), V = 1 + (int64_t)draw(round % 2 ? 40 : 5000);
        struct arr x = fresh(n * V, 1);
        int32_t *best = indices(n, V);
        for (int64_t i = 0; i < n; i++) {      /* equals: the first; NaN: none; -inf is a number */
            int64_t a = (int64_t)draw((uint64_t)V), b = (int64_t)draw((uint64_t)V);
            if (i % 3 == 1)
                x.p[i * V + a] = x.p[i * V + b] = 9;
            if (i % 5 == 4)
                x.p[i * V + a] = NAN;
            for (int64_t j = 0; i % 7 == 6 && j < V; j++)
                x.p[i * V + j] = -INFINITY;
        }
        dev->op->argmax(dev, best, tensor2(x.p, n, V));
        for (int64_t i = 0; i < n; i++) {
            int64_t want = 0;
            for (int64_t j = 1; j < V; j++)
                if (x.p[i * V + j] > x.p[i * V + want])
                    want = j;
            for (int64_t j = 0; j < V; j++)
                want = isnan(x.p[i * V + j]) ? -1 : want;
            CHECK(best[i] == want);
        }
        arr_close();
    }
}

/* ---- the head */

struct head {
    int64_t n, V, D;
    struct arr x, w, logp, lse, hit, entropy, coef;
    int32_t *target;
    int64_t hot, twin;                             /* two equal words, likely the largest */
    double *out[4];
};

static struct head draw_head(int round)
{
    static const int64_t words[] = { 3, 7, 264, 600, 2048, 2049, 5000 };
    struct head t = { .n = 1 + (int64_t)draw(round % 2 ? 40 : 300),
                      .V = words[round % 7],
                      .D = 1 + (int64_t)draw(70) };
    t.x = fresh(t.n * t.D, 1);
    t.w = fresh(t.V * t.D, 0.5);
    t.hot = (int64_t)draw((uint64_t)t.V - 1);      /* often the arg max; its twin comes later */
    t.twin = t.hot + 1 + (int64_t)draw((uint64_t)(t.V - t.hot - 1));
    for (int64_t j = 0; j < t.D; j++) {
        t.w.p[t.hot * t.D + j] *= 1.5f;
        t.w.p[t.twin * t.D + j] = t.w.p[t.hot * t.D + j];
    }
    round_off(t.w);
    t.logp = poisoned(t.n);
    t.lse = poisoned(t.n);
    t.hit = poisoned(t.n);
    t.entropy = poisoned(t.n);
    t.coef = fresh(t.n, 1);
    t.target = indices(t.n, t.V);
    for (int i = 0; i < countof(t.out); i++)
        t.out[i] = heap((size_t)t.n * sizeof(double));
    return t;
}

static double head_loss(void *of)
{
    struct head *t = of;
    ref_logprob(t->out[0], t->out[1], t->out[2], t->out[3], t->x.x, t->w.x, t->target, t->n, t->V,
                t->D);
    return weighed(t->out[0], t->coef);
}

/* all of a head's gradient: dl/dlogit = coef (1[v = target] - p) */
static void head_gradient(struct head *t, double *dx, double *dw)
{
    head_loss(t);
    for (int64_t i = 0; i < t->n; i++)
        for (int64_t v = 0; v < t->V; v++) {
            double logit = 0;
            for (int64_t j = 0; j < t->D; j++)
                logit += t->x.x[i * t->D + j] * t->w.x[v * t->D + j];
            double g = t->coef.x[i] * ((v == t->target[i]) - exp(logit - t->out[1][i]));
            for (int64_t j = 0; j < t->D; j++) {
                dx[i * t->D + j] += g * t->w.x[v * t->D + j];
                dw[v * t->D + j] += g * t->x.x[i * t->D + j];
            }
        }
}

static void head_run(struct head *t, const float *coef, struct arr dx, struct arr dw)
{
    dev->op->logprob(dev, tensor1(t->logp.p, t->n), tensor1(t->lse.p, t->n),
                     tensor1(t->hit.p, t->n), tensor1(t->entropy.p, t->n),
                     tensor2(t->x.p, t->n, t->D), tensor2(t->w.p, t->V, t->D), t->target, coef,
                     tensor2(dx.p, t->n, t->D), tensor2(dw.p, t->V, t->D));
    ref_logprob(t->logp.x, t->lse.x, t->hit.x, t->entropy.x, t->x.x, t->w.x, t->target, t->n, t->V,
                t->D);
}

/* Half of the targets are the arg max, or its twin, which comes second and does not count. */
static void aim(struct head *t)
{
    for (int64_t i = 0; i < t->n; i += 2) {
        double top = -INFINITY;
        for (int64_t v = 0; v < t->V; v++) {
            double l = 0;
            for (int64_t j = 0; j < t->D; j++)
                l += t->x.x[i * t->D + j] * t->w.x[v * t->D + j];
            if (l > top) {
                t->target[i] = (int32_t)v;
                top = l;
            }
        }
        if (t->target[i] == t->hot && draw(2))
            t->target[i] = (int32_t)t->twin;
    }
}

static void test_logprob(void **state)
{
    (void)state;
    for (int round = 0; round < 14; round++) {
        arr_open(1 + round % 3);
        struct head t = draw_head(round);
        struct arr dx = written(t.n * t.D), dw = fresh(t.V * t.D, 1), none = { 0 };
        bool coef = round % 3, wanted = round % 5;     /* dw may be left out */
        aim(&t);
        head_run(&t, coef ? t.coef.p : NULL, coef ? dx : none, coef && wanted ? dw : none);
        NEAR_OF(t.logp, 1e-6, 5);
        NEAR_OF(t.lse, 1e-6, 5);
        NEAR(t.hit, 0);
        NEAR_OF(t.entropy, 2e-6, 5);
        if (coef) {
            head_gradient(&t, dx.x, dw.x);
            NEAR_OF(dx, 5e-6, 1);                  /* 1: its terms, which cancel at an arg max */
            if (wanted)
                NEAR_OF(dw, 5e-6, 1);
        }
        arr_close();
    }
}

static void test_logprob_bwd(void **state)
{
    (void)state;
    for (int round = 0; round < 7; round++) {
        arr_open(1 + round % 3);
        struct head t = draw_head(round);
        t.n = MIN(t.n, 20);
        t.x.n = t.n * t.D;
        t.coef.n = t.n;
        struct arr dx = written(t.n * t.D), dw = fresh(t.V * t.D, 1), none = { 0 };
        bool wanted = round != 3;
        head_run(&t, NULL, none, none);
        dev->op->logprob_bwd(dev, tensor2(dx.p, t.n, t.D), tensor2(wanted ? dw.p : NULL, t.V, t.D),
                             tensor2(t.x.p, t.n, t.D), tensor2(t.w.p, t.V, t.D),
                             tensor1(t.lse.p, t.n), t.target, t.coef.p);
        fd_check("dx", head_loss, &t, t.x, dx, 4e-5);
        if (wanted)
            fd_check("dw", head_loss, &t, t.w, dw, 4e-5);
        arr_close();
    }
}

/* Of weights in bfloat16: n results and dx, with the gradient at once and later. */
static void logprob_half(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        arr_open(1 + round % 3);
        struct head t = draw_head(round);
        struct prod s = { t.n, t.V, t.D };
        struct arr dx[3], logp[2] = { poisoned(t.n), poisoned(t.n) };
        struct tensor w[2] = { tensor2(t.w.p, t.V, t.D), halved(t.w, t.V, t.D) }, none = { 0 };
        struct tensor x = tensor2(t.x.p, t.n, t.D), lse = tensor1(t.lse.p, t.n);
        for (int i = 0; i < 3; i++)
            dx[i] = poisoned(t.n * t.D);
        for (int i = 0; i < 2 && dev->half; i++)
            dev->op->logprob(dev, tensor1(logp[i].p, t.n), lse, tensor1(t.hit.p, t.n),
                             tensor1(t.entropy.p, t.n), x, w[i], t.target, t.coef.p,
                             tensor2(dx[i].p, t.n, t.D), none);
        if (dev->half) {
            same("logprob", s, logp[0], logp[1]);
            same("its dx", s, dx[0], dx[1]);
            dev->op->logprob_bwd(dev, tensor2(dx[0].p, t.n, t.D), none, x, w[0], lse, t.target,
                                 t.coef.p);
            dev->op->logprob_bwd(dev, tensor2(dx[2].p, t.n, t.D), none, x, w[1], lse, t.target,
                                 t.coef.p);
            same("logprob_bwd", s, dx[0], dx[2]);
        }
        arr_close();
    }
}

static const struct CMUnitTest tests[] = {
#define OP(name) TEST(test_##name),
#include "math/ops.def"
#undef OP
    TEST(matmul_rounds),
    TEST(matmul_half),
    TEST(rows_half),
    TEST(adamw_half),
    TEST(logprob_half),
    TEST(attention_long),
    TEST(attention_many),
};

int main(void)
{
    return in_places(countof(tests), tests);
}
