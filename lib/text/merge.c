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

    if (b->symbols)
        return symbols_put(b, s, id);
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

/* Joins symbol i with the next one; the least rank of the merges that are new. */
static inline uint32_t join(const struct bpe *b, uint32_t *id, uint64_t *left, int i, uint32_t to,
                            struct simd_keys *keys, int vectors)
{
    uint64_t behind = *left & UINT64_MAX << i & ~((uint64_t)1 << i);
    uint64_t before = *left & (((uint64_t)1 << i) - 1);
    uint32_t next = NO_RANK, prev = NO_RANK;
    int gone = __builtin_ctzll(behind);

    id[i] = to;
    *left ^= behind & -behind;
    behind &= behind - 1;
    simd_put(keys, gone, NO_KEY, vectors);
    if (behind)
        next = pairs_rank(b, to, id[__builtin_ctzll(behind)]);
    simd_put(keys, i, key_of(next, i), vectors);
    if (before) {
        int k = 63 - __builtin_clzll(before);
        prev = pairs_rank(b, id[k], to);
        simd_put(keys, k, key_of(prev, k), vectors);
    }
    return MIN(next, prev);
}

/* All merges of the least rank take their turns, from the left, until one makes way for another
 * that comes before the rest of them. */
static inline uint64_t merge_keys(const struct bpe *b, uint32_t *id, int n, const uint32_t *first,
                                  int vectors)
{
    uint64_t left = simd_below((size_t)n);
    struct simd_keys keys;

    simd_keys(&keys, first, vectors);
    for (uint32_t key; (key = simd_least(&keys, vectors)) != NO_KEY;) {
        uint32_t rank = key >> PLACE_BITS, to = b->rule[rank].id;
        uint64_t same = simd_same(&keys, rank, PLACE_BITS, vectors);
        for (; same; same &= same - 1) {
            int i = __builtin_ctzll(same);
            if (left >> i & 1 && join(b, id, &left, i, to, &keys, vectors) <= rank)
                break;
        }
    }
    return left;
}

/* Merges n symbols in place; a bit for each that is left. */
static uint64_t merge_64(const struct bpe *b, uint32_t *id, int n, const uint32_t *first)
{
    return n <= 16 ? merge_keys(b, id, n, first, 1)
         : n <= 32 ? merge_keys(b, id, n, first, 2) : merge_keys(b, id, n, first, 4);
}

/* The keys of n symbols side by side; bytes: what they stand for one by one, or NULL. */
static void first_keys(const struct bpe *b, const uint32_t *id, const char *bytes, int n,
                       uint32_t *key)
{
    const unsigned char *p = (const unsigned char *)bytes;

    for (int i = n - 1; i < (n <= 32 ? (n + 15) / 16 * 16 : 64); i++)
        key[i] = NO_KEY;
    if (p)
        for (int i = 0; i + 1 < n; i++)
            key[i] = key_of(b->bytes[p[i] << 8 | p[i + 1]], i);
    else
        for (int i = 0; i + 1 < n; i++)
            key[i] = key_of(pairs_rank(b, id[i], id[i + 1]), i);
}

int64_t merge_short(const struct bpe *b, struct view s, uint32_t *id)
{
    int n = (int)bytes_to_ids(b, s, id);
    uint32_t key[64];
    int64_t kept = 0;

    if (n <= 1)
        return n;
    first_keys(b, id, n == (int)s.n && !b->symbols ? s.p : NULL, n, key);
    for (uint64_t left = merge_64(b, id, n, key); left; left &= left - 1)
        id[kept++] = id[__builtin_ctzll(left)];
    return kept;
}

/* ---- any number of symbols ---- */

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

/* Many symbols at once, in place: a linked list and a heap of the merges possible.  An item whose
 * pair is no longer there is passed over; each merge adds at most two, and the heap has room for
 * all, 3n.  next[] tells what is left. */
