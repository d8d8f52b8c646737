/* scan.c - JSON rows into trees of views, by recursive descent.
 *
 * Strings, most of a row's bytes, are quoted.c's.  Members are gathered in arrays that double
 * within the arena, which the caller takes back row by row. */
#include <math.h>

#include "base/hash.h"
#include "base/quoted.h"
#include "base/scan.h"

enum { ITEMS_FIRST = 8, ITEMS_MAX = 1 << 30, PAIRWISE_MAX = 16, STEPS_MAX = 8 };

static const char CUT_OBJECT[] = "the row stops within an object";

struct work {
    struct view   data;
    size_t        at;
    int           depth;
    struct arena *a;
    struct quoted_room room;
};

static enum st value(struct work *w, struct scan *v);

static enum st bad(struct work *w, size_t at, const char *what)
{
    w->at = at;
    return fail(ST_DATA, "%s", what);
}

static void space(struct work *w)
{
    size_t at = w->at;

    while (at < w->data.n && (w->data.p[at] == ' ' || w->data.p[at] == '\n' ||
                              w->data.p[at] == '\r' || w->data.p[at] == '\t'))
        at++;
    w->at = at;
}

/* The next byte, or -1 at the end. */
static int peek(const struct work *w)
{
    return w->at < w->data.n ? (unsigned char)w->data.p[w->at] : -1;
}

static size_t digits(struct work *w)
{
    size_t from = w->at;

    while (w->at < w->data.n && (unsigned)(w->data.p[w->at] - '0') < 10)
        w->at++;
    return w->at - from;
}

/* 0 at the wrong byte, else the number of digits of an integer part without leading zero. */
static size_t integer(struct work *w)
{
    if (peek(w) == '0') {
        w->at++;
        return 1;
    }
    return digits(w);
}

static enum st number(struct work *w, struct scan *v)
{
    const char *p = w->data.p + w->at;
    size_t from = w->at, whole;
    bool minus = *p == '-', plain_int = true;

    w->at += minus;
    if (!(whole = integer(w)))
        return bad(w, w->at, "a number needs a digit here");
    if (peek(w) == '.') {
        plain_int = false;
        w->at++;
        if (!digits(w))
            return bad(w, w->at, "a number needs a digit here");
    }
    if (peek(w) == 'e' || peek(w) == 'E') {
        plain_int = false;
        w->at++;
        if (peek(w) == '+' || peek(w) == '-')
            w->at++;
        if (!digits(w))
            return bad(w, w->at, "a number needs a digit here");
    }
    v->type = SCAN_NUMBER;
    if (plain_int && whole <= 15) {
        int64_t i = 0;
        for (size_t k = 0; k < whole; k++)
            i = i * 10 + (p[(size_t)minus + k] - '0');
        v->number = minus ? -(double)i : (double)i;
        return ST_OK;
    }
    size_t mark = arena_mark(w->a);
    char *text = arena_text(w->a, (struct view){ p, w->at - from });   /* strtod wants a 0 */
    if (!text)
        return ST_SYS;
    v->number = strtod(text, NULL);
    arena_back(w->a, mark);
    return isfinite(v->number) ? ST_OK : bad(w, from, "the number is too large");
}

static enum st word(struct work *w, struct scan *v, const char *name, enum scan_type type)
{
    size_t n = strlen(name);

    if (w->data.n - w->at < n || memcmp(w->data.p + w->at, name, n) != 0)
        return bad(w, w->at, "neither true, false nor null");
    w->at += n;
    v->type = type;
    return ST_OK;
}

/* Room for one more member of v: for as many as the rest of the input holds at their length so far,
 * but for eight times as many at most. */
static enum st widen(struct work *w, struct scan *v, int64_t *cap)
{
    if (v->n < *cap)
        return ST_OK;
    if (*cap >= ITEMS_MAX)
        return bad(w, w->at, "too many members");
    size_t each = v->n ? (w->at - v->at) / (size_t)v->n + 1 : 1;
    int64_t rest = (int64_t)((w->data.n - w->at) / each), more = ITEMS_FIRST;
    if (v->n)
        more = MIN(MAX(v->n * 2, v->n + rest + rest / 16), MIN(v->n * 8, (int64_t)ITEMS_MAX));
    struct scan *item = ARENA_NEW(w->a, struct scan, more);
    struct view *key = v->type == SCAN_OBJECT ? ARENA_NEW(w->a, struct view, more) : NULL;
    if (!item || (v->type == SCAN_OBJECT && !key))
        return ST_SYS;
    if (v->n) {
        memcpy(item, v->item, (size_t)v->n * sizeof *item);
        if (key)
            memcpy(key, v->key, (size_t)v->n * sizeof *key);
    }
    v->item = item;
    v->key = key;
    *cap = more;
    return ST_OK;
}

struct named {
    struct view key;
    int32_t     i;
};

static int by_key(const void *pa, const void *pb)
{
    const struct named *a = pa, *b = pb;
    size_t n = MIN(a->key.n, b->key.n);
    int r = n ? memcmp(a->key.p, b->key.p, n) : 0;

    if (r)
        return r;
    if (a->key.n != b->key.n)
        return a->key.n < b->key.n ? -1 : 1;
    return a->i < b->i ? -1 : 1;
}

static enum st twice(struct work *w, const struct scan *v, int32_t i)
{
    w->at = v->item[i].at;
    return fail(ST_DATA, "the key '%s' stands twice in one object", shown(v->key[i]));
}

/* Few members, pair by pair. */
static enum st check_pairs(struct work *w, const struct scan *v)
{
    for (int32_t i = 1; i < v->n; i++)
        for (int32_t k = 0; k < i; k++)
            if (view_eq(v->key[i], v->key[k]))
                return twice(w, v, i);
    return ST_OK;
}

