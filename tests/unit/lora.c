/* lora.c - adapters against PEFT (tests/golden/lora.py), in float32 on the CPU; against
 * differences; and PEFT folders in, out and broken. */
#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "model/folders.h"
#include "tests/check.h"
#include "tests/unit/golden.h"

#define GOLDEN "tests/golden/lora-"

static struct arena *mem;                      /* of paths */
static char dir[] = "/tmp/plait-lora-XX" "XX" "XX";

static const char *const cases[] = { "llama", "llama-qv", "llama-top", "qwen3",
                                     "neox",  "neox-top", "neox-serial",
                                     "gpt2",  "olmo2",    "olmo2-top" };

static void open_case(struct golden *g, const char *name)
{
    golden_open(g, GOLDEN, name, 2);
    struct lora *l = ARENA_NEW(g->a, struct lora, 1);
    CHECK_ST(peft_read(l, g->dir, g->a), ST_OK);
    g->c.lora = l;
    CHECK_ST(model_new(&g->m, &g->c, g->d, true, g->a), ST_OK);
    golden_formula(g->m, 0);
    CHECK_ST(peft_load(g->m, arena_printf(g->a, "%s/" PEFT_TENSORS, g->dir), "none", g->a), ST_OK);
    CHECK_ST(pass_new(&g->pass, g->m, 64, 40, true, g->a), ST_OK);
}

/* B lies turned in memory: what the file has, in our order. */
static float *expected_of(struct golden *g, const char *of, const struct param *p)
{
    int64_t r = p->w.d[0], n = p->w.d[1];
    char *name = arena_printf(g->a, "%s%s", of, p->name);

    if (!strstr(p->name, "lora_B"))
        return golden_expected(g, name, r, n, F32);
    float *file = golden_expected(g, name, n, r, F32), *turned = ARENA_NEW(g->a, float, n * r);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < r; j++)
            turned[j * n + i] = file[i * r + j];
    return turned;
}

static void check_grads(struct golden *g, const char *of)
{
    for (int64_t i = 0; i < g->m->adapters.n; i++) {
        const struct param *p = &g->m->adapters.param[i];
        check_norm(p->name, golden_host(g, p->g), expected_of(g, of, p), NULL, tensor_n(p->g),
                   1e-5);
    }
}

static void logits_and_gradients(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(cases); i++) {
        struct golden g;
        float logp[64], coef[64] = { 0 };
        double sum[4] = { 0 }, loss = 0;
        open_case(&g, cases[i]);
        int64_t n = g.pack.n_targets, V = g.c.V;
        float *logits = ARENA_NEW(g.a, float, n * V);

        CHECK(!g.m->g);                        /* what stands still has no gradient */
        model_forward(g.m, g.pass, &g.pack, NULL, logp, NULL);
        CHECK_ST(model_logits(g.m, g.pass, logits), ST_OK);
        check_largest(cases[i], logits, golden_expected(&g, "logits", n, V, F32), n * V, 1e-5);
        golden_check_loss(&g, "loss.sft", golden_sft_loss(&g, &g.pack, true));
        check_grads(&g, "grad.sft.");

        const float *ref = golden_expected(&g, "ref", 4, 0, F32);
        for (int64_t s = 0; s < 4; s++)
            for (int64_t j = g.seq[2 * s]; j < g.seq[2 * s] + g.seq[2 * s + 1]; j++)
                sum[s] += (double)logp[j];
        for (int64_t s = 0; s < 4; s += 2) {
            double x = BETA * ((sum[s] - (double)ref[s]) - (sum[s + 1] - (double)ref[s + 1]));
            loss += log1p(exp(-x)) / 2;
            for (int64_t side = 0; side < 2; side++)
                for (int64_t j = 0; j < g.seq[2 * (s + side) + 1]; j++)
                    coef[g.seq[2 * (s + side)] + j] =
                        (float)((side ? BETA : -BETA) / (1 + exp(x)) / 2);
        }
        golden_check_loss(&g, "loss.dpo", loss);
        model_zero_grad(g.m);
        model_forward(g.m, g.pass, &g.pack, NULL, NULL, NULL);
        model_backward(g.m, g.pass, coef);
        check_grads(&g, "grad.dpo.");
        CHECK_ST(dev_sync(g.d), ST_OK);
        golden_close(&g);
    }
}

