/* scan.c - the row scanner: what it accepts, what it says, where. */
#include "base/hash.h"
#include "base/scan.h"
#include "tests/check.h"

static struct arena *a;

static enum st scan(struct scan *v, struct view text, size_t *at)
{
    *at = 0;
    err_clear();
    err_place(NULL);
    arena_back(a, 0);
    return scan_next(v, text, at, a);
}

static void tree(void **state)
{
    struct scan v;
    size_t at;
    struct view row = VIEW(" {\"a\": [1, -2.5e1, \"x\\n\\u00e9\\ud83d\\ude00\"], \"b\": {}, "
                           "\"c\": [], \"t\":true,\"f\": false, \"n\": null} [7]");

    (void)state;
    CHECK_ST(scan(&v, row, &at), ST_OK);
    CHECK(v.type == SCAN_OBJECT && v.n == 6 && v.at == 1 && v.raw.p == row.p + 1 &&
          v.raw.p[v.raw.n - 1] == '}');
    const struct scan *l = scan_find(&v, "a");
    CHECK(l && l->type == SCAN_ARRAY && l->n == 3 && !l->key);
    CHECK(l->item[0].number == 1 && l->item[1].number == -25 && view_is(l->item[1].raw, "-2.5e1"));
    CHECK(view_is(l->item[2].text, "x\n\xc3\xa9\xf0\x9f\x98\x80"));
    CHECK(row.p[l->item[2].at] == '"');
    CHECK(scan_find(&v, "b")->type == SCAN_OBJECT && scan_find(&v, "b")->n == 0);
    CHECK(scan_find(&v, "c")->type == SCAN_ARRAY && scan_find(&v, "t")->type == SCAN_TRUE);
    CHECK(scan_find(&v, "f")->type == SCAN_FALSE && scan_find(&v, "n")->type == SCAN_NULL);
    CHECK(!scan_find(&v, "d") && !scan_find(l, "a"));
    CHECK_ST(scan_next(&v, row, &at, a), ST_OK);
    CHECK(v.type == SCAN_ARRAY && v.n == 1);
    CHECK_ST(scan_next(&v, row, &at, a), ST_END);
    CHECK(at == row.n);
    CHECK_ST(scan(&v, VIEW(" \r\n\t"), &at), ST_END);
}

static void text_is_a_view_without_escapes(void **state)
{
    struct scan v;
    size_t at;
    struct view row =
        VIEW("\"a longer text, caf\xc3\xa9 and \xe6\x97\xa5\xe6\x9c\xac, without any escape\"");

    (void)state;
    CHECK_ST(scan(&v, row, &at), ST_OK);
    CHECK(v.text.p == row.p + 1 && v.text.n == row.n - 2 && arena_used(a) == 0);
    CHECK_ST(scan(&v, VIEW("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u0041\\u20AC\""), &at), ST_OK);
    CHECK(view_eq(v.text, VIEW("\"\\/\b\f\n\r\t\0A\xe2\x82\xac")));
}

/* A broken or special byte is seen at every place within the bytes that are looked at together, and
 * what stands around it stays. */
