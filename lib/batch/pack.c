/* pack.c - trees into packs: best-fit decreasing, then each laid out in the order of the items.
 *
 * Bins wait in lists by the room they have left, and a bit set tells which lists are not empty, so
 * that the fullest bin in which a tree fits is found by a scan over a few words. */
#include "base/rng.h"
#include "batch/own.h"

/* What is placed whole: a row, one side of it with its prompt, or rows that begin alike. */
struct item {
    int64_t first, n;                          /* rows share.row[first, first + n) */
    int64_t side;                              /* -1: all sides, the prompt shared */
    int64_t n_tokens, n_targets, n_segs, pack;
};

/* A row, or one side, whose first `common` ids the item has already. */
static void grow(struct item *it, const struct batch_own *o, const struct tree *t, int64_t common)
{
    it->n_tokens += t->prompt.n - common;
    it->n_segs += 1 + (it->n > 0);             /* its prompt, and what it has in common */
    it->n++;
    for (int64_t j = 0; j < t->n_sides; j++) {
        const struct side *s = &o->side[t->side + j];
        if (it->side >= 0 && it->side != j)
            continue;
        it->n_tokens += s->n;
        it->n_targets += s->n_want;
        it->n_segs++;
    }
}

static int64_t row_tokens(const struct batch_own *o, const struct tree *t)
{
    int64_t n = t->prompt.n;

    for (int64_t i = 0; i < t->n_sides; i++)
        n += o->side[t->side + i].n;
    return n;
}

static int64_t list_items(struct item *v, const struct batch *b, const struct share *s,
                          enum batch_share how, int64_t micro_tokens)
{
    const struct batch_own *o = b->own;
    int64_t n = 0;

    for (int64_t i = 0; i < b->n_rows; i++) {
        const struct tree *t = &o->tree[s->row[i]];
        bool apart = how == BATCH_APART && t->n_sides > 1;
        struct item *last = n ? &v[n - 1] : NULL;
        if (s->common[i] > 0 &&
            last->n_tokens + row_tokens(o, t) - s->common[i] <= micro_tokens) {
            grow(last, o, t, s->common[i]);
            continue;
        }
        for (int64_t k = 0; k < (apart ? t->n_sides : 1); k++) {
            v[n] = (struct item){ .first = i, .side = apart ? k : -1 };
            grow(&v[n++], o, t, 0);
        }
    }
    return n;
}

/* Every row for itself, as they came. */
static enum st share_none(struct share *s, const struct batch *b, struct arena *a)
{
    s->row = ARENA_NEW(a, int64_t, MAX(b->n_rows, 1));
    s->common = ARENA_NEW(a, int64_t, MAX(b->n_rows, 1));
    if (!s->row || !s->common)
        return ST_SYS;
    for (int64_t i = 0; i < b->n_rows; i++)
        s->row[i] = i;
    return ST_OK;
}

/* ---- best fit ---- */

struct bins {
    int64_t   room_max;
    int32_t  *head;                            /* [room_max + 1] first bin so, -1: none */
    int32_t  *next;                            /* [bins] */
    uint64_t *some;                            /* bit r: head[r] is not -1 */
    int64_t   n;
};

static enum st bins_new(struct bins *s, int64_t room_max, int64_t n_max, struct arena *a)
{
    *s = (struct bins){ .room_max = room_max };
    s->head = ARENA_NEW(a, int32_t, room_max + 1);
    s->next = ARENA_NEW(a, int32_t, n_max);
    s->some = ARENA_NEW(a, uint64_t, room_max / 64 + 1);
    if (!s->head || !s->next || !s->some)
        return ST_SYS;
    memset(s->head, 0xff, (size_t)(room_max + 1) * sizeof *s->head);
    return ST_OK;
}

/* The least room of at least n that some bin has; -1: none has. */
static int64_t bins_find(const struct bins *s, int64_t n)
{
    uint64_t mask = ~(uint64_t)0 << (n % 64);

    for (int64_t w = n / 64; w <= s->room_max / 64; w++, mask = ~(uint64_t)0)
        if (s->some[w] & mask)
            return 64 * w + __builtin_ctzll(s->some[w] & mask);
    return -1;
}

