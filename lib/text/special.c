/* special.c - which tokens begin, end and pad a text.
 *
 * A tokenizer.json does not say it: the usual names, until a tokenizer_config.json knows better. */
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

    t->bos = t->n_prefix ? (int64_t)t->prefix[0] : first_of(t, bos, countof(bos));
    t->eos = first_of(t, eos, countof(eos));
    t->pad = first_of(t, pad, countof(pad));
}

/* bos_token and its like: a text, or an added token with its `content`. */
static enum st config_token(const struct tokenizer *t, const struct scan *root, const char *key,
                            int64_t *id)
{
    const struct scan *v = load_member(root, key);
    struct view s = v && v->type == SCAN_OBJECT ? load_text(v, "content") : load_text(root, key);

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
    enum st st = load_parse(&root, json, name, tmp);

    if (st == ST_OK)
        st = config_token(t, &root, "bos_token", &t->bos);
    if (st == ST_OK)
        st = config_token(t, &root, "eos_token", &t->eos);
    if (st == ST_OK)
        st = config_token(t, &root, "pad_token", &t->pad);
    if (st == ST_OK && load_flag(&root, "add_bos_token", false) && t->n_prefix == 0 && t->bos >= 0)
        t->prefix[t->n_prefix++] = (uint32_t)t->bos;
    arena_free(tmp);
    return st;
}
