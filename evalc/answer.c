/* answer.c - text out of tokens, and the search for stop strings in what is new of it. */
#include "answer.h"

enum st manner_check(struct manner *m, struct words *w)
{
    static const char *const draws[] = { "top-k", "top-p", "min-p", "seed" };
    int64_t n = 0;
    enum st st;

    for (int64_t i = 0; m->how.temperature == 0 && i < countof(draws); i++)
        if (opt_given(draws[i])) {
            err_place("--%s", draws[i]);
            return fail(ST_USAGE, "nothing is drawn at temperature 0; say --temperature 1");
        }
    err_place("--stop");
    for (int64_t i = 0; i < m->stops.n; i++) {
        const char *text = m->stops.v[i];
        int64_t id = tokenizer_find(w->t, text);
        if (!*text)
            return fail(ST_USAGE, "an empty text is everywhere");
        if (id < 0 || !tokenizer_special(w->t, (uint32_t)id))
            m->stops.v[n++] = text;
        else if ((st = words_end(w, id)) != ST_OK)
            return st;
    }
    m->stops.n = n;
    err_place(NULL);
    return ST_OK;
}

enum st answer_begin(struct answer *v, const struct words *w, const int32_t *prompt,
                     int64_t n_prompt, int64_t max_new, struct arena *a)
{
    if (!v->decoder && !(v->decoder = decoder_new(w->t, false, a)))
        return ST_SYS;
    v->id.n = v->text.n = v->sure = 0;
    if (buf_room(&v->id, (size_t)(n_prompt + max_new) * sizeof(int32_t)) != ST_OK)
        return ST_SYS;
    v->row = (struct gen_row){ .id = (int32_t *)v->id.p, .n_prompt = n_prompt, .max_new = max_new };
    if (n_prompt)
        memcpy(v->row.id, prompt, (size_t)n_prompt * sizeof(int32_t));
    return ST_OK;
}

/* The first stop string in the text that ends behind `from`: where it begins, or the text's end. */
static size_t stop_at(const struct answer *v, const struct manner *m, size_t from)
{
    size_t first = v->text.n;

    for (int64_t i = 0; i < m->stops.n; i++) {
        struct view s = view_of(m->stops.v[i]);
        size_t at = from >= s.n ? from - s.n + 1 : 0;
        const char *hit = v->text.n ? memmem(v->text.p + at, v->text.n - at, s.p, s.n) : NULL;
        if (hit)
            first = MIN(first, (size_t)(hit - v->text.p));
    }
    return first;
}

/* Bytes before the longest end of the text that a stop string may begin with. */
static size_t sure_of(const struct answer *v, const struct manner *m)
{
    size_t held = 0;

    for (int64_t i = 0; i < m->stops.n; i++) {
        struct view s = view_of(m->stops.v[i]);
        for (size_t n = MIN(s.n - 1, v->text.n); n > held; n--)
            if (memcmp(v->text.p + v->text.n - n, s.p, n) == 0)
                held = n;
    }
    return v->text.n - held;
}

enum st answer_token(struct answer *v, const struct manner *m)
{
    struct gen_row *r = &v->row;
    size_t from = v->text.n;
    enum st st = ST_OK;

    if (r->finish != GEN_STOP)                 /* the token that ends an answer says nothing */
        st = decoder_put(v->decoder, (uint32_t)r->id[r->n - 1], &v->text);
    if (st == ST_OK && r->finish != GEN_GOING)
        st = decoder_end(v->decoder, &v->text);
    if (st != ST_OK)
        return st;
    size_t stop = stop_at(v, m, from);
    if (stop < v->text.n) {
        if (r->finish == GEN_GOING && (st = decoder_end(v->decoder, &v->text)) != ST_OK)
            return st;
        r->finish = GEN_STOP;
        v->text.n = stop;
    }
    v->sure = r->finish == GEN_GOING ? sure_of(v, m) : v->text.n;
    return ST_OK;
}

void answer_free(struct answer *v)
{
    if (v->decoder)
        decoder_free(v->decoder);
    buf_free(&v->id);
    buf_free(&v->text);
    *v = (struct answer){ 0 };
}
