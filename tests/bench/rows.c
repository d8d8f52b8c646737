/* rows.c - rows to records beside the encoder alone, with one thread and with two; JSON rows
 * scanned beside jansson.
 *
 * The encoder is given the same texts the rows hold, rendered, and nothing else is done: what rows
 * cost beyond it is finding, JSON, schema, template, masks, msgpack and hashes, and for a shard
 * zstd.  One thread's time is CPU time, so that neighbours weigh less; two threads' is the
 * clock's, beside one's by the clock.  Texts are made of a few thousand words by a power law, with
 * line ends and quotes to escape; answers begin with a space, so that no token lies across the
 * boundary and there is nothing to tell.  rows [TOKENIZER [FILE.jsonl]] takes others, of schema
 * completion. */
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/scan.h"
#include "tests/bench/bench.h"
#include "tokenize/work.h"

enum { BYTES = 64 << 20 };

static const char *rows_file, *tokenizer;

/* A text of n words, most of them common. */
static enum st text(struct buf *b, int64_t n, uint64_t *draw)
{
    static const char *const parts[] = { "ta", "ki", "lo", "men", "res", "ing", "st", "on",
                                         "e",  "a",  "der", "pro", "con", "ly", "ment", "al" };
    enum st st = ST_OK;

    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        uint64_t r = rng(1, RNG_TEST, (*draw)++), word = 4000 / (1 + r % 4000);
        st = buf_printf(b, "%s%s%s%s", i ? " " : "", parts[word % 16], parts[word / 16 % 16],
                        word > 255 ? parts[word / 256 % 16] : "");
        if (st == ST_OK && r >> 32 & 15)
            continue;
        st = buf_printf(b, "%s", r >> 40 & 3 ? "," : r >> 42 & 1 ? ".\\n\\n" : " \\\"so\\\"");
    }
    return st;
}

static enum st make_rows(const char *name, struct arena *a)
{
    struct buf b = { 0 };
    uint64_t draw = 0;
    enum st st = ST_OK;

    while (b.n < BYTES && st == ST_OK) {
        int64_t n = 10 + (int64_t)(rng(2, RNG_TEST, draw) % 60);
        if ((st = buf_printf(&b, "{\"prompt\": \"")) == ST_OK &&
            (st = text(&b, n, &draw)) == ST_OK &&
            (st = buf_printf(&b, "\", \"completion\": \" ")) == ST_OK &&
            (st = text(&b, 3 * n, &draw)) == ST_OK)
            st = buf_printf(&b, "\"}\n");
    }
    if (st == ST_OK)
        st = file_save(name, b.p, b.n, a);
    buf_free(&b);
    return st;
}

/* ---- JSON ---- */

static enum st scan_all(struct view file, struct arena *a, double *seconds, struct buf *texts)
{
    double t0 = run_cpu();
    enum st st = ST_OK;

    for (size_t at = 0; at < file.n && st == ST_OK;) {
        const char *nl = memchr(file.p + at, '\n', file.n - at);
        size_t n = (nl ? (size_t)(nl - file.p) : file.n) - at, i = 0;
        struct scan v;
        st = scan_next(&v, (struct view){ file.p + at, n }, &i, a);
        for (int32_t k = 0; texts && st == ST_OK && k < v.n; k++)
            if (v.item[k].type == SCAN_TEXT &&
                (st = buf_add(texts, v.item[k].text.p, v.item[k].text.n)) == ST_OK)
                st = buf_add(texts, k ? "" : " ", 1);
        arena_back(a, 0);
        at += n + 1;
    }
    *seconds = run_cpu() - t0;
    return st;
}

static double jansson_all(struct view file)
{
    double t0 = run_cpu();

    for (size_t at = 0; at < file.n;) {
        const char *nl = memchr(file.p + at, '\n', file.n - at);
        size_t n = (nl ? (size_t)(nl - file.p) : file.n) - at;
        json_decref(json_loadb(file.p + at, n, JSON_REJECT_DUPLICATES, NULL));
        at += n + 1;
    }
    return run_cpu() - t0;
}

static enum st json_speed(struct view file)
{
    double us[BENCH_TURNS], them[BENCH_TURNS], s;
    struct arena *a = arena_new(0);
    enum st st = ST_OK;

    for (int i = 0; i < BENCH_TURNS && st == ST_OK; i++) {
        st = scan_all(file, a, &s, NULL);
        us[i] = (double)file.n / s / 1e9;
        them[i] = (double)file.n / jansson_all(file) / 1e9;
    }
    if (st == ST_OK)
        bench_line("JSON rows scanned", bench_median(us, BENCH_TURNS), "GB/s", "jansson",
                   bench_median(them, BENCH_TURNS), 1, false);
    arena_free(a);
    return st;
}

/* ---- rows and the encoder ---- */