static void ten_steps(void **state)
{
    static const struct { const char *name; double decay; } with[] = {
        { "llama", 0 }, { "llama-qv", .01 }, { "neox", 0 },
    };

    (void)state;
    for (int64_t i = 0; i < countof(with); i++) {
        struct golden g;
        open_case(&g, with[i].name);
        struct params *t = &g.m->adapters;
        struct pack sft = golden_sft_of(&g);
        int64_t n = g.pack.n_targets, V = g.c.V, all = (int64_t)(t->n_bytes / 4);
        struct tensor w = tensor1(t->w, all), m = w, v = w;
        const float *want = golden_expected(&g, "step.loss", 10, 0, F32);
        float *logits = ARENA_NEW(g.a, float, n * V), *start = golden_host(&g, w);
        m.p = dev_alloc(g.d, t->n_bytes);
        v.p = dev_alloc(g.d, t->n_bytes);
        for (int64_t k = 0; k < 10; k++) {
            model_zero_grad(g.m);
            CHECK_NEAR(golden_sft_loss(&g, &sft, true), want[k], 1e-5 * (double)want[k]);
            g.d->op->adamw(g.d, w, m, v, tensor1(t->g, all), 1,
                           (struct adamw){ 1e-3, .9, .95, 1e-8, with[i].decay, k + 1 });
        }
        model_forward(g.m, g.pass, &g.pack, NULL, NULL, NULL);
        CHECK_ST(model_logits(g.m, g.pass, logits), ST_OK);
        check_largest("step.logits", logits, golden_expected(&g, "step.logits", n, V, F32), n * V,
                      1e-4);
        for (int64_t p = 0; p < t->n; p++)
            check_norm(t->param[p].name, golden_host(&g, t->param[p].w),
                       expected_of(&g, "w.", &t->param[p]),
                       start + (f32(t->param[p].w) - t->w), tensor_n(t->param[p].w), 1e-2);
        golden_close(&g);
    }
}

/* ---- without a witness */

/* A model of that golden's base, with fresh adapters; B is not zero where `far`. */
static void open_fresh(struct golden *g, const char *base, struct lora *l, const char *targets,
                       bool far)
{
    golden_open(g, "tests/golden/model-", base, 2);
    CHECK_ST(lora_targets(l, targets, g->a), ST_OK);
    g->c.lora = l;
    CHECK_ST(model_new(&g->m, &g->c, g->d, true, g->a), ST_OK);
    golden_formula(g->m, 0);
    lora_init(g->m, 1);
    struct params *t = &g->m->adapters;
    for (int64_t i = 0; far && i < (int64_t)(t->n_bytes / 4); i++) {
        float v = .2f * (float)rng_normal(5, RNG_TEST, (uint64_t)i);
        dev_put(g->d, t->w + i, &v, 4);
    }
    CHECK_ST(pass_new(&g->pass, g->m, 64, 40, true, g->a), ST_OK);
}

static double loss_at(struct golden *g, float *at, float v)
{
    dev_put(g->d, at, &v, 4);
    return golden_sft_loss(g, &g->pack, false);
}

