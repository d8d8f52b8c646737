/* train.c - whole runs in one process, over step streams made here: what must not change the result
 * does not change a byte of it, what a resume must find is there, what does not belong together is
 * refused. */
#include "tests/unit/runs.h"

/* ---- what does not matter ---- */

static void threads(void **state)
{
    (void)state;
    const char *s = drawn_stream("s", 0, 12, 12);
    struct plan p = defaults("t1");

    p.threads = 1;
    CHECK_ST(run(p, s), ST_OK);
    for (int n = 2; n <= 3; n++) {
        p.out = path(arena_printf(a, "t%d", n));
        p.threads = n;
        CHECK_ST(run(p, s), ST_OK);
        check_same("t1", arena_printf(a, "t%d", n));
    }
}

static void packs(void **state)
{
    (void)state;
    const char *s = drawn_stream("s", 0, 12, 12);
    struct plan p = defaults("whole");

    CHECK_ST(run(p, s), ST_OK);
    p.out = path("small");
    p.micro_tokens = 40;
    CHECK_ST(run(p, s), ST_OK);
    p.out = path("apart");
    p.no_share = true;
    CHECK_ST(run(p, s), ST_OK);
    CHECK(metric("small", WHY_UPDATE, 0, "loss") == metric("whole", WHY_UPDATE, 0, "loss"));
    for (int64_t i = 0; i < 12; i++) {
        double loss = metric("whole", WHY_UPDATE, i, "loss"),
               norm = metric("whole", WHY_UPDATE, i, "grad_norm");
        CHECK_NEAR(metric("small", WHY_UPDATE, i, "loss"), loss, 1e-6 * loss);
        CHECK_NEAR(metric("apart", WHY_UPDATE, i, "loss"), loss, 1e-6 * loss);
        CHECK_NEAR(metric("small", WHY_UPDATE, i, "grad_norm"), norm, 1e-5 * norm);
        CHECK_NEAR(metric("apart", WHY_UPDATE, i, "grad_norm"), norm, 1e-5 * norm);
    }
}

/* Activations are kept while they fit into what the machine lends, then layers are computed again,
 * then it is refused: at the byte. */
static void memory(void **state)
{
    (void)state;
    struct plan p = defaults("m");
    struct run r = { .plan = &p, .a = a };
    struct config c;

    CHECK_ST(config_read(&c, path("config.json"), a), ST_OK);
    CHECK_ST(dev_open(&r.d, "cpu", 2, a), ST_OK);
    CHECK_ST(model_new(&r.m, &c, r.d, true, a), ST_OK);
    int64_t left = run_memory() - 4 * (int64_t)r.m->n_bytes, lo = 1, hi = (int64_t)1 << 32;
    while (hi - lo > 1) {                      /* the most tokens whose activations fit */
        int64_t mid = (lo + hi) / 2;
        *(work_bytes(r.m, mid, false) <= left ? &lo : &hi) = mid;
    }
    for (int64_t n = lo; n <= hi; n++) {
        r.work.micro_tokens = n;
        CHECK_ST(memory_check(&r), ST_OK);
        CHECK(r.work.recompute == (n == hi));
        CHECK(r.work.keep_bytes == (left - work_bytes(r.m, n, n == hi)) / 2);
    }
    p.recompute = "none";
    refused(memory_check(&r), ST_SYS, "lower --micro-tokens, or give --recompute layers");
    p.recompute = "layers";
    CHECK_ST(memory_check(&r), ST_OK);
    p.recompute = "auto";
    r.work.micro_tokens = 2 * hi;
    refused(memory_check(&r), ST_SYS, "this machine allows; lower --micro-tokens");
    dev_close(r.d);
}

/* Eight updates as "s", of rows that were measured for them: in every second one's place, both
 * objectives'. */
static void put_measured(void)
{
    struct header h = plain_header(8, 0);
    struct step_rec look = { .why = WHY_REFRESH };

    stream_begin("s", &h);
    for (int64_t i = 0; i < 8; i++) {
        struct step_rec u = update(i, (enum obj)(i % 2));
        look.i = i;
        for (look.obj = OBJ_SFT; i % 2 == 0 && look.obj <= OBJ_PREF; look.obj++)
            step(look, 6, 6 * (i + (int64_t)look.obj));
        u.use = true;
        put_step(u);
    }
    stream_end(ST_OK);
}

/* Nor whether layers are computed again, of kept forwards too; auto does it where it must. */
static void recompute(void **state)
{
    (void)state;
    static const char *const hows[] = { "none", "layers", "auto" };
    struct plan p = defaults("none");

    put_measured();
    for (int64_t i = 0; i < countof(hows); i++) {
        p.recompute = hows[i];
        p.out = path(hows[i]);
        CHECK_ST(run(p, path("s")), ST_OK);
        check_same("none", hows[i]);
    }
    p.recompute = "some";
    refused(run(p, path("s")), ST_USAGE, "--recompute: 'some' is neither auto, none nor layers");
}

