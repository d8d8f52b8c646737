/* vec.h - a register of floats at a time, and exp, sigmoid, log, erfc on it.
 *
 * Every loop of this backend takes its numbers LANES by LANES through these functions, the rest
 * of a row padded with zeros through the same ones: so a number's bits depend neither on its
 * place in a row nor on what the compiler makes of the loop around it.  GCC's vectors, as wide
 * as the machine's registers (wider ones go through memory); the few things that have no
 * operator have a form for AVX-512, mostly one for AVX2, and a plain one. */
#ifndef VEC_H
#define VEC_H

#include "base/base.h"
#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES     16
#define V(name)   _mm512_##name
#define V_NATIVE  __m512
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define LANES     8
#define V(name)   _mm256_##name
#define V_NATIVE  __m256
#else
#define LANES     4
#endif

#define INLINE static inline __attribute__((always_inline))

typedef float   vec __attribute__((vector_size(4 * LANES), may_alias));
typedef float   vec_any __attribute__((vector_size(4 * LANES), may_alias, aligned(4)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), may_alias));
typedef double  vecd __attribute__((vector_size(4 * LANES), may_alias));
typedef float   vec_half __attribute__((vector_size(2 * LANES), may_alias));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES), may_alias));

INLINE int64_t round_lanes(int64_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

INLINE vec v_splat(float x)
{
    return x - (vec){ 0 };                     /* minus: -0 stays -0 */
}

INLINE vec v_zero(void)
{
    return (vec){ 0 };
}

INLINE vec v_load(const float *p)
{
    return *(const vec_any *)p;
}

INLINE void v_store(float *p, vec a)
{
    *(vec_any *)p = a;
}

INLINE ivec v_lane(void)                       /* 0, 1, 2, ... */
{
    static const int32_t lane[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    ivec a;

    memcpy(&a, lane, sizeof(a));
    return a;
}

INLINE ivec v_first(int64_t n)                 /* -1 in the first n lanes */
{
    return v_lane() < (int32_t)n;
}

/* The first n lanes, the others 0; 0 <= n <= LANES. */
INLINE vec v_load_part(const float *p, int64_t n)
{
#ifdef __AVX512F__
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif LANES == 8
    return (vec)_mm256_maskload_ps(p, (__m256i)v_first(n));
#else
    vec a = v_zero();
    memcpy(&a, p, (size_t)n * sizeof(float));
    return a;
#endif
}

INLINE void v_store_part(float *p, vec a, int64_t n)
{
#ifdef __AVX512F__
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)a);
#elif LANES == 8
    _mm256_maskstore_ps(p, (__m256i)v_first(n), (__m256)a);
#else
    memcpy(p, &a, (size_t)n * sizeof(float));
#endif
}

/* To memory and past the caches, for what is not read again soon; p aligned to a whole vector.
 * v_streamed() before another thread may read it. */
INLINE void v_stream(float *p, vec a)
{
#ifdef V
    V(stream_ps)(p, (V_NATIVE)a);
#else
    v_store(p, a);
#endif
}

INLINE void v_streamed(void)
{
#ifdef V
    _mm_sfence();
#endif
}

/* LANES of a row of n at place j, or the rest where there are fewer left. */
INLINE vec v_row(const float *p, int64_t j, int64_t n)
{
    return n - j >= LANES ? v_load(p + j) : v_load_part(p + j, n - j);
}

INLINE void v_row_put(float *p, int64_t j, int64_t n, vec a)
{
    if (n - j >= LANES)
        v_store(p + j, a);
    else
        v_store_part(p + j, a, n - j);
}

typedef uint16_t vec_short __attribute__((vector_size(2 * LANES), may_alias, aligned(2)));
typedef int16_t  vec_signed __attribute__((vector_size(2 * LANES), may_alias, aligned(2)));

/* LANES numbers at place j of a row of n, each a bfloat16 and what it lacks of a float, as master.h
 * has them. */
