/* win.c - which of two sets of answers is better: by a policy's implicit reward, or by a judge.
 *
 * The reward is beta times the log-ratio of --model and --ref, both loaded; the better answer to a
 * prompt is that with the larger.  A judge is a program of the user's.  Judges favour a place, so
 * it is asked about every pair twice, either answer shown first once, and the mean counts: a pair
 * of which it says the same place both times is a tie. */
#include <xxhash.h>

#include "judge.h"
#include "task.h"
#include "versus.h"
#include "words.h"

static const char *ref_dir, *command, *tokenizer;
static double beta = 0.1, level = 0.95;
static int64_t draws = 10000, seed;

static const struct opt opts[] = {
    { 0, "ref", OPT_TEXT, &ref_dir, "DIR", "the reference model, which is loaded too", 0, 0 },
    { 0, "beta", OPT_REAL, &beta, "B", "strength of the reference, as in training", 1e-6, 1e6 },
    { 0, "judge", OPT_TEXT, &command, "COMMAND",
      "decides instead: JSON lines {prompt, a, b} in, {winner} or {score} out", 0, 0 },
    { 0, "tokenizer", OPT_TEXT, &tokenizer, "DIR",
      "the first file's, for the judge's prompts: a folder, tokenizer.json or bytes", 0, 0 },
    { 0, "level", OPT_REAL, &level, "P", "of the interval", 0.5, 0.9999 },
    { 0, "resamples", OPT_INT, &draws, "N", "of the bootstrap over prompts", 100, 10000000 },
    { 0, "seed", OPT_INT, &seed, "N", "of the resamples", 0, 0 },
    { 0 },
};

static struct buf pairs;                       /* struct pair [n] */
static struct buf ids, text;                   /* a prompt's */
static int64_t n, n_paired, only_second;
static bool sorted;
static struct judge *judge;                    /* NULL: rewards decide */
static struct words words;                     /* of the judge's prompts */

static unsigned scores(void)
{
    return command ? 0 : TASK_KIND(REC_GEN);
}

/* ---- before the first row ---- */

static enum st start_rewards(struct job *j)
{
    struct folders f;
    enum st st;

    if (tokenizer) {
        err_place("--tokenizer");
        return fail(ST_USAGE, "only a judge reads text; say --judge");
    }
    err_place("--ref");
    if (!ref_dir)
        return fail(ST_USAGE, "name the reference model: rewards are against it; or a --judge");
    err_place(NULL);
    st = folders_find(&f, ref_dir, NULL, j->a);
    return st == ST_OK ? infer_against(j->infer, &f, j->header, j->stream[0], j->a) : st;
}

static enum st start_judge(struct job *j)
{
    static const char *const of_rewards[] = { "ref", "beta" };
    enum st st;

    for (int64_t i = 0; !j->infer && i < countof(of_rewards); i++)
        if (opt_given(of_rewards[i])) {
            err_place("--%s", of_rewards[i]);
            return fail(ST_USAGE, "a judge decides, and no reward; leave one of them out");
        }
    st = words_open(&words, NULL, tokenizer, j->header, j->a);
    return st == ST_OK ? judge_open(&judge, command, j->a) : st;
}

static enum st start(struct job *j)
{
    pairs.n = 0;
    n = n_paired = only_second = 0;
    sorted = false;
    err_place("--task win");
    if (j->n_streams != 2)
        return fail(ST_USAGE, "give two files of answers to the same prompts");
    err_place(NULL);
    return command ? start_judge(j) : start_rewards(j);
}

/* ---- rows ---- */

static void put_item(struct figures *f, const struct pair *p)
{
    figures_int(f, "n", p->sample);
    if (!judge) {
        figures_real(f, "rewards/first", p->reward[0]);
        figures_real(f, "rewards/second", p->reward[1]);
    } else {
        figures_real(f, "win/shown_first", p->share[0]);
        figures_real(f, "win/shown_second", p->share[1]);
    }
    figures_int(f, "chars/first", p->chars[0]);
    figures_int(f, "chars/second", p->chars[1]);
    figures_real(f, "win", p->win);
}

/* What the model was asked, special tokens and all. */
static enum st prompt_text(struct job *j, struct view *to, struct ids prompt)
{
    enum st st;

    ids.n = text.n = 0;
    if ((st = buf_room(&ids, (size_t)prompt.n * sizeof(uint32_t))) != ST_OK)
        return st;
    for (int64_t i = 0; i < prompt.n; i++)
        ((uint32_t *)ids.p)[i] = ids_at(prompt, i);
    st = tokenizer_decode(words.t, (const uint32_t *)ids.p, prompt.n, true, &text);
    *to = (struct view){ arena_text(j->a, (struct view){ text.p, text.n }), text.n };
    return st == ST_OK && !to->p ? ST_SYS : st;
}

/* Both ways round. */
static enum st ask(struct pair *p, const struct rec *r)
{
    struct question q = { r->src, p->asked, r->answer_text, p->text, r->text };
    enum st st = judge_ask(judge, &q);

