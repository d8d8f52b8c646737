/* tokenizer.h - text -> token ids with places, and back.
 *
 * BPE as a tokenizer.json describes it: added tokens are cut out, the rest is normalised, split
 * into pieces, and each piece merged.  Ids are those of the Hugging Face tokenizers library, and
 * so is decoded text; a part of the file that is not supported is an error that names it, never a
 * guess.  The built-in tokenizer `bytes` has the 256 bytes as ids 0..255 and eight markers behind
 * them:
 *
 *     256 <|bos|>         258 <|pad|>          260 <|im_end|>             262 <|end_header_id|>
 *     257 <|eos|>         259 <|im_start|>     261 <|start_header_id|>    263 <|eot_id|> */
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include "text/added.h"
#include "text/bpe.h"
#include "text/decode.h"
#include "text/normalise.h"
#include "text/rewrite.h"
#include "text/split.h"

#define TOKENIZER_AROUND_MAX 8
#define TOKENIZER_PRE_MAX 8

struct pre {                                   /* part of a pre-tokeniser: first written anew, */
    struct rewrite rewrite;                    /*   then split */
    struct split  *split;
};

struct tokenizer {                             /* read only once built: threads share it */
    struct arena      *arena;
    struct bpe        *bpe;
    struct normaliser *normaliser;
    struct pre         pre[TOKENIZER_PRE_MAX]; /* [n_pre], each for the pieces of the one before */
    int                n_pre;
    struct decode      decode;
    struct added      *added;                  /* [n_added] */
    int64_t            n_added, n_tokens;      /* n_tokens: of the vocabulary, in number */
    struct added_set  *raw, *normal;           /* searched for before and after normalising */
    uint32_t           prefix[TOKENIZER_AROUND_MAX], suffix[TOKENIZER_AROUND_MAX];
    int                n_prefix, n_suffix;     /* what the post-processor puts around a text */
    int64_t            vocab;                  /* the largest id + 1 */
    int64_t            bos, eos, pad, unk;     /* -1: none */
    uint8_t            sha[32];                /* of the tokenizer.json, or the built-in's name */
};

/* The tokenizer that the bytes of a tokenizer.json describe; `name` is for messages.  Special ids
 * that the file does not tell are found by their usual names; tokenizer_config() knows better.
 * Keeps no part of json.
 *   ST_OK; ST_DATA not JSON, broken, or with a part that is not supported; ST_SYS */
enum st tokenizer_read(struct tokenizer **t, struct view json, const char *name,
                       struct arena *a) must_use;

/* What a tokenizer_config.json or special_tokens_map.json adds: bos_token, eos_token, pad_token and
 * unk_token, the added tokens of added_tokens_decoder that the tokenizer.json lacks, and with
 * add_bos_token or add_eos_token what goes around a text instead of what the post-processor says.
 * ST_DATA: broken, or a token other than unk_token that the tokenizer has not, or has with another
 * id; ST_SYS. */
enum st tokenizer_config(struct tokenizer *t, struct view json, const char *name) must_use;

/* The chat template called `which` (NULL: the default one) in a tokenizer_config.json, copied into
 * the arena: `chat_template` is a text, which is the default, or a list of {name, template}.
 *   ST_OK; ST_END there is none of that name; ST_USAGE several, and which of them is not told;
 *   ST_DATA broken; ST_SYS */
enum st tokenizer_template(struct view json, const char *name, const char *which,
                           struct view *template, struct arena *a) must_use;

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
 * added token swallowed belongs to none, as does what a normaliser drops.  A token of text that a
 * normaliser changed stands for the whole changed stretch; one that was put in (a space or U+2581
 * in front) for nothing.  Start from {0}; an encoding is used again and again. */
struct encoding {
    const uint32_t *id, *begin, *end;          /* [n] */
    int64_t         n;
    struct buf      store[3];
};
void encoding_free(struct encoding *v);

/* Encodes text, UTF-8 below 4 GiB, without prefix and suffix.  places false: begin and end stay
 * NULL.  ST_DATA: a pattern ran past PCRE2's limits; ST_SYS. */
enum st tokenizer_encode(struct encoder *e, struct view text, bool places,
                         struct encoding *out) must_use;

/* Decoding goes token by token, as generation does.  What decoder_put() appends is final: the text
 * of a token may come with a later one (the first bytes of a character; bytes of which more may
 * follow), and the whole is that of tokenizer_decode().  Bytes that are no UTF-8 become U+FFFD, but
 * not with the built-in tokenizer, which gives them as they are. */
struct decoder;
struct decoder *decoder_new(const struct tokenizer *t, bool specials,
                            struct arena *a);  /* NULL: ST_SYS */
void decoder_free(struct decoder *d);          /* its buffers; the rest is the arena's */
enum st decoder_put(struct decoder *d, uint32_t id, struct buf *out) must_use;
enum st decoder_end(struct decoder *d, struct buf *out) must_use;     /* then it starts anew */

/* Appends the text of the ids; special tokens as their text, or not at all.  An id that the
 * tokenizer has not gives nothing. */
enum st tokenizer_decode(const struct tokenizer *t, const uint32_t *id, int64_t n, bool specials,
                         struct buf *out) must_use;

#endif
