/* unicode.h - what the tokenizers need of Unicode: classes, NFC with a map back, trimming.
 *
 * Ids must not depend on the Unicode version of a library: letters and numbers are those of
 * Unicode 16 and NFC is that of Unicode 9, which is what the Hugging Face tokenizers do; utf8proc
 * gives the tables and the differences are listed in unicode.c.  Text is valid UTF-8; a byte that
 * is not is a code point of its own of class UNI_OTHER and is left as it is. */
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

/* Letters, marks, decimal numbers and connectors: \w. */
bool unicode_word(int32_t c);

/* Without white space at both ends; also U+001C..U+001F, so that it is Python's str.strip(),
 * which chat templates are written for. */
struct view unicode_trim(struct view s);

/* A stretch that NFC changed: [begin, end) of the result was [raw_begin, raw_end). */
struct nfc_change {
    size_t begin, end, raw_begin, raw_end;
};

/* The work space of one thread; start from {0}, end with nfc_free(). */
struct nfc {
    struct buf text;                           /* the result, where it is not the text itself */
    struct buf change;                         /* struct nfc_change, ascending */
    struct buf code, sorted;                   /* code points at work */
};

/* Normalisation form C.  *out is s itself when nothing changed (n->change is empty), else a view
 * of n->text, good until the next call.  Linear in the length, runs of marks included.  ST_OK,
 * ST_SYS. */
enum st unicode_nfc(struct nfc *n, struct view s, struct view *out) must_use;
void nfc_free(struct nfc *n);

/* Where a place of the result was in the text: inside a changed stretch its begin, or its end. */
size_t nfc_raw_begin(const struct nfc *n, size_t at);
size_t nfc_raw_end(const struct nfc *n, size_t at);

#endif
