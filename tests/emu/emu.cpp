/* emu.cpp - the machine behind tests/emu/cuda_runtime.h: fibres, turns, barriers, memory.
 *
 * A warp runs until all its lanes wait for the block, then the next has its turn: so warps are as
 * far apart as the barriers let them be.  Within it lanes run in turn up to the next meeting of the
 * warp.  Meetings must be of the whole warp and barriers of the whole block; anything else is told
 * and ends the program, as it would hang or garble a GPU. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

#include "math/cuda/machine.cuh"

#define STACK   ((size_t)128 << 10)
#define LANES   32
#define THREADS 1024
#define GUARD   64                             /* bytes behind shared memory */

enum state { READY, AT_WARP, AT_BLOCK, DONE };

struct fibre {
    enum state       state;
    enum emu_meeting what;
    uint64_t         mine;
    void           (*then)(const uint64_t *all);
    bool             vote;
#ifdef __x86_64__
    void            *sp;
#else
    ucontext_t       context;
#endif
};

struct dim3 threadIdx, blockIdx, blockDim, gridDim;

static struct fibre fibre[THREADS], *now;
static uint64_t brought[THREADS];                 /* by each lane to its warp's meeting */
static char *stacks;
static bool voted;
static void (*body)(void *);
static void *body_of;
static unsigned char *shared;
static enum emu_order order;
static uint64_t dice = 1;
static int64_t launches, fail_in;
static int devices = 1, capability = 90;

static void bug(const char *what)
{
    fprintf(stderr, "bug: launch %lld, block %u, thread %u: %s\n", (long long)launches,
            blockIdx.x, now ? (unsigned)(now - fibre) : 0, what);
    abort();
}

/* ---- fibres */

static void run_body(void)
{
    body(body_of);
    now->state = DONE;
}

#ifdef __x86_64__
static void *home;                             /* the scheduler's stack */

/* Saves what a call must keep and goes on where `to` stands. */
extern "C" void emu_switch(void **from, void *to);
__asm__(".text\n.globl emu_switch\n.type emu_switch, @function\nemu_switch:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
        ".size emu_switch, .-emu_switch\n");

static void leave(void)
{
    struct fibre *f = now;
    emu_switch(&f->sp, home);
}

static void entry(void)
{
    run_body();
    leave();
}

static void enter(struct fibre *f)
{
    now = f;
    threadIdx.x = (unsigned)(f - fibre);
    emu_switch(&home, f->sp);
}

static void prepare(struct fibre *f, char *stack)
{
    void **top = (void **)(stack + STACK) - 1;     /* as after a call: aligned to 16, less 8 */
    *--top = (void *)entry;
    f->sp = top - 6;
    memset(f->sp, 0, 6 * sizeof *top);
}
#else
static ucontext_t home;

static void leave(void)
{
    swapcontext(&now->context, &home);
}

static void entry(void)
{
    run_body();
    leave();
}

static void enter(struct fibre *f)
{
    now = f;
    threadIdx.x = (unsigned)(f - fibre);
    swapcontext(&home, &f->context);
}

static void prepare(struct fibre *f, char *stack)
{
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = stack;
    f->context.uc_stack.ss_size = STACK;
    makecontext(&f->context, entry, 0);
}
#endif

const uint64_t *emu_warp(enum emu_meeting what, uint64_t mine, void (*then)(const uint64_t *all))
{
    int id = (int)(now - fibre);

    now->what = what;
    now->mine = mine;
    now->then = then;
    now->state = AT_WARP;
    leave();
    return brought + id / LANES * LANES;
}

bool emu_barrier(bool mine)
{
    now->vote = mine;
    now->state = AT_BLOCK;
    leave();
    return voted;
}

void *emu_shared(void)
{
    return shared;
}

/* ---- turns */

static uint64_t draw(void)                     /* xorshift: only turns hang on it */
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice;
}

static void turns(int *to, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = order == EMU_BACKWARD ? n - 1 - i : i;
    for (int i = n - 1; order == EMU_RANDOM && i > 0; i--) {
        int j = (int)(draw() % (uint64_t)(i + 1)), t = to[i];
        to[i] = to[j];
        to[j] = t;
    }
}

