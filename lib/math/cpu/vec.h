/* vec.h - sixteen floats at a time, and exp, sigmoid, erfc on them.
 *
 * Every loop of this backend takes its numbers sixteen by sixteen through these functions, the
 * rest of a row padded with zeros through the same ones: so a number's bits depend neither on
 * its place in a row nor on what the compiler makes of the loop around it.  Plain GCC vectors:
 * one register with AVX-512, two with AVX2, four with SSE or NEON.  The few things that have no
 * operator have an AVX-512 form and a plain one. */
#ifndef VEC_H
#define VEC_H

#include "base/base.h"
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#pragma GCC diagnostic ignored "-Wpsabi"

#define LANES  16
#define INLINE static inline __attribute__((always_inline))

typedef float   v16 __attribute__((vector_size(64), may_alias));
typedef float   v16_any __attribute__((vector_size(64), may_alias, aligned(4)));
typedef int32_t i16 __attribute__((vector_size(64), may_alias));
typedef double  v8d __attribute__((vector_size(64), may_alias));
typedef float   v8 __attribute__((vector_size(32), may_alias));

INLINE int64_t round16(int64_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

INLINE v16 v_splat(float x)
{
    return (v16){ x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x };
}

INLINE v16 v_zero(void)
{
    return (v16){ 0 };
}

INLINE v16 v_load(const float *p)
{
    return *(const v16_any *)p;
}

INLINE void v_store(float *p, v16 a)
{
    *(v16_any *)p = a;
}

/* The first n of sixteen, the others 0; 0 <= n <= 16. */
INLINE v16 v_load_part(const float *p, int64_t n)
{
#ifdef __AVX512F__
    return (v16)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
    v16 a = v_zero();
    memcpy(&a, p, (size_t)n * sizeof(float));
    return a;
#endif
}

INLINE void v_store_part(float *p, v16 a, int64_t n)
{
#ifdef __AVX512F__
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)a);
#else
    memcpy(p, &a, (size_t)n * sizeof(float));
#endif
}

/* Sixteen of a row of n at place j: whole where there are sixteen left, else the rest. */
INLINE v16 v_row(const float *p, int64_t j, int64_t n)
{
    return n - j >= LANES ? v_load(p + j) : v_load_part(p + j, n - j);
}

INLINE void v_row_put(float *p, int64_t j, int64_t n, v16 a)
{
    if (n - j >= LANES)
        v_store(p + j, a);
    else
        v_store_part(p + j, a, n - j);
}

INLINE v16 v_if(i16 mask, v16 a, v16 b)        /* a where the mask is -1, b where it is 0 */
{
    return (v16)((mask & (i16)a) | (~mask & (i16)b));
}

/* b where either is NaN, as x86 has it: so a constant goes first and a NaN comes through. */
INLINE v16 v_max(v16 a, v16 b)
{
#ifdef __AVX512F__
    return (v16)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return v_if((i16)(a > b), a, b);
#endif
}

INLINE v16 v_min(v16 a, v16 b)
{
#ifdef __AVX512F__
    return (v16)_mm512_min_ps((__m512)a, (__m512)b);
#else
    return v_if((i16)(a < b), a, b);
#endif
}

INLINE v16 v_abs(v16 a)
{
    return (v16)((i16)a & 0x7fffffff);
}

INLINE v16 v_sqrt(v16 a)
{
#ifdef __AVX512F__
    return (v16)_mm512_sqrt_ps((__m512)a);
#else
    for (int l = 0; l < LANES; l++)
        a[l] = __builtin_sqrtf(a[l]);
    return a;
#endif
}

/* The lanes' sum and maximum, always paired the same way: 8 apart, 4, 2, 1. */
INLINE float v_sum(v16 a)
{
#ifdef __AVX512F__
    return _mm512_reduce_add_ps((__m512)a);
#else
    float s[LANES];
    memcpy(s, &a, sizeof(s));
    for (int h = LANES / 2; h; h /= 2)
        for (int l = 0; l < h; l++)
            s[l] += s[l + h];
    return s[0];
#endif
}

INLINE float v_top(v16 a)
{
#ifdef __AVX512F__
    return _mm512_reduce_max_ps((__m512)a);
#else
    float s[LANES];
    memcpy(s, &a, sizeof(s));
    for (int h = LANES / 2; h; h /= 2)
        for (int l = 0; l < h; l++)
            s[l] = s[l] > s[l + h] ? s[l] : s[l + h];
    return s[0];
#endif
}

INLINE v8d v_wide(v16 a, int half)             /* eight of the lanes as doubles */
{
    v8 h;
    memcpy(&h, (const char *)&a + half * (int)sizeof(h), sizeof(h));
    return __builtin_convertvector(h, v8d);
}

