/* robust.c - the unbiased estimate of the DPO loss under swapped labels. */
#include "loss.h"

static double beta = 0.1, label_smoothing = 0.1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double e = label_smoothing, x = beta * (p->c - p->r);

    *dw = -beta * (sigmoid(-x) + e / (1 - 2 * e));
    *dl = -*dw;
    return ((1 - e) * softplus(-x) - e * softplus(x)) / (1 - 2 * e);
}

const struct loss loss_robust = {
    .name = "robust", .line = "dpo, unbiased where a known share of the pairs is swapped",
    .paper = "Chowdhury et al. 2024, arXiv:2403.00409",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
        { 0, "label-smoothing", OPT_REAL, &label_smoothing, "X",
          "share of pairs whose sides are taken to be swapped", 1e-9, 0.4999 },
    },
    .pair = one,
};
