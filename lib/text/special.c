/* special.c - what stands beside a tokenizer.json: which tokens begin, end and pad a text, further
 * added tokens, chat templates.
 *
 * A tokenizer.json does not say which they are: the usual names, until a tokenizer_config.json
 * knows better. */
#include "text/load.h"

static int64_t first_of(const struct tokenizer *t, const char *const *names, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t id = tokenizer_find(t, names[i]);
        if (id >= 0)
            return id;
    }
    return -1;
}

void load_specials(struct tokenizer *t)
{
    static const char *const bos[] = { "<|begin_of_text|>", "<|bos|>", "<bos>", "<s>" };
    static const char *const eos[] = { "<|eos|>",         "<eos>",         "</s>",
                                       "<|end_of_text|>", "<|endoftext|>", "<|im_end|>" };
    static const char *const pad[] = { "<|pad|>", "<pad>", "[PAD]", "<|padding|>",
                                       "<|finetune_right_pad_id|>" };
    static const char *const unk[] = { "<unk>", "<|unk|>", "[UNK]" };

    t->bos = t->n_prefix ? (int64_t)t->prefix[0] : first_of(t, bos, countof(bos));
    t->eos = first_of(t, eos, countof(eos));
    t->pad = first_of(t, pad, countof(pad));
    t->unk = first_of(t, unk, countof(unk));
}

static int64_t find_view(const struct tokenizer *t, struct view s)
{
    for (int64_t i = 0; i < t->n_added; i++)
        if (view_eq(t->added[i].text, s))
            return t->added[i].id;
    return -1;
}

/* bos_token and its like: a text, or an added token with its `content`.  must: it is an added
 * token. */
static enum st config_token(const struct tokenizer *t, const struct scan *root, const char *key,
                            bool must, int64_t *id)
{
    const struct scan *v = load_member(root, key);
    struct view s = v && v->type == SCAN_OBJECT ? load_text(v, "content") : load_text(root, key);
    int64_t there;

    if (!s.p)
        return ST_OK;
    if ((there = find_view(t, s)) >= 0)
        *id = there;
    if (there >= 0 || !must)
        return ST_OK;
    return fail(ST_DATA, "%s '%s' is not among the added tokens of the tokenizer", key, shown(s));
}

/* added_tokens_decoder: {id: token}; those that the tokenizer.json has are passed over. */
static enum st config_added(struct tokenizer *t, const struct scan *list)
{
    bool any = false;
    enum st st = ST_OK;

    for (int32_t i = 0; list && list->type == SCAN_OBJECT && i < list->n && st == ST_OK; i++) {
        struct view content = load_text(&list->item[i], "content"), key = list->key[i];
        int64_t id = 0, there = find_view(t, content);
        for (size_t k = 0; k < key.n && id < BPE_IDS_MAX; k++)
            id = key.p[k] >= '0' && key.p[k] <= '9' ? 10 * id + (key.p[k] - '0') : BPE_IDS_MAX;
        if (!key.n || id >= BPE_IDS_MAX)
            return fail(ST_DATA, "added_tokens_decoder has '%s', which is no id", shown(key));
        if (there >= 0 && there != id)
            return fail(ST_DATA, "added_tokens_decoder gives '%s' the id %lld, and the "
                                 "tokenizer.json %lld", shown(content), (long long)id,
                        (long long)there);
        if (there >= 0)
            continue;
        st = load_added_one(t, &list->item[i], (uint32_t)id);
        any = true;
    }
    return st == ST_OK && any ? load_added_done(t) : st;
}

/* add_bos_token and add_eos_token: one of them there, the post-processor has no say any more. */
static void config_around(struct tokenizer *t, const struct scan *root)
{
    if (!load_member(root, "add_bos_token") && !load_member(root, "add_eos_token"))
        return;
    t->n_prefix = t->n_suffix = 0;
    if (load_flag(root, "add_bos_token", false) && t->bos >= 0)
        t->prefix[t->n_prefix++] = (uint32_t)t->bos;
    if (load_flag(root, "add_eos_token", false) && t->eos >= 0)
        t->suffix[t->n_suffix++] = (uint32_t)t->eos;
}

enum st tokenizer_config(struct tokenizer *t, struct view json, const char *name)
{
    struct arena *tmp = arena_new(0);
    struct scan root;
    enum st st = load_parse(&root, json, name, tmp);

    if (st == ST_OK)
        st = config_added(t, load_member(&root, "added_tokens_decoder"));
    if (st == ST_OK)
        st = config_token(t, &root, "bos_token", true, &t->bos);
    if (st == ST_OK)
        st = config_token(t, &root, "eos_token", true, &t->eos);
    if (st == ST_OK)
        st = config_token(t, &root, "pad_token", true, &t->pad);
    if (st == ST_OK)
        st = config_token(t, &root, "unk_token", false, &t->unk);
    if (st == ST_OK)
        config_around(t, &root);
    arena_free(tmp);
    return st;
}

/* ---- chat templates ---- */

static enum st find_template(const struct scan *v, const char *which, struct view *out)
{
    bool any = false;

    if (!v)
        return ST_END;
    if (v->type == SCAN_TEXT) {
        *out = v->text;
        return !which || strcmp(which, "default") == 0 ? ST_OK : ST_END;
    }
    if (v->type != SCAN_ARRAY)
        return fail(ST_DATA, "chat_template is neither a text nor a list");
    for (int32_t i = 0; i < v->n && !any; i++) {
        struct view name = load_text(&v->item[i], "name");
        *out = load_text(&v->item[i], "template");
        if (!name.p || !out->p)
            return fail(ST_DATA, "item %d of chat_template has no name or template", (int)i);
        any = view_is(name, which ? which : "default");
    }
    if (!any && !which && v->n > 0)
        return fail(ST_USAGE, "several chat templates and none is called default; name one with "
                    "--template");
    return any ? ST_OK : ST_END;
}

enum st tokenizer_template(struct view json, const char *name, const char *which,
                           struct view *template, struct arena *a)
{
    struct arena *tmp = arena_new(0);
    struct scan root;
    struct view text = { 0 };
    enum st st = load_parse(&root, json, name, tmp);

    *template = (struct view){ 0 };
    if (st == ST_OK)
        st = find_template(load_member(&root, "chat_template"), which, &text);
    if (st == ST_OK) {
        const char *p = arena_text(a, text);
        *template = (struct view){ p, text.n };
        st = p ? ST_OK : ST_SYS;
    }
    arena_free(tmp);
    return st;
}
