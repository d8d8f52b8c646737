/* rpo.c - DPO and the NLL of chosen. */
#include "loss.h"

static double beta = 0.1, alpha = 1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double x = beta * (p->c - p->r);

    *dw = -beta * sigmoid(-x) - alpha / p->nw;
    *dl = beta * sigmoid(-x);
    return softplus(-x) - alpha * p->lw / p->nw;
}

const struct loss loss_rpo = {
    .name = "rpo", .line = "dpo, and NLL per token of chosen",
    .paper = "Pang et al. 2024, arXiv:2404.19733, eq. 1; Liu et al. 2024, arXiv:2405.16436",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
        { 0, "alpha", OPT_REAL, &alpha, "X", "weight of the NLL per token of chosen", 0, 1e9 },
    },
    .pair = one,
};
