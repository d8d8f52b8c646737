/* setup.h - the options of a run, and what their words mean. */
#ifndef SETUP_H
#define SETUP_H

#include "base/opt.h"
#include "make.h"
#include "stream/io.h"

enum { SETUP_JSON_BYTES_MAX = 256 << 20 };     /* of a tokenizer's files */

struct setup {                                 /* as they were given */
    const char     *tokenizer, *bos, *eos;
    const char     *schema, *chat, *mask, *truncate, *boundary, *specials, *split, *side, *source;
    const char     *date, *out, *to, *report;
    const char     *shots, *describe;          /* NULL: not given */
    struct opt_list map, vars, exclude;
    int64_t         max_tokens, show, threads; /* threads 0: what the machine lends */
    int64_t         n_shots, shots_seed;
    double          held;
    bool            lenient, dedup, stats, quiet;
};

/* The options that the maker goes by, and the columns of --map.  ST_USAGE: a word that is none of
 * its option's, or an option that does nothing without another. */
enum st setup_maker(const struct setup *s, struct maker *m) must_use;
enum st setup_map(const struct setup *s, struct fields *f, struct arena *a) must_use;
enum st setup_form(const struct setup *s, enum out_form *form) must_use;

/* The folder that a tokenizer's other files stand in; NULL: none.  ST_SYS. */
enum st setup_folder(const struct setup *s, const char **folder, struct arena *a) must_use;

/* The tokenizer of a folder, a tokenizer.json, or the built-in `bytes`, with --bos and --eos. */
enum st setup_tokenizer(const struct setup *s, struct tokenizer **t, struct arena *a) must_use;

#endif
