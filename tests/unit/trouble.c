/* trouble.c - what a run does beside its plain course: it begins at another's checkpoint, passes
 * over updates that are no numbers, and ends where its losses are good enough. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(branch),
    };
    err_tool("trouble");
    return cmocka_run_group_tests(tests, setup, teardown) != 0;
}
