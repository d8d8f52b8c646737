/* fit.h - rows within --max-tokens, by the policy of --truncate. */
#ifndef FIT_H
#define FIT_H

#include "make.h"

/* ST_OK: it fits, cut where it was asked for, and has a trained token; ST_END: dropped, as asked
 * for; ST_DATA: a fault. */
enum st fit_row(const struct maker *m, const struct rows *rows, struct made *d) must_use;

/* The same for a pair, a label, a choice or a prompt: the prompt and each side together fit.  Of
 * choices and prompts nothing but the beginning of the prompt is ever cut. */
enum st fit_sides(const struct maker *m, const struct rows *rows, struct made *d) must_use;

#endif
