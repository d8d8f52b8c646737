/* logprob.c - the stream again, each pair and label with its log-probabilities under --model as the
 * reference column; and, asked for with --items, what else they tell of every row.
 *
 * Written once, the column saves every later run the reference model.  Rows of other kinds pass
 * untouched, so that one file may hold everything.  A label gets a mismatched completion too
 * (other.h), with its own sum in the column.
 *
 * After a prefix of good examples an answer is likelier by as much as in-context alignment would
 * have it, and against one of bad examples all the more: a score of answers without any training
 * (Song et al. 2024, arXiv:2402.09320).  The median loss over those tokens that the model has among
 * its first k picks texts that are hard but can be learnt (Rawat et al. 2024, arXiv:2410.18779,
 * SALT_DS, k = 10). */
#include <math.h>

#include "task.h"
#include "version.h"

#define READ_KINDS (TASK_KIND(REC_TEXT) | TASK_KIND(REC_SFT) | TASK_KIND(REC_PREF) |               \
                    TASK_KIND(REC_LABEL) | TASK_KIND(REC_CHOICE) | TASK_KIND(REC_GEN))
enum { PREFIXES_MAX = 2 };

static uint8_t hash[32];
static struct buf bytes;
static int64_t scored;
static bool no_other, per_token;
static int64_t top_k;                          /* 0: not given */
static const char *prefix_text;
static struct prefix prefix[PREFIXES_MAX];
static int n_prefixes;

static const struct opt opts[] = {
    { 0, "per-token", OPT_FLAG, &per_token, NULL,
      "to --items also the log-probability of every token", 0, 0 },
    { 0, "top-k", OPT_INT, &top_k, "K",
      "to --items also the median loss of tokens among the K likeliest", 1, 1 << 24 },
    { 0, "prefix", OPT_TEXT, &prefix_text, "FILE[,FILE]",
      "to --items also the rows after these records, and the difference", 0, 0 },
    { 0, "no-other", OPT_FLAG, &no_other, NULL,
      "give labels no completion of another prompt; kto needs one", 0, 0 },
    { 0 },
};

/* All but the last are for --items. */
static enum st check_items(struct job *j)
{
    for (int64_t i = 0; opts[i + 1].name && !j->item; i++)
        if (opt_given(opts[i].name)) {
            err_place("--%s", opts[i].name);
            return fail(ST_USAGE, "its figures go to --items; name a file");
        }
    return ST_OK;
}

static enum st read_prefixes(struct job *j)
{
    enum st st = ST_OK;

    n_prefixes = 0;
    for (const char *p = prefix_text; p && st == ST_OK;) {
        size_t n = strcspn(p, ",");
        const char *name = arena_text(j->a, (struct view){ p, n });
        if (!name)
            return ST_SYS;
        err_place("--prefix");
        if (n == 0 || n_prefixes == PREFIXES_MAX)
            return fail(ST_USAGE, "'%s' is neither FILE nor FILE,FILE",
                        shown(view_of(prefix_text)));
        st = version_prefix(&prefix[n_prefixes++], name, j->header, j->a);
        p = p[n] ? p + n + 1 : NULL;
    }
    return st;
}

static enum st start(struct job *j)
{
    enum st st = check_items(j);

    scored = 0;
    j->others = !no_other;
    if (st != ST_OK || (st = read_prefixes(j)) != ST_OK)
        return st;
    if (top_k)
        infer_ranks(j->infer);
    return folders_hash(hash, j->folders, j->a);
}

/* ---- with --items ---- */

struct versions { const struct sum *seq[PREFIXES_MAX]; };

static enum st score_versions(struct job *j, struct item *item, int64_t n, int which,
                              struct progress *p, struct arena *a)
{
    struct item *copy = ARENA_NEW(a, struct item, MAX(n, 1));
    enum st st = ST_OK;

    if (!copy)
        return ST_SYS;
    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        copy[i] = item[i];
        if (item[i].scored)
            st = version_of(&copy[i].rec, &item[i].rec, &prefix[which], j->header, a);
        if (st != ST_OK)
            err_at("%s:%lld", shown(view_of(item[i].stream)), (long long)item[i].at);
    }
    if (st != ST_OK || (st = infer_items(j->infer, copy, n, p, a)) != ST_OK)
        return st;
    for (int64_t i = 0; i < n; i++)
        if (item[i].scored)
            ((struct versions *)item[i].own)->seq[which] = copy[i].seq;
    return ST_OK;
}

static enum st look(struct job *j, struct item *item, int64_t n, struct progress *p,
                    struct arena *a)
{
    enum st st = ST_OK;

    if (!j->item)
        return ST_OK;
    for (int64_t i = 0; i < n; i++) {
        item[i].scored = (READ_KINDS & TASK_KIND(item[i].rec.kind)) != 0;
        if (n_prefixes && !(item[i].own = ARENA_NEW(a, struct versions, 1)))
            return ST_SYS;
    }
    for (int k = 0; k < n_prefixes && st == ST_OK; k++)
        st = score_versions(j, item, n, k, p, a);
    return st;
}

