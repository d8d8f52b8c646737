/* rate.h - the learning rate over a run: a warm-up, then one of the schedules. */
#ifndef RATE_H
#define RATE_H

#include "base/err.h"

struct plan;

enum schedule {
    SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE, SCHEDULE_INVERSE_SQRT, SCHEDULE_WSD,
};
enum decay { DECAY_LINEAR, DECAY_COSINE, DECAY_1_SQRT };

/* What the base rate is multiplied by for update i.  The warm-up rises in equal parts over `warmup`
 * updates counted from phase_start, the last of them at the full rate.  What follows runs from the
 * end of the run's first warm-up, whatever the phases, and never below min_ratio:
 *
 *     linear, cosine   down to min_ratio at the end of the run, update `total`
 *     inverse-sqrt     sqrt(timescale / (timescale + updates since the warm-up)).
 *                      Vaswani et al. 2017, arXiv:1706.03762, sec. 5.3
 *     wsd              full until `decay` updates before the end, then down to min_ratio: warm-up,
 *                      stable, decay.  Hu et al. 2024, arXiv:2404.06395; 1-sqrt is the best of the
 *                      shapes in Haegele et al. 2024, arXiv:2405.18392 */
struct rate {
    enum schedule schedule;
    int64_t       warmup, total;               /* total 0: not known */
    double        min_ratio;
    enum decay    shape;                       /* of wsd */
    int64_t       decay;                       /* updates of it */
    double        timescale;
};
double rate_at(const struct rate *r, int64_t i, int64_t phase_start);

/* From the options.  ST_USAGE: no such schedule, or an option of another one. */
enum st rate_plan(struct rate *r, const struct plan *p) must_use;
/* Once the length of the run is known.  ST_USAGE: the schedule needs it and there is none, or wsd's
 * parts do not fit into it. */
enum st rate_length(struct rate *r, const struct plan *p, int64_t total) must_use;
/* The options that shape it, for a run's recipe: the schedule's own only. */
int rate_recipe(const struct rate *r, const struct plan *p, char *text, size_t room);

#endif
