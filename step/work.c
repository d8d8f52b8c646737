/* work.c - packs through the model: coefficients in, log-probabilities and gradients out.
 *
 * Where dl/dlogp is known before the forward (SFT), the head takes its gradient in the sweep that
 * finds the log-probabilities.  Where it is not, but all sequences of a loss term share a pack,
 * each pack goes forward and back by itself.  Where sides of a pair are apart (prompts not shared),
 * all packs go forward first, and then again.  A baseline of the whole step comes before all. */
#include "work.h"

static enum keep keep_of(bool recompute)
{
    return recompute ? KEEP_INPUTS : KEEP_ALL;
}

int64_t work_bytes(const struct model *m, int64_t micro_tokens, bool recompute)
{
    enum keep keep = keep_of(recompute);

    return pass_bytes(&m->c, micro_tokens, micro_tokens, keep) +
           pass_scratch_bytes(m, micro_tokens, micro_tokens, keep);
}

static bool fits(const struct pass *p, int64_t n_tokens, int64_t n_targets)
{
    return p && pass_tokens(p) >= n_tokens && pass_targets(p) >= n_targets;
}

/* Of a pass of n tokens; 0: of none. */
static int64_t bytes_of(const struct work *w, int64_t n)
{
    return n ? pass_bytes(&w->m->c, n, n, keep_of(w->recompute)) : 0;
}

/* A pass of at least that size at *p, made or made anew. */
static enum st fit(struct work *w, struct pass **p, int64_t n_tokens, int64_t n_targets)
{
    if (fits(*p, n_tokens, n_targets))
        return ST_OK;
    if (*p)
        pass_free(*p);
    *p = NULL;
    n_tokens = MAX(MAX(n_tokens, n_targets), w->micro_tokens);
    return pass_new(p, w->m, n_tokens, n_tokens, keep_of(w->recompute), w->a);
}

static enum st scratch(struct work *w, int64_t n_targets)
{
    if (n_targets <= w->room)
        return ST_OK;
    int64_t n = MAX(n_targets, 2 * w->room);
    if (!(w->logp = ARENA_NEW(w->a, float, n)) || !(w->coef = ARENA_NEW(w->a, float, n)) ||
        !(w->entropy = ARENA_NEW(w->a, float, n)) || !(w->hit = ARENA_NEW(w->a, uint8_t, n)))
        return ST_SYS;
    w->room = n;
    return ST_OK;
}

enum st work_open(struct work *w)
{
    enum st st = fit(w, &w->pass, w->micro_tokens, w->micro_tokens);

    return st != ST_OK ? st : scratch(w, w->micro_tokens);
}

enum st rows_new(struct rows *r, struct work *w, enum obj obj, struct arena *a)
{
    BUG_IF(obj == OBJ_BOTH);
    *r = (struct rows){ .work = w, .obj = obj, .loss = w->loss[obj] };
    enum st st = batch_new(&r->b, &w->m->c, a);
    if (st != ST_OK || !(r->loss->needs & NEED_STEP))
        return st;
    if (!(r->other = ARENA_NEW(a, struct rows, 1)))
        return ST_SYS;
    *r->other = (struct rows){ .work = w, .obj = obj, .loss = r->loss };
    return batch_new(&r->other->b, &w->m->c, a);
}

static enum st add_other(struct rows *r, const struct rec *rec)
{
    struct rec other = *rec;

    if (rec->other.n == 0)
        return fail(ST_DATA, "a label without a mismatched completion, which loss %s needs; "
                             "evalc --task logprob adds it", r->loss->name);
    other.completion = rec->other;
    other.completion_span = rec->other_span;
    other.ref.chosen = rec->ref.rejected;
    return batch_add(r->other->b, &other);
}

/* The kinds of row a loss takes, for people. */
static const char *kinds_of(const struct loss *l)
{
    return l->needs & NEED_PAIRS ? "pref rows" : l->needs & NEED_LABELS ? "label rows"
                                                                        : "sft and text rows";
}

enum st rows_add(struct rows *r, const struct rec *rec)
{
    int needs = r->loss->needs;
    bool fit = needs & NEED_PAIRS    ? rec->kind == REC_PREF
               : needs & NEED_LABELS ? rec->kind == REC_LABEL
                                     : rec->kind == REC_SFT || rec->kind == REC_TEXT;

    if (!fit)
        return fail(ST_DATA, "a '%s' row in a step of objective %s; loss %s takes %s",
                    shown(rec->t), obj_name(r->obj), r->loss->name, kinds_of(r->loss));
    enum st st = r->other ? add_other(r, rec) : ST_OK;
    return st == ST_OK ? batch_add(r->b, rec) : st;
}

