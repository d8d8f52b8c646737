/* recput.c - records out: fields as msgpack in a fixed order, so that equal records are equal
 * bytes; single fields of bytes that are already a record. */
#include <endian.h>

#include "stream/io.h"

/* ---- fields of a record or a raw map ---- */

static bool map_open(struct mp_in *c, struct view map, size_t *n)
{
    struct mp v = { 0 };
    *c = (struct mp_in){ (const uint8_t *)map.p, (const uint8_t *)map.p + map.n, NULL };
    bool ok = map.n && mp_next(c, &v) && v.type == MP_MAP;
    *n = ok ? v.n : 0;
    return ok;
}

/* A pair of the record's map; *from is where its key starts. */
static struct view find(const struct rec *r, const char *key, const char **from)
{
    struct mp_in c;
    size_t n;
    (void)map_open(&c, (struct view){ (const char *)r->raw, r->raw_bytes }, &n);
    for (size_t i = 0; i < n; i++) {
        struct mp k = { 0 };
        struct mp_walk value = { 0 };
        const char *why;
        *from = (const char *)c.p;
        if (!mp_next(&c, &k) || mp_walk(&value, c.p, (size_t)(c.end - c.p), &why) != ST_OK)
            break;
        if (view_is((struct view){ (const char *)k.p, k.n }, key))
            return (struct view){ (const char *)c.p, value.at };
        c.p += value.at;
    }
    return (struct view){ NULL, 0 };
}

struct view rec_field(const struct rec *r, const char *key)
{
    const char *from;
    return find(r, key, &from);
}

bool rec_number(const struct rec *r, const char *key, double *v)
{
    struct view f = rec_field(r, key);
    struct mp_in c = { (const uint8_t *)f.p, (const uint8_t *)f.p + f.n, NULL };
    struct mp x = { 0 };
    return f.p && mp_next(&c, &x) && mp_number(&x, v);
}

bool rec_each(struct view map, size_t *at, struct view *name, double *v)
{
    struct mp_in c;
    size_t n;
    if (!map_open(&c, map, &n))
        return false;
    if (*at > map.n)
        return false;
    if (*at)
        c.p = (const uint8_t *)map.p + *at;
    while (c.p < c.end) {
        struct mp key = { 0 }, x = { 0 };
        if (!mp_next(&c, &key) || !mp_next(&c, &x))
            return false;
        if (x.type >= MP_ARRAY) {
            struct mp_walk skip = { 0 };
            const char *why;
            const uint8_t *from = key.p + key.n;
            if (mp_walk(&skip, from, (size_t)(c.end - from), &why) != ST_OK)
                return false;
            c.p = from + skip.at;
            continue;
        }
        *at = (size_t)(c.p - (const uint8_t *)map.p);
        *name = (struct view){ (const char *)key.p, key.n };
        if (mp_number(&x, v))
            return true;
    }
    return false;
}

/* ---- writing ---- */

static enum st key(struct buf *b, const char *name)
{
    return mp_text(b, view_of(name));
}

static enum st put_id(struct buf *b, uint64_t id)
{
    uint8_t p[8];
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(id >> (56 - 8 * i));
    return mp_st(key(b, "id") || mp_bin(b, p, 8));
}

static enum st put_ids(struct buf *b, const char *name, struct ids v, int width)
{
    BUG_IF(v.n && v.width != width);
    return mp_st(key(b, name) || mp_bin(b, v.p, (size_t)v.n * (size_t)width));
}

static enum st put_spans(struct buf *b, const char *name, const struct spans *s)
{
    if (!s->given)
        return ST_OK;
    if (key(b, name) || mp_array(b, s->n))
        return ST_SYS;
    for (int64_t i = 0; i < s->n; i++)
        if (mp_array(b, 2) || mp_int(b, s->v[i].begin) || mp_int(b, s->v[i].end))
            return ST_SYS;
    return ST_OK;
}

