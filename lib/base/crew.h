/* crew.h - threads that work ahead: jobs are given in an order and waited for in that order.
 *
 * A job is a struct of the caller's with a struct crew_job in it, and belongs to the crew from
 * crew_give() until crew_wait() has returned.  Jobs begin in the order given, several at a time,
 * and know nothing of one another; what order must decide is decided by who waits.  A crew of one
 * has no threads: a job is done when crew_give() returns.  So the same code runs with any number of
 * threads, and does the same. */
#ifndef CREW_H
#define CREW_H

#include "base/mem.h"

#define CREW_MAX 256

struct crew_job {
    /* who: which of the crew does it, 0 to crew_size() - 1; each does one job at a time. */
    void (*run)(struct crew_job *j, int who);
    bool        done;                          /* the rest is the crew's */
    struct crew_job *next;
};

struct crew;

/* A crew of `threads`, at least 1; fewer where the machine lends no more.  Its threads take none
 * of the signals of sig_init().  Ends with crew_free(), which waits for all jobs given. */
enum st crew_new(struct crew **c, int64_t threads, struct arena *a) must_use;
void crew_free(struct crew *c);                /* NULL is fine */
int crew_size(const struct crew *c);

void crew_give(struct crew *c, struct crew_job *j);
void crew_wait(struct crew *c, struct crew_job *j);

#endif
