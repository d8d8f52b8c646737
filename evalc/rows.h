/* rows.h - the rows of several streams, one after the other, as if they were parts of one. */
#ifndef ROWS_H
#define ROWS_H

#include "stream/io.h"

struct rows {
    int64_t       n_streams, now;
    struct in   **in;
    struct header header;                      /* all of them, merged */
    int64_t       row;                         /* rows read so far */
};

extern const char *const rows_stdin[1];        /* the names where none are given */

/* Opens all and reads their headers; `same`: they must agree, as rows for one model do. */
enum st rows_open(struct rows *r, char *const *name, int n, bool same, struct arena *a) must_use;
/* The next row, as in_next(); ST_END after the last stream's end record. */
enum st rows_next(struct rows *r, struct rec *rec) must_use;
/* Where the row came from that rows_next() gave last. */
const char *rows_stream(const struct rows *r);
int64_t rows_at(const struct rows *r);
/* The mixer's final state, in the end record of the last stream read. */
struct view rows_state(const struct rows *r);
/* How many there are in all, where that can be told without reading pipes; 0: unknown. */
int64_t rows_total(char *const *name, int n);
void rows_close(struct rows *r);

#endif
