/* fit.c - what becomes of a row that is longer than --max-tokens.
 *
 * Never a silent cut: without a word from the user it is a fault, a drop or a cut is counted, and
 * a row in which nothing would be learnt any more is a fault whatever was asked.  The tokenizer's
 * own first tokens stay first. */
#include "fit.h"

/* Takes out n tokens from `at` on. */
static void seq_cut(struct seq *s, int64_t at, int64_t n)
{
    memmove(s->id + at, s->id + at + n, (size_t)(s->n - at - n) * sizeof *s->id);
    memmove(s->trained + at, s->trained + at + n, (size_t)(s->n - at - n));
    s->n -= n;
}

/* The first trained token from `from` on, or how many there are. */
static int64_t first_trained(const struct seq *s, int64_t from)
{
    const uint8_t *p = s->n > from ? memchr(s->trained + from, true, (size_t)(s->n - from)) : NULL;

    return p ? p - s->trained : s->n;
}

/* There is a trained token that has one before it. */
static bool has_trained(const struct seq *s, bool has_before)
{
    return first_trained(s, has_before ? 0 : 1) < s->n;
}

static enum st too_long(const struct maker *m, const struct rows *rows, int64_t n)
{
    struct faults *f = m->faults;

    if (m->truncate == TRUNCATE_DROP) {
        f->dropped++;
        return ST_END;
    }
    return fault(f, CAUSE_LONG, rows, 0,
                 m->truncate == TRUNCATE_ASK
                     ? "%lld tokens, --max-tokens is %lld; say how to --truncate"
                     : "%lld tokens, --max-tokens is %lld, and the answer alone does not fit",
                 (long long)n, (long long)m->max_tokens);
}

static enum st nothing_left(const struct maker *m, const struct rows *rows)
{
    return fault(m->faults, CAUSE_MASK, rows, 0, "no trained token%s", m->truncate > TRUNCATE_DROP
                 ? " is left within --max-tokens; try --truncate prompt-left" : "");
}

enum st fit_row(const struct maker *m, const struct rows *rows, struct made *d)
{
    struct seq *s = &d->seq;
    int64_t over = s->n - m->max_tokens;

    if (over > 0) {
        int64_t prompt = first_trained(s, 0) - s->n_prefix;
        switch (m->truncate) {
        case TRUNCATE_START:
            s->n = m->max_tokens;
            break;
        case TRUNCATE_END:
            seq_cut(s, s->n_prefix, MIN(over, s->n - s->n_prefix));
            break;
        case TRUNCATE_LEFT:
            if (prompt < over + (s->n_prefix == 0))
                return too_long(m, rows, s->n);
            seq_cut(s, s->n_prefix, over);
            break;
        default:
            return too_long(m, rows, s->n);
        }
        d->cut = true;
        d->cut_end = m->truncate == TRUNCATE_START;
    }
    return has_trained(s, false) ? ST_OK : nothing_left(m, rows);
}

/* The sides behind the prompt, each of which must fit with it: none of a prompt alone. */
struct sides { struct seq *v[2]; struct seq *choice; int64_t n; };

static struct sides sides_of(struct made *d)
{
    switch (d->kind) {
    case REC_PREF:   return (struct sides){ { &d->chosen, &d->rejected }, NULL, 2 };
    case REC_LABEL:  return (struct sides){ { &d->chosen }, NULL, 1 };
    case REC_CHOICE: return (struct sides){ { NULL }, d->choices, d->n_choices };
    default:         return (struct sides){ 0 };
    }
}

static struct seq *side(const struct sides *s, int64_t i)
{
    return s->choice ? &s->choice[i] : s->v[i];
}

static enum st check_sides(const struct maker *m, const struct rows *rows, const struct made *d,
                           const struct sides *s)
{
    for (int64_t i = 0; i < s->n; i++)
        if (!has_trained(side(s, i), d->seq.n > 0))
            return nothing_left(m, rows);
    return s->n == 0 && d->seq.n == 0 ? nothing_left(m, rows) : ST_OK;
}

enum st fit_sides(const struct maker *m, const struct rows *rows, struct made *d)
{
    struct seq *p = &d->seq;
    const struct sides s = sides_of(d);
    bool scored = d->kind == REC_CHOICE || d->kind == REC_PROMPT;     /* its end is the question */
    int64_t longer = 0;

    for (int64_t i = 0; i < s.n; i++)
        longer = MAX(longer, side(&s, i)->n);
    int64_t over = p->n + longer - m->max_tokens;
    if (over <= 0)
        return check_sides(m, rows, d, &s);
    int64_t room = m->max_tokens - p->n, free = p->n - p->n_prefix;
    bool left = m->truncate == TRUNCATE_LEFT || (scored && m->truncate == TRUNCATE_END);
    if (m->truncate <= TRUNCATE_DROP || (scored && m->truncate == TRUNCATE_START) ||
        (left && free < over + (p->n_prefix == 0)))
        return too_long(m, rows, p->n + longer);
    if (m->truncate == TRUNCATE_START) {
        if (room <= 0)
            return nothing_left(m, rows);
        d->cut_end = true;
    } else {
        seq_cut(p, p->n_prefix, MIN(over, free));
        room = MAX(m->max_tokens - p->n, 0);
    }
    for (int64_t i = 0; i < s.n; i++) {
        struct seq *v = side(&s, i);
        if (v->n > room)
            seq_cut(v, m->truncate == TRUNCATE_START ? room : 0, v->n - room);
    }
    d->cut = true;
    return check_sides(m, rows, d, &s);
}
