/* show.h - rows as people read them, the trained tokens marked. */
#ifndef SHOW_H
#define SHOW_H

#include "make.h"

/* Appends the record's text: trained stretches in colour, or between {+ and +}; `place` stands
 * above it. */
enum st show_record(struct buf *out, const struct tokenizer *t, const struct made *m,
                    const char *place, bool colour) must_use;

#endif
