/* batch.c - packing is only a layout: shared or apart, in few packs or many, by one thread or
 * three, a row's log-probabilities are the same bits and the gradients the same numbers. */
#include <math.h>

#include "batch/batch.h"
#include "base/rng.h"
#include "tests/check.h"

static struct arena *a;
static struct dev *d;
static struct model *m;

/* ---- records by hand ---- */

static struct ids draw(int64_t n, uint64_t key, int width)
{
    uint8_t *p = arena_get(a, (size_t)MAX(n * width, 1));
    uint32_t *v = ARENA_NEW(a, uint32_t, MAX(n, 1));
    for (int64_t i = 0; i < n; i++)
        v[i] = (uint32_t)(rng(key, RNG_STREAM(RNG_TEST, 0), (uint64_t)i) % (uint64_t)m->c.V);
    ids_put(p, v, n, width);
    return (struct ids){ p, n, width };
}

static struct spans span(int64_t begin, int64_t end)
{
    struct span *v = ARENA_NEW(a, struct span, 1);
    *v = (struct span){ begin, end };
    return (struct spans){ v, 1, true };
}

static struct rec sft(int64_t n, struct spans s, uint64_t key)
{
    return (struct rec){ .kind = REC_SFT, .t = VIEW("sft"), .src = VIEW("a"), .id = key, .w = 1,
                         .ids = draw(n, key, 2),
                         .span = s };
}

static struct rec pref(int64_t p, int64_t c, int64_t r, uint64_t key)
{
    return (struct rec){ .kind = REC_PREF, .t = VIEW("pref"), .src = VIEW("b"), .id = key, .w = 1,
                         .prompt = draw(p, key, 4), .chosen = draw(c, key + 1000, 4),
                         .rejected = draw(r, key + 2000, 4) };
}

static struct batch *mixed(void)
{
    struct batch *b;
    struct rec text = { .kind = REC_TEXT, .t = VIEW("text"), .src = VIEW("c"), .w = 1,
                        .ids = draw(40, 99, 2) };
    struct rec label = { .kind = REC_LABEL, .t = VIEW("label"), .src = VIEW("c"), .w = 2,
                         .prompt = draw(9, 98, 2), .completion = draw(5, 97, 2), .good = true };

    CHECK_ST(batch_new(&b, &m->c, a), ST_OK);
    for (uint64_t i = 0; i < 6; i++) {
        struct rec s = sft(5 + 7 * (int64_t)i, span((int64_t)i, 5 + 6 * (int64_t)i), i);
        struct rec p = pref(3 * (int64_t)i, 4 + (int64_t)i, 11 - (int64_t)i, 100 + i);
        p.chosen_span = span(i == 0, 3);
        CHECK_ST(batch_add(b, &s), ST_OK);
        CHECK_ST(batch_add(b, &p), ST_OK);
    }
    CHECK_ST(batch_add(b, &text), ST_OK);
    CHECK_ST(batch_add(b, &label), ST_OK);
    return b;
}

/* ---- what the model makes of it ---- */

struct result {
    float  *logp;                              /* of all targets, sequence by sequence */
    double *sum;                               /* [n_seqs] */
    float  *grad;                              /* the model's gradient block */
};

/* The coefficient of every sequence: some sign, some size. */
static float coef_of(int64_t seq)
{
    return (float)(seq % 3 - 1) * .25f - .1f;
}

static struct result run(struct batch *b, int64_t micro, enum batch_share share, bool known)
{
    struct result r = { ARENA_NEW(a, float, b->n_trained), ARENA_NEW(a, double, b->n_seqs),
                        arena_get(a, m->n_bytes) };
    struct pass *pass;
    float *logp, *coef;

