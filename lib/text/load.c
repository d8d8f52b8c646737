/* load.c - tokenizer.json and tokenizer_config.json -> struct tokenizer.
 *
 * The file is a description of a pipeline: normalizer, pre_tokenizer, model, post_processor, and added tokens.
 * What byte-level BPE tokenizers use is built; any other part is refused by its name, for a tokenizer that
 * is nearly right trains a model that is quietly wrong.  `decoder`, `truncation` and `padding` have no say in ids here. */
#include "base/file.h"
#include "base/scan.h"
#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

struct load {
    struct tokenizer  *t;
    struct arena      *a;                      /* what stays */
    const struct scan *root;
    uint16_t           byte[512];              /* code point of the byte alphabet -> byte, or NO_BYTE */
    bool               byte_level;             /* the pre-tokeniser ended in ByteLevel */
};

enum { NO_BYTE = 0xffff };

static const struct scan *member(const struct scan *o, const char *key)
{
    const struct scan *v = scan_find(o, key);

    return v && v->type != SCAN_NULL ? v : NULL;
}

static bool flag(const struct scan *o, const char *key, bool otherwise)
{
    const struct scan *v = member(o, key);

    return v ? v->type == SCAN_TRUE : otherwise;
}

static struct view text(const struct scan *o, const char *key)
{
    const struct scan *v = member(o, key);

    return v && v->type == SCAN_TEXT ? v->text : (struct view){ 0 };
}

static enum st unsupported(const char *part, struct view type)
{
    return fail(ST_DATA, "%s '%s' is not supported; only byte-level BPE tokenizers are", part,
                type.p ? shown(type) : "of no type");
}

/* The id of a token: a whole number below BPE_IDS_MAX. */
static enum st id_of(const struct scan *v, struct view name, uint32_t *id)
{
    if (!v || v->type != SCAN_NUMBER || !(v->number >= 0 && v->number < BPE_IDS_MAX) ||
        v->number != (double)(uint32_t)v->number)
        return fail(ST_DATA, "the token '%s' has no id below %d", shown(name), BPE_IDS_MAX);
    *id = (uint32_t)v->number;
    return ST_OK;
}

/* ---- model ---- */

/* GPT-2's alphabet: printable bytes of Latin-1 stand for themselves, the others are U+0100 and up. */
static void make_alphabet(struct load *l)
{
    uint32_t more = 256;

    for (int i = 0; i < countof(l->byte); i++)
        l->byte[i] = NO_BYTE;
    for (int c = 0; c < 256; c++) {
        bool self = (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || c >= 174;
        l->byte[self ? (uint32_t)c : more++] = (uint16_t)c;
    }
}

/* The bytes that a token of the vocabulary stands for, into out[s.n].  False: a character outside the alphabet. */
static bool to_bytes(const struct load *l, struct view s, char *out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < s.n;) {
        int len;
        int32_t c = unicode_at(s.p + i, s.n - i, &len);
        if (c < 0 || c >= countof(l->byte) || l->byte[c] == NO_BYTE)
            return false;
        out[(*n)++] = (char)l->byte[c];
        i += (size_t)len;
    }
    return true;
}

static enum st load_vocab(struct load *l, const struct scan *vocab)
{
    size_t total = 0;

    for (int32_t i = 0; i < vocab->n; i++)
        total += vocab->key[i].n + 1;
    char *p = arena_get(l->a, total + 1);
    if (!p)
        return ST_SYS;
    for (int32_t i = 0; i < vocab->n; i++) {
        struct view key = vocab->key[i];
        uint32_t id = 0;
        size_t n;
        enum st st = id_of(&vocab->item[i], key, &id);
        if (st != ST_OK)
            return st;
        if (!to_bytes(l, key, p, &n)) {        /* no text can give it: kept as it stands, for decoding */
            memcpy(p, key.p, key.n);
            n = key.n;
        }
        if (bpe_find(l->t->bpe, (struct view){ p, n }) != BPE_NONE)
            continue;                          /* the same, written in the alphabet and not */
        if ((st = bpe_token(l->t->bpe, (struct view){ p, n }, id)) != ST_OK)
            return st;
        p += n + 1;
    }
    return ST_OK;
}

