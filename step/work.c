/* work.c - packs through the model: coefficients in, log-probabilities and gradients out.
 *
 * Where dl/dlogp is known before the forward (SFT), the head takes its gradient in the sweep that
 * finds the log-probabilities.  Where it is not, but all sequences of a loss term share a pack,
 * each pack goes forward and back by itself.  Where sides of a pair are apart (prompts not shared),
 * all packs go forward first, and then again. */
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
        !(w->hit = ARENA_NEW(w->a, uint8_t, n)))
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
    return batch_new(&r->b, &w->m->c, a);
}

enum st rows_add(struct rows *r, const struct rec *rec)
{
    bool pairs = rec->kind == REC_PREF;

    if (pairs != ((r->loss->needs & NEED_PAIRS) != 0) ||
        (!pairs && rec->kind != REC_SFT && rec->kind != REC_TEXT))
        return fail(ST_DATA, "a '%s' row in a step of objective %s; that takes %s", shown(rec->t),
                    obj_name(r->obj),
                    r->loss->needs & NEED_PAIRS ? "pref rows" : "sft and text rows");
    return batch_add(r->b, rec);
}

double rows_norm(const struct rows *r)
{
    return r->loss->needs & NEED_PAIRS ? r->b->norm_pairs : r->b->norm_tokens;
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
    double **real[] = { &r->logp,    &r->ref,     &r->w,       &r->dlogp,
                        &r->part[0], &r->part[1], &r->part[2], &r->part[3] };
    int32_t **whole[] = { &r->len, &r->hit, &r->part_len };

    for (int64_t i = 0; i < countof(real); i++)
        if (!(*real[i] = ARENA_NEW(a, double, b->n_seqs)))
            return ST_SYS;
    for (int64_t i = 0; i < countof(whole); i++)
        if (!(*whole[i] = ARENA_NEW(a, int32_t, b->n_seqs)))
            return ST_SYS;
    for (int64_t i = 0; i < b->n_seqs; i++) {
        const struct seq *s = &b->seq[i];
        const struct row *row = &b->row[s->row];
        r->len[i] = (int32_t)s->n;
        r->w[i] = row->w;
        r->ref[i] = s->side ? row->ref.rejected.sum : row->ref.chosen.sum;
    }
    return ST_OK;
}

enum st rows_pack(struct rows *r, struct arena *a)
{
    BUG_IF(r->b->n_rows == 0);
    enum st st = batch_pack(r->b, r->work->micro_tokens, r->work->share);
    if (st == ST_OK)
        st = by_pack(r, a);
    return st == ST_OK ? columns(r, a) : st;
}

/* ---- a loss over all sequences, or a part ---- */

static struct seen all(const struct rows *r, double norm)
{
    const double *ref = r->loss->needs & NEED_REF ? r->ref : NULL;

    return (struct seen){ r->b->n_seqs, r->seen ? r->logp : NULL, ref, r->len, r->w, norm };
}

/* Columns gathered in part[0..2]; dlogp goes to part[3]. */
static struct seen gathered(const struct rows *r, int64_t n, double norm)
{
    const double *ref = r->loss->needs & NEED_REF ? r->part[1] : NULL;

    return (struct seen){ n, r->part[0], ref, r->part_len, r->part[2], norm };
}

/* The n sequences whose numbers `which` lists. */
static struct seen part_of(const struct rows *r, const int64_t *which, int64_t n, double norm)
{
    for (int64_t i = 0; i < n; i++) {
        r->part[0][i] = r->logp[which[i]];
        r->part[1][i] = r->ref[which[i]];
        r->part[2][i] = r->w[which[i]];
        r->part_len[i] = r->len[which[i]];
    }
    return gathered(r, n, norm);
}

double rows_loss(const struct rows *r)
{
    struct seen s = all(r, 1);

    BUG_IF(!r->seen);
    return loss_eval(r->loss, &s, r->part[3]);
}

