/* encode.c - the speed of encoding: chat English, a cold start, the worst inputs, and how the time
 * of one long piece grows.
 *
 *   encode                     all of it, over ../shared/data
 *   encode docs FILE           that data as a file of documents: 4 bytes of length, bytes, again
 *   encode time TOKENIZER FILE [IDS]
 *                              MB/s over a file of documents, one turn a line; the ids into IDS,
 *                              each document's number of them before them (for peers.py)
 *   encode cold TOKENIZER FILE one text, encoded once
 *
 * The documents are the strings of the chat data, shuffled and again until there are 32 MB.  Times
 * are those of the processor, best of a few turns; places are asked for, as tokenize does. */
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/run.h"
#include "base/scan.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

#define DATA "../shared/data/"

enum { TURNS = 5, DOCS_BYTES = 32 << 20, COLD_BYTES = 3 << 20, WORST_BYTES = 1 << 20 };

static const struct { const char *name, *path; } tokenizers[] = {
    { "gpt-neox", DATA "tokenizers/gpt-neox-20b.json" },
    { "llama-3.1", DATA "tokenizers/llama-3.1/tokenizer.json" },
};

static struct arena *a;

static enum st read_all(const char *path, struct buf *out)
{
    struct input *in;
    size_t got = 1;
    enum st st = input_open(&in, path, a);

    if (st != ST_OK)
        return st;
    while (st == ST_OK && got)
        if ((st = buf_room(out, 1 << 20)) == ST_OK &&
            (st = input_read(in, out->p + out->n, 1 << 20, &got)) == ST_OK)
            out->n += got;
    input_close(in);
    return st;
}

static struct tokenizer *load(const char *path)
{
    struct tokenizer *t;
    struct view json;

    if (file_read(path, &json, (size_t)1 << 30, a) != ST_OK ||
        tokenizer_read(&t, json, path, a) != ST_OK)
        return NULL;
    return t;
}

/* ---- documents ---- */

struct docs { struct view *v; int64_t n; size_t bytes; };

static enum st gather(const struct scan *v, struct buf *out)
{
    enum st st = ST_OK;

    if (v->type == SCAN_TEXT && v->text.n)
        return buf_add(out, &v->text, sizeof v->text);
    for (int32_t i = 0; i < v->n && st == ST_OK; i++)
        st = gather(&v->item[i], out);
    return st;
}

static enum st make_docs(struct docs *d)
{
    static const char *const files[] = {
        "pref/hh-harmless-2312.jsonl.gz", "sft/alpaca-en-999.json", "sft/gsm8k-train.jsonl.gz",
        "sft/sharegpt-toolcall-en.json", "pref/sharegpt-pairs-en-300.json", "pref/kto-en-300.json",
    };
    struct buf text = { 0 }, all = { 0 };
    enum st st = ST_OK;

    for (int i = 0; i < countof(files) && st == ST_OK; i++) {
        struct scan row;
        size_t at = 0;
        text = (struct buf){ 0 };
        st = read_all(arena_printf(a, DATA "%s", files[i]), &text);
        struct view rows = { text.p, text.n };
        while (st == ST_OK && (st = scan_next(&row, rows, &at, a)) == ST_OK)
            st = gather(&row, &all);
        st = st == ST_END ? ST_OK : st;
    }
    if (st != ST_OK)
        return st;
    const struct view *v = (const struct view *)all.p;
    uint64_t n = all.n / sizeof *v;
    *d = (struct docs){ 0 };
    struct buf order = { 0 };
    for (uint64_t turn = 0; n && d->bytes < DOCS_BYTES; turn++)
        for (uint64_t i = 0; i < n && d->bytes < DOCS_BYTES; i++) {
            const struct view *s = &v[rng_perm(1, RNG_STREAM(RNG_SHUFFLE, turn), n, i)];
            if (buf_add(&order, s, sizeof *s) != ST_OK)
                return ST_SYS;
            d->bytes += s->n;
        }
    d->v = (struct view *)order.p;
    d->n = (int64_t)(order.n / sizeof *v);
    return ST_OK;
}

