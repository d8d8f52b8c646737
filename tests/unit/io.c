/* io.c - streams: the same records by every way, cuts and kills, statuses, tampering, growing
 * files. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/run.h"
#include "tests/unit/rows.h"

enum { N = 300 };

static struct arena *arena;

static struct view raw_bytes(int64_t n)
{
    const char *name = rows_name("raw");
    rows_write(name, OUT_RAW, n, 0);
    return rows_file(name, arena);
}

/* Bytes through a pipe whose writer then is gone. */
struct pour { int fd; struct view v; };

static void *pour(void *arg)
{
    struct pour *p = arg;
    if (fd_write(p->fd, "pipe", p->v.p, p->v.n) != ST_OK)
        err_clear();
    close(p->fd);
    return NULL;
}

static enum st read_piped(struct view v, int64_t *n, uint64_t *chain)
{
    int fd[2];
    pthread_t writer;
    CHECK(pipe(fd) == 0);
    struct pour p = { fd[1], v };
    CHECK(pthread_create(&writer, NULL, pour, &p) == 0);
    enum st st = rows_read_fd(fd[0], "pipe", n, chain);
    close(fd[0]);
    pthread_join(writer, NULL);
    return st;
}

static void every_way(void **state)
{
    uint64_t want = rows_chain(N), chain;
    int64_t n;
    (void)state;
    const char *raw = rows_name("way.raw"), *shard = rows_name("way.rec"),
               *both = rows_name("way.cat");
    rows_write(raw, OUT_RAW, N, 0);
    rows_write(shard, OUT_AUTO, N, 40);
    struct view a = rows_file(raw, arena), b = rows_file(shard, arena);
    CHECK(a.n > b.n && memcmp(b.p, "\x28\xb5\x2f\xfd", 4) == 0);
    CHECK_ST(rows_read(raw, &n, &chain), ST_END);
    CHECK(n == N && chain == want);
    CHECK_ST(rows_read(shard, &n, &chain), ST_END);
    CHECK(n == N && chain == want);
    CHECK_ST(read_piped(a, &n, &chain), ST_END);
    CHECK(n == N && chain == want);
    CHECK_ST(read_piped(b, &n, &chain), ST_END);
    CHECK(n == N && chain == want);
    uint64_t twice[2] = { 0, 0 };
    for (int order = 0; order < 4; order++) {          /* cat of raw and shard in every order */
        struct view one = order & 1 ? a : b, two = order & 2 ? a : b;
        char *p = arena_get(arena, one.n + two.n);
        memcpy(p, one.p, one.n);
        memcpy(p + one.n, two.p, two.n);
        rows_save(both, p, one.n + two.n);
        CHECK_ST(rows_read(both, &n, &twice[0]), ST_END);
        CHECK(n == 2 * N && (order == 0 || twice[0] == twice[1]));
        twice[1] = twice[0];
        CHECK_ST(read_piped((struct view){ p, one.n + two.n }, &n, &chain), ST_END);
        CHECK(n == 2 * N && chain == twice[0]);
    }
}

static void fifo(void **state)
{
    const char *name = rows_name("fifo");
    uint64_t chain;
    int64_t n;
    (void)state;
    CHECK(mkfifo(name, 0600) == 0);
    pid_t child = fork();
    if (child == 0) {
        rows_write(name, OUT_AUTO, N, 0);              /* a FIFO is written to, never replaced */
        _exit(0);
    }
    struct arena *a = arena_new(0);
    struct in *in;
    struct rec r;
    CHECK_ST(in_open(&in, name, a), ST_OK);
    enum st st;
    while ((st = in_next(in, &r)) == ST_OK)
        ;
    CHECK_ST(st, ST_END);
    CHECK(in_count(in) == N && in_end(in)->chain == rows_chain(N));
    const struct header *h;
    CHECK_ST(in_header(in, &h), ST_OK);
    CHECK(h->n_sources == 1 && view_is(h->source[0].template, "plain") && h->special[0] == 256);
    in_close(in);
    arena_free(a);
    CHECK(waitpid(child, NULL, 0) == child);
    struct stat is;
    CHECK(stat(name, &is) == 0 && S_ISFIFO(is.st_mode));
    (void)n, (void)chain;
}

