/* apo_down.c - anchored preference optimisation, down: both down, rejected more. */
#include "loss.h"

static double beta = 0.1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double w = sigmoid(beta * p->c), d = sigmoid(beta * (p->c - p->r));

    *dw = beta * w * (1 - w) - beta * d * (1 - d);
    *dl = beta * d * (1 - d);
    return w + 1 - d;
}

const struct loss loss_apo_down = {
    .name = "apo_down", .line = "both down and rejected more; for a model better than the answers",
    .paper = "D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 8",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
    },
    .pair = one,
};
