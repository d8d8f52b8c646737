/* mp.h - msgpack behind bounds: reading by a cursor that sizes nothing by a count, writing
 * through msgpack-c.
 *
 * Every byte from outside comes this way.  A cursor looks at one head at a time; a count or a
 * length is compared with the bytes that remain before anybody uses it, so six hostile bytes cost
 * nothing.  "Cut" and "broken" are told apart: a stream may bring the rest of a cut value, never
 * that of a broken one.
 *
 * Of msgpack we use nil, bool, integers, floats, str (valid UTF-8), bin, array and map (keys are
 * str, none twice, at most MP_FIELDS_MAX of them).  Anything else is broken. */
#ifndef MP_H
#define MP_H

#include "base/mem.h"

#define MP_BYTES_MAX  (64 << 20)               /* one top-level value */
#define MP_DEPTH_MAX  8                    /* containers within containers, the outermost counted */
#define MP_FIELDS_MAX 4096                     /* of one map */
#define MP_FEW        16                       /* up to here keys are compared one by one */

enum mp_type { MP_NIL, MP_BOOL, MP_INT, MP_BIG, MP_REAL, MP_TEXT, MP_BIN, MP_ARRAY, MP_MAP };

struct mp {                                    /* the head of one value, as mp_next() leaves it */
    enum mp_type   type;
    union {
        int64_t    i;                          /* INT; BOOL: 0 or 1 */
        uint64_t   big;                        /* BIG: an integer over INT64_MAX */
        double     d;                          /* REAL */
    };
    const uint8_t *p;                         /* TEXT, BIN: the bytes; ARRAY, MAP: the first item */
    size_t         n;                          /* bytes; items; pairs */
};

struct mp_in {
    const uint8_t *p, *end;
    const char    *why;          /* what is broken; NULL after a failure: the bytes end too early */
};

/* The next head.  p moves behind a scalar with its bytes, or to the first item of a container. */
static inline bool mp_next(struct mp_in *c, struct mp *v) must_use;
bool mp_next_slow(struct mp_in *c, struct mp *v) must_use;

/* Walks and checks what is inside the value whose head is *v; depth counts the containers around
 * it.  Text is checked to be UTF-8, maps to have no key twice. */
bool mp_inside(struct mp_in *c, const struct mp *v, int depth) must_use;
/* mp_next() and mp_inside() in one: one whole value. */
bool mp_skip(struct mp_in *c, int depth) must_use;
/* True when the n <= MP_FIELDS_MAX pairs that follow have different keys.  For pairs that
 * mp_skip() has been over. */
bool mp_keys_differ(struct mp_in c, size_t n) must_use;

bool mp_utf8(const void *p, size_t n) must_use;

/* A number of any kind as a double; false when v is none (a boolean counts as 0 or 1). */
bool mp_number(const struct mp *v, double *d) must_use;

/* The size of a value whose bytes arrive piece by piece; start from {0}.  Goes on where it
 * stopped, so a value in many pieces is walked once.  The structure alone is looked at.
 *   ST_OK    w->at is its size
 *   ST_END   more bytes are needed
 *   ST_DATA  *why says what is broken (fail() was not called) */
struct mp_walk {
    size_t at;
    int    depth;
    size_t left[MP_DEPTH_MAX + 1];
};
enum st mp_walk(struct mp_walk *w, const void *p, size_t n, const char **why) must_use;

/* Writing free-form records (metrics, summaries): a map of n_fields, then as many key/value
 * calls.
 * Strung together by ||, the first failure ends them: mp_st(mp_map(b, 1) || mp_text(b, k)
 * || ...). */
static inline enum st mp_st(bool failed)
{
    return failed ? ST_SYS : ST_OK;           /* the buffer could not grow: nothing else can fail */
}
enum st mp_map(struct buf *b, int64_t n_fields) must_use;
enum st mp_array(struct buf *b, int64_t n) must_use;
enum st mp_text(struct buf *b, struct view s) must_use;
enum st mp_bin(struct buf *b, const void *p, size_t n) must_use;
enum st mp_int(struct buf *b, int64_t v) must_use;
enum st mp_real(struct buf *b, double v) must_use;             /* float64 */
enum st mp_bool(struct buf *b, bool v) must_use;

/* ---- the forms that make up nearly all heads, inline ---- */

static inline bool mp_span(struct mp_in *c, struct mp *v, enum mp_type t, size_t head, size_t n)
{
    if ((size_t)(c->end - c->p) - head < n) {
        c->why = n > MP_BYTES_MAX ? "a length over 64 MiB" : NULL;
        return false;
    }
    v->type = t;
    v->p = c->p + head;
    v->n = n;
    c->p += head + n;
    return true;
}

static inline bool mp_whole(struct mp_in *c, struct mp *v, size_t head, int64_t i)
{
    v->type = MP_INT;
    v->i = i;
    c->p += head;
    return true;
}

static inline bool mp_next(struct mp_in *c, struct mp *v)
{
    const uint8_t *p = c->p;
    size_t there = (size_t)(c->end - p);
    if (there >= 3 + 2 * 15) {                 /* room for any head below and the items it counts */
        uint8_t b = *p;
        if (b < 0x80)
            return mp_whole(c, v, 1, b);
        if (b < 0xa0) {
            v->type = b < 0x90 ? MP_MAP : MP_ARRAY;
            v->n = b & 15;
            v->p = ++c->p;
            return true;
        }
        if (b < 0xc0)
            return mp_span(c, v, MP_TEXT, 1, b & 31);
        if (b == 0xc4)
            return mp_span(c, v, MP_BIN, 2, p[1]);
        if (b == 0xc5)
            return mp_span(c, v, MP_BIN, 3, (size_t)p[1] << 8 | p[2]);
        if (b == 0xcc)
            return mp_whole(c, v, 2, p[1]);
        if (b == 0xcd)
            return mp_whole(c, v, 3, (int64_t)p[1] << 8 | p[2]);
    }
    return mp_next_slow(c, v);
}

#endif
