/* quoted.h - one JSON string; scan.c's other half. */
#ifndef QUOTED_H
#define QUOTED_H

#include "base/mem.h"

/* The string whose opening quote is d.p[*at]; *at moves behind the closing one.  *out is a view of
 * d, or lies in the arena where there were escapes.
 *   ST_OK, ST_SYS
 *   ST_DATA  broken: *at is the byte where, and the message says what */
enum st quoted(struct view d, size_t *at, struct view *out, struct arena *a) must_use;

#endif
