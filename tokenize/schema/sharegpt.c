/* sharegpt.c - a conversation as ShareGPT and LLaMA-Factory write it: a list of from and value.
 *
 * Also with tools: function_call turns hold calls in JSON, observation turns what they gave, and
 * the column `tools` the functions there are, a list or JSON within a text. */
#include "schema.h"

static const struct scan *list(const struct fields *f)
{
    const struct scan *v = field(f, "conversations");

    return v ? v : field(f, "messages");
}

static bool fits(const struct fields *f)
{
    const struct scan *v = list(f);

    return v && v->type == SCAN_ARRAY && v->n > 0 && scan_find(v->item, "from") &&
           !field(f, "chosen") && !field(f, "rejected");
}

static enum st read_row(const struct fields *f, struct row *out)
{
    const struct scan *v = list(f);
    enum st st;

    out->kind = REC_SFT;
    if (!v)
        return misfit(f, f->row->at, "no column 'conversations'; name it with --map "
                      "conversations=NAME, or choose another --schema");
    if ((st = field_turns(f, v, &out->turns)) != ST_OK ||
        (st = field_system(f, &out->turns)) != ST_OK)
        return st;
    return row_from_turns(f, out);
}

const struct schema schema_sharegpt = {
    .name = "sharegpt", .line = "a conversation of from and value, tool calls included",
    .columns = "conversations, or messages; optional system, tools, documents, weight",
    .fits = fits, .read = read_row,
};
