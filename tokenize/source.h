/* source.h - the inputs of a run: each a file, its schema, and the name its rows carry. */
#ifndef SOURCE_H
#define SOURCE_H

#include "setup.h"

struct source_in {
    struct chunker      *chunks;
    const struct schema *schema;
    const char          *name;
};

/* Opens all files and, for --schema auto, looks at the first row of each.  *n counts those
 * opened, also on failure.
 *   ST_OK; ST_USAGE an unknown schema, too many files; ST_DATA no schema fits, or a broken row;
 *   ST_SYS */
enum st source_open(const struct setup *s, struct fields *f, const char *const *files,
                    int64_t n_files, struct source_in **in, int64_t *n, struct arena *a) must_use;

#endif
