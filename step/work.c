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

/* The baseline of the whole step, by the weights as they stand and without noise. */
static enum st find_base(struct rows *r)
{
    enum st st = r->other ? measure(r->other, false, false) : ST_OK;

    if (st != ST_OK || !r->other)
        return st;
    struct seen s = rows_seen(r->other, 1);
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
    struct seen s = rows_seen(r, rows_norm(r));

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
    struct seen s = rows_part(r, rows_norm(r));

    for (int64_t i = 0; i < n; i++)
        rows_part_add(r, &s, &k, which[i]);
    loss_eval(r->loss, &s, r->part.dlogp);
    const double *d = r->part.dlogp;
    for (int64_t i = 0; i < n; d += rows_places(r, which[i++]))
        memcpy(r->dlogp + r->place[which[i]], d, (size_t)rows_places(r, which[i]) * sizeof *d);
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
        struct seen s = rows_seen(r, rows_norm(r));
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
