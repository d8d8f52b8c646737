/* completion.c - a prompt and what follows it; also question and answer. */
#include "schema.h"

static const char *const names[][2] = { { "prompt", "completion" }, { "question", "answer" } };

/* Which pair of columns the row has; the first where it has neither. */
static const char *const *columns(const struct fields *f)
{
    for (int i = 0; i < countof(names); i++)
        if (field(f, names[i][0]) && field(f, names[i][1]))
            return names[i];
    return names[0];
}

static bool fits(const struct fields *f)
{
    return field(f, columns(f)[0]) && field(f, columns(f)[1]);
}

static enum st read_row(const struct fields *f, struct row *out)
{
    const char *const *name = columns(f);
    const struct scan *prompt = field(f, name[0]), *completion = field(f, name[1]);
    struct view text;
    enum st st;

    out->kind = REC_SFT;
    if ((!prompt || prompt->type != SCAN_ARRAY) &&
        (st = field_text(f, name[0], false, &text)) != ST_OK)
        return st;
    if (!completion || (completion->type != SCAN_OBJECT && completion->type != SCAN_ARRAY))
        if ((st = field_text(f, name[1], false, &text)) != ST_OK)
            return st;
    if (prompt->type == SCAN_ARRAY) {          /* as messages */
        struct turns before;
        if ((st = field_turns(f, prompt, &before)) != ST_OK ||
            (st = turns_room(f, &out->turns, before.n + 1)) != ST_OK)
            return st;
        memcpy(out->turns.v, before.v, (size_t)before.n * sizeof *before.v);
        out->turns.n = before.n;
    } else {
        if ((st = turns_room(f, &out->turns, 2)) != ST_OK ||
            (st = field_turn(f, prompt, ROLE_USER, &out->turns.v[out->turns.n++])) != ST_OK)
            return st;
    }
    if (completion->type == SCAN_ARRAY) {
        if (completion->n != 1)
            return misfit(f, completion->at,
                          "a completion must be one message; use --schema messages");
        completion = completion->item;
    }
    if ((st = field_turn(f, completion, ROLE_ASSISTANT, &out->turns.v[out->turns.n++])) != ST_OK)
        return st;
    if (out->turns.v[out->turns.n - 1].role != ROLE_ASSISTANT)
        return misfit(f, completion->at, "a completion must be the assistant's");
    return row_from_turns(f, out);
}

const struct schema schema_completion = {
    .name = "completion", .line = "a prompt and its completion, or question and answer",
    .columns = "prompt, completion; or question, answer; optional tools, documents, weight",
    .fits = fits, .read = read_row,
};
