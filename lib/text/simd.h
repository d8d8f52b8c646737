/* simd.h - 64 bytes of text at a time as masks of 64 bits; the one place of vector intrinsics here.
 *
 * Bit i of a mask is byte i.  There is a form for AVX-512 and one for AVX2; where the machine the
 * build is for has neither, SIMD is 0 and callers go byte by byte. */
#ifndef SIMD_H
#define SIMD_H

#include "base/base.h"

#if defined(__AVX512BW__) && defined(__AVX512VBMI2__)
#include <immintrin.h>
#define SIMD 512
#elif defined(__AVX2__)
#include <immintrin.h>
#define SIMD 256
#else
#define SIMD 0
#endif

static inline uint64_t simd_below(size_t n)    /* the first n bits */
{
    return n < 64 ? ((uint64_t)1 << n) - 1 : UINT64_MAX;
}

/* Pairs of bytes to search for, in eight sets by the halves of their bytes: a pair is found where
 * a set has all four.  Others may be found too. */
struct simd_pairs { uint8_t low[2][16], high[2][16]; };

/* A bit for each of the eight that equals x. */
static inline uint32_t simd_same8(const uint32_t v[8], uint32_t x)
{
#if SIMD
    __m256i same = _mm256_cmpeq_epi32(_mm256_loadu_si256((const __m256i *)v),
                                      _mm256_set1_epi32((int)x));

    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(same));
#else
    uint32_t bits = 0;

    for (int i = 0; i < 8; i++)
        bits |= (uint32_t)(v[i] == x) << i;
    return bits;
#endif
}

/* The least of 16 * vectors numbers, which lie at a border of 64 bytes. */
static inline uint32_t simd_least(const uint32_t *v, int vectors)
{
#if SIMD == 512
    __m512i least = _mm512_load_si512(v);

    for (int q = 1; q < vectors; q++)
        least = _mm512_min_epu32(least, _mm512_load_si512(v + 16 * q));
    return _mm512_reduce_min_epu32(least);
#else
    uint32_t least = v[0];

    for (int i = 1; i < 16 * vectors; i++)
        least = MIN(least, v[i]);
    return least;
#endif
}

/* n <= 32 bytes, and zeros behind, which are read at once soon. */
static inline void simd_copy32(void *to, const char *p, size_t n)
{
#if SIMD == 512
    _mm256_storeu_si256(to, _mm256_maskz_loadu_epi8((__mmask32)simd_below(n), p));
#else
    memset(to, 0, 32);
    memcpy(to, p, n);
#endif
}

/* Sixteen numbers that stay in a register, for there what was just put in is there at once. */
#if SIMD == 512
struct simd16 { __m512i v; };
#else
struct simd16 { uint32_t v[16]; };
#endif

/* table[p[i - 1] << 8 | p[i]] << bits | i, for i from 1 to n - 1 at i - 1, of n <= 16; all bits
 * behind. */
static inline struct simd16 simd16_pairs(const uint32_t *table, const unsigned char *p, int n,
                                         int bits)
{
#if SIMD == 512
    __m128i last = _mm_maskz_loadu_epi8((__mmask16)((1 << (n - 1)) - 1), p + 1);
    __m128i first = _mm_maskz_loadu_epi8((__mmask16)((1 << (n - 1)) - 1), p);
    __m512i at = _mm512_or_si512(_mm512_slli_epi32(_mm512_cvtepu8_epi32(first), 8),
                                 _mm512_cvtepu8_epi32(last));
    __m512i all = _mm512_set1_epi32(-1);
    __m512i got = _mm512_mask_i32gather_epi32(all, (__mmask16)((1 << (n - 1)) - 1), at, table, 4);
    __m512i place = _mm512_setr_epi32(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);

    return (struct simd16){ _mm512_or_si512(_mm512_sll_epi32(got, _mm_cvtsi32_si128(bits)),
                                            place) };
#else
    struct simd16 s;

    memset(&s, 0xff, sizeof s);
    for (int i = 1; i < n; i++)
        s.v[i - 1] = table[p[i - 1] << 8 | p[i]] << bits | (uint32_t)i;
    return s;
#endif
}

static inline uint32_t simd16_least(const struct simd16 *s)
{
#if SIMD == 512
    return _mm512_reduce_min_epu32(s->v);
#else
    uint32_t least = s->v[0];

    for (int i = 1; i < 16; i++)
        least = MIN(least, s->v[i]);
    return least;
#endif
}

/* x where there is a bit, of which there is one or none. */
static inline void simd16_put(struct simd16 *s, uint32_t bit, uint32_t x)
{
#if SIMD == 512
    s->v = _mm512_mask_set1_epi32(s->v, (__mmask16)bit, (int)x);
#else
    if (bit)
        s->v[__builtin_ctz(bit)] = x;
#endif
}

/* Those of sixteen numbers at `from` that have a bit, side by side at `to`, room for all. */
static inline void simd16_keep(uint32_t bits, const uint32_t *from, uint32_t *to)
{
#if SIMD == 512
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi32((__mmask16)bits, _mm512_loadu_si512(from)));
#else
    for (; bits; bits &= bits - 1)
        *to++ = from[__builtin_ctz(bits)];
#endif
}

#if SIMD == 512

struct simd { __m512i v; };

