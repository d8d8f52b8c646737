/* paired.c - paired differences: by hand, and as often right as they claim, on made data. */
#include "base/rng.h"
#include "evalc/paired.h"
#include "evalc/score.h"
#include "tests/check.h"

enum { ITEMS = 150 };

static double a[2][2000], b[2][2000];

static struct paired columns(int64_t n)
{
    return (struct paired){ n, { a[0], a[1] }, { b[0], b[1] } };
}

static double draw(int64_t set, int64_t i)
{
    return rng_unit(5, RNG_STREAM(RNG_TEST, set), (uint64_t)i);
}

static void by_hand(void **state)
{
    (void)state;
    const double base[4] = { 1, 4, 2, 8 }, tokens[4] = { 1, 2, 1, 2 };
    struct paired p = columns(4);

    for (int i = 0; i < 4; i++) {
        a[0][i] = base[i];
        a[1][i] = base[i] - 0.5 * tokens[i];
        b[0][i] = b[1][i] = tokens[i];
    }
    CHECK_NEAR(paired_value(&p, 0), 2.5, 0);
    CHECK_NEAR(paired_difference(&p), -0.5, 1e-15);
    CHECK_NEAR(paired_se(&p), 0, 1e-15);               /* each item moved alike: no doubt left */
    a[1][0] += 1;                                      /* sum of (a1 - a0 + b / 3): .833^2 ... */
    CHECK_NEAR(paired_difference(&p), -1. / 3, 1e-15);
    double u[4] = { (0.5 + 1. / 3) / 6, -(1 - 2. / 3) / 6, -(0.5 - 1. / 3) / 6, -(1 - 2. / 3) / 6 };
    double square = u[0] * u[0] + u[1] * u[1] + u[2] * u[2] + u[3] * u[3];
    CHECK_NEAR(paired_se(&p), sqrt(4. / 3 * square), 1e-15);
    p.n = 1;
    CHECK(isnan(paired_se(&p)));
}

/* 2 sum over i <= min of (n over i) / 2^n, from Python's integers */
static void mcnemar(void **state)
{
    (void)state;
    CHECK_NEAR(paired_mcnemar(80, 120), 0.0056852, 1e-7);
    CHECK_NEAR(paired_mcnemar(1, 8), 0.0390625, 1e-15);
    CHECK_NEAR(paired_mcnemar(8, 1), 0.0390625, 1e-15);
    CHECK_NEAR(paired_mcnemar(3, 3), 1, 0);
    CHECK_NEAR(paired_mcnemar(0, 0), 1, 0);
    CHECK(paired_mcnemar(400000, 420000) < 1e-90);     /* and does not overflow */
}

/* Two points between runs of 2,000 items that differ in a tenth of them: the pairs tell what two
 * independent samples cannot (G39). */
static void planted(void **state)
{
    (void)state;
    struct paired p = columns(2000);
    struct arena *m = arena_new(0);
    struct interval v;
    struct score s[2] = { { 0 }, { 0 } };

    for (int i = 0; i < 2000; i++) {
        a[0][i] = i % 2;
        a[1][i] = i < 120 ? 1 : i < 200 ? 0 : i % 2;   /* of the first 200 they differ in 100 */
        b[0][i] = b[1][i] = 1;
    }
    for (int i = 0; i < 200; i++)                      /* in all: 120 and 80 to one side */
        a[0][i] = i >= 120;
    for (int i = 0; i < 2000; i++)
        for (int k = 0; k < 2; k++)
            score_add(&s[k], a[k][i], 1);
    CHECK_NEAR(paired_difference(&p), 0.02, 1e-15);
    CHECK_ST(paired_bootstrap(&p, 4000, 0.95, 1, &v, m), ST_OK);
    CHECK_NEAR(v.low, 0.02 - 1.96 * sqrt(200 - 0.02 * 40) / 2000, 0.001);
    CHECK_NEAR(v.high, 0.02 + 1.96 * sqrt(200 - 0.02 * 40) / 2000, 0.001);
    CHECK_NEAR(v.p, 0.0047, 0.003);
    double z = 0.02 / hypot(score_se(&s[0]), score_se(&s[1]));
    CHECK_NEAR(erfc(z / sqrt(2)), 0.206, 0.001);
    CHECK_NEAR(paired_needed(&p, 0.95, 0.8), 1955.4, 0.5); /* (2.8016 se / .02)^2 of 2000 */
    arena_free(m);
}

/* Of 1000 made data sets the interval holds the planted difference as often as it claims. */
static double coverage(double level)
{
    struct arena *m = arena_new(0);
    int64_t held = 0;

    for (int64_t set = 0; set < 1000; set++) {
        struct paired p = columns(ITEMS);
        struct interval v;
        size_t mark = arena_mark(m);
        for (int64_t i = 0; i < ITEMS; i++) {
            b[0][i] = b[1][i] = 1 + floor(30 * draw(set, 3 * i));
            a[0][i] = b[0][i] * (1 + draw(set, 3 * i + 1));
            a[1][i] = a[0][i] + b[0][i] * (0.1 + 0.3 * (draw(set, 3 * i + 2) - 0.5));
        }
        CHECK_ST(paired_bootstrap(&p, 400, level, (uint64_t)set, &v, m), ST_OK);
        held += v.low <= 0.1 && v.high >= 0.1;
        arena_back(m, mark);
    }
    arena_free(m);
    return (double)held / 1000;
}

static void covers(void **state)
{
    (void)state;
    CHECK_NEAR(coverage(0.95), 0.95, 0.02);
    CHECK_NEAR(coverage(0.8), 0.8, 0.03);
}

int main(void)
{
    return RUN(TEST(by_hand), TEST(mcnemar), TEST(planted), TEST(covers));
}
