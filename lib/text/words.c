/* words.c - pieces -> ids, by a cache of words.
 *
 * English text has few distinct words, so nearly every piece is answered by the cache: slots of 32
 * bytes, two of them in a line of the processor's cache, keyed by the piece's own bytes, with up
 * to three ids and their ends inside.  A second table has what the first cannot hold or had to give
 * up: pieces of 8 to 31 bytes and up to 7 ids.  What is in neither is merged (merge.c). */
#include "text/merge.h"

enum {
    WORD_BYTES = 15,                           /* the longest piece remembered */
    WORD_IDS   = 3,                            /* the most ids remembered */
    WORD_WAYS  = 2,
    WORD_BITS  = 16,                           /* of the number of lines */
    WORD_LINES = 1 << WORD_BITS,
    AHEAD      = 32,                           /* pieces asked for at once */

    LONG_FROM  = 8,                            /* the second table's pieces: shorter ones are */
    LONG_BYTES = 31,                           /*   merged sooner than found */
    LONG_IDS   = 7,
    LONG_BITS  = 15,
};

typedef uint32_t four __attribute__((vector_size(16), may_alias, aligned(4)));

static inline four simd_widen(uint32_t x)
{
    typedef uint8_t bytes __attribute__((vector_size(4)));
    return __builtin_convertvector((bytes)x, four);
}

/* Key: the bytes, zeros, and in the last byte the length, which is never 0. */
struct word {
    uint64_t key[2];
    uint32_t id[WORD_IDS];
    uint8_t  end[WORD_IDS], n;                 /* where each id's bytes end */
};

struct line { struct word way[WORD_WAYS]; };

struct longer { uint64_t key[4]; uint32_t id[LONG_IDS], n; };

struct words {
    const struct bpe *bpe;
    struct line      *line;                    /* [WORD_LINES] */
    struct longer    *longer;                  /* [1 << LONG_BITS] */
    struct merge      merge;
};

struct words *words_new(const struct bpe *b, struct arena *a)
{
    struct words *w = ARENA_NEW(a, struct words, 1);

    if (!w || !(w->line = ARENA_NEW(a, struct line, WORD_LINES)) ||
        !(w->longer = ARENA_NEW(a, struct longer, 1 << LONG_BITS)))
        return NULL;
    w->bpe = b;
    return w;
}

void words_free(struct words *w)
{
    merge_free(&w->merge);
}

/* ---- a piece that is not in the cache ---- */

/* Where an id begins it is taken that the one before ends. */
static void remember(const struct bpe *b, struct line *line, const uint64_t key[2], struct view s,
                     const uint32_t *id, int64_t n)
{
    struct word *v = &line->way[line->way[0].key[1] != 0];
    uint32_t begin[WORD_IDS], end[WORD_IDS];

    bpe_places(b, s, id, n, 0, begin, end);
    for (int64_t i = 0; i < n; i++)
        if (begin[i] != (i ? end[i - 1] : 0))
            return;
    *v = (struct word){ .key = { key[0], key[1] }, .n = (uint8_t)n };
    for (int64_t i = 0; i < n; i++) {
        v->id[i] = id[i];
        v->end[i] = (uint8_t)end[i];
    }
}

/* Places of the ids from `from` on, those of the piece s, which begins at byte `at`. */
static enum st put_places(const struct bpe *b, struct buf store[3], size_t from, struct view s,
                          uint32_t at)
{
    size_t n = store[0].n - from;

    if (buf_room(&store[1], n) != ST_OK || buf_room(&store[2], n) != ST_OK)
        return ST_SYS;
    bpe_places(b, s, (const uint32_t *)(store[0].p + from), (int64_t)(n / sizeof(uint32_t)), at,
               (uint32_t *)(store[1].p + from), (uint32_t *)(store[2].p + from));
    store[1].n = store[2].n = store[0].n;
    return ST_OK;
}

