/* split.c - pre-tokenisers: hand scanners against PCRE2, behaviours, the boundaries of pieces. */
#include "base/rng.h"
#include "base/utf8.h"
#include "tests/check.h"
#include "text/split.h"
#include "text/unicode.h"

#define CL100K(digits) "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
                       "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
static const char *const patterns[] = {
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    CL100K("\\p{N}{1,3}"), CL100K("\\p{N}"),
};

static struct arena *a;

static struct split *with(const char *pattern, enum split_behaviour b, bool invert)
{
    struct split *s = split_new(a);

    CHECK(s);
    CHECK_ST(split_regex(s, view_of(pattern), b, invert), ST_OK);
    return s;
}

/* All pieces of the text, each in | |. */
static const char *cut(const struct split *s, struct view text)
{
    static char out[16384];
    struct splitter w = { 0 };
    const uint32_t *v;
    size_t at = 0, k = 0;
    int64_t n;

    while (at < text.n) {
        CHECK_ST(split_some(s, &w, text, &at, &v, &n), ST_OK);
        for (int64_t i = 0; i < n; i++) {
            CHECK(v[i] < v[i + 1] && v[i + 1] <= text.n && v[i + 1] <= at);
            k += (size_t)snprintf(out + k, sizeof out - k, "|%.*s", (int)(v[i + 1] - v[i]),
                                  text.p + v[i]);
            CHECK(k < sizeof out);
        }
    }
    splitter_free(&w);
    out[k] = 0;
    return out;
}

static void known_pieces(void **state)
{
    (void)state;
    struct split *gpt2 = split_new(a), *llama = with(patterns[1], SPLIT_ISOLATED, false),
                 *qwen = with(patterns[2], SPLIT_ISOLATED, false);

    CHECK_ST(split_gpt2(gpt2), ST_OK);
    CHECK(split_by_hand(gpt2) && split_by_hand(llama) && split_by_hand(qwen));
    CHECK_STR(cut(gpt2, view_of("Hello  world, it's 12345!")), "|Hello| | world|,| it|'s| 12345|!");
    CHECK_STR(cut(llama, view_of("Hello  world, it's 12345!")),
              "|Hello| | world|,| it|'s| |123|45|!");
    CHECK_STR(cut(qwen, view_of("a 12")), "|a| |1|2");
    CHECK_STR(cut(gpt2, view_of("IT'S 'S \xc5\xbf")), "|IT|'|S| '|S| \xc5\xbf");
    CHECK_STR(cut(llama, view_of("IT'S x'\xc5\xbf")), "|IT|'S| x|'\xc5\xbf");
    CHECK_STR(cut(gpt2, view_of("x \n\n  y")), "|x| \n\n | y");
    CHECK_STR(cut(llama, view_of("x \n\n  y")), "|x| \n\n| | y");
    CHECK_STR(cut(llama, view_of("end.\n\nNext")), "|end|.\n\n|Next");
    CHECK_STR(cut(llama, view_of("(word $word \tword")), "|(word| $|word| |\tword");
    CHECK_STR(cut(gpt2, view_of("tail  ")), "|tail|  ");
    CHECK_STR(cut(gpt2, view_of("")), "");
}

static uint32_t code_point(uint64_t i)
{
    static const uint32_t edges[] = { ' ',   '\n',   '\r',  '\t',  '\'',   's',     'S',
                                      't',   'l',    'v',   'e',   'r',    '1',     '9',
                                      '.',   0xa0,   0x85,  0x17f, 0x3000, 0x2019,  0xe9,
                                      0x416, 0x4f60, 0x661, 0xbd,  0x301,  0x1f600, 0x2028 };
    uint64_t r = rng(1, RNG_STREAM(RNG_TEST, 1), i);

    return r % 3 ? edges[r / 3 % countof(edges)] : 0x20 + (uint32_t)(r / 3 % 0x1c00);
}

/* In a group of its own a pattern is not known by heart. */
static struct split *by_pcre2(const char *pattern)
{
    char text[400];

