/* trouble.c - what a run does beside its plain course: it begins at another's checkpoint, passes
 * over updates that are no numbers, and ends where its losses are good enough. */
#include "step/doing.h"
#include "tests/unit/runs.h"

/* A run at a constant rate, and from its middle another that decays: as one that had that schedule
 * from the start, log and all; also when it is broken off and resumed. */
static void branch(void **state)
{
    (void)state;
    struct plan p = defaults("main"), q = defaults("wsd"), b = defaults("branch");

    p.save_every = 3;
    p.keep = 0;
    CHECK_ST(run(p, drawn_stream("s", 0, 8, 8)), ST_OK);
    q.schedule = b.schedule = "wsd";
    q.decay_steps = b.decay_steps = 4;
    CHECK_ST(run(q, drawn_stream("s", 0, 8, 8)), ST_OK);
    b.branch = path("main/step-00000003");
    b.resume = true;
    refused(run(b, drawn_stream("s", 0, 8, 8)), ST_DATA,
            "the stream starts at step 0 and the model is at 3");
    CHECK_ST(run(b, drawn_stream("s", 3, 5, 8)), ST_OK);
    CHECK_ST(run(b, drawn_stream("s", 5, 8, 8)), ST_OK);
    check_same("wsd", "branch");
    b.schedule = "constant";                           /* its own recipe holds now */
    refused(run(b, drawn_stream("s", 8, 9, 9)), ST_USAGE, "--schedule wsd");
    b = defaults("newest");
    b.model = NULL;
    b.branch = path("main");                           /* the newest of a run */
    CHECK_ST(run(b, drawn_stream("s", 8, 9, 9)), ST_OK);
    CHECK_ST(run(defaults("nine"), drawn_stream("s", 0, 9, 9)), ST_OK);
    CHECK(view_eq(bytes("nine", "latest/model.safetensors"),
                  bytes("newest", "latest/model.safetensors")));
    b = defaults("nowhere");
    b.branch = path("nine/none");
    refused(run(b, path("s")), ST_SYS, "--branch: '");
    flip("main/step-00000006/model.safetensors");
    b.branch = path("main/step-00000006");
    refused(run(b, path("s")), ST_DATA, "model.safetensors");
}

/* ---- updates that are no numbers ---- */

/* Updates begin .. end - 1; those in `bad` overflow, or where `left_out` are not sent at all. */
static const char *wild_stream(int64_t begin, int64_t end, const char *bad, bool left_out)
{
    struct header h = plain_header(6, begin);
    int64_t i = begin;

    stream_begin("s", &h);
    for (int64_t k = begin; k < end; k++) {
        overflow = strchr(bad, '0' + (char)k) != NULL;
        if (!overflow || !left_out)
            step(update(i++, OBJ_SFT), 6, 6 * k);
    }
    overflow = false;
    stream_end(ST_OK);
    return path("s");
}

static void skips(void **state)
{
    (void)state;
    struct plan p = defaults("skip"), q = defaults("good"), b = defaults("broken");

    p.nan = b.nan = "skip=2";
    CHECK_ST(run(p, wild_stream(0, 6, "24", false)), ST_OK);
    CHECK_ST(run(q, wild_stream(0, 6, "24", true)), ST_OK);
    static const char *const files[] = { "latest/model.safetensors",
                                         "latest/state/optim.safetensors" };
    for (int64_t i = 0; i < countof(files); i++)
        CHECK(view_eq(bytes("skip", files[i]), bytes("good", files[i])));
    CHECK(metric("skip", WHY_UPDATE, 2, "skipped") == 1);
    CHECK(metric("skip", WHY_UPDATE, 4, "skipped") == 2);
    CHECK(isnan(metric("skip", WHY_UPDATE, 4, "grad_norm")) ||
          isinf(metric("skip", WHY_UPDATE, 4, "grad_norm")));
    CHECK(metric("skip", WHY_UPDATE, 5, "loss") == metric("good", WHY_UPDATE, 3, "loss"));
    b.resume = true;
    CHECK_ST(run(b, wild_stream(0, 3, "24", false)), ST_OK);
    CHECK_ST(run(b, wild_stream(3, 6, "24", false)), ST_OK);
    check_same("skip", "broken");
    /* counted over the whole run: a resume has no more of them */
    p.out = path("few");
    p.nan = "skip=1";
    p.resume = true;
    CHECK_ST(run(p, wild_stream(0, 3, "24", false)), ST_OK);
    refused(run(p, wild_stream(3, 6, "24", false)), ST_DATA, "step 4: the gradient's norm is ");
    p.nan = "skip=0";
    refused(run(p, path("s")), ST_USAGE, "--nan: 'skip=0' is neither stop nor skip=N");
    p.nan = "skip=x";
    refused(run(p, path("s")), ST_USAGE, "--nan: 'x' is not a number");
    p.nan = "go";
    refused(run(p, path("s")), ST_USAGE, "--nan: 'go' is neither");
}

/* ---- good enough ---- */

enum { EVERY = 2 };

