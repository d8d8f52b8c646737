/* make.c - rendering, encoding and masks; a row's turns become the tokens of its records. */
#include "fit.h"

struct range { size_t begin, end; };           /* bytes of the rendered text */

/* One text on its way: where the trained and the foreign stretches of the rendering lie. */
struct job {
    struct maker       *m;
    const struct rows  *rows;
    struct range       *trained, *content;
    int64_t             n_trained, n_content;
    const struct turn  *turn;                  /* [n_content] whose text content[i] is */
    size_t              stop;                  /* the end of the last trained stretch */
};

static void set_marker_bits(struct maker *m)
{
    const int64_t own[] = { m->end, m->t->bos, m->t->eos, m->bos };

    m->marker_bits = 0;
    for (int i = 0; i < countof(own); i++)
        m->marker_bits |= UINT64_C(1) << (own[i] & 63);
    for (int i = 0; i < m->n_markers; i++)
        m->marker_bits |= UINT64_C(1) << (m->marker[i] & 63);
}

enum st maker_open(struct maker *m, struct arena *a)
{
    const struct added *end = tokenizer_added(m->t, (uint32_t)m->end);

    m->n_markers = 0;
    for (int i = 0; i < countof(m->marker) && m->chat->needs[i]; i++)
        m->marker[m->n_markers++] = (uint32_t)tokenizer_find(m->t, m->chat->needs[i]);
    set_marker_bits(m);
    m->end_text = end ? end->text : bpe_bytes(m->t->bpe, (uint32_t)m->end);
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

/* ---- sequences ---- */

static enum st seq_room(struct maker *m, int slot, int64_t n, struct seq *s)
{
    struct buf *id = &m->ids[slot], *flag = &m->flags[slot];

    id->n = flag->n = 0;
    if (buf_room(id, (size_t)n * sizeof(uint32_t)) != ST_OK || buf_room(flag, (size_t)n) != ST_OK)
        return ST_SYS;
    *s = (struct seq){ (uint32_t *)id->p, (uint8_t *)flag->p, 0, 0 };
    return ST_OK;
}

static void put(struct seq *s, uint32_t id, bool trained)
{
    s->id[s->n] = id;
    s->trained[s->n++] = trained;
}

static void put_prefix(const struct maker *m, struct seq *s)
{
    if (m->bos >= 0)
        put(s, (uint32_t)m->bos, false);
    for (int i = 0; i < m->t->n_prefix; i++)
        put(s, m->t->prefix[i], false);
    s->n_prefix = s->n;
}

int64_t made_tokens(const struct made *m)
{
    return m->seq.n + m->chosen.n + m->rejected.n;
}

int64_t made_trained(const struct made *m)
{
    const struct seq *const parts[] = { &m->seq, &m->chosen, &m->rejected };
    int64_t n = 0;

    for (int k = 0; k < countof(parts); k++)
        for (int64_t i = 0; i < parts[k]->n; i++)
            n += parts[k]->trained[i];
    return n;
}

/* ---- one text: render, encode, mask ---- */

static bool is_trained(const struct maker *m, const struct turns *t, int64_t i, int64_t last)
{
    if (t->v[i].role != ROLE_ASSISTANT)
        return false;
    return m->mask == MASK_LAST ? i == last : m->mask == MASK_ALL || t->v[i].train;
}

/* Renders the turns; those from `first` on may be trained. */
static enum st render(struct job *j, const struct turns *t, int64_t first, bool whole_sides,
                      struct arena *a)
{
    struct maker *m = j->m;
    int64_t last = t->n - 1;

