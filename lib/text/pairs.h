/* pairs.h - the tables of a vocabulary and its merges; for bpe.c, merge.c and words.c alone.
 *
 * Most questions are about pairs that no merge knows.  A bit by hash, in a table that the nearest
 * caches hold, sends nearly all of them to a place that is always empty; the others find a check
 * and a rank.  A rule, by its rank, tells the rest.  Neighbouring bytes, the first question of
 * every word, have a table of their own. */
#ifndef PAIRS_H
#define PAIRS_H

#include "text/bpe.h"
#include "text/simd.h"

struct find_slot { uint32_t check, id; };      /* id BPE_NONE: empty */
struct pairs { uint32_t check[8], rank[8]; };  /* eight of one hash, from the first on */
struct rule { uint32_t left, right, id; };
#define NO_RANK UINT32_MAX

struct bpe {
    struct arena     *arena;
    struct view      *token;                   /* [n_cap] by id; p NULL: none */
    int64_t           n_ids, n_cap;
    struct find_slot *find;                    /* tokens by hash of their bytes */
    uint64_t          find_mask;
    int64_t           n_tokens;
    struct pairs     *pair;                    /* NO_RANK: empty; the first stays so */
    uint64_t          pair_mask;
    uint64_t         *maybe;                   /* a bit by hash: 0 where no merge knows the pair */
    int               maybe_shift;
    struct rule      *rule;                    /* [n_merges] by rank */
    uint32_t          n_merges;
    uint32_t          next;                    /* the token the next merge likely makes */
    uint32_t          byte[256];
    uint32_t         *bytes;                   /* [256 * 256] ranks of neighbouring bytes */
    bool              whole;
    struct symbols   *symbols;                 /* NULL: a piece starts as its bytes */
};

/* symbols.c: the ids a piece of characters starts as, at most one a byte; how many. */
int64_t symbols_put(const struct bpe *b, struct view piece, uint32_t *id);

static inline uint64_t pairs_hash(uint32_t left, uint32_t right)
{
    return ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
}

/* Where the rank of a pair is kept, or the empty place where it would be; *check is its check. */
uint32_t *pairs_place(const struct bpe *b, uint32_t left, uint32_t right, uint32_t **check);

/* NO_RANK: no merge.  Without a branch that depends on the answer, for none can foretell it: where
 * no check is the same, the last rank of the place is NO_RANK or that of another pair. */
static inline uint32_t pairs_rank(const struct bpe *b, uint32_t left, uint32_t right)
{
    uint64_t h = pairs_hash(left, right), bit = h >> b->maybe_shift;
    uint64_t maybe = b->maybe[bit >> 6] >> (bit & 63) & 1;
    const struct pairs *p = &b->pair[((h >> 40 & b->pair_mask) + 1) & -maybe];
    uint32_t same = simd_same8(p->check, (uint32_t)(h >> 8)), *check;
    uint32_t rank = p->rank[__builtin_ctz(same | 128)];
    uint64_t known = (((uint64_t)rank + 1) >> 32) - 1;         /* all bits, or 0 for NO_RANK */
    const struct rule *r = &b->rule[rank & known];
    uint64_t other = ((uint64_t)r->left << 32 | r->right) ^ ((uint64_t)left << 32 | right);

    if (__builtin_expect((other & known) != 0, false))
        return *pairs_place(b, left, right, &check);
    return rank;
}

#endif
