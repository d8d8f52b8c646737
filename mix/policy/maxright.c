/* maxright.c - trains whatever lags most behind: the objective with the larger weighted gap to
 * its optimum.
 *
 * Gaps are lambda (f_pref - f_pref*) and (1 - lambda) (f_sft - f_sft*), negative ones counted as
 * 0.  Every --refresh steps both are measured on the coming rows; between, the trained one is
 * renewed by its own training loss, free of charge, and the other's grows stale.  The paper
 * evaluates on batches that it throws away; here a row that was only measured stays next in
 * line. */
#include <math.h>

#include "base/rng.h"
#include "policy.h"

enum { LOSS, AT = 2, N_STATE = 4 };    /* of the state: last loss of each objective; its step */
enum { DRAW_TIE, DRAW_EPSILON };               /* uses of RNG_DRAW */

static double opt_sft, opt_pref, scale_sft = 1, scale_pref = 1, epsilon;
static int64_t refresh_every = 10, refresh_rows;

/* Signed, and not yet weighted. */
static double scaled(const double *state, enum obj o)
{
    return o == OBJ_SFT ? (state[LOSS] - opt_sft) / scale_sft
                        : (state[LOSS + 1] - opt_pref) / scale_pref;
}

static double gap(const struct study *s, const double *state, enum obj o)
{
    return (o == OBJ_SFT ? 1 - s->lambda : s->lambda) * fmax(scaled(state, o), 0);
}

static enum st check(const struct study *s)
{
    bool sft = opt_given("opt-sft"), pref = opt_given("opt-pref");

    if (!s->quiet && !(sft && pref))
        warn("%s%s%s not given, 0 is taken: raw losses are compared, which are on different "
             "scales; train on each objective alone to learn its optimum", sft ? "" : "--opt-sft",
             sft || pref ? "" : " and ", pref ? "" : "--opt-pref");
    return ST_OK;
}

static bool refresh(const struct study *s, int64_t i)
{
    return i == 0 || (refresh_every > 0 && (i + s->delay) % refresh_every == 0);
}

static double draw(const struct study *s, int use, int64_t i)
{
    return rng_unit(s->seed_draw, RNG_STREAM(RNG_DRAW, use), (uint64_t)i);
}

static void pick(const struct study *s, const double *state, int64_t i, struct pick *p)
{
    double sft = gap(s, state, OBJ_SFT), pref = gap(s, state, OBJ_PREF);
    bool one = pref > sft;

    if (!(sft > 0) && !(pref > 0))
        one = draw(s, DRAW_TIE, i) < s->lambda;
    if (draw(s, DRAW_EPSILON, i) < epsilon)
        one = !one;
    *p = policy_single(one ? OBJ_PREF : OBJ_SFT);
}

static void learn(const struct study *s, double *state, const struct seen *m)
{
    (void)s;
    state[LOSS + (m->obj == OBJ_PREF)] = m->loss;
    state[AT + (m->obj == OBJ_PREF)] = (double)m->i;
}

static int figures(const struct study *s, const double *state, int64_t i, struct figure *f)
{
    f[0] = (struct figure){ "mix/gap_sft", gap(s, state, OBJ_SFT) };
    f[1] = (struct figure){ "mix/gap_pref", gap(s, state, OBJ_PREF) };
    f[2] = (struct figure){ "mix/stale_sft", (double)i - state[AT] };
    f[3] = (struct figure){ "mix/stale_pref", (double)i - state[AT + 1] };
    f[4] = (struct figure){ "mix/scaled_sft", scaled(state, OBJ_SFT) };
    f[5] = (struct figure){ "mix/scaled_pref", scaled(state, OBJ_PREF) };
    return 6;
}

const struct policy policy_maxright = {
    .name = "maxright", .line = "the objective with the larger weighted gap to its optimum",
    .paper = "Fernando et al. 2024, arXiv:2410.15483, algorithm 3",
    .needs = NEED_LOSSES, .n_state = N_STATE, .measured_rows = &refresh_rows,
    .opts = {
        { 0, "opt-sft", OPT_REAL, &opt_sft, "F", "training loss of sft alone at its best", 0, 0 },
        { 0, "opt-pref", OPT_REAL, &opt_pref, "F", "training loss of pref alone", 0, 0 },
        { 0, "scale-sft", OPT_REAL, &scale_sft, "F", "divides the gap of sft", 1e-300, 1e300 },
        { 0, "scale-pref", OPT_REAL, &scale_pref, "F", "divides that of pref", 1e-300, 1e300 },
        { 0, "refresh", OPT_INT, &refresh_every, "K", "measure both every K, 0: once", 0, 1e15 },
        { 0, "refresh-rows", OPT_INT, &refresh_rows, "N", "on so many rows, 0: a batch", 0, 1e9 },
        { 0, "epsilon", OPT_REAL, &epsilon, "P", "train the other one with probability P", 0, 1 },
    },
    .check = check, .refresh = refresh, .pick = pick, .learn = learn, .figures = figures,
};
