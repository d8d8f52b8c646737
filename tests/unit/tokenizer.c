/* tokenizer.c - ids as the Hugging Face library gives them (tests/golden/tokenizer, made by
 * tokenizer.py), places, decoding, the built-in tokenizer, and the parts of a tokenizer.json that
 * are refused. */
#include <unistd.h>

#include "base/file.h"
#include "base/scan.h"
#include "tests/check.h"
#include "text/tokenizer.h"

#define GOLDEN "tests/golden/tokenizer"
#define DATA "../shared/data/tokenizers"

enum { FILE_BYTES_MAX = 64 << 20 };

static struct arena *a;

static struct tokenizer *load(const char *path)
{
    struct tokenizer *t;
    struct view json;

    CHECK_ST(file_read(path, &json, FILE_BYTES_MAX, a), ST_OK);
    CHECK_ST(tokenizer_read(&t, json, path, a), ST_OK);
    return t;
}

/* Places rise and lie within the text, at code points unless a token is part of one; the ids
 * alone are the same without places. */
static void check_places(struct encoder *e, struct view text, const struct encoding *v)
{
    static struct encoding bare;

    for (int64_t i = 0; i < v->n; i++) {
        CHECK(v->begin[i] <= v->end[i] && v->end[i] <= text.n);
        CHECK(i == 0 || (v->begin[i] >= v->begin[i - 1] && v->end[i] >= v->end[i - 1]));
    }
    CHECK_ST(tokenizer_encode(e, text, false, &bare), ST_OK);
    CHECK(bare.n == v->n && !bare.begin &&
          memcmp(bare.id, v->id, (size_t)v->n * sizeof *v->id) == 0);
}

static void golden(const char *name, const char *path)
{
    struct tokenizer *t = load(path);
    struct encoder *e = encoder_new(t, a);
    struct encoding v = { 0 };
    struct view rows;
    size_t at = 0;
    int64_t n = 0;

    CHECK(e);
    CHECK_ST(file_read(GOLDEN "/ids.jsonl", &rows, FILE_BYTES_MAX, a), ST_OK);
    for (struct scan row; scan_next(&row, rows, &at, a) == ST_OK; n++) {
        const struct scan *text = scan_find(&row, "text"), *ids = scan_find(&row, name);
        CHECK(text && ids);
        CHECK_ST(tokenizer_encode(e, text->text, true, &v), ST_OK);
        bool same = v.n == ids->n;
        for (int64_t i = 0; same && i < v.n; i++)
            same = v.id[i] == (uint32_t)ids->item[i].number;
        if (!same)
            check_failed(__FILE__, __LINE__, "%s: other ids for %.*s", name, (int)text->raw.n,
                         text->raw.p);
        check_places(e, text->text, &v);
    }
    CHECK(n > 100);
    encoding_free(&v);
    encoder_free(e);
    tokenizer_free(t);
}

static void small_ones(void **state)
{
    static const char *const names[] = { "gpt2", "llama3", "mixed", "gpt4o", "spaced" };

    (void)state;
    for (int i = 0; i < countof(names); i++) {
        char path[200];
        snprintf(path, sizeof path, GOLDEN "/%s.json", names[i]);
        golden(names[i], path);
    }
}

static void real_ones(void **state)
{
    static const char *const names[][2] = { { "gpt-neox-20b", DATA "/gpt-neox-20b.json" },
                                            { "llama-3.1", DATA "/llama-3.1/tokenizer.json" } };

    (void)state;
    for (int i = 0; i < countof(names); i++) {
        if (access(names[i][1], R_OK) != 0) {
            print_message("skipped: no %s\n", names[i][1]);
            skip();
        }
        golden(names[i][0], names[i][1]);
    }
}

static const struct encoding *encode(const struct tokenizer *t, struct encoder **e,
                                     const char *text)
{
    static struct encoding v;

    if (!*e)
        *e = encoder_new(t, a);
    CHECK(*e);
    CHECK_ST(tokenizer_encode(*e, view_of(text), true, &v), ST_OK);
    return &v;
}

static void places(void **state)
{
    struct tokenizer *t = load(GOLDEN "/mixed.json");
    struct encoder *e = NULL;
    const struct encoding *v =
        encode(t, &e, "e\xcc\x81x"); /* e and an acute accent become one code point */

    (void)state;
    CHECK(v->n == 3);                                           /* two bytes of it, and x */
    CHECK(v->begin[0] == 0 && v->end[0] == 3 && v->begin[1] == 0 && v->end[1] == 3 &&
          v->begin[2] == 3 && v->end[2] == 4);
    v = encode(t, &e, "a  <left>  <right>  b");
    CHECK(v->n == 5 && v->begin[0] == 0 && v->end[0] == 1);
    CHECK(v->begin[1] == 3 && v->end[1] == 9);   /* what it swallowed is nobody's */
    CHECK(v->begin[3] == 11 && v->end[3] == 18 && v->begin[4] == 20);
    encoder_free(e);
    tokenizer_free(t);

    t = load(GOLDEN "/spaced.json");
    e = NULL;
    v = encode(t, &e, "q");
    CHECK(v->n == 2 && v->begin[0] == 0 && v->end[0] == 0 && v->begin[1] == 0 && v->end[1] == 1);
    encoder_free(e);
    tokenizer_free(t);
}

