/* moments.c - --moments each: two AdamWs on one set of weights, neither of which knows of the
 * other. */
#include "tests/unit/runs.h"

/* Weights stepped in turns by two sets of moments, against AdamW in double by hand (Loshchilov &
 * Hutter 2017, arXiv:1711.05101, algorithm 2), each with its own mean, square and step count. */
static void by_hand(void **state)
{
    enum { N = 1000, STEPS = 9 };
    static double w[N], m[2][N], v[2][N];
    struct config c;
    struct dev *d;
    struct model *model;
    struct optim *o;
    int t[2] = { 0, 0 };

    (void)state;
    CHECK_ST(config_read(&c, path("config.json"), a), ST_OK);
    CHECK_ST(dev_open(&d, "cpu", 2, a), ST_OK);
    CHECK_ST(model_new(&model, &c, d, true, a), ST_OK);
    CHECK_ST(optim_new(&o, model, a), ST_OK);
    CHECK_ST(optim_each(o), ST_OK);
    o->beta1 = 0.9;
    o->beta2 = 0.95;
    o->eps = 1e-8;
    for (int k = 0; k < STEPS; k++) {
        int s = o->set = k % 3 == 0;
        t[s]++;
        for (int64_t j = 0; j < N; j++) {
            double g = (double)(float)((s ? 50 : 0.01) * rng_normal(9, RNG_TEST,
                                                                    (uint64_t)(N * k + j)));
            model->g[j] = (float)g;
            m[s][j] += 0.1 * (g - m[s][j]);
            v[s][j] += 0.05 * (g * g - v[s][j]);
            w[j] -= 1e-2 * (m[s][j] / (1 - pow(0.9, t[s]))) /
                    (sqrt(v[s][j] / (1 - pow(0.95, t[s]))) + 1e-8);
        }
        optim_update(o, 1e-2, 0);
    }
    CHECK(o->t[0] == 6 && o->t[1] == 3);
    for (int64_t j = 0; j < N; j++)
        CHECK_NEAR(model->w[j], w[j], 1e-6);
    dev_close(d);
}

/* Updates i of sft and pref in turns, or of one of them alone with the rows it has there. */
static const char *turns(const char *name, bool sft, bool pref)
{
    struct header h = plain_header(0, 0);
    int64_t n = 0;

    stream_begin(name, &h);
    for (int64_t i = 0; i < 8; i++)
        if (i % 2 ? pref : sft)
            step(update(n++, (enum obj)(i % 2)), 6, 6 * i);
    stream_end(ST_OK);
    return path(name);
}

/* exp_avg and exp_avg_sq of a run, as it named them. */
static float *moments_of(struct model *m, const char *out, const char *of, int64_t *n)
{
    char *file = arena_printf(a, "%s/%s/latest/state/optim.safetensors", dir, out);
    float *all = arena_array(a, m->n_bytes, 2), *at = all;

    for (int64_t i = 0; i < 2 * m->n_params; i++) {
        const struct param *p = &m->param[i / 2];
        char *name = arena_printf(a, "%sexp_avg%s.%s", of, i % 2 ? "_sq" : "", p->name);
        struct tensor t = p->w;
        t.p = at;
        CHECK_ST(tensors_load(file, 1, &name, &t, m->d, a), ST_OK);
        at += tensor_n(t);
    }
    *n = at - all;
    return all;
}

/* Weights that stand still: each objective's moments are those of a run of that one alone. */
static void apart(void **state)
{
    struct plan p = defaults("turns");
    struct config c;
    struct dev *d;
    struct model *m;
    int64_t n;

    (void)state;
    CHECK_ST(config_read(&c, path("config.json"), a), ST_OK);
    CHECK_ST(dev_open(&d, "cpu", 2, a), ST_OK);
    CHECK_ST(model_new(&m, &c, d, false, a), ST_OK);
    p.lr = 0;
    p.moments = "each";
    CHECK_ST(run(p, turns("s", true, true)), ST_OK);
    p.moments = "shared";
    for (int o = 0; o < 2; o++) {
        p.out = path(obj_name((enum obj)o));
        CHECK_ST(run(p, turns("one", o == 0, o == 1)), ST_OK);
        float *x = moments_of(m, "turns", o ? "pref." : "sft.", &n);
        CHECK(memcmp(x, moments_of(m, obj_name((enum obj)o), "", &n), (size_t)n * 4) == 0);
    }
    const char *json = bytes("turns", "latest/state/step.json").p;
    CHECK(strstr(json, "\"t\": 4,") && strstr(json, "\"t_pref\": 4,"));
    dev_close(d);
}

static bool same_weights(const char *x, const char *y)
{
    return view_eq(bytes(x, "latest/model.safetensors"), bytes(y, "latest/model.safetensors"));
}

/* It is another run only where there are two objectives, and comes back from a checkpoint to the
 * bit. */
static void runs(void **state)
{
    const char *s = turns("s", true, true), *one = turns("one", false, true);
    struct header h = plain_header(0, 0);
    struct plan p = defaults("shared2"), q = defaults("each2");

    (void)state;
    q.moments = "each";
    CHECK_ST(run(p, s), ST_OK);
    CHECK_ST(run(q, s), ST_OK);
    CHECK(!same_weights("shared2", "each2"));
    p.out = path("shared1");
    q.out = path("each1");
    CHECK_ST(run(p, one), ST_OK);
    CHECK_ST(run(q, one), ST_OK);
    CHECK(same_weights("shared1", "each1"));
    q.out = path("broken");
    q.resume = true;
    q.steps = 5;
    CHECK_ST(run(q, s), ST_OK);
    q.steps = 8;
    h.start = 5;
    stream_begin("rest", &h);
    for (int64_t i = 5; i < 8; i++)
        step(update(i, (enum obj)(i % 2)), 6, 6 * i);
    stream_end(ST_OK);
    p.out = path("broken");
    p.resume = true;
    refused(run(p, path("rest")), ST_USAGE, "--moments each");
    CHECK_ST(run(q, path("rest")), ST_OK);
    check_same("each2", "broken");
}

static void no_moments(void **state)
{
    struct header h = plain_header(0, 0);
    struct plan p = defaults("refused");

    (void)state;
    stream_begin("s", &h);
    step(update(0, OBJ_SFT), 6, 0);
    step(update(1, OBJ_BOTH), 6, 6);
    stream_end(ST_OK);
    p.moments = "each";
    refused(run(p, path("s")), ST_USAGE,
            "--moments: step 1 is of both objectives, whose gradients are one; give shared");
    CHECK(access(path("refused/step-00000001"), F_OK) == 0);
    p.moments = "both";
    refused(run(p, path("s")), ST_USAGE, "--moments: 'both' is neither shared nor each");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(by_hand), TEST(apart), TEST(runs), TEST(no_moments),
    };
    err_tool("moments");
    return cmocka_run_group_tests(tests, setup, teardown) != 0;
}
