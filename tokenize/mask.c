/* mask.c - rendering, encoding, and what is trained. */
#include "mask.h"
#include "text/unicode.h"

/* One text on its way. */
struct job {
    struct maker      *m;
    const struct rows *rows;
    const struct talk *t;
};

static size_t place(const struct job *j, int64_t turn)
{
    return j->t->n ? j->t->turn[turn].at : 0;
}

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

/* What stands before every text; a program writes its own. */
static void put_prefix(const struct maker *m, struct seq *s)
{
    if (m->chat->bos >= 0)
        put(s, (uint32_t)m->chat->bos, false);
    for (int i = 0; i < m->t->n_prefix; i++)
        put(s, m->t->prefix[i], false);
    s->n_prefix = s->n;
}

/* ---- faults of a text ---- */

/* What the template says against this conversation, with the row's place before its own. */
static enum st refused(const struct job *j)
{
    char what[300];

    snprintf(what, sizeof what, "%s", err_text());
    err_clear();
    return fault(j->m->faults, CAUSE_TEMPLATE, j->rows, place(j, 0), "template %s: %s",
                 j->m->chat->name, what);
}

/* What the tokenizer says against this text. */
static enum st unencoded(const struct maker *m, const struct rows *rows, size_t at)
{
    char what[300];

    snprintf(what, sizeof what, "%s", err_text());
    err_clear();
    return fault(m->faults, CAUSE_ENCODE, rows, at, "%s", what);
}

/* Every answer must say something. */
static enum st check_parts(const struct job *j)
{
    const struct rendering *r = &j->m->rendering;

    if (rendering_parts(r) == 0)
        return fault(j->m->faults, CAUSE_MASK, j->rows, 0, "no turn of the assistant is trained");
    for (int64_t i = 0; i < rendering_parts(r); i++)
        if (rendering_part(r, i)->empty)
            return fault(j->m->faults, CAUSE_EMPTY, j->rows, place(j, rendering_part(r, i)->turn),
                         "an empty completion; there is nothing to learn");
    return ST_OK;
}

/* A program writes the begin token into its text; else it stands before the text, if at all. */
static enum st check_bos(const struct maker *m, const struct rows *rows, size_t at, bool program)
{
    const struct encoding *v = &m->encoding;
    uint32_t bos = (uint32_t)m->t->bos;

    if (m->t->bos < 0 || v->n == 0 || v->id[0] != bos)
        return ST_OK;
    if (program && v->n > 1 && v->id[1] == bos)
        return fault(m->faults, CAUSE_BOS, rows, at, "the template writes the begin token, and the "
                     "text begins with another; take it out of the text");
    if (!program && (m->t->n_prefix || m->chat->bos >= 0))
        return fault(m->faults, CAUSE_BOS, rows, at, "the text begins with the begin token, "
                     "which the tokenizer adds itself; take it out of the text");
    return ST_OK;
}

static enum st check_text(const struct maker *m, const struct rows *rows, struct view text,
                          size_t at)
{
    struct view marker;

    if (!chat_marked(m->chat, text, &marker))
        return ST_OK;
    return fault(m->faults, CAUSE_SPECIAL, rows, at,
                 "the text holds the special token "
                 "'%s'; take it out, or say --specials allow", shown(marker));
}

/* All strings of a value, which is at most SCAN_DEPTH_MAX deep. */
static enum st check_value(const struct job *j, const struct scan *v, size_t at)
{
    enum st st = ST_OK;

    if (v->type == SCAN_TEXT)
        return check_text(j->m, j->rows, v->text, at);
    if (v->type != SCAN_ARRAY && v->type != SCAN_OBJECT)
        return ST_OK;
    for (int32_t i = 0; i < v->n && st == ST_OK; i++) {
        if (v->type == SCAN_OBJECT)
            st = check_text(j->m, j->rows, v->key[i], at);
        if (st == ST_OK)
            st = check_value(j, &v->item[i], at);
    }
    return st;
}

/* A marker within a text of the row would be taken for one of the template's.  Other special
 * tokens may be words (some tokenizers have `assistant` as one) and stay what they are. */
