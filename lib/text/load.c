/* load.c - tokenizer.json and tokenizer_config.json -> struct tokenizer.
 *
 * The file is a description of a pipeline: normalizer, pre_tokenizer, model, post_processor, and
 * added tokens. What byte-level BPE tokenizers use is built; any other part is refused by its
 * name, for a tokenizer that is nearly right trains a model that is quietly wrong.  `decoder`,
 * `truncation` and `padding` have no say in ids here. */
#include "base/file.h"
#include "text/load.h"
#include "text/unicode.h"

struct load {
    struct tokenizer  *t;
    struct arena      *a;                      /* what stays */
    const struct scan *root;
    bool               byte_level;             /* the pre-tokeniser ended in ByteLevel */
};

const struct scan *load_member(const struct scan *o, const char *key)
{
    const struct scan *v = scan_find(o, key);

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
    return fail(ST_DATA, "%s '%s' is not supported; only byte-level BPE tokenizers are", part,
                type.p ? shown(type) : "of no type");
}

enum st load_id(const struct scan *v, struct view name, uint32_t *id)
{
    if (!v || v->type != SCAN_NUMBER || !(v->number >= 0 && v->number < BPE_IDS_MAX) ||
        v->number != (double)(uint32_t)v->number)
        return fail(ST_DATA, "the token '%s' has no id below %d", shown(name), BPE_IDS_MAX);
    *id = (uint32_t)v->number;
    return ST_OK;
}

/* ---- normalizer and pre_tokenizer ---- */

static enum st load_normalizer(struct load *l, const struct scan *v)
{
    struct view type = load_text(v, "type");
    const struct scan *list = load_member(v, "normalizers");

    if (view_is(type, "NFC")) {
        l->t->nfc = true;
        return ST_OK;
    }
    if (!view_is(type, "Sequence") || !list || list->type != SCAN_ARRAY)
        return load_unsupported("normalizer", type);
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
        [SPLIT_ISOLATED] = "Isolated",           [SPLIT_REMOVED] = "Removed",
        [SPLIT_PREVIOUS] = "MergedWithPrevious", [SPLIT_NEXT] = "MergedWithNext",
        [SPLIT_CONTIGUOUS] = "Contiguous",
    };

    for (int i = 0; i < countof(names); i++)
        if (view_is(name, names[i])) {
            *b = (enum split_behaviour)i;
            return ST_OK;
        }
    return load_unsupported("split behaviour", name);
}

static enum st load_split(struct load *l, const struct scan *v)
{
    const struct scan *pattern = load_member(v, "pattern"), *p;
    bool invert = load_flag(v, "invert", false);
    enum split_behaviour b = SPLIT_ISOLATED;
    enum st st = behaviour_of(load_text(v, "behavior"), &b);

    if (st != ST_OK)
        return st;
    if ((p = load_member(pattern, "Regex")) && p->type == SCAN_TEXT)
        return split_regex(l->t->split, p->text, b, invert);
    if ((p = load_member(pattern, "String")) && p->type == SCAN_TEXT)
        return split_literal(l->t->split, p->text, b, invert);
    return fail(ST_DATA, "a Split without a pattern");
}

static enum st load_byte_level(struct load *l, const struct scan *v, bool first)
{
    bool space = load_flag(v, "add_prefix_space", true);

    if (space && !first)
        return load_unsupported("pre_tokenizer part", view_of("add_prefix_space behind another"));
    l->t->prefix_space = space;
    l->byte_level = true;
    return load_flag(v, "use_regex", true) ? split_gpt2(l->t->split) : ST_OK;
}

static enum st load_pre_tokenizer(struct load *l, const struct scan *v, bool first)
{
    struct view type = load_text(v, "type");
    const struct scan *list = load_member(v, "pretokenizers");

