/* study.c - score records into runs: labels, joining, optima by seed, gaps, dominance; and the
 * blocks pareto makes of them; means and differences over seeds. */
#include <math.h>
#include <unistd.h>

#include "tests/check.h"
#include "evalc/seeds.h"
#include "evalc/task.h"

static struct arena *a;
static struct study s;

/* A record of `text`, words NAME=VALUE: labels as --label takes them, names with '/' as numbers. */
static struct rec record(const char *text)
{
    static struct buf b;
    struct figures f = figures_in(a);
    char word[256];
    struct rec r;
    int n;

    for (; sscanf(text, "%255s%n", word, &n) == 1; text += n) {
        char *eq = strchr(word, '=');
        if (memchr(word, '/', (size_t)(eq - word)) || strncmp(word, "gap_", 4) == 0) {
            *eq = 0;
            figures_real(&f, word, atof(eq + 1));
        } else {
            CHECK_ST(figures_label(&f, word), ST_OK);
        }
    }
    b.n = 0;
    CHECK_ST(figures_write(&b, &f), ST_OK);
    char *raw = arena_get(a, b.n);
    memcpy(raw, b.p, b.n);
    CHECK_ST(rec_read(&r, raw, b.n, 2, a), ST_OK);
    return r;
}

static enum st add(const char *text)
{
    struct rec r = record(text);
    return study_add(&s, &r);
}

static int fresh(void **state)
{
    (void)state;
    arena_free(a);
    a = arena_new(0);
    s = study_in(a);
    err_clear();
    return 0;
}

#define REFUSED(call, st, part)                    \
    do {                                           \
        CHECK_ST(call, st);                        \
        if (!strstr(err_text(), part))             \
            CHECK_STR(err_text(), part);           \
        err_clear();                               \
    } while (0)

static void labels(void **state)
{
    (void)state;
    struct figures f = figures_in(a);
    double v;

    CHECK_ST(figures_label(&f, "seed=3"), ST_OK);
    CHECK_ST(figures_label(&f, "lambda=.5"), ST_OK);
    CHECK_ST(figures_label(&f, "note=1e"), ST_OK);
    CHECK_ST(figures_label(&f, "empty="), ST_OK);
    CHECK_ST(figures_label(&f, "big=1e400"), ST_OK);
    CHECK(figures_find(&f, "seed")->type == FIGURE_INT && figures_find(&f, "seed")->i == 3);
    CHECK(figures_number(&f, "lambda", &v) && v == 0.5);
    CHECK(!figures_number(&f, "note", &v) && view_is(figures_find(&f, "note")->text, "1e"));
    CHECK(figures_find(&f, "empty")->type == FIGURE_TEXT && figures_find(&f, "empty")->text.n == 0);
    CHECK(figures_find(&f, "big")->type == FIGURE_TEXT);
    REFUSED(figures_label(&f, "seed"), ST_USAGE, "KEY=VALUE");
    REFUSED(figures_label(&f, "=1"), ST_USAGE, "short name");
    REFUSED(figures_label(&f, "x_se=1"), ST_USAGE, "short name");
    REFUSED(figures_label(&f, "seed=4"), ST_USAGE, "twice");
}

/* 40 figures and their prefix survive the way through a record */
static void figures(void **state)
{
    (void)state;
    struct figures f = figures_in(a), back = figures_in(a);
    struct buf b = { 0 };
    struct rec r;
    double v;

    figures_text(&f, "text", VIEW("a b"));
    figures_bool(&f, "yes", true);
    figures_real(&f, "none", NAN);
    figures_bin(&f, "id", "\0\1", 2);
    figures_prefix(&f, "source/%s/", "x");
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        figures_int(&f, name, -i);
    }
    CHECK_ST(figures_write(&b, &f), ST_OK);
    CHECK_ST(rec_read(&r, b.p, b.n, 2, a), ST_OK);
    figures_read(&back, &r);
    CHECK(back.n == 42);                                   /* bytes are no figure */
    CHECK(figures_number(&back, "source/x/n39", &v) && v == -39);
    CHECK(figures_find(&back, "yes")->type == FIGURE_BOOL && figures_find(&back, "yes")->i == 1);
    CHECK(view_is(figures_find(&back, "text")->text, "a b") && !figures_find(&back, "none"));
    buf_free(&b);
}

