/* rec.c - a record's bytes into fields.
 *
 * One walk over the map finds the fields (their order is free, so the kind may come last), checks everything inside the
 * unknown ones, and only then the kind says what the known ones must be.  Nothing is copied but spans and choices. */
#include <math.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "stream/rec.h"

/* ---- names ---- */

static const char kind_name[][16] = {
    "", "header", "end", "text", "sft", "pref", "label", "choice", "prompt", "gen", "step", "metric",
};
static const char *const obj_names[] = { "sft", "pref", "both" };
static const char *const why_names[] = { "update", "refresh", "eval" };

const char *rec_kind_name(enum rec_kind k) { return k == REC_OTHER ? "other" : kind_name[k]; }
const char *obj_name(enum obj o) { return obj_names[o]; }
const char *why_name(enum why w) { return why_names[w]; }

/* Fields this version knows, by length of name. */
#define FIELDS \
    X(T, "t") X(W, "w") X(N, "n") X(I, "i") \
    X(ID, "id") \
    X(SRC, "src") X(IDS, "ids") X(REF, "ref") X(OBJ, "obj") X(WHY, "why") X(USE, "use") X(MIX, "mix") \
    X(SPAN, "span") X(GOOD, "good") X(TEXT, "text") \
    X(CHARS, "chars") X(GROUP, "group") X(TRAIN, "train") X(PHASE, "phase") X(STATE, "state") \
    X(PROMPT, "prompt") X(CHOSEN, "chosen") X(ANSWER, "answer") X(FINISH, "finish") \
    X(CHOICES, "choices") \
    X(REJECTED, "rejected") \
    X(COMPLETION, "completion") \
    X(CHOSEN_SPAN, "chosen_span") \
    X(REJECTED_SPAN, "rejected_span") \
    X(COMPLETION_SPAN, "completion_span")
enum field {
#define X(id, text) F_##id,
    FIELDS
#undef X
    N_FIELDS
};
static const char field_name[N_FIELDS][16] = {
#define X(id, text) text,
    FIELDS
#undef X
};
/* The first field of each length of name. */
static const uint8_t first_of[17] = {
    F_T, F_T, F_ID, F_SRC, F_SPAN, F_CHARS, F_PROMPT, F_CHOICES, F_REJECTED, F_COMPLETION, F_COMPLETION,
    F_CHOSEN_SPAN, F_REJECTED_SPAN, F_REJECTED_SPAN, F_COMPLETION_SPAN, F_COMPLETION_SPAN, N_FIELDS,
};

/* Up to 15 bytes of a name as two words, so that a comparison is two instructions. */
struct word { uint64_t lo, hi; };

static inline struct word word_of(const void *p, size_t n, const void *end)
{
    static const uint8_t keep[32] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
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

struct take {
    struct mp      v[N_FIELDS];
    struct view    raw[N_FIELDS];              /* the whole values */
    uint32_t       have;
    struct mp_in   in;
    const uint8_t *end;                        /* of the record, once walked */
    int            width;
    struct arena  *arena;
    char          *why;
    enum st        st;                         /* ST_SYS where the arena said no */
};

static inline bool has(const struct take *t, enum field f)
{
    return t->have >> f & 1;
}

static __attribute__((noinline, cold)) bool bad(struct take *t, const char *fmt, ...) like_printf(2, 3);
static bool bad(struct take *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->why, REC_WHY, fmt, ap);
    va_end(ap);
    t->st = ST_DATA;
    return false;
}

static bool bad_field(struct take *t, enum field f, const char *what)
{
    return bad(t, "field '%s' %s", field_name[f], what);
}

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

/* ---- fields ---- */

static bool get_text(struct take *t, enum field f, struct view *to)
{
    if (has(t, f)) {
        if (t->v[f].type != MP_TEXT)
            return bad_field(t, f, "is not text");
        *to = (struct view){ (const char *)t->v[f].p, t->v[f].n };
    }
    return true;
}

static bool get_bool(struct take *t, enum field f, bool *to)
{
    if (has(t, f)) {
        if (t->v[f].type != MP_BOOL)
            return bad_field(t, f, "is neither true nor false");
        *to = t->v[f].i;
    }
    return true;
}

static bool get_count(struct take *t, enum field f, int64_t *to)
{
    if (has(t, f)) {
        if (t->v[f].type != MP_INT || t->v[f].i < 0)
            return bad_field(t, f, "is not a count");
        *to = t->v[f].i;
    }
    return true;
}

