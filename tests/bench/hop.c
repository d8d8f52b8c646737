/* hop.c - a pipe from one process to the next: out_put() there, in_next() here, every record hashed
 * on both sides.
 *
 * The yardstick moves the same bytes by write(2) and read(2), 64 KiB at a time through a pipe of 1
 * MiB, and does nothing else.  Runs take turns; medians are told. */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/bench/bench.h"

enum { ROWS = 200000, TIMES = 6, CHUNK = 64 << 10 };

static struct header header;

/* TIMES times all rows, which a writer that does real work would have in its cache one by one. */
static enum st put_rows(const struct buf *rows, const int64_t *at)
{
    struct arena *a = arena_new(0);
    struct out *o;
    enum st st = out_open(&o, "-", &header, OUT_RAW, a);
    if (st != ST_OK)
        return st;
    for (int t = 0; t < TIMES; t++)
        for (int64_t i = 0; i < ROWS && st == ST_OK; i++)
            st = out_put(o, rows->p + at[i], (size_t)(at[i + 1] - at[i]), 0);
    return out_close(o, st, (struct view){ 0 });
}

static enum st put_bytes(const struct buf *rows)
{
    enum st st = ST_OK;
    for (int t = 0; t < TIMES; t++)
        for (size_t i = 0; i < rows->n && st == ST_OK; i += CHUNK)
            st = fd_write(1, "stdout", rows->p + i, MIN(CHUNK, rows->n - i));
    return st;
}

static enum st get_rows(int fd, size_t *bytes)
{
    struct arena *a = arena_new(0);
    struct in *in;
    struct rec r;
    enum st st = in_open_fd(&in, fd, "pipe", NULL, NULL, false, a);
    if (st == ST_OK) {
        while ((st = in_next(in, &r)) == ST_OK)
            *bytes += r.raw_bytes;
        in_close(in);
    }
    arena_free(a);
    return st == ST_END ? ST_OK : st;
}

static enum st get_bytes(int fd, size_t *bytes)
{
    static char to[CHUNK];
    for (;;) {
        ssize_t n = read(fd, to, sizeof to);
        if (n == 0)
            return ST_OK;
        if (n < 0)
            return fail_sys("cannot read the pipe");
        *bytes += (size_t)n;
    }
}

/* One run, in GB/s. */
static enum st hop(bool records, const struct buf *rows, const int64_t *at, double *rate)
{
    int fd[2], status = 0;
    size_t bytes = 0;
    if (pipe(fd) != 0)
        return fail_sys("no pipe");
    (void)!fcntl(fd[0], F_SETPIPE_SZ, 1 << 20);
    double start = run_clock();
    pid_t child = fork();
    if (child == 0) {
        dup2(fd[1], 1);
        close(fd[0]);
        close(fd[1]);
        _exit(records ? put_rows(rows, at) : put_bytes(rows));
    }
    close(fd[1]);
    enum st st = records ? get_rows(fd[0], &bytes) : get_bytes(fd[0], &bytes);
    *rate = (double)bytes / (run_clock() - start) / 1e9;
    close(fd[0]);
    if (waitpid(child, &status, 0) != child || status != 0)
        return fail(ST_SYS, "the writer failed");
    return st == ST_OK && bytes != TIMES * rows->n
               ? fail(ST_DATA, "%zu bytes came of %zu", bytes, TIMES * rows->n)
               : st;
}

int main(int argc, char **argv)
{
    double us[BENCH_TURNS], them[BENCH_TURNS];
    struct arena *a = arena_new(0);
    struct buf rows = { 0 };
    int64_t *at = ARENA_NEW(a, int64_t, ROWS + 1), n = 0;
    err_tool(argv[0]);
    (void)argc;
    bench_header(&header);
    enum st st = at ? bench_rows(&rows, ROWS) : ST_SYS;
    while (st == ST_OK && n < ROWS) {
        struct mp_walk w = { 0 };
        const char *why;
        if (mp_walk(&w, rows.p + at[n], rows.n - (size_t)at[n], &why) != ST_OK)
            st = fail(ST_DATA, "%s", why);
        at[n + 1] = at[n] + (int64_t)w.at;
        n++;
    }
    for (int i = -1; i < BENCH_TURNS && st == ST_OK; i++)
        if ((st = hop(false, &rows, at, &them[MAX(i, 0)])) == ST_OK)
            st = hop(true, &rows, at, &us[MAX(i, 0)]);
    if (st == ST_OK)
        bench_line("pipe hop, every record hashed", bench_median(us, BENCH_TURNS), "GB/s",
                   "write and read of 64 KiB", bench_median(them, BENCH_TURNS), 2, false);
    buf_free(&rows);
    arena_free(a);
    return done(st);
}
