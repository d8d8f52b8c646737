/* shard.c - rows by index.
 *
 * A file is cut into slices, each some rows that lie together: a frame of a shard as its seek table tells, or about 1 MiB of a
 * raw stream, or a foreign frame.  A row's slice is found by halving, decoded once, and kept while there is room, so
 * that a shuffle within a group of frames decodes each of them once.  What was read by the tables alone is checked
 * when it is used: every slice has a hash over its bytes in the file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "stream/feed.h"

enum {
    SLICE_BYTES = 1 << 20,                     /* of a raw stream */
    FRAME_MAX   = 64 << 20,                    /* a foreign frame larger than this is not decoded for a row's sake */
    KEEP_BYTES  = 288 << 20,                   /* decoded slices kept */
    NOW_BYTES   = 64 << 20,
};

struct slice {
    struct frame info;
    int64_t      at, bytes;                    /* in the file */
    uint64_t     hash;                         /* XXH3 of those bytes */
    bool         packed;                       /* they are a zstd frame */
    int64_t      raw, skip, len;               /* its raw bytes; the rows lie in [skip, skip + len) of them */
    int64_t      slot;                         /* where it is decoded, or -1 */
    int64_t      number;                       /* of its frame in the file, from 1; 0 in a raw part */
};

struct slot {
    struct buf data, index;                    /* decoded; uint32_t offsets of the rows met so far */
    size_t     walked;
    int64_t    slice;
    uint64_t   when;
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
};

static struct slice *slice_of(const struct shard *s, int64_t i)
{
    return (struct slice *)s->slices.p + i;
}

static struct slot *slot_of(const struct shard *s, int64_t i)
{
    return (struct slot *)s->slots.p + i;
}

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

/* The raw bytes of a slice, all of its frame, into *to. */
static enum st decode(struct shard *s, const struct slice *x, struct buf *to)
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
        n = ZSTD_decompressDCtx(s->z, to->p, (size_t)x->raw, from->p, n);
        good = !ZSTD_isError(n) && n == (size_t)x->raw;
    }
    if (!good && !x->packed)
        return fail(ST_DATA, "the bytes from %lld on changed since the file was opened", (long long)x->at);
    if (!good)
        return fail(ST_DATA, "frame %lld, at byte %lld, is damaged", (long long)x->number, (long long)x->at);
    to->n = n;
    return ST_OK;
}

/* ---- opening by seek tables ---- */

struct part { int64_t start, n_rows; size_t rows_at; };

/* A frame that holds one record alone, header or end. */
static enum st one_record(struct shard *s, const struct table_row *row, int64_t at, struct rec *r, char why[REC_WHY])
{
    struct slice x = { .at = at, .bytes = row->bytes, .hash = row->hash, .packed = true, .raw = row->raw };
    struct buf b = { 0 };
    enum st st = row->rows || row->raw > FRAME_MAX ? fail(ST_DATA, "the seek table is not that of a stream") : decode(s, &x, &b);
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

static enum st open_part(struct shard *s, const struct table_row *row, const struct part *p, bool first)
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
        struct slice x = { .info = { 0, row[i].rows, row[i].tokens, row[i].longest }, .at = at, .bytes = row[i].bytes,
                           .hash = row[i].hash, .packed = true, .raw = row[i].raw, .len = row[i].raw, .number = number };
        if (row[i].rows && (st = add_slice(s, x)) != ST_OK)
            return st;
    }
    s->last = number + 1;
    if ((st = one_record(s, &row[n - 1], at, &r, why)) != ST_OK)
        return st;
    if (r.kind != REC_END || end_take(&e, &r, why) != ST_OK || e.n != s->rows - rows)
        return fail(ST_DATA, "the part at byte %lld has no good end record; %s", (long long)p->start, why);
    return e.status;
}

