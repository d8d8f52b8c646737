/* tokenizer.c - any bytes as a tokenizer.json, and any bytes as text for tokenizers that are sound.
 *
 * A file that begins with `{` is read as a tokenizer and, where it is accepted, encodes a sentence.
 * All other input is text: ids must decode to it again (where nothing is normalised or swallowed),
 * and places must rise and lie within it.  Run from the root of the repository. */
#include "base/file.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SOUND = 4 };

static struct { struct tokenizer *t; struct encoder *e; bool exact; } sound[SOUND];

static void start(void)
{
    static const char *const names[] = { "llama3", "mixed", "gpt4o" };
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
        sound[k].exact = k != 2;               /* mixed has NFC, and tokens that swallow spaces */
    }
}

static void check(const struct tokenizer *t, struct encoder *e, struct view text, bool exact)
{
    static struct encoding v;
    struct buf back = { 0 };
    enum st st = tokenizer_encode(e, text, true, &v);

    if (st != ST_OK) {                         /* PCRE2 sees only UTF-8, and has its limits */
        BUG_IF(st != ST_DATA || split_by_hand(t->split));
        return;
    }
    for (int64_t i = 0; i < v.n; i++) {
        BUG_IF(v.id[i] >= t->vocab || v.begin[i] > v.end[i] || v.end[i] > text.n);
        BUG_IF(exact && i > 0 && v.begin[i] < v.end[i - 1]);
    }
    if (exact) {
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
            check(t, e, VIEW("The cafe\xcc\x81, 12345's <|endoftext|>  \n\n end"), false);
            encoder_free(e);
        }
        tokenizer_free(t);
    }
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct view text = { (const char *)data, n };
    struct nfc nfc = { 0 };
    struct view normal, again;

    if (!sound[0].t)
        start();
    if (n && data[0] == '{') {
        as_tokenizer(text);
    } else if (n <= 1 << 16) {
        for (int k = 0; k < SOUND; k++)
            check(sound[k].t, sound[k].e, text, sound[k].exact);
        struct nfc other = { 0 };              /* what is normal stays as it is */
        BUG_IF(unicode_nfc(&nfc, text, &normal) != ST_OK);
        BUG_IF(unicode_nfc(&other, normal, &again) != ST_OK || !view_eq(normal, again));
        nfc_free(&nfc);
        nfc_free(&other);
        unicode_trim(text);
    }
    err_clear();
    err_place(NULL);
    return 0;
}