/* All lanes have come to one meeting: what they brought lies open until each goes on. */
static void meet(struct fibre *lane, uint64_t *all)
{
    for (int i = 0; i < LANES; i++) {
        now = &lane[i];
        if (lane[i].state != AT_WARP || lane[i].what != lane[0].what)
            bug("lanes of a warp part ways before a shuffle, a product or __syncwarp");
        all[i] = lane[i].mine;
    }
    if (lane[0].then)
        lane[0].then(all);
    for (int i = 0; i < LANES; i++)
        lane[i].state = READY;
}

/* Until no lane can go on without the block. */
static void run_warp(int warp)
{
    struct fibre *lane = &fibre[warp * LANES];
    int turn[LANES];
    bool met;

    do {
        turns(turn, LANES);
        met = false;
        for (int i = 0; i < LANES; i++)
            if (lane[turn[i]].state == READY)
                enter(&lane[turn[i]]);
        for (int i = 0; i < LANES; i++)
            met |= lane[i].state == AT_WARP;
        if (met)
            meet(lane, brought + warp * LANES);
    } while (met);
}

/* A block's threads have all come to a barrier, or ended. */
static bool release(int n)
{
    int done = 0;

    voted = false;
    for (int i = 0; i < n; i++) {
        done += fibre[i].state == DONE;
        voted |= fibre[i].state == AT_BLOCK && fibre[i].vote;
    }
    if (done && done < n)
        bug("some threads of a block end while others wait at a barrier");
    for (int i = 0; i < n; i++)
        if (fibre[i].state == AT_BLOCK)
            fibre[i].state = READY;
    return done < n;
}

static void run_block(dim3 blocks, dim3 threads, unsigned at, size_t shared_bytes)
{
    int n = (int)threads.x, turn[THREADS / LANES];

    gridDim = blocks;
    blockDim = threads;
    blockIdx = dim3(at, 0, 0);
    threadIdx = dim3(0, 0, 0);
    memset(shared, 0xff, shared_bytes + GUARD);    /* NaN */
    for (int i = 0; i < n; i++) {
        fibre[i].state = READY;
        prepare(&fibre[i], stacks + (size_t)i * STACK);
    }
    do {
        turns(turn, n / LANES);
        for (int w = 0; w < n / LANES; w++)
            run_warp(turn[w]);
    } while (release(n));
    for (int i = 0; i < GUARD; i++)
        if (shared[shared_bytes + (size_t)i] != 0xff)
            bug("shared memory written past its end");
}

static bool failing(void)
{
    return fail_in > 0 && --fail_in == 0;
}

