/* trained.h - models of the sizes that are measured, in training, and rows for them.
 *
 * Shapes are Pythia's (GPT-NeoX, vocabulary 50304) and the quickstart's.  Ids are random; weights
 * begin at zero where nobody calls model_init(): no speed depends on them.  Lengths of pairs and
 * instructions are those of real rows: of hh-rlhf's harmless pairs and of alpaca's, under the
 * tokenizer of GPT-NeoX, one of each 32nd part by the prompt's or the row's length. */
#ifndef TRAINED_H
#define TRAINED_H

#include "base/file.h"
#include "step/optim.h"
#include "step/work.h"
#include "tests/bench/bench.h"

struct size { const char *name; int64_t D, L, H, V, positions; };

static const struct size SIZE_TINY = { "quickstart", 64, 2, 4, 264, 256 };
static const struct size SIZE_14M = { "14M", 128, 6, 4, 50304, 2048 };
static const struct size SIZE_70M = { "70M", 512, 6, 8, 50304, 2048 };
static const struct size SIZE_160M = { "160M", 768, 12, 12, 50304, 2048 };

enum { LENGTHS = 32 };

static const struct { int16_t prompt, chosen, rejected; } pair_lengths[LENGTHS] = {
    { 13, 11, 16 },  { 15, 14, 40 },  { 16, 37, 20 },   { 18, 12, 32 },   { 19, 40, 82 },
    { 21, 30, 58 },  { 24, 11, 26 },  { 28, 24, 20 },   { 37, 15, 55 },   { 46, 6, 21 },
    { 55, 16, 157 }, { 64, 11, 33 },  { 70, 45, 49 },   { 78, 29, 27 },   { 85, 16, 16 },
    { 93, 60, 63 },  { 102, 28, 16 }, { 110, 37, 20 },  { 117, 81, 73 },  { 126, 112, 84 },
    { 135, 16, 60 }, { 143, 25, 19 }, { 153, 42, 27 },  { 165, 34, 89 },  { 175, 74, 25 },
    { 191, 27, 10 }, { 211, 145, 49 }, { 235, 36, 54 }, { 267, 29, 55 },  { 300, 28, 57 },
    { 358, 13, 54 }, { 469, 40, 112 },
};

static const struct { int16_t row, prompt; } row_lengths[LENGTHS] = {
    { 27, 15 },  { 33, 18 },  { 36, 29 },  { 40, 23 },  { 42, 24 },  { 45, 32 },  { 48, 34 },
    { 53, 38 },  { 57, 33 },  { 63, 35 },  { 70, 33 },  { 84, 27 },  { 93, 29 },  { 104, 52 },
    { 116, 16 }, { 130, 16 }, { 143, 87 }, { 155, 28 }, { 170, 67 }, { 189, 16 }, { 205, 33 },
    { 226, 18 }, { 243, 50 }, { 273, 13 }, { 295, 18 }, { 314, 18 }, { 334, 33 }, { 354, 22 },
    { 379, 28 }, { 401, 14 }, { 432, 27 }, { 518, 17 },
};

/* The rows of a step: `rows` texts of `tokens`, or (0) the 32 pairs or instructions above. */
struct load { enum obj obj; int64_t rows, tokens; };

struct trained {                               /* a model, or adapters beside it, in training */
    struct config c;
    struct dev   *d;
    struct optim *o;
    struct work   w;
};

static inline void trained_check(enum st st)
{
    if (st != ST_OK)
        exit(done(st));
}

/* On that device, matrices held in that type; with adapters, where l is given. */
static inline void trained_open_as(struct trained *t, const struct size *s, const char *device,
                                   enum dtype held, int threads, struct lora *l, struct arena *a)
{
    char *path = arena_printf(a, "%s/plait-bench-%ld.json", "/tmp", (long)getpid());
    char *text = arena_printf(
        a, "{\"model_type\":\"gpt_neox\",\"architectures\":[\"GPTNeoXForCausalLM\"],"
           "\"vocab_size\":%lld,\"hidden_size\":%lld,\"num_hidden_layers\":%lld,"
           "\"num_attention_heads\":%lld,\"intermediate_size\":%lld,"
           "\"max_position_embeddings\":%lld,\"rotary_pct\":0.25,\"layer_norm_eps\":1e-5,"
           "\"hidden_act\":\"gelu\",\"use_parallel_residual\":true,\"tie_word_embeddings\":false}",
        (long long)s->V, (long long)s->D, (long long)s->L, (long long)s->H, (long long)(4 * s->D),
        (long long)s->positions);

