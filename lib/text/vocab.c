/* vocab.c - the `model` of a tokenizer.json: tokens and merges, from the alphabet that stands for
 * bytes. */
#include "text/load.h"
#include "text/unicode.h"

struct vocab {
    struct bpe   *bpe;
    struct arena *a;
    uint16_t byte[512]; /* code point of the byte alphabet -> byte, or NO_BYTE */
};

enum { NO_BYTE = 0xffff };

/* GPT-2's alphabet: printable bytes of Latin-1 stand for themselves, the others are U+0100 and
 * up. */
static void make_alphabet(struct vocab *v)
{
    uint32_t more = 256;

    for (int i = 0; i < countof(v->byte); i++)
        v->byte[i] = NO_BYTE;
    for (int c = 0; c < 256; c++) {
        bool self = (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || c >= 174;
        v->byte[self ? (uint32_t)c : more++] = (uint16_t)c;
    }
}

/* The bytes that a token of the vocabulary stands for, into out[s.n].  False: a character outside
 * the alphabet. */
static bool to_bytes(const struct vocab *v, struct view s, char *out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < s.n;) {
        int len;
        int32_t c = unicode_at(s.p + i, s.n - i, &len);
        if (c < 0 || c >= countof(v->byte) || v->byte[c] == NO_BYTE)
            return false;
        out[(*n)++] = (char)v->byte[c];
        i += (size_t)len;
    }
    return true;
}

static enum st read_tokens(struct vocab *v, const struct scan *vocab)
{
    size_t total = 0;

    for (int32_t i = 0; i < vocab->n; i++)
        total += vocab->key[i].n + 1;
    char *p = arena_get(v->a, total + 1);
    if (!p)
        return ST_SYS;
    for (int32_t i = 0; i < vocab->n; i++) {
        struct view key = vocab->key[i];
        uint32_t id = 0;
        size_t n;
        enum st st = load_id(&vocab->item[i], key, &id);
        if (st != ST_OK)
            return st;
        if (!to_bytes(v, key, p, &n)) { /* no text can give it: kept as it stands, for decoding */
            memcpy(p, key.p, key.n);
            n = key.n;
        }
        if (bpe_find(v->bpe, (struct view){ p, n }) != BPE_NONE)
            continue;                          /* the same, written in the alphabet and not */
        if ((st = bpe_token(v->bpe, (struct view){ p, n }, id)) != ST_OK)
            return st;
        p += n + 1;
    }
    return ST_OK;
}

/* A merge is "left right", or since tokenizers 0.20 ["left", "right"]. */
static enum st read_merge(struct vocab *v, const struct scan *m, struct buf *room)
{
    struct view left, right;

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
    room->n = 0;
    if (buf_room(room, left.n + right.n + 1) != ST_OK)
        return ST_SYS;
    size_t n, k;
    if (!to_bytes(v, left, room->p, &n) || !to_bytes(v, right, room->p + n, &k))
        return fail(ST_DATA, "a merge of '%s' and '%s', which are not in the byte alphabet",
                    shown(left), shown(right));
    return bpe_merge(v->bpe, (struct view){ room->p, n }, (struct view){ room->p + n, k });
}

static enum st check_model(const struct scan *model)
{
    static const char *const empty[] = { "continuing_subword_prefix", "end_of_word_suffix" };
    struct view type = load_text(model, "type");
    const struct scan *dropout = load_member(model, "dropout");

    if (type.p && !view_is(type, "BPE"))
        return load_unsupported("model", type);
    if (dropout && !(dropout->type == SCAN_NUMBER && dropout->number == 0))
        return load_unsupported("model part", view_of("dropout"));
    for (int i = 0; i < countof(empty); i++)
        if (load_text(model, empty[i]).n)
            return load_unsupported("model part", view_of(empty[i]));
    if (load_flag(model, "byte_fallback", false))
        return load_unsupported("model part", view_of("byte_fallback"));
    return ST_OK;
}

enum st vocab_read(struct bpe **bpe, const struct scan *model, struct arena *a)
{
    struct vocab v = { .a = a };
    struct buf room = { 0 };
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
    make_alphabet(&v);
    if ((st = read_tokens(&v, vocab)) != ST_OK)
        return st;
    for (int32_t i = 0; i < merges->n && st == ST_OK; i++)
        st = read_merge(&v, &merges->item[i], &room);
    buf_free(&room);
    return st == ST_OK ? bpe_done(v.bpe, load_flag(model, "ignore_merges", false)) : st;
}
