/* apo_zero_unpaired.c - apo_zero on single answers: good ones up, bad ones down; no baseline. */
#include "loss.h"

static double beta = 0.1, desirable = 1, undesirable = 1;

static double eval(const struct seen *s, double *d)
{
    double sum = 0;

    for (int64_t i = 0; i < s->n; i++) {
        double sign = s->good[i] ? 1 : -1, w = s->w[i] / s->norm;
        double x = sign * beta * (s->logp[i] - s->ref[i]), p = sigmoid(-x);
        w *= s->good[i] ? desirable : undesirable;
        sum += w * p;
        d[i] = -sign * beta * w * p * sigmoid(x);
    }
    return sum;
}

const struct loss loss_apo_zero_unpaired = {
    .name = "apo_zero_unpaired", .line = "good answers up and bad ones down, each by itself",
    .paper = "D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7, on single answers as TRL has it",
    .needs = NEED_LABELS | NEED_REF,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
        { 0, "desirable-weight", OPT_REAL, &desirable, "X", "weight of good answers", 1e-9, 1e9 },
        { 0, "undesirable-weight", OPT_REAL, &undesirable, "X", "weight of bad answers", 1e-9,
          1e9 },
    },
    .eval = eval,
};
