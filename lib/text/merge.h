/* merge.h - the merges of one piece; for words.c alone. */
#ifndef MERGE_H
#define MERGE_H

#include "text/pairs.h"

enum { MERGE_SHORT = 32 };

/* One thread's work space; start from {0}. */
struct merge {
    struct buf symbol, start, work;
};
void merge_free(struct merge *m);

/* The ids of a piece of at most MERGE_SHORT bytes into id[MERGE_SHORT]; how many. */
int64_t merge_short(const struct bpe *b, struct view s, uint32_t *id);

/* Appends the ids of a piece of any length. */
enum st merge_long(struct merge *m, const struct bpe *b, struct view s, struct buf *ids) must_use;

/* The ids of n symbols that are a few runs of equal ones, into id[n] (runs.c); how many, or -1
 * where they are not, or do not stay so. */
int64_t merge_runs(const struct bpe *b, const uint32_t *symbol, size_t n, uint32_t *id);

#endif
