/* cdpo.c - conservative DPO: a share of the pairs is taken to be labelled the wrong way. */
#include "loss.h"

static double beta = 0.1, label_smoothing = 0.1;

static double one(const struct pair *p, double *dw, double *dl)
{
    double e = label_smoothing, x = beta * (p->c - p->r);

    *dw = beta * (e - sigmoid(-x));
    *dl = -*dw;
    return (1 - e) * softplus(-x) + e * softplus(x);
}

const struct loss loss_cdpo = {
    .name = "cdpo", .line = "dpo where a share of the pairs may be labelled the wrong way",
    .paper = "Mitchell 2023, A note on DPO with noisy preferences",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
        { 0, "label-smoothing", OPT_REAL, &label_smoothing, "X",
          "share of pairs whose sides are taken to be swapped", 1e-9, 0.4999 },
    },
    .pair = one,
};
