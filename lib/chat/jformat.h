/* jformat.h - one formatted value: what `%` and str.format share; for jpercent.c and jbraces.c. */
#ifndef JFORMAT_H
#define JFORMAT_H

#include "chat/jvalue.h"

enum { JFORMAT_WIDTH_MAX = 10000, JFORMAT_PRECISION_MAX = 100, JFORMAT_BYTES = 600 };

struct jspec {
    struct view fill;
    char        align, sign, type, group;
    bool        alternate;
    int         width, precision;              /* precision -1: none */
};

/* A number in its own text, sign and all. */
enum st jformat_number(struct jrun *w, const struct jspec *s, struct jvalue v,
                       char out[JFORMAT_BYTES]) must_use;
/* The text in its width, appended; '=' fills behind the sign.  put_text cuts it by precision. */
enum st jformat_put(struct jrun *w, const struct jspec *s, struct view text,
                    struct buf *b) must_use;
enum st jformat_put_text(struct jrun *w, const struct jspec *s, struct view text,
                         struct buf *b) must_use;
/* str() or repr() of a value, as a value. */
enum st jformat_told(struct jrun *w, struct jvalue v, bool repr, struct jvalue *out) must_use;
/* The digits at *at, as a number of at most JFORMAT_WIDTH_MAX + 1. */
int jformat_digits(struct view f, size_t *at);

#endif