/* Updates begin .. end - 1 on some of the rows whose losses are measured before every other one. */
static const char *held_stream(int64_t begin, int64_t end)
{
    struct header h = plain_header(10, begin);
    struct step_rec look = { .why = WHY_EVAL };

    stream_begin("s", &h);
    for (int64_t i = begin; i <= end; i++) {
        look.i = i;
        for (look.obj = OBJ_SFT; i % EVERY == 0 && look.obj <= OBJ_PREF; look.obj++)
            step(look, 20, 1000);
        if (i < end)
            step(update(i, drawn(i)), 6, 1000);
    }
    stream_end(ST_OK);
    return path("s");
}

static bool latest_is(const char *out, const char *want)
{
    char to_path[64] = "";
    ssize_t n = readlink(arena_printf(a, "%s/%s/latest", dir, out), to_path, sizeof to_path - 1);

    return n > 0 && strcmp(to_path, want) == 0;
}

static void good_enough(void **state)
{
    (void)state;
    struct plan p = defaults("all");
    double loss[12];
    int64_t want = 0, level = 0;

    CHECK_ST(run(p, held_stream(0, 10)), ST_OK);
    for (int64_t i = 0; i < 12; i++)
        loss[i] = metric("all", WHY_EVAL, i, "loss");
    for (int64_t k = 0; k < 12 && (want < 4 || want > 8); level = k++) {
        want = 2;                                      /* neither at once nor at the end */
        while (want <= 10 && !(loss[want + k % 2] <= loss[k] && loss[want - 2 + k % 2] <= loss[k]))
            want += 2;
    }
    CHECK(want >= 4 && want <= 8);
    p.stop_at = level % 2 ? arena_printf(a, "1e9,%.17g", loss[level])
                          : arena_printf(a, "%.17g,1e9", loss[level]);
    p.out = path("some");
    CHECK_ST(run(p, held_stream(0, 10)), ST_OK);
    CHECK(latest_is("some", arena_printf(a, "step-%08lld", (long long)want)));
    p.out = path("never");
    p.stop_at = "1e9,0";
    CHECK_ST(run(p, held_stream(0, 10)), ST_OK);
    CHECK(latest_is("never", "step-00000010"));
    check_same("never", "all");
    refused((p.stop_at = "1", p.out = path("x"), run(p, path("s"))), ST_USAGE, "--stop-at: '1' is");
    refused((p.stop_at = "1,y", run(p, path("s"))), ST_USAGE, "--stop-at: 'y' is not a number");
}

/* Held-out losses of sft and pref before update i, seen by a run that wants both at most 1. */
static bool seen_at(struct run *r, int64_t i, double sft, double pref)
{
    struct doing t = { .tally = { { .sum = 2 * sft, .norm = 2 }, { .sum = 3 * pref, .norm = 3 } } };

    for (int o = 0; o < 2; o++) {
        r->step = (struct step_rec){ .i = i, .obj = (enum obj)o, .why = WHY_EVAL };
        content_see(r, &t);
    }
    return content_reached(r);
}

/* Both, and twice running. */
static void running(void **state)
{
    (void)state;
    static struct plan p = { .stop_at = "1,1" };
    struct run *r = ARENA_NEW(a, struct run, 1), *blind = ARENA_NEW(a, struct run, 1);

    r->plan = blind->plan = &p;
    CHECK_ST(content_plan(r->content.at, p.stop_at, a), ST_OK);
    CHECK_ST(content_plan(blind->content.at, NULL, a), ST_OK);
    CHECK(!seen_at(r, 0, 0.5, 1));
    CHECK(!seen_at(r, 5, 0.5, 1.5));
    CHECK(!seen_at(r, 10, 1, 1));
    CHECK(!seen_at(r, 10, 1, 1));                      /* the same again, after a resume */
    CHECK(!seen_at(r, 15, NAN, 1));
    CHECK(!seen_at(r, 20, 1, 0));
    CHECK(seen_at(r, 25, 0, 1));
    CHECK(!seen_at(blind, 0, 0, 0) && !seen_at(blind, 5, 0, 0));
}

/* A resume sees its last measurement again, and counts it once; a run that was content is so still;
 * another point is counted anew. */
static void good_enough_again(void **state)
{
    (void)state;
    struct plan p = defaults("once"), q = defaults("twice");

    p.stop_at = q.stop_at = "1e9,1e9";
    q.resume = true;
    CHECK_ST(run(p, held_stream(0, 10)), ST_OK);
    CHECK(latest_is("once", "step-00000002"));
    CHECK_ST(run(q, held_stream(0, 0)), ST_OK);
    CHECK(latest_is("twice", "step-00000000"));
    CHECK_ST(run(q, held_stream(0, 1)), ST_OK);
    CHECK(latest_is("twice", "step-00000001"));
    CHECK_ST(run(q, held_stream(1, 10)), ST_OK);
    check_same("once", "twice");
    CHECK_ST(run(q, held_stream(2, 10)), ST_OK);
    check_same("once", "twice");
    q.stop_at = "1e8,1e9";
    CHECK_ST(run(q, held_stream(2, 10)), ST_OK);
    CHECK(latest_is("twice", "step-00000004"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(branch), TEST(skips), TEST(good_enough), TEST(running), TEST(good_enough_again),
    };
    err_tool("trouble");
    return cmocka_run_group_tests(tests, setup, teardown) != 0;
}
