/* work.c - rows of a step through packs, losses and AdamW against transformers and PyTorch
 * (tests/golden/model.py), however they are packed; the optimiser's schedule, clip and decay by
 * hand. */
#include "base/rng.h"
#include "model/lora.h"
#include "model/weights.h"
#include "step/optim.h"
#include "step/work.h"
#include "tests/check.h"

static struct arena *a;
static struct dev *d;
static struct model *m;
static struct optim *o;
static struct work w;
static const char *expect;
static int32_t *seg, *token;

static void *expected(const char *name, int64_t rows, int64_t cols, enum dtype type)
{
    char *names[] = { (char *)(uintptr_t)name };
    void *p = arena_array(a, (size_t)(rows * MAX(cols, 1)), 4);
    struct tensor t = cols ? tensor2(p, rows, cols) : tensor1(p, rows);

    t.type = type;
    CHECK_ST(tensors_load(expect, 1, names, &t, d, a), ST_OK);
    return p;
}

/* The case "llama": its weights are stored, the formula gives those of no other. */
static int setup(void **state)
{
    static const char dir[] = "tests/golden/model-llama";
    struct config c;

    (void)state;
    a = arena_new(0);
    expect = arena_printf(a, "%s/expect.safetensors", dir);
    CHECK_ST(config_read(&c, arena_printf(a, "%s/config.json", dir), a), ST_OK);
    CHECK_ST(dev_open(&d, "cpu", 2, a), ST_OK);
    CHECK_ST(model_new(&m, &c, d, true, a), ST_OK);
    CHECK_ST(weights_load(m, dir, a), ST_OK);
    CHECK_ST(optim_new(&o, m, a), ST_OK);
    o->beta1 = 0.9;
    o->beta2 = 0.95;
    o->eps = 1e-8;
    w = (struct work){ .m = m, .loss = { &loss_sft, &loss_dpo }, .micro_tokens = 64, .share = true,
                       .keep_bytes = 1 << 20, .a = a };
    CHECK_ST(work_open(&w), ST_OK);
    seg = expected("seg", 8, 3, I32);
    token = expected("token", 45, 0, I32);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dev_close(d);
    arena_free(a);
    return 0;
}

static struct ids ids_of(int64_t s)
{
    int64_t n = seg[3 * s + 1] - seg[3 * s];
    uint8_t *p = ARENA_NEW(a, uint8_t, 2 * n);

    ids_put(p, (const uint32_t *)token + seg[3 * s], n, 2);
    return (struct ids){ p, n, 2 };
}

/* The golden's rows: two of sft, trained from their tokens 1 and 4 on, and two pairs. */
static void make(struct rows *r, enum obj obj)
{
    static struct span span[2] = { { 1, 11 }, { 4, 7 } };
    const float *ref = expected("ref", 4, 0, F32);

    CHECK_ST(rows_new(r, &w, obj, a), ST_OK);
    for (int64_t k = 0; k < 2; k++) {
        struct rec rec = { .kind = obj == OBJ_SFT ? REC_SFT : REC_PREF,
                           .src = VIEW("golden"),
                           .w = 1 };
        if (obj == OBJ_SFT) {
            rec.ids = ids_of(k);
            rec.span = (struct spans){ &span[k], 1, true };
        } else {
            rec.prompt = ids_of(2 + 3 * k);
            rec.chosen = ids_of(3 + 3 * k);
            rec.rejected = ids_of(4 + 3 * k);
            rec.ref = (struct ref){ .given = true, .chosen = { (double)ref[2 * k], 0 },
                                    .rejected = { (double)ref[2 * k + 1], 0 } };
        }
        if (w.loss[obj]->needs & NEED_LABELS) {        /* the other pair's rejected as the other */
            rec.kind = REC_LABEL;
            rec.good = k == 0;
            rec.completion = rec.chosen;
            rec.other = ids_of(7 - 3 * k);
            rec.chosen = rec.rejected = (struct ids){ 0 };
        }
        rec_count(&rec);
        CHECK_ST(rows_add(r, &rec), ST_OK);
    }
    CHECK_ST(rows_pack(r, a), ST_OK);
}

