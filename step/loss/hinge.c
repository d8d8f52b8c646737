/* hinge.c - the hinge on the reward margin. */
#include "loss.h"

static double beta = 0.1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double x = beta * (p->c - p->r);

    *dw = x < 1 ? -beta : 0;
    *dl = -*dw;
    return fmax(0, 1 - x);
}

const struct loss loss_hinge = {
    .name = "hinge", .line = "hinge on the reward margin",
    .paper = "Zhao et al. 2023, SLiC-HF, arXiv:2305.10425",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "1 / beta is the margin", 1e-9, 1e9 },
    },
    .pair = one,
};
