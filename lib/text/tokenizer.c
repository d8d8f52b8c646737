/* tokenizer.c - encoding, and the built-in tokenizer of bytes. */
#include "base/file.h"
#include "text/tokenizer.h"

struct level {                                 /* one part of the pre-tokeniser at work */
    struct splitter splitter;
    struct buf      text;                      /* the piece at work, written anew */
    struct changes  changes;
    size_t          at;                        /* where that piece begins in the text it is from */
};

struct encoder {
    const struct tokenizer *t;
    struct words           *words;
    struct normal           normal;
    size_t                  base;              /* where the normalised part begins in the text */
    struct level            level[TOKENIZER_PRE_MAX];
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
    normal_free(&e->normal);
    for (int i = 0; i < TOKENIZER_PRE_MAX; i++) {
        splitter_free(&e->level[i].splitter);
        buf_free(&e->level[i].text);
        changes_free(&e->level[i].changes);
    }
}

void encoding_free(struct encoding *v)
{
    for (int i = 0; i < 3; i++)
        buf_free(&v->store[i]);
}

/* From a place in what level `depth` - 1 wrote back to the text. */
static size_t begin_of(struct encoder *e, int depth, size_t at)
{
    for (int i = depth - 1; i >= 0; i--)
        at = e->level[i].at + changes_begin(&e->level[i].changes, at);
    return e->base + normal_begin(&e->normal, at);
}

static size_t end_of(struct encoder *e, int depth, size_t at)
{
    for (int i = depth - 1; i >= 0; i--)
        at = e->level[i].at + changes_end(&e->level[i].changes, at);
    return e->base + normal_end(&e->normal, at);
}

/* From places in text number `depth` to places in the text, of all ids from `from` on. */
static void move_places(struct encoder *e, int depth, size_t from)
{
    uint32_t *begin = (uint32_t *)e->out->store[1].p, *end = (uint32_t *)e->out->store[2].p;

    for (size_t i = from / sizeof *begin; i < e->out->store[0].n / sizeof *begin; i++) {
        begin[i] = (uint32_t)begin_of(e, depth, begin[i]);
        end[i] = (uint32_t)end_of(e, depth, end[i]);
    }
}

/* Pieces of s, which is text number `depth` and begins at byte `at` of the one before; moves:
 * places in it are not those of the whole, less what stands before it. */
static enum st encode_pieces(struct encoder *e, int depth, struct view s, size_t at, bool moves,
                             const uint32_t *bound, int64_t n)
{
    size_t from = e->out->store[0].n;
    enum st st = bpe_pieces(e->words, s, bound, n, (uint32_t)(moves ? 0 : e->base + at),
                            e->out->store, e->places);

    if (st == ST_OK && e->places && moves)
        move_places(e, depth, from);
    return st;
}

/* A piece of the level before, s, which begins at byte `at` there: written anew, split, and its
 * pieces given to the next level. */
static enum st encode_level(struct encoder *e, int depth, struct view s, size_t at)
{
    const struct pre *p = &e->t->pre[depth];
    struct level *w = &e->level[depth];
    const uint32_t *bound;
    int64_t n;
    enum st st;
    struct edit edit = edit_start(s, &w->text, &w->changes);

    w->at = at;
    if (p->rewrite.kind != REWRITE_NONE) {
        bool first = p->rewrite.front == REWRITE_FIRST && begin_of(e, depth, at) == 0;
        if ((st = rewrite_edit(&p->rewrite, &edit, first)) != ST_OK ||
            (st = edit_end(&edit, &s)) != ST_OK)
            return st;
    }
    bool moves = e->normal.n > 0 || depth > 0 || edit.changed;
    for (size_t done = 0; done < s.n;) {
        if ((st = split_some(p->split, &w->splitter, s, &done, &bound, &n)) != ST_OK)
            return st;
        if (depth + 1 == e->t->n_pre)
            st = encode_pieces(e, depth + 1, s, at, moves, bound, n);
        for (int64_t i = 0; depth + 1 < e->t->n_pre && i < n && st == ST_OK; i++)
            st = encode_level(e, depth + 1,
                              (struct view){ s.p + bound[i], bound[i + 1] - bound[i] }, bound[i]);
        if (st != ST_OK)
            return st;
    }
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

/* Text without the added tokens that are searched for raw, from byte `base` of the whole on. */
static enum st encode_normal(struct encoder *e, struct view raw, size_t base)
{
    struct view s;
    struct added_hit h;
    size_t done = 0, from = 0;
    enum st st = normalise(e->t->normaliser, &e->normal, raw, &s);

    e->base = base;
    if (st != ST_OK)
        return st;
    while (e->t->normal && added_next(e->t->normal, s, done, from, &h)) {
        struct view gap = { s.p + done, h.begin > done ? h.begin - done : 0 };
        if (gap.n && (st = encode_level(e, 0, gap, done)) != ST_OK)
            return st;
        st = put_added(e, h.token->id, begin_of(e, 0, h.next - h.token->sought.n),
                       end_of(e, 0, h.next));
        if (st != ST_OK)
            return st;
        done = h.end;
        from = h.next;
    }
    struct view rest = { s.p + done, s.n - done };
    return rest.n ? encode_level(e, 0, rest, done) : ST_OK;
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
            st = put_added(e, h.token->id, h.next - h.token->sought.n, h.next);
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
    for (int i = 0; i < TOKENIZER_PRE_MAX; i++)
        if (t->pre[i].split)
            split_free(t->pre[i].split);
    if (t->normaliser)
        normaliser_free(t->normaliser);
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

    if (!t || !byte || !(t->bpe = bpe_new(256, 0, a)) || !(t->pre[0].split = split_new(a)) ||
        !(t->normaliser = normaliser_new(a)) ||
        !(t->raw = added_new(a)) || !(t->added = ARENA_NEW(a, struct added, countof(markers))))
        return NULL;
    for (int c = 0; c < 256; c++) {
        byte[c] = (char)c;
        if (bpe_token(t->bpe, (struct view){ byte + c, 1 }, (uint32_t)c) != ST_OK)
            return NULL;
    }
    for (int i = 0; i < countof(markers); i++) {
        struct view text = view_of(markers[i]);
        t->added[i] = (struct added){ .text = text, .sought = text, .id = 256 + (uint32_t)i,
                                      .special = true };
        if (added_put(t->raw, &t->added[i]) != ST_OK)
            return NULL;
    }
    if (bpe_done(t->bpe, false) != ST_OK)
        return NULL;
    t->arena = a;
    t->n_pre = 1;
    t->n_added = countof(markers);
    t->n_tokens = 256;
    t->unk = -1;
    t->vocab = 256 + countof(markers);
    t->bos = t->prefix[0] = 256;
    t->n_prefix = 1;
    t->eos = 257;
    t->pad = 258;
    sha_of("bytes", 5, t->sha);
    return t;
}
