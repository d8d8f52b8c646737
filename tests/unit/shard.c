/* shard.c - shards: rows by index by every way, flipped bits, cuts at every frame's edge, recovery.
 */
#include <zstd.h>

#include "stream/table.h"
#include "tests/unit/rows.h"

enum { N = 120, PER_FRAME = 10 };

static struct arena *arena;

static struct view shard_bytes(const char *name)
{
    rows_write(name, OUT_SHARD, N, PER_FRAME);
    return rows_file(name, arena);
}

/* The edges of the frames of a file, the first 0, the last its end; the table is a frame. */
static int edges_of(struct view v, size_t *edge, int most)
{
    int n = 0;
    size_t at = 0;
    while (at < v.n && n < most) {
        edge[n++] = at;
        size_t k = ZSTD_findFrameCompressedSize(v.p + at, v.n - at);
        CHECK(!ZSTD_isError(k));
        at += k;
    }
    edge[n++] = at;
    return n;
}

/* All rows in a scattered order equal those written; rows beyond N are those from the start again.
 */
static void check_rows(struct shard *s, int64_t n)
{
    struct buf b = { 0 };
    struct rec r;
    CHECK(shard_rows(s) == n);
    for (int64_t k = 0; k < n; k++) {
        int64_t i = k * 53 % n;
        b.n = 0;
        int64_t tokens = rows_make(&b, i % N);
        CHECK_ST(shard_row(s, i, &r), ST_OK);
        CHECK(r.raw_bytes == b.n && memcmp(r.raw, b.p, b.n) == 0 && r.n_tokens == tokens);
    }
    buf_free(&b);
}

static void by_index(void **state)
{
    const char *rec = rows_name("a.rec"), *raw = rows_name("a.raw"), *cat = rows_name("a.cat");
    struct shard *s;
    (void)state;
    struct view one = shard_bytes(rec);
    rows_write(raw, OUT_RAW, N, 0);
    struct view two = rows_file(raw, arena);
    CHECK_ST(shard_open(&s, rec, false, arena), ST_OK);
    CHECK(shard_frames(s) == N / PER_FRAME && shard_header(s)->vocab == 300);
    int64_t rows = 0, tokens = 0;
    for (int64_t f = 0; f < shard_frames(s); f++) {
        struct frame x = shard_frame(s, f);
        CHECK(x.row == rows && x.rows == PER_FRAME && x.longest > 0 && x.longest <= x.tokens);
        rows += x.rows;
        tokens += x.tokens;
    }
    CHECK(tokens == shard_tokens(s));
    check_rows(s, N);
    CHECK_ST(shard_verify(s), ST_OK);
    check_rows(s, N);
    shard_close(s);
    CHECK_ST(shard_open(&s, raw, false, arena), ST_OK);
    CHECK(shard_tokens(s) == tokens);
    check_rows(s, N);
    CHECK_ST(shard_verify(s), ST_OK);
    shard_close(s);
    for (int order = 0; order < 4; order++) {
        struct view x = order & 1 ? one : two, y = order & 2 ? one : two;
        char *p = arena_get(arena, x.n + y.n);
        memcpy(p, x.p, x.n);
        memcpy(p + x.n, y.p, y.n);
        rows_save(cat, p, x.n + y.n);
        CHECK_ST(shard_open(&s, cat, false, arena), ST_OK);
        CHECK(shard_tokens(s) == 2 * tokens && shard_header(s)->n_sources == 1);
        check_rows(s, 2 * N);
        CHECK_ST(shard_verify(s), ST_OK);
        shard_close(s);
    }
    rows_write(rec, OUT_SHARD, 0, 0);                  /* no rows at all */
    CHECK_ST(shard_open(&s, rec, false, arena), ST_OK);
    CHECK(shard_rows(s) == 0 && shard_frames(s) == 0);
    CHECK_ST(shard_verify(s), ST_OK);
    shard_close(s);
}

