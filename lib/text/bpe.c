/* bpe.c - byte-level BPE with a word cache.
 *
 * English text has few distinct words, so nearly every piece is answered by the cache: slots of 32 bytes, keyed by the
 * piece's own bytes, up to three ids inside.  What is not there is merged: by scans of an array up to SHORT symbols,
 * beyond that with a heap, so that a megabyte without a space costs n log n.  All lookups are open addressing
 * in tables at most half full. */
#include "text/bpe.h"

enum {
    WORD_BYTES = 15,                           /* the longest piece remembered */
    WORD_IDS   = 3,                            /* the most ids remembered */
    WORD_SLOTS = 1 << 16,
    WORD_WAYS  = 4,
    SHORT      = 32,
};

struct pair_slot { uint32_t left, right, rank, id; };  /* rank NO_RANK: empty */
#define NO_RANK UINT32_MAX

struct bpe {
    struct arena     *arena;
    struct view      *token;                   /* [n_cap] by id; p NULL: none */
    int64_t           n_ids, n_cap;
    uint32_t         *find;                    /* token id by hash of its bytes */
    uint64_t          find_mask;
    int64_t           n_tokens;
    struct pair_slot *pair;
    uint64_t          pair_mask;
    uint32_t          n_merges;
    uint32_t          byte[256];
    bool              whole;
};

/* Key: the bytes, zeros, and in the last byte the length, which is never 0. */
struct word {
    uint64_t key[2];
    uint32_t id[WORD_IDS];
    uint32_t n;
};

struct heap_item { uint64_t key; uint32_t left, right; };      /* rank, then position; the pair it is for */

struct words {
    const struct bpe *bpe;
    struct word      *slot;                    /* [WORD_SLOTS + WORD_WAYS] */
    struct buf        prev, next, heap;        /* a long piece at work */
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ (b >> 29)) * 0x9e3779b97f4a7c15u ^ b * 0xc2b2ae3d27d4eb4fu;
    a ^= a >> 32;
    return a * 0x165667b19e3779f9u;
}

static uint64_t hash_bytes(struct view s)
{
    uint64_t h = s.n, w;
    size_t i = 0;

    for (; i + 8 <= s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        h = mix(h, w);
    }
    w = 0;
    memcpy(&w, s.p + i, s.n - i);
    return mix(h, w) >> 20;
}

/* ---- building ---- */

static uint64_t table_size(int64_t n)
{
    uint64_t size = 1024;

    while (size < (uint64_t)n * 2)
        size *= 2;
    return size;
}

struct bpe *bpe_new(int64_t n_tokens, int64_t n_merges, struct arena *a)
{
    struct bpe *b = ARENA_NEW(a, struct bpe, 1);
    uint64_t finds = table_size(n_tokens), pairs = table_size(n_merges);

    if (!b || !(b->find = ARENA_NEW(a, uint32_t, finds)) ||
        !(b->pair = ARENA_NEW(a, struct pair_slot, pairs)))
        return NULL;
    b->arena = a;
    b->find_mask = finds - 1;
    b->pair_mask = pairs - 1;
    memset(b->find, 0xff, finds * sizeof *b->find);
    memset(b->pair, 0xff, pairs * sizeof *b->pair);
    memset(b->byte, 0xff, sizeof b->byte);
    return b;
}

static uint32_t *find_slot(const struct bpe *b, struct view bytes)
{
    uint64_t i = hash_bytes(bytes) & b->find_mask;

    while (b->find[i] != BPE_NONE && !view_eq(b->token[b->find[i]], bytes))
        i = (i + 1) & b->find_mask;
    return &b->find[i];
}

static enum st grow_ids(struct bpe *b, uint32_t id)
{
    int64_t cap = b->n_cap ? b->n_cap : 1024;

    while (cap <= id)
        cap *= 2;
    struct view *v = ARENA_NEW(b->arena, struct view, cap);
    if (!v)
        return ST_SYS;
    if (b->n_ids)
        memcpy(v, b->token, (size_t)b->n_ids * sizeof *v);
    b->token = v;
    b->n_cap = cap;
    return ST_OK;
}

enum st bpe_token(struct bpe *b, struct view bytes, uint32_t id)
{
    if (id >= BPE_IDS_MAX)
        return fail(ST_DATA, "token id %u, the largest possible is %d", id, BPE_IDS_MAX - 1);
    if (id >= b->n_cap && grow_ids(b, id) != ST_OK)
        return ST_SYS;
    if (b->token[id].p)
        return fail(ST_DATA, "two tokens have the id %u", id);
    uint32_t *slot = find_slot(b, bytes);
    if (*slot != BPE_NONE)
        return fail(ST_DATA, "the token '%s' is there twice, as %u and %u", shown(bytes), *slot, id);
    if ((uint64_t)++b->n_tokens * 4 > (b->find_mask + 1) * 3)
        return fail(ST_DATA, "more tokens than were announced");
    *slot = id;
    b->token[id] = bytes;
    b->n_ids = MAX(b->n_ids, (int64_t)id + 1);
    if (bytes.n == 1)
        b->byte[(unsigned char)bytes.p[0]] = id;
    return ST_OK;
}

