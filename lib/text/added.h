/* added.h - added tokens: texts that are cut out before the pre-tokeniser sees them.
 *
 * At each place the longest token wins, and the search goes on behind it.  A token may ask to
 * stand alone as a word, and to swallow the white space before or behind it, as the Hugging Face
 * library has it. */
#ifndef ADDED_H
#define ADDED_H

#include "base/mem.h"

struct added {
    struct view text, sought;                  /* sought: what is searched for, the text or its */
                                               /*   normal form */
    uint32_t    id;
    bool        special;                       /* a marker, no text: left out by decoding */
    bool        single_word, lstrip, rstrip;
    bool        normalized;                    /* searched for after the normaliser */
};

struct added_set;                              /* read only once built: threads share it */
struct added_set *added_new(struct arena *a);  /* NULL: ST_SYS */

/* *v must stay where it is.  ST_DATA: empty, or there twice. */
enum st added_put(struct added_set *s, const struct added *v) must_use;

struct added_hit {
    size_t              begin, end;            /* with the white space swallowed */
    size_t              next;                  /* behind its own text: the search goes on here */
    const struct added *token;
};

/* The first token at or after `from`; `done` is where the last one ended with what it swallowed.
 * False: none. */
bool added_next(const struct added_set *s, struct view text, size_t done, size_t from,
                struct added_hit *h);

#endif