cudaError_t emu_launch(dim3 blocks, dim3 threads, size_t shared_bytes, void (*f)(void *), void *of)
{
    launches++;
    if (failing() || shared_bytes > 227 * 1024)
        return cudaErrorLaunchFailure;
    if (threads.x % LANES || threads.x > THREADS || threads.y != 1 || blocks.y != 1 || !blocks.x)
        bug("a shape the emulator does not have");
    if (!stacks)
        stacks = (char *)mmap(NULL, THREADS * STACK, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    shared = (unsigned char *)aligned_alloc(64, (shared_bytes + GUARD + 63) / 64 * 64);
    if (stacks == MAP_FAILED || !shared)
        bug("no memory for fibres");
    body = f;
    body_of = of;
    if (order == EMU_RANDOM) {                     /* a walk over all blocks from a drawn one on */
        unsigned from = (unsigned)(draw() % blocks.x);
        for (unsigned b = 0; b < blocks.x; b++)
            run_block(blocks, threads, (from + b) % blocks.x, shared_bytes);
    } else {
        for (unsigned b = 0; b < blocks.x; b++)
            run_block(blocks, threads, order == EMU_BACKWARD ? blocks.x - 1 - b : b, shared_bytes);
    }
    free(shared);
    shared = NULL;
    now = NULL;
    return cudaSuccess;
}

void emu_turns(enum emu_order o, uint64_t seed)
{
    order = o;
    dice = seed * 2 + 1;
}

int64_t emu_launches(void)
{
    return launches;
}

/* ---- tensor cores */

typedef uint32_t word8 __attribute__((vector_size(32)));
typedef float float8 __attribute__((vector_size(32)));

/* Nine tenths of an emulated pass is here: a row of eight numbers at a time, and without the looks
 * of a sanitizer, for all that it reads and writes has its size in mma_16_8_16()'s types. */
__attribute__((no_sanitize("address", "undefined"))) void emu_multiply(const uint64_t *lanes)
{
    uint32_t a[16][8], b[8][8];                    /* pairs along k */
    float8 even[8], odd[8];

    for (int l = 0; l < LANES; l++) {
        const struct emu_mma *m = (const struct emu_mma *)(uintptr_t)lanes[l];
        int g = l / 4, t = l % 4;
        for (int i = 0; i < 4; i++)
            a[g + i % 2 * 8][t + i / 2 * 4] = m->a[i];
        for (int i = 0; i < 2; i++)
            b[t + i * 4][g] = m->b[i];
    }
    for (int k = 0; k < 8; k++) {
        word8 w;
        memcpy(&w, b[k], sizeof w);
        even[k] = (float8)(w << 16);
        odd[k] = (float8)(w & 0xffff0000u);
    }
    for (int r = 0; r < 16; r++) {
        float8 c = { 0 };
        for (int k = 0; k < 8; k++) {
            c += __uint_as_float(a[r][k] << 16) * even[k];
            c += __uint_as_float(a[r][k] & 0xffff0000u) * odd[k];
        }
        for (int n = 0; n < 8; n++)
            ((struct emu_mma *)(uintptr_t)lanes[r % 8 * 4 + n / 2])->c[n % 2 + r / 8 * 2] += c[n];
    }
}

/* ---- the runtime */

const char *cudaGetErrorString(cudaError_t e)
{
    return e == cudaSuccess             ? "no error"
           : e == cudaErrorNoDevice     ? "no CUDA-capable device is detected"
           : e == cudaErrorLaunchFailure ? "unspecified launch failure"
                                        : "out of memory";
}

static cudaError_t may_fail(void)
{
    return failing() ? cudaErrorLaunchFailure : cudaSuccess;
}

void emu_fail_in(int64_t n) { fail_in = n; }
void emu_devices(int n, int c) { devices = n; capability = c; }
cudaError_t cudaGetLastError(void) { return cudaSuccess; }

cudaError_t cudaGetDeviceCount(int *n)
{
    *n = devices;
    return devices ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr what, int)
{
    *value = what == cudaDevAttrComputeCapabilityMajor ? capability / 10 : capability % 10;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int) { return may_fail(); }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return may_fail(); }
cudaError_t cudaStreamDestroy(cudaStream_t s) { free(s); return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return may_fail(); }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return may_fail(); }
cudaError_t cudaEventDestroy(cudaEvent_t e) { free(e); return cudaSuccess; }
cudaError_t cudaFreeHost(void *p) { free(p); return cudaSuccess; }
cudaError_t cudaFree(void *p) { free(p); return cudaSuccess; }

static cudaError_t lend(void **p, size_t n_bytes)
{
    if (failing())
        return cudaErrorMemoryAllocation;
    *p = n_bytes > ((size_t)1 << 36) ? NULL : aligned_alloc(256, (n_bytes + 255) / 256 * 256);
    if (*p)
        memset(*p, 0xff, n_bytes);
    return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned) { return lend((void **)s, 1); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned) { return lend((void **)e, 1); }
cudaError_t cudaHostAlloc(void **p, size_t n, unsigned) { return lend(p, n); }
cudaError_t cudaMalloc(void **p, size_t n) { return lend(p, n); }

cudaError_t cudaMemGetInfo(size_t *left, size_t *all)
{
    *left = *all = (size_t)1 << 36;
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *p, int byte, size_t n_bytes, cudaStream_t)
{
    if (failing())
        return cudaErrorLaunchFailure;
    memset(p, byte, n_bytes);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t n_bytes, enum cudaMemcpyKind,
                            cudaStream_t)
{
    if (failing())
        return cudaErrorLaunchFailure;
    memcpy(to, from, n_bytes);
    return cudaSuccess;
}
