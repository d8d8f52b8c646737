/* study.h - the runs of a study, put together from score records.
 *
 * A run is what its labels say: records that agree in all labels are one run, their figures
 * joined.  Labels with a meaning here: `method`, `lambda`, `seed`.  The methods opt-sft and
 * opt-pref are the single-objective runs, from which a seed's ideal point and nadir come.  An
 * objective's optimum is opt_sft (opt_pref), said when that run was scored: the minimum of its
 * held-out curve; else what was said when the run in question was scored; else the
 * single-objective run's final loss.  An objective's nadir is its loss at the other's optimum. */
#ifndef STUDY_H
#define STUDY_H

#include "figure.h"

struct run {
    struct figures f;                          /* all labels and figures, in the order they came */
    struct view    method;
    double         lambda, seed;               /* NaN: not labelled */
    bool           optimum;                    /* method is opt-sft or opt-pref */
    struct point   loss, se;                   /* held-out; NaN where missing */
    struct point   ideal, nadir;               /* of its seed; NaN where unknown */
    struct point   gap, scaled;                /* loss - ideal; that over nadir - ideal, or NaN */
    bool           dominated;                  /* by a run of its seed; never an optimum */
    bool           by_share;                   /* study_distance() is the scaled one */
};

struct study {
    struct arena *a;
    int64_t       n, cap;
    struct run   *run;                         /* in the order they first came */
    struct point  ideal, nadir;                /* given on the command line; NaN: not */
};

struct study study_in(struct arena *a);
/* ST_DATA: no method, or a figure that another record with the same labels gives differently. */
enum st study_add(struct study *s, const struct rec *r) must_use;
/* After the last record: losses, optima, gaps, dominance.  ST_DATA names the run that lacks what
 * it needs. */
enum st study_settle(struct study *s) must_use;

/* Equal as labels: the same number, or both not labelled. */
bool study_same(double a, double b);
/* The run's distance in a comparison: the scaled one where the study has nadirs for every run, else
 * the ideal one, of all runs alike. */
double study_distance(const struct run *r);
/* "method=mix lambda=0.5 seed=1", in a rotating static buffer. */
const char *study_name(const struct run *r);

#endif
