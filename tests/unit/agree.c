/* agree.c - a training run on every device beside the CPU's: losses step by step, and the same run
 * again to the bit.
 *
 * Models are made here, not read: with grouped heads, a window and rotated halves as Llama has
 * them, and side by side as GPT-NeoX.  The pack is a forest: rows, and prompts with two sides. */
#include "base/rng.h"
#include "model/model.h"
#include "tests/check.h"

enum { STEPS = 4, MOST = 1024 };

/* Devices and how far from the CPU's a loss may be, as a share of it. */
static const struct { const char *device; double far; } where[] = {
    { "cuda:0,f32", 1e-4 }, { "cuda:0", 2e-2 },
};

static struct arena *a;

static struct config made(int which)
{
    struct config c = { .family = which ? FAMILY_NEOX : FAMILY_LLAMA, .V = 300, .L = 2, .H = 4,
                        .positions = 512, .eps = 1e-5, .init_std = 0.2, .bos = -1, .eos = -1 };

    c.G = which ? 4 : 2;
    c.E = which ? 20 : 16;
    c.D = c.H * c.E;
    c.F = 3 * c.D;
    c.qkv_bias = c.o_bias = c.mlp_bias = c.parallel = which == 1;
    c.n_freq = which ? 3 : 8;
    c.freq = ARENA_NEW(a, double, c.n_freq);
    c.window = ARENA_NEW(a, int64_t, c.L);
    c.window[1] = which ? 0 : 20;
    for (int64_t j = 0; j < c.n_freq; j++)
        c.freq[j] = pow(10000, -(double)j / (double)c.n_freq);
    return c;
}

/* Three rows, two prompts with two sides each: 7 trees of segments. */
static struct pack packed(int64_t V, uint64_t seed)
{
    static const int len[] = { 20, 7, 66, 33, 9, 14, 10, 1, 5 }, parent[] = { -1, -1, -1, -1, 3, 3,
                                                                              -1, 6, 6 };
    struct pack p = { 0 };

    p.f.n_segs = countof(len);
    p.f.seg = ARENA_NEW(a, struct seg, countof(len));
    p.f.pos = ARENA_NEW(a, int32_t, MOST);
    p.token = ARENA_NEW(a, int32_t, MOST);
    p.at = ARENA_NEW(a, int32_t, MOST);
    p.target = ARENA_NEW(a, int32_t, MOST);
    for (int s = 0; s < countof(len); s++) {
        int32_t begin = (int32_t)p.f.n_tokens, above = parent[s] < 0 ? 0 : len[parent[s]];
        p.f.seg[s] = (struct seg){ begin, begin + len[s], parent[s] };
        for (int i = 0; i < len[s]; i++, p.f.n_tokens++) {
            p.f.pos[p.f.n_tokens] = above + i;
            p.token[p.f.n_tokens] = (int32_t)(rng(seed, RNG_TEST, (uint64_t)p.f.n_tokens) %
                                              (uint64_t)V);
            if (i + 1 == len[s])
                continue;
            p.at[p.n_targets] = (int32_t)p.f.n_tokens;
            p.target[p.n_targets++] = (int32_t)((p.token[p.f.n_tokens] * 7 + 1) % (int32_t)V);
        }
    }
    return p;
}

struct moments { struct tensor m, v; };

static void update(struct model *m, struct moments *by, int64_t step)
{
    struct adamw h = { 1e-2, .9, .95, 1e-8, .01, step };

    for (int64_t i = 0; i < m->n_params; i++) {
        struct param *p = &m->param[i];
        m->d->op->adamw(m->d, p->w, by[i].m, by[i].v, p->g, 1, h);
    }
}

/* The mean loss of each step, and in the last place a sum of squares of all weights. */
static void run(const char *device, int which, double *loss)
{
    struct config c = made(which);
    struct dev *d;
    struct model *m;
    struct pass *pass;
    float logp[MOST], coef[MOST];

    CHECK_ST(dev_open(&d, device, 2, a), ST_OK);
    CHECK_ST(model_new(&m, &c, d, true, a), ST_OK);
    CHECK_ST(pass_new(&pass, m, MOST, MOST, true, a), ST_OK);
    model_init(m, 7);
    struct moments *by = ARENA_NEW(a, struct moments, m->n_params);
    for (int64_t i = 0; i < m->n_params; i++) {
        by[i].m = by[i].v = m->param[i].w;
        by[i].m.p = dev_alloc(d, (size_t)tensor_n(by[i].m) * sizeof(float));
        by[i].v.p = dev_alloc(d, (size_t)tensor_n(by[i].m) * sizeof(float));
        CHECK(by[i].m.p && by[i].v.p);
    }
    for (int64_t k = 0; k < STEPS; k++) {
        struct pack p = packed(c.V, (uint64_t)k / 3);
        loss[k] = 0;
        for (int64_t j = 0; j < p.n_targets; j++)
            coef[j] = -1 / (float)p.n_targets;
        model_zero_grad(m);
        model_forward(m, pass, &p, k % 2 ? coef : NULL, logp, NULL);    /* both ways to the head */
        model_backward(m, pass, k % 2 ? NULL : coef);
        update(m, by, k + 1);
        for (int64_t j = 0; j < p.n_targets; j++)
            loss[k] -= (double)logp[j] / (double)p.n_targets;
    }
    double *sum = dev_alloc(d, sizeof *sum);
    CHECK(sum != NULL);
    d->op->sumsq(d, sum, tensor1(m->w, (int64_t)(m->n_bytes / sizeof(float))));
    dev_get(d, &loss[STEPS], sum, sizeof *sum);
    CHECK_ST(dev_sync(d), ST_OK);
    dev_close(d);
}

static void agree(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++)
        for (int64_t i = 0; i < countof(where); i++) {
            double want[STEPS + 1], got[STEPS + 1], again[STEPS + 1];
            a = arena_new(0);
            run("cpu", which, want);
            run(where[i].device, which, got);
            run(where[i].device, which, again);
            for (int k = 0; k <= STEPS; k++)
                CHECK_NEAR(got[k], want[k], where[i].far * want[k]);
            CHECK(want[2] < .9 * want[0]);             /* it learns: the same pack */
            CHECK(memcmp(got, again, sizeof got) == 0);
            arena_free(a);
        }
}

int main(void)
{
    return RUN(TEST(agree));
}
