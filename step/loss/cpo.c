/* cpo.c - contrastive preference optimisation: DPO with a uniform reference, and NLL of chosen. */
#include "loss.h"

static double beta = 0.1, alpha = 1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double x = beta * (p->lw - p->ll);

    *dw = -beta * sigmoid(-x) - alpha / p->nw;
    *dl = beta * sigmoid(-x);
    return softplus(-x) - alpha * p->lw / p->nw;
}

const struct loss loss_cpo = {
    .name = "cpo",
    .line = "log-sigmoid of the difference of log p, and NLL per token of chosen; no reference",
    .paper = "Xu et al. 2024, arXiv:2401.08417, eq. 3 and 5",
    .needs = NEED_PAIRS,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "scale of the reward", 1e-9, 1e9 },
        { 0, "alpha", OPT_REAL, &alpha, "X", "weight of the NLL per token of chosen", 0, 1e9 },
    },
    .pair = one,
};
