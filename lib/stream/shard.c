/* shard.c - rows by index.
 *
 * A file is cut into slices, each some rows that lie together: a frame of a shard as its seek table
 * tells, or about 1 MiB of a raw stream, or a foreign frame.  A row's slice is found by halving,
 * decoded once, and kept while there is room.  What was told by tables alone is checked when it is
 * used: every slice has a hash over its bytes in the file. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "stream/shape.h"
#include "stream/slice.h"

enum {
    KEEP_BYTES = 32 << 20,                     /* decoded slices kept */
    NOW_BYTES  = 64 << 20,
};

struct slot {
    struct buf data, index; /* decoded; uint32_t offsets of the rows met so far */
    size_t     walked;
    int64_t    slice;
    uint64_t   when;
};

static struct slot *slot_of(const struct shard *s, int64_t i)
{
    return (struct slot *)s->slots.p + i;
}

enum st shard_open(struct shard **shard, const char *name, bool recover, struct arena *a)
{
    struct shard *s = ARENA_NEW(a, struct shard, 1);
    struct stat is;
    *shard = NULL;
    if (!s || !(s->name = arena_text(a, view_of(name))) || !(s->shapes = shape_new(a)))
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
        st = slice_by_tables(s, (int64_t)is.st_size);
        if (st == ST_DATA && recover)
            err_clear();
        if (st == ST_END || (st != ST_OK && st != ST_SYS && recover))
            st = slice_by_scan(s, recover);
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

/* A slot for a slice of n bytes: a new one while there is room, else the one not used for longest.
 */
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
    enum st st = slice_read(s, x, &(*slot)->data);
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
    st = shape_take(s->shapes, r, slot->data.p + at, end - at, s->h.width, s->now, why);
    if (st == ST_OK || st == ST_SYS)
        return st;
    err_place("%s:%lld", s->name, (long long)i + 1);
    if (st == ST_DATA)
        return fail(ST_DATA, "%s", why);
wrong:
    err_place("%s:%lld", s->name, (long long)i + 1);
    return fail(ST_DATA, "frame %lld holds other rows than its seek table says",
                (long long)x->number);
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
