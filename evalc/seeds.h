/* seeds.h - one method at one lambda under several seeds: means, and differences seed by seed.
 *
 * A seed is the unit: within it all methods share base, reference, optima and held-out rows, so
 * what they have in common cancels in a difference.  A mean over seeds has the standard error and
 * the interval of independent units (score.h). */
#ifndef SEEDS_H
#define SEEDS_H

#include "study.h"

struct group {
    struct view        method;
    double             lambda;                 /* NaN: not labelled */
    bool               optimum;                /* as of its runs */
    int64_t            n;
    const struct run **run;                    /* [n], by seed */
};

struct groups {
    int64_t       n;
    struct group *v;                           /* in the order they first came */
};

/* The groups of a settled study, which must outlive them. */
enum st groups_of(struct groups *g, const struct study *s, struct arena *a) must_use;
/* NULL: there is none. */
const struct group *groups_find(const struct groups *g, struct view method, double lambda);
/* The run of that seed; NULL: there is none. */
const struct run *group_seed(const struct group *g, double seed);

/* What a run is worth in one respect; NaN where it does not say. */
typedef double run_value(const struct run *r);
double run_loss_sft(const struct run *r);
double run_loss_pref(const struct run *r);
double run_gap_sft(const struct run *r);
double run_gap_pref(const struct run *r);
double run_distance(const struct run *r);      /* the ideal distance of the paper */
double run_scaled(const struct run *r);        /* each gap as a share of nadir - ideal */

/* The values of all its seeds, with weight 1 each. */
struct score group_score(const struct group *g, run_value *value);
/* The mean point, in the plane of losses. */
struct point group_loss(const struct group *g);
/* No mean of a group, optima aside, is at least as good in both losses and better in one. */
bool group_on_front(const struct groups *all, const struct group *g);

/* a minus b in the seeds that both ran; in how many of them a is the smaller. */
struct versus {
    struct score d;
    int64_t      better;
};
struct versus group_versus(const struct group *a, const struct group *b, run_value *value);

/* A method's fronts, one of each seed: the hypervolume that its runs dominate together, as a share
 * of the box between ideal point and nadir. */
struct fronts {
    struct view method;
    int64_t     n;
    double     *seed, *share;                  /* [n] */
    int64_t    *lambdas;                       /* [n] different ones behind it, at least 3 */
};

/* Of every method with a seed that has three lambdas and a nadir, in the order they first came. */
enum st fronts_of(struct fronts **v, int64_t *n, const struct study *s, struct arena *a) must_use;
struct score fronts_score(const struct fronts *f);
/* a minus b in the seeds that both have; `better` counts those where a dominates more. */
struct versus fronts_versus(const struct fronts *a, const struct fronts *b);

#endif