static void check_norm(const char *what, const float *x, const float *y, const float *from,
                       int64_t n, double tol)
{
    double size = 0, off = 0;

    for (int64_t i = 0; i < n; i++) {
        double e = (double)x[i] - (double)y[i], s = (double)y[i] - (from ? (double)from[i] : 0);
        off += e * e;
        size += s * s;
    }
    if (!(sqrt(off) <= tol * sqrt(size)))
        check_failed(__FILE__, __LINE__, "%s: off by %.3g of %.3g", what, sqrt(off), sqrt(size));
}

static void check_grads(const char *of, double weight)
{
    for (int64_t i = 0; i < m->n_params; i++) {
        const struct param *p = &m->param[i];
        char *name = arena_printf(a, "grad.%s.%s", of, p->name);
        float *want = expected(name, p->w.d[0], p->w.rank == 2 ? p->w.d[1] : 0, F32);
        for (int64_t j = 0; j < tensor_n(p->g); j++)
            want[j] *= (float)weight;
        check_norm(name, f32(p->g), want, NULL, tensor_n(p->g), 1e-5);
    }
}

static void gradients(void **state)
{
    static const struct { int64_t micro; bool share; } ways[] = {
        { 64, true }, { 1, true }, { 64, false }, { 1, false },
    };
    struct rows r;

    (void)state;
    for (int64_t i = 0; i < countof(ways); i++)
        for (int obj = 0; obj < 2; obj++) {
            double want = (double)*(float *)expected(obj ? "loss.dpo" : "loss.sft", 1, 0, F32);
            w.micro_tokens = ways[i].micro;
            w.share = ways[i].share;
            make(&r, (enum obj)obj);
            model_zero_grad(m);
            CHECK_ST(rows_gradient(&r, 0.25, false), ST_OK);
            CHECK_NEAR(rows_loss(&r) / rows_norm(&r), want, 1e-5 * want);
            check_grads(obj ? "dpo" : "sft", 0.25);
            /* measured first, with its forward kept where that is one: the same bits */
            float *first = arena_array(a, m->n_bytes, 1);
            dev_get(d, first, m->g, m->n_bytes);
            for (int keep = 0; keep < 2; keep++) {
                model_zero_grad(m);
                CHECK_ST(rows_measure(&r, keep), ST_OK);
                CHECK((r.n_kept > 0) == keep);
                CHECK_ST(rows_gradient(&r, 0.25, true), ST_OK);
                CHECK(memcmp(first, m->g, m->n_bytes) == 0);
            }
        }
    w.micro_tokens = 64;
    w.share = true;
}

static void ten_steps(void **state)
{
    struct rows r;
    const float *want = expected("step.loss", 10, 0, F32);
    float *start = arena_array(a, m->n_bytes, 1);
    double norm;

    (void)state;
    memcpy(start, m->w, m->n_bytes);
    make(&r, OBJ_SFT);
    for (int64_t k = 0; k < 10; k++) {
        model_zero_grad(m);
        CHECK_ST(rows_gradient(&r, 1, false), ST_OK);
        CHECK_NEAR(rows_loss(&r) / rows_norm(&r), want[k], 1e-5 * (double)want[k]);
        CHECK_ST(optim_norm(o, &norm), ST_OK);
        optim_update(o, 1e-3, norm);
    }
    for (int64_t i = 0; i < m->n_params; i++) {
        struct tensor t = m->param[i].w;
        char *name = arena_printf(a, "w.%s", m->param[i].name);
        float *to = expected(name, t.d[0], t.rank == 2 ? t.d[1] : 0, F32);
        check_norm(name, f32(t), to, start + (f32(t) - m->w), tensor_n(t), 1e-2);
    }
    memcpy(m->w, start, m->n_bytes);
    optim_clear(o);
}