/* Gradients are the differences of the loss, with dropout, too: the mask is a function. */
static void differences(void **state)
{
    (void)state;
    for (int noisy = 0; noisy < 2; noisy++) {
        struct golden g;
        struct lora l = { .rank = 3, .alpha = 4, .dropout = noisy ? .3 : 0 };
        struct noise noise = { .seed = 77 };
        open_fresh(&g, noisy ? "neox" : "llama", &l, "all-linear", true);
        uint64_t *key = g.pack.key = ARENA_NEW(g.a, uint64_t, g.pack.f.n_tokens);
        for (int64_t i = 0; i < g.pack.f.n_tokens; i++)
            key[i] = rng(1, RNG_TEST, (uint64_t)i);
        pass_noise(g.pass, &noise);
        double still = golden_sft_loss(&g, &g.pack, true), top = 0, off = 0;
        struct params *t = &g.m->adapters;
        for (int64_t i = 0; i < t->n; i++)
            for (int64_t k = 0; k < 6; k++) {
                int64_t j = (int64_t)(rng(2, RNG_TEST, (uint64_t)(6 * i + k)) %
                                      (uint64_t)tensor_n(t->param[i].w));
                float w, grad, *at = f32(t->param[i].w) + j, h = 1e-2f;
                dev_get(g.d, &w, at, 4);
                dev_get(g.d, &grad, f32(t->param[i].g) + j, 4);
                double want = (8 * (loss_at(&g, at, w + h) - loss_at(&g, at, w - h)) -
                               (loss_at(&g, at, w + 2 * h) - loss_at(&g, at, w - 2 * h))) /
                              (12 * (double)h);
                loss_at(&g, at, w);
                top = fmax(top, fabs(want));
                double e = fabs(want - (double)grad);
                off = e <= off ? off : e;
            }
        CHECK(top > 1e-3);
        if (!(off <= 1e-3 * top))
            check_failed(__FILE__, __LINE__, "off by %.3g of %.3g", off, top);
        pass_noise(g.pass, NULL);
        double quiet = golden_sft_loss(&g, &g.pack, false);
        CHECK(noisy ? quiet != still : quiet == still);
        golden_close(&g);
    }
}

/* Layers computed again, with noise and above the lowest adapter alone: the same bits. */
static void recomputed(void **state)
{
    static const char *const targets[] = { "all-linear", "q_proj,v_proj", "1.mlp.down_proj" };

    (void)state;
    for (int64_t i = 0; i < countof(targets); i++) {
        struct golden g;
        struct lora l = { .rank = 3, .alpha = 4, .dropout = .3 };
        const struct noise noise = { 7, 5 };
        float coef[64], *grad[2];
        struct pass *lean;
        open_fresh(&g, "llama", &l, targets[i], true);
        CHECK_ST(pass_new(&lean, g.m, 64, 40, KEEP_INPUTS, g.a), ST_OK);
        g.pack.key = ARENA_NEW(g.a, uint64_t, g.pack.f.n_tokens);
        for (int64_t j = 0; j < g.pack.f.n_tokens; j++)
            g.pack.key[j] = rng(1, RNG_TEST, (uint64_t)j);
        for (int64_t j = 0; j < g.pack.n_targets; j++)
            coef[j] = (float)(j % 5) - 1.5f;
        for (int k = 0; k < 2; k++) {
            struct pass *p = k ? lean : g.pass;
            pass_noise(p, &noise);
            model_zero_grad(g.m);
            model_forward(g.m, p, &g.pack, NULL, NULL, NULL);
            model_backward(g.m, p, coef);
            grad[k] = golden_host(&g, tensor1(g.m->adapters.g,
                                              (int64_t)(g.m->adapters.n_bytes / 4)));
        }
        CHECK(memcmp(grad[0], grad[1], g.m->adapters.n_bytes) == 0);
        golden_close(&g);
    }
}

/* B is zero: to the bit what the base says.  A within its bounds, and of the seed. */
static void starts_as_base(void **state)
{
    static const char *const base[] = { "llama", "neox", "qwen3" };

    (void)state;
    for (int64_t i = 0; i < countof(base); i++) {
        struct golden g, b;
        struct lora l = { .rank = 4, .alpha = 8 };
        float x[64], y[64];
        open_fresh(&g, base[i], &l, "all-linear", false);
        golden_open(&b, "tests/golden/model-", base[i], 2);
        CHECK_ST(model_new(&b.m, &b.c, b.d, false, b.a), ST_OK);
        golden_formula(b.m, 0);
        CHECK_ST(pass_new(&b.pass, b.m, 64, 40, false, b.a), ST_OK);
        model_forward(g.m, g.pass, &g.pack, NULL, x, NULL);
        model_forward(b.m, b.pass, &b.pack, NULL, y, NULL);
        for (int64_t j = 0; j < g.pack.n_targets; j++)
            CHECK(x[j] == y[j]);
        double most = 0;
        const struct param *p = g.m->adapters.param;
        float *a = golden_host(&g, p->w);
        for (int64_t j = 0; j < tensor_n(p->w); j++)
            most = fmax(most, fabs((double)a[j]));
        CHECK(most <= 1 / sqrt((double)p->w.d[1]) && most > .8 / sqrt((double)p->w.d[1]));
        golden_close(&g);
        golden_close(&b);
    }
}

