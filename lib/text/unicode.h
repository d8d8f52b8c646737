/* unicode.h - what the tokenizers need of Unicode: classes, lower case, trimming.
 *
 * Ids must not depend on the Unicode version of a library: letters and numbers are those of
 * Unicode 16, which is what the Hugging Face tokenizers have; where they have another version a
 * function says so.  utf8proc gives the tables and the differences are listed in unicode.c.  Text
 * is valid UTF-8; a byte that is not is a code point of its own of class UNI_OTHER and is left as
 * it is. */
#ifndef UNICODE_H
#define UNICODE_H

#include "base/mem.h"

enum uni { UNI_OTHER, UNI_LETTER, UNI_NUMBER, UNI_SPACE };     /* \p{L}, \p{N}, \s (White_Space) */

/* "utf8proc 2.8.0" */
const char *unicode_library(void);

/* The code point at p, n > 0 bytes being there; *len its bytes.  -1 and length 1 for a broken
 * byte. */
int32_t unicode_at(const char *p, size_t n, int *len);

/* The class of a code point, also of -1. */
enum uni unicode_class(int32_t c);

/* Alphabetic code points, marks, decimal numbers, connectors and joiners: \w. */
bool unicode_word(int32_t c);

/* Numbers of Unicode 17: what the pre-tokeniser Digits looks for. */
bool unicode_number(int32_t c);

/* Punctuation of ASCII, and of Unicode 8: what the pre-tokenisers Punctuation and Bert see. */
bool unicode_punctuation(int32_t c);

/* Marks of Unicode 9: what the normaliser StripAccents drops. */
bool unicode_mark(int32_t c);

/* The lower case of one code point by itself, Unicode 17, up to three code points; how many. */
int unicode_lower(int32_t c, int32_t out[3]);

/* Ascending ranges of code points. */
struct unicode_range { int32_t first, last; };
bool unicode_within(const struct unicode_range *v, int64_t n, int32_t c);
#define UNICODE_WITHIN(table, c) unicode_within((table), countof(table), (c))

/* Without white space at both ends; also U+001C..U+001F, so that it is Python's str.strip(),
 * which chat templates are written for. */
struct view unicode_trim(struct view s);

#endif