/* Backward from the end of the file, table by table.  ST_END: the file is not tables all through; it must be scanned. */
static enum st find_tables(struct shard *s, int64_t end, struct buf *parts, struct buf *rows)
{
    struct buf disk = { 0 };
    enum st st = ST_OK;
    while (end > 0 && st == ST_OK) {
        uint8_t foot[TABLE_FOOT];
        int64_t n = -1;
        if (end >= TABLE_FOOT && (st = read_at(s, end - TABLE_FOOT, foot, sizeof foot)) == ST_OK)
            n = table_foot(foot);
        if (st != ST_OK)
            break;
        size_t bytes = table_bytes(MAX(n, 0));
        st = ST_END;
        if (n < 2 || (int64_t)bytes > end)
            break;
        struct part p = { end - (int64_t)bytes, n, rows->n };
        disk.n = 0;
        if (buf_room(&disk, bytes) != ST_OK || buf_room(rows, (size_t)n * sizeof(struct table_row)) != ST_OK) {
            st = ST_SYS;
            break;
        }
        struct table_row *row = (struct table_row *)(rows->p + rows->n);
        if ((st = read_at(s, p.start, disk.p, bytes)) != ST_OK)
            break;
        st = table_take(row, n, (const uint8_t *)disk.p) ? ST_OK : ST_END;
        for (int64_t i = 0; i < n && st == ST_OK; i++)
            p.start -= row[i].bytes;
        if (st != ST_OK || p.start < 0)
            break;
        rows->n += (size_t)n * sizeof *row;
        st = buf_add(parts, &p, sizeof p);
        end = p.start;
    }
    buf_free(&disk);
    return st == ST_OK && end != 0 ? ST_END : st;
}

