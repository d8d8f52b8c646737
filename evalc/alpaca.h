/* alpaca.h - answers in the shape AlpacaEval reads.
 *
 * A JSON list of {instruction, output, generator}.  An instruction is what the user said, so what
 * the row's template put around it is taken away again: the template is asked to render a user's
 * turn, and what stands before and behind the user's text there must stand around the prompt. */
#ifndef ALPACA_H
#define ALPACA_H

#include "words.h"

struct alpaca;

/* Begins the file, which appears whole at alpaca_close().  h tells the templates of the rows. */
enum st alpaca_open(struct alpaca **v, const char *path, const char *generator,
                    const struct words *w, const struct header *h, struct arena *a) must_use;
/* One answer to a row of the source called `src`.  ST_DATA: its prompt is not one turn of a user
 * in the source's template. */
enum st alpaca_put(struct alpaca *v, struct view src, const int32_t *prompt, int64_t n_prompt,
                   struct view output) must_use;
enum st alpaca_close(struct alpaca *v) must_use;
void alpaca_free(struct alpaca *v);            /* drops a file not closed; NULL is fine */

#endif
