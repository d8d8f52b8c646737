/* out.c - the writer: raw msgpack to pipes, shards to files, lines of JSON to people.
 *
 * A pipe gets 64 KiB at a time, which with a pipe of 1 MiB is the fastest of the sizes tried; a
 * shard's frames are compressed one by one, each with whole records.  A file is there when it is
 * whole, and not before. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/opt.h"
#include "stream/io.h"
#include "stream/press.h"

enum { WRITE_BYTES = 64 << 10, PIPE_BYTES = 1 << 20 };

struct out {
    struct file      file;
    const char      *name;
    enum out_form    form;
    bool             terminal, grows;          /* grows: metrics, no temporary name */
    int              width;
    enum st          failed;
    struct end       sums;
    int64_t          written;                  /* bytes handed to write(2) */
    struct buf       pend;                     /* raw, JSON: not yet written */
    struct press    *press;                    /* shard */
    struct arena    *now;
};

static bool stdout_begun;                      /* a header or a line went to stdout */

/* ---- bytes ---- */

static enum st write_all(struct out *o, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t k = write(o->file.fd, p, n);
        if (k >= 0) {
            p += k;
            n -= (size_t)k;
            o->written += k;
        } else if (errno == EAGAIN) {
            struct pollfd wait = { o->file.fd, POLLOUT, 0 };
            (void)poll(&wait, 1, 1000);
        } else if (errno != EINTR) {
            err_place("%s", o->name);
            return o->failed = errno == EPIPE ? fail(ST_SYS, "the reader is gone")
                                              : fail_sys("cannot write");
        }
    }
    return ST_OK;
}

/* Through the buffer, in writes of one size; what is as large goes past it. */
static enum st add(struct out *o, const void *bytes, size_t n)
{
    const char *p = bytes;
    enum st st = ST_OK;
    while (n > 0 && st == ST_OK) {
        size_t k = MIN(n, WRITE_BYTES - o->pend.n);
        memcpy(o->pend.p + o->pend.n, p, k);
        o->pend.n += k;
        p += k;
        n -= k;
        if (o->pend.n == WRITE_BYTES) {
            st = write_all(o, o->pend.p, WRITE_BYTES);
            o->pend.n = 0;
        }
    }
    return st;
}

static enum st drain(struct out *o)
{
    size_t n = o->pend.n;
    o->pend.n = 0;
    return n ? write_all(o, o->pend.p, n) : ST_OK;
}

/* For the press. */
static enum st write_frame(void *out, const void *p, size_t n)
{
    return write_all(out, p, n);
}

/* ---- opening ---- */

static enum st put_header(struct out *o, const struct header *h, struct arena *a)
{
    struct header *own = ARENA_NEW(a, struct header, 1);
    const char *command = opt_command();
    struct buf b = { 0 };
    if (!own)
        return ST_SYS;
    *own = *h;
    if (command && *command) {
        if (own->n_commands == HEADER_COMMANDS_MAX)
            return fail(ST_DATA, "more than %d command lines in the header; merge fewer streams",
                        HEADER_COMMANDS_MAX);
        own->command[own->n_commands++] = view_of(command);
    }
    enum st st = header_put(&b, own);
    if (st == ST_OK && o->form == OUT_RAW)
        st = add(o, b.p, b.n);
    else if (st == ST_OK && (st = press_bytes(o->press, b.p, b.n)) == ST_OK)
        st = press_flush(o->press);
    buf_free(&b);
    return st;
}

static struct out *new_out(const char *name, int width, struct arena *a)
{
    struct out *o = ARENA_NEW(a, struct out, 1);
    if (!o)
        return NULL;
    o->file.fd = -1;
    o->width = width;
    o->name = strcmp(name, "-") == 0 ? "stdout" : arena_text(a, view_of(name));
    return o->name ? o : NULL;
}

static void free_out(struct out *o)
{
    press_free(o->press);
    buf_free(&o->pend);
    arena_free(o->now);
}

