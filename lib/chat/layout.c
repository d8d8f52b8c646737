/* layout.c - the chat templates that are layouts, and their one renderer.
 *
 * chatml and llama3 give byte for byte what their Jinja templates give.  In plain the space
 * before an answer belongs to the answer: a colon and a word never merge, since no byte-level
 * pre-tokeniser leaves them in one piece, so prompt and answer are always apart. */
#include "base/file.h"
#include "chat/own.h"
#include "text/unicode.h"

const struct layout layout_none = {
    .name = "none", .line = "prompt and completion one behind the other, then the end token",
    .open = "", .close = "", .gap = "", .after = "",
    .role = { "", "", "", "" },
};

const struct layout layout_plain = {
    .name = "plain", .line = "turns of Human: and Assistant:, each answer with the end token",
    .open = "\n\n", .close = ":", .gap = " ", .after = "", .trims = true,
    .role = { "System", "Human", "Assistant", NULL },
};

const struct layout layout_chatml = {
    .name = "chatml",
    .line = "<|im_start|>ROLE, a line end, the text, <|im_end|>",
    .open = "<|im_start|>",
    .close = "\n",
    .gap = "",
    .end = "<|im_end|>",
    .after = "\n",
    .trims = true,
    .role = { "system", "user", "assistant", "tool" },
    .needs = { "<|im_start|>", "<|im_end|>" },
};

const struct layout layout_llama3 = {
    .name = "llama3",
    .line = "<|start_header_id|>ROLE<|end_header_id|>, two line ends, the text, <|eot_id|>",
    .open = "<|start_header_id|>",
    .close = "<|end_header_id|>\n\n",
    .gap = "",
    .end = "<|eot_id|>",
    .after = "",
    .role = { "system", "user", "assistant", "tool" },
    .needs = { "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>" },
    .bos = "<|begin_of_text|>",
    .trims = true,
};

static const struct layout *const all[] = {
#define CHAT(name) &layout_##name,
#include "chat/chat.def"
#undef CHAT
};

const struct layout *layout_find(const char *name)
{
    for (int i = 0; i < countof(all); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

const char *layout_names(void)
{
    static char names[200];
    size_t n = 0;

    for (int i = 0; i < countof(all) && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", all[i]->name);
    return names;
}

static const char *missing(const struct layout *c, const struct tokenizer *t)
{
    for (int i = 0; i < countof(c->needs) && c->needs[i]; i++)
        if (tokenizer_find(t, c->needs[i]) < 0)
            return c->needs[i];
    return NULL;
}

const struct layout *layout_auto(const struct tokenizer *t)
{
    const struct layout *found = &layout_plain;
    int n = 0;

    for (int i = 0; i < countof(all); i++)
        if (all[i]->needs[0] && !missing(all[i], t)) {
            found = all[i];
            n++;
        }
    return n == 1 ? found : &layout_plain;
}

static void hash(const struct layout *c, uint8_t out[8])
{
    const char *const parts[] = { c->name,    c->open,    c->role[0], c->role[1],
                                  c->role[2], c->role[3], c->close,   c->gap,
                                  c->end,     c->after,   c->bos,     c->trims ? "trims" : "" };
    struct sha *s = sha_new();
    uint8_t full[32];

    for (int i = 0; i < countof(parts); i++) /* with the 0 behind each; an absent one is a 1 */
        sha_add(s, parts[i] ? parts[i] : "\1", parts[i] ? strlen(parts[i]) + 1 : 2);
    sha_end(s, full);
    memcpy(out, full, 8);
}

enum st chat_layout(struct chat *c, const struct layout *layout, const struct tokenizer *t,
                   struct arena *a)
{
    const char *lacks = missing(layout, t);

    *c = (struct chat){ .name = layout->name, .layout = layout, .bos = -1 };
    if (!lacks && layout->bos && t->n_prefix == 0 && (c->bos = tokenizer_find(t, layout->bos)) < 0)
        lacks = layout->bos;
    if (lacks)
        return fail(ST_USAGE,
                    "template %s needs the token '%s', which the tokenizer does not have; "
                    "try --template plain",
                    layout->name, lacks);
    c->end = layout->end ? tokenizer_find(t, layout->end) : t->eos;
    if (c->end < 0)
        return fail(ST_USAGE, "the tokenizer names no end token; name it with --eos");
    hash(layout, c->hash);
    enum st st = markers_new(c, t, a);
    for (int i = 0; i < countof(layout->needs) && layout->needs[i] && st == ST_OK; i++)
        st = markers_add(c, t, tokenizer_find(t, layout->needs[i]));
    return st;
}

static enum st put(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

/* What stands before a turn's own text. */
static enum st open_turn(struct buf *b, const struct layout *c, enum role role)
{
    const char *open = c->open + (b->n ? 0 : strspn(c->open, "\n"));
    enum st st;

    if ((st = put(b, open)) != ST_OK || (st = put(b, c->role[role])) != ST_OK)
        return st;
    return put(b, c->close);
}

static enum st put_turn(struct rendering *r, const struct chat *chat, const struct turn *t,
                        int64_t i, bool want)
{
    const struct layout *c = chat->layout;
    struct buf *b = &r->layout;
    struct view text = c->trims ? unicode_trim(t->text) : t->text;
    struct part p = { .turn = i, .empty = text.n == 0 };
    enum st st;

    if ((st = open_turn(b, c, t->role)) != ST_OK)
        return st;
    p.begin = b->n;
    if ((st = put(b, c->gap)) != ST_OK || (st = buf_add(b, text.p, text.n)) != ST_OK)
        return st;
    p.end = b->n;
    if ((c->end || t->role == ROLE_ASSISTANT) &&
        (st = buf_add(b, chat->end_text.p, chat->end_text.n)) != ST_OK)
        return st;
    p.stop = b->n;
    if ((st = put(b, c->after)) != ST_OK)
        return st;
    return want ? buf_add(&r->parts, &p, sizeof p) : ST_OK;
}

/* What a layout cannot show is told, not left out. */
static enum st check(const struct layout *c, const struct talk *t, const struct turn *turn)
{
    if (t->tools || t->documents)
        return fail(ST_DATA, "it cannot show %s; use a Jinja template, or leave them out with "
                    "--map %s=none", t->tools ? "tools" : "documents",
                    t->tools ? "tools" : "documents");
    if (turn->more)
        return fail(ST_DATA, "it cannot show tool calls or reasoning; use a Jinja template");
    if (!c->role[turn->role])
        return fail(ST_DATA, "it has no role '%s'; try --template chatml", role_name(turn->role));
    return ST_OK;
}

enum st layout_render(struct rendering *r, const struct chat *c, const struct talk *t, bool prompt)
{
    int64_t n = prompt ? t->n : talk_wanted(t);
    enum st st = ST_OK;

    r->layout.n = 0;
    r->marked = false;
    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        if ((st = check(c->layout, t, &t->turn[i])) == ST_OK)
            st = put_turn(r, c, &t->turn[i], i, !prompt && t->want[i]);
    }
    if (st == ST_OK && prompt)
        st = open_turn(&r->layout, c->layout, ROLE_ASSISTANT);
    r->text = (struct view){ r->layout.p, r->layout.n };
    return st;
}
