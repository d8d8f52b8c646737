/* infer.h - a model that scores rows: the log-probability of every sequence somebody reads.
 *
 * Rows come in windows, are packed as step packs them, and go through the model pack by pack.  A
 * row's sums are taken in double over its targets in order, and the forward's bits do not depend
 * on a row's company, so neither --micro-tokens nor the neighbours show in them.  What prompts have
 * in common at their beginning is computed once. */
#ifndef INFER_H
#define INFER_H

#include "base/run.h"
#include "batch/batch.h"
#include "model/folders.h"
#include "stream/io.h"

struct sum {                                   /* one sequence */
    double       logp;                         /* of its trained tokens together, natural log */
    int64_t      n, hits;                      /* how many; how many are the model's first choice */
    const float *token;                        /* [n] the log-probability of each */
    const int32_t *rank;                       /* [n] how many ids are likelier; infer_ranks() */
    double       ref;                          /* infer_against(): logp under that model */
    double       kl;                           /* infer_divergence(): sum over the tokens of
                                                * KL(model || reference) */
};

struct item {                                  /* a row of a window */
    struct rec  rec;                           /* a copy */
    const char *stream;                        /* where it came from: the stream's name, and ... */
    int64_t     n_stream;                      /* ... which of the inputs it is, from 0 */
    int64_t     at, row;                       /* ... its number there from 1, in all from 0 */
    bool        scored;                        /* in: score it; n_seqs stays 0 otherwise */
    int64_t     n_seqs;
    struct sum *seq;                           /* [n_seqs], sides in the record's order; a label's
                                                * `other`, where it has one, after its own */
    void       *own;                           /* what a task keeps with it: task.look() */
};

struct infer;

/* The folder that names the model: the adapter's where there is one. */
const char *infer_folder(const struct folders *f);

/* The model in the folders, its weights on the device, after a look at the header of the rows it
 * shall score: the folder's tokenizer.json, where it has one, must be theirs, and their vocabulary
 * fit.  ST_DATA says what differs, naming `stream`; ST_USAGE: no such device. */
enum st infer_open(struct infer **v, const struct folders *f, const struct header *h,
                   const char *stream, const char *device, int threads, int64_t micro_tokens,
                   struct arena *a) must_use;
struct model *infer_model(const struct infer *v);

/* Asks for more from now on.  infer_against() loads a second model, once however often it is asked
 * for, and gives sum.ref: ST_DATA where its tokenizer is not that of the rows, or its vocabulary
 * too small.  Ranks, and sum.kl against that model, cost the logits of every target as well; the
 * latter is ST_DATA where the two vocabularies are not one size. */
void infer_ranks(struct infer *v);
enum st infer_against(struct infer *v, const struct folders *ref, const struct header *h,
                      const char *stream, struct arena *a) must_use;
enum st infer_divergence(struct infer *v) must_use;

/* Scores the items that ask for it; results live in a.  p counts rows, pack by pack.
 *   ST_DATA  a row the model cannot take (its place is told), or a log-probability that is no
 *            finite number
 *   ST_STOP  a signal asked to stop;  ST_SYS memory or device */
enum st infer_items(struct infer *v, struct item *item, int64_t n, struct progress *p,
                    struct arena *a) must_use;

int64_t infer_positions(const struct infer *v);        /* the longest row the model takes */
void infer_close(struct infer *v);             /* NULL is fine */

#endif
