/* scan.h - our own streaming JSON scanner for rows of training data: strict, fast, with places.
 *
 * It parses one value at a time from bytes in memory into a tree of views in an arena.  Strict
 * UTF-8, strict JSON (RFC 8259), depth at most SCAN_DEPTH_MAX, no key twice in one object.  Fuzzed
 * against jansson. */
#ifndef SCAN_H
#define SCAN_H

#include "base/mem.h"

#define SCAN_DEPTH_MAX 64

enum scan_type {
    SCAN_NULL, SCAN_FALSE, SCAN_TRUE, SCAN_NUMBER, SCAN_TEXT, SCAN_ARRAY, SCAN_OBJECT
};

struct scan {                                  /* one value */
    enum scan_type type;
    int32_t        n;                          /* members or items */
    double         number;
    struct view    text;                     /* TEXT: unescaped; a view of the input if it can be */
    struct view    raw;                        /* the value as it stands in the input */
    struct view   *key;                        /* OBJECT: [n] */
    struct scan   *item;                       /* ARRAY, OBJECT: [n] */
    size_t         at;                         /* where its first byte stands in the input given */
};

/* The value that starts at data[*at] (white space before it is skipped); *at moves behind it.
 *   ST_OK    *v, in the arena
 *   ST_END   only white space remains
 *   ST_DATA  broken; *at is the byte where, and the message says what (place is the caller's) */
enum st scan_next(struct scan *v, struct view data, size_t *at, struct arena *a) must_use;

/* NULL: none, or not an object */
const struct scan *scan_find(const struct scan *object, const char *key);

#endif
