/* rigrows.h - rows for the tests of mix: small, of uneven length, and each says which one it is. */
#ifndef RIGROWS_H
#define RIGROWS_H

#include "base/rng.h"
#include "stream/io.h"

static inline struct header rig_header(bool other)
{
    struct header h = { .version = HEADER_VERSION, .width = 2, .vocab = 300, .bos = -1, .eos = 256,
                        .pad = -1, .n_specials = 1, .special = { 256 } };

    memcpy(h.tokenizer, "a tokenizer of tests, 32 bytes..", 32);
    h.tokenizer[0] += other;
    return h;
}

/* A row whose first ids tell which one it is; its length varies unless `bytes` fixes it. */
static inline enum st rig_put(struct out *o, struct buf *b, enum rec_kind k, int64_t i,
                              const char *src, int64_t bytes)
{
    static uint8_t ids[1 << 16];
    int64_t vary = (int64_t)(rng(7, RNG_STREAM(RNG_TEST, k), (uint64_t)i) % 40);
    int64_t n = bytes ? bytes / 2 : 12 + vary;
    char text[32];
    struct rec r = { .kind = k, .w = 1, .src = view_of(src) };

    for (int64_t j = 0; j < n; j++) {
        uint32_t v = j < 4 ? (uint32_t)(i >> (24 - 8 * j) & 255) : (uint32_t)(j % 250);
        ids_put(ids + 2 * j, &v, 1, 2);
    }
    snprintf(text, sizeof text, "%lld", (long long)i);
    r.id = rec_id(k, &(struct view){ text, strlen(text) }, 1);
    struct span half = { n / 2, n };
    r.ids = (struct ids){ ids, n, 2 };
    r.span = (struct spans){ &half, 1, true };
    if (k == REC_PREF) {
        r.prompt = (struct ids){ ids, n - 8, 2 };
        r.chosen = (struct ids){ ids + 2 * (n - 8), 4, 2 };
        r.rejected = (struct ids){ ids + 2 * (n - 4), 4, 2 };
        r.ids = (struct ids){ 0 };
        r.span = (struct spans){ 0 };
    }
    rec_count(&r);
    b->n = 0;
    enum st st = rec_write(b, &r, 2);
    return st == ST_OK ? out_put(o, b->p, b->n, r.n_tokens) : st;
}

static inline enum st rig_rows(const char *kind, int64_t n, int64_t first, const char *file,
                               int64_t bytes, bool other, struct arena *a)
{
    bool sft = strcmp(kind, "sft") == 0, pref = strcmp(kind, "pref") == 0;
    enum rec_kind k = sft ? REC_SFT : pref ? REC_PREF : REC_TEXT;
    struct header h = rig_header(other);
    struct buf b = { 0 };
    struct out *o;
    const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;

    h.n_sources = 1;
    h.source[0] = (struct source){ .src = view_of(base), .schema = VIEW("test"), .split = VIEW(""),
                                   .template = VIEW("none"), .mask = VIEW("last"),
                                   .truncate = VIEW("drop") };
    enum st st = out_open(&o, file, &h, strstr(file, ".raw") ? OUT_RAW : OUT_AUTO, a);
    if (st != ST_OK)
        return st;
    for (int64_t i = 0; i < n && st == ST_OK; i++)
        st = rig_put(o, &b, k, first + i, base, bytes);
    buf_free(&b);
    return out_close(o, st, (struct view){ NULL, 0 });
}

static inline int64_t rig_row(const struct rec *r)
{
    struct ids v = r->kind == REC_PREF ? r->prompt : r->ids;
    return (int64_t)ids_at(v, 0) << 24 | (int64_t)ids_at(v, 1) << 16 | ids_at(v, 2) << 8 |
           ids_at(v, 3);
}

#endif
