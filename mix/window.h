/* window.h - rows of a pipe, shuffled through a window: what can be done where nothing can be
 * read twice.
 *
 * The window holds N rows; each draw takes one of them, by (seed, source, how many were drawn),
 * and the next of the pipe takes its place.  N = 1 keeps the order.  Rows drawn ahead of their
 * use wait in a queue, so that a caller may look at coming rows and take them later. */
#ifndef WINDOW_H
#define WINDOW_H

#include "source.h"
#include "stream/io.h"

struct window;

/* Opens the pipe and reads its header; the rows come when they are asked for. */
enum st window_open(struct window **w, const char *name, int64_t n_rows, uint64_t seed,
                    int64_t index, struct arena *a) must_use;
enum st window_header(struct window *w, const struct header **h) must_use;
/* The row that is `ahead` draws after the last one released; good until it is released.
 *   ST_OK;  ST_END  the pipe ends before it;  else as in_next() */
enum st window_row(struct window *w, int64_t ahead, struct line *l) must_use;
void    window_release(struct window *w, int64_t n);         /* the first n waiting rows */
void    window_close(struct window *w);

#endif
