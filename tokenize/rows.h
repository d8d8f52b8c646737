/* rows.h - the rows of a chunk, read one at a time: JSON values, or lines of text. */
#ifndef ROWS_H
#define ROWS_H

#include "base/scan.h"
#include "chunk.h"

/* A walk over a chunk, and the place of the row it has reached. */
struct rows {
    const struct chunk *chunk;
    int64_t             next;                  /* row of the chunk */
    struct view         row;                   /* the row read last */
    int64_t             line, column;          /* where it begins */
};

void rows_start(struct rows *r, const struct chunk *c);        /* c outlives the walk */

/* The next row, in `now`, which must outlive its use; views also reach into the chunk.  A line of
 * text is a SCAN_TEXT.
 *   ST_OK, ST_SYS
 *   ST_END   the chunk has no more; what comes behind it is chunk->then
 *   ST_DATA  not JSON, or not UTF-8, with its place; the next call goes on behind it */
enum st rows_next(struct rows *r, struct scan *row, struct arena *now) must_use;

/* Sets err_place() to file, line and column of byte `at` of the row read last; lines and bytes
 * count from 1. */
void rows_place(const struct rows *r, size_t at);

#endif
