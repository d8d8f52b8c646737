/* press.c - a ring of frames: one is being filled, those before it are compressed or wait for their
 * turn to be written. */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zstd.h>

#include "stream/press.h"
#include "stream/table.h"

enum {
    FRAME_BYTES = 1 << 20, /* raw bytes of a frame, more only for one record that is larger */
    LEVEL = 1,
};

struct frame {
    struct crew_job       job;
    struct press    *press;
    struct buf       raw, packed;
    struct table_row row;
    enum st          st;
    struct err_box   said;
};

struct press {
    press_write  *write;
    void         *arg;
    struct crew  *crew;                        /* NULL: nobody's */
    struct frame *ring;                        /* [n_ring] */
    int64_t       n_ring, given, taken;        /* frames; ring[given % n_ring] is being filled */
    ZSTD_CCtx   **z;                           /* [crew_size], each made by who uses it */
    struct buf    rows;                        /* struct table_row of those written */
};

static enum st room(struct press *p, int64_t n_ring, int64_t n_hands, struct arena *a)
{
    p->ring = ARENA_NEW(a, struct frame, n_ring);
    p->z = ARENA_NEW(a, ZSTD_CCtx *, n_hands);
    p->n_ring = n_ring;
    return p->ring && p->z ? ST_OK : ST_SYS;
}

struct press *press_new(press_write *write, void *arg, struct arena *a)
{
    struct press *p = ARENA_NEW(a, struct press, 1);

    if (!p || room(p, 1, 1, a) != ST_OK)
        return NULL;
    p->write = write;
    p->arg = arg;
    return p;
}

static void let_go(struct press *p)
{
    int n_hands = p->crew ? crew_size(p->crew) : 1;

    for (; p->taken < p->given && p->crew; p->taken++)
        crew_wait(p->crew, &p->ring[p->taken % p->n_ring].job);
    for (int64_t i = 0; i < p->n_ring; i++) {
        buf_free(&p->ring[i].raw);
        buf_free(&p->ring[i].packed);
    }
    for (int i = 0; i < n_hands; i++)
        ZSTD_freeCCtx(p->z[i]);
}

enum st press_crew(struct press *p, struct crew *crew, struct arena *a)
{
    enum st st = press_flush(p);
    int n = crew_size(crew);

    if (st != ST_OK || n == 1)
        return st;
    let_go(p);                                 /* a frame takes a fraction of its records' time */
    p->crew = crew;
    p->given = p->taken = 0;
    return room(p, 2 + n / 4, n, a);
}

void press_free(struct press *p)
{
    if (!p)
        return;
    let_go(p);
    buf_free(&p->rows);
}

static enum st compress(struct frame *f, ZSTD_CCtx **z)
{
    if (!*z && !(*z = ZSTD_createCCtx()))
        return fail(ST_SYS, "no memory for zstd");
    ZSTD_CCtx_setParameter(*z, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(*z, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(*z, ZSTD_c_contentSizeFlag, 1);
    f->packed.n = 0;
    if (buf_room(&f->packed, ZSTD_compressBound(f->raw.n)) != ST_OK)
        return ST_SYS;
    size_t n = ZSTD_compress2(*z, f->packed.p, f->packed.cap, f->raw.p, f->raw.n);
    if (ZSTD_isError(n))
        return fail(ST_SYS, "zstd: %s", ZSTD_getErrorName(n));
    f->packed.n = n;
    f->row.bytes = (int64_t)n;
    f->row.raw = (int64_t)f->raw.n;
    f->row.hash = XXH3_64bits(f->packed.p, n);
    return ST_OK;
}

static void run(struct crew_job *j, int who)
{
    struct frame *f = (struct frame *)j;

    err_apart(&f->said);
    f->st = compress(f, &f->press->z[who]);
    err_apart(NULL);
}

/* The oldest frame is written, and its place in the ring free. */
static enum st take(struct press *p)
{
    struct frame *f = &p->ring[p->taken++ % p->n_ring];

    if (p->crew)
        crew_wait(p->crew, &f->job);
    err_take(&f->said);
    if (f->st != ST_OK)
        return f->st;
    if (buf_add(&p->rows, &f->row, sizeof f->row) != ST_OK)
        return ST_SYS;
    f->row = (struct table_row){ 0 };
    f->raw.n = 0;
    return p->write(p->arg, f->packed.p, f->packed.n);
}

enum st press_close(struct press *p)
{
    struct frame *f = &p->ring[p->given % p->n_ring];

    if (f->raw.n == 0)
        return ST_OK;
    f->press = p;
    f->job.run = run;
    p->given++;
    if (p->crew)
        crew_give(p->crew, &f->job);
    else
        run(&f->job, 0);
    return p->given - p->taken == p->n_ring ? take(p) : ST_OK;
}

enum st press_flush(struct press *p)
{
    enum st st = press_close(p);

    while (st == ST_OK && p->taken < p->given)
        st = take(p);
    return st;
}

enum st press_bytes(struct press *p, const void *raw, size_t n_bytes)
{
    struct buf *b = &p->ring[p->given % p->n_ring].raw;

    if (b->cap == 0 && buf_room(b, FRAME_BYTES) != ST_OK)
        return ST_SYS;
    return buf_add(b, raw, n_bytes);
}

enum st press_record(struct press *p, const void *raw, size_t n_bytes, int64_t n_tokens)
{
    struct frame *f = &p->ring[p->given % p->n_ring];

    if (f->raw.n && f->raw.n + n_bytes > FRAME_BYTES) {
        enum st st = press_close(p);
        if (st != ST_OK)
            return st;
        f = &p->ring[p->given % p->n_ring];
    }
    f->row.rows++;
    f->row.tokens += n_tokens;
    f->row.longest = MAX(f->row.longest, n_tokens);
    return press_bytes(p, raw, n_bytes);
}

enum st press_table(const struct press *p, struct buf *to)
{
    return table_put(to, (const struct table_row *)p->rows.p,
                     (int64_t)(p->rows.n / sizeof(struct table_row)));
}
