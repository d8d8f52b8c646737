/* pairs.h - the tables of a vocabulary and its merges; for bpe.c and words.c alone. */
#ifndef PAIRS_H
#define PAIRS_H

#include "text/bpe.h"

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
    struct symbols   *symbols;                 /* NULL: a piece starts as its bytes */
};

/* symbols.c: the ids a piece of characters starts as, at most one a byte; how many. */
int64_t symbols_put(const struct bpe *b, struct view piece, uint32_t *id);


static inline uint64_t pairs_mix(uint64_t a, uint64_t b)
{
    a = (a ^ (b >> 29)) * 0x9e3779b97f4a7c15u ^ b * 0xc2b2ae3d27d4eb4fu;
    a ^= a >> 32;
    return a * 0x165667b19e3779f9u;
}

/* The slot of a pair, or the empty one where it would go. */
static inline struct pair_slot *pairs_slot(const struct bpe *b, uint32_t left, uint32_t right)
{
    uint64_t i = pairs_mix(left, right) >> 24 & b->pair_mask;

    while (b->pair[i].rank != NO_RANK && (b->pair[i].left != left || b->pair[i].right != right))
        i = (i + 1) & b->pair_mask;
    return &b->pair[i];
}

#endif
