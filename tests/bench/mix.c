/* mix.c - the whole of mix over a raw stream in a file: rows in shuffled order, each step
 * announced, hashed and written into a pipe.
 *
 * The yardstick moves the same bytes from the file to the pipe by read(2) and write(2), 64 KiB
 * at a time, in the order of the file, and does nothing else.  Runs take turns; medians are
 * told.  The first epoch of a file pays for finding its rows; four epochs show what comes after. */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "mix/mixer.h"
#include "tests/bench/bench.h"

enum { BYTES = 128 << 20, ROWS = 300000, CHUNK = 64 << 10 };

static char name[] = "/tmp/bench-mix-XX" "XX" "XX";

/* Rows of n_ids ids of 4 bytes each. */
static enum st long_rows(struct buf *b, int64_t n_ids)
{
    static uint8_t ids[1 << 16];
    enum st st = ST_OK;

    for (int64_t k = 0; st == ST_OK && b->n < BYTES; k++) {
        struct span trained = { n_ids / 2, n_ids };
        struct rec r = { .kind = REC_SFT, .src = VIEW("bench"), .id = (uint64_t)k + 1, .w = 1,
                         .ids = { ids, n_ids, 4 }, .span = { &trained, 1, true } };
        for (int64_t i = 0; i < n_ids; i++)
            ids_put(ids + 4 * i, &(uint32_t){ (uint32_t)(i * k % 50257) }, 1, 4);
        st = rec_write(b, &r, 4);
    }
    return st;
}

/* The rows as a raw stream in the file. */
static enum st make_file(const struct buf *rows, int width, struct arena *a)
{
    struct header h;
    struct out *o;
    size_t at = 0;

    bench_header(&h);
    h.width = width;
    enum st st = out_open(&o, name, &h, OUT_RAW, a);
    while (st == ST_OK && at < rows->n) {
        struct mp_walk w = { 0 };
        const char *why;
        st = mp_walk(&w, rows->p + at, rows->n - at, &why);
        if (st == ST_OK)
            st = out_put(o, rows->p + at, w.at, 0);
        at += w.at;
    }
    return st == ST_OK ? out_close(o, st, (struct view){ NULL, 0 }) : st;
}

static enum st run_mix(double epochs)
{
    static struct mixer m;
    struct args arg = { .policy = "weighted", .out = "-", .to = "auto", .lambda = 0.5,
                        .rows_sft = 16, .rows_pref = 16, .epochs = epochs,
                        .sft = { 1, { name } } };
    m.arg = &arg;
    return mixer_run(&m);
}

static enum st run_copy(double epochs)
{
    static char to[CHUNK];
    enum st st = ST_OK;

    for (int e = 0; e < (int)epochs && st == ST_OK; e++) {
        int fd = open(name, O_RDONLY);
        ssize_t n;
        while (st == ST_OK && (n = read(fd, to, CHUNK)) > 0)
            st = fd_write(1, "stdout", to, (size_t)n);
        close(fd);
    }
    return st;
}

/* Bytes a second that a child brings through a pipe. */
static double rate(enum st (*run)(double), double epochs)
{
    static char to[CHUNK];
    int fd[2];
    double start = run_clock(), bytes = 0;

    if (pipe(fd) != 0)
        return 0;
    (void)fcntl(fd[1], F_SETPIPE_SZ, 1 << 20);
    pid_t child = fork();
    if (child == 0) {
        dup2(fd[1], 1);
        close(fd[0]);
        close(fd[1]);
        _exit(done(run(epochs)));
    }
    close(fd[1]);
    for (ssize_t n; (n = read(fd[0], to, CHUNK)) > 0;)
        bytes += (double)n;
    close(fd[0]);
    int status = 1;
    waitpid(child, &status, 0);
    return status == 0 ? bytes / (run_clock() - start) : 0;
}

static void measure(const char *what, double epochs)
{
    double ours[BENCH_TURNS], theirs[BENCH_TURNS];

    for (int t = 0; t < BENCH_TURNS; t++) {
        ours[t] = rate(run_mix, epochs);
        theirs[t] = rate(run_copy, epochs);
    }
    bench_line(what, bench_median(ours, BENCH_TURNS) * 1e-9, "GB/s", "read and write, GB/s",
               bench_median(theirs, BENCH_TURNS) * 1e-9, 1, false);
}

int main(void)
{
    struct arena *a = arena_new(0);
    enum st st;
    int fd = mkstemp(name);

    err_tool("bench-mix");
    if (fd < 0)
        return 1;
    close(fd);
    struct buf rows = { 0 };
    if ((st = bench_rows(&rows, ROWS)) == ST_OK && (st = make_file(&rows, 2, a)) == ST_OK)
        measure("mix, rows of 0.4 kB, 4 epochs", 4);
    rows.n = 0;
    if (st == ST_OK && (st = long_rows(&rows, 512)) == ST_OK &&
        (st = make_file(&rows, 4, a)) == ST_OK) {
        measure("mix, rows of 2 kB, 1 epoch", 1);
        measure("mix, rows of 2 kB, 4 epochs", 4);
    }
    buf_free(&rows);
    unlink(name);
    arena_free(a);
    return done(st);
}
