/* tokenizer.c - any bytes as a tokenizer.json, and any bytes as text for tokenizers that are sound.
 *
 * A file that begins with `{` is read as a tokenizer and, where it is accepted, encodes a sentence
 * and decodes it.  All other input is text: ids must decode to it again (where nothing is
 * normalised or swallowed), and places must rise and lie within it; normal forms are normal, and a
 * decoder that is asked token by token never takes anything back.  Run from the root of the
 * repository. */
#include "base/file.h"
#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SOUND = 10, EXACT = 3 };                /* the first decode to what they were given */

static struct { struct tokenizer *t; struct encoder *e; bool exact; } sound[SOUND];

static void start(void)
{
    static const char *const names[SOUND - 1] = { "llama3", "gpt4o", "gemma", "llama2", "mistral",
                                                  "clip", "bert", "falcon", "parts" };
    struct arena *a = arena_new(0);
    int k = 0;

    sound[k++].t = tokenizer_bytes(a);
    for (int i = 0; i < countof(names); i++) {
        char path[100];
        struct view json;
        snprintf(path, sizeof path, "tests/golden/tokenizer/%s.json", names[i]);
        BUG_IF(file_read(path, &json, 1 << 20, a) != ST_OK);
        BUG_IF(tokenizer_read(&sound[k++].t, json, path, a) != ST_OK);
    }
    for (k = 0; k < SOUND; k++) {
        BUG_IF(!(sound[k].e = encoder_new(sound[k].t, a)));
        sound[k].exact = k < EXACT;
    }
}

static bool is_utf8(struct view s)
{
    for (int len; s.n && (len = utf8_len(s.p, s.n)) > 0; s.n -= (size_t)len)
        s.p += len;
    return s.n == 0;
}

/* Decoding in two parts is decoding in one. */
static void check_decoder(const struct tokenizer *t, const struct encoding *v)
{
    struct buf whole = { 0 }, parts = { 0 };
    struct arena *a = arena_new(0);
    struct decoder *d = decoder_new(t, true, a);

    BUG_IF(!d || tokenizer_decode(t, v->id, v->n, true, &whole) != ST_OK);
    for (int round = 0; round < 2; round++) {
        parts.n = 0;
        for (int64_t i = 0; i < v->n; i++) {
            size_t n = parts.n;
            BUG_IF(decoder_put(d, v->id[i], &parts) != ST_OK);
            BUG_IF(parts.n > whole.n);
            BUG_IF(parts.n > n && memcmp(parts.p + n, whole.p + n, parts.n - n) != 0);
        }
        BUG_IF(decoder_end(d, &parts) != ST_OK || parts.n != whole.n);
    }
    decoder_free(d);
    arena_free(a);
    buf_free(&whole);
    buf_free(&parts);
}

static void check(const struct tokenizer *t, struct encoder *e, struct view text, bool exact)
{
    static struct encoding v;
    struct buf back = { 0 };
    enum st st = tokenizer_encode(e, text, true, &v);

    if (st != ST_OK) {                         /* PCRE2 sees only UTF-8, and has its limits */
        BUG_IF(st != ST_DATA || split_by_hand(t->pre[0].split));
        return;
    }
    for (int64_t i = 0; i < v.n; i++) {
        BUG_IF(v.id[i] >= t->vocab || v.begin[i] > v.end[i] || v.end[i] > text.n);
        BUG_IF(exact && i > 0 && v.begin[i] < v.end[i - 1]);
        BUG_IF(i > 0 && (v.begin[i] < v.begin[i - 1] || v.end[i] < v.end[i - 1]));
    }
    if (v.n)
        check_decoder(t, &v);
    if (exact && (!t->decode.n || is_utf8(text))) {
        BUG_IF(tokenizer_decode(t, v.id, v.n, true, &back) != ST_OK);
        BUG_IF(!view_eq(text, (struct view){ back.p, back.n }));
    }
    buf_free(&back);
}

static void as_tokenizer(struct view json)
{
    struct arena *a = arena_new((size_t)256 << 20);
    struct tokenizer *t;
    struct encoder *e;

    if (tokenizer_read(&t, json, "fuzz", a) == ST_OK) {
        if ((e = encoder_new(t, a))) {
            check(t, e, VIEW("The cafe\xcc\x81, 12345's <|endoftext|>  \n\n end\xe2\x96\x81 <s> "
                             "\xef\xac\x81"), false);
            encoder_free(e);
        }
        tokenizer_free(t);
    }
    arena_free(a);
}

static void check_forms(struct view text)
{
    struct forming one = { 0 }, two = { 0 };
    struct view normal, again;

    for (int f = FORM_NFC; f <= FORM_NFKD; f++) {      /* what is normal stays as it is */
        BUG_IF(form_text(&one, (enum form)f, text, &normal) != ST_OK);
        BUG_IF(form_text(&two, (enum form)f, normal, &again) != ST_OK || !view_eq(normal, again));
    }
    forming_free(&one);
    forming_free(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct view text = { (const char *)data, n };

    if (!sound[0].t)
        start();
    if (n && data[0] == '{') {
        as_tokenizer(text);
    } else if (n <= 1 << 16) {
        for (int k = 0; k < SOUND; k++)
            check(sound[k].t, sound[k].e, text, sound[k].exact);
        check_forms(text);
        unicode_trim(text);
    }
    err_clear();
    err_place(NULL);
    return 0;
}