static enum st check_specials(const struct job *j)
{
    const struct talk *t = j->t;
    enum st st = ST_OK;

    if (j->m->specials)
        return ST_OK;
    for (int64_t i = 0; i < t->n && st == ST_OK; i++) {
        const struct turn *turn = &t->turn[i];
        st = turn->message && !j->m->chat->layout ? check_value(j, turn->message, turn->at)
                                                 : check_text(j->m, j->rows, turn->text, turn->at);
    }
    if (st == ST_OK && t->tools)
        st = check_value(j, t->tools, place(j, 0));
    if (st == ST_OK && t->documents)
        st = check_value(j, t->documents, place(j, 0));
    return st;
}

/* ---- what is trained ---- */

static bool is_end(const struct maker *m, uint32_t id)
{
    return m->chat->end >= 0 ? id == (uint32_t)m->chat->end : tokenizer_special(m->t, id);
}

/* How many of n places, which never fall, lie at or before byte `at`.  Halving without a branch:
 * which way it goes cannot be guessed. */
static int64_t up_to(const uint32_t *place, int64_t n, size_t at)
{
    const uint32_t *p = place;

    if (n == 0)
        return 0;
    for (; n > 1; n -= n / 2)
        p += p[n / 2 - 1] <= at ? n / 2 : 0;
    return p - place + (*p <= at);
}

/* The end token of every part: its last one, behind which only white space may stand.  Generation
 * blocks stay as the template has them. */
static enum st find_ends(const struct job *j)
{
    const struct maker *m = j->m;
    const struct encoding *v = &m->encoding;
    const struct rendering *r = &m->rendering;
    int64_t from = 0;

    for (int64_t k = 0; k < rendering_parts(r); k++) {
        struct part *p = rendering_part(r, k);
        int64_t to = up_to(v->end, v->n, p->stop), last = to - 1;
        while (last >= from && !(v->begin[last] >= p->begin && is_end(m, v->id[last])))
            last--;
        bool found = last >= from;
        size_t end = found ? v->end[last] : p->begin;
        struct view rest = { r->text.p + end, p->stop - end };
        if (!found || unicode_trim(rest).n)
            return m->chat->end < 0
                 ? fault(m->faults, CAUSE_END, j->rows, place(j, p->turn),
                         "no special token ends this answer under the template, so its end is not "
                         "trained; name one with --eos")
                 : fault(m->faults, CAUSE_END, j->rows, 0,
                         "the end token '%s' does not come out as one token behind the "
                         "answer, so it is not trained; name another with --eos",
                         shown(m->chat->end_text));
        from = MAX(from, to);
        p->end = v->begin[last];
        if (!r->marked)
            p->stop = end;
    }
    return ST_OK;
}

static enum st merged(const struct job *j, int64_t i, const struct part *p)
{
    const struct maker *m = j->m;
    const struct encoding *v = &m->encoding;
    struct view token = { m->rendering.text.p + v->begin[i], v->end[i] - v->begin[i] };

    return fault(m->faults, CAUSE_MERGE, j->rows, place(j, MAX(p->turn - 1, 0)),
                 "the token '%s' lies across the boundary of what is "
                 "trained; end the prompt otherwise, or say --boundary shift",
                 shown(token));
}

/* Tokens from `from` to `to` touch the part and are trained, but for those that begin before it or
 * end behind it; ST_END: there are some, and *first is the first. */
static enum st flag_part(const struct encoding *v, const struct part *p, int64_t from, int64_t to,
                         uint8_t *trained, int64_t *first)
{
    int64_t i = from, n = to;

    memset(trained + from, true, (size_t)(to - from));
    while (i < to && v->begin[i] < p->begin)
        trained[i++] = false;
    while (n > i && v->end[n - 1] > p->stop)
        trained[--n] = false;
    *first = i > from ? from : n;
    return *first < to ? ST_END : ST_OK;
}

/* The encoding up to the last part, or all of it, with its flags: part by part, what lies before it
 * and then what touches it. */
