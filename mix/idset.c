/* idset.c - open addressing at half load; an id's low bits are its slot. */
#include "idset.h"

enum st idset_new(struct idset *s, int64_t n_max, struct arena *a)
{
    int64_t cap = 16;

    while (cap < 2 * n_max)
        cap *= 2;
    *s = (struct idset){ .cap = cap, .slot = ARENA_NEW(a, uint64_t, cap) };
    return s->slot ? ST_OK : ST_SYS;
}

static uint64_t *find(const struct idset *s, uint64_t id)
{
    uint64_t at = id;

    for (;; at++) {
        uint64_t *v = &s->slot[at & (uint64_t)(s->cap - 1)];
        if (*v == id || *v == 0)
            return v;
    }
}

void idset_add(struct idset *s, uint64_t id)
{
    uint64_t *v = find(s, id);

    if (id && !*v) {
        BUG_IF(2 * s->n >= s->cap);
        *v = id;
        s->n++;
    }
}

bool idset_has(const struct idset *s, uint64_t id)
{
    return id && s->n && *find(s, id) == id;
}
