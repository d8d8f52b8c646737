/* sigmoid_norm.c - DPO on log-ratios per token. */
#include "loss.h"

static double beta = 5;

static double one(const struct pair *p, double *dw, double *dl)
{
    double x = beta * (p->c / p->nw - p->r / p->nl);

    *dw = -beta * sigmoid(-x) / p->nw;
    *dl = beta * sigmoid(-x) / p->nl;
    return softplus(-x);
}

const struct loss loss_sigmoid_norm = {
    .name = "sigmoid_norm", .line = "dpo on log-ratios per token",
    .paper = "Lambert et al. 2024, Tulu 3, arXiv:2411.15124, eq. 6",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
    },
    .pair = one,
};
