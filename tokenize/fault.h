/* fault.h - why a row gives no record.
 *
 * A fault ends the run with file, line and column; with --lenient the row is left out and counted
 * by its cause.  Rows left out because the user asked for it are no faults, but they have a cause
 * and are counted too: nothing is lost without a number (account.h). */
#ifndef FAULT_H
#define FAULT_H

#include "rows.h"

enum cause {
    CAUSE_NONE,
    CAUSE_JSON,                                /* not JSON, not UTF-8 */
    CAUSE_SCHEMA,                              /* a row that does not fit its schema */
    CAUSE_TEMPLATE,                            /* a conversation its template cannot show */
    CAUSE_ENCODE,                              /* a text that the tokenizer gives up on */
    CAUSE_EMPTY,                               /* an empty completion */
    CAUSE_MASK,                                /* no token is trained */
    CAUSE_SAME,                                /* chosen equals rejected */
    CAUSE_BOS,                                 /* two begin tokens */
    CAUSE_SPECIAL,                             /* a special token inside a text of the row */
    CAUSE_MERGE,                               /* a token over the boundary of what is trained */
    CAUSE_END,                                 /* the end token is not trained */
    CAUSE_LONG,                                /* more than --max-tokens */
    CAUSE_HELD,                                /* its prompt stands in a file of --exclude */
    CAUSE_FAULTS,                              /* from here on: as it was asked for */
    CAUSE_DROP = CAUSE_FAULTS,                 /* more than --max-tokens, --truncate drop */
    CAUSE_TWICE,                               /* its text stood before, --dedup */
    CAUSE_SPLIT,                               /* of the other part, --split */
    CAUSES,
};

const char *cause_name(enum cause c);          /* "json": one word, for the report */
const char *cause_line(enum cause c);          /* "not JSON or not UTF-8" */

/* What befell the row at hand. */
struct faults {
    enum cause last; /* of the failure on its way up; CAUSE_NONE: not a row's */
    int64_t shifted; /* texts with a token across the boundary, untrained by --boundary shift */
    int64_t dropped, cut, cut_end; /* by --truncate; of the cut, those that lost their end token */
};

/* Fails with ST_DATA, the place being byte `at` of the row that r read last. */
enum st fault(struct faults *f, enum cause c, const struct rows *r, size_t at, const char *fmt, ...)
    like_printf(5, 6);

#endif