static enum st put_real(struct buf *b, const char *name, double v)
{
    return mp_st(key(b, name) || mp_real(b, v));
}

static enum st put_text(struct buf *b, const char *name, struct view s)
{
    return mp_st(key(b, name) || mp_text(b, s));
}

static enum st put_int(struct buf *b, const char *name, int64_t v)
{
    return mp_st(key(b, name) || mp_int(b, v));
}

static enum st put_bool(struct buf *b, const char *name, bool v)
{
    return mp_st(key(b, name) || mp_bool(b, v));
}

static enum st put_sum(struct buf *b, const char *name, struct ref_sum s)
{
    return mp_st(key(b, name) || mp_array(b, 2) || mp_real(b, s.sum) || mp_int(b, s.n));
}

static enum st put_ref(struct buf *b, const struct ref *ref)
{
    if (!ref->given)
        return ST_OK;
    return mp_st(key(b, "ref") || mp_map(b, 3) || key(b, "key") || mp_bin(b, ref->key, 8) ||
                 put_sum(b, "chosen", ref->chosen) || put_sum(b, "rejected", ref->rejected));
}

static enum st put_choice(struct buf *b, const struct rec *r, int width)
{
    if (put_ids(b, "prompt", r->prompt, width) || key(b, "choices") || mp_array(b, r->n_choices))
        return ST_SYS;
    for (int64_t i = 0; i < r->n_choices; i++) {
        struct ids v = r->choices[i].ids;
        BUG_IF(v.n && v.width != width);
        if (mp_bin(b, v.p, (size_t)v.n * (size_t)width))
            return ST_SYS;
    }
    if (key(b, "chars") || mp_array(b, r->n_choices))
        return ST_SYS;
    for (int64_t i = 0; i < r->n_choices; i++)
        if (mp_int(b, r->choices[i].chars))
            return ST_SYS;
    if (put_int(b, "answer", r->answer))
        return ST_SYS;
    return r->group.p ? put_text(b, "group", r->group) : ST_OK;
}

static enum st put_step(struct buf *b, const struct step_rec *s)
{
    if (put_int(b, "i", s->i) || put_text(b, "obj", view_of(obj_name(s->obj))) || key(b, "w") ||
        mp_map(b, 2) || put_real(b, "sft", s->weight_sft) || put_real(b, "pref", s->weight_pref) ||
        put_bool(b, "train", s->train) || put_text(b, "why", view_of(why_name(s->why))) ||
        put_bool(b, "use", s->use))
        return ST_SYS;
    if (s->phase.n && put_text(b, "phase", s->phase))
        return ST_SYS;
    BUG_IF(s->state.n > REC_STATE_MAX);
    if (s->state.n && (key(b, "state") || mp_bin(b, s->state.p, s->state.n)))
        return ST_SYS;
    if (s->mix.n && (key(b, "mix") || buf_add(b, s->mix.p, s->mix.n)))
        return ST_SYS;
    return put_int(b, "n", s->n);
}

/* The fields behind t, src and id. */
static enum st put_kind(struct buf *b, const struct rec *r, int width)
{
    bool w = r->w != 1;
    switch (r->kind) {
    case REC_TEXT:
        return put_ids(b, "ids", r->ids, width);
    case REC_SFT:
        return mp_st(put_ids(b, "ids", r->ids, width) || put_spans(b, "span", &r->span) ||
                     (w && put_real(b, "w", r->w)));
    case REC_PREF:
        return mp_st(put_ids(b, "prompt", r->prompt, width) ||
                     put_ids(b, "chosen", r->chosen, width) ||
                     put_ids(b, "rejected", r->rejected, width) ||
                     put_spans(b, "chosen_span", &r->chosen_span) ||
                     put_spans(b, "rejected_span", &r->rejected_span) ||
                     (w && put_real(b, "w", r->w)) || put_ref(b, &r->ref));
    case REC_LABEL:
        return mp_st(put_ids(b, "prompt", r->prompt, width) ||
                     put_ids(b, "completion", r->completion, width) ||
                     put_bool(b, "good", r->good) ||
                     put_spans(b, "completion_span", &r->completion_span) ||
                     (w && put_real(b, "w", r->w)) || put_ref(b, &r->ref));
    case REC_CHOICE:
        return put_choice(b, r, width);
    case REC_PROMPT:
        return mp_st(put_ids(b, "prompt", r->prompt, width) ||
                     (r->answer_text.p && put_text(b, "answer", r->answer_text)));
    case REC_GEN:
        return mp_st(put_ids(b, "prompt", r->prompt, width) || put_ids(b, "ids", r->ids, width) ||
                     put_text(b, "text", r->text) || put_int(b, "n", r->n_gen) ||
                     put_text(b, "finish", r->finish) ||
                     (r->answer_text.p && put_text(b, "answer", r->answer_text)));
    default:
        return put_step(b, &r->step);
    }
}

