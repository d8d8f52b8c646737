/* fault.h - what can be wrong with a row, counted by cause.
 *
 * A fault ends the run with file, line and column; with --lenient the row is left out, counted,
 * and the table of causes with the first place of each is printed at the end.  Rows cut or
 * dropped by a policy the user chose are no faults, but they are counted too: nothing is lost
 * without a number. */
#ifndef FAULT_H
#define FAULT_H

#include "rows.h"

enum cause {
    CAUSE_NONE,
    CAUSE_JSON,                                /* not JSON, not UTF-8 */
    CAUSE_SCHEMA,                              /* a row that does not fit its schema */
    CAUSE_TEMPLATE,                            /* a conversation its template cannot show */
    CAUSE_EMPTY,                               /* an empty completion */
    CAUSE_MASK,                                /* no token is trained */
    CAUSE_SAME,                                /* chosen equals rejected */
    CAUSE_BOS,                                 /* two begin tokens */
    CAUSE_SPECIAL,                             /* a special token inside a text of the row */
    CAUSE_MERGE,                               /* a token over the boundary of what is trained */
    CAUSE_END,                                 /* the end token is not trained */
    CAUSE_LONG,                                /* more than --max-tokens */
    CAUSES,
};

struct faults {
    enum cause last; /* of the failure on its way up; CAUSE_NONE: not a row's */
    int64_t      n[CAUSES];
    char         first[CAUSES][160];           /* where, and what */
    int64_t      rows, records;                /* rows read; records written */
    int64_t      outside;                      /* rows of the other split */
    int64_t shifted; /* texts with a token across the boundary, untrained by --boundary shift */
    int64_t dropped, cut, cut_end; /* by --truncate; of the cut, those that lost their end token */
    int64_t      tokens, trained;
};

/* Fails with ST_DATA, the place being byte `at` of the row that r read last. */
enum st fault(struct faults *f, enum cause c, const struct rows *r, size_t at, const char *fmt, ...)
    like_printf(5, 6);

/* Counts the failure on its way up and forgets it. */
void fault_forgive(struct faults *f);

/* The account on stderr: always where rows were left out or cut, else only when asked. */
void faults_tell(const struct faults *f, bool asked);

#endif