/* The documents in an order that memory has too, as a reader of rows would give them. */
static enum st pack_docs(struct docs *d)
{
    char *p = arena_get(a, d->bytes + 1);

    if (!p)
        return ST_SYS;
    for (int64_t i = 0; i < d->n; p += d->v[i].n, i++) {
        memcpy(p, d->v[i].p, d->v[i].n);
        d->v[i].p = p;
    }
    return ST_OK;
}

static enum st read_docs(const char *path, struct docs *d)
{
    struct buf text = { 0 }, all = { 0 };
    enum st st = read_all(path, &text);

    *d = (struct docs){ 0 };
    for (size_t at = 0; st == ST_OK && at < text.n;) {
        uint32_t n;
        if (text.n - at < sizeof n)
            return fail(ST_DATA, "a file of documents that is cut");
        memcpy(&n, text.p + at, sizeof n);
        at += sizeof n;
        if (text.n - at < n)
            return fail(ST_DATA, "a file of documents that is cut");
        struct view v = { text.p + at, n };
        st = buf_add(&all, &v, sizeof v);
        at += n;
        d->bytes += n;
    }
    d->v = (struct view *)all.p;
    d->n = (int64_t)(all.n / sizeof *d->v);
    return st;
}

static enum st write_docs(const struct docs *d, FILE *f)
{
    for (int64_t i = 0; i < d->n; i++) {
        uint32_t n = (uint32_t)d->v[i].n;
        fwrite(&n, sizeof n, 1, f);
        fwrite(d->v[i].p, 1, n, f);
    }
    return fflush(f) == 0 ? ST_OK : fail_sys("cannot write");
}

/* ---- timing ---- */

/* MB/s of one turn; the ids of each document to f, where there is one. */
static double turn(struct encoder *e, const struct docs *d, bool places, FILE *f, int64_t *n_ids)
{
    static struct encoding v;
    double t = run_cpu();

    *n_ids = 0;
    for (int64_t i = 0; i < d->n; i++) {
        if (tokenizer_encode(e, d->v[i], places, &v) != ST_OK)
            return 0;
        *n_ids += v.n;
        if (f) {
            uint32_t n = (uint32_t)v.n;
            fwrite(&n, sizeof n, 1, f);
            fwrite(v.id, sizeof *v.id, n, f);
        }
    }
    return (double)d->bytes / (run_cpu() - t) / 1e6;
}

static double best(struct encoder *e, const struct docs *d, bool places, int turns)
{
    double most = 0;
    int64_t n;

    for (int i = 0; i < turns; i++) {
        double got = turn(e, d, places, NULL, &n);
        most = MAX(most, got);
    }
    return most;
}

static void line(const char *name, const char *what, double got, const char *unit, double goal,
                 bool reached)
{
    printf("encode %s, %s\t%.4g\t%s\t\t\t\t", name, what, got, unit);
    if (goal > 0)
        printf("%.3g\t%s\n", goal, reached ? "reached" : "missed");
    else
        printf("\t\n");
}

static enum st warm(const char *name, const struct tokenizer *t, const struct docs *d)
{
    struct encoder *e = encoder_new(t, a);

    if (!e)
        return ST_SYS;
    double with = best(e, d, true, TURNS), bare = best(e, d, false, TURNS);
    line(name, "chat English", bare, "MB/s", 300, bare >= 300);
    line(name, "the same with places", with, "MB/s", 300, with >= 300);
    encoder_free(e);
    return ST_OK;
}

/* ---- a cold start ---- */

extern char **environ;

