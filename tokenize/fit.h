/* fit.h - rows within --max-tokens, by the policy of --truncate. */
#ifndef FIT_H
#define FIT_H

#include "make.h"

/* ST_OK: it fits, cut where it was asked for, and has a trained token; ST_END: dropped, as asked
 * for; ST_DATA: a fault. */
enum st fit_row(const struct maker *m, const struct rows *rows, struct made *d) must_use;

/* The same for a pair: prompt and each side together fit. */
enum st fit_pair(const struct maker *m, const struct rows *rows, struct made *d) must_use;

#endif
