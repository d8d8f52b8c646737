/* rows.h - records, streams and files for the tests of lib/stream. */
#ifndef ROWS_H
#define ROWS_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "stream/io.h"
#include "tests/check.h"

/* Fresh names in a folder of the process; rows_gone() removes it. */
static char rows_dir[64];

static inline const char *rows_name(const char *last)
{
    static char name[4][160];
    static int turn;
    if (!rows_dir[0]) {
        snprintf(rows_dir, sizeof rows_dir, "/tmp/rows-%d", (int)getpid());
        CHECK_ST(dir_make(rows_dir), ST_OK);
    }
    char *p = name[turn++ % 4];
    snprintf(p, sizeof name[0], "%s/%s", rows_dir, last);
    return p;
}

static inline int rows_gone(int failed)
{
    if (rows_dir[0] && dir_remove(rows_dir) != ST_OK)
        return 1;
    return failed;
}

static inline struct header *rows_header(struct arena *a)
{
    struct header *h = ARENA_NEW(a, struct header, 1);
    CHECK(h != NULL);
    *h = (struct header){
        .version = HEADER_VERSION, .width = 2, .vocab = 300, .bos = 256, .pad = -1
    };
    memset(h->tokenizer, 7, sizeof h->tokenizer);
    h->special[h->n_specials++] = 256;
    h->source[h->n_sources++] = (struct source){
        .src = VIEW("a"), .schema = VIEW("alpaca"), .template = VIEW("plain"), .mask = VIEW("last"),
        .truncate = VIEW("drop"), .split = VIEW("train"), .template_hash = { 1, 2, 3 },
    };
    h->command[h->n_commands++] = VIEW("tokenize a.jsonl");
    return h;
}

/* Row i of a test stream: kinds take turns, sizes differ; appended to b.  Returns n_tokens. */
static inline int64_t rows_make(struct buf *b, int64_t i)
{
    static uint8_t ids[4096];
    static struct span few[2] = { { 1, 2 }, { 3, 5 } };
    static struct choice choices[3];
    for (size_t k = 0; k < sizeof ids; k++)
        ids[k] = (uint8_t)(k & 1 ? 0 : rng(5, RNG_TEST, (uint64_t)i * 64 + k % 97));
    int64_t n = 5 + (int64_t)(rng(6, RNG_TEST, (uint64_t)i) % 60);
    struct rec r = { .src = VIEW("a"), .id = rng(7, RNG_TEST, (uint64_t)i), .w = 1 };
    switch (i % 7) {
    case 0:
        r.kind = REC_TEXT;
        r.ids = (struct ids){ ids, n, 2 };
        break;
    case 1:
        r.kind = REC_SFT;
        r.ids = (struct ids){ ids, n, 2 };
        r.span = (struct spans){ few, 2, true };
        r.w = 0.5;
        break;
    case 2: case 3:
        r.kind = REC_PREF;
        r.prompt = (struct ids){ ids, n, 2 };
        r.chosen = (struct ids){ ids + 2, 7, 2 };
        r.rejected = (struct ids){ ids + 4, 5, 2 };
        if (i % 7 == 3) {
            r.chosen_span = (struct spans){ few, 2, true };
            r.ref = (struct ref){ true, { 1, 2, 3, 4, 5, 6, 7, 8 }, { -12.5, 3 }, { -7.25, 5 } };
        }
        break;
    case 4:
        r.kind = REC_LABEL;
        r.prompt = (struct ids){ ids, 3, 2 };
        r.completion = (struct ids){ ids, n, 2 };
        r.completion_span = (struct spans){ few, 1, true };
        r.good = i & 1;
        if (i > 20) {                                  /* the golden stream has none */
            r.other = (struct ids){ ids + 6, 9, 2 };
            r.other_span = (struct spans){ few, i & 8 ? 2 : 0, i & 8 };
        }
        break;
    case 5:
        r.kind = REC_CHOICE;
        r.prompt = (struct ids){ ids, n, 2 };
        for (int k = 0; k < 3; k++)
            choices[k] = (struct choice){ { ids + 2 * k, 2 + k, 2 }, 4 + k };
        r.choices = choices;
        r.n_choices = 3;
        r.answer = i % 3;
        r.group = VIEW("grüppe");
        break;
    default:
        r.kind = REC_GEN;
        r.prompt = (struct ids){ ids, 3, 2 };
        r.ids = (struct ids){ ids, n, 2 };
        r.text = VIEW("said \"so\"");
        r.finish = VIEW("stop");
        r.n_gen = i;
    }
    rec_count(&r);
    CHECK_ST(rec_write(b, &r, 2), ST_OK);
    return r.n_tokens;
}

/* A stream of n rows, with a frame's end after every `per_frame` of them (0: as they come). */
static inline void rows_write(const char *name, enum out_form form, int64_t n, int64_t per_frame)
{
    struct arena *a = arena_new(0);
    struct buf b = { 0 };
    struct out *o;
    CHECK_ST(out_open(&o, name, rows_header(a), form, a), ST_OK);
    for (int64_t i = 0; i < n; i++) {
        b.n = 0;
        int64_t tokens = rows_make(&b, i);
        CHECK_ST(out_put(o, b.p, b.n, tokens), ST_OK);
        if (per_frame && i % per_frame == per_frame - 1)
            CHECK_ST(out_flush(o), ST_OK);
    }
    CHECK_ST(out_close(o, ST_OK, (struct view){ 0 }), ST_OK);
    buf_free(&b);
    arena_free(a);
}

/* Reads to the end; *n and *chain of what came (parts chained on), whatever the status. */
static inline enum st rows_read_fd(int fd, const char *name, int64_t *n, uint64_t *chain)
{
    struct arena *a = arena_new(0);
    struct end sums = { 0 };
    struct rec r;
    struct in *in;
    enum st st = in_open_fd(&in, fd, name, NULL, NULL, false, a);
    if (st == ST_OK) {
        while ((st = in_next(in, &r)) == ST_OK)
            end_add(&sums, r.raw, r.raw_bytes);
        CHECK(in_count(in) == sums.n);
        in_close(in);
    }
    *n = sums.n;
    *chain = sums.chain;
    arena_free(a);
    return st;
}

static inline enum st rows_read(const char *name, int64_t *n, uint64_t *chain)
{
    int fd = open(name, O_RDONLY);
    CHECK(fd >= 0);
    enum st st = rows_read_fd(fd, name, n, chain);
    close(fd);
    return st;
}

/* The sums that rows 0..n-1 must give. */
static inline uint64_t rows_chain(int64_t n)
{
    struct end sums = { 0 };
    struct buf b = { 0 };
    for (int64_t i = 0; i < n; i++) {
        b.n = 0;
        rows_make(&b, i);
        end_add(&sums, b.p, b.n);
    }
    buf_free(&b);
    return sums.chain;
}

static inline struct view rows_file(const char *name, struct arena *a)
{
    struct view v;
    CHECK_ST(file_read(name, &v, 64 << 20, a), ST_OK);
    return v;
}

static inline void rows_save(const char *name, const void *p, size_t n)
{
    struct arena *a = arena_new(0);
    CHECK_ST(file_save(name, p, n, a), ST_OK);
    arena_free(a);
}

#endif
