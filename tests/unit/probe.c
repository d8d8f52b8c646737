/* probe.c - --probe-every: the cosine of both objectives' gradients and their lengths, against
 * PyTorch's own gradients (tests/golden/model.py), from whatever step the rows came in; and the run
 * it looks at is the same run, broken or not. */
#include "tests/unit/runs.h"

#define GOLDEN "tests/golden/model-llama"

/* ---- against PyTorch ---- */

static struct dev *d;

static void *expected(const char *name, int64_t rows, int64_t cols, enum dtype type)
{
    char *names[] = { (char *)(uintptr_t)name };
    void *p = arena_array(a, (size_t)(rows * MAX(cols, 1)), 4);
    struct tensor t = cols ? tensor2(p, rows, cols) : tensor1(p, rows);

    t.type = type;
    CHECK_ST(tensors_load(GOLDEN "/expect.safetensors", 1, names, &t, d, a), ST_OK);
    return p;
}

static struct ids ids_of(const int32_t *seg, const int32_t *token, int64_t s)
{
    int64_t n = seg[3 * s + 1] - seg[3 * s];
    uint8_t *p = ARENA_NEW(a, uint8_t, 2 * n);

    ids_put(p, (const uint32_t *)token + seg[3 * s], n, 2);
    return (struct ids){ p, n, 2 };
}

/* Row k of the golden: two of sft, trained from their tokens 1 and 4 on, then two pairs. */
static struct rec golden_row(int64_t k)
{
    static struct span span[2] = { { 1, 11 }, { 4, 7 } };
    const int32_t *seg = expected("seg", 8, 3, I32), *token = expected("token", 45, 0, I32);
    const float *ref = expected("ref", 4, 0, F32);
    struct rec r = { .kind = k < 2 ? REC_SFT : REC_PREF, .src = VIEW("golden"), .w = 1 };
    uint8_t hash[32];

    r.t = view_of(rec_kind_name(r.kind));
    if (k < 2) {
        r.ids = ids_of(seg, token, k);
        r.span = (struct spans){ &span[k], 1, true };
    } else {
        k -= 2;
        r.prompt = ids_of(seg, token, 2 + 3 * k);
        r.chosen = ids_of(seg, token, 3 + 3 * k);
        r.rejected = ids_of(seg, token, 4 + 3 * k);
        CHECK_ST(weights_hash(hash, GOLDEN, a), ST_OK);
        r.ref = (struct ref){ .given = true, .chosen = { (double)ref[2 * k], r.chosen.n },
                              .rejected = { (double)ref[2 * k + 1], r.rejected.n } };
        batch_ref_key(r.ref.key, hash, &r);
    }
    rec_count(&r);
    return r;
}

static void against_torch(void **state)
{
    (void)state;
    struct config c;
    struct model *m;
    struct header h = plain_header(1, 0);
    struct step_rec u = update(0, OBJ_BOTH);
    struct plan p = defaults("golden");
    double dot = 0, sft = 0, pref = 0;

    CHECK_ST(dev_open(&d, "cpu", 2, a), ST_OK);
    CHECK_ST(config_read(&c, GOLDEN "/config.json", a), ST_OK);
    CHECK_ST(model_new(&m, &c, d, false, a), ST_OK);
    for (int64_t i = 0; i < m->n_params; i++) {
        struct tensor w = m->param[i].w;
        int64_t cols = w.rank == 2 ? w.d[1] : 0;
        float *s = expected(arena_printf(a, "grad.sft.%s", m->param[i].name), w.d[0], cols, F32);
        float *q = expected(arena_printf(a, "grad.dpo.%s", m->param[i].name), w.d[0], cols, F32);
        for (int64_t j = 0; j < tensor_n(w); j++) {
            dot += (double)s[j] * (double)q[j];
            sft += (double)s[j] * (double)s[j];
            pref += (double)q[j] * (double)q[j];
        }
    }
    h.vocab = c.V;
    stream_begin("s", &h);
    u.n = 4;
    put_step(u);
    for (int64_t k = 0; k < 4; k++) {
        struct rec r = golden_row(k);
        put(&r);
    }
    stream_end(ST_OK);
    p.model = GOLDEN;
    p.probe_every = 1;
    CHECK_ST(run(p, path("s")), ST_OK);
    CHECK_NEAR(metric("golden", WHY_UPDATE, 0, "probe/cosine"), dot / sqrt(sft * pref), 1e-5);
    CHECK_NEAR(metric("golden", WHY_UPDATE, 0, "probe/grad_norm_sft"), sqrt(sft),
               1e-5 * sqrt(sft));
    CHECK_NEAR(metric("golden", WHY_UPDATE, 0, "probe/grad_norm_pref"), sqrt(pref),
               1e-5 * sqrt(pref));
    dev_close(d);
}

/* ---- where the rows come from ---- */

enum { ROWS = 6 };

/* Weights that stand still: an update of both tells what one of either tells, after one of the
 * other, or after a measurement of it. */