/* A record is given when its last byte is there, not when more come. */
static int waits;
static enum st count_waits(void *arg, int fd)
{
    (void)fd;
    waits++;
    return *(enum st *)arg;
}

static void at_once(void **state)
{
    struct view v = raw_bytes(20);
    struct arena *a = arena_new(0);
    struct mp_walk w = { 0 };
    const char *why;
    enum st allow = ST_OK;
    struct rec r;
    struct in *in;
    int fd[2];
    (void)state;
    CHECK(pipe(fd) == 0);
    CHECK_ST(mp_walk(&w, v.p, v.n, &why), ST_OK);
    size_t at = w.at;
    CHECK_ST(in_open_fd(&in, fd[0], "pipe", count_waits, &allow, true, a), ST_OK);
    waits = 0;
    CHECK(write(fd[1], v.p, at) == (ssize_t)at);
    const struct header *h;
    CHECK_ST(in_header(in, &h), ST_OK);
    CHECK(waits == 1 && h->vocab == 300);
    for (int i = 0; i < 20; i++) {
        w = (struct mp_walk){ 0 };
        CHECK_ST(mp_walk(&w, v.p + at, v.n - at, &why), ST_OK);
        CHECK(write(fd[1], v.p + at, w.at - 1) == (ssize_t)w.at - 1);
        CHECK(write(fd[1], v.p + at + w.at - 1, 1) == 1);
        at += w.at;
        CHECK_ST(in_next(in, &r), ST_OK);
        CHECK(r.raw_bytes == w.at);
    }
    allow = ST_STOP;                                   /* what the hook says is passed up */
    CHECK_ST(in_next(in, &r), ST_STOP);
    CHECK_STR(err_text(), "");
    in_close(in);
    close(fd[0]);
    close(fd[1]);
    arena_free(a);
}

/* Every cut of a small raw stream: the pipe's writer died (4), the file is damaged (3). */
static void cuts(void **state)
{
    struct view v = raw_bytes(6);
    const char *name = rows_name("cut");
    uint64_t chain;
    int64_t n;
    (void)state;
    CHECK_ST(read_piped(v, &n, &chain), ST_END);
    for (size_t k = 0; k < v.n; k += k < 40 || k + 120 > v.n ? 1 : 7) {
        rows_save(name, v.p, k);
        CHECK_ST(rows_read(name, &n, &chain), ST_DATA);
        CHECK(n <= 6 && chain == rows_chain(n));
        CHECK(strstr(err_text(), k ? "without an end record" : "empty"));
        err_clear();
    }
    CHECK_ST(read_piped((struct view){ v.p, v.n / 2 }, &n, &chain), ST_SYS);
    CHECK(strstr(err_text(), "died"));                 /* after a second's wait for a signal */
    err_clear();
}

