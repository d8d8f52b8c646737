/* alright.c - each step a draw: pref with probability lambda, else sft.
 *
 * The draw is a function of (seed, step), so no rank and no resume can disagree.  The gradient is
 * not rescaled: its expectation is that of the weighted sum, at the price of one objective a
 * step. */
#include "base/rng.h"
#include "policy.h"

static void pick(const struct study *s, const double *state, int64_t i, struct pick *p)
{
    (void)state;
    bool pref = rng_unit(s->seed_draw, RNG_STREAM(RNG_DRAW, 0), (uint64_t)i) < s->lambda;
    *p = policy_single(pref ? OBJ_PREF : OBJ_SFT);
}

const struct policy policy_alright = {
    .name = "alright", .line = "pref with probability lambda, else sft",
    .paper = "Fernando et al. 2024, arXiv:2410.15483, algorithm 2",
    .pick = pick,
};
