/* model.c - every family against transformers (tests/golden/model.py), in float32 on the CPU. */
#include <math.h>
#include <unistd.h>

#include "model/weights.h"
#include "tests/check.h"

#define GOLDEN "tests/golden/model-"
#define BETA   0.1

/* Every golden: are its weights beside it (else the formula's), and the decay of its ten steps. */
static const struct { const char *name; bool stored; double decay; } cases[] = {
    { "llama", true, 0 },       { "llama-tied", false, .01 }, { "neox", true, 0 },
    { "neox-serial", false, .01 }, { "llama3", false, 0 },    { "linear", false, 0 },
    { "mistral", false, 0 },    { "mistral-window", true, .01 }, { "qwen2", false, 0 },
    { "qwen2-window", false, 0 }, { "qwen3", false, 0 },      { "olmo2", true, .01 },
    { "olmo2-tied", false, 0 }, { "gpt2", true, .01 },        { "gpt2-untied", false, 0 },
};

struct golden {                                /* a case: its model and what is expected of it */
    const char    *name;
    struct arena  *a;
    struct dev    *d;
    struct config  c;
    struct model  *m;
    char          *expect;
    struct pack    pack;
    int64_t        sft, n_seqs;
    int32_t       *seq;                        /* [n_seqs][2] */
    struct pass   *pass;
};

/* As many numbers as n says, from the case's expect.safetensors. */
static void *expected(struct golden *g, const char *name, int64_t rows, int64_t cols,
                      enum dtype type)
{
    char *names[] = { (char *)(uintptr_t)name };
    void *p = arena_get(g->a, (size_t)(rows * MAX(cols, 1)) * 4);
    struct tensor t = cols ? tensor2(p, rows, cols) : tensor1(p, rows);

    t.type = type;
    CHECK_ST(tensors_load(g->expect, 1, names, &t, g->d, g->a), ST_OK);
    return p;
}

/* weights_of() of the script. */
static void formula(struct model *m, uint32_t salt)
{
    for (int64_t i = 0; i < m->n_params; i++) {
        const struct param *p = &m->param[i];
        size_t n = strlen(p->name);
        bool bias = n > 5 && strcmp(p->name + n - 5, ".bias") == 0;
        uint32_t h = 2166136261u ^ salt;
        for (const char *s = p->name; *s; s++)
            h = (h ^ (uint8_t)*s) * 16777619u;
        for (int64_t j = 0; j < tensor_n(p->w); j++) {
            uint32_t x = (uint32_t)j * 2654435761u + h;
            x = (x ^ x >> 16) * 0x45d9f3bu;
            x = (x ^ x >> 16) * 0x45d9f3bu;
            float u = (float)((x ^ x >> 16) >> 8) / (float)(1 << 23) - 1;
            u = p->w.rank == 2 ? u * .5f : bias ? u * .125f : u * .25f + 1;
            dev_put(m->d, f32(p->w) + j, &u, 4);
        }
    }
}

static void open_pack(struct golden *g, int64_t n_segs, int64_t n_tokens, int64_t n_targets)
{
    struct pack *p = &g->pack;

    *p = (struct pack){ .f = { n_tokens, n_segs, expected(g, "seg", n_segs, 3, I32),
                               expected(g, "pos", n_tokens, 0, I32) },
                        .n_targets = n_targets };
    p->token = expected(g, "token", n_tokens, 0, I32);
    p->at = expected(g, "at", n_targets, 0, I32);
    p->target = expected(g, "target", n_targets, 0, I32);
    g->sft = *(int32_t *)expected(g, "sft", 1, 0, I32);
    g->n_seqs = 4;
    g->seq = expected(g, "seq", 4, 2, I32);
}

static void open_golden(struct golden *g, int64_t i, int threads)
{
    const char *name = cases[i].name;

    *g = (struct golden){ .name = name, .a = arena_new(0) };
    char *dir = arena_printf(g->a, GOLDEN "%s", name);
    char *conf = arena_printf(g->a, "%s/config.json", dir);
    g->expect = arena_printf(g->a, "%s/expect.safetensors", dir);
    CHECK_ST(dev_open(&g->d, "cpu", threads, g->a), ST_OK);
    CHECK_ST(config_read(&g->c, conf, g->a), ST_OK);
    CHECK_ST(model_new(&g->m, &g->c, g->d, true, g->a), ST_OK);
    if (cases[i].stored)
        CHECK_ST(weights_load(g->m, dir, g->a), ST_OK);
    else
        formula(g->m, 0);
    open_pack(g, 8, 45, 29);
    CHECK_ST(pass_new(&g->pass, g->m, 64, 40, true, g->a), ST_OK);
}