static struct pair_slot *pair_slot(const struct bpe *b, uint32_t left, uint32_t right)
{
    uint64_t i = mix(left, right) >> 24 & b->pair_mask;

    while (b->pair[i].rank != NO_RANK && (b->pair[i].left != left || b->pair[i].right != right))
        i = (i + 1) & b->pair_mask;
    return &b->pair[i];
}

enum st bpe_merge(struct bpe *b, struct view left, struct view right)
{
    char text[512], *p = text;
    size_t n = left.n + right.n;

    if (n > sizeof text && !(p = arena_get(b->arena, n)))
        return ST_SYS;
    memcpy(p, left.p, left.n);
    memcpy(p + left.n, right.p, right.n);
    uint32_t l = bpe_find(b, left), r = bpe_find(b, right), both = bpe_find(b, (struct view){ p, n });
    if (l == BPE_NONE || r == BPE_NONE || both == BPE_NONE)
        return fail(ST_DATA, "merge %u of '%s' and '%s' needs a token that is not in the vocabulary",
                    b->n_merges, shown(left), shown(right));
    if ((uint64_t)(b->n_merges + 1) * 4 > (b->pair_mask + 1) * 3)
        return fail(ST_DATA, "more merges than were announced");
    *pair_slot(b, l, r) = (struct pair_slot){ l, r, b->n_merges++, both };
    return ST_OK;
}

enum st bpe_done(struct bpe *b, bool whole)
{
    for (int c = 0; c < 0xf5; c++)
        if (b->byte[c] == BPE_NONE && c != 0xc0 && c != 0xc1)
            return fail(ST_DATA, "the vocabulary has no token for byte 0x%02x; it is not a byte-level one", c);
    b->whole = whole;
    return ST_OK;
}

uint32_t bpe_find(const struct bpe *b, struct view bytes)
{
    return b->n_ids ? *find_slot(b, bytes) : BPE_NONE;
}

struct view bpe_bytes(const struct bpe *b, uint32_t id)
{
    return id < b->n_ids ? b->token[id] : (struct view){ 0 };
}

int64_t bpe_ids(const struct bpe *b)
{
    return b->n_ids;
}

/* ---- merging ---- */

static int64_t bytes_to_ids(const struct bpe *b, struct view s, uint32_t *id)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.n; i++)           /* a byte without a token is none of UTF-8: passed over */
        if ((id[n] = b->byte[(unsigned char)s.p[i]]) != BPE_NONE)
            n++;
    return n;
}

/* Up to SHORT symbols: ranks of all neighbours in an array, the least found by a scan. */
static int64_t merge_short(const struct bpe *b, struct view s, uint32_t *id)
{
    struct pair_slot p[SHORT];
    int64_t n = bytes_to_ids(b, s, id);

    for (int64_t i = 0; i + 1 < n; i++)
        p[i] = *pair_slot(b, id[i], id[i + 1]);
    while (n > 1) {
        int64_t at = 0;
        for (int64_t i = 1; i < n - 1; i++)
            if (p[i].rank < p[at].rank)
                at = i;
        if (p[at].rank == NO_RANK)
            break;
        id[at] = p[at].id;
        n--;
        memmove(id + at + 1, id + at + 2, (size_t)(n - at - 1) * sizeof *id);
        if (at < n - 1) {
            memmove(p + at + 1, p + at + 2, (size_t)(n - at - 2) * sizeof *p);
            p[at] = *pair_slot(b, id[at], id[at + 1]);
        }
        if (at > 0)
            p[at - 1] = *pair_slot(b, id[at - 1], id[at]);
    }
    return n;
}

static bool before(struct heap_item a, struct heap_item b)
{
    return a.key < b.key;
}

static void sink(struct heap_item *h, int64_t n, int64_t i)
{
    struct heap_item v = h[i];

    for (int64_t k; (k = 2 * i + 1) < n; i = k) {
        if (k + 1 < n && before(h[k + 1], h[k]))
            k++;
        if (!before(h[k], v))
            break;
        h[i] = h[k];
    }
    h[i] = v;
}

static void rise(struct heap_item *h, int64_t i)
{
    struct heap_item v = h[i];

    for (int64_t up; i > 0 && before(v, h[up = (i - 1) / 2]); i = up)
        h[i] = h[up];
    h[i] = v;
}

static bool candidate(const struct bpe *b, const uint32_t *id, uint32_t at, uint32_t right, struct heap_item *v)
{
    const struct pair_slot *p = pair_slot(b, id[at], id[right]);

    *v = (struct heap_item){ (uint64_t)p->rank << 32 | at, id[at], id[right] };
    return p->rank != NO_RANK;
}

/* Any number of symbols: a linked list and a heap of the merges possible.  An item whose pair is no longer
 * there is passed over; each merge adds at most two, and the heap has room for all: 3 n. */
static int64_t merge_list(const struct bpe *b, uint32_t *id, int64_t n, uint32_t *prev, uint32_t *next,
                          struct heap_item *h)
{
    int64_t n_heap = 0, kept = 0;

