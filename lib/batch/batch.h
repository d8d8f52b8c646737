/* batch.h - rows of an optimiser step, or of a scoring run, as packed forests; the one place where
 * records become tokens.
 *
 * `step` and `evalc` both pack here, so that equal rows get equal bits in both.  An sft or text row
 * is one root segment, a pair is a prompt with two children, a label or a generated answer a prompt
 * with one (a label's mismatched completion is another row, where somebody wants it), a question a
 * prompt with its choices.  A row is never split.  Packing is best-fit decreasing to
 * `micro_tokens`, a function of the rows alone; a tree longer than that has a pack of its own. */
#ifndef BATCH_H
#define BATCH_H

#include "model/model.h"
#include "stream/rec.h"

#define BATCH_SOURCES_MAX 64

/* One sequence whose log-probability somebody reads. */
struct seq {
    int64_t row;                               /* index of its record in the batch */
    int     side;                              /* 0: chosen, completion, whole row; 1: rejected;
                                                * of a choice: which */
    int64_t pack, first, n;                    /* targets of pack[pack]: [first, first + n) */
};

struct row {                                   /* what is remembered of a record */
    enum rec_kind kind;
    uint64_t      id;
    double        w;
    struct ref    ref;
    uint8_t       key[8];                      /* batch_row_key() of it */
    int64_t       seq, n_seqs;                 /* its sequences: [seq, seq + n_seqs) */
    int64_t       source;                      /* index into batch.source[] */
    bool          good;                        /* label */
};

struct batch {
    int64_t       n_rows, n_seqs, n_packs;
    int64_t       n_tokens;                    /* tokens computed: of all packs */
    int64_t       n_trained;                   /* targets of all rows */
    int64_t       n_pairs;                     /* pref rows */
    double        norm_tokens;                 /* sum of w * targets over rows that are no pairs */
    double        norm_pairs, norm_labels;     /* sums of w over pairs, over labels */
    struct row   *row;
    struct seq   *seq;                         /* by rows, sides in the record's order */
    struct pack  *pack;
    int64_t       n_sources;
    struct view   source[BATCH_SOURCES_MAX];   /* source names */
    struct batch_own *own;
};

/* An empty batch; all its memory is in the arena, which the caller marks and takes back. */
enum st batch_new(struct batch **b, const struct config *c, struct arena *a) must_use;

/* Adds a copy of the row's tokens.  ST_DATA, and the batch as it was: a kind that cannot be trained
 * or scored, an id not below V, a row longer than c->positions, a side without a trained token that
 * has a predecessor, more than BATCH_SOURCES_MAX sources.  The first token of a root has no
 * predecessor and is never a target even where its span says so. */
enum st batch_add(struct batch *b, const struct rec *r) must_use;

/* Cuts into packs of about micro_tokens.  May be called again: seq[], pack[] and n_tokens are made
 * anew.  What is shared changes no log-probability by a bit.
 *   BATCH_APART   each side with a prompt of its own, for the ablation and the tests
 *   BATCH_PROMPT  a row's sides share its prompt
 *   BATCH_ROOTS   and rows whose prompts begin alike share that, as few-shot examples are; for
 *                 passes without a backward or noise, as the packs have another order then */
enum batch_share { BATCH_APART, BATCH_PROMPT, BATCH_ROOTS };
enum st batch_pack(struct batch *b, int64_t micro_tokens, enum batch_share how) must_use;

/* Largest pack: what a pass must hold. */
int64_t batch_max_tokens(const struct batch *b);
int64_t batch_max_targets(const struct batch *b);

/* The key of the reference column, 8 bytes, is the XXH3 of the reference weights' hash and of the
 * row's key; the row's key is that of its ids (as 32-bit numbers) and spans (prompt, chosen,
 * rejected or completion, other, their spans; an absent span is all of its side).  So a row can be
 * checked against weights without its record. */
void batch_row_key(uint8_t key[8], const struct rec *r);
void batch_ref_key(uint8_t key[8], const uint8_t weights[32], const struct rec *r);
void batch_ref_key_of(uint8_t key[8], const uint8_t weights[32], const uint8_t row_key[8]);

#endif
