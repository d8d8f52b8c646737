/* record.c - any bytes as a record: never read past, never believed, and what passes is what
 * msgpack-c reads too.
 *
 * What rec_take() accepts must be a whole msgpack value of the same size to msgpack-c and to
 * mp_walk(), show as JSON, and, when its kind is known, come back the same from rec_write(). */
#include <msgpack.h>

#include "stream/shape.h"

#define MUST(cond) BUG_IF(!(cond))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void judge(const struct rec *r)
{
    msgpack_unpacked u;
    struct mp_walk w = { 0 };
    const char *why;
    size_t at = 0;
    msgpack_unpacked_init(&u);
    MUST(msgpack_unpack_next(&u, (const char *)r->raw, r->raw_bytes, &at) ==
         MSGPACK_UNPACK_SUCCESS);
    MUST(at == r->raw_bytes && u.data.type == MSGPACK_OBJECT_MAP);
    msgpack_unpacked_destroy(&u);
    MUST(mp_walk(&w, r->raw, r->raw_bytes, &why) == ST_OK && w.at == r->raw_bytes);
}

static void again(const struct rec *r, int width, struct arena *a)
{
    struct buf one = { 0 }, two = { 0 };
    struct rec back;
    if (r->kind >= REC_TEXT && r->kind <= REC_STEP) {
        MUST(rec_write(&one, r, width) == ST_OK);
        MUST(rec_read(&back, one.p, one.n, width, a) == ST_OK);
        MUST(back.kind == r->kind && back.id == r->id && back.n_tokens == r->n_tokens);
        MUST(back.n_trained == r->n_trained);
        MUST(rec_write(&two, &back, width) == ST_OK);
        MUST(one.n == two.n && memcmp(one.p, two.p, one.n) == 0);
    }
    two.n = 0;
    MUST(rec_json(&two, r) == ST_OK && two.n >= 2 && two.p[0] == '{' && two.p[two.n - 1] == '}');
    buf_free(&one);
    buf_free(&two);
}

/* The record seen twice: the second time by the shape learned from the first, and then with a byte
 * changed, which rec_take() judges too. */
static void by_shape(const struct rec *r, int width, struct arena *a)
{
    struct shapes *all = shape_new(a);
    uint8_t *p = arena_get(a, r->raw_bytes + 256);
    char why[REC_WHY];
    struct rec s, t;
    MUST(all && p);
    memcpy(p, r->raw, r->raw_bytes);
    for (int i = 0; i < 2; i++) {
        MUST(shape_take(all, &s, p, r->raw_bytes + 256, width, a, why) == ST_OK);
        MUST(s.raw_bytes == r->raw_bytes && s.kind == r->kind && s.id == r->id);
        MUST(s.n_tokens == r->n_tokens && s.n_trained == r->n_trained && s.w == r->w);
        again(&s, width, a);
    }
    p[r->id % r->raw_bytes] ^= (uint8_t)(1 + r->id % 255);
    enum st st = rec_take(&t, p, r->raw_bytes + 256, width, a, why);
    MUST(shape_take(all, &s, p, r->raw_bytes + 256, width, a, why) == st);
    MUST(st != ST_OK || (s.n_tokens == t.n_tokens && s.n_trained == t.n_trained && s.w == t.w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new(0);
    char why[REC_WHY];
    for (int width = 2; width <= 4; width += 2) {
        struct rec r, cut;
        enum st st = rec_take(&r, data, n, width, a, why);
        MUST(st == ST_OK || st == ST_END || st == ST_DATA);
        if (st != ST_OK)
            continue;
        MUST(r.raw_bytes <= n);
        MUST(rec_take(&cut, data, r.raw_bytes - 1, width, a, why) != ST_OK);
        judge(&r);
        again(&r, width, a);
        by_shape(&r, width, a);
        struct view name, all = { (const char *)r.raw, r.raw_bytes };
        size_t at = 0;
        double v;
        while (rec_each(all, &at, &name, &v))
            MUST(at <= r.raw_bytes);
    }
    arena_free(a);
    err_clear();
    return 0;
}