    while (last >= 0 && t->v[last].role != ROLE_ASSISTANT)
        last--;
    j->trained = ARENA_NEW(a, struct range, t->n + 1);
    j->content = ARENA_NEW(a, struct range, t->n + 1);
    if (!j->trained || !j->content)
        return ST_SYS;
    enum st st = chat_render(&m->rendering, m->chat, m->end_text, t->v, t->n);
    if (st == ST_DATA) {
        err_clear();
        return fault(m->faults, CAUSE_SCHEMA, j->rows, t->v[0].at,
                     "a role that template %s does not have; try --template chatml", m->chat->name);
    }
    j->turn = t->v;
    for (int64_t i = 0; i < t->n && st == ST_OK; i++) {
        const struct part *p = rendering_part(&m->rendering, i);
        bool trained = i >= first &&
                       (whole_sides ? t->v[i].role == ROLE_ASSISTANT : is_trained(m, t, i, last));
        j->content[j->n_content++] = (struct range){ p->text, p->end };
        if (!trained)
            continue;
        if (p->end == p->text)
            return fault(m->faults, CAUSE_EMPTY, j->rows, t->v[i].at,
                         "an empty completion; there is nothing to learn");
        j->trained[j->n_trained++] = (struct range){ p->begin, p->stop };
        j->stop = p->stop;
    }
    return st;
}

/* Ids that may not come out of a row's text; the most of these are ruled out by a bit. */
static bool is_marker(const struct maker *m, uint32_t id)
{
    if (!(m->marker_bits >> (id & 63) & 1))
        return false;
    if (id == (uint32_t)m->end || id == (uint32_t)m->t->bos || id == (uint32_t)m->t->eos ||
        id == (uint32_t)m->bos)
        return true;
    for (int i = 0; i < m->n_markers; i++)
        if (m->marker[i] == id)
            return true;
    return false;
}

/* A marker that came out of a text of the row would be taken for one of the template's.  Other
 * special tokens may be words (some tokenizers have `assistant` as one) and stay what they are. */
static enum st check_specials(const struct job *j)
{
    const struct maker *m = j->m;
    const struct encoding *v = &m->encoding;
    int64_t c = 0;

    if (v->n && m->t->bos >= 0 && v->id[0] == (uint32_t)m->t->bos &&
        (m->t->n_prefix || m->bos >= 0))
        return fault(m->faults, CAUSE_BOS, j->rows, j->n_content ? j->turn[0].at : 0,
                     "the text begins with the begin token, "
                     "which the tokenizer adds itself; take it out of the text");
    if (m->specials)
        return ST_OK;
    for (int64_t i = 0; i < v->n; i++) {
        if (!is_marker(m, v->id[i]))
            continue;
        while (c < j->n_content && j->content[c].end <= v->begin[i])
            c++;
        if (c < j->n_content && v->begin[i] >= j->content[c].begin &&
            v->end[i] <= j->content[c].end)
            return fault(m->faults, CAUSE_SPECIAL, j->rows, j->turn ? j->turn[c].at : 0,
                         "the text holds the special token "
                         "'%s'; take it out, or say --specials allow",
                         shown(tokenizer_added(m->t, v->id[i])->text));
    }
    return ST_OK;
}

static enum st merged(const struct job *j, int64_t i, size_t boundary)
{
    const struct maker *m = j->m;
    const struct encoding *v = &m->encoding;
    struct view token = { m->rendering.text.p + v->begin[i], v->end[i] - v->begin[i] };
    int64_t turn = 0;

    while (turn + 1 < j->n_content && j->content[turn].end < boundary)
        turn++;
    return fault(m->faults, CAUSE_MERGE, j->rows, j->turn[turn].at,
                 "the token '%s' lies across the boundary of what is "
                 "trained; end the prompt otherwise, or say --boundary shift",
                 shown(token));
}

/* The encoding, up to the last trained stretch, with its flags: stretch by stretch, what lies
 * before it and then what touches it. */
static enum st mask(const struct job *j, int slot, struct seq *s)
{
    const struct maker *m = j->m;
    const struct encoding *v = &m->encoding;
    int64_t i = 0;

