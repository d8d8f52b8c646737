/* frame.c - bytes out of zstd frames, and the seek table held against them.
 *
 * A frame of usual size is waited for and decoded in one call; a larger one, or one that does not
 * tell its size, goes through zstd's streaming form.  Where the file's tables tell the sum of a
 * frame's bytes it is checked before any of them is decoded. */
#include <sys/stat.h>
#include <zstd_errors.h>
#include "stream/feed.h"

enum {
    WHOLE_BYTES = 4 << 20, /* frames up to here are decoded in one call */
    STREAM_BYTES = 256 << 10,
    WINDOW_LOG = 24, /* zstd's memory for a foreign frame: 16 MiB */
    FRAME_HEAD = 18, /* the most bytes of a frame's own head; ZSTD_FRAMEHEADERSIZE_MAX */
};

static enum st damaged(struct feed *f, const char *what)
{
    return fail(ST_DATA, "frame %lld, at byte %lld: %s; the file is damaged there",
                (long long)f->frame, (long long)f->frame_at, what);
}

bool frame_shard(const struct feed *f)
{
    return f->framed && f->from_edge && f->rows.n >= 2 * sizeof(struct table_row) &&
           ((const struct table_row *)f->rows.p)->raw == (int64_t)f->header_bytes;
}

/* What the tables of a file say of its frames, asked once: a frame whose bytes have the hash they
 * should have needs no second sum when it is decoded, which is a tenth of the time. */
static enum st look_ahead(struct feed *f)
{
    struct buf parts = { 0 }, rows = { 0 };
    struct stat s;
    bool all;
    f->looked = true;
    if (!f->regular || fstat(f->fd, &s) != 0)
        return ST_OK;
    enum st st = table_find(f->fd, (int64_t)s.st_size, &parts, &rows, &all);
    for (size_t i = parts.n / sizeof(struct table_part); i-- > 0 && st == ST_OK;) {
        const struct table_part *p = (const struct table_part *)parts.p + i;
        const struct table_row *row = (const struct table_row *)(rows.p + p->rows_at);
        int64_t at = p->start;
        for (int64_t k = 0; k < p->n_rows && st == ST_OK; at += row[k++].bytes) {
            struct feed_frame frame = { at, row[k] };
            st = buf_add(&f->known, &frame, sizeof frame);
        }
    }
    buf_free(&parts);
    buf_free(&rows);
    return st;
}

/* The table's row of the frame that begins here, or NULL. */
static const struct table_row *known(struct feed *f)
{
    const struct feed_frame *all = (const struct feed_frame *)f->known.p;
    size_t n = f->known.n / sizeof *all;
    while (f->n_known < n && all[f->n_known].at < f->start + f->frame_at)
        f->n_known++;
    return f->n_known < n && all[f->n_known].at == f->start + f->frame_at ? &all[f->n_known].row
                                                                         : NULL;
}

static enum st decoder(struct feed *f)
{
    if (!f->z && !(f->z = ZSTD_createDCtx()))
        return fail(ST_SYS, "no memory for zstd");
    ZSTD_DCtx_reset(f->z, ZSTD_reset_session_only);
    ZSTD_DCtx_setParameter(f->z, ZSTD_d_windowLogMax, WINDOW_LOG);
    ZSTD_DCtx_setParameter(f->z, FEED_NO_CHECKSUM, 0);
    return f->looked ? ST_OK : look_ahead(f);
}

static enum st frame_end(struct feed *f, uint64_t hash)
{
    struct feed_frame done = { f->frame_at, *feed_row(f) };
    f->open = false;
    feed_row(f)->hash = done.row.hash = hash;
    return f->keep ? buf_add(&f->all, &done, sizeof done) : ST_OK;
}

/* The compressed size of the frame that begins here, once it is there whole; 0: it is not one to
 * wait for.  ST_END: the stream ends in it. */
static enum st whole_frame(struct feed *f, unsigned long long *raw, size_t *bytes)
{
    enum st st = feed_need(f, FRAME_HEAD);
    *bytes = 0;
    while (st == ST_OK) {
        const char *p = f->file.p + f->at;
        size_t there = f->file.n - f->at;
        *raw = ZSTD_getFrameContentSize(p, there);
        if (*raw > WHOLE_BYTES)
            return ST_OK;
        *bytes = ZSTD_findFrameCompressedSize(p, there);
        if (!ZSTD_isError(*bytes))
            return ST_OK;
        if (ZSTD_getErrorCode(*bytes) != ZSTD_error_srcSize_wrong ||
            there > ZSTD_compressBound(*raw) + FRAME_HEAD)
            return damaged(f, ZSTD_getErrorName(*bytes));
        st = feed_fill(f);
    }
    f->torn = "in frame";
    return st;
}