static double spent(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static enum st cold(const char *self, const char *name, const char *path, const struct docs *d)
{
    static struct docs part;
    char text[40], *argv[] = { (char *)self, "cold", (char *)path, text, NULL };
    int fd, status;
    double least = 1e9, least_load = 1e9;

    part = (struct docs){ d->v, 0, 0 };
    while (part.n < d->n && part.bytes < COLD_BYTES)
        part.bytes += d->v[part.n++].n;
    snprintf(text, sizeof text, "/tmp/encode.%d", (int)getpid());
    fd = open(text, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || fd_write(fd, text, d->v[0].p, part.bytes) != ST_OK)
        return fail_sys("%s", text);
    for (int i = 0; i < 2 * TURNS; i++) {
        struct rusage u, w;
        pid_t pid;
        bool only_load = i % 2;
        argv[3] = only_load ? "/dev/null" : text;
        getrusage(RUSAGE_CHILDREN, &u);
        if (posix_spawn(&pid, self, NULL, NULL, argv, environ) != 0 ||
            waitpid(pid, &status, 0) != pid || status != 0)
            return fail(ST_SYS, "%s cold fails", self);
        getrusage(RUSAGE_CHILDREN, &w);
        double s = spent(&w) - spent(&u);
        *(only_load ? &least_load : &least) = MIN(only_load ? least_load : least, s);
    }
    close(fd);
    unlink(text);
    line(name, "start and load", least_load * 1e3, "ms", 10, least_load <= 0.01);
    double mb = (double)part.bytes / least / 1e6;
    line(name, "3 MB with start and load", mb, "MB/s", 150, mb >= 150);
    return ST_OK;
}

static enum st cold_run(const char *path, const char *file)
{
    struct tokenizer *t = load(path);
    struct encoder *e = t ? encoder_new(t, a) : NULL;
    struct encoding v = { 0 };
    struct view text;
    enum st st = e ? file_read(file, &text, (size_t)1 << 30, a) : ST_SYS;

    return st == ST_OK ? tokenizer_encode(e, text, true, &v) : st;
}

/* ---- the worst inputs ---- */

enum worst {
    LETTER, LETTERS, BASE64, DIGITS, CJK, EMOJI, MIXED, CONTROLS, SPACES, CLASSES, ACCENTS, WORSTS
};

static const char *const worst_name[WORSTS] = {
    "one letter", "random letters", "base64", "digits", "CJK", "emoji", "mixed scripts",
    "control bytes", "white space", "alternating classes", "accents",
};

static uint32_t worst_char(enum worst w, uint64_t i)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const uint32_t script[] = { 'a',   0x430, 0x3b1,  0x5d0,  0x627,
                                       0x905, 0xe01, 0x3042, 0x4e00, 0xac00 };
    uint32_t r = (uint32_t)(rng(3, RNG_STREAM(RNG_TEST, w), i) >> 20);

    switch (w) {
    case LETTER:   return 'a';
    case LETTERS:  return 'a' + r % 26;
    case BASE64:   return (unsigned char)base64[r % 64];
    case DIGITS:   return '0' + r % 10;
    case CJK:      return 0x4e00 + r % 0x5000;
    case EMOJI:    return 0x1f300 + r % 0x350;
    case MIXED:    return script[r % countof(script)] + r / 64 % 24;
    case CONTROLS: return 1 + r % 8;
    case SPACES:   return (unsigned char)" \n\t\r"[r % 4];
    case CLASSES:  return (unsigned char)"a1.b"[i % 4];
    default:       return r % 3 ? 'a' + r / 4 % 26 : 0xe0 + r / 4 % 32;
    }
}

static struct view worst_text(enum worst w, size_t bytes)
{
    char *p = arena_get(a, bytes + 4);
    size_t n = 0;

    for (uint64_t i = 0; p && n < bytes; i++)
        n += (size_t)utf8_put(p + n, worst_char(w, i));
    return (struct view){ p, n };
}

/* The words of an encoder are forgotten: each turn has a new one. */
static double fresh(const struct tokenizer *t, struct view s, int turns)
{
    struct docs d = { &s, 1, s.n };
    double most = 0;

    for (int i = 0; i < turns; i++) {
        size_t mark = arena_mark(a);
        struct encoder *e = encoder_new(t, a);
        double got = e ? best(e, &d, true, 1) : 0;
        most = MAX(most, got);
        encoder_free(e);
        arena_back(a, mark);
    }
    return most;
}

