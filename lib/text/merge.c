/* merge.c - the merges of one piece: in spans of up to SPAN symbols, and with a heap where those do
 * not agree.  Runs of equal symbols are runs.c's. */
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

/* ---- up to SPAN symbols ----
 *
 * Symbols stand at 1..n between two that merge with nothing.  A bit for each place that is left,
 * and for each a key: the rank of the merge with the next one, then its place, so that the least
 * key is the merge whose turn it is.  No branch depends on what merges there are, so the steps of
 * several spans side by side run at once. */

enum { PLACE_BITS = 6, SPAN = 62, LANES = 4 };
#define NO_KEY (NO_RANK << PLACE_BITS)        /* and all above it */

struct span {
    _Alignas(64) uint32_t key[SPAN + 2];
    uint32_t              id[SPAN + 2];
    uint64_t              left;
};

static inline uint32_t key_of(uint32_t rank, int i)
{
    return rank << PLACE_BITS | (uint32_t)i;
}

/* n symbols; bytes: what they stand for one by one, or NULL. */
static void span_start(const struct bpe *b, struct span *v, const uint32_t *id, const char *bytes,
                       int n)
{
    const unsigned char *p = (const unsigned char *)bytes;

    memset(v->key, 0xff, sizeof v->key);
    v->left = simd_below((size_t)n + 2);
    v->id[0] = v->id[n + 1] = BPE_NONE;
    memcpy(v->id + 1, id, (size_t)n * sizeof *id);
    for (int i = 1; i < n; i++)
        v->key[i] = key_of(p ? b->bytes[p[i - 1] << 8 | p[i]] : pairs_rank(b, id[i - 1], id[i]),
                           i);
}

/* The next merge; false: none is left. */
static inline bool span_step(const struct bpe *b, struct span *v, int vectors)
{
    uint32_t key = simd_least(v->key, vectors);
    int i = key & ((1 << PLACE_BITS) - 1);

    if (key >= NO_KEY)
        return false;
    uint64_t behind = v->left & UINT64_MAX << i << 1, gone = behind & -behind;
    int next = __builtin_ctzll(behind ^ gone);
    int prev = 63 - __builtin_clzll(v->left & (((uint64_t)1 << i) - 1));
    uint32_t to = b->rule[key >> PLACE_BITS].id;
    v->id[i] = to;
    v->left ^= gone;
    v->key[__builtin_ctzll(gone)] = NO_KEY;
    v->key[i] = key_of(pairs_rank(b, to, v->id[next]), i);
    v->key[prev] = key_of(pairs_rank(b, v->id[prev], to), prev);
    return true;
}

/* The places of n symbols that are left. */
static inline uint64_t span_left(const struct span *v, int n)
{
    return v->left & simd_below((size_t)n + 1) & ~(uint64_t)1;
}

static inline uint64_t span_merge(const struct bpe *b, struct span *v, const uint32_t *id,
                                  const char *bytes, int n, int vectors)
{
    span_start(b, v, id, bytes, n);
    while (span_step(b, v, vectors));
    return span_left(v, n);
}

/* The same for n bytes, 2 to 16 of them, each with a token: id[16], of which some are kept. */
static inline int64_t merge_bytes(const struct bpe *b, const unsigned char *p, int n, uint32_t *id)
{
    struct simd16 keys = simd16_pairs(b->bytes, p, n, PLACE_BITS);
    uint32_t at[18], key, left = ((uint32_t)1 << (n + 2)) - 1;

    at[0] = BPE_NONE;
    memcpy(at + 1, id, 16 * sizeof *id);
    at[n + 1] = BPE_NONE;
    while ((key = simd16_least(&keys)) < NO_KEY) {
        uint32_t here = (uint32_t)1 << (key & ((1 << PLACE_BITS) - 1)), i = __builtin_ctz(here);
        uint32_t behind = left & (0 - here - here), gone = behind & -behind;
        int next = __builtin_ctz(behind ^ gone), prev = 31 - __builtin_clz(left & (here - 1));
        uint32_t to = at[i] = b->rule[key >> PLACE_BITS].id;
        left ^= gone;
        simd16_put(&keys, gone >> 1, NO_KEY);
        simd16_put(&keys, here >> 1, key_of(pairs_rank(b, to, at[next]), (int)i));
        simd16_put(&keys, ((uint32_t)1 << prev) >> 1, key_of(pairs_rank(b, at[prev], to), prev));
    }
    left = left >> 1 & (((uint32_t)1 << n) - 1);
    simd16_keep(left, at + 1, id);
    return __builtin_popcount(left);
}

