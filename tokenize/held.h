/* held.h - which rows are held out: a function of the first user turn and nothing else.
 *
 * So a prompt that is held out in one source is held out in all, under any template and
 * tokenizer. */
#ifndef HELD_H
#define HELD_H

#include "text/form.h"

struct held {                                  /* start from {0}, end with held_free() */
    struct forming form;
    struct buf text;
};

/* The share of [0, 1) where the key lies; it is held out where this is below --held.  The key is
 * taken in NFC, each run of white space as one space, none at the ends. */
enum st held_place(struct held *h, struct view key, double *place) must_use;
void held_free(struct held *h);

#endif
