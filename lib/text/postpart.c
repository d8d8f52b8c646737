/* postpart.c - the `post_processor` of a tokenizer.json: what goes around a text. */
#include "text/load.h"

struct around { uint32_t id[2][TOKENIZER_AROUND_MAX]; int n[2]; };     /* before, behind */

static enum st put(struct around *r, bool behind, uint32_t id)
{
    if (r->n[behind] == TOKENIZER_AROUND_MAX)
        return fail(ST_DATA, "the post_processor adds more than %d tokens", TOKENIZER_AROUND_MAX);
    r->id[behind][r->n[behind]++] = id;
    return ST_OK;
}

static enum st put_special(struct around *r, bool behind, struct view name,
                           const struct scan *known)
{
    const struct scan *ids = NULL;
    enum st st = ST_OK;

    for (int32_t i = 0; known && known->type == SCAN_OBJECT && i < known->n; i++)
        if (view_eq(known->key[i], name))
            ids = load_member(&known->item[i], "ids");
    if (!ids || ids->type != SCAN_ARRAY)
        return fail(ST_DATA, "the post_processor's token '%s' has no ids", shown(name));
    for (int32_t k = 0; k < ids->n && st == ST_OK; k++) {
        uint32_t id = 0;
        if ((st = load_id(&ids->item[k], name, &id)) == ST_OK)
            st = put(r, behind, id);
    }
    return st;
}

static enum st load_template(struct around *r, const struct scan *v)
{
    const struct scan *single = load_list(v, "single"), *known = load_member(v, "special_tokens");
    int texts = 0;
    enum st st = ST_OK;

    for (int32_t i = 0; single && i < single->n && st == ST_OK; i++) {
        const struct scan *special = load_member(&single->item[i], "SpecialToken");
        if (special)
            st = put_special(r, texts > 0, load_text(special, "id"), known);
        else
            texts++;
    }
    if (st == ST_OK && texts != 1)
        return fail(ST_DATA, "the post_processor's template has the text %d times", texts);
    return st;
}

/* RobertaProcessing and BertProcessing: [name, id] members `cls` and `sep`. */
static enum st load_cls_sep(struct around *r, const struct scan *v)
{
    for (int behind = 0; behind < 2; behind++) {
        const struct scan *pair = load_list(v, behind ? "sep" : "cls");
        uint32_t id = 0;
        if (!pair || pair->n != 2)
            return fail(ST_DATA, "the post_processor has no 'cls' and 'sep'");
        enum st st = load_id(&pair->item[1], pair->item[0].text, &id);
        if (st == ST_OK)
            st = put(r, behind, id);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Of several in a sequence each puts its tokens around those of the one before. */
static enum st enclose(struct tokenizer *t, struct around *outer)
{
    struct around all = *outer;
    enum st st = ST_OK;

    all.n[1] = 0;
    for (int i = 0; i < t->n_prefix && st == ST_OK; i++)
        st = put(&all, false, t->prefix[i]);
    for (int i = 0; i < t->n_suffix && st == ST_OK; i++)
        st = put(&all, true, t->suffix[i]);
    for (int i = 0; i < outer->n[1] && st == ST_OK; i++)
        st = put(&all, true, outer->id[1][i]);
    memcpy(t->prefix, all.id[0], sizeof t->prefix);
    memcpy(t->suffix, all.id[1], sizeof t->suffix);
    t->n_prefix = all.n[0];
    t->n_suffix = all.n[1];
    return st;
}

enum st load_post_processor(struct load *l, const struct scan *v)
{
    struct view type = load_text(v, "type");
    const struct scan *list = load_list(v, "processors");
    struct around r = { .n = { 0, 0 } };
    enum st st = ST_OK;

    if (view_is(type, "ByteLevel"))            /* it only trims places */
        return ST_OK;
    if (view_is(type, "Sequence") && list) {
        for (int32_t i = 0; i < list->n && st == ST_OK; i++)
            st = load_post_processor(l, &list->item[i]);
        return st;
    }
    if (view_is(type, "TemplateProcessing"))
        st = load_template(&r, v);
    else if (view_is(type, "RobertaProcessing") || view_is(type, "BertProcessing"))
        st = load_cls_sep(&r, v);
    else
        return load_unsupported("post_processor", type);
    return st == ST_OK ? enclose(l->t, &r) : st;
}
