/* model.c - every family against transformers (tests/golden/model.py), which ran in float32: on the
 * CPU, and on the CUDA backend. */
#include <math.h>
#include <unistd.h>

#include "base/rng.h"
#include "math/cpu/cpu.h"
#include "model/layer.h"
#include "tests/unit/golden.h"

#define GOLDEN "tests/golden/model-"

/* Every golden: are its weights beside it (else the formula's), and the decay of its ten steps. */
static const struct { const char *name; bool stored; double decay; } cases[] = {
    { "llama", true, 0 },       { "llama-tied", false, .01 }, { "neox", true, 0 },
    { "neox-serial", false, .01 }, { "llama3", false, 0 },    { "linear", false, 0 },
    { "mistral", false, 0 },    { "mistral-window", true, .01 }, { "qwen2", false, 0 },
    { "qwen2-window", false, 0 }, { "qwen3", false, 0 },      { "olmo2", true, .01 },
    { "olmo2-tied", false, 0 }, { "gpt2", true, .01 },        { "gpt2-untied", false, 0 },
};

/* Where, and how many times the CPU's tolerances. */
static const struct { const char *device; double loose; } where[] = {
    { "cpu", 1 }, { "cuda:0,f32", 1 }, { "cuda:0", 6000 },
};

static void open_golden(struct golden *g, int64_t i, int threads)
{
    golden_open(g, GOLDEN, cases[i].name, threads);
    CHECK_ST(model_new(&g->m, &g->c, g->d, true, g->a), ST_OK);
    if (cases[i].stored)
        CHECK_ST(weights_load(g->m, g->dir, g->a), ST_OK);
    else
        golden_formula(g->m, 0);
    CHECK_ST(pass_new(&g->pass, g->m, 64, 40, true, g->a), ST_OK);
}

static void check_grads(struct golden *g, const char *of)
{
    for (int64_t i = 0; i < g->m->n_params; i++) {
        const struct param *p = &g->m->param[i];
        char *name = arena_printf(g->a, "grad.%s.%s", of, p->name);
        float *want = golden_expected(g, name, p->w.d[0], p->w.rank == 2 ? p->w.d[1] : 0, F32);
        check_norm(arena_printf(g->a, "%s: %s", g->name, name), golden_host(g, p->g), want, NULL,
                   tensor_n(p->g), 1e-5 * golden_loose);
    }
}

/* The entropy of what those logits say. */
static void check_entropy(struct golden *g, const float *logits, int64_t n)
{
    float *got = ARENA_NEW(g->a, float, n), *want = ARENA_NEW(g->a, float, n);
    int64_t V = g->c.V;

    for (int64_t j = 0; j < n; j++) {
        const float *l = logits + j * V;
        double sum = 0, h = 0;
        for (int64_t v = 0; v < V; v++)
            sum += exp((double)l[v]);
        for (int64_t v = 0; v < V; v++)
            h -= exp((double)l[v]) / sum * ((double)l[v] - log(sum));
        want[j] = (float)h;
    }
    model_entropy(g->pass, got);
    check_largest(g->name, got, want, n, 1e-5 * golden_loose);
}

static void logits_and_gradients(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(cases); i++) {
        struct golden g;
        float logp[64];
        uint8_t hit[64];
        open_golden(&g, i, 2);
        int64_t n = g.pack.n_targets, V = g.c.V;
        float *logits = ARENA_NEW(g.a, float, n * V);
        const float *want = golden_expected(&g, "logits", n, V, F32);

        model_forward(g.m, g.pass, &g.pack, NULL, logp, hit);
        CHECK_ST(model_logits(g.m, g.pass, logits), ST_OK);
        check_largest(g.name, logits, want, n * V, 1e-5 * golden_loose);
        check_largest(g.name, logp, golden_expected(&g, "logp", n, 0, F32), n,
                      1e-5 * golden_loose);
        check_entropy(&g, want, n);
        for (int64_t j = 0; j < n; j++) {
            int64_t best = 0;
            for (int64_t v = 1; v < V; v++)
                if (want[j * V + v] > want[j * V + best])
                    best = v;
            CHECK(hit[j] == (best == g.pack.target[j]) || golden_loose > 10);
        }
        golden_check_loss(&g, "loss.sft", golden_sft_loss(&g, &g.pack, true));
        check_grads(&g, "sft");
        CHECK_ST(dev_sync(g.d), ST_OK);
        golden_close(&g);
    }
}

