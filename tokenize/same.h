/* same.h - no file may be written that is read. */
#ifndef SAME_H
#define SAME_H

#include "setup.h"

/* ST_OK, or ST_USAGE where --out or --report is one of the inputs, of the files of --exclude or
 * --template-vars, the tokenizer's file or the template's, or both are one, whatever names they go
 * by. */
enum st same_files(const struct setup *s, const char *const *files, int64_t n_files) must_use;

#endif
