/* sft.c - supervised fine-tuning: the mean negative log-probability of the trained tokens. */
#include "loss.h"

static double eval(const struct seen *s, double *dlogp)
{
    double sum = 0;

    for (int64_t i = 0; i < s->n; i++) {
        if (s->logp)
            sum -= s->w[i] * s->logp[i] / s->norm;
        dlogp[i] = -s->w[i] / s->norm;
    }
    return sum;
}

const struct loss loss_sft = {
    .name = "sft", .line = "mean negative log-probability of the trained tokens",
    .paper = "Radford et al. 2018; the token mean of Fernando et al. 2024, arXiv:2410.15483",
    .known = true,
    .eval = eval,
};
