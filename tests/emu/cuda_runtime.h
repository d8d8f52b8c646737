/* cuda_runtime.h - CUDA C++ for a C++ compiler: kernels run on the CPU, block by block, a block's
 * threads as fibres.
 *
 * A thread runs until it comes to a barrier or to something a warp does together (a shuffle, a
 * product on tensor cores); then another has its turn.  The turns' order is set from outside: with
 * a barrier missing, some order shows a thread what another had not written yet.  Shared memory is
 * all dynamic, poisoned before each block, exactly as large as the launch said. */
#ifndef CUDA_RUNTIME_H
#define CUDA_RUNTIME_H

#include <math.h>
#include <string.h>
#include <type_traits>

#include "cuda_runtime_api.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct float2 { float x, y; };
struct alignas(8) uint2 { uint32_t x, y; };
struct alignas(16) float4 { float x, y, z, w; };
static inline float2 make_float2(float x, float y) { return { x, y }; }
static inline float4 make_float4(float x, float y, float z, float w) { return { x, y, z, w }; }

/* ---- the machine (emu.cpp) */

extern struct dim3 threadIdx, blockIdx, blockDim, gridDim;     /* of whose turn it is */

enum emu_meeting { EMU_SHUFFLE, EMU_SYNC, EMU_MMA };
/* Waits for the warp's other lanes, each here with the same `what`; what each brought is then in
 * [lane], until they meet again.  `then`, if given, is run once for all before any goes on. */
const uint64_t *emu_warp(enum emu_meeting what, uint64_t mine, void (*then)(const uint64_t *all));
bool emu_barrier(bool mine);                   /* of the block; whether any thread brought true */
void *emu_shared(void);
cudaError_t emu_launch(dim3 blocks, dim3 threads, size_t shared_bytes, void (*body)(void *),
                       void *of);

struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };

static inline cudaError_t cudaFuncSetAttribute(const void *, cudaFuncAttribute, int bytes)
{
    return bytes <= 227 * 1024 ? cudaSuccess : cudaErrorLaunchFailure;
}

/* Arguments are copied as a launch copies them, and again for each thread. */
template <class... P, class... A>
static cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *c, void (*kernel)(P...), A... args)
{
    auto body = [=] { kernel(P(args)...); };
    return emu_launch(c->gridDim, c->blockDim, c->dynamicSmemBytes,
                      [](void *of) { (*(decltype(body) *)of)(); }, &body);
}

/* ---- what a thread can say */

static inline void __syncthreads()
{
    emu_barrier(false);
}
static inline int __syncthreads_or(int x)
{
    return emu_barrier(x != 0);
}
static inline void __syncwarp()
{
    emu_warp(EMU_SYNC, 0, NULL);
}

template <class T> static T __shfl_xor_sync(unsigned, T x, int mask)
{
    uint64_t mine = 0;
    unsigned from = threadIdx.x % 32 ^ (unsigned)mask;
    static_assert(sizeof x <= sizeof mine, "a shuffle of at most 8 bytes");
    memcpy(&mine, &x, sizeof x);
    memcpy(&x, &emu_warp(EMU_SHUFFLE, mine, NULL)[from], sizeof x);
    return x;
}

static inline float __uint_as_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline float normcdff(float x)
{
    return (float)(0.5 * erfc(-(double)x * 0.70710678118654752));
}

#endif