/* Measured, then used at once or after another update: the same bytes as if the rows came with the
 * update. */
static void refresh(void **state)
{
    (void)state;
    struct header h = plain_header(8, 0);

    stream_begin("s", &h);
    for (int64_t i = 0; i < 8; i++)
        step(update(i, (enum obj)(i % 2)), 6, 6 * i);
    stream_end(ST_OK);
    CHECK_ST(run(defaults("sent"), path("s")), ST_OK);
    put_measured();
    for (int64_t micro = 40; micro <= 4096; micro += 4056) {
        struct plan p = defaults(arena_printf(a, "used%lld", (long long)micro));
        CHECK_ST(run(p, path("s")), ST_OK);
        struct view x = bytes("sent", "latest/model.safetensors");
        CHECK(view_eq(x, bytes(arena_printf(a, "used%lld", (long long)micro), "latest/"
                                                                              "model."
                                                                              "safetensors")));
    }
    for (int64_t i = 0; i < 8; i++)
        CHECK(metric("used40", WHY_UPDATE, i, "loss") == metric("sent", WHY_UPDATE, i, "loss"));
    CHECK(metric("used40", WHY_REFRESH, 0, "loss") == metric("sent", WHY_UPDATE, 0, "loss"));
}

/* Held-out measurements change nothing, and do not depend on how they are sliced. */
static void evaluation(void **state)
{
    (void)state;
    struct header h = plain_header(6, 0);
    struct step_rec look = { .why = WHY_EVAL };
    struct plan p = defaults("looked");

    stream_begin("s", &h);
    for (int64_t i = 0; i <= 6; i++) {
        look.i = i;
        for (look.obj = OBJ_SFT; i % 3 == 0 && look.obj <= OBJ_PREF; look.obj++)
            step(look, 40, 1000);
        if (i < 6)
            step(update(i, drawn(i)), 6, 6 * i);
    }
    stream_end(ST_OK);
    CHECK_ST(run(p, path("s")), ST_OK);
    CHECK_ST(run(defaults("blind"), drawn_stream("b", 0, 6, 6)), ST_OK);
    CHECK(view_eq(bytes("looked", "latest/model.safetensors"), bytes("blind", "latest/"
                                                                              "model."
                                                                              "safetensors")));
    p.out = path("sliced");
    p.micro_tokens = 20;
    CHECK_ST(run(p, path("s")), ST_OK);
    for (int64_t i = 0; i < 6; i++) {
        double loss = metric("looked", WHY_EVAL, i, "loss");
        CHECK_NEAR(metric("sliced", WHY_EVAL, i, "loss"), loss, 1e-6 * loss);
        CHECK(metric("looked", WHY_EVAL, i, i % 2 ? "eval/pref/loss" : "eval/sft/loss") == loss);
    }
    CHECK(isfinite(metric("looked", WHY_EVAL, 5, strcmp(pref_loss, "dpo") == 0
                                                    ? "eval/policy_accuracy"
                                                    : "eval/rewards/margins")));
}

/* ---- resuming ---- */

static void resume(void **state)
{
    (void)state;
    struct plan p = defaults("unbroken"), q = defaults("broken");

    p.schedule = q.schedule = "cosine";
    p.steps = q.steps = 12;
    p.warmup = q.warmup = 3;
    p.decay = q.decay = 0.1;
    p.neftune = q.neftune = 5;
    q.save_every = 2;
    q.resume = true;
    CHECK_ST(run(p, drawn_stream("s", 0, 12, 12)), ST_OK);
    CHECK_ST(run(q, drawn_stream("s", 0, 5, 12)), ST_OK);
    q.save_dtype = "bf16";                             /* exact weights are in state/ then */
    CHECK_ST(run(q, drawn_stream("s", 5, 6, 12)), ST_OK);
    q.save_dtype = "f32";
    CHECK_ST(run(q, drawn_stream("s", 6, 12, 12)), ST_OK);
    check_same("unbroken", "broken");
    CHECK(view_is(bytes("broken", "latest/state/mixer"), "decides 11"));
    /* finished: nothing is to do, whatever is sent */
    CHECK_ST(run(q, "/dev/null"), ST_OK);
}

static void damaged(void **state)
{
    (void)state;
    struct plan p = defaults("d");
    struct stat is;

    p.save_every = 2;
    p.resume = true;
    CHECK_ST(run(p, drawn_stream("s", 0, 6, 0)), ST_OK);
    CHECK(stat(path("d/step-00000002"), &is) < 0);     /* --keep 2 */
    flip("d/step-00000006/model.safetensors");
    refused(run(p, drawn_stream("s", 6, 8, 0)), ST_DATA, "starts at step 6 and the model is at 4");
    CHECK_ST(run(p, drawn_stream("s", 4, 8, 0)), ST_OK);
    CHECK_ST(run(defaults("whole8"), drawn_stream("s", 0, 8, 0)), ST_OK);
    check_same("d", "whole8");
    flip("d/step-00000006/state/step.json");
    flip("d/step-00000008/state/step.json");
    refused(run(p, drawn_stream("s", 8, 9, 0)), ST_DATA, "no checkpoint in it is whole");
}

