/* seal.h - whether a folder is whole: a list of its files with sizes and hashes, and its check.
 *
 * The list, state/files.json, is written last.  A flipped bit anywhere in the folder, the list
 * included, is found. */
#ifndef SEAL_H
#define SEAL_H

#include "base/mem.h"

/* Lists every file in DIR and DIR/state with its bytes and XXH3-64.  All are on the disk then. */
enum st seal_write(const char *dir, struct arena *a) must_use;
/* ST_OK whole; ST_DATA the message names the file that is missing, cut or changed; ST_SYS it cannot
 * be read. */
enum st seal_check(const char *dir, struct arena *a) must_use;

/* Names in a folder that begin with `prefix`, sorted, at most max of them. */
enum st seal_names(const char *dir, const char *prefix, char ***name, int64_t *n, int64_t max,
                   struct arena *a) must_use;

#endif
