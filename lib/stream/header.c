/* header.c - header and end records, as plain maps of the format; merging and comparing headers. */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "stream/header.h"

/* ---- reading ---- */

static enum st wrong(char why[REC_WHY], const char *field)
{
    snprintf(why, REC_WHY, "the header's field '%s' is missing or wrong", field);
    return ST_DATA;
}

/* A top-level field as a head and a cursor behind it. */
static bool find(const struct rec *r, const char *key, struct mp *v, struct mp_in *c)
{
    struct view f = rec_field(r, key);
    *c = (struct mp_in){ (const uint8_t *)f.p, (const uint8_t *)f.p + f.n, NULL };
    return f.p && mp_next(c, v);
}

static bool get_int(const struct rec *r, const char *key, int64_t min, int64_t *to)
{
    struct mp v;
    struct mp_in c;
    if (!find(r, key, &v, &c) || v.type != MP_INT || v.i < min)
        return false;
    *to = v.i;
    return true;
}

static bool get_bytes(const struct rec *r, const char *key, size_t n, uint8_t *to)
{
    struct mp v;
    struct mp_in c;
    if (!find(r, key, &v, &c) || v.type != MP_BIN || v.n != n)
        return false;
    memcpy(to, v.p, n);
    return true;
}

static bool keep_text(struct view *to, const struct mp *v, struct arena *a)
{
    if (v->type != MP_TEXT)
        return false;
    to->p = arena_text(a, (struct view){ (const char *)v->p, v->n });
    to->n = v->n;
    return to->p != NULL;
}

static bool take_source(struct source *s, struct mp_in *c, struct arena *a)
{
    struct { const char *name; struct view *to;
    } text[] = {
        { "src", &s->src },   { "schema", &s->schema },     { "template", &s->template },
        { "mask", &s->mask }, { "truncate", &s->truncate }, { "split", &s->split },
    };
    struct mp map, key, v;
    bool ok = mp_next(c, &map) && map.type == MP_MAP;
    for (size_t i = 0; ok && i < map.n; i++) {
        ok = mp_next(c, &key) && mp_next(c, &v) && mp_inside(c, &v, 3);
        struct view name = { (const char *)key.p, key.n };
        for (int64_t j = 0; ok && j < countof(text); j++)
            if (view_is(name, text[j].name))
                ok = keep_text(text[j].to, &v, a);
        if (ok && view_is(name, "template_hash")) {
            ok = v.type == MP_BIN && v.n == 8;
            if (ok)
                memcpy(s->template_hash, v.p, 8);
        }
    }
    return ok && s->src.p;
}

static enum st take_lists(struct header *h, const struct rec *r, struct arena *a, char why[REC_WHY])
{
    struct mp list, v;
    struct mp_in c;
    if (!find(r, "special", &list, &c) || list.type != MP_ARRAY || list.n > HEADER_SPECIALS_MAX)
        return wrong(why, "special");
    for (size_t i = 0; i < list.n; i++) {
        if (!mp_next(&c, &v) || v.type != MP_INT || v.i < 0)
            return wrong(why, "special");
        h->special[h->n_specials++] = v.i;
    }
    if (!find(r, "sources", &list, &c) || list.type != MP_ARRAY || list.n > HEADER_SOURCES_MAX)
        return wrong(why, "sources");
    for (size_t i = 0; i < list.n; i++)
        if (!take_source(&h->source[h->n_sources++], &c, a))
            return wrong(why, "sources");
    if (!find(r, "commands", &list, &c) || list.type != MP_ARRAY || list.n > HEADER_COMMANDS_MAX)
        return wrong(why, "commands");
    for (size_t i = 0; i < list.n; i++)
        if (!mp_next(&c, &v) || !keep_text(&h->command[h->n_commands++], &v, a))
            return wrong(why, "commands");
    return ST_OK;
}

