/* machine.cuh - what only a GPU's compiler understands, alone in a file: the emulator has its own.
 */
#ifndef MACHINE_CUH
#define MACHINE_CUH

#include <cuda_runtime.h>
#include <stdint.h>

/* The block's shared memory from its first byte on. */
static __device__ __forceinline__ float *shared_floats()
{
    extern __shared__ float4 shared_memory[];
    return (float *)shared_memory;
}

/* x and y rounded to bf16, x in the low half. */
static __device__ __forceinline__ uint32_t bf16_pair(float x, float y)
{
    uint32_t r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(y), "f"(x));
    return r;
}

/* c[16 8] += a[16 16] b[16 8].  With g = lane / 4, t = lane % 4 a lane holds
 *     a   rows g, g + 8, g, g + 8; columns 2t and the next, the last two 8 further
 *     b   column g; rows 2t and the next, 2t + 8 and the next
 *     c   row g: columns 2t, 2t + 1; row g + 8: the same */
static __device__ __forceinline__ void mma_16_8_16(float (&c)[4], const uint32_t (&a)[4],
                                                   const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif
