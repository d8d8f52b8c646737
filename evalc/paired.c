/* paired.c - differences of two ratios over the same items: errors, resampling, exact test. */
#include <math.h>

#include "base/rng.h"
#include "paired.h"

static double sum(const double *v, int64_t n)
{
    double s = 0;

    for (int64_t i = 0; i < n; i++)
        s += v[i];
    return s;
}

double paired_value(const struct paired *p, int run)
{
    double b = sum(p->b[run], p->n);

    return b != 0 ? sum(p->a[run], p->n) / b : NAN;
}

double paired_difference(const struct paired *p)
{
    return paired_value(p, 1) - paired_value(p, 0);
}

/* What an item adds to the difference of the ratios, to first order: their sum is 0. */
double paired_se(const struct paired *p)
{
    double r[2], b[2], square = 0;

    if (p->n < 2)
        return NAN;
    for (int k = 0; k < 2; k++) {
        r[k] = paired_value(p, k);
        b[k] = sum(p->b[k], p->n);
    }
    for (int64_t i = 0; i < p->n; i++) {
        double u = (p->a[1][i] - r[1] * p->b[1][i]) / b[1] -
                   (p->a[0][i] - r[0] * p->b[0][i]) / b[0];
        square += u * u;
    }
    return sqrt((double)p->n / (double)(p->n - 1) * square);
}

static double resampled(const struct paired *p, uint64_t seed, int64_t draw)
{
    double a[2] = { 0 }, b[2] = { 0 };

    for (int64_t i = 0; i < p->n; i++) {
        uint64_t bits = rng(seed, RNG_STREAM(RNG_SAMPLE, draw), (uint64_t)i);
        int64_t k = (int64_t)((unsigned __int128)bits * (uint64_t)p->n >> 64);
        for (int r = 0; r < 2; r++) {
            a[r] += p->a[r][k];
            b[r] += p->b[r][k];
        }
    }
    return a[1] / b[1] - a[0] / b[0];
}

static int by_value(const void *va, const void *vb)
{
    double a = *(const double *)va, b = *(const double *)vb;

    return (a > b) - (a < b);
}

enum st paired_bootstrap(const struct paired *p, int64_t draws, double level, uint64_t seed,
                         struct interval *v, struct arena *a)
{
    double *d = ARENA_NEW(a, double, draws);
    int64_t n = 0, below = 0, above = 0;

    if (!d)
        return ST_SYS;
    for (int64_t i = 0; i < draws; i++) {
        double x = resampled(p, seed, i);
        if (!isfinite(x))                      /* only items without weight were drawn */
            continue;
        d[n++] = x;
        below += x <= 0;
        above += x >= 0;
    }
    *v = (struct interval){ NAN, NAN, NAN };
    if (n == 0)
        return ST_OK;
    qsort(d, (size_t)n, sizeof *d, by_value);
    int64_t cut = (int64_t)floor((1 - level) / 2 * (double)n);
    double p_value = 2 * (double)MAX(MIN(below, above), 1) / (double)n;
    *v = (struct interval){ d[cut], d[n - 1 - cut], MIN(p_value, 1) };
    return ST_OK;
}

double paired_mcnemar(int64_t n0, int64_t n1)
{
    int64_t n = n0 + n1, least = MIN(n0, n1);
    double tail = 0, log_half = log(0.5) * (double)n, choose = 0;      /* log of n over i */

    for (int64_t i = 0; i <= least; i++) {
        tail += exp(choose + log_half);
        choose += log((double)(n - i)) - log((double)(i + 1));
    }
    return fmin(1, 2 * tail);
}

/* The standard normal's quantile, by halving: erfc is what libm has. */
static double quantile(double p)
{
    double low = -40, high = 40;

    for (int i = 0; i < 200; i++) {
        double mid = (low + high) / 2;
        if (0.5 * erfc(-mid / sqrt(2)) < p)
            low = mid;
        else
            high = mid;
    }
    return low;
}

double paired_needed(const struct paired *p, double level, double power)
{
    double z = quantile(1 - (1 - level) / 2) + quantile(power);

    return (double)p->n * pow(z * paired_se(p) / paired_difference(p), 2);
}