static bool get_weight(struct take *t, double *to)
{
    *to = 1;
    if (has(t, F_W)) {
        if (t->v[F_W].type == MP_BOOL || !mp_number(&t->v[F_W], to) || !(*to >= 0 && *to < INFINITY))
            return bad_field(t, F_W, "is not a weight");
    }
    return true;
}

/* One of n names; absent leaves *to as it is. */
static bool get_name(struct take *t, enum field f, const char *const *names, int n, int *to)
{
    struct view s = { 0 };
    if (!has(t, f))
        return true;
    if (!get_text(t, f, &s))
        return false;
    for (int i = 0; i < n; i++)
        if (view_is(s, names[i])) {
            *to = i;
            return true;
        }
    return bad(t, "field '%s' is '%s', which this version does not know", field_name[f], shown(s));
}

static bool get_ids(struct take *t, enum field f, struct ids *to)
{
    const struct mp *v = &t->v[f];
    if (!has(t, f))
        return bad(t, "no field '%s'", field_name[f]);
    if (v->type != MP_BIN)
        return bad_field(t, f, "is not bin");
    if (v->n % (size_t)t->width)
        return bad(t, "field '%s' has %zu bytes, no multiple of the id width %d", field_name[f], v->n, t->width);
    *to = (struct ids){ v->p, (int64_t)(v->n / (size_t)t->width), t->width };
    return true;
}

/* [[begin, end), ...]: ascending, disjoint, not empty, within n ids. */
static bool get_spans(struct take *t, enum field f, int64_t n_ids, struct spans *to)
{
    const struct mp *v = &t->v[f];
    if (!has(t, f))
        return true;
    if (v->type != MP_ARRAY || v->n > REC_SPANS_MAX)
        return bad_field(t, f, "is not a list of spans");
    struct span *s = v->n ? ARENA_NEW(t->arena, struct span, v->n) : NULL;
    if (v->n && !s) {
        t->st = ST_SYS;
        return false;
    }
    struct mp_in c = { v->p, t->end, NULL };
    int64_t last = 0;
    for (size_t i = 0; i < v->n; i++) {
        struct mp pair, b, e;
        if (!mp_next(&c, &pair) || pair.type != MP_ARRAY || pair.n != 2 || !mp_next(&c, &b) || b.type != MP_INT ||
            !mp_next(&c, &e) || e.type != MP_INT)
            return bad_field(t, f, "is not a list of [begin, end)");
        if (b.i < last || e.i <= b.i || e.i > n_ids)
            return bad(t, "field '%s': [%lld, %lld) after %lld of %lld ids; spans ascend within the ids", field_name[f],
                       (long long)b.i, (long long)e.i, (long long)last, (long long)n_ids);
        s[i] = (struct span){ b.i, e.i };
        last = e.i;
    }
    *to = (struct spans){ s, (int64_t)v->n, true };
    return true;
}

static bool get_sum(struct mp_in *c, struct ref_sum *to)
{
    struct mp pair, sum, n;
    if (!mp_next(c, &pair) || pair.type != MP_ARRAY || pair.n != 2 || !mp_next(c, &sum) || sum.type == MP_BOOL ||
        !mp_number(&sum, &to->sum) || !mp_next(c, &n) || n.type != MP_INT || n.i < 0)
        return false;
    to->n = n.i;
    return isfinite(to->sum);
}

static bool get_ref(struct take *t, struct ref *to)
{
    const struct mp *v = &t->v[F_REF];
    struct mp_in c = { v->p, t->end, NULL };
    int seen = 0;
    if (!has(t, F_REF))
        return true;
    for (size_t i = 0; v->type == MP_MAP && i < v->n; i++) {
        struct mp k = { 0 }, key;
        struct mp_in value;
        if (!mp_next(&c, &k))
            break;
        value = c;
        struct view name = { (const char *)k.p, k.n };
        if (view_is(name, "key") && mp_next(&value, &key) && key.type == MP_BIN && key.n == 8) {
            memcpy(to->key, key.p, 8);
            seen |= 1;
        } else if (view_is(name, "chosen") && get_sum(&value, &to->chosen)) {
            seen |= 2;
        } else if (view_is(name, "rejected") && get_sum(&value, &to->rejected)) {
            seen |= 4;
        }
        if (!mp_skip(&c, 2))
            break;
    }
    to->given = true;
    return seen == 7 || bad_field(t, F_REF, "is not {key, chosen: [sum, n], rejected: [sum, n]}");
}