    CHECK_ST(batch_pack(b, micro, share), ST_OK);
    CHECK_ST(pass_new(&pass, m, batch_max_tokens(b), batch_max_targets(b), true, a), ST_OK);
    logp = ARENA_NEW(a, float, batch_max_targets(b));
    coef = ARENA_NEW(a, float, batch_max_targets(b));
    model_zero_grad(m);
    for (int64_t p = 0; p < b->n_packs; p++) {
        for (int64_t s = 0; s < b->n_seqs; s++)
            for (int64_t j = 0; b->seq[s].pack == p && j < b->seq[s].n; j++)
                coef[b->seq[s].first + j] = coef_of(s);
        model_forward(m, pass, &b->pack[p], known ? coef : NULL, logp, NULL);
        model_backward(m, pass, known ? NULL : coef);
        int64_t at = 0;
        for (int64_t s = 0; s < b->n_seqs; at += b->seq[s++].n)
            for (int64_t j = 0; b->seq[s].pack == p && j < b->seq[s].n; j++) {
                r.logp[at + j] = logp[b->seq[s].first + j];
                r.sum[s] += (double)logp[b->seq[s].first + j];
            }
    }
    dev_get(d, r.grad, m->g, m->n_bytes);
    pass_free(pass);
    CHECK_ST(dev_sync(d), ST_OK);
    return r;
}

static void same_grad(const struct result *x, const struct result *y)
{
    for (int64_t i = 0; i < m->n_params; i++) {
        int64_t at = f32(m->param[i].w) - m->w, n = tensor_n(m->param[i].w);
        double off = 0, size = 0;
        for (int64_t j = at; j < at + n; j++) {
            off += pow((double)x->grad[j] - (double)y->grad[j], 2);
            size += pow((double)y->grad[j], 2);
        }
        if (!(sqrt(off) <= 1e-5 * sqrt(size) + 1e-7 * sqrt((double)n)))
            check_failed(__FILE__, __LINE__, "%s: off by %.3g of %.3g", m->param[i].name, sqrt(off),
                         sqrt(size));
    }
}

static void only_a_layout(void **state)
{
    static const int64_t micro[] = { 30, 64, INT64_MAX };

    (void)state;
    struct batch *b = mixed();
    struct result one = run(b, 1, false, false);
    CHECK(b->n_packs == b->n_seqs);
    for (int64_t k = 0; k < countof(micro); k++)
        for (int share = 0; share < 2; share++) {
            size_t mark = arena_mark(a);
            struct result r = run(b, micro[k], share, k % 2);
            CHECK(micro[k] < 1000 || b->n_packs == 1);
            CHECK(memcmp(r.logp, one.logp, (size_t)b->n_trained * sizeof(float)) == 0);
            CHECK(memcmp(r.sum, one.sum, (size_t)b->n_seqs * sizeof(double)) == 0);
            same_grad(&r, &one);
            arena_back(a, mark);
        }
}

static void any_number_of_threads(void **state)
{
    (void)state;
    int threads = d->threads;
    struct batch *b = mixed();
    d->threads = 1;
    struct result one = run(b, 100, true, true);
    for (int n = 2; n <= 3; n++) {
        d->threads = n;
        struct result r = run(b, 100, true, true);
        CHECK(memcmp(r.logp, one.logp, (size_t)b->n_trained * sizeof(float)) == 0);
        CHECK(memcmp(r.grad, one.grad, m->n_bytes) == 0);
    }
    d->threads = threads;
}

/* Wide enough that every op works in several threads. */
static void many_threads(void **state)
{
    struct model *narrow = m;
    struct config c = m->c;
    struct batch *b;
    int threads = d->threads;

    (void)state;
    c.V = 1200, c.D = 96, c.F = 200, c.H = 24, c.G = 12;
    CHECK_ST(model_new(&m, &c, d, true, a), ST_OK);
    model_init(m, 4);
    CHECK_ST(batch_new(&b, &m->c, a), ST_OK);
    for (uint64_t i = 0; i < 8; i++) {
        struct rec s = sft(64, (struct spans){ 0 }, i), p = pref(30, 30, 20, 100 + i);
        CHECK_ST(batch_add(b, &s), ST_OK);
        CHECK_ST(batch_add(b, &p), ST_OK);
    }
    d->threads = 1;
    struct result one = run(b, 2000, true, true);
    for (int n = 2; n <= 3; n++) {
        d->threads = n;
        struct result r = run(b, 2000, true, true), apart = run(b, 300, false, true);
        CHECK(memcmp(r.logp, one.logp, (size_t)b->n_trained * sizeof(float)) == 0);
        CHECK(memcmp(apart.logp, one.logp, (size_t)b->n_trained * sizeof(float)) == 0);
        CHECK(memcmp(r.grad, one.grad, m->n_bytes) == 0);
        same_grad(&apart, &one);
    }
    d->threads = threads;
    model_free(m);
    m = narrow;
}

