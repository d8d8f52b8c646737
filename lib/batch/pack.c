/* pack.c - trees into packs: best-fit decreasing, then each pack laid out in the order of the rows.
 *
 * Bins wait in lists by the room they have left, and a bit set tells which lists are not empty, so
 * that the fullest bin in which a tree fits is found by a scan over a few words. */
#include "base/rng.h"
#include "batch/own.h"

struct item {                                  /* a tree, or a side with its prompt: placed whole */
    int64_t row;
    int     side;                              /* -1: all sides, the prompt shared */
    int64_t n_tokens, n_targets, n_segs, pack;
};

static int64_t list_items(struct item *v, const struct batch *b, bool share)
{
    int64_t n = 0;

    for (int64_t r = 0; r < b->n_rows; r++) {
        const struct tree *t = &b->own->tree[r];
        bool whole = share || t->n_sides == 1;
        for (int i = 0; i < (whole ? 1 : t->n_sides); i++) {
            struct item *it = &v[n++];
            *it = (struct item){ .row = r, .side = whole ? -1 : i, .n_tokens = t->prompt.n };
            it->n_segs = t->prompt.n > 0;
            for (int j = 0; j < t->n_sides; j++)
                if (whole || j == i) {
                    it->n_tokens += t->side[j].n;
                    it->n_targets += t->side[j].n_want;
                    it->n_segs++;
                }
        }
    }
    return n;
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

/* Appends a segment of n ids, part 0 (prompt), 1 or 2 (sides) of the row with this key; gives the
 * pack's index of its first token. */
static int64_t put_seg(struct pack *p, const int32_t *ids, int64_t n, int64_t parent, int64_t pos,
                       uint64_t key, int part)
{
    int64_t at = p->f.n_tokens;

    p->f.seg[p->f.n_segs++] = (struct seg){ (int32_t)at, (int32_t)(at + n), (int32_t)parent };
    for (int64_t i = 0; i < n; i++) {
        p->token[at + i] = ids[i];
        p->f.pos[at + i] = (int32_t)(pos + i);
        p->key[at + i] = rng(key, RNG_STREAM(RNG_NOISE, part), (uint64_t)(pos + i));
    }
    p->f.n_tokens += n;
    return at;
}

static void put_item(struct batch *b, const struct item *it)
{
    const struct batch_own *o = b->own;
    const struct tree *t = &o->tree[it->row];
    struct pack *p = &b->pack[it->pack];
    int64_t parent = -1, end = -1;             /* the prompt's segment and its last token */
    uint64_t key;

    memcpy(&key, b->row[it->row].key, sizeof key);

    if (t->prompt.n) {
        parent = p->f.n_segs;
        end = put_seg(p, o->ids + t->prompt.first, t->prompt.n, -1, 0, key, 0) +
              t->prompt.n - 1;
    }
    for (int i = 0; i < t->n_sides; i++) {
        const struct side *s = &t->side[i];
        if (it->side >= 0 && it->side != i)
            continue;
        struct seq *seq = &b->seq[b->row[it->row].seq + i];
        *seq = (struct seq){ it->row, i, it->pack, p->n_targets, s->n_want };
        int64_t at = put_seg(p, o->ids + s->first, s->n, parent, t->prompt.n, key, i + 1);
        for (int64_t j = 0; j < s->n_want; j++) {
            int64_t k = o->target[s->want + j];
            p->at[p->n_targets] = (int32_t)(k ? at + k - 1 : end);
            p->target[p->n_targets++] = o->ids[s->first + k];
        }
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

enum st batch_pack(struct batch *b, int64_t micro_tokens, bool share_prompts)
{
    struct arena *a = b->own->a;
    struct item *v = ARENA_NEW(a, struct item, MAX(b->n_seqs, 1));
    enum st st;

    if (!v)
        return ST_SYS;
    int64_t n = list_items(v, b, share_prompts);
    b->n_tokens = b->n_packs = 0;
    if (n == 0)
        return ST_OK;
    if ((st = place(v, n, micro_tokens, &b->n_packs, a)) != ST_OK ||
        (st = packs_new(b, v, n, a)) != ST_OK)
        return st;
    for (int64_t i = 0; i < n; i++) {
        put_item(b, &v[i]);
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
