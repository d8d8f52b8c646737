/* chat.c - templates: byte for byte what their Jinja originals give (tests/golden/chat.jsonl,
 * made by chat.py), where turns stand, and what a tokenizer must have. */
#include "base/file.h"
#include "base/scan.h"
#include "tests/check.h"
#include "chat/chat.h"

static struct arena *a;

/* The turns under a layout and the tokenizer `bytes`; all turns of the assistant are wanted, and
 * what follows the last is rendered as if it were. */
static const char *render(const char *name, const struct turn *turn, int64_t n, struct rendering *r)
{
    struct tokenizer *t = tokenizer_bytes(a);
    struct chat c;
    bool *want = ARENA_NEW(a, bool, n);

    for (int64_t i = 0; i < n; i++)
        want[i] = turn[i].role == ROLE_ASSISTANT || i == n - 1;
    CHECK(layout_find(name));
    CHECK_ST(chat_layout(&c, layout_find(name), t, a), ST_OK);
    CHECK_ST(chat_render(r, &c, &(struct talk){ turn, n, want, NULL, NULL }, a), ST_OK);
    tokenizer_free(t);
    return arena_text(a, r->text);
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
    const struct part *p = rendering_part(&r, 0);
    CHECK(rendering_parts(&r) == 2 && p->turn == 1 && !p->empty);
    CHECK(memcmp(r.text.p + p->begin, " Yes.<|eos|>\n", 13) == 0 && p->stop - p->begin == 12);
    CHECK(p->end == p->begin + 5);
    CHECK_STR(render("none", turns, 2, &r), " Hi \nYes. <|eos|>");
    CHECK(rendering_part(&r, 0)->begin == 5 && rendering_part(&r, 0)->stop == r.text.n);
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
        size_t n = rendering_part(&r, 1)->begin;
        CHECK(rendering_part(&s, 1)->begin == n && memcmp(r.text.p, s.text.p, n) == 0);
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
    struct chat c;

    (void)state;
    CHECK(layout_auto(bytes) == &layout_plain && layout_auto(gpt2) == &layout_chatml &&
          !layout_find("alpaca"));
    CHECK_ST(chat_layout(&c, &layout_plain, bytes, a), ST_OK);
    CHECK(c.end == 257 && c.bos == -1 && view_is(c.end_text, "<|eos|>"));
    CHECK_ST(chat_layout(&c, &layout_llama3, bytes, a), ST_OK); /* its own <|bos|> stands first */
    CHECK(c.end == 263 && c.bos == -1);
    CHECK_ST(chat_layout(&c, &layout_llama3, gpt2, a), ST_USAGE);
    CHECK(strstr(err_text(), "needs the token '<|start_header_id|>'"));
    err_clear();
    gpt2->eos = -1;
    CHECK_ST(chat_layout(&c, &layout_plain, gpt2, a), ST_USAGE);
    CHECK(strstr(err_text(), "--eos"));
    err_clear();
    CHECK_STR(layout_names(), "none, plain, chatml, llama3");
    tokenizer_free(bytes);
    tokenizer_free(gpt2);
}

/* What may not stand in a row's own texts: begin and end tokens and those of the layout. */
static void markers(void **state)
{
    struct tokenizer *t = tokenizer_bytes(a);
    struct view marker;
    struct chat c;

    (void)state;
    CHECK_ST(chat_layout(&c, &layout_chatml, t, a), ST_OK);
    CHECK(chat_marked(&c, VIEW("a<|im_start|>b"), &marker) && view_is(marker, "<|im_start|>"));
    CHECK(chat_marked(&c, VIEW("<|eos|>"), &marker) && chat_marked(&c, VIEW("<|bos|>"), &marker));
    CHECK(!chat_marked(&c, VIEW("a<|eot_id|>"), &marker) && !chat_marked(&c, VIEW(""), &marker));
    tokenizer_free(t);
}

static void hashes(void **state)
{
    struct tokenizer *t = tokenizer_bytes(a);
    struct layout other = layout_chatml;
    struct chat c[2];

    (void)state;
    CHECK_ST(chat_layout(&c[0], &layout_chatml, t, a), ST_OK);
    CHECK_ST(chat_layout(&c[1], &other, t, a), ST_OK);
    CHECK(memcmp(c[0].hash, c[1].hash, 8) == 0);
    other.after = "";
    CHECK_ST(chat_layout(&c[1], &other, t, a), ST_OK);
    CHECK(memcmp(c[0].hash, c[1].hash, 8) != 0);
    tokenizer_free(t);
}

