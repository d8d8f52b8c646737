/* encode.c - texts in, ids, places and the text decoded from them out: what tokenizer.py compares.
 *
 * encode TOKENIZER.json: stdin has texts, each with its length before it (uint32_t); stdout for
 * each n, n ids, n begins, n ends, and the decoded text with special tokens and without them, each
 * with its length before it. */
#include "base/file.h"
#include "text/tokenizer.h"

static bool take(void *p, size_t n)
{
    return fread(p, 1, n, stdin) == n;
}

static void give(const void *p, size_t n)
{
    if (n && fwrite(p, 1, n, stdout) != n)
        abort();
}

static void give_text(struct decoder *d, const struct encoding *v)
{
    struct buf out = { 0 };

    for (int64_t i = 0; i < v->n; i++)
        BUG_IF(decoder_put(d, v->id[i], &out) != ST_OK);
    BUG_IF(decoder_end(d, &out) != ST_OK);
    uint32_t n = (uint32_t)out.n;
    give(&n, sizeof n);
    give(out.p, out.n);
    buf_free(&out);
}

static enum st run(const char *path, struct arena *a)
{
    struct tokenizer *t;
    struct encoder *e;
    struct decoder *d[2];
    struct encoding v = { 0 };
    struct buf text = { 0 };
    struct view json;
    enum st st = file_read(path, &json, 64 << 20, a);

    if (st != ST_OK || (st = tokenizer_read(&t, json, path, a)) != ST_OK)
        return st;
    if (!(e = encoder_new(t, a)) || !(d[0] = decoder_new(t, true, a)) ||
        !(d[1] = decoder_new(t, false, a)))
        return ST_SYS;
    for (uint32_t n; take(&n, sizeof n);) {
        text.n = 0;
        if (buf_room(&text, n + 1) != ST_OK || !take(text.p, n))
            return ST_SYS;
        st = tokenizer_encode(e, (struct view){ text.p, n }, true, &v);
        if (st != ST_OK)
            return st;
        uint32_t n_ids = (uint32_t)v.n;
        give(&n_ids, sizeof n_ids);
        give(v.id, n_ids * sizeof *v.id);
        give(v.begin, n_ids * sizeof *v.id);
        give(v.end, n_ids * sizeof *v.id);
        give_text(d[0], &v);
        give_text(d[1], &v);
    }
    buf_free(&text);
    encoding_free(&v);
    encoder_free(e);
    decoder_free(d[0]);
    decoder_free(d[1]);
    tokenizer_free(t);
    return ST_OK;
}

int main(int argc, char **argv)
{
    err_tool(argv[0]);
    struct arena *a = arena_new(0);
    enum st st = argc == 2 ? run(argv[1], a) : fail(ST_USAGE, "encode TOKENIZER.json");
    arena_free(a);
    return done(st);
}
