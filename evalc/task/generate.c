/* generate.c - answers to prompts, as records or in AlpacaEval's shape.
 *
 * Rows are handed to the generator as they come and their answers leave in the order of the rows,
 * so a stream of any length passes: a ring holds those between. */
#include "alpaca.h"
#include "answer.h"
#include "base/file.h"
#include "base/rng.h"
#include "task.h"

#define RING_ROUNDS 16                         /* answers of the ring, in batches */

struct asked {                                 /* one answer, and the row it is for */
    struct answer answer;
    struct buf    src, truth;                  /* the row's src and `answer` */
    bool          with_truth;
    uint64_t      id;
};

static struct manner manner = MANNER;
static int64_t samples = 1, batch = 32, cache_tokens = 65536;
static const char *alpaca, *generator;

static struct words words;
static struct job *job;
static struct gen *gen;
static struct alpaca *list;                    /* NULL: not wanted */
static struct asked *ring;
static int64_t n_ring, first, last;            /* answers [first, last) are in the ring */
static struct buf bytes, ids, clean;

static const struct opt opts[] = {
    { 0, "samples", OPT_INT, &samples, "N", "answers to each row", 1, 1 << 20 },
    MANNER_OPTS(manner),
    { 0, "batch", OPT_INT, &batch, "N", "rows written at once; never changes a result",
      1, 1 << 16 },
    { 0, "cache-tokens", OPT_INT, &cache_tokens, "N",
      "positions whose keys and values are kept; never changes a result", 1, 1 << 30 },
    { 0, "alpaca", OPT_TEXT, &alpaca, "FILE", "the answers in AlpacaEval's shape as well", 0, 0 },
    { 0, "generator", OPT_TEXT, &generator, "NAME", "the model's name in it (the folder's)", 0, 0 },
    { 0 },
};

static struct asked *at(int64_t i)
{
    return &ring[i % n_ring];
}

static enum st token(void *arg, struct gen_row *r)
{
    struct asked *v = r->of;

    (void)arg;
    return answer_token(&v->answer, &manner);
}

/* Templates that the rows were made with, where they are layouts, tell one more end. */
static enum st template_ends(const struct header *h)
{
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && i < h->n_sources; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)MIN(h->source[i].template.n, 63),
                 h->source[i].template.p ? h->source[i].template.p : "");
        const struct layout *l = layout_find(name);
        if (l && l->end)
            st = words_end(&words, tokenizer_find(words.t, l->end));
    }
    return st;
}

static enum st start(struct job *j)
{
    enum st st;

    job = j;
    if (samples > 1 && manner.how.temperature == 0) {
        err_place("--samples");
        return fail(ST_USAGE, "at temperature 0 all answers are the same; say --temperature 1");
    }
    if (generator && !alpaca) {
        err_place("--generator");
        return fail(ST_USAGE, "it does nothing without --alpaca");
    }
    if (alpaca && ((st = file_unread("alpaca", alpaca, j->stream, j->n_streams)) != ST_OK ||
                   (st = file_apart("alpaca", alpaca, "out", j->out)) != ST_OK))
        return st;
    if ((st = words_open(&words, j->folders, manner.tokenizer, j->header, j->a)) != ST_OK ||
        (st = template_ends(j->header)) != ST_OK || (st = manner_check(&manner, &words)) != ST_OK)
        return st;
    n_ring = RING_ROUNDS * batch;
    if (!(ring = ARENA_NEW(j->a, struct asked, n_ring)))
        return ST_SYS;
    struct gen_setup s = { .how = manner.how, .seed = (uint64_t)manner.seed, .batch = batch,
                           .micro_tokens = j->micro_tokens, .cache_tokens = cache_tokens,
                           .end = words.end, .n_end = words.n_end, .token = token };
    if ((st = gen_new(&gen, infer_model(j->infer), &s, j->a)) != ST_OK)
        return st;
    return alpaca ? alpaca_open(&list, alpaca, generator ? generator : j->model, &words, j->header,
                                j->a)
                  : ST_OK;
}

/* The stream's ids of n tokens, behind those already in `ids`, which has room. */
static struct ids put_ids(const int32_t *id, int64_t n)
{
    uint8_t *to = (uint8_t *)ids.p + ids.n;
    int width = job->header->width;

    ids_put(to, (const uint32_t *)id, n, width);
    ids.n += (size_t)(n * width);
    return (struct ids){ to, n, width };
}

static enum st put(const struct asked *v)
{
    const struct gen_row *r = &v->answer.row;
    struct view text = { v->answer.text.p, v->answer.text.n };
    struct rec rec = { .kind = REC_GEN, .id = v->id, .src = { v->src.p, v->src.n }, .w = 1,
                       .n_gen = r->sample, .finish = view_of(gen_finish_name(r->finish)) };
    enum st st;

