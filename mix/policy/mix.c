/* mix.c - both batches in every step, one update of the weighted sum of the losses. */
#include "policy.h"

static void pick(const struct study *s, const double *state, int64_t i, struct pick *p)
{
    (void)state;
    (void)i;
    *p = (struct pick){ .obj = OBJ_BOTH, .weight_sft = 1 - s->lambda, .weight_pref = s->lambda };
}

const struct policy policy_mix = {
    .name = "mix", .line = "both objectives in every step, losses weighted by lambda",
    .paper = "Fernando et al. 2024, arXiv:2410.15483, section 3",
    .pick = pick,
};