/* zstd as others write it: one frame for all, without our table; with and without its size told. */
static void foreign(void **state)
{
    const char *raw = rows_name("f.raw"), *name = rows_name("f.zst");
    uint64_t chain;
    int64_t n;
    (void)state;
    rows_write(raw, OUT_RAW, N, 0);
    struct view v = rows_file(raw, arena);
    size_t room = ZSTD_compressBound(v.n);
    char *p = arena_get(arena, 2 * room);
    for (int how = 0; how < 3; how++) {
        ZSTD_CCtx *z = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, how == 0);
        ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, how != 2);
        size_t k = ZSTD_compress2(z, p, room, v.p, how == 2 ? v.n / 2 : v.n);
        if (how == 2)                                  /* two frames that meet within a record */
            k += ZSTD_compress2(z, p + k, room, v.p + v.n / 2, v.n - v.n / 2);
        ZSTD_freeCCtx(z);
        rows_save(name, p, k);
        CHECK_ST(rows_read(name, &n, &chain), ST_END);
        CHECK(n == N && chain == rows_chain(N));
        struct shard *s;
        if (how == 2) {
            CHECK_ST(shard_open(&s, name, false, arena), ST_DATA);
            CHECK(strstr(err_text(), "over the edge"));
            err_clear();
            continue;
        }
        CHECK_ST(shard_open(&s, name, false, arena), ST_OK);
        check_rows(s, N);
        shard_close(s);
        memcpy(p + k, p, k);
        rows_save(name, p, 2 * k);
        CHECK_ST(shard_open(&s, name, false, arena), ST_OK);
        check_rows(s, 2 * N);
        shard_close(s);
    }
}

/* 10,000 bits, one at a time: a full read finds each. */
static void flipped(void **state)
{
    const char *name = rows_name("flip.rec");
    uint64_t chain;
    int64_t n, missed = 0;
    (void)state;
    rows_write(name, OUT_SHARD, 30, 6);
    struct view v = rows_file(name, arena);
    int fd = open(name, O_RDWR);
    CHECK(fd >= 0);
    for (uint64_t k = 0; k < 10000; k++) {
        uint64_t bit = rng_perm(11, RNG_TEST, v.n * 8, k % (v.n * 8));
        char byte = (char)(v.p[bit / 8] ^ 1 << bit % 8);
        CHECK(pwrite(fd, &byte, 1, (off_t)(bit / 8)) == 1 && lseek(fd, 0, SEEK_SET) == 0);
        enum st st = rows_read_fd(fd, name, &n, &chain);
        if (st != ST_DATA || !*err_text())
            missed++;
        err_clear();
        CHECK(pwrite(fd, v.p + bit / 8, 1, (off_t)(bit / 8)) == 1);
    }
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_ST(rows_read_fd(fd, name, &n, &chain), ST_END);
    close(fd);
    CHECK(missed == 0);
}

/* The frame is named, by a reader and by a row taken from it; rows of other frames can be had. */
static void named(void **state)
{
    const char *name = rows_name("named.rec");
    struct view v = shard_bytes(name);
    size_t edge[32];
    char want[32], *p = arena_get(arena, v.n);
    uint64_t chain;
    int64_t n;
    struct shard *s;
    struct rec r;
    (void)state;
    int n_edges = edges_of(v, edge, 32);
    CHECK(n_edges == N / PER_FRAME + 4);
    for (int f = 1; f <= N / PER_FRAME; f++) {
        memcpy(p, v.p, v.n);
        p[(edge[f] + edge[f + 1]) / 2] ^= 4;
        rows_save(name, p, v.n);
        snprintf(want, sizeof want, "frame %d,", f + 1);
        CHECK_ST(rows_read(name, &n, &chain), ST_DATA);
        CHECK(n == (f - 1) * PER_FRAME && chain == rows_chain(n) && strstr(err_text(), want));
        err_clear();
        CHECK_ST(shard_open(&s, name, false, arena), ST_OK);
        CHECK_ST(shard_row(s, (f - 1) * PER_FRAME, &r), ST_DATA);
        CHECK(strstr(err_text(), want));
        err_clear();
        CHECK_ST(shard_row(s, f * PER_FRAME % N, &r), ST_OK);
        CHECK_ST(shard_verify(s), ST_DATA);
        CHECK(strstr(err_text(), want));
        err_clear();
        shard_close(s);
    }
}

/* Recovery warns, which is not to be seen here. */
static enum st recover(struct shard **s, const char *name)
{
    int keep = dup(2), quiet = open("/dev/null", O_WRONLY);
    dup2(quiet, 2);
    enum st st = shard_open(s, name, true, arena);
    dup2(keep, 2);
    close(keep);
    close(quiet);
    return st;
}

/* Cut at every edge, one byte before and one behind: 3 in a file, the words say where; what is
 * recovered is the frames before. */