enum st header_take(struct header *h, const struct rec *r, struct arena *a, char why[REC_WHY])
{
    int64_t width;
    double mixed = 0;
    memset(h, 0, sizeof *h);
    if (!get_int(r, "version", 0, &h->version))
        return wrong(why, "version");
    if (h->version != HEADER_VERSION) {
        snprintf(why, REC_WHY, "format version %lld; this program reads %d", (long long)h->version,
                 HEADER_VERSION);
        return ST_DATA;
    }
    if (!get_int(r, "width", 2, &width) || (width != 2 && width != 4))
        return wrong(why, "width");
    h->width = (int)width;
    if (!get_bytes(r, "tokenizer", 32, h->tokenizer))
        return wrong(why, "tokenizer");
    if (!get_int(r, "vocab", 1, &h->vocab))
        return wrong(why, "vocab");
    if (!get_int(r, "bos", -1, &h->bos) || !get_int(r, "eos", -1, &h->eos) ||
        !get_int(r, "pad", -1, &h->pad))
        return wrong(why, "bos, eos or pad");
    if (!get_int(r, "steps", 0, &h->steps) || !get_int(r, "start", 0, &h->start) ||
        !rec_number(r, "mixed", &mixed))
        return wrong(why, "steps, start or mixed");
    h->mixed = mixed != 0;
    return take_lists(h, r, a, why);
}

/* ---- writing ---- */

static enum st put_source(struct buf *b, const struct source *s)
{
    return mp_st(mp_map(b, 7) || mp_text(b, VIEW("src")) || mp_text(b, s->src) ||
                 mp_text(b, VIEW("schema")) || mp_text(b, s->schema) ||
                 mp_text(b, VIEW("template")) || mp_text(b, s->template) ||
                 mp_text(b, VIEW("template_hash")) || mp_bin(b, s->template_hash, 8) ||
                 mp_text(b, VIEW("mask")) || mp_text(b, s->mask) || mp_text(b, VIEW("truncate")) ||
                 mp_text(b, s->truncate) || mp_text(b, VIEW("split")) || mp_text(b, s->split));
}

static enum st put_int(struct buf *b, const char *key, int64_t v)
{
    return mp_st(mp_text(b, view_of(key)) || mp_int(b, v));
}

enum st header_put(struct buf *b, const struct header *h)
{
    if (mp_map(b, 14) || mp_text(b, VIEW("t")) || mp_text(b, VIEW("header")) ||
        put_int(b, "version", h->version) || put_int(b, "width", h->width) ||
        mp_text(b, VIEW("tokenizer")) || mp_bin(b, h->tokenizer, 32) ||
        put_int(b, "vocab", h->vocab) || mp_text(b, VIEW("special")) || mp_array(b, h->n_specials))
        return ST_SYS;
    for (int64_t i = 0; i < h->n_specials; i++)
        if (mp_int(b, h->special[i]))
            return ST_SYS;
    if (put_int(b, "bos", h->bos) || put_int(b, "eos", h->eos) || put_int(b, "pad", h->pad) ||
        mp_text(b, VIEW("sources")) || mp_array(b, h->n_sources))
        return ST_SYS;
    for (int64_t i = 0; i < h->n_sources; i++)
        if (put_source(b, &h->source[i]))
            return ST_SYS;
    if (mp_text(b, VIEW("commands")) || mp_array(b, h->n_commands))
        return ST_SYS;
    for (int64_t i = 0; i < h->n_commands; i++)
        if (mp_text(b, h->command[i]))
            return ST_SYS;
    return mp_st(put_int(b, "steps", h->steps) || put_int(b, "start", h->start) ||
                 mp_text(b, VIEW("mixed")) || mp_bool(b, h->mixed));
}

/* ---- the end ---- */

/* In one store: a hash of these bytes follows at once, and would wait for eight. */
static inline void big_endian(uint8_t p[8], uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(p, &v, 8);
}

static uint64_t from_big(const uint8_t p[8])
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

uint64_t end_hash(const void *raw, size_t n_bytes)
{
    return XXH3_64bits(raw, n_bytes);
}

void end_add(struct end *e, const void *raw, size_t n_bytes)
{
    end_add_hash(e, end_hash(raw, n_bytes));
}

void end_add_hash(struct end *e, uint64_t h)
{
    uint8_t link[16];
    big_endian(link, e->chain);
    big_endian(link + 8, h);
    e->n++;
    e->sum += h;
    e->chain = XXH3_64bits(link, sizeof link);
}