/* What a layout cannot show is an error, not left out. */
static void what_it_has_not(void **state)
{
    static const struct scan tools = { .type = SCAN_ARRAY, .n = 1 };
    struct turn tool = { .role = ROLE_TOOL, .text = VIEW("{}") },
                more = { .role = ROLE_ASSISTANT, .text = VIEW(""), .more = true };
    const struct {
        struct turn       *turn;
        const struct scan *tools, *documents;
        const char        *why;
    } t[] = {
        { &tool, NULL, NULL, "no role 'tool'" }, { &more, NULL, NULL, "tool calls or reasoning" },
        { &tool, &tools, NULL, "--map tools=none" }, { &tool, NULL, &tools, "show documents" },
    };
    struct tokenizer *bytes = tokenizer_bytes(a);
    struct rendering r = { 0 };
    struct chat c;

    (void)state;
    CHECK_ST(chat_layout(&c, &layout_plain, bytes, a), ST_OK);
    for (int i = 0; i < countof(t); i++) {
        struct talk talk = { t[i].turn, 1, (bool[]){ true }, t[i].tools, t[i].documents };
        CHECK_ST(chat_render(&r, &c, &talk, a), ST_DATA);
        CHECK(strstr(err_text(), t[i].why));
        err_clear();
    }
    rendering_free(&r);
    tokenizer_free(bytes);
}

/* A prompt ends where the model speaks. */
static void prompts(void **state)
{
    static const struct { const char *name, *text; } want[] = {
        { "none", " Hi \nYes. <|eos|>So?" }, { "plain", "Human: Hi\n\nAssistant: Yes.<|eos|>\n\n"
        "Human: So?\n\nAssistant:" },
        { "chatml", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n"
        "<|im_start|>user\nSo?<|im_end|>\n<|im_start|>assistant\n" },
    };
    struct tokenizer *t = tokenizer_bytes(a);
    struct rendering r = { 0 };
    struct chat c;

    (void)state;
    for (int i = 0; i < countof(want); i++) {
        CHECK_ST(chat_layout(&c, layout_find(want[i].name), t, a), ST_OK);
        CHECK_ST(chat_prompt(&r, &c, &(struct talk){ .turn = turns, .n = 3 }, a), ST_OK);
        CHECK_STR(arena_text(a, r.text), want[i].text);
        CHECK(rendering_parts(&r) == 0);
    }
    rendering_free(&r);
    tokenizer_free(t);
}

/* ---- programs ---- */

static const char by_turn[] =
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
                  by_block[] =
    "{% for m in messages %}{% if m.role == 'assistant' %}A:{% generation %}{{ m.content }}"
    "{{ eos_token }}{% endgeneration %}{% else %}U:{{ m.content }}{% endif %}{% endfor %}",
                  rewrites[] =
    "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}",
                  seen[] = "{{ messages | tojson }}{{ tools | tojson }}{{ documents | tojson }}"
                           "{{ pad_token }}{{ x }}{{ strftime_now('%Y') }}",
                  pieces[] = "{% for m in messages %}{{ '<|' + 'im_start' + '|>' + m.content }}"
                             "{% endfor %}";

static void open_program(struct chat *c, const char *source, const struct jinja_var *var, int64_t n,
                         const struct tokenizer *t)
{
    struct chat_vars vars = { var, n, { .tm_year = 124, .tm_mon = 6, .tm_mday = 26 } };

    CHECK_ST(chat_program(c, view_of(source), "test", -1, &vars, t, a), ST_OK);
}

static void check_part(const struct rendering *r, int64_t i, int64_t turn, const char *text)
{
    const struct part *p = rendering_part(r, i);

    CHECK(p->turn == turn && p->begin <= p->stop && p->stop <= r->text.n);
    CHECK_STR(arena_text(a, (struct view){ r->text.p + p->begin, p->stop - p->begin }), text);
}

/* Where turns stand: by renderings of what precedes them, or by blocks. */
static void programs(void **state)
{
    struct tokenizer *t = tokenizer_bytes(a);
    struct talk all = { turns, 4, (bool[]){ false, true, false, true }, NULL, NULL },
                first = { turns, 4, (bool[]){ false, true, false, false }, NULL, NULL };
    struct rendering r = { 0 };
    struct chat c;

    (void)state;
    open_program(&c, by_turn, NULL, 0, t);
    CHECK_ST(chat_render(&r, &c, &all, a), ST_OK);
    CHECK(rendering_parts(&r) == 2 && !r.marked && c.end == -1 && c.bos == -1);
    check_part(&r, 0, 1, "Yes. <|im_end|>\n");
    check_part(&r, 1, 3, "No.<|im_end|>\n");
    CHECK_ST(chat_render(&r, &c, &first, a), ST_OK);
    CHECK(rendering_parts(&r) == 1);
    CHECK_STR(arena_text(a, r.text), "<|bos|><|im_start|>user\n Hi \n<|im_end|>\n"
              "<|im_start|>assistant\nYes. <|im_end|>\n");
    CHECK_ST(chat_prompt(&r, &c, &(struct talk){ .turn = turns, .n = 1 }, a), ST_OK);
    CHECK_STR(arena_text(a, r.text), "<|bos|><|im_start|>user\n Hi \n<|im_end|>\n"
              "<|im_start|>assistant\n");
    open_program(&c, by_block, NULL, 0, t);
    CHECK_ST(chat_render(&r, &c, &all, a), ST_OK);
    CHECK(rendering_parts(&r) == 2 && r.marked);
    check_part(&r, 0, 1, "Yes. <|eos|>");
    check_part(&r, 1, 3, "No.<|eos|>");
    open_program(&c, rewrites, NULL, 0, t);
    CHECK_ST(chat_render(&r, &c, &all, a), ST_DATA);
    CHECK(strstr(err_text(), "otherwise once more follow"));
    err_clear();
    rendering_free(&r);
    tokenizer_free(t);
}

