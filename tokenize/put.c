/* put.c - tokens and flags -> ids in the stream's width and spans -> msgpack. */
#include "put.h"

/* Ids of s behind those already in p->ids, which has room. */
static struct ids put_ids(struct put *p, const struct seq *s)
{
    uint8_t *to = (uint8_t *)p->ids.p + p->ids.n;

    ids_put(to, s->id, s->n, p->width);
    p->ids.n += (size_t)(s->n * p->width);
    return (struct ids){ to, s->n, p->width };
}

/* Spans behind those already in v. */
static struct spans put_spans(const struct seq *s, struct span *v)
{
    int64_t n = 0;

    for (int64_t i = 0; i < s->n;) {
        const uint8_t *begin = memchr(s->trained + i, true, (size_t)(s->n - i)), *end;
        if (!begin)
            break;
        i = begin - s->trained;
        end = memchr(begin, false, (size_t)(s->n - i));
        int64_t to = end ? end - s->trained : s->n;
        v[n++] = (struct span){ i, to };
        i = to;
    }
    return (struct spans){ v, n, true };
}

static bool all_trained(struct spans s, int64_t n)
{
    return s.n == 1 && s.v[0].begin == 0 && s.v[0].end == n;
}

enum st put_record(struct put *p, const struct made *m, struct buf *to)
{
    int64_t n = made_tokens(m);
    size_t ids_bytes = (size_t)n * 4, at = (ids_bytes + 63) & ~(size_t)63;
    struct rec r = {
        .kind = m->kind, .t = view_of(rec_kind_name(m->kind)), .src = p->src, .id = m->id,
        .w = m->row->w,
    };
    enum st st;

    p->ids.n = 0;                              /* ids, then the spans: at most one for two tokens */
    if ((st = buf_room(&p->ids, at + ((size_t)n / 2 + 3) * sizeof(struct span) +
                                    (size_t)m->n_choices * sizeof(struct choice))) != ST_OK)
        return st;
    struct span *span = (struct span *)(p->ids.p + at);
    switch (m->kind) {
    case REC_TEXT:
        r.ids = put_ids(p, &m->seq);
        break;
    case REC_SFT:
        r.ids = put_ids(p, &m->seq);
        r.span = put_spans(&m->seq, span);
        break;
    case REC_PREF:
        r.prompt = put_ids(p, &m->seq);
        r.chosen = put_ids(p, &m->chosen);
        r.rejected = put_ids(p, &m->rejected);
        r.chosen_span = put_spans(&m->chosen, span);
        r.rejected_span = put_spans(&m->rejected, span + r.chosen_span.n);
        if (all_trained(r.chosen_span, m->chosen.n))
            r.chosen_span = (struct spans){ 0 };
        if (all_trained(r.rejected_span, m->rejected.n))
            r.rejected_span = (struct spans){ 0 };
        break;
    case REC_LABEL:
        r.prompt = put_ids(p, &m->seq);
        r.completion = put_ids(p, &m->chosen);
        r.completion_span = put_spans(&m->chosen, span);
        if (all_trained(r.completion_span, m->chosen.n))
            r.completion_span = (struct spans){ 0 };
        r.good = m->row->good;
        break;
    case REC_CHOICE:
        r.prompt = put_ids(p, &m->seq);
        r.choices = (struct choice *)span;
        r.n_choices = m->n_choices;
        for (int64_t i = 0; i < m->n_choices; i++)
            r.choices[i] = (struct choice){ put_ids(p, &m->choices[i]), m->row->chars[i] };
        r.answer = m->row->answer;
        r.right = m->row->right;
        r.n_right = m->row->n_right;
        r.group = m->row->group;
        break;
    case REC_PROMPT:
        r.prompt = put_ids(p, &m->seq);
        r.answer_text = m->row->answer_text;
        break;
    default:
        BUG_IF(true);
    }
    return rec_write(to, &r, p->width);
}

void put_free(struct put *p)
{
    buf_free(&p->ids);
}
