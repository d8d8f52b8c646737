/* dev.c - opens a device by name and owns its memory.
 *
 * This build knows the CPU alone.  Every block carries a small head, so that dev_close() can
 * free what is left and the sum of all is held against what the machine lends before anything is
 * asked of it.  Large blocks are mapped on 2 MiB boundaries with huge pages wished for: products
 * walk weights by columns, and the TLB would feel it. */
#include <sys/mman.h>

#include "base/run.h"
#include "math/cpu/cpu.h"

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

enum st dev_open(struct dev **out, const char *name, int threads, struct arena *a)
{
    if (strcmp(name, "auto") != 0 && strcmp(name, "cpu") != 0)
        return fail(ST_USAGE, "--device: '%s' is not in this build; this build has cpu",
                    shown(view_of(name)));
    struct dev *d = ARENA_NEW(a, struct dev, 1);
    struct dev_own *own = d ? ARENA_NEW(a, struct dev_own, 1) : NULL;
    if (!own)
        return ST_SYS;
    own->limit_bytes = (size_t)run_memory();
    *d = (struct dev){ .op = &cpu_ops, .name = "cpu", .own = own,
                       .threads = threads > 0 ? threads : run_threads() };
    *out = d;
    return ST_OK;
}

void dev_close(struct dev *d)
{
    cpu_close(d);
    while (d->own->blocks)
        dev_free(d, (char *)d->own->blocks + HEAD_BYTES);
    *d->own = (struct dev_own){ .limit_bytes = d->own->limit_bytes };
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

void *dev_alloc(struct dev *d, size_t n_bytes)
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

void dev_free(struct dev *d, void *p)
{
    if (!p)
        return;
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

void dev_put(struct dev *d, void *to, const void *host, size_t n_bytes)
{
    (void)d;
    if (n_bytes)
        memcpy(to, host, n_bytes);
}

void dev_get(struct dev *d, void *host, const void *from, size_t n_bytes)
{
    (void)d;
    if (n_bytes)
        memcpy(host, from, n_bytes);
}

static void zero_part(void *of, int64_t begin, int64_t end)
{
    memset((char *)of + begin, 0, (size_t)(end - begin));
}

void dev_zero(struct dev *d, void *p, size_t n_bytes)
{
    cpu_share(d, (int64_t)n_bytes, 4096, 0.05, zero_part, p);
}

enum st dev_sync(struct dev *d)
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

size_t dev_scratch_bytes(const struct dev *d, const struct dev_pass *p)
{
    return cpu_scratch_most(d, p);
}

const char *dev_version(void)
{
#ifdef __AVX512F__
    return "cpu avx512";
#elif defined(__AVX2__)
    return "cpu avx2";
#else
    return "cpu";
#endif
}