static void merge_list(const struct bpe *b, uint32_t *id, int64_t n, uint32_t *prev,
                       uint32_t *next, struct heap_item *h)
{
    int64_t n_heap = 0;

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
}

void merge_free(struct merge *m)
{
    buf_free(&m->symbol);
    buf_free(&m->start);
    buf_free(&m->work);
}

/* A window of the symbols, merged by itself: the tokens and where they start. */
static enum st merge_window(struct merge *m, const struct bpe *b, const char *bytes, size_t from,
                            size_t to, uint32_t *id, uint32_t *start, size_t *kept)
{
    const uint32_t *symbol = (const uint32_t *)m->symbol.p + from;
    size_t n = to - from;

    *kept = 0;
    if (n <= 64) {
        uint32_t work[64], key[64];
        memcpy(work, symbol, n * sizeof *work);
        first_keys(b, work, bytes ? bytes + from : NULL, (int)n, key);
        for (uint64_t left = merge_64(b, work, (int)n, key); left; left &= left - 1, ++*kept) {
            int i = __builtin_ctzll(left);
            id[*kept] = work[i];
            start[*kept] = (uint32_t)from + (uint32_t)i;
        }
        return ST_OK;
    }
    m->work.n = 0;
    if (buf_room(&m->work, n * (3 * sizeof *id + 3 * sizeof(struct heap_item))) != ST_OK)
        return ST_SYS;
    struct heap_item *heap = (struct heap_item *)m->work.p;
    uint32_t *work = (uint32_t *)(heap + 3 * n), *next = work + n;
    memcpy(work, symbol, n * sizeof *work);
    merge_list(b, work, (int64_t)n, next + n, next, heap);
    for (size_t i = 0; i < n; i = next[i], ++*kept) {
        id[*kept] = work[i];
        start[*kept] = (uint32_t)(from + i);
    }
    return ST_OK;
}

/* Long pieces go window by window.  Tokens side by side are what the merges make of all their
 * bytes exactly when each two neighbours are what the merges make of the bytes of those two: a
 * merge over one of their borders would be the first of its two's as well (Berglund and van der
 * Merwe 2023, arXiv:2309.08715, for proper lists of merges; it holds for any).  So the tokens so
 * far are kept but for the last few; those are made anew with what follows; and if the first of
 * them comes out as it was, all borders are sound.  If not, more are taken back. */
enum { WINDOW = 64, TAKEN_BACK = 3 };

static enum st merge_windows(struct merge *m, const struct bpe *b, const char *bytes, size_t n,
                             uint32_t *id, size_t *count)
{
    uint32_t *start = (uint32_t *)m->start.p;
    size_t done = 0, kept;

    for (*count = 0; done < n; *count += kept)
        for (size_t back = TAKEN_BACK;; back *= 2) {
            size_t at = *count - MIN(*count, back), from = at < *count ? start[at] : done;
            size_t to = MIN(n, done - from < WINDOW / 2 ? from + WINDOW : done + (done - from));
            uint32_t first = id[at];
            enum st st = merge_window(m, b, bytes, from, to, id + at, start + at, &kept);
            if (st != ST_OK)
                return st;
            if (at == 0 || id[at] == first) {
                *count = at;
                done = to;
                break;
            }
        }
    return ST_OK;
}

enum st merge_long(struct merge *m, const struct bpe *b, struct view s, struct buf *ids)
{
    size_t bytes = s.n * sizeof(uint32_t), n;

    m->symbol.n = m->start.n = 0;
    if (buf_room(ids, bytes) != ST_OK || buf_room(&m->symbol, bytes) != ST_OK ||
        buf_room(&m->start, bytes) != ST_OK)
        return ST_SYS;
    n = (size_t)bytes_to_ids(b, s, (uint32_t *)m->symbol.p);
    const char *bytes_of = n == s.n && !b->symbols ? s.p : NULL;
    enum st st = merge_windows(m, b, bytes_of, n, (uint32_t *)(ids->p + ids->n), &n);
    ids->n += n * sizeof(uint32_t);
    return st;
}
