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

/* What the library decodes: a member `NAME text`, or the text itself. */
static void check_text(const struct tokenizer *t, const char *name, const struct scan *row,
                       const struct encoding *v)
{
    char key[100];
    struct buf out = { 0 };

    snprintf(key, sizeof key, "%s text", name);
    const struct scan *want = scan_find(row, key);
    if (!want)
        want = scan_find(row, "text");
    CHECK_ST(tokenizer_decode(t, v->id, v->n, true, &out), ST_OK);
    if (!view_eq(want->text, (struct view){ out.p, out.n }))
        check_failed(__FILE__, __LINE__, "%s: '%.*s' decoded, not %.*s", name, (int)out.n, out.p,
                     (int)want->raw.n, want->raw.p);
    buf_free(&out);
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
        check_text(t, name, &row, &v);
    }
    CHECK(n > 100);
    encoding_free(&v);
    encoder_free(e);
    tokenizer_free(t);
}

static void small_ones(void **state)
{
    static const char *const names[] = { "gpt2",    "llama3", "mixed", "gpt4o", "spaced", "llama2",
                                         "mistral", "gemma",  "meta",  "clip",  "falcon", "bert",
                                         "nfkc",    "words",  "parts", "few" };

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

/* Places of all tokens, as "begin-end ". */
static const char *told(const struct encoding *v)
{
    static char out[400];
    size_t k = 0;

    out[0] = 0;
    for (int64_t i = 0; i < v->n && k < sizeof out - 30; i++)
        k += (size_t)snprintf(out + k, sizeof out - k, "%u-%u ", v->begin[i], v->end[i]);
    return out;
}

static void places_through_all_parts(void **state)
{
    static const struct { const char *name, *text, *places; } table[] = {
        { "llama2", "the a", "0-3 3-4 4-5 " },
        { "llama2", "q", "0-0 0-1 " },         /* what was put in front stands for nothing */
        { "llama2", "q</s>q", "0-0 0-1 1-5 5-5 5-6 " },
        { "llama2", "\xd0\x96", "0-0 0-1 1-2 " },      /* bytes of a character */
        { "mistral", "q</s>q", "0-0 0-1 1-5 5-6 " },   /* first: only in front of the text */
        { "meta", "q\xd0\x96\xd0\x96", "0-0 0-1 1-3 3-5 " },
        { "words", "t\xd0\x96\xd0\x96 .", "0-1 1-5 6-7 " },    /* unknown ones fused */
        { "nfkc", "\xef\xac\x81 \xe3\x8e\x8fs", "0-3 0-3 3-4 4-7 4-7 7-8 " },
        { "bert", "A\xcc\x80\xcc\x81q", "0-1 5-6 " },      /* dropped marks are nobody's */
        { "bert", "the q", "0-3 4-5 " },
        { "clip", "The \n Q", "0-3 6-7 " },
        { "falcon", "the 1", "0-1 1-3 3-4 4-5 " },
        { "parts", "z1 e", "0-0 1-2 3-4 " },
    };

    (void)state;
    for (int i = 0; i < countof(table); i++) {
        char path[200];
        snprintf(path, sizeof path, GOLDEN "/%s.json", table[i].name);
        struct tokenizer *t = load(path);
        struct encoder *e = NULL;
        const char *got = told(encode(t, &e, table[i].text));
        if (strcmp(got, table[i].places) != 0)
            check_failed(__FILE__, __LINE__, "%s '%s': '%s', not '%s'", table[i].name,
                         table[i].text, got, table[i].places);
        encoder_free(e);
        tokenizer_free(t);
    }
}

/* Token by token: what comes is final, and what may still change is held. */
static void decoding_goes_token_by_token(void **state)
{
    static const struct { const char *name, *text, *steps; } table[] = {
        { "llama2", "the \xd0\x96.", "the| |||\xd0\x96.|" },
        { "llama3", "\xf0\x9f\x98\x80", "|||\xf0\x9f\x98\x80|" },
        { "words", "the dog", "|the |dog" },
    };
    static const uint32_t broken[] = { 0xc3, 'a' };
    struct buf out = { 0 };

    (void)state;
    for (int i = 0; i < countof(table); i++) {
        char path[200], got[100];
        snprintf(path, sizeof path, GOLDEN "/%s.json", table[i].name);
        struct tokenizer *t = load(path);
        struct encoder *e = NULL;
        const struct encoding *v = encode(t, &e, table[i].text);
        struct decoder *d = decoder_new(t, true, a);
        size_t k = 0;
        CHECK(d);
        for (int64_t n = 0; n <= v->n; n++) {
            out.n = 0;
            CHECK_ST(n < v->n ? decoder_put(d, v->id[n], &out) : decoder_end(d, &out), ST_OK);
            k += (size_t)snprintf(got + k, sizeof got - k, "%.*s%s", (int)out.n, out.p ? out.p : "",
                                  n < v->n ? "|" : "");
        }
        if (strcmp(got, table[i].steps) != 0)
            check_failed(__FILE__, __LINE__, "%s: '%s'", table[i].name, got);
        decoder_free(d);
        encoder_free(e);
        tokenizer_free(t);
    }
    struct tokenizer *t = tokenizer_bytes(a);          /* has no text of its own to give */
    out.n = 0;
    CHECK_ST(tokenizer_decode(t, broken, 2, true, &out), ST_OK);
    CHECK(out.n == 2 && memcmp(out.p, "\xc3""a", 2) == 0);
    tokenizer_free(t);
    buf_free(&out);
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

    t = load(GOLDEN "/llama2.json");
    CHECK(t->n_prefix == 1 && t->prefix[0] == 1 && t->n_suffix == 1 && t->suffix[0] == 2 &&
          t->unk == 0);
    CHECK_ST(tokenizer_config(t, VIEW("{\"add_bos_token\": false, \"add_eos_token\": true}"), "c"),
             ST_OK);
    CHECK(t->n_prefix == 0 && t->n_suffix == 1 && t->suffix[0] == 2);
    char json[200];
    snprintf(json, sizeof json, "{\"added_tokens_decoder\": {\"0\": {\"content\": \"<unk>\"}, "
             "\"%lld\": {\"content\": \"<more>\", \"special\": true}}}", (long long)t->vocab);
    int64_t more = t->vocab;
    CHECK_ST(tokenizer_config(t, view_of(json), "c"), ST_OK);
    struct encoder *e = NULL;
    const struct encoding *v = encode(t, &e, "<more>");
    CHECK(v->n == 1 && v->id[0] == more && t->vocab == more + 1 && tokenizer_special(t, v->id[0]));
    encoder_free(e);
    CHECK_ST(tokenizer_config(t, VIEW("{\"added_tokens_decoder\": {\"7000\": {\"content\": "
                                      "\"<x>\"}}}"), "c"), ST_DATA);
    CHECK(strstr(err_text(), "the next free id is"));
    err_clear();
    CHECK_ST(tokenizer_config(t, VIEW("{\"added_tokens_decoder\": {\"7\": {\"content\": "
                                      "\"<unk>\"}}}"), "c"), ST_DATA);
    CHECK(strstr(err_text(), "gives '<unk>' the id 7"));
    err_clear();
    tokenizer_free(t);
}

static void templates(void **state)
{
    static const char *one = "{\"chat_template\": \"A\"}",
                      *two = "{\"chat_template\": [{\"name\": \"default\", \"template\": \"A\"}, "
                             "{\"name\": \"rag\", \"template\": \"B\"}]}";
    static const struct { const char **json, *which, *text; } table[] = {
        { &one, NULL, "A" }, { &one, "default", "A" }, { &one, "rag", NULL },
        { &two, NULL, "A" }, { &two, "rag", "B" },     { &two, "tool", NULL },
    };
    struct view v;

    (void)state;
    for (int i = 0; i < countof(table); i++) {
        CHECK_ST(tokenizer_template(view_of(*table[i].json), "c", table[i].which, &v, a),
                 table[i].text ? ST_OK : ST_END);
        CHECK(table[i].text ? view_is(v, table[i].text) : !v.p);
    }
    CHECK_ST(tokenizer_template(VIEW("{}"), "c", NULL, &v, a), ST_END);
    CHECK_ST(tokenizer_template(VIEW("{\"chat_template\": 1}"), "c", NULL, &v, a), ST_DATA);
    CHECK_STR(err_text(), "c: chat_template is neither a text nor a list");
    err_clear();
    CHECK_ST(tokenizer_template(VIEW("{\"chat_template\": [{\"name\": \"rag\", "
                                     "\"template\": \"B\"}]}"), "c", NULL, &v, a), ST_USAGE);
    err_clear();
}

static const struct { const char *json, *says; } refused[] = {
    { "", "the file is empty" },
    { "[]", "not a JSON object" },
    { "{}",
      "no 'model'" },
    { "{\"normalizer\":{\"type\":\"Nmt\"}}",
      "normalizer 'Nmt'" },
    { "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Precompile"
      "d\"}]}}",
      "normalizer 'Precompiled'" },
    { "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content"
      "\":\"a\"}}",
      "Replace of an empty text" },
    { "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a*\"},\"content"
      "\":\"a\"}}",
      "which may match nothing" },
    { "{\"normalizer\":{\"type\":\"Replace\",\"content\":\"a\"}}",
      "without pattern or content" },
    { "{\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"}}",
      "pre_tokenizer 'UnicodeScripts'" },
    { "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"ab\"}}",
      "not one character" },
    { "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_sch"
      "eme\":\"odd\"}}",
      "prepend_scheme 'odd'" },
    { "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_"
      "space\":false,\"prepend_scheme\":\"first\"}}",
      "add_prefix_space is not" },
    { "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavio"
      "r\":\"Isolated\"}}",
      "refused by PCRE2" },
    { "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavio"
      "r\":\"Odd\"}}",
      "split behaviour 'Odd'" },
    { "{\"model\":{\"type\":\"Unigram\"}}",
      "model 'Unigram'" },
    { "{\"model\":{\"type\":\"BPE\",\"dropout\":0.1}}",
      "'dropout'" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[],\"unk_token\":\"u\"}}",
      "unk_token 'u' is not in the vocabulary" },
    { "{\"model\":{\"vocab\":{\"a\":0,\"<0x0A>\":1},\"merges\":[],\"byte_fallback\":t"
      "rue}}",
      "only 1 of 243 bytes" },
    { "{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}",
      "no id below" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"ab\"]}}",
      "no pair of tokens" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\",\"b\"]]}}",
      "not in the vocabulary" },
    { "{\"model\":{\"vocab\":{\"a\":0,\"u\":1,\"au\":2},\"merges\":[[\"a\",\"u\"]],\""
      "unk_token\":\"u\"}}",
      "stands for what has no token" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"content\":"
      "\"b\",\"id\":7}]}",
      "the next free id is 1" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"content\":"
      "\"\",\"id\":1}]}",
      "without text" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"content\":"
      "\"b\",\"id\":1},{\"content\":\"B\",\"id\":2}],\"normalizer\":{\"type\":\"Lower"
      "case\"}}",
      "'b' is there twice" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"post_processor\":{\"type\":\""
      "Odd\"}}",
      "post_processor 'Odd'" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"post_processor\":{\"type\":\""
      "TemplateProcessing\",\"single\":[]}}",
      "has the text 0 times" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"decoder\":{\"type\":\"WordPie"
      "ce\"}}",
      "decoder 'WordPiece'" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"decoder\":{\"type\":\"Strip\""
      ",\"content\":\" \",\"start\":0,\"stop\":1}}",
      "Strip with a stop" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"decoder\":{\"type\":\"Sequenc"
      "e\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"ByteFallback\"}]}}",
      "'ByteFallback' behind Fuse" },
};

static void refusals(void **state)
{
    (void)state;
    for (int i = 0; i < countof(refused); i++) {
        struct tokenizer *t;
        CHECK_ST(tokenizer_read(&t, view_of(refused[i].json), "t.json", a), ST_DATA);
        if (strncmp(err_text(), "t.json: ", 8) != 0 || !strstr(err_text(), refused[i].says))
            check_failed(__FILE__, __LINE__, "'%s' does not say '%s'", err_text(), refused[i].says);
        err_clear();
    }
}

int main(void)
{
    a = arena_new(0);
    int bad = RUN(TEST(small_ones), TEST(real_ones), TEST(places),
                  TEST(places_through_all_parts), TEST(bytes), TEST(decoding_gives_the_text_back),
                  TEST(decoding_goes_token_by_token), TEST(config), TEST(templates),
                  TEST(refusals));
    arena_free(a);
    return bad;
}
