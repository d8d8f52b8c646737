/* chunk.h - a file of raw rows cut into chunks: the rows are found, not yet read.
 *
 * The form is told by the file: a name that ends in .txt (before .gz or .zst) is text; else the
 * first byte decides, `{` for lines of JSON, `[` for an array, anything else text.  Cutting knows
 * line ends, or strings and brackets, and nothing else, so it is done by one thread; reading a
 * chunk's rows is left to as many as there are (rows.h).  A chunk holds whole rows: about
 * CHUNK_BYTES, or one row that is longer.  Where the input makes us wait, a chunk ends early, so
 * that what has come is worked on. */
#ifndef CHUNK_H
#define CHUNK_H

#include "base/mem.h"

#define ROW_BYTES_MAX (64 << 20)
#define CHUNK_BYTES   (256 << 10)
#define CHUNK_ROWS    4096

enum chunk_form { CHUNK_UNKNOWN, CHUNK_LINES, CHUNK_ARRAY, CHUNK_TEXT };

struct raw_row {
    size_t  at, n;                             /* bytes of the chunk's data */
    int64_t line, column;                      /* in the file, of its first byte, from 1 */
};

struct chunk {                                 /* start from {0}, end with chunk_free() */
    const char    *name;                       /* of the file, for people */
    enum chunk_form form;
    struct buf     data, rows;                 /* rows: struct raw_row */
    int64_t        n;                          /* how many rows */
    enum st        then;                       /* what comes behind them: chunk_next() */
    struct err_box said;                       /* and its message */
};

struct chunker;

enum st chunk_open(struct chunker **c, const char *path, struct arena *a) must_use;
void chunk_close(struct chunker *c);
const char *chunk_name(const struct chunker *c);

/* The next chunk into *to, which is used again and again.  Never fails: what went wrong behind its
 * rows is in to->then, so that the rows before it come first.
 *   ST_OK    more may come
 *   ST_END   this was the last
 *   ST_DATA  the array is broken, a row too long, compressed data damaged: nothing can follow
 *   ST_SYS, ST_STOP */
void chunk_next(struct chunker *c, struct chunk *to);

/* The next chunk can be had, or part of one, without waiting for who writes the input. */
bool chunk_ready(const struct chunker *c);

/* The first chunk, to look at; chunk_next() hands it out again. */
const struct chunk *chunk_first(struct chunker *c);

void chunk_free(struct chunk *c);

#endif
