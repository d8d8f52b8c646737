/* optim.h - from gradients to weights: learning-rate schedule, gradient norm, clip, AdamW.
 *
 * Weights, gradients and moments are four blocks of one layout (model.h), so the whole update is
 * one call where no weight decay tells matrices from norms. */
#ifndef OPTIM_H
#define OPTIM_H

#include "model/model.h"

enum schedule { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE };

/* ST_USAGE names those there are. */
enum st schedule_find(enum schedule *s, const char *name) must_use;

/* What the base rate is multiplied by for update i.  The warm-up rises in equal parts over `warmup`
 * updates counted from phase_start, the last of them at the full rate; the decay runs from the end
 * of the run's first warm-up to the end of the run, update `total`, whatever the phases, down to
 * min_ratio. */
struct rate {
    enum schedule schedule;
    int64_t       warmup, total;
    double        min_ratio;
};
double rate_at(const struct rate *r, int64_t i, int64_t phase_start);

struct optim {
    struct model *m;
    double        beta1, beta2, eps, decay, clip;      /* clip 0: none */
    int64_t       t;                           /* updates since the moments were last zero */
    float        *mean, *square;               /* moments, laid out as m->w */
    int64_t       n_runs;                      /* stretches with one answer to weight decay */
    struct run_of { int64_t begin, n; bool decay; } *run;
    double       *sum;                         /* on the device */
};

enum st optim_new(struct optim **o, struct model *m, struct arena *a) must_use;
int64_t optim_bytes(const struct model *m);    /* device bytes of the moments */
void optim_clear(struct optim *o);             /* moments and t to zero */

/* The length of the whole gradient.  NaN and infinity come through. */
enum st optim_norm(const struct optim *o, double *norm) must_use;
/* One AdamW update at rate lr, the gradient clipped to o->clip by its norm. */
void optim_update(struct optim *o, double lr, double norm);

/* The moments in one safetensors file: exp_avg.NAME and exp_avg_sq.NAME of every parameter. */
enum st optim_save(const struct optim *o, const char *path, struct arena *a) must_use;
enum st optim_load(struct optim *o, const char *path, struct arena *a) must_use;

#endif
