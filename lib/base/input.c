/* input.c - sequential input, plain or compressed, told apart by its first bytes.
 *
 * Plain bytes go straight from read(2) to the caller; only compressed ones pass through our buffer.
 * A zstd frame may ask for a window of 128 MiB at most (what zstd itself takes without --long). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"

enum { RAW_BYTES = 256 << 10, PEEK_BYTES = 4, WINDOW_LOG_MAX = 27 };

enum kind { PLAIN, GZIP, ZSTD };

struct input {
    int         fd;
    enum kind   kind;
    char       *name;
    char       *raw;                           /* [RAW_BYTES]; at..n not used yet */
    size_t      at, n;
    bool        ended;                         /* read(2) said so */
    bool        within;                        /* inside a gzip member or zstd frame */
    z_stream    gz;
    ZSTD_DCtx  *zstd;
};

static enum st bad(const struct input *in, const char *what)
{
    err_place("%s", in->name);
    return fail(ST_DATA, "%s", what);
}

/* read(2) through interruptions; a wish to stop is not one. */
static enum st get(struct input *in, void *p, size_t n, size_t *got)
{
    ssize_t r;

    *got = 0;
    while ((r = read(in->fd, p, MIN(n, (size_t)1 << 30))) < 0) {
        if (errno == EINTR && sig_stop())
            return ST_STOP;
        if (errno != EINTR) {
            err_place("%s", in->name);
            return fail_sys("cannot read");
        }
    }
    *got = (size_t)r;
    in->ended = r == 0 && n > 0;
    return ST_OK;
}

/* More raw bytes behind those that are left (few); ended where there are none. */
static enum st fill(struct input *in)
{
    size_t got;

    memmove(in->raw, in->raw + in->at, in->n - in->at);
    in->n -= in->at;
    in->at = 0;
    enum st st = get(in, in->raw + in->n, RAW_BYTES - in->n, &got);
    in->n += got;
    return st;
}

static enum kind kind_of(const unsigned char *p, size_t n)
{
    if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b)
        return GZIP;
    if (n >= 4 && p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd)
        return ZSTD;
    if (n >= 4 && (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18)
        return ZSTD;                                   /* a skippable frame first */
    return PLAIN;
}

/* One byte tells most plain files: a line typed at a terminal need not wait for the next. */
static bool may_be_packed(char first)
{
    return first == 0x1f || first == 0x28 || (first & 0xf0) == 0x50;
}

static enum st start(struct input *in)
{
    enum st st = ST_OK;

    while (st == ST_OK && !in->ended && in->n < PEEK_BYTES &&
           (in->n == 0 || may_be_packed(*in->raw)))
        st = fill(in);
    if (st != ST_OK)
        return st;
    in->kind = kind_of((unsigned char *)in->raw, in->n);
    err_place("%s", in->name);
    if (in->kind == GZIP && inflateInit2(&in->gz, 15 + 16) != Z_OK) {
        in->kind = PLAIN;
        return fail(ST_SYS, "not enough memory to decompress");
    }
    if (in->kind == ZSTD) {
        if (!(in->zstd = ZSTD_createDCtx()))
            return fail(ST_SYS, "not enough memory to decompress");
        ZSTD_DCtx_setParameter(in->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    }
    err_place(NULL);
    return ST_OK;
}

enum st input_open(struct input **to, const char *path, struct arena *a)
{
    bool std = strcmp(path, "-") == 0;
    struct input *in = ARENA_NEW(a, struct input, 1);

    *to = NULL;
    if (!in || !(in->raw = arena_get(a, RAW_BYTES)) ||
        !(in->name = arena_text(a, std ? VIEW("stdin") : view_of(path))))
        return ST_SYS;
    do
        in->fd = std ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (in->fd < 0 && errno == EINTR && !sig_stop());
    if (in->fd < 0 && errno == EINTR)
        return ST_STOP;
    if (in->fd < 0) {
        err_place("%s", in->name);
        return fail_sys("cannot open");
    }
    enum st st = start(in);
    if (st != ST_OK)
        input_close(in);
    else
        *to = in;
    return st;
}

static enum st read_plain(struct input *in, void *p, size_t n, size_t *got)
{
    if (in->at == in->n)
        return get(in, p, n, got);
    *got = MIN(n, in->n - in->at);
    memcpy(p, in->raw + in->at, *got);
    in->at += *got;
    return ST_OK;
}

/* One step of inflate over what is in raw. */
static enum st step_gzip(struct input *in, void *p, size_t n, size_t *got)
{
    size_t most = (size_t)1 << 30;

    if (!in->within) {
        if (kind_of((unsigned char *)in->raw + in->at, in->n - in->at) != GZIP)
            return bad(in, "other bytes follow the gzip data; was the file damaged");
        inflateReset(&in->gz);
        in->within = true;
    }
    in->gz.next_in = (unsigned char *)in->raw + in->at;
    in->gz.avail_in = (unsigned)(in->n - in->at);
    in->gz.next_out = p;
    in->gz.avail_out = (unsigned)MIN(n, most);
    int r = inflate(&in->gz, Z_NO_FLUSH);
    in->at = in->n - in->gz.avail_in;
    *got = MIN(n, most) - in->gz.avail_out;
    if (r == Z_STREAM_END)
        in->within = false;
    else if (r == Z_MEM_ERROR)
        return bad(in, "not enough memory to decompress");
    else if (r != Z_OK && r != Z_BUF_ERROR)
        return bad(in, "the gzip data is damaged; fetch or make the file again");
    return ST_OK;
}

static enum st step_zstd(struct input *in, void *p, size_t n, size_t *got)
{
    ZSTD_inBuffer from = { in->raw, in->n, in->at };
    ZSTD_outBuffer to = { p, n, 0 };
    size_t r = ZSTD_decompressStream(in->zstd, &to, &from);

    in->at = from.pos;
    *got = to.pos;
    if (ZSTD_isError(r)) {
        err_place("%s", in->name);
        return fail(ST_DATA, "the zstd data is damaged or needs a window over 128 MiB (%s)",
                    ZSTD_getErrorName(r));
    }
    in->within = r != 0;
    return ST_OK;
}

enum st input_read(struct input *in, void *p, size_t n, size_t *got)
{
    enum st st = ST_OK;

    *got = 0;
    if (in->kind == PLAIN)
        return read_plain(in, p, n, got);
    while (st == ST_OK && *got == 0 && n) {
        /* a decoder may hold output when its input is used up: it is asked before the end counts */
        size_t before = in->at;
        if (in->within || in->n - in->at >= PEEK_BYTES || (in->ended && in->at < in->n))
            st = in->kind == GZIP ? step_gzip(in, p, n, got) : step_zstd(in, p, n, got);
        if (st != ST_OK || *got || in->at != before)
            continue;
        if (in->ended && !in->within && in->at == in->n)
            break;
        if (in->ended)
            return bad(in, "the compressed data stops in the middle; fetch or make the file again");
        st = fill(in);
    }
    return st;
}

bool input_ready(const struct input *in)
{
    struct pollfd p = { in->fd, POLLIN, 0 };

    return in->at < in->n || poll(&p, 1, 0) != 0;
}

const char *input_name(const struct input *in)
{
    return in->name;
}

void input_close(struct input *in)
{
    if (!in)
        return;
    if (in->kind == GZIP)
        inflateEnd(&in->gz);
    ZSTD_freeDCtx(in->zstd);
    in->zstd = NULL;
    in->kind = PLAIN;
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    in->fd = -1;
}
