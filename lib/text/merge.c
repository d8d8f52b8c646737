/* merge.c - the merges of one piece: by scans of an array up to SHORT symbols, beyond that with a
 * heap. */
#include "text/merge.h"
#include "text/simd.h"

struct heap_item {                             /* a merge of the pair that was there */
    uint64_t key;                              /* rank, then position */
    uint32_t left, right;
};

static int64_t bytes_to_ids(const struct bpe *b, struct view s, uint32_t *id)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.n; i++)           /* a byte without a token is none of UTF-8 */
        if ((id[n] = b->byte[(unsigned char)s.p[i]]) != BPE_NONE)
            n++;
    return n;
}

/* ---- up to 64 symbols ----
 *
 * A bit for each symbol that is left, and for each a key: the rank of the merge with the next one,
 * then its place, so that the least key is the merge whose turn it is. */

enum { PLACE_BITS = 6 };
#define NO_KEY UINT32_MAX

static inline uint32_t key_of(uint32_t rank, int i)
{
    return rank == NO_RANK ? NO_KEY : rank << PLACE_BITS | (uint32_t)i;
}

static inline uint64_t merge_keys(const struct bpe *b, uint32_t *id, int n, const uint32_t *first,
                                  int vectors)
{
    uint64_t left = simd_below((size_t)n);
    struct simd_keys keys;

    simd_keys(&keys, first, vectors);
    for (uint32_t key; (key = simd_least(&keys, vectors)) != NO_KEY;) {
        int i = key & 63;
        uint64_t behind = left & UINT64_MAX << i & ~((uint64_t)1 << i);
        uint64_t before = left & (((uint64_t)1 << i) - 1);
        int gone = __builtin_ctzll(behind);
        id[i] = b->rule[key >> PLACE_BITS].id;
        left ^= behind & -behind;
        behind &= behind - 1;
        simd_put(&keys, gone, NO_KEY, vectors);
        key = NO_KEY;
        if (behind)
            key = key_of(pairs_rank(b, id[i], id[__builtin_ctzll(behind)]), i);
        simd_put(&keys, i, key, vectors);
        if (before) {
            int k = 63 - __builtin_clzll(before);
            simd_put(&keys, k, key_of(pairs_rank(b, id[k], id[i]), k), vectors);
        }
    }
    return left;
}

static int64_t merge_64(const struct bpe *b, uint32_t *id, int n, const uint32_t *first)
{
    uint64_t left = n <= 16 ? merge_keys(b, id, n, first, 1)
                  : n <= 32 ? merge_keys(b, id, n, first, 2) : merge_keys(b, id, n, first, 4);
    int64_t kept = 0;

    for (; left; left &= left - 1)
        id[kept++] = id[__builtin_ctzll(left)];
    return kept;
}

int64_t merge_short(const struct bpe *b, struct view s, uint32_t *id)
{
    uint32_t first[64];
    int64_t n = bytes_to_ids(b, s, id);

    memset(first, 0xff, (size_t)(n + 15) / 16 * 16 * sizeof *first);
    if (n == (int64_t)s.n)
        for (int64_t i = 0; i + 1 < n; i++)
            first[i] = key_of(b->bytes[(unsigned char)s.p[i] << 8 | (unsigned char)s.p[i + 1]], (int)i);
    else
        for (int64_t i = 0; i + 1 < n; i++)
            first[i] = key_of(pairs_rank(b, id[i], id[i + 1]), (int)i);
    return n > 1 ? merge_64(b, id, (int)n, first) : n;
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
    uint32_t rank = pairs_rank(b, id[at], id[right]);

    *v = (struct heap_item){ (uint64_t)rank << 32 | at, id[at], id[right] };
    return rank != NO_RANK;
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
        id[at] = b->rule[v.key >> 32].id;
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

void merge_free(struct merge *m)
{
    buf_free(&m->prev);
    buf_free(&m->next);
    buf_free(&m->heap);
}

enum st merge_long(struct merge *m, const struct bpe *b, struct view s, struct buf *ids)
{
    size_t n = s.n;

    m->prev.n = m->next.n = m->heap.n = 0;
    if (buf_room(ids, n * sizeof(uint32_t)) != ST_OK ||
        buf_room(&m->prev, n * sizeof(uint32_t)) != ST_OK ||
        buf_room(&m->next, n * sizeof(uint32_t)) != ST_OK ||
        buf_room(&m->heap, 3 * n * sizeof(struct heap_item)) != ST_OK)
        return ST_SYS;
    uint32_t *id = (uint32_t *)(ids->p + ids->n);
    int64_t symbols = bytes_to_ids(b, s, id);
    if (b->n_merges)
        symbols = merge_list(b, id, symbols, (uint32_t *)m->prev.p, (uint32_t *)m->next.p,
                             (struct heap_item *)m->heap.p);
    ids->n += (size_t)symbols * sizeof *id;
    return ST_OK;
}
