/* load.h - reading a tokenizer.json: what load.c, vocab.c and special.c share; for them alone. */
#ifndef LOAD_H
#define LOAD_H

#include "base/scan.h"
#include "text/tokenizer.h"

/* Members of an object; one that is null is missing. */
const struct scan *load_member(const struct scan *o, const char *key);
bool load_flag(const struct scan *o, const char *key, bool otherwise);
struct view load_text(const struct scan *o, const char *key);          /* {NULL, 0}: no text */

/* The id of the token `name`: a whole number below BPE_IDS_MAX. */
enum st load_id(const struct scan *v, struct view name, uint32_t *id) must_use;

/* ST_DATA: what part of the file this project cannot do. */
enum st load_unsupported(const char *part, struct view type);

/* The one object a file holds; its name becomes the place of messages. */
enum st load_parse(struct scan *root, struct view json, const char *name, struct arena *a) must_use;

/* bos, eos and pad by their usual names. */
void load_specials(struct tokenizer *t);

/* The vocabulary and merges of `model`. */
enum st vocab_read(struct bpe **bpe, const struct scan *model, struct arena *a) must_use;

#endif