/* With the adapters off, to the bit what the base says; on again, as before. */
static void off(void **state)
{
    static const char *const base[] = { "llama", "neox", "qwen3" };

    (void)state;
    for (int64_t i = 0; i < countof(base); i++) {
        struct golden g, b;
        struct lora l = { .rank = 4, .alpha = 8 };
        float on[64], x[64], y[64];
        open_fresh(&g, base[i], &l, "all-linear", true);
        golden_open(&b, "tests/golden/model-", base[i], 2);
        CHECK_ST(model_new(&b.m, &b.c, b.d, false, b.a), ST_OK);
        golden_formula(b.m, 0);
        CHECK_ST(pass_new(&b.pass, b.m, 64, 40, KEEP_NOTHING, b.a), ST_OK);
        model_forward(b.m, b.pass, &b.pack, NULL, y, NULL);
        for (int bare = 2; bare >= 0; bare--) {
            pass_bare(g.pass, bare == 1);
            model_forward(g.m, g.pass, &g.pack, NULL, bare == 2 ? on : x, NULL);
            if (bare < 2)
                CHECK(memcmp(x, bare ? y : on, (size_t)g.pack.n_targets * sizeof *x) == 0);
        }
        CHECK(on[0] != y[0]);
        golden_close(&g);
        golden_close(&b);
    }
}

/* A merged model, without its adapters, says the same. */
static void merged(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(cases); i++) {
        struct golden g;
        float x[64], y[64];
        open_case(&g, cases[i]);
        model_forward(g.m, g.pass, &g.pack, NULL, x, NULL);
        lora_merge(g.m);
        model_forward(g.m, g.pass, &g.pack, NULL, y, NULL);
        check_largest(cases[i], y, x, g.pack.n_targets, 1e-5);
        golden_close(&g);
    }
}

/* What is written is read again, exactly in f32, and names the base it is of. */
static void written_and_read(void **state)
{
    struct golden g, h;
    struct lora l = { .rank = 3, .alpha = 1.5, .dropout = .25, .rslora = true }, back;
    uint8_t base[32] = { 1 };

    (void)state;
    char *to = arena_printf(mem, "%s/out", dir);
    open_fresh(&g, "llama", &l, "q_proj,v_proj,layers.1.mlp.down_proj", true);
    CHECK_ST(dir_make(to), ST_OK);
    CHECK_ST(weights_hash(base, "tests/golden/model-llama", g.a), ST_OK);
    CHECK_ST(peft_save(g.m, to, "tests/golden/model-llama", base, F32, g.a), ST_OK);
    CHECK_ST(peft_read(&back, to, g.a), ST_OK);
    CHECK(back.rank == 3 && back.alpha == 1.5 && back.dropout == .25 && back.rslora);
    CHECK(back.n_targets == 3 && strcmp(back.target[2], "layers.1.mlp.down_proj") == 0);
    struct folders f;
    CHECK_ST(folders_find(&f, to, NULL, g.a), ST_OK);
    CHECK(strcmp(f.base, "tests/golden/model-llama") == 0 && strcmp(f.adapter, to) == 0);
    golden_open(&h, "tests/golden/model-", "llama", 1);
    CHECK_ST(folders_open(&h.m, &f, &back, h.d, false, h.a), ST_OK);
    CHECK(h.m->adapters.n == g.m->adapters.n);
    for (int64_t i = 0; i < h.m->adapters.n; i++) {
        struct param *x = &g.m->adapters.param[i], *y = &h.m->adapters.param[i];
        CHECK(strcmp(x->name, y->name) == 0);
        size_t bytes = (size_t)tensor_n(x->w) * 4;
        CHECK(memcmp(golden_host(&g, x->w), golden_host(&h, y->w), bytes) == 0);
    }
    base[0] ^= 1;
    CHECK_ST(peft_save(g.m, to, "tests/golden/model-llama", base, F32, g.a), ST_OK);
    CHECK_ST(peft_load(h.m, arena_printf(g.a, "%s/" PEFT_TENSORS, to), f.base, h.a), ST_DATA);
    CHECK(strstr(err_text(), "an adapter of the weights"));
    err_clear();
    golden_close(&g);
    golden_close(&h);
}