static int32_t bins_take(struct bins *s, int64_t room)
{
    int32_t bin = s->head[room];
    if ((s->head[room] = s->next[bin]) < 0)
        s->some[room / 64] &= ~((uint64_t)1 << room % 64);
    return bin;
}

static void bins_put(struct bins *s, int32_t bin, int64_t room)
{
    s->next[bin] = s->head[room];
    s->head[room] = bin;
    s->some[room / 64] |= (uint64_t)1 << room % 64;
}

struct order { int64_t n_tokens, item; };

static int longest_first(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    if (x->n_tokens != y->n_tokens)
        return x->n_tokens > y->n_tokens ? -1 : 1;
    return x->item < y->item ? -1 : 1;
}

static enum st place(struct item *v, int64_t n, int64_t micro_tokens, int64_t *n_packs,
                     struct arena *a)
{
    struct order *o = ARENA_NEW(a, struct order, n);
    struct bins s;
    int64_t total = 0;

    if (!o)
        return ST_SYS;
    for (int64_t i = 0; i < n; i++) {
        o[i] = (struct order){ v[i].n_tokens, i };
        total += v[i].n_tokens;
    }
    qsort(o, (size_t)n, sizeof *o, longest_first);
    int64_t room_max = MIN(MAX(micro_tokens, 1), total);
    enum st st = bins_new(&s, room_max, n, a);
    for (int64_t i = 0; st == ST_OK && i < n; i++) {
        struct item *it = &v[o[i].item];
        int64_t room = it->n_tokens <= room_max ? bins_find(&s, it->n_tokens) : -1;
        int32_t bin = room < 0 ? (int32_t)s.n++ : bins_take(&s, room);
        it->pack = bin;
        room = room < 0 ? room_max : room;
        if (it->n_tokens < room)
            bins_put(&s, bin, room - it->n_tokens);
    }
    *n_packs = s.n;
    return st;
}

/* ---- layout ---- */

/* Where a row goes on: the segment that holds the ids before, and the place of its last. */
struct place { int64_t seg, last, n_ids; };

/* Appends a segment of ids, part 0 (prompt), 1 or more (sides) of the row with this key; none where
 * there are no ids. */
static struct place put_seg(struct pack *p, const int32_t *ids, int64_t n, struct place from,
                            uint64_t key, int64_t part)
{
    int64_t at = p->f.n_tokens;

    if (n == 0)
        return from;
    p->f.seg[p->f.n_segs++] = (struct seg){ (int32_t)at, (int32_t)(at + n), (int32_t)from.seg };
    for (int64_t i = 0; i < n; i++) {
        p->token[at + i] = ids[i];
        p->f.pos[at + i] = (int32_t)(from.n_ids + i);
        p->key[at + i] = rng(key, RNG_STREAM(RNG_NOISE, (uint64_t)part),
                             (uint64_t)(from.n_ids + i));
    }
    p->f.n_tokens += n;
    return (struct place){ p->f.n_segs - 1, at + n - 1, from.n_ids + n };
}

static uint64_t noise_key(const struct batch *b, int64_t row)
{
    uint64_t key;

    memcpy(&key, b->row[row].key, sizeof key);
    return key;
}

static void put_sides(struct batch *b, const struct item *it, int64_t row, struct place prompt)
{
    const struct batch_own *o = b->own;
    const struct tree *t = &o->tree[row];
    struct pack *p = &b->pack[it->pack];

    for (int64_t i = 0; i < t->n_sides; i++) {
        const struct side *s = &o->side[t->side + i];
        if (it->side >= 0 && it->side != i)
            continue;
        b->seq[t->side + i] = (struct seq){ row, (int)i, it->pack, p->n_targets, s->n_want };
        int64_t at = p->f.n_tokens;
        put_seg(p, o->ids + s->first, s->n, prompt, noise_key(b, row), i + 1);
        for (int64_t j = 0; j < s->n_want; j++) {
            int64_t k = o->target[s->want + j];
            p->at[p->n_targets] = (int32_t)(k ? at + k - 1 : prompt.last);
            p->target[p->n_targets++] = o->ids[s->first + k];
        }
    }
}

