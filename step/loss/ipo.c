/* ipo.c - identity preference optimisation: the margin per token is drawn to 1 / (2 beta). */
#include "loss.h"

static double beta = 0.1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double off = p->c / p->nw - p->r / p->nl - 1 / (2 * beta);

    *dw = 2 * off / p->nw;
    *dl = -2 * off / p->nl;
    return off * off;
}

const struct loss loss_ipo = {
    .name = "ipo", .line = "squared distance of the margin per token from 1 / (2 beta)",
    .paper = "Azar et al. 2023, arXiv:2310.12036, eq. 17; per token as its authors confirmed",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X",
          "the margin aimed at is 1 / (2 beta) a token", 1e-9, 1e9 },
    },
    .pair = one,
};
