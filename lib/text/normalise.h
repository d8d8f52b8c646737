/* normalise.h - normalisers: a text written anew before it is split, and the way back.
 *
 * A normaliser is a list of steps, each an edit of the text before it.  Steps that find nothing to
 * change cost a look and no copy; where they do change something, places of the result lead back
 * through all of them. */
#ifndef NORMALISE_H
#define NORMALISE_H

#include "text/form.h"
#include "text/split.h"

#define NORMALISE_STEPS_MAX 16

struct normaliser;                             /* read only once built: threads share it */

/* No steps: nothing changes.  NULL: ST_SYS. */
struct normaliser *normaliser_new(struct arena *a);
void normaliser_free(struct normaliser *n);    /* what PCRE2 holds; the rest is the arena's */

/* Adds a step.  ST_DATA: too many, or a pattern that PCRE2 refuses or that may be empty. */
enum st normaliser_form(struct normaliser *n, enum form f) must_use;
enum st normaliser_lower(struct normaliser *n) must_use;
enum st normaliser_unmark(struct normaliser *n) must_use;      /* drops marks: StripAccents */
enum st normaliser_strip(struct normaliser *n, bool left, bool right) must_use;
enum st normaliser_prepend(struct normaliser *n, struct view by) must_use;     /* not to nothing */
enum st normaliser_replace(struct normaliser *n, struct view text, struct view by) must_use;
enum st normaliser_match(struct normaliser *n, struct view pattern, struct view by) must_use;

/* One thread's state; start from {0}, end with normal_free(). */
struct normal {
    struct changes  changes[NORMALISE_STEPS_MAX];
    int64_t         n;                         /* steps that changed the text last time */
    struct buf      text[2];
    struct forming  forming;
    struct splitter splitter;
};
void normal_free(struct normal *w);

/* *out is s itself when nothing changed, else good until the next call; it may be empty.
 *   ST_OK; ST_DATA a pattern ran past PCRE2's limits, or a result past 4 GiB; ST_SYS */
enum st normalise(const struct normaliser *n, struct normal *w, struct view s,
                  struct view *out) must_use;

/* Where a token of the last result begins or ends in its text. */
size_t normal_begin(struct normal *w, size_t at);
size_t normal_end(struct normal *w, size_t at);

#endif