double rows_norm(const struct rows *r)
{
    int needs = r->loss->needs;

    return needs & NEED_PAIRS    ? r->b->norm_pairs
           : needs & NEED_LABELS ? r->b->norm_labels
                                 : r->b->norm_tokens;
}

int64_t rows_tokens(const struct rows *r)
{
    return r->b->n_tokens + (r->other ? r->other->b->n_tokens : 0);
}

/* Sequences by pack, in the order of the rows within each. */
static enum st by_pack(struct rows *r, struct arena *a)
{
    const struct batch *b = r->b;

    if (!(r->order = ARENA_NEW(a, int64_t, b->n_seqs)) ||
        !(r->first = ARENA_NEW(a, int64_t, b->n_packs + 2)))
        return ST_SYS;
    for (int64_t i = 0; i < b->n_seqs; i++)
        r->first[b->seq[i].pack + 2]++;
    for (int64_t p = 2; p < b->n_packs + 2; p++)
        r->first[p] += r->first[p - 1];
    for (int64_t i = 0; i < b->n_seqs; i++)
        r->order[r->first[b->seq[i].pack + 1]++] = i;
    r->together = true;
    for (int64_t i = 0; i + 1 < b->n_seqs && r->loss->needs & NEED_PAIRS; i += 2)
        r->together &= b->seq[i].pack == b->seq[i + 1].pack;
    return ST_OK;
}

static enum st columns(struct rows *r, struct arena *a)
{
    const struct batch *b = r->b;
    bool tokens = r->loss->needs & NEED_TOKENS, labels = r->loss->needs & NEED_LABELS;
    int64_t n = b->n_seqs, n_d = tokens ? b->n_trained : n;
    double **real[] = { &r->logp, &r->ref, &r->w, &r->entropy, &r->part.logp, &r->part.ref,
                        &r->part.w };
    double **each[] = { &r->dlogp, &r->part.dlogp, &r->token, &r->part.token };
    int32_t **whole[] = { &r->len, &r->hit, &r->part.len };
    bool **marks[] = { &r->good, &r->part.good };

    for (int64_t i = 0; i < countof(real); i++)
        if (!(*real[i] = ARENA_NEW(a, double, n)))
            return ST_SYS;
    for (int64_t i = 0; i < (tokens ? 4 : 2); i++)
        if (!(*each[i] = ARENA_NEW(a, double, n_d)))
            return ST_SYS;
    for (int64_t i = 0; i < countof(whole); i++)
        if (!(*whole[i] = ARENA_NEW(a, int32_t, n)))
            return ST_SYS;
    for (int64_t i = 0; labels && i < countof(marks); i++)
        if (!(*marks[i] = ARENA_NEW(a, bool, n)))
            return ST_SYS;
    if (!(r->place = ARENA_NEW(a, int64_t, n + 1)))
        return ST_SYS;
    for (int64_t i = 0; i < n; i++) {
        const struct seq *s = &b->seq[i];
        const struct row *row = &b->row[s->row];
        r->len[i] = (int32_t)s->n;
        r->w[i] = row->w;
        r->ref[i] = s->side ? row->ref.rejected.sum : row->ref.chosen.sum;
        r->place[i + 1] = r->place[i] + (tokens ? s->n : 1);
        if (labels)
            r->good[i] = row->good;
    }
    return ST_OK;
}

enum st rows_pack(struct rows *r, struct arena *a)
{
    BUG_IF(r->b->n_rows == 0);
    enum st st = batch_pack(r->b, r->work->micro_tokens, r->work->share);
    if (st == ST_OK)
        st = by_pack(r, a);
    if (st == ST_OK)
        st = columns(r, a);
    return st == ST_OK && r->other ? rows_pack(r->other, a) : st;
}

/* ---- a loss over all sequences, or a part ---- */

static struct seen all(const struct rows *r, double norm)
{
    return (struct seen){ .n = r->b->n_seqs, .logp = r->seen ? r->logp : NULL,
                          .ref = r->loss->needs & NEED_REF ? r->ref : NULL, .len = r->len,
                          .w = r->w, .norm = norm, .good = r->good, .base = r->base,
                          .token = r->token, .still = r->token };
}

/* A part of no sequences yet; its dlogp goes to part.dlogp. */
static struct seen none(const struct rows *r, double norm)
{
    return (struct seen){ .logp = r->part.logp,
                          .ref = r->loss->needs & NEED_REF ? r->part.ref : NULL,
                          .len = r->part.len, .w = r->part.w, .norm = norm, .good = r->part.good,
                          .base = r->base, .token = r->part.token, .still = r->part.token };
}

