/* label.c - what a model thinks of single answers, good and bad, against the reference column.
 *
 * Rewards are told for good and bad ones apart.  With mismatched completions in the rows there is
 * the loss of kto too, whose baseline is of all rows: it is taken after the last. */
#include <math.h>

#include "task.h"

enum figure_of_label { REWARD, RATIO, LOGP, N_FIGURES };

static const char *const names[N_FIGURES][2] = {       /* of bad, of good ones */
    { "eval/label/rewards/rejected", "eval/label/rewards/chosen" },
    { "eval/label/logratio/rejected", "eval/label/logratio/chosen" },
    { "eval/label/logps/rejected", "eval/label/logps/chosen" },
};

struct answer { double w, ratio; bool good; };

static struct tally {
    int64_t      rows, tokens, good;
    struct score figure[N_FIGURES][2];         /* per row, by its weight */
    struct score drift;                        /* log-ratio of mismatched completions */
    int64_t      others;                       /* rows that have one */
} all;
static struct buf answers;                     /* struct answer of every row, for the loss */
static const char *ref_dir;                    /* --ref, NULL: not given */
static double beta = 0.1;
static uint8_t ref_hash[32];
static bool with_ref;                          /* as the first label has it, so have all */

static const struct opt opts[] = {
    { 0, "beta", OPT_REAL, &beta, "B", "strength of the reference, as in training", 1e-6, 1e6 },
    { 0, "ref", OPT_TEXT, &ref_dir, "DIR",
      "the reference model: every label's column must be of these weights", 0, 0 },
    { 0 },
};

static enum st start(struct job *j)
{
    struct folders f;

    memset(&all, 0, sizeof all);
    answers.n = 0;
    with_ref = false;
    if (!ref_dir)
        return ST_OK;
    enum st st = folders_find(&f, ref_dir, NULL, j->a);
    return st == ST_OK ? folders_hash(ref_hash, &f, j->a) : st;
}

static enum st check_ref(const struct seen *s)
{
    const struct ref *ref = &s->r->ref;
    uint8_t key[8];

    if (all.rows == 0)
        with_ref = ref->given;
    if (with_ref != ref->given)
        return fail(ST_DATA, "some labels have the reference column, others not; run evalc --task "
                    "logprob over all");
    if (!with_ref && ref_dir)
        return fail(ST_DATA, "no reference column to hold against --ref; run evalc --task logprob "
                    "first");
    if (!with_ref)
        return ST_OK;
    if (ref->chosen.n != s->seq[0].n || (s->n_seqs > 1 && ref->rejected.n != s->seq[1].n))
        return fail(ST_DATA, "the reference column counts %lld trained tokens, the label has %lld; "
                    "run evalc --task logprob again", (long long)ref->chosen.n,
                    (long long)s->seq[0].n);
    if (!ref_dir)
        return ST_OK;
    batch_ref_key(key, ref_hash, s->r);
    if (memcmp(key, ref->key, sizeof key) != 0)
        return fail(ST_DATA, "its reference column is of other weights or another row than '%s'; "
                    "run evalc --task logprob --model with that folder", shown(view_of(ref_dir)));
    return ST_OK;
}

static void put_item(struct job *j, const struct seen *s, double ratio)
{
    figures_text(j->item, "obj", VIEW("pref"));
    figures_int(j->item, "good", s->r->good);
    if (s->r->w != 1)
        figures_real(j->item, "w", s->r->w);
    figures_real(j->item, "logps", s->seq[0].logp);
    figures_int(j->item, "tokens", s->seq[0].n);
    if (with_ref)
        figures_real(j->item, "rewards", beta * ratio);
}

static enum st row(struct job *j, const struct seen *s)
{
    const struct rec *r = s->r;
    enum st st = check_ref(s);

    if (st != ST_OK)
        return st;
    struct answer a = { r->w, s->seq[0].logp - r->ref.chosen.sum, r->good };
    double v[N_FIGURES] = { beta * a.ratio, a.ratio, s->seq[0].logp };
    all.rows++;
    all.good += r->good;
    all.tokens += s->seq[0].n;
    for (int i = with_ref ? 0 : LOGP; i < N_FIGURES; i++)
        score_add(&all.figure[i][r->good], r->w * v[i], r->w);
    if (with_ref && s->n_seqs > 1) {
        all.others++;
        score_add(&all.drift, r->w * (s->seq[1].logp - r->ref.rejected.sum), r->w);
    }
    if (j->item)
        put_item(j, s, a.ratio);
    return buf_add(&answers, &a, sizeof a);
}

/* kto's, with weights 1 of good and bad.  The error takes the baseline as given. */
static void put_loss(struct figures *f)
{
    double drift = score_mean(&all.drift), base = drift < 0 ? 0 : drift;
    struct score loss = { 0 };

    for (size_t at = 0; at < answers.n; at += sizeof(struct answer)) {
        struct answer a;
        memcpy(&a, answers.p + at, sizeof a);
        double x = beta * (a.good ? a.ratio - base : base - a.ratio);
        score_add(&loss, a.w / (1 + exp(x)), a.w);
    }
    figures_score(f, "eval/label/loss", &loss);
    figures_real(f, "eval/label/kl", base);
}

static enum st end(struct job *j)
{
    struct figures *f = j->figures;

    if (all.rows == 0)
        return fail(ST_DATA, "--task label: no label came in");
    if (all.figure[LOGP][0].b + all.figure[LOGP][1].b == 0)
        return fail(ST_DATA, "--task label: every label has weight 0");
    if (with_ref && all.others == all.rows)
        put_loss(f);
    for (int i = with_ref ? 0 : LOGP; i < N_FIGURES; i++)
        for (int good = 1; good >= 0; good--)
            if (all.figure[i][good].b > 0)
                figures_score(f, names[i][good], &all.figure[i][good]);
    const struct score *reward = all.figure[REWARD];
    if (with_ref && reward[0].b > 0 && reward[1].b > 0)
        figures_real(f, "eval/label/rewards/margins",
                     score_mean(&reward[1]) - score_mean(&reward[0]));
    figures_int(f, "eval/label/rows", all.rows);
    figures_int(f, "eval/label/good", all.good);
    figures_int(f, "eval/label/tokens", all.tokens);
    buf_free(&answers);
    return ST_OK;
}

const struct task task_label = {
    .name = "label",
    .line = "rewards of good and of bad answers by their reference column, and the loss of kto",
    .paper = "Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7",
    .kinds = TASK_KIND(REC_LABEL), .scored = TASK_KIND(REC_LABEL),
    .opts = opts, .start = start, .row = row, .end = end,
};
