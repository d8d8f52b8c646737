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
    enum st st;

    out->kind = REC_SFT;
    if (!v)
        return misfit(f, f->row->at, "no column 'messages'; name it with --map messages=NAME, or "
                      "choose another --schema");
    if ((st = field_turns(f, v, &out->turns)) != ST_OK ||
        (st = field_system(f, &out->turns)) != ST_OK)
        return st;
    return row_from_turns(f, out);
}

const struct schema schema_messages = {
    .name = "messages", .line = "a conversation, any number of turns",
    .columns = "messages, or conversations; optional system, tools, documents, weight",
    .fits = fits, .read = read_row,
};
