/* judge.h - a program of the user's that says which of two answers is better.
 *
 * It is run once, by sh, and talks JSON lines.  A question on its stdin:
 *
 *     {"id":0,"src":"chat","prompt":"...","answer":"...","a":"...","b":"..."}
 *
 * `id` counts questions from 0 and `answer` is the right one, where the rows have it.  Its answer
 * on stdout is {"winner":"a"}, "b" or "tie", or {"score":S}, S in [0, 1] being how far a wins;
 * other members are the judge's own.  With an "id" it is for that question, so answers may come
 * in any order; without, the n-th line answers the n-th question.  It may answer at once or read
 * all of stdin first: both pipes are kept going, so neither side waits for ever on the other. */
#ifndef JUDGE_H
#define JUDGE_H

#include "base/mem.h"
#include "base/run.h"

struct judge;

struct question {
    struct view src, prompt, truth, a, b;      /* truth.p NULL: the rows have none */
};

/* Starts the command.  ST_SYS: it cannot be. */
enum st judge_open(struct judge **j, const char *command, struct arena *a) must_use;

/* One more question.  Waits only where the judge does not read what is already there.
 *   ST_DATA  an answer that is none;  ST_SYS  the judge is gone;  ST_STOP */
enum st judge_ask(struct judge *j, const struct question *q) must_use;

/* There are no more: waits for every answer and for the judge's end, and gives the share [asked] of
 * each question that went to a.  p counts answers.
 *   ST_DATA  an answer that is none, too few or too many of them;  ST_SYS  the judge failed;
 *   ST_STOP */
enum st judge_end(struct judge *j, const double **share, struct progress *p) must_use;

void judge_close(struct judge *j);             /* one that still runs is told to end; NULL: fine */

#endif
