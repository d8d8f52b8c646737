/* field.c - what the fields of each kind must be. */
#include <math.h>
#include "stream/field.h"

const char field_name[N_FIELDS][16] = {
#define X(id, text) text,
    FIELDS
#undef X
};

static const char *const obj_names[] = { "sft", "pref", "both" };
static const char *const why_names[] = { "update", "refresh", "eval" };

const char *obj_name(enum obj o) { return obj_names[o]; }
const char *why_name(enum why w) { return why_names[w]; }

bool field_bad(struct take *t, const char *fmt, ...)
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
    return field_bad(t, "field '%s' %s", field_name[f], what);
}

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
        if (t->v[F_W].type == MP_BOOL || !mp_number(&t->v[F_W], to) ||
            !(*to >= 0 && *to < INFINITY))
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
    return field_bad(t, "field '%s' is '%s', which this version does not know", field_name[f],
                     shown(s));
}

static bool get_ids(struct take *t, enum field f, struct ids *to)
{
    const struct mp *v = &t->v[f];
    if (!has(t, f))
        return field_bad(t, "no field '%s'", field_name[f]);
    if (v->type != MP_BIN)
        return bad_field(t, f, "is not bin");
    if (v->n % (size_t)t->width)
        return field_bad(t, "field '%s' has %zu bytes, no multiple of the id width %d",
                         field_name[f], v->n, t->width);
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
    struct mp_in c = { v->p, t->in.end, NULL };
    int64_t last = 0;
    for (size_t i = 0; i < v->n; i++) {
        struct mp pair, b, e;
        if (!mp_next(&c, &pair) || pair.type != MP_ARRAY || pair.n != 2 || !mp_next(&c, &b) ||
            b.type != MP_INT || !mp_next(&c, &e) || e.type != MP_INT)
            return bad_field(t, f, "is not a list of [begin, end)");
        if (b.i < last || e.i <= b.i || e.i > n_ids)
            return field_bad(
                t, "field '%s': [%lld, %lld) after %lld of %lld ids; spans ascend within the ids",
                field_name[f], (long long)b.i, (long long)e.i, (long long)last, (long long)n_ids);
        s[i] = (struct span){ b.i, e.i };
        last = e.i;
    }
    *to = (struct spans){ s, (int64_t)v->n, true };
    return true;
}

static bool get_sum(struct mp_in *c, struct ref_sum *to)
{
    struct mp pair, sum, n;
    if (!mp_next(c, &pair) || pair.type != MP_ARRAY || pair.n != 2 || !mp_next(c, &sum) ||
        sum.type == MP_BOOL || !mp_number(&sum, &to->sum) || !mp_next(c, &n) || n.type != MP_INT ||
        n.i < 0)
        return false;
    to->n = n.i;
    return isfinite(to->sum);
}

static bool get_ref(struct take *t, struct ref *to)
{
    const struct mp *v = &t->v[F_REF];
    struct mp_in c = { v->p, t->in.end, NULL };
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
        return field_bad(t, "no list 'choices'");
    if (!has(t, F_CHARS) || chars->type != MP_ARRAY || chars->n != v->n)
        return field_bad(t, "no list 'chars' as long as 'choices'");
    if (!has(t, F_ANSWER) || !get_count(t, F_ANSWER, &r->answer) || r->answer >= (int64_t)v->n)
        return bad_field(t, F_ANSWER, "is none of the choices");
    struct choice *to = ARENA_NEW(t->arena, struct choice, v->n);
    if (!to) {
        t->st = ST_SYS;
        return false;
    }
    struct mp_in c = { v->p, t->in.end, NULL }, d = { chars->p, t->in.end, NULL };
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
    struct mp_in c = { v->p, t->in.end, NULL };
    for (size_t i = 0; v->type == MP_MAP && i < v->n; i++) {
        struct mp k = { 0 }, x;
        double d = 0;
        if (!mp_next(&c, &k) || !mp_next(&c, &x) || !mp_inside(&c, &x, 2) || !mp_number(&x, &d) ||
            !(d >= 0 && d < INFINITY))
            return bad_field(t, F_W, "is not {sft, pref}");
        struct view name = { (const char *)k.p, k.n };
        if (view_is(name, "sft"))
            s->weight_sft = d;
        else if (view_is(name, "pref"))
            s->weight_pref = d;
    }
    return v->type == MP_MAP || bad_field(t, F_W, "is not {sft, pref}");
}