    if (view_is(type, "Sequence") && list && list->type == SCAN_ARRAY) {
        for (int32_t i = 0; i < list->n; i++) {
            enum st st = load_pre_tokenizer(l, &list->item[i], first && i == 0);
            if (st != ST_OK)
                return st;
        }
        return ST_OK;
    }
    if (l->byte_level)                         /* it would see the byte alphabet, not text */
        return load_unsupported("pre_tokenizer behind ByteLevel", type);
    if (view_is(type, "ByteLevel"))
        return load_byte_level(l, v, first);
    if (view_is(type, "Split"))
        return load_split(l, v);
    if (view_is(type, "Digits"))
        return split_digits(l->t->split, load_flag(v, "individual_digits", false));
    return load_unsupported("pre_tokenizer", type);
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
        struct view content = load_text(v, "content");
        enum st st = load_id(load_member(v, "id"), content, &to->id);
        if (st != ST_OK)
            return st;
        to->special = load_flag(v, "special", false);
        to->single_word = load_flag(v, "single_word", false);
        to->lstrip = load_flag(v, "lstrip", false);
        to->rstrip = load_flag(v, "rstrip", false);
        to->normalized = load_flag(v, "normalized", !to->special);
        st = to->normalized && t->nfc ? normal_text(l, content, &to->text)
                                      : copy_text(l, content, &to->text);
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
    const struct scan *single = load_member(v, "single"), *known = load_member(v, "special_tokens");
    bool behind = false;

    for (int32_t i = 0; single && i < single->n; i++) {
        const struct scan *special = load_member(&single->item[i], "SpecialToken");
        if (!special) {
            behind = true;
            continue;
        }
        struct view name = load_text(special, "id");
        char key[256];
        snprintf(key, sizeof key, "%.*s", (int)MIN(name.n, sizeof key - 1), name.p ? name.p : "");
        const struct scan *ids = load_member(load_member(known, key), "ids");
        if (!ids || ids->type != SCAN_ARRAY)
            return fail(ST_DATA, "the post_processor's token '%s' has no ids", shown(name));
        for (int32_t k = 0; k < ids->n; k++) {
            uint32_t id = 0;
            enum st st = load_id(&ids->item[k], name, &id);
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
        const struct scan *pair = load_member(v, behind ? "sep" : "cls");
        uint32_t id = 0;
        if (!pair || pair->type != SCAN_ARRAY || pair->n != 2)
            return fail(ST_DATA, "the post_processor has no 'cls' and 'sep'");
        enum st st = load_id(&pair->item[1], pair->item[0].text, &id);
        if (st == ST_OK)
            st = put_around(l->t, behind, id);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum st load_post_processor(struct load *l, const struct scan *v)
{
    struct view type = load_text(v, "type");
    const struct scan *list = load_member(v, "processors");

    if (view_is(type, "ByteLevel"))            /* it only trims places */
        return ST_OK;
    if (view_is(type, "TemplateProcessing"))
        return load_template(l, v);
    if (view_is(type, "RobertaProcessing") || view_is(type, "BertProcessing"))
        return load_cls_sep(l, v);
    if (!view_is(type, "Sequence") || !list || list->type != SCAN_ARRAY)
        return load_unsupported("post_processor", type);
    for (int32_t i = 0; i < list->n; i++) {
        enum st st = load_post_processor(l, &list->item[i]);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* ---- the whole ---- */

static enum st build(struct load *l)
{
    const struct scan *v;
    enum st st = ST_OK;

    if (!(l->t->split = split_new(l->a)))
        return ST_SYS;
    if ((v = load_member(l->root, "normalizer")))
        st = load_normalizer(l, v);
    if (st == ST_OK && (v = load_member(l->root, "pre_tokenizer")))
        st = load_pre_tokenizer(l, v, true);
    if (st == ST_OK && !l->byte_level)
        return fail(ST_DATA,
                    "no ByteLevel pre_tokenizer; only byte-level BPE tokenizers are supported");
    if (st == ST_OK)
        st = vocab_read(&l->t->bpe, load_member(l->root, "model"), l->a);
    if (st == ST_OK && (v = load_member(l->root, "added_tokens")))
        st = load_added(l, v);
    if (st == ST_OK && (v = load_member(l->root, "post_processor")))
        st = load_post_processor(l, v);
    if (st != ST_OK)
        return st;
    l->t->vocab = MAX(l->t->vocab, bpe_ids(l->t->bpe));
    load_specials(l->t);
    return ST_OK;
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
