/* symbols.c - characters to ids, and where the tokens of a piece stand. */
#include "text/pairs.h"
#include "text/symbols.h"
#include "text/unicode.h"

enum { SYMBOL_MAX = 512 };                     /* bytes of a symbol that is looked up */

/* All bytes of UTF-8 have a token, or none has. */
static enum st find_bytes(const struct bpe *b, struct symbols *s)
{
    int found = 0, needed = 0;

    for (int c = 0; c < 256; c++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)c);
        s->byte[c] = bpe_find(b, view_of(name));
        if (c < 0xf5 && c != 0xc0 && c != 0xc1) {
            needed++;
            found += s->byte[c] != BPE_NONE;
        }
    }
    if (found == 0)
        s->fallback = false;
    else if (found < needed)
        return fail(ST_DATA, "byte_fallback, and only %d of %d bytes have a token", found, needed);
    return ST_OK;
}

enum st symbols_use(struct bpe *b, struct symbols *s)
{
    enum st st = s->fallback ? find_bytes(b, s) : ST_OK;

    if (st == ST_OK && s->fallback && (s->prefix.n || s->suffix.n))
        return fail(ST_DATA, "byte_fallback with a continuing_subword_prefix or an "
                             "end_of_word_suffix is not supported");
    if (s->prefix.n + s->suffix.n > SYMBOL_MAX - 4)
        return fail(ST_DATA, "a continuing_subword_prefix or end_of_word_suffix of more than %d "
                             "bytes", SYMBOL_MAX - 4);
    b->symbols = s;
    return st;
}

size_t symbols_skip(const struct bpe *b, struct view right)
{
    return b->symbols ? MIN(b->symbols->prefix.n, right.n) : 0;
}

bool symbols_alone(const struct bpe *b, uint32_t id)
{
    const struct symbols *s = b->symbols;

    if (!s)
        return false;
    for (int c = 0; s->fallback && c < 256; c++)
        if (s->byte[c] == id)
            return true;
    return s->unknown == id;
}

/* The symbol of the piece that begins at byte i, its token, or BPE_NONE; *len its bytes. */
static uint32_t symbol_at(const struct bpe *b, struct view piece, size_t i, int *len)
{
    const struct symbols *s = b->symbols;
    char text[SYMBOL_MAX];
    struct view v = { text, 0 };

    unicode_at(piece.p + i, piece.n - i, len);
    if (!s->prefix.n && !s->suffix.n)
        return *len == 1 ? b->byte[(unsigned char)piece.p[i]]
                         : bpe_find(b, (struct view){ piece.p + i, (size_t)*len });
    if (i > 0 && s->prefix.n) {
        memcpy(text, s->prefix.p, s->prefix.n);
        v.n = s->prefix.n;
    }
    memcpy(text + v.n, piece.p + i, (size_t)*len);
    v.n += (size_t)*len;
    if (i + (size_t)*len == piece.n && s->suffix.n) {
        memcpy(text + v.n, s->suffix.p, s->suffix.n);
        v.n += s->suffix.n;
    }
    return bpe_find(b, v);
}

int64_t symbols_put(const struct bpe *b, struct view piece, uint32_t *id)
{
    const struct symbols *s = b->symbols;
    int64_t n = 0;
    bool after = false;                        /* the last one was unknown */
    int len;

    for (size_t i = 0; i < piece.n; i += (size_t)len) {
        uint32_t at = symbol_at(b, piece, i, &len);
        if (at != BPE_NONE) {
            id[n++] = at;
            after = false;
        } else if (s->fallback) {
            for (int k = 0; k < len; k++)
                if ((at = s->byte[(unsigned char)piece.p[i + (size_t)k]]) != BPE_NONE)
                    id[n++] = at;
        } else if (s->unknown != BPE_NONE) {
            if (!after || !s->fuse)
                id[n++] = s->unknown;
            after = true;
        }
    }
    return n;
}

/* A token's place follows from where it begins: what has no token there stands for itself, any
 * other one for its own text, less prefix and suffix. */
void symbols_places(const struct bpe *b, struct view piece, const uint32_t *id, int64_t n,
                    size_t at, uint32_t *begin, uint32_t *end)
{
    const struct symbols *s = b->symbols;
    size_t i = 0;
    int len;

    if (n == 1 && b->whole && id[0] == bpe_find(b, piece)) {
        begin[0] = (uint32_t)at;
        end[0] = (uint32_t)(at + piece.n);
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        size_t width;
        uint32_t token = BPE_NONE;
        while (i < piece.n && (token = symbol_at(b, piece, i, &len)) == BPE_NONE &&
               !s->fallback && s->unknown == BPE_NONE)
            i += (size_t)len;                  /* what became nothing */
        begin[k] = (uint32_t)(at + i);
        if (token != BPE_NONE) {
            size_t more = i > 0 ? s->prefix.n : 0;
            width = b->token[id[k]].n;
            width -= MIN(width, more);
        } else if (s->fallback) {
            width = 1;
        } else {
            for (width = 0; i + width < piece.n &&
                            symbol_at(b, piece, i + width, &len) == BPE_NONE;) {
                width += (size_t)len;
                if (!s->fuse)
                    break;
            }
        }
        i = MIN(i + width, piece.n);           /* the suffix is behind the end */
        end[k] = (uint32_t)(at + i);
    }
}

bool symbols_cut(const struct bpe *b, struct view mark)
{
    const struct symbols *s = b->symbols;

    if (!s || b->whole || s->prefix.n || s->suffix.n || bpe_find(b, mark) == BPE_NONE)
        return false;
    for (int64_t id = 0; id < b->n_ids; id++) {
        struct view v = b->token[id];
        bool after = true;                     /* all of it so far is marks */
        for (size_t i = 0; v.p && i < v.n;) {
            bool here = v.n - i >= mark.n && memcmp(v.p + i, mark.p, mark.n) == 0;
            if (here && !after)
                return false;
            after = here;
            i += here ? mark.n : 1;
        }
    }
    return true;
}
