/* average.c - the mean of checkpoints, number by number. */
#include "tests/unit/runs.h"

static struct dev *d;
static struct model *m;

static const float *weights(const char *folder)
{
    float *w = arena_array(a, m->n_bytes, 1);

    CHECK_ST(weights_load(m, path(folder), a), ST_OK);
    dev_get(d, w, m->w, m->n_bytes);
    return w;
}

static enum st mean(const char *what, const char *model, const char *out)
{
    struct plan p = { .average = what, .model = model ? path(model) : NULL, .out = path(out),
                      .device = "cpu", .threads = 2, .save_dtype = "f32" };
    struct arena *mine = arena_new(0);
    enum st st = average(&p, mine);

    arena_free(mine);
    return st;
}

/* Checkpoints whose plain weights are rounded are averaged in full. */
static void numbers(void **state)
{
    static const char *const types[] = { "f32", "bf16" };
    const float *w[3], *got, *first = NULL;
    struct config c;

    (void)state;
    CHECK_ST(config_read(&c, path("config.json"), a), ST_OK);
    CHECK_ST(dev_open(&d, "cpu", 2, a), ST_OK);
    CHECK_ST(model_new(&m, &c, d, false, a), ST_OK);
    for (int k = 0; k < 2; k++) {
        struct plan p = defaults(types[k]);
        p.save_dtype = types[k];
        p.save_every = 1;
        p.keep = 0;
        CHECK_ST(run(p, drawn_stream("s", 0, 4, 4)), ST_OK);
        char *out = arena_printf(a, "mean-%s", types[k]);
        CHECK_ST(mean("last=3", types[k], out), ST_OK);
        got = weights(out);
        for (int64_t i = 0; k == 0 && i < 3; i++)
            w[i] = weights(arena_printf(a, "f32/step-0000000%lld", (long long)(i + 2)));
        for (int64_t j = 0; k == 0 && j < (int64_t)(m->n_bytes / 4); j++)
            CHECK(got[j] == (float)(((double)w[0][j] + (double)w[1][j] + (double)w[2][j]) / 3));
        first = k ? first : got;
        CHECK(memcmp(first, got, m->n_bytes) == 0);
    }
    const char *dirs = arena_printf(a, "%s,%s", path("f32/step-00000002"), path("f32"));
    CHECK_ST(mean(dirs, NULL, "two"), ST_OK);
    got = weights("two");
    for (int64_t j = 0; j < (int64_t)(m->n_bytes / 4); j++)
        CHECK(got[j] == (float)(((double)w[0][j] + (double)w[2][j]) / 2));
    dev_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(numbers) };

    err_tool("average");
    return cmocka_run_group_tests(tests, setup, teardown) != 0;
}
