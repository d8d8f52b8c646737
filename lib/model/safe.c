/* safe.c - reading a safetensors header without trusting it.
 *
 * The top object is walked by hand and each entry scanned by itself, within a bounded view, so that
 * a header of 100 MB made to hurt costs no more memory than its tensors' names. */
#include "model/safe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scan.h"

#define HEADER_BYTES_MAX (100 << 20)           /* the format's own limit */
#define ENTRY_BYTES_MAX  (1 << 20)             /* a tensor's description, or all of the metadata */
#define WHOLE_MAX        0x1p53

struct walk {
    struct safe *s;
    struct view  text;
    size_t       at;
    int64_t      cap, data, n_bytes;
    struct arena *a, *now;                     /* now: one entry at a time */
};

static enum st bad(const char *what)
{
    return fail(ST_DATA, "not a safetensors file: %s", what);
}

static enum st bad_tensor(const char *name, const char *what)
{
    return fail(ST_DATA, "tensor '%s' %s", shown(view_of(name)), what);
}

/* The next byte that is no white space; 0 at the end. */
static char peek(struct walk *w)
{
    while (w->at < w->text.n && memchr(" \t\r\n", w->text.p[w->at], 4))
        w->at++;
    return w->at < w->text.n ? w->text.p[w->at] : 0;
}

static enum st expect(struct walk *w, char c)
{
    if (peek(w) != c)
        return bad("its header is no JSON object of tensors");
    w->at++;
    return ST_OK;
}

static enum st value(struct walk *w, struct scan *v)
{
    struct view part = { w->text.p, MIN(w->text.n, w->at + ENTRY_BYTES_MAX) };
    enum st st = scan_next(v, part, &w->at, w->now);
    return st == ST_END ? bad("its header ends early") : st;
}

static bool whole(const struct scan *v, int64_t *n)
{
    if (v->type != SCAN_NUMBER || !(v->number >= 0 && v->number <= WHOLE_MAX))
        return false;
    *n = (int64_t)v->number;
    return (double)*n == v->number;
}

static int dtype_bits(const char *name)
{
    static const struct { const char *name; int bits;
    } types[] = {
        { "F32", 32 },    { "BF16", 16 },   { "F16", 16 }, { "F64", 64 },    { "I64", 64 },
        { "I32", 32 },    { "I16", 16 },    { "I8", 8 },   { "U64", 64 },    { "U32", 32 },
        { "U16", 16 },    { "U8", 8 },      { "BOOL", 8 }, { "C64", 64 },    { "F8_E4M3", 8 },
        { "F8_E5M2", 8 }, { "F8_E8M0", 8 }, { "F4", 4 },   { "F6_E2M3", 6 }, { "F6_E3M2", 6 },
    };
    for (int64_t i = 0; i < countof(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].bits;
    return 0;
}

/* dtype, shape and data_offsets of one tensor, which must agree. */
static enum st describe(struct safe_tensor *t, const struct scan *v, const struct walk *w)
{
    const struct scan *type = scan_find(v, "dtype"), *shape = scan_find(v, "shape"),
                      *at = scan_find(v, "data_offsets");
    int64_t bits;

    if (!type || type->type != SCAN_TEXT || !shape || shape->type != SCAN_ARRAY || !at ||
        at->type != SCAN_ARRAY)
        return bad_tensor(t->name, "lacks dtype, shape or data_offsets");
    if (type->text.n >= sizeof t->dtype)
        return bad_tensor(t->name, "has an unknown dtype");
    memcpy(t->dtype, type->text.p, type->text.n);
    if (!(bits = dtype_bits(t->dtype)))
        return bad_tensor(t->name, "has an unknown dtype");
    if (shape->n > SAFE_RANK_MAX)
        return bad_tensor(t->name, "has more than 8 dimensions");
    t->rank = (int)shape->n;
    t->n = 1;
    for (int i = 0; i < t->rank; i++)
        if (!whole(&shape->item[i], &t->d[i]) || __builtin_mul_overflow(t->n, t->d[i], &t->n))
            return bad_tensor(t->name, "has a shape that cannot be");
    if (at->n != 2 || !whole(&at->item[0], &t->begin) || !whole(&at->item[1], &t->end) ||
        t->begin > t->end || t->end > w->n_bytes - w->data)
        return bad_tensor(t->name, "lies outside the file");
    if (__builtin_mul_overflow(t->n, bits, &bits) || bits % 8 || bits / 8 != t->end - t->begin)
        return bad_tensor(t->name, "has a shape that is not its bytes'");
    t->begin += w->data;
    t->end += w->data;
    return ST_OK;
}

static enum st grow(struct walk *w)
{
    struct safe *s = w->s;
    int64_t cap = MAX(64, 2 * w->cap);
    struct safe_tensor *t = ARENA_NEW(w->a, struct safe_tensor, cap);
    if (!t)
        return ST_SYS;
    if (s->n)
        memcpy(t, s->t, (size_t)s->n * sizeof *t);
    s->t = t;
    w->cap = cap;
    return ST_OK;
}

/* "name": { ... } */
static enum st entry(struct walk *w)
{
    struct scan key, v;
    struct safe *s = w->s;
    enum st st;

    if ((st = value(w, &key)) != ST_OK || (st = expect(w, ':')) != ST_OK ||
        (st = value(w, &v)) != ST_OK)
        return st;
    if (key.type != SCAN_TEXT || v.type != SCAN_OBJECT ||
        (key.text.n && memchr(key.text.p, 0, key.text.n)))
        return bad("its header is no JSON object of tensors");
    if (view_is(key.text, "__metadata__")) {
        const struct scan *base = scan_find(&v, "base");
        if (base && base->type == SCAN_TEXT && base->text.n == 64)
            memcpy(s->base, base->text.p, 64);
        return ST_OK;
    }
    if (s->n == w->cap && (st = grow(w)) != ST_OK)
        return st;
    struct safe_tensor *t = &s->t[s->n];
    *t = (struct safe_tensor){ 0 };
    if (!(t->name = arena_text(w->a, key.text)))
        return ST_SYS;
    s->n++;
    return describe(t, &v, w);
}

static enum st entries(struct walk *w)
{
    enum st st = expect(w, '{');

    if (st != ST_OK)
        return st;
    if (peek(w) == '}')
        w->at++;
    else
        for (;;) {
            size_t mark = arena_mark(w->now);
            if (peek(w) != '"')
                return bad("its header is no JSON object of tensors");
            if ((st = entry(w)) != ST_OK)
                return st;
            arena_back(w->now, mark);
            if (peek(w) == '}')
                break;
            if ((st = expect(w, ',')) != ST_OK)
                return st;
        }
    w->at += w->at < w->text.n;
    return peek(w) ? bad("something stands behind its header") : ST_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct safe_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct safe_tensor *)a)->name, ((const struct safe_tensor *)b)->name);
}

