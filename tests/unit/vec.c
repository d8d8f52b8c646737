/* vec.c - the vector functions against libm in double, and what they do with the ends of their
 * range and with NaN.
 *
 * Errors are told in units in the last place of the right answer. */
#include "math/cpu/vec.h"
#include "tests/check.h"

static double ulps(float got, double want)
{
    int e;

    frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, e - 24);
}

/* The worst of f over n points of [from, to], against the double g. */
#define WORST(worst, f, g, from, to, n)                                        \
    do {                                                                       \
        worst = 0;                                                             \
        for (int64_t i_ = 0; i_ < (n); i_ += LANES) {                          \
            vec x_;                                                            \
            for (int l = 0; l < LANES; l++)                                    \
                x_[l] = (float)((from) + ((to) - (from)) * (double)(i_ + l) / (double)(n)); \
            vec y_ = f(x_);                                                    \
            for (int l = 0; l < LANES; l++) {                                  \
                double off_ = ulps(y_[l], g((double)x_[l]));                   \
                worst = off_ <= worst ? worst : off_;                          \
            }                                                                  \
        }                                                                      \
    } while (0)

static vec sigmoid(vec x)
{
    vec rest;
    return v_sigmoid(x, &rest);
}

static vec beyond(vec x)                       /* what sigmoid leaves of 1 */
{
    vec rest;
    v_sigmoid(x, &rest);
    return rest;
}

static vec erfc16(vec x)
{
    return v_erfc(x, v_gauss(x * 1.41421356f));
}

static double sigmoid_d(double x) { return 1 / (1 + exp(-x)); }
static double beyond_d(double x)  { return 1 / (1 + exp(x)); }
static double gauss_d(double x)   { return exp(-x * x / 2); }

static void accuracy(void **state)
{
    double worst;

    (void)state;
    WORST(worst, v_exp, exp, -87.3, 88.3, 1000000);
    CHECK_NEAR(worst, 0, 2);
    WORST(worst, v_exp, exp, -1.0, 1.0, 100000);
    CHECK_NEAR(worst, 0, 2);
    WORST(worst, v_log, log, 2.0, 1e6, 1000000);
    CHECK_NEAR(worst, 0, 4);
    WORST(worst, v_log, log, 1e-30, 0.5, 100000);
    CHECK_NEAR(worst, 0, 4);
    WORST(worst, sigmoid, sigmoid_d, -80.0, 20.0, 100000);
    CHECK_NEAR(worst, 0, 4);
    WORST(worst, beyond, beyond_d, -20.0, 80.0, 100000);
    CHECK_NEAR(worst, 0, 5);
    WORST(worst, v_gauss, gauss_d, -13.0, 13.0, 100000);
    CHECK_NEAR(worst, 0, 4);
    WORST(worst, v_sqrt, sqrt, 0.0, 100.0, 100000);
    CHECK_NEAR(worst, 0, 0.5);
    WORST(worst, erfc16, erfc, 0.0, 1.0, 100000);  /* further out x times sqrt 2 rounds */
    CHECK_NEAR(worst, 0, 10);
}

static void ends(void **state)
{
    (void)state;
    CHECK(exp1(-INFINITY) == 0);
    CHECK(exp1(-200) == 0);
    CHECK(exp1(0) == 1);
    CHECK(exp1(100) == INFINITY);
    CHECK(exp1(INFINITY) == INFINITY);
    CHECK(isnan(exp1(NAN)));
    CHECK(isnan(v_log(v_splat(NAN))[3]));
    CHECK(isnan(v_gauss(v_splat(NAN))[3]));
    CHECK(isnan(sigmoid(v_splat(NAN))[3]));
    CHECK(isnan(beyond(v_splat(NAN))[3]));
    CHECK(v_log(v_splat(1))[0] == 0);
    CHECK(sigmoid(v_splat(1000))[0] == 1);
    CHECK_NEAR(sigmoid(v_splat(-1000))[0], 0, 1e-37);
    CHECK_NEAR(beyond(v_splat(-1000))[0], 1, 1e-6);
}

static void turns(void **state)
{
    vec r[LANES];

    (void)state;
    for (int i = 0; i < LANES; i++)
        for (int j = 0; j < LANES; j++)
            r[i][j] = (float)(100 * i + j);
    v_turn(r);
    for (int i = 0; i < LANES; i++)
        for (int j = 0; j < LANES; j++)
            CHECK(r[i][j] == (float)(100 * j + i));
}

static void parts(void **state)
{
    float from[64], to[64];

    (void)state;
    for (int i = 0; i < 64; i++)
        from[i] = (float)(i + 1);
    for (int64_t n = 0; n <= LANES; n++) {
        for (int i = 0; i < 64; i++)
            to[i] = -1;
        vec a = v_load_part(from, n);
        v_store_part(to + 3, a, n);
        for (int i = 0; i < LANES; i++) {
            CHECK(a[i] == (i < n ? (float)(i + 1) : 0));
            CHECK(to[3 + i] == (i < n ? (float)(i + 1) : -1));
        }
        CHECK_NEAR(v_sum(a), (double)(n * (n + 1)) / 2, 0);
        CHECK(v_top(a) == (float)n);
        vec kept[1] = { v_zero() };
        v_stream((float *)kept, a);
        v_streamed();
        CHECK(memcmp(kept, &a, sizeof(a)) == 0);
    }
}

int main(void)
{
    return RUN(TEST(accuracy), TEST(ends), TEST(turns), TEST(parts));
}
