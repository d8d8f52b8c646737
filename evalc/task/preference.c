/* preference.c - what a model thinks of pairs: against the reference column, and by itself.
 *
 * Reward accuracy asks whether training moved the chosen side up more than the rejected one;
 * policy accuracy whether the model would rather say it.  The first can look good while the
 * second does not, so both stand side by side. */
#include "task.h"

enum figure_of_pair {
    LOSS, REWARD_CHOSEN, REWARD_REJECTED, MARGIN, ACCURACY, RATIO_CHOSEN, RATIO_REJECTED,
    POLICY, POLICY_TOKEN, LOGP_CHOSEN, LOGP_REJECTED,      /* need no reference */
    N_FIGURES,
};
enum { N_REF = POLICY };

static const char *const names[N_FIGURES] = {
    "eval/pref/loss", "eval/rewards/chosen", "eval/rewards/rejected", "eval/rewards/margins",
    "eval/rewards/accuracies", "eval/logratio/chosen", "eval/logratio/rejected",
    "eval/policy_accuracy", "eval/policy_accuracy_per_token", "eval/logps/chosen",
    "eval/logps/rejected",
};

struct tally {
    int64_t      rows, tokens;
    struct score figure[N_FIGURES];            /* per pair, by its weight */
};

static struct tally all, by_source[TASK_SOURCES_MAX];
static const char *opt_text, *ref_dir;         /* --opt-pref and --ref, NULL: not given */
static double opt_pref, beta = 0.1;
static uint8_t ref_hash[32];
static bool with_ref;                          /* as the first pair has it, so have all */

static const struct opt opts[] = {
    { 0, "beta", OPT_REAL, &beta, "B", "strength of the reference, as in training", 1e-6, 1e6 },
    { 0, "ref", OPT_TEXT, &ref_dir, "DIR",
      "the reference model: every pair's column must be of these weights", 0, 0 },
    { 0, "opt-pref", OPT_TEXT, &opt_text, "F",
      "held-out optimum of the objective: adds opt_pref and gap_pref", 0, 0 },
    { 0 },
};

static enum st start(struct job *j)
{
    struct folders f;
    enum st st;

    memset(&all, 0, sizeof all);
    memset(by_source, 0, sizeof by_source);
    with_ref = false;
    if (opt_text && (st = opt_number("--opt-pref", opt_text, &opt_pref)) != ST_OK)
        return st;
    if (!ref_dir)
        return ST_OK;
    st = folders_find(&f, ref_dir, NULL, j->a);
    return st == ST_OK ? folders_hash(ref_hash, &f, j->a) : st;
}

static enum st check_ref(const struct seen *s)
{
    const struct ref *ref = &s->r->ref;
    uint8_t key[8];

    if (all.rows == 0)
        with_ref = ref->given;
    if (with_ref != ref->given)
        return fail(ST_DATA, "some pairs have the reference column, others not; run evalc --task "
                    "logprob over all");
    if (!with_ref && ref_dir)
        return fail(ST_DATA, "no reference column to hold against --ref; run evalc --task logprob "
                    "first");
    if (!with_ref)
        return ST_OK;
    if (ref->chosen.n != s->seq[0].n || ref->rejected.n != s->seq[1].n)
        return fail(ST_DATA, "the reference column counts %lld and %lld trained tokens, the pair "
                    "has %lld and %lld; run evalc --task logprob again",
                    (long long)ref->chosen.n, (long long)ref->rejected.n,
                    (long long)s->seq[0].n, (long long)s->seq[1].n);
    if (!ref_dir)
        return ST_OK;
    batch_ref_key(key, ref_hash, s->r);
    if (memcmp(key, ref->key, sizeof key) != 0)
        return fail(ST_DATA, "its reference column is of other weights or another row than '%s'; "
                    "run evalc --task logprob --model with that folder", shown(view_of(ref_dir)));
    return ST_OK;
}

