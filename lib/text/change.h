/* change.h - a text that is written anew, and the map from places of the result back to it.
 *
 * Who changes a text makes an edit: it says which stretches are replaced by what, in order; the
 * rest is copied.  Nothing is copied before the first replacement, so a text that stays as it is
 * costs a look. */
#ifndef CHANGE_H
#define CHANGE_H

#include "base/mem.h"

/* [begin, end) of the result was [was_begin, was_end) of the text; either may be empty. */
struct change { uint32_t begin, end, was_begin, was_end; };

struct changes {                               /* start from {0}, end with changes_free() */
    struct buf list;                           /* struct change, ascending, none within another */
    size_t     hint[2];                        /* where the last question was answered */
};
void changes_clear(struct changes *c);
void changes_free(struct changes *c);

/* Where a token of the result that begins, or ends, at `at` did so in the text: within a changed
 * stretch that is the stretch's own begin, or end.  Quick when asked in ascending order. */
size_t changes_begin(struct changes *c, size_t at);
size_t changes_end(struct changes *c, size_t at);

struct edit {
    struct view     s;
    struct buf     *to;                        /* the result, where it is not s */
    struct changes *c;
    size_t          done;                      /* how much of s is in the result */
    bool            changed;
};

/* s must not lie in *to, which is emptied as *c is; below 4 GiB both. */
struct edit edit_start(struct view s, struct buf *to, struct changes *c);

/* s[begin, end) becomes `by`; begin is not below the last end.  ST_OK, ST_SYS. */
enum st edit_put(struct edit *e, size_t begin, size_t end, struct view by) must_use;

/* *out is s itself when nothing was put, else a view of *to.  ST_OK, ST_SYS. */
enum st edit_end(struct edit *e, struct view *out) must_use;

#endif
