/* halves.h - bfloat16, two to a word: as floats, and multiplied in pairs. */
#ifndef HALVES_H
#define HALVES_H

#include "math/cpu/vec.h"

typedef uint16_t hvec __attribute__((vector_size(2 * LANES), may_alias, aligned(2)));

/* LANES of them, as floats. */
INLINE vec v_load_half(const void *p)
{
#ifdef __AVX512F__
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16);
#else
    return (vec)(__builtin_convertvector(*(const hvec *)p, uvec) << 16);
#endif
}

/* Those at place j of a row of n, and zeros behind it. */
INLINE vec v_row_half(const void *p, int64_t j, int64_t n)
{
    const char *at = (const char *)p + 2 * j;
    hvec part = { 0 };

    if (n - j >= LANES)
        return v_load_half(at);
    memcpy(&part, at, (size_t)(2 * (n - j)));
    return v_load_half(&part);
}

/* 2 LANES of them, as they lie. */
INLINE vec v_words(const void *p)
{
    vec a;

    memcpy(&a, p, sizeof a);
    return a;
}

/* Of 2 LANES halves h, words of h[l] and h[l + LANES]. */
#ifdef __AVX512BW__
INLINE vec v_across(vec h)
{
    const __m512i across = _mm512_set_epi32(
        0x1f000f, 0x1e000e, 0x1d000d, 0x1c000c, 0x1b000b, 0x1a000a, 0x190009, 0x180008,
        0x170007, 0x160006, 0x150005, 0x140004, 0x130003, 0x120002, 0x110001, 0x100000);
    return (vec)_mm512_permutexvar_epi16(across, (__m512i)h);
}
#endif

/* Of words of two bfloat16, sum + both halves' products: twice as many as of floats, where a
 * machine is no slower at them (gemm_kernel()). */
#ifdef __AVX512BF16__
#define V_DOT
INLINE vec v_dot(vec sum, ivec a, vec b)
{
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

/* Words of a's lanes in pairs, then b's; to the nearest, ties to even, NaN stays. */
INLINE vec v_halves(vec a, vec b)
{
    return (vec)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a);
}

/* Words of a lane of a and one of b. */
INLINE vec v_pairs(vec a, vec b)
{
    return v_across(v_halves(a, b));
}
#endif

#endif
