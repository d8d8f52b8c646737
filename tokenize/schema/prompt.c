/* prompt.c - a prompt to generate from, with an answer that can be checked.
 *
 * The prompt is a text, or messages that end before the assistant speaks.  An answer of the shape
 * of GSM8K (Cobbe et al. 2021, arXiv:2110.14168), reasoning and a last line `#### 1,234`, is what
 * stands behind the marker, without the commas. */
#include "schema.h"
#include "text/unicode.h"

static const struct scan *prompt_of(const struct fields *f)
{
    static const char *const names[] = { "prompt", "messages", "conversations", "question" };
    const struct scan *v = NULL;

    for (int i = 0; i < countof(names) && !v; i++)
        v = field(f, names[i]);
    return v;
}

static bool is_role(const struct scan *message, const char *a, const char *b)
{
    const struct scan *v = scan_find(message, "role");

    v = v ? v : scan_find(message, "from");
    return v && v->type == SCAN_TEXT && (view_is(v->text, a) || view_is(v->text, b));
}

/* Not what has an answer to learn: a conversation that merely ends with the user is messages. */
static bool fits(const struct fields *f)
{
    const struct scan *v = prompt_of(f);
    bool answered = false;

    if (!v || field(f, "completion") || field(f, "chosen") || field(f, "rejected"))
        return false;
    if (v->type != SCAN_ARRAY)
        return field(f, "prompt") != NULL;
    for (int32_t i = 0; i < v->n; i++)
        answered |= is_role(&v->item[i], "assistant", "gpt");
    return v->n > 0 && is_role(&v->item[v->n - 1], "user", "human") &&
           (!answered || field(f, "answer"));
}

static enum st read_answer(const struct fields *f, struct view *out)
{
    const struct scan *v = field(f, "answer");

    *out = (struct view){ 0 };
    if (!v)
        return ST_OK;
    if (v->type != SCAN_TEXT && v->type != SCAN_NUMBER)
        return misfit(f, v->at, "the column 'answer' is neither text nor number");
    struct view s = v->type == SCAN_TEXT ? v->text : v->raw;
    const char *mark = NULL;
    for (size_t i = 0; i + 4 <= s.n; i++)
        if (memcmp(s.p + i, "####", 4) == 0)
            mark = s.p + i + 4;
    if (!mark) {
        *out = s;
        return ST_OK;
    }
    s = unicode_trim((struct view){ mark, (size_t)(s.p + s.n - mark) });
    char *p = arena_get(f->a, s.n + 1);
    if (!p)
        return ST_SYS;
    *out = (struct view){ p, 0 };
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ',')
            p[out->n++] = s.p[i];
    return ST_OK;
}

static enum st read_row(const struct fields *f, struct row *out)
{
    const struct scan *v = prompt_of(f);
    enum st st;

    out->kind = REC_PROMPT;
    if (!v)
        return misfit(f, f->row->at, "no column 'prompt'; name it with --map prompt=NAME, or "
                      "choose another --schema");
    if ((st = field_side(f, v, ROLE_USER, &out->turns)) != ST_OK ||
        (st = field_system(f, &out->turns)) != ST_OK ||
        (st = read_answer(f, &out->answer_text)) != ST_OK)
        return st;
    const struct turns *t = &out->turns;
    if (t->n == 0 || t->v[t->n - 1].role == ROLE_ASSISTANT)
        return misfit(f, v->at, "a prompt must end before the assistant speaks");
    return row_from_turns(f, out);
}

const struct schema schema_prompt = {
    .name = "prompt", .line = "a prompt to generate from, and an answer that can be checked",
    .columns = "prompt, messages, conversations or question; optional answer, system, tools, "
               "documents",
    .fits = fits, .read = read_row,
};
