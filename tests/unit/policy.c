/* policy.c - every policy of the list: shares, weights, limits, resume; and the laws of the
 * paper's two by hand. */
#include "base/rng.h"
#include "mix/policy.h"
#include "tests/check.h"

static const struct study usual = { .lambda = 0.3, .seed_draw = 5, .steps = 1000, .quiet = true };

/* A loss that falls with the updates of its objective, a little noisy: a function of (objective,
 * updates, step). */
static double script(enum obj o, int64_t updates, int64_t i)
{
    double noise = rng_unit(9, RNG_STREAM(RNG_TEST, o), (uint64_t)i);
    return (o == OBJ_SFT ? 2.0 : 1.0) / (1 + 0.05 * (double)updates) + 0.1 * noise;
}

struct run {
    double   state[POLICY_STATE_MAX];
    int64_t  updates[2], late[2];              /* counts; what learning waits for, by the delay */
    struct seen wait[4];                       /* update losses not yet told */
    int      n_wait;
};

/* Step i as the mixer goes about it: refresh, learn, pick, and the loss of the update for later. */
static struct pick step(const struct policy *p, const struct study *s, struct run *r, int64_t i)
{
    struct pick k;

    if (p->refresh && p->refresh(s, i))
        for (int o = 0; o < 2; o++)
            p->learn(s, r->state,
                     &(struct seen){ i, (enum obj)o, WHY_REFRESH, script(o, r->updates[o], i) });
    while (p->learn && r->n_wait > s->delay) {
        p->learn(s, r->state, &r->wait[0]);
        memmove(r->wait, r->wait + 1, (size_t)--r->n_wait * sizeof r->wait[0]);
    }
    p->pick(s, r->state, i, &k);
    if (k.obj != OBJ_BOTH)
        r->wait[r->n_wait++] =
            (struct seen){ i, k.obj, WHY_UPDATE, script(k.obj, r->updates[k.obj], i) };
    if (!p->learn)
        r->n_wait = 0;
    for (int o = 0; o < 2; o++)
        r->updates[o] += k.obj == OBJ_BOTH || k.obj == (enum obj)o;
    return k;
}

static bool same(const struct pick *a, const struct pick *b)
{
    return a->obj == b->obj && a->weight_sft == b->weight_sft && a->weight_pref == b->weight_pref &&
           a->phase == b->phase;
}

#define EACH(p)                                                                                    \
    (const struct policy *const *at_ = policies, *p; (p = *at_); at_++) if (p->run) continue;      \
    else

static void listed(void **state)
{
    const struct policy *p;

    (void)state;
    for (int64_t k = 0; policies[k]; k++) {
        CHECK_ST(policy_find(&p, policies[k]->name), ST_OK);
        CHECK(p == policies[k]);
        CHECK(*p->line && (p->run || p->pick));
        CHECK(p->n_state <= POLICY_STATE_MAX);
        CHECK(!(p->needs & NEED_LOSSES) || p->learn);
    }
    CHECK_ST(policy_find(&p, "max"), ST_USAGE);
    CHECK(strstr(err_text(), "there are weighted, "));
    err_clear();
}

static void weights(void **state)
{
    (void)state;
    for EACH(p) {
        struct run r = { 0 };
        for (int64_t i = 0; i < usual.steps; i++) {
            struct pick k = step(p, &usual, &r, i);
            if (k.obj == OBJ_BOTH) {
                CHECK_NEAR(k.weight_pref, usual.lambda, 0);
                CHECK_NEAR(k.weight_sft, 1 - usual.lambda, 0);
            } else {
                CHECK(k.weight_sft == (k.obj == OBJ_SFT) && k.weight_pref == (k.obj == OBJ_PREF));
            }
        }
    }
}

/* lambda 0 and 1 leave one objective out, but for the weighted sum, which has it with weight 0. */
static void limits(void **state)
{
    (void)state;
    for EACH(p)
        for (int lambda = 0; lambda < 2; lambda++) {
            struct study s = usual;
            struct run r = { 0 };
            s.lambda = lambda;
            for (int64_t i = 0; i < 200; i++) {
                struct pick k = step(p, &s, &r, i);
                CHECK((lambda ? k.weight_sft : k.weight_pref) == 0);
            }
        }
}

