/* messages.c - a conversation: a list of messages with role and content. */
#include "schema.h"

static const struct scan *list(const struct fields *f)
{
    const struct scan *v = field(f, "messages");

    return v ? v : field(f, "conversations");
}

static bool fits(const struct fields *f)
{
    return list(f) && list(f)->type == SCAN_ARRAY && !field(f, "chosen") && !field(f, "rejected");
}

static enum st read_row(const struct fields *f, struct row *out)
{
    const struct scan *v = list(f);
    struct view system;
    enum st st;

    out->kind = REC_SFT;
    if (!v)
        return misfit(f, f->row->at, "no column 'messages'; name it with --map messages=NAME, or "
                      "choose another --schema");
    if ((st = field_turns(f, v, &out->turns)) != ST_OK ||
        (st = field_text(f, "system", true, &system)) != ST_OK)
        return st;
    if (system.n) {                            /* a column beside the list */
        struct turns all;
        if ((st = turns_room(f, &all, out->turns.n + 1)) != ST_OK)
            return st;
        all.v[0] = (struct turn){ .role = ROLE_SYSTEM, .text = system, .at = f->row->at };
        memcpy(all.v + 1, out->turns.v, (size_t)out->turns.n * sizeof *all.v);
        all.n = out->turns.n + 1;
        out->turns = all;
    }
    return row_from_turns(f, out);
}

const struct schema schema_messages = {
    .name = "messages", .line = "a conversation, any number of turns",
    .columns = "messages, or conversations; optional system",
    .fits = fits, .read = read_row,
};