/* Coefficients that are known only after the forward: DPO against a reference. */
static void preference_of(int64_t i)
{
    struct golden g;
    float logp[64], coef[64] = { 0 }, other[64];
    double sum[4] = { 0 }, ref[4] = { 0 }, loss = 0;

    open_golden(&g, i, 2);
    struct model *r;
    CHECK_ST(model_new(&r, &g.c, g.d, false, g.a), ST_OK);
    golden_formula(r, 1);
    model_forward(g.m, g.pass, &g.pack, NULL, logp, NULL);
    struct pass *q;
    CHECK_ST(pass_new(&q, r, 45, 29, false, g.a), ST_OK);
    model_forward(r, q, &g.pack, NULL, other, NULL);
    const float *want = golden_expected(&g, "ref", 4, 0, F32);
    for (int64_t s = 0; s < 4; s++) {
        for (int64_t j = g.seq[2 * s]; j < g.seq[2 * s] + g.seq[2 * s + 1]; j++) {
            sum[s] += (double)logp[j];
            ref[s] += (double)other[j];
        }
        CHECK_NEAR(ref[s], want[s], 1e-5 * golden_loose * fabs((double)want[s]));
    }
    for (int64_t s = 0; s < 4; s += 2) {
        double x = BETA * ((sum[s] - ref[s]) - (sum[s + 1] - ref[s + 1]));
        loss += log1p(exp(-x)) / 2;
        for (int64_t side = 0; side < 2; side++)
            for (int64_t j = 0; j < g.seq[2 * (s + side) + 1]; j++)
                coef[g.seq[2 * (s + side)] + j] = (float)((side ? BETA : -BETA) / (1 + exp(x)) / 2);
    }
    golden_check_loss(&g, "loss.dpo", loss);
    model_backward(g.m, g.pass, coef);
    check_grads(&g, "dpo");
    pass_free(q);
    golden_close(&g);
}

/* The first rows have the same bits without the others. */
static void company(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(cases); i++) {
        struct golden g;
        float all[64], few[64];
        open_golden(&g, i, 2);
        struct pack sft = golden_sft_of(&g);
        model_forward(g.m, g.pass, &g.pack, NULL, all, NULL);
        model_forward(g.m, g.pass, &sft, NULL, few, NULL);
        CHECK(memcmp(all, few, (size_t)g.sft * sizeof *all) == 0);
        golden_close(&g);
    }
}

/* NEFTune's noise on a token's embedding is within alpha / sqrt(n D), n what its path has at the
 * end of its segment, and reaches near that; without it there is none. */
static void neftune(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(cases); i++) {
        struct golden g;
        struct noise noise = { 7, 5 };
        open_golden(&g, i, 2);
        int64_t N = g.pack.f.n_tokens, D = g.c.D;
        uint64_t *key = g.pack.key = ARENA_NEW(g.a, uint64_t, N);
        float *quiet = ARENA_NEW(g.a, float, N * D);
        for (int64_t j = 0; j < N; j++)
            key[j] = rng(1, RNG_TEST, (uint64_t)j);
        for (int k = 0; k < 3; k++) {
            pass_noise(g.pass, k == 1 ? &noise : NULL);
            model_forward(g.m, g.pass, &g.pack, NULL, NULL, NULL);
            const float *x = g.pass->act[0].x;
            if (k == 0)
                memcpy(quiet, x, (size_t)(N * D) * sizeof *x);
            for (int64_t s = 0; s < g.pack.f.n_segs; s++) {
                const struct seg *seg = &g.pack.f.seg[s];
                double top = 0, most = 5 / sqrt((double)((g.pack.f.pos[seg->end - 1] + 1) * D));
                for (int64_t j = seg->begin * D; j < seg->end * D; j++)
                    top = fmax(top, fabs((double)x[j] - (double)quiet[j]));
                if (k == 1)
                    CHECK(top < 1.0001 * most && top > .8 * most);
                else
                    CHECK(top == 0);
            }
        }
        golden_close(&g);
    }
}

static void preference(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(cases); i++)
        preference_of(i);
}

/* A bias on the part of a key that rope leaves alone (all of it in GPT-2) moves all scores of a
 * query alike: its exact gradient is 0, and Adam divides what rounding left by its own size.  Those
 * numbers are put back where they started. */
static void drop_unturned(struct golden *g, const struct param *p, const float *start)
{
    int64_t E = g->c.E, H = g->c.H;

    for (int64_t h = 0; h < H; h++)
        for (int64_t e = 2 * g->c.n_freq; e < E; e++) {
            int64_t at = (g->c.family == FAMILY_GPT2 ? H + h : 3 * h + 1) * E + e;
            dev_put(g->d, f32(p->w) + at, start + at, 4);
        }
}

