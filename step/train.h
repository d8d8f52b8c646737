/* train.h - a run: what the command line asks for, and all that lives from its first record on. */
#ifndef TRAIN_H
#define TRAIN_H

#include "base/opt.h"
#include "base/run.h"
#include "ckpt.h"
#include "log.h"
#include "metric.h"
#include "model/folders.h"
#include "rate.h"

struct plan {                                  /* the options; what is NULL or 0 was not given */
    const char *input;                         /* the step stream, "-" for stdin */
    const char *model, *init, *ref, *out, *device, *sft_loss, *pref_loss, *schedule, *phase;
    const char *branch, *decay_type, *nan, *stop_at;
    const char *recompute, *moments, *average;
    const char *feedback, *save_dtype, *dtype, *to, *adapter, *lora_targets;
    double      lr, lr_sft, lr_pref, beta1, beta2, eps, decay, min_lr, clip;
    double      decay_steps, lora_alpha, lora_dropout, neftune;
    int64_t     threads, warmup, timescale, micro_tokens, steps, save_every, keep, seed, seed_init;
    int64_t     probe_every;                   /* 0: never */
    int64_t     lora_rank;                     /* 0: every weight trains, or --adapter's do */
    bool        no_share, resume, quiet, lora_rslora, merge;
};

/* Rows measured for a refresh, held for the update that may use them. */
struct held {
    struct rows   rows;
    struct arena *arena;
    bool          there;
    int64_t       at;                          /* updates made when their forward was taken */
};

struct content {                               /* --stop-at */
    double  at[2];                             /* by enum obj; NaN: not given */
    double  loss[2];                           /* held-out, as last measured */
    int64_t seen[2];                           /* before update seen - 1; 0: not yet */
};

struct run {
    const struct plan   *plan;
    struct arena        *a, *now;              /* the run's memory; one step's */
    struct folders       from, ref;            /* of --model and --ref; base NULL: not given */
    struct lora         *lora;                 /* NULL: every weight trains */
    struct dev          *d;
    struct model        *m;
    struct optim        *o;
    struct work          work;
    struct rate          rate;
    double               lr[2];                /* by enum obj */
    bool                 fresh;                /* a new phase clears the moments */
    bool                 each;                 /* of each objective */
    bool                 halves;               /* --dtype bf16 */
    bool                 bare, bare_told;      /* the adapters' base is the reference */
    struct in           *in;
    const struct header *h;
    struct log           log;
    struct ckpt          ckpt;
    struct state         state;
    bool                 torn;                 /* an update is made and its metric not written */
    struct held          held[2];              /* by enum obj */
    float               *probe;                /* of --probe-every: a gradient; NULL: not asked */
    struct buf           given[2];             /* and the rows each objective was given last */
    int64_t              skips;                /* updates that --nan may pass over */
    struct content       content;
    struct metric        metric;
    struct progress      progress;
    struct step_rec      step;                 /* the one being done; it points to these: */
    char                 phase[STATE_PHASE_MAX];
    uint8_t              mixer[REC_STATE_MAX];
    struct buf           mix;
    int64_t              first_row;            /* record of the stream with the step's first row */
    double               start, tokens_start;  /* clock and tokens at the first record */
    double               told, tokens_told;    /* clock and tokens when the rate was last told */
    double               peak_at;              /* clock when `peak` was asked for, bytes */
    int64_t              peak;
};

/* The whole run.
 *   ST_OK     done, saved
 *   ST_STOP   a signal, or the stream says so; saved
 *   others    as the stream, the data or the machine have it; the last complete update is saved */
enum st train(const struct plan *p, struct arena *a) must_use;

/* What --lora-* ask for, before anything is opened (adapt.c): ST_USAGE.  And once r->from is known:
 * r->lora, from the options or the adapter that is gone on with. */
enum st adapt_check(const struct plan *p) must_use;
enum st adapt_find(struct run *r) must_use;
/* The options of it as text, for the recipe. */
void adapt_recipe(const struct run *r, char *text, size_t room);

/* Plain weights in --out, and nothing trained: of a model and its adapter (merge.c), or the mean of
 * several models (average.c). */
enum st merge(const struct plan *p, struct arena *a) must_use;
enum st average(const struct plan *p, struct arena *a) must_use;
/* ST_USAGE: an option or an operand of training beside that of the mode; the folder is there. */
enum st plain_options(const struct opt_tool *tool, const char *mode, int operands) must_use;
enum st plain_absent(const char *out) must_use;
/* Weights and the tokenizer's files of f, an adapter's own before its base's. */
enum st plain_save(const struct model *m, const struct folders *f, const struct plan *p,
                   enum dtype type, struct arena *a) must_use;

/* What the run takes of the machine's memory (memory.c): --recompute is one of its names
 * (ST_USAGE); whether layers are computed again, what is left for kept forwards.  ST_SYS: it does
 * not fit. */
enum st memory_plan(const struct plan *p) must_use;
enum st memory_check(struct run *r) must_use;

/* --probe-every (probe.c): its memory, and the rows a checkpoint kept for it. */
enum st probe_open(struct run *r) must_use;

/* Everything before the first step record (start.c).  ST_END: the run is finished already. */
enum st train_start(struct run *r) must_use;

/* A run from a checkpoint of another (branch.c).  find: the checkpoint that --branch names, itself
 * or the newest of a folder of them, whole.  begin: its logs into --out, its recipe forgotten. */
enum st branch_find(char **dir, const char *name, struct arena *a) must_use;
enum st branch_begin(struct run *r, const char *from) must_use;

/* --nan (finite.c): how many updates may be passed over.  --stop-at (content.c): the two losses,
 * what a resumed run has counted for them, and whether they are reached.  ST_USAGE: not meant. */
enum st finite_plan(int64_t *skips, const char *how) must_use;
enum st content_plan(double at[2], const char *text, struct arena *a) must_use;
void content_begin(struct run *r);
bool content_reached(const struct run *r);

/* One step record and its rows (update.c): read, measured or trained on, told. */
enum st train_step(struct run *r, const struct step_rec *s) must_use;

#endif