/* The rows [lo, hi) of an item, which have all of `from` in common: what else they have, then the
 * groups that go on from there. */
static void put_rows(struct batch *b, const struct item *it, const struct share *s, int64_t lo,
                     int64_t hi, struct place from)
{
    const struct side *prompt = &b->own->tree[s->row[lo]].prompt;
    int64_t most = hi - lo == 1 ? prompt->n : INT64_MAX, next;

    for (int64_t i = lo + 1; i < hi; i++)
        most = MIN(most, s->common[i]);
    from = put_seg(&b->pack[it->pack], b->own->ids + prompt->first + from.n_ids,
                   most - from.n_ids, from, noise_key(b, s->row[lo]), 0);
    if (hi - lo == 1) {
        put_sides(b, it, s->row[lo], from);
        return;
    }
    for (int64_t i = lo; i < hi; i = next) {
        for (next = i + 1; next < hi && s->common[next] > most; next++)
            ;
        put_rows(b, it, s, i, next, from);
    }
}

/* The packs' arrays, exactly as large as their items. */
static enum st packs_new(struct batch *b, const struct item *v, int64_t n, struct arena *a)
{
    if (!(b->pack = ARENA_NEW(a, struct pack, b->n_packs)) ||
        !(b->seq = ARENA_NEW(a, struct seq, b->n_seqs)))
        return ST_SYS;
    for (int64_t i = 0; i < n; i++) {
        struct pack *p = &b->pack[v[i].pack];
        p->f.n_tokens += v[i].n_tokens;
        p->f.n_segs += v[i].n_segs;
        p->n_targets += v[i].n_targets;
    }
    for (int64_t i = 0; i < b->n_packs; i++) {
        struct pack *p = &b->pack[i];
        if (p->f.n_tokens > INT32_MAX || p->n_targets > INT32_MAX)
            return fail(ST_DATA, "%lld tokens in one pack, the most is %d; lower --micro-tokens",
                        (long long)p->f.n_tokens, INT32_MAX);
        p->f.seg = ARENA_NEW(a, struct seg, p->f.n_segs);
        p->f.pos = ARENA_NEW(a, int32_t, p->f.n_tokens);
        p->token = ARENA_NEW(a, int32_t, p->f.n_tokens);
        p->key = ARENA_NEW(a, uint64_t, p->f.n_tokens);
        p->at = ARENA_NEW(a, int32_t, p->n_targets);
        p->target = ARENA_NEW(a, int32_t, p->n_targets);
        if (!p->f.seg || !p->f.pos || !p->token || !p->key || !p->at || !p->target)
            return ST_SYS;
        p->f.n_tokens = p->f.n_segs = p->n_targets = 0;
    }
    return ST_OK;
}

enum st batch_pack(struct batch *b, int64_t micro_tokens, enum batch_share how)
{
    struct arena *a = b->own->a;
    struct item *v = ARENA_NEW(a, struct item, MAX(b->n_seqs, 1));
    struct share s;
    enum st st = how == BATCH_ROOTS ? share_find(&s, b, a) : share_none(&s, b, a);

    if (!v || st != ST_OK)
        return ST_SYS;
    int64_t n = list_items(v, b, &s, how, micro_tokens);
    b->n_tokens = b->n_packs = 0;
    if (n == 0)
        return ST_OK;
    if ((st = place(v, n, micro_tokens, &b->n_packs, a)) != ST_OK ||
        (st = packs_new(b, v, n, a)) != ST_OK)
        return st;
    for (int64_t i = 0; i < n; i++) {
        put_rows(b, &v[i], &s, v[i].first, v[i].first + v[i].n, (struct place){ -1, -1, 0 });
        b->n_tokens += v[i].n_tokens;
    }
    return ST_OK;
}

int64_t batch_max_tokens(const struct batch *b)
{
    int64_t n = 0;
    for (int64_t i = 0; i < b->n_packs; i++)
        n = MAX(n, b->pack[i].f.n_tokens);
    return n;
}

int64_t batch_max_targets(const struct batch *b)
{
    int64_t n = 0;
    for (int64_t i = 0; i < b->n_packs; i++)
        n = MAX(n, b->pack[i].n_targets);
    return n;
}
