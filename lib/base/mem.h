/* mem.h - arenas and growing buffers; mem.c is our only caller of malloc.
 *
 * An arena gives memory that is freed all at once, or back to a mark; nothing in it is freed by
 * hand. A function that makes something takes the arena it makes it in. */
#ifndef MEM_H
#define MEM_H

#include "base/err.h"

struct arena;

/* An arena that will never hold more than max_bytes (0: no limit).  Takes no memory yet.  Only
 * fails where a few hundred bytes cannot be had: then it says so and exits with 4. */
struct arena *arena_new(size_t max_bytes);
void arena_free(struct arena *a);              /* NULL is fine */

/* n bytes, zeroed, aligned to 64.  NULL when the limit or the machine says no; fail(ST_SYS) was
 * called then, so the caller only returns ST_SYS. */
void *arena_get(struct arena *a, size_t n_bytes) must_use;

/* The same in huge pages where the system has them, for a table that is asked here and there; it
 * may take 4 MiB more of the limit. */
void *arena_huge(struct arena *a, size_t n_bytes) must_use;
#define ARENA_NEW(a, type, n) ((type *)arena_array((a), (size_t)(n), sizeof(type)))
/* checks n * size for overflow */
void *arena_array(struct arena *a, size_t n, size_t size) must_use;
char *arena_text(struct arena *a, struct view s) must_use;           /* copy, 0-ended */
char *arena_printf(struct arena *a, const char *fmt, ...) like_printf(2, 3) must_use;

size_t arena_mark(const struct arena *a);
void   arena_back(struct arena *a, size_t mark);   /* everything got since the mark is gone */
size_t arena_used(const struct arena *a);

/* Frees what a library of others handed over to be freed (realpath, ...). */
void mem_release(void *p);

/* A buffer that grows by doubling; start from {0}.  p is aligned to 64 and may move. */
struct buf {
    char  *p;
    size_t n, cap;                             /* bytes used, bytes there */
};

/* Room for n more bytes.  ST_OK, or ST_SYS with the buffer unchanged. */
enum st buf_room(struct buf *b, size_t n) must_use;
enum st buf_add(struct buf *b, const void *p, size_t n) must_use;
enum st buf_printf(struct buf *b, const char *fmt, ...) like_printf(2, 3) must_use;
void    buf_free(struct buf *b);

#endif
