/* device.c - a GPU as a device: opening it, its memory, copies, and the fault it keeps.
 *
 * One stream carries everything in order.  Uploads go through two page-locked stages, so the host
 * fills one while the other is on its way and never waits for a kernel; only dev_get() and
 * dev_sync() wait.  The runtime is linked in and the driver found by it, so a binary with this
 * backend starts on a machine without a GPU and says so where one is asked for. */
#include "math/backend.h"
#include "math/cuda/lt.h"

#define LEAST_CAPABILITY 80

struct block { void *p; size_t bytes; };

static const struct ops cuda_ops = {
#define OP(name) .name = cuda_##name,
#include "math/ops.def"
#undef OP
};

bool cuda_ok(struct dev *d, cudaError_t e, const char *what)
{
    if (e == cudaSuccess)
        return true;
    if (d->own->fault == ST_OK)
        d->own->fault = fail(ST_SYS, "--device: '%s': %s failed: %s", d->own->name, what,
                             cudaGetErrorString(e));
    return false;
}

void cuda_fault(struct dev *d, const char *what)
{
    if (d->own->fault == ST_OK)
        d->own->fault = fail(ST_SYS, "--device: '%s': %s", d->own->name, what);
}

static int capability_of(int id)
{
    int major = 0, minor = 0;

    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, id);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, id);
    return major * 10 + minor;
}

static bool there(void)
{
    int n = 0;

    return cudaGetDeviceCount(&n) == cudaSuccess && n > 0 && capability_of(0) >= LEAST_CAPABILITY;
}

/* ":1,f32" -> 1 and true. */
static enum st read_form(const char *rest, int *id, bool *f32)
{
    const char *p = rest;
    char *end;

    *id = 0;
    if (*p == ':') {
        bool digit = p[1] >= '0' && p[1] <= '9';
        long n = strtol(p + 1, &end, 10);
        if (!digit || n > 1023)
            return fail(ST_USAGE, "--device: 'cuda%s': after ':' comes the number of a GPU, from 0",
                        shown(view_of(rest)));
        *id = (int)n;
        p = end;
    }
    *f32 = strcmp(p, ",f32") == 0;
    return *f32 || !*p ? ST_OK
                       : fail(ST_USAGE, "--device: 'cuda%s' is none of the forms cuda[:N][,f32]",
                              shown(view_of(rest)));
}

/* The machine has it, and it is new enough. */
static enum st find_gpu(const char *name, int id)
{
    int n = 0;
    cudaError_t e = cudaGetDeviceCount(&n);

    if (e != cudaSuccess || n == 0)
        return fail(ST_SYS, "--device: '%s': no GPU can be used here: %s; --device cpu", name,
                    e != cudaSuccess ? cudaGetErrorString(e) : "none is there");
    if (id >= n)
        return fail(ST_SYS, "--device: '%s': this machine has %d, numbered from 0", name, n);
    int has = capability_of(id);
    if (has < LEAST_CAPABILITY)
        return fail(ST_SYS, "--device: '%s' is of compute capability %d.%d; 8.0 is the least",
                    name, has / 10, has % 10);
    return ST_OK;
}

static enum st begin(struct dev *d)
{
    struct dev_own *own = d->own;

    if (!cuda_ok(d, cudaSetDevice(own->id), "opening it") ||
        !cuda_ok(d, cudaStreamCreateWithFlags(&own->stream, cudaStreamNonBlocking), "a stream"))
        return own->fault;
    for (int i = 0; i < CUDA_STAGES; i++)
        if (!cuda_ok(d, cudaHostAlloc(&own->stage[i].host, CUDA_STAGE_BYTES, cudaHostAllocDefault),
                     "page-locked memory") ||
            !cuda_ok(d, cudaEventCreateWithFlags(&own->stage[i].done, cudaEventDisableTiming),
                     "an event"))
            return own->fault;
    return lt_open(d);
}

static void close_gpu(struct dev *d)
{
    struct dev_own *own = d->own;
    struct block *b = (struct block *)own->blocks.p;

    if (own->stream)
        cudaStreamSynchronize(own->stream);
    lt_close(d);
    for (size_t i = 0; i < own->blocks.n / sizeof *b; i++)
        cudaFree(b[i].p);
    buf_free(&own->blocks);
    for (int i = 0; i < CUDA_STAGES; i++) {
        if (own->stage[i].done)
            cudaEventDestroy(own->stage[i].done);
        cudaFreeHost(own->stage[i].host);
    }
    if (own->stream)
        cudaStreamDestroy(own->stream);
    *own = (struct dev_own){ .id = own->id, .a = own->a };
}

static enum st open_gpu(struct dev *d, const char *rest, struct arena *a)
{
    struct dev_own *own;
    enum st st;
    int id;
    bool f32;

