/* decodepart.c - the `decoder` of a tokenizer.json. */
#include "text/load.h"

static enum st add(struct load *l, struct decode_step v, const char *name)
{
    if ((v.from.p && !(v.from.p = arena_text(l->a, v.from))) ||
        (v.to.p && !(v.to.p = arena_text(l->a, v.to))))
        return ST_SYS;
    return decode_add(&l->t->decode, v, name);
}

static enum st load_strip(struct load *l, const struct scan *v)
{
    const struct scan *start = load_member(v, "start"), *stop = load_member(v, "stop");
    double n = start && start->type == SCAN_NUMBER ? start->number : 0;

    if (stop && stop->type == SCAN_NUMBER && stop->number != 0)
        return load_unsupported("decoder part", view_of("Strip with a stop"));
    if (!(n >= 0 && n <= 1 << 20) || n != (double)(int64_t)n || !load_text(v, "content").n)
        return fail(ST_DATA, "a decoder Strip without content or start");
    return add(l, (struct decode_step){ .kind = DECODE_STRIP, .from = load_text(v, "content"),
                                        .n = (int64_t)n }, "Strip");
}

static enum st load_decode_replace(struct load *l, const struct scan *v)
{
    struct view from = load_text(load_member(v, "pattern"), "String"), to = load_text(v, "content");

    if (!from.n || !to.p)
        return load_unsupported("decoder part", view_of("Replace without a text to replace"));
    return add(l, (struct decode_step){ .kind = DECODE_REPLACE, .from = from, .to = to },
               "Replace");
}

static enum st load_decode_metaspace(struct load *l, const struct scan *v)
{
    struct view front = load_text(v, "prepend_scheme"), mark = load_text(v, "replacement");

    if (!mark.n)
        return fail(ST_DATA, "a decoder Metaspace without a replacement");
    return add(l, (struct decode_step){ .kind = DECODE_MARK, .from = mark,
                                        .front = front.p ? !view_is(front, "never")
                                                         : load_flag(v, "add_prefix_space", true) },
               "Metaspace");
}

enum st load_decoder(struct load *l, const struct scan *v)
{
    struct view type = load_text(v, "type");
    const struct scan *list = load_list(v, "decoders");
    enum st st = ST_OK;

    if (view_is(type, "ByteLevel"))
        return add(l, (struct decode_step){ .kind = DECODE_BYTES }, "ByteLevel");
    if (view_is(type, "Metaspace"))
        return load_decode_metaspace(l, v);
    if (view_is(type, "Replace"))
        return load_decode_replace(l, v);
    if (view_is(type, "ByteFallback"))
        return add(l, (struct decode_step){ .kind = DECODE_FALLBACK }, "ByteFallback");
    if (view_is(type, "Fuse"))
        return add(l, (struct decode_step){ .kind = DECODE_FUSE }, "Fuse");
    if (view_is(type, "Strip"))
        return load_strip(l, v);
    if (view_is(type, "BPEDecoder") && load_text(v, "suffix").n)
        return add(l, (struct decode_step){ .kind = DECODE_SUFFIX, .from = load_text(v, "suffix") },
                   "BPEDecoder");
    if (!view_is(type, "Sequence") || !list)
        return load_unsupported("decoder", type);
    for (int32_t i = 0; i < list->n && st == ST_OK; i++)
        st = load_decoder(l, &list->item[i]);
    return st;
}