static int64_t places(const struct rows *r, int64_t i)
{
    return r->place[i + 1] - r->place[i];
}

/* Sequence i to the part; *k is where its tokens go. */
static void add(const struct rows *r, struct seen *s, int64_t *k, int64_t i)
{
    r->part.logp[s->n] = r->logp[i];
    r->part.ref[s->n] = r->ref[i];
    r->part.w[s->n] = r->w[i];
    r->part.len[s->n] = r->len[i];
    if (r->good)
        r->part.good[s->n] = r->good[i];
    if (r->token)
        memcpy(r->part.token + *k, r->token + r->place[i],
               (size_t)places(r, i) * sizeof *r->token);
    *k += places(r, i);
    s->n++;
}

double rows_loss(const struct rows *r)
{
    struct seen s = all(r, 1);

    BUG_IF(!r->seen);
    return loss_eval(r->loss, &s, r->part.dlogp);
}

double rows_source_loss(const struct rows *r, int64_t source, double *norm)
{
    const struct batch *b = r->b;
    bool rows = loss_prefers(r->loss);
    struct seen s = none(r, 1);
    int64_t k = 0;

    *norm = 0;
    for (int64_t i = 0; i < b->n_seqs; i++) {
        if (b->row[b->seq[i].row].source != source)
            continue;
        add(r, &s, &k, i);
        *norm += !rows ? r->w[i] * r->len[i] : b->seq[i].side ? 0 : r->w[i];
    }
    return loss_eval(r->loss, &s, r->part.dlogp);
}

/* ---- packs ---- */

/* logp and hits of pack p from what its forward left in the scratch. */
static void collect(struct rows *r, int64_t p)
{
    const struct work *w = r->work;

    for (int64_t k = r->first[p]; k < r->first[p + 1]; k++) {
        const struct seq *s = &r->b->seq[r->order[k]];
        double sum = 0, entropy = 0;
        int32_t hits = 0;
        for (int64_t j = s->first; j < s->first + s->n; j++) {
            sum += (double)w->logp[j];
            hits += w->hit[j];
            entropy += (double)w->entropy[j];
            if (r->token)
                r->token[r->place[r->order[k]] + j - s->first] = (double)w->logp[j];
        }
        r->logp[r->order[k]] = sum;
        r->hit[r->order[k]] = hits;
        r->entropy[r->order[k]] = entropy;
    }
}

/* The coefficient of every target of pack p: its own, or its sequence's. */
static void spread(struct rows *r, int64_t p, double weight)
{
    for (int64_t k = r->first[p]; k < r->first[p + 1]; k++) {
        const struct seq *s = &r->b->seq[r->order[k]];
        const double *d = r->dlogp + r->place[r->order[k]];
        for (int64_t j = 0; j < s->n; j++)
            r->work->coef[s->first + j] = (float)(weight * d[r->token ? j : 0]);
    }
}

/* Room for kept forwards of all packs, or none at all. */
static enum st keep_room(struct rows *r, bool *ok)
{
    struct work *w = r->work;
    int64_t o = r->obj, n = r->b->n_packs;

    if (n > w->kept_room[o]) {
        struct pass **more = ARENA_NEW(w->a, struct pass *, 2 * n);
        if (!more)
            return ST_SYS;
        if (w->kept_room[o])
            memcpy(more, w->kept[o], (size_t)w->kept_room[o] * sizeof *more);
        w->kept[o] = more;
        w->kept_room[o] = 2 * n;
    }
    *ok = true;
    for (int64_t p = 0; p < n && *ok; p++) {
        struct pass **to = &w->kept[o][p];
        const struct pack *pack = &r->b->pack[p];
        if (fits(*to, pack->f.n_tokens, pack->n_targets))
            continue;
        int64_t n_tokens = MAX(MAX(pack->f.n_tokens, pack->n_targets), w->micro_tokens);
        int64_t more = bytes_of(w, n_tokens) - bytes_of(w, *to ? pass_tokens(*to) : 0);
        *ok = w->kept_bytes + more <= w->keep_bytes;
        if (*ok && fit(w, to, pack->f.n_tokens, pack->n_targets) != ST_OK)
            return ST_SYS;
        w->kept_bytes += *ok ? more : 0;
    }
    return ST_OK;
}

static double neftune(const struct rows *r)
{
    return r->obj == OBJ_SFT ? r->work->neftune : 0;
}

