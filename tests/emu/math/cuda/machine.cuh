/* machine.cuh - shared memory and the tensor cores' instructions as the emulator has them:
 * fragments as PTX lays them out (ISA 8.0, 9.7.13), taken apart and multiplied. */
#ifndef MACHINE_CUH
#define MACHINE_CUH

#include <cuda_runtime.h>
#include <stdint.h>

static inline float *shared_floats()
{
    return (float *)emu_shared();
}

static inline uint32_t emu_bf16(float x)           /* to the nearest, ties to even */
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    if ((u & 0x7fffffff) > 0x7f800000)
        return 0x7fff;
    return (u + 0x7fff + (u >> 16 & 1)) >> 16;
}

static inline uint32_t bf16_pair(float x, float y)
{
    return emu_bf16(x) | emu_bf16(y) << 16;
}

struct emu_mma { float *c; const uint32_t *a, *b; };
void emu_multiply(const uint64_t *lanes);

static inline void mma_16_8_16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    struct emu_mma mine = { c, a, b };
    emu_warp(EMU_MMA, (uint64_t)(uintptr_t)&mine, emu_multiply);
}

#endif
