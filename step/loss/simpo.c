/* simpo.c - simple preference optimisation: log p per token is the reward, with a margin. */
#include "loss.h"

static double beta = 2, margin = 0.5;

static double one(const struct pair *p, double *dw, double *dl)
{
    double x = beta * (p->lw / p->nw - p->ll / p->nl) - margin;

    *dw = -beta * sigmoid(-x) / p->nw;
    *dl = beta * sigmoid(-x) / p->nl;
    return softplus(-x);
}

const struct loss loss_simpo = {
    .name = "simpo", .line = "log-sigmoid of log p per token minus a margin; no reference",
    .paper = "Meng et al. 2024, arXiv:2405.14734, eq. 6",
    .needs = NEED_PAIRS,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "scale of the reward", 1e-9, 1e9 },
        { 0, "gamma", OPT_REAL, &margin, "X", "margin that chosen must lead by", 0, 1e9 },
    },
    .pair = one,
};
