/* mem.c - arenas and growing buffers; our only caller of malloc.
 *
 * An arena is a stack of blocks.  A get is a step of a pointer in the top block; what does not fit
 * opens a new one, and large things get a block of their own.  A mark is the bytes given so far, so
 * going back pops blocks until the mark lies in the top one.  The largest block popped is kept, so
 * that a loop of mark, get and back comes to rest without a call to malloc.
 * A block of the size of a huge page or more is mapped by itself and asks for huge pages: the
 * machine hands out and clears 2 MiB in a fraction of the time of 512 small pages.  A buffer that
 * has grown so large is mapped too, and grows on without a copy.
 * Under the address sanitizer every get is a block of its exact size: overruns and uses after
 * arena_back() are seen. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define EXACT 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXACT 1
#endif
#endif
#ifndef EXACT
#define EXACT 0
#endif

enum { ALIGN = 64, BLOCK_MIN = 16 << 10, BLOCK_MAX = 2 << 20, HUGE_PAGE = 2 << 20 };

static const size_t NO_LIMIT = (size_t)1 << 46;        /* more than any machine has */

struct block {
    struct block *below;
    char   *p;                                 /* first byte, aligned */
    size_t  cap, used;
    size_t  dirty;                          /* bytes that were ever given: the rest is still zero */
    size_t  start;                             /* the arena's count when this block was opened */
    size_t  mapped;                            /* bytes from p on that are the block's own pages */
};

struct arena {
    struct block *top, *spare;
    size_t used, max;
};

static size_t round_up(size_t n)
{
    return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static size_t pages_of(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (n + page - 1) & ~(page - 1);
}

/* n bytes, whole pages, that begin where a huge page may, or NULL: zeroed, but for what lies in the
 * old_n bytes of whole pages at `old`, which are moved there. */
static char *pages_new(size_t n, void *old, size_t old_n)
{
    char *p = mmap(NULL, n + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)p & (HUGE_PAGE - 1);
    if (before)
        munmap(p, before);
    if (before < HUGE_PAGE)
        munmap(p + before + n, HUGE_PAGE - before);
    p += before;
    if (old_n && mremap(old, old_n, n, MREMAP_MAYMOVE | MREMAP_FIXED, p) == MAP_FAILED) {
        munmap(p, n);
        return NULL;
    }
    (void)!madvise(p, n, MADV_HUGEPAGE);       /* only quicker */
    return p;
}

static void block_free(struct block *b)
{
    if (b && b->mapped)
        munmap(b->p, b->mapped);
    free(b);
}

static struct block *block_new(size_t cap)
{
    struct block *b;

    if (!EXACT && cap >= HUGE_PAGE) {
        size_t n = pages_of(cap);
        if (!(b = calloc(1, sizeof *b)))
            return NULL;
        if (!(b->p = pages_new(n, NULL, 0))) {
            free(b);
            return NULL;
        }
        b->mapped = n;
    } else if (EXACT) {
        void *raw;
        if (posix_memalign(&raw, ALIGN, ALIGN + cap) != 0)
            return NULL;
        memset(raw, 0, ALIGN + cap);
        b = raw;
        b->p = (char *)raw + ALIGN;
    } else {
        if (!(b = calloc(1, sizeof *b + ALIGN + cap)))
            return NULL;
        uintptr_t end = (uintptr_t)(b + 1);
        b->p = (char *)(b + 1) + (-end & (ALIGN - 1));
    }
    b->cap = cap;
    return b;
}

_Static_assert(sizeof(struct block) <= ALIGN, "a block's head fits before its first byte");

struct arena *arena_new(size_t max_bytes)
{
    struct arena *a = calloc(1, sizeof *a);

    if (!a) {
        fail(ST_SYS, "not enough memory to start");
        exit(done(ST_SYS));
    }
    a->max = round_up(max_bytes ? MIN(max_bytes, NO_LIMIT) : NO_LIMIT);
    return a;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_back(a, 0);
    block_free(a->spare);
    free(a);
}

/* A block with room for n more bytes on top, or NULL. */
static struct block *grow(struct arena *a, size_t n, size_t exact)
{
    struct block *b = a->spare;

    if (b && b->cap >= n) {
        a->spare = NULL;
        b->used = 0;
    } else {
        size_t usual = MIN(MAX(a->used, (size_t)BLOCK_MIN), (size_t)BLOCK_MAX);
        usual = MIN(usual, a->max - a->used) & ~(size_t)(ALIGN - 1);
        if (!(b = block_new(EXACT ? exact : MAX(n, usual))))
            return NULL;
    }
    b->below = a->top;
    b->start = a->used;
    return a->top = b;
}

void *arena_get(struct arena *a, size_t n_bytes)
{
    size_t n = round_up(MIN(MAX(n_bytes, (size_t)1), NO_LIMIT + 1));

    if (n > a->max - a->used) {
        fail(ST_SYS, "%zu bytes more than the %zu in use pass the limit of %zu", n_bytes, a->used,
             a->max);
        return NULL;
    }
    struct block *b = a->top;
    if (EXACT || !b || b->cap - b->used < n)
        b = grow(a, n, n_bytes);
    if (!b) {
        fail(ST_SYS, "the machine gave no %zu bytes of memory", n_bytes);
        return NULL;
    }
    char *p = b->p + b->used;
    if (b->dirty > b->used)
        memset(p, 0, MIN(n, b->dirty - b->used));
    b->used += n;
    b->dirty = MAX(b->dirty, b->used);
    a->used += n;
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes)) {
        fail(ST_SYS, "%zu items of %zu bytes are more than memory can hold", n, size);
        return NULL;
    }
    return arena_get(a, bytes);
}