int64_t merge_short(const struct bpe *b, struct view s, uint32_t *id)
{
    int n = (int)bytes_to_ids(b, s, id);
    const char *bytes = n == (int)s.n && !b->symbols ? s.p : NULL;
    int64_t kept = 0;
    struct span v;

    if (n <= 1)
        return n;
    if (bytes && n <= 16)
        return merge_bytes(b, (const unsigned char *)s.p, n, id);
    uint64_t left = span_merge(b, &v, id, bytes, n, 2);
    for (; left; left &= left - 1)
        id[kept++] = v.id[__builtin_ctzll(left)];
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

/* Symbols [from, to) of the piece, merged by themselves: the tokens and where they start. */
static enum st merge_part(struct merge *m, const struct bpe *b, size_t from, size_t to,
                          uint32_t *id, uint32_t *start, size_t *kept)
{
    const uint32_t *symbol = (const uint32_t *)m->symbol.p + from;
    size_t n = to - from;

    m->work.n = *kept = 0;
    if (n <= SPAN) {
        struct span v;
        uint64_t left = span_merge(b, &v, symbol, NULL, (int)n, 4);
        for (; left; left &= left - 1, ++*kept) {
            id[*kept] = v.id[__builtin_ctzll(left)];
            start[*kept] = (uint32_t)(from + (size_t)__builtin_ctzll(left) - 1);
        }
        return ST_OK;
    }
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

/* ---- long pieces ----
 *
 * Tokens side by side are what the merges make of all their bytes exactly when each two neighbours
 * are what the merges make of the bytes of those two: a merge over one of their borders would be
 * the first of its two's as well (Berglund and van der Merwe 2023, arXiv:2309.08715, for proper
 * lists of merges; it holds for any).  So a piece is merged in spans that overlap: where two of
 * them have a token in common, the tokens of the one up to it and of the other from it on are
 * sound.  Where they have none, the last few tokens so far are made anew with what follows; and if
 * the first of them comes out as it was, all borders are sound.  If not, more are taken back. */
enum { STRIDE = 48, TAKEN_BACK = 3 };         /* 48: runs of one byte have tokens of 4, 8, 16 */

struct tokens {                                /* of the piece so far */
    uint32_t *id, *start;                      /* start[n]: where the last one ends */
    size_t    n;
};

/* Goes on with span v of symbols from `from` on; false: no token in common. */
static bool join_span(struct tokens *t, const struct span *v, size_t from, int n)
{
    size_t at = t->n, first = 1;

    if (from > 0) {
        while (at > 0 && t->start[at - 1] >= from)
            at--;
        for (;; at++) {
            if (at == t->n)
                return false;
            first = t->start[at] - from + 1;
            uint64_t behind = v->left >> first & ~(uint64_t)1;
            if (v->left >> first & 1 && v->id[first] == t->id[at] &&
                first + (size_t)__builtin_ctzll(behind) == t->start[at + 1] - from + 1)
                break;
        }
    }
    for (uint64_t left = span_left(v, n) >> first << first; left; left &= left - 1, at++) {
        int i = __builtin_ctzll(left);
        t->id[at] = v->id[i];
        t->start[at] = (uint32_t)(from + (size_t)i - 1);
    }
    t->start[at] = (uint32_t)(from + (size_t)n);
    t->n = at;
    return true;
}

/* Goes on to symbol `to` at least, with tokens taken back. */
static enum st join_anew(struct merge *m, const struct bpe *b, struct tokens *t, size_t to,
                         size_t n)
{
    size_t done = t->start[t->n], kept;

    for (size_t back = TAKEN_BACK;; back *= 2) {
        size_t at = t->n - MIN(t->n, back), from = t->start[at];
        size_t end = MIN(n, MAX(to, done + 4 * (done - from)));
        uint32_t first = t->id[at];
        enum st st = merge_part(m, b, from, end, t->id + at, t->start + at, &kept);
        if (st != ST_OK)
            return st;
        if (at == 0 || t->id[at] == first) {
            t->n = at + kept;
            t->start[t->n] = (uint32_t)end;
            return ST_OK;
        }
    }
}

/* Merges spans side by side from symbol `from` on, into v[0..LANES), and tells which of them is the
 * next, and the next; one that has the symbols of the span before is that one, the last of the
 * spans before these being v[LANES].  How many. */
static int next_spans(const struct bpe *b, const uint32_t *symbol, const char *bytes, size_t n,
                      size_t from, struct span *v, const struct span **is)
{
    int count = 0, lanes = 0;

    for (size_t at = from; count < LANES && at < n; at += STRIDE, count++) {
        size_t here = MIN(n - at, SPAN);
        if (at > 0 && here == SPAN &&
            memcmp(symbol + at, symbol + at - STRIDE, SPAN * sizeof *symbol) == 0) {
            is[count] = count > 0 ? is[count - 1] : &v[LANES];
            continue;
        }
        is[count] = &v[lanes];
        span_start(b, &v[lanes++], symbol + at, bytes ? bytes + at : NULL, (int)here);
    }
    for (bool more = true; more;) {
        more = false;
        for (int k = 0; k < lanes; k++)
            more |= span_step(b, &v[k], 4);
    }
    return count;
}

/* bytes: what the n symbols stand for one by one, or NULL. */
static enum st merge_spans(struct merge *m, const struct bpe *b, const char *bytes, size_t n,
                           struct tokens *t)
{
    const uint32_t *symbol = (const uint32_t *)m->symbol.p;
    struct span v[LANES + 1];
    const struct span *is[LANES];
    enum st st = ST_OK;

    for (size_t from = 0; from < n && (t->n == 0 || t->start[t->n] < n) && st == ST_OK;) {
        int count = next_spans(b, symbol, bytes, n, from, v, is);
        for (int k = 0; k < count && st == ST_OK; k++, from += STRIDE) {
            size_t end = MIN(n, from + SPAN);
            if ((t->n == 0 || t->start[t->n] < end) &&
                !join_span(t, is[k], from, (int)(end - from)))
                st = join_anew(m, b, t, end, n);
        }
        v[LANES] = *is[count - 1];
    }
    return st;
}

enum st merge_long(struct merge *m, const struct bpe *b, struct view s, struct buf *ids)
{
    size_t bytes = (s.n + 1) * sizeof(uint32_t), n;

    m->symbol.n = m->start.n = 0;
    if (buf_room(ids, bytes) != ST_OK || buf_room(&m->symbol, bytes) != ST_OK ||
        buf_room(&m->start, bytes) != ST_OK)
        return ST_SYS;
    n = (size_t)bytes_to_ids(b, s, (uint32_t *)m->symbol.p);
    struct tokens t = { .id = (uint32_t *)(ids->p + ids->n),
                        .start = (uint32_t *)m->start.p };
    int64_t kept = merge_runs(b, (const uint32_t *)m->symbol.p, n, t.id);
    enum st st = ST_OK;
    if (kept >= 0)
        t.n = (size_t)kept;
    else
        st = merge_spans(m, b, n == s.n && !b->symbols ? s.p : NULL, n, &t);
    ids->n += t.n * sizeof(uint32_t);
    return st;
}
