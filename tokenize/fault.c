/* fault.c - faults of rows, raised with their place; the words for every cause. */
#include <stdarg.h>

#include "fault.h"

static const struct {
    const char *name, *line;
} causes[CAUSES] = {
    [CAUSE_NONE]    = { "none", "none" },
    [CAUSE_JSON]    = { "json", "not JSON or not UTF-8" },
    [CAUSE_SCHEMA]  = { "schema", "does not fit the schema" },
    [CAUSE_TEMPLATE] = { "template", "does not fit the template" },
    [CAUSE_ENCODE]  = { "encode", "a text that the tokenizer gives up on" },
    [CAUSE_EMPTY]   = { "empty", "empty completion" },
    [CAUSE_MASK]    = { "mask", "no trained token" },
    [CAUSE_SAME]    = { "same", "chosen equal to rejected" },
    [CAUSE_BOS]     = { "bos", "double begin token" },
    [CAUSE_SPECIAL] = { "special", "special token in the text" },
    [CAUSE_MERGE]   = { "merge", "merge across the boundary" },
    [CAUSE_END]     = { "end", "untrained end token" },
    [CAUSE_LONG]    = { "long", "too long" },
    [CAUSE_HELD]    = { "held", "its prompt is held out elsewhere" },
    [CAUSE_DROP]    = { "drop", "too long" },
    [CAUSE_TWICE]   = { "twice", "the same text stood before" },
    [CAUSE_SPLIT]   = { "split", "of the other split" },
};

const char *cause_name(enum cause c)
{
    return causes[c].name;
}

const char *cause_line(enum cause c)
{
    return causes[c].line;
}

enum st fault(struct faults *f, enum cause c, const struct rows *r, size_t at, const char *fmt, ...)
{
    char what[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    f->last = c;
    rows_place(r, at);
    return fail(ST_DATA, "%s", what);
}
