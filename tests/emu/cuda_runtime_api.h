/* cuda_runtime_api.h - the part of CUDA's runtime that the backend calls, with the CPU as the GPU.
 *
 * Device memory is host memory, a stream does things at once, and every call can be told to fail
 * (emu_fail_in).  Names and meaning are NVIDIA's; what the backend does not use is not here. */
#ifndef CUDA_RUNTIME_API_H
#define CUDA_RUNTIME_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cudaError { cudaSuccess, cudaErrorMemoryAllocation = 2, cudaErrorNoDevice = 100,
                 cudaErrorLaunchFailure = 719 };
typedef enum cudaError cudaError_t;
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost };
enum cudaDeviceAttr { cudaDevAttrComputeCapabilityMajor, cudaDevAttrComputeCapabilityMinor };
enum { cudaStreamNonBlocking = 1, cudaHostAllocDefault = 0, cudaEventDisableTiming = 2 };
typedef struct emu_stream *cudaStream_t;
typedef struct emu_event *cudaEvent_t;

const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaGetLastError(void);
cudaError_t cudaGetDeviceCount(int *n);
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr what, int id);
cudaError_t cudaSetDevice(int id);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags);
cudaError_t cudaStreamSynchronize(cudaStream_t s);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s);
cudaError_t cudaEventSynchronize(cudaEvent_t e);
cudaError_t cudaEventDestroy(cudaEvent_t e);
cudaError_t cudaHostAlloc(void **p, size_t n_bytes, unsigned flags);
cudaError_t cudaFreeHost(void *p);
cudaError_t cudaMalloc(void **p, size_t n_bytes);
cudaError_t cudaFree(void *p);
cudaError_t cudaMemGetInfo(size_t *left, size_t *all);
cudaError_t cudaMemsetAsync(void *p, int byte, size_t n_bytes, cudaStream_t s);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t n_bytes, enum cudaMemcpyKind kind,
                            cudaStream_t s);

/* The n-th call from now on that can fail does, with cudaErrorLaunchFailure; 0: none. */
void emu_fail_in(int64_t n);
/* Devices there are: 1 at first. */
void emu_devices(int n, int capability);
/* How the threads of a block and the blocks of a launch take turns from now on. */
enum emu_order { EMU_FORWARD, EMU_BACKWARD, EMU_RANDOM };
void emu_turns(enum emu_order order, uint64_t seed);
int64_t emu_launches(void);                    /* so far */

#ifdef __cplusplus
}
#endif

#endif