INLINE double v_sum_wide(v8d a)
{
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

/* Sixteen rows of sixteen, turned in place: blocks of d change places across rows d apart, for d of
 * 8, 4, 2, 1; the first list takes the even blocks of both rows, the second the odd ones. */
#define LISTS(...) __VA_ARGS__
#define TURN(d, even, odd)                                                \
    for (int i_ = 0; i_ < LANES; i_++)                                    \
        if (!(i_ & (d))) {                                                \
            v16 a_ = r[i_], b_ = r[i_ + (d)];                             \
            r[i_] = __builtin_shufflevector(a_, b_, even);                \
            r[i_ + (d)] = __builtin_shufflevector(a_, b_, odd);           \
        }
INLINE void v_turn(v16 r[LANES])
{
    TURN(8, LISTS(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
         LISTS(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    TURN(4, LISTS(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
         LISTS(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
    TURN(2, LISTS(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
         LISTS(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
    TURN(1, LISTS(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
         LISTS(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
}

/* e^x to 2 units in the last place.  x = n ln 2 + r, e^r by a polynomial (Cephes, S. Moshier),
 * 2^n by the exponent. NaN comes through; below -87.3 the plain form gives 0, from 88.4 on
 * infinity. */
INLINE v16 v_exp(v16 x)
{
    const float log2e = 1.44269504f;
#ifdef __AVX512F__
    x = v_max(v_splat(-105), v_min(v_splat(90), x));
    v16 n = (v16)_mm512_roundscale_ps((__m512)(x * log2e), _MM_FROUND_TO_NEAREST_INT);
#else
    v16 kept = x;
    x = v_max(v_splat(-87.3f), v_min(v_splat(88.3f), x));
    v16 magic = v_splat(12582912);             /* 1.5 * 2^23: adding it rounds to an integer */
    v16 sum = x * log2e + magic;
    v16 n = sum - magic;
#endif
    v16 r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    v16 p = v_splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r;
    p = p + 1.0f;
#ifdef __AVX512F__
    return (v16)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    i16 e = ((i16)sum - (i16)magic + 127) << 23;
    p = p * (v16)e;
    p = (v16)((i16)p & ~(i16)(kept < -87.3f));
    return v_if((i16)(kept > 88.3f), v_splat(__builtin_inff()), p);
#endif
}

INLINE float exp1(float x)
{
    return v_exp(v_splat(x))[0];
}

/* 1 / (1 + e^-x); *rest is 1 - that without its cancellation. */
INLINE v16 v_sigmoid(v16 x, v16 *rest)
{
    v16 e = v_exp(v_min(v_splat(87), -x)), s = 1.0f / (1.0f + e);
    *rest = e * s;
    return s;
}

/* e^(-x^2 / 2), with the rounding error of x^2 given back: right to 1e-7 relative where x^2
 * alone would lose 5e-6. */
INLINE v16 v_gauss(v16 x)
{
    v16 hi = x * x;
#ifdef __AVX512F__
    v16 lo = (v16)_mm512_fmsub_ps((__m512)x, (__m512)x, (__m512)hi);
#else
    v16 lo;
    for (int l = 0; l < LANES; l++)
        lo[l] = __builtin_fmaf(x[l], x[l], -hi[l]);
#endif
    v16 e = v_exp(-0.5f * hi);
    return e - e * (0.5f * lo);
}

/* ln x for normal x > 0, to 2e-7 of max(1, |ln x|): x = 2^n m with m around 1, a polynomial
 * (Cephes) for m.  NaN and infinity give NaN. */
INLINE v16 v_log(v16 x)
{
    i16 bits = (i16)x, n = ((bits - 0x3f3504f3) >> 23);         /* m from sqrt(1/2) */
    v16 m = (v16)(bits - (n << 23)) - 1.0f, e = __builtin_convertvector(n, v16),
        p = v_splat(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    v16 sq = m * m;
    return (m - 0.5f * sq + p * (m * sq)) + e * 0.693147181f + (x - x);
}

/* erfc(z) for z >= 0, gauss = e^(-z^2): erfcx(z) (1 + 2z) is smooth in t = (z - 3) / (z + 3) and
 * a polynomial of degree ten fits it to 3e-9 on [0, 10.4] (Chebyshev fit in double); past that
 * gauss is 0 already. */
INLINE v16 v_erfc(v16 z, v16 gauss)
{
    v16 t = (z - 3.0f) / (z + 3.0f), p = v_splat(-2.685607760e-04f);
    p = p * t - 7.770334487e-04f;
    p = p * t + 2.005124465e-03f;
    p = p * t + 2.569877077e-03f;
    p = p * t - 2.379846573e-02f;
    p = p * t + 6.829448044e-02f;
    p = p * t - 1.192709953e-01f;
    p = p * t + 1.296465993e-01f;
    p = p * t - 4.756238684e-02f;
    p = p * t - 1.356211454e-01f;
    p = p * t + 1.253008008e+00f;
    return gauss * p / (1.0f + 2.0f * z);
}

#endif
