/* shape.h - records that look like one decoded before; for in.c and shard.c alone.
 *
 * Rows of one source differ in their id, ids, spans and sums; the bytes between are the same in all
 * of them.  A shape is those bytes and what they decode to.  A record that has them is decoded by
 * filling the gaps, with the same checks and to the same fields as rec_take(), in a third of the
 * time; any other goes to rec_take(). */
#ifndef SHAPE_H
#define SHAPE_H

#include "stream/rec.h"

struct shapes;
struct shapes *shape_new(struct arena *a) must_use;      /* NULL: no memory */

/* As rec_take().  Spans may lie in *s, good until the next call. */
enum st shape_take(struct shapes *s, struct rec *r, const void *p, size_t n_bytes, int width,
                   struct arena *a, char why[REC_WHY]) must_use;

#endif