static enum st open_by_tables(struct shard *s, int64_t size)
{
    struct buf parts = { 0 }, rows = { 0 };
    enum st st = size > 0 ? find_tables(s, size, &parts, &rows) : ST_END;
    int64_t n = (int64_t)(parts.n / sizeof(struct part));
    for (int64_t i = n - 1; i >= 0 && st == ST_OK; i--) {
        const struct part *p = (const struct part *)parts.p + i;
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
        if (row->raw > FRAME_MAX)
            return fail(ST_DATA, "one zstd frame of %lld MiB, rows cannot be picked from it; zstd -dc it into a file first",
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
        return fail(ST_DATA, "a row reaches over the edge of a zstd frame, rows cannot be picked from it; zstd -dc it into "
                    "a file first");
    bool goes_on = x->info.rows && x->packed == f->framed &&
                   (f->framed ? x->at == at && x->skip + x->len == where
                              : x->at + x->len == where && x->len + (int64_t)r->raw_bytes <= SLICE_BYTES);
    if (!goes_on) {
        if ((st = close_slice(s, c, f)) != ST_OK)
            return st;
        *x = (struct slice){ .packed = f->framed, .at = f->framed ? at : where, .skip = f->framed ? where : 0,
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

static enum st open_by_scan(struct shard *s, bool recover)
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
        warn("%s: %lld rows recovered, %lld of a broken frame left out; %s", s->name, (long long)s->rows,
             (long long)(in_count(in) - s->rows), *err_text() ? err_text() : "its writer did not end well");
        err_clear();
    }
    in_close(in);
    return st;
}

enum st shard_open(struct shard **shard, const char *name, bool recover, struct arena *a)
{
    struct shard *s = ARENA_NEW(a, struct shard, 1);
    struct stat is;
    *shard = NULL;
    if (!s || !(s->name = arena_text(a, view_of(name))))
        return ST_SYS;
    s->keep = a;
    s->now = arena_new(NOW_BYTES);
    err_place("%s", name);
    s->fd = open(name, O_RDONLY | O_CLOEXEC);
    enum st st = ST_OK;
    if (s->fd < 0 || fstat(s->fd, &is) != 0)
        st = fail_sys("cannot open");
    else if (!S_ISREG(is.st_mode))
        st = fail(ST_SYS, "not a file; rows by index need one");
    if (st == ST_OK) {
        st = open_by_tables(s, (int64_t)is.st_size);
        if (st == ST_DATA && recover)
            err_clear();
        if (st == ST_END || (st != ST_OK && st != ST_SYS && recover))
            st = open_by_scan(s, recover);
    }
    s->last = 0;
    if (st != ST_OK)
        shard_close(s);
    else
        *shard = s;
    return st;
}

void shard_close(struct shard *s)
{
    if (!s)
        return;
    for (int64_t i = 0; i < s->n_slots; i++) {
        buf_free(&slot_of(s, i)->data);
        buf_free(&slot_of(s, i)->index);
    }
    buf_free(&s->slices);
    buf_free(&s->slots);
    buf_free(&s->scratch);
    ZSTD_freeDCtx(s->z);
    arena_free(s->now);
    if (s->fd >= 0)
        close(s->fd);
}

/* ---- rows ---- */

const struct header *shard_header(const struct shard *s) { return &s->h; }
int64_t shard_rows(const struct shard *s) { return s->rows; }
int64_t shard_tokens(const struct shard *s) { return s->tokens; }
int64_t shard_frames(const struct shard *s) { return s->n_slices; }

struct frame shard_frame(const struct shard *s, int64_t f)
{
    BUG_IF(f < 0 || f >= s->n_slices);
    return slice_of(s, f)->info;
}

static int64_t find_slice(struct shard *s, int64_t row)
{
    int64_t low = 0, high = s->n_slices;
    const struct frame *last = &slice_of(s, s->last)->info;
    if (row >= last->row && row < last->row + last->rows)
        return s->last;
    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        if (slice_of(s, mid)->info.row <= row)
            low = mid;
        else
            high = mid;
    }
    return s->last = low;
}

/* A slot for a slice of n bytes: a new one while there is room, else the one not used for longest. */
static struct slot *take_slot(struct shard *s, int64_t n)
{
    int64_t oldest = -1;
    if (s->kept_bytes + n <= KEEP_BYTES || s->n_slots == 0) {
        struct slot new = { .slice = -1 };
        if (buf_add(&s->slots, &new, sizeof new) != ST_OK)
            return NULL;
        oldest = s->n_slots++;
    } else {
        for (int64_t i = 0; i < s->n_slots; i++)
            if (oldest < 0 || slot_of(s, i)->when < slot_of(s, oldest)->when)
                oldest = i;
    }
    struct slot *slot = slot_of(s, oldest);
    s->kept_bytes -= (int64_t)slot->data.cap;
    if (slot->slice >= 0)
        slice_of(s, slot->slice)->slot = -1;
    slot->slice = -1;
    slot->index.n = slot->walked = 0;
    return slot;
}

static enum st load(struct shard *s, int64_t i, struct slot **slot)
{
    struct slice *x = slice_of(s, i);
    if (x->slot >= 0) {
        *slot = slot_of(s, x->slot);
        return ST_OK;
    }
    if (!(*slot = take_slot(s, x->raw)))
        return ST_SYS;
    enum st st = decode(s, x, &(*slot)->data);
    s->kept_bytes += (int64_t)(*slot)->data.cap;
    if (st != ST_OK)
        return st;
    (*slot)->walked = (size_t)x->skip;
    (*slot)->slice = i;
    x->slot = *slot - slot_of(s, 0);
    return ST_OK;
}

enum st shard_row(struct shard *s, int64_t i, struct rec *r)
{
    BUG_IF(i < 0 || i >= s->rows);
    char why[REC_WHY];
    struct slot *slot;
    int64_t f = find_slice(s, i);
    const struct slice *x = slice_of(s, f);
    enum st st = ST_OK;
    if (x->slot < 0)
        err_place("%s:%lld", s->name, (long long)i + 1);
    if ((st = load(s, f, &slot)) != ST_OK)
        return st;
    slot->when = ++s->clock;
    size_t k = (size_t)(i - x->info.row), end = (size_t)(x->skip + x->len);
    for (size_t n = slot->index.n / sizeof(uint32_t); n <= k; n++) {
        struct mp_walk w = { 0 };
        const char *what;
        uint32_t at = (uint32_t)slot->walked;
        if (mp_walk(&w, slot->data.p + at, end - at, &what) != ST_OK)
            goto wrong;
        if (buf_add(&slot->index, &at, sizeof at) != ST_OK)
            return ST_SYS;
        slot->walked += w.at;
    }
    uint32_t at = ((const uint32_t *)slot->index.p)[k];
    arena_back(s->now, 0);
    st = rec_take(r, slot->data.p + at, end - at, s->h.width, s->now, why);
    if (st == ST_OK || st == ST_SYS)
        return st;
    err_place("%s:%lld", s->name, (long long)i + 1);
    if (st == ST_DATA)
        return fail(ST_DATA, "%s", why);
wrong:
    err_place("%s:%lld", s->name, (long long)i + 1);
    return fail(ST_DATA, "frame %lld holds other rows than its seek table says", (long long)x->number);
}

enum st shard_verify(struct shard *s)
{
    struct arena *a = arena_new(0);
    struct in *in;
    struct rec r;
    err_place("%s", s->name);
    enum st st = lseek(s->fd, 0, SEEK_SET) < 0 ? fail_sys("cannot go to its start") : ST_OK;
    if (st == ST_OK && (st = in_open_fd(&in, s->fd, s->name, NULL, NULL, false, a)) == ST_OK) {
        while ((st = in_next(in, &r)) == ST_OK)
            ;
        in_close(in);
    }
    arena_free(a);
    return st == ST_END ? ST_OK : st;
}
