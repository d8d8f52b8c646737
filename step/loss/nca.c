/* nca.c - noise contrastive alignment of pairs: absolute rewards. */
#include "loss.h"

static double beta = 0.1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double w = beta * p->c, l = beta * p->r;

    *dw = beta * (0.5 * sigmoid(w) - sigmoid(-w));
    *dl = 0.5 * beta * sigmoid(l);
    return softplus(-w) + 0.5 * softplus(w) + 0.5 * softplus(l);
}

const struct loss loss_nca = {
    .name = "nca", .line = "chosen up by its own reward, both down by theirs",
    .paper = "Chen et al. 2024, arXiv:2402.05369, eq. 10",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
    },
    .pair = one,
};
