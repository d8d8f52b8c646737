/* loss.h - what a loss may see, and what it owes: one number, and dl/d log p of every sequence.
 *
 * A loss is a function of the log-probabilities of whole sequences, or of tokens, so its gradient
 * is one coefficient for each; the fused head turns those into gradients of the weights
 * (lib/model).  A loss is one file and one line in loss.def; tests/unit/loss.c walks that list. */
#ifndef LOSS_H
#define LOSS_H

#include <math.h>
#include "base/opt.h"

enum {
    NEED_PAIRS  = 1,                           /* sequences 2k, 2k + 1: chosen and rejected */
    NEED_REF    = 2,                           /* the reference column */
    NEED_LABELS = 4,                           /* single completions, each good or bad */
    NEED_STEP   = 8,                           /* base(), over the whole step */
    NEED_TOKENS = 16,                          /* every token's log p, and one coefficient each */
};

/* Columns over sequences: all those of a step or of a part of it, whole pairs always. */
struct seen {
    int64_t        n;                          /* sequences */
    const double  *logp;                       /* [n] log p of the trained tokens, summed */
    const double  *ref;                        /* [n] under the reference; NULL unless NEED_REF */
    const int32_t *len;                        /* [n] trained tokens */
    const double  *w;                          /* [n] weight of the row, on both sides of a pair */
    double         norm;                       /* divisor of the whole optimiser step: sum of w over
                                                * pairs or labels, else of w * len */
    const bool    *good;                       /* [n] NULL unless NEED_LABELS */
    double         base;                       /* what base() said; no gradient goes through it */
    const double  *token;                      /* [sum of len] log p of each trained token, sequence
                                                * after sequence; NULL unless NEED_TOKENS */
    const double  *still;                      /* the same numbers, for what no gradient is taken
                                                * of: in a gradient test `token` moves alone */
};

/* One pair, as nearly every loss of preferences sees it. */
struct pair {
    double lw, ll;                             /* log p of chosen and rejected, summed */
    double c, r;                               /* the same minus the reference's; no reference: 0 */
    double nw, nl;                             /* trained tokens of each */
};

/* The loss of one pair, and its derivatives by lw and ll. */
typedef double pair_loss(const struct pair *p, double *dw, double *dl);

struct loss {
    const char *name, *line, *paper;
    int         needs;                         /* NEED_* */
    bool        known;                         /* dlogp does not depend on logp: it is asked for
                                                * before the forward, logp NULL, and the head takes
                                                * its gradient in the same sweep */
    const double *beta;                        /* rewards are *beta * (logp - ref); NULL: none */
    struct opt  opts[8];                       /* its own options, shown under its name */
    pair_loss  *pair;                          /* the loss is its weighted mean over pairs, or */
    double    (*eval)(const struct seen *s, double *dlogp);    /* what loss_eval() shall do */
    double    (*base)(const struct seen *s);   /* NEED_STEP: of all rows of the step, their
                                                * mismatched completions in place of their own */
};

/* Of preferences (--pref-loss), not of single rows (--sft-loss). */
static inline bool loss_prefers(const struct loss *l)
{
    return (l->needs & (NEED_PAIRS | NEED_LABELS)) != 0;
}

/* The loss over what is seen, and dlogp[n], or with NEED_TOKENS [sum of len] = its derivatives.
 * Parts of a step add up. */
double loss_eval(const struct loss *l, const struct seen *s, double *dlogp);

#define LOSS(name) extern const struct loss loss_##name;
#include "loss.def"
#undef LOSS

extern const struct loss *const losses[];      /* all of loss.def, ended by NULL */

/* The loss by its name, of preferences or not.  ST_USAGE lists those there are. */
enum st loss_find(const struct loss **l, const char *name, bool prefers) must_use;

/* ST_USAGE: an option was given that belongs to losses, but to neither of these. */
enum st loss_options(const struct loss *sft, const struct loss *pref) must_use;

/* Option groups of the losses that have options, at most n - 1; an empty one ends them. */
void loss_groups(struct opt_group *g, int64_t n);

/* log(1 + exp x) and 1 / (1 + exp -x), without overflow */
static inline double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static inline double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

#endif
