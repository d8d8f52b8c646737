/* chat.c - templates: byte for byte what their Jinja originals give (tests/golden/chat.jsonl,
 * made by chat.py), where turns stand, and what a tokenizer must have. */
#include "base/file.h"
#include "base/scan.h"
#include "tests/check.h"
#include "chat/chat.h"

static struct arena *a;

static const char *render(const char *name, const struct turn *turn, int64_t n, struct rendering *r)
{
    const struct chat *c = chat_find(name);

    CHECK(c);
    CHECK_ST(chat_render(r, c, view_of(c->end ? c->end : "<|eos|>"), turn, n), ST_OK);
    CHECK_ST(buf_add(&r->text, "", 1), ST_OK);
    r->text.n--;
    return r->text.p;
}

static enum role role_of(struct view name)
{
    for (int r = 0; r < ROLES; r++)
        if (view_is(name, role_name((enum role)r)))
            return (enum role)r;
    CHECK(!"a known role");
    return ROLE_USER;
}

static void as_jinja_has_it(void **state)
{
    struct rendering r = { 0 };
    struct view rows;
    size_t at = 0;
    int64_t n = 0;

    (void)state;
    CHECK_ST(file_read("tests/golden/chat.jsonl", &rows, 1 << 20, a), ST_OK);
    for (struct scan row; scan_next(&row, rows, &at, a) == ST_OK; n++) {
        const struct scan *messages = scan_find(&row, "messages"), *want = scan_find(&row, "text");
        struct turn *turn = ARENA_NEW(a, struct turn, messages->n);
        for (int32_t i = 0; i < messages->n; i++) {
            turn[i].role = role_of(scan_find(&messages->item[i], "role")->text);
            turn[i].text = scan_find(&messages->item[i], "content")->text;
        }
        CHECK_STR(render(arena_text(a, scan_find(&row, "template")->text), turn, messages->n, &r),
                  arena_text(a, want->text));
    }
    CHECK(n == 18);
    rendering_free(&r);
}

static const struct turn turns[] = {
    { .role = ROLE_USER, .text = { " Hi \n", 5 } },
    { .role = ROLE_ASSISTANT, .text = { "Yes. ", 5 } },
    { .role = ROLE_USER, .text = { "So?", 3 } },
    { .role = ROLE_ASSISTANT, .text = { "No.", 3 } },
};

static void plain_and_none(void **state)
{
    struct rendering r = { 0 };

    (void)state;
    CHECK_STR(render("plain", turns, 4, &r),
              "Human: Hi\n\nAssistant: Yes.<|eos|>\n\nHuman: So?\n\nAssistant: No.<|eos|>");
    const struct part *p = rendering_part(&r, 1);
    CHECK(memcmp(r.text.p + p->begin, " Yes.<|eos|>\n", 13) == 0 && p->stop - p->begin == 12);
    CHECK(p->text == p->begin + 1 && p->end == p->text + 4);
    CHECK_STR(render("none", turns, 2, &r), " Hi \nYes. <|eos|>");
    CHECK(rendering_part(&r, 1)->begin == 5 && rendering_part(&r, 1)->stop == r.text.n);
    rendering_free(&r);
}

/* What precedes an answer does not depend on the answer: the prompt of a pair is one text. */
static void prompts_are_prefixes(void **state)
{
    static const char *const names[] = { "none", "plain", "chatml", "llama3" };
    struct rendering r = { 0 }, s = { 0 };
    struct turn other[4];

    (void)state;
    memcpy(other, turns, sizeof other);
    other[3].text = VIEW("\n another answer");
    for (int i = 0; i < countof(names); i++) {
        render(names[i], turns, 4, &r);
        render(names[i], other, 4, &s);
        size_t n = rendering_part(&r, 3)->begin;
        CHECK(rendering_part(&s, 3)->begin == n && memcmp(r.text.p, s.text.p, n) == 0);
    }
    rendering_free(&r);
    rendering_free(&s);
}

static struct tokenizer *load(const char *path)
{
    struct tokenizer *t;
    struct view json;

    CHECK_ST(file_read(path, &json, 1 << 20, a), ST_OK);
    CHECK_ST(tokenizer_read(&t, json, path, a), ST_OK);
    return t;
}

static void what_a_tokenizer_must_have(void **state)
{
    struct tokenizer *bytes = tokenizer_bytes(a), *gpt2 = load("tests/golden/tokenizer/gpt2.json");
    int64_t end, bos;

    (void)state;
    CHECK(chat_auto(bytes) == &chat_plain && chat_auto(gpt2) == &chat_chatml &&
          !chat_find("alpaca"));
    CHECK_ST(chat_check(&chat_plain, bytes, &end, &bos), ST_OK);
    CHECK(end == 257 && bos == -1);
    CHECK_ST(chat_check(&chat_llama3, bytes, &end, &bos), ST_OK); /* its own <|bos|> stands first */
    CHECK(end == 263 && bos == -1);
    CHECK_ST(chat_check(&chat_llama3, gpt2, &end, &bos), ST_USAGE);
    CHECK(strstr(err_text(), "needs the token '<|start_header_id|>'"));
    err_clear();
    gpt2->eos = -1;
    CHECK_ST(chat_check(&chat_plain, gpt2, &end, &bos), ST_USAGE);
    CHECK(strstr(err_text(), "--eos"));
    err_clear();
    CHECK_STR(chat_names(), "none, plain, chatml, llama3");
    tokenizer_free(bytes);
    tokenizer_free(gpt2);
}

static void hashes(void **state)
{
    uint8_t h[2][8];
    struct chat c = chat_chatml;

    (void)state;
    chat_hash(&chat_chatml, h[0]);
    chat_hash(&c, h[1]);
    CHECK(memcmp(h[0], h[1], 8) == 0);
    c.after = "";
    chat_hash(&c, h[1]);
    CHECK(memcmp(h[0], h[1], 8) != 0);
}

static void roles_it_has_not(void **state)
{
    struct turn tool = { .role = ROLE_TOOL, .text = VIEW("{}") };
    struct rendering r = { 0 };

    (void)state;
    CHECK_ST(chat_render(&r, &chat_plain, VIEW("<|eos|>"), &tool, 1), ST_DATA);
    CHECK(strstr(err_text(), "no role 'tool'"));
    err_clear();
    rendering_free(&r);
}

int main(void)
{
    a = arena_new(0);
    int bad = RUN(TEST(as_jinja_has_it), TEST(plain_and_none), TEST(prompts_are_prefixes),
                  TEST(what_a_tokenizer_must_have), TEST(hashes), TEST(roles_it_has_not));
    arena_free(a);
    return bad;
}