/* A pass that held a larger pack gives the bits of a fresh one. */
static void nothing_is_left_behind(void **state)
{
    struct batch *b = mixed(), *c;
    struct rec r = sft(9, span(2, 9), 55);
    struct pass *old, *new;
    float x[9], y[9], coef[9] = { 1, -1, 2, 0, 3, 1, 1, 1, 1 };

    (void)state;
    CHECK_ST(batch_new(&c, &m->c, a), ST_OK);
    CHECK_ST(batch_add(c, &r), ST_OK);
    CHECK_ST(batch_pack(c, 64, true), ST_OK);
    CHECK_ST(batch_pack(b, 1000, true), ST_OK);
    CHECK_ST(pass_new(&old, m, batch_max_tokens(b), batch_max_targets(b), true, a), ST_OK);
    CHECK_ST(pass_new(&new, m, 9, 9, true, a), ST_OK);
    model_forward(m, old, b->pack, NULL, NULL, NULL);
    float *all = ARENA_NEW(a, float, batch_max_targets(b));
    for (int64_t i = 0; i < b->pack[0].n_targets; i++)
        all[i] = 1;
    model_backward(m, old, all);
    float *g = arena_get(a, m->n_bytes);
    model_zero_grad(m);
    model_forward(m, old, c->pack, NULL, x, NULL);
    model_backward(m, old, coef);
    dev_get(d, g, m->g, m->n_bytes);
    model_zero_grad(m);
    model_forward(m, new, c->pack, NULL, y, NULL);
    model_backward(m, new, coef);
    CHECK(memcmp(x, y, 7 * sizeof(float)) == 0);
    CHECK(memcmp(g, m->g, m->n_bytes) == 0);
    pass_free(old);
    pass_free(new);
}

/* A pass that keeps nothing, its layers in one set of buffers, gives the bits of one that keeps. */
static void inference_is_the_same(void **state)
{
    struct batch *b = mixed();
    struct result one = run(b, 64, true, false);
    struct pass *pass;
    int64_t at = 0;

    (void)state;
    CHECK_ST(pass_new(&pass, m, batch_max_tokens(b), batch_max_targets(b), false, a), ST_OK);
    CHECK(pass_bytes(&m->c, 100, 90, false) < pass_bytes(&m->c, 100, 90, true));
    float **logp = ARENA_NEW(a, float *, b->n_packs);
    for (int64_t p = 0; p < b->n_packs; p++) {
        logp[p] = ARENA_NEW(a, float, b->pack[p].n_targets);
        model_forward(m, pass, &b->pack[p], NULL, logp[p], NULL);
    }
    for (int64_t i = 0; i < b->n_seqs; at += b->seq[i++].n)
        CHECK(memcmp(logp[b->seq[i].pack] + b->seq[i].first, one.logp + at,
                     (size_t)b->seq[i].n * sizeof(float)) == 0);
    pass_free(pass);
}

/* ---- packs ---- */

