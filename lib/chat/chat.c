/* chat.c - the chat templates and their one renderer.
 *
 * chatml and llama3 give byte for byte what their Jinja templates give.  In plain the space
 * before an answer belongs to the answer: a colon and a word never merge, since no byte-level
 * pre-tokeniser leaves them in one piece, so prompt and answer are always apart. */
#include "base/file.h"
#include "chat/chat.h"
#include "text/unicode.h"

const struct chat chat_none = {
    .name = "none", .line = "prompt and completion one behind the other, then the end token",
    .open = "", .close = "", .gap = "", .after = "",
    .role = { "", "", "", "" },
};

const struct chat chat_plain = {
    .name = "plain", .line = "turns of Human: and Assistant:, each answer with the end token",
    .open = "\n\n", .close = ":", .gap = " ", .after = "", .trims = true,
    .role = { "System", "Human", "Assistant", NULL },
};

const struct chat chat_chatml = {
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

const struct chat chat_llama3 = {
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

static const struct chat *const all[] = {
#define CHAT(name) &chat_##name,
#include "chat/chat.def"
#undef CHAT
};

const char *role_name(enum role r)
{
    static const char *const names[] = { "system", "user", "assistant", "tool" };

    BUG_IF(r >= ROLES);
    return names[r];
}

const struct chat *chat_find(const char *name)
{
    for (int i = 0; i < countof(all); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

const char *chat_names(void)
{
    static char names[200];
    size_t n = 0;

    for (int i = 0; i < countof(all) && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", all[i]->name);
    return names;
}

static const char *missing(const struct chat *c, const struct tokenizer *t)
{
    for (int i = 0; i < countof(c->needs) && c->needs[i]; i++)
        if (tokenizer_find(t, c->needs[i]) < 0)
            return c->needs[i];
    return NULL;
}

const struct chat *chat_auto(const struct tokenizer *t)
{
    const struct chat *found = &chat_plain;
    int n = 0;

    for (int i = 0; i < countof(all); i++)
        if (all[i]->needs[0] && !missing(all[i], t)) {
            found = all[i];
            n++;
        }
    return n == 1 ? found : &chat_plain;
}

enum st chat_check(const struct chat *c, const struct tokenizer *t, int64_t *end, int64_t *bos)
{
    const char *lacks = missing(c, t);

    if (lacks)
        return fail(ST_USAGE,
                    "template %s needs the token '%s', which the tokenizer does not have; "
                    "try --template plain",
                    c->name, lacks);
    *end = c->end ? tokenizer_find(t, c->end) : t->eos;
    if (*end < 0)
        return fail(ST_USAGE, "the tokenizer names no end token; name it with --eos");
    *bos = -1;
    if (c->bos && t->n_prefix == 0 && (*bos = tokenizer_find(t, c->bos)) < 0)
        return fail(ST_USAGE,
                    "template %s needs the token '%s', which the tokenizer does not have; "
                    "try --template plain",
                    c->name, c->bos);
    return ST_OK;
}

void chat_hash(const struct chat *c, uint8_t out[8])
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

void rendering_free(struct rendering *r)
{
    buf_free(&r->text);
    buf_free(&r->parts);
}

static enum st put(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

static enum st render(struct rendering *r, const struct chat *c, struct view end,
                      const struct turn *t)
{
    struct buf *b = &r->text;
    struct view text = c->trims ? unicode_trim(t->text) : t->text;
    const char *open = c->open;
    struct part p;
    enum st st;

    if (b->n == 0)
        open += strspn(open, "\n");
    p.head = b->n;
    if ((st = put(b, open)) != ST_OK || (st = put(b, c->role[t->role])) != ST_OK ||
        (st = put(b, c->close)) != ST_OK)
        return st;
    p.begin = b->n;
    if ((st = put(b, c->gap)) != ST_OK)
        return st;
    p.text = b->n;
    if ((st = buf_add(b, text.p, text.n)) != ST_OK)
        return st;
    p.end = b->n;
    if ((c->end || t->role == ROLE_ASSISTANT) && (st = buf_add(b, end.p, end.n)) != ST_OK)
        return st;
    p.stop = b->n;
    if ((st = put(b, c->after)) != ST_OK)
        return st;
    return buf_add(&r->parts, &p, sizeof p);
}

enum st chat_render(struct rendering *r, const struct chat *c, struct view end,
                    const struct turn *turn, int64_t n)
{
    r->text.n = r->parts.n = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!c->role[turn[i].role])
            return fail(ST_DATA, "template %s has no role '%s'; try --template chatml", c->name,
                        role_name(turn[i].role));
        enum st st = render(r, c, end, &turn[i]);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}
