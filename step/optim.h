/* optim.h - from gradients to weights: gradient norm, clip, AdamW.
 *
 * What does not train has no moments.  Weights, gradients and moments are four blocks of one layout
 * (struct params), so the whole update is one call where no weight decay tells matrices from
 * norms.
 *
 * There is one set of moments, or one for each objective: then an update moves the weights by what
 * its own objective's gradients were, and neither direction nor size of the other's show in it. */
#ifndef OPTIM_H
#define OPTIM_H

#include "model/model.h"

struct optim {
    struct dev   *d;
    struct params p;                           /* what trains (model.h) */
    double        beta1, beta2, eps, decay, clip;      /* clip 0: none */
    int           n_sets, set;                 /* of moments, 1 or 2; the one in use */
    int64_t       t[2];                        /* updates with it since it was last zero */
    float        *mean[2], *square[2];         /* moments, laid out as p.w */
    int64_t       n_runs;                      /* stretches of one type, all with decay or none */
    struct run_of { const struct param *first; int64_t n; } *run;
    double       *sum;                         /* on the device */
};

/* With one set, zero; optim_each() adds the second. */
enum st optim_new(struct optim **o, struct model *m, struct arena *a) must_use;
enum st optim_each(struct optim *o) must_use;
int64_t optim_bytes(const struct model *m);    /* device bytes of a set */
void optim_clear(struct optim *o);             /* all moments and t to zero */

/* The length of the whole gradient.  NaN and infinity come through. */
enum st optim_norm(const struct optim *o, double *norm) must_use;
/* One AdamW update at rate lr, the gradient clipped to o->clip by its norm. */
void optim_update(struct optim *o, double lr, double norm);

/* The moments in one safetensors file: exp_avg.NAME and exp_avg_sq.NAME of every parameter; of each
 * objective sft.exp_avg.NAME and so on. */
enum st optim_save(const struct optim *o, const char *path, struct arena *a) must_use;
enum st optim_load(struct optim *o, const char *path, struct arena *a) must_use;

#endif
