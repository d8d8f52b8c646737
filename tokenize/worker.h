/* worker.h - one chunk's rows made into records, by one of several workers.
 *
 * A worker has an encoder, a maker and memory of its own and shares only what is read.  It does
 * not decide what depends on other rows: it says for every row what became of it, in order, and
 * who takes the task back goes by that. */
#ifndef WORKER_H
#define WORKER_H

#include "base/crew.h"
#include "exclude.h"
#include "put.h"
#include "shots.h"
#include "source.h"

/* What all workers share, read only. */
struct plan {
    const struct setup     *s;
    const struct tokenizer *t;
    struct maker            maker;             /* copied by each, then opened */
    struct fields           fields;            /* likewise */
    const struct exclude   *exclude;           /* NULL: none */
    const struct shots     *shots;             /* NULL: none */
    int                     width;             /* of ids */
    bool                    show, colour;      /* text for people instead of records */
    bool                    hashes;            /* of rows: --dedup */
};

struct outcome {                               /* of one row */
    enum cause   cause;                        /* CAUSE_NONE: it gave records */
    bool         cut, cut_end, shifted, held;
    bool         ended;                        /* its last record's end token is trained */
    bool         hashed;
    uint64_t     hash[2];                      /* XXH3-128 of kind and texts */
    int64_t      line;
    int64_t      n_products;
    size_t       what;                         /* a fault: its message in task.text */
};

struct product {                                 /* one record, or what is shown of it */
    size_t   n_bytes;
    int64_t  tokens, trained;
    uint64_t hash;                             /* XXH3-64 of the bytes; of records only */
};

struct task {                                  /* start from {0}, end with task_free() */
    struct crew_job job;
    struct worker  *worker;                    /* [crew_size] */
    const struct source_in *in;
    struct chunk    chunk;
    struct buf      bytes, products, outcomes;   /* records; struct product; struct outcome */
    struct buf      text;                      /* messages, each with a 0 */
    enum st         st;                        /* not a row's fault: memory, a bug in a file */
    struct err_box  said;
};

struct worker {
    const struct plan *plan;
    struct arena      *keep, *now;             /* the worker's, the row's */
    struct maker       maker;
    struct faults      faults;
    struct fields      fields;
    struct rows        rows;
    struct put         put;
    struct held        held;
    struct task       *task;                   /* at hand */
    struct outcome    *at;                     /* the row at hand */
};

enum st worker_open(struct worker *w, const struct plan *plan) must_use;
void worker_close(struct worker *w);

/* For task.job.run. */
void worker_run(struct crew_job *j, int who);
void task_free(struct task *t);

#endif
