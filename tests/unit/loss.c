/* loss.c - every loss of loss.def against central differences, its weights, and its numbers by
 * hand.
 *
 * The walk itself is tested too: a loss with a sign planted wrong must be caught by it. */
#include "base/rng.h"
#include "step/loss.h"
#include "tests/check.h"

enum { N = 12, M = 41 * N };                   /* sequences, six pairs; tokens at most */

static struct cols {
    double  logp[N], ref[N], w[N], token[M], still[M], norm, base;
    bool    good[N];
    int32_t len[N];
} c;

static double draw(int64_t sub, int64_t i)
{
    return rng_unit(11, RNG_STREAM(RNG_TEST, sub), (uint64_t)i);
}

static struct seen columns(const struct loss *l, double spread)
{
    bool pairs = l->needs & NEED_PAIRS, tokens = l->needs & NEED_TOKENS;
    int64_t k = 0;

    c.norm = 0;
    for (int64_t i = 0; i < N; i++) {
        c.len[i] = (int32_t)(1 + (int64_t)(40 * draw(0, i)));
        c.logp[i] = -spread * c.len[i] * draw(1, i);
        c.ref[i] = -spread * c.len[i] * draw(2, i);
        c.w[i] = 0.5 + draw(3, pairs ? i / 2 : i);
        c.good[i] = draw(4, i) < 0.6;
        for (int64_t end = k + c.len[i]; tokens && k < end; k++)
            c.token[k] = c.still[k] = -spread * draw(5, k);
        c.norm += pairs                      ? (i % 2 ? 0 : c.w[i])
                  : l->needs & NEED_LABELS ? c.w[i]
                                             : c.w[i] * c.len[i];
    }
    return (struct seen){ .n = N, .logp = c.logp, .ref = l->needs & NEED_REF ? c.ref : NULL,
                          .len = c.len, .w = c.w, .norm = c.norm,
                          .good = l->needs & NEED_LABELS ? c.good : NULL,
                          .base = l->needs & NEED_STEP ? spread : 0,
                          .token = tokens ? c.token : NULL, .still = tokens ? c.still : NULL };
}

/* How many derivatives there are. */
static int64_t places(const struct loss *l)
{
    int64_t n = 0;

    for (int64_t i = 0; i < N; i++)
        n += l->needs & NEED_TOKENS ? c.len[i] : 1;
    return n;
}

/* The largest |dlogp - central difference| over what may be: 0 is right, above 1 is not. */
static double worst(const struct loss *l, double spread)
{
    struct seen s = columns(l, spread);
    double d[M], unused[M], most = 0, *of = s.token ? c.token : c.logp;
    double value = loss_eval(l, &s, d);

    for (int64_t i = 0; i < places(l); i++) {
        double h = 1e-4 * MIN(1, fabs(of[i])), was = of[i], at[4];
        for (int k = 0; k < 4; k++) {              /* was - 2h, - h, + h, + 2h: error h^4 */
            of[i] = was + (k < 2 ? k - 2 : k - 1) * h;
            at[k] = loss_eval(l, &s, unused);
        }
        of[i] = was;
        double off = fabs((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h) - d[i]);
        double may = 1e-7 * (fabs(d[i]) + 1e-3) + 1e-11 * fabs(value) / h;
        if (!(off / may <= most))
            most = off / may;
    }
    return most;
}

static void gradients(void **state)
{
    (void)state;
    for (int64_t i = 0; losses[i]; i++)
        for (double spread = 0.01; spread < 20; spread *= 7) {
            double off = worst(losses[i], spread);
            if (!(off <= 1))
                check_failed(__FILE__, __LINE__, "%s at %g: gradient off by %g times what may be",
                             losses[i]->name, spread, off);
        }
}

/* What is known before the forward is what comes out after it. */
static void known(void **state)
{
    (void)state;
    for (int64_t i = 0; losses[i]; i++) {
        struct seen s = columns(losses[i], 1);
        double after[N], before[N];
        if (!losses[i]->known)
            continue;
        loss_eval(losses[i], &s, after);
        s.logp = NULL;
        loss_eval(losses[i], &s, before);
        CHECK(memcmp(after, before, sizeof after) == 0);
    }
}