/* A new phase clears the moments and warms up again, or does not. */
static void phases(void **state)
{
    (void)state;
    struct header h = plain_header(8, 0);
    struct plan p = defaults("fresh");
    static const double rate[2][8] = { { .5, 1, 1, 1, .5, 1, 1, 1 }, { .5, 1, 1, 1, 1, 1, 1, 1 } };

    stream_begin("s", &h);
    for (int64_t i = 0; i < 8; i++) {
        struct step_rec u = update(i, i < 4 ? OBJ_SFT : OBJ_PREF);
        u.phase = i < 4 ? VIEW("sft") : VIEW("pref");
        step(u, 6, 6 * i);
    }
    stream_end(ST_OK);
    p.warmup = 2;
    for (int keep = 0; keep < 2; keep++) {
        CHECK_ST(run(p, path("s")), ST_OK);
        const char *out = keep ? "keep" : "fresh";
        for (int64_t i = 0; i < 8; i++)
            CHECK_NEAR(metric(out, WHY_UPDATE, i, "learning_rate"), rate[keep][i] * p.lr, 1e-18);
        const char *json = bytes(out, "latest/state/step.json").p;
        CHECK(strstr(json, keep ? "\"t\": 8," : "\"t\": 4,") && strstr(json, "\"phase\": "
                                                                             "\"pref\""));
        p.out = path("keep");
        p.phase = "keep";
    }
}

/* ---- refusals ---- */

static void belongs(void **state)
{
    (void)state;
    struct header h = plain_header(0, 0);
    struct plan p = defaults("r"), q = defaults("r");
    struct rec r;

    refused(run(p, drawn_stream("s", 3, 5, 0)), ST_DATA,
            "the stream starts at step 3 and the model is at 0");
    h.vocab = 265;
    stream_begin("s", &h);
    stream_end(ST_OK);
    refused(run(p, path("s")), ST_DATA, "265 ids in the vocabulary, the model has 264");
    h = plain_header(0, 0);
    h.mixed = false;
    stream_begin("s", &h);
    stream_end(ST_OK);
    refused(run(p, path("s")), ST_DATA, "no step records; put mix between");
    h.mixed = true;
    h.tokenizer[0] = 1;                                /* base was trained with another */
    stream_begin("s", &h);
    stream_end(ST_OK);
    refused(run(p, path("s")), ST_DATA, "rows of tokenizer 01000000");
    q.schedule = "linear";
    refused(run(q, drawn_stream("s", 0, 1, 0)), ST_USAGE,
            "--schedule: a rate that falls needs the length");
    refused(run(defaults("base"), drawn_stream("s", 0, 1, 0)), ST_USAGE, "holds a run already");
    q = defaults("r");
    q.init = "x.json";
    refused(run(q, "/dev/null"), ST_USAGE, "--init: random weights or those of --model, not both");
    h = plain_header(0, 0);
    stream_begin("s", &h);
    r = make_row(true, 1);
    r.ref.key[3] ^= 1;
    put_step((struct step_rec){ .obj = OBJ_PREF, .train = true, .n = 1 });
    put(&r);
    stream_end(ST_OK);
    refused(run(p, path("s")), ST_DATA, "s:2: a reference of other weights or another row");
    stream_begin("s", &h);
    r.ref.given = false;
    put_step((struct step_rec){ .obj = OBJ_PREF, .train = true, .n = 1 });
    put(&r);
    stream_end(ST_OK);
    refused(run(p, path("s")), ST_DATA,
            "s:2: a pair without a reference; evalc --task logprob --model");
}

/* One bad record after one good update: the message, and the good update saved. */
static void bad_record(struct step_rec s, int64_t n, bool pref, const char *words)
{
    struct header h = plain_header(0, 0);
    static int run_n;
    const char *out = arena_printf(a, "bad%d", run_n++);
    char to_path[64];

    stream_begin("s", &h);
    step(update(0, OBJ_SFT), 2, 0);
    s.n = MAX(s.n, n);
    put_step(s);
    for (int64_t k = 0; k < n; k++) {
        struct rec r = make_row(pref, k);
        put(&r);
    }
    step(update(2, OBJ_SFT), 2, 0);
    stream_end(ST_OK);
    refused(run(defaults(out), path("s")), ST_DATA, words);
    ssize_t len = readlink(arena_printf(a, "%s/%s/latest", dir, out), to_path, sizeof to_path);
    CHECK(len == 13 && memcmp(to_path, "step-00000001", 13) == 0);
}

