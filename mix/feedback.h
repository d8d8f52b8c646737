/* feedback.h - the FIFO by which `step` tells its losses, and the watch over both neighbours.
 *
 * It is opened for reading before anything is written; no writer yet is no hang-up.  While we
 * wait, stdout is watched too: a reader that is gone ends the wait, whoever died and whenever. */
#ifndef FEEDBACK_H
#define FEEDBACK_H

#include "stream/io.h"

struct feedback;

/* ST_USAGE: not a FIFO.  out_fd is set later, by feedback_watch(); -1 watches nothing. */
enum st feedback_open(struct feedback **f, const char *name, bool quiet, struct arena *a) must_use;
void    feedback_watch(struct feedback *f, int out_fd);

/* The next metric.
 *   ST_OK
 *   ST_END   step ended its feedback with status 0: it has what it wanted
 *   ST_STOP  a signal asked us to stop; or, where feedback_gone(), step was stopped
 *   ST_SYS   the reader of stdout, or step, is gone; with a message only where step was cut off
 *            while it told losses
 *   ST_DATA  no metric;  other: step's own status, passed on without a message */
enum st feedback_next(struct feedback *f, struct rec *r) must_use;
/* True when nobody is left to write to: the end record would go nowhere. */
bool    feedback_gone(const struct feedback *f);
void    feedback_close(struct feedback *f);

#endif