/* What a program is told, and what its hash is of. */
static void what_it_sees(void **state)
{
    static const char row[] =
        "[{\"role\": \"user\", \"content\": \"a\", \"name\": null}, "
        "{\"content\": \"b\", \"role\": \"gpt\", \"reasoning\": \"c\"}, "
        "{\"x\": 1, \"role\": \"user\"}]";
    struct tokenizer *t = tokenizer_bytes(a);
    const struct scan one = { .type = SCAN_NUMBER, .number = 1, .raw = VIEW("1") },
                      two = { .type = SCAN_NUMBER, .number = 2, .raw = VIEW("2") };
    const struct jinja_var x[2] = { { "x", &one }, { "x", &two } }, own = { "tools", &one };
    struct rendering r = { 0 };
    struct scan list;
    size_t at = 0;
    struct chat c[2];

    (void)state;
    CHECK_ST(scan_next(&list, VIEW(row), &at, a), ST_OK);
    struct turn turn[] = {
        { .role = ROLE_USER, .message = &list.item[0] },
        { .role = ROLE_ASSISTANT, .message = &list.item[1], .more = true },
        { .role = ROLE_USER, .message = &list.item[2] }, { .role = ROLE_USER, .text = VIEW("d") },
    };
    open_program(&c[0], seen, &x[0], 1, t);
    CHECK_ST(chat_prompt(&r, &c[0], &(struct talk){ turn, 4, NULL, &list, NULL }, a), ST_OK);
    CHECK_STR(arena_text(a, r.text),
              "[{\"role\": \"user\", \"content\": \"a\"}, "
              "{\"thinking\": \"c\", \"content\": \"b\", \"role\": \"assistant\", "
              "\"reasoning\": \"c\", \"reasoning_content\": \"c\"}, "
              "{\"x\": 1, \"role\": \"user\"}, {\"role\": \"user\", \"content\": \"d\"}]"
              "[{\"role\": \"user\", \"content\": \"a\", \"name\": null}, "
              "{\"content\": \"b\", \"role\": \"gpt\", \"reasoning\": \"c\"}, "
              "{\"x\": 1, \"role\": \"user\"}]"
              "null<|pad|>12024");
    open_program(&c[1], seen, &x[0], 1, t);
    CHECK(memcmp(c[0].hash, c[1].hash, 8) == 0 && chat_dated(&c[0]));
    open_program(&c[1], seen, &x[1], 1, t);
    CHECK(memcmp(c[0].hash, c[1].hash, 8) != 0);
    CHECK_ST(chat_program(&c[1], VIEW("x"), "test", -1, &(struct chat_vars){ &own, 1, { 0 } }, t,
                          a), ST_USAGE);
    err_clear();
    CHECK_ST(chat_program(&c[1], VIEW("{% if"), "test", -1, &(struct chat_vars){ 0 }, t, a),
             ST_DATA);
    err_clear();
    rendering_free(&r);
    tokenizer_free(t);
}

static void markers_of_programs(void **state)
{
    struct tokenizer *t = tokenizer_bytes(a);
    struct view marker;
    struct chat c;

    (void)state;
    open_program(&c, by_turn, NULL, 0, t);
    CHECK(chat_marked(&c, VIEW("<|im_start|>"), &marker));
    CHECK(chat_marked(&c, VIEW("<|eos|>"), &marker));
    CHECK(!chat_marked(&c, VIEW("<|eot_id|>"), &marker));
    open_program(&c, pieces, NULL, 0, t);
    CHECK(chat_marked(&c, VIEW("<|im_start|>"), &marker));
    CHECK(!chat_marked(&c, VIEW("<|im_end|>"), &marker));
    tokenizer_free(t);
}

int main(void)
{
    a = arena_new(0);
    int bad = RUN(TEST(as_jinja_has_it), TEST(plain_and_none), TEST(prompts_are_prefixes),
                  TEST(what_a_tokenizer_must_have), TEST(markers), TEST(hashes),
                  TEST(what_it_has_not), TEST(prompts), TEST(programs), TEST(what_it_sees),
                  TEST(markers_of_programs));
    arena_free(a);
    return bad;
}