static enum st check_sorted(struct work *w, const struct scan *v)
{
    size_t mark = arena_mark(w->a);
    struct named *all = ARENA_NEW(w->a, struct named, v->n);
    if (!all)
        return ST_SYS;
    for (int32_t i = 0; i < v->n; i++)
        all[i] = (struct named){ v->key[i], i };
    qsort(all, (size_t)v->n, sizeof *all, by_key);
    int32_t found = INT32_MAX;
    for (int32_t i = 1; i < v->n; i++)
        if (view_eq(all[i - 1].key, all[i].key))
            found = MIN(found, all[i].i);
    arena_back(w->a, mark);
    return found == INT32_MAX ? ST_OK : twice(w, v, found);
}

/* By their hashes, which keys made for it could lead to one place: those are sorted then. */
static enum st check_keys(struct work *w, const struct scan *v)
{
    struct slot { uint32_t check; int32_t i; } *slot;  /* i: of the member, plus 1; 0: empty */
    size_t mark = arena_mark(w->a), size = 64;
    int64_t steps = (int64_t)v->n * STEPS_MAX;
    int32_t found = -1;

    if (v->n <= PAIRWISE_MAX)
        return check_pairs(w, v);
    while (size < (size_t)v->n * 2)
        size *= 2;
    if (!(slot = ARENA_NEW(w->a, struct slot, size)))
        return ST_SYS;
    for (int32_t i = 0; i < v->n && found < 0 && steps > 0; i++) {
        uint64_t h = hash_of(v->key[i]);
        struct slot *s = &slot[h >> 32 & (size - 1)];
        for (; s->i && found < 0; steps--) {
            if (s->check == (uint32_t)h && view_eq(v->key[s->i - 1], v->key[i]))
                found = i;
            s = s + 1 < slot + size ? s + 1 : slot;
        }
        if (found < 0)
            *s = (struct slot){ (uint32_t)h, i + 1 };
    }
    arena_back(w->a, mark);
    return found >= 0 ? twice(w, v, found) : steps > 0 ? ST_OK : check_sorted(w, v);
}

/* The key and the colon behind it. */
static enum st member_key(struct work *w, struct view *key)
{
    space(w);
    if (peek(w) != '"')
        return bad(w, w->at, peek(w) < 0 ? CUT_OBJECT : "a key in quotes must stand here");
    enum st st = quoted(w->data, &w->at, key, &w->room);
    if (st != ST_OK)
        return st;
    space(w);
    if (peek(w) != ':')
        return bad(w, w->at, peek(w) < 0 ? CUT_OBJECT : "a colon must stand here");
    w->at++;
    return ST_OK;
}

static enum st members(struct work *w, struct scan *v)
{
    bool object = v->type == SCAN_OBJECT;
    const char *cut = object ? CUT_OBJECT : "the row stops within an array";
    int close = object ? '}' : ']';
    int64_t cap = 0;
    enum st st;

    if (++w->depth > SCAN_DEPTH_MAX)
        return bad(w, w->at, "nested too deeply");
    w->at++;
    space(w);
    if (peek(w) == close) {
        w->at++;
        w->depth--;
        return ST_OK;
    }
    for (;;) {
        if ((st = widen(w, v, &cap)) != ST_OK)
            return st;
        if (object && (st = member_key(w, &v->key[v->n])) != ST_OK)
            return st;
        space(w);
        if (w->at == w->data.n)
            return bad(w, w->at, cut);
        if ((st = value(w, &v->item[v->n])) != ST_OK)
            return st;
        v->n++;
        space(w);
        int c = peek(w);
        if (c != ',' && c != close)
            return bad(w, w->at, c < 0 ? cut : object ? "a comma or } must stand here"
                                                      : "a comma or ] must stand here");
        w->at++;
        if (c == close)
            break;
    }
    w->depth--;
    return object ? check_keys(w, v) : ST_OK;
}

/* The value at w->at, which is within the data and no white space. */
static enum st value(struct work *w, struct scan *v)
{
    size_t from = w->at;
    enum st st;

    *v = (struct scan){ .at = from };
    switch (w->data.p[from]) {
    case '"': v->type = SCAN_TEXT;   st = quoted(w->data, &w->at, &v->text, &w->room); break;
    case '{': v->type = SCAN_OBJECT; st = members(w, v);                           break;
    case '[': v->type = SCAN_ARRAY;  st = members(w, v);                           break;
    case 't': st = word(w, v, "true", SCAN_TRUE);                                  break;
    case 'f': st = word(w, v, "false", SCAN_FALSE);                                break;
    case 'n': st = word(w, v, "null", SCAN_NULL);                                  break;
    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        st = number(w, v);
        break;
    default:
        if ((unsigned char)w->data.p[from] == 0xef)
            return bad(w, from, "a byte order mark or other text; JSON must stand here");
        return bad(w, from, "JSON must stand here");
    }
    v->raw = (struct view){ w->data.p + from, w->at - from };
    return st;
}

enum st scan_next(struct scan *v, struct view data, size_t *at, struct arena *a)
{
    struct work w = { .data = data, .at = *at, .a = a, .room = { .a = a } };

    space(&w);
    *at = w.at;
    if (w.at >= data.n)
        return ST_END;
    enum st st = value(&w, v);
    *at = w.at;
    return st;
}

const struct scan *scan_find(const struct scan *object, const char *key)
{
    if (object->type == SCAN_OBJECT)
        for (int32_t i = 0; i < object->n; i++)
            if (view_is(object->key[i], key))
                return &object->item[i];
    return NULL;
}
