/* master.h - a float32 as a bf16 and what that lacks of it: weights that train in half the bytes.
 *
 * The bf16 is the nearest, of two the one further from 0; the rest is the lower half of the
 * float's bits, as a number with a sign.  Their sum is the float again, to the bit.  So products
 * read half the memory, an update loses nothing, and both together are no larger than the float. */
#ifndef MASTER_H
#define MASTER_H

#include "base/base.h"

#ifdef __CUDACC__
#define MASTER static __host__ __device__ __forceinline__
#else
#define MASTER static inline
#endif

MASTER void master_split(float x, uint16_t *high, uint16_t *low)
{
    uint32_t u;

    memcpy(&u, &x, 4);
    *high = (uint16_t)((u + 0x8000) >> 16);
    *low = (uint16_t)u;
}

MASTER float master_join(uint16_t high, uint16_t low)
{
    uint32_t u = ((uint32_t)high << 16) + (uint32_t)(int32_t)(int16_t)low;
    float x;

    memcpy(&x, &u, 4);
    return x;
}

#endif
