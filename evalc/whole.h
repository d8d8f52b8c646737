/* whole.h - what only the whole distribution over the vocabulary tells of a token.
 *
 * Pure functions of logits, in double; every row by itself. */
#ifndef WHOLE_H
#define WHOLE_H

#include "base/base.h"

/* rank[i]: how many logits of row i of [n V] are larger than that of target[i]; 0 is the model's
 * first choice, below k is in its top k. */
void whole_rank(int32_t *rank, const float *logits, const int32_t *target, int64_t n, int64_t V,
                int threads);

/* kl[i]: KL(p || q) in nats of the softmaxes of row i of p and q, both [n V].  Never below 0. */
void whole_kl(double *kl, const float *p, const float *q, int64_t n, int64_t V, int threads);

#endif