/* A merge is "left right", or since tokenizers 0.20 ["left", "right"]. */
static enum st load_merge(struct load *l, const struct scan *m, struct buf *room)
{
    struct view left, right;

    if (m->type == SCAN_ARRAY && m->n == 2 && m->item[0].type == SCAN_TEXT && m->item[1].type == SCAN_TEXT) {
        left = m->item[0].text;
        right = m->item[1].text;
    } else {
        const char *space = m->type == SCAN_TEXT && m->text.n ? memchr(m->text.p, ' ', m->text.n) : NULL;
        if (!space)
            return fail(ST_DATA, "a merge is no pair of tokens");
        left = (struct view){ m->text.p, (size_t)(space - m->text.p) };
        right = (struct view){ space + 1, m->text.n - left.n - 1 };
    }
    room->n = 0;
    if (buf_room(room, left.n + right.n + 1) != ST_OK)
        return ST_SYS;
    size_t n, k;
    if (!to_bytes(l, left, room->p, &n) || !to_bytes(l, right, room->p + n, &k))
        return fail(ST_DATA, "a merge of '%s' and '%s', which are not in the byte alphabet", shown(left), shown(right));
    return bpe_merge(l->t->bpe, (struct view){ room->p, n }, (struct view){ room->p + n, k });
}

static enum st check_model(const struct scan *model)
{
    static const char *const empty[] = { "continuing_subword_prefix", "end_of_word_suffix" };
    struct view type = text(model, "type");
    const struct scan *dropout = member(model, "dropout");

    if (type.p && !view_is(type, "BPE"))
        return unsupported("model", type);
    if (dropout && !(dropout->type == SCAN_NUMBER && dropout->number == 0))
        return unsupported("model part", view_of("dropout"));
    for (int i = 0; i < countof(empty); i++)
        if (text(model, empty[i]).n)
            return unsupported("model part", view_of(empty[i]));
    if (flag(model, "byte_fallback", false))
        return unsupported("model part", view_of("byte_fallback"));
    return ST_OK;
}

static enum st load_model(struct load *l)
{
    const struct scan *model = member(l->root, "model"), *vocab, *merges;
    struct buf room = { 0 };
    enum st st;

    if (!model || model->type != SCAN_OBJECT)
        return fail(ST_DATA, "no 'model'; it is not a tokenizer.json");
    if ((st = check_model(model)) != ST_OK)
        return st;
    vocab = member(model, "vocab");
    merges = member(model, "merges");
    if (!vocab || vocab->type != SCAN_OBJECT || !merges || merges->type != SCAN_ARRAY)
        return fail(ST_DATA, "the model has no 'vocab' and 'merges'");
    if (!(l->t->bpe = bpe_new(vocab->n, merges->n, l->a)))
        return ST_SYS;
    make_alphabet(l);
    if ((st = load_vocab(l, vocab)) != ST_OK)
        return st;
    for (int32_t i = 0; i < merges->n && st == ST_OK; i++)
        st = load_merge(l, &merges->item[i], &room);
    buf_free(&room);
    return st == ST_OK ? bpe_done(l->t->bpe, flag(model, "ignore_merges", false)) : st;
}

/* ---- normalizer and pre_tokenizer ---- */

static enum st load_normalizer(struct load *l, const struct scan *v)
{
    struct view type = text(v, "type");
    const struct scan *list = member(v, "normalizers");

