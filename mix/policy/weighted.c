/* weighted.c - fixed shares: of any stretch of n steps, lambda n of them, give or take one, are
 * pref.
 *
 * Step i is pref where the running total floor((i + 1) lambda) moves on: as even as it can be,
 * without a draw. */
#include <math.h>

#include "policy.h"

static void pick(const struct study *s, const double *state, int64_t i, struct pick *p)
{
    (void)state;
    bool pref = floor((double)(i + 1) * s->lambda) > floor((double)i * s->lambda);
    *p = policy_single(pref ? OBJ_PREF : OBJ_SFT);
}

const struct policy policy_weighted = {
    .name = "weighted", .line = "fixed shares of the steps, spread evenly",
    .pick = pick,
};
