/* feed.c - bytes from a descriptor, and what kind of part they begin.
 *
 * Memory follows what has arrived or was decoded, never what a header claims. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include "stream/feed.h"

enum {
    READ_BYTES = 256 << 10, /* one read(2): stays in the second-level cache with what it becomes */
    FILE_BYTES = 2 << 20,   /* of a file, so that frames are seldom moved to be whole */
    PIPE_BYTES = 1 << 20,
};

enum st feed_open(struct feed *f, struct arena *a)
{
    struct stat s;
    if (fstat(f->fd, &s) != 0)
        return fail_sys("cannot read");
    f->regular = S_ISREG(s.st_mode);
    if (f->regular)
        f->start = MAX(lseek(f->fd, 0, SEEK_CUR), 0);
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
    buf_free(&f->known);
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
enum st feed_fill(struct feed *f)
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
    size_t room = f->regular && f->file.cap == 0 ? FILE_BYTES : READ_BYTES;
    if (buf_room(&f->file, room) != ST_OK)
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
enum st feed_need(struct feed *f, size_t n)
{
    while (f->file.n - f->at < n) {
        enum st st = feed_fill(f);
        if (st == ST_END)
            break;
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

enum st feed_more(struct feed *f)
{
    return f->framed ? frame_more(f) : feed_fill(f);
}

/* ---- parts ---- */

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
    if ((st = feed_need(f, 4)) != ST_OK)
        return st;
    size_t there = f->file.n - f->at;
    if (there >= 4 && feed_magic(f) == TABLE_MAGIC && ended && f->framed && f->from_edge) {
        if ((st = frame_table(f)) != ST_OK || (st = feed_need(f, 4)) != ST_OK)
            return st;
        there = f->file.n - f->at;
    } else if (ended && frame_shard(f)) {
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
    f->framed = there >= 4 && feed_magic(f) == ZSTD_MAGICNUMBER;
    return f->framed || (b & 0xf0) == 0x80 || b == 0xde || b == 0xdf ? ST_OK : strange(f, ended);
}
