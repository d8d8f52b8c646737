/* symbols.h - pieces that start as characters: SentencePiece's BPE, and what there is beside it.
 *
 * A symbol is a character, with a prefix where it does not begin its piece (`##`) and a suffix
 * where it ends it (`</w>`).  A symbol that is no token becomes its bytes, one token <0xHH> each,
 * or the unknown token, or nothing. */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include "text/bpe.h"

struct symbols {
    struct view prefix, suffix;                /* {NULL, 0}: none */
    uint32_t    unknown;                       /* BPE_NONE: none */
    bool        fuse;                          /* unknown neighbours become one token */
    bool        fallback;                      /* symbols without a token become bytes */
    uint32_t    byte[256];                     /* with fallback: their tokens, or BPE_NONE */
};

/* From here on pieces of b start as characters.  Before the first merge, behind the last token;
 * *s must stay where it is, and its byte[] is filled in.
 *   ST_OK
 *   ST_DATA  fallback without a token for every byte of UTF-8, or with prefix or suffix */
enum st symbols_use(struct bpe *b, struct symbols *s) must_use;

/* Bytes of `right` that a merge leaves out, and whether a token stands for what has none. */
size_t symbols_skip(const struct bpe *b, struct view right);
bool symbols_alone(const struct bpe *b, uint32_t id);

/* Where the n tokens of one piece stand, which begins at byte `at`. */
void symbols_places(const struct bpe *b, struct view piece, const uint32_t *id, int64_t n,
                    size_t at, uint32_t *begin, uint32_t *end);

/* Whether a text may be cut before each mark that does not follow one, and its parts be pieces of
 * their own: no token has such a place inside, so no merge crosses it. */
bool symbols_cut(const struct bpe *b, struct view mark);

#endif
