/* mask.h - a conversation -> tokens, and for each whether it is trained.
 *
 * The text is rendered whole, encoded once with the place of every token, and a token is trained
 * when its bytes lie within a trained stretch of the text.  Nothing is ever tokenised apart.  A
 * token on both sides of a boundary is a fault, or untrained (--boundary shift); so is an answer
 * whose end token is not trained with it. */
#ifndef MASK_H
#define MASK_H

#include "make.h"

/* The tokens up to the last trained one, into the slot's room (0 or 1), good until its next use.
 * Also leaves m->rendering and m->encoding, the parts' ends found: `end` before the end token and
 * `stop` behind it.
 *   ST_OK; ST_DATA a fault; ST_SYS */
enum st mask_talk(struct maker *m, const struct rows *rows, const struct talk *t, int slot,
                  struct seq *s, struct arena *a) must_use;

/* The same for a prompt alone, up to where the model speaks: nothing is trained. */
enum st mask_prompt(struct maker *m, const struct rows *rows, const struct talk *t, int slot,
                    struct seq *s, struct arena *a) must_use;

/* A document, with the end token behind it; all is trained. */
enum st mask_text(struct maker *m, const struct rows *rows, struct view text,
                  struct seq *s) must_use;

/* How many tokens of the sequence end at or before a byte of the rendering. */
int64_t mask_before(const struct maker *m, const struct seq *s, size_t byte);

#endif
