/* feed.h - a reader's bytes: from a descriptor, through zstd where the part is in frames; for in.c
 * and shard.c alone.
 *
 * Two windows: `file`, the bytes as they come, and `data`, what frames hold.  A part in raw msgpack
 * is parsed from the first, one in frames from the second.  Of every frame a row is kept as the
 * writer's seek table must have it; so the table, when it comes, is compared whole. */
#ifndef FEED_H
#define FEED_H

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zstd.h>
#include "stream/io.h"
#include "stream/table.h"

/* zstd's ZSTD_d_forceIgnoreChecksum, by its lasting name: for frames whose bytes were checked. */
#define FEED_NO_CHECKSUM ZSTD_d_experimentalParam3

struct feed_frame { int64_t at; struct table_row row; };

struct feed {
    const char   *name;
    int           fd;
    bool          own_fd, regular, eof;
    in_wait      *wait;
    void         *arg;
    struct buf    file;
    size_t        at;                          /* bytes of `file` used */
    int64_t       base;                        /* offset in the stream of file.p[0] */

    bool          framed;                      /* this part is in zstd frames */
    bool          open;                        /* inside a frame */
    ZSTD_DCtx    *z;
    XXH3_state_t *hash;                        /* of the open frame's compressed bytes */
    struct buf    data;
    size_t        used;                        /* bytes of `data` used */
    int64_t frame, frame_at; /* number of the newest frame in the stream, from 1; its offset */

    struct buf    known;                       /* of struct feed_frame: those that tables tell of */
    size_t        n_known;                     /* of them behind us */
    int64_t       start;                       /* offset in the file of the stream's first byte */
    bool          looked;                      /* for tables */

    struct buf    rows;                        /* of struct table_row: this part's frames */
    bool          from_edge;                   /* the part began at the edge of a frame */
    size_t        header_bytes;                /* of this part */
    bool keep; /* remember all frames of the stream that ended, in `all` */
    struct buf    all;                         /* of struct feed_frame */
    const char *torn; /* where the stream ended too early; NULL: it did not, or in a record */
};

enum st feed_open(struct feed *f, struct arena *a) must_use;
void feed_close(struct feed *f);

/* What is there to parse. */
static inline const uint8_t *feed_bytes(const struct feed *f, size_t *n)
{
    const struct buf *b = f->framed ? &f->data : &f->file;
    size_t at = f->framed ? f->used : f->at;
    *n = b->n - at;
    return (const uint8_t *)b->p + at;
}

static inline void feed_use(struct feed *f, size_t n)
{
    *(f->framed ? &f->used : &f->at) += n;
}

static inline struct table_row *feed_row(struct feed *f)
{
    return f->rows.n ? (struct table_row *)(f->rows.p + f->rows.n) - 1 : NULL;
}

/* One read(2): ST_OK; ST_END nothing more comes. */
enum st feed_fill(struct feed *f) must_use;
/* At least n bytes of the file in the window, or all there are. */
enum st feed_need(struct feed *f, size_t n) must_use;

/* The next four bytes of the file. */
static inline uint32_t feed_magic(const struct feed *f)
{
    const uint8_t *p = (const uint8_t *)f->file.p + f->at;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* frame.c: more bytes of this part into `data`; on in the open frame until it gives bytes or ends.
 */
enum st frame_more(struct feed *f) must_use;
enum st frame_go(struct feed *f) must_use;
/* The part so far has the form of our shards: its header in a frame of its own, so that every frame
 * holds whole records and a table follows. */
bool frame_shard(const struct feed *f);
/* The table that comes next must be, byte for byte, what the frames just read give. */
enum st frame_table(struct feed *f) must_use;

/* Brings more of this part.  Views into the window are gone.
 *   ST_OK; ST_END the stream ends here; ST_DATA a damaged frame; ST_SYS; what `wait` says */
enum st feed_more(struct feed *f) must_use;

/* Between parts, with nothing left to parse: checks the seek table of the part that ended, and
 * tells from the next bytes what follows.  ST_OK a part (or the rest of a frame, which must hold
 * one); ST_END the end of the stream, too early when `torn` is set. */
enum st feed_part(struct feed *f, bool ended) must_use;

/* For shard_open()'s scan: the reader's feed, and where the record it last gave lies: its offset in
 * the stream, or in the newest frame's raw bytes where there are frames (negative: it began in an
 * older frame). */
struct feed *in_feed(struct in *in);
int64_t in_where(const struct in *in);

#endif
