/* apo_zero.c - anchored preference optimisation, zero: chosen up, rejected down. */
#include "loss.h"

static double beta = 0.1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double w = sigmoid(beta * p->c), l = sigmoid(beta * p->r);

    *dw = -beta * w * (1 - w);
    *dl = beta * l * (1 - l);
    return 1 - w + l;
}

const struct loss loss_apo_zero = {
    .name = "apo_zero", .line = "chosen up and rejected down; for answers better than the model",
    .paper = "D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
    },
    .pair = one,
};
