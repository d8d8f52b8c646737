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
    [0] = F_T, [1] = F_T, [2] = F_ID, [3] = F_SRC, [4] = F_SPAN, [5] = F_CHARS, [6] = F_PROMPT,
    [7] = F_CHOICES, [8] = F_REJECTED, [9] = F_COMPLETION, [10] = F_COMPLETION,
    [11] = F_CHOSEN_SPAN, [12] = F_REJECTED_SPAN, [13] = F_REJECTED_SPAN,
    [14] = F_COMPLETION_SPAN, [15] = F_COMPLETION_SPAN, [16] = N_FIELDS,
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

/* Keys of fields unknown to us: a few are compared as they come, more at the end. */
struct others { struct view key[MP_FEW]; size_t n; };

static __attribute__((noinline)) bool other_key(struct take *t, struct others *o, struct mp *key)
{
    struct view name = { (const char *)key->p, key->n };
    if (!mp_utf8(key->p, key->n)) {
        t->in.why = "a map key that is not text";
        return false;
    }
    for (size_t i = 0; i < MIN(o->n, MP_FEW); i++)
        if (view_eq(name, o->key[i]))
            t->in.why = "a key twice in one map";
    if (o->n < MP_FEW)
        o->key[o->n] = name;
    o->n++;
    return t->in.why == NULL;
}

/* The pairs of the outermost map.  False with in.why NULL: cut. */
static bool walk(struct take *t, size_t n)
{
    struct others others;
    struct mp_in start = t->in;
    others.n = 0;
    for (size_t i = 0; i < n; i++) {
        struct mp key, skipped, *v = &skipped;
        if (!mp_next(&t->in, &key))
            return false;
        if (key.type != MP_TEXT) {
            t->in.why = "a map key that is not text";
            return false;
        }
        enum field f = find_field(&key, t->in.end);
        if (f != N_FIELDS) {
            v = &t->v[f];
            if (has(t, f)) {
                t->in.why = "a key twice in one map";
                return false;
            }
            t->have |= (uint64_t)1 << f;
        } else if (!other_key(t, &others, &key)) {
            return false;
        }
        const uint8_t *from = t->in.p;
        if (!mp_next(&t->in, v) || (v->type >= MP_TEXT && v->type != MP_BIN &&
                                    !mp_inside(&t->in, v, 1)))
            return false;
        if (f == F_MIX)
            t->mix = (struct view){ (const char *)from, (size_t)(t->in.p - from) };
    }
    t->end = start.end = t->in.p;
    if (others.n > MP_FEW && !mp_keys_differ(start, n))
        t->in.why = "a key twice in one map";
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
        struct word w = word_of(v->p, v->n, t->in.end);
        for (int k = REC_HEADER; k < (int)countof(kind_name) && r->kind == REC_OTHER; k++)
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
        const uint8_t *p = t->v[F_ID].p;
        r->id = (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
                (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
                (uint64_t)p[6] << 8 | (uint64_t)p[7];
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
    r->n_tokens = r->prompt.n + r->ids.n + r->chosen.n + r->rejected.n + r->completion.n +
                  r->other.n;
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
    if (found && map.type != MP_MAP) {
        snprintf(why, REC_WHY, "not a map");
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

static uint64_t id_of_many(const char *kind, const struct view *text, int64_t n_texts)
{
    XXH3_state_t h;
    XXH3_64bits_reset(&h);
    XXH3_64bits_update(&h, kind, strlen(kind));
    for (int64_t i = 0; i < n_texts; i++) {
        XXH3_64bits_update(&h, "", 1);
        XXH3_64bits_update(&h, text[i].p, text[i].n);
    }
    return XXH3_64bits_digest(&h);
}

/* Most rows are short, and hashed in one piece in a third of the time. */
uint64_t rec_id(enum rec_kind k, const struct view *text, int64_t n_texts)
{
    const char *kind = rec_kind_name(k);
    char all[4096];
    size_t n = strlen(kind);
    memcpy(all, kind, n);
    for (int64_t i = 0; i < n_texts; i++) {
        if (text[i].n >= sizeof all - n)
            return id_of_many(kind, text, n_texts);
        all[n++] = 0;
        if (text[i].n)
            memcpy(all + n, text[i].p, text[i].n);
        n += text[i].n;
    }
    return XXH3_64bits(all, n);
}