static void add(struct tally *t, const double figure[N_FIGURES], int64_t tokens, double w)
{
    t->rows++;
    t->tokens += tokens;
    for (int i = with_ref ? 0 : N_REF; i < N_FIGURES; i++)
        score_add(&t->figure[i], w * figure[i], w);
}

static enum st row(struct job *j, const struct seen *s)
{
    const struct sum *chosen = &s->seq[0], *rejected = &s->seq[1];
    double v[N_FIGURES];
    enum st st = check_ref(s);

    if (st != ST_OK)
        return st;
    v[RATIO_CHOSEN] = chosen->logp - s->r->ref.chosen.sum;
    v[RATIO_REJECTED] = rejected->logp - s->r->ref.rejected.sum;
    v[REWARD_CHOSEN] = beta * v[RATIO_CHOSEN];
    v[REWARD_REJECTED] = beta * v[RATIO_REJECTED];
    v[MARGIN] = beta * (v[RATIO_CHOSEN] - v[RATIO_REJECTED]);
    v[LOSS] = score_softplus(-v[MARGIN]);
    v[ACCURACY] = v[REWARD_CHOSEN] > v[REWARD_REJECTED];
    v[POLICY] = chosen->logp > rejected->logp;
    v[POLICY_TOKEN] = chosen->logp / (double)chosen->n > rejected->logp / (double)rejected->n;
    v[LOGP_CHOSEN] = chosen->logp;
    v[LOGP_REJECTED] = rejected->logp;
    add(&all, v, chosen->n + rejected->n, s->r->w);
    add(&by_source[s->source], v, chosen->n + rejected->n, s->r->w);
    if (j->item) {
        figures_text(j->item, "obj", VIEW("pref"));
        if (s->r->w != 1)
            figures_real(j->item, "w", s->r->w);
        figures_real(j->item, "logps/chosen", chosen->logp);
        figures_real(j->item, "logps/rejected", rejected->logp);
        figures_int(j->item, "tokens/chosen", chosen->n);
        figures_int(j->item, "tokens/rejected", rejected->n);
        if (with_ref) {
            figures_real(j->item, "rewards/margins", v[MARGIN]);
            figures_real(j->item, "loss", v[LOSS]);
        }
    }
    return ST_OK;
}

static void report(struct figures *f, const struct tally *t)
{
    for (int i = with_ref ? 0 : N_REF; i < N_FIGURES; i++)
        figures_score(f, names[i], &t->figure[i]);
    figures_int(f, "eval/pref/rows", t->rows);
    figures_int(f, "eval/pref/tokens", t->tokens);
}

static enum st end(struct job *j)
{
    int64_t n_sources = 0;

    if (all.rows == 0)
        return fail(ST_DATA, "--task preference: no pair came in");
    if (all.figure[POLICY].b == 0)
        return fail(ST_DATA, "--task preference: every pair has weight 0");
    if (!with_ref && opt_text)
        return fail(ST_DATA, "--opt-pref: the pairs have no reference column, so no loss; run "
                    "evalc --task logprob first");
    report(j->figures, &all);
    if (opt_text)
        figures_gap(j->figures, "pref", score_mean(&all.figure[LOSS]), opt_pref);
    for (int64_t s = 0; s < j->n_sources; s++)
        n_sources += by_source[s].rows > 0;
    for (int64_t s = 0; n_sources > 1 && s < j->n_sources; s++)
        if (by_source[s].rows > 0) {
            figures_prefix(j->figures, "source/%s/", shown(j->source[s]));
            report(j->figures, &by_source[s]);
            figures_prefix(j->figures, "%s", "");
        }
    return ST_OK;
}

const struct task task_preference = {
    .name = "preference",
    .line = "loss and rewards of pairs by their reference column, and the policy's own preference",
    .paper = "Rafailov et al. 2023, arXiv:2305.18290, eq. 7",
    .kinds = TASK_KIND(REC_PREF), .scored = TASK_KIND(REC_PREF),
    .opts = opts, .start = start, .row = row, .end = end,
};
