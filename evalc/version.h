/* version.h - rows with something put before their prompts: what a model makes of the same tokens
 * after other words.
 *
 * The tokens scored are those of the row itself, one for one, so that two sums differ by what
 * stands before and by nothing else. */
#ifndef VERSION_H
#define VERSION_H

#include "stream/io.h"

struct prefix {
    const char *name;                          /* of its file */
    uint32_t   *id;                            /* [n] */
    int64_t     n;
};

/* The ids of all rows of a stream, one row behind the other, as a conversation goes on: of text,
 * sft and prompt records; a begin token stays at the very front alone.  ST_DATA: another kind, no
 * ids, or another tokenizer than that of `h`. */
enum st version_prefix(struct prefix *p, const char *name, const struct header *h,
                       struct arena *a) must_use;

/* *to: the row with the prefix before its prompt.  Its own begin token goes where the prefix has
 * one.  A row without a prompt (sft, text) becomes a label whose prompt is the prefix.  In a.
 *   ST_DATA: a row whose first scored token has nothing before it */
enum st version_of(struct rec *to, const struct rec *r, const struct prefix *p,
                   const struct header *h, struct arena *a) must_use;

#endif
