/* dedup.c - open addressing in 512 tables, picked by the hash's top bits: a table is full at four
 * fifths and grows by half. */
#include "dedup.h"

enum { TABLES = 512, FIRST = 16 };

struct key { uint64_t v[2]; };                 /* 0, 0: an empty slot */

struct table {
    struct buf slots;                          /* struct key */
    uint32_t   n, cap;
};

struct dedup { struct table table[TABLES]; };

struct dedup *dedup_new(struct arena *a)
{
    return ARENA_NEW(a, struct dedup, 1);
}

void dedup_free(struct dedup *d)
{
    for (int i = 0; d && i < TABLES; i++)
        buf_free(&d->table[i].slots);
}

size_t dedup_bytes(const struct dedup *d)
{
    size_t n = sizeof *d;

    for (int i = 0; i < TABLES; i++)
        n += d->table[i].slots.cap;
    return n;
}

/* Where the key is, or the empty slot where it would be. */
static struct key *slot(const struct table *t, struct key k)
{
    struct key *all = (struct key *)t->slots.p;
    uint32_t i = (uint32_t)((k.v[1] & UINT32_MAX) * t->cap >> 32);

    while ((all[i].v[0] | all[i].v[1]) && (all[i].v[0] != k.v[0] || all[i].v[1] != k.v[1]))
        i = i + 1 == t->cap ? 0 : i + 1;
    return &all[i];
}

static enum st grow(struct table *t)
{
    struct table to = { .n = t->n, .cap = t->cap ? t->cap + t->cap / 2 : FIRST };
    const struct key *old = (const struct key *)t->slots.p;

    if (t->cap > UINT32_MAX / 2)
        return fail(ST_SYS, "more rows than --dedup can remember");
    if (buf_room(&to.slots, to.cap * sizeof *old) != ST_OK)
        return ST_SYS;
    memset(to.slots.p, 0, to.cap * sizeof *old);
    for (uint32_t i = 0; i < t->cap; i++)
        if (old[i].v[0] | old[i].v[1])
            *slot(&to, old[i]) = old[i];
    buf_free(&t->slots);
    *t = to;
    return ST_OK;
}

enum st dedup_add(struct dedup *d, const uint64_t hash[2])
{
    struct table *t = &d->table[hash[1] >> 32 & (TABLES - 1)];
    struct key k = { { hash[0], hash[1] } };

    if (!(k.v[0] | k.v[1]))
        k.v[0] = 1;
    if ((uint64_t)t->n * 5 >= (uint64_t)t->cap * 4 && grow(t) != ST_OK)
        return ST_SYS;
    struct key *at = slot(t, k);
    if (at->v[0] | at->v[1])
        return ST_END;
    *at = k;
    t->n++;
    return ST_OK;
}
