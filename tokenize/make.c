/* make.c - a row's turns become the sides of its records. */
#include "fit.h"
#include "mask.h"

enum st maker_open(struct maker *m, struct arena *a)
{
    m->encoder = encoder_new(m->t, a);
    return m->encoder ? ST_OK : ST_SYS;
}

void maker_close(struct maker *m)
{
    encoder_free(m->encoder);
    rendering_free(&m->rendering);
    encoding_free(&m->encoding);
    for (int i = 0; i < 2; i++) {
        buf_free(&m->ids[i]);
        buf_free(&m->flags[i]);
    }
}

int64_t made_tokens(const struct made *m)
{
    int64_t n = m->seq.n + m->chosen.n + m->rejected.n;

    for (int64_t i = 0; i < m->n_choices; i++)
        n += m->choices[i].n;
    return n;
}

/* Each flag is 0 or 1, so of eight at once the bits are counted. */
static int64_t count_trained(const struct seq *s)
{
    int64_t n = 0, i = 0;
    uint64_t eight;

    for (; i + 8 <= s->n; i += 8) {
        memcpy(&eight, s->trained + i, 8);
        n += __builtin_popcountll(eight);
    }
    for (; i < s->n; i++)
        n += s->trained[i];
    return n;
}

int64_t made_trained(const struct made *m)
{
    int64_t n = count_trained(&m->seq) + count_trained(&m->chosen) + count_trained(&m->rejected);

    for (int64_t i = 0; i < m->n_choices; i++)
        n += count_trained(&m->choices[i]);
    return n;
}

/* ---- kinds ---- */

static enum st emit(const struct maker *m, const struct row *row, struct made *d)
{
    d->kind = row->kind;
    d->row = row;
    d->ended |= (row->kind == REC_SFT || row->kind == REC_PREF || row->kind == REC_LABEL) &&
                !d->cut_end;
    if (!d->id)                                /* of a long document's pieces: once */
        d->id = rec_id(row->kind, row->source, row->n_source);
    m->faults->cut += d->cut;
    m->faults->cut_end += d->cut_end;
    return m->sink(m->arg, d);
}

static bool is_trained(const struct maker *m, const struct turn *t, bool last)
{
    if (t->role != ROLE_ASSISTANT)
        return false;
    return m->mask == MASK_LAST ? last : m->mask == MASK_ALL || t->train;
}

static enum st make_sft(struct maker *m, const struct rows *rows, const struct row *row,
                        struct arena *a)
{
    const struct turns *t = &row->turns;
    bool *want = ARENA_NEW(a, bool, t->n + 1), last = true;
    struct talk talk = { t->v, t->n, want, row->tools, row->documents };
    struct made d = { 0 };

    if (!want)
        return ST_SYS;
    for (int64_t i = t->n; i-- > 0;) {
        want[i] = is_trained(m, &t->v[i], last);
        last &= t->v[i].role != ROLE_ASSISTANT;
    }
    enum st st = mask_talk(m, rows, &talk, 0, &d.seq, a);
    if (st == ST_OK)
        st = fit_row(m, rows, &d);
    return st == ST_OK ? emit(m, row, &d) : st == ST_END ? ST_OK : st;
}

/* One side with its prompt, whose answers are trained whole.  *shared: tokens that end at or
 * before the text boundary. */
static enum st make_side(struct maker *m, const struct rows *rows, const struct row *row,
                         const struct turns *side, int slot, struct seq *s, int64_t *shared,
                         struct arena *a)
{
    int64_t n = row->turns.n, all = n + side->n;
    struct turn *t = ARENA_NEW(a, struct turn, all);
    bool *want = ARENA_NEW(a, bool, all);
    struct talk talk = { t, all, want, row->tools, row->documents };

    if (!t || !want)
        return ST_SYS;
    memcpy(t, row->turns.v, (size_t)n * sizeof *t);
    memcpy(t + n, side->v, (size_t)side->n * sizeof *t);
    for (int64_t i = n; i < all; i++)
        want[i] = t[i].role == ROLE_ASSISTANT;
    enum st st = mask_talk(m, rows, &talk, slot, s, a);
    if (st == ST_OK)
        *shared = mask_before(m, s, rendering_part(&m->rendering, 0)->begin);
    return st;
}

static struct seq tail(const struct seq *s, int64_t from)
{
    return (struct seq){ s->id + from, s->trained + from, s->n - from, 0 };
}

static bool same(const struct seq *a, const struct seq *b)
{
    return a->n == b->n && memcmp(a->id, b->id, (size_t)a->n * sizeof *a->id) == 0;
}

/* The first n ids or fewer, as far as both have the same. */
static int64_t common(const struct seq *a, const struct seq *b, int64_t n)
{
    int64_t i = 0;

    n = MIN(n, MIN(a->n, b->n));
    while (i < n && a->id[i] == b->id[i])
        i++;
    return i;
}

static enum st make_pair(struct maker *m, const struct rows *rows, const struct row *row,
                         struct arena *a)
{
    struct seq chosen, rejected;
    int64_t most, other;
    struct made d;
    enum st st;

