/* vocab.c - the `model` of a tokenizer.json: tokens and merges.
 *
 * Where the last thing that happens to a text is that its bytes are written in GPT-2's alphabet,
 * and every byte has a token, the tokens are kept as bytes and the text stays as it is. */
#include "text/load.h"
#include "text/rewrite.h"
#include "text/symbols.h"
#include "text/unicode.h"

enum { AHEAD = 16 };                           /* tokens read before they are added */

struct vocab {
    struct bpe   *bpe;
    struct arena *a;
    bool          bytes;                       /* tokens are kept as the bytes they stand for */
};

bool vocab_of_bytes(const struct scan *model)
{
    const struct scan *vocab = load_member(model, "vocab");
    bool there[256] = { 0 };
    int len;

    if (!vocab || vocab->type != SCAN_OBJECT || load_text(model, "continuing_subword_prefix").n ||
        load_text(model, "end_of_word_suffix").n)
        return false;
    for (int32_t i = 0; i < vocab->n; i++) {
        struct view key = vocab->key[i];
        int c = key.n && key.n <= 2 ? rewrite_byte(unicode_at(key.p, key.n, &len)) : -1;
        if (c >= 0 && (size_t)len == key.n)
            there[c] = true;
    }
    for (int c = 0; c < 0xf5; c++)
        if (!there[c] && c != 0xc0 && c != 0xc1)
            return false;
    return true;
}

struct entry { struct view bytes; uint32_t id; bool apart; };

/* The token of a member of the vocabulary; its bytes are put at *p. */
static enum st read_token(const struct vocab *v, struct view key, const struct scan *item, char **p,
                          struct entry *to)
{
    size_t n = key.n;
    enum st st = load_id(item, key, &to->id);

    if (st != ST_OK)
        return st;
    to->apart = v->bytes && !rewrite_bytes(key, *p, &n);   /* no text can give it */
    if (to->apart || !v->bytes) {
        memcpy(*p, key.p, key.n);
        n = key.n;
    }
    to->bytes = (struct view){ *p, n };
    *p += n + 1;
    return ST_OK;
}

static enum st read_tokens(struct vocab *v, const struct scan *vocab)
{
    struct entry some[AHEAD];
    size_t total = 0;
    enum st st = ST_OK;

    for (int32_t i = 0; i < vocab->n; i++)
        total += vocab->key[i].n + 1;
    char *p = arena_get(v->a, total + 1);
    if (!p)
        return ST_SYS;
    for (int32_t i = 0, n; i < vocab->n && st == ST_OK; i += n) {
        n = MIN(vocab->n - i, AHEAD);
        for (int32_t k = 0; k < n; k++) {
            st = read_token(v, vocab->key[i + k], &vocab->item[i + k], &p, &some[k]);
            if (st != ST_OK)
                return st;
            bpe_ask(v->bpe, some[k].bytes);
        }
        for (int32_t k = 0; k < n && st == ST_OK; k++)
            st = some[k].apart ? bpe_token_apart(v->bpe, some[k].bytes, some[k].id)
                               : bpe_token(v->bpe, some[k].bytes, some[k].id);
    }
    return st;
}

/* A merge is "left right", or since tokenizers 0.20 ["left", "right"]; in bytes it is put at *p. */
static enum st read_merge(const struct vocab *v, const struct scan *m, char **p,
                          struct bpe_merge *to)
{
    struct view left, right;
    size_t n, k;

    if (m->type == SCAN_ARRAY && m->n == 2 && m->item[0].type == SCAN_TEXT &&
        m->item[1].type == SCAN_TEXT) {
        left = m->item[0].text;
        right = m->item[1].text;
    } else {
        const char *space =
            m->type == SCAN_TEXT && m->text.n ? memchr(m->text.p, ' ', m->text.n) : NULL;
        if (!space)
            return fail(ST_DATA, "a merge is no pair of tokens");
        left = (struct view){ m->text.p, (size_t)(space - m->text.p) };
        right = (struct view){ space + 1, m->text.n - left.n - 1 };
    }
    *to = (struct bpe_merge){ left, right };
    if (!v->bytes)
        return ST_OK;
    if (!rewrite_bytes(left, *p, &n) || !rewrite_bytes(right, *p + n, &k))
        return fail(ST_DATA, "a merge of '%s' and '%s', which are not in the byte alphabet",
                    shown(left), shown(right));
    *to = (struct bpe_merge){ { *p, n }, { *p + n, k } };
    *p += n + k;
    return ST_OK;
}

