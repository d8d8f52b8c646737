/* slice.c - finds the slices of a file, by its seek tables or by a scan, and reads them.
 *
 * Tables are found from the end of the file backward, one per part.  What does not come out exactly
 * is left to the scan, which reads as any reader does and so says exactly what is wrong and where.
 */
#include <errno.h>
#include <unistd.h>
#include "stream/slice.h"

enum { SLICE_BYTES = 1 << 20 };                /* of a raw stream */

static enum st add_slice(struct shard *s, struct slice x)
{
    x.info.row = s->rows;
    x.slot = -1;
    if (buf_add(&s->slices, &x, sizeof x) != ST_OK)
        return ST_SYS;
    s->n_slices++;
    s->rows += x.info.rows;
    s->tokens += x.info.tokens;
    return ST_OK;
}

/* ---- bytes ---- */

static enum st read_at(struct shard *s, int64_t at, void *to, size_t n)
{
    char *p = to;
    while (n > 0) {
        ssize_t k = pread(s->fd, p, n, (off_t)at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return fail_sys("cannot read at byte %lld", (long long)at);
        if (k == 0)
            return fail(ST_DATA, "the file became shorter while it was read");
        p += k;
        at += k;
        n -= (size_t)k;
    }
    return ST_OK;
}

enum st slice_read(struct shard *s, const struct slice *x, struct buf *to)
{
    struct buf *from = x->packed ? &s->scratch : to;
    to->n = from->n = 0;
    if (buf_room(from, (size_t)x->bytes) != ST_OK || buf_room(to, (size_t)x->raw) != ST_OK)
        return ST_SYS;
    enum st st = read_at(s, x->at, from->p, (size_t)x->bytes);
    if (st != ST_OK)
        return st;
    size_t n = (size_t)x->bytes;
    bool good = XXH3_64bits(from->p, n) == x->hash;
    if (good && x->packed) {
        if (!s->z && !(s->z = ZSTD_createDCtx()))
            return fail(ST_SYS, "no memory for zstd");
        ZSTD_DCtx_setParameter(s->z, FEED_NO_CHECKSUM, 1);     /* ours was right */
        n = ZSTD_decompressDCtx(s->z, to->p, (size_t)x->raw, from->p, n);
        good = !ZSTD_isError(n) && n == (size_t)x->raw;
    }
    if (!good && !x->packed)
        return fail(ST_DATA, "the bytes from %lld on changed since the file was opened",
                    (long long)x->at);
    if (!good)
        return fail(ST_DATA, "frame %lld, at byte %lld, is damaged", (long long)x->number,
                    (long long)x->at);
    to->n = n;
    return ST_OK;
}

/* ---- opening by seek tables ---- */

/* A frame that holds one record alone, header or end. */
static enum st one_record(struct shard *s, const struct table_row *row, int64_t at, struct rec *r,
                          char why[REC_WHY])
{
    struct slice x = {
        .at = at, .bytes = row->bytes, .hash = row->hash, .packed = true, .raw = row->raw
    };
    struct buf b = { 0 };
    enum st st = row->rows || row->raw > SLICE_FRAME_MAX
                     ? fail(ST_DATA, "the seek table is not that of a stream")
                     : slice_read(s, &x, &b);
    const uint8_t *keep = NULL;
    if (st == ST_OK && !(keep = arena_get(s->keep, MAX(b.n, 1))))
        st = ST_SYS;
    if (st == ST_OK) {
        memcpy((void *)keep, b.p, b.n);
        st = rec_read(r, keep, b.n, 2, s->now);
    }
    buf_free(&b);
    *why = 0;
    return st;
}

static enum st open_part(struct shard *s, const struct table_row *row, const struct table_part *p,
                         bool first)
{
    struct rec r;
    struct end e;
    char why[REC_WHY];
    int64_t at = p->start, n = p->n_rows;
    int64_t rows = s->rows;
    struct header *h = first ? &s->h : ARENA_NEW(s->keep, struct header, 1);
    enum st st = h ? one_record(s, &row[0], at, &r, why) : ST_SYS;
    if (st != ST_OK)
        return st;
    if (r.kind != REC_HEADER || header_take(h, &r, s->keep, why) != ST_OK)
        return fail(ST_DATA, "the part at byte %lld has no good header; %s", (long long)at, why);
    if (!first && ((st = header_same(&s->h, "the part before", h, "the part behind")) != ST_OK ||
                   (st = header_merge(&s->h, h)) != ST_OK))
        return st;
    int64_t number = s->last;
    for (int64_t i = 0; i < n - 1; at += row[i++].bytes) {
        number++;
        struct slice x = { .info = { 0, row[i].rows, row[i].tokens, row[i].longest },
                           .at = at,
                           .bytes = row[i].bytes,
                           .hash = row[i].hash,
                           .packed = true,
                           .raw = row[i].raw,
                           .len = row[i].raw,
                           .number = number };
        if (x.raw > SLICE_FRAME_MAX)
            return fail(ST_DATA, "frame %lld has %lld bytes, the most is %d; the seek table is "
                                 "not that of a stream",
                        (long long)number, (long long)x.raw, SLICE_FRAME_MAX);
        if (row[i].rows && (st = add_slice(s, x)) != ST_OK)
            return st;
    }
    s->last = number + 1;
    if ((st = one_record(s, &row[n - 1], at, &r, why)) != ST_OK)
        return st;
    if (r.kind != REC_END || end_take(&e, &r, why) != ST_OK || e.n != s->rows - rows)
        return fail(ST_DATA, "the part at byte %lld has no good end record; %s",
                    (long long)p->start, why);
    return e.status;
}

enum st slice_by_tables(struct shard *s, int64_t size)
{
    struct buf parts = { 0 }, rows = { 0 };
    bool all;
    enum st st = table_find(s->fd, size, &parts, &rows, &all);
    int64_t n = (int64_t)(parts.n / sizeof(struct table_part));
    if (st == ST_OK && (!all || n == 0))
        st = ST_END;
    for (int64_t i = n - 1; i >= 0 && st == ST_OK; i--) {
        const struct table_part *p = (const struct table_part *)parts.p + i;
        st = open_part(s, (const struct table_row *)(rows.p + p->rows_at), p, i == n - 1);
    }
    buf_free(&parts);
    buf_free(&rows);
    return st;
}

/* ---- opening by a scan ---- */

struct scan { struct slice x; XXH3_state_t *hash; };

/* The slice is whole; one in a frame that did not end is not kept. */
static enum st close_slice(struct shard *s, struct scan *c, const struct feed *f)
{
    struct slice *x = &c->x;
    struct slice done = *x;
    x->info.rows = 0;
    if (done.info.rows == 0)
        return ST_OK;
    if (done.packed) {
        const struct feed_frame *all = (const struct feed_frame *)f->all.p;
        if (done.number > (int64_t)(f->all.n / sizeof *all))
            return ST_OK;
        const struct table_row *row = &all[done.number - 1].row;
        if (row->raw > SLICE_FRAME_MAX)
            return fail(ST_DATA,
                        "one zstd frame of %lld MiB, rows cannot be picked from it; zstd -dc it "
                        "into a file first",
                        (long long)(row->raw >> 20));
        done.bytes = row->bytes;
        done.hash = row->hash;
        done.raw = row->raw;
    } else {
        done.bytes = done.raw = done.len;
        done.hash = XXH3_64bits_digest(c->hash);
    }
    return add_slice(s, done);
}

static enum st scan_row(struct shard *s, struct scan *c, struct in *in, const struct rec *r)
{
    struct feed *f = in_feed(in);
    struct slice *x = &c->x;
    int64_t where = in_where(in), at = f->framed ? f->frame_at : x->at;
    enum st st = ST_OK;
    if (where < 0)
        return fail(ST_DATA, "a row reaches over the edge of a zstd frame, rows cannot be picked "
                             "from it; zstd -dc it into a file first");
    bool goes_on = x->info.rows && x->packed == f->framed &&
                   (f->framed
                        ? x->at == at && x->skip + x->len == where
                        : x->at + x->len == where && x->len + (int64_t)r->raw_bytes <= SLICE_BYTES);
    if (!goes_on) {
        if ((st = close_slice(s, c, f)) != ST_OK)
            return st;
        *x = (struct slice){ .packed = f->framed,
                             .at = f->framed ? at : where,
                             .skip = f->framed ? where : 0,
                             .number = f->framed ? f->frame : 0 };
        XXH3_64bits_reset(c->hash);
    }
    if (!f->framed)
        XXH3_64bits_update(c->hash, r->raw, r->raw_bytes);
    x->len += (int64_t)r->raw_bytes;
    x->info.rows++;
    x->info.tokens += r->n_tokens;
    x->info.longest = MAX(x->info.longest, r->n_tokens);
    return ST_OK;
}

/* Slices of what the reader gives; *cut is what ended it before its end, to be forgiven. */
static enum st scan_rows(struct shard *s, struct in *in, bool recover, enum st *cut)
{
    struct scan c = { .hash = arena_get(s->keep, sizeof(XXH3_state_t)) };
    const struct header *h;
    struct rec r;
    enum st st;
    *cut = ST_OK;
    in_feed(in)->keep = true;
    if (!c.hash)
        return ST_SYS;
    if ((st = in_header(in, &h)) != ST_OK)
        return st;
    while ((st = in_next(in, &r)) == ST_OK)
        if ((st = scan_row(s, &c, in, &r)) != ST_OK)
            return st;
    s->h = *h;
    if (st != ST_END && (st == ST_SYS || !recover))
        return st;
    if (st != ST_END)
        *cut = st;
    return close_slice(s, &c, in_feed(in));
}

enum st slice_by_scan(struct shard *s, bool recover)
{
    struct in *in;
    enum st cut, st;
    s->slices.n = 0;
    s->n_slices = s->rows = s->tokens = 0;
    if (lseek(s->fd, 0, SEEK_SET) < 0)
        return fail_sys("cannot go to its start");
    if ((st = in_open_fd(&in, s->fd, s->name, NULL, NULL, true, s->keep)) != ST_OK)
        return st;
    if ((st = scan_rows(s, in, recover, &cut)) == ST_OK && cut != ST_OK) {
        warn("%s: %lld rows recovered, %lld of a broken frame left out; %s", s->name,
             (long long)s->rows, (long long)(in_count(in) - s->rows),
             *err_text() ? err_text() : "its writer did not end well");
        err_clear();
    }
    in_close(in);
    return st;
}

