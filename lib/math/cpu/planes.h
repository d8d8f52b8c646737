/* planes.h - floats as sums of bfloat16: high + middle + low (amx.c). */
#ifndef PLANES_H
#define PLANES_H

#include "math/cpu/vec.h"

#define PLANE_BITS ((int32_t)0xffff0000)       /* of a word: those of a bfloat16 */

/* The upper half of a float, rounded; what is left of x is the next plane's. */
INLINE ivec upper(vec x)
{
    return ((ivec)x + 0x8000) & PLANE_BITS;
}

/* To the nearest, ties to even; NaN stays.  The lower half is not cleared. */
INLINE ivec nearest(vec x)
{
    ivec u = (ivec)x, nan = (ivec)(x != x), even = (u >> 16) & 1;

    return (nan & (u | 0x400000)) | (~nan & (u + 0x7fff + even));
}

/* What bfloat16 each of x's planes holds, as floats: of three, or of one, x rounded. */
INLINE void planes_of(const int planes, vec to[3], vec x)
{
    if (planes == 1) {
        to[0] = (vec)(nearest(x) & PLANE_BITS);
        return;
    }
    to[0] = (vec)upper(x);
    x = x - to[0];
    to[1] = (vec)upper(x);
    to[2] = (vec)((ivec)(x - to[1]) & PLANE_BITS);
}

#endif