static void cut(void **state)
{
    const char *name = rows_name("cut.rec");
    struct view v = shard_bytes(name);
    size_t edge[32];
    uint64_t chain;
    int64_t n;
    struct shard *s;
    (void)state;
    int n_edges = edges_of(v, edge, 32);
    for (int e = 0; e < n_edges; e++)
        for (int off = -1; off <= 1; off++) {
            size_t k = edge[e] + (size_t)off;
            if ((e == 0 && off < 0) || k >= v.n)
                continue;
            int frames = off < 0 ? e - 1 : e;          /* that are whole */
            int64_t rows = MIN(MAX(frames - 1, 0) * PER_FRAME, N);
            rows_save(name, v.p, k);
            CHECK_ST(rows_read(name, &n, &chain), ST_DATA);
            CHECK(n == rows && chain == rows_chain(rows));
            CHECK(strstr(err_text(), k == 0  ? "empty"
                                     : k < 4 ? "not a stream"
                                             : "the file was cut"));
            err_clear();
            CHECK_ST(shard_open(&s, name, false, arena), ST_DATA);
            err_clear();
            CHECK_ST(recover(&s, name), frames == 0 ? ST_DATA : ST_OK);
            if (frames > 0) {
                CHECK_STR(err_text(), "");
                CHECK(shard_rows(s) == rows);
                struct rec r;
                for (int64_t i = rows - 1; i >= 0; i--)
                    CHECK_ST(shard_row(s, i, &r), ST_OK);
                shard_close(s);
            }
            err_clear();
        }
    rows_write(name, OUT_RAW, N, 0);                   /* of a raw stream, the whole records */
    v = rows_file(name, arena);
    rows_save(name, v.p, v.n / 2);
    CHECK_ST(shard_open(&s, name, false, arena), ST_DATA);
    err_clear();
    CHECK_ST(recover(&s, name), ST_OK);
    CHECK(shard_rows(s) > N / 4 && shard_rows(s) < N);
    shard_close(s);
}

/* A table that says other than its frames is found though its own sum is right. */
static void liar(void **state)
{
    const char *name = rows_name("liar.rec");
    struct view v = shard_bytes(name);
    struct table_row row[32];
    struct buf b = { 0 };
    uint64_t chain;
    int64_t rows;
    (void)state;
    int64_t n = table_foot((const uint8_t *)v.p + v.n - TABLE_FOOT);
    size_t at = v.n - table_bytes(n);
    CHECK(n == N / PER_FRAME + 2 && table_take(row, n, (const uint8_t *)v.p + at));
    row[3].tokens++;
    CHECK_ST(buf_add(&b, v.p, at), ST_OK);
    CHECK_ST(table_put(&b, row, n), ST_OK);
    rows_save(name, b.p, b.n);
    CHECK_ST(rows_read(name, &rows, &chain), ST_DATA);
    CHECK(rows == N && strstr(err_text(), "frame 4 and its row in the seek table differ"));
    err_clear();
    b.n = at; /* and one that names more rows than there are */
    row[3].tokens--;
    row[3].rows += 5;
    row[4].rows -= 5;
    CHECK_ST(table_put(&b, row, n), ST_OK);
    rows_save(name, b.p, b.n);
    struct shard *s;
    struct rec r;
    CHECK_ST(shard_open(&s, name, false, arena), ST_OK);
    CHECK_ST(shard_row(s, 20 + 12, &r), ST_DATA);
    err_clear();
    shard_close(s);
    buf_free(&b);
}

/* zstd -dc of shards put together is a raw stream: the frames hold nothing else. */
static void plain_inside(void **state)
{
    const char *name = rows_name("p.rec"), *raw = rows_name("p.raw");
    struct view v = shard_bytes(name);
    (void)state;
    rows_write(raw, OUT_RAW, N, 0);
    struct view want = rows_file(raw, arena);
    char *p = arena_get(arena, want.n);
    size_t n = ZSTD_decompress(p, want.n, v.p, v.n);
    CHECK(n == want.n && memcmp(p, want.p, n) == 0);
}

int main(void)
{
    arena = arena_new(0);
    int failed = RUN(TEST(by_index), TEST(foreign), TEST(flipped), TEST(named), TEST(cut),
                     TEST(liar), TEST(plain_inside));
    arena_free(arena);
    return rows_gone(failed);
}