/* The texts, a row's behind one another with its 0, encoded with their places. */
static enum st encode_all(struct encoder *e, const struct buf *texts, double *seconds)
{
    struct encoding v = { 0 };
    double t0 = run_cpu();
    enum st st = ST_OK;

    for (size_t at = 0; at < texts->n && st == ST_OK;) {
        struct view s = { texts->p + at, strlen(texts->p + at) };
        st = tokenizer_encode(e, s, true, &v);
        at += s.n + 1;
    }
    encoding_free(&v);
    *seconds = run_cpu() - t0;
    return st;
}

static enum st run_rows(const struct setup *s, int64_t threads, const char *out, double *seconds,
                        double *clock)
{
    struct arena *a = arena_new(0);
    struct setup own = *s;
    double t0 = run_cpu(), c0 = run_clock();

    own.threads = threads;
    own.out = out;
    enum st st = work(&own, &rows_file, 1, a);
    *seconds = run_cpu() - t0;
    *clock = run_clock() - c0;
    arena_free(a);
    return st;
}

/* What every run begins with, taken off its time. */
static enum st run_load(const struct setup *s, double *seconds)
{
    struct arena *a = arena_new(0);
    struct tokenizer *t;
    double t0 = run_cpu();
    enum st st = setup_tokenizer(s, &t, a);

    *seconds = run_cpu() - t0;
    if (st == ST_OK)
        tokenizer_free(t);
    arena_free(a);
    return st;
}

static enum st rows_speed(struct view file, const struct setup *s)
{
    double one[BENCH_TURNS], two[BENCH_TURNS], shard[BENCH_TURNS], bare[BENCH_TURNS], t;
    double alone[BENCH_TURNS], load;
    struct arena *a = arena_new(0), *row = arena_new(0);
    struct buf texts = { 0 };
    struct tokenizer *tok;
    struct encoder *e = NULL;
    enum st st = setup_tokenizer(s, &tok, a);

    if (st == ST_OK && !(e = encoder_new(tok, a)))
        st = ST_SYS;
    if (st == ST_OK)
        st = scan_all(file, row, &t, &texts);
    for (int i = -1; i < BENCH_TURNS && st == ST_OK; i++) {
        int k = MAX(i, 0);
        if ((st = encode_all(e, &texts, &bare[k])) != ST_OK || (st = run_load(s, &load)) != ST_OK ||
            (st = run_rows(s, 1, "/dev/null", &one[k], &alone[k])) != ST_OK ||
            (st = run_rows(s, 2, "/dev/null", &t, &two[k])) != ST_OK ||
            (st = run_rows(s, 1, "build/rows.rec", &shard[k], &t)) != ST_OK)
            break;
        one[k] -= load;
        shard[k] -= load;
        alone[k] -= load;
        two[k] -= load;
    }
    if (st == ST_OK) {
        double mb = (double)file.n / 1e6, b = mb / bench_median(bare, BENCH_TURNS);
        double o = mb / bench_median(one, BENCH_TURNS), w = mb / bench_median(two, BENCH_TURNS);
        bench_line("rows to records", o, "MB/s", "the encoder alone", b, .6, true);
        bench_line("the same into a shard", mb / bench_median(shard, BENCH_TURNS), "MB/s",
                   "the encoder alone", b, .5, true);
        bench_line("rows to records, two threads", w, "MB/s", "one thread",
                   mb / bench_median(alone, BENCH_TURNS), 1.85, true);
    }
    encoder_free(e);
    buf_free(&texts);
    arena_free(row);
    arena_free(a);
    return st;
}

int main(int argc, char **argv)
{
    struct setup s = { .schema = "completion", .chat = "none", .mask = "last", .truncate = "ask",
                       .boundary = "shift", .specials = "allow", .to = "auto", .held = .1,
                       .max_tokens = 1 << 20, .lenient = true, .quiet = true };
    struct arena *a = arena_new(0);
    struct view file;
    enum st st;

    err_tool(argv[0]);
    tokenizer = argc > 1 ? argv[1] : "../shared/data/tokenizers/gpt-neox-20b.json";
    if (access(tokenizer, R_OK) != 0)
        tokenizer = "tests/golden/tokenizer/gpt2.json";
    s.tokenizer = tokenizer;
    s.eos = strstr(tokenizer, "gpt") ? "<|endoftext|>" : NULL;
    rows_file = argc > 2 ? argv[2] : "build/rows.jsonl";
    st = argc > 2 ? ST_OK : make_rows(rows_file, a);
    if (st == ST_OK && (st = file_read(rows_file, &file, (size_t)1 << 30, a)) == ST_OK &&
        (st = json_speed(file)) == ST_OK)
        st = rows_speed(file, &s);
    unlink("build/rows.rec");
    if (argc <= 2)
        unlink(rows_file);
    arena_free(a);
    return done(st);
}
