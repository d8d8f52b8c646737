/* work.h - the rows of one objective in one step: packed, measured, differentiated.
 *
 * The loss is a sum over the whole step, whatever the packs: its divisor is known from the rows
 * before the first forward, every sequence's log-probability has the same bits in any pack, and the
 * loss that is told is taken over all of them in the order of the rows.
 *
 * Rows that were measured for a refresh can keep their forward, one pass for each pack; while the
 * weights stand still, the update on the same rows is then only the backward, and has the same bits
 * as one from nothing. */
#ifndef WORK_H
#define WORK_H

#include "batch/batch.h"
#include "loss.h"

/* What the work is done with; one for the run. */
struct work {
    struct model      *m;
    const struct loss *loss[2];                /* by enum obj: OBJ_SFT, OBJ_PREF */
    int64_t            micro_tokens;
    bool               recompute;              /* forwards keep the inputs of layers alone */
    bool               share;                  /* prompts of pairs computed once */
    int64_t            keep_bytes;             /* what kept forwards may take in all */
    bool               dropout;                /* gradients are taken with it, measurements not; */
    double             neftune;                /* likewise those of sft rows; 0: none */
    uint64_t           noise;                  /* their seed, of the step */
    struct arena      *a;                      /* the run's: passes, scratch */
    /* the rest is work.c's own */
    struct pass       *pass;                   /* of everything that is not kept */
    struct pass      **kept[2];                /* [kept_room] for each objective's measured rows */
    int64_t            kept_room[2], kept_bytes;
    int64_t            room;                   /* targets the scratch holds */
    float             *logp, *coef, *entropy;
    uint8_t           *hit;
};

/* The columns of the loss over all sequences, in the order of the rows, and where each lies.  Where
 * the loss wants a baseline of the whole step, `other` has every label again with its mismatched
 * completion: forwarded first, and never differentiated. */
struct rows {
    struct work       *work;
    enum obj           obj;
    const struct loss *loss;
    struct batch      *b;
    int64_t            n_kept;                 /* forwards in work->kept[obj]; 0: none */
    bool               seen;                   /* logp and hit hold a forward */
    bool               referred;               /* the references that were missing are in ref */
    double            *logp, *ref, *w, *dlogp;
    double            *token;                  /* of each trained token; NULL unless NEED_TOKENS */
    int64_t           *place;                  /* [n_seqs] of a sequence in token and dlogp */
    bool              *good;                   /* NULL unless NEED_LABELS */
    double            *entropy;                /* at each trained token, summed */
    int32_t           *len, *hit;              /* trained tokens; those that were the arg max */
    int64_t           *order, *first;          /* of pack p: order[first[p]..first[p + 1]] */
    bool               together;               /* no pair has its sides in two packs */
    struct {                                   /* scratch: columns of a part */
        double  *logp, *ref, *w, *token, *dlogp;
        bool    *good;
        int32_t *len;
    } part;
    struct rows       *other;                  /* NULL unless NEED_STEP */
    double             base;                   /* of its forward */
};

/* Takes the training pass. */
enum st work_open(struct work *w) must_use;
/* Device bytes of it: the activations of micro_tokens tokens, and scratch of the ops on them. */
int64_t work_bytes(const struct model *m, int64_t micro_tokens, bool recompute);

/* Rows of one objective; all their memory is in `a`.  rows_add: ST_DATA as batch_add(), and for
 * kinds that the loss cannot take.  rows_pack: after the last row; no rows at all are a bug. */
enum st rows_new(struct rows *r, struct work *w, enum obj obj, struct arena *a) must_use;
enum st rows_add(struct rows *r, const struct rec *rec) must_use;
enum st rows_pack(struct rows *r, struct arena *a) must_use;

double rows_norm(const struct rows *r);        /* the divisor of the loss */
int64_t rows_tokens(const struct rows *r);     /* tokens a forward computes */

/* Rows without a reference column, where the loss needs one, get it in the first of these: the base
 * says it, with the adapters off, in a forward of their packs.  A model without adapters must have
 * the column.
 *
 * Forward only.  keep: keep it for rows_gradient(), where the memory for it is there and no dropout
 * makes that another. */
enum st rows_measure(struct rows *r, bool keep) must_use;
/* Adds weight * gradient of the loss to the model's gradients, and leaves logp and hit as
 * rows_measure() would.  use_kept: the weights have not changed since rows_measure(.., true), whose
 * forward is used where it was kept. */
enum st rows_gradient(struct rows *r, double weight, bool use_kept) must_use;

/* The loss after a forward, times the divisor: sums over slices of a measurement add up. */
double rows_loss(const struct rows *r);
/* The same over the rows of one source alone, and its own divisor. */
double rows_source_loss(const struct rows *r, int64_t source, double *norm);

/* For work.c (rows.c): the columns of all sequences, or of a part, which has none at first; its
 * dlogp goes to part.dlogp.  add: sequence i to the part; *k is where its tokens go. */
struct seen rows_seen(const struct rows *r, double norm);
struct seen rows_part(const struct rows *r, double norm);
void rows_part_add(const struct rows *r, struct seen *s, int64_t *k, int64_t i);

/* Derivatives of sequence i: one, or one for each token. */
static inline int64_t rows_places(const struct rows *r, int64_t i)
{
    return r->place[i + 1] - r->place[i];
}

#endif
