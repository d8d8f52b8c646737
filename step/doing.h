/* doing.h - one step record at work: what update.c gathers, and what is judged of it. */
#ifndef DOING_H
#define DOING_H

#include "train.h"

/* What one step record gathers. */
struct doing {
    struct rows  rows[2];                      /* by enum obj; batch NULL: none */
    struct rows *use[2];                       /* the rows to work on: those above, or held ones */
    struct tally tally[2];
    double       norm, lr;                     /* of an update */
    bool         bad;                          /* its loss or gradient is no number */
};

static inline bool doing_takes(const struct step_rec *s, int obj)
{
    return s->obj == OBJ_BOTH || (int)s->obj == obj;
}

static inline double doing_weight(const struct step_rec *s, int obj)
{
    return obj == OBJ_SFT ? s->weight_sft : s->weight_pref;
}

/* finite.c: ST_DATA, with the rows it comes from, and t->bad, where the losses, or the gradient's
 * norm, are no numbers. */
enum st finite_loss(const struct run *r, struct doing *t) must_use;
enum st finite_norm(const struct run *r, struct doing *t) must_use;
/* True where --nan lets the update be passed over: counted, and the message told as a warning. */
bool finite_skip(struct run *r);

/* content.c: a measurement of held-out rows, for --stop-at. */
void content_see(struct run *r, const struct doing *t);

#endif