INLINE vec v_row_master(const uint16_t *high, const uint16_t *low, int64_t j, int64_t n)
{
    vec_short h = { 0 };
    vec_signed l = { 0 };

    if (n - j >= LANES) {
        h = *(const vec_short *)(high + j);
        l = *(const vec_signed *)(low + j);
    } else {
        memcpy(&h, high + j, (size_t)(n - j) * 2);
        memcpy(&l, low + j, (size_t)(n - j) * 2);
    }
    return (vec)((__builtin_convertvector(h, uvec) << 16) +
                 (uvec)__builtin_convertvector(l, ivec));
}

INLINE void v_row_put_master(uint16_t *high, uint16_t *low, int64_t j, int64_t n, vec a)
{
    vec_short h = __builtin_convertvector(((uvec)a + 0x8000) >> 16, vec_short),
              l = __builtin_convertvector((uvec)a, vec_short);

    if (n - j >= LANES) {
        *(vec_short *)(high + j) = h;
        *(vec_short *)(low + j) = l;
    } else {
        memcpy(high + j, &h, (size_t)(n - j) * 2);
        memcpy(low + j, &l, (size_t)(n - j) * 2);
    }
}

INLINE vec v_if(ivec mask, vec a, vec b)        /* a where the mask is -1, b where it is 0 */
{
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}

/* b where either is NaN, as x86 has it: so a constant goes first and a NaN comes through. */
INLINE vec v_max(vec a, vec b)
{
#ifdef V
    return (vec)V(max_ps)((V_NATIVE)a, (V_NATIVE)b);
#else
    return v_if((ivec)(a > b), a, b);
#endif
}

INLINE vec v_min(vec a, vec b)
{
#ifdef V
    return (vec)V(min_ps)((V_NATIVE)a, (V_NATIVE)b);
#else
    return v_if((ivec)(a < b), a, b);
#endif
}

INLINE vec v_abs(vec a)
{
    return (vec)((ivec)a & 0x7fffffff);
}

INLINE vec v_sqrt(vec a)
{
#ifdef V
    return (vec)V(sqrt_ps)((V_NATIVE)a);
#else
    for (int l = 0; l < LANES; l++)
        a[l] = __builtin_sqrtf(a[l]);
    return a;
#endif
}

/* The lanes' sum and maximum, always paired the same way: LANES / 2 apart first. */
INLINE float v_sum(vec a)
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

INLINE float v_top(vec a)
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

INLINE vecd v_wide(vec a, int half)            /* half of the lanes as doubles */
{
    vec_half h;

    memcpy(&h, (const char *)&a + half * (int)sizeof(h), sizeof(h));
    return __builtin_convertvector(h, vecd);
}

INLINE double v_sum_wide(vecd a)
{
    double s[LANES / 2];

    memcpy(s, &a, sizeof(s));
    for (int h = LANES / 4; h; h /= 2)
        for (int l = 0; l < h; l++)
            s[l] += s[l + h];
    return s[0];
}

/* LANES rows of LANES, turned in place: blocks of d change places across rows d apart, d falling
 * from LANES / 2; the first list takes the even blocks of both rows, the second the odd ones. */
#define LISTS(...) __VA_ARGS__
#define TURN(d, even, odd)                                                \
    for (int i_ = 0; i_ < LANES; i_++)                                    \
        if (!(i_ & (d))) {                                                \
            vec a_ = r[i_], b_ = r[i_ + (d)];                             \
            r[i_] = __builtin_shufflevector(a_, b_, even);                \
            r[i_ + (d)] = __builtin_shufflevector(a_, b_, odd);           \
        }
