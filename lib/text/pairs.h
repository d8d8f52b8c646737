/* pairs.h - the tables of a vocabulary and its merges; for bpe.c, merge.c and words.c alone.
 *
 * Most questions are about pairs that no merge knows, so the table holds only what answers those: a
 * check and a rank.  A rule, by its rank, tells the rest.  Neighbouring bytes, the first question
 * of every word, have a table of their own. */
#ifndef PAIRS_H
#define PAIRS_H

#include "text/bpe.h"

struct find_slot { uint32_t check, id; };      /* id BPE_NONE: empty */
struct pair_slot { uint32_t check, rank; };    /* rank NO_RANK: empty */
struct rule { uint32_t left, right, id; };
#define NO_RANK UINT32_MAX

struct bpe {
    struct arena     *arena;
    struct view      *token;                   /* [n_cap] by id; p NULL: none */
    int64_t           n_ids, n_cap;
    struct find_slot *find;                    /* tokens by hash of their bytes */
    uint64_t          find_mask;
    int64_t           n_tokens;
    struct pair_slot *pair;
    uint64_t          pair_mask;
    struct rule      *rule;                    /* [n_merges] by rank */
    uint32_t          n_merges;
    uint32_t          next;                    /* the token the next merge likely makes */
    uint32_t          byte[256];
    uint32_t         *bytes;                   /* [256 * 256] ranks of neighbouring bytes */
    bool              whole;
};

static inline uint64_t pairs_mix(uint64_t a, uint64_t b)
{
    a = (a ^ (b >> 29)) * 0x9e3779b97f4a7c15u ^ b * 0xc2b2ae3d27d4eb4fu;
    a ^= a >> 32;
    return a * 0x165667b19e3779f9u;
}

/* The slot of a pair, or the empty one where it would go. */
static inline struct pair_slot *pairs_slot(const struct bpe *b, uint32_t left, uint32_t right)
{
    uint64_t h = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u, i = h >> 40 & b->pair_mask;
    uint32_t check = (uint32_t)(h >> 8);

    for (;; i = (i + 1) & b->pair_mask) {
        struct pair_slot *p = &b->pair[i];
        if (p->rank == NO_RANK)
            return p;
        if (p->check == check && b->rule[p->rank].left == left && b->rule[p->rank].right == right)
            return p;
    }
}

static inline uint32_t pairs_check(uint32_t left, uint32_t right)
{
    return (uint32_t)(((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u >> 8);
}

/* NO_RANK: no merge. */
static inline uint32_t pairs_rank(const struct bpe *b, uint32_t left, uint32_t right)
{
    return pairs_slot(b, left, right)->rank;
}

#endif