char *arena_text(struct arena *a, struct view s)
{
    char *p = arena_get(a, s.n + 1);

    if (p && s.n)
        memcpy(p, s.p, s.n);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *p = NULL;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        fail(ST_SYS, "cannot format a message");
    else if ((p = arena_get(a, (size_t)n + 1)))
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}

size_t arena_mark(const struct arena *a)
{
    return a->used;
}

void arena_back(struct arena *a, size_t mark)
{
    BUG_IF(mark > a->used);
    while (a->top && a->top->start >= mark) {
        struct block *b = a->top;
        a->top = b->below;
        if (EXACT || (a->spare && a->spare->cap >= b->cap)) {
            block_free(b);
        } else {
            block_free(a->spare);
            a->spare = b;
        }
    }
    if (a->top)
        a->top->used = mark - a->top->start;
    a->used = mark;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

void mem_release(void *p)
{
    free(p);
}

/* A buffer of that many bytes or more is mapped. */
static bool is_mapped(size_t cap)
{
    return !EXACT && cap >= HUGE_PAGE;
}

void buf_free(struct buf *b)
{
    if (is_mapped(b->cap))
        munmap(b->p, b->cap);
    else
        free(b->p);
    *b = (struct buf){ 0 };
}

enum st buf_room(struct buf *b, size_t n)
{
    struct buf to = { .n = b->n };
    void *p;

    if (b->cap - b->n >= n)
        return ST_OK;
    if (n > SIZE_MAX / 4 - b->n)
        return fail(ST_SYS, "a buffer of %zu bytes cannot grow by %zu", b->n, n);
    to.cap = MAX(MAX(b->cap * 2, b->n + n), (size_t)ALIGN);
    if (is_mapped(to.cap)) {
        bool moves = is_mapped(b->cap);
        to.cap = pages_of(to.cap);
        to.p = pages_new(to.cap, b->p, moves ? b->cap : 0);
        if (to.p && moves)
            *b = (struct buf){ 0 };            /* its pages are there */
    } else
        to.p = posix_memalign(&p, ALIGN, to.cap) == 0 ? p : NULL;
    if (!to.p)
        return fail(ST_SYS, "the machine gave no %zu bytes of memory", to.cap);
    if (b->n)
        memcpy(to.p, b->p, b->n);
    buf_free(b);
    *b = to;
    return ST_OK;
}

enum st buf_add(struct buf *b, const void *p, size_t n)
{
    if (buf_room(b, n) != ST_OK)
        return ST_SYS;
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    return ST_OK;
}

enum st buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    enum st st = ST_OK;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        st = fail(ST_SYS, "cannot format text");
    else if ((st = buf_room(b, (size_t)n + 1)) == ST_OK) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    va_end(ap);
    return st;
}
