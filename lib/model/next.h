/* next.h - a model that goes on with rows: tokens in, logits of what follows out.
 *
 * A cache keeps every row's keys and values in pages (math/cache.h), and model_next() takes the
 * tokens that come next of any rows together: whole prompts, parts of them, single tokens.  All
 * goes through the ops of a training forward, so the logits behind a token are those that
 * model_forward() gives for the whole row, to the bit: they depend neither on the row's company nor
 * on the portions it came in. */
#ifndef NEXT_H
#define NEXT_H

#include "model/model.h"

struct cache;

/* Pages for n_pages * CACHE_PAGE positions in all, of packs with at most n_rows rows.  The pages
 * are the caller's to deal out. */
enum st cache_new(struct cache **c, struct model *m, int64_t n_pages, int64_t n_rows,
                  struct arena *a) must_use;
void cache_free(struct cache *c);              /* gives the device's memory back; NULL is fine */
int64_t cache_bytes(const struct config *c, int64_t n_pages);

/* What comes next, host memory: stretches over n_tokens tokens in order, each on the next positions
 * of a row (below c.positions), with the pages of its positions from 0 to its last in list[]. */
struct next {
    int64_t         n_tokens, n_rows, n_list, n_targets;
    struct stretch *row;                       /* [n_rows] */
    int32_t        *list;                      /* [n_list <= n_pages] */
    int32_t        *token, *pos;               /* [n_tokens] */
    int32_t        *at;                        /* [n_targets <= n_rows] tokens to look behind */
};

/* The forward of these.  The pass is one without keep, whose limits hold them. */
void model_next(struct model *m, struct pass *p, struct cache *c, const struct next *next);

/* Of every target after model_next(), into host memory: the token with the largest logit, the first
 * of equals, -1 where a logit is NaN; or the logits, [n_targets V]. */
void next_best(struct cache *c, struct pass *p, int32_t *best);
void next_logits(struct cache *c, struct pass *p, float *logits);

#endif