/* A frame begins: it gets its row, and is decoded at once where it is of usual size. */
static enum st frame_start(struct feed *f)
{
    struct table_row row = { 0 };
    unsigned long long raw;
    size_t bytes;
    f->frame++;
    f->frame_at = f->base + (int64_t)f->at;
    enum st st = buf_add(&f->rows, &row, sizeof row);
    if (st != ST_OK || (st = decoder(f)) != ST_OK)
        return st;
    if (f->data.n && frame_shard(f))
        return damaged(f, "a record reaches over its edge");
    if ((st = whole_frame(f, &raw, &bytes)) != ST_OK)
        return st;
    if (bytes == 0) {
        f->open = true;
        XXH3_64bits_reset(f->hash);
        return ST_OK;
    }
    const char *p = f->file.p + f->at;
    const struct table_row *told = known(f);
    uint64_t hash = XXH3_64bits(p, bytes);
    if (told && (told->bytes != (int64_t)bytes || told->hash != hash))
        return damaged(f, "its bytes are not those that the seek table sums");
    if (buf_room(&f->data, (size_t)raw) != ST_OK)
        return ST_SYS;
    ZSTD_DCtx_setParameter(f->z, FEED_NO_CHECKSUM, told != NULL);
    size_t n = ZSTD_decompressDCtx(f->z, f->data.p + f->data.n, (size_t)raw, p, bytes);
    if (ZSTD_isError(n))
        return damaged(f, ZSTD_getErrorName(n));
    *feed_row(f) = (struct table_row){ .bytes = (int64_t)bytes, .raw = (int64_t)n };
    f->data.n += n;
    f->at += bytes;
    return frame_end(f, hash);
}

enum st frame_go(struct feed *f)
{
    while (f->open) {
        enum st st = ST_OK;
        if (buf_room(&f->data, STREAM_BYTES) != ST_OK)
            return ST_SYS;
        ZSTD_inBuffer in = { f->file.p + f->at, f->file.n - f->at, 0 };
        ZSTD_outBuffer out = { f->data.p + f->data.n, STREAM_BYTES, 0 };
        size_t left = ZSTD_decompressStream(f->z, &out, &in);
        if (ZSTD_isError(left))
            return damaged(f, ZSTD_getErrorName(left));
        XXH3_64bits_update(f->hash, in.src, in.pos);
        f->at += in.pos;
        f->data.n += out.pos;
        feed_row(f)->bytes += (int64_t)in.pos;
        feed_row(f)->raw += (int64_t)out.pos;
        if (left == 0)
            st = frame_end(f, XXH3_64bits_digest(f->hash));
        else if (out.pos == 0 && in.pos == 0 && (st = feed_fill(f)) == ST_END)
            f->torn = "in frame";
        if (st != ST_OK || out.pos)
            return st;
    }
    return ST_OK;
}

enum st frame_more(struct feed *f)
{
    size_t left = f->data.n - f->used, before;
    if (f->used) {
        memmove(f->data.p, f->data.p + f->used, left);
        f->data.n = left;
        f->used = 0;
    }
    for (before = f->data.n; f->data.n == before;) {
        enum st st;
        if (!f->open) {
            if ((st = feed_need(f, 4)) != ST_OK)
                return st;
            if (f->file.n == f->at)
                return ST_END;
            if (f->file.n - f->at < 4)
                return ST_END;
            if (feed_magic(f) != ZSTD_MAGICNUMBER) {
                f->frame++;
                f->frame_at = f->base + (int64_t)f->at;
                return damaged(f, "no zstd frame begins here, and the end record is not read yet");
            }
            st = frame_start(f);
        } else {
            st = frame_go(f);
        }
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* ---- the seek table ---- */

enum st frame_table(struct feed *f)
{
    const struct table_row *row = (const struct table_row *)f->rows.p;
    int64_t n = (int64_t)(f->rows.n / sizeof *row);
    size_t bytes = table_bytes(n);
    enum st st = feed_need(f, bytes);
    if (st != ST_OK)
        return st;
    f->frame_at = f->base + (int64_t)f->at;
    if (f->file.n - f->at < bytes) {
        f->torn = "in the seek table behind frame";
        return ST_END;
    }
    f->data.n = f->used = 0;
    if ((st = table_put(&f->data, row, n)) != ST_OK)
        return st;
    const uint8_t *disk = (const uint8_t *)f->file.p + f->at, *ours = (const uint8_t *)f->data.p;
    if (memcmp(disk, ours, bytes) != 0) {
        struct table_row first;
        bool whole = table_take(&first, 0, disk) ||
                     memcmp(disk + bytes - 16, ours + bytes - 16, 8) != 0;
        for (int64_t i = 0; whole && i < n; i++)
            if (memcmp(disk + TABLE_HEAD + i * TABLE_ROW, ours + TABLE_HEAD + i * TABLE_ROW,
                       TABLE_ROW) != 0) {
                f->frame += i + 1 - n;
                return fail(ST_DATA,
                            "frame %lld and its row in the seek table differ; the file is damaged",
                            (long long)f->frame);
            }
        return fail(ST_DATA, "the seek table at byte %lld is damaged", (long long)f->frame_at);
    }
    f->data.n = 0;
    f->at += bytes;
    return ST_OK;
}