static void joining(void **state)
{
    (void)state;
    CHECK_ST(add("method=mix lambda=0.5 seed=1 eval/sft/loss=2"), ST_OK);
    CHECK_ST(add("method=mix lambda=0.5 seed=2 eval/sft/loss=3"), ST_OK);
    CHECK_ST(add("seed=1 lambda=5e-1 method=mix eval/pref/loss=0.5"),
             ST_OK); /* order and spelling are free */
    CHECK_ST(add("method=mix lambda=0.5 seed=1 eval/sft/loss=2"), ST_OK);       /* said again */
    CHECK(s.n == 2);
    CHECK(figures_find(&s.run[0].f, "eval/pref/loss") &&
          figures_find(&s.run[0].f, "eval/sft/loss"));
    REFUSED(add("method=mix lambda=0.5 seed=1 eval/sft/loss=2.5"), ST_DATA,
            "twice with different values");
    REFUSED(add("lambda=0.5 eval/sft/loss=2"), ST_DATA, "no label 'method'");
    REFUSED(add("method=1 eval/sft/loss=2"), ST_DATA, "no label 'method'");
}

static void optima(void **state)
{
    (void)state;
    CHECK_ST(add("method=opt-sft seed=1 opt_sft=1.0 eval/sft/loss=1.2 eval/pref/loss=0.8"), ST_OK);
    CHECK_ST(add("method=opt-pref seed=1 eval/sft/loss=3 eval/pref/loss=0.3"), ST_OK);
    CHECK_ST(add("method=opt-sft seed=2 eval/sft/loss=1.1 eval/pref/loss=0.9"), ST_OK);
    CHECK_ST(add("method=opt-pref seed=2 opt_pref=0.2 eval/sft/loss=2.1 eval/pref/loss=0.25"),
             ST_OK);
    CHECK_ST(add("method=mix seed=1 eval/sft/loss=2 eval/pref/loss=0.4 gap_sft=77"), ST_OK);
    CHECK_ST(add("method=mix seed=2 eval/sft/loss=1 eval/pref/loss=0.55"), ST_OK);
    CHECK_ST(study_settle(&s), ST_OK);

    const struct run *one = &s.run[4], *two = &s.run[5];
    CHECK_NEAR(one->gap.sft, 1, 0); /* against the curve's minimum; an old gap is dropped */
    CHECK_NEAR(one->gap.pref, 0.1, 1e-15);
    CHECK_NEAR(one->scaled.sft, 0.5, 1e-15);
    CHECK_NEAR(one->scaled.pref, 0.2, 1e-15);
    CHECK_NEAR(two->gap.sft, -0.1, 1e-15);                 /* signed here, 0 in the distance */
    CHECK_NEAR(two->scaled.pref, 0.5, 1e-15);
    CHECK_NEAR(study_distance(two), 0.5, 1e-15);
}

/* an optimum said when a run was scored serves where the single-objective run says none, and is no
 * label */
static void optima_said(void **state)
{
    (void)state;
    CHECK_ST(add("method=mix seed=1 opt_sft=1.5 eval/sft/loss=2"), ST_OK);
    CHECK_ST(add("method=mix seed=1 opt_pref=0.1 eval/pref/loss=0.4"), ST_OK);
    CHECK(s.n == 1);
    CHECK_ST(study_settle(&s), ST_OK);
    CHECK_NEAR(s.run[0].gap.sft, 0.5, 0);
    CHECK_NEAR(s.run[0].gap.pref, 0.3, 1e-15);
    CHECK_ST(add("method=opt-sft seed=1 eval/sft/loss=1.6 eval/pref/loss=0.8"), ST_OK);
    CHECK_ST(add("method=opt-pref seed=1 opt_pref=0.2 eval/sft/loss=3 eval/pref/loss=0.3"), ST_OK);
    CHECK_ST(study_settle(&s), ST_OK);
    CHECK_NEAR(s.run[0].ideal.sft, 1.5, 0);
    CHECK_NEAR(s.run[0].ideal.pref, 0.2, 0);
    CHECK_NEAR(s.run[1].ideal.sft, 1.6, 0);
}

/* Where a run has no nadir, the distances of all are the ideal ones: shares and nats do not mix. */
static void shares(void **state)
{
    (void)state;
    CHECK_ST(add("method=opt-sft seed=1 eval/sft/loss=1 eval/pref/loss=2"), ST_OK);
    CHECK_ST(add("method=opt-pref seed=1 eval/sft/loss=3 eval/pref/loss=0"), ST_OK);
    CHECK_ST(add("method=mix seed=1 eval/sft/loss=2 eval/pref/loss=0"), ST_OK);
    CHECK_ST(study_settle(&s), ST_OK);
    CHECK_NEAR(study_distance(&s.run[2]), .5, 1e-15);
    CHECK_ST(add("method=mix seed=2 opt_sft=1 opt_pref=0 eval/sft/loss=2 eval/pref/loss=0"), ST_OK);
    CHECK_ST(study_settle(&s), ST_OK);
    CHECK_NEAR(study_distance(&s.run[2]), 1, 1e-15);
    CHECK_NEAR(study_distance(&s.run[3]), 1, 1e-15);
    CHECK_NEAR(s.run[2].scaled.sft, .5, 1e-15);
}

