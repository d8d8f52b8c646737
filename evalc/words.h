/* words.h - the language of a model: its folder's tokenizer, the tokens that end an answer, and its
 * chat template. */
#ifndef WORDS_H
#define WORDS_H

#include "chat/chat.h"
#include "model/folders.h"
#include "stream/header.h"

#define WORDS_ENDS_MAX 64

struct words {
    struct tokenizer *t;
    const char       *folder;                  /* of the tokenizer's files; NULL: the built-in */
    int64_t           n_end;
    int32_t           end[WORDS_ENDS_MAX];     /* each once */
};

/* `name`: a folder, a tokenizer.json or `bytes`; NULL: the adapter's folder where it has one, else
 * the base's, and of a checkpoint without one the built-in, where its training noted that.  h: the
 * header of rows that must be of this tokenizer, NULL: none.  Ends are those of
 * generation_config.json, else config.json, and the tokenizer's own.  f NULL: no model, and no
 * ends; then only rows of the built-in go without a name.
 *   ST_OK; ST_USAGE no tokenizer there; ST_DATA a broken one, or another than the rows'; ST_SYS */
enum st words_open(struct words *w, const struct folders *f, const char *name,
                   const struct header *h, struct arena *a) must_use;
void words_close(struct words *w);             /* where it was not opened too */

/* One more end.  ST_DATA: too many. */
enum st words_end(struct words *w, int64_t id) must_use;

/* The template called `name`: one of the layouts, a file, or of the tokenizer's folder; auto: the
 * folder's default, else the layout that fits the tokenizer.  ST_USAGE: no such template. */
enum st words_template(const struct words *w, const char *name, struct chat *c,
                       struct arena *a) must_use;

/* The ids of a rendered prompt, as tokenize has them, behind *b as int32_t. */
enum st words_encode(const struct words *w, const struct chat *c, struct encoder *e,
                     struct view text, struct buf *b) must_use;

/* What may go into a record or on a terminal: bytes that are no UTF-8 become U+FFFD. */
enum st words_clean(struct buf *to, struct view text) must_use;

#endif
