/* jtext.h - texts as Python's str has them: counted in code points, cased and trimmed by Unicode;
 * for j*.c. */
#ifndef JTEXT_H
#define JTEXT_H

#include "base/mem.h"

bool jtext_space(int32_t c);                           /* str.isspace() of a code point */
struct view jtext_lstrip(struct view s);
struct view jtext_rstrip(struct view s);
/* Without any of the code points of `set` at the left, the right; set.p NULL: white space. */
struct view jtext_strip(struct view s, struct view set, bool left, bool right);

size_t jtext_count(struct view s);                     /* code points */
/* The byte where code point i begins; s.n where there are no so many. */
size_t jtext_byte(struct view s, size_t i);
/* Bytes of the code point at `at` < s.n; a broken byte is one of its own. */
size_t jtext_len(struct view s, size_t at);

/* Where needle begins in s from `from` on, or its last place; SIZE_MAX: nowhere. */
size_t jtext_find(struct view s, struct view needle, size_t from);
size_t jtext_rfind(struct view s, struct view needle);

/* Where the line that begins at `at` ends, as str.splitlines() has it; *next: behind its end. */
size_t jtext_line(struct view s, size_t at, size_t *next);

enum jtext_case { JTEXT_UPPER, JTEXT_LOWER, JTEXT_TITLE, JTEXT_CAPITAL, JTEXT_SWAP };
enum st jtext_case(struct view s, enum jtext_case how, struct buf *b) must_use;    /* appended */
bool jtext_is_case(struct view s, bool upper);         /* str.isupper(), str.islower() */

enum jtext_class { JTEXT_ALPHA, JTEXT_DIGIT, JTEXT_DECIMAL, JTEXT_ALNUM,
                   JTEXT_SPACE };
bool jtext_all(struct view s, enum jtext_class c);     /* not empty, and all of the class */
bool jtext_printable(int32_t c);
enum st jtext_repr(struct view s, struct buf *b) must_use;
enum st jtext_escape(struct view s, struct buf *b) must_use;           /* &<>"' of HTML */

#endif