static void lacking(void **state)
{
    (void)state;
    CHECK_ST(study_settle(&s), ST_DATA);
    err_clear();
    CHECK_ST(add("method=mix seed=1 eval/sft/loss=2"), ST_OK);
    REFUSED(study_settle(&s), ST_DATA, "method=mix seed=1 has no eval/pref/loss");
    CHECK_ST(add("method=mix seed=1 eval/pref/loss=0.4"), ST_OK);
    REFUSED(study_settle(&s), ST_DATA, "has no sft optimum");
    s.ideal = (struct point){ 1, 0.5 };
    CHECK_ST(study_settle(&s), ST_OK);
    CHECK(isnan(s.run[0].scaled.sft)); /* no nadir: no scaled distance, but the ideal one */
    CHECK_NEAR(study_distance(&s.run[0]), 1, 0);
    s.nadir = (struct point){ 0.9, 0.9 }; /* a nadir below the optimum scales nothing */
    CHECK_ST(study_settle(&s), ST_OK);
    CHECK(isnan(s.run[0].scaled.sft) && isnan(s.run[0].scaled.pref));
    CHECK_ST(add("method=mix seed=1 note=x eval/sft/loss=2 eval/pref/loss=1"), ST_OK);
    REFUSED(study_settle(&s), ST_DATA, "names two runs");
}

static void front(void **state)
{
    (void)state;
    s.ideal = (struct point){ 1, 0.1 };
    CHECK_ST(add("method=a seed=1 eval/sft/loss=2 eval/pref/loss=0.5"), ST_OK);
    CHECK_ST(add("method=b seed=1 eval/sft/loss=2 eval/pref/loss=0.4"), ST_OK);
    CHECK_ST(add("method=c seed=1 eval/sft/loss=1.5 eval/pref/loss=0.6"), ST_OK);
    CHECK_ST(add("method=a seed=2 eval/sft/loss=1.2 eval/pref/loss=0.2"), ST_OK);
    CHECK_ST(add("method=opt-sft seed=1 eval/sft/loss=1.1 eval/pref/loss=0.1"), ST_OK);
    CHECK_ST(study_settle(&s), ST_OK);
    CHECK(s.run[0].dominated && !s.run[1].dominated && !s.run[2].dominated);
    CHECK(!s.run[3].dominated);                            /* alone in its seed */
}

/* The whole task, as a table: three seeds of two methods, b nearer in two of them. */
static void blocks(void **state)
{
    (void)state;
    static const char *const runs[] = {
        "method=opt-sft eval/sft/loss=1 eval/pref/loss=1",
        "method=opt-pref eval/sft/loss=2 eval/pref/loss=0",
        "method=a lambda=0.5 seed=1 eval/sft/loss=1.3 eval/pref/loss=0.4 tokens=10",
        "method=b lambda=0.5 seed=1 eval/sft/loss=1.3 eval/pref/loss=0 tokens=10",
        "method=a lambda=0.5 seed=2 eval/sft/loss=1.6 eval/pref/loss=0.8 tokens=20",
        "method=b lambda=0.5 seed=2 eval/sft/loss=1.6 eval/pref/loss=0.8 tokens=20",
        "method=a lambda=0.5 seed=3 eval/sft/loss=1 eval/pref/loss=0.1 tokens=30",
        "method=b lambda=0.5 seed=3 eval/sft/loss=1 eval/pref/loss=0 tokens=30",
    };
    char path[] = "/tmp/study.XX" "XX" "XX", text[4096];
    struct job j = { .a = a };
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    CHECK_ST(report_open(&j.report, path, "table", false, NULL, a), ST_OK);
    CHECK_ST(task_pareto.start(&j), ST_OK);
    for (int64_t i = 0; i < countof(runs); i++) {
        struct rec r = record(runs[i]);
        CHECK_ST(task_pareto.row(&j, &(struct seen){ .r = &r }), ST_OK);
    }
    CHECK_ST(task_pareto.end(&j), ST_OK);
    CHECK_ST(report_close(j.report, ST_OK, (struct view){ 0 }), ST_OK);
    close(fd);
    FILE *f = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    unlink(path);

    const char *means = strstr(text, "# means"), *pairs = strstr(text, "# pairs");
    CHECK(means && pairs && !strstr(text, "# hypervolume"));
    CHECK_STR(pairs, "# pairs\n"
                     "method  lambda  than  better  seeds  difference\n"
                     "a          0.5  b          0      3         0.1\n"
                     "b          0.5  a          2      3        -0.1\n");
    CHECK(strstr(means, "\na            0.5      3            1.3        0.433333"));
    CHECK(strstr(means, "      20      1        yes\n")); /* the mean; one front */
    CHECK(strstr(means, "      20      3         no\n"));
}

/* Groups go by seed whatever order they came in; errors and intervals are those of the seeds, and
 * Student's quantiles scipy's. */