static void layout(void **state)
{
    struct batch *b;
    struct rec p = pref(4, 3, 2, 1);

    (void)state;
    p.chosen_span = span(0, 1);
    CHECK_ST(batch_new(&b, &m->c, a), ST_OK);
    CHECK_ST(batch_pack(b, 10, true), ST_OK);
    CHECK(b->n_packs == 0 && b->n_tokens == 0);
    CHECK_ST(batch_add(b, &p), ST_OK);
    CHECK_ST(batch_pack(b, 10, true), ST_OK);
    const struct pack *k = b->pack;
    static const int32_t pos[] = { 0, 1, 2, 3, 4, 5, 6, 4, 5 }, at[] = { 3, 3, 7 };
    CHECK(b->n_packs == 1 && k->f.n_tokens == 9 && k->f.n_segs == 3 && k->n_targets == 3);
    CHECK(k->f.seg[0].parent == -1 && k->f.seg[1].parent == 0 && k->f.seg[2].parent == 0 &&
          k->f.seg[2].begin == 7);
    CHECK(memcmp(k->f.pos, pos, sizeof pos) == 0 && memcmp(k->at, at, sizeof at) == 0);
    CHECK(k->token[3] == (int32_t)ids_at(p.prompt, 3) &&
          k->token[8] == (int32_t)ids_at(p.rejected, 1));
    CHECK(k->target[0] == (int32_t)ids_at(p.chosen, 0) &&
          k->target[2] == (int32_t)ids_at(p.rejected, 1));
    CHECK(b->seq[0].first == 0 && b->seq[0].n == 1 && b->seq[1].first == 1 && b->seq[1].n == 2 &&
          b->seq[1].side == 1);
    CHECK(b->n_trained == 3 && b->n_pairs == 1 && b->norm_pairs == 1 && b->norm_tokens == 0);
    CHECK_ST(batch_pack(b, 7, false), ST_OK);
    CHECK(b->n_packs == 2 && b->n_tokens == 13 && b->pack[0].f.n_segs == 2 && b->seq[1].pack == 1);
    CHECK(b->pack[1].at[0] == 3 && b->pack[1].at[1] == 4);
}

/* Every tree is somewhere whole, no pack is over the target but for a tree alone, and no two would
 * fit in one. */
static void best_fit(void **state)
{
    struct batch *b;
    int64_t total = 0;

    (void)state;
    CHECK_ST(batch_new(&b, &m->c, a), ST_OK);
    for (uint64_t i = 0; i < 300; i++) {
        int64_t n = 2 + (int64_t)(rng(1, RNG_STREAM(RNG_TEST, 1), i) % 60);
        struct rec r = sft(n, span(1, 2), i);
        total += n;
        CHECK_ST(batch_add(b, &r), ST_OK);
    }
    CHECK_ST(batch_pack(b, 48, true), ST_OK);
    CHECK(b->n_tokens == total && b->n_trained == 300);
    int64_t least = INT64_MAX, second = INT64_MAX, seen = 0;
    for (int64_t i = 0; i < b->n_packs; i++) {
        int64_t n = b->pack[i].f.n_tokens;
        CHECK(n <= 48 || b->pack[i].f.n_segs == 1);
        seen += n;
        second = MIN(second, MAX(n, least));
        least = MIN(least, n);
    }
    CHECK(seen == total && least + second > 48);
    for (int64_t i = 0; i < b->n_rows; i++) {
        const struct seq *s = &b->seq[i];
        CHECK(s->row == i && s->n == 1 && s->first < b->pack[s->pack].n_targets);
    }
}

static void refused(void **state)
{
    struct batch *b;
    struct rec one = sft(1, (struct spans){ 0 }, 1), first = sft(5, span(0, 1), 2),
               none = sft(5, span(0, 0), 3);
    struct rec wide = sft(5, (struct spans){ 0 }, 4), longer = pref(60, 5, 4, 5),
               prompt = { .kind = REC_PROMPT, .t = VIEW("prompt") };
    struct rec half = pref(0, 1, 4, 6), high = sft(64, span(1, 64), 7);
    struct rec *bad[] = { &one, &first, &none, &wide, &longer, &prompt, &half };
    static const char *const say[] = { "no trained token",
                                       "no trained token",
                                       "no trained token",
                                       "vocabulary has 24",
                                       "65 tokens, but the model has 64",
                                       "kind 'prompt'",
                                       "no trained token" };

    (void)state;
    ((uint8_t *)(uintptr_t)wide.ids.p)[2] = 24;
    CHECK_ST(batch_new(&b, &m->c, a), ST_OK);
    for (int64_t i = 0; i < countof(bad); i++) {
        CHECK_ST(batch_add(b, bad[i]), ST_DATA);
        if (!strstr(err_text(), say[i]))
            check_failed(__FILE__, __LINE__, "'%s' lacks '%s'", err_text(), say[i]);
        err_clear();
        CHECK(b->n_rows == 0 && b->n_seqs == 0 && b->n_trained == 0);
    }
    CHECK_ST(batch_add(b, &high), ST_OK);
    CHECK(b->n_trained == 63 && b->n_sources == 1 && view_is(b->source[0], "a"));
}

