/* choice.c - multiple choice by likelihood: which of the answers would the model rather say?
 *
 * As lm-evaluation-harness has it, so that scores compare: `acc` takes the choice with the largest
 * sum of log-probabilities, `acc_norm` the largest sum per character, the first of equals; `mc2` is
 * the share of probability on the right choices among all (Lin et al. 2022), and `brier` the
 * squared distance of that distribution from certainty.  What questions have in common, few-shot
 * examples above all, is computed once (batch.h). */
#include <math.h>

#include "task.h"

enum figure_of_choice { ACC, ACC_NORM, MC2, BRIER, N_FIGURES };

static const char *const names[N_FIGURES] = {
    "eval/choice/acc", "eval/choice/acc_norm", "eval/choice/mc2", "eval/choice/brier",
};

struct tally {
    struct view  name;                         /* of a group */
    int64_t      rows;
    struct score figure[N_FIGURES];            /* per question */
};

static struct tally all, by_source[TASK_SOURCES_MAX], *by_group;
static int64_t n_groups, cap_groups, last_group;

static enum st start(struct job *j)
{
    (void)j;
    memset(&all, 0, sizeof all);
    memset(by_source, 0, sizeof by_source);
    by_group = NULL;
    n_groups = cap_groups = last_group = 0;
    return ST_OK;
}

/* The tally of a group, new or known; groups mostly come in one piece, so the last is tried first.
 * NULL: no memory. */
static struct tally *group_of(struct job *j, struct view name)
{
    if (last_group < n_groups && view_eq(by_group[last_group].name, name))
        return &by_group[last_group];
    for (last_group = 0; last_group < n_groups; last_group++)
        if (view_eq(by_group[last_group].name, name))
            return &by_group[last_group];
    if (n_groups == cap_groups) {
        int64_t cap = cap_groups ? 2 * cap_groups : 64;
        struct tally *v = ARENA_NEW(j->a, struct tally, cap);
        if (!v)
            return NULL;
        if (n_groups)
            memcpy(v, by_group, (size_t)n_groups * sizeof *v);
        by_group = v;
        cap_groups = cap;
    }
    char *copy = arena_text(j->a, name);
    if (!copy)
        return NULL;
    by_group[n_groups] = (struct tally){ .name = { copy, name.n } };
    return &by_group[n_groups++];
}

/* ---- one question ---- */

static bool is_right(const struct rec *r, int64_t choice)
{
    for (int64_t i = 0; i < r->n_right; i++)
        if (r->right[i] == choice)
            return true;
    return r->n_right == 0 && choice == r->answer;
}

/* The largest sum of log-probabilities, or the largest per character. */
static int64_t pick(const struct seen *s, bool per_char)
{
    int64_t best = 0;
    double top = -INFINITY;

    for (int64_t i = 0; i < s->n_seqs; i++) {
        double v = s->seq[i].logp / (per_char ? (double)s->r->choices[i].chars : 1);
        if (v > top) {
            top = v;
            best = i;
        }
    }
    return best;
}

/* What a softmax over the choices puts on the right ones, and how far it is from the answer. */
static void spread(const struct seen *s, double *mc2, double *brier)
{
    double top = s->seq[pick(s, false)].logp, sum = 0;

    for (int64_t i = 0; i < s->n_seqs; i++)
        sum += exp(s->seq[i].logp - top);
    *mc2 = *brier = 0;
    for (int64_t i = 0; i < s->n_seqs; i++) {
        double p = exp(s->seq[i].logp - top) / sum, off = p - (i == s->r->answer);
        *mc2 += is_right(s->r, i) ? p : 0;
        *brier += off * off;
    }
}

static void put_item(struct figures *f, const struct seen *s, const int64_t picked[2],
                     const double v[N_FIGURES])
{
    char name[48];

    if (s->r->group.n)
        figures_text(f, "group", s->r->group);
    figures_int(f, "answer", s->r->answer);
    figures_int(f, "pick", picked[0]);
    figures_int(f, "pick_norm", picked[1]);
    figures_bool(f, "choice/acc", v[ACC] > 0);
    figures_bool(f, "choice/acc_norm", v[ACC_NORM] > 0);
    figures_real(f, "mc2", v[MC2]);
    figures_real(f, "brier", v[BRIER]);
    for (int64_t i = 0; i < s->n_seqs; i++) {
        snprintf(name, sizeof name, "logps/%lld", (long long)i);
        figures_real(f, name, s->seq[i].logp);
        snprintf(name, sizeof name, "tokens/%lld", (long long)i);
        figures_int(f, name, s->seq[i].n);
    }
}

static void add(struct tally *t, const double v[N_FIGURES])
{
    t->rows++;
    for (int i = 0; i < N_FIGURES; i++)
        score_add(&t->figure[i], v[i], 1);
}

static enum st row(struct job *j, const struct seen *s)
{
    struct tally *group = NULL;
    double v[N_FIGURES];

    for (int64_t i = 0; i < s->n_seqs; i++)
        if (s->r->choices[i].chars == 0)
            return fail(ST_DATA, "choice %lld has no characters, so no acc_norm; re-run tokenize",
                        (long long)i);
    if (s->r->group.n && !(group = group_of(j, s->r->group)))
        return ST_SYS;
    int64_t picked[2] = { pick(s, false), pick(s, true) };
    v[ACC] = is_right(s->r, picked[0]);
    v[ACC_NORM] = is_right(s->r, picked[1]);
    spread(s, &v[MC2], &v[BRIER]);
    add(&all, v);
    add(&by_source[s->source], v);
    if (group)
        add(group, v);
    if (j->item)
        put_item(j->item, s, picked, v);
    return ST_OK;
}

/* ---- all of them ---- */

static void report(struct figures *f, const struct tally *t)
{
    for (int i = 0; i < N_FIGURES; i++)
        figures_score(f, names[i], &t->figure[i]);
    figures_int(f, "eval/choice/rows", t->rows);
}

static enum st end(struct job *j)
{
    struct figures *f = j->figures;
    int64_t n_sources = 0;

    if (all.rows == 0)
        return fail(ST_DATA, "--task choice: no choice row came in; see tokenize --schema choice");
    report(f, &all);
    for (int64_t s = 0; s < j->n_sources; s++)
        n_sources += by_source[s].rows > 0;
    for (int64_t s = 0; n_sources > 1 && s < j->n_sources; s++)
        if (by_source[s].rows > 0) {
            figures_prefix(f, "source/%s/", shown(j->source[s]));
            report(f, &by_source[s]);
        }
    for (int64_t g = 0; g < n_groups; g++) {
        figures_prefix(f, "group/%s/", shown(by_group[g].name));
        report(f, &by_group[g]);
    }
    figures_prefix(f, "%s", "");
    return ST_OK;
}

const struct task task_choice = {
    .name = "choice", .line = "multiple choice by log-likelihood: acc, acc_norm, by group",
    .paper = "Gao et al., lm-evaluation-harness; Lin et al. 2022, arXiv:2109.07958 (mc2)",
    .kinds = TASK_KIND(REC_CHOICE), .scored = TASK_KIND(REC_CHOICE),
    .start = start, .row = row, .end = end,
};
