/* work.h - the whole of a run: from the options to the last record. */
#ifndef WORK_H
#define WORK_H

#include "setup.h"

/* Reads the files ("-" is stdin) and writes records, or shows them. */
enum st work(const struct setup *s, const char *const *files, int64_t n_files,
             struct arena *a) must_use;

#endif