/* The n bytes at p, or 64 of them; zeros behind. */
static inline struct simd simd_load(const char *p, size_t n)
{
    return (struct simd){ _mm512_maskz_loadu_epi8(simd_below(n), p) };
}

static inline uint64_t simd_eq(struct simd s, char c)
{
    return _mm512_cmpeq_epi8_mask(s.v, _mm512_set1_epi8(c));
}

/* Bytes from `first` on, n of them, of those that follow one another in ASCII. */
static inline uint64_t simd_from(struct simd s, char first, int n)
{
    return _mm512_cmplt_epu8_mask(_mm512_sub_epi8(s.v, _mm512_set1_epi8(first)),
                                  _mm512_set1_epi8((char)n));
}

static inline struct simd simd_or(struct simd s, char bits)
{
    return (struct simd){ _mm512_or_si512(s.v, _mm512_set1_epi8(bits)) };
}

/* Bytes that are not ASCII. */
static inline uint64_t simd_high(struct simd s)
{
    return _mm512_movepi8_mask(s.v);
}

static inline __m512i simd_sets(__m512i v, const uint8_t low[16], const uint8_t high[16])
{
    __m512i half = _mm512_set1_epi8(15);
    __m512i l = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)low));
    __m512i h = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)high));

    return _mm512_and_si512(
        _mm512_shuffle_epi8(l, _mm512_and_si512(v, half)),
        _mm512_shuffle_epi8(h, _mm512_and_si512(_mm512_srli_epi16(v, 4), half)));
}

/* Where a pair may begin: a byte of s, and of what stands behind it. */
static inline uint64_t simd_find(struct simd s, struct simd behind, const struct simd_pairs *p)
{
    return _mm512_test_epi8_mask(simd_sets(s.v, p->low[0], p->high[0]),
                                 simd_sets(behind.v, p->low[1], p->high[1]));
}

/* base + the number of each bit, into `to`, which has room for 64; how many. */
static inline int64_t simd_numbers(uint64_t bits, uint32_t base, uint32_t *to)
{
    static const uint8_t count[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
    };
    __m512i v = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(count));
    __m512i from = _mm512_set1_epi32((int)base);
    int64_t n = __builtin_popcountll(bits);

    _mm512_storeu_si512(
        to, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(v))));
    if (n <= 16)
        return n;
    _mm512_storeu_si512(
        to + 16, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(v, 1))));
    _mm512_storeu_si512(
        to + 32, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(v, 2))));
    _mm512_storeu_si512(
        to + 48, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(v, 3))));
    return n;
}

#elif SIMD == 256

struct simd { __m256i v[2]; };

static inline struct simd simd_load(const char *p, size_t n)
{
    char part[64] = { 0 };

    if (n < 64)
        p = memcpy(part, p, n);
    return (struct simd){ { _mm256_loadu_si256((const __m256i *)p),
                            _mm256_loadu_si256((const __m256i *)(p + 32)) } };
}

static inline uint64_t simd_mask(__m256i a, __m256i b)
{
    return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}

static inline uint64_t simd_eq(struct simd s, char c)
{
    __m256i v = _mm256_set1_epi8(c);

    return simd_mask(_mm256_cmpeq_epi8(s.v[0], v), _mm256_cmpeq_epi8(s.v[1], v));
}

static inline __m256i simd_less(__m256i a, char first, int n)      /* unsigned, by saturation */
{
    __m256i d = _mm256_sub_epi8(a, _mm256_set1_epi8(first));

    return _mm256_cmpeq_epi8(_mm256_min_epu8(d, _mm256_set1_epi8((char)(n - 1))), d);
}

static inline uint64_t simd_from(struct simd s, char first, int n)
{
    return simd_mask(simd_less(s.v[0], first, n), simd_less(s.v[1], first, n));
}

static inline struct simd simd_or(struct simd s, char bits)
{
    __m256i v = _mm256_set1_epi8(bits);

    return (struct simd){ { _mm256_or_si256(s.v[0], v), _mm256_or_si256(s.v[1], v) } };
}

static inline uint64_t simd_high(struct simd s)
{
    return simd_mask(s.v[0], s.v[1]);
}

static inline __m256i simd_sets(__m256i v, const uint8_t low[16], const uint8_t high[16])
{
    __m256i half = _mm256_set1_epi8(15);
    __m256i l = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)low));
    __m256i h = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)high));

    return _mm256_and_si256(
        _mm256_shuffle_epi8(l, _mm256_and_si256(v, half)),
        _mm256_shuffle_epi8(h, _mm256_and_si256(_mm256_srli_epi16(v, 4), half)));
}

static inline uint64_t simd_find(struct simd s, struct simd behind, const struct simd_pairs *p)
{
    __m256i none[2];

    for (int i = 0; i < 2; i++)
        none[i] = _mm256_cmpeq_epi8(
            _mm256_and_si256(simd_sets(s.v[i], p->low[0], p->high[0]),
                             simd_sets(behind.v[i], p->low[1], p->high[1])),
            _mm256_setzero_si256());
    return ~simd_mask(none[0], none[1]);
}

static inline int64_t simd_numbers(uint64_t bits, uint32_t base, uint32_t *to)
{
    int64_t n = __builtin_popcountll(bits);

    for (int64_t i = 0; i < n; i++, bits &= bits - 1)
        to[i] = base + (uint32_t)__builtin_ctzll(bits);
    return n;
}

#endif

#endif
