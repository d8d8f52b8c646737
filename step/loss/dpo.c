/* dpo.c - direct preference optimisation: log-sigmoid of the reward margin. */
#include "loss.h"

static double beta = 0.1;

static double eval(const struct seen *s, double *dlogp)
{
    double sum = 0;

    for (int64_t i = 0; i < s->n; i += 2) {            /* chosen, rejected */
        double x = beta * ((s->logp[i] - s->ref[i]) - (s->logp[i + 1] - s->ref[i + 1]));
        double w = s->w[i] / s->norm;
        sum += w * softplus(-x);
        dlogp[i] = -w * beta * sigmoid(-x);
        dlogp[i + 1] = -dlogp[i];
    }
    return sum;
}

const struct loss loss_dpo = {
    .name = "dpo", .line = "log-sigmoid of the reward margin against a reference",
    .paper = "Rafailov et al. 2023, arXiv:2305.18290, eq. 7",
    .needs = NEED_PAIRS | NEED_REF,
    .beta = &beta,
    .opts = { { 0, "beta", OPT_REAL, &beta, "B", "strength of the reference", 1e-9, 1e9 } },
    .eval = eval,
};
