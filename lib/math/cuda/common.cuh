/* common.cuh - what every kernel file starts with: launching, sums over a block, rows in fours.
 *
 * Shared memory is all dynamic and asked for by size, so that the emulator can poison it. */
#ifndef COMMON_CUH
#define COMMON_CUH

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

#include "math/cuda/machine.cuh"
extern "C" {
#include "math/cuda/cuda.h"
}

#define WARP 32
#define ALL  0xffffffffu                       /* lanes */

/* kernel<<<blocks, threads, smem, the device's stream>>>(args); its failure is kept. */
template <class... P, class... A>
static void launch(struct dev *d, int64_t blocks, int threads, size_t smem, void (*kernel)(P...),
                   A... args)
{
    cudaLaunchConfig_t c = {};

    if (blocks == 0 || d->own->fault != ST_OK)
        return;
    c.gridDim = dim3((unsigned)blocks);
    c.blockDim = dim3((unsigned)threads);
    c.dynamicSmemBytes = smem;
    c.stream = d->own->stream;
    if (smem > 48 * 1024)
        cuda_ok(d, cudaFuncSetAttribute((const void *)kernel,
                                        cudaFuncAttributeMaxDynamicSharedMemorySize, (int)smem),
                "shared memory");
    cuda_ok(d, cudaLaunchKernelEx(&c, kernel, args...), "a launch");
}

static inline int64_t blocks_of(int64_t n, int64_t each)
{
    return (n + each - 1) / each;
}

static __device__ __forceinline__ float warp_sum(float x)
{
    for (int m = WARP / 2; m; m /= 2)
        x += __shfl_xor_sync(ALL, x, m);
    return x;
}

/* The sum of all threads' x, the same bits in each; part[warps] in shared memory. */
static __device__ __forceinline__ float block_sum(float x, float *part)
{
    int warps = (int)blockDim.x / WARP;
    float all = 0;

    x = warp_sum(x);
    if (warps == 1)
        return x;
    __syncthreads();                           /* part may still be read */
    if (threadIdx.x % WARP == 0)
        part[threadIdx.x / WARP] = x;
    __syncthreads();
    for (int w = 0; w < warps; w++)
        all += part[w];
    return all;
}

/* Numbers j ... j + 3 of a row of n, 0 past its end.  `whole`: rows are aligned for fours. */
static __device__ __forceinline__ float4 load4(const float *row, int64_t j, int64_t n, bool whole)
{
    if (whole && j + 4 <= n)
        return *(const float4 *)(row + j);
    return make_float4(j < n ? row[j] : 0, j + 1 < n ? row[j + 1] : 0, j + 2 < n ? row[j + 2] : 0,
                       j + 3 < n ? row[j + 3] : 0);
}

static __device__ __forceinline__ float wide_of(uint32_t bf16)
{
    uint32_t bits = bf16 << 16;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The same of bf16. */
static __device__ __forceinline__ float4 load4(const uint16_t *row, int64_t j, int64_t n,
                                               bool whole)
{
    uint32_t v[4];

    if (whole && j + 4 <= n) {
        uint2 two = *(const uint2 *)(row + j);
        return make_float4(wide_of(two.x & 0xffff), wide_of(two.x >> 16), wide_of(two.y & 0xffff),
                           wide_of(two.y >> 16));
    }
    for (int i = 0; i < 4; i++)
        v[i] = j + i < n ? row[j + i] : 0;
    return make_float4(wide_of(v[0]), wide_of(v[1]), wide_of(v[2]), wide_of(v[3]));
}

static __device__ __forceinline__ void store4(float *row, int64_t j, int64_t n, bool whole,
                                              float4 x)
{
    if (whole && j + 4 <= n) {
        *(float4 *)(row + j) = x;
        return;
    }
    if (j < n)
        row[j] = x.x;
    if (j + 1 < n)
        row[j + 1] = x.y;
    if (j + 2 < n)
        row[j + 2] = x.z;
    if (j + 3 < n)
        row[j + 3] = x.w;
}

/* Rows of n numbers from p on can be taken in fours. */
static inline bool whole4(const void *p, int64_t n)
{
    return (uintptr_t)p % 16 == 0 && n % 4 == 0;
}

/* to[j] += the sum over i < n of y[i][ld] column j, times (x - mean[i]) rstd[i] where x is given
 * (mean NULL: 0). Blocks of 64 rows in float, then those in double, in their order. */
struct columns { const float *y, *x, *mean, *rstd; int64_t n, ld, D; };
void cuda_columns(struct dev *d, float *to, struct columns k);

#endif
