/* score.c - statistics and fronts as pure functions.
 *
 * One ratio estimator serves every figure, so that a token mean and an accuracy have errors that
 * mean the same: what another draw of rows would change. */
#include <math.h>

#include "score.h"

void score_add(struct score *s, double a, double b)
{
    s->n++;
    s->a += a;
    s->b += b;

    double da = a - s->mean_a, db = b - s->mean_b;
    s->mean_a += da / (double)s->n;
    s->mean_b += db / (double)s->n;
    s->aa += da * (a - s->mean_a);
    s->ab += da * (b - s->mean_b);
    s->bb += db * (b - s->mean_b);
}

double score_mean(const struct score *s)
{
    return s->b != 0 ? s->a / s->b : NAN;
}

double score_se(const struct score *s)
{
    if (s->n < 2 || s->b == 0)
        return NAN;

    double r = s->a / s->b;
    double rest = s->aa - 2 * r * s->ab + r * r * s->bb;   /* sum (a - r b)^2: its mean is 0 */
    if (rest < 0)                                          /* rounding, where a is r b throughout */
        rest = 0;
    return sqrt((double)s->n / (double)(s->n - 1) * rest) / fabs(s->b);
}

double score_softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* P(|T| <= sqrt(dof) tan(angle)): a finite sum, odd and even apart. */
static double within(double angle, int64_t dof)
{
    const double pi = acos(-1), c = cos(angle);
    bool odd = dof % 2 == 1;
    double term = odd ? c : 1, sum = dof > 1 ? term : 0;

    for (int64_t k = odd ? 3 : 2; k < dof; k += 2)         /* up to c^(dof - 2) */
        sum += term *= c * c * (double)(k - 1) / (double)k;
    return odd ? 2 / pi * (angle + sin(angle) * sum) : sin(angle) * sum;
}

double score_student(double level, int64_t dof)
{
    double low = 0, high = acos(0);

    for (int i = 0; i < 100; i++) {
        double mid = (low + high) / 2;
        if (within(mid, dof) < level)
            low = mid;
        else
            high = mid;
    }
    return sqrt((double)dof) * tan(low);
}

struct range score_range(const struct score *s, double level)
{
    if (s->n < 2)
        return (struct range){ NAN, NAN };

    double half = score_student(level, s->n - 1) * score_se(s);
    return (struct range){ score_mean(s) - half, score_mean(s) + half };
}

static double clipped(double gap)
{
    return gap < 0 ? 0 : gap;                              /* NaN passes through */
}

double score_distance(struct point gap)
{
    return hypot(clipped(gap.sft), clipped(gap.pref));
}

double score_distance_se(struct point gap, struct point se)
{
    double sft = clipped(gap.sft), pref = clipped(gap.pref), d = hypot(sft, pref);

    return d == 0 ? 0 : hypot(sft * se.sft, pref * se.pref) / d;
}

bool score_dominates(struct point a, struct point b)
{
    return a.sft <= b.sft && a.pref <= b.pref && (a.sft < b.sft || a.pref < b.pref);
}

static int by_sft(const void *va, const void *vb)
{
    const struct point *a = va, *b = vb;

    if (a->sft != b->sft)
        return a->sft < b->sft ? -1 : 1;
    return (a->pref > b->pref) - (a->pref < b->pref);
}

double score_hypervolume(struct point *p, int64_t n)
{
    int64_t kept = 0;
    double area = 0, floor = 1;

    for (int64_t i = 0; i < n; i++)
        if (p[i].sft < 1 && p[i].pref < 1)
            p[kept++] = (struct point){ clipped(p[i].sft), clipped(p[i].pref) };
    qsort(p, (size_t)kept, sizeof *p, by_sft);
    for (int64_t i = 0; i < kept; i++)                     /* stairs, from the best sft on */
        if (p[i].pref < floor) {
            area += (1 - p[i].sft) * (floor - p[i].pref);
            floor = p[i].pref;
        }
    return area;
}