static void records(void **state)
{
    (void)state;
    struct step_rec u = update(1, OBJ_PREF);

    bad_record(update(2, OBJ_SFT), 1, false, "s:4: a record of step 2 where the model is at 1");
    bad_record(u, 0, true, "has no pref rows");
    bad_record(update(1, OBJ_BOTH), 2, true, "step 1 of objective both has no sft rows");
    bad_record(u, 2, false, "s:5: a 'sft' row in a step of objective pref");
    u.train = false;
    u.why = WHY_EVAL;
    bad_record(u, 0, true, "step 1 of objective pref has no pref rows");
    u = update(1, OBJ_PREF);
    u.n = 3;
    bad_record(u, 2, true, "s:7: a step record where rows of step 1 should be");
    u = update(1, OBJ_SFT);
    u.use = true;
    bad_record(u, 0, false, "uses measured rows of objective sft, and none are held");
    u = update(1, OBJ_SFT);
    u.why = WHY_EVAL;
    bad_record(u, 1, false, "an update whose 'why' is eval");
}

/* NaN stops before the update, and the last good state is kept. */
static void not_a_number(void **state)
{
    (void)state;
    struct header h = plain_header(0, 0);
    struct plan p = defaults("nan");

    stream_begin("s", &h);
    step(update(0, OBJ_SFT), 2, 0);
    overflow = true;
    step(update(1, OBJ_SFT), 2, 0);
    overflow = false;
    stream_end(ST_OK);
    refused(run(p, path("s")), ST_DATA, "step 1: the gradient's norm is ");
    CHECK(view_is(bytes("nan", "latest/state/mixer"), "decides 0"));
    p.out = path("nan2");
    p.model = path("wild");
    struct view w = bytes("base", "model.safetensors"), c = bytes("base", "config.json");
    memcpy((char *)w.p + w.n - 4, "\0\0\xc0\x7f", 4);   /* NaN as the head's last weight */
    CHECK_ST(dir_make(p.model), ST_OK);
    CHECK_ST(file_save(path("wild/config.json"), c.p, c.n, a), ST_OK);
    CHECK_ST(file_save(path("wild/model.safetensors"), w.p, w.n, a), ST_OK);
    refused(run(p, path("s")), ST_DATA, "step 0: the loss is nan");
    refused(run(p, path("s")), ST_DATA,
            "first at its sft row 1, source 'even', id 0000000000000000;");
}

/* The same of a loss of tokens, and of labels with their baseline. */
static void other_losses(void **state)
{
    static const char *const used[] = { "t1", "t2", "t3", "whole", "small", "apart", "sent",
                                        "used40", "used4096", "looked", "blind", "sliced",
                                        "unbroken", "broken" };
    struct header h = plain_header(0, 0);
    struct rec r;

    for (int64_t i = 0; i < countof(used); i++)
        CHECK_ST(dir_remove(path(used[i])), ST_OK);
    sft_loss = "dft";
    pref_loss = "kto";
    threads(state);
    packs(state);
    refresh(state);
    evaluation(state);
    resume(state);
    CHECK(metric("looked", WHY_EVAL, 1, "eval/kl") > 1);
    CHECK(metric("sliced", WHY_EVAL, 1, "eval/kl") == metric("looked", WHY_EVAL, 1, "eval/kl"));
    CHECK(metric("looked", WHY_EVAL, 0, "eval/sft/nll") > metric("looked", WHY_EVAL, 0, "loss"));
    struct plan p = defaults("label");
    stream_begin("s", &h);
    r = make_row(true, 1);
    r.other = (struct ids){ 0 };
    rec_count(&r);
    batch_ref_key(r.ref.key, base_hash, &r);
    put_step((struct step_rec){ .obj = OBJ_PREF, .train = true, .n = 1 });
    put(&r);
    stream_end(ST_OK);
    refused(run(p, path("s")), ST_DATA, "s:2: a label without a mismatched completion, which loss "
                                        "kto needs; evalc --task logprob adds it");
    p.pref_loss = "dpo";
    refused(run(p, path("s")), ST_DATA,
            "s:2: a 'label' row in a step of objective pref; loss dpo takes pref rows");
    p.pref_loss = "apo_zero_unpaired";
    CHECK_ST(run(p, path("s")), ST_OK);
    sft_loss = "sft";
    pref_loss = "dpo";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads), TEST(packs), TEST(recompute), TEST(memory), TEST(refresh),
        TEST(evaluation), TEST(resume), TEST(damaged), TEST(phases), TEST(belongs),
        TEST(records), TEST(not_a_number), TEST(other_losses),
    };
    err_tool("train");
    return cmocka_run_group_tests(tests, setup, teardown) != 0;
}
