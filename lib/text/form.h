/* form.h - the normal forms of Unicode.
 *
 * Ids must not depend on the Unicode version of a library: forms are those of Unicode 9, which is
 * what the Hugging Face tokenizers do; utf8proc gives the tables and form.c lists the differences.
 * A byte that is not UTF-8 is left as it is.  Linear in the length, runs of marks included. */
#ifndef FORM_H
#define FORM_H

#include "text/change.h"

enum form { FORM_NFC, FORM_NFD, FORM_NFKC, FORM_NFKD };

enum { FORM_LONGEST = 32 };                    /* more code points than one decomposes into */

/* The work space of one thread; start from {0}, end with forming_free(). */
struct forming {
    struct buf     code, sorted, result;       /* a stretch at work */
    struct buf     text;                       /* form_text()'s own result */
    struct changes changes;
};
void forming_free(struct forming *w);

/* Puts what the form changes of e->s into e.  ST_OK, ST_SYS. */
enum st form_edit(struct forming *w, enum form f, struct edit *e) must_use;

/* *out is s itself when nothing changed, else good until the next call; w->changes leads back.
 * ST_OK, ST_SYS. */
enum st form_text(struct forming *w, enum form f, struct view s, struct view *out) must_use;

#endif