static void refused(void **state)
{
    static const struct { const char *json, *says; } bad[] = {
        { "[]", "not a JSON object" },
        { "{}", "'peft_type' is not LORA" },
        { "{'peft_type':'IA3'}", "'peft_type' is not LORA" },
        { "{'peft_type':'LORA'}", "'target_modules' is no list" },
        { "{'peft_type':'LORA','target_modules':[]}", "'target_modules' is no list" },
        { "{'peft_type':'LORA','target_modules':[1]}", "'target_modules' is no list" },
        { "{'peft_type':'LORA','target_modules':'.*proj'}", "is a pattern" },
        { "{'peft_type':'LORA','target_modules':['q_proj'],'r':0}", "'r'" },
        { "{'peft_type':'LORA','target_modules':['q_proj'],'r':1e9}", "'r'" },
        { "{'peft_type':'LORA','target_modules':['q_proj'],'lora_alpha':'a'}", "'lora_alpha'" },
        { "{'peft_type':'LORA','target_modules':['q_proj'],'lora_dropout':1}", "'lora_dropout'" },
        { "{'peft_type':'LORA','target_modules':['q_proj'],'use_dora':true}", "'use_dora' is set" },
        { "{'peft_type':'LORA','target_modules':['q_proj'],'bias':'all'}", "'bias' is not none" },
        { "{'peft_type':'LORA','target_modules':['q_proj'],'rank_pattern':{'a':1}}",
          "'rank_pattern' is set" },
        { "{'peft_type':'LORA','target_modules':['q_proj'],'modules_to_save':['lm_head']}",
          "'modules_to_save' is set" },
        { "{'peft_type':'LORA','target_modules':['q_proj'],'init_lora_weights':'pissa'}",
          "may change the base" },
    };
    struct arena *a = mem;
    char *to = arena_printf(a, "%s/bad", dir), *path = arena_printf(a, "%s/" PEFT_CONFIG, to);
    struct lora l;

    (void)state;
    CHECK_ST(dir_make(to), ST_OK);
    for (int64_t i = 0; i < countof(bad); i++) {
        char *json = arena_text(a, view_of(bad[i].json));
        for (char *p = json; *p; p++)
            *p = *p == '\'' ? '"' : *p;
        CHECK_ST(file_save(path, json, strlen(json), a), ST_OK);
        CHECK_ST(peft_read(&l, to, a), ST_DATA);
        if (!strstr(err_text(), bad[i].says) || !strstr(err_text(), path))
            check_failed(__FILE__, __LINE__, "%s: '%s'", bad[i].json, err_text());
        err_clear();
    }
}