    if ((st = make_side(m, rows, row, &row->chosen, 0, &chosen, &most, a)) != ST_OK ||
        (st = make_side(m, rows, row, &row->rejected, 1, &rejected, &other, a)) != ST_OK)
        return st;
    int64_t n = common(&chosen, &rejected, MIN(most, other));
    d = (struct made){ row->kind, .seq = chosen,
                       .chosen = tail(&chosen, n), .rejected = tail(&rejected, n) };
    d.seq.n = n;
    if (same(&d.chosen, &d.rejected))
        return fault(m->faults, CAUSE_SAME, rows, row->chosen.v[0].at, "chosen equals rejected");
    if ((st = fit_sides(m, rows, &d)) != ST_OK)
        return st == ST_END ? ST_OK : st;
    if (same(&d.chosen, &d.rejected))
        return fault(m->faults, CAUSE_SAME, rows, row->chosen.v[0].at,
                     "chosen equals rejected within --max-tokens");
    return emit(m, row, &d);
}

static enum st make_label(struct maker *m, const struct rows *rows, const struct row *row,
                          struct arena *a)
{
    struct made d = { .kind = row->kind };
    struct seq whole;
    int64_t n;
    enum st st = make_side(m, rows, row, &row->chosen, 0, &whole, &n, a);

    if (st != ST_OK)
        return st;
    d.chosen = tail(&whole, n);
    d.seq = whole;
    d.seq.n = n;
    if ((st = fit_sides(m, rows, &d)) != ST_OK)
        return st == ST_END ? ST_OK : st;
    return emit(m, row, &d);
}

/* A choice ends before the end token: it is the text that is scored.  *shared as of make_side(). */
static enum st make_choice(struct maker *m, const struct rows *rows, const struct row *row,
                           int64_t i, struct seq *s, int64_t *shared, struct arena *a)
{
    struct turns side = { &row->chosen.v[i], 1 };
    struct seq all;
    enum st st = make_side(m, rows, row, &side, 0, &all, shared, a);

    if (st != ST_OK)
        return st;
    *s = (struct seq){ .n_prefix = all.n_prefix };
    s->n = mask_before(m, &all, rendering_part(&m->rendering, 0)->end);
    s->id = ARENA_NEW(a, uint32_t, s->n + 1);
    s->trained = ARENA_NEW(a, uint8_t, s->n + 1);
    if (!s->id || !s->trained)
        return ST_SYS;
    memcpy(s->id, all.id, (size_t)s->n * sizeof *s->id);
    memcpy(s->trained, all.trained, (size_t)s->n);
    return ST_OK;
}

static enum st make_choices(struct maker *m, const struct rows *rows, const struct row *row,
                            struct arena *a)
{
    struct made d = { .kind = row->kind, .n_choices = row->chosen.n };
    int64_t n = INT64_MAX, shared;
    enum st st;

    if (!(d.choices = ARENA_NEW(a, struct seq, d.n_choices)))
        return ST_SYS;
    for (int64_t i = 0; i < d.n_choices; i++) {
        if ((st = make_choice(m, rows, row, i, &d.choices[i], &shared, a)) != ST_OK)
            return st;
        n = common(&d.choices[0], &d.choices[i], MIN(n, shared));
    }
    d.seq = d.choices[0];
    d.seq.n = n;
    for (int64_t i = 0; i < d.n_choices; i++)
        d.choices[i] = tail(&d.choices[i], n);
    if ((st = fit_sides(m, rows, &d)) != ST_OK)
        return st == ST_END ? ST_OK : st;
    return emit(m, row, &d);
}

static enum st make_prompt(struct maker *m, const struct rows *rows, const struct row *row,
                           struct arena *a)
{
    struct talk talk = { row->turns.v, row->turns.n, NULL, row->tools, row->documents };
    struct made d = { .kind = row->kind };
    enum st st = mask_prompt(m, rows, &talk, 0, &d.seq, a);

    if (st == ST_OK)
        st = fit_sides(m, rows, &d);
    return st == ST_OK ? emit(m, row, &d) : st == ST_END ? ST_OK : st;
}

/* A document, in pieces of --max-tokens where it is longer. */
static enum st make_text(struct maker *m, const struct rows *rows, const struct row *row)
{
    struct made d = { 0 };
    struct seq all;
    enum st st = mask_text(m, rows, row->text, &all);

    for (int64_t i = 0; st == ST_OK && i < all.n; i += m->max_tokens) {
        d.seq = tail(&all, i);
        d.seq.n = MIN(d.seq.n, m->max_tokens);
        d.ended = i + d.seq.n == all.n;
        if (d.seq.n > 1)                       /* one token alone has nothing to learn from */
            st = emit(m, row, &d);
    }
    return st;
}

enum st maker_row(struct maker *m, const struct rows *rows, const struct row *row, struct arena *a)
{
    switch (row->kind) {
    case REC_TEXT:   return make_text(m, rows, row);
    case REC_SFT:    return make_sft(m, rows, row, a);
    case REC_PREF:   return make_pair(m, rows, row, a);
    case REC_LABEL:  return make_label(m, rows, row, a);
    case REC_CHOICE: return make_choices(m, rows, row, a);
    case REC_PROMPT: return make_prompt(m, rows, row, a);
    default:         BUG_IF(true); return ST_DATA;
    }
}