/* The parts of a step add up, whatever the cut. */
static void parts(void **state)
{
    (void)state;
    for (int64_t i = 0; losses[i]; i++) {
        struct seen s = columns(losses[i], 1);
        double d[M], sum = 0, part[M], whole = loss_eval(losses[i], &s, d);
        int64_t to = 0;
        for (int64_t at = 0; at < N; at += 4) {
            struct seen p = { 4, s.logp + at, s.ref ? s.ref + at : NULL, s.len + at, s.w + at,
                              s.norm, s.good ? s.good + at : NULL, s.base,
                              s.token ? s.token + to : NULL, s.token ? s.still + to : NULL };
            sum += loss_eval(losses[i], &p, part + to);
            for (int64_t k = at; k < at + 4; k++)
                to += s.token ? s.len[k] : 1;
        }
        CHECK_NEAR(sum, whole, 1e-12 * fabs(whole));
        CHECK(to == places(losses[i]) && memcmp(part, d, (size_t)to * sizeof *d) == 0);
    }
}

static void by_hand(void **state)
{
    (void)state;
    double logp[4] = { -3, -5, -2, -1 }, ref[4] = { -4, -4, -2, -1 }, w[4] = { 1, 1, 1, 1 }, d[4];
    int32_t len[4] = { 2, 2, 1, 1 };
    struct seen s = { .n = 4, .logp = logp, .ref = ref, .len = len, .w = w, .norm = 2 };
    double x = 0.1 * 2;

    CHECK_NEAR(loss_eval(&loss_dpo, &s, d), (log(1 + exp(-x)) + log(2)) / 2, 1e-15);
    CHECK_NEAR(d[0], -0.1 / (1 + exp(x)) / 2, 1e-15);
    CHECK_NEAR(d[1], 0.1 / (1 + exp(x)) / 2, 1e-15);
    CHECK_NEAR(d[2], -0.1 / 4, 1e-15);
    s.norm = 6;
    CHECK_NEAR(loss_eval(&loss_sft, &s, d), 11. / 6, 1e-15);
    CHECK_NEAR(d[3], -1. / 6, 1e-15);
    /* far out nothing overflows */
    logp[0] = -1e5;
    s.norm = 2;
    CHECK_NEAR(loss_eval(&loss_dpo, &s, d), (1e4 - 0.1 + log(2)) / 2, 1);
    CHECK_NEAR(d[0], -0.05, 1e-12);
}

/* Every loss of pairs as TRL has it: tests/golden/losses.py. */
static void as_trl(void **state)
{
    (void)state;
    FILE *f = fopen("tests/golden/losses.txt", "r");
    char name[32];
    double v[9], one[2] = { 1, 1 }, d[2];
    int64_t n = 0, covered = 0;

    CHECK(f);
    while (f && fscanf(f, "%31s", name) == 1) {
        const struct loss *l = NULL;
        for (int k = 0; k < countof(v); k++)
            CHECK(fscanf(f, "%lf", &v[k]) == 1);
        CHECK_ST(loss_find(&l, name, true), ST_OK);
        int32_t len[2] = { (int32_t)v[4], (int32_t)v[5] };
        struct seen s = { .n = 2, .logp = v, .ref = l->needs & NEED_REF ? v + 2 : NULL, .len = len,
                          .w = one, .norm = 1 };
        CHECK_NEAR(loss_eval(l, &s, d), v[6], 1e-12 * (1 + fabs(v[6])));
        for (int k = 0; k < 2; k++)
            CHECK_NEAR(d[k], v[7 + k], 1e-12 * (1 + fabs(v[7 + k])));
        n++;
    }
    if (f)
        fclose(f);
    for (int64_t i = 0; losses[i]; i++)
        covered += (losses[i]->needs & NEED_PAIRS) != 0;
    CHECK(n == 12 * covered);
}

static void near(double got, double want)
{
    CHECK_NEAR(got, want, 1e-12 * (1 + fabs(want)));
}

