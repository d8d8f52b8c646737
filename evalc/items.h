/* items.h - the figures of single rows, in a file of their own, keyed by src, id and row. */
#ifndef ITEMS_H
#define ITEMS_H

#include "figure.h"

struct items {
    struct out    *out;
    struct figures f;                          /* of the row at hand, its key first */
    struct buf     bytes;
};

/* Begins the file; h is the header of the rows. */
enum st items_open(struct items *v, const char *name, const struct header *h,
                   struct arena *a) must_use;
/* A row begins: its figures, made in a, are then added to v->f. */
void items_row(struct items *v, struct view src, uint64_t id, int64_t row, struct arena *a);
/* It ends, and is written where it has any figure but its key. */
enum st items_put(struct items *v) must_use;
/* With st, which it returns or what went wrong; also where it was not opened. */
enum st items_close(struct items *v, enum st st) must_use;

#endif