    ids.n = bytes.n = clean.n = 0;
    if ((st = buf_room(&ids, (size_t)r->n * 4)) != ST_OK ||
        (st = words_clean(&clean, text)) != ST_OK)
        return st;
    rec.text = (struct view){ clean.p, clean.n };
    rec.prompt = put_ids(r->id, r->n_prompt);
    rec.ids = put_ids(r->id + r->n_prompt, r->n - r->n_prompt);
    if (v->with_truth)
        rec.answer_text = (struct view){ v->truth.n ? v->truth.p : "", v->truth.n };
    if ((st = rec_write(&bytes, &rec, job->header->width)) != ST_OK ||
        (st = report_raw(job->report, bytes.p, bytes.n, r->n)) != ST_OK || !list)
        return st;
    return alpaca_put(list, rec.src, r->id, r->n_prompt, rec.text);
}

/* One step, and out with the answers that are at the front and done. */
static enum st step(void)
{
    enum st st = sig_stop() ? ST_STOP : gen_step(gen);

    for (; st == ST_OK && first < last && at(first)->answer.row.finish != GEN_GOING; first++)
        st = put(at(first));
    return st;
}

/* A row's prompt: what stands before the tokens that are trained. */
static struct ids prompt_of(const struct rec *r)
{
    struct ids v = r->kind == REC_SFT || r->kind == REC_TEXT ? r->ids : r->prompt;

    if (r->kind == REC_SFT && r->span.n)
        v.n = r->span.v[0].begin;
    return v;
}

static enum st copy(struct buf *to, struct view s)
{
    to->n = 0;
    return buf_add(to, s.p, s.n);
}

static enum st ask(const struct seen *s, int64_t sample, const int32_t *prompt, int64_t n)
{
    struct asked *v = at(last);
    uint32_t name = 2166136261u;               /* FNV-1a of the source's name */
    enum st st;

    if ((st = answer_begin(&v->answer, &words, prompt, n, manner.max_new, job->a)) != ST_OK ||
        (st = copy(&v->src, s->r->src)) != ST_OK ||
        (st = copy(&v->truth, s->r->answer_text)) != ST_OK)
        return st;
    for (size_t i = 0; i < s->r->src.n; i++)
        name = (name ^ (uint8_t)s->r->src.p[i]) * 16777619u;
    v->with_truth = s->r->answer_text.p != NULL;
    v->id = s->r->id;
    v->answer.row.key = rng(s->r->id, RNG_STREAM(RNG_SAMPLE, name), (uint64_t)s->row);
    v->answer.row.sample = sample;
    v->answer.row.of = v;
    if ((st = gen_add(gen, &v->answer.row)) == ST_OK)
        last++;
    return st;
}

static enum st row(struct job *j, const struct seen *s)
{
    struct ids prompt = prompt_of(s->r);
    struct buf id = { 0 };
    enum st st = buf_room(&id, (size_t)prompt.n * sizeof(int32_t) + 1);

    for (int64_t i = 0; st == ST_OK && i < prompt.n; i++) {
        ((int32_t *)id.p)[i] = (int32_t)ids_at(prompt, i);
        if (ids_at(prompt, i) >= infer_model(j->infer)->c.V)
            st = fail(ST_DATA, "token %u, and the model has %lld", ids_at(prompt, i),
                      (long long)infer_model(j->infer)->c.V);
    }
    for (int64_t k = 0; st == ST_OK && k < samples; k++) {
        while (st == ST_OK && (last - first == n_ring || gen_waiting(gen) > batch))
            st = step();
        if (st == ST_OK)
            st = ask(s, k, (const int32_t *)id.p, prompt.n);
    }
    buf_free(&id);
    return st;
}

static enum st finish(struct job *j)
{
    enum st st = last ? ST_OK : fail(ST_DATA, "--task generate: no row with a prompt came in");

    (void)j;
    while (st == ST_OK && first < last)
        st = step();
    return st == ST_OK && list ? alpaca_close(list) : st;
}

static void leave(struct job *j)
{
    (void)j;
    for (int64_t i = 0; i < n_ring && ring; i++) {
        answer_free(&ring[i].answer);
        buf_free(&ring[i].src);
        buf_free(&ring[i].truth);
    }
    gen_free(gen);
    alpaca_free(list);
    words_close(&words);
    buf_free(&bytes);
    buf_free(&ids);
    buf_free(&clean);
}

const struct task task_generate = {
    .name = "generate", .line = "answers to the rows' prompts, as records of kind gen",
    .kinds = TASK_KIND(REC_PROMPT) | TASK_KIND(REC_SFT) | TASK_KIND(REC_PREF) |
             TASK_KIND(REC_LABEL) | TASK_KIND(REC_CHOICE),
    .model = true, .copies = true,
    .opts = opts, .start = start, .row = row, .end = finish, .leave = leave,
};
