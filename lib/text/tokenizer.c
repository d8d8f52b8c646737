/* tokenizer.c - encoding and decoding, and the built-in tokenizer of bytes. */
#include "base/file.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

struct encoder {
    const struct tokenizer *t;
    struct words           *words;
    struct splitter         splitter;
    struct nfc              nfc;
    struct buf              spaced;            /* a text with ByteLevel's space before it */
    bool                    places;
    struct encoding        *out;
};

struct encoder *encoder_new(const struct tokenizer *t, struct arena *a)
{
    struct encoder *e = ARENA_NEW(a, struct encoder, 1);

    if (!e || !(e->words = words_new(t->bpe, a)))
        return NULL;
    e->t = t;
    return e;
}

void encoder_free(struct encoder *e)
{
    words_free(e->words);
    splitter_free(&e->splitter);
    nfc_free(&e->nfc);
    buf_free(&e->spaced);
}

void encoding_free(struct encoding *v)
{
    for (int i = 0; i < 3; i++)
        buf_free(&v->store[i]);
}

/* From places in the normalised text, which had `shift` bytes put before it, to places in the
 * text; all of them from `from` on.  base: where the normalised part begins in the text; at:
 * where this part begins in it. */
static void move_places(struct encoder *e, size_t from, size_t base, size_t at, size_t shift)
{
    struct encoding *v = e->out;
    size_t n = v->store[0].n / sizeof(uint32_t);
    uint32_t *begin = (uint32_t *)v->store[1].p, *end = (uint32_t *)v->store[2].p;

    for (size_t i = from / sizeof(uint32_t); i < n; i++) {
        size_t b = at + begin[i] - MIN(begin[i], shift), c = at + end[i] - MIN(end[i], shift);
        begin[i] = (uint32_t)(base + nfc_raw_begin(&e->nfc, b));
        end[i] = (uint32_t)(base + nfc_raw_end(&e->nfc, c));
    }
}

/* Text without added tokens, already normalised: pieces, and their merges. */
static enum st encode_pieces(struct encoder *e, struct view s, size_t base, size_t at)
{
    size_t first = e->out->store[0].n, shift = 0;
    bool moves = e->nfc.change.n > 0;          /* places are not those of the text */
    const uint32_t *bound;
    int64_t n;
    enum st st;

    if (e->t->prefix_space && s.n && s.p[0] != ' ') {
        e->spaced.n = 0;
        if (buf_add(&e->spaced, " ", 1) != ST_OK || buf_add(&e->spaced, s.p, s.n) != ST_OK)
            return ST_SYS;
        s = (struct view){ e->spaced.p, e->spaced.n };
        shift = 1;
        moves = true;
    }
    for (size_t done = 0; done < s.n;) {
        if ((st = split_some(e->t->split, &e->splitter, s, &done, &bound, &n)) != ST_OK ||
            (st = bpe_pieces(e->words, s, bound, n, (uint32_t)(moves ? 0 : base + at),
                             e->out->store, e->places)) != ST_OK)
            return st;
    }
    if (e->places && moves)
        move_places(e, first, base, at, shift);
    return ST_OK;
}

static enum st put_added(struct encoder *e, uint32_t id, size_t begin, size_t end)
{
    uint32_t place[3] = { id, (uint32_t)begin, (uint32_t)end };

    for (int i = 0; i < (e->places ? 3 : 1); i++)
        if (buf_add(&e->out->store[i], &place[i], sizeof place[i]) != ST_OK)
            return ST_SYS;
    return ST_OK;
}

/* Text without the added tokens that are searched for raw; the whole's from byte `base` on. */
static enum st encode_normal(struct encoder *e, struct view raw, size_t base)
{
    struct view s = raw;
    struct added_hit h;
    size_t done = 0, from = 0;
    enum st st;