INLINE void v_turn(vec r[LANES])
{
#if LANES == 16
    TURN(8, LISTS(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
         LISTS(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    TURN(4, LISTS(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
         LISTS(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
    TURN(2, LISTS(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
         LISTS(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
    TURN(1, LISTS(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
         LISTS(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
#elif LANES == 8
    TURN(4, LISTS(0, 1, 2, 3, 8, 9, 10, 11), LISTS(4, 5, 6, 7, 12, 13, 14, 15))
    TURN(2, LISTS(0, 1, 8, 9, 4, 5, 12, 13), LISTS(2, 3, 10, 11, 6, 7, 14, 15))
    TURN(1, LISTS(0, 8, 2, 10, 4, 12, 6, 14), LISTS(1, 9, 3, 11, 5, 13, 7, 15))
#else
    TURN(2, LISTS(0, 1, 4, 5), LISTS(2, 3, 6, 7))
    TURN(1, LISTS(0, 4, 2, 6), LISTS(1, 5, 3, 7))
#endif
}

/* e^x to 2 units in the last place.  x = n ln 2 + r, e^r by a polynomial (Cephes, S. Moshier),
 * 2^n by the exponent. NaN comes through; below -87.3 the plain form gives 0, from 88.4 on
 * infinity. */
INLINE vec v_exp(vec x)
{
    const float log2e = 1.44269504f;
#ifdef __AVX512F__
    x = v_max(v_splat(-105), v_min(v_splat(90), x));
    vec n = (vec)_mm512_roundscale_ps((__m512)(x * log2e), _MM_FROUND_TO_NEAREST_INT);
#else
    vec kept = x;
    x = v_max(v_splat(-87.3f), v_min(v_splat(88.3f), x));
    vec magic = v_splat(12582912);             /* 1.5 * 2^23: adding it rounds to an integer */
    vec sum = x * log2e + magic;
    vec n = sum - magic;
#endif
    vec r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vec p = v_splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r;
    p = p + 1.0f;
#ifdef __AVX512F__
    return (vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    ivec e = ((ivec)sum - (ivec)magic + 127) << 23;
    p = p * (vec)e;
    p = (vec)((ivec)p & ~(ivec)(kept < -87.3f));
    return v_if((ivec)(kept > 88.3f), v_splat(__builtin_inff()), p);
#endif
}

INLINE float exp1(float x)
{
    return v_exp(v_splat(x))[0];
}

/* 1 / (1 + e^-x); *rest is 1 - that without its cancellation. */
INLINE vec v_sigmoid(vec x, vec *rest)
{
    vec e = v_exp(v_min(v_splat(87), -x)), s = 1.0f / (1.0f + e);
    *rest = e * s;
    return s;
}

/* e^(-x^2 / 2), with the rounding error of x^2 given back: right to 1e-7 relative where x^2
 * alone would lose 5e-6. */
INLINE vec v_gauss(vec x)
{
    vec hi = x * x;
#ifdef V
    vec lo = (vec)V(fmsub_ps)((V_NATIVE)x, (V_NATIVE)x, (V_NATIVE)hi);
#else
    vec lo;
    for (int l = 0; l < LANES; l++)
        lo[l] = __builtin_fmaf(x[l], x[l], -hi[l]);
#endif
    vec e = v_exp(-0.5f * hi);
    return e - e * (0.5f * lo);
}

/* ln x for normal x > 0, to 2e-7 of max(1, |ln x|): x = 2^n m with m around 1, a polynomial
 * (Cephes) for m.  NaN and infinity give NaN. */
INLINE vec v_log(vec x)
{
    ivec bits = (ivec)x, n = ((bits - 0x3f3504f3) >> 23);         /* m from sqrt(1/2) */
    vec m = (vec)(bits - (n << 23)) - 1.0f, e = __builtin_convertvector(n, vec),
        p = v_splat(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    vec sq = m * m;
    return (m - 0.5f * sq + p * (m * sq)) + e * 0.693147181f + (x - x);
}

/* erfc(z) for z >= 0, gauss = e^(-z^2): erfcx(z) (1 + 2z) is smooth in t = (z - 3) / (z + 3) and
 * a polynomial of degree ten fits it to 3e-9 on [0, 10.4] (Chebyshev fit in double); past that
 * gauss is 0 already. */
INLINE vec v_erfc(vec z, vec gauss)
{
    vec t = (z - 3.0f) / (z + 3.0f), p = v_splat(-2.685607760e-04f);
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
