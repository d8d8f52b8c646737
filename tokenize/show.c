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

enum st show_record(struct buf *out, const struct tokenizer *t, const struct made *m,
                    const char *place, bool colour)
{
    const struct { const char *name; const struct seq *s; bool marked; } parts[] = {
        { m->kind == REC_PREF ? "prompt" : rec_kind_name(m->kind), &m->seq, m->kind != REC_PREF },
        { "chosen", &m->chosen, true }, { "rejected", &m->rejected, true },
    };
    enum st st = buf_printf(out, "== %s\n", place);

    for (int i = 0; i < (m->kind == REC_PREF ? 3 : 1) && st == ST_OK; i++) {
        if ((st = head(out, parts[i].name, parts[i].s, parts[i].marked, colour)) == ST_OK)
            st = show_seq(out, t, parts[i].s, parts[i].marked, colour);
    }
    return st;
}
