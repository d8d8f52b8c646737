/* normalpart.c - the `normalizer` of a tokenizer.json. */
#include "text/load.h"

static const struct { const char *type; enum form form; } forms[] = {
    { "NFC", FORM_NFC }, { "NFD", FORM_NFD }, { "NFKC", FORM_NFKC }, { "NFKD", FORM_NFKD },
};

static enum st load_replace(struct load *l, const struct scan *v)
{
    const struct scan *pattern = load_member(v, "pattern");
    struct view by = load_text(v, "content"), text = load_text(pattern, "String"),
                regex = load_text(pattern, "Regex");

    if (!by.p || (!text.p && !regex.p))
        return fail(ST_DATA, "a normalizer Replace without pattern or content");
    return text.p ? normaliser_replace(l->t->normaliser, text, by)
                  : normaliser_match(l->t->normaliser, regex, by);
}

enum st load_normalizer(struct load *l, const struct scan *v)
{
    struct view type = load_text(v, "type"), text;
    const struct scan *list = load_list(v, "normalizers");
    struct normaliser *n = l->t->normaliser;
    enum st st = ST_OK;

    for (int i = 0; i < countof(forms); i++)
        if (view_is(type, forms[i].type))
            return normaliser_form(n, forms[i].form);
    if (view_is(type, "Lowercase"))
        return normaliser_lower(n);
    if (view_is(type, "StripAccents"))
        return normaliser_unmark(n);
    if (view_is(type, "Strip"))
        return normaliser_strip(n, load_flag(v, "strip_left", true),
                                load_flag(v, "strip_right", true));
    if (view_is(type, "Replace"))
        return load_replace(l, v);
    if (view_is(type, "Prepend") && (text = load_text(v, "prepend")).p)
        return normaliser_prepend(n, text);
    if (!view_is(type, "Sequence") || !list)
        return load_unsupported("normalizer", type);
    for (int32_t i = 0; i < list->n && st == ST_OK; i++)
        st = load_normalizer(l, &list->item[i]);
    return st;
}
