/* stream.c - reading shards beside the bare decoder, rows by index, and parsing beside msgpack-c.
 *
 * The yardstick decodes the same frames from memory and does nothing else; we read the file,
 * decode, check every frame, parse and hash every record.  Runs take turns; medians are told. */
#include <fcntl.h>
#include <msgpack.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/file.h"
#include "tests/bench/bench.h"

enum { ROWS = 400000 };

static struct header header;

static enum st write_shard(const char *name, const struct buf *rows, struct arena *a)
{
    struct out *o;
    enum st st = out_open(&o, name, &header, OUT_SHARD, a);
    size_t mark = arena_mark(a);
    char why[REC_WHY];
    struct rec r;
    for (size_t at = 0; st == ST_OK && at < rows->n; at += r.raw_bytes) {
        if (rec_take(&r, rows->p + at, rows->n - at, 2, a, why) != ST_OK)
            return fail(ST_DATA, "%s", why);
        st = out_put(o, r.raw, r.raw_bytes, r.n_tokens);
        arena_back(a, mark);
    }
    return out_close(o, st, (struct view){ 0 });
}

/* Bytes decoded. */
static size_t bare(ZSTD_DCtx *z, struct view file, struct buf *to)
{
    size_t all = 0;
    for (size_t at = 0; at < file.n;) {
        size_t n = ZSTD_findFrameCompressedSize(file.p + at, file.n - at);
        size_t got = ZSTD_isError(n) ? n : ZSTD_decompressDCtx(z, to->p, to->cap, file.p + at, n);
        if (ZSTD_isError(got))
            return 0;
        all += got;
        at += n;
    }
    return all;
}

static enum st ours(const char *name, size_t *bytes, struct arena *a)
{
    struct in *in;
    struct rec r;
    enum st st = in_open(&in, name, a);
    *bytes = 0;
    if (st != ST_OK)
        return st;
    while ((st = in_next(in, &r)) == ST_OK)
        *bytes += r.raw_bytes;
    in_close(in);
    return st == ST_END ? ST_OK : st;
}

static enum st reading(const char *name, size_t raw, struct arena *a)
{
    double us[BENCH_TURNS], them[BENCH_TURNS];
    ZSTD_DCtx *z = ZSTD_createDCtx();
    struct buf to = { 0 };
    struct view file;
    size_t got = 0;
    enum st st = file_read(name, &file, (size_t)1 << 30, a);
    if (st == ST_OK)
        st = buf_room(&to, 2 << 20);
    for (int i = -1; i < BENCH_TURNS && st == ST_OK; i++) {
        double t0 = run_clock();
        size_t all = bare(z, file, &to);
        double t1 = run_clock();
        st = ours(name, &got, a);
        double t2 = run_clock();
        if (st == ST_OK && (got != raw || all <= raw))
            st = fail(ST_DATA, "the two read %zu and %zu of %zu bytes", got, all, raw);
        if (i >= 0) {
            them[i] = (double)all / (t1 - t0) / 1e6;
            us[i] = (double)got / (t2 - t1) / 1e6;
        }
    }
    if (st == ST_OK)
        bench_line("shard, read and checked", bench_median(us, BENCH_TURNS), "MB/s",
                   "ZSTD_decompress", bench_median(them, BENCH_TURNS), 0.8, true);
    ZSTD_freeDCtx(z);
    buf_free(&to);
    return st;
}

/* The first row taken from a frame pays for the frame; the worst of them is told. */
static enum st picking(const char *name, struct arena *a)
{
    struct shard *s;
    struct rec r;
    double t[1024], worst = 0, start = run_clock();
    enum st st = shard_open(&s, name, false, a);
    if (st != ST_OK)
        return st;
    double opened = run_clock() - start;
    int n = (int)MIN(shard_frames(s), countof(t));
    for (int i = 0; i < n && st == ST_OK; i++) {
        struct frame f = shard_frame(s, (i * 37) % n);
        double t0 = run_clock();
        st = shard_row(s, f.row + f.rows - 1, &r);
        t[i] = (run_clock() - t0) * 1e3;
        worst = MAX(worst, t[i]);
    }
    if (st == ST_OK)
        printf("row by index, from a new frame\t%.3g\tms\tthe worst of %d\t%.3g\t\tunder 1\t%s\n",
               bench_median(t, n), n, worst, bench_median(t, n) < 1 ? "reached" : "missed");
    printf("shard, opened\t%.3g\tms\t%d frames\t\t\t\t\n", opened * 1e3, n);
    shard_close(s);
    return st;
}

static enum st parsing(const struct buf *rows, struct arena *a)
{
    double us[BENCH_TURNS], them[BENCH_TURNS];
    char why[REC_WHY];
    size_t n_us = 0, n_them = 0, mark = arena_mark(a);
    struct rec r;
    for (int i = 0; i < BENCH_TURNS; i++) {
        double t0 = run_clock();
        n_us = n_them = 0;
        for (size_t at = 0; at < rows->n; at += r.raw_bytes, n_us++) {
            if (rec_take(&r, rows->p + at, rows->n - at, 2, a, why) != ST_OK)
                return fail(ST_DATA, "%s", why);
            arena_back(a, mark);
        }
        double t1 = run_clock();
        msgpack_unpacked u;
        msgpack_unpacked_init(&u);
        for (size_t at = 0; at < rows->n; n_them++)
            if (msgpack_unpack_next(&u, rows->p, rows->n, &at) != MSGPACK_UNPACK_SUCCESS)
                return fail(ST_DATA, "msgpack-c stops");
        msgpack_unpacked_destroy(&u);
        double t2 = run_clock();
        us[i] = (double)n_us / (t1 - t0) / 1e6;
        them[i] = (double)n_them / (t2 - t1) / 1e6;
    }
    if (n_us != n_them || n_us != ROWS)
        return fail(ST_DATA, "the two find %zu and %zu records", n_us, n_them);
    bench_line("records, walked and checked", bench_median(us, BENCH_TURNS), "M/s",
               "msgpack-c, unpacked only", bench_median(them, BENCH_TURNS), 1, true);
    return ST_OK;
}

int main(int argc, char **argv)
{
    struct arena *a = arena_new(0);
    struct buf rows = { 0 };
    char name[64];
    struct stat is;
    err_tool(argv[0]);
    (void)argc;
    bench_header(&header);
    snprintf(name, sizeof name, "/tmp/bench-stream-%d.rec", (int)getpid());
    enum st st = bench_rows(&rows, ROWS);
    if (st == ST_OK)
        st = write_shard(name, &rows, a);
    if (st == ST_OK && stat(name, &is) == 0)
        printf("shard, packed\t%.3g\ttimes\t\t\t\t\t\n", (double)rows.n / (double)is.st_size);
    if (st == ST_OK)
        st = reading(name, rows.n, a);
    if (st == ST_OK)
        st = picking(name, a);
    if (st == ST_OK)
        st = parsing(&rows, a);
    unlink(name);
    buf_free(&rows);
    arena_free(a);
    return done(st);
}
