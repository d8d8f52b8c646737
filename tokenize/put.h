/* put.h - what was made of a row, as a record of the stream. */
#ifndef PUT_H
#define PUT_H

#include "make.h"

struct put {                                   /* end with put_free() */
    int         width;
    struct view src;
    struct buf  ids;
};

/* Appends the record. */
enum st put_record(struct put *p, const struct made *m, struct buf *to) must_use;
void put_free(struct put *p);

#endif
