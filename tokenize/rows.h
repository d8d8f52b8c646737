/* rows.h - raw rows: lines of JSON, one JSON array, or lines of text, one row at a time.
 *
 * The form is told by the file: a name that ends in .txt (before .gz or .zst) is text; else the
 * first byte decides, `{` for lines of JSON, `[` for an array, anything else text.  A row is held
 * whole, so memory is that of the longest row. */
#ifndef ROWS_H
#define ROWS_H

#include "base/scan.h"

#define ROW_BYTES_MAX (64 << 20)

struct rows;

enum st rows_open(struct rows **r, const char *path, struct arena *a) must_use;
void rows_close(struct rows *r);

/* The next row, in `now`, which must outlive its use; views also reach into the reader's buffer
 * and are good until the next call.  A line of text is a SCAN_TEXT; empty lines are passed over.
 *   ST_OK, ST_END
 *   ST_DATA  not JSON, or not UTF-8, with its place; the next call goes on with the row that
 *            follows, unless rows_lost()
 *   ST_SYS */
enum st rows_next(struct rows *r, struct scan *row, struct arena *now) must_use;
/* The next row once more from the next call on: to look at the first row. */
void rows_again(struct rows *r);

/* The last ST_DATA broke the array itself: nothing can follow. */
bool rows_lost(const struct rows *r);
const char *rows_name(const struct rows *r);

/* Sets err_place() to file, line and column of byte `at` of the row read last; lines and bytes
 * count from 1. */
void rows_place(const struct rows *r, size_t at);
int64_t rows_line(const struct rows *r);       /* the line where the row read last begins */

#endif