/* Layers computed again in the backward, of kept forwards too: the same bits. */
static void recompute(void **state)
{
    float *first = arena_array(a, m->n_bytes, 1);
    struct work plain = w;
    struct rows r;

    (void)state;
    CHECK(work_bytes(m, 64, true) < work_bytes(m, 64, false));
    for (int micro = 1; micro <= 64; micro += 63)
        for (int obj = 0; obj < 2; obj++)
            for (int way = 0; way < 3; way++) {
                w = (struct work){ .m = m, .loss = { &loss_sft, &loss_dpo }, .share = true,
                                   .micro_tokens = micro, .keep_bytes = 1 << 20, .a = a,
                                   .recompute = way > 0 };
                make(&r, (enum obj)obj);
                model_zero_grad(m);
                CHECK_ST(rows_measure(&r, way == 2), ST_OK);
                CHECK((r.n_kept > 0) == (way == 2));
                CHECK_ST(rows_gradient(&r, 0.25, true), ST_OK);
                if (way == 0)
                    memcpy(first, m->g, m->n_bytes);
                CHECK(memcmp(first, m->g, m->n_bytes) == 0);
            }
    w = plain;
}

/* No room for kept forwards: recomputed, to the same bits. */
static void no_room(void **state)
{
    struct rows r;
    float *first = arena_array(a, m->n_bytes, 1);

    (void)state;
    make(&r, OBJ_PREF);
    model_zero_grad(m);
    CHECK_ST(rows_measure(&r, true), ST_OK);
    CHECK_ST(rows_gradient(&r, 1, true), ST_OK);
    memcpy(first, m->g, m->n_bytes);
    struct work tight = { .m = m,
                          .loss = { &loss_sft, &loss_dpo },
                          .micro_tokens = 64,
                          .share = true,
                          .keep_bytes = 100,
                          .a = a };
    r.work = &tight;
    model_zero_grad(m);
    CHECK_ST(rows_measure(&r, true), ST_OK);
    CHECK(r.n_kept == 0);
    CHECK_ST(rows_gradient(&r, 1, true), ST_OK);
    CHECK(memcmp(first, m->g, m->n_bytes) == 0);
}

/* Gradients of the coefficients that were worked out by hand from what a forward over the one pack
 * said, against those of the rows, however these are packed. */
static void by_hand(struct rows *r, const double *coef)
{
    float *of = ARENA_NEW(a, float, r->b->pack->n_targets);
    float *want = arena_array(a, m->n_bytes, 1);
    struct pass *p;

    BUG_IF(r->b->n_packs != 1);
    for (int64_t j = 0; j < r->b->pack->n_targets; j++)
        of[j] = (float)coef[j];
    CHECK_ST(pass_new(&p, m, 64, 64, true, a), ST_OK);
    model_zero_grad(m);
    model_forward(m, p, r->b->pack, NULL, NULL, NULL);
    model_backward(m, p, of);
    memcpy(want, m->g, m->n_bytes);
    pass_free(p);
    for (int way = 0; way < 4; way++) {
        struct rows again;
        w.micro_tokens = way & 1 ? 1 : 64;
        make(&again, r->obj);
        if (way & 2)                                   /* or from a forward that was kept */
            CHECK_ST(rows_measure(&again, true), ST_OK);
        model_zero_grad(m);
        CHECK_ST(rows_gradient(&again, 1, way & 2), ST_OK);
        CHECK(memcmp(again.logp, r->logp, (size_t)r->b->n_seqs * sizeof *r->logp) == 0);
        CHECK(again.base == r->base);
        check_norm(r->loss->name, m->g, want, NULL, (int64_t)(m->n_bytes / sizeof(float)), 1e-6);
    }
    w.micro_tokens = 64;
}

/* The loss is told, and differentiated, token by token. */
static void tokens(void **state)
{
    struct work plain = w;
    struct rows r;
    double coef[64], sum = 0, part = 0, norm[2];

    (void)state;
    w.loss[OBJ_SFT] = &loss_dft;
    make(&r, OBJ_SFT);
    CHECK_ST(rows_measure(&r, false), ST_OK);
    for (int64_t i = 0, k = 0; i < 2; i++) {
        const struct seq *s = &r.b->seq[i];
        double of_row = 0;
        for (int64_t j = 0; j < s->n; j++, k++) {
            coef[s->first + j] = -exp(r.token[k]) / rows_norm(&r);
            sum -= exp(r.token[k]) * r.token[k];
            of_row += r.token[k];
        }
        CHECK_NEAR(of_row, r.logp[i], 1e-12 * fabs(r.logp[i]));
        CHECK(r.len[i] == s->n);
    }
    CHECK_NEAR(rows_loss(&r), sum, 1e-12 * sum);
    part = rows_source_loss(&r, 0, norm);
    CHECK_NEAR(part, sum, 1e-12 * sum);
    CHECK(norm[0] == rows_norm(&r));
    by_hand(&r, coef);
    w = plain;
}

