/* dpo.c - direct preference optimisation: log-sigmoid of the reward margin. */
#include "loss.h"

static double beta = 0.1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double x = beta * (p->c - p->r);

    *dw = -beta * sigmoid(-x);
    *dl = -*dw;
    return softplus(-x);
}

const struct loss loss_dpo = {
    .name = "dpo", .line = "log-sigmoid of the reward margin against a reference",
    .paper = "Rafailov et al. 2023, arXiv:2305.18290, eq. 7",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = { { 0, "beta", OPT_REAL, &beta, "B", "strength of the reference", 1e-9, 1e9 } },
    .pair = one,
};