static void seeds(void **state)
{
    (void)state;
    static const char *const runs[] = {
        "method=opt-sft eval/sft/loss=0 eval/pref/loss=1",
        "method=opt-pref eval/sft/loss=1 eval/pref/loss=0",
        "method=a lambda=0.5 seed=3 eval/sft/loss=0.3 eval/pref/loss=0",
        "method=a lambda=0.5 seed=1 eval/sft/loss=0.1 eval/pref/loss=0",
        "method=b lambda=0.5 seed=1 eval/sft/loss=0.4 eval/pref/loss=0",
        "method=a lambda=0.5 seed=2 eval/sft/loss=0.2 eval/pref/loss=0",
        "method=b lambda=0.5 seed=2 eval/sft/loss=0.3 eval/pref/loss=0",
        "method=b lambda=0.5 seed=9 eval/sft/loss=0.3 eval/pref/loss=0.5",
    };
    struct groups g;

    for (int64_t i = 0; i < countof(runs); i++)
        CHECK_ST(add(runs[i]), ST_OK);
    CHECK_ST(study_settle(&s), ST_OK);
    CHECK_ST(groups_of(&g, &s, a), ST_OK);
    CHECK(g.n == 4);

    const struct group *x = groups_find(&g, VIEW("a"), .5), *y = groups_find(&g, VIEW("b"), .5);
    CHECK(x && y && !groups_find(&g, VIEW("a"), .25) && x->n == 3 && x->run[2]->seed == 3);
    struct score mean = group_score(x, run_scaled);
    struct range r = score_range(&mean, .95);
    CHECK_NEAR(score_mean(&mean), .2, 1e-15);
    CHECK_NEAR(score_se(&mean), .1 / sqrt(3), 1e-15);
    CHECK_NEAR(r.high, .2 + 4.302652729749462 * .1 / sqrt(3), 1e-12);
    CHECK_NEAR(r.low, .2 - 4.302652729749462 * .1 / sqrt(3), 1e-12);
    struct versus v = group_versus(x, y, run_scaled);      /* seeds 1 and 2, not 3 or 9 */
    CHECK(v.d.n == 2 && v.better == 2);
    CHECK_NEAR(score_mean(&v.d), -.2, 1e-15);
    CHECK(group_on_front(&g, x) && !group_on_front(&g, y));

    CHECK_NEAR(score_student(.95, 1), 12.706204736174694, 1e-11);
    CHECK_NEAR(score_student(.95, 2), 4.302652729749462, 1e-12);
    CHECK_NEAR(score_student(.9, 5), 2.0150483733330233, 1e-12);
    CHECK_NEAR(score_student(.99, 30), 2.7499956535672254, 1e-12);
    CHECK_NEAR(score_student(.95, 1001), 1.9623367052808798, 1e-12);
}

/* Three lambdas make a front; two do not. */
static void volumes(void **state)
{
    (void)state;
    static const char *const runs[] = {
        "method=opt-sft eval/sft/loss=0 eval/pref/loss=1",
        "method=opt-pref eval/sft/loss=1 eval/pref/loss=0",
        "method=a lambda=0.25 seed=1 eval/sft/loss=0.25 eval/pref/loss=0.75",
        "method=a lambda=0.5 seed=1 eval/sft/loss=0.5 eval/pref/loss=0.5",
        "method=a lambda=0.75 seed=1 eval/sft/loss=0.75 eval/pref/loss=0.25",
        "method=b lambda=0.25 seed=1 eval/sft/loss=0 eval/pref/loss=0",
        "method=b lambda=0.5 seed=1 eval/sft/loss=0 eval/pref/loss=0",
    };
    struct fronts *f;
    int64_t n;

    for (int64_t i = 0; i < countof(runs); i++)
        CHECK_ST(add(runs[i]), ST_OK);
    CHECK_ST(study_settle(&s), ST_OK);
    CHECK_ST(fronts_of(&f, &n, &s, a), ST_OK);
    CHECK(n == 1 && f->n == 1 && f->lambdas[0] == 3 && view_is(f->method, "a"));
    CHECK_NEAR(f->share[0], .375, 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(labels, fresh), cmocka_unit_test_setup(figures, fresh),
        cmocka_unit_test_setup(joining, fresh), cmocka_unit_test_setup(optima, fresh),
        cmocka_unit_test_setup(optima_said, fresh), cmocka_unit_test_setup(lacking, fresh),
        cmocka_unit_test_setup(front, fresh), cmocka_unit_test_setup(blocks, fresh),
        cmocka_unit_test_setup(seeds, fresh), cmocka_unit_test_setup(shares, fresh),
        cmocka_unit_test_setup(volumes, fresh),
    };
    int failed = check_run(countof(tests), tests);

    arena_free(a);
    return failed;
}
