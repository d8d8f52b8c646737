/* lengths.h - how long the records are: a histogram fine enough for quantiles.
 *
 * Exact below LENGTHS_EXACT tokens; above, a quantile is the least length of its bin and at most
 * one part in LENGTHS_EXACT / 2 too short.  Minimum and maximum are exact.  Fixed memory. */
#ifndef LENGTHS_H
#define LENGTHS_H

#include "base/base.h"

#define LENGTHS_EXACT 4096
#define LENGTHS_BINS  (LENGTHS_EXACT + 20 * LENGTHS_EXACT / 2)

struct lengths {                               /* start from {0} */
    int64_t n, min, max;
    int64_t bin[LENGTHS_BINS];
};

void lengths_add(struct lengths *l, int64_t n_tokens);

/* The least length that at least the share q of all have reached, 0 < q <= 1; 0 of none. */
int64_t lengths_quantile(const struct lengths *l, double q);

/* How many are of at least `from` and below `to` tokens; exact where both are below
 * LENGTHS_EXACT. */
int64_t lengths_between(const struct lengths *l, int64_t from, int64_t to);

#endif