static enum st read_merges(struct vocab *v, const struct scan *merges)
{
    struct bpe_merge some[BPE_MERGES_AHEAD];
    struct buf room = { 0 };
    enum st st = ST_OK;

    for (int32_t i = 0, n; i < merges->n && st == ST_OK; i += n) {
        const struct scan *m = merges->item + i;
        size_t bytes = 0;
        n = MIN(merges->n - i, BPE_MERGES_AHEAD);
        for (int32_t k = 0; k < n; k++)
            bytes += m[k].raw.n;               /* no less than what it stands for */
        st = buf_room(&room, bytes);
        char *p = room.p;
        for (int32_t k = 0; k < n && st == ST_OK; k++)
            st = read_merge(v, &m[k], &p, &some[k]);
        if (st == ST_OK)
            st = bpe_merges(v->bpe, some, n);
    }
    buf_free(&room);
    return st;
}

/* unk_token, byte_fallback and what goes before and behind a symbol. */
static enum st read_symbols(struct vocab *v, const struct scan *model)
{
    struct symbols *s = ARENA_NEW(v->a, struct symbols, 1);
    struct view unknown = load_text(model, "unk_token");

    if (!s)
        return ST_SYS;
    *s = (struct symbols){ .prefix = load_text(model, "continuing_subword_prefix"),
                           .suffix = load_text(model, "end_of_word_suffix"),
                           .fuse = load_flag(model, "fuse_unk", false),
                           .fallback = load_flag(model, "byte_fallback", false),
                           .unknown = unknown.p ? bpe_find(v->bpe, unknown) : BPE_NONE };
    if (unknown.p && s->unknown == BPE_NONE)
        return fail(ST_DATA, "the unk_token '%s' is not in the vocabulary", shown(unknown));
    if ((s->prefix.n && !(s->prefix.p = arena_text(v->a, s->prefix))) ||
        (s->suffix.n && !(s->suffix.p = arena_text(v->a, s->suffix))))
        return ST_SYS;
    return symbols_use(v->bpe, s);
}

static enum st check_model(const struct scan *model)
{
    struct view type = load_text(model, "type");
    const struct scan *dropout = load_member(model, "dropout");

    if (type.p && !view_is(type, "BPE"))
        return load_unsupported("model", type);
    if (dropout && !(dropout->type == SCAN_NUMBER && dropout->number == 0))
        return load_unsupported("model part", view_of("dropout"));
    return ST_OK;
}

enum st vocab_read(struct bpe **bpe, const struct scan *model, bool bytes, struct arena *a)
{
    struct vocab v = { .a = a, .bytes = bytes };
    enum st st;

    if (!model || model->type != SCAN_OBJECT)
        return fail(ST_DATA, "no 'model'; it is not a tokenizer.json");
    if ((st = check_model(model)) != ST_OK)
        return st;
    const struct scan *vocab = load_member(model, "vocab"), *merges = load_member(model, "merges");
    if (!vocab || vocab->type != SCAN_OBJECT || !merges || merges->type != SCAN_ARRAY)
        return fail(ST_DATA, "the model has no 'vocab' and 'merges'");
    if (!(v.bpe = *bpe = bpe_new(vocab->n, merges->n, a)))
        return ST_SYS;
    if ((st = read_tokens(&v, vocab)) != ST_OK ||
        (!bytes && (st = read_symbols(&v, model)) != ST_OK) ||
        (st = read_merges(&v, merges)) != ST_OK)
        return st;
    return bpe_done(v.bpe, load_flag(model, "ignore_merges", false));
}
