/* score.c - statistics against known answers and against sums done the long way; fronts by hand. */
#include "tests/check.h"
#include "base/rng.h"
#include "evalc/score.h"

static double draw(int64_t i)
{
    return rng_unit(1, RNG_STREAM(RNG_TEST, 0), (uint64_t)i);
}

static void means(void **state)
{
    (void)state;
    struct score s = { 0 };

    CHECK(isnan(score_mean(&s)) && isnan(score_se(&s)));
    score_add(&s, 2, 1);
    CHECK_NEAR(score_mean(&s), 2, 0);
    CHECK(isnan(score_se(&s)));                            /* one row tells nothing about others */
    for (int i = 0; i < 7; i++)                            /* 2 4 4 4 5 5 7 9: mean 5, s^2 32/7 */
        score_add(&s, (double[]){ 4, 4, 4, 5, 5, 7, 9 }[i], 1);
    CHECK_NEAR(score_mean(&s), 5, 0);
    CHECK_NEAR(score_se(&s), sqrt(32.0 / 7 / 8), 1e-15);
}

static void share(void **state)
{
    (void)state;
    struct score s = { 0 };

    for (int i = 0; i < 200; i++)
        score_add(&s, i % 4 == 0, 1);
    CHECK_NEAR(score_mean(&s), 0.25, 0);
    CHECK_NEAR(score_se(&s), sqrt(0.25 * 0.75 / 199), 1e-15);
}

/* sum nll / sum tokens against the formula, and against what other draws of rows really do */
static void ratio(void **state)
{
    (void)state;
    enum { ROWS = 400, DRAWS = 2000 };
    double a[ROWS], b[ROWS], sum_a = 0, sum_b = 0, rest = 0, mean_se = 0, mean = 0, square = 0;
    struct score s = { 0 };

    for (int i = 0; i < ROWS; i++) {
        b[i] = 1 + floor(30 * draw(2 * i));
        a[i] = b[i] * (1 + draw(2 * i + 1));
        score_add(&s, a[i], b[i]);
        sum_a += a[i];
        sum_b += b[i];
    }
    for (int i = 0; i < ROWS; i++)
        rest += pow(a[i] - sum_a / sum_b * b[i], 2);
    CHECK_NEAR(score_mean(&s), sum_a / sum_b, 0);
    CHECK_NEAR(score_se(&s) / (sqrt(ROWS / (ROWS - 1.0) * rest) / sum_b), 1, 1e-12);

    for (int d = 0; d < DRAWS; d++) {
        struct score t = { 0 };
        for (int i = 0; i < 100; i++) {
            int64_t k = (int64_t)(ROWS * draw(10000 + 100 * d + i));
            score_add(&t, a[k], b[k]);
        }
        mean += score_mean(&t) / DRAWS;
        square += score_mean(&t) * score_mean(&t) / DRAWS;
        mean_se += score_se(&t) / DRAWS;
    }
    CHECK_NEAR(mean_se / sqrt(square - mean * mean), 1, 0.08);
}

/* far from 0 the centred products must not cancel, and rows without spread have no error */
static void steady(void **state)
{
    (void)state;
    struct score s = { 0 }, flat = { 0 };

    for (int i = 0; i < 1000; i++) {
        score_add(&s, 1e9 + (i % 2), 1);
        score_add(&flat, 0.1 * (1 + i % 7), 1 + i % 7);
    }
    CHECK_NEAR(score_se(&s) / sqrt(0.25 / 999), 1, 1e-6);
    CHECK_NEAR(score_se(&flat), 0, 1e-12);
    score_add(&s, NAN, 1);
    CHECK(isnan(score_mean(&s)) && isnan(score_se(&s)));
}

static void softplus(void **state)
{
    (void)state;
    CHECK_NEAR(score_softplus(0), log(2), 0);
    CHECK_NEAR(score_softplus(800), 800, 0);
    CHECK_NEAR(score_softplus(-40) / exp(-40), 1, 1e-15);
    for (double x = -30; x < 30; x += 0.7)
        CHECK_NEAR(score_softplus(x) - score_softplus(-x), x, 1e-14 * (1 + fabs(x)));
    CHECK(isnan(score_softplus(NAN)));
}

