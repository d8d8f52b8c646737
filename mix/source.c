/* source.c - cursors.  Of a file, the frames of the group being read are kept decoded, each from
 * its first use on: a permuted order would otherwise decode a frame for every row.  They lie in
 * one stretch of memory, in large pages where the machine has them, for rows are then looked up
 * in any order. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "idset.h"
#include "order.h"
#include "source.h"
#include "window.h"

enum { RING = 256 };                           /* spots remembered */
enum { FAR = 24, NEAR = 8, NEAR_BYTES = 1024 };        /* rows ahead; of a row, what is fetched */

struct item {                                  /* a row that is kept, packed: there are millions */
    uint64_t id, at;                           /* at: where its bytes are in `raw` */
    uint32_t n_bytes, n_tokens, n_trained;
    uint32_t kind;
};

struct source_own {
    struct window *window;                     /* a pipe, or NULL */
    struct shard  *shard;                      /* a file, or NULL */
    struct order   order;
    int64_t        group;                      /* of which frames are kept */
    int64_t       *first;                      /* [n_frames] item of its first row; -1: not kept */
    struct buf     raw, items;                 /* bytes of the rows kept, and struct item of each */
    struct { int64_t p; struct spot spot; } ring[RING];    /* p: position + 1 */
};

static bool is_file(const char *name)
{
    struct stat s;

    return strcmp(name, "-") != 0 &&
           (stat(name, &s) != 0 || S_ISREG(s.st_mode) || S_ISDIR(s.st_mode));
}

static enum st open_file(struct cursor *c, struct arena *a)
{
    struct source_own *o = c->own;
    enum st st = shard_open(&o->shard, c->how.name, false, a);

    if (st != ST_OK) {
        o->shard = NULL;
        return st;
    }
    c->header = shard_header(o->shard);
    c->n_rows = shard_rows(o->shard);
    c->n_tokens = shard_tokens(o->shard);
    if (c->n_rows == 0) {
        err_place("%s", c->how.name);
        return fail(ST_DATA, "no rows; was everything filtered out?");
    }
    if (!(o->first = ARENA_NEW(a, int64_t, shard_frames(o->shard))))
        return ST_SYS;
    memset(o->first, 0xff, (size_t)shard_frames(o->shard) * sizeof *o->first);
    return order_new(&o->order, o->shard, c->how.seed, c->how.index, c->how.shuffle,
                     ORDER_GROUP_BYTES, a);
}

enum st source_open(struct cursor **c, const struct source_how *how, struct arena *a)
{
    *c = ARENA_NEW(a, struct cursor, 1);
    if (!*c || !((*c)->own = ARENA_NEW(a, struct source_own, 1)))
        return ST_SYS;
    (*c)->how = *how;
    if (is_file(how->name))
        return open_file(*c, a);
    enum st st = window_open(&(*c)->own->window, how->name, how->shuffle ? how->window : 1,
                             how->seed, how->index, a);
    return st == ST_OK ? window_header((*c)->own->window, &(*c)->header) : st;
}

static bool serves(enum obj o, enum rec_kind k)
{
    if (k == REC_OTHER)                                /* a kind of later days: step's affair */
        return true;
    return o == OBJ_SFT ? k == REC_SFT || k == REC_TEXT : k == REC_PREF || k == REC_LABEL;
}

static enum st check(const struct cursor *c, const struct line *l)
{
    if (serves(c->how.obj, l->kind) && !(c->how.held && idset_has(c->how.held, l->id)))
        return ST_OK;
    const char *name = strcmp(c->how.name, "-") == 0 ? "stdin" : c->how.name;
    err_place("%s:%lld", name, (long long)l->row + 1);
    if (!serves(c->how.obj, l->kind))
        return fail(ST_DATA, "a '%s' record, which --%s cannot train on; give the file to the "
                    "other objective, or tokenize with another schema", rec_kind_name(l->kind),
                    obj_name(c->how.obj));
    return fail(ST_DATA, "this row is held out too, so its held-out loss would be a trained one; "
                         "make both files with tokenize --split, or say --allow-overlap");
}

static enum st read_line(struct source_own *o, int64_t row, struct rec *r, struct line *l)
{
    enum st st = shard_row(o->shard, row, r);

    *l = (struct line){ r->raw, r->raw_bytes, r->kind, r->id, row, r->n_tokens, r->n_trained };
    return st;
}

/* Room for all rows of a group, once: it is used again by the groups that follow. */
static enum st make_room(struct source_own *o)
{
    const int64_t *bytes = o->order.frame_bytes;
    size_t n = 0, page = (size_t)2 << 20;

    if (o->raw.cap)
        return ST_OK;
    for (int64_t f = 0; f < o->order.n_frames && (int64_t)n < o->order.group_bytes; f++)
        n += (size_t)bytes[f];
    if (buf_room(&o->raw, n + n / 4) != ST_OK)         /* the bytes are an estimate */
        return ST_SYS;
    uintptr_t from = ((uintptr_t)o->raw.p + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)o->raw.p + o->raw.cap) & ~(page - 1);
    if (from < to)                                     /* only advice: a no is no matter */
        (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
    return ST_OK;
}

