/* extract.h - the answer within a text: what a regular expression finds, and in what form answers
 * are compared.
 *
 * Rules and forms are those of lm-evaluation-harness (filters/extraction.py, and exact_match of its
 * gsm8k), with PCRE2 for Python's `re`. */
#ifndef EXTRACT_H
#define EXTRACT_H

#include "base/mem.h"

struct extract;

/* A rule: "strict" takes the first `#### NUMBER`, "flexible" the last number; anything else is a
 * regular expression, of which the first match counts, or the last.  Of a match counts the first
 * group that took something, where there are groups.  ST_USAGE: PCRE2 refuses the pattern. */
enum st extract_new(struct extract **x, const char *rule, bool last, struct arena *a) must_use;
void extract_free(struct extract *x);          /* NULL is fine */

/* *found, a view of text without white space around it.
 *   ST_OK; ST_END nothing matches; ST_DATA the pattern ran past PCRE2's limits */
enum st extract_find(struct extract *x, struct view text, struct view *found) must_use;

/* The form in which answers are compared: what stands behind the last `#### `, without commas and
 * dollar signs, without one full stop at the end, ASCII letters in lower case.  In a. */
enum st extract_form(struct view answer, struct view *form, struct arena *a) must_use;

/* pass@k: the chance that of k samples out of n, c of them right, one is right; n >= k >= 1.
 * 1 - C(n - c, k) / C(n, k)                     Chen et al. 2021, arXiv:2107.03374, eq. 1 */
double extract_pass(int64_t n, int64_t c, int64_t k);

#endif
