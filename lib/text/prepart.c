/* prepart.c - the `pre_tokenizer` of a tokenizer.json. */
#include "text/load.h"
#include "text/unicode.h"

/* A part that writes pieces anew begins a stage of its own; what splits goes behind the last. */
static enum st put_rewrite(struct load *l, struct rewrite r)
{
    struct tokenizer *t = l->t;
    struct pre *last = &t->pre[t->n_pre - 1];

    if (last->rewrite.kind != REWRITE_NONE || split_stages(last->split) > 0) {
        if (t->n_pre == TOKENIZER_PRE_MAX)
            return fail(ST_DATA, "more than %d pre_tokenizers that change the text",
                        TOKENIZER_PRE_MAX);
        last = &t->pre[t->n_pre];
        if (!(last->split = split_new(l->a)))
            return ST_SYS;
        t->n_pre++;
    }
    last->rewrite = r;
    return ST_OK;
}

static struct split *splits(struct load *l)
{
    return l->t->pre[l->t->n_pre - 1].split;
}

static enum st behaviour_of(const struct scan *v, enum split_behaviour *b)
{
    static const char *const names[] = {
        [SPLIT_ISOLATED] = "Isolated",           [SPLIT_REMOVED] = "Removed",
        [SPLIT_PREVIOUS] = "MergedWithPrevious", [SPLIT_NEXT] = "MergedWithNext",
        [SPLIT_CONTIGUOUS] = "Contiguous",
    };
    struct view name = load_text(v, "behavior");

    for (int i = 0; i < countof(names); i++)
        if (view_is(name, names[i])) {
            *b = (enum split_behaviour)i;
            return ST_OK;
        }
    return load_unsupported("split behaviour", name);
}

static enum st load_split(struct load *l, const struct scan *v)
{
    const struct scan *pattern = load_member(v, "pattern");
    struct view text = load_text(pattern, "String"), regex = load_text(pattern, "Regex");
    bool invert = load_flag(v, "invert", false);
    enum split_behaviour b = SPLIT_ISOLATED;
    enum st st = behaviour_of(v, &b);

    if (st != ST_OK)
        return st;
    if (regex.p)
        return split_regex(splits(l), regex, b, invert);
    if (text.p)
        return split_literal(splits(l), text, b, invert);
    return fail(ST_DATA, "a Split without a pattern");
}

static enum st load_byte_level(struct load *l, const struct scan *v)
{
    enum st st = ST_OK;

    if (load_flag(v, "add_prefix_space", true))
        st = put_rewrite(l, (struct rewrite){ .kind = REWRITE_SPACE });
    if (st == ST_OK && load_flag(v, "use_regex", true))
        st = split_gpt2(splits(l));
    if (st == ST_OK && !l->bytes)
        st = put_rewrite(l, (struct rewrite){ .kind = REWRITE_ALPHABET });
    return st;
}

/* Files from before `prepend_scheme` say add_prefix_space. */
static enum st load_metaspace(struct load *l, const struct scan *v)
{
    static const char *const fronts[] = { [REWRITE_NEVER] = "never", [REWRITE_ALWAYS] = "always",
                                          [REWRITE_FIRST] = "first" };
    struct rewrite r = { .kind = REWRITE_MARK, .front = REWRITE_ALWAYS,
                         .mark = load_text(v, "replacement") };
    struct view front = load_text(v, "prepend_scheme");
    bool known = !front.p;
    int len;
    enum st st;

    for (int i = 0; i < countof(fronts); i++)
        if (front.p && view_is(front, fronts[i])) {
            r.front = (enum rewrite_front)i;
            known = true;
        }
    if (!known)
        return load_unsupported("prepend_scheme", front);
    if (!load_flag(v, "add_prefix_space", true) && r.front != REWRITE_NEVER) {
        if (front.p)
            return fail(ST_DATA, "a Metaspace whose add_prefix_space is not its prepend_scheme");
        r.front = REWRITE_NEVER;
    }
    if (!r.mark.n || unicode_at(r.mark.p, r.mark.n, &len) < 0 || (size_t)len != r.mark.n)
        return fail(ST_DATA, "a Metaspace whose replacement is not one character");
    if (!(r.mark.p = arena_text(l->a, r.mark)))
        return ST_SYS;
    if ((st = put_rewrite(l, r)) == ST_OK && load_flag(v, "split", true))
        st = split_literal(splits(l), r.mark, SPLIT_NEXT, false);
    return st;
}

static bool is_space(int32_t c)
{
    return unicode_class(c) == UNI_SPACE;
}

static enum st load_classes(struct load *l, const struct scan *v, struct view type)
{
    enum split_behaviour b = SPLIT_ISOLATED;
    enum st st = ST_OK;

    if (view_is(type, "Digits"))
        return split_class(splits(l), unicode_number, load_flag(v, "individual_digits", false)
                                                          ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS);
    if (view_is(type, "Punctuation")) {
        if (load_member(v, "behavior"))
            st = behaviour_of(v, &b);
        return st == ST_OK ? split_class(splits(l), unicode_punctuation, b) : st;
    }
    if (view_is(type, "WhitespaceSplit"))
        return split_class(splits(l), is_space, SPLIT_REMOVED);
    if (view_is(type, "BertPreTokenizer")) {
        st = split_class(splits(l), is_space, SPLIT_REMOVED);
        return st == ST_OK ? split_class(splits(l), unicode_punctuation, SPLIT_ISOLATED) : st;
    }
    if (view_is(type, "Whitespace"))
        return split_words(splits(l));
    if (view_is(type, "CharDelimiterSplit") && load_text(v, "delimiter").n)
        return split_literal(splits(l), load_text(v, "delimiter"), SPLIT_REMOVED, false);
    return load_unsupported("pre_tokenizer", type);
}

enum st load_pre_tokenizer(struct load *l, const struct scan *v)
{
    struct view type = load_text(v, "type");
    const struct scan *list = load_list(v, "pretokenizers");
    enum st st = ST_OK;

    if (view_is(type, "ByteLevel"))
        return load_byte_level(l, v);
    if (view_is(type, "Split"))
        return load_split(l, v);
    if (view_is(type, "Metaspace"))
        return load_metaspace(l, v);
    if (!view_is(type, "Sequence") || !list)
        return load_classes(l, v, type);
    for (int32_t i = 0; i < list->n && st == ST_OK; i++)
        st = load_pre_tokenizer(l, &list->item[i]);
    return st;
}

/* How many ByteLevel there are, and whether the last part seen is one. */
static void count_byte_level(const struct scan *v, int64_t *n, bool *last)
{
    const struct scan *list = load_list(v, "pretokenizers");

    if (!list) {
        *last = view_is(load_text(v, "type"), "ByteLevel");
        *n += *last;
    }
    for (int32_t i = 0; list && i < list->n; i++)
        count_byte_level(&list->item[i], n, last);
}

bool load_ends_in_bytes(const struct scan *pre_tokenizer)
{
    int64_t n = 0;
    bool last = false;

    count_byte_level(pre_tokenizer, &n, &last);
    return last && n == 1;
}