enum st out_open(struct out **out, const char *name, const struct header *h, enum out_form form,
                 struct arena *a)
{
    struct stat s;
    struct out *o = new_out(name, h->width, a);
    *out = NULL;
    if (!o)
        return ST_SYS;
    enum st st = file_new(&o->file, name, a);
    if (st != ST_OK)
        return st;
    o->terminal = isatty(o->file.fd);
    o->form = form != OUT_AUTO ? form : o->terminal ? OUT_JSON : o->file.temp ? OUT_SHARD : OUT_RAW;
    if (fstat(o->file.fd, &s) == 0 && S_ISFIFO(s.st_mode))
        (void)!fcntl(o->file.fd, F_SETPIPE_SZ, PIPE_BYTES);
    o->now = arena_new(REC_BYTES_MAX);
    if (o->form != OUT_SHARD)
        st = buf_room(&o->pend, WRITE_BYTES);
    else if (!(o->press = press_new(write_frame, o, a)))
        st = ST_SYS;
    if (st == ST_OK && o->form != OUT_JSON)
        st = put_header(o, h, a);
    if (st != ST_OK) {
        file_drop(&o->file);
        free_out(o);
        return st;
    }
    stdout_begun |= o->file.fd == STDOUT_FILENO;
    *out = o;
    return ST_OK;
}

/* ---- growing in place ---- */

/* The sums of the records that stay: the file from its start to `bytes`, its header left out. */
static enum st recount(struct out *o, int64_t bytes)
{
    const uint8_t *map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, o->file.fd, 0);
    const char *why = NULL;
    enum st st = ST_OK;
    if (map == MAP_FAILED)
        return fail_sys("cannot map it");
    for (int64_t at = 0, n = 0; at < bytes && st == ST_OK; n++) {
        struct mp_walk w = { 0 };
        st = mp_walk(&w, map + at, (size_t)(bytes - at), &why);
        if (st != ST_OK)
            st = fail(
                ST_DATA,
                "byte %lld is not between two records; the file is not the one that was saved",
                (long long)bytes);
        else if (n > 0)
            end_add(&o->sums, map + at, w.at);
        at += (int64_t)w.at;
    }
    munmap((void *)map, (size_t)bytes);
    return st;
}

enum st out_append(struct out **out, const char *name, const struct header *h, int64_t bytes,
                   struct arena *a)
{
    struct out *o = new_out(name, h->width, a);
    struct stat s;
    enum st st = ST_OK;
    *out = NULL;
    if (!o)
        return ST_SYS;
    o->form = OUT_RAW;
    o->grows = true;
    err_place("%s", name);
    o->file.fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | (bytes < 0 ? O_TRUNC : 0), 0666);
    if (o->file.fd < 0 || fstat(o->file.fd, &s) != 0)
        st = fail_sys("cannot open");
    else if (bytes > s.st_size)
        st = fail(ST_DATA,
                  "%lld bytes long, %lld are to be kept; the file is not the one that was saved",
                  (long long)s.st_size, (long long)bytes);
    else if ((st = buf_room(&o->pend, WRITE_BYTES)) == ST_OK)
        st = bytes > 0 ? recount(o, bytes) : put_header(o, h, a);
    if (st == ST_OK && bytes > 0) {
        o->written = bytes;
        if (ftruncate(o->file.fd, bytes) != 0 || lseek(o->file.fd, bytes, SEEK_SET) < 0)
            st = fail_sys("cannot cut it to %lld bytes", (long long)bytes);
    }
    if (st != ST_OK) {
        if (o->file.fd >= 0)
            close(o->file.fd);
        free_out(o);
        return st;
    }
    *out = o;
    return ST_OK;
}

/* ---- records ---- */

static enum st put_json(struct out *o, const void *raw, size_t n_bytes)
{
    struct rec r;
    struct buf line = { 0 };
    enum st st = rec_read(&r, raw, n_bytes, o->width, o->now);
    if (st == ST_OK)
        st = rec_json(&line, &r);
    if (st == ST_OK && (st = buf_add(&line, "\n", 1)) == ST_OK)
        st = add(o, line.p, line.n);
    if (st == ST_OK && o->terminal)
        st = drain(o);
    buf_free(&line);
    arena_back(o->now, 0);
    return st;
}