    if (!path || !text)
        exit(done(ST_SYS));
    *t = (struct trained){ .w = { .loss = { &loss_sft, &loss_dpo }, .share = true, .a = a,
                                  .micro_tokens = 4096 } };
    trained_check(file_save(path, text, strlen(text), a));
    trained_check(config_read(&t->c, path, a));
    unlink(path);
    t->c.lora = l;
    t->c.held = held;
    trained_check(dev_open(&t->d, device, threads, a));
    trained_check(model_new(&t->w.m, &t->c, t->d, true, a));
    lora_init(t->w.m, 1);
    trained_check(optim_new(&t->o, t->w.m, a));
    t->o->beta1 = 0.9, t->o->beta2 = 0.95, t->o->eps = 1e-8, t->o->clip = 1;
    trained_check(work_open(&t->w));
}

static inline void trained_open(struct trained *t, const struct size *s, int threads,
                                struct lora *l, struct arena *a)
{
    trained_open_as(t, s, "cpu", F32, threads, l, a);
}

static inline struct ids trained_ids(int64_t n, int64_t vocab, uint64_t key, struct arena *a)
{
    int width = vocab > 65536 ? 4 : 2;
    uint8_t *p = ARENA_NEW(a, uint8_t, width * n);

    if (!p)
        exit(done(ST_SYS));
    for (int64_t i = 0; i < n; i++) {
        uint64_t draw = rng(key, RNG_TEST, (uint64_t)i) % (uint64_t)vocab;
        ids_put(p + width * i, &(uint32_t){ (uint32_t)draw }, 1, width);
    }
    return (struct ids){ p, n, width };
}

/* The k-th row of a load. */
static inline struct rec trained_row(const struct load *l, int64_t k, int64_t vocab,
                                     struct arena *a)
{
    struct rec r = { .src = VIEW("bench"), .w = 1, .id = (uint64_t)k };
    uint64_t key = (uint64_t)k * 4;

    if (l->obj == OBJ_PREF) {
        r.kind = REC_PREF, r.t = VIEW("pref");
        r.prompt = trained_ids(pair_lengths[k].prompt, vocab, key + 1, a);
        r.chosen = trained_ids(pair_lengths[k].chosen, vocab, key + 2, a);
        r.rejected = trained_ids(pair_lengths[k].rejected, vocab, key + 3, a);
        r.ref = (struct ref){ .given = true, .chosen = { -10.0 * pair_lengths[k].chosen,
                                                         pair_lengths[k].chosen },
                              .rejected = { -10.0 * pair_lengths[k].rejected,
                                            pair_lengths[k].rejected } };
    } else if (l->rows) {
        r.kind = REC_TEXT, r.t = VIEW("text");
        r.ids = trained_ids(l->tokens, vocab, key, a);
    } else {
        struct span *trained = ARENA_NEW(a, struct span, 1);
        if (!trained)
            exit(done(ST_SYS));
        *trained = (struct span){ row_lengths[k].prompt, row_lengths[k].row };
        r.kind = REC_SFT, r.t = VIEW("sft");
        r.ids = trained_ids(row_lengths[k].row, vocab, key, a);
        r.span = (struct spans){ trained, 1, true };
    }
    rec_count(&r);
    return r;
}

/* One update with everything in it: packing, forward, backward, norm, AdamW.  -> its seconds; what
 * was computed, where asked for; the loss of it, a sum over rows or tokens. */
struct told { int64_t rows, tokens, trained; double loss; };

static inline double trained_step(struct trained *t, const struct load *l, struct told *told)
{
    struct arena *now = arena_new(0);
    struct rec *r = ARENA_NEW(now, struct rec, LENGTHS);
    struct rows rows;
    int64_t n = l->rows ? l->rows : LENGTHS;
    double norm;

    BUG_IF(n > LENGTHS || !r);
    for (int64_t k = 0; k < n; k++)
        r[k] = trained_row(l, k, t->c.V, now);
    double start = run_clock();
    trained_check(rows_new(&rows, &t->w, l->obj, now));
    for (int64_t k = 0; k < n; k++)
        trained_check(rows_add(&rows, &r[k]));
    trained_check(rows_pack(&rows, now));
    model_zero_grad(t->w.m);
    trained_check(rows_gradient(&rows, 1, false));
    trained_check(optim_norm(t->o, &norm));
    optim_update(t->o, 1e-4, norm);
    trained_check(dev_sync(t->d));
    double s = run_clock() - start;
    if (told)
        *told = (struct told){ n, rows.b->n_tokens, rows.b->n_trained, rows_loss(&rows) };
    arena_free(now);
    return s;
}

/* Floating-point operations of an update: forward and both products of the backward. */
static inline double trained_flops(const struct trained *t, const struct told *what)
{
    return 3 * model_flops(&t->c, what->tokens, what->trained);
}

#endif