/* The place of a piece of at most LONG_BYTES in the second table, and its key. */
static struct longer *longer_of(const struct words *w, struct view s, uint64_t key[4])
{
    simd_copy32(key, s.p, s.n);
    key[3] |= (uint64_t)s.n << 56;
    uint64_t h = (key[0] * 0x9e3779b97f4a7c15u ^ key[1]) * 0xc2b2ae3d27d4eb4fu;
    h = ((h >> 32 ^ h ^ key[2]) * 0x9e3779b97f4a7c15u ^ key[3]) * 0xc2b2ae3d27d4eb4fu;
    return &w->longer[h >> (64 - LONG_BITS)];
}

/* The ids of a piece by its merges, behind those of `ids`. */
static enum st merge(struct words *w, struct view s, struct buf *ids)
{
    const struct bpe *b = w->bpe;
    uint32_t *id = (uint32_t *)(ids->p + ids->n), whole = b->whole ? bpe_find(b, s) : BPE_NONE;

    if (s.n > MERGE_SHORT && whole == BPE_NONE)
        return merge_long(&w->merge, b, s, ids);
    if (whole != BPE_NONE)
        id[0] = whole;
    ids->n += (whole != BPE_NONE ? 1 : (size_t)merge_short(b, s, id)) * sizeof *id;
    return ST_OK;
}

static enum st by_merges(struct words *w, struct view s, struct line *line, const uint64_t key[2],
                         uint32_t at, struct buf store[3], bool places)
{
    size_t from = store[0].n;
    enum st st = buf_room(&store[0], MERGE_SHORT * sizeof(uint32_t));
    struct longer *r = NULL;
    uint64_t wide[4];

    if (st != ST_OK)
        return st;
    if (s.n >= LONG_FROM && s.n <= LONG_BYTES)
        r = longer_of(w, s, wide);
    if (r && memcmp(r->key, wide, sizeof wide) == 0) {
        memcpy(store[0].p + from, r->id, sizeof r->id);
        store[0].n += r->n * sizeof *r->id;
    } else {
        if ((st = merge(w, s, &store[0])) != ST_OK)
            return st;
        const uint32_t *id = (const uint32_t *)(store[0].p + from);
        int64_t n = (int64_t)((store[0].n - from) / sizeof *id);
        if (line && n <= WORD_IDS)
            remember(w->bpe, line, key, s, id, n);
        if (r && n <= LONG_IDS) {
            memcpy(r->key, wide, sizeof wide);
            memcpy(r->id, id, (size_t)n * sizeof *id);
            r->n = (uint32_t)n;
        }
    }
    return places ? put_places(w->bpe, store, from, s, at) : ST_OK;
}

/* ---- the loop ---- */

/* The first n <= 15 bytes at p, `there` bytes being there, zeros, and n. */
static inline void key_of(const char *p, size_t n, size_t there, uint64_t key[2])
{
    static const uint64_t mask[16][2] = {
#define ROW(n) { n < 8 ? ((uint64_t)1 << 8 * (n & 7)) - 1 : UINT64_MAX,                  \
                 n > 8 ? ((uint64_t)1 << 8 * ((n - 8) & 7)) - 1 : 0 }
        ROW(0), ROW(1), ROW(2),  ROW(3),  ROW(4),  ROW(5),  ROW(6),  ROW(7),
        ROW(8), ROW(9), ROW(10), ROW(11), ROW(12), ROW(13), ROW(14), ROW(15),
#undef ROW
    };
    char part[16] = { 0 };

    if (there < sizeof part)
        p = memcpy(part, p, n);
    memcpy(key, p, 16);
    key[0] &= mask[n][0];
    key[1] = (key[1] & mask[n][1]) | (uint64_t)n << 56;
}

static inline struct line *line_of(const struct words *w, const uint64_t key[2])
{
    uint64_t h = key[0] * 0x9e3779b97f4a7c15u + key[1] * 0xc2b2ae3d27d4eb4fu;

    return &w->line[h >> (64 - WORD_BITS)];
}

