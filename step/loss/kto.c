/* kto.c - Kahneman-Tversky optimisation: rewards of single answers against what the policy's drift
 * gives any answer.
 *
 * The baseline is the mean log-ratio of answers to other prompts, over the whole step, not below 0;
 * no gradient goes through it. */
#include "loss.h"

static double beta = 0.1, desirable = 1, undesirable = 1;

static double base(const struct seen *s)
{
    double sum = 0, n = 0;

    for (int64_t i = 0; i < s->n; i++) {
        sum += s->w[i] * (s->logp[i] - s->ref[i]);
        n += s->w[i];
    }
    return sum < 0 ? 0 : sum / n;                      /* NaN stays */
}

static double eval(const struct seen *s, double *d)
{
    double sum = 0;

    for (int64_t i = 0; i < s->n; i++) {
        double sign = s->good[i] ? 1 : -1, w = s->w[i] / s->norm;
        double x = sign * beta * (s->logp[i] - s->ref[i] - s->base), p = sigmoid(-x);
        w *= s->good[i] ? desirable : undesirable;
        sum += w * p;
        d[i] = -sign * beta * w * p * sigmoid(x);
    }
    return sum;
}

const struct loss loss_kto = {
    .name = "kto", .line = "sigmoid of the reward of single answers, good or bad, over a baseline",
    .paper = "Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7",
    .needs = NEED_LABELS | NEED_REF | NEED_STEP,
    .beta = &beta,
    .opts = {
        { 0, "beta", OPT_REAL, &beta, "X", "strength of the reference", 1e-9, 1e9 },
        { 0, "desirable-weight", OPT_REAL, &desirable, "X", "weight of good answers", 1e-9, 1e9 },
        { 0, "undesirable-weight", OPT_REAL, &undesirable, "X", "weight of bad answers", 1e-9,
          1e9 },
    },
    .base = base,
    .eval = eval,
};
