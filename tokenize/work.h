/* work.h - the whole of a run: from the options to the last record. */
#ifndef WORK_H
#define WORK_H

#include "base/opt.h"
#include "text/tokenizer.h"

struct setup {                                 /* the options, as they were given */
    const char     *tokenizer, *bos, *eos;
    const char     *schema, *chat, *mask, *truncate, *boundary, *specials, *split, *source, *out, *to;
    struct opt_list map;
    int64_t         max_tokens, show;
    double          held;
    bool            lenient, quiet;
};

/* The tokenizer of a folder, a tokenizer.json, or the built-in `bytes`, with --bos and --eos. */
enum st tokenizer_open(struct tokenizer **t, const struct setup *s, struct arena *a) must_use;

/* Reads the files ("-" is stdin) and writes records, or shows them. */
enum st work(const struct setup *s, const char *const *files, int64_t n_files, struct arena *a) must_use;

#endif
