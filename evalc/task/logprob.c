/* logprob.c - the stream again, each pair and label with its log-probabilities under --model as the
 * reference column.
 *
 * Written once, it saves every later run the reference model.  Rows of other kinds pass
 * untouched, so that one file may hold everything.  A label gets a mismatched completion too
 * (other.h), with its own sum in the column. */
#include "task.h"

static uint8_t hash[32];
static struct buf bytes;
static int64_t scored;
static bool no_other;

static const struct opt opts[] = {
    { 0, "no-other", OPT_FLAG, &no_other, NULL,
      "give labels no completion of another prompt; kto needs one", 0, 0 },
    { 0 },
};

static enum st start(struct job *j)
{
    scored = 0;
    j->others = !no_other;
    return folders_hash(hash, j->folders, j->a);
}

static enum st row(struct job *j, const struct seen *s)
{
    const struct rec *r = s->r;
    struct ref ref = { .given = true };
    enum st st;

    if (s->n_seqs == 0)
        return report_raw(j->report, r->raw, r->raw_bytes, r->n_tokens);
    batch_ref_key(ref.key, hash, r);
    ref.chosen = (struct ref_sum){ s->seq[0].logp, s->seq[0].n };
    if (s->n_seqs > 1)
        ref.rejected = (struct ref_sum){ s->seq[1].logp, s->seq[1].n };
    bytes.n = 0;
    scored++;
    if ((st = rec_add_ref(&bytes, r, &ref)) != ST_OK)
        return st;
    return report_raw(j->report, bytes.p, bytes.n, r->n_tokens);
}

static enum st end(struct job *j)
{
    (void)j;
    buf_free(&bytes);
    return scored ? ST_OK : fail(ST_DATA, "--task logprob: no pair and no label came in");
}

const struct task task_logprob = {
    .name = "logprob",
    .line = "the records again, pairs and labels with --model's log-probabilities as column ref",
    .kinds = TASK_ALL_KINDS, .scored = TASK_KIND(REC_PREF) | TASK_KIND(REC_LABEL), .copies = true,
    .opts = opts, .start = start, .row = row, .end = end,
};
