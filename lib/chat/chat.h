/* chat.h - messages -> one text, and where in it each message stands.
 *
 * A template is a table of strings, not a program.  A turn is rendered as
 *
 *     open NAME close | gap text end | after          `|`: head of part, begin, and stop
 *
 * and the stretch from begin to stop is what a model must learn of a turn that is trained: the
 * text and the token that ends it.  The head of an assistant's turn is all that a prompt adds
 * before the model speaks. */
#ifndef CHAT_H
#define CHAT_H

#include "text/tokenizer.h"

enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLES };
const char *role_name(enum role r);            /* "system", "user", "assistant", "tool" */

struct turn {
    enum role   role;
    struct view text;
    bool        train;                         /* wanted by the row: the flag of --mask flag */
    size_t      at;                            /* where in the row it stands, for messages */
};

struct chat {
    const char *name, *line;
    const char *open, *role[ROLES], *close;    /* role NULL: the template has none such */
    const char *gap;                           /* before the text, trained with it */
    const char *end;                           /* NULL: the tokenizer's, behind answers only */
    const char *after;                         /* behind the end */
    const char *bos;                           /* first, where the tokenizer adds none itself */
    const char *needs[4];                      /* tokens that the tokenizer must have */
    bool        trims;                         /* white space around a text is dropped */
};

#define CHAT(name) extern const struct chat chat_##name;
#include "chat/chat.def"
#undef CHAT

const struct chat *chat_find(const char *name);        /* NULL: no such template */
const char *chat_names(void);                          /* "none, plain, chatml, llama3" */

/* What `auto` means: the template whose markers the tokenizer has as added tokens, else plain.
 * The built-in tokenizer, which has all markers, is plain. */
const struct chat *chat_auto(const struct tokenizer *t);

/* ST_USAGE: the tokenizer lacks a token the template needs, or has no end token.  *end is the
 * token that ends an assistant's turn; *bos the one to put first, -1 where the tokenizer's own
 * prefix is enough. */
enum st chat_check(const struct chat *c, const struct tokenizer *t, int64_t *end,
                   int64_t *bos) must_use;

/* Eight bytes that change when the template does. */
void chat_hash(const struct chat *c, uint8_t out[8]);

struct part {
    size_t head, begin;
    size_t text;                               /* behind the gap */
    size_t end, stop;                          /* before the end token, and behind it */
};

struct rendering {                             /* start from {0}, end with rendering_free() */
    struct buf text;
    struct buf parts;                          /* struct part, one per turn */
};
static inline const struct part *rendering_part(const struct rendering *r, int64_t i)
{
    return (const struct part *)r->parts.p + i;
}
void rendering_free(struct rendering *r);

/* Renders the turns, anew.  end: the text of the token of chat_check().  Line ends that open the
 * first turn are left out.
 *   ST_OK; ST_DATA a role that the template has not; ST_SYS */
enum st chat_render(struct rendering *r, const struct chat *c, struct view end,
                    const struct turn *turn, int64_t n) must_use;

#endif
