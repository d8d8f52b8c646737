/* race.cu - kernels with their barrier and without it: what the emulator must tell apart. */
#include "math/cuda/common.cuh"

/* to = from turned round, through shared memory. */
static __global__ void k_turn(int *to, const int *from, bool barrier)
{
    int *s = (int *)shared_floats();

    s[threadIdx.x] = from[threadIdx.x];
    if (barrier)
        __syncthreads();
    to[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}

/* A running sum that reads its neighbour's place while the neighbour writes it. */
static __global__ void k_shift(int *to, const int *from, bool barrier)
{
    int *s = (int *)shared_floats();

    s[threadIdx.x] = from[threadIdx.x];
    __syncthreads();
    int left = threadIdx.x ? s[threadIdx.x - 1] : 0;
    if (barrier)
        __syncthreads();
    s[threadIdx.x] += left;
    to[threadIdx.x] = s[threadIdx.x];
}

static __global__ void k_part(bool apart)
{
    if (!apart || threadIdx.x < 32)
        __syncthreads();
}

extern "C" void race_turn(struct dev *d, int *to, const int *from, bool barrier)
{
    launch(d, 1, 128, 128 * sizeof(int), k_turn, to, from, barrier);
}

extern "C" void race_shift(struct dev *d, int *to, const int *from, bool barrier)
{
    launch(d, 1, 128, 128 * sizeof(int), k_shift, to, from, barrier);
}

extern "C" void race_part(struct dev *d, bool apart)
{
    launch(d, 1, 128, 0, k_part, apart);
}