/* ---- kinds ---- */

static bool take_choice(struct take *t, struct rec *r)
{
    const struct mp *v = &t->v[F_CHOICES], *chars = &t->v[F_CHARS];
    if (!has(t, F_CHOICES) || v->type != MP_ARRAY || v->n == 0 || v->n > REC_CHOICES_MAX)
        return bad(t, "no list 'choices'");
    if (!has(t, F_CHARS) || chars->type != MP_ARRAY || chars->n != v->n)
        return bad(t, "no list 'chars' as long as 'choices'");
    if (!has(t, F_ANSWER) || !get_count(t, F_ANSWER, &r->answer) || r->answer >= (int64_t)v->n)
        return bad_field(t, F_ANSWER, "is none of the choices");
    struct choice *to = ARENA_NEW(t->arena, struct choice, v->n);
    if (!to) {
        t->st = ST_SYS;
        return false;
    }
    struct mp_in c = { v->p, t->end, NULL }, d = { chars->p, t->end, NULL };
    for (size_t i = 0; i < v->n; i++) {
        struct mp ids, n;
        if (!mp_next(&c, &ids) || ids.type != MP_BIN || ids.n % (size_t)t->width)
            return bad_field(t, F_CHOICES, "is not a list of ids");
        if (!mp_next(&d, &n) || n.type != MP_INT || n.i < 0)
            return bad_field(t, F_CHARS, "is not a list of counts");
        to[i] = (struct choice){ { ids.p, (int64_t)(ids.n / (size_t)t->width), t->width }, n.i };
    }
    r->choices = to;
    r->n_choices = (int64_t)v->n;
    return get_text(t, F_GROUP, &r->group);
}

static bool take_step_w(struct take *t, struct step_rec *s)
{
    const struct mp *v = &t->v[F_W];
    s->weight_sft = s->obj != OBJ_PREF;
    s->weight_pref = s->obj != OBJ_SFT;
    if (!has(t, F_W))
        return true;
    struct mp_in c = { v->p, t->end, NULL };
    for (size_t i = 0; v->type == MP_MAP && i < v->n; i++) {
        struct mp k = { 0 }, x;
        double d = 0;
        if (!mp_next(&c, &k) || !mp_next(&c, &x) || !mp_inside(&c, &x, 2) || !mp_number(&x, &d) || !(d >= 0 && d < INFINITY))
            return bad_field(t, F_W, "is not {sft, pref}");
        struct view name = { (const char *)k.p, k.n };
        if (view_is(name, "sft"))
            s->weight_sft = d;
        else if (view_is(name, "pref"))
            s->weight_pref = d;
    }
    return v->type == MP_MAP || bad_field(t, F_W, "is not {sft, pref}");
}

/* Of a step all of them count; of a metric, which is free-form, those that are there must still be what they say. */
static bool take_step(struct take *t, struct rec *r)
{
    struct step_rec *s = &r->step;
    bool step = r->kind == REC_STEP;
    int obj = OBJ_SFT, why = WHY_UPDATE;
    s->train = true;
    for (enum field f = F_N; step && f <= F_I; f++)
        if (!has(t, f))
            return bad(t, "no field '%s'", field_name[f]);
    if (step && !has(t, F_OBJ))
        return bad(t, "no field 'obj'");
    if (!get_count(t, F_I, &s->i) || !get_bool(t, F_TRAIN, &s->train) || !get_text(t, F_PHASE, &s->phase) ||
        !get_name(t, F_OBJ, obj_names, countof(obj_names), &obj) || !get_name(t, F_WHY, why_names, countof(why_names), &why))
        return false;
    s->obj = (enum obj)obj;
    s->why = (enum why)why;
    if (!step)
        return true;
    if (!get_count(t, F_N, &s->n) || !get_bool(t, F_USE, &s->use) || !take_step_w(t, s))
        return false;
    if (s->use && s->n != 0)
        return bad(t, "'use' with %lld rows; the rows were sent before", (long long)s->n);
    if (has(t, F_STATE)) {
        const struct mp *v = &t->v[F_STATE];
        if (v->type != MP_BIN || v->n > REC_STATE_MAX)
            return bad_field(t, F_STATE, "is not bin of up to 4096 bytes");
        s->state = (struct view){ (const char *)v->p, v->n };
    }
    if (has(t, F_MIX)) {
        if (t->v[F_MIX].type != MP_MAP)
            return bad_field(t, F_MIX, "is not a map");
        s->mix = t->raw[F_MIX];
    }
    return true;
}

