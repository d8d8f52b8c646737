/* judge.c - more than the pipes hold in both directions, answers in any order, judges that end. */
#include "tests/check.h"
#include "evalc/judge.h"

enum { LONG = 1 << 18 };

static struct arena *a;

/* n questions whose answers are long texts, through a command; *share as it gives them. */
static enum st all(struct judge **j, const char *command, int n, size_t text, const double **share)
{
    char *long_text = arena_get(a, text);
    struct question q = { VIEW("s"), VIEW("p"), { 0 }, { long_text, text }, VIEW("short") };
    struct progress p = { 0 };
    enum st st = judge_open(j, command, a);

    memset(long_text, 'x', text);
    for (int i = 0; i < n && st == ST_OK; i++)
        st = judge_ask(*j, &q);
    return st == ST_OK ? judge_end(*j, share, &p) : st;
}

static int setup(void **state)
{
    (void)state;
    a = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    err_clear();
    return 0;
}

/* It answers a line with as many bytes as it was asked, before it reads the next: 8 MiB each way,
 * through pipes that hold 64 KiB. */
static void test_full_pipes(void **state)
{
    const double *share;
    struct judge *j;

    (void)state;
    CHECK_ST(all(&j, "sed -u 's/.*\"a\":\"\\(x*\\)\".*/{\"score\":0.25,\"why\":\"\\1\"}/'", 32,
                 LONG, &share), ST_OK);
    for (int i = 0; i < 32; i++)
        CHECK(share[i] == 0.25);
    judge_close(j);
}

/* It reads everything before it says anything, which is then as long as what it read. */
static void test_all_at_the_end(void **state)
{
    const double *share;
    struct judge *j;

    (void)state;
    CHECK_ST(all(&j, "sed 's/.*\"id\":\\([0-9]*\\).*\"a\":\"\\(x*\\)\".*/"
                 "{\"id\":\\1,\"score\":0.\\1,\"why\":\"\\2\"}/' | tac", 10, LONG, &share), ST_OK);
    for (int i = 0; i < 10; i++)
        CHECK_NEAR(share[i], i / 10.0, 0);
    judge_close(j);
}

/* It reads nothing and goes: found out before all was asked, or at the end. */
static void test_deaf(void **state)
{
    const double *share;
    struct judge *j;

    (void)state;
    CHECK_ST(all(&j, "exec <&-; true", 64, LONG, &share), ST_DATA);
    CHECK(strstr(err_text(), "ended after 0 answers"));
    judge_close(j);
}

static void test_failed(void **state)
{
    const double *share;
    struct judge *j;

    (void)state;
    CHECK_ST(all(&j, "head -n 1 >/dev/null; echo '{\"winner\":\"tie\"}'; exit 7", 2, 1, &share),
             ST_SYS);
    CHECK(strstr(err_text(), "exited with 7 after 1 answers"));
    judge_close(j);
}

/* The last line may lack its line feed. */
static void test_no_line_feed(void **state)
{
    const double *share;
    struct judge *j;

    (void)state;
    CHECK_ST(all(&j, "cat >/dev/null; printf '{\"winner\":\"b\"}\\n{\"winner\":\"tie\"}'", 2, 1,
                 &share), ST_OK);
    CHECK(share[0] == 0 && share[1] == 0.5);
    judge_close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_full_pipes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deaf, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_line_feed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