    if (seq_room(j->m, slot, v->n + 1 + TOKENIZER_AROUND_MAX, s) != ST_OK)
        return ST_SYS;
    put_prefix(m, s);
    uint8_t *flag = s->trained + s->n;
    for (int64_t r = 0; r < j->n_trained; r++) {
        struct range t = j->trained[r];
        int64_t from = i;
        while (i < v->n && v->end[i] <= t.begin)
            i++;
        memset(flag + from, false, (size_t)(i - from));
        for (; i < v->n && v->begin[i] < t.end; i++) {
            flag[i] = v->begin[i] >= t.begin && v->end[i] <= t.end;
            if (!flag[i] && v->end[i] > t.begin && !m->shift)
                return merged(j, i, t.begin);
        }
    }
    if (i)
        memcpy(s->id + s->n, v->id, (size_t)i * sizeof *s->id);
    s->n += i;
    return ST_OK;
}

/* Every trained stretch must end with the end token, and that token must be trained. */
static enum st check_ends(const struct job *j)
{
    const struct maker *m = j->m;
    const struct encoding *v = &m->encoding;
    int64_t i = 0;

    for (int64_t r = 0; r < j->n_trained; r++) {
        while (i < v->n && v->end[i] < j->trained[r].end)
            i++;
        if (i == v->n || v->end[i] != j->trained[r].end || v->id[i] != (uint32_t)m->end)
            return fault(m->faults, CAUSE_END, j->rows, 0,
                         "the end token '%s' does not come out as one token behind the "
                         "answer, so it is not trained; name another with --eos",
                         shown(m->end_text));
    }
    return ST_OK;
}

static enum st one_text(struct job *j, const struct turns *t, int64_t first, bool whole_sides,
                        int slot, struct seq *s, struct arena *a)
{
    struct maker *m = j->m;
    enum st st = render(j, t, first, whole_sides, a);

    if (st != ST_OK)
        return st;
    if (j->n_trained == 0)
        return fault(m->faults, CAUSE_MASK, j->rows, 0, "no turn of the assistant is trained");
    struct view text = { m->rendering.text.p, m->rendering.text.n };
    if ((st = tokenizer_encode(m->encoder, text, true, &m->encoding)) != ST_OK ||
        (st = check_specials(j)) != ST_OK || (st = mask(j, slot, s)) != ST_OK)
        return st;
    return check_ends(j);
}

/* ---- kinds ---- */

static enum st emit(const struct maker *m, const struct row *row, struct made *d)
{
    d->kind = row->kind;
    if (d->id == 0)                            /* of a long document once, not per record */
        d->id = rec_id(row->kind, row->source, row->n_source);
    m->faults->cut += d->cut;
    m->faults->cut_end += d->cut_end;
    return m->sink(m->arg, d);
}

static enum st make_sft(struct maker *m, const struct rows *rows, const struct row *row,
                        struct arena *a)
{
    struct job j = { .m = m, .rows = rows };
    struct made d = { 0 };
    enum st st = one_text(&j, &row->turns, 0, false, 0, &d.seq, a);

    if (st == ST_OK)
        st = fit_row(m, rows, &d);
    return st == ST_OK ? emit(m, row, &d) : st == ST_END ? ST_OK : st;
}

/* One side of a pair with its prompt.  *shared: tokens that end at or before the text boundary. */
static enum st make_side(struct maker *m, const struct rows *rows, const struct turns *prompt,
                         const struct turns *side, int slot, struct seq *s, int64_t *shared,
                         struct arena *a)
{
    struct job j = { .m = m, .rows = rows };
    struct turns t = { ARENA_NEW(a, struct turn, prompt->n + side->n), prompt->n + side->n };

