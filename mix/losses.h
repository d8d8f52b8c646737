/* losses.h - the losses that come back, and when a decision may know them.
 *
 * With --delay D decision i knows all that was sent before update i - D: update losses up to i -
 * 1 - D, and the refresh just before update i - D.  Each record sent is awaited in order, so what
 * is learnt is a function of the losses and never of timing.  After a resume the first of them
 * come from OUT/metrics.rec. */
#ifndef LOSSES_H
#define LOSSES_H

#include "feedback.h"
#include "policy.h"

#define LOSSES_DELAY_MAX 64
#define LOSSES_AWAITED   512                   /* > 5 records a step, for every step of the delay */

struct awaited { int64_t i; enum obj obj; enum why why; };

struct losses {
    struct feedback *fb;                       /* NULL: no policy asks */
    struct awaited   sent[LOSSES_AWAITED];     /* ring */
    int64_t          n_sent, n_heard;
    struct seen     *past;                     /* of metrics.rec, still to be learnt */
    int64_t          n_past, at_past;
    double           last[2];                  /* per objective, for the log; NaN: none yet */
};

/* A record of step i was written; its loss will come. */
void losses_sent(struct losses *l, struct awaited a);

/* Lets the policy learn, into state, what decision i may know; waits for it.  i = INT64_MAX: all
 * there is.
 *   ST_OK
 *   ST_END   step has ended, content
 *   ST_DATA  another loss than the one awaited, or one that is no number
 *   other    as feedback_next() */
enum st losses_learn(struct losses *l, const struct policy *p, const struct study *s, double *state,
                     int64_t i) must_use;

/* Reads the losses that a run going on from the state before step `from` must still learn, up to
 * update `first` - 1. */
enum st losses_past(struct losses *l, const char *name, int64_t from, int64_t first,
                    const struct study *s, struct arena *a) must_use;

#endif
