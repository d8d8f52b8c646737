/* rng.c - a draw is a hash of (seed, stream, index).
 *
 * Three passes of a 64-bit mixer, one per argument; for one seed and stream the map from index to
 * value is a bijection, so no value comes twice.  The mixer is moremur (P. Evensen 2019), which
 * passes PractRand where the MurmurHash3 finaliser fails.  Everything here is integer arithmetic or
 * exact IEEE operations in a fixed order (the build turns contraction off for this file), so that
 * the values are the same on every machine. */
#include <math.h>

#include "base/rng.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t x)
{
    x ^= x >> 27;
    x *= UINT64_C(0x3c79ac492ba7b653);
    x ^= x >> 33;
    x *= UINT64_C(0x1c69b3f74ac4ae35);
    return x ^ x >> 27;
}

uint64_t rng(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t a = mix(seed + GOLDEN);
    uint64_t b = mix(a ^ (stream + GOLDEN));
    return mix(mix(index * GOLDEN + a) ^ b);
}

double rng_unit(uint64_t seed, uint64_t stream, uint64_t index)
{
    return (double)(rng(seed, stream, index) >> 11) * 0x1p-53;
}

/* The natural logarithm by frexp and the series of atanh: exact to a few units in the last place,
 * and not the C library's, whose last bit is its own affair. */
static double ln(double x)
{
    int e;
    double m = frexp(x, &e);

    if (m < 0.70710678118654752) {
        m *= 2;
        e--;
    }
    double z = (m - 1) / (m + 1), zz = z * z, sum = 0;
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / k) * zz;
    return 2 * (z + z * sum) + e * 0.69314718055994531;
}

static double ratio(const double *p, const double *q, double x)
{
    double a = p[7], b = q[7];

    for (int i = 6; i >= 0; i--) {
        a = a * x + p[i];
        b = b * x + q[i];
    }
    return a / b;
}

/* The inverse of the normal distribution: Wichura 1988, Algorithm AS 241 (PPND16), about 1e-16 */
static double quantile(double q)
{
    static const double
        near_p[8] = { 3.3871328727963666080e0,  1.3314166789178437745e2,  1.9715909503065514427e3,
                      1.3731693765509461125e4,  4.5921953931549871457e4,  6.7265770927008700853e4,
                      3.3430575583588128105e4,  2.5090809287301226727e3 },
        near_q[8] = { 1,                        4.2313330701600911252e1,  6.8718700749205790830e2,
                      5.3941960214247511077e3,  2.1213794301586595867e4,  3.9307895800092710610e4,
                      2.8729085735721942674e4,  5.2264952788528545610e3 },
        mid_p[8]  = { 1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
                      3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
                      2.27238449892691845833e-2, 7.74545014278341407640e-4 },
        mid_q[8]  = { 1,                        2.05319162663775882187e0, 1.67638483018380384940e0,
                      6.89767334985100004550e-1, 1.48103976427480074590e-1,
                      1.51986665636164571966e-2, 5.47593808499534494600e-4,
                      1.05075007164441684324e-9 },
        far_p[8]  = { 6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
                      2.96560571828504891230e-1, 2.65321895265761230930e-2,
                      1.24266094738807843860e-3, 2.71155556874348757815e-5,
                      2.01033439929228813265e-7 },
        far_q[8]  = { 1,                        5.99832206555887937690e-1,
                      1.36929880922735805310e-1, 1.48753612908506148525e-2,
                      7.86869131145613259100e-4, 1.84631831751005468180e-5,
                      1.42151175831644588870e-7, 2.04426310338993978564e-15 };
    double d = q - 0.5;

    if (fabs(d) <= 0.425)
        return d * ratio(near_p, near_q, 0.180625 - d * d);
    double r = sqrt(-ln(d < 0 ? q : 1 - q));
    double x = r <= 5 ? ratio(mid_p, mid_q, r - 1.6) : ratio(far_p, far_q, r - 5);
    return d < 0 ? -x : x;
}

double rng_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    /* The middle of one of 2^52 cells: never 0 or 1, and as often left as right of one half */
    return quantile(((double)(rng(seed, stream, index) >> 12) + 0.5) * 0x1p-52);
}

/* Feistel network over the smallest power of two that holds n, its halves as even as the bits
 * allow; an image past n is sent through again, less than twice on average. */
uint64_t rng_perm(uint64_t seed, uint64_t stream, uint64_t n, uint64_t i)
{
    enum { ROUNDS = 8 };

    BUG_IF(i >= n);
    if (n == 1)
        return 0;
    unsigned bits = 64 - (unsigned)__builtin_clzll(n - 1), low = bits / 2, high = bits - low;
    uint64_t low_mask = (UINT64_C(1) << low) - 1, high_mask = ~UINT64_C(0) >> (64 - high);
    uint64_t key = rng(seed, stream, ~n);
    do {
        uint64_t a = i & low_mask, b = i >> low;
        for (int round = 0; round < ROUNDS; round += 2) {
            b ^= mix(mix(a + key) + (uint64_t)round * GOLDEN) >> 17 & high_mask;
            a ^= mix(mix(b + key) + (uint64_t)(round + 1) * GOLDEN) >> 17 & low_mask;
        }
        i = b << low | a;
    } while (i >= n);
    return i;
}
