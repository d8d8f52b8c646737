/* dft.c - dynamic fine-tuning: every token's loss by its own probability, which is held still.
 *
 * A token the model finds unlikely pulls less than under sft, whose gradient has 1 / p as its
 * hidden weight. */
#include "loss.h"

static double eval(const struct seen *s, double *d)
{
    double sum = 0;
    int64_t k = 0;

    for (int64_t i = 0; i < s->n; i++)
        for (int64_t end = k + s->len[i]; k < end; k++) {
            d[k] = -s->w[i] * exp(s->still[k]) / s->norm;
            sum += d[k] * s->token[k];
        }
    return sum;
}

const struct loss loss_dft = {
    .name = "dft", .line = "sft with every token's loss times its own probability",
    .paper = "Wu et al. 2025, arXiv:2508.05629",
    .needs = NEED_TOKENS,
    .eval = eval,
};
