/* optim.h - from gradients to weights: gradient norm, clip, AdamW.
 *
 * What does not train has no moments.  Weights, gradients and moments are four blocks of one layout
 * (struct params), so the whole update is one call where no weight decay tells matrices from
 * norms. */
#ifndef OPTIM_H
#define OPTIM_H

#include "model/model.h"

struct optim {
    struct dev   *d;
    struct params p;                           /* what trains (model.h) */
    double        beta1, beta2, eps, decay, clip;      /* clip 0: none */
    int64_t       t;                           /* updates since the moments were last zero */
    float        *mean, *square;               /* moments, laid out as p.w */
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
