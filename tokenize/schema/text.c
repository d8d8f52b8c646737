/* text.c - a document: the column `text`, or a line of a text file. */
#include "schema.h"

static bool fits(const struct fields *f)
{
    const struct scan *v = field(f, "text");

    return f->row->type == SCAN_TEXT || (v && v->type == SCAN_TEXT);
}

static enum st read_row(const struct fields *f, struct row *out)
{
    enum st st = ST_OK;

    out->kind = REC_TEXT;
    if (f->row->type == SCAN_TEXT)
        out->text = f->row->text;
    else
        st = field_text(f, "text", false, &out->text);
    if (st != ST_OK)
        return st;
    struct view *source = source_room(f, out, 1);
    if (!source)
        return ST_SYS;
    source[0] = out->key = out->text;
    return ST_OK;
}

const struct schema schema_text = {
    .name = "text", .line = "documents to pretrain on: one a row, or one a line of a text file",
    .columns = "text",
    .fits = fits, .read = read_row,
};
