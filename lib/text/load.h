/* load.h - reading a tokenizer.json: what load.c and its neighbours share; for them alone. */
#ifndef LOAD_H
#define LOAD_H

#include "base/scan.h"
#include "text/tokenizer.h"

/* Members of an object, which may be NULL; one that is null is missing. */
const struct scan *load_member(const struct scan *o, const char *key);
bool load_flag(const struct scan *o, const char *key, bool otherwise);
struct view load_text(const struct scan *o, const char *key);          /* {NULL, 0}: no text */

/* The id of the token `name`: a whole number below BPE_IDS_MAX. */
enum st load_id(const struct scan *v, struct view name, uint32_t *id) must_use;

/* ST_DATA: what part of the file this project cannot do. */
enum st load_unsupported(const char *part, struct view type);

/* The one object a file holds; its name becomes the place of messages. */
enum st load_parse(struct scan *root, struct view json, const char *name, struct arena *a) must_use;

/* What is built, and from what. */
struct load {
    struct tokenizer  *t;
    struct arena      *a;                      /* what stays */
    const struct scan *root;
    bool               bytes;                  /* the vocabulary is kept as bytes */
};

/* The parts of a file, each told what its member holds. */
enum st load_normalizer(struct load *l, const struct scan *v) must_use;
enum st load_pre_tokenizer(struct load *l, const struct scan *v) must_use;
enum st load_added(struct load *l, const struct scan *list) must_use;
enum st load_post_processor(struct load *l, const struct scan *v) must_use;
enum st load_decoder(struct load *l, const struct scan *v) must_use;

/* Whether ByteLevel is the last part of a pre-tokeniser and stands there once. */
bool load_ends_in_bytes(const struct scan *pre_tokenizer);

/* An array that a Sequence has under `key`; NULL: none. */
const struct scan *load_list(const struct scan *v, const char *key);

/* bos, eos, pad and unk by their usual names. */
void load_specials(struct tokenizer *t);

/* Adds a token of the file, or of its configuration; load_added_done() then makes the sets that
 * are searched for. */
enum st load_added_one(struct tokenizer *t, const struct scan *v, uint32_t id) must_use;
enum st load_added_done(struct tokenizer *t) must_use;

/* Whether every byte of UTF-8 has a token in the alphabet of ByteLevel. */
bool vocab_of_bytes(const struct scan *model);

/* The vocabulary and merges of `model`; bytes: kept as the bytes they stand for. */
enum st vocab_read(struct bpe **bpe, const struct scan *model, bool bytes,
                   struct arena *a) must_use;

#endif
