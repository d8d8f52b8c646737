/* feed.c - bytes from a descriptor and out of zstd frames.
 *
 * A frame that lies whole in the buffer and is of usual size is decoded in one call; anything else
 * (a pipe, a foreign frame of a gigabyte) goes through zstd's streaming form.  Memory follows what
 * has arrived or was decoded, never what a header claims. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd_errors.h>
#include "stream/feed.h"

enum {
    READ_BYTES = 256 << 10, /* one read(2): stays in the second-level cache with what it becomes */
    WHOLE_BYTES = 4 << 20,  /* frames up to here are decoded in one call */
    STREAM_BYTES = 256 << 10,
    WINDOW_LOG = 24, /* zstd's memory for a foreign frame: 16 MiB */
    PIPE_BYTES = 1 << 20,
    FRAME_HEAD = 18, /* the most bytes of a frame's own head; ZSTD_FRAMEHEADERSIZE_MAX */
};

enum st feed_open(struct feed *f, struct arena *a)
{
    struct stat s;
    if (fstat(f->fd, &s) != 0)
        return fail_sys("cannot read");
    f->regular = S_ISREG(s.st_mode);
    if (S_ISFIFO(s.st_mode))
        (void)!fcntl(f->fd, F_SETPIPE_SZ, PIPE_BYTES);
    f->hash = arena_get(a, sizeof *f->hash);
    return f->hash ? ST_OK : ST_SYS;
}

void feed_close(struct feed *f)
{
    if (f->own_fd)
        close(f->fd);
    ZSTD_freeDCtx(f->z);
    buf_free(&f->file);
    buf_free(&f->data);
    buf_free(&f->rows);
    buf_free(&f->all);
}

/* ---- the descriptor ---- */

/* A signal that comes while we wait must end the wait: poll wakes once a second to look. */
static enum st readable(struct feed *f)
{
    if (f->wait)
        return f->wait(f->arg, f->fd);
    if (f->regular)
        return ST_OK;
    for (;;) {
        struct pollfd p = { f->fd, POLLIN, 0 };
        int n = poll(&p, 1, 1000);
        if (n > 0)
            return ST_OK;
        if (sig_stop())
            return ST_STOP;
        if (n < 0 && errno != EINTR)
            return fail_sys("cannot wait for it");
    }
}

/* One read(2). */
static enum st fill(struct feed *f)
{
    if (f->eof)
        return ST_END;
    size_t left = f->file.n - f->at;
    if (left == 0 || f->file.cap - f->file.n < READ_BYTES) {
        if (left)
            memmove(f->file.p, f->file.p + f->at, left);
        f->base += (int64_t)f->at;
        f->at = 0;
        f->file.n = left;
    }
    if (buf_room(&f->file, READ_BYTES) != ST_OK)
        return ST_SYS;
    for (;;) {
        enum st st = readable(f);
        if (st != ST_OK)
            return st;
        ssize_t n = read(f->fd, f->file.p + f->file.n, READ_BYTES);
        if (n > 0) {
            f->file.n += (size_t)n;
            return ST_OK;
        }
        if (n == 0) {
            f->eof = true;
            return ST_END;
        }
        if (errno == EINTR && sig_stop())
            return ST_STOP;
        if (errno != EINTR && errno != EAGAIN)
            return fail_sys("cannot read");
    }
}