static void goes_on(void **state)
{
    (void)state;
    for EACH(p)
        for (int64_t delay = 0; delay < 3; delay++)
            for (uint64_t k = 0; k < 20; k++) {
                struct study s = usual;
                struct run whole = { 0 }, broken = { 0 };
                int64_t at = (int64_t)(rng(1, RNG_STREAM(RNG_TEST, 0), k) % 300);
                s.delay = delay;
                for (int64_t i = 0; i < 300; i++) {
                    if (i == at) {                     /* only what is saved goes on */
                        broken = (struct run){ 0 };
                        memcpy(broken.state, whole.state, (size_t)p->n_state * sizeof(double));
                        memcpy(broken.updates, whole.updates, sizeof broken.updates);
                        memcpy(broken.wait, whole.wait, sizeof broken.wait);
                        broken.n_wait = whole.n_wait;
                    }
                    struct pick a = step(p, &s, &whole, i);
                    if (i >= at) {
                        struct pick b = step(p, &s, &broken, i);
                        CHECK(same(&a, &b));
                    }
                }
            }
}

static int64_t prefs(const struct policy *p, const struct study *s, int64_t from, int64_t to)
{
    int64_t n = 0;
    struct pick k;

    for (int64_t i = from; i < to; i++) {
        p->pick(s, NULL, i, &k);
        n += k.obj == OBJ_PREF;
    }
    return n;
}

static void alright_draws(void **state)
{
    static const double lambda[] = { 0.01, 0.25, 0.5, 0.9 };
    const int64_t n = 100000;

    (void)state;
    for (int64_t k = 0; k < countof(lambda); k++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct study s = { .lambda = lambda[k], .seed_draw = seed };
            double sigma = sqrt((double)n * lambda[k] * (1 - lambda[k]));
            CHECK_NEAR(prefs(&policy_alright, &s, 0, n), lambda[k] * (double)n, 4 * sigma);
        }
    struct study a = { .lambda = 0.5, .seed_draw = 1 }, b = { .lambda = 0.5, .seed_draw = 2 };
    int64_t differ = 0, joint = 0;
    for (int64_t i = 0; i < n; i++) {
        bool one = prefs(&policy_alright, &a, i, i + 1), two = prefs(&policy_alright, &b, i, i + 1);
        differ += one != two;
        joint += one && i && prefs(&policy_alright, &a, i - 1, i);
    }
    CHECK_NEAR(differ, n / 2, 4 * sqrt((double)n) / 2);        /* seeds are independent, */
    CHECK_NEAR(joint, n / 4, 4 * sqrt((double)n) / 2);         /* and so are neighbours */
}

static void weighted_shares(void **state)
{
    struct study s = { .lambda = 0.3 };

    (void)state;
    for (int64_t from = 0; from < 500; from += 7)
        for (int64_t n = 1; n < 200; n += 13)
            CHECK_NEAR(prefs(&policy_weighted, &s, from, from + n), 0.3 * (double)n, 1 + 1e-9);
    s.lambda = 0.5;
    CHECK(prefs(&policy_weighted, &s, 0, 1000) == 500);
}

static const struct opt *option(const struct policy *p, const char *name)
{
    const struct opt *o = p->opts;

    while (strcmp(o->name, name) != 0)
        o++;
    return o;
}

static void set(const struct policy *p, const char *name, double v)
{
    const struct opt *o = option(p, name);

    if (o->type == OPT_INT)
        *(int64_t *)o->to = (int64_t)v;
    else
        *(double *)o->to = v;
}

static void sequential_order(void **state)
{
    const char **order = option(&policy_sequential, "order")->to;
    struct pick k;

    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        *order = turn ? "pref,sft" : "sft,pref";
        CHECK_ST(policy_sequential.check(&usual), ST_OK);
        for (int64_t i = 0; i < 1000; i++) {
            policy_sequential.pick(&usual, NULL, i, &k);
            CHECK((k.obj == OBJ_PREF) == (turn ? i < 300 : i >= 700));
            CHECK_STR(k.phase, obj_name(k.obj));
        }
    }
    *order = "sft";
    CHECK_ST(policy_sequential.check(&usual), ST_USAGE);
    err_clear();
    *order = "sft,pref";
}

/* What maxright picks at step i when these are the last losses. */
static enum obj picks(const struct study *s, double sft, double pref, int64_t i)
{
    double state[POLICY_STATE_MAX] = { 0 };
    struct pick k;

    policy_maxright.learn(s, state, &(struct seen){ 0, OBJ_SFT, WHY_REFRESH, sft });
    policy_maxright.learn(s, state, &(struct seen){ 0, OBJ_PREF, WHY_REFRESH, pref });
    policy_maxright.pick(s, state, i, &k);
    return k.obj;
}

