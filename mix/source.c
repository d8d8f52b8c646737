/* source.c - cursors.  Of a file, the frames of the group being read are kept decoded, each from
 * its first use on: a permuted order would otherwise decode a frame for every row. */
#include <sys/stat.h>

#include "idset.h"
#include "order.h"
#include "source.h"
#include "window.h"

struct kept { struct line *line; };            /* [rows of the frame]; NULL: not read yet */

struct source_own {
    struct window *window;                     /* a pipe, or NULL */
    struct shard  *shard;                      /* a file, or NULL */
    struct order   order;
    struct arena  *arena;                      /* frames kept */
    struct kept   *kept;                       /* [n_frames] */
    int64_t        group;                      /* they belong to */
    struct buf     frame;                      /* one being read */
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
    o->arena = arena_new(0);
    o->kept = ARENA_NEW(a, struct kept, shard_frames(o->shard));
    if (!o->kept)
        return ST_SYS;
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
        return fail(ST_DATA, "a '%s' record, which --%s cannot train on; give the file to the other "
                    "objective, or tokenize with another schema", rec_kind_name(l->kind),
                    obj_name(c->how.obj));
    return fail(ST_DATA, "this row is held out too, so its held-out loss would be a trained one; make "
                         "both files with tokenize --split, or say --allow-overlap");
}

static enum st read_line(struct source_own *o, int64_t row, struct rec *r, struct line *l)
{
    enum st st = shard_row(o->shard, row, r);

    *l = (struct line){ r->raw, r->raw_bytes, r->kind, r->id, row, r->n_tokens, r->n_trained };
    return st;
}

/* Reads frame f and keeps it. */
static enum st keep(struct cursor *c, int64_t f)
{
    struct source_own *o = c->own;
    int64_t first = o->order.frame_row[f], n = o->order.frame_row[f + 1] - first;
    struct line *line = ARENA_NEW(o->arena, struct line, n);
    struct rec r;
    enum st st;

    if (!line)
        return ST_SYS;
    o->frame.n = 0;
    for (int64_t i = 0; i < n; i++) {
        if ((st = read_line(o, first + i, &r, &line[i])) != ST_OK ||
            (st = check(c, &line[i])) != ST_OK ||
            (st = buf_add(&o->frame, r.raw, r.raw_bytes)) != ST_OK)
            return st;
    }
    char *raw = arena_get(o->arena, o->frame.n);
    if (!raw)
        return ST_SYS;
    memcpy(raw, o->frame.p, o->frame.n);
    for (int64_t i = 0; i < n; i++) {
        line[i].raw = raw;
        raw += line[i].n_bytes;
    }
    o->kept[f].line = line;
    return ST_OK;
}

static void forget(struct source_own *o)
{
    arena_back(o->arena, 0);
    memset(o->kept, 0, (size_t)o->order.n_frames * sizeof *o->kept);
}

enum st source_row(struct cursor *c, int64_t p, struct line *l)
{
    struct source_own *o = c->own;
    enum st st;

    if (o->window) {
        st = window_row(o->window, p - c->taken, l);
        return st == ST_OK ? check(c, l) : st;
    }
    struct spot s = order_at(&o->order, p);
    if (s.group != o->group)
        forget(o);
    o->group = s.group;
    if (!o->kept[s.frame].line && (st = keep(c, s.frame)) != ST_OK)
        return st;
    *l = o->kept[s.frame].line[s.row - o->order.frame_row[s.frame]];
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
    arena_free(c->own->arena);
    buf_free(&c->own->frame);
}
