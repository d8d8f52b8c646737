/* press.h - the frames of a shard: filled, compressed by whoever is free, written in order.
 *
 * Where a frame ends depends on its records alone, and a frame's bytes on nothing but its own: so
 * the file is the same with any number of threads. */
#ifndef PRESS_H
#define PRESS_H

#include "base/crew.h"

struct press;

/* Takes a frame's bytes, in order; what it returns is passed on. */
typedef enum st press_write(void *arg, const void *p, size_t n);

/* Compresses by itself until it is given a crew, which outlives it.  NULL: ST_SYS. */
struct press *press_new(press_write *write, void *arg, struct arena *a);
enum st press_crew(struct press *p, struct crew *crew, struct arena *a) must_use;
void press_free(struct press *p);              /* NULL is fine; waits for the crew */

/* One record, to the frame being filled, or to a new one where that is full. */
enum st press_record(struct press *p, const void *raw, size_t n_bytes, int64_t n_tokens) must_use;
/* Header or end: bytes that count as no record. */
enum st press_bytes(struct press *p, const void *raw, size_t n_bytes) must_use;

/* Ends the frame being filled, where there is one. */
enum st press_close(struct press *p) must_use;
/* The same, and all is written when it returns. */
enum st press_flush(struct press *p) must_use;
/* Appends the seek table of all frames so far. */
enum st press_table(const struct press *p, struct buf *to) must_use;

#endif
