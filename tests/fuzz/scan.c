/* scan.c - the row scanner against jansson: the same texts accepted, the same values read.
 *
 * Where the two differ by contract the target knows it: our depth limit, integers past 64 bits (we
 * take them as reals), escaped zeros in keys (jansson has no such keys) and raw zeros (the end, to
 * jansson). */
#include <jansson.h>

#include "base/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define SAME(cond) BUG_IF(!(cond))

static void same(const struct scan *v, json_t *j)
{
    switch (v->type) {
    case SCAN_NULL:   SAME(json_is_null(j));  break;
    case SCAN_FALSE:  SAME(json_is_false(j)); break;
    case SCAN_TRUE:   SAME(json_is_true(j));  break;
    case SCAN_NUMBER: SAME(json_is_number(j) && json_number_value(j) == v->number); break;
    case SCAN_TEXT:
        SAME(json_is_string(j));
        SAME(view_eq(v->text, (struct view){ json_string_value(j), json_string_length(j) }));
        break;
    case SCAN_ARRAY:
        SAME(json_is_array(j) && json_array_size(j) == (size_t)v->n);
        for (int32_t i = 0; i < v->n; i++)
            same(&v->item[i], json_array_get(j, (size_t)i));
        break;
    case SCAN_OBJECT:
        SAME(json_is_object(j) && json_object_size(j) == (size_t)v->n);
        for (int32_t i = 0; i < v->n; i++) {
            char key[256];
            if (v->key[i].n >= sizeof key)
                continue;
            memcpy(key, v->key[i].p, v->key[i].n);
            key[v->key[i].n] = 0;
            SAME(json_object_get(j, key));
            same(&v->item[i], json_object_get(j, key));
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct view text = { (const char *)data, n };
    struct arena *a = arena_new((size_t)64 << 20);
    struct scan v = { 0 }, rest;
    json_error_t e;
    size_t at = 0;

    enum st st = scan_next(&v, text, &at, a);
    SAME(at <= n);
    SAME(st == ST_OK || st == ST_END || *err_text());
    if (st == ST_OK) {
        SAME(v.raw.p == text.p + v.at && v.raw.p + v.raw.n == text.p + at);
        st = scan_next(&rest, text, &at, a) == ST_END ? ST_OK : ST_DATA;
    }
    bool raw_zero = n && memchr(data, 0, n);
    SAME(!raw_zero || st != ST_OK);
    size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *j = raw_zero ? NULL : json_loadb(text.p, n, flags, &e);
    if (j && st == ST_OK)
        same(&v, j);
    else if (j)
        SAME(strstr(err_text(), "nested too deeply"));
    else if (st == ST_OK && !raw_zero)
        SAME(json_error_code(&e) == json_error_numeric_overflow ||
             json_error_code(&e) == json_error_null_byte_in_key);
    json_decref(j);
    arena_free(a);
    err_clear();
    return 0;
}
