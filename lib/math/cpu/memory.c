/* memory.c - the CPU as a device: its memory, and the backend's table.
 *
 * Every block carries a small head, so that closing can free what is left and the sum of all is
 * held against what the machine lends before anything is asked of it.  Large blocks are mapped on
 * 2 MiB boundaries with huge pages wished for: products walk weights by columns, and the TLB would
 * feel it. */
#include <sys/mman.h>

#include "base/run.h"
#include "math/backend.h"
#include "math/cpu/gemm.h"

#define LARGE_BYTES ((size_t)4 << 20)
#define HUGE_BYTES  ((size_t)2 << 20)
#define HEAD_BYTES  ((size_t)64)

struct block {
    struct block *next, *prev;
    void         *base;                        /* what was mapped or allocated */
    size_t        bytes;                       /* what the caller asked for */
    size_t        mapped;                      /* 0: from the heap */
};

_Static_assert(sizeof(struct block) <= HEAD_BYTES, "the head keeps the alignment");

static bool there(void)
{
    return true;
}

static enum st open_cpu(struct dev *d, const char *rest, struct arena *a)
{
    bool bf16 = strcmp(rest, ",bf16") == 0;

    if (*rest && !bf16)
        return fail(ST_USAGE, "--device: 'cpu%s': cpu takes nothing but ,bf16 behind it",
                    shown(view_of(rest)));
    if (!(d->own = ARENA_NEW(a, struct dev_own, 1)))
        return ST_SYS;
    if (!(d->own->gemm = gemm_kernel(bf16)))
        return fail(ST_SYS, "--device: 'cpu,bf16': this processor is no faster with bfloat16, or "
                    "this build is for another; leave ,bf16 out");
    d->own->limit_bytes = (size_t)run_memory();
    d->op = &cpu_ops;
    d->half = true;
    return ST_OK;
}

static void close_cpu(struct dev *d)
{
    cpu_close(d);
    while (d->own->blocks)
        dev_free(d, (char *)d->own->blocks + HEAD_BYTES);
    *d->own = (struct dev_own){ .limit_bytes = d->own->limit_bytes, .gemm = d->own->gemm };
}

static void *map_large(size_t bytes, void **base, size_t *mapped)
{
    *mapped = bytes + HUGE_BYTES;
    *base = mmap(NULL, *mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*base == MAP_FAILED)
        return NULL;
    char *p = (char *)(((uintptr_t)*base + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1));
    madvise(p, bytes, MADV_HUGEPAGE);          /* a wish: refused is fine */
    return p;
}

static void *alloc(struct dev *d, size_t n_bytes)
{
    struct dev_own *own = d->own;
    void *base = NULL, *p = NULL;
    size_t mapped = 0, bytes = (n_bytes + HEAD_BYTES + 63) / 64 * 64;

    if (n_bytes <= own->limit_bytes && own->used_bytes <= own->limit_bytes - n_bytes) {
        if (bytes >= LARGE_BYTES)
            p = map_large(bytes, &base, &mapped);
        else if ((p = base = aligned_alloc(64, bytes)))
            memset(p, 0, bytes);
    }
    if (!p) {
        fail(ST_SYS, "%.1f MB of device memory asked for, %.1f MB of %.1f MB are taken; "
             "fewer tokens at once, or a smaller model", (double)n_bytes / 1e6,
             (double)own->used_bytes / 1e6, (double)own->limit_bytes / 1e6);
        return NULL;
    }
    struct block *b = p;
    *b = (struct block){ .next = own->blocks, .base = base, .bytes = n_bytes, .mapped = mapped };
    if (own->blocks)
        own->blocks->prev = b;
    own->blocks = b;
    own->used_bytes += n_bytes;
    return (char *)p + HEAD_BYTES;
}

static void release(struct dev *d, void *p)
{
    struct block *b = (struct block *)((char *)p - HEAD_BYTES);
    *(b->prev ? &b->prev->next : &d->own->blocks) = b->next;
    if (b->next)
        b->next->prev = b->prev;
    d->own->used_bytes -= b->bytes;
    if (b->mapped)
        munmap(b->base, b->mapped);
    else
        free(b->base);
}

static void put(struct dev *d, void *to, const void *host, size_t n_bytes)
{
    (void)d;
    memcpy(to, host, n_bytes);
}

static void get(struct dev *d, void *host, const void *from, size_t n_bytes)
{
    (void)d;
    memcpy(host, from, n_bytes);
}

static void zero_part(void *of, int64_t begin, int64_t end)
{
    memset((char *)of + begin, 0, (size_t)(end - begin));
}

static void zero(struct dev *d, void *p, size_t n_bytes)
{
    cpu_share(d, (int64_t)n_bytes, 4096, 0.05, zero_part, p);
}

static int64_t lends(const struct dev *d)
{
    return (int64_t)d->own->limit_bytes;
}

static enum st take_fault(struct dev *d)
{
    enum st fault = d->own->fault;

    d->own->fault = ST_OK;
    return fault;
}

void *cpu_scratch(struct dev *d, size_t n_bytes)
{
    struct dev_own *own = d->own;

    if (n_bytes > own->scratch_bytes) {
        dev_free(d, own->scratch);
        own->scratch_bytes = 0;
        own->scratch = dev_alloc(d, n_bytes);
        if (own->scratch)
            own->scratch_bytes = n_bytes;
        else
            own->fault = ST_SYS;
    }
    return own->scratch;
}

static const char *version(void)
{
#ifdef __AVX512F__
    return amx_kernel(false) ? "cpu avx512 amx" : pairs_kernel() ? "cpu avx512 bf16" : "cpu avx512";
#elif defined(__AVX2__)
    return "cpu avx2";
#else
    return "cpu";
#endif
}

const struct backend cpu_backend = {
    .name = "cpu", .version = version, .there = there, .open = open_cpu, .close = close_cpu,
    .alloc = alloc, .free = release, .put = put, .get = get, .zero = zero,
    .sync = take_fault, .scratch_bytes = cpu_scratch_most, .lends = lends,
};
