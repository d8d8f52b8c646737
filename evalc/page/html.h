/* html.h - text on its way out: a page, a table, LaTeX.
 *
 * What is written is added to a buffer; the first failure is kept in `st`, so that who writes does
 * so in plain lines and asks once at the end.  Names from outside go through put_text() and its
 * like, which take their marks for what they are: text. */
#ifndef HTML_H
#define HTML_H

#include "base/mem.h"

struct html {
    struct buf b;
    enum st    st;
};

void put(struct html *h, const char *fmt, ...) like_printf(2, 3);

/* Text from outside within an element or a quoted attribute: the five marks of HTML escaped, bytes
 * that are no UTF-8 and control characters (save the line end) shown as '?'. */
void put_text(struct html *h, struct view s);
/* The same as LaTeX has it: its ten special characters escaped. */
void put_latex(struct html *h, struct view s);
/* A cell of CSV (RFC 4180): quoted where it must be. */
void put_csv(struct html *h, struct view s);

/* v to `digits` decimals; signed: with its sign, and none for what rounds to 0.  "-" where it is
 * no number. */
void put_real(struct html *h, double v, int digits, bool sign);
/* A count with a thin space between thousands as the page has it. */
void put_count(struct html *h, double v);

#endif