static void rows_of_the_other(void **state)
{
    static const char *const names[] = { "probe/cosine", "probe/grad_norm_sft",
                                         "probe/grad_norm_pref" };
    struct header h = plain_header(4, 0);
    struct plan p = defaults("apart");
    double v;
    struct step_rec look = { .i = 3, .obj = OBJ_PREF, .why = WHY_REFRESH },
                    held = { .i = 3, .obj = OBJ_PREF, .why = WHY_EVAL };

    (void)state;
    stream_begin("s", &h);
    step(update(0, OBJ_PREF), ROWS, 100);
    step(update(1, OBJ_SFT), ROWS, 200);               /* with 100 */
    step(update(2, OBJ_PREF), ROWS, 300);              /* with 200 */
    step(look, ROWS, 400);
    step(held, ROWS, 500);
    step(update(3, OBJ_SFT), ROWS, 600);               /* with 400 */
    stream_end(ST_OK);
    p.lr = 0;
    p.probe_every = 1;
    CHECK_ST(run(p, path("s")), ST_OK);
    CHECK(!told(&v, "apart", WHY_UPDATE, 0, names[0]));
    for (int64_t i = 1; i < 4; i++) {
        static const int64_t pref[] = { 0, 100, 300, 400 }, sft[] = { 0, 200, 200, 600 };
        h = plain_header(1, 0);
        stream_begin("b", &h);
        struct step_rec both = update(0, OBJ_BOTH);
        both.n = 2 * ROWS;
        put_step(both);
        for (int64_t k = 0; k < 2 * ROWS; k++) {
            struct rec r = make_row(k % 2, (k % 2 ? pref : sft)[i] + k / 2);
            put(&r);
        }
        stream_end(ST_OK);
        p.out = path(arena_printf(a, "both%lld", (long long)i));
        CHECK_ST(run(p, path("b")), ST_OK);
        for (int64_t j = 0; j < countof(names); j++) {
            double want = metric(arena_printf(a, "both%lld", (long long)i), WHY_UPDATE, 0,
                                 names[j]);
            CHECK(isfinite(want) && metric("apart", WHY_UPDATE, i, names[j]) == want);
        }
    }
}

/* ---- what it leaves alone ---- */

static void same_run(void **state)
{
    const char *s = drawn_stream("s", 0, 12, 12);
    struct plan p = defaults("seen"), q = defaults("broken");
    double v;

    (void)state;
    CHECK_ST(run(defaults("blind"), s), ST_OK);
    p.probe_every = 3;
    CHECK_ST(run(p, s), ST_OK);
    CHECK(view_eq(bytes("blind", "latest/model.safetensors"),
                  bytes("seen", "latest/model.safetensors")));
    CHECK(view_eq(bytes("blind", "latest/state/optim.safetensors"),
                  bytes("seen", "latest/state/optim.safetensors")));
    for (int64_t i = 0; i < 12; i++) {
        CHECK(metric("blind", WHY_UPDATE, i, "grad_norm") ==
              metric("seen", WHY_UPDATE, i, "grad_norm"));
        CHECK(i == 0 || told(&v, "seen", WHY_UPDATE, i, "probe/cosine") == (i % 3 == 0));
    }
    q.probe_every = 3;
    q.resume = true;
    q.save_every = 2;
    CHECK_ST(run(q, drawn_stream("s", 0, 5, 12)), ST_OK);
    CHECK_ST(run(q, drawn_stream("s", 5, 9, 12)), ST_OK);
    CHECK_ST(run(q, drawn_stream("s", 9, 12, 12)), ST_OK);
    check_same("seen", "broken");
    q.steps = 14;                              /* rows that were kept for nobody are forgotten */
    q.probe_every = 0;
    CHECK_ST(run(q, drawn_stream("s", 12, 13, 14)), ST_OK);
    CHECK(access(path("broken/step-00000012/state/given-sft"), F_OK) == 0);
    CHECK(access(path("broken/step-00000013/state/given-sft"), F_OK) < 0);
}

/* Nor a forward that was kept for the update. */
static void held_rows(void **state)
{
    struct header h = plain_header(6, 0);
    struct step_rec look = { .why = WHY_REFRESH };
    struct plan p = defaults("held0");

    (void)state;
    stream_begin("s", &h);
    for (int64_t i = 0; i < 6; i++) {
        struct step_rec u = update(i, (enum obj)(i % 2));
        look.i = i;
        for (look.obj = OBJ_SFT; i % 2 == 0 && look.obj <= OBJ_PREF; look.obj++)
            step(look, ROWS, 6 * (i + (int64_t)look.obj));
        u.use = true;
        put_step(u);
    }
    stream_end(ST_OK);
    CHECK_ST(run(p, path("s")), ST_OK);
    p.out = path("held1");
    p.probe_every = 1;
    CHECK_ST(run(p, path("s")), ST_OK);
    CHECK(view_eq(bytes("held0", "latest/model.safetensors"),
                  bytes("held1", "latest/model.safetensors")));
    CHECK(isfinite(metric("held1", WHY_UPDATE, 0, "probe/cosine")));
}

/* Nothing is told while one objective has had no rows. */
static void one_objective(void **state)
{
    struct header h = plain_header(1, 0);
    struct plan p = defaults("none");
    double v;

    (void)state;
    stream_begin("s", &h);
    step(update(0, OBJ_SFT), 2, 0);
    step(update(1, OBJ_SFT), 2, 10);
    stream_end(ST_OK);
    p.probe_every = 1;
    CHECK_ST(run(p, path("s")), ST_OK);
    CHECK(!told(&v, "none", WHY_UPDATE, 1, "probe/cosine"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(against_torch), TEST(rows_of_the_other), TEST(same_run), TEST(held_rows),
        TEST(one_objective),
    };
    err_tool("probe");
    return cmocka_run_group_tests(tests, setup, teardown) != 0;
}
