/* chat.h - messages -> one text, and the stretches of it that a model must learn.
 *
 * A chat is one of two things behind one door.  A *layout* of strings renders a turn as
 *
 *     open NAME close | gap text end | after         `|`: begin and stop of the trained stretch
 *
 * A *program* is a template in Jinja as a tokenizer's folder carries it: it writes the whole text,
 * begin token included, and sees the messages as the row has them.  Of a turn that is trained it
 * tells the stretch by its {% generation %} blocks; without them the stretch begins where the
 * rendering of what precedes it with add_generation_prompt ends, and stops where the rendering
 * that ends with it does.  Both must then be beginnings of the whole: anything else is an error,
 * never a guess. */
#ifndef CHAT_H
#define CHAT_H

#include "chat/jinja.h"
#include "text/tokenizer.h"

enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLES };
const char *role_name(enum role r);            /* "system", "user", "assistant", "tool" */

struct turn {
    enum role          role;
    struct view        text;
    const struct scan *message;                /* as programs see it; NULL: role and text are all */
    bool               more;                   /* tool calls, reasoning: only programs show them */
    bool               train;                  /* wanted by the row: the flag of --mask flag */
    size_t             at;                     /* where in the row it stands, for messages */
};

struct talk {                                  /* a conversation, as a template sees it */
    const struct turn *turn;                   /* [n] */
    int64_t            n;
    const bool        *want;                   /* [n] the turns to be trained; NULL: none */
    const struct scan *tools, *documents;      /* NULL: none */
};

struct layout {
    const char *name, *line;
    const char *open, *role[ROLES], *close;    /* role NULL: the template has none such */
    const char *gap;                           /* before the text, trained with it */
    const char *end;                           /* NULL: the tokenizer's, behind answers only */
    const char *after;                         /* behind the end */
    const char *bos;                           /* first, where the tokenizer adds none itself */
    const char *needs[4];                      /* tokens that the tokenizer must have */
    bool        trims;                         /* white space around a text is dropped */
};

#define CHAT(name) extern const struct layout layout_##name;
#include "chat/chat.def"
#undef CHAT

const struct layout *layout_find(const char *name);      /* NULL: no such layout */
const char *layout_names(void);                         /* "none, plain, chatml, llama3" */

/* The layout whose markers the tokenizer has as added tokens, else plain.  The built-in tokenizer,
 * which has all markers, is plain. */
const struct layout *layout_auto(const struct tokenizer *t);

/* Beside messages, tools, documents, add_generation_prompt and the special tokens. */
struct chat_vars {
    const struct jinja_var *v;
    int64_t                 n;
    struct tm               date;              /* what strftime_now tells */
};

struct chat {                                  /* ready for a tokenizer; threads share it */
    const char         *name;                  /* of the layout, or told by who opened it */
    const struct layout *layout;                 /* NULL: a program */
    const struct jinja *jinja;
    struct jinja_var   *var;                   /* [n_var] the row's own four first */
    int64_t             n_var;
    bool                calls;                 /* a program that shows tool calls */
    struct tm           date;
    int64_t             end;                   /* ends a turn; -1: the last special token does */
    int64_t             bos;                   /* to put first; -1: prefix or program has it */
    struct view         end_text;
    struct added_set   *markers;               /* may not stand in a row's own texts */
    uint8_t             hash[8];               /* of the template and of what it is told */
};

/* A layout, for a tokenizer.
 *   ST_OK; ST_USAGE it lacks a token that the template needs, or has no end token; ST_SYS */
enum st chat_layout(struct chat *c, const struct layout *layout, const struct tokenizer *t,
                   struct arena *a) must_use;

/* A program; source, name and vars must stay.  Its markers are the special tokens that stand in
 * its source, or that it makes of pieces, words left out.  end: the token that ends a turn, -1 for
 * the last special one.
 *   ST_OK; ST_DATA a template that cannot be read, with its place; ST_USAGE no end token; ST_SYS */
enum st chat_program(struct chat *c, struct view source, const char *name, int64_t end,
                     const struct chat_vars *vars, const struct tokenizer *t,
                     struct arena *a) must_use;

bool chat_dated(const struct chat *c);         /* it asks what day it is */

/* The first marker in a text.  False: none. */
bool chat_marked(const struct chat *c, struct view text, struct view *marker);

struct part {                                  /* a turn that is trained */
    int64_t turn;
    size_t  begin, stop;                       /* bytes of the text */
    size_t  end;                               /* before the end token; of programs: stop */
    bool    empty;                             /* nothing to learn in it */
};

struct rendering {                             /* start from {0}, end with rendering_free() */
    struct view      text;
    struct buf       parts;                    /* struct part, one per wanted turn, ascending */
    bool             marked;                   /* parts are generation blocks: as they are */
    struct buf       layout;
    struct jinja_out whole, piece;
};
static inline struct part *rendering_part(const struct rendering *r, int64_t i)
{
    return (struct part *)r->parts.p + i;
}
static inline int64_t rendering_parts(const struct rendering *r)
{
    return (int64_t)(r->parts.n / sizeof(struct part));
}
void rendering_free(struct rendering *r);

/* Renders the turns up to the last that is wanted, anew: what follows it is never trained.  Line
 * ends that open the first turn of a layout are left out.
 *   ST_OK; ST_DATA the template cannot show this conversation, and says why; ST_SYS */
enum st chat_render(struct rendering *r, const struct chat *c, const struct talk *t,
                    struct arena *a) must_use;

/* Renders all turns and what stands before the model's answer; no parts.  The same statuses. */
enum st chat_prompt(struct rendering *r, const struct chat *c, const struct talk *t,
                    struct arena *a) must_use;

#endif
