/* json.h - JSON in and out over jansson (configs, tokenizers, summaries), with places for errors.
 *
 * Rows of training data do not come this way: see base/scan.h. */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include "base/mem.h"

/* The whole file as one value; the caller json_decref()s it.  Numbers keep their integer type.
 * ST_DATA names line and column; ST_SYS the file. */
enum st json_open(json_t **root, const char *path) must_use;

/* Members of an object, with the fault named: `config.json: 'hidden_size' is missing`.
 * `place` is the file's name.  The *_or forms take a default where the member is missing
 * or null. */
enum st json_int(const char *place, json_t *o, const char *key, int64_t min, int64_t max,
                 int64_t *v) must_use;
enum st json_int_or(const char *place, json_t *o, const char *key, int64_t min, int64_t max,
                    int64_t dflt, int64_t *v) must_use;
enum st json_real_or(const char *place, json_t *o, const char *key, double dflt,
                     double *v) must_use;
enum st json_bool_or(const char *place, json_t *o, const char *key, bool dflt, bool *v) must_use;
enum st json_text_or(const char *place, json_t *o, const char *key, const char *dflt,
                     const char **v) must_use;

/* A JSON string with quotes and escapes, appended (invalid UTF-8 becomes U+FFFD); a number in the
 * shortest form that reads back to the same double (NaN and infinities as null). */
enum st json_put_text(struct buf *b, struct view s) must_use;
enum st json_put_real(struct buf *b, double v) must_use;

#endif
