/* sequential.c - first all steps of one objective, then all of the other: what everybody does,
 * and the baseline.
 *
 * lambda is still the share of pref, so the order alone tells two runs apart. */
#include <math.h>

#include "policy.h"

static const char *order = "sft,pref";

/* The first objective; false when --order is neither way. */
static bool first(enum obj *o)
{
    *o = strcmp(order, "pref,sft") == 0 ? OBJ_PREF : OBJ_SFT;
    return *o == OBJ_PREF || strcmp(order, "sft,pref") == 0;
}

static enum st check(const struct study *s)
{
    enum obj o;

    (void)s;
    err_place("--order");
    if (first(&o))
        return ST_OK;
    return fail(ST_USAGE, "'%s' is no order; say sft,pref or pref,sft", shown(view_of(order)));
}

static void pick(const struct study *s, const double *state, int64_t i, struct pick *p)
{
    enum obj o;

    (void)state;
    (void)first(&o);
    double share = o == OBJ_PREF ? s->lambda : 1 - s->lambda;
    if (i >= (int64_t)floor((double)s->steps * share + 0.5))
        o = o == OBJ_PREF ? OBJ_SFT : OBJ_PREF;
    *p = policy_single(o);
    p->phase = obj_name(o);
}

const struct policy policy_sequential = {
    .name = "sequential", .line = "all steps of one objective, then all of the other",
    .paper = "Fernando et al. 2024, arXiv:2410.15483, algorithm 1",
    .needs = NEED_LENGTH,
    .opts = { { 0, "order", OPT_TEXT, &order, "sft,pref|pref,sft", "which comes first", 0, 0 } },
    .check = check, .pick = pick,
};
