/* mp.c - msgpack by a cursor of our own for reading, by msgpack-c for writing.
 *
 * msgpack-c's unpacker sizes memory by counts it has not checked and costs about 150 ns a record;
 * the cursor below allocates nothing and is an order of magnitude faster, which is what lets a
 * reader keep up with zstd (bench/stream shows both).  A fuzzer holds the two against each other.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <msgpack.h>
#include "base/utf8.h"
#include "stream/mp.h"

static uint64_t be(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* A container of n items of at least `each` bytes. */
static bool container(struct mp_in *c, struct mp *v, enum mp_type t, size_t head, size_t n,
                      size_t each)
{
    if (t == MP_MAP && n > MP_FIELDS_MAX) {
        c->why = "a map of more than 4096 fields";
        return false;
    }
    if ((size_t)(c->end - c->p) - head < n * each) {
        c->why = n > MP_BYTES_MAX ? "a count over 64 Mi" : NULL;
        return false;
    }
    v->type = t;
    v->n = n;
    c->p += head;
    v->p = c->p;
    return true;
}

static bool scalar(struct mp_in *c, struct mp *v, enum mp_type t, int64_t i, size_t bytes)
{
    v->type = t;
    v->i = i;
    v->p = NULL;
    v->n = 0;
    c->p += bytes;
    return true;
}

static bool real(struct mp_in *c, struct mp *v, int bytes)
{
    uint64_t bits = be(c->p + 1, bytes);
    uint32_t half = (uint32_t)bits;
    float f;
    double d;
    memcpy(&f, &half, sizeof f);
    memcpy(&d, &bits, sizeof d);
    (void)scalar(c, v, MP_REAL, 0, 1 + (size_t)bytes);
    v->d = bytes == 4 ? (double)f : d;
    return true;
}

static bool whole(struct mp_in *c, struct mp *v, int bytes, bool is_signed)
{
    uint64_t u = be(c->p + 1, bytes);
    int shift = 64 - 8 * bytes;
    if (is_signed)
        return scalar(c, v, MP_INT, (int64_t)(u << shift) >> shift, 1 + (size_t)bytes);
    (void)scalar(c, v, u > INT64_MAX ? MP_BIG : MP_INT, 0, 1 + (size_t)bytes);
    if (u > INT64_MAX)
        v->big = u;
    else
        v->i = (int64_t)u;
    return true;
}

/* Bytes of the head of each first byte from 0xc0 on; 0: not ours. */
static const uint8_t head_bytes[32] = {
    1, 0, 1, 1, 2, 3, 5, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 0, 0, 0, 0, 0, 2, 3, 5, 3, 5, 3, 5,
};

bool mp_next_slow(struct mp_in *c, struct mp *v)
{
    size_t there = (size_t)(c->end - c->p);
    c->why = NULL;
    if (there < 1)
        return false;
    uint8_t b = *c->p;
    if (b < 0x80 || b >= 0xe0)
        return scalar(c, v, MP_INT, (int8_t)b, 1);
    if (b < 0x90)
        return container(c, v, MP_MAP, 1, b & 15, 2);
    if (b < 0xa0)
        return container(c, v, MP_ARRAY, 1, b & 15, 1);
    if (b < 0xc0)
        return mp_span(c, v, MP_TEXT, 1, b & 31);
    size_t head = head_bytes[b - 0xc0];
    if (head == 0) {
        c->why = b == 0xc1 ? "byte 0xc1, which is not msgpack"
                           : "an extension type, which records do not use";
        return false;
    }
    if (there < head)
        return false;
    size_t n = head > 1 && head <= 5 ? (size_t)be(c->p + 1, (int)head - 1) : 0;
    switch (b) {
    case 0xc0: return scalar(c, v, MP_NIL, 0, 1);
    case 0xc2: case 0xc3: return scalar(c, v, MP_BOOL, b & 1, 1);
    case 0xc4: case 0xc5: case 0xc6: return mp_span(c, v, MP_BIN, head, n);
    case 0xca: case 0xcb: return real(c, v, (int)head - 1);
    case 0xcc: case 0xcd: case 0xce: case 0xcf: return whole(c, v, (int)head - 1, false);
    case 0xd0: case 0xd1: case 0xd2: case 0xd3: return whole(c, v, (int)head - 1, true);
    case 0xd9: case 0xda: case 0xdb: return mp_span(c, v, MP_TEXT, head, n);
    case 0xdc: case 0xdd: return container(c, v, MP_ARRAY, head, n, 1);
    default: return container(c, v, MP_MAP, head, n, 2);
    }
}

