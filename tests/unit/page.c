/* page.c - what a page is written with: escaping for each form, numbers, axes, lines. */
#include <math.h>

#include "tests/check.h"
#include "evalc/page/plot.h"

static struct html h;

static const char *text(void)
{
    put(&h, "%c", 0);
    CHECK_ST(h.st, ST_OK);
    h.b.n = 0;
    return h.b.p;
}

static void escaping(void **state)
{
    (void)state;
    put_text(&h, VIEW("a<b>&\"c\" 'd'\n\x01\x7f \xce\xbb"));
    CHECK_STR(text(), "a&lt;b&gt;&amp;&quot;c&quot; &#39;d&#39;\n?? \xce\xbb");
    put_text(&h, VIEW("\xff\xc0\x80\xe2\x82|\xed\xa0\x80|\xf5\x80|\xc2\x85|\xe2\x82\xac"));
    CHECK_STR(text(), "?????|???|??|??|\xe2\x82\xac");     /* cut, surrogate, far, control */
    put_latex(&h, VIEW("50% of a_b & {c} #1 $2 ~x^y\\z <|>"));
    CHECK_STR(text(), "50\\% of a\\_b \\& \\{c\\} \\#1 \\$2 \\textasciitilde{}x\\textasciicircum{}y"
                      "\\textbackslash{}z \\textless{}\\textbar{}\\textgreater{}");
    put_csv(&h, VIEW("plain"));
    CHECK_STR(text(), "plain");
    put_csv(&h, VIEW("a,\"b\""));
    CHECK_STR(text(), "\"a,\"\"b\"\"\"");
    put_csv(&h, VIEW("a\nb"));
    CHECK_STR(text(), "\"a\nb\"");
}

static void numbers(void **state)
{
    (void)state;
    const struct { double v; int digits; bool sign; const char *want; } all[] = {
        { 1.2345, 3, false, "1.234" }, { -.0001, 3, true, "0.000" }, { .0001, 3, true, "0.000" },
        { -.5, 1, true, "-0.5" },      { 2, 2, true, "+2.00" },      { NAN, 3, false, "-" },
        { INFINITY, 3, true, "-" },
    };

    for (int64_t i = 0; i < countof(all); i++) {
        put_real(&h, all[i].v, all[i].digits, all[i].sign);
        CHECK_STR(text(), all[i].want);
    }
    put_count(&h, 9999);
    CHECK_STR(text(), "9999");
    put_count(&h, 1234567.2);
    CHECK_STR(text(), "1\u202f234\u202f567");
    put_count(&h, NAN);
    CHECK_STR(text(), "-");
    char many[1000] = "";
    memset(many, 'x', sizeof many - 1);
    put(&h, "%s", many);                                   /* longer than the stack's buffer */
    CHECK_STR(text(), many);
}

static void axes(void **state)
{
    (void)state;
    double tick[PLOT_TICKS_MAX];
    struct axis x = axis_over(1, 3, false), z = axis_over(2, 3, true);
    struct axis l = axis_over(.01, 10, false);
    struct axis none = axis_over(INFINITY, -INFINITY, false), same = axis_over(2, 2, false);

    CHECK(!x.log && x.lo < 1 && x.hi > 3 && z.lo == 0 && z.hi > 3 && l.log && l.lo < .01);
    CHECK(none.lo < none.hi && same.lo < 2 && same.hi > 2);
    x.from = 10, x.to = 110;
    CHECK_NEAR(axis_at(&x, x.lo), 10, 1e-12);
    CHECK_NEAR(axis_at(&x, x.hi), 110, 1e-12);
    l.from = 0, l.to = 1;
    CHECK_NEAR(axis_at(&l, sqrt(l.lo * l.hi)), .5, 1e-12);

    int n = axis_ticks(&z, 5, tick);
    CHECK(n == 4 && tick[0] == 0 && tick[1] == 1 && tick[3] == 3);
    n = axis_ticks(&l, 5, tick);
    CHECK(n >= 4);
    for (int i = 0; i < n; i++)
        CHECK(tick[i] >= l.lo && tick[i] <= l.hi);
}

/* A line is cut off at the frame and interrupted where there is no number; nothing else drawn. */
static void lines(void **state)
{
    (void)state;
    struct plot p;
    double v[] = { 0, 1, 2, NAN, 4, 5 }, y[] = { 0, .5, 9, .5, .5, 1 };

    plot_open(&p, &h, 200, axis_over(0, 5, true), (struct axis){ .lo = 0, .hi = 1 }, "a \"b\"");
    CHECK(strstr(text(), "aria-label=\"a &quot;b&quot;\">"));
    plot_line(&p, v, y, 6, "line");
    const char *d = text();
    CHECK(strstr(d, "class=\"line\"") && !strstr(d, "nan") && !strstr(d, "inf"));
    int moves = 0, draws = 0;
    for (const char *s = strstr(d, "d=\""); *s; s++) {
        moves += *s == 'M';
        draws += *s == 'L';
    }
    CHECK(moves == 2 && draws == 3);
    plot_mark(&p, 5, NAN, .5, 3, "none");
    plot_mark(&p, 5, 1, 7, 3, "outside");
    plot_error(&p, 1, .5, NAN, NAN);
    CHECK_STR(text(), "");
    double many[1000];
    for (int i = 0; i < 1000; i++)
        many[i] = i / 1000.;
    plot_line(&p, many, many, 1000, "line");
    CHECK(strlen(text()) < 200 * 14);
    buf_free(&h.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escaping), cmocka_unit_test(numbers),
        cmocka_unit_test(axes), cmocka_unit_test(lines),
    };

    return check_run(countof(tests), tests);
}
