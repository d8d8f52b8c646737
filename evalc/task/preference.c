/* preference.c - what a model thinks of pairs: against the reference column, and by itself.
 *
 * Reward accuracy asks whether training moved the chosen side up more than the rejected one;
 * policy accuracy whether the model would rather say it.  The first can look good while the
 * second does not, so both stand side by side, by sums and per token.  The log-ratios tell how far
 * either side has drifted; the divergence, of which they are no estimate on rows that the model did
 * not write, is taken over the whole vocabulary, with both models loaded, only when asked for. */
#include "task.h"

enum figure_of_pair {
    LOSS, REWARD_CHOSEN, REWARD_REJECTED, MARGIN, ACCURACY, ACCURACY_TOKEN, RATIO_CHOSEN,
    RATIO_REJECTED,
    POLICY, POLICY_TOKEN, LOGP_CHOSEN, LOGP_REJECTED,      /* need no reference */
    N_FIGURES,
};
enum { N_REF = POLICY };

static const char *const names[N_FIGURES] = {
    "eval/pref/loss", "eval/rewards/chosen", "eval/rewards/rejected", "eval/rewards/margins",
    "eval/rewards/accuracies", "eval/rewards/accuracies_per_token", "eval/logratio/chosen",
    "eval/logratio/rejected", "eval/policy_accuracy", "eval/policy_accuracy_per_token",
    "eval/logps/chosen", "eval/logps/rejected",
};
static const char *const side_name[] = { "chosen", "rejected" };

struct tally {
    int64_t      rows, tokens;
    struct score figure[N_FIGURES];            /* per pair, by its weight */
    struct score drift[2], kl[2], kl_both;     /* per token of a side: log-ratio, divergence */
};

static struct tally all, by_source[TASK_SOURCES_MAX];
static const char *opt_text, *ref_dir;         /* --opt-pref and --ref, NULL: not given */
static double opt_pref, beta = 0.1;
static uint8_t ref_hash[32];
static bool with_kl;                           /* --kl: the reference is loaded */
static bool with_ref, with_column;             /* as the first pair has it, so have all */

static const struct opt opts[] = {
    { 0, "beta", OPT_REAL, &beta, "B", "strength of the reference, as in training", 1e-6, 1e6 },
    { 0, "ref", OPT_TEXT, &ref_dir, "DIR",
      "the reference model: every pair's column must be of these weights", 0, 0 },
    { 0, "kl", OPT_FLAG, &with_kl, NULL,
      "loads --ref too: adds the divergence from it over the whole vocabulary", 0, 0 },
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
    with_ref = with_column = false;
    err_place("--kl");
    if (with_kl && !ref_dir)
        return fail(ST_USAGE, "name the reference model with --ref");
    err_place(NULL);
    if (opt_text && (st = opt_number("--opt-pref", opt_text, &opt_pref)) != ST_OK)
        return st;
    if (!ref_dir)
        return ST_OK;
    st = folders_find(&f, ref_dir, NULL, j->a);
    if (st == ST_OK)
        st = folders_hash(ref_hash, &f, j->a);
    if (st == ST_OK && with_kl)
        st = infer_against(j->infer, &f, j->header, j->stream[0], j->a);
    return st == ST_OK && with_kl ? infer_divergence(j->infer) : st;
}

static enum st check_ref(const struct seen *s)
{
    const struct ref *ref = &s->r->ref;
    uint8_t key[8];

