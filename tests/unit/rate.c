/* rate.c - schedules against transformers' own (tests/golden/rates.py), and what is refused. */
#include <math.h>

#include "step/train.h"
#include "tests/check.h"

static struct plan plan_of(const char *schedule)
{
    return (struct plan){ .schedule = schedule, .decay_type = "1-sqrt", .decay_steps = 0.1 };
}

static void as_transformers(void **state)
{
    FILE *f = fopen("tests/golden/rates.txt", "r");
    char name[16], type[16];
    int64_t warmup, total, decay, i, n[SCHEDULE_WSD + 1] = { 0 };
    double least, want;

    (void)state;
    CHECK(f);
    while (f && fscanf(f, "%15s %" SCNd64 " %" SCNd64 " %" SCNd64 " %15s %lf %" SCNd64 " %lf", name,
                       &warmup, &total, &decay, type, &least, &i, &want) == 8) {
        struct plan p = plan_of(name);
        struct rate r;
        p.warmup = warmup;
        p.min_lr = least;
        p.timescale = decay;                   /* each has its own column, and it is the same */
        p.decay_steps = (double)decay;
        p.decay_type = *type == '-' ? "linear" : type;
        CHECK_ST(rate_plan(&r, &p), ST_OK);
        CHECK_ST(rate_length(&r, &p, total), ST_OK);
        CHECK_NEAR(rate_at(&r, i, 0), want, 1e-12);
        n[r.schedule]++;
    }
    if (f)
        fclose(f);
    CHECK(n[SCHEDULE_LINEAR] > 20 && n[SCHEDULE_COSINE] > 20 && n[SCHEDULE_INVERSE_SQRT] > 40 &&
          n[SCHEDULE_WSD] > 200);
}

/* Warm-up, phases and the least share, as the rate itself has them. */
static void by_hand(void **state)
{
    (void)state;
    struct rate r = { .schedule = SCHEDULE_CONSTANT, .warmup = 4 };

    CHECK_NEAR(rate_at(&r, 0, 0), 0.25, 0);
    CHECK_NEAR(rate_at(&r, 3, 0), 1, 0);
    CHECK_NEAR(rate_at(&r, 100, 0), 1, 0);
    CHECK_NEAR(rate_at(&r, 101, 100), 0.5, 0);
    r = (struct rate){ .schedule = SCHEDULE_LINEAR, .warmup = 4, .total = 12, .min_ratio = 0.2 };
    CHECK_NEAR(rate_at(&r, 4, 0), 1, 0);
    CHECK_NEAR(rate_at(&r, 8, 0), 0.6, 1e-15);
    CHECK_NEAR(rate_at(&r, 12, 0), 0.2, 1e-15);
    CHECK_NEAR(rate_at(&r, 8, 8), 0.15, 1e-15); /* a new phase warms up under the run's decay */
    CHECK_NEAR(rate_at(&r, 99, 0), 0.2, 1e-15);
    r = (struct rate){ .schedule = SCHEDULE_COSINE, .total = 10 };
    CHECK_NEAR(rate_at(&r, 0, 0), 1, 0);
    CHECK_NEAR(rate_at(&r, 5, 0), 0.5, 1e-15);
    CHECK_NEAR(rate_at(&r, 10, 0), 0, 1e-15);
}

/* The decay as a share of the run; a new phase warms up under what the run has come to. */
static void shares(void **state)
{
    struct plan p = plan_of("wsd");
    struct rate r;

    (void)state;
    CHECK_ST(rate_plan(&r, &p), ST_OK);
    CHECK_ST(rate_length(&r, &p, 1000), ST_OK);
    CHECK(r.decay == 100);
    CHECK_NEAR(rate_at(&r, 899, 0), 1, 0);
    CHECK_NEAR(rate_at(&r, 925, 0), 0.5, 1e-15);
    CHECK_NEAR(rate_at(&r, 1000, 0), 0, 0);
    p.warmup = 4;
    p.min_lr = 0.2;
    p.decay_type = "linear";
    CHECK_ST(rate_plan(&r, &p), ST_OK);
    CHECK_ST(rate_length(&r, &p, 1000), ST_OK);
    CHECK_NEAR(rate_at(&r, 950, 950), 0.25 * 0.6, 1e-15);
    CHECK_NEAR(rate_at(&r, 2000, 0), 0.2, 1e-15);
    p.schedule = "inverse-sqrt";               /* needs no length */
    CHECK_ST(rate_plan(&r, &p), ST_OK);
    CHECK_ST(rate_length(&r, &p, 0), ST_OK);
    CHECK_NEAR(rate_at(&r, 16, 0), 0.2 + 0.8 * 0.5, 1e-15);
}

static void refused(void **state)
{
    static const struct { const char *schedule, *type; double decay; int64_t warmup, total;
                          const char *say; } bad[] = {
        { "slow", "linear", 0, 0, 10, "'slow' is no schedule" },
        { "wsd", "steep", 0, 0, 10, "'steep' is neither linear" },
        { "wsd", "linear", 1.5, 0, 10, "--decay-steps: is neither" },
        { "wsd", "linear", 8, 3, 10, "a warm-up of 3 updates and a decay of 8 are more than" },
        { "wsd", "linear", 8, 3, 0, "--schedule: a rate that falls needs the length" },
        { "cosine", "linear", 8, 3, 0, "--schedule: a rate that falls needs the length" },
    };

    (void)state;
    for (int64_t i = 0; i < countof(bad); i++) {
        struct plan p = plan_of(bad[i].schedule);
        struct rate r;
        p.decay_type = bad[i].type;
        p.decay_steps = bad[i].decay;
        p.warmup = bad[i].warmup;
        enum st st = rate_plan(&r, &p);
        if (st == ST_OK)
            st = rate_length(&r, &p, bad[i].total);
        CHECK_ST(st, ST_USAGE);
        if (!strstr(err_text(), bad[i].say))
            check_failed(__FILE__, __LINE__, "'%s' lacks '%s'", err_text(), bad[i].say);
        err_clear();
    }
}

int main(void)
{
    err_tool("rate");
    return RUN(TEST(as_transformers), TEST(by_hand), TEST(shares), TEST(refused));
}