static void close_golden(struct golden *g)
{
    pass_free(g->pass);
    model_free(g->m);
    dev_close(g->d);
    arena_free(g->a);
}

/* |x - y| <= tol * max |y| for all n */
static void check_largest(const char *what, const float *x, const float *y, int64_t n, double tol)
{
    double most = 0, off = 0;

    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)y[i]));
        double e = fabs((double)x[i] - (double)y[i]);
        off = e <= off ? off : e;              /* NaN goes in and stays */
    }
    if (!(off <= tol * most))
        check_failed(__FILE__, __LINE__, "%s: off by %.3g of %.3g", what, off, most);
}

/* ||x - y|| <= tol ||y - from|| (from NULL: 0), or where y is zero but for rounding ||x|| <= 1e-7
 * sqrt(n) */
static void check_norm(const char *what, const float *x, const float *y, const float *from,
                       int64_t n, double tol)
{
    double size = 0, off = 0;

    for (int64_t i = 0; i < n; i++) {
        double e = (double)x[i] - (double)y[i], s = (double)y[i] - (from ? (double)from[i] : 0);
        off += e * e;
        size += s * s;
    }
    if (!(sqrt(off) <= tol * sqrt(size) ||
          (!from && sqrt(size) <= 1e-9 && sqrt(off) <= 1e-7 * sqrt((double)n))))
        check_failed(__FILE__, __LINE__, "%s: off by %.3g of %.3g, that is %.3g", what, sqrt(off),
                     sqrt(size), sqrt(off / size));
}

static float *host(struct golden *g, struct tensor t)
{
    float *p = arena_get(g->a, (size_t)tensor_n(t) * 4);
    dev_get(g->d, p, t.p, (size_t)tensor_n(t) * 4);
    return p;
}

static void check_grads(struct golden *g, const char *of)
{
    for (int64_t i = 0; i < g->m->n_params; i++) {
        const struct param *p = &g->m->param[i];
        char *name = arena_printf(g->a, "grad.%s.%s", of, p->name);
        float *want = expected(g, name, p->w.d[0], p->w.rank == 2 ? p->w.d[1] : 0, F32);
        check_norm(arena_printf(g->a, "%s: %s", g->name, name), host(g, p->g), want, NULL,
                   tensor_n(p->g), 1e-5);
    }
}

/* The sft targets alone: the first rows of the pack. */
static struct pack sft_of(const struct golden *g)
{
    struct pack p = g->pack;
    p.f.n_segs = 2;
    p.f.n_tokens = p.f.seg[1].end;
    p.n_targets = g->sft;
    return p;
}

/* One forward and, where asked, its backward with coefficients known before. */
static double sft_loss(struct golden *g, const struct pack *p, bool back)
{
    float logp[64], coef[64];
    double sum = 0;

    for (int64_t i = 0; i < p->n_targets; i++)
        coef[i] = i < g->sft ? -1.f / (float)g->sft : 0;
    model_forward(g->m, g->pass, p, back ? coef : NULL, logp, NULL);
    if (back)
        model_backward(g->m, g->pass, NULL);
    for (int64_t i = 0; i < g->sft; i++)
        sum -= (double)logp[i] / (double)g->sft;
    return sum;
}

