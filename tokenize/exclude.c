/* exclude.c - a table of prompts, doubled when it is half full. */
#include <xxhash.h>

#include "exclude.h"

enum { FIRST = 1024 };

struct entry {
    uint64_t             key[2];               /* 0, 0: empty */
    struct exclude_place place;
};

struct exclude {
    struct source_in *in;                      /* [n_in] */
    int64_t           n_in;
    struct buf        slots;                   /* struct entry */
    uint64_t          n, cap;
};

static struct entry *slot(const struct buf *slots, uint64_t cap, const uint64_t key[2])
{
    struct entry *all = (struct entry *)slots->p;
    uint64_t i = key[0] & (cap - 1);

    while ((all[i].key[0] | all[i].key[1]) &&
           (all[i].key[0] != key[0] || all[i].key[1] != key[1]))
        i = (i + 1) & (cap - 1);
    return &all[i];
}

static void hash(struct view normal, uint64_t key[2])
{
    XXH128_hash_t h = XXH3_128bits(normal.p, normal.n);

    key[0] = h.low64;
    key[1] = h.high64 | 1;                     /* never that of an empty slot */
}

static enum st grow(struct exclude *x)
{
    uint64_t cap = x->cap ? 2 * x->cap : FIRST;
    const struct entry *old = (const struct entry *)x->slots.p;
    struct buf to = { 0 };

    if (buf_room(&to, cap * sizeof *old) != ST_OK)
        return ST_SYS;
    memset(to.p, 0, cap * sizeof *old);
    for (uint64_t i = 0; i < x->cap; i++)
        if (old[i].key[1])
            *slot(&to, cap, old[i].key) = old[i];
    buf_free(&x->slots);
    x->slots = to;
    x->cap = cap;
    return ST_OK;
}

static enum st add(struct exclude *x, struct view normal, struct exclude_place place)
{
    uint64_t key[2];

    if (normal.n == 0)
        return ST_OK;
    if (2 * x->n >= x->cap && grow(x) != ST_OK)
        return ST_SYS;
    hash(normal, key);
    struct entry *e = slot(&x->slots, x->cap, key);
    if (e->key[1] == 0) {
        *e = (struct entry){ { key[0], key[1] }, place };
        x->n++;
    }
    return ST_OK;
}

const struct exclude_place *exclude_find(const struct exclude *x, struct view normal)
{
    uint64_t key[2];

    if (normal.n == 0 || x->cap == 0)
        return NULL;
    hash(normal, key);
    const struct entry *e = slot(&x->slots, x->cap, key);
    return e->key[1] ? &e->place : NULL;
}

const char *exclude_name(const struct exclude *x, const struct exclude_place *p)
{
    return chunk_name(x->in[p->file].chunks);
}

const struct schema *exclude_schema(const struct exclude *x, int64_t i)
{
    return x->in[i].schema;
}

static enum st read_rows(struct exclude *x, int64_t file, struct chunk *c, struct fields *f,
                         struct held *h)
{
    const struct schema *schema = x->in[file].schema;
    struct rows rows;
    struct scan scan;
    struct view key;
    enum st st;

    rows_start(&rows, c);
    f->rows = &rows;
    f->row = &scan;
    while ((st = rows_next(&rows, &scan, f->a)) == ST_OK) {
        struct row row = { 0 };
        if (scan.type != SCAN_OBJECT && scan.type != SCAN_TEXT)
            return misfit(f, scan.at, "a row must be an object");
        if ((st = schema->read(f, &row)) != ST_OK ||
            (st = held_key(h, row.key, &key)) != ST_OK ||
            (st = add(x, key, (struct exclude_place){ file, rows.line })) != ST_OK)
            return st;
        arena_back(f->a, 0);
    }
    return st == ST_END ? ST_OK : st;
}

static enum st read_file(struct exclude *x, int64_t file, struct fields *f, struct held *h)
{
    struct chunk c = { 0 };
    enum st st = ST_OK;

    do {
        chunk_next(x->in[file].chunks, &c);
        if ((st = read_rows(x, file, &c, f, h)) == ST_OK && c.then != ST_OK) {
            err_take(&c.said);
            st = c.then;
        }
    } while (st == ST_OK);
    chunk_free(&c);
    return st == ST_END ? ST_OK : st;
}

enum st exclude_read(struct exclude **to, const struct setup *s, const struct fields *f,
                     struct arena *a)
{
    struct exclude *x = *to = ARENA_NEW(a, struct exclude, 1);
    struct faults faults = { 0 };
    struct fields own = *f;
    struct held h = { 0 };

    if (!x)
        return ST_SYS;
    own.faults = &faults;
    own.a = arena_new(0);
    enum st st = source_open(s, &own, s->exclude.v, s->exclude.n, &x->in, &x->n_in, a);
    for (int64_t i = 0; i < x->n_in && st == ST_OK; i++)
        st = read_file(x, i, &own, &h);
    held_free(&h);
    arena_free(own.a);
    return st;
}

void exclude_free(struct exclude *x)
{
    for (int64_t i = 0; x && i < x->n_in; i++)
        chunk_close(x->in[i].chunks);
    if (x)
        buf_free(&x->slots);
}
