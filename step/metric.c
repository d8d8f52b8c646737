/* metric.c - sums into means, means into records. */
#include "metric.h"

static enum st add_sources(struct tally *t, const struct rows *r, struct arena *a)
{
    for (int64_t s = 0; s < r->b->n_sources; s++) {
        double norm, sum = rows_source_loss(r, s, &norm);
        int64_t k = 0;
        while (k < t->n_sources && !view_eq(t->source[k].name, r->b->source[s]))
            k++;
        if (k == TALLY_SOURCES_MAX)
            continue;
        if (k == t->n_sources) {
            t->source[k].name = (struct view){ arena_text(a, r->b->source[s]), r->b->source[s].n };
            if (!t->source[k].name.p)
                return ST_SYS;
            t->n_sources++;
        }
        t->source[k].sum += sum;
        t->source[k].norm += norm;
    }
    return ST_OK;
}

static void add_pairs(struct tally *t, const struct rows *r)
{
    double beta = r->loss->beta ? *r->loss->beta : 0;

    for (int64_t i = 0; i + 1 < r->b->n_seqs; i += 2) {
        double c = beta * (r->logp[i] - r->ref[i]), j = beta * (r->logp[i + 1] - r->ref[i + 1]);
        double w = r->w[i];
        t->pairs += w;
        t->n_chosen += w;
        t->n_rejected += w;
        t->chosen += w * c;
        t->rejected += w * j;
        t->logp_chosen += w * r->logp[i];
        t->logp_rejected += w * r->logp[i + 1];
        t->won += w * (c > j);
        t->preferred += w * (r->logp[i] > r->logp[i + 1]);
    }
}

static void add_labels(struct tally *t, const struct rows *r)
{
    double beta = *r->loss->beta;

    for (int64_t i = 0; i < r->b->n_seqs; i++) {
        double w = r->w[i], reward = beta * (r->logp[i] - r->ref[i]);
        bool good = r->good[i];
        *(good ? &t->n_chosen : &t->n_rejected) += w;
        *(good ? &t->chosen : &t->rejected) += w * reward;
        *(good ? &t->logp_chosen : &t->logp_rejected) += w * r->logp[i];
    }
    t->base = r->base;
}

enum st tally_add(struct tally *t, const struct rows *r, struct arena *a)
{
    t->loss = r->loss;
    t->sum += rows_loss(r);
    t->norm += rows_norm(r);
    t->rows += r->b->n_rows;
    t->tokens += rows_tokens(r);
    for (int64_t i = 0; i < r->b->n_seqs; i++) {
        t->trained += r->w[i] * r->len[i];
        t->hits += r->w[i] * r->hit[i];
        t->entropy += r->w[i] * r->entropy[i];
        t->logp += r->w[i] * r->logp[i];
    }
    if (r->loss->needs & NEED_PAIRS)
        add_pairs(t, r);
    else if (r->loss->needs & NEED_LABELS)
        add_labels(t, r);
    return add_sources(t, r, a);
}

double tally_loss(const struct tally *t)
{
    return t->sum / t->norm;
}

void metric_start(struct metric *m)
{
    m->body.n = m->rec.n = 0;
    m->n = 0;
    m->prefix = (struct view){ NULL, 0 };
}

/* A name with the prefix, then the value by one of the calls below. */
static enum st name_of(struct metric *m, struct view prefix, struct view name)
{
    char full[1024];
    size_t n = MIN(prefix.n, sizeof full), k = MIN(name.n, sizeof full - n);

    memcpy(full, prefix.p ? prefix.p : "", n);
    memcpy(full + n, name.p, k);
    m->n++;
    return mp_text(&m->body, (struct view){ full, n + k });
}

enum st metric_text(struct metric *m, const char *name, const char *text)
{
    enum st st = name_of(m, (struct view){ NULL, 0 }, view_of(name));
    return st != ST_OK ? st : mp_text(&m->body, view_of(text));
}

enum st metric_int(struct metric *m, const char *name, int64_t v)
{
    enum st st = name_of(m, (struct view){ NULL, 0 }, view_of(name));
    return st != ST_OK ? st : mp_int(&m->body, v);
}

enum st metric_real(struct metric *m, const char *name, double v)
{
    enum st st = name_of(m, (struct view){ NULL, 0 }, view_of(name));
    return st != ST_OK ? st : mp_real(&m->body, v);
}

static enum st measure(struct metric *m, const char *name, double v)
{
    enum st st = name_of(m, m->prefix, view_of(name));
    return st != ST_OK ? st : mp_real(&m->body, v);
}

