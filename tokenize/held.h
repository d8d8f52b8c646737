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

/* The key as prompts are compared: in NFC, each run of white space as one space, none at the
 * ends.  A view of h, until the next call. */
enum st held_key(struct held *h, struct view key, struct view *normal) must_use;

/* The share of [0, 1) where a normal key lies; it is held out where this is below --held. */
double held_place(struct view normal);

void held_free(struct held *h);

#endif