static void distances(void **state)
{
    (void)state;
    CHECK_NEAR(score_distance((struct point){ 3, 4 }), 5, 0);
    CHECK_NEAR(score_distance((struct point){ -3, 4 }), 4, 0);
    CHECK_NEAR(score_distance((struct point){ -3, -4 }), 0, 0);
    CHECK(isnan(score_distance((struct point){ NAN, 4 })));
    CHECK_NEAR(score_distance_se((struct point){ 3, 4 }, (struct point){ 0.1, 0.2 }),
               hypot(0.3, 0.8) / 5, 1e-15);
    CHECK_NEAR(score_distance_se((struct point){ -3, 4 }, (struct point){ 0.1, 0.2 }), 0.2, 1e-15);
    CHECK_NEAR(score_distance_se((struct point){ -3, 0 }, (struct point){ 0.1, 0.2 }), 0, 0);
}

static void dominance(void **state)
{
    (void)state;
    struct point p = { 1, 2 };

    CHECK(score_dominates((struct point){ 1, 1.5 }, p));
    CHECK(score_dominates((struct point){ 0.5, 2 }, p));
    CHECK(!score_dominates(p, p));                         /* twins do not beat each other */
    CHECK(!score_dominates((struct point){ 0.5, 2.5 }, p));
    CHECK(!score_dominates((struct point){ NAN, 1 }, p));
    CHECK(!score_dominates(p, (struct point){ NAN, NAN }));
}

static void hypervolume(void **state)
{
    (void)state;
    struct point one[] = { { 0.25, 0.5 } }, ideal[] = { { -0.1, 0 }, { 0.5, 0.5 } };
    struct point three[] = { { 0.75, 0.25 }, { 0.5, 0.5 }, { 0.25, 0.75 }, { 0.8, 0.8 } };
    struct point out[] = { { 1, 0 }, { 0, 1.5 }, { NAN, 0 }, { 2, 2 } };
    struct point twins[] = { { 0.5, 0.6 }, { 0.5, 0.5 }, { 0.5, 0.5 } };

    CHECK_NEAR(score_hypervolume(one, 1), 0.375, 0);
    CHECK_NEAR(score_hypervolume(ideal, 2), 1, 0);
    CHECK_NEAR(score_hypervolume(three, 4), 0.25 * (0.25 + 0.5 + 0.75), 1e-16);
    CHECK_NEAR(score_hypervolume(out, 4), 0, 0);
    CHECK_NEAR(score_hypervolume(twins, 3), 0.25, 0);
    CHECK_NEAR(score_hypervolume(one, 0), 0, 0);
}

/* against the share of 10^5 draws that some point dominates */
static void hypervolume_drawn(void **state)
{
    (void)state;
    enum { POINTS = 12, DRAWS = 100000 };
    struct point p[POINTS], copy[POINTS];
    int64_t under = 0;

    for (int i = 0; i < POINTS; i++) {
        double x = draw(i) * 1.2 - 0.1;
        copy[i] = p[i] = (struct point){ x, 1 - x + 0.4 * (draw(100 + i) - 0.5) };
    }
    for (int64_t d = 0; d < DRAWS; d++) {
        struct point q = { draw(1000 + 2 * d), draw(1001 + 2 * d) };
        bool hit = false;
        for (int i = 0; i < POINTS; i++)
            hit = hit || (p[i].sft <= q.sft && p[i].pref <= q.pref);
        under += hit;
    }
    double share_drawn = (double)under / DRAWS;
    CHECK_NEAR(score_hypervolume(copy, POINTS), share_drawn, 4 * sqrt(0.25 / DRAWS));
}

int main(void)
{
    return RUN(TEST(means), TEST(share), TEST(ratio), TEST(steady), TEST(softplus), TEST(distances),
               TEST(dominance), TEST(hypervolume), TEST(hypervolume_drawn));
}
