/* slice.h - a file of rows as slices that are read whole; for shard.c and slice.c alone. */
#ifndef SLICE_H
#define SLICE_H

#include "stream/feed.h"

#define SLICE_FRAME_MAX                                                                            \
    (64 << 20) /* a foreign frame larger than this is not decoded for a row's sake */

struct slice {
    struct frame info;
    int64_t      at, bytes;                    /* in the file */
    uint64_t     hash;                         /* XXH3 of those bytes */
    bool         packed;                       /* they are a zstd frame */
    int64_t raw, skip, len; /* its raw bytes; the rows lie in [skip, skip + len) of them */
    int64_t      slot;                         /* where it is decoded, or -1 */
    int64_t number; /* of its frame in the file, from 1; 0 in a raw part */
};

struct shard {
    const char   *name;
    int           fd;
    struct header h;
    struct buf    slices, slots, scratch;
    int64_t       n_slices, n_slots, rows, tokens, kept_bytes, last;
    uint64_t      clock;
    ZSTD_DCtx    *z;
    struct arena *keep, *now;
    struct shapes *shapes;
};

static inline struct slice *slice_of(const struct shard *s, int64_t i)
{
    return (struct slice *)s->slices.p + i;
}

/* Slices by the seek tables of a file of `size` bytes.  ST_END: it has not tables all through, and
 * must be scanned. */
enum st slice_by_tables(struct shard *s, int64_t size) must_use;
/* Slices by reading all of it; with `recover` what is good before a cut or a broken frame. */
enum st slice_by_scan(struct shard *s, bool recover) must_use;
/* The raw bytes of a slice, all of its frame, checked, into *to. */
enum st slice_read(struct shard *s, const struct slice *x, struct buf *to) must_use;

#endif
