/* safe.h - a safetensors file: 8 bytes of header length, a JSON header, the tensors' bytes.
 *
 * The header is checked wholly before anything is sized by it: its length against the file, every
 * shape against its offsets, and the offsets against each other: they must cover the data without
 * gap or overlap.  Memory is taken in proportion to the header's own bytes. */
#ifndef SAFE_H
#define SAFE_H

#include "base/mem.h"

#define SAFE_RANK_MAX 8

struct safe_tensor {
    char   *name;
    char    dtype[12];                         /* "F32", as in the file */
    int     rank;
    int64_t d[SAFE_RANK_MAX];
    int64_t n;                                 /* numbers */
    int64_t begin, end;                        /* bytes of the file */
};

struct safe {
    int     fd;
    char   *path;
    int64_t n;
    struct safe_tensor *t;                     /* [n] sorted by name */
    char    base[65];                          /* `base` of the metadata (peft.h), or "" */
};

/* ST_DATA with the file's name and what is wrong; ST_SYS. */
enum st safe_open(struct safe *s, const char *path, struct arena *a) must_use;
void safe_close(struct safe *s);

/* The header alone, its data starting at byte `data` of a file of `n_bytes`. */
enum st safe_parse(struct safe *s, struct view header, int64_t data, int64_t n_bytes,
                   struct arena *a) must_use;

const struct safe_tensor *safe_find(const struct safe *s, const char *name);   /* NULL: none */

/* n bytes of the file from byte `at`, exactly; a file cut since it was opened is ST_DATA. */
enum st safe_read(const struct safe *s, int64_t at, void *to, size_t n) must_use;

#endif