    e->nfc.change.n = 0;
    if (e->t->nfc && (st = unicode_nfc(&e->nfc, raw, &s)) != ST_OK)
        return st;
    while (e->t->normal && added_next(e->t->normal, s, done, from, &h)) {
        struct view gap = { s.p + done, h.begin > done ? h.begin - done : 0 };
        if (gap.n && (st = encode_pieces(e, gap, base, done)) != ST_OK)
            return st;
        st = put_added(e, h.token->id, base + nfc_raw_begin(&e->nfc, h.next - h.token->text.n),
                       base + nfc_raw_end(&e->nfc, h.next));
        if (st != ST_OK)
            return st;
        done = h.end;
        from = h.next;
    }
    struct view rest = { s.p + done, s.n - done };
    return rest.n ? encode_pieces(e, rest, base, done) : ST_OK;
}

enum st tokenizer_encode(struct encoder *e, struct view text, bool places, struct encoding *out)
{
    struct added_hit h;
    size_t done = 0, from = 0;
    enum st st = ST_OK;

    e->places = places;
    e->out = out;
    for (int i = 0; i < 3; i++)
        out->store[i].n = 0;
    while (st == ST_OK && e->t->raw && added_next(e->t->raw, text, done, from, &h)) {
        if (h.begin > done)
            st = encode_normal(e, (struct view){ text.p + done, h.begin - done }, done);
        if (st == ST_OK)
            st = put_added(e, h.token->id, h.next - h.token->text.n, h.next);
        done = h.end;
        from = h.next;
    }
    if (st == ST_OK && done < text.n)
        st = encode_normal(e, (struct view){ text.p + done, text.n - done }, done);
    out->id = (const uint32_t *)out->store[0].p;
    out->begin = places ? (const uint32_t *)out->store[1].p : NULL;
    out->end = places ? (const uint32_t *)out->store[2].p : NULL;
    out->n = (int64_t)(out->store[0].n / sizeof(uint32_t));
    return st;
}

enum st tokenizer_decode(const struct tokenizer *t, const uint32_t *id, int64_t n, bool specials,
                         struct buf *out)
{
    enum st st = ST_OK;

    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        const struct added *v = tokenizer_added(t, id[i]);
        struct view s = v ? v->text : bpe_bytes(t->bpe, id[i]);
        if (!v || specials || !v->special)
            st = buf_add(out, s.p, s.n);
    }
    return st;
}

/* Added tokens lie sorted by id. */
const struct added *tokenizer_added(const struct tokenizer *t, uint32_t id)
{
    int64_t low = 0, high = t->n_added;

    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (t->added[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < t->n_added && t->added[low].id == id ? &t->added[low] : NULL;
}

bool tokenizer_special(const struct tokenizer *t, uint32_t id)
{
    const struct added *v = tokenizer_added(t, id);

    return v && v->special;
}

int64_t tokenizer_find(const struct tokenizer *t, const char *text)
{
    for (int64_t i = 0; i < t->n_added; i++)
        if (view_is(t->added[i].text, text))
            return t->added[i].id;
    return -1;
}

void tokenizer_free(struct tokenizer *t)
{
    split_free(t->split);
}

/* ---- bytes ---- */

static const char *const markers[] = {
    "<|bos|>", "<|eos|>", "<|pad|>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>",
};

struct tokenizer *tokenizer_bytes(struct arena *a)
{
    struct tokenizer *t = ARENA_NEW(a, struct tokenizer, 1);
    char *byte = arena_get(a, 256);

    if (!t || !byte || !(t->bpe = bpe_new(256, 0, a)) || !(t->split = split_new(a)) ||
        !(t->raw = added_new(a)) || !(t->added = ARENA_NEW(a, struct added, countof(markers))))
        return NULL;
    for (int c = 0; c < 256; c++) {
        byte[c] = (char)c;
        if (bpe_token(t->bpe, (struct view){ byte + c, 1 }, (uint32_t)c) != ST_OK)
            return NULL;
    }
    for (int i = 0; i < countof(markers); i++) {
        t->added[i] = (struct added){ .text = view_of(markers[i]), .id = 256 + (uint32_t)i,
                                      .special = true };
        if (added_put(t->raw, &t->added[i]) != ST_OK)
            return NULL;
    }
    if (bpe_done(t->bpe, false) != ST_OK)
        return NULL;
    t->n_added = countof(markers);
    t->vocab = 256 + countof(markers);
    t->bos = t->prefix[0] = 256;
    t->n_prefix = 1;
    t->eos = 257;
    t->pad = 258;
    sha_of("bytes", 5, t->sha);
    return t;
}
