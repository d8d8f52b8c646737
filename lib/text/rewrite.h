/* rewrite.h - what pre-tokenisers write anew in a piece before they cut it.
 *
 * Metaspace puts a mark (U+2581) for every space, and one in front; ByteLevel puts a space in
 * front, and writes bytes in an alphabet of printable characters. */
#ifndef REWRITE_H
#define REWRITE_H

#include "text/change.h"

enum rewrite_kind { REWRITE_NONE, REWRITE_SPACE, REWRITE_MARK, REWRITE_ALPHABET };
enum rewrite_front { REWRITE_NEVER, REWRITE_ALWAYS, REWRITE_FIRST };

struct rewrite {
    enum rewrite_kind  kind;
    enum rewrite_front front;                  /* MARK: in front of which pieces */
    struct view        mark;                   /* MARK: one code point */
};

/* first: the piece begins where the whole text does.  ST_OK, ST_DATA, ST_SYS. */
enum st rewrite_edit(const struct rewrite *r, struct edit *e, bool first) must_use;

/* GPT-2's alphabet: the code point that stands for a byte, and the byte that one stands for, or
 * -1. */
int32_t rewrite_letter(unsigned char byte);
int rewrite_byte(int32_t letter);

/* The bytes that s, written in the alphabet, stands for, into out[s.n].  False: a character that
 * is not in it. */
bool rewrite_bytes(struct view s, char *out, size_t *n);

#endif