static void every_place_in_a_word(void **state)
{
    static const struct { const char *s, *means; } cases[] = {
        { "\\n", "\n" }, { "\\\"", "\"" }, { "\\\\\\n", "\\\n" }, { "\\u00e9\\t", "\xc3\xa9\t" },
        { "\xc3\xa9", "\xc3\xa9" }, { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" }, { "\x7f", "\x7f" },
        { "\n", NULL }, { "\x1f", NULL }, { "\x80", NULL }, { "\xc0\xaf", NULL },
        { "\xed\xa0\x80", NULL }, { "\xf4\x90\x80\x80", NULL }, { "\xe2\x82", NULL },
        { "\\x", NULL }, { "\\u12g4", NULL }, { "\\ud800", NULL }, { "\\udc00", NULL },
        { "\\ud800\\u0041", NULL }, { "\\ud800x", NULL },
    };
    enum { AROUND = 72 };                      /* more than two blocks of 32 */
    char text[100], means[100], fill[AROUND + 1] = { 0 };
    struct scan v;
    size_t at;

    (void)state;
    for (int i = 0; i < AROUND; i++)
        fill[i] = (char)('a' + i % 26);
    for (int c = 0; c < (int)countof(cases); c++)
        for (int before = 0; before <= AROUND; before++) {
            const char *m = cases[c].means;
            int n = snprintf(text, sizeof text, "\"%.*s%s%s\"", before, fill, cases[c].s,
                             fill + before);
            enum st st = scan(&v, (struct view){ text, (size_t)n }, &at);
            CHECK_ST(st, m ? ST_OK : ST_DATA);
            if (!m) {
                CHECK(at == (size_t)before + 1);
                continue;
            }
            snprintf(means, sizeof means, "%.*s%s%s", before, fill, m, fill + before);
            CHECK(view_is(v.text, means));
        }
}

static void numbers(void **state)
{
    static const char *const good[] = { "0", "-0", "1", "-17", "123456789012345",
                                        "1234567890123456789", "0.1", "1e5", "1E+5", "1.25e-3",
                                        "2.2250738585072014e-308", "1e-999",
                                        "1.7976931348623157e308", "9007199254740993",
                                        "0.30000000000000004" };
    static const char *const bad[] = { "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "-a", "1e999",
                                       "-1e999", "0x10", "01", "1_0", "NaN", "Infinity",
                                       "-Infinity" };
    struct scan v;
    size_t at;
    double again;

    (void)state;
    for (int i = 0; i < (int)countof(good); i++) {
        CHECK_ST(scan(&v, view_of(good[i]), &at), ST_OK);
        CHECK(v.type == SCAN_NUMBER && at == strlen(good[i]) && v.number == strtod(good[i], NULL));
    }
    CHECK_ST(scan(&v, VIEW("-0"), &at), ST_OK);
    CHECK(signbit(v.number));
    for (int i = 0; i < (int)countof(bad); i++) {
        enum st st = scan(&v, view_of(bad[i]), &at);
        if (st == ST_OK)                               /* a good start: then the rest is no value */
            CHECK(at < strlen(bad[i]) && bad[i][0] != '-');
        else
            CHECK_ST(st, ST_DATA);
    }
    uint64_t x = 88172645463325252u;
    char text[64];
    for (int i = 0; i < 10000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&again, &x, 8);
        if (!isfinite(again))
            continue;
        snprintf(text, sizeof text, "%.17g", again);
        CHECK_ST(scan(&v, view_of(text), &at), ST_OK);
        CHECK(v.number == again);
    }
}

static void faults(void **state)
{
    static const struct { const char *text; int at; const char *what; } cases[] = {
        { "{\"a\": 1",          7, "the row stops within an object" },
        { "[1, ",               4, "the row stops within an array" },
        { "\"abc",              4, "the row stops within a string" },
        { "\"abc\\",            5, "the row stops within a string" },
        { "{\"a\" 1}",          5, "a colon must stand here" },
        { "{\"a\": 1 \"b\"}",   8, "a comma or } must stand here" },
        { "[1 2]",              3, "a comma or ] must stand here" },
        { "[1,]",               3, "JSON must stand here" },
        { "{\"a\": 1,}",        8, "a key in quotes must stand here" },
        { "{a: 1}",             1, "a key in quotes must stand here" },
        { "{\"a\": 1, \"a\": 2}", 14, "the key 'a' stands twice in one object" },
        { "{\"a\": 1, \"\\u0061\": 2}", 19, "the key 'a' stands twice in one object" },
        { "tru",                0, "neither true, false nor null" },
        { "nan",                0, "neither true, false nor null" },
        { "'a'",                0, "JSON must stand here" },
        { "\xef\xbb\xbf{}",     0, "a byte order mark or other text; JSON must stand here" },
        { "\"a\tb\"",           2, "a control character within a string; it must be escaped" },
        { "\"\\q\"",            1, "an escape that JSON does not know" },
        { "1e400",              0, "the number is too large" },
        { "-x",                 1, "a number needs a digit here" },
        { "]",                  0, "JSON must stand here" },
    };
    struct scan v;
    size_t at;

    (void)state;
    for (int i = 0; i < (int)countof(cases); i++) {
        CHECK_ST(scan(&v, view_of(cases[i].text), &at), ST_DATA);
        CHECK_STR(err_text(), cases[i].what);
        CHECK((int)at == cases[i].at);
    }
    /* the data ends where the view says, not at a 0 */
    CHECK_ST(scan(&v, (struct view){ "truex", 3 }, &at), ST_DATA);
    CHECK_ST(scan(&v, (struct view){ "\"abc\"", 4 }, &at), ST_DATA);
    CHECK_ST(scan(&v, (struct view){ "12345", 3 }, &at), ST_OK);
    CHECK(v.number == 123);
}

