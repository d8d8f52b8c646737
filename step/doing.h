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
    bool         probed;                       /* --probe-every: the lengths of both objectives' */
    double       length[2], cosine;            /* gradients, by enum obj, and their cosine */
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

/* probe.c: a row that was given to an objective, its first of this step or a further one; both
 * gradients before an update, where one is due; and what is told of them. */
enum st probe_see(struct run *r, int obj, const struct rec *rec, bool first) must_use;
enum st probe_take(struct run *r, struct doing *t) must_use;
enum st probe_tell(struct metric *m, const struct doing *t) must_use;

/* content.c: a measurement of held-out rows, for --stop-at. */
void content_see(struct run *r, const struct doing *t);

#endif
