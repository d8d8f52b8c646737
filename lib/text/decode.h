/* decode.h - the way from tokens back to text, as a list of steps; for lib/text alone.
 *
 * A step takes tokens, one at a time, and gives tokens; from FUSE or BYTES on there are no tokens
 * any more but one text that comes in pieces.  tokenizer.h has the decoder itself. */
#ifndef DECODE_H
#define DECODE_H

#include "base/mem.h"

#define DECODE_STEPS_MAX 8

enum decode_kind {
    DECODE_BYTES,                              /* characters of ByteLevel's alphabet to bytes */
    DECODE_MARK,                               /* `from` to a space; front: the first's goes */
    DECODE_REPLACE,                            /* `from` to `to` */
    DECODE_FALLBACK,                           /* <0xHH> to the byte */
    DECODE_FUSE,
    DECODE_STRIP,                              /* up to n `from` at the begin go */
    DECODE_SUFFIX,                             /* `from` to a space, in the last token to nothing */
};

struct decode_step {
    enum decode_kind kind;
    struct view      from, to;
    int64_t          n;
    bool             front;
};

struct decode {
    int64_t            n;
    struct decode_step step[DECODE_STEPS_MAX];
    bool               spaced;                 /* without a decoder tokens are joined by spaces */
    bool               alphabet;               /* the vocabulary is kept as bytes already */
};

/* Adds a step; keeps from and to.  ST_DATA: too many, or one that cannot follow FUSE or BYTES. */
enum st decode_add(struct decode *d, struct decode_step v, const char *name) must_use;

#endif