enum st out_put_hashed(struct out *o, const void *raw, size_t n_bytes, int64_t n_tokens,
                       uint64_t hash)
{
    enum st st;
    if (o->failed != ST_OK)
        return o->failed;
    if (o->form == OUT_RAW)
        st = add(o, raw, n_bytes);
    else if (o->form == OUT_SHARD)
        st = press_record(o->press, raw, n_bytes, n_tokens);
    else
        st = put_json(o, raw, n_bytes);
    if (st != ST_OK)
        return o->failed = st;
    end_add_hash(&o->sums, hash);
    return ST_OK;
}

enum st out_put(struct out *o, const void *raw, size_t n_bytes, int64_t n_tokens)
{
    return out_put_hashed(o, raw, n_bytes, n_tokens, end_hash(raw, n_bytes));
}

enum st out_crew(struct out *o, struct crew *crew, struct arena *a)
{
    return o->form == OUT_SHARD ? press_crew(o->press, crew, a) : ST_OK;
}

enum st out_flush(struct out *o)
{
    if (o->failed != ST_OK)
        return o->failed;
    return o->failed = o->form == OUT_SHARD ? press_flush(o->press) : drain(o);
}

int out_fd(const struct out *o) { return o->file.fd; }
struct end out_sums(const struct out *o) { return o->sums; }
int64_t out_bytes(const struct out *o)
{
    return o->written + (o->form == OUT_SHARD ? 0 : (int64_t)o->pend.n);
}

/* ---- the end ---- */

static enum st finish(struct out *o, enum st status, struct view state)
{
    struct buf b = { 0 };
    struct end e = o->sums;
    e.status = status;
    e.state = state;
    BUG_IF(state.n > REC_STATE_MAX);
    if (o->form == OUT_JSON)
        return drain(o);
    enum st st = end_put(&b, &e);
    if (st == ST_OK && o->form == OUT_RAW) {
        st = add(o, b.p, b.n);
        if (st == ST_OK)
            st = drain(o);
    } else if (st == ST_OK && (st = press_close(o->press)) == ST_OK &&
               (st = press_bytes(o->press, b.p, b.n)) == ST_OK &&
               (st = press_flush(o->press)) == ST_OK) {
        b.n = 0;
        if ((st = press_table(o->press, &b)) == ST_OK)
            st = write_all(o, b.p, b.n);
    }
    buf_free(&b);
    return st;
}

void out_unbegun(const char *name, enum st st)
{
    struct buf b = { 0 };
    struct stat s, people;
    struct end e = { .status = st };

    if (st == ST_OK || st == ST_END || stdout_begun || strcmp(name, "-") != 0 ||
        fstat(STDOUT_FILENO, &s) != 0 || !S_ISFIFO(s.st_mode) ||
        (fstat(STDERR_FILENO, &people) == 0 && s.st_ino == people.st_ino))
        return;
    signal(SIGPIPE, SIG_IGN);                  /* the reader may be gone; that is no news */
    if (end_put(&b, &e) == ST_OK && write(STDOUT_FILENO, b.p, b.n) < 0)
        e.status = ST_SYS;
    buf_free(&b);
}

enum st out_close(struct out *o, enum st st, struct view state)
{
    bool ok = st == ST_OK || st == ST_END;
    if (!o)
        return st;
    if (o->failed == ST_OK && (ok || !o->file.temp))
        o->failed = finish(o, ok ? ST_OK : st, state);
    if (ok && o->failed != ST_OK)
        st = o->failed;
    if (o->grows) {
        if (close(o->file.fd) != 0 && ok && st == ST_OK)
            st = fail_sys("cannot close '%s'", o->name);
    } else if (ok && o->failed == ST_OK) {
        enum st commit = file_commit(&o->file);
        if (commit != ST_OK)
            st = commit;
    } else {
        file_drop(&o->file);
    }
    free_out(o);
    return st;
}
