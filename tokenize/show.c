/* show.c - a record as text again, special tokens written out, trained stretches marked. */
#include "show.h"

static int64_t trained(const struct seq *s)
{
    int64_t n = 0;

    for (int64_t i = 0; i < s->n; i++)
        n += s->trained[i];
    return n;
}

static enum st put(struct buf *out, const char *s)
{
    return buf_add(out, s, strlen(s));
}

static enum st show_seq(struct buf *out, const struct tokenizer *t, const struct seq *s,
                        bool marked, bool colour)
{
    const char *on = colour ? "\033[1;32m" : "{+", *off = colour ? "\033[0m" : "+}";
    struct arena *a = arena_new(0);
    struct decoder *d = decoder_new(t, true, a);
    enum st st = d ? ST_OK : ST_SYS;

    for (int64_t i = 0, to; i < s->n && st == ST_OK; i = to) {
        for (to = i + 1; to < s->n && s->trained[to] == s->trained[i]; to++)
            ;
        bool mark = marked && s->trained[i];
        if (mark)
            st = put(out, on);
        for (int64_t k = i; k < to && st == ST_OK; k++)
            st = decoder_put(d, s->id[k], out);
        if (st == ST_OK && to == s->n)
            st = decoder_end(d, out);
        if (mark && st == ST_OK)
            st = put(out, off);
    }
    if (d)
        decoder_free(d);
    arena_free(a);
    return st == ST_OK ? put(out, "\n") : st;
}

static enum st head(struct buf *out, const char *name, const struct seq *s, bool marked,
                    bool colour)
{
    const char *dim = colour ? "\033[2m" : "", *off = colour ? "\033[0m" : "";

    if (!marked)
        return buf_printf(out, "%s-- %s: %lld tokens%s\n", dim, name, (long long)s->n, off);
    return buf_printf(out, "%s-- %s: %lld tokens, %lld trained%s\n", dim, name, (long long)s->n,
                      (long long)trained(s), off);
}

static enum st show_part(struct buf *out, const struct tokenizer *t, const char *name,
                         const struct seq *s, bool marked, bool colour)
{
    enum st st = head(out, name, s, marked, colour);

    return st == ST_OK ? show_seq(out, t, s, marked, colour) : st;
}

enum st show_record(struct buf *out, const struct tokenizer *t, const struct made *m,
                    const char *place, bool colour)
{
    bool whole = m->kind == REC_TEXT || m->kind == REC_SFT;
    enum st st = buf_printf(out, "== %s\n", place);

    if (st == ST_OK)
        st = show_part(out, t, whole ? rec_kind_name(m->kind) : "prompt", &m->seq, whole, colour);
    if (st == ST_OK && m->kind == REC_LABEL)
        st = show_part(out, t, m->row->good ? "good" : "bad", &m->chosen, true, colour);
    if (st == ST_OK && m->kind == REC_PREF)
        st = show_part(out, t, "chosen", &m->chosen, true, colour);
    if (st == ST_OK && m->kind == REC_PREF)
        st = show_part(out, t, "rejected", &m->rejected, true, colour);
    for (int64_t i = 0; i < m->n_choices && st == ST_OK; i++)
        st = show_part(out, t, i == m->row->answer ? "right" : "choice", &m->choices[i], true,
                       colour);
    if (st == ST_OK && m->kind == REC_PROMPT && m->row->answer_text.p)
        st = buf_printf(out, "-- answer: %s\n", shown(m->row->answer_text));
    return st;
}