/* At least n bytes of the file in the window, or all there are.  ST_END is no failure here. */
static enum st need(struct feed *f, size_t n)
{
    while (f->file.n - f->at < n) {
        enum st st = fill(f);
        if (st == ST_END)
            break;
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* ---- frames ---- */

static enum st damaged(struct feed *f, const char *what)
{
    return fail(ST_DATA, "frame %lld, at byte %lld: %s; the file is damaged there",
                (long long)f->frame, (long long)f->frame_at, what);
}

static uint32_t magic_of(const struct feed *f)
{
    const uint8_t *p = (const uint8_t *)f->file.p + f->at;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A shard of ours puts the header into a frame of its own; then every frame holds whole records and
 * a table follows. */
static bool is_shard(const struct feed *f)
{
    return f->framed && f->from_edge && f->rows.n >= 2 * sizeof(struct table_row) &&
           ((const struct table_row *)f->rows.p)->raw == (int64_t)f->header_bytes;
}

static enum st decoder(struct feed *f)
{
    if (!f->z && !(f->z = ZSTD_createDCtx()))
        return fail(ST_SYS, "no memory for zstd");
    ZSTD_DCtx_reset(f->z, ZSTD_reset_session_only);
    ZSTD_DCtx_setParameter(f->z, ZSTD_d_windowLogMax, WINDOW_LOG);
    return ST_OK;
}

static enum st frame_end(struct feed *f, uint64_t hash)
{
    struct feed_frame done = { f->frame_at, *feed_row(f) };
    f->open = false;
    feed_row(f)->hash = done.row.hash = hash;
    return f->keep ? buf_add(&f->all, &done, sizeof done) : ST_OK;
}

/* The compressed size of the frame that begins here, once it is there whole; 0: it is not one to
 * wait for. ST_END: the stream ends in it. */
static enum st whole_frame(struct feed *f, unsigned long long *raw, size_t *bytes)
{
    enum st st = need(f, FRAME_HEAD);
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
        st = fill(f);
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
    if (f->data.n && is_shard(f))
        return damaged(f, "a record reaches over its edge");
    if ((st = whole_frame(f, &raw, &bytes)) != ST_OK)
        return st;
    if (bytes == 0) {
        f->open = true;
        XXH3_64bits_reset(f->hash);
        return ST_OK;
    }
    if (buf_room(&f->data, (size_t)raw) != ST_OK)
        return ST_SYS;
    const char *p = f->file.p + f->at;
    size_t n = ZSTD_decompressDCtx(f->z, f->data.p + f->data.n, (size_t)raw, p, bytes);
    if (ZSTD_isError(n))
        return damaged(f, ZSTD_getErrorName(n));
    *feed_row(f) = (struct table_row){ .bytes = (int64_t)bytes, .raw = (int64_t)n };
    f->data.n += n;
    f->at += bytes;
    return frame_end(f, XXH3_64bits(p, bytes));
}

/* Goes on in the open frame until it gives bytes or ends. */
static enum st frame_go(struct feed *f)
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
        else if (out.pos == 0 && in.pos == 0 && (st = fill(f)) == ST_END)
            f->torn = "in frame";
        if (st != ST_OK || out.pos)
            return st;
    }
    return ST_OK;
}

static enum st frames_more(struct feed *f)
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
            if ((st = need(f, 4)) != ST_OK)
                return st;
            if (f->file.n == f->at)
                return ST_END;
            if (f->file.n - f->at < 4)
                return ST_END;
            if (magic_of(f) != ZSTD_MAGICNUMBER) {
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

enum st feed_more(struct feed *f)
{
    return f->framed ? frames_more(f) : fill(f);
}

/* ---- parts ---- */

/* The table must be, byte for byte, what the frames just read give. */
static enum st check_table(struct feed *f)
{
    const struct table_row *row = (const struct table_row *)f->rows.p;
    int64_t n = (int64_t)(f->rows.n / sizeof *row);
    size_t bytes = table_bytes(n);
    enum st st = need(f, bytes);
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

static enum st strange(struct feed *f, bool ended)
{
    const uint8_t *p = (const uint8_t *)f->file.p + f->at;
    size_t n = f->file.n - f->at;
    if (ended)
        return fail(ST_DATA, "what follows the end record, at byte %lld, is no header",
                    (long long)f->base + (long long)f->at);
    if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b)
        return fail(ST_DATA, "gzip, not a stream of records; zcat it first");
    if (p[0] == '{' || p[0] == '[')
        return fail(ST_DATA, "looks like JSON, not a stream of records; run tokenize on it");
    return fail(ST_DATA, "not a stream of records");
}

enum st feed_part(struct feed *f, bool ended)
{
    enum st st;
    if (f->framed) {
        f->data.n = f->used = 0;
        while (f->open) {
            if ((st = frame_go(f)) != ST_OK)
                return st;
            if (f->data.n) {
                f->from_edge = false;
                return ST_OK;
            }
        }
    }
    if ((st = need(f, 4)) != ST_OK)
        return st;
    size_t there = f->file.n - f->at;
    if (there >= 4 && magic_of(f) == TABLE_MAGIC && ended && f->framed && f->from_edge) {
        if ((st = check_table(f)) != ST_OK || (st = need(f, 4)) != ST_OK)
            return st;
        there = f->file.n - f->at;
    } else if (ended && is_shard(f)) {
        if (there >= 4)
            return fail(ST_DATA, "the seek table at byte %lld is damaged",
                        (long long)f->base + (long long)f->at);
        f->torn = there ? "in the seek table behind frame" : "before the seek table behind frame";
        return ST_END;
    }
    f->rows.n = 0;
    f->from_edge = true;
    f->header_bytes = 0;
    if (there == 0)
        return ST_END;
    uint8_t b = (uint8_t)f->file.p[f->at];
    f->framed = there >= 4 && magic_of(f) == ZSTD_MAGICNUMBER;
    return f->framed || (b & 0xf0) == 0x80 || b == 0xde || b == 0xdf ? ST_OK : strange(f, ended);
}