    if (view_is(type, "NFC")) {
        l->t->nfc = true;
        return ST_OK;
    }
    if (!view_is(type, "Sequence") || !list || list->type != SCAN_ARRAY)
        return unsupported("normalizer", type);
    for (int32_t i = 0; i < list->n; i++) {
        enum st st = load_normalizer(l, &list->item[i]);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum st behaviour_of(struct view name, enum split_behaviour *b)
{
    static const char *const names[] = {
        [SPLIT_ISOLATED] = "Isolated", [SPLIT_REMOVED] = "Removed", [SPLIT_PREVIOUS] = "MergedWithPrevious",
        [SPLIT_NEXT] = "MergedWithNext", [SPLIT_CONTIGUOUS] = "Contiguous",
    };

    for (int i = 0; i < countof(names); i++)
        if (view_is(name, names[i])) {
            *b = (enum split_behaviour)i;
            return ST_OK;
        }
    return unsupported("split behaviour", name);
}

static enum st load_split(struct load *l, const struct scan *v)
{
    const struct scan *pattern = member(v, "pattern"), *p;
    bool invert = flag(v, "invert", false);
    enum split_behaviour b = SPLIT_ISOLATED;
    enum st st = behaviour_of(text(v, "behavior"), &b);

    if (st != ST_OK)
        return st;
    if ((p = member(pattern, "Regex")) && p->type == SCAN_TEXT)
        return split_regex(l->t->split, p->text, b, invert);
    if ((p = member(pattern, "String")) && p->type == SCAN_TEXT)
        return split_literal(l->t->split, p->text, b, invert);
    return fail(ST_DATA, "a Split without a pattern");
}

static enum st load_byte_level(struct load *l, const struct scan *v, bool first)
{
    bool space = flag(v, "add_prefix_space", true);

    if (space && !first)
        return unsupported("pre_tokenizer part", view_of("add_prefix_space behind another"));
    l->t->prefix_space = space;
    l->byte_level = true;
    return flag(v, "use_regex", true) ? split_gpt2(l->t->split) : ST_OK;
}

static enum st load_pre_tokenizer(struct load *l, const struct scan *v, bool first)
{
    struct view type = text(v, "type");
    const struct scan *list = member(v, "pretokenizers");

    if (view_is(type, "Sequence") && list && list->type == SCAN_ARRAY) {
        for (int32_t i = 0; i < list->n; i++) {
            enum st st = load_pre_tokenizer(l, &list->item[i], first && i == 0);
            if (st != ST_OK)
                return st;
        }
        return ST_OK;
    }
    if (l->byte_level)                         /* it would see the byte alphabet, not text */
        return unsupported("pre_tokenizer behind ByteLevel", type);
    if (view_is(type, "ByteLevel"))
        return load_byte_level(l, v, first);
    if (view_is(type, "Split"))
        return load_split(l, v);
    if (view_is(type, "Digits"))
        return split_digits(l->t->split, flag(v, "individual_digits", false));
    return unsupported("pre_tokenizer", type);
}

/* ---- added tokens ---- */

static int by_id(const void *pa, const void *pb)
{
    const struct added *a = pa, *b = pb;

    return a->id < b->id ? -1 : a->id > b->id;
}

static enum st copy_text(struct load *l, struct view s, struct view *out)
{
    const char *p = arena_text(l->a, s);

    *out = (struct view){ p, s.n };
    return p ? ST_OK : ST_SYS;
}

/* A token that is searched for behind the normaliser is itself normalised. */
static enum st normal_text(struct load *l, struct view s, struct view *out)
{
    struct nfc nfc = { 0 };
    struct view normal;
    enum st st = unicode_nfc(&nfc, s, &normal);

    if (st == ST_OK)
        st = copy_text(l, normal, out);
    nfc_free(&nfc);
    return st;
}

static enum st load_added(struct load *l, const struct scan *list)
{
    struct tokenizer *t = l->t;

    if (!(t->added = ARENA_NEW(l->a, struct added, list->n)) || !(t->raw = added_new(l->a)) ||
        !(t->normal = added_new(l->a)))
        return ST_SYS;
    for (int32_t i = 0; i < list->n; i++) {
        const struct scan *v = &list->item[i];
        struct added *to = &t->added[t->n_added++];
        struct view content = text(v, "content");
        enum st st = id_of(member(v, "id"), content, &to->id);
        if (st != ST_OK)
            return st;
        to->special = flag(v, "special", false);
        to->single_word = flag(v, "single_word", false);
        to->lstrip = flag(v, "lstrip", false);
        to->rstrip = flag(v, "rstrip", false);
        to->normalized = flag(v, "normalized", !to->special);
        st = to->normalized && t->nfc ? normal_text(l, content, &to->text) : copy_text(l, content, &to->text);
        if (st != ST_OK)
            return st;
        t->vocab = MAX(t->vocab, (int64_t)to->id + 1);
    }
    qsort(t->added, (size_t)t->n_added, sizeof *t->added, by_id);
    bool normal = false, raw = false;
    for (int64_t i = 0; i < t->n_added; i++) {
        enum st st = added_put(t->added[i].normalized ? t->normal : t->raw, &t->added[i]);
        if (st != ST_OK)
            return st;
        *(t->added[i].normalized ? &normal : &raw) = true;
    }
    t->normal = normal ? t->normal : NULL;
    t->raw = raw ? t->raw : NULL;
    return ST_OK;
}

/* ---- post_processor ---- */

static enum st put_around(struct tokenizer *t, bool behind, uint32_t id)
{
    int *n = behind ? &t->n_suffix : &t->n_prefix;

    if (*n == TOKENIZER_AROUND_MAX)
        return fail(ST_DATA, "the post_processor adds more than %d tokens", TOKENIZER_AROUND_MAX);
    (behind ? t->suffix : t->prefix)[(*n)++] = id;
    return ST_OK;
}

static enum st load_template(struct load *l, const struct scan *v)
{
    const struct scan *single = member(v, "single"), *known = member(v, "special_tokens");
    bool behind = false;

    for (int32_t i = 0; single && i < single->n; i++) {
        const struct scan *special = member(&single->item[i], "SpecialToken");
        if (!special) {
            behind = true;
            continue;
        }
        struct view name = text(special, "id");
        char key[256];
        snprintf(key, sizeof key, "%.*s", (int)MIN(name.n, sizeof key - 1), name.p ? name.p : "");
        const struct scan *ids = member(member(known, key), "ids");
        if (!ids || ids->type != SCAN_ARRAY)
            return fail(ST_DATA, "the post_processor's token '%s' has no ids", shown(name));
        for (int32_t k = 0; k < ids->n; k++) {
            uint32_t id = 0;
            enum st st = id_of(&ids->item[k], name, &id);
            if (st == ST_OK)
                st = put_around(l->t, behind, id);
            if (st != ST_OK)
                return st;
        }
    }
    return ST_OK;
}

/* RobertaProcessing and BertProcessing: [name, id] members `cls` and `sep`. */
static enum st load_cls_sep(struct load *l, const struct scan *v)
{
    for (int behind = 0; behind < 2; behind++) {
        const struct scan *pair = member(v, behind ? "sep" : "cls");
        uint32_t id = 0;
        if (!pair || pair->type != SCAN_ARRAY || pair->n != 2)
            return fail(ST_DATA, "the post_processor has no 'cls' and 'sep'");
        enum st st = id_of(&pair->item[1], pair->item[0].text, &id);
        if (st == ST_OK)
            st = put_around(l->t, behind, id);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum st load_post_processor(struct load *l, const struct scan *v)
{
    struct view type = text(v, "type");
    const struct scan *list = member(v, "processors");

    if (view_is(type, "ByteLevel"))            /* it only trims places */
        return ST_OK;
    if (view_is(type, "TemplateProcessing"))
        return load_template(l, v);
    if (view_is(type, "RobertaProcessing") || view_is(type, "BertProcessing"))
        return load_cls_sep(l, v);
    if (!view_is(type, "Sequence") || !list || list->type != SCAN_ARRAY)
        return unsupported("post_processor", type);
    for (int32_t i = 0; i < list->n; i++) {
        enum st st = load_post_processor(l, &list->item[i]);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* ---- the whole ---- */

static int64_t first_of(const struct tokenizer *t, const char *const *names, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t id = tokenizer_find(t, names[i]);
        if (id >= 0)
            return id;
    }
    return -1;
}

/* tokenizer.json does not say which token begins and ends a text: the usual names. */
static void usual_specials(struct tokenizer *t)
{
    static const char *const bos[] = { "<|begin_of_text|>", "<|bos|>", "<bos>", "<s>" };
    static const char *const eos[] = { "<|eos|>", "<eos>", "</s>", "<|end_of_text|>", "<|endoftext|>", "<|im_end|>" };
    static const char *const pad[] = { "<|pad|>", "<pad>", "[PAD]", "<|padding|>", "<|finetune_right_pad_id|>" };

    t->bos = t->n_prefix ? (int64_t)t->prefix[0] : first_of(t, bos, countof(bos));
    t->eos = first_of(t, eos, countof(eos));
    t->pad = first_of(t, pad, countof(pad));
}

static enum st build(struct load *l)
{
    const struct scan *v;
    enum st st = ST_OK;

    if (!(l->t->split = split_new(l->a)))
        return ST_SYS;
    if ((v = member(l->root, "normalizer")))
        st = load_normalizer(l, v);
    if (st == ST_OK && (v = member(l->root, "pre_tokenizer")))
        st = load_pre_tokenizer(l, v, true);
    if (st == ST_OK && !l->byte_level)
        return fail(ST_DATA, "no ByteLevel pre_tokenizer; only byte-level BPE tokenizers are supported");
    if (st == ST_OK)
        st = load_model(l);
    if (st == ST_OK && (v = member(l->root, "added_tokens")))
        st = load_added(l, v);
    if (st == ST_OK && (v = member(l->root, "post_processor")))
        st = load_post_processor(l, v);
    if (st != ST_OK)
        return st;
    l->t->vocab = MAX(l->t->vocab, bpe_ids(l->t->bpe));
    usual_specials(l->t);
    return ST_OK;
}

static enum st parse(struct scan *root, struct view json, const char *name, struct arena *a)
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
    enum st st = l.t ? parse(&root, json, name, tmp) : ST_SYS;

    if (st == ST_OK)
        st = build(&l);
    if (st == ST_OK)
        sha_of(json.p, json.n, l.t->sha);
    else if (l.t && l.t->split)
        split_free(l.t->split);
    arena_free(tmp);
    *t = l.t;
    return st;
}

/* bos_token and its like: a text, or an added token with its `content`. */
static enum st config_token(const struct tokenizer *t, const struct scan *root, const char *key, int64_t *id)
{
    const struct scan *v = member(root, key);
    struct view s = v && v->type == SCAN_OBJECT ? text(v, "content") : text(root, key);

    if (!s.p)
        return ST_OK;
    for (int64_t i = 0; i < t->n_added; i++)
        if (view_eq(t->added[i].text, s)) {
            *id = t->added[i].id;
            return ST_OK;
        }
    return fail(ST_DATA, "%s '%s' is not among the added tokens of the tokenizer", key, shown(s));
}

enum st tokenizer_config(struct tokenizer *t, struct view json, const char *name)
{
    struct arena *tmp = arena_new(0);
    struct scan root;
    enum st st = parse(&root, json, name, tmp);

    if (st == ST_OK)
        st = config_token(t, &root, "bos_token", &t->bos);
    if (st == ST_OK)
        st = config_token(t, &root, "eos_token", &t->eos);
    if (st == ST_OK)
        st = config_token(t, &root, "pad_token", &t->pad);
    if (st == ST_OK && flag(&root, "add_bos_token", false) && t->n_prefix == 0 && t->bos >= 0)
        t->prefix[t->n_prefix++] = (uint32_t)t->bos;
    arena_free(tmp);
    return st;
}
