/* exclude.h - the prompts of held-out files: a row that has one of them may not be trained on.
 *
 * Prompts are compared as --split compares them (held.h), by 128-bit hashes of their normal
 * form. */
#ifndef EXCLUDE_H
#define EXCLUDE_H

#include "held.h"
#include "source.h"

struct exclude;

struct exclude_place { int64_t file, line; };

/* Reads the files by the schema of the run, or each by its own where that is auto.  A bad row is
 * ST_DATA, with or without --lenient: what cannot be read cannot be kept out. */
enum st exclude_read(struct exclude **x, const struct setup *s, const struct fields *f,
                     struct arena *a) must_use;
void exclude_free(struct exclude *x);          /* NULL is fine */

/* The first place of a prompt, given in its normal form; NULL: it is in none.  An empty prompt is
 * in none.  Threads may ask at once. */
const struct exclude_place *exclude_find(const struct exclude *x, struct view normal);
const char *exclude_name(const struct exclude *x, const struct exclude_place *p);

/* The schema that file i was read by. */
const struct schema *exclude_schema(const struct exclude *x, int64_t i);

#endif