/* The table lies on the stack; its seed is an address, so nobody can send keys that collide. */
bool mp_keys_differ(struct mp_in c, size_t n)
{
    uint32_t slot[2 * MP_FIELDS_MAX];
    const uint8_t *base = c.p;
    size_t mask = 31;
    BUG_IF(n > MP_FIELDS_MAX);
    while (mask + 1 < 2 * n)
        mask = mask << 1 | 1;
    memset(slot, 0, (mask + 1) * sizeof slot[0]);
    for (size_t i = 0; i < n; i++) {
        uint32_t at = (uint32_t)(c.p - base) + 1;
        struct mp_walk value = { 0 };
        struct mp key = { 0 }, other = { 0 };
        const char *why;
        BUG_IF(!mp_next(&c, &key));
        size_t h = XXH3_64bits_withSeed(key.p, key.n, (uintptr_t)slot) & mask;
        for (; slot[h]; h = (h + 1) & mask) {
            struct mp_in o = { base + slot[h] - 1, c.end, NULL };
            BUG_IF(!mp_next(&o, &other));
            if (other.n == key.n && memcmp(other.p, key.p, key.n) == 0)
                return false;
        }
        slot[h] = at;
        BUG_IF(mp_walk(&value, c.p, (size_t)(c.end - c.p), &why) != ST_OK);
        c.p += value.at;
    }
    return true;
}

/* A few keys are compared as they come; more of them are walked again. */
static bool map_inside(struct mp_in *c, size_t n, int depth)
{
    struct view key[MP_FEW];
    struct mp_in start = *c;
    bool twice = false;
    for (size_t i = 0; i < n; i++) {
        struct mp v = { 0 };
        if (!mp_next(c, &v))
            return false;
        if (v.type != MP_TEXT || !mp_utf8(v.p, v.n)) {
            c->why = "a map key that is not text";
            return false;
        }
        if (n <= MP_FEW) {
            key[i] = (struct view){ (const char *)v.p, v.n };
            for (size_t j = 0; j < i; j++)
                twice |= view_eq(key[i], key[j]);
        }
        if (!mp_skip(c, depth + 1))
            return false;
    }
    start.end = c->p;
    if (twice || (n > MP_FEW && !mp_keys_differ(start, n))) {
        c->why = "a key twice in one map";
        return false;
    }
    return true;
}

bool mp_inside(struct mp_in *c, const struct mp *v, int depth)
{
    if (v->type == MP_TEXT && !mp_utf8(v->p, v->n)) {
        c->why = "text that is not UTF-8";
        return false;
    }
    if (v->type < MP_ARRAY)
        return true;
    if (depth >= MP_DEPTH_MAX) {
        c->why = "more than 8 containers deep";
        return false;
    }
    if (v->type == MP_MAP)
        return map_inside(c, v->n, depth);
    for (size_t i = 0; i < v->n; i++) {
        struct mp item;
        if (!mp_next(c, &item) || (item.type >= MP_TEXT && !mp_inside(c, &item, depth + 1)))
            return false;
    }
    return true;
}

bool mp_skip(struct mp_in *c, int depth)
{
    struct mp v;
    return mp_next(c, &v) && mp_inside(c, &v, depth);
}

bool mp_utf8(const void *bytes, size_t n)
{
    const char *p = bytes, *end = p + n;
    unsigned char seen = 0;
    for (; end - p >= 8; p += 8) {
        uint64_t eight;
        memcpy(&eight, p, 8);
        if (eight & 0x8080808080808080u)
            break;
    }
    if (end - p < 8) {
        for (const char *q = p; q < end; q++)
            seen |= (unsigned char)*q;
        if (seen < 0x80)
            return true;
    }
    while (p < end) {
        int len = utf8_len(p, (size_t)(end - p));
        if (len == 0)
            return false;
        p += len;
    }
    return true;
}

