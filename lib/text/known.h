/* known.h - pre-tokeniser patterns that are scanned by hand; for split.c alone. */
#ifndef KNOWN_H
#define KNOWN_H

#include "base/base.h"

enum known_kind { KNOWN_GPT2, KNOWN_CL100K };

struct known {
    enum known_kind kind;
    int             digits;                    /* CL100K's longest number: Llama 3 3, Qwen 2 1 */
};

/* The scanner that does what the pattern does; false: none, ask PCRE2. */
bool known_find(struct view pattern, struct known *k);

/* Where the piece of p[0, n) that begins at i < n ends. */
size_t known_next(struct known k, const char *p, size_t i, size_t n);

/* The pieces from byte *at on, KNOWN_PIECES of them or a few more: piece i of the n returned is
 * [bound[i], bound[i + 1]), of KNOWN_BOUNDS that there is room for; *at moves to bound[n]. */
enum { KNOWN_PIECES = 1024, KNOWN_BOUNDS = KNOWN_PIECES + 64 };
int64_t known_some(struct known k, struct view text, size_t *at, uint32_t *bound);

#endif