    q.a = r->text;
    q.b = p->text;
    return st == ST_OK ? judge_ask(judge, &q) : st;
}

static enum st second(struct job *j, const struct pair *row, const struct rec *r)
{
    if (!sorted)
        versus_sort((struct pair *)pairs.p, n);
    sorted = true;

    struct pair *p = versus_find((struct pair *)pairs.p, n, row);
    if (!p) {
        only_second++;
        return ST_OK;
    }
    if (!judge && p->prompt != row->prompt)
        return fail(ST_DATA, "it answers another prompt than the row of its id in '%s'; answer the "
                    "same rows, tokenized alike", shown(view_of(j->stream[0])));
    p->chars[1] = row->chars[0];
    p->reward[1] = row->reward[0];
    p->paired = true;
    p->question = n_paired++;
    if (judge) {
        p->source = row->source;
        p->row = row->row;
        return ask(p, r);
    }
    double margin = p->reward[0] - p->reward[1];
    p->win = margin > 0 ? 1 : margin < 0 ? 0 : 0.5;
    if (j->item)
        put_item(j->item, p);
    return ST_OK;
}

static enum st row(struct job *j, const struct seen *s)
{
    const struct rec *r = s->r;
    uint64_t unit[] = { r->id, XXH3_64bits(r->src.p, r->src.n) };
    struct pair p = { .unit = XXH3_64bits(unit, sizeof unit), .sample = r->n_gen, .order = -1,
                      .prompt = XXH3_64bits(r->prompt.p, (size_t)(r->prompt.n * r->prompt.width)),
                      .id = r->id, .source = s->source, .row = s->row };
    enum st st;

    if (judge && !r->text.p)
        return fail(ST_DATA, "no text to be judged; evalc --task generate writes it");
    for (size_t i = 0; i < r->text.n; i++)
        p.chars[0] += ((uint8_t)r->text.p[i] & 0xc0) != 0x80;
    if (!judge)
        p.reward[0] = beta * (s->seq[0].logp - s->seq[0].ref);
    if (s->stream == 1)
        return second(j, &p, r);
    if (judge) {
        if ((st = prompt_text(j, &p.asked, r->prompt)) != ST_OK)
            return st;
        p.text = (struct view){ arena_text(j->a, r->text), r->text.n };
        if (!p.text.p)
            return ST_SYS;
    }
    p.order = n++;
    return buf_add(&pairs, &p, sizeof p);
}

/* ---- after the last row ---- */

static void decide(struct pair *p, const double *share)
{
    p->share[0] = share[2 * p->question];
    p->share[1] = 1 - share[2 * p->question + 1];
    p->win = (p->share[0] + p->share[1]) / 2;
}

/* In the order of the second file. */
static enum st verdicts(struct job *j)
{
    struct pair *v = (struct pair *)pairs.p, **asked = ARENA_NEW(j->a, struct pair *, n_paired);
    struct progress p;
    const double *share;
    enum st st;

    if (!asked)
        return ST_SYS;
    progress_start(&p, "judge", "answers", (double)(2 * n_paired), 0, j->quiet);
    st = judge_end(judge, &share, &p);
    progress_end(&p);
    for (int64_t i = 0; i < n; i++)
        if (v[i].paired)
            asked[v[i].question] = &v[i];
    for (int64_t k = 0; st == ST_OK && k < n_paired; k++) {
        size_t mark = arena_mark(j->a);
        decide(asked[k], share);
        if (!j->items)
            continue;
        items_row(j->items, j->source[asked[k]->source], asked[k]->id, asked[k]->row, j->a);
        put_item(&j->items->f, asked[k]);
        st = items_put(j->items);
        arena_back(j->a, mark);
    }
    return st;
}

static enum st end(struct job *j)
{
    struct versus how = { level, draws, (uint64_t)seed, judge != NULL };
    enum st st = judge ? verdicts(j) : ST_OK;

    if (st == ST_OK && n_paired == 0)
        return fail(ST_DATA, "--task win: no answer of the first file has its partner in the "
                    "second; both answer the same rows");
    if (st == ST_OK)
        st = versus_put(j->figures, &how, (struct pair *)pairs.p, n, j->a);
    if (st == ST_OK)
        figures_int(j->figures, "eval/win/only_second", only_second);
    return st;
}

static void leave(struct job *j)
{
    (void)j;
    judge_close(judge);
    words_close(&words);
    buf_free(&pairs);
    buf_free(&ids);
    buf_free(&text);
}

const struct task task_win = {
    .name = "win", .line = "win rate of the first file's answers over the second's, by implicit "
                           "reward or a judge",
    .paper = "Rafailov et al. 2023, arXiv:2305.18290, eq. 5; Dubois et al. 2024, arXiv:2404.04475; "
             "Zheng et al. 2023, arXiv:2306.05685, sec. 3.4 (judges)",
    .kinds = TASK_KIND(REC_GEN), .scored = TASK_KIND(REC_GEN), .scores = scores,
    .opts = opts, .start = start, .row = row, .end = end, .leave = leave,
};