bool mp_number(const struct mp *v, double *d)
{
    switch (v->type) {
    case MP_BOOL: case MP_INT: *d = (double)v->i; return true;
    case MP_BIG:               *d = (double)v->big; return true;
    case MP_REAL:              *d = v->d; return true;
    default:                   return false;
    }
}

enum st mp_walk(struct mp_walk *w, const void *p, size_t n, const char **why)
{
    struct mp_in c = { (const uint8_t *)p + w->at, (const uint8_t *)p + n, NULL };
    struct mp v;
    *why = NULL;
    if (w->at == 0)
        w->left[0] = 1;
    while (w->depth > 0 || w->left[0] > 0) {
        if (w->left[w->depth] == 0) {
            w->depth--;
            continue;
        }
        if (!mp_next(&c, &v)) {
            *why = c.why;
            break;
        }
        w->left[w->depth]--;
        if (v.type >= MP_ARRAY) {
            if (w->depth == MP_DEPTH_MAX) {
                *why = "more than 8 containers deep";
                break;
            }
            w->left[++w->depth] = v.type == MP_MAP ? 2 * v.n : v.n;
        }
        w->at = (size_t)(c.p - (const uint8_t *)p);
    }
    if (*why)
        return ST_DATA;
    if (w->at > MP_BYTES_MAX || (n > MP_BYTES_MAX && (w->depth > 0 || w->left[0] > 0))) {
        *why = "more than 64 MiB in one record";
        return ST_DATA;
    }
    return w->depth == 0 && w->left[0] == 0 ? ST_OK : ST_END;
}

/* ---- writing ---- */

static int put(void *b, const char *p, size_t n)
{
    return buf_add(b, p, n) == ST_OK ? 0 : -1;
}

static msgpack_packer packer(struct buf *b)
{
    return (msgpack_packer){ .data = b, .callback = put };
}

enum st mp_map(struct buf *b, int64_t n_fields)
{
    msgpack_packer k = packer(b);
    return msgpack_pack_map(&k, (size_t)n_fields) ? ST_SYS : ST_OK;
}

enum st mp_array(struct buf *b, int64_t n)
{
    msgpack_packer k = packer(b);
    return msgpack_pack_array(&k, (size_t)n) ? ST_SYS : ST_OK;
}

/* Nearly all texts are keys and other short ones: head and bytes in one step. */
enum st mp_text(struct buf *b, struct view s)
{
    if (s.n < 32) {
        if (buf_room(b, 1 + s.n) != ST_OK)
            return ST_SYS;
        b->p[b->n++] = (char)(0xa0 | s.n);
        if (s.n)
            memcpy(b->p + b->n, s.p, s.n);
        b->n += s.n;
        return ST_OK;
    }
    msgpack_packer k = packer(b);
    return msgpack_pack_str(&k, s.n) || (s.n && msgpack_pack_str_body(&k, s.p, s.n)) ? ST_SYS
                                                                                     : ST_OK;
}

enum st mp_bin(struct buf *b, const void *p, size_t n)
{
    msgpack_packer k = packer(b);
    return msgpack_pack_bin(&k, n) || (n && msgpack_pack_bin_body(&k, p, n)) ? ST_SYS : ST_OK;
}

enum st mp_int(struct buf *b, int64_t v)
{
    msgpack_packer k = packer(b);
    return msgpack_pack_int64(&k, v) ? ST_SYS : ST_OK;
}

enum st mp_real(struct buf *b, double v)
{
    msgpack_packer k = packer(b);
    return msgpack_pack_double(&k, v) ? ST_SYS : ST_OK;
}

enum st mp_bool(struct buf *b, bool v)
{
    msgpack_packer k = packer(b);
    return (v ? msgpack_pack_true(&k) : msgpack_pack_false(&k)) ? ST_SYS : ST_OK;
}