/* Whether a gradient's forward is another than a measurement's. */
static bool noisy(const struct rows *r)
{
    return r->work->dropout || neftune(r) > 0;
}

static enum st forward(struct rows *r, struct pass *pass, int64_t p, const float *coef,
                       bool training)
{
    struct work *w = r->work;
    struct noise noise = { w->noise, neftune(r) };

    pass_noise(pass, training && noisy(r) ? &noise : NULL);
    model_forward(w->m, pass, &r->b->pack[p], coef, w->logp, w->hit);
    model_entropy(pass, w->entropy);
    collect(r, p);
    return dev_sync(w->m->d);
}

/* The training pass and the scratch, large enough for the largest pack. */
static enum st ready(struct rows *r)
{
    enum st st = fit(r->work, &r->work->pass, batch_max_tokens(r->b), batch_max_targets(r->b));

    return st != ST_OK ? st : scratch(r->work, batch_max_targets(r->b));
}

static enum st measure(struct rows *r, bool keep, bool training)
{
    struct work *w = r->work;
    enum st st = ready(r);

    r->n_kept = 0;
    if (st == ST_OK && keep)
        st = keep_room(r, &keep);
    for (int64_t p = 0; st == ST_OK && p < r->b->n_packs; p++)
        st = forward(r, keep ? w->kept[r->obj][p] : w->pass, p, NULL, training);
    r->seen = st == ST_OK;
    r->n_kept = r->seen && keep ? r->b->n_packs : 0;
    return st;
}

/* The baseline of the whole step, by the weights as they stand and without noise. */
static enum st find_base(struct rows *r)
{
    enum st st = r->other ? measure(r->other, false, false) : ST_OK;

    if (st != ST_OK || !r->other)
        return st;
    struct seen s = all(r->other, 1);
    r->base = r->loss->base(&s);
    return ST_OK;
}

enum st rows_measure(struct rows *r, bool keep)
{
    enum st st = find_base(r);

    if (st != ST_OK)
        return st;
    return measure(r, keep && !noisy(r), false);
}

/* Gradients of kept forwards: dlogp of all sequences is known. */
static enum st backward_kept(struct rows *r, double weight)
{
    struct work *w = r->work;
    struct seen s = all(r, rows_norm(r));

    loss_eval(r->loss, &s, r->dlogp);
    for (int64_t p = 0; p < r->n_kept; p++) {
        spread(r, p, weight);
        model_backward(w->m, w->kept[r->obj][p], w->coef);
    }
    r->n_kept = 0;
    return dev_sync(w->m->d);
}

/* One pack forward and back where its own sequences decide its coefficients. */
static enum st one_pack(struct rows *r, int64_t p, double weight)
{
    struct work *w = r->work;
    int64_t n = r->first[p + 1] - r->first[p], k = 0;
    const int64_t *which = r->order + r->first[p];
    enum st st = forward(r, w->pass, p, NULL, true);
    struct seen s = none(r, rows_norm(r));

    for (int64_t i = 0; i < n; i++)
        add(r, &s, &k, which[i]);
    loss_eval(r->loss, &s, r->part.dlogp);
    const double *d = r->part.dlogp;
    for (int64_t i = 0; i < n; d += places(r, which[i++]))
        memcpy(r->dlogp + r->place[which[i]], d, (size_t)places(r, which[i]) * sizeof *d);
    spread(r, p, weight);
    model_backward(w->m, w->pass, w->coef);
    return st;
}

enum st rows_gradient(struct rows *r, double weight, bool use_kept)
{
    struct work *w = r->work;
    bool known = r->loss->known;
    enum st st = ST_OK;

    if (use_kept && r->n_kept)
        return backward_kept(r, weight);
    st = find_base(r);
    if (st == ST_OK)
        st = ready(r);
    if (st == ST_OK && !known && !r->together) {
        st = measure(r, false, true);
        known = true;
    } else {
        r->seen = false;
    }
    if (known) {
        struct seen s = all(r, rows_norm(r));
        loss_eval(r->loss, &s, r->dlogp);
    }
    for (int64_t p = 0; st == ST_OK && p < r->b->n_packs; p++) {
        if (!known) {
            st = one_pack(r, p, weight);
            continue;
        }
        spread(r, p, weight);
        st = forward(r, w->pass, p, w->coef, true);
        model_backward(w->m, w->pass, NULL);
    }
    r->seen = st == ST_OK;
    r->n_kept = 0;
    return st != ST_OK ? st : dev_sync(w->m->d);
}