static void stopped(void **state)
{
    struct view v = raw_bytes(6);
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        uint64_t chain;
        int64_t n;
        sig_init();
        raise(SIGTERM);
        enum st st = read_piped((struct view){ v.p, v.n / 2 }, &n, &chain);
        _exit(st == ST_STOP && *err_text() == 0 ? 0 : 1);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* The writer's status comes to the reader without words. */
static void verdicts(void **state)
{
    static const enum st all[] = { ST_USAGE, ST_DATA, ST_SYS, ST_STOP };
    struct rec r;
    struct in *in;
    (void)state;
    for (int64_t i = 0; i < countof(all); i++) {
        int fd[2], keep = dup(1);
        struct out *o;
        struct buf b = { 0 };
        CHECK(pipe(fd) == 0);
        fflush(stdout);
        dup2(fd[1], 1);
        close(fd[1]);
        CHECK_ST(out_open(&o, "-", rows_header(arena), OUT_AUTO, arena), ST_OK);
        rows_make(&b, 1);
        CHECK_ST(out_put(o, b.p, b.n, 0), ST_OK);
        CHECK_ST(out_close(o, all[i], VIEW("last state")), all[i]);
        dup2(keep, 1);
        close(keep);
        CHECK_ST(in_open_fd(&in, fd[0], "pipe", NULL, NULL, false, arena), ST_OK);
        CHECK_ST(in_next(in, &r), ST_OK);
        CHECK_ST(in_next(in, &r), all[i]);
        CHECK_ST(in_next(in, &r), all[i]);
        CHECK(in_end(in)->n == 1 && view_is(in_end(in)->state, "last state"));
        CHECK_STR(err_text(), "");
        in_close(in);
        close(fd[0]);
        buf_free(&b);
    }
    struct out *o;                                     /* and leaves no file */
    const char *name = rows_name("failed.rec");
    CHECK_ST(out_open(&o, name, rows_header(arena), OUT_AUTO, arena), ST_OK);
    CHECK_ST(out_close(o, ST_DATA, (struct view){ 0 }), ST_DATA);
    CHECK(access(name, F_OK) != 0);
}

/* Splits a raw stream into its records. */
static int64_t parts_of(struct view v, struct view *part, int64_t most)
{
    int64_t n = 0;
    for (size_t at = 0; at < v.n && n < most; n++) {
        struct mp_walk w = { 0 };
        const char *why;
        CHECK_ST(mp_walk(&w, v.p + at, v.n - at, &why), ST_OK);
        part[n] = (struct view){ v.p + at, w.at };
        at += w.at;
    }
    return n;
}

static enum st read_parts(const struct view *part, const int *order, int n)
{
    struct buf b = { 0 };
    const char *name = rows_name("parts");
    uint64_t chain;
    int64_t rows;
    for (int i = 0; i < n; i++)
        CHECK_ST(buf_add(&b, part[order[i]].p, part[order[i]].n), ST_OK);
    rows_save(name, b.p, b.n);
    buf_free(&b);
    return rows_read(name, &rows, &chain);
}

static void tampering(void **state)
{
    static const struct { int order[12], n; const char *message; } all[] = {
        { { 0, 1, 2, 3, 4, 5 }, 6, NULL },
        { { 0, 1, 2, 4, 5 }, 5, "lost or doubled" },
        { { 0, 1, 2, 3, 4, 4, 5 }, 7, "lost or doubled" },
        { { 0, 1, 1, 3, 4, 5 }, 6, "a record was changed" },
        { { 0, 2, 1, 3, 4, 5 }, 6, "their order was changed" },
        { { 1, 2, 3, 4, 5 }, 5, "does not begin with a header" },
        { { 0, 1, 2, 0, 3, 4, 5 }, 7, "a header before the end record" },
        { { 0, 1, 2, 3, 4, 5, 1 }, 7, "a record behind the end record" },
        { { 0, 1, 2, 3, 4, 5, 5 }, 7, "a record behind the end record" },
        { { 0, 1, 2, 3, 4, 5, 0 }, 7, "without an end record" },
        { { 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5 }, 12, NULL },
    };
    struct view part[8];
    (void)state;
    CHECK(parts_of(raw_bytes(4), part, 8) == 6);
    for (int64_t i = 0; i < countof(all); i++) {
        CHECK_ST(read_parts(part, all[i].order, all[i].n), all[i].message ? ST_DATA : ST_END);
        if (all[i].message && !strstr(err_text(), all[i].message))
            CHECK_STR(err_text(), all[i].message);
        err_clear();
    }
}

/* Another tokenizer, another width: refused by name, before a record of the second part. */
static void strangers(void **state)
{
    const char *name = rows_name("other");
    struct header *h = rows_header(arena);
    uint64_t chain;
    int64_t n;
    struct out *o;
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct view first = raw_bytes(3);
        if (how == 0)
            h->tokenizer[0] ^= 1;
        if (how == 1)
            h->width = 4;
        h->source[0].src = VIEW("b");
        CHECK_ST(out_open(&o, name, h, OUT_RAW, arena), ST_OK);
        CHECK_ST(out_close(o, ST_OK, (struct view){ 0 }), ST_OK);
        struct view second = rows_file(name, arena);
        char *p = arena_get(arena, first.n + second.n);
        memcpy(p, first.p, first.n);
        memcpy(p + first.n, second.p, second.n);
        rows_save(name, p, first.n + second.n);
        CHECK_ST(rows_read(name, &n, &chain), how < 2 ? ST_DATA : ST_END);
        CHECK(n == 3);
        CHECK(how == 2 || strstr(err_text(), how == 0 ? "with 0607" : "ids of 2 bytes"));
        err_clear();
        h = rows_header(arena);
    }
    struct header *both = rows_header(arena);
    CHECK_ST(header_merge(both, h), ST_OK);
    CHECK(both->n_sources == 1 && both->n_commands == 1);
    h->source[0].src = VIEW("b");
    CHECK_ST(header_merge(both, h), ST_OK);
    CHECK(both->n_sources == 2);
}