    snprintf(text, sizeof text, "(?:%s)", pattern);
    struct split *s = with(text, SPLIT_ISOLATED, false);
    CHECK(!split_by_hand(s));
    return s;
}

static void same(const struct split *hand, const struct split *pcre2, struct view text)
{
    static char want[16384];

    snprintf(want, sizeof want, "%s", cut(pcre2, text));
    CHECK_STR(cut(hand, text), want);
}

static void by_hand_is_pcre2(void **state)
{
    char text[2048];
    uint64_t draw = 0;

    (void)state;
    for (int k = 0; k < countof(patterns); k++) {
        struct split *s = with(patterns[k], SPLIT_ISOLATED, false), *p = by_pcre2(patterns[k]);
        CHECK(split_by_hand(s));
        for (int i = 0; i < 10000; i++) {
            size_t n = 0;
            uint64_t most = i % 2 ? 24 : 300;
            int length = 1 + (int)(rng(2, RNG_STREAM(RNG_TEST, 1), (uint64_t)i) % most);
            for (int c = 0; c < length; c++)
                n += (size_t)utf8_put(text + n, code_point(draw++));
            same(s, p, (struct view){ text, n });
        }
        split_free(p);
    }
}

/* Texts of few characters that matter, so that runs are long and all orders come up. */
static void dense_texts(void **state)
{
    static const char *const sets[] = { "a '",     "a \n",   "1a ",          " \n\t",
                                        ".'sRe ", " \n.a", "1.\r\n a'l" };
    char text[2048];
    uint64_t draw = 0;

    (void)state;
    for (int k = 0; k < countof(patterns); k++) {
        struct split *s = with(patterns[k], SPLIT_ISOLATED, false), *p = by_pcre2(patterns[k]);
        for (int i = 0; i < 7000; i++) {
            const char *set = sets[i % countof(sets)];
            size_t n = 1 + rng(3, RNG_STREAM(RNG_TEST, 1), (uint64_t)i) % 400;
            for (size_t c = 0; c < n; c++)
                text[c] = set[rng(4, RNG_STREAM(RNG_TEST, 1), draw++) % strlen(set)];
            same(s, p, (struct view){ text, n });
        }
        split_free(p);
    }
}

/* Every four of these around the edge of a block of 64 bytes. */
static void edges_of_blocks(void **state)
{
    static const char *const bits[] = { "a", "1", ".", " ", "\n", "'s", "'re", "\t",
                                        "\xc3\xa9", "\xe2\x80\x9c", "\xc2\xa0" };
    enum { BITS = countof(bits) };
    char text[200];

    (void)state;
    for (int k = 0; k < countof(patterns); k++) {
        struct split *s = with(patterns[k], SPLIT_ISOLATED, false), *p = by_pcre2(patterns[k]);
        for (int i = 0; i < BITS * BITS * BITS * BITS; i++) {
            const char *v[] = { bits[i % BITS], bits[i / BITS % BITS], bits[i / BITS / BITS % BITS],
                                bits[i / BITS / BITS / BITS] };
            int before = 55 + i % 13;
            int n = snprintf(text, sizeof text, "%.*s%s%s%s%s%s%s", before,
                             "x xx xxx xxxx xxxxx xxxxxx xxxxxxx xxxxxxxx xxxxxxxxx xxxxxxxxxx xx",
                             v[0], v[1], v[2], v[3], v[0],
                             i % 3 ? " and so on, and on and on" : "");
            same(s, p, (struct view){ text, (size_t)n });
        }
        split_free(p);
    }
}