    for (int64_t i = 0; i < n; i++) {
        prev[i] = (uint32_t)(i - 1);
        next[i] = (uint32_t)(i + 1);
        if (i + 1 < n && candidate(b, id, (uint32_t)i, (uint32_t)i + 1, &h[n_heap]))
            n_heap++;
    }
    for (int64_t i = n_heap / 2 - 1; i >= 0; i--)
        sink(h, n_heap, i);
    while (n_heap > 0) {
        struct heap_item v = h[0];
        h[0] = h[--n_heap];
        sink(h, n_heap, 0);
        uint32_t at = (uint32_t)v.key, right = next[at];
        if (id[at] != v.left || right >= n || id[right] != v.right)
            continue;
        id[at] = pair_slot(b, v.left, v.right)->id;
        id[right] = BPE_NONE;
        next[at] = next[right];
        if (next[at] < n) {
            prev[next[at]] = at;
            if (candidate(b, id, at, next[at], &h[n_heap]))
                rise(h, n_heap++);
        }
        if (at > 0 && candidate(b, id, prev[at], at, &h[n_heap]))
            rise(h, n_heap++);
    }
    for (int64_t i = 0; i < n; i = next[i])
        id[kept++] = id[i];
    return kept;
}

static enum st merge_long(struct words *w, struct view s, struct buf *ids)
{
    size_t n = s.n;

    w->prev.n = w->next.n = w->heap.n = 0;
    if (buf_room(ids, n * sizeof(uint32_t)) != ST_OK ||
        buf_room(&w->prev, n * sizeof(uint32_t)) != ST_OK ||
        buf_room(&w->next, n * sizeof(uint32_t)) != ST_OK ||
        buf_room(&w->heap, 3 * n * sizeof(struct heap_item)) != ST_OK)
        return ST_SYS;
    uint32_t *id = (uint32_t *)(ids->p + ids->n);
    int64_t symbols = bytes_to_ids(w->bpe, s, id);
    if (w->bpe->n_merges)
        symbols = merge_list(w->bpe, id, symbols, (uint32_t *)w->prev.p, (uint32_t *)w->next.p,
                             (struct heap_item *)w->heap.p);
    ids->n += (size_t)symbols * sizeof *id;
    return ST_OK;
}

/* ---- the cache ---- */

struct words *words_new(const struct bpe *b, struct arena *a)
{
    struct words *w = ARENA_NEW(a, struct words, 1);

    if (!w || !(w->slot = ARENA_NEW(a, struct word, WORD_SLOTS + WORD_WAYS)))
        return NULL;
    w->bpe = b;
    return w;
}

void words_free(struct words *w)
{
    buf_free(&w->prev);
    buf_free(&w->next);
    buf_free(&w->heap);
}

static struct word *word_slot(struct words *w, const uint64_t key[2], bool *found)
{
    struct word *v = &w->slot[mix(key[0], key[1]) >> 40 & (WORD_SLOTS - 1)];

    for (int i = 0; i < WORD_WAYS; i++) {
        *found = v[i].key[0] == key[0] && v[i].key[1] == key[1];
        if (*found || v[i].key[1] == 0)
            return &v[i];
    }
    return &v[key[0] % WORD_WAYS];             /* all taken: one of them goes */
}

static int64_t merge_word(const struct bpe *b, struct view s, uint32_t *id)
{
    if (b->whole && (id[0] = bpe_find(b, s)) != BPE_NONE)
        return 1;
    return merge_short(b, s, id);
}

enum st bpe_word(struct words *w, struct view s, struct buf *ids)
{
    const struct bpe *b = w->bpe;

    if (s.n > SHORT) {
        uint32_t id = b->whole ? bpe_find(b, s) : BPE_NONE;
        return id != BPE_NONE ? buf_add(ids, &id, sizeof id) : merge_long(w, s, ids);
    }
    if (ids->cap - ids->n < SHORT * sizeof(uint32_t) && buf_room(ids, SHORT * sizeof(uint32_t)) != ST_OK)
        return ST_SYS;
    uint32_t *id = (uint32_t *)(ids->p + ids->n);
    if (s.n > WORD_BYTES) {
        ids->n += (size_t)merge_word(b, s, id) * sizeof *id;
        return ST_OK;
    }
    union { uint64_t word[2]; char byte[16]; } key = { { 0, 0 } };
    bool found;
    memcpy(key.byte, s.p, s.n);
    key.byte[WORD_BYTES] = (char)s.n;
    struct word *v = word_slot(w, key.word, &found);
    if (found) {
        for (uint32_t i = 0; i < WORD_IDS; i++)
            id[i] = v->id[i];
        ids->n += v->n * sizeof *id;
        return ST_OK;
    }
    int64_t n = merge_word(b, s, id);
    if (n <= WORD_IDS) {
        memcpy(v->key, key.word, sizeof v->key);
        memcpy(v->id, id, (size_t)n * sizeof *id);
        v->n = (uint32_t)n;
    }
    ids->n += (size_t)n * sizeof *id;
    return ST_OK;
}
