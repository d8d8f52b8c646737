/* run.h - what the machine lends: threads, memory, time, and a progress line for people. */
#ifndef RUN_H
#define RUN_H

#include "base/err.h"

int     run_threads(void);                     /* what affinity and cgroup allow, at least 1 */
int64_t run_memory(void);                      /* bytes the machine and the cgroup allow */
double  run_clock(void);                       /* seconds, monotonic */
double  run_cpu(void);                         /* seconds of CPU this process used (all threads) */
int64_t run_peak(void);                        /* peak resident bytes of this process */

/* Progress: one line on stderr rewritten in place, only where stderr is a terminal and not quiet,
 * at most once a second.  total 0: unknown.  Shows `what`, done of total, rate in `unit`/s, time
 * left and `extra` (may be NULL). */
struct progress {
    const char *what, *unit;
    double      total, start, last;
    bool        on, drawn;
    double      base;                          /* amount done before the start (a resumed run) */
};
void progress_start(struct progress *p, const char *what, const char *unit, double total,
                    double base, bool quiet);
void progress_at(struct progress *p, double amount, const char *extra);
void progress_end(struct progress *p);         /* clears the line */
int  progress_columns(void);                   /* of the terminal on stderr, or 80 */

#endif