double rows_source_loss(const struct rows *r, int64_t source, double *norm)
{
    const struct batch *b = r->b;
    bool pairs = r->loss->needs & NEED_PAIRS;
    int64_t n = 0;

    *norm = 0;
    for (int64_t i = 0; i < b->n_seqs; i++) {
        if (b->row[b->seq[i].row].source != source)
            continue;
        r->part[0][n] = r->logp[i];
        r->part[1][n] = r->ref[i];
        r->part[2][n] = r->w[i];
        r->part_len[n++] = r->len[i];
        *norm += !pairs ? r->w[i] * r->len[i] : b->seq[i].side ? 0 : r->w[i];
    }
    struct seen s = gathered(r, n, 1);
    return loss_eval(r->loss, &s, r->part[3]);
}

/* ---- packs ---- */

/* logp and hits of pack p from what its forward left in the scratch. */
static void collect(struct rows *r, int64_t p)
{
    const struct work *w = r->work;

    for (int64_t k = r->first[p]; k < r->first[p + 1]; k++) {
        const struct seq *s = &r->b->seq[r->order[k]];
        double sum = 0;
        int32_t hits = 0;
        for (int64_t j = s->first; j < s->first + s->n; j++) {
            sum += (double)w->logp[j];
            hits += w->hit[j];
        }
        r->logp[r->order[k]] = sum;
        r->hit[r->order[k]] = hits;
    }
}

/* The coefficient of every target of pack p: its sequence's. */
static void spread(struct rows *r, int64_t p, double weight)
{
    for (int64_t k = r->first[p]; k < r->first[p + 1]; k++) {
        const struct seq *s = &r->b->seq[r->order[k]];
        float c = (float)(weight * r->dlogp[r->order[k]]);
        for (int64_t j = s->first; j < s->first + s->n; j++)
            r->work->coef[j] = c;
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

static enum st forward(struct rows *r, struct pass *pass, int64_t p, const float *coef,
                       bool training)
{
    struct work *w = r->work;

    pass_noise(pass, training && w->dropout ? &w->noise : NULL);
    model_forward(w->m, pass, &r->b->pack[p], coef, w->logp, w->hit);
    collect(r, p);
    return dev_sync(w->m->d);
}

/* The references of pack p that are not there, from the base. */
static void refer(struct rows *r, int64_t p)
{
    struct work *w = r->work;
    bool asked = false;

    for (int64_t k = r->first[p]; k < r->first[p + 1]; k++) {
        const struct seq *s = &r->b->seq[r->order[k]];
        double sum = 0;
        if (r->b->row[s->row].ref.given)
            continue;
        if (!asked)
            model_forward(w->m, w->pass, &r->b->pack[p], NULL, w->logp, NULL);
        asked = true;
        for (int64_t j = s->first; j < s->first + s->n; j++)
            sum += (double)w->logp[j];
        r->ref[r->order[k]] = sum;
    }
}

/* The training pass and the scratch, large enough for the largest pack; all references. */
static enum st ready(struct rows *r)
{
    struct work *w = r->work;
    enum st st = fit(w, &w->pass, batch_max_tokens(r->b), batch_max_targets(r->b));

    if (st == ST_OK)
        st = scratch(w, batch_max_targets(r->b));
    if (st != ST_OK || r->referred || !w->m->adapters.n || !(r->loss->needs & NEED_REF))
        return st;
    pass_noise(w->pass, NULL);
    pass_bare(w->pass, true);
    for (int64_t p = 0; p < r->b->n_packs; p++)
        refer(r, p);
    pass_bare(w->pass, false);
    r->referred = true;
    return dev_sync(w->m->d);
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

enum st rows_measure(struct rows *r, bool keep)
{
    return measure(r, keep && !r->work->dropout, false);
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
    int64_t n = r->first[p + 1] - r->first[p];
    const int64_t *which = r->order + r->first[p];
    enum st st = forward(r, w->pass, p, NULL, true);

    struct seen s = part_of(r, which, n, rows_norm(r));
    loss_eval(r->loss, &s, r->part[3]);
    for (int64_t i = 0; i < n; i++)
        r->dlogp[which[i]] = r->part[3][i];
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
