/* half.h - bf16 and f16 to and from f32, rounding to nearest even, NaN kept. */
#ifndef HALF_H
#define HALF_H

#include "base/base.h"

static inline float half_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static inline uint32_t half_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static inline float bf16_to_f32(uint16_t h)
{
    return half_bits((uint32_t)h << 16);
}

static inline uint16_t f32_to_bf16(float f)
{
    uint32_t u = half_of(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, u = (uint32_t)(h & 0x7fff) << 13,
             e = u & 0x0f800000;

    u += 112u << 23;                           /* the exponent's bias: 127 - 15 */
    if (e == 0x0f800000)
        u += 112u << 23;                       /* infinity, NaN */
    else if (e == 0)                           /* a subnormal: as 2^-14 + u, less 2^-14 */
        u = half_of(half_bits(u + (1u << 23)) - half_bits(113u << 23));
    return half_bits(u | sign);
}

static inline uint16_t f32_to_f16(float f)
{
    uint32_t u = half_of(f), sign = u & 0x80000000, o;

    u ^= sign;
    if (u >= 143u << 23) /* 65536 and above; between 65520 and it the rounding carries */
        o = u > 0x7f800000 ? 0x7e00 : 0x7c00;
    else if (u < 113u << 23)                   /* below 2^-14: the addition rounds at 2^-24 */
        o = half_of(half_bits(u) + .5f) - half_of(.5f);
    else
        o = (u - (112u << 23) + 0xfff + (u >> 13 & 1)) >> 13;
    return (uint16_t)(sign >> 16 | o);
}

#endif
