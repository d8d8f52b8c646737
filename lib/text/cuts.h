/* cuts.h - stages of a splitter that are no pattern: marks and words; for split.c alone. */
#ifndef CUTS_H
#define CUTS_H

#include "base/base.h"

/* Where the piece of p[0, n) that begins at i < n ends: before the next mark that follows none. */
size_t cuts_marked(struct view mark, const char *p, size_t i, size_t n);

/* The pieces from byte *at on, at most max: piece i of the n returned is [bound[i], bound[i + 1]);
 * *at moves to bound[n]. */
int64_t cuts_some(struct view mark, struct view text, size_t *at, uint32_t *bound, int64_t max);

/* The next \w+|[^\w\s]+ in p[from, n). */
bool cuts_word(const char *p, size_t n, size_t from, size_t *begin, size_t *end);

#endif