static void maxright_gaps(void **state)
{
    struct study s = { .lambda = 0.5, .quiet = true };

    (void)state;
    set(&policy_maxright, "opt-sft", 0.5);
    set(&policy_maxright, "opt-pref", 0.25);
    CHECK(picks(&s, 2.0, 1.0, 1) == OBJ_SFT);          /* .75 against .375 */
    CHECK(picks(&s, 0.75, 1.0, 1) == OBJ_PREF);        /* .125 against .375 */
    CHECK(picks(&s, 1.5, 1.25, 1) == OBJ_SFT);         /* .5 both: a tie */
    CHECK(picks(&s, 0.0, 0.375, 1) == OBJ_PREF);       /* -.25 counts 0, against .0625 */
    CHECK(picks(&s, 0.625, -9, 1) == OBJ_SFT);
    s.lambda = 0.75;
    CHECK(picks(&s, 2.0, 1.0, 1) == OBJ_PREF);         /* .25 1.5 = .375 against .75 .75 = .5625 */
    CHECK(picks(&s, 3.5, 1.25, 1) == OBJ_SFT);         /* .75 both */
    set(&policy_maxright, "scale-pref", 4);
    CHECK(picks(&s, 2.0, 1.0, 1) == OBJ_SFT);          /* .375 against .1406 */
    set(&policy_maxright, "scale-pref", 1);
    set(&policy_maxright, "opt-sft", 0);
    set(&policy_maxright, "opt-pref", 0);
}

static void maxright_draws(void **state)
{
    struct study s = { .lambda = 0.3, .seed_draw = 3, .quiet = true };
    const int64_t n = 100000;
    int64_t none = 0, swapped = 0;

    (void)state;
    for (int64_t i = 0; i < n; i++)
        none += picks(&s, 0, -1, i) == OBJ_PREF;       /* no gap at all: a draw by lambda */
    CHECK_NEAR(none, 0.3 * (double)n, 4 * sqrt((double)n * 0.21));
    set(&policy_maxright, "epsilon", 0.1);
    for (int64_t i = 0; i < n; i++)
        swapped += picks(&s, 2, 1, i) == OBJ_PREF;
    CHECK_NEAR(swapped, 0.1 * (double)n, 4 * sqrt((double)n * 0.09));
    set(&policy_maxright, "epsilon", 1);
    CHECK(picks(&s, 2, 1, 5) == OBJ_PREF);
    set(&policy_maxright, "epsilon", 0);
}

static void maxright_refresh(void **state)
{
    struct study s = { .lambda = 0.5 };

    (void)state;
    for (s.delay = 0; s.delay < 4; s.delay++)
        for (int64_t i = 0; i < 50; i++)               /* D updates ahead of every tenth decision */
            CHECK(policy_maxright.refresh(&s, i) == (i == 0 || (i + s.delay) % 10 == 0));
    s.delay = 1;
    set(&policy_maxright, "refresh", 1);
    for (int64_t i = 0; i < 9; i++)
        CHECK(policy_maxright.refresh(&s, i));
    set(&policy_maxright, "refresh", 0);
    for (int64_t i = 0; i < 9; i++)
        CHECK(policy_maxright.refresh(&s, i) == (i == 0));
    set(&policy_maxright, "refresh", 10);
}

static void maxright_stale(void **state)
{
    struct study s = { .lambda = 0.25 };
    double own[POLICY_STATE_MAX] = { 0 };
    struct figure f[POLICY_FIGURES_MAX];
    struct pick k;

    (void)state;
    policy_maxright.learn(&s, own, &(struct seen){ 0, OBJ_SFT, WHY_REFRESH, 2 });
    policy_maxright.learn(&s, own, &(struct seen){ 0, OBJ_PREF, WHY_REFRESH, 4 });
    policy_maxright.learn(&s, own, &(struct seen){ 3, OBJ_SFT, WHY_UPDATE, 1 });
    CHECK(policy_maxright.figures(&s, own, 7, f) == 6);
    CHECK_STR(f[0].name, "mix/gap_sft");
    CHECK_NEAR(f[0].value, 0.75, 0);                   /* renewed by its own training loss */
    CHECK_NEAR(f[1].value, 1.00, 0);                   /* as it was measured, seven steps ago */
    CHECK_NEAR(f[2].value, 4, 0);
    CHECK_NEAR(f[3].value, 7, 0);
    policy_maxright.pick(&s, own, 7, &k);
    CHECK(k.obj == OBJ_PREF);
    policy_maxright.learn(&s, own, &(struct seen){ 8, OBJ_PREF, WHY_UPDATE, -1 });
    CHECK(policy_maxright.figures(&s, own, 9, f) == 6 && f[1].value == 0);     /* no gap, */
    CHECK(f[5].value == -1 && f[4].value == 1);        /* but told with its sign, unweighted */
}

int main(void)
{
    return RUN(TEST(listed), TEST(weights), TEST(limits), TEST(goes_on), TEST(alright_draws),
               TEST(weighted_shares), TEST(sequential_order), TEST(maxright_gaps),
               TEST(maxright_draws), TEST(maxright_refresh), TEST(maxright_stale));
}
