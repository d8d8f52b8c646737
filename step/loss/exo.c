/* exo.c - efficient exact optimisation on a pair: reverse KL to smoothed labels. */
#include "loss.h"

static double beta = 0.1, label_smoothing = 1e-3;

static double one(const struct pair *p, double *dw, double *dl)
{
    double e = label_smoothing, x = beta * (p->c - p->r), q = sigmoid(x);

    *dw = beta * q * sigmoid(-x) * (x - log((1 - e) / e));
    *dl = -*dw;
    return q * (-softplus(-x) - log1p(-e)) + sigmoid(-x) * (-softplus(x) - log(e));
}

const struct loss loss_exo = {
    .name = "exo", .line = "reverse KL between the margin's sigmoid and smoothed labels",
    .paper = "Ji et al. 2024, arXiv:2402.00856, eq. 16",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
        { 0, "label-smoothing", OPT_REAL, &label_smoothing, "X",
          "probability given to the rejected side", 1e-9, 0.4999 },
    },
    .pair = one,
};