/* The losses of single rows as TRL has them, the baseline of kto too: losses.py rows. */
static void rows_as_trl(void **state)
{
    (void)state;
    FILE *f = fopen("tests/golden/losses-rows.txt", "r");
    char name[32];
    int64_t seen = 0, blocks = 0;
    int n;
    double base, value;

    CHECK(f);
    while (f && fscanf(f, "%31s %d %lf %lf", name, &n, &base, &value) == 4) {
        const struct loss *l = NULL;
        static double logp[64], ref[64], other[64], other_ref[64], want[64], w[64], d[64];
        bool good[64], tokens = strcmp(name, "dft") == 0;
        int32_t len[64] = { n };
        CHECK_ST(loss_find(&l, name, !tokens), ST_OK);
        for (int k = 0; k < n; k++) {
            double mark = 0;
            CHECK(tokens ? fscanf(f, "%lf %lf", &logp[k], &want[k]) == 2
                         : fscanf(f, "%lf %lf %lf %lf %lf %lf", &logp[k], &ref[k], &other[k],
                                  &other_ref[k], &mark, &want[k]) == 6);
            good[k] = mark == 1;
            w[k] = 1;
        }
        struct seen s = { .n = tokens ? 1 : n, .logp = logp, .ref = ref, .len = len, .w = w,
                          .norm = n, .good = good, .token = logp, .still = logp };
        struct seen o = { .n = n, .logp = other, .ref = other_ref, .w = w };
        s.base = l->base ? l->base(&o) : 0;
        near(s.base, base);
        near(loss_eval(l, &s, d), value);
        for (int k = 0; k < n; k++)
            near(d[k], want[k]);
        seen |= (int64_t)1 << (tokens ? 0 : l->base ? 1 : 2);
        blocks++;
    }
    if (f)
        fclose(f);
    CHECK(seen == 7 && blocks == 11);
}

/* Weights count in the baseline, which is never below 0; no number stays none. */
static void baseline(void **state)
{
    (void)state;
    double logp[2] = { -1, -8 }, ref[2] = { -4, -4 }, w[2] = { 3, 1 };
    struct seen s = { .n = 2, .logp = logp, .ref = ref, .w = w };

    CHECK_NEAR(loss_kto.base(&s), 5 / 4., 1e-15);
    w[0] = 1;
    CHECK(loss_kto.base(&s) == 0);
    logp[1] = NAN;
    CHECK(isnan(loss_kto.base(&s)));
}

/* DPO with the sign of one side wrong. */
static double planted(const struct seen *s, double *dlogp)
{
    double v = loss_eval(&loss_dpo, s, dlogp);

    for (int64_t i = 1; i < s->n; i += 2)
        dlogp[i] = -dlogp[i];
    return v;
}

/* DFT with the gradient of the weight that is held still. */
static double planted_token(const struct seen *s, double *d)
{
    double v = loss_eval(&loss_dft, s, d);

    for (int64_t i = 0, k = 0; i < s->n; i++)
        for (int64_t end = k + s->len[i]; k < end; k++)
            d[k] *= 1 + s->token[k];
    return v;
}

static void walk_sees(void **state)
{
    (void)state;
    struct loss wrong = loss_dpo;
    wrong.pair = NULL;
    wrong.eval = planted;
    CHECK(worst(&wrong, 0.01) > 1);
    wrong = loss_dft;
    wrong.eval = planted_token;
    CHECK(worst(&wrong, 0.01) > 1);
    CHECK(worst(&loss_dpo, 0.01) <= 1);
}

static void names(void **state)
{
    (void)state;
    const struct loss *l;
    struct opt_group g[4];

    CHECK_ST(loss_find(&l, "dpo", true), ST_OK);
    CHECK(l == &loss_dpo);
    CHECK_ST(loss_find(&l, "dpo", false), ST_USAGE);
    CHECK_STR(err_text(), "--sft-loss: 'dpo' is not a loss of that kind; there is sft, dft");
    err_clear();
    loss_groups(g, 4);
    CHECK_STR(g[0].title, "Options of --pref-loss dpo");
    CHECK_STR(g[2].title, "Options of --pref-loss robust");
    CHECK(g[3].opts == NULL);
}

int main(void)
{
    return RUN(TEST(gradients), TEST(known), TEST(parts), TEST(by_hand), TEST(as_trl),
               TEST(rows_as_trl), TEST(baseline), TEST(walk_sees), TEST(names));
}