/* Of a step all of them count; of a metric, which is free-form, those that are there must still be
 * what they say. */
static bool take_step(struct take *t, struct rec *r)
{
    struct step_rec *s = &r->step;
    bool step = r->kind == REC_STEP;
    int obj = OBJ_SFT, why = WHY_UPDATE;
    s->train = true;
    for (enum field f = F_N; step && f <= F_I; f++)
        if (!has(t, f))
            return field_bad(t, "no field '%s'", field_name[f]);
    if (step && !has(t, F_OBJ))
        return field_bad(t, "no field 'obj'");
    if (!get_count(t, F_I, &s->i) || !get_bool(t, F_TRAIN, &s->train) ||
        !get_text(t, F_PHASE, &s->phase) ||
        !get_name(t, F_OBJ, obj_names, countof(obj_names), &obj) ||
        !get_name(t, F_WHY, why_names, countof(why_names), &why))
        return false;
    s->obj = (enum obj)obj;
    s->why = (enum why)why;
    if (!step)
        return true;
    if (!get_count(t, F_N, &s->n) || !get_bool(t, F_USE, &s->use) || !take_step_w(t, s))
        return false;
    if (s->use && s->n != 0)
        return field_bad(t, "'use' with %lld rows; the rows were sent before", (long long)s->n);
    if (has(t, F_STATE)) {
        const struct mp *v = &t->v[F_STATE];
        if (v->type != MP_BIN || v->n > REC_STATE_MAX)
            return bad_field(t, F_STATE, "is not bin of up to 4096 bytes");
        s->state = (struct view){ (const char *)v->p, v->n };
    }
    if (has(t, F_MIX)) {
        if (t->v[F_MIX].type != MP_MAP)
            return bad_field(t, F_MIX, "is not a map");
        s->mix = t->mix;
    }
    return true;
}

static bool take_pair(struct take *t, struct rec *r)
{
    return get_ids(t, F_PROMPT, &r->prompt) && get_ids(t, F_CHOSEN, &r->chosen) &&
           get_ids(t, F_REJECTED, &r->rejected) &&
           get_spans(t, F_CHOSEN_SPAN, r->chosen.n, &r->chosen_span) &&
           get_spans(t, F_REJECTED_SPAN, r->rejected.n, &r->rejected_span) &&
           get_weight(t, &r->w) && get_ref(t, &r->ref);
}

static bool take_label(struct take *t, struct rec *r)
{
    if (!has(t, F_GOOD))
        return field_bad(t, "no field 'good'");
    return get_ids(t, F_PROMPT, &r->prompt) && get_ids(t, F_COMPLETION, &r->completion) &&
           get_bool(t, F_GOOD, &r->good) &&
           get_spans(t, F_COMPLETION_SPAN, r->completion.n, &r->completion_span) &&
           get_weight(t, &r->w) && get_ref(t, &r->ref);
}

bool field_take(struct take *t, struct rec *r)
{
    switch (r->kind) {
    case REC_TEXT:
        return get_ids(t, F_IDS, &r->ids);
    case REC_SFT:
        return get_ids(t, F_IDS, &r->ids) && get_spans(t, F_SPAN, r->ids.n, &r->span) &&
               get_weight(t, &r->w);
    case REC_PREF:
        return take_pair(t, r);
    case REC_LABEL:
        return take_label(t, r);
    case REC_CHOICE:
        return get_ids(t, F_PROMPT, &r->prompt) && take_choice(t, r);
    case REC_PROMPT:
        return get_ids(t, F_PROMPT, &r->prompt) && get_text(t, F_ANSWER, &r->answer_text);
    case REC_GEN:
        return get_ids(t, F_PROMPT, &r->prompt) && get_ids(t, F_IDS, &r->ids) &&
               get_text(t, F_TEXT, &r->text) && get_count(t, F_N, &r->n_gen) &&
               get_text(t, F_FINISH, &r->finish) && get_text(t, F_ANSWER, &r->answer_text);
    case REC_STEP: case REC_METRIC:
        return take_step(t, r);
    default:
        return true;
    }
}