/* The ids of v at id, and where they stand; room for four. */
static inline void put_word(const struct word *v, uint32_t at, uint32_t *id, uint32_t *begin,
                            uint32_t *end, bool places)
{
    four x, shift = { at, at, at, at };
    uint32_t ends;

    memcpy(&x, v->id, sizeof x);
    *(four *)id = x;
    if (!places)
        return;
    memcpy(&ends, v->end, sizeof ends);
    *(four *)end = simd_widen(ends) + shift;
    *(four *)begin = simd_widen(ends << 8) + shift;
}

struct asked {                                 /* a piece to be looked up */
    uint64_t     key[2];
    struct line *line;                         /* NULL: too long to be remembered */
};

/* Looks ahead: keys of the next pieces, whose lines are on their way from memory meanwhile. */
static inline void ask(const struct words *w, struct view text, const uint32_t *bound, int64_t n,
                       struct asked *q)
{
    for (int64_t i = 0; i < n; i++) {
        size_t at = bound[i], len = bound[i + 1] - at;
        q[i].line = NULL;
        if (len > WORD_BYTES)
            continue;
        key_of(text.p + at, len, text.n - at, q[i].key);
        q[i].line = line_of(w, q[i].key);
        __builtin_prefetch(q[i].line);
    }
}

/* A word found in the second place, where a new one would go, moves to the first now and then. */
static inline const struct word *known_word(const struct asked *q, uint32_t at)
{
    const struct word *v = &q->line->way[0], *u = &q->line->way[1];

    bool first = ((v->key[0] ^ q->key[0]) | (v->key[1] ^ q->key[1])) == 0;
    bool second = ((u->key[0] ^ q->key[0]) | (u->key[1] ^ q->key[1])) == 0;
    if (__builtin_expect(second && (at & 7) == 0, false)) {
        struct word swap = q->line->way[0];
        q->line->way[0] = q->line->way[1];
        q->line->way[1] = swap;
        return v;
    }
    v = second ? u : v;
    return first || second ? v : NULL;
}

static inline enum st pieces(struct words *w, struct view text, const uint32_t *bound, int64_t n,
                             uint32_t base, struct buf store[3], bool places)
{
    int stores = places ? 3 : 1;
    struct asked q[AHEAD];

    for (int64_t from = 0; from < n; from += AHEAD, bound += AHEAD) {
        int64_t now = MIN(n - from, AHEAD);
        ask(w, text, bound, now, q);
        for (int64_t i = 0; i < now; i++) {
            uint32_t *put[3] = { 0 };
            size_t to = 0;
            const struct word *v;
            for (int k = 0; k < stores; k++) {
                if (buf_room(&store[k], (AHEAD * WORD_IDS + 1) * sizeof(uint32_t)) != ST_OK)
                    return ST_SYS;
                put[k] = (uint32_t *)(store[k].p + store[k].n);
            }
            for (; i < now && q[i].line && (v = known_word(&q[i], bound[i])); i++) {
                put_word(v, base + bound[i], put[0] + to, put[1] + to, put[2] + to, places);
                to += v->n;
            }
            for (int k = 0; k < stores; k++)
                store[k].n += to * sizeof(uint32_t);
            if (i == now)
                break;
            struct view s = { text.p + bound[i], bound[i + 1] - bound[i] };
            enum st st = by_merges(w, s, q[i].line, q[i].key, base + bound[i], store, places);
            if (st != ST_OK)
                return st;
        }
    }
    return ST_OK;
}

enum st bpe_pieces(struct words *w, struct view text, const uint32_t *bound, int64_t n,
                   uint32_t base, struct buf store[3], bool places)
{
    return places ? pieces(w, text, bound, n, base, store, true)
                  : pieces(w, text, bound, n, base, store, false);
}