    if (!t.v)
        return ST_SYS;
    memcpy(t.v, prompt->v, (size_t)prompt->n * sizeof *t.v);
    memcpy(t.v + prompt->n, side->v, (size_t)side->n * sizeof *t.v);
    enum st st = one_text(&j, &t, prompt->n, true, slot, s, a);
    if (st != ST_OK)
        return st;
    size_t boundary = rendering_part(&m->rendering, prompt->n)->begin;
    int64_t n = 0;
    while (n < m->encoding.n && m->encoding.end[n] <= boundary)
        n++;
    *shared = s->n_prefix + n;
    return ST_OK;
}

static struct seq tail(const struct seq *s, int64_t from)
{
    return (struct seq){ s->id + from, s->trained + from, s->n - from, 0 };
}

static bool same(const struct seq *a, const struct seq *b)
{
    return a->n == b->n && memcmp(a->id, b->id, (size_t)a->n * sizeof *a->id) == 0;
}

static enum st make_pair(struct maker *m, const struct rows *rows, const struct row *row,
                         struct arena *a)
{
    struct seq chosen, rejected;
    int64_t most, other, n = 0;
    struct made d;
    enum st st;

    if ((st = make_side(m, rows, &row->turns, &row->chosen, 0, &chosen, &most, a)) != ST_OK ||
        (st = make_side(m, rows, &row->turns, &row->rejected, 1, &rejected, &other, a)) != ST_OK)
        return st;
    most = MIN(most, other);
    while (n < most && chosen.id[n] == rejected.id[n])
        n++;
    d = (struct made){ .seq = chosen, .chosen = tail(&chosen, n), .rejected = tail(&rejected, n) };
    d.seq.n = n;
    if (same(&d.chosen, &d.rejected))
        return fault(m->faults, CAUSE_SAME, rows, row->chosen.v[0].at, "chosen equals rejected");
    if ((st = fit_pair(m, rows, &d)) != ST_OK)
        return st == ST_END ? ST_OK : st;
    if (same(&d.chosen, &d.rejected))
        return fault(m->faults, CAUSE_SAME, rows, row->chosen.v[0].at,
                     "chosen equals rejected within --max-tokens");
    return emit(m, row, &d);
}

/* A document, with the end token behind it; in pieces of --max-tokens where it is longer. */
static enum st make_text(struct maker *m, const struct rows *rows, const struct row *row)
{
    struct range whole = { 0, row->text.n };
    struct job j = { .m = m, .rows = rows, .content = &whole, .n_content = 1 };
    struct turn place = { .at = 0 };
    struct made d = { 0 };
    enum st st = tokenizer_encode(m->encoder, row->text, true, &m->encoding);

    j.turn = &place;
    if (st != ST_OK || (st = check_specials(&j)) != ST_OK)
        return st;
    if (m->encoding.n == 0)
        return fault(m->faults, CAUSE_EMPTY, rows, 0, "an empty text");
    if (seq_room(m, 0, m->encoding.n + 2 + TOKENIZER_AROUND_MAX, &d.seq) != ST_OK)
        return ST_SYS;
    put_prefix(m, &d.seq);
    for (int64_t i = 0; i < m->encoding.n; i++)
        put(&d.seq, m->encoding.id[i], true);
    put(&d.seq, (uint32_t)(m->t->eos >= 0 ? m->t->eos : m->end), true);
    struct seq all = d.seq;
    for (int64_t i = 0; i < all.n && st == ST_OK; i += m->max_tokens) {
        d.seq = tail(&all, i);
        d.seq.n = MIN(d.seq.n, m->max_tokens);
        if (d.seq.n > 1)                       /* one token alone has nothing to learn from */
            st = emit(m, row, &d);
    }
    return st;
}

enum st maker_row(struct maker *m, const struct rows *rows, const struct row *row, struct arena *a)
{
    switch (row->kind) {
    case REC_TEXT: return make_text(m, rows, row);
    case REC_SFT:  return make_sft(m, rows, row, a);
    case REC_PREF: return make_pair(m, rows, row, a);
    default:       BUG_IF(true); return ST_DATA;
    }
}