static enum st flag(const struct job *j, int slot, struct seq *s)
{
    const struct maker *m = j->m;
    const struct encoding *v = &m->encoding;
    int64_t n = rendering_parts(&m->rendering), i = 0, first;
    bool shifted = false;

    if (seq_room(j->m, slot, v->n + 1 + TOKENIZER_AROUND_MAX, s) != ST_OK)
        return ST_SYS;
    if (m->chat->layout)
        put_prefix(m, s);
    else
        s->n_prefix = v->n && m->t->bos >= 0 && v->id[0] == (uint32_t)m->t->bos;
    uint8_t *trained = s->trained + s->n;
    for (int64_t r = 0; r < n; r++) {
        struct part p = *rendering_part(&m->rendering, r);
        int64_t from = MAX(i, up_to(v->end, v->n, p.begin));
        int64_t to = p.stop ? MAX(from, up_to(v->begin, v->n, p.stop - 1)) : from;
        memset(trained + i, false, (size_t)(from - i));
        if (flag_part(v, &p, from, to, trained, &first) == ST_END) {
            if (!m->shift)
                return merged(j, first, &p);
            shifted = true;
        }
        i = to;
    }
    if (n == 0)
        memset(trained, false, (size_t)(i = v->n));
    if (i)
        memcpy(s->id + s->n, v->id, (size_t)i * sizeof *s->id);
    s->n += i;
    m->faults->shifted += shifted;
    return ST_OK;
}

static enum st encode(const struct job *j)
{
    struct maker *m = j->m;
    enum st st = tokenizer_encode(m->encoder, m->rendering.text, true, &m->encoding);

    if (st == ST_DATA)
        return unencoded(m, j->rows, place(j, 0));
    if (st == ST_OK)
        st = check_bos(m, j->rows, place(j, 0), !m->chat->layout);
    return st == ST_OK ? check_specials(j) : st;
}

enum st mask_talk(struct maker *m, const struct rows *rows, const struct talk *t, int slot,
                  struct seq *s, struct arena *a)
{
    struct job j = { m, rows, t };
    enum st st = chat_render(&m->rendering, m->chat, t, a);

    if (st != ST_OK)
        return st == ST_DATA ? refused(&j) : st;
    if ((st = check_parts(&j)) != ST_OK || (st = encode(&j)) != ST_OK ||
        (st = find_ends(&j)) != ST_OK)
        return st;
    return flag(&j, slot, s);
}

enum st mask_prompt(struct maker *m, const struct rows *rows, const struct talk *t, int slot,
                    struct seq *s, struct arena *a)
{
    struct job j = { m, rows, t };
    enum st st = chat_prompt(&m->rendering, m->chat, t, a);

    if (st != ST_OK)
        return st == ST_DATA ? refused(&j) : st;
    return (st = encode(&j)) == ST_OK ? flag(&j, slot, s) : st;
}

enum st mask_text(struct maker *m, const struct rows *rows, struct view text, struct seq *s)
{
    enum st st = tokenizer_encode(m->encoder, text, false, &m->encoding);

    if (st == ST_DATA)
        return unencoded(m, rows, 0);
    if (st != ST_OK || (st = check_bos(m, rows, 0, false)) != ST_OK ||
        (!m->specials && (st = check_text(m, rows, text, 0)) != ST_OK))
        return st;
    if (m->encoding.n == 0)
        return fault(m->faults, CAUSE_EMPTY, rows, 0, "an empty text");
    if (seq_room(m, 0, m->encoding.n + 2 + TOKENIZER_AROUND_MAX, s) != ST_OK)
        return ST_SYS;
    put_prefix(m, s);
    for (int64_t i = 0; i < m->encoding.n; i++)
        put(s, m->encoding.id[i], true);
    put(s, (uint32_t)(m->t->eos >= 0 ? m->t->eos : m->chat->end), true);
    return ST_OK;
}

int64_t mask_before(const struct maker *m, const struct seq *s, size_t byte)
{
    int64_t n = up_to(m->encoding.end, m->encoding.n, byte);

    return MIN(s->n, n + (m->chat->layout ? s->n_prefix : 0));
}
