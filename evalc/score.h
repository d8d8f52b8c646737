/* score.h - what is computed from numbers alone: means with standard errors, distances, fronts.
 *
 * Pure functions of doubles: no records, no model, no state.  Values are added in the order of
 * the rows, so equal rows in equal order give equal bits. */
#ifndef SCORE_H
#define SCORE_H

#include "base/base.h"

/* The ratio r = sum a / sum b over rows, the one estimator behind every held-out figure: a
 * token-mean loss has a = w nll, b = w tokens; a share or a mean over rows has a = w x, b = w.
 * Starts from {0}. */
struct score {
    int64_t n;                                 /* rows */
    double  a, b;                              /* the sums */
    double  mean_a, mean_b, aa, ab, bb;        /* centred products, for the error (Welford 1962) */
};

void score_add(struct score *s, double a, double b);
double score_mean(const struct score *s);      /* NaN where sum b is 0 */

/* The standard error of the ratio, linearised, rows being the independent units (tokens of a row
 * are not): sqrt(n / (n - 1) * sum (a_i - r b_i)^2) / sum b.  With b = 1 it is the usual s /
 * sqrt(n), for a share sqrt(p (1 - p) / (n - 1)).  NaN below two rows.  Cochran 1977, Sampling
 * Techniques, eq. 2.46. */
double score_se(const struct score *s);

/* log(1 + exp x) without overflow; -log sigmoid(x) is score_softplus(-x). */
double score_softplus(double x);

/* The interval of a mean over independent units (b = 1: seeds) at `level`: mean -+ t se, t of
 * Student's distribution with n - 1 degrees of freedom; NaN below two units. */
struct range { double low, high; };
struct range score_range(const struct score *s, double level);

/* t with P(|T| <= t) = level, T of Student's distribution with dof >= 1 degrees of freedom.
 * Abramowitz & Stegun 1964, eq. 26.7.3 and 26.7.4. */
double score_student(double level, int64_t dof);

/* The plane of a study: a coordinate per objective, less is better. */
struct point { double sft, pref; };

/* sqrt(max(sft, 0)^2 + max(pref, 0)^2) of two gaps to the ideal point; NaN stays NaN. */
double score_distance(struct point gap);

/* Its standard error where the gaps have the errors `se` and are independent (held-out rows of
 * two sources); 0 at the ideal point itself, where the distance has no derivative. */
double score_distance_se(struct point gap, struct point se);

/* a is at least as good in both and better in one. */
bool score_dominates(struct point a, struct point b);

/* The share of the unit square that lies above at least one of p[n]: the hypervolume against (1,
 * 1) of points scaled as (f - f*) / (nadir - f*).  Coordinates below 0 count as 0; a point with
 * one not below 1 adds nothing.  Reorders p. */
double score_hypervolume(struct point *p, int64_t n);

#endif
