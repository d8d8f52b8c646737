/* logit.h - a logistic regression of outcomes on one covariate, and what it says where that is 0.
 *
 * logit P(y = 1) = base + slope x, by maximum likelihood; an outcome may lie between 0 and 1, as a
 * tie does.  Pure functions of numbers. */
#ifndef LOGIT_H
#define LOGIT_H

#include "base/base.h"

struct logit {                                 /* columns over observations */
    int64_t        n;
    const double  *x, *y;                      /* [n] covariate; outcome in [0, 1] */
    const int64_t *unit;                       /* [n] ascending; equal ones were drawn together */
};

/* The share 1 / (1 + exp(-base)) that is left at x = 0 with its standard error: Newton's method in
 * double from 0, and the covariance clustered by unit, linearised.  All NaN where the likelihood
 * has no maximum, which is where x separates the outcomes or they are all alike; se NaN below two
 * units.                                      Albert & Anderson 1984; Liang & Zeger 1986 */
struct logit_fit { double share, se, slope; };
struct logit_fit logit_fit(const struct logit *d);

#endif