static void not_streams(void **state)
{
    static const struct { struct view v; const char *message; } bad[] = {
        { VIEW("\x1f\x8b\x08rest of a gzip"), "gzip" }, { VIEW("{\"a\": 1}"), "JSON" },
        { VIEW("plain text"), "not a stream" },         { VIEW("\x83\xa1t"), "without an end" },
        { VIEW("\x81\xa1t\xa1x"), "does not begin with a header" },
        { VIEW("\xdf\xff\xff\xff\xff\xa0"), "more than 4096 fields" },
        { VIEW("\x81\xa1t\xdd\xff\xff\xff\xff"), "a count over" },
        { VIEW("\x81\xa1t\xc6\xff\xff\xff\xff"), "a length over" },
        { VIEW("\x5b\x2a\x4d\x18\0\0\0\0"), "not a stream" },
        { VIEW("\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "frame 1" },
    };
    const char *name = rows_name("bad");
    int64_t n, before = run_peak();
    uint64_t chain;
    (void)state;
    for (int64_t i = 0; i < countof(bad); i++) {
        rows_save(name, bad[i].v.p, bad[i].v.n);
        CHECK_ST(rows_read(name, &n, &chain), ST_DATA);
        if (!strstr(err_text(), bad[i].message))
            CHECK_STR(err_text(), bad[i].message);
        err_clear();
    }
    CHECK(run_peak() - before < 8 << 20);
    CHECK_ST(read_piped(VIEW("\xdf\xff\xff\xff\xff\xa0"), &n, &chain), ST_DATA);
    err_clear();
    struct in *in;
    CHECK_ST(in_open(&in, rows_name("nowhere"), arena), ST_SYS);
    CHECK(in == NULL && strstr(err_text(), "cannot open"));
    err_clear();
}

/* Metrics: cut back to what a checkpoint saved, then written on, they equal an unbroken run's. */
static void growing(void **state)
{
    const char *name = rows_name("metrics.rec");
    struct header *h = rows_header(arena);
    struct buf b = { 0 };
    struct out *o;
    uint64_t chain;
    int64_t n, saved = 0;
    (void)state;
    for (int round = 0; round < 2; round++) {
        CHECK_ST(out_append(&o, name, h, round ? saved : -1, arena), ST_OK);
        for (int64_t i = round ? 5 : 0; i < (round ? 12 : 9); i++) {
            if (i == 5 && !round) {
                saved = out_bytes(o);
                CHECK_ST(out_flush(o), ST_OK);
                struct stat is;
                CHECK(stat(name, &is) == 0 && is.st_size == saved);
            }
            b.n = 0;
            rows_make(&b, i);
            CHECK_ST(out_put(o, b.p, b.n, 0), ST_OK);
        }
        CHECK_ST(out_close(o, ST_OK, (struct view){ 0 }), ST_OK);
    }
    CHECK_ST(rows_read(name, &n, &chain), ST_END);
    CHECK(n == 12 && chain == rows_chain(12));
    struct view broken = rows_file(name, arena), whole = raw_bytes(12);
    CHECK(view_eq(broken, whole));
    CHECK_ST(out_append(&o, name, h, saved - 1, arena), ST_DATA);
    CHECK(strstr(err_text(), "not between two records"));
    err_clear();
    CHECK_ST(out_append(&o, name, h, (int64_t)broken.n + 1, arena), ST_DATA);
    err_clear();
    buf_free(&b);
}

static void reader_gone(void **state)
{
    struct buf b = { 0 };
    struct out *o;
    enum st st = ST_OK;
    int fd[2], keep = dup(1);
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    CHECK(pipe(fd) == 0);
    fflush(stdout);
    dup2(fd[1], 1);
    close(fd[1]);
    CHECK_ST(out_open(&o, "-", rows_header(arena), OUT_AUTO, arena), ST_OK);
    close(fd[0]);
    rows_make(&b, 1);
    for (int i = 0; i < 2000 && st == ST_OK; i++)
        st = out_put(o, b.p, b.n, 0);
    enum st closed = out_close(o, ST_OK, (struct view){ 0 });
    dup2(keep, 1);
    close(keep);
    CHECK_ST(st, ST_SYS);
    CHECK_ST(closed, ST_SYS);
    CHECK(strstr(err_text(), "the reader is gone"));
    err_clear();
    signal(SIGPIPE, SIG_DFL);
    buf_free(&b);
}

/* Streams of format version 1 stay readable, and as JSON are what the reader in Python prints. */
static void golden(void **state)
{
    static const char *const file[] = { "tests/golden/stream/raw.rec",
                                        "tests/golden/stream/shard.rec" };
    struct view want = rows_file("tests/golden/stream/lines.json", arena);
    const char *name = rows_name("lines");
    uint64_t chain;
    int64_t n;
    (void)state;
    for (int64_t i = 0; i < countof(file); i++) {
        CHECK_ST(rows_read(file[i], &n, &chain), ST_END);
        CHECK(n == 21 && chain == rows_chain(21));
    }
    rows_write(name, OUT_JSON, 21, 0);
    CHECK(view_eq(rows_file(name, arena), want));
}

/* A record larger than any buffer, and than a frame that is decoded in one call. */
static void large(void **state)
{
    const char *name = rows_name("large");
    struct buf b = { 0 };
    struct out *o;
    uint64_t chain;
    int64_t n;
    char head[64];
    (void)state;
    int head_n = snprintf(head, sizeof head, "%s",
                          "\x84\xa1t\xa4text\xa3src\xa1"
                          "a\xa2id\xc4\x08"
                          "12345678\xa3ids\xc6");
    CHECK_ST(buf_add(&b, head, (size_t)head_n), ST_OK);
    uint32_t left = 9 << 20;
    char size[4] = { (char)(left >> 24), (char)(left >> 16), (char)(left >> 8), (char)left };
    CHECK_ST(buf_add(&b, size, 4), ST_OK);
    CHECK_ST(buf_room(&b, left), ST_OK);
    memset(b.p + b.n, 1, left);
    b.n += left;
    for (int form = OUT_RAW; form <= OUT_SHARD; form++) {
        CHECK_ST(out_open(&o, name, rows_header(arena), form, arena), ST_OK);
        CHECK_ST(out_put(o, b.p, b.n, left / 2), ST_OK);
        CHECK_ST(out_close(o, ST_OK, (struct view){ 0 }), ST_OK);
        CHECK_ST(rows_read(name, &n, &chain), ST_END);
        CHECK(n == 1);
    }
    buf_free(&b);
}

int main(void)
{
    arena = arena_new(0);
    int failed = RUN(TEST(every_way), TEST(fifo), TEST(at_once), TEST(cuts), TEST(stopped),
                     TEST(verdicts), TEST(tampering), TEST(strangers), TEST(not_streams),
                     TEST(growing), TEST(reader_gone), TEST(golden), TEST(large));
    arena_free(arena);
    return rows_gone(failed);
}
