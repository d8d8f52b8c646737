/* logit.c - logistic regression on one covariate: Newton's method with its step halved. */
#include <math.h>

#include "logit.h"
#include "score.h"

enum { STEPS_MAX = 100, HALVINGS_MAX = 60 };

struct line { double base, slope; };
struct square { double aa, ab, bb; };          /* symmetric, 2 x 2 */

static double at(struct line l, double x)
{
    return 1 / (1 + exp(-(l.base + l.slope * x)));
}

static struct line solve(struct square m, double a, double b)
{
    double det = m.aa * m.bb - m.ab * m.ab;

    return (struct line){ (m.bb * a - m.ab * b) / det, (m.aa * b - m.ab * a) / det };
}

static double cost(const struct logit *d, struct line l)
{
    double sum = 0;

    for (int64_t i = 0; i < d->n; i++) {
        double z = l.base + l.slope * d->x[i];
        sum += d->y[i] * score_softplus(-z) + (1 - d->y[i]) * score_softplus(z);
    }
    return sum;
}

/* No threshold on x has all that won on one side and all that lost on the other, itself on both:
 * then, and only then, there is a maximum. */
static bool overlaps(const struct logit *d)
{
    double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY };

    for (int64_t i = 0; i < d->n; i++)
        for (int won = 0; won < 2; won++)
            if (won ? d->y[i] > 0 : d->y[i] < 1) {
                low[won] = fmin(low[won], d->x[i]);
                high[won] = fmax(high[won], d->x[i]);
            }
    return high[0] > low[1] && high[1] > low[0];
}

/* The curvature of the cost, and with it Newton's step. */
static struct square curvature(const struct logit *d, struct line l, struct line *step)
{
    struct square h = { 0 };
    double a = 0, b = 0;

    for (int64_t i = 0; i < d->n; i++) {
        double p = at(l, d->x[i]), w = p * (1 - p), rest = d->y[i] - p;
        h.aa += w;
        h.ab += w * d->x[i];
        h.bb += w * d->x[i] * d->x[i];
        a += rest;
        b += rest * d->x[i];
    }
    *step = solve(h, a, b);
    return h;
}

/* The standard error of l.base: what the units' own parts of the gradient scatter. */
static double error_of(const struct logit *d, struct line l, struct square h)
{
    double square = 0;
    int64_t n_units = 0;

    for (int64_t i = 0, end; i < d->n; i = end, n_units++) {
        double a = 0, b = 0;
        for (end = i; end < d->n && d->unit[end] == d->unit[i]; end++) {
            double rest = d->y[end] - at(l, d->x[end]);
            a += rest;
            b += rest * d->x[end];
        }
        double u = solve(h, a, b).base;
        square += u * u;
    }
    return n_units < 2 ? NAN : sqrt((double)n_units / (double)(n_units - 1) * square);
}

struct logit_fit logit_fit(const struct logit *d)
{
    struct logit_fit none = { NAN, NAN, NAN };
    struct line l = { 0, 0 }, step;

    if (!overlaps(d))
        return none;
    for (int i = 0; i < STEPS_MAX; i++) {
        struct square h = curvature(d, l, &step);
        double before = cost(d, l), size = fabs(step.base) + fabs(step.slope);
        if (!isfinite(size))
            return none;
        if (size <= 1e-12 * (1 + fabs(l.base) + fabs(l.slope))) {
            double p = at(l, 0);
            return (struct logit_fit){ p, p * (1 - p) * error_of(d, l, h), l.slope };
        }
        struct line next = { l.base + step.base, l.slope + step.slope };
        for (int k = 0; k < HALVINGS_MAX && size > 1e-6 && !(cost(d, next) <= before); k++) {
            next.base = (next.base + l.base) / 2;
            next.slope = (next.slope + l.slope) / 2;
        }
        l = next;
    }
    return none;
}