    if ((st = read_form(rest, &id, &f32)) != ST_OK)
        return st;
    if (!(own = d->own = ARENA_NEW(a, struct dev_own, 1)))
        return ST_SYS;
    *own = (struct dev_own){ .id = id, .f32 = f32, .a = a };
    d->half = !f32;
    snprintf(own->name, sizeof own->name, "cuda:%d", id);
    d->op = &cuda_ops;
    if ((st = find_gpu(own->name, id)) == ST_OK && (st = begin(d)) != ST_OK)
        close_gpu(d);
    return st;
}

/* What the card has in all is told beside what we have of it. */
static void *no_memory(struct dev *d, size_t n_bytes)
{
    size_t left = 0, all = 0;

    cudaGetLastError();                        /* an allocation's failure is not kept */
    cudaMemGetInfo(&left, &all);
    fail(ST_SYS, "%.1f MB of device memory asked for, %.1f MB of %.1f MB are taken; "
         "fewer tokens at once, or a smaller model", (double)n_bytes / 1e6,
         (double)d->own->used_bytes / 1e6, (double)all / 1e6);
    return NULL;
}

static void *alloc(struct dev *d, size_t n_bytes)
{
    struct dev_own *own = d->own;
    struct block b = { .bytes = n_bytes };

    if (buf_room(&own->blocks, sizeof b) != ST_OK)
        return NULL;
    if (cudaMalloc(&b.p, MAX(n_bytes, 1)) != cudaSuccess)
        return no_memory(d, n_bytes);
    if (!cuda_ok(d, cudaMemsetAsync(b.p, 0, MAX(n_bytes, 1), own->stream), "clearing memory") ||
        buf_add(&own->blocks, &b, sizeof b) != ST_OK) {
        cudaFree(b.p);
        return NULL;
    }
    own->used_bytes += n_bytes;
    return b.p;
}

static void release(struct dev *d, void *p)
{
    struct buf *all = &d->own->blocks;
    struct block *b = (struct block *)all->p;
    size_t n = all->n / sizeof *b;

    for (size_t i = 0; i < n; i++)
        if (b[i].p == p) {
            d->own->used_bytes -= b[i].bytes;
            b[i] = b[n - 1];
            all->n -= sizeof *b;
            cuda_ok(d, cudaFree(p), "freeing memory");
            return;
        }
    BUG_IF(true);
}

static void put(struct dev *d, void *to, const void *host, size_t n_bytes)
{
    for (size_t at = 0, n; at < n_bytes; at += n) {
        struct cuda_stage *s = &d->own->stage[d->own->next_stage];
        n = MIN(CUDA_STAGE_BYTES, n_bytes - at);
        d->own->next_stage = (d->own->next_stage + 1) % CUDA_STAGES;
        if (!cuda_ok(d, cudaEventSynchronize(s->done), "an upload"))
            return;
        memcpy(s->host, (const char *)host + at, n);
        if (!cuda_ok(d, cudaMemcpyAsync((char *)to + at, s->host, n, cudaMemcpyHostToDevice,
                                        d->own->stream), "an upload") ||
            !cuda_ok(d, cudaEventRecord(s->done, d->own->stream), "an upload"))
            return;
    }
}

static void get(struct dev *d, void *host, const void *from, size_t n_bytes)
{
    if (!cuda_ok(d, cudaMemcpyAsync(host, from, n_bytes, cudaMemcpyDeviceToHost, d->own->stream),
                 "a download") ||
        !cuda_ok(d, cudaStreamSynchronize(d->own->stream), "what came before a download"))
        memset(host, 0xff, n_bytes);           /* NaN: nobody takes it for a result */
}

static void zero(struct dev *d, void *p, size_t n_bytes)
{
    cuda_ok(d, cudaMemsetAsync(p, 0, n_bytes, d->own->stream), "clearing memory");
}

static int64_t lends(const struct dev *d)
{
    size_t left = 0, all = 0;

    return cudaMemGetInfo(&left, &all) == cudaSuccess ? (int64_t)(left + d->own->used_bytes) : 0;
}

static enum st take_fault(struct dev *d)
{
    cuda_ok(d, cudaStreamSynchronize(d->own->stream), "a kernel");
    enum st fault = d->own->fault;
    d->own->fault = ST_OK;
    return fault;
}

void *cuda_scratch(struct dev *d, enum cuda_scratch whose, size_t n_bytes)
{
    struct dev_own *own = d->own;

    n_bytes = MAX(n_bytes, 1);
    if (n_bytes > own->scratch_bytes[whose]) {
        dev_free(d, own->scratch[whose]);
        own->scratch_bytes[whose] = 0;
        own->scratch[whose] = dev_alloc(d, n_bytes);
        if (own->scratch[whose])
            own->scratch_bytes[whose] = n_bytes;
        else
            own->fault = ST_SYS;
    }
    return own->scratch[whose];
}

const struct backend cuda_backend = {
    .name = "cuda", .version = lt_version, .there = there, .open = open_gpu, .close = close_gpu,
    .alloc = alloc, .free = release, .put = put, .get = get, .zero = zero, .sync = take_fault,
    .scratch_bytes = cuda_scratch_most, .lends = lends,
};