static void deep_and_wide(void **state)
{
    struct buf b = { 0 };
    struct scan v;
    size_t at;

    (void)state;
    for (int depth = SCAN_DEPTH_MAX; depth <= SCAN_DEPTH_MAX + 1; depth++) {
        b.n = 0;
        for (int i = 0; i < depth; i++)
            CHECK_ST(buf_add(&b, "[", 1), ST_OK);
        for (int i = 0; i < depth; i++)
            CHECK_ST(buf_add(&b, "]", 1), ST_OK);
        CHECK_ST(scan(&v, (struct view){ b.p, b.n }, &at),
                 depth > SCAN_DEPTH_MAX ? ST_DATA : ST_OK);
    }
    for (int twice = 0; twice < 2; twice++) {          /* many keys are compared by hashes */
        b.n = 0;
        for (int i = 0; i < 100000; i++)
            CHECK_ST(buf_printf(&b, "%s\"k%d\":%d", i ? "," : "{", i, i), ST_OK);
        CHECK_ST(buf_printf(&b, twice ? ",\"k77\":0}" : "}"), ST_OK);
        CHECK_ST(scan(&v, (struct view){ b.p, b.n }, &at), twice ? ST_DATA : ST_OK);
        if (!twice)
            CHECK(v.n == 100000 && scan_find(&v, "k99999")->number == 99999);
    }
    CHECK_STR(err_text(), "the key 'k77' stands twice in one object");
    CHECK(at == b.n - 2);
    buf_free(&b);
}

/* Keys that somebody chose to stand in one place of the table are told apart all the same. */
static void keys_of_one_place(void **state)
{
    struct buf b = { 0 };
    struct scan v;
    size_t at;
    char key[16], first[16] = "";

    (void)state;
    for (int twice = 0; twice < 2; twice++) {
        b.n = 0;
        for (int i = 0, n = 0; n < 1000; i++) {
            int len = snprintf(key, sizeof key, "%d", i);
            if ((hash_of((struct view){ key, (size_t)len }) >> 32 & 2047) != 7)
                continue;
            if (!n)
                memcpy(first, key, sizeof first);
            CHECK_ST(buf_printf(&b, "%s\"%s\":1", n++ ? "," : "{", key), ST_OK);
        }
        CHECK_ST(buf_printf(&b, ",\"%s\":0}", twice ? first : "x"), ST_OK);
        CHECK_ST(scan(&v, (struct view){ b.p, b.n }, &at), twice ? ST_DATA : ST_OK);
    }
    CHECK(strstr(err_text(), "stands twice in one object"));
    buf_free(&b);
}

/* Long strings with escapes at every distance from each other and from the end of the input. */
static void escapes_in_blocks(void **state)
{
    char text[200], want[200];
    struct scan v;
    size_t at;

    (void)state;
    for (int gap = 0; gap < 70; gap++)
        for (int tail = 0; tail < 70; tail++) {
            int n = snprintf(text, sizeof text, "[\"\\n%0*d\\u0120%0*d\",\"\\\\\"]", gap + 1, 7,
                             tail + 1, 8);
            int m = snprintf(want, sizeof want, "\n%0*d\xc4\xa0%0*d", gap + 1, 7, tail + 1, 8);
            char *copy = memcpy(arena_get(a, (size_t)n), text, (size_t)n);
            at = 0;
            CHECK_ST(scan_next(&v, (struct view){ copy, (size_t)n }, &at, a), ST_OK);
            CHECK(view_eq(v.item[0].text, (struct view){ want, (size_t)m }) && at == (size_t)n);
            arena_back(a, 0);
        }
}

int main(void)
{
    a = arena_new(0);
    int failed = RUN(TEST(tree), TEST(text_is_a_view_without_escapes), TEST(every_place_in_a_word),
                     TEST(numbers), TEST(faults), TEST(deep_and_wide),
                     TEST(keys_of_one_place), TEST(escapes_in_blocks));
    arena_free(a);
    return failed;
}