/* Reads frame f and keeps it. */
static enum st keep(struct cursor *c, int64_t f)
{
    struct source_own *o = c->own;
    int64_t first = (int64_t)(o->items.n / sizeof(struct item));
    struct line l;
    struct rec r;
    enum st st = make_room(o);

    for (int64_t i = o->order.frame_row[f]; st == ST_OK && i < o->order.frame_row[f + 1]; i++) {
        if ((st = read_line(o, i, &r, &l)) != ST_OK || (st = check(c, &l)) != ST_OK)
            return st;
        struct item t = { l.id, o->raw.n, (uint32_t)l.n_bytes, (uint32_t)l.n_tokens,
                          (uint32_t)l.n_trained, (uint32_t)l.kind };
        if ((st = buf_add(&o->raw, l.raw, l.n_bytes)) == ST_OK)
            st = buf_add(&o->items, &t, sizeof t);
    }
    o->first[f] = first;
    return st;
}

static void forget(struct source_own *o)
{
    memset(o->first, 0xff, (size_t)o->order.n_frames * sizeof *o->first);
    o->raw.n = o->items.n = 0;
}

/* The item of a spot that is kept, or NULL. */
static const struct item *item_at(const struct source_own *o, struct spot s)
{
    if (s.group != o->group || o->first[s.frame] < 0)
        return NULL;
    return (const struct item *)(const void *)o->items.p + o->first[s.frame] + s.row -
           o->order.frame_row[s.frame];
}

/* A position is asked for some times, ahead and again, and costs a permutation each. */
static struct spot spot_at(struct source_own *o, int64_t p)
{
    int64_t k = p & (RING - 1);

    if (o->ring[k].p != p + 1) {
        o->ring[k].p = p + 1;
        o->ring[k].spot = order_at(&o->order, p);
    }
    return o->ring[k].spot;
}

/* Memory is far away, and the order of rows is random on purpose: where a row lies is fetched
 * when it is FAR positions off, its bytes when it is NEAR. */
static void fetch_ahead(struct source_own *o, int64_t p)
{
    const struct item *far = item_at(o, spot_at(o, p + FAR));
    const struct item *near = item_at(o, spot_at(o, p + NEAR));

    if (far)
        __builtin_prefetch(far);
    for (uint32_t i = 0; near && i < MIN(near->n_bytes, NEAR_BYTES); i += 64)
        __builtin_prefetch(o->raw.p + near->at + i);
}

enum st source_row(struct cursor *c, int64_t p, struct line *l)
{
    struct source_own *o = c->own;
    enum st st;

    if (o->window) {
        st = window_row(o->window, p - c->taken, l);
        return st == ST_OK ? check(c, l) : st;
    }
    struct spot s = spot_at(o, p);
    if (s.group != o->group)
        forget(o);
    o->group = s.group;
    if (o->first[s.frame] < 0 && (st = keep(c, s.frame)) != ST_OK)
        return st;
    fetch_ahead(o, p);
    const struct item *t = item_at(o, s);
    *l = (struct line){ o->raw.p + t->at, t->n_bytes, (enum rec_kind)t->kind, t->id, s.row,
                        t->n_tokens, t->n_trained };
    return ST_OK;
}

void source_take(struct cursor *c, int64_t n)
{
    c->taken += n;
    if (c->own->window)
        window_release(c->own->window, n);
}

enum st source_scan(struct cursor *c, source_each *f, void *arg)
{
    struct rec r;
    struct line l;
    enum st st = ST_OK;

    BUG_IF(!c->own->shard);
    for (int64_t i = 0; i < c->n_rows && st == ST_OK; i++)
        if ((st = read_line(c->own, i, &r, &l)) == ST_OK && (st = check(c, &l)) == ST_OK && f)
            st = f(arg, &l);
    return st;
}

enum st source_print(struct cursor *c, uint32_t *print)
{
    int64_t n[3] = { c->n_rows, c->n_tokens, (int64_t)(c->how.weight * 0x1p32) };
    uint64_t id[16] = { 0 };
    struct rec r;
    struct line l;

    for (int64_t i = 0; i < countof(id) && c->own->shard; i++) {
        enum st st = read_line(c->own, (c->n_rows - 1) * i / (countof(id) - 1), &r, &l);
        if (st != ST_OK)
            return st;
        id[i] = rec_id(REC_OTHER, &(struct view){ l.raw, l.n_bytes }, 1);
    }
    struct view v[2] = { { (const char *)n, sizeof n }, { (const char *)id, sizeof id } };
    *print = (uint32_t)rec_id(REC_OTHER, v, 2);
    return ST_OK;
}

void source_close(struct cursor *c)
{
    if (!c || !c->own)
        return;
    window_close(c->own->window);
    if (c->own->shard)
        shard_close(c->own->shard);
    buf_free(&c->own->raw);
    buf_free(&c->own->items);
}