/* Names that are not there, and adapters of another shape or place. */
static void no_place(void **state)
{
    struct golden g;
    struct lora l = { .rank = 4, .alpha = 8 };

    (void)state;
    golden_open(&g, "tests/golden/model-", "llama", 1);
    g.c.lora = &l;
    CHECK_ST(lora_targets(&l, "q_proj,,v_proj", g.a), ST_USAGE);
    err_clear();
    CHECK_ST(lora_targets(&l, "q_proj,proj", g.a), ST_OK);
    CHECK_ST(model_new(&g.m, &g.c, g.d, false, g.a), ST_USAGE);
    CHECK(strstr(err_text(), "'proj' is no projection of this model, which has q_proj, k_proj, "
                             "v_proj, o_proj, gate_proj, up_proj, down_proj; or all-linear"));
    err_clear();
    static const struct { const char *targets; int64_t rank; const char *says; } wrong[] = {
        { "all-linear", 3, "has shape [4,16], not [3,16]" },
        { "q_proj,v_proj", 4, "has no place beside this model" },
    };
    for (int64_t i = 0; i < countof(wrong); i++) {
        l.rank = wrong[i].rank;
        CHECK_ST(lora_targets(&l, wrong[i].targets, g.a), ST_OK);
        CHECK_ST(model_new(&g.m, &g.c, g.d, false, g.a), ST_OK);
        CHECK_ST(peft_load(g.m, GOLDEN "llama/" PEFT_TENSORS, "none", g.a), ST_DATA);
        CHECK(strstr(err_text(), wrong[i].says));
        err_clear();
    }
    l.rank = 3;
    CHECK_ST(lora_targets(&l, "all-linear", g.a), ST_OK);
    CHECK_ST(model_new(&g.m, &g.c, g.d, false, g.a), ST_OK);
    CHECK_ST(peft_load(g.m, GOLDEN "llama-qv/" PEFT_TENSORS, "none", g.a), ST_DATA);
    CHECK(strstr(err_text(), "is missing"));
    err_clear();
    golden_close(&g);
}

/* ---- for PEFT ---- */

/* to/: an adapter, its base, and the logits of one row under both. */
static enum st write_case(const char *to, const char *name, struct lora *l, enum dtype type)
{
    struct golden g;
    uint8_t hash[32];

    open_fresh(&g, name, l, l->rslora ? "query_key_value,layers.1.mlp.dense_4h_to_h" : "all-linear",
               true);
    char *base = arena_printf(g.a, "%s/base", to);
    struct pack row = g.pack;
    row.f.n_segs = 1;
    int64_t n = row.f.n_tokens = row.n_targets = row.f.seg[0].end, V = g.c.V;
    float *logits = ARENA_NEW(g.a, float, n * V);
    char *names[] = { "token", "logits" };
    struct tensor t[] = { tensor1(row.token, n), tensor2(logits, n, V) };
    t[0].type = I32;
    row.at = row.target = g.pack.f.pos;
    enum st st = dir_make(base);
    if (st == ST_OK)
        st = weights_save(g.m, base, F32, g.a);
    if (st == ST_OK)
        st = weights_hash(hash, base, g.a);
    if (st == ST_OK)
        st = peft_save(g.m, to, base, hash, type, g.a);
    if (st == ST_OK)                           /* as it is written, so as it is read */
        st = peft_load(g.m, arena_printf(g.a, "%s/" PEFT_TENSORS, to), base, g.a);
    if (st == ST_OK) {
        model_forward(g.m, g.pass, &row, NULL, NULL, NULL);
        st = model_logits(g.m, g.pass, logits);
    }
    if (st == ST_OK)
        st = tensors_save(arena_printf(g.a, "%s/logits.safetensors", to), 2, names, t, g.d, F32,
                          g.a);
    golden_close(&g);
    return st;
}

static enum st write_all(const char *to)
{
    struct lora whole = { .rank = 4, .alpha = 6 }, some = { .rank = 3, .alpha = 2, .rslora = true };
    struct lora half = { .rank = 2, .alpha = 4.5, .dropout = .1 };
    enum st st = write_case(arena_printf(mem, "%s/llama", to), "llama", &whole, F32);

    if (st == ST_OK)
        st = write_case(arena_printf(mem, "%s/neox", to), "neox", &some, F32);
    return st == ST_OK ? write_case(arena_printf(mem, "%s/qwen3", to), "qwen3", &half, BF16) : st;
}

int main(int argc, char **argv)
{
    mem = arena_new(0);
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return done(write_all(argv[2]));
    if (!mkdtemp(dir))
        return 1;
    int bad = RUN(TEST(logits_and_gradients), TEST(ten_steps), TEST(differences),
                  TEST(recomputed), TEST(starts_as_base), TEST(off), TEST(merged),
                  TEST(written_and_read), TEST(refused), TEST(no_place));
    bad |= dir_remove(dir) != ST_OK;
    arena_free(mem);
    return bad;
}