static bool take_pair(struct take *t, struct rec *r)
{
    return get_ids(t, F_PROMPT, &r->prompt) && get_ids(t, F_CHOSEN, &r->chosen) && get_ids(t, F_REJECTED, &r->rejected) &&
           get_spans(t, F_CHOSEN_SPAN, r->chosen.n, &r->chosen_span) &&
           get_spans(t, F_REJECTED_SPAN, r->rejected.n, &r->rejected_span) && get_weight(t, &r->w) && get_ref(t, &r->ref);
}

static bool take_label(struct take *t, struct rec *r)
{
    if (!has(t, F_GOOD))
        return bad(t, "no field 'good'");
    return get_ids(t, F_PROMPT, &r->prompt) && get_ids(t, F_COMPLETION, &r->completion) && get_bool(t, F_GOOD, &r->good) &&
           get_spans(t, F_COMPLETION_SPAN, r->completion.n, &r->completion_span) && get_weight(t, &r->w) &&
           get_ref(t, &r->ref);
}

static bool take_kind(struct take *t, struct rec *r)
{
    switch (r->kind) {
    case REC_TEXT:
        return get_ids(t, F_IDS, &r->ids);
    case REC_SFT:
        return get_ids(t, F_IDS, &r->ids) && get_spans(t, F_SPAN, r->ids.n, &r->span) && get_weight(t, &r->w);
    case REC_PREF:
        return take_pair(t, r);
    case REC_LABEL:
        return take_label(t, r);
    case REC_CHOICE:
        return get_ids(t, F_PROMPT, &r->prompt) && take_choice(t, r);
    case REC_PROMPT:
        return get_ids(t, F_PROMPT, &r->prompt) && get_text(t, F_ANSWER, &r->answer_text);
    case REC_GEN:
        return get_ids(t, F_PROMPT, &r->prompt) && get_ids(t, F_IDS, &r->ids) && get_text(t, F_TEXT, &r->text) &&
               get_count(t, F_N, &r->n_gen) && get_text(t, F_FINISH, &r->finish);
    case REC_STEP: case REC_METRIC:
        return take_step(t, r);
    default:
        return true;
    }
}

/* Kind, source and id, which every row has; a step, a metric, a header and an end need not. */
static bool take_common(struct take *t, struct rec *r)
{
    const struct mp *v = &t->v[F_T];
    if (!has(t, F_T) || v->type != MP_TEXT)
        return bad(t, "no field 't', the kind of record");
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
        return has(t, F_SRC) ? bad_field(t, F_SRC, "is not text") : bad(t, "no field 'src'");
    if (has(t, F_SRC))
        r->src = (struct view){ (const char *)t->v[F_SRC].p, t->v[F_SRC].n };
    if (has(t, F_ID) && t->v[F_ID].type == MP_BIN && t->v[F_ID].n == 8) {
        for (int i = 0; i < 8; i++)
            r->id = r->id << 8 | t->v[F_ID].p[i];
        return true;
    }
    return !row || bad_field(t, F_ID, "is not bin of 8 bytes");
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
                   spans_sum(&r->rejected_span, r->rejected.n) + spans_sum(&r->completion_span, r->completion.n);
}

enum st rec_take(struct rec *r, const void *p, size_t n_bytes, int width, struct arena *a, char why[REC_WHY])
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
        snprintf(why, REC_WHY, "%s", map.type != MP_MAP ? "not a map" : "a map of more than 4096 fields");
        return ST_DATA;
    }
    if (!found || !walk(&t, map.n)) {
        if (!t.in.why && n_bytes <= REC_BYTES_MAX)
            return ST_END;
        snprintf(why, REC_WHY, "%s", t.in.why ? t.in.why : "more than 64 MiB in one record");
        return ST_DATA;
    }
    *r = (struct rec){ .raw = p, .raw_bytes = (size_t)(t.end - (const uint8_t *)p), .w = 1, .ids.width = width };
    if (r->raw_bytes > REC_BYTES_MAX) {
        snprintf(why, REC_WHY, "more than 64 MiB in one record");
        return ST_DATA;
    }
    if (!take_common(&t, r) || !take_kind(&t, r))
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
