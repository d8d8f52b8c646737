/* dpop.c - DPO-positive: a chosen side that is less likely than under the reference costs. */
#include "loss.h"

static double beta = 0.3, lambda = 50;

static double one(const struct pair *p, double *dw, double *dl)
{
    double below = fmax(0, -p->c), x = beta * (p->c - p->r - lambda * below);
    double slope = -beta * sigmoid(-x);

    *dw = below > 0 ? slope * (1 + lambda) : slope;
    *dl = -slope;
    return softplus(-x);
}

const struct loss loss_dpop = {
    .name = "dpop", .line = "dpo that pays for a chosen side below the reference",
    .paper = "Pal et al. 2024, Smaug, arXiv:2402.13228, eq. 3",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
        { 0, "dpop-lambda", OPT_REAL, &lambda, "X",
          "price of a chosen side below the reference", 0, 1e9 },
    },
    .pair = one,
};
