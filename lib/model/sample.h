/* sample.h - from the logits of a row to its next token.
 *
 * The rules are those of transformers' logits processors, in the order in which its generate()
 * applies them: repetition penalty, temperature, top-k, top-p, min-p.  Each works on what the ones
 * before it left, and the token is drawn from what is left in the end. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "base/mem.h"

struct sampling {
    double  temperature;                       /* logits are divided by it; 0: the largest wins */
    int64_t top_k;                             /* logits below the k-th largest go; 0: none do */
    double  top_p;                             /* the fewest of the largest whose probabilities sum
                                                * to p stay (Holtzman et al. 2019,
                                                * arXiv:1904.09751); 1: all */
    double  min_p;                             /* what is less probable than p times the largest
                                                * goes (Nguyen et al. 2024, arXiv:2407.01082) */
    double  repetition;                        /* logits of tokens in the row are divided by it
                                                * where positive, else multiplied (Keskar et al.
                                                * 2019, arXiv:1909.05858); 1: as they are */
};

/* The largest of the logits as they are: no rule needs more of them than argmax. */
static inline bool sampling_greedy(const struct sampling *s)
{
    return s->temperature == 0 && s->repetition == 1;
}

/* A token that may come, and its share: p / sampler.total is its probability. */
struct chance { double p; int32_t id; };

struct sampler {                               /* one thread's scratch, for V logits */
    int64_t        V, n;
    struct chance *left;                       /* [n] after sampler_left() */
    double         total;
    uint64_t      *seen;                       /* [V] bits: tokens of the row */
};
enum st sampler_new(struct sampler *s, int64_t V, struct arena *a) must_use;

/* Applies the rules: s->left, in no order, and s->total.  logits[V] are changed in place; row[n]
 * are all tokens of the row so far, the prompt too.  At temperature 0 one is left, the first of
 * equals.  False: no logit is left that is a finite number, or one is NaN or infinite. */
bool sampler_left(struct sampler *s, const struct sampling *how, float *logits, const int32_t *row,
                  int64_t n) must_use;

/* The token of what is left at u, 0 <= u < 1: a function of all of these alone. */
int32_t sampler_take(const struct sampler *s, double u);

#endif