/* both: a source may stand in either tally, so its names say which. */
static enum st put_sources(struct metric *m, const struct tally *t, bool both)
{
    const char *of = !both ? "" : loss_prefers(t->loss) ? "pref/" : "sft/";
    char name[512];
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && t->n_sources > 1 && i < t->n_sources; i++) {
        int n = (int)MIN(t->source[i].name.n, 256);
        snprintf(name, sizeof name, "source/%.*s/%sloss", n, t->source[i].name.p, of);
        st = measure(m, name, t->source[i].sum / t->source[i].norm);
    }
    return st;
}

static enum st put_pairs(struct metric *m, const struct tally *t)
{
    double n = t->pairs;
    bool bad = false;

    if (t->loss->beta)
        bad = measure(m, "rewards/chosen", t->chosen / n) ||
              measure(m, "rewards/rejected", t->rejected / n) ||
              measure(m, "rewards/margins", (t->chosen - t->rejected) / n) ||
              measure(m, "rewards/accuracies", t->won / n);
    if (bad || measure(m, "logps/chosen", t->logp_chosen / n) ||
        measure(m, "logps/rejected", t->logp_rejected / n))
        return ST_SYS;
    return m->prefix.n ? measure(m, "policy_accuracy", t->preferred / n) : ST_OK;
}

/* A step may have labels of one sort alone. */
static enum st put_labels(struct metric *m, const struct tally *t)
{
    double good = t->n_chosen, bad = t->n_rejected;

    if (good > 0 && (measure(m, "rewards/chosen", t->chosen / good) ||
                     measure(m, "logps/chosen", t->logp_chosen / good)))
        return ST_SYS;
    if (bad > 0 && (measure(m, "rewards/rejected", t->rejected / bad) ||
                    measure(m, "logps/rejected", t->logp_rejected / bad)))
        return ST_SYS;
    if (good > 0 && bad > 0 &&
        measure(m, "rewards/margins", t->chosen / good - t->rejected / bad) != ST_OK)
        return ST_SYS;
    return t->loss->needs & NEED_STEP ? measure(m, "kl", t->base) : ST_OK;
}

/* Of sft rows; the log-likelihood beside a loss that is not it. */
static enum st put_rows(struct metric *m, const struct tally *t)
{
    if (t->loss != &loss_sft && measure(m, "sft/nll", -t->logp / t->trained) != ST_OK)
        return ST_SYS;
    return measure(m, "mean_token_accuracy", t->hits / t->trained);
}

static enum st put_tally(struct metric *m, const struct tally *t, bool both)
{
    bool pref = loss_prefers(t->loss);
    enum st st = measure(m, pref ? "pref/loss" : "sft/loss", tally_loss(t));

    if (st == ST_OK)
        st = !pref                             ? put_rows(m, t)
             : t->loss->needs & NEED_PAIRS ? put_pairs(m, t)
                                               : put_labels(m, t);
    if (st == ST_OK)
        st = measure(m, pref ? "pref/entropy" : "entropy", t->entropy / t->trained);
    return st != ST_OK ? st : put_sources(m, t, both);
}

enum st metric_rows(struct metric *m, const struct step_rec *s, const struct tally t[2])
{
    double weight[2] = { s->weight_sft, s->weight_pref }, loss = 0;
    int64_t rows = 0, tokens = 0;

    for (int o = 0; o < 2; o++)
        if (t[o].loss) {
            loss += weight[o] * tally_loss(&t[o]);
            rows += t[o].rows;
            tokens += t[o].tokens;
        }
    if (metric_text(m, "t", "metric") || metric_int(m, "i", s->i) ||
        metric_text(m, "obj", obj_name(s->obj)) || metric_text(m, "why", why_name(s->why)) ||
        metric_real(m, "loss", loss))
        return ST_SYS;
    m->prefix = s->why == WHY_EVAL ? VIEW("eval/") : (struct view){ NULL, 0 };
    for (int o = 0; o < 2; o++)
        if (t[o].loss && put_tally(m, &t[o], s->obj == OBJ_BOTH) != ST_OK)
            return ST_SYS;
    return metric_int(m, "rows", rows) || metric_int(m, "tokens", tokens) ? ST_SYS : ST_OK;
}

enum st metric_mix(struct metric *m, struct view map)
{
    struct view name;
    size_t at = 0;
    double v;

    while (map.n && rec_each(map, &at, &name, &v)) {
        if (name.n < 5 || memcmp(name.p, "mix/", 4) != 0)
            return fail(ST_DATA, "field 'mix': '%s' does not begin with mix/", shown(name));
        m->n++;
        if (mp_text(&m->body, name) != ST_OK || mp_real(&m->body, v) != ST_OK)
            return ST_SYS;
    }
    return ST_OK;
}

enum st metric_end(struct metric *m)
{
    enum st st = mp_map(&m->rec, m->n);
    return st != ST_OK ? st : buf_add(&m->rec, m->body.p, m->body.n);
}