static void keys(void **state)
{
    struct rec r = pref(4, 3, 2, 1), s = r;
    uint8_t w[32] = { 1 }, x[8], y[8], row[8];

    (void)state;
    batch_ref_key(x, w, &r);
    batch_row_key(row, &r);
    batch_ref_key_of(y, w, row);
    CHECK(memcmp(x, y, 8) == 0);
    uint8_t *narrow = arena_get(a, 8);
    for (int64_t i = 0; i < 4; i++)
        ids_put(narrow + 2 * i, &(uint32_t){ ids_at(r.prompt, i) }, 1, 2);
    s.prompt = (struct ids){ narrow, 4, 2 };
    s.chosen_span = span(0, 3);
    batch_ref_key(y, w, &s);
    CHECK(memcmp(x, y, 8) == 0);               /* nor width nor a span that says all matters */
    s.chosen_span = span(0, 2);
    batch_ref_key(y, w, &s);
    CHECK(memcmp(x, y, 8) != 0);
    s = r;
    s.prompt.n--;
    batch_ref_key(y, w, &s);
    CHECK(memcmp(x, y, 8) != 0);
    w[31] = 1;
    batch_ref_key(y, w, &r);
    CHECK(memcmp(x, y, 8) != 0);
    /* of a label its mismatched completion too */
    struct rec l = { .kind = REC_LABEL, .prompt = r.prompt, .completion = r.chosen }, o = l;
    batch_row_key(x, &l);
    o.other = r.rejected;
    batch_row_key(y, &o);
    CHECK(memcmp(x, y, 8) != 0);
    o.other.n--;
    batch_row_key(row, &o);
    CHECK(memcmp(y, row, 8) != 0);
}

/* ---- rows that begin alike ---- */

/* The first n[k] ids of text k, one behind the other. */
static struct ids chain(const int64_t n[3], const uint64_t key[3])
{
    struct ids all = { arena_get(a, 256), 0, 2 };

    for (int k = 0; k < 3; k++) {
        struct ids v = draw(n[k], key[k], 2);
        memcpy((uint8_t *)(uintptr_t)all.p + 2 * all.n, v.p, (size_t)(2 * n[k]));
        all.n += n[k];
    }
    return all;
}

static struct rec question(const int64_t n[3], const uint64_t key[3], int64_t choice_tokens)
{
    struct rec r = { .kind = REC_CHOICE, .t = VIEW("choice"), .src = VIEW("q"), .w = 1,
                     .prompt = chain(n, key), .n_choices = 3,
                     .choices = ARENA_NEW(a, struct choice, 3) };

    for (int64_t i = 0; i < 3; i++)
        r.choices[i] = (struct choice){ draw(choice_tokens + i, key[2] + 70 + (uint64_t)i, 2), 1 };
    return r;
}

/* Two few-shot roots of which one goes on in two ways, questions below, some of them twice, pairs
 * and generated answers among them. */
static struct batch *alike(void)
{
    struct batch *b;

    CHECK_ST(batch_new(&b, &m->c, a), ST_OK);
    for (uint64_t i = 0; i < 8; i++) {
        struct rec q = question((int64_t[]){ 20, 17, 3 + (int64_t)i % 3 },
                                (uint64_t[]){ 1 + i % 2, i % 2 ? 5 : 6 + i % 4, 160 + i / 2 },
                                1 + (int64_t)i % 3);
        struct rec p = pref(6, 3, 4, 300 + i);
        struct rec g = { .kind = REC_GEN, .t = VIEW("gen"), .src = VIEW("g"), .w = 1,
                         .prompt = q.prompt, .ids = draw(5, 400 + i, 2) };
        CHECK_ST(batch_add(b, &q), ST_OK);
        CHECK_ST(batch_add(b, i % 2 ? &p : &g), ST_OK);
    }
    return b;
}