static void behaviours(void **state)
{
    static const struct { enum split_behaviour b; bool invert; const char *want; } table[] = {
        { SPLIT_ISOLATED, false, "|the|-|final|-|-|countdown" },
        { SPLIT_REMOVED, false, "|the|final|countdown" },
        { SPLIT_PREVIOUS, false, "|the-|final-|-|countdown" },
        { SPLIT_NEXT, false, "|the|-final|-|-countdown" },
        { SPLIT_CONTIGUOUS, false, "|the|-|final|--|countdown" },
        { SPLIT_REMOVED, true, "|-|-|-" },
        { SPLIT_NEXT, true, "|the-|final-|-|countdown" },
        { SPLIT_PREVIOUS, true, "|the|-final|-|-countdown" },
    };

    (void)state;
    for (int i = 0; i < countof(table); i++) {
        struct split *s = split_new(a), *r = with("-", table[i].b, table[i].invert);
        CHECK_ST(split_literal(s, view_of("-"), table[i].b, table[i].invert), ST_OK);
        CHECK_STR(cut(s, view_of("the-final--countdown")), table[i].want);
        CHECK_STR(cut(r, view_of("the-final--countdown")), table[i].want);
        split_free(r);
    }
}

static void stages(void **state)
{
    struct split *s = with("\\s+", SPLIT_REMOVED, false);

    (void)state;
    CHECK_ST(split_class(s, unicode_number, SPLIT_ISOLATED), ST_OK);
    CHECK_ST(split_literal(s, view_of("_"), SPLIT_NEXT, false), ST_OK);
    CHECK_STR(cut(s, view_of("snake_case 42\xd9\xa3 x")), "|snake|_case|4|2|\xd9\xa3|x");
    CHECK_STR(cut(s, view_of("a\xe1\xa0\x8e"
                             "b")),
              "|a\xe1\xa0\x8e"
              "b"); /* U+180E is no white space here */
    split_free(s);
    s = with("x*", SPLIT_ISOLATED, false);             /* empty hits must not hang */
    CHECK_STR(cut(s, view_of("axxb\xc3\xa9")), "|a|xx|b|\xc3\xa9");
    split_free(s);
    s = split_new(a);
    CHECK_STR(cut(s, view_of("no stage, one piece")), "|no stage, one piece");
}

static void refusals(void **state)
{
    struct split *s = split_new(a);
    struct splitter w = { 0 };
    const uint32_t *v;
    size_t at = 0;
    int64_t n;

    (void)state;
    CHECK_ST(split_regex(s, view_of("(unclosed"), SPLIT_ISOLATED, false), ST_DATA);
    CHECK(strstr(err_text(), "'(unclosed'"));
    err_clear();
    for (int i = 0; i < SPLIT_STAGES_MAX; i++)
        CHECK_ST(split_class(s, unicode_number, SPLIT_CONTIGUOUS), ST_OK);
    CHECK_ST(split_class(s, unicode_number, SPLIT_CONTIGUOUS), ST_DATA);
    err_clear();
    s = with("b+", SPLIT_ISOLATED, false);
    CHECK_ST(split_some(s, &w, VIEW("a\xff"), &at, &v, &n), ST_DATA);
    err_clear();
    splitter_free(&w);
    split_free(s);
}

/* A megabyte of spaces or of one letter is one scan, not one a byte. */
static void long_runs(void **state)
{
    struct buf text = { 0 };
    struct splitter w = { 0 };
    const uint32_t *v;
    int64_t n, total = 0;

    (void)state;
    CHECK_ST(buf_room(&text, 1 << 20), ST_OK);
    memset(text.p, ' ', 1 << 20);
    for (int k = 0; k < countof(patterns); k++) {
        struct split *s = with(patterns[k], SPLIT_ISOLATED, false);
        for (size_t at = 0; at < 1 << 20; total += n)
            CHECK_ST(split_some(s, &w, (struct view){ text.p, 1 << 20 }, &at, &v, &n), ST_OK);
    }
    CHECK(total == countof(patterns));
    splitter_free(&w);
    buf_free(&text);
}

int main(void)
{
    a = arena_new(0);
    int bad = RUN(TEST(known_pieces), TEST(by_hand_is_pcre2), TEST(dense_texts),
                  TEST(edges_of_blocks), TEST(behaviours), TEST(stages),
                  TEST(refusals), TEST(long_runs));
    arena_free(a);
    return bad;
}