static void bytes(void **state)
{
    struct tokenizer *t = tokenizer_bytes(a);
    struct encoder *e = NULL;
    const struct encoding *v = encode(t, &e, "\xc3\xa9<|im_end|>\n");
    struct buf out = { 0 };

    (void)state;
    CHECK(t->vocab == 264 && t->bos == 256 && t->eos == 257 && t->pad == 258 && t->n_prefix == 1);
    CHECK(v->n == 4 && v->id[0] == 0xc3 && v->id[1] == 0xa9 && v->id[2] == 260 && v->id[3] == '\n');
    CHECK(v->begin[2] == 2 && v->end[2] == 12 && v->end[3] == 13);
    CHECK(tokenizer_special(t, 263) && !tokenizer_special(t, 255) &&
          tokenizer_find(t, "<|eot_id|>") == 263);
    CHECK_ST(tokenizer_decode(t, v->id, v->n, false, &out), ST_OK);
    CHECK(out.n == 3 && memcmp(out.p, "\xc3\xa9\n", 3) == 0);
    buf_free(&out);
    encoder_free(e);
    tokenizer_free(t);
}

static void decoding_gives_the_text_back(void **state)
{
    struct tokenizer *t = load(GOLDEN "/llama3.json");
    struct encoder *e = NULL;
    const char *text = "The table isn't na\xc3\xafve;\r\n  \xe4\xbd\xa0 <|eot_id|> 1234567";
    const struct encoding *v = encode(t, &e, text);
    struct buf out = { 0 };

    (void)state;
    CHECK_ST(tokenizer_decode(t, v->id, v->n, true, &out), ST_OK);
    CHECK(out.n == strlen(text) && memcmp(out.p, text, out.n) == 0);
    CHECK(t->n_prefix == 1 && t->bos == t->prefix[0] &&
          tokenizer_find(t, "<|begin_of_text|>") == t->bos);
    buf_free(&out);
    encoder_free(e);
    tokenizer_free(t);
}

static void config(void **state)
{
    struct tokenizer *t = load(GOLDEN "/gpt2.json");

    (void)state;
    CHECK(t->n_prefix == 0 && t->eos == tokenizer_find(t, "<|endoftext|>"));
    CHECK_ST(
        tokenizer_config(
            t,
            VIEW("{\"bos_token\": {\"content\": \"<|im_start|>\"}, \"eos_token\": \"<|im_end|>\", "
                 "\"pad_token\": null, \"add_bos_token\": true}"),
            "c"),
        ST_OK);
    CHECK(t->eos == tokenizer_find(t, "<|im_end|>") && t->n_prefix == 1 && t->bos == t->prefix[0]);
    CHECK_ST(tokenizer_config(t, VIEW("{\"eos_token\": \"</s>\"}"), "c"), ST_DATA);
    CHECK_STR(err_text(), "c: eos_token '</s>' is not among the added tokens of the tokenizer");
    err_clear();
    tokenizer_free(t);
}

static void refusals(void **state)
{
    static const struct { const char *json, *says;
    } table[] = {
        { "", "the file is empty" },
        { "[]", "not a JSON object" },
        { "{}", "no ByteLevel" },
        { "{\"normalizer\":{\"type\":\"Lowercase\"}}", "normalizer 'Lowercase'" },
        { "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"}]}}",
          "normalizer 'NFKC'" },
        { "{\"pre_tokenizer\":{\"type\":\"Metaspace\"}}", "pre_tokenizer 'Metaspace'" },
        { "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{"
          "\"type\":\"Digits\"}]}}",
          "pre_tokenizer behind ByteLevel 'Digits'" },
        { "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":"
          "\"Isolated\"}}",
          "refused by PCRE2" },
        { "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":"
          "\"Odd\"}}",
          "split behaviour 'Odd'" },
        { "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"Unigram\"}}",
          "model 'Unigram'" },
        { "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"dropout\":0.1}"
          "}",
          "'dropout'" },
        { "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"byte_"
          "fallback\":true}}",
          "'byte_fallback'" },
        { "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{\"a\":0},\"merges\":[]"
          "}}",
          "no token for byte 0x00" },
        { "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{\"a\":-1},\"merges\":["
          "]}}",
          "no id below" },
        { "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{\"a\":0},\"merges\":["
          "\"ab\"]}}",
          "no pair of tokens" },
        { "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{\"a\":0},\"merges\":[["
          "\"a\",\"b\"]]}}",
          "not in the vocabulary" },
    };

    (void)state;
    for (int i = 0; i < countof(table); i++) {
        struct tokenizer *t;
        CHECK_ST(tokenizer_read(&t, view_of(table[i].json), "t.json", a), ST_DATA);
        if (strncmp(err_text(), "t.json: ", 8) != 0 || !strstr(err_text(), table[i].says))
            check_failed(__FILE__, __LINE__, "'%s' does not say '%s'", err_text(), table[i].says);
        err_clear();
    }
}

int main(void)
{
    a = arena_new(0);
    int bad = RUN(TEST(small_ones), TEST(real_ones), TEST(places), TEST(bytes),
                  TEST(decoding_gives_the_text_back), TEST(config), TEST(refusals));
    arena_free(a);
    return bad;
}
