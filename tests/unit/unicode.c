/* unicode.c - what every code point becomes and is, as sums of what the tokenizers library does
 * (made by `tests/golden/tokenizer.py unicode`): ids must not depend on the Unicode of a
 * library. */
#include "base/file.h"
#include "base/utf8.h"
#include "tests/check.h"
#include "text/form.h"
#include "text/unicode.h"

static const struct { const char *name, *sum; } sums[] = {
    { "NFC", "1ffc8e6ce9e83df8" },
    { "NFC within", "46ebe4bb1fec687a" },
    { "NFD", "8899870feb76ce43" },
    { "NFD within", "cbabb3ac78b3e135" },
    { "NFKC", "f3ea4fbaae5ffd9e" },
    { "NFKC within", "0f7f2f81317fa84d" },
    { "NFKD", "cda1a49f5743c4e8" },
    { "NFKD within", "b139179c3da9543d" },
    { "lower", "9828b44a7387383e" },
    { "mark", "a2cbd3b6118761eb" },
    { "word", "a311b60aead90cd4" },
    { "number", "aafa54736b98a891" },
    { "punctuation", "e73812ee9af3262b" },
};

static void is_sum(const char *name, struct sha *s)
{
    uint8_t sum[32];
    char hex[20];

    sha_end(s, sum);
    for (int i = 0; i < 8; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    for (int i = 0; i < countof(sums); i++)
        if (strcmp(name, sums[i].name) == 0 && strcmp(hex, sums[i].sum) == 0)
            return;
    check_failed(__FILE__, __LINE__, "%s: %s", name, hex);
}

/* The code point behind c, surrogates passed over. */
static int32_t next(int32_t c)
{
    return c + 1 == 0xd800 ? 0xe000 : c + 1;
}

static void put_form(struct sha *s, enum form f, const char *p, size_t n)
{
    static struct forming w;
    struct view v;

    CHECK_ST(form_text(&w, f, (struct view){ p, n }, &v), ST_OK);
    sha_add(s, v.p, v.n);
}

static void forms(void **state)
{
    static const char *const names[] = { "NFC", "NFD", "NFKC", "NFKD" };
    char name[20];

    (void)state;
    for (int f = 0; f < countof(names); f++) {
        struct sha *one = sha_new(), *within = sha_new();
        for (int32_t c = 0; c < 0x110000; c = next(c)) {
            char text[20] = "a";
            size_t len = (size_t)utf8_put(text + 1, (uint32_t)c), n = 1 + len;
            put_form(one, (enum form)f, text + 1, len);
            memcpy(text + n, "\xcc\x81\xcc\xa3", 4);   /* marks, not in their order */
            memcpy(text + n + 4, text + 1, len);
            put_form(within, (enum form)f, text, n + 4 + len);
        }
        is_sum(names[f], one);
        snprintf(name, sizeof name, "%s within", names[f]);
        is_sum(name, within);
    }
}

static void lower(void **state)
{
    struct sha *s = sha_new();

    (void)state;
    for (int32_t c = 0; c < 0x110000; c = next(c)) {
        char text[12];
        int32_t low[3];
        for (int i = 0, n = unicode_lower(c, low); i < n; i++)
            sha_add(s, text, (size_t)utf8_put(text, (uint32_t)low[i]));
    }
    is_sum("lower", s);
}

static void classes(void **state)
{
    static const struct { const char *name; bool (*is)(int32_t c); } table[] = {
        { "mark", unicode_mark }, { "word", unicode_word }, { "number", unicode_number },
        { "punctuation", unicode_punctuation },
    };

    (void)state;
    for (int i = 0; i < countof(table); i++) {
        struct sha *s = sha_new();
        for (int32_t c = 0; c < 0x110000; c = next(c))
            sha_add(s, table[i].is(c) ? "1" : "0", 1);
        is_sum(table[i].name, s);
    }
}

int main(void)
{
    return RUN(TEST(forms), TEST(lower), TEST(classes));
}