/* Labels against their baseline: above 0 here, and where the reference is more likely clamped. */
static void labels(void **state)
{
    static const struct loss *const of[] = { &loss_kto, &loss_apo_zero_unpaired };
    struct work plain = w;

    (void)state;
    for (int64_t i = 0; i < countof(of); i++) {
        struct rows r;
        double coef[64], sum = 0, base = 0;
        w.loss[OBJ_PREF] = of[i];
        make(&r, OBJ_PREF);
        CHECK_ST(rows_measure(&r, false), ST_OK);
        CHECK((r.other != NULL) == (i == 0) && rows_norm(&r) == 2);
        CHECK(rows_tokens(&r) > r.b->n_tokens || i == 1);
        for (int64_t k = 0; r.other && k < 2; k++)
            base += (r.other->logp[k] - r.other->ref[k]) / 2;
        CHECK(r.base == fmax(base, 0));
        for (int64_t k = 0; k < 2; k++) {
            double sign = k ? -1 : 1, x = .1 * sign * (r.logp[k] - r.ref[k] - r.base);
            double p = 1 / (1 + exp(x));
            sum += p;
            for (int64_t j = 0; j < r.b->seq[k].n; j++)
                coef[r.b->seq[k].first + j] = -sign * .1 * p * (1 - p) / 2;
        }
        CHECK_NEAR(rows_loss(&r), sum, 1e-12);
        by_hand(&r, coef);
    }
    w = plain;
}

/* Adapters with dropout: a row's masks are its own, so that neither packs nor shared prompts show
 * in a bit of what is told; another step draws others; a measurement is without. */
static void dropout(void **state)
{
    static const struct { int64_t micro; bool share; } ways[] = {
        { 64, true }, { 1, true }, { 64, false }, { 1, false },
    };
    struct model *whole = m, *some;
    struct config c = m->c;
    struct lora l = { .rank = 4, .alpha = 8, .dropout = .2 };
    double first[2][4], quiet[4];
    struct rows r;

    (void)state;
    CHECK_ST(lora_targets(&l, "all-linear", a), ST_OK);
    c.lora = &l;
    CHECK_ST(model_new(&some, &c, d, true, a), ST_OK);
    memcpy(some->w, whole->w, whole->n_bytes);
    for (int64_t i = 0; i < (int64_t)(some->adapters.n_bytes / 4); i++)
        some->adapters.w[i] = .1f * (float)rng_normal(1, RNG_TEST, (uint64_t)i);
    float *grads = arena_array(a, some->adapters.n_bytes, 1);
    struct work plain = w;
    w = (struct work){ .m = some, .loss = { &loss_sft, &loss_dpo }, .keep_bytes = 1 << 20, .a = a,
                       .dropout = true, .noise = 5, .micro_tokens = 64 };
    for (int64_t i = 0; i < countof(ways); i++)
        for (int obj = 0; obj < 2; obj++) {
            w.micro_tokens = ways[i].micro;
            w.share = ways[i].share;
            make(&r, (enum obj)obj);
            model_zero_grad(some);
            CHECK_ST(rows_gradient(&r, 1, false), ST_OK);
            if (i == 0)
                memcpy(first[obj], r.logp, (size_t)r.b->n_seqs * sizeof *r.logp);
            CHECK(memcmp(first[obj], r.logp, (size_t)r.b->n_seqs * sizeof *r.logp) == 0);
            if (i == 0 && obj)
                memcpy(grads, some->adapters.g, some->adapters.n_bytes);
            if (obj)
                check_norm("adapters", some->adapters.g, grads, NULL,
                           (int64_t)(some->adapters.n_bytes / 4), 1e-5);
            CHECK_ST(rows_measure(&r, true), ST_OK);
            CHECK(r.n_kept == 0);              /* the update's forward is another */
            if (i == 0)
                memcpy(quiet, r.logp, (size_t)r.b->n_seqs * sizeof *r.logp);
            CHECK(r.logp[0] != first[obj][0]);
        }
    w.noise = 6;
    CHECK_ST(rows_gradient(&r, 1, true), ST_OK);
    CHECK(r.logp[0] != first[1][0] && r.logp[0] != quiet[0]);
    w = plain;
}

