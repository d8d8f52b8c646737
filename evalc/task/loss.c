/* loss.c - held-out loss of instruction rows and text: the mean over all trained tokens, as step
 * takes it.
 *
 * The error treats rows as the units drawn: tokens of one row hang together, and counting them
 * as independent would make it several times too small. */
#include "task.h"

struct tally {
    int64_t      rows, tokens;
    struct score nll, hits;                    /* per trained token, each row by its weight */
};

static struct tally all, by_source[TASK_SOURCES_MAX];
static const char *opt_text;                   /* --opt-sft, NULL: not given */
static double opt_sft;

static const struct opt opts[] = {
    { 0, "opt-sft", OPT_TEXT, &opt_text, "F",
      "held-out optimum of the objective: adds opt_sft and gap_sft", 0, 0 },
    { 0 },
};

static enum st start(struct job *j)
{
    (void)j;
    memset(&all, 0, sizeof all);
    memset(by_source, 0, sizeof by_source);
    return opt_text ? opt_number("--opt-sft", opt_text, &opt_sft) : ST_OK;
}

static void add(struct tally *t, const struct sum *s, double w)
{
    t->rows++;
    t->tokens += s->n;
    score_add(&t->nll, -w * s->logp, w * (double)s->n);
    score_add(&t->hits, w * (double)s->hits, w * (double)s->n);
}

static enum st row(struct job *j, const struct seen *s)
{
    add(&all, s->seq, s->r->w);
    add(&by_source[s->source], s->seq, s->r->w);
    if (j->item) {
        figures_text(j->item, "obj", VIEW("sft"));
        if (s->r->w != 1)
            figures_real(j->item, "w", s->r->w);
        figures_real(j->item, "logps", s->seq->logp);
        figures_int(j->item, "tokens", s->seq->n);
        figures_int(j->item, "hits", s->seq->hits);
    }
    return ST_OK;
}

static void report(struct figures *f, const struct tally *t)
{
    figures_score(f, "eval/sft/loss", &t->nll);
    figures_score(f, "eval/mean_token_accuracy", &t->hits);
    figures_int(f, "eval/sft/rows", t->rows);
    figures_int(f, "eval/sft/tokens", t->tokens);
}

static enum st end(struct job *j)
{
    int64_t n_sources = 0;

    if (all.rows == 0)
        return fail(ST_DATA, "--task loss: no sft or text row came in");
    if (all.nll.b == 0)
        return fail(ST_DATA, "--task loss: every row has weight 0");
    report(j->figures, &all);
    if (opt_text)
        figures_gap(j->figures, "sft", score_mean(&all.nll), opt_sft);
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

const struct task task_loss = {
    .name = "loss", .line = "held-out loss of sft and text rows, per trained token",
    .kinds = TASK_KIND(REC_SFT) | TASK_KIND(REC_TEXT),
    .scored = TASK_KIND(REC_SFT) | TASK_KIND(REC_TEXT),
    .opts = opts, .start = start, .row = row, .end = end,
};
