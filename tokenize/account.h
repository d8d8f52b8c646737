/* account.h - where every row went: kept, cut, or left out for a cause; and what came of them.
 *
 * kept + cut + all left out = rows, always.  Who counts goes through the rows in the order of the
 * input, so the account is the same with any number of threads. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "fault.h"
#include "lengths.h"
#include "stream/header.h"

struct tally {                                 /* of one source */
    const char *name;
    int64_t     rows, records, tokens, trained;
};

struct account {                               /* start from {0} */
    int64_t        rows, kept, cut, cut_end;
    int64_t        shifted;                    /* rows used with a token across the boundary */
    int64_t        n[CAUSES];                  /* rows left out */
    char           first[CAUSES][160];         /* where, and what */
    int64_t        records, tokens, trained;
    int64_t        ended;                      /* rows used whose end token is trained */
    struct tally   source[HEADER_SOURCES_MAX];
    int64_t        n_sources;
    struct lengths lengths;                    /* of records, in tokens */
};

/* The tally of a source: that of its name, or a new one. */
struct tally *account_source(struct account *a, const char *name);

void account_left_out(struct account *a, enum cause c, const char *what);
void account_record(struct account *a, struct tally *t, int64_t n_tokens, int64_t n_trained);

int64_t account_dropped(const struct account *a);      /* rows left out, for all causes */
int64_t account_faults(const struct account *a);       /* of them, those that were faults */

/* On stderr: always where rows were cut, dropped or bad, else only when asked. */
void account_tell(const struct account *a, bool asked);

/* On stderr: sources, lengths with their histogram, and the account.  `columns` wide. */
void account_stats(const struct account *a, int columns);

/* One object of JSON, a line of it per fact.  The same input gives the same bytes. */
enum st account_json(struct buf *b, const struct account *a) must_use;

#endif