/* NEFTune moves sft rows alone, the same in every pack, anew in every step, and no measurement. */
static void neftune(void **state)
{
    struct work plain = w;
    double first[4], quiet[2][4];
    struct rows r;

    (void)state;
    for (int obj = 0; obj < 2; obj++) {
        make(&r, (enum obj)obj);
        CHECK_ST(rows_measure(&r, false), ST_OK);
        memcpy(quiet[obj], r.logp, (size_t)r.b->n_seqs * sizeof *r.logp);
    }
    w.neftune = 5;
    w.noise = 5;
    for (int64_t micro = 1; micro <= 64; micro += 63)
        for (int obj = 0; obj < 2; obj++) {
            size_t bytes = (size_t)(obj ? 4 : 2) * sizeof *r.logp;
            w.micro_tokens = micro;
            make(&r, (enum obj)obj);
            CHECK_ST(rows_measure(&r, true), ST_OK);
            CHECK((r.n_kept == 0) == (obj == OBJ_SFT));        /* the update's forward is another */
            CHECK(memcmp(r.logp, quiet[obj], bytes) == 0);
            model_zero_grad(m);
            CHECK_ST(rows_gradient(&r, 1, true), ST_OK);
            if (obj == OBJ_SFT && micro == 1)
                memcpy(first, r.logp, bytes);
            CHECK(memcmp(r.logp, obj == OBJ_SFT ? first : quiet[obj], bytes) == 0);
        }
    CHECK(first[0] != quiet[0][0] && first[1] != quiet[0][1]);
    w.noise = 6;
    make(&r, OBJ_SFT);
    CHECK_ST(rows_gradient(&r, 1, false), ST_OK);
    CHECK(r.logp[0] != first[0] && r.logp[1] != first[1]);
    w = plain;
}

/* Only matrices decay; a gradient over the clip acts as one of the clip's length would. */
static void clip_and_decay(void **state)
{
    int64_t n = (int64_t)(m->n_bytes / sizeof(float));
    float *start = arena_array(a, m->n_bytes, 1), *clipped = arena_array(a, m->n_bytes, 1);
    double norm;

    (void)state;
    memcpy(start, m->w, m->n_bytes);
    model_zero_grad(m);
    o->decay = 0.5;
    optim_update(o, 0.1, 0);
    for (int64_t i = 0; i < m->n_params; i++) {
        const struct param *p = &m->param[i];
        const float *was = start + (f32(p->w) - m->w);
        CHECK(p->decay == (p->w.rank == 2));
        for (int64_t j = 0; j < tensor_n(p->w); j++)
            CHECK_NEAR(f32(p->w)[j], (p->decay ? 0.95 : 1) * (double)was[j], 1e-7);
    }
    o->decay = 0;
    o->eps = 1; /* so that the length of the gradient matters */
    for (int k = 0; k < 2; k++) {
        memcpy(m->w, start, m->n_bytes);
        optim_clear(o);
        for (int64_t i = 0; i < m->n_params; i++)
            for (int64_t j = 0; j < tensor_n(m->param[i].g); j++)
                f32(m->param[i].g)[j] = (float)(j % 5) * (k ? 0.03f : 0.3f);
        CHECK_ST(optim_norm(o, &norm), ST_OK);
        o->clip = k ? 0 : norm / 10;
        optim_update(o, 0.1, norm);
        if (k == 0)
            memcpy(clipped, m->w, m->n_bytes);
    }
    for (int64_t i = 0; i < n; i++)
        CHECK_NEAR(clipped[i], m->w[i], 1e-7);
    memcpy(m->w, start, m->n_bytes);
    o->eps = 1e-8;
    o->clip = 0;
    optim_clear(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gradients), TEST(ten_steps), TEST(recompute), TEST(no_room), TEST(tokens),
        TEST(labels), TEST(dropout), TEST(neftune), TEST(clip_and_decay),
    };
    err_tool("work");
    return cmocka_run_group_tests(tests, setup, teardown) != 0;
}
