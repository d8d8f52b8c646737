/* rec.c - a record's bytes into fields.
 *
 * One walk over the map finds the fields (their order is free, so the kind may come last), checks
 * everything inside the unknown ones, and only then the kind says what the known ones must be.
 * Nothing is copied but spans and choices. */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "stream/field.h"

/* ---- names ---- */

static const char kind_name[][16] = {
    "",      "header", "end",    "text", "sft",  "pref",
    "label", "choice", "prompt", "gen",  "step", "metric",
};

const char *rec_kind_name(enum rec_kind k) { return k == REC_OTHER ? "other" : kind_name[k]; }

/* The first field of each length of name. */
static const uint8_t first_of[17] = {
    F_T,
    F_T,
    F_ID,
    F_SRC,
    F_SPAN,
    F_CHARS,
    F_PROMPT,
    F_CHOICES,
    F_REJECTED,
    F_COMPLETION,
    F_COMPLETION,
    F_CHOSEN_SPAN,
    F_REJECTED_SPAN,
    F_REJECTED_SPAN,
    F_COMPLETION_SPAN,
    F_COMPLETION_SPAN,
    N_FIELDS,
};

/* Up to 15 bytes of a name as two words, so that a comparison is two instructions. */
struct word { uint64_t lo, hi; };

static inline struct word word_of(const void *p, size_t n, const void *end)
{
    static const uint8_t keep[32] = { 255, 255, 255, 255, 255, 255, 255, 255,
                                      255, 255, 255, 255, 255, 255, 255, 255 };
    struct word w, mask;
    uint8_t copy[16];
    if ((const char *)end - (const char *)p < 16)
        p = memcpy(copy, p, n);
    memcpy(&w, p, 16);
    memcpy(&mask, keep + 16 - n, 16);
    w.lo &= mask.lo;
    w.hi &= mask.hi;
    return w;
}

static inline bool word_is(struct word w, const char name[16])
{
    struct word v;
    memcpy(&v, name, 16);
    return w.lo == v.lo && w.hi == v.hi;
}

/* ---- the walk ---- */

static inline enum field find_field(const struct mp *key, const uint8_t *end)
{
    if (key->n > 15)
        return N_FIELDS;
    struct word w = word_of(key->p, key->n, end);
    for (int f = first_of[key->n]; f < first_of[key->n + 1]; f++)
        if (word_is(w, field_name[f]))
            return (enum field)f;
    return N_FIELDS;
}

/* The pairs of the outermost map.  False with in.why NULL: cut. */
static bool walk(struct take *t, size_t n)
{
    struct view other[MP_FEW];
    struct mp_in start = t->in;
    size_t n_other = 0;
    const char *twice = "a key twice in one map";
    for (size_t i = 0; i < n; i++) {
        struct mp key, *v, skipped;
        if (!mp_next(&t->in, &key))
            return false;
        if (key.type != MP_TEXT) {
            t->in.why = "a map key that is not text";
            return false;
        }
        enum field f = find_field(&key, t->in.end);
        if (f == N_FIELDS) {
            v = &skipped;
            if (!mp_utf8(key.p, key.n)) {
                t->in.why = "a map key that is not text";
                return false;
            }
            struct view name = { (const char *)key.p, key.n };
            for (size_t j = 0; j < MIN(n_other, MP_FEW); j++)
                if (view_eq(name, other[j]))
                    t->in.why = twice;
            if (n_other < MP_FEW)
                other[n_other] = name;
            n_other++;
        } else {
            v = &t->v[f];
            if (has(t, f))
                t->in.why = twice;
            t->have |= 1u << f;
        }
        const uint8_t *from = t->in.p;
        if (t->in.why || !mp_next(&t->in, v) ||
            ((v->type >= MP_ARRAY || v->type == MP_TEXT) && !mp_inside(&t->in, v, 1)))
            return false;
        if (f != N_FIELDS)
            t->raw[f] = (struct view){ (const char *)from, (size_t)(t->in.p - from) };
    }
    t->end = start.end = t->in.p;
    if (n_other > MP_FEW && !mp_keys_differ(start, n))
        t->in.why = twice;
    return t->in.why == NULL;
}

/* ---- the record ---- */

