/* ops.c - every op of the list against the reference in double, and every gradient against its
 * differences.
 *
 * The list names the tests: an op without one does not compile.  Shapes are drawn anew each run:
 * odd, tiny, and past every block size, in every place.  Here: what works on the forest, number by
 * number, the head; ops_dense.h has the rest. */
#include "tests/unit/ops_dense.h"

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
                      t.E, t.scale);
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

/* ---- number by number */

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

/* ---- the head */

struct head {
    int64_t n, V, D;
    struct arr x, w, logp, lse, hit, coef;
    int32_t *target;
    int64_t hot, twin;                             /* two equal words, likely the largest */
    double *out[3];
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
    t.coef = fresh(t.n, 1);
    t.target = indices(t.n, t.V);
    for (int i = 0; i < 3; i++)
        t.out[i] = heap((size_t)t.n * sizeof(double));
    return t;
}

static double head_loss(void *of)
{
    struct head *t = of;
    ref_logprob(t->out[0], t->out[1], t->out[2], t->x.x, t->w.x, t->target, t->n, t->V, t->D);
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
                     tensor1(t->hit.p, t->n), tensor2(t->x.p, t->n, t->D),
                     tensor2(t->w.p, t->V, t->D), t->target, coef, tensor2(dx.p, t->n, t->D),
                     tensor2(dw.p, t->V, t->D));
    ref_logprob(t->logp.x, t->lse.x, t->hit.x, t->x.x, t->w.x, t->target, t->n, t->V, t->D);
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
        if (coef) {
            head_gradient(&t, dx.x, dw.x);
            NEAR_OF(dx, 5e-6, 0.1);
            if (wanted)
                NEAR_OF(dw, 5e-6, 0.1);
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

static const struct CMUnitTest tests[] = {
#define OP(name) TEST(test_##name),
#include "math/ops.def"
#undef OP
    TEST(attention_long),
    TEST(attention_many),
};

int main(void)
{
    return in_places(countof(tests), tests);
}