/* How many fields that will be is known when they are there: one byte is kept for the map's head,
 * and every kind has fewer than 16 fields. */
enum st rec_write(struct buf *b, const struct rec *r, int width)
{
    BUG_IF(r->kind < REC_TEXT || r->kind == REC_METRIC);
    size_t from = b->n;
    if (mp_map(b, 0) || put_text(b, "t", view_of(rec_kind_name(r->kind))))
        return ST_SYS;
    if ((r->kind != REC_STEP || r->src.n) && put_text(b, "src", r->src))
        return ST_SYS;
    if ((r->kind != REC_STEP || r->id) && put_id(b, r->id))
        return ST_SYS;
    if (put_kind(b, r, width))
        return ST_SYS;
    struct mp_in c = { (const uint8_t *)b->p + from + 1, (const uint8_t *)b->p + b->n, NULL };
    int n = 0;
    for (; c.p < c.end; n++) {
        struct mp name = { 0 };
        BUG_IF(!mp_next(&c, &name) || !mp_skip(&c, 1));
    }
    b->p[from] = (char)(0x80 | n);
    if (b->n - from > REC_BYTES_MAX)
        return fail(ST_DATA, "a record of %zu bytes, the most is %d; split it", b->n - from,
                    REC_BYTES_MAX);
    return ST_OK;
}

enum st rec_add_ref(struct buf *b, const struct rec *r, const struct ref *ref)
{
    const char *before = NULL;
    struct view all = { (const char *)r->raw, r->raw_bytes }, old = find(r, "ref", &before);
    struct mp_in c;
    size_t n;
    BUG_IF(!map_open(&c, all, &n) || !ref->given);
    size_t head = (size_t)(c.p - r->raw);
    if (mp_map(b, (int64_t)(old.p ? n : n + 1)))
        return ST_SYS;
    if (!old.p)
        return mp_st(buf_add(b, all.p + head, all.n - head) || put_ref(b, ref));
    const char *behind = old.p + old.n;
    return mp_st(buf_add(b, all.p + head, (size_t)(before - all.p) - head) || put_ref(b, ref) ||
           buf_add(b, behind, (size_t)(all.p + all.n - behind)));
}

void ids_put(uint8_t *to, const uint32_t *v, int64_t n, int width)
{
    for (int64_t i = 0; width == 4 && i < n; i++) {
        uint32_t id = htole32(v[i]);
        memcpy(to + 4 * i, &id, 4);
    }
    for (int64_t i = 0; width == 2 && i < n; i++) {
        uint16_t id = htole16((uint16_t)v[i]);
        memcpy(to + 2 * i, &id, 2);
    }
}

enum st rec_copy(struct rec *to, const struct rec *r, struct arena *a)
{
    uint8_t *raw = arena_get(a, MAX(r->raw_bytes, 1));
    if (!raw)
        return ST_SYS;
    memcpy(raw, r->raw, r->raw_bytes);
    return rec_read(to, raw, r->raw_bytes, r->ids.width, a);
}
