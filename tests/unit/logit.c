/* logit.c - the regression by closed forms, and where it has no maximum. */
#include <math.h>

#include "evalc/logit.h"
#include "tests/check.h"

/* Half of the outcomes are won at x = -1, three quarters at 1: logit p = log 3 / 2 (1 + x). */
static void two_places(void **state)
{
    const double x[] = { -1, -1, 1, 1, 1, 1 }, y[] = { 0, 1, 1, 1, 1, 0 };
    const int64_t each[] = { 0, 1, 2, 3, 4, 5 }, one[] = { 0, 0, 0, 0, 0, 0 };
    struct logit_fit f = logit_fit(&(struct logit){ 6, x, y, each });

    (void)state;
    CHECK_NEAR(f.slope, log(3) / 2, 1e-12);
    CHECK_NEAR(f.share, sqrt(3) / (1 + sqrt(3)), 1e-12);
    /* base is the mean of two logits, of 1/2 and 3/4: each scatters by its residuals over n p q */
    double low = 2 * .25 / (.5 * .5), high = (3 * .0625 + .5625) / (.75 * .75);
    double se = sqrt(6. / 5 * (low + high)) / 2;
    CHECK_NEAR(f.se, f.share * (1 - f.share) * se, 1e-12);
    f = logit_fit(&(struct logit){ 6, x, y, one });
    CHECK_NEAR(f.slope, log(3) / 2, 1e-12);
    CHECK(isnan(f.se));                                /* one unit: nothing to scatter */
}

/* A tie is half of either, and makes an overlap; order and signs do not matter. */
static void symmetry(void **state)
{
    const double x[] = { -3, -1, 0, 1, 3 }, y[] = { 0, 0, .5, 1, 1 }, mixed[] = { 0, 1, .5, 0, 1 };
    const int64_t unit[] = { 0, 1, 2, 3, 4 };
    struct logit_fit f = logit_fit(&(struct logit){ 5, x, mixed, unit });

    (void)state;
    CHECK_NEAR(f.share, .5, 1e-12);
    CHECK(f.slope > 0);
    CHECK(isnan(logit_fit(&(struct logit){ 5, x, y, unit }).share));
}

static void without_a_maximum(void **state)
{
    const double x[] = { -2, -1, 1, 2 }, same[] = { 1, 1, 1, 1 };
    const int64_t unit[] = { 0, 1, 2, 3 };
    const double none[][4] = {
        { 0, 0, 1, 1 }, { 1, 1, 0, 0 }, { 1, 1, 1, 1 }, { 0, 0, 0, 0 },
        { 0, 1, 1, 1 }, { 0, .5, 1, 1 },
    };

    (void)state;
    for (int i = 0; i < countof(none); i++) {
        struct logit_fit f = logit_fit(&(struct logit){ 4, x, none[i], unit });
        CHECK(isnan(f.share) && isnan(f.se) && isnan(f.slope));
    }
    CHECK(isnan(logit_fit(&(struct logit){ 4, same, none[0], unit }).share));
    CHECK(isnan(logit_fit(&(struct logit){ 0, x, same, unit }).share));
}

int main(void)
{
    return RUN(TEST(two_places), TEST(symmetry), TEST(without_a_maximum));
}