/* The tensors cover the data, and no name comes twice. */
static enum st check(struct safe *s, int64_t data, int64_t n_bytes)
{
    int64_t at = data;

    if (s->n)
        qsort(s->t, (size_t)s->n, sizeof *s->t, by_place);
    for (int64_t i = 0; i < s->n; i++) {
        if (s->t[i].begin != at)
            return bad_tensor(s->t[i].name,
                              s->t[i].begin < at ? "overlaps another" : "has a hole before it");
        at = s->t[i].end;
    }
    if (at != n_bytes)
        return bad("it is longer than its tensors");
    if (s->n)
        qsort(s->t, (size_t)s->n, sizeof *s->t, by_name);
    for (int64_t i = 1; i < s->n; i++)
        if (strcmp(s->t[i - 1].name, s->t[i].name) == 0)
            return bad_tensor(s->t[i].name, "is there twice");
    return ST_OK;
}

enum st safe_parse(struct safe *s, struct view header, int64_t data, int64_t n_bytes,
                   struct arena *a)
{
    struct walk w = { .s = s,
                      .text = header,
                      .data = data,
                      .n_bytes = n_bytes,
                      .a = a,
                      .now = arena_new(256 << 20) };
    enum st st = entries(&w);

    arena_free(w.now);
    return st == ST_OK ? check(s, data, n_bytes) : st;
}

enum st safe_read(const struct safe *s, int64_t at, void *to, size_t n)
{
    char *p = to;

    while (n) {
        ssize_t r = pread(s->fd, p, MIN(n, (size_t)1 << 30), at);
        if (r < 0 && errno == EINTR)
            continue;
        err_place("%s", s->path);
        if (r < 0)
            return fail_sys("cannot read");
        if (r == 0)
            return bad("it is cut short");
        p += r;
        at += r;
        n -= (size_t)r;
    }
    return ST_OK;
}

static enum st read_header(struct safe *s, struct arena *a)
{
    struct stat is;
    uint8_t len[8];
    uint64_t n = 0;
    enum st st;

    if (fstat(s->fd, &is) < 0)
        return fail_sys("cannot read");
    if (!S_ISREG(is.st_mode))
        return bad("it is no regular file");
    if (is.st_size < 8)
        return bad("it is shorter than 8 bytes");
    if ((st = safe_read(s, 0, len, 8)) != ST_OK)
        return st;
    for (int i = 0; i < 8; i++)
        n |= (uint64_t)len[i] << 8 * i;
    if (n > HEADER_BYTES_MAX || (int64_t)n > is.st_size - 8)
        return bad("its header is longer than the file or 100 MB");
    char *text = arena_get(a, MAX(n, 1));
    if (!text)
        return ST_SYS;
    if ((st = safe_read(s, 8, text, n)) != ST_OK)
        return st;
    err_place("%s", s->path);
    return safe_parse(s, (struct view){ text, n }, 8 + (int64_t)n, is.st_size, a);
}

enum st safe_open(struct safe *s, const char *path, struct arena *a)
{
    char *name = arena_text(a, view_of(path));

    *s = (struct safe){ .fd = -1, .path = name };
    if (!name)
        return ST_SYS;
    err_place("%s", name);
    if ((s->fd = open(name, O_RDONLY | O_CLOEXEC)) < 0)
        return fail_sys("cannot open");
    enum st st = read_header(s, a);
    if (st != ST_OK)
        safe_close(s);
    return st;
}

void safe_close(struct safe *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

const struct safe_tensor *safe_find(const struct safe *s, const char *name)
{
    int64_t lo = 0, hi = s->n;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int c = strcmp(s->t[mid].name, name);
        if (c == 0)
            return &s->t[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}
