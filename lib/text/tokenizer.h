/* tokenizer.h - text -> token ids with places, and back.
 *
 * Byte-level BPE as a tokenizer.json describes it: added tokens are cut out, the rest is
 * normalised, split into pieces, and each piece merged.  Ids are those of the Hugging Face
 * tokenizers library; a part of the file that is not supported is an error that names it, never a
 * guess.  The built-in tokenizer `bytes` has the 256 bytes as ids 0..255 and eight markers behind
 * them:
 *
 *     256 <|bos|>         258 <|pad|>          260 <|im_end|>             262 <|end_header_id|>
 *     257 <|eos|>         259 <|im_start|>     261 <|start_header_id|>    263 <|eot_id|> */
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include "text/added.h"
#include "text/bpe.h"
#include "text/split.h"

#define TOKENIZER_AROUND_MAX 8

struct tokenizer {                             /* read only once built: threads share it */
    struct bpe        *bpe;
    struct split      *split;
    bool               nfc, prefix_space;
    struct added      *added;                  /* [n_added] */
    int64_t            n_added;
    struct added_set  *raw, *normal;           /* searched for before and after NFC; NULL: none */
    uint32_t           prefix[TOKENIZER_AROUND_MAX], suffix[TOKENIZER_AROUND_MAX];
    int                n_prefix, n_suffix;     /* what the post-processor puts around a text */
    int64_t            vocab;                  /* the largest id + 1 */
    int64_t            bos, eos, pad;          /* -1: none */
    uint8_t            sha[32];                /* of the tokenizer.json, or the built-in's name */
};

/* The tokenizer that the bytes of a tokenizer.json describe; `name` is for messages.  Special ids
 * that the file does not tell are found by their usual names; tokenizer_config() knows better.
 * Keeps no part of json.
 *   ST_OK; ST_DATA not JSON, broken, or with a part that is not supported; ST_SYS */
enum st tokenizer_read(struct tokenizer **t, struct view json, const char *name,
                       struct arena *a) must_use;

/* bos_token, eos_token, pad_token and add_bos_token of a tokenizer_config.json. */
enum st tokenizer_config(struct tokenizer *t, struct view json, const char *name) must_use;

/* The built-in tokenizer.  NULL: ST_SYS. */
struct tokenizer *tokenizer_bytes(struct arena *a);
void tokenizer_free(struct tokenizer *t);      /* what libraries hold; the rest is the arena's */

/* Among the added tokens: the id, or -1; the token, or NULL. */
int64_t tokenizer_find(const struct tokenizer *t, const char *text);
const struct added *tokenizer_added(const struct tokenizer *t, uint32_t id);
bool tokenizer_special(const struct tokenizer *t, uint32_t id);

/* One thread's state: word cache and buffers. */
struct encoder;
struct encoder *encoder_new(const struct tokenizer *t, struct arena *a);    /* NULL: ST_SYS */
void encoder_free(struct encoder *e);

/* Ids and where they stand: token i is bytes [begin[i], end[i]) of the text.  White space that an
 * added token swallowed belongs to none.  A token of text that the normaliser changed stands for
 * the whole changed stretch.  Start from {0}; an encoding is used again and again. */
struct encoding {
    const uint32_t *id, *begin, *end;          /* [n] */
    int64_t         n;
    struct buf      store[3];
};
void encoding_free(struct encoding *v);

/* Encodes text, UTF-8 below 4 GiB, without prefix and suffix.  places false: begin and end stay
 * NULL. */
enum st tokenizer_encode(struct encoder *e, struct view text, bool places,
                         struct encoding *out) must_use;

/* Appends the bytes of the ids; special tokens as their text, or not at all. */
enum st tokenizer_decode(const struct tokenizer *t, const uint32_t *id, int64_t n, bool specials,
                         struct buf *out) must_use;

#endif