static void common_beginnings(void **state)
{
    static const int64_t micro[] = { 30, 64, 90, 1000 };
    int64_t apart, tokens;

    (void)state;
    struct batch *b = alike();
    struct result one = run(b, 1, BATCH_APART, false);
    CHECK(b->n_packs == b->n_seqs);
    apart = b->n_tokens;
    CHECK_ST(batch_pack(b, 1000, BATCH_PROMPT), ST_OK);
    CHECK(b->n_tokens < apart);
    tokens = b->n_tokens;
    for (int64_t k = 0; k < countof(micro); k++) {
        struct result r = run(b, micro[k], BATCH_ROOTS, false);
        CHECK(b->n_tokens <= tokens);
        tokens = b->n_tokens;
        CHECK(memcmp(r.logp, one.logp, (size_t)b->n_trained * sizeof(float)) == 0);
        for (int64_t p = 0; p < b->n_packs; p++)
            CHECK(b->pack[p].f.n_segs <= b->pack[p].f.n_tokens);
        same_grad(&r, &one);
    }
    /* the two roots of 20 once, three goings on of 17, each question's own ids once (of the four
     * that are there as a generated answer's prompt too, not again), choices but their last ids,
     * five ids a generated answer, and the pairs */
    int64_t own = 0, choices = 0;
    for (int64_t i = 0; i < 8; i++) {
        own += 3 + i % 3 + (i % 2 ? 0 : 3 + i % 3);
        choices += 3 * (1 + i % 3);
    }
    CHECK(b->n_packs == 1);
    CHECK(tokens == 2 * 20 + 3 * 17 + own + choices + 4 * 5 + 4 * 13);
}

/* A letter behind its question is only a target: it takes no place. */
static void letters(void **state)
{
    struct batch *b;
    struct rec q = question((int64_t[]){ 4, 0, 0 }, (uint64_t[]){ 1, 2, 3 }, 1);

    (void)state;
    q.choices[1].ids.n = q.choices[2].ids.n = 1;
    CHECK_ST(batch_new(&b, &m->c, a), ST_OK);
    CHECK_ST(batch_add(b, &q), ST_OK);
    CHECK_ST(batch_pack(b, 64, BATCH_ROOTS), ST_OK);
    const struct pack *k = b->pack;
    CHECK(b->n_seqs == 3 && k->f.n_tokens == 4 && k->f.n_segs == 1 && k->n_targets == 3);
    for (int64_t i = 0; i < 3; i++)
        CHECK(k->at[i] == 3 && k->target[i] == (int32_t)ids_at(q.choices[i].ids, 0) &&
              b->seq[i].side == i);
}

static int on(const char *golden)
{
    struct config *c = ARENA_NEW(a, struct config, 1);
    char *path = arena_printf(a, "tests/golden/model-%s/config.json", golden);

    if (config_read(c, path, a) != ST_OK || model_new(&m, c, d, true, a) != ST_OK)
        return done(ST_SYS);
    c->init_std = m->c.init_std = .3;          /* large enough that attention is not flat */
    model_init(m, 3);
    int failed = RUN(TEST(only_a_layout), TEST(any_number_of_threads),
                     TEST(nothing_is_left_behind), TEST(inference_is_the_same),
                     TEST(common_beginnings));
    if (strcmp(golden, "llama") == 0)
        failed |= RUN(TEST(many_threads), TEST(layout), TEST(best_fit), TEST(refused), TEST(keys),
                      TEST(letters));
    model_free(m);
    return failed;
}

int main(void)
{
    a = arena_new(0);
    if (dev_open(&d, "cpu", 2, a) != ST_OK)
        return done(ST_SYS);
    int failed = on("llama") | on("neox") | on("qwen3");
    dev_close(d);
    arena_free(a);
    return failed;
}