static int by_size(const void *va, const void *vb)
{
    float a = *(const float *)va, b = *(const float *)vb;

    return (a > b) - (a < b);
}

/* The median loss of the tokens whose rank is below top_k; left out where there are none. */
static enum st put_median(struct figures *f, const struct sum *s)
{
    float *v = ARENA_NEW(f->a, float, MAX(s->n, 1));
    int64_t n = 0;

    if (!v)
        return ST_SYS;
    for (int64_t i = 0; i < s->n; i++)
        if (s->rank[i] < top_k)
            v[n++] = -s->token[i];
    qsort(v, (size_t)n, sizeof *v, by_size);
    figures_int(f, "in_top_k", n);
    if (n)
        figures_real(f, "median_loss", ((double)v[(n - 1) / 2] + (double)v[n / 2]) / 2);
    return ST_OK;
}

static void put_versions(struct figures *f, const struct sum *plain, const struct sum *a,
                         const struct sum *b)
{
    double off = a->logp - (b ? b->logp : plain->logp);

    figures_real(f, b ? "logps_first" : "logps_prefix", a->logp);
    if (b)
        figures_real(f, "logps_second", b->logp);
    figures_real(f, "difference", off);
    figures_real(f, "difference_per_token", off / (double)plain->n);
}

static enum st put_side(struct figures *f, const struct seen *s, int64_t i)
{
    const struct sum *v = &s->seq[i];
    const struct versions *w = s->own;
    enum st st = ST_OK;

    figures_real(f, "logps", v->logp);
    figures_int(f, "tokens", v->n);
    figures_int(f, "hits", v->hits);
    if (per_token)
        figures_list(f, "token_logps", v->token, v->n);
    if (top_k)
        st = put_median(f, v);
    if (n_prefixes)
        put_versions(f, v, &w->seq[0][i], n_prefixes > 1 ? &w->seq[1][i] : NULL);
    return st;
}

/* The figures of a side have its name behind theirs: logps/chosen. */
static enum st put_item(struct figures *f, const struct seen *s)
{
    static const char *const side[] = { "chosen", "rejected" };
    enum rec_kind k = s->r->kind;
    char behind[32] = "";
    enum st st = ST_OK;

    if (k == REC_SFT || k == REC_TEXT || k == REC_PREF)
        figures_text(f, "obj", view_of(obj_name(k == REC_PREF ? OBJ_PREF : OBJ_SFT)));
    if (s->r->w != 1)
        figures_real(f, "w", s->r->w);
    if (k == REC_GEN)
        figures_int(f, "sample", s->r->n_gen);
    for (int64_t i = 0; i < s->n_seqs && st == ST_OK; i++) {
        if (k == REC_PREF)
            snprintf(behind, sizeof behind, "/%s", side[i]);
        if (k == REC_CHOICE)
            snprintf(behind, sizeof behind, "/%lld", (long long)i);
        if (k == REC_LABEL && i == 1)
            snprintf(behind, sizeof behind, "/other");
        figures_suffix(f, behind);
        st = put_side(f, s, i);
    }
    figures_suffix(f, "");
    return st;
}

/* ---- the stream ---- */

static enum st row(struct job *j, const struct seen *s)
{
    const struct rec *r = s->r;
    struct ref ref = { .given = true };
    enum st st = ST_OK;

    if (j->item && s->n_seqs)
        st = put_item(j->item, s);
    scored += s->n_seqs > 0;
    if (st != ST_OK)
        return st;
    if (s->n_seqs == 0 || (r->kind != REC_PREF && r->kind != REC_LABEL))
        return report_raw(j->report, r->raw, r->raw_bytes, r->n_tokens);
    batch_ref_key(ref.key, hash, r);
    ref.chosen = (struct ref_sum){ s->seq[0].logp, s->seq[0].n };
    if (s->n_seqs > 1)
        ref.rejected = (struct ref_sum){ s->seq[1].logp, s->seq[1].n };
    bytes.n = 0;
    if ((st = rec_add_ref(&bytes, r, &ref)) != ST_OK)
        return st;
    return report_raw(j->report, bytes.p, bytes.n, r->n_tokens);
}

static enum st end(struct job *j)
{
    buf_free(&bytes);
    if (scored)
        return ST_OK;
    return j->item ? fail(ST_DATA, "--task logprob: no row that has a log-probability came in")
                   : fail(ST_DATA, "--task logprob: no pair and no label came in");
}

const struct task task_logprob = {
    .name = "logprob",
    .line = "the records again, pairs and labels with --model's log-probabilities as column ref",
    .kinds = TASK_ALL_KINDS, .scored = TASK_KIND(REC_PREF) | TASK_KIND(REC_LABEL), .copies = true,
    .opts = opts, .start = start, .look = look, .row = row, .end = end,
};
