/* fault.c - faults of rows: raised with their place, forgiven with a count, told at the end. */
#include <stdarg.h>

#include "fault.h"

static const char *const names[CAUSES] = {
    [CAUSE_NONE]    = "none",
    [CAUSE_JSON]    = "not JSON or not UTF-8",
    [CAUSE_SCHEMA]  = "does not fit the schema",
    [CAUSE_TEMPLATE] = "does not fit the template",
    [CAUSE_EMPTY]   = "empty completion",
    [CAUSE_MASK]    = "no trained token",
    [CAUSE_SAME]    = "chosen equal to rejected",
    [CAUSE_BOS]     = "double begin token",
    [CAUSE_SPECIAL] = "special token in the text",
    [CAUSE_MERGE]   = "merge across the boundary",
    [CAUSE_END]     = "untrained end token",
    [CAUSE_LONG]    = "too long",
};

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

void fault_forgive(struct faults *f)
{
    if (f->n[f->last]++ == 0)
        snprintf(f->first[f->last], sizeof f->first[f->last], "%s", err_text());
    f->last = CAUSE_NONE;
    err_clear();
}

void faults_tell(const struct faults *f, bool asked)
{
    int64_t faults = 0;

    for (int c = 0; c < CAUSES; c++)
        faults += f->n[c];
    if (!asked && faults + f->dropped + f->cut + f->shifted == 0)
        return;
    warn("%lld rows, %lld records of %lld tokens, %lld of them trained", (long long)f->rows,
         (long long)f->records, (long long)f->tokens, (long long)f->trained);
    if (f->outside)
        warn("%10lld rows belong to the other split", (long long)f->outside);
    if (f->shifted)
        warn("%10lld texts with a token across the boundary, which is not trained",
             (long long)f->shifted);
    if (f->dropped)
        warn("%10lld rows dropped: too long", (long long)f->dropped);
    if (f->cut)
        warn("%10lld rows cut, %lld of them without their end token", (long long)f->cut,
             (long long)f->cut_end);
    for (int c = 0; c < CAUSES; c++)
        if (f->n[c])
            warn("%10lld rows left out: %s; first %s", (long long)f->n[c], names[c], f->first[c]);
}
