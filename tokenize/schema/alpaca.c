/* alpaca.c - instruction, input and output (Taori et al. 2023); with `system` and `history`, as
 * LLaMA-Factory writes it.
 *
 * The user's turn is the instruction and, where there is an input, an empty line and the input. */
#include "schema.h"

static bool fits(const struct fields *f)
{
    return field(f, "instruction") && field(f, "output");
}

/* [[question, answer], ...] before the instruction. */
static enum st read_history(const struct fields *f, const struct scan *history, struct turns *out)
{
    enum st st = ST_OK;

    for (int32_t i = 0; history && i < history->n && st == ST_OK; i++) {
        const struct scan *pair = &history->item[i];
        if (pair->type != SCAN_ARRAY || pair->n != 2)
            return misfit(f, pair->at, "'history' must be a list of pairs, question and answer");
        for (int k = 0; k < 2 && st == ST_OK; k++)
            st = field_turn(f, &pair->item[k], k ? ROLE_ASSISTANT : ROLE_USER, &out->v[out->n++]);
    }
    return st;
}

static enum st read_row(const struct fields *f, struct row *out)
{
    const struct scan *history = field(f, "history"), *output = field(f, "output");
    struct view instruction, input, answer, system, user;
    enum st st;

    out->kind = REC_SFT;
    if ((st = field_text(f, "instruction", false, &instruction)) != ST_OK ||
        (st = field_text(f, "input", true, &input)) != ST_OK ||
        (st = field_text(f, "output", false, &answer)) != ST_OK ||
        (st = field_text(f, "system", true, &system)) != ST_OK ||
        (st = join(f, instruction, "\n\n", input, &user)) != ST_OK)
        return st;
    if (history && history->type != SCAN_ARRAY)
        return misfit(f, history->at, "'history' must be a list of pairs, question and answer");
    if ((st = turns_room(f, &out->turns, 3 + 2 * (int64_t)(history ? history->n : 0))) != ST_OK)
        return st;
    struct turn *v = out->turns.v;
    if (system.n)
        v[out->turns.n++] = (struct turn){ .role = ROLE_SYSTEM, .text = system, .at = f->row->at };
    if ((st = read_history(f, history, &out->turns)) != ST_OK)
        return st;
    v[out->turns.n++] = (struct turn){ .role = ROLE_USER, .text = user, .at = f->row->at };
    v[out->turns.n++] =
        (struct turn){ .role = ROLE_ASSISTANT, .text = answer, .train = true, .at = output->at };
    return row_from_turns(f, out);
}

const struct schema schema_alpaca = {
    .name = "alpaca", .line = "instruction, optional input, and output",
    .columns = "instruction, output; optional input, system, history, tools, "
               "documents, weight",
    .fits = fits, .read = read_row,
};
