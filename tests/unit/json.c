/* json.c - opening, members with their faults, and what is written. */
#include <float.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "tests/check.h"

static char path[] = TEMP("json");

static enum st open_text(json_t **root, const char *text)
{
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
    err_clear();
    err_place(NULL);
    return json_open(root, path);
}

static void faults_have_places(void **state)
{
    json_t *o;

    (void)state;
    CHECK_ST(json_open(&o, "/nonexistent/config.json"), ST_SYS);
    CHECK_STR(err_text(), "/nonexistent/config.json: cannot open: No such file or directory");
    CHECK_ST(open_text(&o, "{\"a\": 1,\n \"b\": }"), ST_DATA);
    CHECK(strstr(err_text(), ":2:") && strstr(err_text(), "not JSON"));
    CHECK_ST(open_text(&o, "{\"a\": 1, \"a\": 2}"), ST_DATA);
    CHECK_ST(open_text(&o, ""), ST_DATA);
    err_clear();
}

static void members(void **state)
{
    json_t *o;
    int64_t i;
    double r;
    bool b;
    const char *s;

    (void)state;
    CHECK_ST(open_text(&o, "{\"n\": 12, \"w\": 1e4, \"r\": 0.5, \"t\": \"x\", \"y\": true,"
                           " \"z\": null}"), ST_OK);
    CHECK_ST(json_int("c.json", o, "n", 1, 100, &i), ST_OK);
    CHECK(i == 12);
    CHECK_ST(json_int("c.json", o, "w", 1, 100000, &i), ST_OK);
    CHECK(i == 10000);
    CHECK_ST(json_int("c.json", o, "hidden_size", 1, 100, &i), ST_DATA);
    CHECK_STR(err_text(), "c.json: 'hidden_size' is missing");
    err_clear();
    CHECK_ST(json_int("c.json", o, "z", 1, 100, &i), ST_DATA);
    err_clear();
    CHECK_ST(json_int("c.json", o, "r", 0, 100, &i), ST_DATA);
    err_clear();
    CHECK_ST(json_int("c.json", o, "n", 20, 100, &i), ST_DATA);
    CHECK_STR(err_text(), "c.json: 'n' is 12; it must be from 20 to 100");
    err_clear();
    CHECK_ST(json_int_or("c.json", o, "z", 1, 9, 7, &i), ST_OK);
    CHECK(i == 7);
    CHECK_ST(json_real_or("c.json", o, "n", 0, &r), ST_OK);
    CHECK(r == 12);
    CHECK_ST(json_real_or("c.json", o, "t", 0, &r), ST_DATA);
    err_clear();
    CHECK_ST(json_bool_or("c.json", o, "y", false, &b), ST_OK);
    CHECK(b);
    CHECK_ST(json_bool_or("c.json", o, "n", false, &b), ST_DATA);
    err_clear();
    CHECK_ST(json_text_or("c.json", o, "t", "d", &s), ST_OK);
    CHECK_STR(s, "x");
    CHECK_ST(json_text_or("c.json", o, "none", "d", &s), ST_OK);
    CHECK_STR(s, "d");
    json_decref(o);
    CHECK_ST(open_text(&o, "{\"m\": 1000000000000000019884624838656, \"n\": 3}"), ST_OK);
    CHECK_ST(json_int("c.json", o, "n", 0, 9, &i), ST_OK);
    CHECK(i == 3);
    CHECK_ST(json_int("c.json", o, "m", 0, 9, &i), ST_DATA);
    err_clear();
    json_decref(o);
}

static const char *text(struct view s)
{
    static struct buf b;
    b.n = 0;
    CHECK_ST(json_put_text(&b, s), ST_OK);
    CHECK_ST(buf_add(&b, "", 1), ST_OK);
    return b.p;
}

#define U "\xef\xbf\xbd"

static void strings(void **state)
{
    (void)state;
    CHECK_STR(text(VIEW("")), "\"\"");
    CHECK_STR(text(VIEW("a\"b\\c/\n\t\b\f\r\0\x1f\x7f" "caf\xc3\xa9")),
              "\"a\\\"b\\\\c/\\n\\t\\b\\f\\r\\u0000\\u001f\x7f" "caf\xc3\xa9\"");
    /* The example of the Unicode standard, table 3-8: one U+FFFD for each longest good start */
    CHECK_STR(text(VIEW("a\xf1\x80\x80\xe1\x80\xc2" "b\x80" "c\x80\xbf" "d")),
              "\"a" U U U "b" U "c" U U "d\"");
    CHECK_STR(text(VIEW("\xed\xa0\x80")), "\"" U U U "\"");
    CHECK_STR(text(VIEW("\xf0\x9f\x98\x80\xf0\x9f")), "\"\xf0\x9f\x98\x80\xef\xbf\xbd\"");
}

static void reals(void **state)
{
    static const struct { double v; const char *text; } cases[] = {
        { 0.1, "0.1" }, { 1, "1" }, { -0.0, "-0" }, { 1.0 / 3, "0.3333333333333333" },
        { 1e22, "1e+22" }, { DBL_MAX, "1.797693134862316e+308" }, { NAN, "null" },
        { -INFINITY, "null" }, { 5e-324, "4.94065645841247e-324" },
    };
    uint64_t x = 88172645463325252u;
    struct buf b = { 0 };

    (void)state;
    for (int i = 0; i < (int)countof(cases); i++) {
        b.n = 0;
        CHECK_ST(json_put_real(&b, cases[i].v), ST_OK);
        CHECK_ST(buf_add(&b, "", 1), ST_OK);
        if (i != 5)
            CHECK_STR(b.p, cases[i].text);
    }
    for (int i = 0; i < 10000; i++) {                  /* reads back to the same double */
        double v;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&v, &x, 8);
        b.n = 0;
        CHECK_ST(json_put_real(&b, v), ST_OK);
        CHECK_ST(buf_add(&b, "", 1), ST_OK);
        CHECK(!isfinite(v) || strtod(b.p, NULL) == v);
    }
    buf_free(&b);
}

int main(void)
{
    int fd = mkstemp(path);
    int failed = RUN(TEST(faults_have_places), TEST(members), TEST(strings), TEST(reals));

    close(fd);
    unlink(path);
    return failed;
}