static void check_loss(struct golden *g, const char *name, double got)
{
    double want = (double)*(float *)expected(g, name, 1, 0, F32);
    CHECK_NEAR(got, want, 1e-5 * fabs(want));
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
        float *logits = ARENA_NEW(g.a, float, n * V), *want = expected(&g, "logits", n, V, F32);

        model_forward(g.m, g.pass, &g.pack, NULL, logp, hit);
        CHECK_ST(model_logits(g.m, g.pass, logits), ST_OK);
        check_largest(g.name, logits, want, n * V, 1e-5);
        check_largest(g.name, logp, expected(&g, "logp", n, 0, F32), n, 1e-5);
        for (int64_t j = 0; j < n; j++) {
            int64_t best = 0;
            for (int64_t v = 1; v < V; v++)
                if (want[j * V + v] > want[j * V + best])
                    best = v;
            CHECK(hit[j] == (best == g.pack.target[j]));
        }
        check_loss(&g, "loss.sft", sft_loss(&g, &g.pack, true));
        check_grads(&g, "sft");
        CHECK_ST(dev_sync(g.d), ST_OK);
        close_golden(&g);
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
    formula(r, 1);
    model_forward(g.m, g.pass, &g.pack, NULL, logp, NULL);
    struct pass *q;
    CHECK_ST(pass_new(&q, r, 45, 29, false, g.a), ST_OK);
    model_forward(r, q, &g.pack, NULL, other, NULL);
    const float *want = expected(&g, "ref", 4, 0, F32);
    for (int64_t s = 0; s < 4; s++) {
        for (int64_t j = g.seq[2 * s]; j < g.seq[2 * s] + g.seq[2 * s + 1]; j++) {
            sum[s] += (double)logp[j];
            ref[s] += (double)other[j];
        }
        CHECK_NEAR(ref[s], want[s], 1e-5 * fabs((double)want[s]));
    }
    for (int64_t s = 0; s < 4; s += 2) {
        double x = BETA * ((sum[s] - ref[s]) - (sum[s + 1] - ref[s + 1]));
        loss += log1p(exp(-x)) / 2;
        for (int64_t side = 0; side < 2; side++)
            for (int64_t j = 0; j < g.seq[2 * (s + side) + 1]; j++)
                coef[g.seq[2 * (s + side)] + j] = (float)((side ? BETA : -BETA) / (1 + exp(x)) / 2);
    }
    check_loss(&g, "loss.dpo", loss);
    model_backward(g.m, g.pass, coef);
    check_grads(&g, "dpo");
    pass_free(q);
    close_golden(&g);
}

/* The first rows have the same bits without the others. */
static void company(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(cases); i++) {
        struct golden g;
        float all[64], few[64];
        open_golden(&g, i, 2);
        struct pack sft = sft_of(&g);
        model_forward(g.m, g.pass, &g.pack, NULL, all, NULL);
        model_forward(g.m, g.pass, &sft, NULL, few, NULL);
        CHECK(memcmp(all, few, (size_t)g.sft * sizeof *all) == 0);
        close_golden(&g);
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
    for (int64_t i = 0; i < countof(cases); i++) {
        struct golden g;
        open_golden(&g, i, 2);
        struct pack sft = sft_of(&g);
        int64_t P = g.m->n_params, n = g.pack.n_targets, V = g.c.V;
        struct tensor *m = ARENA_NEW(g.a, struct tensor, P), *v = ARENA_NEW(g.a, struct tensor, P);
        float **start = ARENA_NEW(g.a, float *, P);
        const float *want = expected(&g, "step.loss", 10, 0, F32);
        for (int64_t p = 0; p < P; p++) {
            struct tensor w = g.m->param[p].w;
            start[p] = host(&g, w);
            m[p] = v[p] = w;
            m[p].p = dev_alloc(g.d, (size_t)tensor_n(w) * 4);
            v[p].p = dev_alloc(g.d, (size_t)tensor_n(w) * 4);
        }
        for (int64_t k = 0; k < 10; k++) {
            model_zero_grad(g.m);
            CHECK_NEAR(sft_loss(&g, &sft, true), want[k], 1e-5 * (double)want[k]);
            for (int64_t p = 0; p < P; p++) {
                double decay = g.m->param[p].decay ? cases[i].decay : 0;
                struct adamw h = { 1e-3, .9, .95, 1e-8, decay, k + 1 };
                g.d->op->adamw(g.d, g.m->param[p].w, m[p], v[p], g.m->param[p].g, 1, h);
            }
        }
        float *logits = ARENA_NEW(g.a, float, n * V);
        model_forward(g.m, g.pass, &g.pack, NULL, NULL, NULL);
        CHECK_ST(model_logits(g.m, g.pass, logits), ST_OK);
        check_largest("step.logits", logits, expected(&g, "step.logits", n, V, F32), n * V, 1e-4);
        for (int64_t p = 0; p < P; p++) {
            if (strstr(g.m->param[p].name, "query_key_value.bias") ||
                strstr(g.m->param[p].name, "c_attn.bias"))
                drop_unturned(&g, &g.m->param[p], start[p]);
            struct tensor w = g.m->param[p].w;
            char *name = arena_printf(g.a, "w.%s", g.m->param[p].name);
            float *to = expected(&g, name, w.d[0], w.rank == 2 ? w.d[1] : 0, F32);
            check_norm(name, host(&g, w), to, start[p], tensor_n(w), 1e-2);
        }
        close_golden(&g);
    }
}

int main(void)
{
    return RUN(TEST(logits_and_gradients), TEST(company), TEST(preference), TEST(ten_steps));
}