/* Kind, source and id, which every row has; a step, a metric, a header and an end need not. */
static bool take_common(struct take *t, struct rec *r)
{
    const struct mp *v = &t->v[F_T];
    if (!has(t, F_T) || v->type != MP_TEXT)
        return field_bad(t, "no field 't', the kind of record");
    r->t = (struct view){ (const char *)v->p, v->n };
    r->kind = REC_OTHER;
    if (v->n > 0 && v->n < 16) {
        struct word w = word_of(v->p, v->n, t->end);
        for (int k = REC_HEADER; k < (int)countof(kind_name); k++)
            if (word_is(w, kind_name[k]))
                r->kind = (enum rec_kind)k;
    }
    bool row = r->kind >= REC_TEXT && r->kind <= REC_GEN;
    if (has(t, F_SRC) ? t->v[F_SRC].type != MP_TEXT : row)
        return has(t, F_SRC) ? field_bad(t, "field 'src' is not text")
                             : field_bad(t, "no field 'src'");
    if (has(t, F_SRC))
        r->src = (struct view){ (const char *)t->v[F_SRC].p, t->v[F_SRC].n };
    if (has(t, F_ID) && t->v[F_ID].type == MP_BIN && t->v[F_ID].n == 8) {
        for (int i = 0; i < 8; i++)
            r->id = r->id << 8 | t->v[F_ID].p[i];
        return true;
    }
    return !row || field_bad(t, "field 'id' is not bin of 8 bytes");
}

static int64_t spans_sum(const struct spans *s, int64_t n_ids)
{
    int64_t sum = 0;
    if (!s->given)
        return n_ids;
    for (int64_t i = 0; i < s->n; i++)
        sum += s->v[i].end - s->v[i].begin;
    return sum;
}

void rec_count(struct rec *r)
{
    r->n_tokens = r->prompt.n + r->ids.n + r->chosen.n + r->rejected.n + r->completion.n;
    for (int64_t i = 0; i < r->n_choices; i++)
        r->n_tokens += r->choices[i].ids.n;
    r->n_trained = spans_sum(&r->span, r->ids.n) + spans_sum(&r->chosen_span, r->chosen.n) +
                   spans_sum(&r->rejected_span, r->rejected.n) +
                   spans_sum(&r->completion_span, r->completion.n);
}

enum st rec_take(struct rec *r, const void *p, size_t n_bytes, int width, struct arena *a,
                 char why[REC_WHY])
{
    struct take t;
    struct mp map;
    t.have = 0;
    t.in = (struct mp_in){ p, (const uint8_t *)p + n_bytes, NULL };
    t.width = width;
    t.arena = a;
    t.why = why;
    t.st = ST_DATA;
    bool found = mp_next(&t.in, &map);
    if (found && (map.type != MP_MAP || map.n > MP_FIELDS_MAX)) {
        snprintf(why, REC_WHY, "%s",
                 map.type != MP_MAP ? "not a map" : "a map of more than 4096 fields");
        return ST_DATA;
    }
    if (!found || !walk(&t, map.n)) {
        if (!t.in.why && n_bytes <= REC_BYTES_MAX)
            return ST_END;
        snprintf(why, REC_WHY, "%s", t.in.why ? t.in.why : "more than 64 MiB in one record");
        return ST_DATA;
    }
    *r = (struct rec){
        .raw = p, .raw_bytes = (size_t)(t.end - (const uint8_t *)p), .w = 1, .ids.width = width
    };
    if (r->raw_bytes > REC_BYTES_MAX) {
        snprintf(why, REC_WHY, "more than 64 MiB in one record");
        return ST_DATA;
    }
    if (!take_common(&t, r) || !field_take(&t, r))
        return t.st;
    rec_count(r);
    return ST_OK;
}

enum st rec_read(struct rec *r, const void *raw, size_t n_bytes, int width, struct arena *a)
{
    char why[REC_WHY];
    enum st st = rec_take(r, raw, n_bytes, width, a, why);
    if (st == ST_END)
        return fail(ST_DATA, "a count or length reaches past the record's %zu bytes", n_bytes);
    if (st == ST_DATA)
        return fail(ST_DATA, "%s", why);
    if (st == ST_OK && r->raw_bytes != n_bytes)
        return fail(ST_DATA, "%zu bytes behind the record", n_bytes - r->raw_bytes);
    return st;
}

uint64_t rec_id(enum rec_kind k, const struct view *text, int64_t n_texts)
{
    XXH3_state_t h;
    XXH3_64bits_reset(&h);
    XXH3_64bits_update(&h, rec_kind_name(k), strlen(rec_kind_name(k)));
    for (int64_t i = 0; i < n_texts; i++) {
        XXH3_64bits_update(&h, "", 1);
        XXH3_64bits_update(&h, text[i].p, text[i].n);
    }
    return XXH3_64bits_digest(&h);
}
