/* orpo.c - odds ratio preference optimisation: NLL of chosen, and the log odds of both sides. */
#include "loss.h"

/* Log-probabilities per token nearer to 0 have odds without bound. */
#define NEAR (-1e-6)

static double beta = 0.1;

/* log(1 - exp x), x < 0                       Maechler 2012 */
static double log1mexp(double x)
{
    return x > -0.6931471805599453 ? log(-expm1(x)) : log1p(-exp(x));
}

static double one(const struct pair *p, double *dw, double *dl)
{
    double w = fmin(p->lw / p->nw, NEAR), l = fmin(p->ll / p->nl, NEAR);
    double x = (w - l) - (log1mexp(w) - log1mexp(l)), slope = -beta * sigmoid(-x);

    *dw = ((w < NEAR ? slope / -expm1(w) : 0) - 1) / p->nw;
    *dl = l < NEAR ? slope / expm1(l) / p->nl : 0;
    return beta * softplus(-x) - p->lw / p->nw;
}

const struct loss loss_orpo = {
    .name = "orpo",
    .line = "NLL per token of chosen, and log-sigmoid of the log odds ratio; no reference",
    .paper = "Hong et al. 2024, arXiv:2403.07691, eq. 6 and 7",
    .needs = NEED_PAIRS,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "weight of the odds ratio", 1e-9, 1e9 },
    },
    .pair = one,
};
