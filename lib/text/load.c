/* load.c - tokenizer.json -> struct tokenizer.
 *
 * The file is a description of a pipeline: normalizer, pre_tokenizer, model, post_processor,
 * decoder, and added tokens.  What BPE tokenizers use is built; any other part is refused by its
 * name, for a tokenizer that is nearly right trains a model that is quietly wrong.  `truncation`
 * and `padding` have no say here. */
#include "base/file.h"
#include "text/load.h"
#include "text/symbols.h"

const struct scan *load_member(const struct scan *o, const char *key)
{
    const struct scan *v = o ? scan_find(o, key) : NULL;

    return v && v->type != SCAN_NULL ? v : NULL;
}

bool load_flag(const struct scan *o, const char *key, bool otherwise)
{
    const struct scan *v = load_member(o, key);

    return v ? v->type == SCAN_TRUE : otherwise;
}

struct view load_text(const struct scan *o, const char *key)
{
    const struct scan *v = load_member(o, key);

    return v && v->type == SCAN_TEXT ? v->text : (struct view){ 0 };
}

enum st load_unsupported(const char *part, struct view type)
{
    return fail(ST_DATA, "the %s '%s' is not supported", part, type.p ? shown(type) : "of no type");
}

const struct scan *load_list(const struct scan *v, const char *key)
{
    const struct scan *list = load_member(v, key);

    return list && list->type == SCAN_ARRAY ? list : NULL;
}

enum st load_id(const struct scan *v, struct view name, uint32_t *id)
{
    if (!v || v->type != SCAN_NUMBER || !(v->number >= 0 && v->number < BPE_IDS_MAX) ||
        v->number != (double)(uint32_t)v->number)
        return fail(ST_DATA, "the token '%s' has no id below %d", shown(name), BPE_IDS_MAX);
    *id = (uint32_t)v->number;
    return ST_OK;
}

/* ---- the whole ---- */

/* SentencePiece's pieces are whole texts: cut where no merge can cross. */
static enum st cut(struct load *l)
{
    static const struct view mark = { "\xe2\x96\x81", 3 };   /* U+2581 */
    struct split *last = l->t->pre[l->t->n_pre - 1].split;

    return split_stages(last) == 0 && symbols_cut(l->t->bpe, mark) ? split_marked(last, mark)
                                                                  : ST_OK;
}

static enum st build_pipeline(struct load *l)
{
    const struct scan *model = load_member(l->root, "model"), *v;
    struct tokenizer *t = l->t;
    enum st st = ST_OK;

    if (!(t->normaliser = normaliser_new(l->a)) || !(t->pre[0].split = split_new(l->a)))
        return ST_SYS;
    t->n_pre = 1;
    if ((v = load_member(l->root, "normalizer")) && (st = load_normalizer(l, v)) != ST_OK)
        return st;
    if ((v = load_member(l->root, "pre_tokenizer"))) {
        l->bytes = t->decode.alphabet = load_ends_in_bytes(v) && vocab_of_bytes(model);
        if ((st = load_pre_tokenizer(l, v)) != ST_OK)
            return st;
    }
    st = vocab_read(&t->bpe, model, l->bytes, l->a);
    if (st == ST_OK) {
        t->n_tokens = load_member(model, "vocab")->n;
        st = cut(l);
    }
    return st;
}

static enum st build(struct load *l)
{
    const struct scan *v;
    struct tokenizer *t = l->t;
    enum st st = build_pipeline(l);

    if (st != ST_OK)
        return st;
    t->vocab = bpe_ids(t->bpe);
    if ((v = load_list(l->root, "added_tokens")))
        st = load_added(l, v);
    if (st == ST_OK && (v = load_member(l->root, "post_processor")))
        st = load_post_processor(l, v);
    if (st == ST_OK && (v = load_member(l->root, "decoder")))
        st = load_decoder(l, v);
    else if (st == ST_OK && l->bytes)          /* the only one there can be */
        st = decode_add(&t->decode, (struct decode_step){ .kind = DECODE_BYTES }, "ByteLevel");
    else
        t->decode.spaced = true;
    if (st == ST_OK && l->bytes && (!t->decode.n || t->decode.step[0].kind != DECODE_BYTES))
        return fail(ST_DATA, "a decoder that does not begin with ByteLevel is not supported where "
                             "the pre_tokenizer ends with it");
    if (st == ST_OK)
        load_specials(t);
    return st;
}

enum st load_parse(struct scan *root, struct view json, const char *name, struct arena *a)
{
    size_t at = 0;

    err_place("%s", name);
    enum st st = scan_next(root, json, &at, a);
    if (st == ST_END)
        return fail(ST_DATA, "the file is empty");
    if (st == ST_OK && root->type != SCAN_OBJECT)
        return fail(ST_DATA, "not a JSON object");
    return st;
}

enum st tokenizer_read(struct tokenizer **t, struct view json, const char *name, struct arena *a)
{
    struct arena *tmp = arena_new(0);
    struct scan root;
    struct load l = { .t = ARENA_NEW(a, struct tokenizer, 1), .a = a, .root = &root };
    enum st st = l.t ? load_parse(&root, json, name, tmp) : ST_SYS;

    if (l.t)
        l.t->arena = a;
    if (st == ST_OK)
        st = build(&l);
    if (st == ST_OK)
        sha_of(json.p, json.n, l.t->sha);
    else if (l.t)
        tokenizer_free(l.t);
    arena_free(tmp);
    *t = l.t;
    return st;
}
