/* paired.h - two runs on the same items: how far apart, and whether that could be chance.
 *
 * An item has a numerator and a denominator under each run (a token mean has -log p and tokens, a
 * share has 0 or 1 and 1), and a run's figure is the ratio of their sums, as everywhere (score.h).
 * What the items have in common cancels in the difference, so far fewer are needed than to tell
 * two independent samples apart.  Pure functions of numbers. */
#ifndef PAIRED_H
#define PAIRED_H

#include "base/mem.h"

struct paired {                                /* columns over items; of run 0 and run 1 */
    int64_t       n;
    const double *a[2], *b[2];                 /* [n] */
};

/* The ratio of a run, and run 1 minus run 0.  NaN where a denominator sums to 0. */
double paired_value(const struct paired *p, int run);
double paired_difference(const struct paired *p);

/* The standard error of the difference, linearised, items being the units; NaN below two. */
double paired_se(const struct paired *p);

/* The percentile interval of the difference over `draws` resamples of the items, and the two-sided
 * p-value of "no difference" from the same: twice the smaller share of resamples on one side of 0,
 * never below 1 / draws.  A function of the seed.     Efron & Tibshirani 1993, ch. 13 and 16
 *   ST_OK; ST_SYS no memory */
struct interval { double low, high, p; };
enum st paired_bootstrap(const struct paired *p, int64_t draws, double level, uint64_t seed,
                         struct interval *v, struct arena *a) must_use;

/* Exact two-sided McNemar test of items that one run alone has right: 2 P(X <= min(n0, n1)), X of
 * Bin(n0 + n1, 1/2), at most 1.                       McNemar 1947 */
double paired_mcnemar(int64_t n0, int64_t n1);

/* Items needed so that a difference as large as this one, with items that scatter as these do, is
 * told from 0 at 1 - level with probability `power`; infinite where there is no difference. */
double paired_needed(const struct paired *p, double level, double power);

#endif