    if (all.rows == 0)
        with_column = ref->given;
    with_ref = with_column || with_kl;
    if (with_column != ref->given)
        return fail(ST_DATA, "some pairs have the reference column, others not; run evalc --task "
                    "logprob over all");
    if (!with_ref && ref_dir)
        return fail(ST_DATA, "no reference column to hold against --ref; run evalc --task logprob "
                    "first");
    if (!with_column)
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

static void add(struct tally *t, const double figure[N_FIGURES], const struct sum *seq, double w)
{
    t->rows++;
    t->tokens += seq[0].n + seq[1].n;
    for (int i = with_ref ? 0 : N_REF; i < N_FIGURES; i++)
        score_add(&t->figure[i], w * figure[i], w);
    for (int side = 0; side < 2; side++) {
        double n = w * (double)seq[side].n;
        score_add(&t->drift[side], w * figure[RATIO_CHOSEN + side], n);
        score_add(&t->kl[side], w * seq[side].kl, n);
    }
    score_add(&t->kl_both, w * (seq[0].kl + seq[1].kl), w * (double)(seq[0].n + seq[1].n));
}

static void put_item(struct figures *f, const struct seen *s, const double v[N_FIGURES])
{
    figures_text(f, "obj", VIEW("pref"));
    if (s->r->w != 1)
        figures_real(f, "w", s->r->w);
    for (int side = 0; side < 2; side++) {
        figures_prefix(f, "%s", "logps/");
        figures_real(f, side_name[side], s->seq[side].logp);
        figures_prefix(f, "%s", "tokens/");
        figures_int(f, side_name[side], s->seq[side].n);
        figures_prefix(f, "%s", "logratio/");
        if (with_ref)
            figures_real(f, side_name[side], v[RATIO_CHOSEN + side]);
        figures_prefix(f, "%s", "kl/");
        if (with_kl)
            figures_real(f, side_name[side], s->seq[side].kl / (double)s->seq[side].n);
    }
    figures_prefix(f, "%s", "");
    if (with_ref) {
        figures_real(f, "rewards/margins", v[MARGIN]);
        figures_real(f, "loss", v[LOSS]);
    }
}

static enum st row(struct job *j, const struct seen *s)
{
    const struct sum *chosen = &s->seq[0], *rejected = &s->seq[1];
    double v[N_FIGURES];
    enum st st = check_ref(s);

    if (st != ST_OK)
        return st;
    v[RATIO_CHOSEN] = chosen->logp - (with_column ? s->r->ref.chosen.sum : chosen->ref);
    v[RATIO_REJECTED] = rejected->logp - (with_column ? s->r->ref.rejected.sum : rejected->ref);
    v[REWARD_CHOSEN] = beta * v[RATIO_CHOSEN];
    v[REWARD_REJECTED] = beta * v[RATIO_REJECTED];
    v[MARGIN] = beta * (v[RATIO_CHOSEN] - v[RATIO_REJECTED]);
    v[LOSS] = score_softplus(-v[MARGIN]);
    v[ACCURACY] = v[REWARD_CHOSEN] > v[REWARD_REJECTED];
    v[ACCURACY_TOKEN] = v[RATIO_CHOSEN] / (double)chosen->n >
                        v[RATIO_REJECTED] / (double)rejected->n;
    v[POLICY] = chosen->logp > rejected->logp;
    v[POLICY_TOKEN] = chosen->logp / (double)chosen->n > rejected->logp / (double)rejected->n;
    v[LOGP_CHOSEN] = chosen->logp;
    v[LOGP_REJECTED] = rejected->logp;
    add(&all, v, s->seq, s->r->w);
    add(&by_source[s->source], v, s->seq, s->r->w);
    if (j->item)
        put_item(j->item, s, v);
    return ST_OK;
}

static void report(struct figures *f, const struct tally *t)
{
    for (int i = with_ref ? 0 : N_REF; i < N_FIGURES; i++)
        figures_score(f, names[i], &t->figure[i]);
    for (int side = 0; side < 2; side++) {
        char name[64];
        snprintf(name, sizeof name, "eval/logratio/%s_per_token", side_name[side]);
        if (with_ref)
            figures_score(f, name, &t->drift[side]);
        snprintf(name, sizeof name, "eval/kl/%s", side_name[side]);
        if (with_kl)
            figures_score(f, name, &t->kl[side]);
    }
    if (with_kl)
        figures_score(f, "eval/kl", &t->kl_both);
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
