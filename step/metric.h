/* metric.h - what a step's rows tell, and the metric records that say it, by the field's names. */
#ifndef METRIC_H
#define METRIC_H

#include "stream/io.h"
#include "work.h"

#define TALLY_SOURCES_MAX 64

/* Sums over rows of one objective; slices of a measurement add up. */
struct tally {
    const struct loss *loss;                   /* NULL: no rows */
    double  sum, norm;                         /* the loss is sum / norm */
    int64_t rows, tokens;                      /* tokens computed */
    /* by the rows' weights, as the loss is and as evalc has them: */
    double  trained, hits, entropy;            /* trained tokens; those that were the arg max; the
                                                * entropy at each, summed */
    double  logp;                              /* sum of log p, of rows without sides */
    double  pairs;
    double  n_chosen, n_rejected;              /* pairs, or labels that are good and bad: */
    double  chosen, rejected;                  /* sums over them: rewards */
    double  logp_chosen, logp_rejected;
    double  base;                              /* of labels, NEED_STEP: the baseline */
    double  won, preferred;                    /* pairs with chosen > rejected: reward; log p */
    int64_t n_sources;
    struct { struct view name; double sum, norm; } source[TALLY_SOURCES_MAX];
};

/* Adds rows after a forward.  Names of sources are copied into a. */
enum st tally_add(struct tally *t, const struct rows *r, struct arena *a) must_use;
double tally_loss(const struct tally *t);

struct metric {                                /* one record being put together; start from {0} */
    struct buf body, rec;
    int64_t    n;                              /* fields in body */
    struct view prefix;                        /* of names from metric_rows(): "eval/" or none */
};

void metric_start(struct metric *m);
enum st metric_text(struct metric *m, const char *name, const char *text) must_use;
enum st metric_int(struct metric *m, const char *name, int64_t v) must_use;
enum st metric_real(struct metric *m, const char *name, double v) must_use;
/* i, obj, why, losses and measures of both tallies; `loss` is their sum by the step's weights. */
enum st metric_rows(struct metric *m, const struct step_rec *s, const struct tally t[2]) must_use;
/* The mixer's own figures, as they came. */
enum st metric_mix(struct metric *m, struct view map) must_use;
/* The record's bytes in m->rec. */
enum st metric_end(struct metric *m) must_use;

#endif
