/* rows.c - a step's rows as columns: what a loss sees of all of them, or of a part. */
#include "work.h"

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

struct seen rows_seen(const struct rows *r, double norm)
{
    return (struct seen){ .n = r->b->n_seqs, .logp = r->seen ? r->logp : NULL,
                          .ref = r->loss->needs & NEED_REF ? r->ref : NULL, .len = r->len,
                          .w = r->w, .norm = norm, .good = r->good, .base = r->base,
                          .token = r->token, .still = r->token };
}

struct seen rows_part(const struct rows *r, double norm)
{
    return (struct seen){ .logp = r->part.logp,
                          .ref = r->loss->needs & NEED_REF ? r->part.ref : NULL,
                          .len = r->part.len, .w = r->part.w, .norm = norm, .good = r->part.good,
                          .base = r->base, .token = r->part.token, .still = r->part.token };
}

void rows_part_add(const struct rows *r, struct seen *s, int64_t *k, int64_t i)
{
    r->part.logp[s->n] = r->logp[i];
    r->part.ref[s->n] = r->ref[i];
    r->part.w[s->n] = r->w[i];
    r->part.len[s->n] = r->len[i];
    if (r->good)
        r->part.good[s->n] = r->good[i];
    if (r->token)
        memcpy(r->part.token + *k, r->token + r->place[i],
               (size_t)rows_places(r, i) * sizeof *r->token);
    *k += rows_places(r, i);
    s->n++;
}

double rows_loss(const struct rows *r)
{
    struct seen s = rows_seen(r, 1);

    BUG_IF(!r->seen);
    return loss_eval(r->loss, &s, r->part.dlogp);
}

double rows_source_loss(const struct rows *r, int64_t source, double *norm)
{
    const struct batch *b = r->b;
    bool rows = loss_prefers(r->loss);
    struct seen s = rows_part(r, 1);
    int64_t k = 0;

    *norm = 0;
    for (int64_t i = 0; i < b->n_seqs; i++) {
        if (b->row[b->seq[i].row].source != source)
            continue;
        rows_part_add(r, &s, &k, i);
        *norm += !rows ? r->w[i] * r->len[i] : b->seq[i].side ? 0 : r->w[i];
    }
    return loss_eval(r->loss, &s, r->part.dlogp);
}