enum st end_take(struct end *e, const struct rec *r, char why[REC_WHY])
{
    uint8_t sum[8], chain[8];
    int64_t status;
    struct mp v;
    struct mp_in c;
    *e = (struct end){ 0 };
    if (!get_int(r, "n", 0, &e->n) || !get_bytes(r, "sum", 8, sum) ||
        !get_bytes(r, "chain", 8, chain) || !get_int(r, "status", 0, &status) || status > ST_STOP ||
        status == ST_END) {
        snprintf(why, REC_WHY, "the end record's count, sums or status are missing or wrong");
        return ST_DATA;
    }
    e->sum = from_big(sum);
    e->chain = from_big(chain);
    e->status = (enum st)status;
    if (find(r, "state", &v, &c)) {
        if (v.type != MP_BIN || v.n > REC_STATE_MAX) {
            snprintf(why, REC_WHY, "the end record's field 'state' is not bin of up to %d bytes",
                     REC_STATE_MAX);
            return ST_DATA;
        }
        e->state = (struct view){ (const char *)v.p, v.n };
    }
    return ST_OK;
}

enum st end_put(struct buf *b, const struct end *e)
{
    uint8_t sum[8], chain[8];
    big_endian(sum, e->sum);
    big_endian(chain, e->chain);
    return mp_st(mp_map(b, 6) || mp_text(b, VIEW("t")) || mp_text(b, VIEW("end")) ||
                 put_int(b, "n", e->n) || mp_text(b, VIEW("sum")) || mp_bin(b, sum, 8) ||
                 mp_text(b, VIEW("chain")) || mp_bin(b, chain, 8) ||
                 put_int(b, "status", e->status) || mp_text(b, VIEW("state")) ||
                 mp_bin(b, e->state.p, e->state.n));
}

/* ---- two headers ---- */

enum st header_same(const struct header *a, const char *name_a, const struct header *b,
                    const char *name_b)
{
    char hex_a[17], hex_b[17];
    if (a->version != b->version)
        return fail(ST_DATA, "'%s' is of format version %lld, '%s' of %lld", name_a,
                    (long long)a->version, name_b, (long long)b->version);
    if (memcmp(a->tokenizer, b->tokenizer, 32) != 0) {
        for (int i = 0; i < 8; i++) {
            snprintf(hex_a + 2 * i, 3, "%02x", a->tokenizer[i]);
            snprintf(hex_b + 2 * i, 3, "%02x", b->tokenizer[i]);
        }
        return fail(
            ST_DATA,
            "'%s' was made with tokenizer %s..., '%s' with %s...; re-run tokenize on one of them",
            name_a, hex_a, name_b, hex_b);
    }
    if (a->width != b->width)
        return fail(ST_DATA, "'%s' has ids of %d bytes, '%s' of %d", name_a, a->width, name_b,
                    b->width);
    return ST_OK;
}

static bool same_source(const struct source *a, const struct source *b)
{
    return view_eq(a->src, b->src) && view_eq(a->schema, b->schema) &&
           view_eq(a->template, b->template) &&
           memcmp(a->template_hash, b->template_hash, 8) == 0 && view_eq(a->mask, b->mask) &&
           view_eq(a->truncate, b->truncate) && view_eq(a->split, b->split);
}

enum st header_merge(struct header *a, const struct header *b)
{
    for (int64_t i = 0; i < b->n_sources; i++) {
        int64_t j = 0;
        while (j < a->n_sources && !same_source(&a->source[j], &b->source[i]))
            j++;
        if (j == HEADER_SOURCES_MAX)
            return fail(ST_DATA, "more than %d sources in one stream", HEADER_SOURCES_MAX);
        if (j == a->n_sources)
            a->source[a->n_sources++] = b->source[i];
    }
    for (int64_t i = 0; i < b->n_commands; i++) {
        int64_t j = 0;
        while (j < a->n_commands && !view_eq(a->command[j], b->command[i]))
            j++;
        if (j == HEADER_COMMANDS_MAX)
            return fail(ST_DATA, "more than %d command lines in one stream", HEADER_COMMANDS_MAX);
        if (j == a->n_commands)
            a->command[a->n_commands++] = b->command[i];
    }
    return ST_OK;
}
