/* recjson.c - a record as a line of JSON, for people.
 *
 * Walks the bytes themselves, so every field is shown, known or not, in the record's own order: ids
 * as numbers, other bin as hex. */
#include <inttypes.h>
#include "base/file.h"
#include "base/json.h"
#include "stream/rec.h"

struct show {
    struct buf      *b;
    int              width;
    enum rec_kind    kind;
};

static bool is_ids(const struct show *s, struct view key)
{
    static const char *const names[] = { "ids",        "prompt", "chosen", "rejected",
                                         "completion", "other",  "choices" };
    for (int64_t i = 0; s->kind >= REC_TEXT && s->kind <= REC_GEN && i < countof(names); i++)
        if (view_is(key, names[i]))
            return true;
    return false;
}

static enum st put_bin(const struct show *s, const struct mp *v, bool ids)
{
    struct ids id = { v->p, (int64_t)(v->n / (size_t)s->width), s->width };
    enum st st = buf_room(s->b, ids ? (size_t)id.n * 11 + 12 : 2 * v->n + 3);
    if (st != ST_OK)
        return st;
    char *p = s->b->p + s->b->n;
    *p++ = ids ? '[' : '"';
    if (ids) {
        for (int64_t i = 0; i < id.n; i++)
            p += snprintf(p, 12, "%s%" PRIu32, i ? "," : "", ids_at(id, i));
    } else {
        hex_of(v->p, v->n, p);
        p += 2 * v->n;
    }
    *p++ = ids ? ']' : '"';
    s->b->n = (size_t)(p - s->b->p);
    return ST_OK;
}

static enum st show(const struct show *s, struct mp_in *c, bool ids, bool top);

static enum st show_items(const struct show *s, struct mp_in *c, const struct mp *v, bool ids,
                          bool top)
{
    bool map = v->type == MP_MAP;
    enum st st = buf_add(s->b, map ? "{" : "[", 1);
    for (size_t i = 0; i < v->n && st == ST_OK; i++) {
        struct mp key;
        bool inner = ids;
        if (i)
            st = buf_add(s->b, ",", 1);
        if (st == ST_OK && map) {
            if (!mp_next(c, &key))
                return fail(ST_DATA, "not a whole record");
            struct view name = { (const char *)key.p, key.n };
            inner = top && is_ids(s, name);
            st = json_put_text(s->b, name);
            if (st == ST_OK)
                st = buf_add(s->b, ":", 1);
        }
        if (st == ST_OK)
            st = show(s, c, inner, false);
    }
    return st == ST_OK ? buf_add(s->b, map ? "}" : "]", 1) : st;
}

/* One value; the record was walked before, so it is whole and not too deep. */
static enum st show(const struct show *s, struct mp_in *c, bool ids, bool top)
{
    struct mp v;
    if (!mp_next(c, &v))
        return fail(ST_DATA, "not a whole record");
    switch (v.type) {
    case MP_NIL:  return buf_add(s->b, "null", 4);
    case MP_BOOL: return buf_printf(s->b, "%s", v.i ? "true" : "false");
    case MP_INT:  return buf_printf(s->b, "%" PRId64, v.i);
    case MP_BIG:  return buf_printf(s->b, "%" PRIu64, v.big);
    case MP_REAL: return json_put_real(s->b, v.d);
    case MP_TEXT: return json_put_text(s->b, (struct view){ (const char *)v.p, v.n });
    case MP_BIN:  return put_bin(s, &v, ids);
    default:      return show_items(s, c, &v, ids, top);
    }
}

enum st rec_json(struct buf *b, const struct rec *r)
{
    struct show s = { b, r->ids.width ? r->ids.width : 2, r->kind };
    struct mp_in c = { r->raw, r->raw + r->raw_bytes, NULL };
    return show(&s, &c, false, true);
}