static void ten_steps(void **state)
{
    (void)state;
    int64_t each = strcmp(golden_device, "cpu") == 0 ? 1 : 5;      /* elsewhere a fifth: time */
    for (int64_t i = 0; i < countof(cases); i += each) {
        struct golden g;
        open_golden(&g, i, 2);
        struct pack sft = golden_sft_of(&g);
        int64_t P = g.m->n_params, n = g.pack.n_targets, V = g.c.V;
        struct tensor *m = ARENA_NEW(g.a, struct tensor, P), *v = ARENA_NEW(g.a, struct tensor, P);
        float **start = ARENA_NEW(g.a, float *, P);
        const float *want = golden_expected(&g, "step.loss", 10, 0, F32);
        for (int64_t p = 0; p < P; p++) {
            struct tensor w = g.m->param[p].w;
            start[p] = golden_host(&g, w);
            m[p] = v[p] = w;
            m[p].p = dev_alloc(g.d, (size_t)tensor_n(w) * 4);
            v[p].p = dev_alloc(g.d, (size_t)tensor_n(w) * 4);
        }
        for (int64_t k = 0; k < 10; k++) {
            model_zero_grad(g.m);
            CHECK_NEAR(golden_sft_loss(&g, &sft, true), want[k],
                       1e-5 * golden_loose * (double)want[k]);
            for (int64_t p = 0; p < P; p++) {
                double decay = g.m->param[p].decay ? cases[i].decay : 0;
                struct adamw h = { 1e-3, .9, .95, 1e-8, decay, k + 1 };
                g.d->op->adamw(g.d, g.m->param[p].w, m[p], v[p], g.m->param[p].g, 1, h);
            }
        }
        float *logits = ARENA_NEW(g.a, float, n * V);
        model_forward(g.m, g.pass, &g.pack, NULL, NULL, NULL);
        CHECK_ST(model_logits(g.m, g.pass, logits), ST_OK);
        check_largest("step.logits", logits, golden_expected(&g, "step.logits", n, V, F32), n * V,
                      1e-4);
        for (int64_t p = 0; p < P; p++) {
            if (strstr(g.m->param[p].name, "query_key_value.bias") ||
                strstr(g.m->param[p].name, "c_attn.bias"))
                drop_unturned(&g, &g.m->param[p], start[p]);
            struct tensor w = g.m->param[p].w;
            char *name = arena_printf(g.a, "w.%s", g.m->param[p].name);
            float *to = golden_expected(&g, name, w.d[0], w.rank == 2 ? w.d[1] : 0, F32);
            check_norm(name, golden_host(&g, w), to, start[p], tensor_n(w), 1e-2);
        }
        golden_close(&g);
    }
}

/* Layers computed again in the backward: the same bits, in less memory, in a pass that was full of
 * something else. */
static void recomputed(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(cases); i++) {
        struct golden g;
        float coef[64];
        golden_open(&g, GOLDEN, cases[i].name, 2);
        int64_t *window = ARENA_NEW(g.a, int64_t, 3);
        for (int64_t k = 0; k < 3; k++)
            window[k] = g.c.window[k % g.c.L];
        g.c.L = 3;
        g.c.window = window;
        CHECK_ST(model_new(&g.m, &g.c, g.d, true, g.a), ST_OK);
        golden_formula(g.m, 0);
        CHECK_ST(pass_new(&g.pass, g.m, 64, 40, KEEP_ALL, g.a), ST_OK);
        int64_t n = g.pack.n_targets;
        struct tensor all = tensor1(g.m->g, (int64_t)(g.m->n_bytes / 4));
        struct pass *full = g.pass, *lean;
        CHECK_ST(pass_new(&lean, g.m, 64, 40, KEEP_INPUTS, g.a), ST_OK);
        CHECK(pass_bytes(&g.c, 64, 40, KEEP_INPUTS) < pass_bytes(&g.c, 64, 40, KEEP_ALL));
        for (int64_t j = 0; j < n; j++)
            coef[j] = (float)(j % 5) - 1.5f;
        for (int known = 0; known < 2; known++) {
            float *grad[2];
            for (int k = 0; k < 2; k++) {
                struct pass *p = k ? lean : full;
                model_zero_grad(g.m);
                model_forward(g.m, p, &g.pack, known ? coef : NULL, NULL, NULL);
                model_backward(g.m, p, known ? NULL : coef);
                grad[k] = golden_host(&g, all);
            }
            if (memcmp(grad[0], grad[1], g.m->n_bytes) != 0)
                check_failed(__FILE__, __LINE__, "%s: other bits", g.name);
            int64_t told = pass_scratch_bytes(g.m, g.pack.f.n_tokens, n, KEEP_ALL),
                    took = (int64_t)g.d->own->scratch_bytes;
            CHECK(took <= told && told <= 2 * took);
        }
        golden_close(&g);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(logits_and_gradients), TEST(company), TEST(preference), TEST(ten_steps),
        TEST(neftune), TEST(recomputed),       /* the last asks the CPU for its scratch */
    };
    int failed = 0;

    for (int64_t i = 0; i < countof(where); i++) {
        golden_device = where[i].device;
        golden_loose = where[i].loose;
        size_t n = where[i].loose > 10 ? 2 : countof(tests);    /* what is coarse drifts in steps */
        if (strcmp(golden_device, "cpu") != 0)
            n = MIN(n, countof(tests) - 1);
        failed |= _cmocka_run_group_tests(golden_device, tests, n, NULL, NULL) != 0;
    }
    return failed;
}