static void worsts(const char *name, const struct tokenizer *t)
{
    for (int w = 0; w < WORSTS; w++) {
        size_t mark = arena_mark(a);
        double got = fresh(t, worst_text(w, WORST_BYTES), TURNS);
        line(name, worst_name[w], got, "MB/s", 40, got >= 40);
        arena_back(a, mark);
    }
}

/* One piece each, which no cache of words can hold.  An encoder keeps its memory, and the first
 * turn is the machine's, which has it to clear. */
static void linear(const char *name, const struct tokenizer *t)
{
    static const enum worst kinds[] = { LETTER, LETTERS, CJK };

    for (int k = 0; k < countof(kinds); k++) {
        double least = 1e9, most = 0;
        for (size_t bytes = 10000; bytes <= 100000000; bytes *= 10) {
            size_t mark = arena_mark(a);
            struct view s = worst_text(kinds[k], bytes);
            struct docs d = { &s, 1, s.n };
            struct encoder *e = encoder_new(t, a);
            double got = e ? best(e, &d, true, bytes < 10000000 ? 4 * TURNS : 2) : 0;
            encoder_free(e);
            least = MIN(least, got);
            most = MAX(most, got);
            arena_back(a, mark);
        }
        bool even = most <= 1.3 * least;
        printf("encode %s, %s, to 100 MB\t%.3g\ttimes\tper byte, worst to best\t\t\t1.3\t%s\n",
               name, worst_name[kinds[k]], most / least, even ? "reached" : "missed");
    }
}

/* ---- what to run ---- */

static enum st all(const char *self)
{
    struct docs d;
    enum st st;

    if (access(tokenizers[0].path, R_OK) != 0) {
        printf("encode: no %s; left out\n", DATA);
        return ST_OK;
    }
    if ((st = make_docs(&d)) != ST_OK || (st = pack_docs(&d)) != ST_OK)
        return st;
    for (int i = 0; i < countof(tokenizers) && st == ST_OK; i++) {
        struct tokenizer *t = load(tokenizers[i].path);
        if (!t)
            return ST_SYS;
        st = warm(tokenizers[i].name, t, &d);
        if (st == ST_OK)
            st = cold(self, tokenizers[i].name, tokenizers[i].path, &d);
        if (st == ST_OK) {
            worsts(tokenizers[i].name, t);
            linear(tokenizers[i].name, t);
        }
        tokenizer_free(t);
    }
    return st;
}

static enum st time_docs(const char *path, const char *file, const char *ids)
{
    struct tokenizer *t = load(path);
    struct encoder *e = t ? encoder_new(t, a) : NULL;
    struct docs d;
    int64_t n;
    enum st st = e ? read_docs(file, &d) : ST_SYS;

    if (st != ST_OK)
        return st;
    if (ids) {
        FILE *f = fopen(ids, "w");
        if (!f || turn(e, &d, false, f, &n) <= 0 || fclose(f) != 0)
            return fail_sys("%s", ids);
    }
    for (int i = 0; i < TURNS; i++) {
        double places = turn(e, &d, true, NULL, &n), bare = turn(e, &d, false, NULL, &n);
        printf("%.1f %.1f\n", bare, places);
    }
    return ST_OK;
}

int main(int argc, char **argv)
{
    struct docs d;
    enum st st = ST_USAGE;

    err_tool(argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    a = arena_new(0);
    if (argc == 1)
        st = all(argv[0]);
    else if (argc == 3 && strcmp(argv[1], "docs") == 0) {
        FILE *f = fopen(argv[2], "w");
        st = !f ? fail_sys("%s", argv[2]) : make_docs(&d) == ST_OK ? write_docs(&d, f) : ST_DATA;
    } else if (argc >= 4 && strcmp(argv[1], "time") == 0)
        st = time_docs(argv[2], argv[3], argc > 4 ? argv[4] : NULL);
    else if (argc == 4 && strcmp(argv[1], "cold") == 0)
        st = cold_run(argv[2], argv[3]);
    return done(st);
}
