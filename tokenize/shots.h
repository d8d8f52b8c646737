/* shots.h - few-shot examples: questions with their right answer, put before every question.
 *
 * Under --template none prompts are lm-evaluation-harness's: the description and every example,
 * question, space and answer, end with an empty line.  Under a chat template the description is
 * the system's turn and an example a turn of the user and one of the assistant.  Where both the
 * examples and a question name a subject, only those of its subject serve.  A question is never
 * its own example.  Its id, its split and what it is compared by stay those of the question
 * alone. */
#ifndef SHOTS_H
#define SHOTS_H

#include "source.h"

struct shots;

/* Reads --shots; *to stays NULL where neither that nor --describe is given.
 *   ST_OK, ST_SYS
 *   ST_USAGE  an option that does nothing without --shots, or a run of another schema than choice
 *   ST_DATA   a bad row of the file, with or without --lenient */
enum st shots_read(struct shots **to, const struct setup *s, const struct source_in *in,
                   int64_t n_in, const struct fields *f, struct arena *a) must_use;
void shots_free(struct shots *x);              /* NULL is fine */

/* Puts them before a question.  ST_DATA: a fault, too few examples for it.  Threads may ask at
 * once. */
enum st shots_add(const struct shots *x, const struct fields *f, struct row *row) must_use;

#endif
