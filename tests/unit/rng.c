/* rng.c - the values that never change, their statistics, and permutations. */
#include "base/rng.h"
#include "tests/check.h"

enum { N = 100000 };

static void golden(void **state)
{
    (void)state;
    CHECK(rng(0, 0, 0) == UINT64_C(0x613a6385ffa873e2));
    CHECK(rng(1, RNG_STREAM(RNG_DRAW, 0), 0) == UINT64_C(0xe9edfa46285e0130));
    CHECK(rng(1, RNG_STREAM(RNG_DRAW, 0), 1) == UINT64_C(0xe40da5f5bc0b118f));
    CHECK(rng(UINT64_MAX, UINT64_MAX, UINT64_MAX) == UINT64_C(0x9912f88424f1e9fc));
    CHECK(rng_unit(7, RNG_STREAM(RNG_TEST, 1), 5) == 0x1.1b6db8238c83ep-2);
    CHECK(rng_normal(7, RNG_STREAM(RNG_TEST, 1), 5) == -0x1.2f5143dc019d3p-1);
    CHECK(rng_normal(7, RNG_STREAM(RNG_TEST, 1), 6) == 0x1.ca002d8db1cbp-1);
    CHECK(rng_perm(7, RNG_STREAM(RNG_SHUFFLE, 0), 1000, 0) == 103);
    CHECK(rng_perm(7, RNG_STREAM(RNG_SHUFFLE, 0), 1000, 999) == 635);
    CHECK(rng_perm(7, RNG_STREAM(RNG_SHUFFLE, 0), UINT64_C(1) << 40, 12345) == 591168212073);
}

/* Each output bit is one half of the time set, and flips half of the time when one input bit
 * flips. */
static void bits(void **state)
{
    int set[64] = { 0 }, flip[64] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t v = rng(3, RNG_STREAM(RNG_TEST, 0), i);
        uint64_t in = UINT64_C(1) << (i % 64);
        uint64_t w = i % 3 == 0 ? rng(3 ^ in, RNG_STREAM(RNG_TEST, 0), i)
                   : i % 3 == 1 ? rng(3, RNG_STREAM(RNG_TEST, 0) ^ in, i)
                   : rng(3, RNG_STREAM(RNG_TEST, 0), i ^ in);
        for (int b = 0; b < 64; b++) {
            set[b] += (int)(v >> b & 1);
            flip[b] += (int)((v ^ w) >> b & 1);
        }
    }
    for (int b = 0; b < 64; b++) {                     /* 4.5 sigma, 128 looks */
        CHECK_NEAR(set[b], N / 2, 4.5 * sqrt(N / 4.0));
        CHECK_NEAR(flip[b], N / 2, 4.5 * sqrt(N / 4.0));
    }
}

static void units(void **state)
{
    double sum = 0, lag = 0, chi = 0, cross = 0;
    int cell[256] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        double u = rng_unit(5, RNG_STREAM(RNG_TEST, 0), i);
        CHECK(u >= 0 && u < 1);
        sum += u;
        cell[(int)(u * 256)]++;
        lag += (u - 0.5) * (rng_unit(5, RNG_STREAM(RNG_TEST, 0), i + 1) - 0.5);
        cross += (u - 0.5) * (rng_unit(5, RNG_STREAM(RNG_TEST, 1), i) - 0.5);
    }
    for (int c = 0; c < 256; c++)
        chi += pow(cell[c] - N / 256.0, 2) / (N / 256.0);
    CHECK_NEAR(sum / N, 0.5, 4 * sqrt(1 / 12.0 / N));
    CHECK_NEAR(chi, 255, 4 * sqrt(2 * 255.0));
    CHECK_NEAR(lag / N, 0, 4 / 12.0 / sqrt(N));
    CHECK_NEAR(cross / N, 0, 4 / 12.0 / sqrt(N));
}

static void normals(void **state)
{
    double sum[5] = { 0 }, worst = 0;

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        double x = rng_normal(5, RNG_STREAM(RNG_TEST, 0), i), p = 1;
        for (int k = 1; k <= 4; k++)
            sum[k] += p *= x;
        /* the distribution function takes it back to the uniform it came from */
        double u = ((double)(rng(5, RNG_STREAM(RNG_TEST, 0), i) >> 12) + 0.5) * 0x1p-52;
        double tail = u < 0.5 ? u : 1 - u;
        worst = fmax(worst, fabs(0.5 * erfc(fabs(x) / sqrt(2)) / tail - 1));
    }
    CHECK_NEAR(worst, 0, 1e-13);
    CHECK_NEAR(sum[1] / N, 0, 4 / sqrt(N));
    CHECK_NEAR(sum[2] / N, 1, 4 * sqrt(2.0 / N));
    CHECK_NEAR(sum[3] / N, 0, 4 * sqrt(15.0 / N));
    CHECK_NEAR(sum[4] / N, 3, 4 * sqrt(96.0 / N));
}

static void check_bijection(uint64_t seed, uint64_t n)
{
    static uint8_t hit[1 << 20];

    memset(hit, 0, n);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t to = rng_perm(seed, RNG_STREAM(RNG_TEST, 0), n, i);
        CHECK(to < n && !hit[to]);
        hit[to] = 1;
    }
}

static void permutations(void **state)
{
    static const uint64_t large[] = { 1000, 4096, 4097, 65535, 100003, 1 << 20 };

    (void)state;
    for (uint64_t n = 1; n <= 200; n++)
        for (uint64_t seed = 0; seed < 4; seed++)
            check_bijection(seed, n);
    for (int i = 0; i < (int)(sizeof large / sizeof large[0]); i++)
        check_bijection(9, large[i]);
    for (uint64_t n = UINT64_MAX; n > 1u << 30; n = n / 3)
        for (uint64_t i = 0; i < 100; i++)
            CHECK(rng_perm(1, 2, n, n - 1 - i) < n);
}

/* Over seeds every order of four is as likely as any other, and in a larger one each row lands
 * anywhere. */
static void permutations_are_fair(void **state)
{
    int count[256] = { 0 }, to[50] = { 0 };
    double chi = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 24000; seed++) {
        int order = 0;
        for (uint64_t i = 0; i < 4; i++)
            order = order * 4 + (int)rng_perm(seed, RNG_STREAM(RNG_TEST, 0), 4, i);
        count[order]++;
    }
    for (int i = 0; i < 256; i++)
        if (count[i])
            chi += pow(count[i] - 1000, 2) / 1000;
    CHECK_NEAR(chi, 23, 4 * sqrt(2 * 23.0));
    chi = 0;
    for (uint64_t seed = 0; seed < 50000; seed++)
        to[rng_perm(seed, RNG_STREAM(RNG_TEST, 0), 50, 7)]++;
    for (int i = 0; i < 50; i++)
        chi += pow(to[i] - 1000, 2) / 1000;
    CHECK_NEAR(chi, 49, 4 * sqrt(2 * 49.0));
    int rising = 0;                                    /* neighbours do not stay neighbours */
    for (uint64_t i = 0; i + 1 < N; i++)
        rising += rng_perm(3, RNG_TEST, N, i) < rng_perm(3, RNG_TEST, N, i + 1);
    CHECK_NEAR(rising, N / 2, 4 * sqrt(N / 12.0));
}

int main(void)
{
    return RUN(TEST(golden), TEST(bits), TEST(units), TEST(normals), TEST(permutations),
               TEST(permutations_are_fair));
}
