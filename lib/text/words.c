/* words.c - the merges of one piece, with a word cache.
 *
 * English text has few distinct words, so nearly every piece is answered by the cache: slots of 32
 * bytes, keyed by the piece's own bytes, up to three ids inside.  What is not there is merged: by
 * scans of an array up to SHORT symbols, beyond that with a heap, so that a megabyte without a
 * space costs n log n. */
#include "text/pairs.h"

enum {
    WORD_BYTES = 15,                           /* the longest piece remembered */
    WORD_IDS   = 3,                            /* the most ids remembered */
    WORD_SLOTS = 1 << 16,
    WORD_WAYS  = 4,
    SHORT      = 32,
};

/* Key: the bytes, zeros, and in the last byte the length, which is never 0. */
struct word {
    uint64_t key[2];
    uint32_t id[WORD_IDS];
    uint32_t n;
};

struct heap_item {                             /* a merge of the pair that was there */
    uint64_t key;                              /* rank, then position */
    uint32_t left, right;
};

struct words {
    const struct bpe *bpe;
    struct word      *slot;                    /* [WORD_SLOTS + WORD_WAYS] */
    struct buf        prev, next, heap;        /* a long piece at work */
};

/* ---- merging ---- */

static int64_t bytes_to_ids(const struct bpe *b, struct view s, uint32_t *id)
{
    int64_t n = 0;

    if (b->symbols)
        return symbols_put(b, s, id);
    for (size_t i = 0; i < s.n; i++)           /* a byte without a token is none of UTF-8 */
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
        p[i] = *pairs_slot(b, id[i], id[i + 1]);
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
            p[at] = *pairs_slot(b, id[at], id[at + 1]);
        }
        if (at > 0)
            p[at - 1] = *pairs_slot(b, id[at - 1], id[at]);
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

static bool candidate(const struct bpe *b, const uint32_t *id, uint32_t at, uint32_t right,
                      struct heap_item *v)
{
    const struct pair_slot *p = pairs_slot(b, id[at], id[right]);

    *v = (struct heap_item){ (uint64_t)p->rank << 32 | at, id[at], id[right] };
    return p->rank != NO_RANK;
}

/* Any number of symbols: a linked list and a heap of the merges possible.  An item whose pair is
 * no longer there is passed over; each merge adds at most two, and the heap has room for all, 3n.
 */
static int64_t merge_list(const struct bpe *b, uint32_t *id, int64_t n, uint32_t *prev,
                          uint32_t *next, struct heap_item *h)
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
        id[at] = pairs_slot(b, v.left, v.right)->id;
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
    struct word *v = &w->slot[pairs_mix(key[0], key[1]) >> 40 & (WORD_SLOTS - 1)];

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
    if (ids->cap - ids->n < SHORT * sizeof(uint32_t) &&
        buf_room(ids, SHORT * sizeof(uint32_t)) != ST_OK)
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
